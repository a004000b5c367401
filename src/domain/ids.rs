//! Typed identifiers, so that two adjacent numbers in a signature cannot be exchanged.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::time::Timestamp;

/// A pool's key in the upstream feed: any UUID (version 4 for old pools, version 5 for newer ones).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PoolId(Uuid);

impl PoolId {
    /// The sixteen bytes under which the store keeps the pool.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for PoolId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text.trim()).map(Self)
    }
}

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

/// Whose a destination is: a server's, or that of one person who is written to directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Home {
    Server(GuildId),
    Person(UserId),
}

impl Home {
    pub const fn server(self) -> Option<GuildId> {
        match self {
            Self::Server(guild) => Some(guild),
            Self::Person(_) => None,
        }
    }

    pub const fn person(self) -> Option<UserId> {
        match self {
            Self::Person(user) => Some(user),
            Self::Server(_) => None,
        }
    }
}

numeric_id!(
    /// A Discord server.
    GuildId(u64)
);
numeric_id!(
    /// A Discord channel or thread.
    ChannelId(u64)
);
numeric_id!(
    /// A role of a Discord server.
    RoleId(u64)
);
numeric_id!(
    /// A person on Discord.
    UserId(u64)
);
numeric_id!(
    /// A webhook of ours.
    WebhookId(u64)
);
numeric_id!(
    /// A message on Discord: the receipt of a delivery.
    MessageId(u64)
);
numeric_id!(
    /// The number under which a server knows its alert (`#12`); unique in the whole database.
    AlertId(i64)
);
numeric_id!(
    /// One row of the outbox.
    EntryId(i64)
);
numeric_id!(
    /// One message on its way, for one notice of the outbox or for many.
    PostId(i64)
);
numeric_id!(
    /// A channel as a place that notices go to.
    DestinationId(i64)
);
numeric_id!(
    /// An income that a person wants to have.
    GoalId(i64)
);
numeric_id!(
    /// Something that a person has watched for them.
    WatchId(i64)
);
numeric_id!(
    /// A holding that a person told us of.
    PositionId(i64)
);
numeric_id!(
    /// Income that a person told us of.
    LedgerEntryId(i64)
);

impl MessageId {
    /// When Discord made the message: the upper bits of the id count milliseconds since 2015.
    pub const fn created_at(self) -> Timestamp {
        const DISCORD_EPOCH_MS: i64 = 1_420_070_400_000;
        Timestamp::from_millis((self.0 >> 22).cast_signed() + DISCORD_EPOCH_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_id_keeps_its_text_and_bytes() {
        let text = "747c1d2a-c668-4682-b9f9-296708a3dd90";
        let id: PoolId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(PoolId::from_bytes(*id.as_bytes()), id);
        assert!("invalid configID!".parse::<PoolId>().is_err());
    }
}
