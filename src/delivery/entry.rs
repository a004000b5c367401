//! What is put into the outbox, and the key that makes it unique.

use sha2::{Digest as _, Sha256};

use crate::domain::{
    episode::{Edge, EdgeKind},
    ids::{AlertId, DestinationId, PoolId},
    time::{Span, Timestamp},
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
    /// The message as it will go out, as JSON; fixed here so that each attempt sends the same bytes.
    pub payload: String,
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
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Edge(kind) => kind.slug(),
            Self::Test => "test",
        }
    }
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
