//! The twin as a bot sees it: over raw HTTP and a raw socket, without any Discord library.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of these tests are tests, too"
)]

mod bot;
mod control;
mod endpoint;
mod gateway;
mod interactions;
mod messages;
mod sessions;

use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);
