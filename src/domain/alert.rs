//! An alert: a rule that a channel keeps.

use serde::{Deserialize, Serialize};

use super::{
    episode::Timing,
    ids::{AlertId, ChannelId, GuildId, UserId},
    manner::Manner,
    rule::Condition,
    scope::Scope,
    time::Timestamp,
};

/// What is watched, for what, and for how long it has to hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    pub scope: Scope,
    pub condition: Condition,
    pub timing: Timing,
}

/// A rule with its owner and the channel that reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    pub id: AlertId,
    pub guild: GuildId,
    pub channel: ChannelId,
    pub rule: Rule,
    pub manner: Manner,
    /// Raised by each edit, so that a changed rule speaks anew.
    pub version: u32,
    pub created_by: UserId,
    pub created_at: Timestamp,
}
