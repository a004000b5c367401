//! Stories of the whole bot: the real binary against a stand-in for Discord and one for the source.
#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]
#![expect(
    clippy::similar_names,
    reason = "USDC and USDT are what they are called"
)]

mod admin;
mod alerts;
mod architecture;
mod bad_discord;
mod bad_start;
mod bad_store;
mod bad_upstream;
mod beside;
mod commands;
mod delivery;
mod demo;
mod doctor;
mod faults;
mod gateway;
mod hostile;
mod http;
mod keep;
mod kills;
mod kinds;
mod ledger;
mod limits;
mod leaks;
mod lookups;
mod packaging;
mod metrics;
mod personal;
mod plan;
mod privacy;
mod release;
mod replay;
mod replies;
mod restart;
mod saved;
mod shards;
mod stage;
mod stop;
mod storage;
mod supervised;
mod supply_chain;
mod support;
mod time;
mod track;
mod upkeep;
mod wal;
mod watch;
mod whole_market;
