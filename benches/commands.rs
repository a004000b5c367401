//! From the gateway's event to the callback: stipend with a full market beside a bare serenity bot,
//! each asked in turn.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use discord_twin::soak::whole::{Chance, Upstream};
use discord_twin::{Guild, Handle, Invocation, Limits, Twin, World, guild_on_shard};
use poise::serenity_prelude as serenity;
use secrecy::SecretString;
use serenity::{
    Command, CreateAllowedMentions, CreateCommand, CreateInteractionResponse,
    CreateInteractionResponseMessage, EventHandler, GatewayIntents, HttpBuilder, Interaction,
    Ready,
};
use stipend::{
    app::App,
    clock::ManualClock,
    delivery::http::ApplicationId,
    discord,
    domain::{time::Span, verdict::Screen},
    market::{ingest::advance, snapshot::Snapshot},
    ops::config::{Config, Raw},
    sources::defillama::categories::Categories,
};
use tokio_util::sync::CancellationToken;

#[path = "support/figures.rs"]
mod figures;
#[path = "support/pools.rs"]
mod pools;
#[path = "support/start.rs"]
mod start;

use figures::Times;
use pools::batch;
use start::START;

const PATIENCE: Duration = Duration::from_secs(20);
const WARM_UP: usize = 50;
const RUNS: usize = 500;

/// A bot that knows one word.
struct Bare;

#[serenity::async_trait]
impl EventHandler for Bare {
    async fn ready(&self, ctx: serenity::Context, _: Ready) {
        let ping = CreateCommand::new("ping").description("Answers");
        Command::set_global_commands(&ctx.http, vec![ping])
            .await
            .expect("the command is taken");
    }

    async fn interaction_create(&self, ctx: serenity::Context, interaction: Interaction) {
        let Interaction::Command(command) = interaction else {
            return;
        };
        let pong = CreateInteractionResponseMessage::new()
            .content("pong")
            .allowed_mentions(CreateAllowedMentions::new());
        command
            .create_response(&ctx.http, CreateInteractionResponse::Message(pong))
            .await
            .expect("the answer is taken");
    }
}

async fn world(guild: u64) -> Twin {
    let server = Guild::new(guild, "Bench").channel(guild + 1, "general");
    Twin::start(World::default().guild(server).limits(Limits::off()))
        .await
        .expect("the twin starts")
}

async fn ready(twin: &Twin) {
    twin.wait_ready(1, PATIENCE)
        .await
        .expect("the bot is ready");
    twin.wait_for_commands(PATIENCE)
        .await
        .expect("the commands are there");
}

async fn start_bare(twin: &Twin) {
    let http = HttpBuilder::new(twin.token())
        .proxy(twin.base_url())
        .ratelimiter_disabled(true)
        .build();
    let mut client = serenity::ClientBuilder::new_with_http(http, GatewayIntents::GUILDS)
        .event_handler(Bare)
        .await
        .expect("a client");
    tokio::spawn(async move { client.start().await });
    ready(twin).await;
}

async fn start_stipend(twin: &Twin, folder: &Path, market: Snapshot) {
    let database = format!("sqlite://{}", folder.join("bench.db").display());
    let settings = [
        ("STIPEND_DISCORD__API_URL", twin.base_url().to_owned()),
        ("STIPEND_DATABASE__URL", database),
        ("STIPEND_SOURCES__DEFILLAMA__ENABLED", "false".to_owned()),
        // One person asks thousands of times; being asked to wait would be measured otherwise.
        ("STIPEND_DISCORD__COMMANDS_PER_10S", "0".to_owned()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value));
    let config = Config::check(Raw::read(None, settings.to_vec())).expect("the settings are sound");
    let token = SecretString::from(twin.token());
    let clock = Arc::new(ManualClock::at(market.origin.fetched_at));
    let application = ApplicationId(twin.application());
    let app = App::open(config, &[7; 32], &token, application, clock)
        .await
        .expect("the bot opens");
    app.market.swap(market);
    let app = Arc::new(app);
    tokio::spawn(async move {
        discord::client::run(app, &token, Arc::default(), CancellationToken::new()).await
    });
    ready(twin).await;
}

/// The captured market after its second batch.
fn market(upstream: &mut Upstream) -> Snapshot {
    let (categories, screen) = (Categories::bundled(), Screen::default());
    let first = batch(&upstream.body(), START, &categories);
    upstream.step(0.5);
    let later = START.plus(Span::hours(1).0);
    let second = batch(&upstream.body(), later, &categories);
    let after_one = advance(&Snapshot::default(), first, &screen).snapshot;
    advance(&after_one, second, &screen).snapshot
}

/// What one person does again and again.
struct Row {
    name: &'static str,
    twin: Handle,
    invocation: Invocation,
    /// The option that is typed into, where choices are asked for and not an answer.
    focused: Option<&'static str>,
    first: Times,
    whole: Times,
}

impl Row {
    fn of(name: &'static str, twin: &Twin, invocation: Invocation) -> Self {
        Self {
            name,
            twin: twin.handle(),
            invocation,
            focused: None,
            first: Times::default(),
            whole: Times::default(),
        }
    }

    fn typing(self, option: &'static str) -> Self {
        Self {
            focused: Some(option),
            ..self
        }
    }

    /// How long the first answer of any kind took, and how long the one that says something.
    async fn once(&self) -> (Duration, Duration) {
        let begun = Instant::now();
        let first = if let Some(option) = self.focused {
            let choices = self.twin.autocomplete(&self.invocation, option).await;
            choices.expect("choices").after
        } else {
            let reply = self.twin.run(&self.invocation).await;
            reply.expect("an answer").first_answer_after
        };
        (first, begun.elapsed())
    }

    fn print(&self, bare: &Self) {
        let (p50, p99) = (self.first.within(0.5), self.first.within(0.99));
        println!(
            "| {} | {} | {p99:.2} ms | {:.2} × | {:.2} × | {} | {:.2} ms |",
            self.name,
            self.first.line(),
            p50 / bare.first.within(0.5),
            p99 / bare.first.within(0.99),
            self.whole.line(),
            self.whole.within(0.99),
        );
    }
}

#[tokio::main]
async fn main() {
    let guild = guild_on_shard(0, 1, 0);
    let folder = tempfile::tempdir().expect("a folder");
    let (ours, theirs) = (world(guild).await, world(guild).await);
    let mut upstream = Upstream::full();
    let market = market(&mut upstream);
    let pool = &upstream.rows[Chance(5).below(upstream.rows.len())].id;
    start_bare(&theirs).await;
    start_stipend(&ours, folder.path(), market).await;
    let of = |command: &str| Invocation::of(command).in_guild(guild);
    let of_pool = |typed: &str| of("yield pool").option("pool", typed);
    let find = of("yield find").option("asset", "USDC");
    let mut rows = [
        Row::of("bare serenity, `/ping`", &theirs, of("ping")),
        Row::of("stipend, `/yield pool`", &ours, of_pool(pool)),
        Row::of("stipend, `/yield find`", &ours, find),
        Row::of("stipend, `/help`", &ours, of("help")),
        Row::of("stipend, `/status`", &ours, of("status")),
        Row::of("stipend, typing a pool", &ours, of_pool("usdc aave")).typing("pool"),
    ];
    for round in 0..WARM_UP + RUNS {
        for row in &mut rows {
            let (first, whole) = row.once().await;
            if round >= WARM_UP {
                row.first.add(first);
                row.whole.add(whole);
            }
        }
    }
    println!(
        "| asked | first answer, p50 (range) | p99 | p50 to bare | p99 to bare | \
         whole answer, p50 (range) | p99 |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    let [bare, ..] = &rows;
    for row in &rows {
        row.print(bare);
    }
    assert_eq!(ours.violations(), Vec::<String>::new());
}
