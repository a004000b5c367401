//! From the gateway's event to the callback: stipend with a full market beside a bare serenity bot.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::{path::Path, sync::Arc, time::Duration};

use poise::serenity_prelude as serenity;
use secrecy::SecretString;
use serenity::{
    Command, CreateCommand, CreateInteractionResponse, CreateInteractionResponseMessage,
    EventHandler, GatewayIntents, HttpBuilder, Interaction, Ready,
};
use stipend::{
    app::App,
    clock::SystemClock,
    delivery::http::ApplicationId,
    discord,
    domain::verdict::Screen,
    market::{ingest::advance, snapshot::Snapshot},
    ops::config::{Config, Raw},
    sources::defillama::categories::Categories,
};
use discord_twin::{Guild, Handle, Invocation, Limits, Twin, World, guild_on_shard};
use tokio_util::sync::CancellationToken;

#[path = "support/figures.rs"]
mod figures;
#[path = "support/pools.rs"]
mod pools;

use figures::Times;
use pools::{Upstream, batch};

const PATIENCE: Duration = Duration::from_secs(20);
const WARM_UP: usize = 50;
const RUNS: usize = 500;

/// A bot that knows one word.
struct Bare;

#[serenity::async_trait]
impl EventHandler for Bare {
    async fn ready(&self, ctx: serenity::Context, _: Ready) {
        let ping = CreateCommand::new("ping").description("Answers");
        Command::set_global_commands(&ctx.http, vec![ping]).await.expect("the command is taken");
    }

    async fn interaction_create(&self, ctx: serenity::Context, interaction: Interaction) {
        if let Interaction::Command(command) = interaction {
            let pong = CreateInteractionResponseMessage::new()
                .content("pong")
                .allowed_mentions(serenity::CreateAllowedMentions::new());
            command
                .create_response(&ctx.http, CreateInteractionResponse::Message(pong))
                .await
                .expect("the answer is taken");
        }
    }
}

async fn world(guild: u64) -> Twin {
    let server = Guild::new(guild, "Bench").channel(guild + 1, "general");
    Twin::start(World::default().guild(server).limits(Limits::off()))
        .await
        .expect("the twin starts")
}

async fn bare(twin: &Twin) {
    let client = reqwest::Client::builder().tcp_nodelay(true).build().expect("a client");
    let http = HttpBuilder::new(twin.token())
        .client(client)
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

async fn stipend(twin: &Twin, folder: &Path) -> String {
    let settings = [
        ("STIPEND_DISCORD__API_URL", twin.base_url().to_owned()),
        ("STIPEND_DATABASE__URL", format!("sqlite://{}", folder.join("bench.db").display())),
        ("STIPEND_SOURCES__DEFILLAMA__ENABLED", "false".to_owned()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let config = Config::check(Raw::read(None, settings)).expect("the settings are sound");
    let token = SecretString::from(twin.token());
    let clock = Arc::new(SystemClock);
    let now = stipend::clock::Clock::now(&*clock);
    let application = ApplicationId(twin.application());
    let app = App::open(config, &[7; 32], &token, application, clock, false)
        .await
        .expect("the bot opens");
    let upstream = Upstream::full();
    let first = batch(&upstream.body(), now, &Categories::bundled());
    app.market.swap(advance(&Snapshot::default(), first, &Screen::default()).snapshot);
    let app = Arc::new(app);
    tokio::spawn(async move {
        discord::client::run(app, &token, Arc::default(), CancellationToken::new()).await
    });
    ready(twin).await;
    upstream.rows[100].id.clone()
}

async fn ready(twin: &Twin) {
    twin.wait_ready(1, PATIENCE).await.expect("the bot is ready");
    twin.wait_for_commands(PATIENCE).await.expect("the commands are there");
}

async fn once(twin: &Handle, invocation: &Invocation) -> Duration {
    twin.run(invocation).await.expect("an answer").first_answer_after
}

#[tokio::main]
async fn main() {
    let guild = guild_on_shard(0, 1, 0);
    let folder = tempfile::tempdir().expect("a folder");
    let (ours, theirs) = (world(guild).await, world(guild).await);
    let pool = stipend(&ours, folder.path()).await;
    bare(&theirs).await;
    let of = |command: &str| Invocation::of(command).in_guild(guild);
    let runs = [
        ("bare serenity, `/ping`", theirs.handle(), of("ping")),
        ("stipend, `/yield pool`", ours.handle(), of("yield pool").option("pool", pool.as_str())),
        ("stipend, `/yield find`", ours.handle(), of("yield find").option("asset", "USDC")),
        ("stipend, `/help`", ours.handle(), of("help")),
    ];
    let mut times = runs.each_ref().map(|_| Times::default());
    for round in 0..WARM_UP + RUNS {
        for ((_, twin, invocation), times) in runs.iter().zip(&mut times) {
            let time = once(twin, invocation).await;
            if round >= WARM_UP {
                times.add(time);
            }
        }
    }
    println!("| command | p50 | p99 | p50 against bare | p99 against bare |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    let (bare_p50, bare_p99) = (times[0].within(0.5), times[0].within(0.99));
    for ((name, ..), times) in runs.iter().zip(&times) {
        let (p50, p99) = (times.within(0.5), times.within(0.99));
        println!(
            "| {name} | {p50:.3} ms | {p99:.3} ms | {:.2} × | {:.2} × |",
            p50 / bare_p50,
            p99 / bare_p99
        );
    }
    assert_eq!(ours.violations(), Vec::<String>::new());
}
