//! A stand-in for Discord's REST API v10 and gateway v10 on loopback.
//!
//! Tests drive a bot against it, `stipend demo` runs it in-process, and the binary of the same name runs it
//! alone. It shares no type with the bot, so that it can judge it: whatever the bot does against Discord's
//! rules stands in [`Handle::violations`].
//!
//! ```no_run
//! # async fn story() -> Result<(), discord_twin::TwinError> {
//! use discord_twin::{Guild, Invocation, Twin, World};
//!
//! let world = World::default().guild(Guild::new(1 << 22, "Test").channel(2 << 22, "yields"));
//! let twin = Twin::start(world).await?;
//! // Start the bot with twin.base_url() and twin.token(), then:
//! let reply = twin.run(&Invocation::of("help").in_guild(1 << 22)).await?;
//! assert!(reply.ephemeral);
//! assert_eq!(twin.violations(), Vec::<String>::new());
//! twin.stop().await;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]
#![recursion_limit = "256"]

mod check;
mod connection;
mod control;
mod endpoint;
mod error;
mod fault;
mod gateway;
mod handle;
mod ids;
mod interact;
mod ledger;
mod limits;
mod refuse;
mod rest;
mod server;
#[cfg(feature = "soak")]
pub mod soak;
mod state;
pub mod world;

pub use check::Judge;
pub use error::TwinError;
pub use fault::{Fault, What, When};
pub use gateway::{NoIdentify, SessionView, ShardEvent};
pub use handle::{Handle, PATIENCE, faults::NewWebhook};
pub use ids::{EPOCH_MS, created_ms, guild_on_shard};
pub use interact::{
    Invocation, Person,
    components::{On, Press},
    reply::{Choices, Reply},
};
pub use ledger::{StoredFile, StoredMessage, Via};
pub use server::Twin;
pub use state::RequestRecord;
pub use world::{Buckets, Channel, ChannelKind, Guild, Limits, Role, World, permission};
