//! What a supervisor such as systemd is told: that the bot has started, that it still moves, and that it
//! stops. One datagram each, as <https://www.freedesktop.org/software/systemd/man/sd_notify.html> has it.

#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt as _;
use std::{
    io,
    os::unix::net::{SocketAddr, UnixDatagram},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::pulse::Pulses;

/// Where a supervisor wants to be told, and how it got on with a watchdog.
#[derive(Debug, Default)]
pub struct Supervisor {
    socket: Option<String>,
    /// It ends a process that has said nothing for so long.
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// By the environment of this process. Where nobody supervises it, nobody is told anything.
    pub fn of(environment: impl Iterator<Item = (String, String)>) -> Self {
        let mut supervisor = Self::default();
        let mut is_for_us = true;
        for (name, value) in environment {
            match name.as_str() {
                "NOTIFY_SOCKET" if !value.is_empty() => supervisor.socket = Some(value),
                "WATCHDOG_USEC" => {
                    let length = value.parse().ok().filter(|length| *length > 0);
                    supervisor.watchdog = length.map(Duration::from_micros);
                }
                // What a parent was given comes down to its children.
                "WATCHDOG_PID" => is_for_us = value == std::process::id().to_string(),
                _ => {}
            }
        }
        supervisor.watchdog = supervisor.watchdog.filter(|_| is_for_us);
        supervisor
    }

    /// Says that the bot has started, then that it is well for as long as all of its loops move, and at
    /// last that it stops.
    ///
    /// A loop may be late by the length of the watchdog. One that is stuck for longer is not brought back
    /// by waiting: the supervisor hears nothing more, and starts the bot anew.
    pub async fn attend(&self, pulses: &Pulses, stop: &CancellationToken) {
        self.tell("READY=1");
        if let Some(watchdog) = self.watchdog {
            stop.run_until_cancelled(self.reassure(pulses, watchdog))
                .await;
        }
        stop.cancelled().await;
        self.tell("STOPPING=1");
    }

    async fn reassure(&self, pulses: &Pulses, watchdog: Duration) {
        let mut was_stuck = None;
        loop {
            let stuck = pulses.stuck(watchdog);
            match stuck {
                None => self.tell("WATCHDOG=1"),
                Some(name) if was_stuck != stuck => {
                    tracing::error!(
                        name,
                        "does not move any more; the supervisor is left to start the bot anew"
                    );
                }
                Some(_) => {}
            }
            was_stuck = stuck;
            // Half of its length is what the supervisor advises; one that comes late is to do no harm.
            tokio::time::sleep(watchdog / 3).await;
        }
    }

    fn tell(&self, what: &str) {
        let Some(name) = &self.socket else {
            return;
        };
        if let Err(error) = send(name, what) {
            tracing::warn!(%error, what, "the supervisor cannot be told");
        }
    }
}

fn send(name: &str, what: &str) -> io::Result<()> {
    let address = address(name)?;
    let socket = UnixDatagram::unbound()?;
    // A supervisor that does not read keeps nobody waiting.
    socket.set_nonblocking(true)?;
    socket.send_to_addr(what.as_bytes(), &address).map(drop)
}

/// A name that begins with `@` is one of the kernel's own and lies in no folder.
fn address(name: &str) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = name.strip_prefix('@') {
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Supervisor {
        let owned = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Supervisor::of(owned)
    }

    /// What was meant for the process that started us is not taken for ours.
    #[test]
    fn only_a_watchdog_of_our_own_is_fed() {
        let own = std::process::id().to_string();
        let asked = [
            ("WATCHDOG_USEC", "60000000"),
            ("WATCHDOG_PID", own.as_str()),
        ];
        assert_eq!(of(&asked).watchdog, Some(Duration::from_mins(1)));
        assert_eq!(of(&asked[..1]).watchdog, Some(Duration::from_mins(1)));
        let of_another = [asked[0], ("WATCHDOG_PID", "1")];
        assert_eq!(of(&of_another).watchdog, None);
        for odd in ["", "0", "soon", "-1"] {
            assert_eq!(of(&[("WATCHDOG_USEC", odd)]).watchdog, None);
        }
        assert_eq!(of(&[("NOTIFY_SOCKET", "")]).socket, None);
    }

    /// Both kinds of names reach whoever listens there, and nobody there is no reason to fail.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_supervisor_is_told_by_a_path_or_by_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify").display().to_string();
        let name = format!("@stipend-test-{}", std::process::id());
        of(&[("NOTIFY_SOCKET", &path)]).tell("READY=1");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let by_name = UnixDatagram::bind_addr(&address(&name).unwrap()).unwrap();
        for (socket, name) in [(by_path, path), (by_name, name)] {
            of(&[("NOTIFY_SOCKET", &name)]).tell("READY=1");
            let mut heard = [0; 16];
            let length = socket.recv(&mut heard).unwrap();
            assert_eq!(&heard[..length], b"READY=1");
        }
    }
}
