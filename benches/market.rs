//! The market in memory: reading an answer, comparing, judging, swapping, searching.

use std::{hint::black_box, sync::Arc, time::Duration};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use discord_twin::soak::whole::Upstream;
use stipend::{
    domain::{
        listing::Listing,
        rate::Percent,
        reading::DayReading,
        scope::Scope,
        time::{Day, Span},
        verdict::{Screen, record::Record},
    },
    market::{
        Market,
        ingest::advance,
        search::{Order, Query, VerdictFilter},
        snapshot::Snapshot,
    },
    sources::defillama::{categories::Categories, pools as list},
};

#[path = "support/pools.rs"]
mod pools;
#[path = "support/start.rs"]
mod start;

use pools::batch;
use start::START;

/// Two months of a pool that moves about its present rate.
fn record_of(listing: &Listing, today: Day) -> Option<Arc<Record>> {
    let days: Vec<DayReading> = (1..=60)
        .rev()
        .map(|back| {
            let wave = 1.0 + f64::from((back * 7) % 11) / 20.0;
            DayReading {
                day: Day(today.0 - back),
                apy: Percent::new(listing.reading.apy.get() * wave).unwrap_or_default(),
                base: listing.reading.base,
                reward: listing.reading.reward,
                tvl_usd: listing.reading.tvl_usd / wave,
            }
        })
        .collect();
    Record::of(&days, today).map(Arc::new)
}

fn taking_in(criterion: &mut Criterion) {
    let categories = Categories::bundled();
    let screen = Screen::default();
    let mut upstream = Upstream::full();
    let first = upstream.body();
    upstream.step(0.5);
    let second = upstream.body();
    let later = START.plus(Span::hours(1).0);
    let old = advance(
        &Snapshot::default(),
        batch(&first, START, &categories),
        &screen,
    )
    .snapshot;
    let count = old.listings().len();
    let mut group = criterion.benchmark_group("market");
    group
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4));

    group.throughput(Throughput::Bytes(second.len() as u64));
    group.bench_function(format!("parse {count} pools"), |bencher| {
        bencher.iter(|| list::parse(black_box(&second), later, &categories).expect("sound"));
    });
    group.bench_function("parse and hash", |bencher| {
        bencher.iter(|| batch(black_box(&second), later, &categories));
    });
    group.throughput(Throughput::Elements(count as u64));
    let next = batch(&second, later, &categories);
    group.bench_function("advance, half changed", |bencher| {
        bencher.iter_batched(
            || next.clone(),
            |batch| advance(black_box(&old), batch, &screen),
            BatchSize::LargeInput,
        );
    });
    let mut recorded = old.clone();
    recorded.set_records(|listing| record_of(listing, later.day()));
    for (by, market) in [
        ("the feed's summary", &old),
        ("records of their own", &recorded),
    ] {
        group.bench_function(format!("judge all by {by}"), |bencher| {
            bencher.iter(|| {
                for listing in black_box(market).listings() {
                    black_box(listing.assess(&screen));
                }
            });
        });
    }
    let market = Market::new(screen, None);
    group.bench_function("swap", |bencher| {
        bencher.iter_batched(
            || old.clone(),
            |snapshot| market.swap(black_box(snapshot)),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn searching(criterion: &mut Criterion) {
    const CHOICES: usize = 25;
    let categories = Categories::bundled();
    let body = Upstream::full().body();
    let first = batch(&body, START, &categories);
    let market = advance(&Snapshot::default(), first, &Screen::default()).snapshot;
    let mut group = criterion.benchmark_group("search");
    group
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    for typed in [
        "",
        "u",
        "usdc",
        "usdc aave",
        "steth curve ethereum",
        "no such pool",
    ] {
        group.bench_function(format!("pools like `{typed}`"), |bencher| {
            bencher.iter(|| black_box(&market).pools_like(black_box(typed), CHOICES));
        });
    }
    group.bench_function("assets like `us`", |bencher| {
        bencher.iter(|| black_box(&market).assets_like("us", CHOICES));
    });
    group.bench_function("protocols like `a`", |bencher| {
        bencher.iter(|| black_box(&market).protocols_like("a", CHOICES));
    });
    let query = |scope| Query {
        scope,
        min_apy: None,
        max_apy: Some(100.0),
        verdicts: VerdictFilter::default(),
        order: Order::Verdict,
    };
    let usdc = Scope {
        asset: Some("usdc".to_owned()),
        ..Scope::default()
    };
    for (name, query) in [
        ("find all", query(Scope::default())),
        ("find usdc", query(usdc)),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(&market).find(black_box(&query), 10));
        });
    }
    let offer = "Earn up to 40% APY on USDC with Aave v3 on Base, 2 % a day in the first week!";
    let names = market.listings().iter().step_by(20);
    let all_names: Vec<String> = names
        .map(|listing| format!("${} {} ", listing.pool.symbol, listing.pool.protocol))
        .collect();
    let all_names = all_names.concat();
    for (name, text) in [("an offer", offer), ("names alone", &all_names)] {
        group.bench_function(format!("what {name} can mean"), |bencher| {
            bencher.iter(|| black_box(&market).mentioned(black_box(text)).fits.len());
        });
    }
    group.finish();
}

criterion_group!(benches, taking_in, searching);
criterion_main!(benches);
