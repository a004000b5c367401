//! What is put into the outbox, and the key that makes it unique.

use sha2::{Digest as _, Sha256};

use super::urgency::Urgency;
use crate::{
    domain::{
        episode::{Edge, EdgeKind},
        ids::{AlertId, DestinationId, PoolId},
        time::{Span, Timestamp},
    },
    render::message::Message,
};

/// How long a notice is worth sending after it was written.
pub const SHELF_LIFE: Span = Span::hours(24);

/// A notice on its way into the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

/// Why there is something to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    Edge(EdgeKind),
    /// A person asked for a test of the way to the channel.
    Test,
}

impl Occasion {
    pub fn parse(slug: &str) -> Option<Self> {
        let edges = EdgeKind::ALL.map(Self::Edge);
        edges
            .into_iter()
            .chain([Self::Test])
            .find(|occasion| occasion.slug() == slug)
    }

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Edge(kind) => kind.slug(),
            Self::Test => "test",
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
    let mut hash = Sha256::new();
    hash.update(alert.0.to_le_bytes());
    hash.update(version.to_le_bytes());
    hash.update(pool.as_bytes());
    hash.update(edge.kind.slug());
    hash.update(edge.episode.to_le_bytes());
    // An episode opens and closes once, and may be told again often.
    if matches!(edge.kind, EdgeKind::Escalated | EdgeKind::Reminded) {
        hash.update(edge.ordinal.to_le_bytes());
    }
    hash.finalize().into()
}

/// The identity of a test: once for each time that a person asked.
pub fn test_key(alert: AlertId, interaction: u64) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update("test");
    hash.update(alert.0.to_le_bytes());
    hash.update(interaction.to_le_bytes());
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
    /// The identity of the message that tells the notices with these keys; the same for each attempt.
    pub fn of<'a>(keys: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
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
    fn the_identity_is_that_of_the_notices() {
        let one = Identity::of([&b"a"[..], b"b"]);
        assert_eq!(one, Identity::of([&b"a"[..], b"b"]));
        assert_ne!(one, Identity::of([&b"b"[..], b"a"]));
        assert_eq!(one.nonce.len(), 25);
        assert_eq!(one.marker.len(), 10);
    }
}
