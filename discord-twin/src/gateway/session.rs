//! One connection of the gateway: Hello, IDENTIFY or RESUME, heartbeats, events, and how it ends.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{Link, NoIdentify, Out, Session, intent, payload};
use crate::{
    connection::Switch,
    ids::random_text,
    state::{Presence, Shared, State},
};

/// Sends that a connection may make in a minute.
const SENDS_A_MINUTE: usize = 120;
/// The longest payload that a client may send.
const LONGEST: usize = 4096;

/// What the address of a connection said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    /// It is the one that READY named for resuming.
    pub(crate) resume: bool,
    /// It asks for version 10 and JSON.
    pub(crate) understood: bool,
}

struct Connection {
    id: u64,
    tx: UnboundedSender<Out>,
    switch: Arc<Switch>,
    address: Address,
    shard: Option<u32>,
    sends: VecDeque<Instant>,
}

/// Serves a connection until either side ends it.
pub(crate) async fn run(
    mut socket: WebSocket,
    shared: Arc<Shared>,
    switch: Arc<Switch>,
    address: Address,
) {
    let (tx, mut rx) = unbounded_channel();
    let (id, hello_delay, interval) = {
        let mut state = shared.state();
        let id = state.gateway.next_connection();
        (
            id,
            state.world.hello_delay_ms,
            state.world.heartbeat_interval_ms,
        )
    };
    let mut connection = Connection {
        id,
        tx,
        switch,
        address,
        shard: None,
        sends: VecDeque::new(),
    };
    if hello_delay > 0 {
        tokio::time::sleep(Duration::from_millis(hello_delay)).await;
    }
    if address.understood {
        connection.send(&json!({"op": 10, "d": {"heartbeat_interval": interval, "_trace": []}}));
    } else {
        shared
            .state()
            .violation("gateway: the address does not ask for v=10 and JSON".to_owned());
        connection.close(4012, "Invalid API version");
    }
    let ends_session = loop {
        tokio::select! {
            () = shared.stop.cancelled() => {
                close(&mut socket, 1001, "the twin stops").await;
                break true;
            }
            out = rx.recv() => match out {
                Some(Out::Text(text)) => {
                    if socket.send(Message::Text(text.into())).await.is_err() {
                        break false;
                    }
                }
                Some(Out::Close(code, reason)) => {
                    close(&mut socket, code, reason).await;
                    break ends_session(code);
                }
                None => break false,
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => connection.receive(&shared, &text),
                Some(Ok(Message::Binary(_))) => connection.close(4002, "Error while decoding payload."),
                Some(Ok(Message::Close(frame))) => break frame.is_some_and(|frame| ends_session(frame.code)),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break false,
            },
        }
    };
    shared.state().gateway.disconnected(id, ends_session);
    shared.changed();
}

/// Whether a session ends with a connection that is closed with this code.
pub(super) fn ends_session(code: u16) -> bool {
    matches!(code, 1000 | 1001 | 4003 | 4004 | 4007 | 4009..=4014)
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    if socket.send(Message::Close(Some(frame))).await.is_err() {
        return;
    }
    // The other side answers with its own close; a moment is enough on loopback.
    let answer = tokio::time::timeout(Duration::from_secs(1), async {
        while let Some(Ok(message)) = socket.recv().await {
            if matches!(message, Message::Close(_)) {
                break;
            }
        }
    });
    drop(answer.await);
}

impl Connection {
    fn send(&self, value: &Value) {
        // Fails only when the connection is ending anyway.
        drop(self.tx.send(Out::Text(value.to_string())));
    }

    fn close(&self, code: u16, reason: &'static str) {
        drop(self.tx.send(Out::Close(code, reason)));
    }

    fn receive(&mut self, shared: &Arc<Shared>, text: &str) {
        let mut state = shared.state();
        let now = Instant::now();
        let minute = Duration::from_mins(1);
        self.sends.push_back(now);
        while self
            .sends
            .front()
            .is_some_and(|first| now.duration_since(*first) > minute)
        {
            self.sends.pop_front();
        }
        if self.sends.len() > SENDS_A_MINUTE {
            state.violation(format!(
                "gateway: more than {SENDS_A_MINUTE} sends in a minute on one connection"
            ));
            return self.close(4008, "Rate limited.");
        }
        if text.len() > LONGEST {
            state.violation(format!(
                "gateway: a payload of {} bytes, {LONGEST} are allowed",
                text.len()
            ));
            return self.close(4002, "Error while decoding payload.");
        }
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            state.violation("gateway: a payload that is not JSON".to_owned());
            return self.close(4002, "Error while decoding payload.");
        };
        match message["op"].as_u64() {
            Some(1) => {
                if !self
                    .shard
                    .is_some_and(|shard| state.gateway.is_silent(shard))
                {
                    self.send(&json!({"op": 11}));
                }
            }
            Some(2) if state.gateway.is_connected(self.id) => {
                state.violation("gateway: identified twice on one connection".to_owned());
                self.close(4005, "Already authenticated.");
            }
            Some(2) => {
                self.identify(&mut state, &shared.base_url, &message["d"]);
                drop(state);
                shared.changed();
            }
            Some(6) => {
                self.resume(&mut state, &message["d"]);
                drop(state);
                shared.changed();
            }
            Some(3 | 4 | 8 | 31) if self.shard.is_some() => {}
            Some(3 | 4 | 8 | 31) => self.close(4003, "Not authenticated."),
            _ => {
                state.violation(format!("gateway: opcode {} does not exist", message["op"]));
                self.close(4001, "Unknown opcode.");
            }
        }
    }

    fn identify(&mut self, state: &mut State, base_url: &str, data: &Value) {
        let now = Instant::now();
        let shard = data["shard"][0]
            .as_u64()
            .and_then(|shard| u32::try_from(shard).ok())
            .unwrap_or(0);
        let of = data["shard"][1]
            .as_u64()
            .and_then(|of| u32::try_from(of).ok())
            .unwrap_or(1);
        let pause = Duration::from_millis(state.world.identify_pause_ms)
            .mul_f64(state.world.limits.time_scale);
        let in_time = state
            .gateway
            .count_identify(shard, state.world.max_concurrency, pause, now);
        if state.gateway.all_identifies() > state.world.identify_budget {
            state.violation(format!(
                "gateway: more than {} identifies",
                state.world.identify_budget
            ));
        }
        let left = state.world.session_starts_left;
        if left != u32::MAX {
            state.world.session_starts_left = left.saturating_sub(1);
        }
        if let Some(how) = state.gateway.refusal() {
            return match how {
                NoIdentify::Close(code) => self.close(code, "refused by the test"),
                NoIdentify::InvalidSession => self.send(&json!({"op": 9, "d": false})),
                NoIdentify::Silence => {}
            };
        }
        let token = data["token"]
            .as_str()
            .unwrap_or_default()
            .trim_start_matches("Bot ");
        if state.token_revoked || token != state.world.token || left == 0 {
            if left == 0 {
                state
                    .violation("gateway: identified although no session start was left".to_owned());
            }
            return self.close(4004, "Authentication failed.");
        }
        if of == 0 || shard >= of {
            return self.close(4010, "Invalid shard.");
        }
        if state.guilds.len() / of as usize > 2500 {
            return self.close(4011, "Sharding required.");
        }
        let Some(intents) = data["intents"]
            .as_u64()
            .filter(|intents| *intents < 1 << 26)
        else {
            return self.close(4013, "Invalid intent(s).");
        };
        if !data["properties"].is_object() {
            state.violation("gateway: IDENTIFY without properties".to_owned());
        }
        if !in_time {
            state.violation(format!(
                "gateway: shard {shard} identified faster than max_concurrency allows"
            ));
            return self.send(&json!({"op": 9, "d": false}));
        }
        // What an earlier, dead process has left behind on this shard is over.
        let is_left = |session: &Session| {
            session.shard == shard && session.of == of && session.link.is_none()
        };
        state.gateway.sessions.retain(|session| !is_left(session));
        let id = random_text(32);
        let mut session = Session {
            id: id.clone(),
            shard,
            of,
            intents,
            seq: 0,
            log: VecDeque::new(),
            link: Some(self.link()),
        };
        session.dispatch("READY", &payload::ready(state, &id, base_url, shard, of));
        if intents & intent::GUILDS != 0 {
            for entry in state.guilds.values() {
                if entry.presence == Presence::Here && session.covers(Some(entry.guild.id)) {
                    session.dispatch("GUILD_CREATE", &payload::guild_create(state, &entry.guild));
                }
            }
        }
        state.gateway.sessions.push(session);
        self.shard = Some(shard);
    }

    fn resume(&mut self, state: &mut State, data: &Value) {
        let id = data["session_id"].as_str().unwrap_or_default();
        let seq = data["seq"].as_u64().unwrap_or_default();
        let token = data["token"]
            .as_str()
            .unwrap_or_default()
            .trim_start_matches("Bot ");
        if state.token_revoked || token != state.world.token {
            return self.close(4004, "Authentication failed.");
        }
        if !self.address.resume {
            state.gateway.resumes_elsewhere += 1;
        }
        let Some(session) = state
            .gateway
            .sessions
            .iter_mut()
            .find(|session| session.id == id)
        else {
            return self.send(&json!({"op": 9, "d": false}));
        };
        *state.gateway.resumes.entry(session.shard).or_default() += 1;
        if seq > session.seq {
            return self.close(4007, "Invalid seq.");
        }
        let oldest = session
            .log
            .front()
            .map_or(session.seq + 1, |(first, _)| *first);
        if seq + 1 < oldest {
            return self.send(&json!({"op": 9, "d": false}));
        }
        if let Some(old) = session.link.replace(self.link()) {
            old.switch.cut();
        }
        for (_, text) in session.log.iter().filter(|(number, _)| *number > seq) {
            session.send(text.clone());
        }
        session.dispatch("RESUMED", &json!({"_trace": []}));
        self.shard = Some(session.shard);
    }

    fn link(&self) -> Link {
        Link {
            connection: self.id,
            tx: self.tx.clone(),
            switch: Arc::clone(&self.switch),
        }
    }
}
