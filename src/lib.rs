//! stipend tells people what their crypto earns, whether it will last, and when that changes.
//!
//! The modules stand in the order in which data flows: `sources` → `market` → `alerting` →
//! `delivery`, all deciding with `domain`; a person comes in through `discord`. See `ARCHITECTURE.md`.
#![forbid(unsafe_code)]

pub mod clock;
pub mod delivery;
pub mod domain;
pub mod store;
