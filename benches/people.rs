//! What people keep for themselves, at its full size: a million positions of 50,000 people beside the full
//! market. How long one person's portfolio takes, asked for at random, how long a ledger's import, and a round
//! over what a thousand people have watched.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use discord_twin::soak::whole::{Chance, Upstream};
use rust_decimal::Decimal;
use secrecy::SecretString;
use stipend::{
    alerting::watching,
    app::App,
    clock::ManualClock,
    delivery::{entry::SHELF_LIFE, http::ApplicationId, post::Waits},
    discord::{autocomplete::entries_for, commands::portfolio::view::looked},
    domain::{
        episode::Timing,
        ids::{ChannelId, Home, MessageId, UserId},
        income::Order,
        ledger::import,
        money::{Amount, Money},
        position::{Earns, Holding, Payout, Stake},
        time::Span,
        verdict::Screen,
        watch::{Of, Watch, What},
        zone::Zone,
    },
    market::{ingest::advance, snapshot::Snapshot},
    ops::config::{Config, Raw},
    sources::defillama::categories::Categories,
    store::destinations::Proven,
};

#[path = "support/figures.rs"]
mod figures;
#[path = "support/pools.rs"]
mod pools;
#[path = "support/start.rs"]
mod start;

use figures::Times;
use pools::batch;
use start::START;

const PEOPLE: u64 = 50_000;
const EACH: usize = 20;
const LOOKS: usize = 2_000;
const LINES: usize = 10_000;
const IMPORTS: usize = 9;

async fn app(folder: &std::path::Path) -> App {
    let database = format!("sqlite://{}", folder.join("bench.db").display());
    let settings = [
        ("STIPEND_DATABASE__URL", database),
        ("STIPEND_SOURCES__DEFILLAMA__ENABLED", "false".to_owned()),
        // Nobody is asked for anything.
        ("STIPEND_DISCORD__API_URL", "http://127.0.0.1:9".to_owned()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value));
    let config = Config::check(Raw::read(None, settings.to_vec())).expect("the settings are sound");
    let token = SecretString::from("none");
    let clock = Arc::new(ManualClock::at(START));
    App::open(config, &[7; 32], &token, ApplicationId(1), clock)
        .await
        .expect("the bot opens")
}

/// A position in one of the larger pools of the market, told in money.
fn stake(market: &Snapshot, chance: &mut Chance) -> Stake {
    let listings = market.listings();
    let listing = &listings[chance.below(listings.len().min(2_000))];
    let amount = Amount::new(Decimal::from(100 + chance.below(90_000))).expect("an amount");
    let currency = "USD".parse().expect("a currency");
    let worth = Holding::Worth(Money { amount, currency });
    Stake {
        paid: Some(Money { amount, currency }),
        payout: Some(Payout::ALL[chance.below(Payout::ALL.len())]),
        note: Some("from the bench".to_owned()),
        ..Stake::new(worth, Earns::in_pool(&listing.pool))
    }
}

async fn fill(app: &App, market: &Snapshot) {
    let mut chance = Chance(11);
    let begun = Instant::now();
    for person in 1..=PEOPLE {
        let owner = UserId(person);
        let stakes: Vec<Stake> = (0..EACH).map(|_| stake(market, &mut chance)).collect();
        app.store.agree(owner, START).await.expect("it is kept");
        let added = app.store.add_positions(owner, &stakes, 200, START).await;
        added.expect("it is kept").expect("there is room");
    }
    println!("filled in {:.0} s", begun.elapsed().as_secs_f64());
}

async fn looks(app: &App) -> Times {
    let mut chance = Chance(12);
    let mut times = Times::default();
    for round in 0..LOOKS + 50 {
        let person =
            u64::try_from(chance.below(usize::try_from(PEOPLE).expect("few"))).expect("few");
        let begun = Instant::now();
        let (message, _) = looked(app, UserId(person + 1), (None, Order::Income), 0)
            .await
            .expect("an answer");
        let took = begun.elapsed();
        assert_eq!(message.embeds[0].title, "Your 20 positions");
        if round >= 50 {
            times.add(took);
        }
    }
    times
}

/// A file of so many lines, each another moment of the last two years.
fn file() -> String {
    let lines = (0..LINES).map(|line| {
        let minutes = 100 * u64::try_from(line).expect("few") + 100;
        let at = START.minus(Duration::from_mins(minutes));
        format!("{at},staking,ETH,0.00{line}1,2700.5,USD,from the bench\r\n")
    });
    let header = "received_at,kind,asset,quantity,unit_value,currency,note\r\n".to_owned();
    std::iter::once(header).chain(lines).collect()
}

/// Read, checked, sealed and kept.
async fn import(app: &App, text: &str, owner: UserId) -> Duration {
    app.store.agree(owner, START).await.expect("it is kept");
    let begun = Instant::now();
    let read = import::read(text.as_bytes(), Zone::default(), START, &[]).expect("a table");
    let added = app
        .store
        .add_entries(owner, &read.entries, 20_000, START)
        .await;
    assert_eq!(
        added.expect("it is kept").expect("there is room").len(),
        LINES
    );
    begun.elapsed()
}

/// People who have something watched.
const WATCHERS: u64 = 1_000;
const ROUNDS: usize = 5;

/// Has this watched for each of the first thousand, who can be written to.
async fn watch(app: &App, what: What) {
    let watch = Watch::new(what, Timing::default(), START);
    for person in 1..=WATCHERS {
        let owner = UserId(person);
        let proven = Proven {
            home: Home::Person(owner),
            channel: ChannelId(1_000_000 + person),
            parent: None,
            webhook: None,
            newest: MessageId(1),
            unasked: false,
            remade: false,
        };
        let waits = Waits::default();
        let saved = app.store.save_destination(&proven, START, &waits).await;
        saved.expect("it is kept");
        let added = app.store.add_watch(owner, &watch, 20, START).await;
        added.expect("it is kept").expect("there is room");
    }
}

/// Rounds over all of them, at one answer of the market after the other.
async fn rounds(app: &App) -> Times {
    let mut times = Times::default();
    for round in 0..ROUNDS {
        let now = START.plus(Span::minutes(u64::try_from(round).expect("few")).0);
        let begun = Instant::now();
        let manner = watching::Manner {
            shelf_life: SHELF_LIFE,
            is_behind: false,
        };
        let round = watching::look(&app.store, &app.market, manner, now).await;
        times.add(begun.elapsed());
        assert_eq!(
            round.expect("a round").people,
            usize::try_from(WATCHERS).expect("few")
        );
    }
    times
}

/// What is offered for what somebody types, which is so many entries.
async fn offered(app: &App, owner: UserId, typed: &str, wanted: usize) -> Duration {
    let begun = Instant::now();
    let offered = entries_for(&app.store, owner, typed).await;
    let took = begun.elapsed();
    assert_eq!(offered.expect("they are there").len(), wanted);
    took
}

/// The captured market after its second batch.
fn market() -> Snapshot {
    let mut upstream = Upstream::full();
    let (categories, screen) = (Categories::bundled(), Screen::default());
    let before = START.minus(Span::hours(1).0);
    let first = batch(&upstream.body(), before, &categories);
    upstream.step(0.5);
    let second = batch(&upstream.body(), START, &categories);
    let after_one = advance(&Snapshot::default(), first, &screen).snapshot;
    advance(&after_one, second, &screen).snapshot
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let market = market();
    let app = app(folder.path()).await;
    app.market.swap(market.clone());
    fill(&app, &market).await;
    let looks = looks(&app).await;
    let text = file();
    let (mut imports, mut opened) = (Times::default(), Times::default());
    let (mut letters, mut searches) = (Times::default(), Times::default());
    for run in 0..IMPORTS {
        let owner = UserId(PEOPLE + 1 + u64::try_from(run).expect("few"));
        imports.add(import(&app, &text, owner).await);
        let begun = Instant::now();
        let entries = app.store.entries(owner).await.expect("they are there");
        opened.add(begun.elapsed());
        assert_eq!(entries.len(), LINES);
        letters.add(offered(&app, owner, "et", 25).await);
        searches.add(offered(&app, owner, "nothing like it", 0).await);
    }
    watch(&app, What::Verdict { of: Of::Mine }).await;
    let verdicts = rounds(&app).await;
    watch(&app, What::Better { least: None }).await;
    let better = rounds(&app).await;
    println!("| work | p50 (range) | p99 |\n| --- | ---: | ---: |");
    let rows = [
        ("`/portfolio view` of 20 positions, of a million", &looks),
        ("10,000 lines of income read, sealed and kept", &imports),
        ("10,000 entries of one person opened", &opened),
        ("typing for one of 10,000 entries", &letters),
        ("the same for one that is not among them", &searches),
        ("verdicts on what 1,000 people hold looked at", &verdicts),
        (
            "the same, and whether anything is better elsewhere",
            &better,
        ),
    ];
    for (name, times) in rows {
        println!(
            "| {name} | {} | {:.2} ms |",
            times.line(),
            times.within(0.99)
        );
    }
}
