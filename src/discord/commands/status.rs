//! `/status`: how old the data is, whether we are connected, and whether notices arrive.

use crate::{
    app::App,
    delivery::state::DestinationState,
    discord::{
        context::{Bot, Context, parts},
        errors::CommandError,
        shards::Shards,
    },
    domain::{
        ids::GuildId,
        reading::DataState,
        time::{Span, Timestamp},
    },
    market::{
        facts::Line,
        health::{Health, stale_after},
        networks::Networks,
        snapshot::Snapshot,
    },
    render::{
        self,
        message::Message,
        status::{
            MarketStatus, ParkedChannel, ServerStatus, ShardStatus, SourceState, SourceStatus,
            Status, Uncertain,
        },
    },
};

/// How old the data is, and whether notices arrive
#[poise::command(
    slash_command,
    install_context = "Guild|User",
    interaction_context = "Guild|BotDm|PrivateChannel"
)]
pub(super) async fn status(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = answer(ctx.data(), caller.guild);
    super::answer_alone(app, answer).await
}

async fn answer(bot: &Bot, guild: Option<GuildId>) -> Result<Message, CommandError> {
    let app = &bot.app;
    let now = app.clock.now();
    let market = app.market.snapshot();
    let health = app.market.health();
    let known = app.market.networks();
    let server = match guild {
        Some(guild) => Some(server(app, guild).await?),
        None => None,
    };
    let stale_after = stale_after(app.config.sources.defillama.interval);
    let lines = app.market.lines();
    let when_needed: Vec<_> = (app.charts.health().into_iter())
        .chain(app.market.prices_health())
        .chain(app.indices.health())
        .collect();
    let charts = (app.config.sources.defillama.backfill_per_hour > 0 && app.charts.can_ask())
        .then(|| app.charts.progress(&market));
    // A saved answer stays the same until somebody saves another.
    let frozen_after = (app.config.sources.file.path.is_none()).then_some(FROZEN_AFTER);
    let status = Status {
        sources: vec![source(&market, &health, (stale_after, frozen_after), now)],
        beside: (lines.iter().map(|line| beside(line, now)))
            .chain(
                when_needed
                    .iter()
                    .map(|(name, health)| on_demand(name, health)),
            )
            .collect(),
        market: MarketStatus {
            charts: charts.map(|progress| (progress.read, progress.of)),
            ..market_status(&market)
        },
        networks: networks(&known, now),
        track: app.alerting.track.tally(&app.store, now.day()).await?,
        server,
        shards: shards(&bot.shards),
        listens: bot.shards.readiness().listens,
        started_at: bot.started_at,
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(render::status::status(&status, now))
}

/// What one server is told of its own; nobody is told of others.
async fn server(app: &App, guild: GuildId) -> Result<ServerStatus<'static>, CommandError> {
    let store = &app.store;
    let counts = store.outbox_counts_of(guild).await?;
    let unsettled = store.unsettled(guild).await?;
    let destinations = store.destinations(guild).await?;
    Ok(ServerStatus {
        alerts: store.alerts_of(guild).await?.len(),
        outbox: counts
            .into_iter()
            .map(|(state, count)| (state.slug(), count))
            .collect(),
        uncertain: unsettled
            .into_iter()
            .map(|entry| Uncertain {
                entry: entry.entry,
                alert: Some(entry.alert),
                channel: entry.channel,
                since: entry.intent_at.unwrap_or(entry.created_at),
            })
            .collect(),
        parked: destinations
            .into_iter()
            .filter(|destination| destination.state == DestinationState::Parked)
            .map(|destination| ParkedChannel {
                channel: destination.channel,
                reason: super::alerts::why_parked(destination.reason).0,
                since: destination.changed_at,
            })
            .collect(),
    })
}

/// The pools' feed speaks every hour: what has stood still for so long is not read any more, however
/// often it is told.
const FROZEN_AFTER: Span = Span::hours(3);

fn source<'a>(
    market: &Snapshot,
    health: &'a Health,
    (stale_after, frozen_after): (Span, Option<Span>),
    now: Timestamp,
) -> SourceStatus<'a> {
    let unchanged_since = (!market.is_empty()).then_some(market.origin.fetched_at);
    let answered = health.answered_at.or(unchanged_since);
    let told = told(market.origin.source, answered, health, stale_after, now);
    let is_frozen = unchanged_since.zip(frozen_after);
    let is_frozen = is_frozen.is_some_and(|(since, after)| now.since(since) >= after.0);
    SourceStatus {
        unchanged_since,
        state: match told.state {
            SourceState::Fresh if is_frozen => SourceState::Stale,
            state => state,
        },
        ..told
    }
}

/// A source of what is known beside the pools; it is stale once what it said is not known any more.
fn beside(line: &Line, now: Timestamp) -> SourceStatus<'_> {
    let health = &line.health;
    SourceStatus {
        rows: line.rows,
        ..told(
            line.topic.name(),
            health.answered_at,
            health,
            line.shelf_life,
            now,
        )
    }
}

/// What is told of a source that is asked in a rhythm.
fn told<'a>(
    name: &'a str,
    answered: Option<Timestamp>,
    health: &'a Health,
    stale_after: Span,
    now: Timestamp,
) -> SourceStatus<'a> {
    let state = match answered {
        Some(at) if now.since(at) > stale_after.0 => SourceState::Stale,
        _ if keeps_failing(health) => SourceState::Failing,
        Some(_) => SourceState::Fresh,
        None => SourceState::Waiting,
    };
    SourceStatus {
        fetched_at: answered,
        ..in_state(name, state, health)
    }
}

/// A source that is asked when somebody needs it: an answer of long ago says nothing against it.
fn on_demand<'a>(name: &'a str, health: &'a Health) -> SourceStatus<'a> {
    let state = match health.answered_at {
        _ if keeps_failing(health) => SourceState::Failing,
        Some(_) => SourceState::Answers,
        None => SourceState::Unasked,
    };
    in_state(name, state, health)
}

/// One answer that fails is made up for by the next.
fn keeps_failing(health: &Health) -> bool {
    let trouble = health.trouble.as_ref();
    trouble.is_some_and(|trouble| trouble.in_a_row > 1)
}

fn in_state<'a>(name: &'a str, state: SourceState, health: &'a Health) -> SourceStatus<'a> {
    let trouble = health.trouble.as_ref();
    SourceStatus {
        name,
        state,
        fetched_at: health.answered_at,
        unchanged_since: None,
        rows: None,
        skipped_rows: health.skipped as usize,
        conflicting_rows: health.conflicting as usize,
        failures: trouble.map_or(0, |trouble| trouble.in_a_row),
        last_error: trouble.map(|trouble| trouble.what.as_str()),
    }
}

/// A line for each source of networks' figures that is asked.
fn networks(known: &Networks, now: Timestamp) -> Vec<SourceStatus<'_>> {
    known
        .followed()
        .map(|(origin, followed)| {
            let health = &followed.health;
            let stale_after = stale_after(followed.interval);
            told(origin.name(), health.answered_at, health, stale_after, now)
        })
        .collect()
}

fn market_status(market: &Snapshot) -> MarketStatus {
    MarketStatus {
        pools: market.listings().len(),
        unknown_method_share: (!market.is_empty()).then(|| market.unknown_method_share()),
        suspect: market.in_state(DataState::Suspect),
        stale: market.in_state(DataState::Stale),
        missing: market.in_state(DataState::Missing),
        charts: None,
    }
}

fn shards(shards: &Shards) -> Vec<ShardStatus> {
    shards
        .each()
        .into_iter()
        .map(|(id, connected)| ShardStatus { id, connected })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{
        fixture::{after, hour, minute, row},
        health::Trouble,
    };

    fn state(answered_ago: Option<Span>, failures: u32) -> SourceState {
        let now = Timestamp::from_millis(1_762_129_800_000);
        let health = Health {
            answered_at: answered_ago.map(|ago| now.minus(ago.0)),
            trouble: (failures > 0).then(|| Trouble {
                at: now,
                what: "status 503".to_owned(),
                in_a_row: failures,
            }),
            ..Health::default()
        };
        let stale_after = stale_after(Span::minutes(15));
        source(&Snapshot::default(), &health, (stale_after, None), now).state
    }

    /// F-U09: a source that says the same for hours is stale, although it answers; a saved answer is not.
    #[test]
    fn a_source_that_stands_still_is_stale() {
        let market = after(&Snapshot::default(), hour(0), vec![row(1, 4.0)]).snapshot;
        let state = |at: i64, frozen_after| {
            let now = minute(at);
            let health = Health {
                answered_at: Some(now),
                ..Health::default()
            };
            let limits = (Span::minutes(45), frozen_after);
            source(&market, &health, limits, now).state
        };
        assert_eq!(state(179, Some(FROZEN_AFTER)), SourceState::Fresh);
        assert_eq!(state(180, Some(FROZEN_AFTER)), SourceState::Stale);
        assert_eq!(state(999, None), SourceState::Fresh);
    }

    #[test]
    fn a_source_is_stale_after_three_intervals_and_failing_after_two_failures() {
        let minutes = |count| Some(Span::minutes(count));
        assert_eq!(state(minutes(45), 1), SourceState::Fresh);
        assert_eq!(state(minutes(46), 1), SourceState::Stale);
        assert_eq!(state(minutes(20), 2), SourceState::Failing);
        assert_eq!(state(minutes(60), 9), SourceState::Stale);
        assert_eq!(state(None, 1), SourceState::Waiting);
        assert_eq!(state(None, 2), SourceState::Failing);
    }

    #[test]
    fn a_source_that_is_asked_when_needed_is_never_stale() {
        let long_ago = Timestamp::from_millis(0);
        let mut health = Health::default();
        let state = |health: &Health| on_demand("Prices", health).state;
        assert_eq!(state(&health), SourceState::Unasked);
        health.answered(long_ago);
        assert_eq!(state(&health), SourceState::Answers);
        health.failed(long_ago, "status 503".to_owned());
        assert_eq!(state(&health), SourceState::Answers);
        health.failed(long_ago, "status 503".to_owned());
        assert_eq!(state(&health), SourceState::Failing);
    }

    #[test]
    fn a_source_that_is_asked_each_second_may_take_its_time() {
        assert_eq!(
            stale_after(Span(std::time::Duration::from_secs(1))),
            Span::minutes(10)
        );
        assert_eq!(stale_after(Span::hours(1)), Span::hours(3));
    }
}
