//! Stories of the whole bot: the real binary against a stand-in for Discord and one for the source.

mod architecture;
mod bad_start;
mod bad_upstream;
mod commands;
mod demo;
mod replay;
mod restart;
mod shards;
mod support;
