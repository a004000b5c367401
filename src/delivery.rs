//! From the outbox to Discord: nothing lost, nothing doubled, no limit broken.

pub mod entry;
