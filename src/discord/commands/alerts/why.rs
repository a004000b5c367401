//! `/alerts why`: what stops an alert from speaking.

use crate::{
    alerting::{self, why::Stage},
    app::App,
    discord::{
        autocomplete,
        commands::fate,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        lookup,
        params::{Name, Written},
    },
    domain::{
        alert::Alert,
        ids::{AlertId, DestinationId, GuildId, PoolId},
        listing::Listing,
        time::{Span, Timestamp},
    },
    market::snapshot::Snapshot,
    render::{
        self,
        message::Message,
        why::{Cap, Why},
    },
};

const HOUR: Span = Span::hours(1);
/// How far back the last notice is looked for.
const LATELY: Span = Span::days(30);

/// What stops an alert from speaking now, stage by stage
#[poise::command(slash_command, guild_only)]
pub(super) async fn why(
    ctx: Context<'_>,
    #[description = "Which alert"]
    #[autocomplete = "autocomplete::alert"]
    alert: Written<AlertId>,
    #[description = "One of its pools; all of them when left out"]
    #[autocomplete = "autocomplete::pool"]
    pool: Option<Name>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = answer(&ctx.data().app, caller.server()?, alert.0, pool);
    super::answer_with_news(app, answer).await
}

async fn answer(
    app: &App,
    guild: GuildId,
    id: AlertId,
    pool: Option<Name>,
) -> Result<Message, CommandError> {
    let alert = super::owned(app, guild, id).await?;
    let now = app.clock.now();
    let view = app.market.view(now);
    let mut stages = app.alerting.stages(id, &view).await;
    if let Some(asked) = pool {
        let meant = lookup::pool(&view, &asked)?.pool.id;
        stages.retain(|(pool, _)| *pool == meant);
        if stages.is_empty() {
            return Err(Trouble::PoolNotWatched(id).into());
        }
    }
    let server = app.alerting.server(guild);
    let kind = alert.rule.condition.kind();
    let urgency = alerting::tick::urgency(kind);
    let destination = app.store.destination_for(alert.channel).await?;
    let cap = match &destination {
        Some(place) => cap(app, place.id, server.hourly_cap, now).await?,
        None => Cap {
            used: 0,
            most: 0,
            free_at: None,
        },
    };
    let last = app.store.told_by(id, now.minus(LATELY.0), 1).await?;
    let market: &Snapshot = &view;
    let mut why = by_stage(&alert, &stages, market);
    why.muted_until = alert.manner.muted(now);
    why.quiet = server
        .quiet_until(now)
        .map(|until| (until, alerting::holds::passes(&server, urgency)));
    why.digest_at = alert.manner.digest.map(|digest| {
        digest
            .cadence(server.digest_at)
            .next_after(server.zone, now)
    });
    why.cap = cap;
    why.parked = destination
        .as_ref()
        .filter(|place| place.is_parked())
        .map(|place| super::why_parked(place.reason));
    why.last = last
        .first()
        .map(|told| render::fate::words(&fate::line(told, market)));
    Ok(render::why::why(&why))
}

/// How many messages a channel has had, and when it may have more.
async fn cap(
    app: &App,
    place: DestinationId,
    chosen: Option<u32>,
    now: Timestamp,
) -> Result<Cap, CommandError> {
    let told = app.store.told_between(now.minus(HOUR.0), now).await?;
    let times: Vec<Timestamp> = told
        .into_iter()
        .filter(|(of, _)| *of == place)
        .map(|(_, at)| at)
        .collect();
    let most = chosen.map_or(app.config.delivery.hourly_cap, |cap| cap as usize);
    let oldest = times.len().checked_sub(most).and_then(|nth| times.get(nth));
    Ok(Cap {
        used: times.len(),
        most,
        free_at: oldest.filter(|_| most > 0).map(|at| at.plus(HOUR.0)),
    })
}

fn by_stage<'a>(alert: &'a Alert, stages: &[(PoolId, Stage)], market: &'a Snapshot) -> Why<'a> {
    let listing = |pool: &PoolId| market.get(*pool);
    let of = |wanted: Stage| stages.iter().filter(move |(_, stage)| *stage == wanted);
    let first = |wanted| of(wanted).find_map(|(pool, _)| listing(pool));
    let mut why = Why {
        alert,
        pools: stages.len(),
        unusable: of(Stage::Data).count(),
        unmet: of(Stage::Unmet).count(),
        baseline: of(Stage::Baseline).count(),
        doubted: first(Stage::Data),
        nearest: first(Stage::Unmet),
        holding: Vec::new(),
        open: Vec::new(),
        clearing: Vec::new(),
        muted_until: None,
        quiet: None,
        digest_at: None,
        cap: Cap {
            used: 0,
            most: 0,
            free_at: None,
        },
        parked: None,
        last: None,
    };
    for (pool, stage) in stages {
        let Some(found): Option<&Listing> = listing(pool) else {
            continue;
        };
        match *stage {
            Stage::Hold { since, until } => why.holding.push((found, since, until)),
            Stage::Open { since } => why.open.push((found, since)),
            Stage::Clear { since, until } => why.clearing.push((found, since, until)),
            Stage::Data | Stage::Unmet | Stage::Baseline => {}
        }
    }
    why.holding.sort_by_key(|(_, _, until)| *until);
    why.clearing.sort_by_key(|(_, _, until)| *until);
    why
}
