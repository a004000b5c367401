//! Alerts by the hundred thousand: 90 % on single pools, 10 % on a hundred filters.

use std::{collections::HashMap, path::Path};

use discord_twin::soak::whole::Chance;
use sqlx::{Connection as _, QueryBuilder, Sqlite, SqliteConnection};
use stipend::{
    alerting::evaluator::Evaluator,
    domain::{
        alert::Rule,
        episode::{Episode, Timing},
        ids::PoolId,
        listing::Listing,
        rule::{Condition, Kind, Terms},
        scope::Scope,
        time::Timestamp,
    },
    market::snapshot::Snapshot,
};

const FILTERS: usize = 100;
const CHUNK: usize = 500;

/// `count` rules over the pools of a market. Limits lie around what the pools pay, so that some are
/// passed with each batch.
pub(crate) fn rules(snapshot: &Snapshot, count: usize, timing: Timing) -> Vec<Rule> {
    let mut chance = Chance(11);
    let listings = snapshot.listings();
    let filters = filters(listings);
    (0..count)
        .map(|at| {
            let (scope, apy) = if at % 10 == 9 {
                (filters[chance.below(filters.len())].clone(), 20.0)
            } else {
                let listing = &listings[chance.below(listings.len())];
                (Scope::of_pool(listing.pool.id), listing.reading.apy.get())
            };
            // From half to twice of what is paid.
            let around = (apy * 2_f64.powf(2.0 * chance.fraction() - 1.0)).max(0.01);
            let (kind, value) = match chance.below(20) {
                0..7 => (Kind::ApyAbove, Some(around)),
                7..10 => (Kind::ApyBelow, Some(around)),
                10..15 => (Kind::ApyChange, Some(3.0 + 40.0 * chance.fraction())),
                15..17 => (Kind::VerdictWorsens, None),
                _ => (Kind::TvlDrop, Some(3.0 + 40.0 * chance.fraction())),
            };
            let terms = Terms {
                value,
                ..Terms::default()
            };
            let condition = Condition::new(kind, terms).expect("the terms fit the kind");
            Rule {
                scope,
                condition,
                timing,
            }
        })
        .collect()
}

/// A token on a chain, or a protocol on a chain, with at least a million dollars: the hundred that
/// most pools share, but for the very first.
fn filters(listings: &[Listing]) -> Vec<Scope> {
    let mut sizes: HashMap<(bool, &str, &str), usize> = HashMap::new();
    for listing in listings {
        let pool = &listing.pool;
        *sizes
            .entry((false, &pool.protocol, &pool.chain))
            .or_default() += 1;
        for asset in pool.assets() {
            *sizes.entry((true, asset, &pool.chain)).or_default() += 1;
        }
    }
    let mut sizes: Vec<_> = sizes.into_iter().collect();
    sizes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sizes
        .into_iter()
        .skip(20)
        .take(FILTERS)
        .map(|((is_asset, name, chain), _)| Scope {
            asset: is_asset.then(|| name.to_owned()),
            protocol: (!is_asset).then(|| name.to_owned()),
            chain: Some(chain.to_owned()),
            min_tvl: Some(1e6),
            ..Scope::default()
        })
        .collect()
}

/// Pools that meet a rule already.
pub(crate) fn baseline(
    evaluator: &Evaluator,
    snapshot: &Snapshot,
    rule: &Rule,
) -> Vec<(PoolId, Episode)> {
    let stands = |listing: &Listing| {
        let episode = Episode::at_creation(evaluator.judge_now(rule, listing));
        (!episode.is_default()).then_some((listing.pool.id, episode))
    };
    match rule.scope.pool {
        Some(pool) => snapshot.get(pool).and_then(stands).into_iter().collect(),
        None => snapshot
            .listings()
            .iter()
            .filter(|listing| rule.scope.names(&listing.pool))
            .filter_map(stands)
            .collect(),
    }
}

/// Writes alerts, their baselines and the ready channels that they speak in, past the store: one
/// commit for each alert would take minutes. Alert `n` gets the id `n` + 1 and belongs to
/// channel `n` modulo their number.
pub(crate) async fn write(
    database: &Path,
    rules: &[Rule],
    baselines: &[Vec<(PoolId, Episode)>],
    channels: &[(i64, i64)],
    now: Timestamp,
) -> sqlx::Result<()> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let mut tx = connection.begin().await?;
    let numbered: Vec<(i64, &Rule)> = (1..).zip(rules).collect();
    for chunk in numbered.chunks(CHUNK) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO alert (id, guild_id, channel_id, rule, version, created_by, created_at) ",
        );
        query.push_values(chunk, |mut values, (id, rule)| {
            let (guild, channel) =
                channels[usize::try_from(*id - 1).expect("from 0") % channels.len()];
            values
                .push_bind(id)
                .push_bind(guild)
                .push_bind(channel)
                .push_bind(serde_json::to_string(rule).expect("a rule is JSON"))
                .push_bind(1)
                .push_bind(1)
                .push_bind(now.millis());
        });
        query.build().execute(&mut *tx).await?;
    }
    let episodes: Vec<(i64, &(PoolId, Episode))> = (1..)
        .zip(baselines)
        .flat_map(|(id, of_alert)| of_alert.iter().map(move |one| (id, one)))
        .collect();
    for chunk in episodes.chunks(CHUNK) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO episode (alert_id, pool, state) ");
        query.push_values(chunk, |mut values, (id, (pool, episode))| {
            values
                .push_bind(id)
                .push_bind(pool.as_bytes().to_vec())
                .push_bind(serde_json::to_string(episode).expect("an episode is JSON"));
        });
        query.build().execute(&mut *tx).await?;
    }
    tx.commit().await?;
    connection.close().await
}
