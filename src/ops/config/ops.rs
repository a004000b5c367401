use std::net::{Ipv4Addr, SocketAddr};

use tracing::Level;

use super::{review::Section, value};

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
        }
    }
}
