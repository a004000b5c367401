//! Arguments, then the work, then the exit code.
#![forbid(unsafe_code)]

use clap::Parser as _;
use stipend::cli::{Cli, Command, replay};

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Replay(args) => replay::replay(&args),
        _ => Ok(()),
    }
}
