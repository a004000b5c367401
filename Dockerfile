# syntax=docker/dockerfile:1
# The bot as the one file of an image: a static binary, no shell, no C library, nobody's root.
# docker-compose.yml runs it as it is meant to be run; README.md says how to make the two secrets.
#
# The tag of the base moves with its security fixes. To pin what you have looked at, take the digest that
# `docker buildx imagetools inspect rust:1.95-slim-bookworm` prints, and write the tag as TAG@sha256:DIGEST.
FROM rust:1.95-slim-bookworm AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends musl-tools \
    && rm -rf /var/lib/apt/lists/* \
    && rustup target add "$(uname -m)-unknown-linux-musl" \
    && cargo install --locked --version 0.7.7 cargo-auditable
WORKDIR /src
COPY . .
# The layout of the image is made here, since nothing can be made in it.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    target="$(uname -m)-unknown-linux-musl" \
    && cargo auditable build --locked --release --target "$target" --bin stipend \
    && deploy/layout "target/$target/release/stipend" /layout

FROM scratch
# Its folder /data belongs to the user below, and a new volume takes that from it.
COPY --from=build /layout/ /
# The key stands apart from what it opens, so that a copy of the volume is of no use to a thief. These name
# files and hold no secret.
# hadolint ignore=DL3064
ENV STIPEND_DATABASE__URL=sqlite:///data/stipend.db \
    STIPEND_SECRETS__MASTER_KEY_FILE=/run/secrets/stipend.key \
    STIPEND_DISCORD__TOKEN_FILE=/run/secrets/discord_token
USER 65532:65532
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
# Not whether Discord can be reached: a restart would not mend that.
HEALTHCHECK --interval=30s --timeout=5s --start-period=5m --retries=3 \
    CMD ["/usr/local/bin/stipend", "health", "--live"]
ENTRYPOINT ["/usr/local/bin/stipend"]
CMD ["run"]
