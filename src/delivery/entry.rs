//! What is put into the outbox, and the key that makes it unique.

use sha2::{Digest as _, Sha256};

use super::urgency::Urgency;
use crate::{
    domain::{
        episode::{Edge, EdgeKind},
        ids::{AlertId, DestinationId, PoolId, RoleId, UserId, WatchId},
        rate::Percent,
        time::{Span, Timestamp},
        watch::Told,
    },
    render::message::Message,
};

/// How long a notice is worth sending after it was written.
pub const SHELF_LIFE: Span = Span::hours(24);

/// A notice on its way into the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub dedup_key: [u8; 32],
    pub destination: DestinationId,
    pub alert: AlertId,
    pub alert_version: u32,
    pub pool: Option<PoolId>,
    pub occasion: Occasion,
    pub urgency: Urgency,
    /// A [`crate::render::message::Message`] as JSON, as it would go out alone.
    pub payload: String,
    /// The notice as lines of plain text, for where there is no room for more.
    pub summary: String,
    pub created_at: Timestamp,
    /// Past this moment the notice expires instead of being sent.
    pub not_after: Timestamp,
    pub telling: Telling,
}

/// How a notice is told. The default: at once, and to nobody in particular.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Telling {
    /// The key of the notice whose episode this one ends.
    pub opening: Option<[u8; 32]>,
    /// It is told later, in a list with others.
    pub hold: Option<Hold>,
    /// The role that its message calls.
    pub role: Option<RoleId>,
    /// The rate before and after, where the notice is about a rate.
    pub apy: Option<(Percent, Percent)>,
    /// It is kept to be looked up, and not told.
    pub is_unsaid: bool,
    /// The one person whom it is for; then its words lie under seal.
    pub reader: Option<UserId>,
    /// What of theirs it is about.
    pub watch: Option<WatchId>,
}

/// Until when a notice waits, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    pub until: Timestamp,
    pub why: Held,
}

/// Why a notice is not told when it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Held {
    /// Its alert is muted.
    Mute,
    /// The server has its quiet hours.
    Quiet,
    /// Its alert speaks in a digest.
    Digest,
}

impl Held {
    pub const ALL: [Self; 3] = [Self::Mute, Self::Quiet, Self::Digest];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Mute => "mute",
            Self::Quiet => "quiet",
            Self::Digest => "digest",
        }
    }

    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|held| held.slug() == slug)
    }
}

/// Why there is something to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    Edge(EdgeKind),
    /// A person asked for a test of the way to the channel.
    Test,
    /// A mute or the quiet hours are over.
    Summary,
    /// A report at its set time.
    Digest,
    /// A source or a protocol is down, which says it for all of its pools.
    Outage,
}

impl Occasion {
    pub fn parse(slug: &str) -> Option<Self> {
        let edges = EdgeKind::ALL.map(Self::Edge);
        edges
            .into_iter()
            .chain([Self::Test, Self::Summary, Self::Digest, Self::Outage])
            .find(|occasion| occasion.slug() == slug)
    }

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Edge(kind) => kind.slug(),
            Self::Test => "test",
            Self::Summary => "summary",
            Self::Digest => "digest",
            Self::Outage => "outage",
        }
    }
}

/// A message as the outbox keeps it.
pub fn payload(message: &Message) -> String {
    // Texts, numbers and lists, which all have a form in JSON.
    serde_json::to_string(message).unwrap_or_default()
}

/// The identity of an edge: the same edge evaluated twice gives the same key, so it is told once.
///
/// It holds no clock reading and no batch number; after a crash the same evaluation has to arrive
/// at the same key.
pub fn edge_key(alert: AlertId, version: u32, pool: PoolId, edge: &Edge) -> [u8; 32] {
    let mut hash = moment_key(alert, version, pool, edge.kind, edge.episode);
    // An episode opens and closes once, and may be told again often.
    if matches!(edge.kind, EdgeKind::Escalated | EdgeKind::Reminded) {
        hash.update(edge.ordinal.to_le_bytes());
    }
    hash.finalize().into()
}

/// The identity of the notice that opened an episode.
pub fn opening_key(alert: AlertId, version: u32, pool: PoolId, episode: u32) -> [u8; 32] {
    let hash = moment_key(alert, version, pool, EdgeKind::Opened, episode);
    hash.finalize().into()
}

fn moment_key(alert: AlertId, version: u32, pool: PoolId, kind: EdgeKind, episode: u32) -> Sha256 {
    let mut hash = Sha256::new();
    hash.update(alert.0.to_le_bytes());
    hash.update(version.to_le_bytes());
    hash.update(pool.as_bytes());
    hash.update(kind.slug());
    hash.update(episode.to_le_bytes());
    hash
}

/// The identity of a test: once for each time that a person asked.
pub fn test_key(alert: AlertId, interaction: u64) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update("test");
    hash.update(alert.0.to_le_bytes());
    hash.update(interaction.to_le_bytes());
    hash.finalize().into()
}

/// The identity of what heads the list of a mute that is over.
pub fn summary_key(alert: AlertId, from: Timestamp, until: Timestamp) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update("summary");
    hash.update(alert.0.to_le_bytes());
    hash.update(from.millis().to_le_bytes());
    hash.update(until.millis().to_le_bytes());
    hash.finalize().into()
}

/// The identity of a channel's report: once for each time that it is due.
pub fn report_key(destination: DestinationId, due_at: Timestamp) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update("report");
    hash.update(destination.0.to_le_bytes());
    hash.update(due_at.millis().to_le_bytes());
    hash.finalize().into()
}

/// The identity of the word that a source is silent since then, or that it is back.
pub fn outage_key(
    source: &str,
    destination: DestinationId,
    since: Timestamp,
    is_silent: bool,
) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update("outage");
    hash.update(source);
    hash.update(destination.0.to_le_bytes());
    hash.update(since.millis().to_le_bytes());
    hash.update([u8::from(is_silent)]);
    hash.finalize().into()
}

/// The identity of the question what an alert's pool has become: once for each pool that is gone.
pub fn question_key(alert: AlertId, gone: PoolId) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update("question");
    hash.update(alert.0.to_le_bytes());
    hash.update(gone.as_bytes());
    hash.finalize().into()
}

/// The identity of what several notices say together.
pub fn together_key(keys: &[[u8; 32]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update("together");
    for key in keys {
        hash.update(key);
    }
    hash.finalize().into()
}

/// The identity of what a person's watch tells: of an episode with the subject of that number, or of a
/// reminder. Neither a pool nor a day stands in it, since a key lies open.
pub fn watch_key(watch: WatchId, no: u32, told: &Told) -> [u8; 32] {
    let mut hash = subject_hash(watch, no);
    match told {
        Told::Edge(edge) => {
            hash.update(edge.kind.slug());
            hash.update(edge.episode.to_le_bytes());
            // As with alerts, an episode may be told again often.
            if matches!(edge.kind, EdgeKind::Escalated | EdgeKind::Reminded) {
                hash.update(edge.ordinal.to_le_bytes());
            }
        }
        // Not its day, which could be found by trying.
        Told::Reminder { nth, .. } => {
            hash.update("reminder");
            hash.update(nth.to_le_bytes());
        }
    }
    hash.finalize().into()
}

/// The identity of the notice with which an episode of a person's watch began.
pub fn watch_opening_key(watch: WatchId, no: u32, episode: u32) -> [u8; 32] {
    let mut hash = subject_hash(watch, no);
    hash.update(EdgeKind::Opened.slug());
    hash.update(episode.to_le_bytes());
    hash.finalize().into()
}

fn subject_hash(watch: WatchId, no: u32) -> Sha256 {
    let mut hash = Sha256::new();
    hash.update("watch");
    hash.update(watch.0.to_le_bytes());
    hash.update(no.to_le_bytes());
    hash
}

/// The identity of a message by which a person sees that they can be written to: once for each time that
/// they asked.
pub fn greeting_key(interaction: u64) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update("greeting");
    hash.update(interaction.to_le_bytes());
    hash.finalize().into()
}

/// The identity of the warning that what a person keeps goes unused: once for each time since which it does.
pub fn unused_key(place: DestinationId, used_at: Timestamp) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update("unused");
    hash.update(place.0.to_le_bytes());
    hash.update(used_at.millis().to_le_bytes());
    hash.finalize().into()
}

/// The identity of what whoever runs the bot is told at that moment.
pub fn alarm_key(destination: DestinationId, at: Timestamp) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update("alarm");
    hash.update(destination.0.to_le_bytes());
    hash.update(at.millis().to_le_bytes());
    hash.finalize().into()
}

/// How a message is known again: by people and by a read-back as `#7F3K-92QD`, and by Discord, which
/// makes no second message for a nonce that it remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub marker: String,
    /// 25 characters, the most that Discord takes.
    pub nonce: String,
}

impl Identity {
    /// The identity of the message that was made at `at` to tell the notices with these keys. It is kept with the
    /// message, and so the same for each attempt. A restore gives keys a second time, for other notices.
    pub fn of<'a>(keys: impl IntoIterator<Item = &'a [u8]>, at: Timestamp) -> Self {
        let mut hash = Sha256::new();
        hash.update(at.millis().to_le_bytes());
        for key in keys {
            hash.update(key);
        }
        let hash: [u8; 32] = hash.finalize().into();
        // Crockford's alphabet: no letter that could be read as a digit.
        let letters: String = hash
            .iter()
            .map(|byte| char::from(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[usize::from(byte % 32)]))
            .collect();
        let part = |range| letters.get(range).unwrap_or_default();
        Self {
            marker: format!("#{}-{}", part(0..4), part(4..8)),
            nonce: part(7..32).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_is_that_of_the_notices_at_their_time() {
        let at = Timestamp::from_millis;
        let one = Identity::of([&b"a"[..], b"b"], at(7));
        assert_eq!(one, Identity::of([&b"a"[..], b"b"], at(7)));
        assert_ne!(one, Identity::of([&b"b"[..], b"a"], at(7)));
        assert_ne!(one, Identity::of([&b"a"[..], b"b"], at(8)));
        assert_eq!(one.nonce.len(), 25);
        assert_eq!(one.marker.len(), 10);
    }
}
