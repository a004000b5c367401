//! The gateway: who is connected, which events went where, and what a test has switched on.

pub(crate) mod payload;
pub(crate) mod session;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use crate::{connection::Switch, state::State};

/// Intents that decide who gets an event.
pub(crate) mod intent {
    pub(crate) const GUILDS: u64 = 1;
    pub(crate) const GUILD_WEBHOOKS: u64 = 1 << 5;
    pub(crate) const GUILD_MESSAGES: u64 = 1 << 9;
    pub(crate) const MESSAGE_CONTENT: u64 = 1 << 15;
    /// Events that are sent whatever the intents say.
    pub(crate) const ALWAYS: u64 = 0;
}

/// Events kept for a resume.
const REPLAY: usize = 20_000;

/// What goes out on a connection.
#[derive(Debug)]
pub(crate) enum Out {
    Text(String),
    Close(u16, &'static str),
}

/// The connection that a session is on.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) connection: u64,
    pub(crate) tx: UnboundedSender<Out>,
    pub(crate) switch: Arc<Switch>,
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) shard: u32,
    pub(crate) of: u32,
    pub(crate) intents: u64,
    pub(crate) seq: u64,
    log: VecDeque<(u64, String)>,
    pub(crate) link: Option<Link>,
}

impl Session {
    fn covers(&self, guild: Option<u64>) -> bool {
        match guild {
            Some(guild) => (guild >> 22) % u64::from(self.of) == u64::from(self.shard),
            None => self.shard == 0,
        }
    }

    /// Gives an event its number, keeps it for a resume and sends it when the session is connected.
    pub(crate) fn dispatch(&mut self, event: &str, data: &Value) {
        self.seq += 1;
        let text = json!({"op": 0, "t": event, "s": self.seq, "d": data}).to_string();
        self.send(text.clone());
        self.log.push_back((self.seq, text));
        if self.log.len() > REPLAY {
            self.log.pop_front();
        }
    }

    fn send(&self, text: String) {
        if let Some(link) = &self.link {
            // A closed channel means that the connection just ended; the event waits for a resume.
            drop(link.tx.send(Out::Text(text)));
        }
    }

    fn close(&self, code: u16, reason: &'static str) -> bool {
        self.link
            .as_ref()
            .is_some_and(|link| link.tx.send(Out::Close(code, reason)).is_ok())
    }
}

/// What the twin knows of one session.
#[derive(Clone, Debug, Serialize)]
pub struct SessionView {
    /// The session's id.
    pub id: String,
    /// The shard.
    pub shard: u32,
    /// Of how many.
    pub of: u32,
    /// The intents that it asked for.
    pub intents: u64,
    /// The number of its last event.
    pub seq: u64,
    /// Whether it has a connection now.
    pub connected: bool,
}

/// How the gateway says no to an IDENTIFY.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoIdentify {
    /// The connection is closed with this code.
    Close(u16),
    /// Op 9 `d: false`.
    InvalidSession,
    /// Nothing is said at all.
    Silence,
}

/// Something that happens on a shard's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShardEvent {
    /// The connection is closed with this code.
    Close(u16),
    /// The socket is cut.
    Cut,
    /// Op 7, reconnect.
    Reconnect,
    /// Op 9, with whether the session can be resumed; `false` ends the session.
    InvalidSession(bool),
    /// Op 1, wants a heartbeat at once.
    WantHeartbeat,
    /// Heartbeats are not acknowledged any more (on this shard, until `Acknowledge`).
    StopAcknowledging,
    /// Heartbeats are acknowledged again.
    Acknowledge,
    /// The last event is sent a second time.
    Repeat,
}

/// Who got an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// A session on this connection.
    Connected(u64),
    /// The bot's endpoint for interactions.
    Endpoint,
    /// A session that gets it when it resumes.
    Waiting,
    Nobody,
}

#[derive(Debug, Default)]
pub(crate) struct Gateway {
    pub(crate) sessions: Vec<Session>,
    identifies: HashMap<u32, u32>,
    resumes: HashMap<u32, u32>,
    /// Resumes that came to the general address instead of the one that READY named.
    pub(crate) resumes_elsewhere: u32,
    last_identify: HashMap<u32, Instant>,
    silent: HashSet<u32>,
    refusing: Option<(NoIdentify, Option<u32>)>,
    connections: u64,
}

impl Gateway {
    pub(crate) fn next_connection(&mut self) -> u64 {
        self.connections += 1;
        self.connections
    }

    pub(crate) fn identifies(&self, shard: u32) -> u32 {
        self.identifies.get(&shard).copied().unwrap_or_default()
    }

    pub(crate) fn all_identifies(&self) -> u32 {
        self.identifies.values().sum()
    }

    pub(crate) fn resumes(&self, shard: u32) -> u32 {
        self.resumes.get(&shard).copied().unwrap_or_default()
    }

    pub(crate) fn is_silent(&self, shard: u32) -> bool {
        self.silent.contains(&shard)
    }

    pub(crate) fn refuse(&mut self, how: NoIdentify, times: Option<u32>) {
        self.refusing = Some((how, times));
    }

    pub(crate) fn accept_identifies(&mut self) {
        self.refusing = None;
    }

    fn refusal(&mut self) -> Option<NoIdentify> {
        let (how, times) = self.refusing.as_mut()?;
        let how = *how;
        if let Some(left) = times {
            if *left == 0 {
                self.refusing = None;
                return None;
            }
            *left -= 1;
        }
        Some(how)
    }

    /// Counts an IDENTIFY; `false` when it came too soon after the last one of its concurrency key.
    fn count_identify(
        &mut self,
        shard: u32,
        max_concurrency: u32,
        pause: Duration,
        now: Instant,
    ) -> bool {
        *self.identifies.entry(shard).or_default() += 1;
        let key = shard % max_concurrency.max(1);
        // A client that waits exactly as long as told may seem a little early here.
        let tolerance = Duration::from_millis(100);
        let too_soon = self
            .last_identify
            .insert(key, now)
            .is_some_and(|last| now.duration_since(last) + tolerance < pause);
        !too_soon
    }

    pub(crate) fn views(&self) -> Vec<SessionView> {
        let view = |session: &Session| SessionView {
            id: session.id.clone(),
            shard: session.shard,
            of: session.of,
            intents: session.intents,
            seq: session.seq,
            connected: session.link.is_some(),
        };
        self.sessions.iter().map(view).collect()
    }

    /// How many different shards have a connected session.
    pub(crate) fn ready(&self) -> usize {
        let connected = self
            .sessions
            .iter()
            .filter(|session| session.link.is_some());
        connected
            .map(|session| session.shard)
            .collect::<HashSet<_>>()
            .len()
    }

    pub(crate) fn of_connection(&mut self, connection: u64) -> Option<&mut Session> {
        let is = |session: &&mut Session| {
            session
                .link
                .as_ref()
                .is_some_and(|link| link.connection == connection)
        };
        self.sessions.iter_mut().find(is)
    }

    pub(crate) fn is_connected(&self, connection: u64) -> bool {
        self.sessions.iter().any(|session| {
            session
                .link
                .as_ref()
                .is_some_and(|link| link.connection == connection)
        })
    }

    /// Takes note that a connection is over; an orderly end (1000, 1001) takes its session along.
    pub(crate) fn disconnected(&mut self, connection: u64, ends_session: bool) {
        let Some(session) = self.of_connection(connection) else {
            return;
        };
        session.link = None;
        if ends_session {
            let id = session.id.clone();
            self.sessions.retain(|session| session.id != id);
        }
    }

    /// Sends an event to every session that covers the guild and has the intent.
    pub(crate) fn broadcast(&mut self, guild: Option<u64>, needed: u64, event: &str, data: &Value) {
        for session in &mut self.sessions {
            if session.covers(guild) && session.intents & needed == needed {
                session.dispatch(event, data);
            }
        }
    }

    /// Sends an event to the newest session that covers the guild, one with a connection if there is any.
    pub(crate) fn send_to_newest(
        &mut self,
        guild: Option<u64>,
        event: &str,
        data: &Value,
    ) -> Receiver {
        let covering = |session: &Session| session.covers(guild);
        let connected = |session: &Session| session.covers(guild) && session.link.is_some();
        let newest = self
            .sessions
            .iter()
            .rposition(connected)
            .or_else(|| self.sessions.iter().rposition(covering));
        let Some(session) = newest.and_then(|index| self.sessions.get_mut(index)) else {
            return Receiver::Nobody;
        };
        session.dispatch(event, data);
        match &session.link {
            Some(link) => Receiver::Connected(link.connection),
            None => Receiver::Waiting,
        }
    }

    /// Makes something happen on a shard; `false` when no connected session of it exists.
    pub(crate) fn happen(&mut self, shard: u32, event: ShardEvent) -> bool {
        match event {
            ShardEvent::StopAcknowledging => {
                self.silent.insert(shard);
                return true;
            }
            ShardEvent::Acknowledge => {
                self.silent.remove(&shard);
                return true;
            }
            _ => {}
        }
        let of_shard = |session: &&mut Session| session.shard == shard && session.link.is_some();
        let Some(session) = self.sessions.iter_mut().rev().find(of_shard) else {
            return false;
        };
        match event {
            ShardEvent::Close(code) => {
                let sent = session.close(code, "closed by the test");
                // At once: a client may be back before the old connection is over.
                if session::ends_session(code) {
                    let id = session.id.clone();
                    self.sessions.retain(|session| session.id != id);
                }
                sent
            }
            ShardEvent::Cut => {
                if let Some(link) = session.link.take() {
                    link.switch.cut();
                }
                true
            }
            ShardEvent::Reconnect => {
                session.send(json!({"op": 7, "d": null}).to_string());
                true
            }
            ShardEvent::InvalidSession(resumable) => {
                session.send(json!({"op": 9, "d": resumable}).to_string());
                if !resumable {
                    let id = session.id.clone();
                    self.sessions.retain(|session| session.id != id);
                }
                true
            }
            ShardEvent::WantHeartbeat => {
                session.send(json!({"op": 1, "d": null}).to_string());
                true
            }
            ShardEvent::Repeat => {
                let last = session.log.back().map(|(_, text)| text.clone());
                last.map(|text| session.send(text)).is_some()
            }
            ShardEvent::StopAcknowledging | ShardEvent::Acknowledge => true,
        }
    }

    /// Sends a text as it is on a shard's connection, without a number and without keeping it for a resume.
    pub(crate) fn send_raw(&self, shard: u32, text: &str) -> bool {
        let of_shard = |session: &&Session| session.shard == shard && session.link.is_some();
        let session = self.sessions.iter().rev().find(of_shard);
        session
            .map(|session| session.send(text.to_owned()))
            .is_some()
    }

    /// Closes every connection for good.
    pub(crate) fn close_all(&mut self, code: u16, reason: &'static str) {
        for session in &self.sessions {
            session.close(code, reason);
        }
        self.sessions.clear();
    }
}

impl State {
    /// Tells the bot of a message, when it asked for such events.
    pub(crate) fn announce_message(&mut self, id: u64, event: &str) {
        let listens = |session: &Session| session.intents & intent::GUILD_MESSAGES != 0;
        if !self.gateway.sessions.iter().any(listens) {
            return;
        }
        let Some(message) = self.ledger.get(id).filter(|message| !message.ephemeral) else {
            return;
        };
        let Some(guild) = message.guild else { return };
        let mut full = message.body.clone();
        full["guild_id"] = json!(guild.to_string());
        let own = message.author == self.world.bot;
        let mut blank = full.clone();
        if !own {
            payload::blank(&mut blank);
        }
        for session in &mut self.gateway.sessions {
            if session.covers(Some(guild)) && session.intents & intent::GUILD_MESSAGES != 0 {
                let sees = session.intents & intent::MESSAGE_CONTENT != 0;
                session.dispatch(event, if sees { &full } else { &blank });
            }
        }
    }

    /// Tells the bot that the webhooks of a channel have changed.
    pub(crate) fn announce_webhooks(&mut self, guild: u64, channel: u64) {
        let data = json!({"guild_id": guild.to_string(), "channel_id": channel.to_string()});
        self.gateway.broadcast(
            Some(guild),
            intent::GUILD_WEBHOOKS,
            "WEBHOOKS_UPDATE",
            &data,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(shard: u32, of: u32) -> Session {
        Session {
            id: format!("{shard}"),
            shard,
            of,
            intents: intent::GUILDS,
            seq: 0,
            log: VecDeque::new(),
            link: None,
        }
    }

    #[test]
    fn events_go_to_the_shard_of_their_guild() {
        let mut gateway = Gateway {
            sessions: vec![session(0, 2), session(1, 2)],
            ..Gateway::default()
        };
        let guild = crate::guild_on_shard(1, 2, 5);
        gateway.broadcast(Some(guild), intent::GUILDS, "GUILD_CREATE", &json!({}));
        gateway.broadcast(
            Some(guild),
            intent::GUILD_WEBHOOKS,
            "WEBHOOKS_UPDATE",
            &json!({}),
        );
        gateway.send_to_newest(None, "INTERACTION_CREATE", &json!({}));
        let seqs: Vec<u64> = gateway.sessions.iter().map(|session| session.seq).collect();
        assert_eq!(seqs, [1, 1]);
        assert!(gateway.sessions[0].log[0].1.contains("INTERACTION_CREATE"));
    }

    #[test]
    fn identifies_are_paced_by_concurrency_key() {
        let mut gateway = Gateway::default();
        let (pause, now) = (Duration::from_secs(5), Instant::now());
        assert!(gateway.count_identify(0, 2, pause, now));
        assert!(gateway.count_identify(1, 2, pause, now));
        assert!(!gateway.count_identify(2, 2, pause, now));
        assert!(gateway.count_identify(3, 2, pause, now + pause));
        assert_eq!(gateway.all_identifies(), 4);
    }

    /// However fast the client is back.
    #[test]
    fn a_session_that_a_close_code_ends_is_gone_at_once() {
        let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
        for (code, left) in [(4000, 1), (4007, 0)] {
            let link = Link {
                connection: 1,
                tx: tx.clone(),
                switch: Arc::default(),
            };
            let mut gateway = Gateway {
                sessions: vec![Session {
                    link: Some(link),
                    ..session(0, 1)
                }],
                ..Gateway::default()
            };
            assert!(gateway.happen(0, ShardEvent::Close(code)));
            assert!(matches!(rx.try_recv(), Ok(Out::Close(sent, _)) if sent == code));
            assert_eq!(gateway.sessions.len(), left, "{code}");
        }
    }

    #[test]
    fn a_refusal_is_used_up() {
        let mut gateway = Gateway::default();
        gateway.refuse(NoIdentify::Close(4004), Some(1));
        assert_eq!(gateway.refusal(), Some(NoIdentify::Close(4004)));
        assert_eq!(gateway.refusal(), None);
    }
}
