//! Arguments, then the work, then the exit code.
#![forbid(unsafe_code)]

use clap::Parser as _;
use stipend::{
    cli::{self, Cli},
    ops::exit::Exit,
};

fn main() -> Exit {
    // Reads the environment where the binary is built for tests, and does nothing elsewhere.
    let _failpoints = fail::FailScenario::setup();
    match Cli::try_parse() {
        Ok(cli) => cli::execute(cli.command),
        Err(error) => {
            // Help and version come this way too, and are no error.
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Fine
            };
            drop(error.print());
            exit
        }
    }
}
