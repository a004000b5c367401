//! `/alerts mute` and `/alerts unmute`: silence for a while, and one list of what was not said.

use crate::{
    app::App,
    discord::{
        autocomplete,
        context::{Caller, Context, parts},
        errors::{CommandError, Trouble},
        params::Written,
    },
    domain::{
        alert::Alert,
        ids::{AlertId, GuildId, UserId},
        time::Span,
    },
    render::{self, message::Message, numbers::span},
    store::servers::Deed,
};

/// Who is silent for longer is better removed.
const LONGEST: Span = Span::days(30);
const USUAL: Span = Span::hours(24);

/// Let an alert be silent for a while; what it did not say comes as one list
#[poise::command(slash_command, guild_only)]
pub(super) async fn mute(
    ctx: Context<'_>,
    #[description = "Which alert; all of this server when left out"]
    #[autocomplete = "autocomplete::alert"]
    alert: Option<Written<AlertId>>,
    #[description = "For how long, such as 1h, 24h or 7d; 24h when left out"]
    #[rename = "for"]
    length: Option<Written<Span>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let length = length.map_or(USUAL, |length| length.0);
    let answer = muted(&ctx.data().app, &caller, alert.map(|alert| alert.0), length);
    super::answer_with_news(app, answer).await
}

/// Let an alert speak again before its silence is over
#[poise::command(slash_command, guild_only)]
pub(super) async fn unmute(
    ctx: Context<'_>,
    #[description = "Which alert; all of this server when left out"]
    #[autocomplete = "autocomplete::alert"]
    alert: Option<Written<AlertId>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = unmuted(&ctx.data().app, &caller, alert.map(|alert| alert.0));
    super::answer_with_news(app, answer).await
}

async fn muted(
    app: &App,
    caller: &Caller,
    id: Option<AlertId>,
    length: Span,
) -> Result<Message, CommandError> {
    let guild = caller.server()?;
    if length.0.is_zero() || length > LONGEST {
        return Err(Trouble::MuteTooLong(length).into());
    }
    let alerts: Vec<AlertId> = meant(app, guild, id)
        .await?
        .iter()
        .map(|alert| alert.id)
        .collect();
    mute_alerts(app, guild, caller.user, &alerts, length).await
}

/// The alert of that number, or all that the server has.
async fn meant(app: &App, guild: GuildId, id: Option<AlertId>) -> Result<Vec<Alert>, CommandError> {
    match id {
        Some(id) => Ok(vec![super::owned(app, guild, id).await?]),
        None => match app.store.alerts_of(guild).await? {
            none if none.is_empty() => Err(Trouble::NoAlerts.into()),
            all => Ok(all),
        },
    }
}

/// Has alerts be silent for so long.
pub(in crate::discord::commands) async fn mute_alerts(
    app: &App,
    guild: GuildId,
    person: UserId,
    alerts: &[AlertId],
    length: Span,
) -> Result<Message, CommandError> {
    let at = app.clock.now();
    let until = at.plus(length.0);
    let deed = Deed {
        guild,
        at,
        person: Some(person),
        words: format!("muted {} for {}", who(alerts), span(length)),
    };
    let muted = app.alerting.mute(&app.store, alerts, until, &deed).await?;
    if let ([only], []) = (alerts, &muted[..]) {
        return Err(Trouble::AlertUnknown(*only).into());
    }
    app.delivery.poke();
    Ok(render::spoken::muted(&muted, until))
}

async fn unmuted(app: &App, caller: &Caller, id: Option<AlertId>) -> Result<Message, CommandError> {
    let guild = caller.server()?;
    let at = app.clock.now();
    let mut alerts = meant(app, guild, id).await?;
    alerts.retain(|alert| alert.manner.muted(at).is_some());
    if alerts.is_empty() {
        return Err(Trouble::NotMuted(id).into());
    }
    let numbers: Vec<AlertId> = alerts.iter().map(|alert| alert.id).collect();
    let deed = Deed {
        guild,
        at,
        person: Some(caller.user),
        words: format!("unmuted {}", who(&numbers)),
    };
    app.alerting.mute(&app.store, &numbers, at, &deed).await?;
    app.delivery.poke();
    Ok(render::spoken::unmuted(&numbers))
}

fn who(alerts: &[AlertId]) -> String {
    match alerts {
        [one] => format!("alert #{one}"),
        many => format!("{} alerts", many.len()),
    }
}
