//! Where people meet stipend: commands and buttons. The only place that knows serenity and poise.
//!
//! A command is parse → call → render → reply. What it does stands below its poise function and
//! takes what it needs, not the context, so that it runs without Discord.

mod attached;
pub mod authorize;
pub mod autocomplete;
pub mod budget;
pub mod buttons;
pub mod checks;
pub mod client;
pub mod commands;
pub mod connection;
pub mod context;
pub mod detached;
pub mod endpoint;
pub mod errors;
pub mod fleet;
pub mod handler;
pub mod interactions;
pub mod lookup;
pub mod overheard;
pub mod pace;
pub mod params;
pub mod pending;
pub mod presses;
mod recent;
pub mod register;
pub mod reply;
mod roll_call;
pub mod shards;
pub mod stamp;
pub mod signature;
pub mod watchdog;

pub use client::{ClientError, run};
pub use shards::Shards;
