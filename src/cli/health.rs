//! `stipend health`: what the ops endpoint of a running bot says, for those who watch it from a script
//! or a container.

use std::{
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{HealthArgs, tell};
use crate::ops::{
    config::{self, Config},
    endpoint::Readiness,
    exit::Exit,
};

/// The endpoint looks into memory only, so a bot that takes longer is not well.
const PATIENCE: Duration = Duration::from_secs(3);
/// From one question to the next, while it is waited for.
const AGAIN: Duration = Duration::from_millis(500);
/// What it says is one line; nobody needs more of anything else that may listen there.
const LONGEST_ANSWER: u64 = 4096;

/// Why nothing is known of the bot.
#[derive(Debug, thiserror::Error)]
enum HealthError {
    #[error("ops.listen leaves the port to the system; give it a number, so that it can be asked")]
    NoPort,
    #[error("nothing answers at {0}; look whether the bot runs there, with the same ops.listen")]
    Silent(SocketAddr, #[source] io::Error),
    #[error("what answers at {0} is not stipend; check ops.listen")]
    NotOurs(SocketAddr),
    #[error("it was not well within {}: {why}", humantime::format_duration(*.within))]
    NotYet { within: Duration, why: String },
}

impl HealthError {
    /// Whether a bot that is just starting may look like this.
    const fn may_pass(&self) -> bool {
        matches!(self, Self::Silent(..))
    }
}

/// Asks the bot that runs with this configuration, and says in one line how it is.
pub(super) async fn health(args: &HealthArgs) -> Exit {
    let config = match Config::load(args.config.config.as_deref(), config::environment()) {
        Ok(config) => config,
        Err(faults) => {
            tell(&faults);
            return Exit::Unusable;
        }
    };
    let path = if args.live { "/healthz" } else { "/readyz" };
    match ask_within(args.wait.unwrap_or_default(), config.ops.listen, path).await {
        Ok(answer) => {
            // Who has closed the pipe still reads the code.
            drop(writeln!(io::stdout(), "{}", answer.body.trim()));
            if answer.good {
                return Exit::Fine;
            }
            if let Some(within) = args.wait {
                let why = answer.why();
                tell(&HealthError::NotYet { within, why });
            }
            Exit::Failed
        }
        Err(error) => {
            tell(&error);
            Exit::Failed
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    good: bool,
    body: String,
}

impl Answer {
    /// What it lacks, in words.
    fn why(&self) -> String {
        let readiness = serde_json::from_str(&self.body);
        readiness.map_or_else(
            |_| self.body.trim().to_owned(),
            |readiness: Readiness| readiness.missing().join(", and "),
        )
    }
}

/// Asks until it is well or the time is over, and gives the last answer.
async fn ask_within(wait: Duration, listen: SocketAddr, path: &str) -> Result<Answer, HealthError> {
    let began = Instant::now();
    loop {
        let asked = ask(listen, path).await;
        let is_last = match &asked {
            Ok(answer) => answer.good,
            Err(error) => !error.may_pass(),
        };
        if is_last || began.elapsed() >= wait {
            return asked;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn ask(listen: SocketAddr, path: &str) -> Result<Answer, HealthError> {
    if listen.port() == 0 {
        return Err(HealthError::NoPort);
    }
    let address = reachable(listen);
    let asked = tokio::time::timeout(PATIENCE, exchange(address, path)).await;
    let text = asked
        .unwrap_or_else(|late| Err(late.into()))
        .map_err(|error| HealthError::Silent(address, error))?;
    read(&text).ok_or(HealthError::NotOurs(address))
}

/// Where to ask a bot that listens on all addresses of the machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn exchange(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The endpoint answers 200, or 503 with what is missing; it sends its one line as it is.
fn read(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.split(' ').next()?;
    let good = match status {
        "200" => true,
        "503" => false,
        _ => return None,
    };
    let body = body.to_owned();
    Some(Answer { good, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_good_or_says_what_is_missing() {
        let said = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 3\r\n\r\nok\n");
        let answer = |good| Answer {
            good,
            body: "ok\n".to_owned(),
        };
        assert_eq!(read(&said("200 OK")), Some(answer(true)));
        assert_eq!(read(&said("503 Service Unavailable")), Some(answer(false)));
        for other in ["404 Not Found", "302 Found", "2000 Odd"] {
            assert_eq!(read(&said(other)), None, "{other}");
        }
        assert_eq!(read("SSH-2.0-OpenSSH_9.2\r\n"), None);
        assert_eq!(read(""), None);
    }

    /// Whoever waits for a bot is told what it waits for.
    #[test]
    fn what_a_bot_lacks_is_told_in_words() {
        let why = |body: &str| {
            let body = body.to_owned();
            Answer { good: false, body }.why()
        };
        let starting = r#"{"ready":false,"writable":true,"pools":0,"shards_connected":1,"shards":2,"listens":false}"#;
        assert_eq!(
            why(starting),
            "the market has not been read yet, and 1 of 2 shards are connected to Discord"
        );
        let full = r#"{"ready":false,"writable":false,"pools":9,"shards_connected":0,"shards":0,"listens":true}"#;
        assert_eq!(why(full), "the database cannot be written");
        assert_eq!(
            why("the delivery does not move\n"),
            "the delivery does not move"
        );
    }

    #[test]
    fn all_addresses_are_asked_on_this_machine() {
        let of = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(of("0.0.0.0:9464"), "127.0.0.1:9464");
        assert_eq!(of("[::]:9464"), "[::1]:9464");
        assert_eq!(of("192.0.2.7:1"), "192.0.2.7:1");
    }

    #[tokio::test]
    async fn a_port_that_nobody_knows_is_named() {
        let error = ask("127.0.0.1:0".parse().unwrap(), "/readyz").await;
        assert!(matches!(error, Err(HealthError::NoPort)), "{error:?}");
    }
}
