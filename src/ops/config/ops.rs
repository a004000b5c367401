use std::net::{Ipv4Addr, SocketAddr};

use tracing::Level;

use super::{
    raw::{Given, Written},
    review::Section,
    value::{self, Expectation},
};
use crate::domain::{
    ids::{ChannelId, GuildId},
    time::Span,
};

/// `[ops]`: how the running bot is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ops {
    /// Where health and metrics are served; port 0 takes a free one. Default `127.0.0.1:9464`, which
    /// only this machine can reach.
    pub listen: SocketAddr,
    /// Default [`LogFormat::Auto`].
    pub log_format: LogFormat,
    /// The least important level that is logged. Default `info`.
    pub log_level: Level,
    /// Where whoever runs the bot is told what is wrong with its surroundings. Default nowhere.
    pub notify_channel: Option<NotifyChannel>,
    /// How old the last backup may be before that is told; 0 s for never told. Default 48 h.
    pub backup_alarm: Span,
}

/// A channel of a server, as its link names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotifyChannel {
    pub server: GuildId,
    pub channel: ChannelId,
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LogFormat {
    /// For people on a terminal, as JSON elsewhere.
    #[default]
    Auto,
    Human,
    Json,
}

impl Default for Ops {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9464)),
            log_format: LogFormat::Auto,
            log_level: Level::INFO,
            notify_channel: None,
            backup_alarm: Span::hours(48),
        }
    }
}

impl Ops {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            listen: section.read("listen", default.listen, value::socket),
            log_format: section.read("log_format", default.log_format, |given| {
                value::choice(
                    given,
                    &[
                        ("auto", LogFormat::Auto),
                        ("human", LogFormat::Human),
                        ("json", LogFormat::Json),
                    ],
                )
            }),
            log_level: section.read("log_level", default.log_level, |given| {
                value::choice(
                    given,
                    &[
                        ("error", Level::ERROR),
                        ("warn", Level::WARN),
                        ("info", Level::INFO),
                        ("debug", Level::DEBUG),
                        ("trace", Level::TRACE),
                    ],
                )
            }),
            notify_channel: section.read_optional("notify_channel", channel),
            backup_alarm: section.read("backup_alarm", default.backup_alarm, |given| {
                value::span(given, value::seconds(0), None)
            }),
        }
    }
}

/// Discord's *Copy Link* on a channel gives this; what stands before the two ids does not matter.
fn channel(given: &Given) -> Result<NotifyChannel, Expectation> {
    let allowed = "write the channel's link, as Discord's Copy Link gives it: \
         https://discord.com/channels/SERVER/CHANNEL";
    let Written::Text(link) = &given.written else {
        return Err(format!("is not text; {allowed}").into());
    };
    let mut ids = link
        .trim()
        .rsplit('/')
        .map(|part| part.parse::<u64>().ok().filter(|id| *id > 0));
    let (channel, server) = (ids.next().flatten(), ids.next().flatten());
    channel
        .zip(server)
        .map(|(channel, server)| NotifyChannel {
            server: GuildId(server),
            channel: ChannelId(channel),
        })
        .ok_or_else(|| format!("names no channel; {allowed}").into())
}
