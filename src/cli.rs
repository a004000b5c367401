//! What the binary is asked on its command line.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use tokio_util::sync::CancellationToken;

use crate::{
    causes::Causes,
    demo,
    domain::time::{Span, SpanError},
    ops::{exit::Exit, logging, secrets},
};

mod doctor;
mod key;
mod keep;
mod health;
mod replay;
mod run;
mod verdict;

/// Does what was asked.
pub fn execute(command: Command) -> Exit {
    secrets::leave_no_core();
    logging::guard_panics();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tell(&error);
            return Exit::Internal;
        }
    };
    match command {
        Command::Run { config } => runtime.block_on(run::run(&config)),
        Command::Doctor { config } => runtime.block_on(doctor::doctor(&config)),
        Command::Health(args) => runtime.block_on(health::health(&args)),
        Command::Demo(args) => match runtime.block_on(show_demo(&args)) {
            Ok(()) => Exit::Fine,
            Err(error) => {
                tell(&*error);
                Exit::Internal
            }
        },
        Command::Backup { file, config } => runtime.block_on(keep::backup(&config, &file)),
        Command::Restore { file, config } => runtime.block_on(keep::restore(&config, &file)),
        Command::Export { config } => runtime.block_on(keep::export(&config)),
        Command::Key { command } => runtime.block_on(key::execute(&command)),
        Command::Verdict(args) => printed(verdict::execute(&args)),
        Command::Replay(args) => printed(replay::execute(&args)),
    }
}

/// How a command that prints ended.
fn printed(result: anyhow::Result<()>) -> Exit {
    match result {
        Ok(()) => Exit::Fine,
        // Whoever reads the lines has seen enough.
        Err(error) if is_closed_pipe(&error) => Exit::Fine,
        Err(error) => {
            tell(&*error);
            Exit::Unusable
        }
    }
}
/// Shows the demonstration until it is over or a signal ends it.
async fn show_demo(args: &DemoArgs) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    tokio::spawn(run::stop_on_signal(stop.clone()));
    demo::demo(args, stop).await
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// One line for the person at the terminal: what happened, with its causes.
#[expect(
    clippy::print_stderr,
    reason = "this is where the process speaks to whoever started it"
)]
fn tell(error: &(dyn std::error::Error + 'static)) {
    eprintln!("stipend: {}", Causes(error));
}

/// A Discord bot that tells people what their crypto earns, whether it will last, and when that changes.
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The bot: gateway, market feed, alerts, delivery and the ops endpoint.
    Run {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// The whole pipeline with no account and no network: a recorded market and a stand-in for Discord.
    Demo(DemoArgs),
    /// Checks configuration, token, permissions, database and sources, one line each.
    Doctor {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// A copy of the database, also while the bot runs. The master key is not in it.
    Backup {
        /// The file to write; it must not be there yet.
        file: PathBuf,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Puts a backup in the place of the database, after a look whether it is whole and opens with the key.
    Restore {
        /// What `stipend backup` wrote; it stays as it is.
        file: PathBuf,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// The alerts of all servers as text, without any secret.
    Export {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Changes the master key for another, or begins anew where it was lost.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Asks a running bot whether it is ready; the exit code says so too.
    Health(HealthArgs),
    /// Rules over recorded snapshots: prints what a channel would have read.
    Replay(ReplayArgs),
    /// The durability score over recorded charts: every day's, how good it is, or its learning.
    Verdict(VerdictArgs),
}

#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    /// The configuration file [default: stipend.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What can be done with the master key while the bot is stopped.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Wraps everything by another key. Backups made before still need the earlier one.
    Rotate {
        /// The file of the new key, which is made where there is none [default: the present one with `.new`]
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Where the key is lost: keeps every alert, gives up what people had kept, and begins with a new key.
    Reset {
        /// Do it; without this it is only told what would be done.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        config: ConfigArgs,
    },
}

#[derive(Debug, clap::Args)]
pub struct HealthArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Ask only whether it is alive: whether Discord or the market can be reached counts for nothing.
    #[arg(long)]
    pub live: bool,
    /// Ask for so long, until it is well, such as 60s: after a start the market has to be read first
    #[arg(long, value_name = "TIME", value_parser = length)]
    pub wait: Option<Duration>,
}

/// As configuration writes it.
fn length(text: &str) -> Result<Duration, SpanError> {
    text.parse().map(|Span(length)| length)
}

/// Recorded days a second.
fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok();
    let usable = speed.filter(|speed: &f64| speed.is_finite() && *speed > 0.0);
    usable.ok_or_else(|| "a number of days a second is needed, such as 4 or 0.5".to_owned())
}

#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Print every notice as a person would read it, and end when the replay ends.
    #[arg(long)]
    pub headless: bool,
    /// How many days of the recorded market to replay, from 2 to 60
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..=60))]
    pub days: u32,
    /// Recorded days a second, more than 0 [default: 4, headless: as fast as it goes]
    #[arg(long, value_parser = speed)]
    pub speed: Option<f64>,
}

#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// A folder of recorded `/pools` answers, `.json` or `.json.zst`; with --score any number of them.
    #[arg(long, value_name = "DIR", required_unless_present = "charts")]
    pub snapshots: Vec<PathBuf>,
    /// The alerts, as TOML.
    #[arg(long, value_name = "FILE")]
    pub rules: PathBuf,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Print how often the alerts speak beside two plain ways of watching, and what each catches.
    #[arg(long)]
    pub score: bool,
    /// Recorded charts, one pool's answer a line, `.ndjson` or `.ndjson.zst`.
    #[arg(long, value_name = "FILE", requires = "score")]
    pub charts: Option<PathBuf>,
    /// Falls that really happened, as TOML: a `collapse` each, with `pool`, `at` and `what`.
    #[arg(long, value_name = "FILE", requires = "score")]
    pub collapses: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct VerdictArgs {
    /// Recorded charts, one pool's answer a line, `.ndjson` or `.ndjson.zst`.
    #[arg(long, value_name = "FILE")]
    pub charts: PathBuf,
    /// Write `pool,day,score,paid_score,verdict` by the shipped curves to a file [default: to standard output]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["benchmark", "train"])]
    pub out: Option<PathBuf>,
    /// Judge pools by curves that never saw them, and print how that went beside plain baselines.
    #[arg(long, conflicts_with = "train")]
    pub benchmark: bool,
    /// Learn the curves from all charts and write them to a file.
    #[arg(long, value_name = "FILE")]
    pub train: Option<PathBuf>,
}

/// How a replay prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// A JSON object a line.
    Ndjson,
}
