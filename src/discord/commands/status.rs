//! `/status`: how old the data is, whether we are connected, and whether notices arrive.

use crate::{
    delivery::state::DestinationState,
    discord::{
        context::{Bot, Context},
        errors::CommandError,
        reply::{self, Visibility},
        shards::Shards,
    },
    domain::{
        ids::GuildId,
        reading::DataState,
        time::{Span, Timestamp},
    },
    market::{feed::Health, snapshot::Snapshot},
    render::{
        self,
        message::Message,
        status::{
            MarketStatus, ParkedChannel, ShardStatus, SourceState, SourceStatus, Status, Uncertain,
        },
    },
};

/// How old the data is, and whether notices arrive
#[poise::command(slash_command)]
pub(super) async fn status(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, caller) = super::begin_private(ctx).await?;
    let message = answer(ctx.data(), caller.guild).await?;
    reply::send(app, message, Visibility::Private).await
}

async fn answer(bot: &Bot, guild: Option<GuildId>) -> Result<Message, CommandError> {
    let app = &bot.app;
    let store = &app.store;
    let now = app.clock.now();
    let market = app.market.snapshot();
    let health = app.market.health();
    let counts = store.outbox_counts().await?;
    let (alerts, unsettled, destinations) = match guild {
        Some(guild) => (
            store.alerts_of(guild).await?.len(),
            store.unsettled(guild).await?,
            store.destinations(guild).await?,
        ),
        None => (0, Vec::new(), Vec::new()),
    };
    let parked = destinations
        .iter()
        .filter(|destination| destination.state == DestinationState::Parked)
        .map(|destination| ParkedChannel {
            channel: destination.channel,
            reason: super::alerts::why_parked(destination.reason).0,
            since: destination.changed_at,
        })
        .collect();
    let status = Status {
        sources: vec![source(&market, &health, now)],
        market: market_status(&market),
        alerts_here: alerts,
        outbox: counts
            .iter()
            .map(|(state, count)| (state.slug(), *count))
            .collect(),
        uncertain: unsettled
            .iter()
            .map(|entry| Uncertain {
                entry: entry.entry,
                alert: Some(entry.alert),
                channel: entry.channel,
                since: entry.since,
            })
            .collect(),
        parked_here: parked,
        shards: shards(&bot.shards),
        started_at: bot.started_at,
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(render::status::status(&status, now))
}

/// Without an answer for so long, the source is stale.
const STALE_AFTER: Span = Span::hours(3);

fn source<'a>(market: &Snapshot, health: &'a Health, now: Timestamp) -> SourceStatus<'a> {
    let answered = health.answered_at.or(if market.is_empty() {
        None
    } else {
        Some(market.origin.checked_at)
    });
    let state = match answered {
        None => SourceState::Waiting,
        Some(at) if now.since(at) > STALE_AFTER.0 => SourceState::Stale,
        Some(_) => SourceState::Fresh,
    };
    SourceStatus {
        name: market.origin.source,
        state,
        fetched_at: answered,
        unchanged_since: (!market.is_empty()).then_some(market.origin.fetched_at),
        skipped_rows: health.skipped as usize,
        conflicting_rows: health.conflicting as usize,
        last_error: health.trouble.as_ref().map(|trouble| trouble.what.as_str()),
    }
}

fn market_status(market: &Snapshot) -> MarketStatus {
    MarketStatus {
        pools: market.listings().len(),
        unknown_method_share: (!market.is_empty()).then(|| market.unknown_method_share()),
        suspect: market.in_state(DataState::Suspect),
        stale: market.in_state(DataState::Stale),
        missing: market.in_state(DataState::Missing),
    }
}

fn shards(shards: &Shards) -> Vec<ShardStatus> {
    shards
        .each()
        .into_iter()
        .map(|(id, connected)| ShardStatus {
            id,
            connected,
            latency_ms: None,
        })
        .collect()
}
