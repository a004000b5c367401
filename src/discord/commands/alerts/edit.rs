//! `/alerts edit` and `/alerts undo`: an alert is changed, or a removed one brought back.

use poise::serenity_prelude as serenity;
use rust_decimal::prelude::ToPrimitive as _;

use super::add::{callable, check_room, checked, refused};
use crate::{
    app::App,
    discord::{
        autocomplete,
        context::{Caller, Context, parts},
        errors::{CommandError, Trouble},
        lookup,
        params::{Mode, Name, OneOf, Written},
    },
    domain::{
        alert::{Alert, Rule},
        ids::{AlertId, PoolId, RoleId},
        manner::Digest,
        money::Amount,
        rule::{Condition, Terms},
        time::Span,
    },
    render::{self, message::Message},
};

/// How long a removed alert can be brought back.
pub const KEPT: Span = Span::days(30);

/// Change an alert: what is left out stays as it is
#[poise::command(slash_command, guild_only)]
#[expect(
    clippy::too_many_arguments,
    reason = "each is an option that Discord shows"
)]
pub(super) async fn edit(
    ctx: Context<'_>,
    #[description = "Which alert"]
    #[autocomplete = "autocomplete::alert"]
    alert: Written<AlertId>,
    #[description = "How much, in percent or points; below zero for a change that is a fall"]
    #[min = -1_000_000]
    #[max = 1_000_000]
    value: Option<f64>,
    #[description = "How far it looks back, such as 1d; up to 14d"] window: Option<Written<Span>>,
    #[description = "How long it has to stay true first"] hold: Option<Written<Span>>,
    #[description = "How long it has to stay over"] clear_hold: Option<Written<Span>>,
    #[description = "Where it is over again"]
    #[min = 0]
    #[max = 1_000_000]
    clear_at: Option<f64>,
    #[description = "Where it is worse and told once more"]
    #[min = 0]
    #[max = 1_000_000]
    major: Option<f64>,
    #[description = "How often to say that it is still so, such as 1d, 1h at least; 0s for never"]
    remind: Option<Written<Span>>,
    #[description = "Pools of at least this TVL in US dollars, such as 10m"] min_tvl: Option<
        Written<Amount>,
    >,
    #[description = "The pool that it watches, where it watches one"]
    #[autocomplete = "autocomplete::pool"]
    pool: Option<Name>,
    #[description = "A role that its news call"] role: Option<serenity::Role>,
    #[description = "Call no role any more"] no_role: Option<bool>,
    #[description = "At once, or in a digest"] mode: Option<OneOf<Mode>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let whom = match (no_role.unwrap_or(false), &role) {
        (true, _) => Some(None),
        (false, Some(role)) => Some(Some(callable(role)?)),
        (false, None) => None,
    };
    let market = ctx.data().app.market.snapshot();
    let pool = pool.map(|asked| lookup::pool(&market, &asked).map(|listing| listing.pool.id));
    let changes = Changes {
        pool: pool.transpose()?,
        value,
        window: window.map(|window| window.0),
        hold: hold.map(|hold| hold.0),
        clear_hold: clear_hold.map(|hold| hold.0),
        clear_at,
        major,
        remind: remind.map(|remind| remind.0),
        min_tvl: min_tvl.and_then(|amount| amount.0.get().to_f64()),
        role: whom,
        digest: mode.map(|mode| mode.0.0),
    };
    let answer = Box::pin(edited(&ctx.data().app, &caller, alert.0, changes));
    super::answer_with_news(app, answer).await
}

/// What is to be changed; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    pub pool: Option<PoolId>,
    pub value: Option<f64>,
    pub window: Option<Span>,
    pub hold: Option<Span>,
    pub clear_hold: Option<Span>,
    pub clear_at: Option<f64>,
    pub major: Option<f64>,
    /// Zero for never.
    pub remind: Option<Span>,
    pub min_tvl: Option<f64>,
    pub role: Option<Option<RoleId>>,
    pub digest: Option<Option<Digest>>,
}

impl Changes {
    /// The rule with these changes. Thresholds that follow from a value follow the new one.
    pub fn apply(&self, rule: &Rule) -> Result<Rule, Trouble> {
        let before = rule.condition.terms();
        let terms = if self.value.is_some() {
            Terms {
                value: self.value,
                clear_at: self.clear_at,
                major: self.major,
                window: self.window.or(before.window),
                ..before
            }
        } else {
            Terms {
                clear_at: self.clear_at.or(before.clear_at),
                major: self.major.or(before.major),
                window: self.window.or(before.window),
                ..before
            }
        };
        let mut changed = rule.clone();
        changed.condition = Condition::new(rule.condition.kind(), terms).map_err(Trouble::Rule)?;
        changed.timing.hold = self.hold.unwrap_or(rule.timing.hold);
        changed.timing.clear_hold = self.clear_hold.unwrap_or(rule.timing.clear_hold);
        if let Some(remind) = self.remind {
            changed.timing.remind = (!remind.0.is_zero()).then_some(remind);
        }
        if rule.scope.pool.is_some() {
            changed.scope.pool = self.pool.or(rule.scope.pool);
        }
        changed.scope.min_tvl = self.min_tvl.or(rule.scope.min_tvl);
        changed.timing = checked(changed.timing)?;
        Ok(changed)
    }
}

async fn edited(
    app: &App,
    caller: &Caller,
    id: AlertId,
    changes: Changes,
) -> Result<Message, CommandError> {
    let deed = caller.did(app.clock.now(), format!("changed alert #{id}"))?;
    let change = |alert: &mut Alert| {
        let before = alert.clone();
        alert.rule = changes.apply(&alert.rule)?;
        alert.manner.role = changes.role.unwrap_or(alert.manner.role);
        alert.manner.digest = changes.digest.unwrap_or(alert.manner.digest);
        if *alert == before {
            return Err(CommandError::from(Trouble::NothingChanged));
        }
        Ok(())
    };
    let found = app
        .alerting
        .change(&app.store, &app.market, id, &deed, change)
        .await?;
    let (alert, anew) = found.ok_or(Trouble::AlertUnknown(id))?;
    Ok(render::alerts::changed(&alert, anew))
}

/// Bring back an alert that was removed in the last 30 days
#[poise::command(slash_command, guild_only)]
pub(super) async fn undo(
    ctx: Context<'_>,
    #[description = "Which one; the one that was removed last when left out"]
    #[autocomplete = "autocomplete::removed_alert"]
    alert: Option<Written<AlertId>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = Box::pin(undone(&ctx.data().app, &caller, alert.map(|alert| alert.0)));
    super::answer_with_news(app, answer).await
}

async fn undone(app: &App, caller: &Caller, id: Option<AlertId>) -> Result<Message, CommandError> {
    let guild = caller.server()?;
    let now = app.clock.now();
    let since = now.minus(KEPT.0);
    let removed = app.store.removed_alerts(guild, since).await?;
    let mut wanted = removed
        .into_iter()
        .filter(|alert| id.is_none_or(|id| alert.id == id));
    let alert = wanted.next().ok_or(Trouble::NothingToUndo)?;
    check_room(app, guild, 1).await?;
    let prepared = app
        .delivery
        .prepare(alert.channel, guild)
        .await
        .map_err(refused)?;
    let deed = caller.did(now, format!("brought back alert #{}", alert.id))?;
    let place = prepared.destination;
    let restored = app
        .alerting
        .restore(&app.store, &app.market, (alert.id, since), place, &deed)
        .await?
        .ok_or(Trouble::NothingToUndo)?;
    Ok(render::alerts::restored(&restored))
}
