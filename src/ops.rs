//! Running the bot: configuration, secrets, logs, and what the process says when it ends.

pub mod config;
pub mod endpoint;
pub mod exit;
pub mod logging;
pub mod metrics;
pub mod secrets;
pub mod supervisor;
