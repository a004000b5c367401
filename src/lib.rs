//! stipend tells people what their crypto earns, whether it will last, and when that changes.
//!
//! The modules stand in the order in which data flows: `sources` → `market` → `alerting` →
//! `delivery`, all deciding with `domain`; a person comes in through `discord`. See `ARCHITECTURE.md`.
#![forbid(unsafe_code)]

pub mod domain;
pub mod render;
pub mod store;
pub mod sources;
pub mod market;
pub mod alerting;
pub mod study;
pub mod delivery;
pub mod discord;
pub mod ops;
pub mod app;
pub mod demo;
pub mod cli;
pub mod causes;
pub mod clock;
mod failpoint;
pub mod pulse;
