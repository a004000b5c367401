use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZero,
    path::PathBuf,
};

use secrecy::SecretString;

use super::{
    raw::Given,
    review::Section,
    value::{self, Expectation},
};
use crate::{
    discord::signature::PublicKey,
    domain::{ids::UserId, time::Span},
};

/// How the bot hears of what people do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Over a connection that the bot opens.
    Gateway,
    /// By requests that Discord posts to the bot.
    Http,
}

/// `[discord]`: how Discord is reached, and as whom.
#[derive(Debug, Clone)]
pub struct Discord {
    /// What stands before `/api`, without a slash at the end. Default `https://discord.com`.
    pub api_url: String,
    /// The file that holds the bot's token. Ask [`crate::ops::secrets::token`] for the token itself.
    pub token_file: Option<PathBuf>,
    /// The token where no file holds it, meant for the environment.
    pub token: Option<SecretString>,
    /// How commands and presses arrive; the two exclude each other. Default by the gateway, for which no
    /// port has to be open.
    pub interactions: Way,
    /// Where Discord's requests arrive when [`interactions`](Self::interactions) come by HTTP; port 0
    /// takes a free one. Default `127.0.0.1:8080`, for a reverse proxy on this machine.
    pub interactions_listen: SocketAddr,
    /// The key that Discord's requests are signed for. Not needed: without it Discord is asked at the
    /// start, over TLS. One that is given has to be the one that Discord names.
    pub public_key: Option<PublicKey>,
    /// How many shards to start, 1 to 1024; none (written as 0) takes Discord's advice. Default none.
    pub shards: Option<NonZero<u32>>,
    /// Whom to ask about this bot, shown by `/help`; at most 200 characters. Default empty.
    pub contact: String,
    /// Who may use `/operator`: ids of people on Discord, written with commas between them. Default
    /// nobody.
    pub operators: Vec<UserId>,
    /// How long the bot waits before it connects when it was started more than 20 times in an hour;
    /// doubles with each further start up to 15 times as long, and that is also how long it waits
    /// before it asks again when the day's session starts are used up. 0 s to 15 min. Default 60 s.
    pub crash_loop_wait: Span,
    /// The longest wait of a shard that Discord has not let in five times in a row, 1 s to 1 h. Default
    /// 10 min, which keeps it at about 285 of the 1,000 session starts a day.
    pub retry_wait: Span,
    /// A shard that shows no event and no heartbeat ACK for so long is connected anew, 5 s to 1 h.
    /// Default 2 min, which is close to three of Discord's heartbeats.
    pub watchdog: Span,
    /// How many commands a person may give in ten seconds, and twenty times as many a server; 0 to
    /// 1,000, and 0 for no limit, not even that of heavy commands. Default 5.
    pub commands_per_10s: u32,
    /// From one command of a person that takes much work to their next such one, 0 s to 1 h. Default
    /// 30 s.
    pub heavy_wait: Span,
}

impl Default for Discord {
    fn default() -> Self {
        Self {
            api_url: "https://discord.com".to_owned(),
            token_file: None,
            token: None,
            interactions: Way::Gateway,
            interactions_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            public_key: None,
            shards: None,
            contact: String::new(),
            operators: Vec::new(),
            crash_loop_wait: value::seconds(60),
            retry_wait: Span::minutes(10),
            watchdog: Span::minutes(2),
            commands_per_10s: 5,
            heavy_wait: value::seconds(30),
        }
    }
}

impl Discord {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            api_url: section.read("api_url", default.api_url, value::base_url),
            token_file: section.read_optional("token_file", value::path),
            token: section.read_secret("token", value::secret),
            interactions: section.read("interactions", default.interactions, |given| {
                value::choice(given, &[("gateway", Way::Gateway), ("http", Way::Http)])
            }),
            interactions_listen: section.read(
                "interactions_listen",
                default.interactions_listen,
                value::socket,
            ),
            public_key: section.read_optional("public_key", public_key),
            shards: section.read("shards", default.shards, |given| {
                value::whole(given, 0..=1024, |count| {
                    u32::try_from(count).ok().map(NonZero::new)
                })
            }),
            contact: section.read("contact", default.contact, |given| value::line(given, 200)),
            operators: section.read("operators", default.operators, value::users),
            crash_loop_wait: section.read("crash_loop_wait", default.crash_loop_wait, |given| {
                value::span(given, value::seconds(0), Some(Span::minutes(15)))
            }),
            retry_wait: section.read("retry_wait", default.retry_wait, |given| {
                value::span(given, value::SECOND, Some(Span::hours(1)))
            }),
            watchdog: section.read("watchdog", default.watchdog, |given| {
                value::span(given, value::seconds(5), Some(Span::hours(1)))
            }),
            commands_per_10s: section.read("commands_per_10s", default.commands_per_10s, |given| {
                value::whole(given, 0..=1000, |count| u32::try_from(count).ok())
            }),
            heavy_wait: section.read("heavy_wait", default.heavy_wait, |given| {
                value::span(given, value::seconds(0), Some(Span::hours(1)))
            }),
        }
    }
}

fn public_key(given: &Given) -> Result<PublicKey, Expectation> {
    value::line(given, 64)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| {
            "is no public key; copy its 64 hexadecimal digits from the General Information page of the \
             developer portal"
                .into()
        })
}
