//! Pools, readings and verdicts for the tests of this module.

use std::sync::Arc;

use crate::domain::{
    alert::{Alert, Rule},
    episode::Timing,
    ids::{AlertId, ChannelId, GuildId, UserId},
    listing::Listing,
    method::{Method, MethodFilter},
    pool::Pool,
    rate::Percent,
    reading::{DataState, FeedStats, Reading},
    risk::{Check, Figure, Finding, State},
    rule::Condition,
    scope::Scope,
    strain::Strain,
    time::{Span, Timestamp},
    track::{Tally, Turned},
    verdict::{
        Assessment, Evidence, Origin, Screen, Usual, assess,
        record::{Record, fixture::record},
    },
};

use super::pool::PoolView;

/// A pool as a reply tells of it, by an answer of four minutes ago.
pub(super) fn view<'a>(
    pool: &'a Pool,
    reading: &'a Reading,
    assessment: &'a Assessment,
    feed: &'a FeedStats,
) -> PoolView<'a> {
    PoolView {
        pool,
        reading,
        assessment,
        state: DataState::Good,
        source: "DefiLlama",
        fetched_at: now().minus(Span::minutes(4).0),
        unchanged_since: now().minus(Span::hours(26).0),
        feed,
        usual: Some(usual(4.0, 0.05, Origin::Own)),
        own_time: false,
        doubt: None,
    }
}

/// Where the market's figures of a plan come from.
pub(super) fn today() -> super::plan::Today<'static> {
    super::plan::Today {
        source: "DefiLlama",
        fetched_at: now().minus(Span::minutes(4).0),
        now: now(),
    }
}

pub(super) const ID: &str = "aa70268e-4b52-42bf-a116-608b370f9501";

pub(super) fn now() -> Timestamp {
    Timestamp::parse("2026-02-21T23:21:00Z").unwrap()
}

/// A year of verdicts, of every sort and with every outcome.
pub(super) fn track() -> Tally {
    let turned = |fell, lasted, not_known, open| Turned {
        fell,
        lasted,
        not_known,
        open,
    };
    Tally {
        warnings: turned(11, 3, 1, 2),
        by_limit: turned(1, 4, 0, 0),
        all_clears: turned(1, 1_204, 0, 36),
        mixed: turned(2, 5, 0, 1),
        repeats: 9,
        missed: 2,
        next: Some(now().day()),
    }
}

pub(super) fn percent(value: f64) -> Percent {
    Percent::new(value).unwrap()
}

pub(super) fn pool() -> Pool {
    Pool {
        id: ID.parse().unwrap(),
        chain: Arc::from("Ethereum"),
        protocol: Arc::from("aave-v3"),
        symbol: "USDC".into(),
        meta: None,
        method: Method::Lending,
        stablecoin: true,
        multi_asset: false,
        impermanent_loss: false,
        underlying: Box::default(),
    }
}

pub(super) fn hostile_pool() -> Pool {
    Pool {
        id: "747c1d2a-c668-4682-b9f9-296708a3dd90".parse().unwrap(),
        protocol: Arc::from("[aave](https://evil.example)"),
        symbol: "USDС-**WETH**".into(),
        meta: Some("@everyone <t:0:R>".into()),
        method: Method::Liquidity,
        stablecoin: false,
        multi_asset: true,
        impermanent_loss: true,
        ..pool()
    }
}

pub(super) fn reading(apy: f64, base: Option<f64>, reward: Option<f64>) -> Reading {
    Reading {
        at: Timestamp::parse("2026-02-21T23:17:00Z").unwrap(),
        apy: percent(apy),
        base: base.map(percent),
        reward: reward.map(percent),
        tvl_usd: 1.2e9,
    }
}

pub(super) fn usual(centre: f64, variation: f64, origin: Origin) -> Usual {
    Usual {
        centre: percent(centre),
        variation: Some(variation),
        days: 30,
        origin,
    }
}

pub(super) fn feed() -> FeedStats {
    FeedStats {
        mean_30d: Some(percent(4.02)),
        sigma: Some(0.02),
        days: Some(812),
    }
}

/// The feed's own summary of a pool that varies by this share of its mean.
fn summary(mean: f64, variation: f64) -> FeedStats {
    FeedStats {
        mean_30d: Some(percent(mean)),
        sigma: Some(variation * mean / 365_f64.sqrt()),
        days: Some(300),
    }
}

fn judged(
    reading: &Reading,
    data: DataState,
    record: Option<Record>,
    feed: FeedStats,
) -> Assessment {
    let evidence = Evidence {
        reading,
        data,
        record: record.as_ref(),
        feed: &feed,
    };
    assess(&evidence, &Screen::default())
}

fn by_record(reading: &Reading, centre: f64, variation: f64) -> Assessment {
    let record = record(centre, variation);
    judged(reading, DataState::Good, Some(record), FeedStats::default())
}

pub(super) fn calm() -> Assessment {
    by_record(&reading(4.1, Some(4.1), Some(0.0)), 4.0, 0.05)
}

pub(super) fn spike() -> Assessment {
    let reading = reading(60.0, Some(60.0), None);
    judged(&reading, DataState::Good, None, summary(5.0, 0.5))
}

/// A pool whose rate jumps from day to day, now at four times the usual.
pub(super) fn restless() -> Assessment {
    by_record(&reading(40.0, Some(40.0), None), 10.0, 0.8)
}

pub(super) fn emissions() -> Assessment {
    by_record(&reading(20.0, Some(2.0), Some(18.0)), 20.0, 0.05)
}

pub(super) fn no_split() -> Assessment {
    let reading = reading(4.0, None, None);
    judged(&reading, DataState::Good, None, summary(4.0, 0.02))
}

pub(super) fn over_screen() -> Assessment {
    by_record(&reading(687_486.0, Some(1.0), Some(687_485.0)), 100.0, 0.3)
}

/// Every check of risk, and nothing known of any.
pub(super) fn nothing_known() -> Vec<Finding> {
    let unknown = |check| Finding {
        check,
        state: State::NotKnown,
        figure: Figure::Nothing,
    };
    Check::ALL.map(unknown).to_vec()
}

pub(super) fn suspect() -> Assessment {
    let reading = reading(0.0, Some(0.0), None);
    judged(&reading, DataState::Suspect, None, FeedStats::default())
}

pub(super) fn below() -> Rule {
    Rule {
        scope: Scope {
            asset: Some("USDC".to_owned()),
            chain: Some("Ethereum".to_owned()),
            method: Some(MethodFilter::One(Method::Lending)),
            min_tvl: Some(1e7),
            ..Scope::default()
        },
        condition: Condition::ApyBelow {
            value: 3.0,
            clear_at: 3.6,
            major: None,
        },
        timing: Timing::default(),
    }
}

pub(super) fn alert(rule: Rule) -> Alert {
    Alert {
        id: AlertId(12),
        guild: GuildId(1),
        channel: ChannelId(4242),
        rule,
        manner: crate::domain::manner::Manner::default(),
        version: 1,
        created_by: UserId(7),
        created_at: Timestamp::parse("2026-01-05T08:00:00Z").unwrap(),
    }
}

/// The sample pool as the market lists it, unchanged for 26 hours.
pub(super) fn listing() -> Listing {
    Listing {
        no: 1,
        pool: Arc::new(pool()),
        reading: reading(4.1, Some(4.1), Some(0.0)),
        trusted: None,
        feed: feed(),
        own_time: false,
        reward_tokens: Box::default(),
        unchanged_since: now().minus(Span::hours(26).0),
        state: DataState::Good,
        record: None,
        doubt: None,
        rewarded: None,
        counted_at: now(),
        assessment: calm(),
        strain: Strain::default(),
        missed: None,
    }
}
