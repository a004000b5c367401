# The bot in an image without a shell. Run it with a read-only root, no capabilities and two secrets,
# which user 65532 has to own and nobody else may read (mode 600 or 400):
#
#   head -c 32 /dev/urandom > stipend.key && chmod 600 stipend.key discord_token
#   sudo chown 65532:65532 stipend.key discord_token
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges --stop-timeout 30 \
#     -v stipend:/data -v "$PWD/stipend.key:/run/secrets/stipend.key:ro" \
#     -v "$PWD/discord_token:/run/secrets/discord_token:ro" stipend

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --bin stipend \
    && install -D -m 0755 target/release/stipend /out/stipend \
    && install -d -m 0700 /layout/data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/stipend /usr/local/bin/stipend
# A new volume takes its owner from this folder.
COPY --from=build --chown=65532:65532 /layout/ /
# The key stands apart from what it opens, so that a copy of the volume is of no use to a thief.
ENV STIPEND_DATABASE__URL=sqlite:///data/stipend.db \
    STIPEND_SECRETS__MASTER_KEY_FILE=/run/secrets/stipend.key \
    STIPEND_DISCORD__TOKEN_FILE=/run/secrets/discord_token
# A batch takes much memory for a moment; so set, the C library gives it back instead of keeping it.
ENV MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=262144 MALLOC_TRIM_THRESHOLD_=1000000
USER 65532:65532
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/stipend"]
CMD ["run"]
