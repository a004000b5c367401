//! How long things are kept. What people are told of it, and what is done, both come from here.

use super::time::Span;

/// The text of a message that was delivered.
pub const TEXT: Span = Span::days(7);

/// That a message was delivered.
pub const DELIVERED: Span = Span::days(30);

/// A message that never was.
pub const UNDELIVERED: Span = Span::days(90);

/// What belongs to a server that has removed the bot.
pub const LEFT_SERVER: Span = Span::days(30);

/// What a person keeps and does not use: positions, goals, choices. Never the ledger, and nothing of whoever has
/// something watched.
pub const UNUSED: Span = Span::days(180);

/// From the warning that reached them to the end of it, at least.
pub const WARNING: Span = Span::days(30);

/// Who changed what of a server's alerts and settings.
pub const DEEDS: Span = Span::days(365);

/// So many of them at most for one server, the latest ones.
pub const DEEDS_OF_A_SERVER: u32 = 1_000;

/// Copies that were made beside the database before it was changed.
pub const COPIES: Span = Span::days(30);
