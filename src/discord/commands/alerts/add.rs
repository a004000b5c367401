//! `/alerts add`: a rule, a channel that can be posted to, and a silent start.

use poise::serenity_prelude as serenity;
use rust_decimal::prelude::ToPrimitive as _;

use super::{preview, templates};
use crate::{
    app::App,
    delivery::channel::ChannelRefused,
    discord::{
        authorize::Actor,
        autocomplete,
        buttons::Button,
        checks,
        commands::Application,
        context::{Bot, Caller, Context, parts},
        errors::{CommandError, Trouble},
        lookup,
        params::{Mode, Name, OneOf, Written},
    },
    domain::{
        alert::Rule,
        episode::Timing,
        ids::{AlertId, ChannelId, GuildId, RoleId},
        manner::Manner,
        method::MethodFilter,
        money::Amount,
        rule::{Condition, Kind, Terms, Unit},
        scope::Scope,
        time::Span,
        verdict::Verdict,
    },
    market::snapshot::Snapshot,
    render::{self, message::Message, numbers},
    store::rules::NewAlert,
};

/// A longer hold would outlive most of what it waits for.
const LONGEST_HOLD: Span = Span::days(7);
/// A reminder more often would be the repeating that it stands instead of.
const SHORTEST_REMINDER: Span = Span::hours(1);

/// Tell a channel when what pools pay changes
#[poise::command(slash_command, guild_only)]
#[expect(
    clippy::too_many_arguments,
    reason = "each is an option that Discord shows"
)]
pub(super) async fn add(
    ctx: Context<'_>,
    #[description = "What to watch for"] when: OneOf<Kind>,
    #[description = "How much, in percent or points; below zero for a change that is a fall"]
    #[min = -1_000_000]
    #[max = 1_000_000]
    value: Option<f64>,
    #[description = "One pool: pick it, or write its asset, protocol and chain"]
    #[autocomplete = "autocomplete::pool"]
    pool: Option<Name>,
    #[description = "Pools that hold this token, such as USDC"]
    #[autocomplete = "autocomplete::asset"]
    asset: Option<Name>,
    #[description = "Pools of this protocol, such as aave-v3"]
    #[autocomplete = "autocomplete::protocol"]
    protocol: Option<Name>,
    #[description = "Pools on this chain, such as Ethereum"]
    #[autocomplete = "autocomplete::chain"]
    chain: Option<Name>,
    #[description = "Pools that earn in this way"] method: Option<OneOf<MethodFilter>>,
    #[description = "Pools of at least this TVL in US dollars, such as 10m"] min_tvl: Option<
        Written<Amount>,
    >,
    #[description = "Only pools whose tokens all follow a currency"] stable_only: Option<bool>,
    #[description = "What the value of a change is in; percent when left out"] unit: Option<
        OneOf<Unit>,
    >,
    #[description = "How far a change looks back, such as 1d; up to 14d"] window: Option<
        Written<Span>,
    >,
    #[description = "How long it has to stay true first; 2h when left out, or what the operator set"]
    hold: Option<Written<Span>>,
    #[description = "How long it has to stay over; 4h when left out, or what the operator set"]
    clear_hold: Option<Written<Span>>,
    #[description = "Where it is over again; a fifth inside the value when left out"]
    #[min = 0]
    #[max = 1_000_000]
    clear_at: Option<f64>,
    #[description = "The verdict to wait for; unsustainable when left out"] verdict: Option<
        OneOf<Verdict>,
    >,
    #[description = "Where it is worse and told once more; twice as far when left out"]
    #[min = 0]
    #[max = 1_000_000]
    major: Option<f64>,
    #[description = "How often to say that it is still so, such as 1d, 1h at least; never when left out"]
    remind: Option<Written<Span>>,
    #[description = "Channel to tell; this one when left out"]
    #[channel_types("Text", "News", "PublicThread", "PrivateThread", "NewsThread")]
    channel: Option<serenity::PartialChannel>,
    #[description = "A role that its news call; nobody when left out"] role: Option<serenity::Role>,
    #[description = "At once, or in a digest; at once when left out"] mode: Option<OneOf<Mode>>,
    #[description = "Set it without a preview"] at_once: Option<bool>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let draft = Draft {
        when: when.0,
        terms: Terms {
            value,
            unit: unit.map(|unit| unit.0),
            window: window.map(|window| window.0),
            clear_at,
            verdict: verdict.map(|verdict| verdict.0),
            major,
        },
        remind: remind.map(|remind| remind.0),
        hold: hold.map(|hold| hold.0),
        clear_hold: clear_hold.map(|hold| hold.0),
        pool,
        asset,
        protocol,
        chain,
        method: method.map(|method| method.0),
        min_tvl: min_tvl.map(|amount| amount.0),
        stable_only: stable_only.unwrap_or(false),
        manner: Manner {
            role: role.as_ref().map(callable).transpose()?,
            digest: mode.and_then(|mode| mode.0.0),
            muted_until: None,
        },
    };
    let place = templates::place(&caller, channel.as_ref());
    let bot = ctx.data();
    let request = || {
        let wanted = Wanted {
            rule: rule(
                &bot.app.market.snapshot(),
                &draft,
                bot.app.config.alerts.timing,
            )?,
            manner: draft.manner,
            place,
        };
        check_place(&caller, place)?;
        Ok::<_, Trouble>(Request {
            caller,
            wanted: vec![wanted],
        })
    };
    // Proving a channel takes many calls, and their futures would lie in those of all commands.
    if at_once.unwrap_or(false) {
        let answer = Box::pin(async { keep(&bot.app, request()?).await });
        return super::answer_with_news(app, answer).await;
    }
    let answer = Box::pin(async { previewed(bot, app, request()?).await });
    super::answer_with_news(app, answer).await
}

/// Shows what an alert would have said, and keeps it until its maker sets it.
async fn previewed(
    bot: &Bot,
    ctx: Application<'_>,
    request: Request,
) -> Result<Message, CommandError> {
    let Some(wanted) = request.wanted.first().cloned() else {
        return Err(Trouble::NoAlerts.into());
    };
    check_room(&bot.app, request.caller.server()?, request.wanted.len()).await?;
    let mut budget = preview::Budget::default();
    let preview = preview::of(
        &bot.app,
        ctx,
        &wanted.rule,
        preview::USUAL_DAYS,
        &mut budget,
    )
    .await?;
    let buttons = offer(bot, request);
    Ok(render::preview::draft(
        &wanted.rule,
        wanted.place.channel,
        &preview,
        buttons,
    ))
}

/// Keeps what was asked for until its maker sets it or leaves it; the buttons to do so.
pub(super) fn offer(bot: &Bot, request: Request) -> [String; 2] {
    let owner = request.caller.user;
    let held = bot.drafts.hold(owner, request, bot.app.clock.now());
    [
        Button::Set { owner, held }.encode(),
        Button::Cancel { owner }.encode(),
    ]
}

/// Sets the alerts that their maker has seen the preview of.
///
/// They have to be in the server of which that was shown: in another one their rights say nothing of it.
pub async fn set(bot: &Bot, actor: &Actor, held: u32) -> Result<Message, CommandError> {
    let request = bot
        .drafts
        .take(actor.user, held, bot.app.clock.now())
        .filter(|request| request.caller.guild == actor.server)
        .ok_or(Trouble::Expired)?;
    Box::pin(keep(&bot.app, request)).await
}

/// Alerts that are to be set, and by whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub caller: Caller,
    pub wanted: Vec<Wanted>,
}

/// One alert that is to be set: what it watches, how it speaks, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pub rule: Rule,
    pub manner: Manner,
    pub place: Place,
}

/// A rule as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    pub when: Kind,
    pub terms: Terms,
    pub remind: Option<Span>,
    pub hold: Option<Span>,
    pub clear_hold: Option<Span>,
    pub pool: Option<Name>,
    pub asset: Option<Name>,
    pub protocol: Option<Name>,
    pub chain: Option<Name>,
    pub method: Option<MethodFilter>,
    pub min_tvl: Option<Amount>,
    pub stable_only: bool,
    pub manner: Manner,
}

/// A role that everybody may call, and that is not everybody.
pub(super) fn callable(role: &serenity::Role) -> Result<RoleId, Trouble> {
    let is_everyone = role.id.get() == role.guild_id.get();
    if role.mentionable && !is_everyone {
        Ok(RoleId(role.id.get()))
    } else {
        Err(Trouble::RoleUncallable)
    }
}

/// Where an alert is to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub channel: ChannelId,
    pub takes_notices: bool,
}

/// The rule that a draft means, with every name as the market writes it. `usual` is the timing of
/// alerts that ask for none.
pub fn rule(market: &Snapshot, draft: &Draft, usual: Timing) -> Result<Rule, Trouble> {
    let condition = Condition::new(draft.when, draft.terms).map_err(Trouble::Rule)?;
    let timing = timing(draft, draft.when.timing(usual))?;
    let pool = match &draft.pool {
        Some(asked) => Some(lookup::pool(market, asked)?.pool.id),
        None => None,
    };
    let scope = Scope {
        pool,
        asset: lookup::asset(market, draft.asset.as_ref())?,
        protocol: lookup::protocol(market, draft.protocol.as_ref())?,
        chain: lookup::chain(market, draft.chain.as_ref())?,
        method: draft.method,
        min_tvl: draft.min_tvl.and_then(|amount| amount.get().to_f64()),
        stable_only: draft.stable_only,
    };
    let scope = checked_scope(market, scope)?;
    Ok(Rule {
        scope,
        condition,
        timing,
    })
}

/// The timing that a draft asks for, and where it asks for none the usual one.
fn timing(draft: &Draft, usual: Timing) -> Result<Timing, Trouble> {
    checked(Timing {
        hold: draft.hold.unwrap_or(usual.hold),
        clear_hold: draft.clear_hold.unwrap_or(usual.clear_hold),
        remind: draft.remind.filter(|remind| !remind.0.is_zero()),
    })
}

/// Timing that is neither endless nor a nuisance.
pub(super) fn checked(timing: Timing) -> Result<Timing, Trouble> {
    let hold = timing.hold.max(timing.clear_hold);
    if hold > LONGEST_HOLD {
        return Err(Trouble::HoldTooLong(hold));
    }
    match timing.remind {
        Some(remind) if remind < SHORTEST_REMINDER => Err(Trouble::RemindsTooOften(remind)),
        _ => Ok(timing),
    }
}

/// A scope that is narrow enough to be watched and that a pool can fit.
pub(super) fn checked_scope(market: &Snapshot, scope: Scope) -> Result<Scope, Trouble> {
    let narrowed = Scope {
        stable_only: false,
        ..scope.clone()
    };
    let has_floor = scope.min_tvl.is_none_or(f64::is_finite);
    if narrowed.is_everything() || !has_floor {
        return Err(Trouble::ScopeTooWide);
    }
    // A floor on TVL may be met later; names that fit no pool together never are.
    let mut pools = market.listings().iter();
    if !market.is_empty() && !pools.any(|listing| scope.names(&listing.pool)) {
        return Err(Trouble::NothingMatches);
    }
    Ok(scope)
}

/// Sets what was asked for; of several the number is told, and of one all there is to say.
async fn keep(app: &App, request: Request) -> Result<Message, CommandError> {
    check_room(app, request.caller.server()?, request.wanted.len()).await?;
    let caller = request.caller;
    let mut told = Vec::with_capacity(request.wanted.len());
    for wanted in request.wanted {
        told.push(keep_one(app, &caller, wanted).await?);
    }
    Ok(match told.pop() {
        Some((_, only)) if told.is_empty() => only,
        Some((last, _)) => {
            let numbers: Vec<AlertId> = told.iter().map(|(id, _)| *id).chain([last]).collect();
            render::alerts::added_many(&numbers)
        }
        None => return Err(Trouble::NoAlerts.into()),
    })
}

async fn keep_one(
    app: &App,
    caller: &Caller,
    wanted: Wanted,
) -> Result<(AlertId, Message), CommandError> {
    let guild = caller.server()?;
    let market = app.market.snapshot();
    let channel = wanted.place.channel;
    let prepared = app
        .delivery
        .prepare(channel, guild)
        .await
        .map_err(refused)?;
    let now = app.clock.now();
    let new = NewAlert {
        guild,
        channel,
        rule: wanted.rule,
        manner: wanted.manner,
        created_by: caller.user,
    };
    let added = app
        .alerting
        .add(&app.store, &app.market, new, prepared.destination, now)
        .await?;
    let known = app.store.destination_for(channel).await?;
    let view = super::view(app, &market, &added.alert, known.as_ref()).await;
    let mut message = render::alerts::added(&view);
    let earliest = now.plus(added.alert.rule.timing.hold.0);
    let told = app.market.view(now);
    let told_at = told.is_silent.then(|| numbers::ago(told.answered_at));
    let met = met_words(added.pools, added.baseline, told_at.as_deref());
    let starts = start_words(&met, &numbers::ago(earliest));
    message.content = [message.content.as_str(), &starts]
        .into_iter()
        .chain(prepared.caution())
        .collect::<Vec<_>>()
        .join("\n");
    Ok((added.alert.id, message.fitted()))
}

/// A server may have so many alerts and no more.
pub(super) async fn check_room(app: &App, guild: GuildId, more: usize) -> Result<(), CommandError> {
    let limit = usize::try_from(app.config.alerts.per_guild).unwrap_or(usize::MAX);
    if app.store.alerts_of(guild).await?.len() + more > limit {
        return Err(Trouble::TooManyAlerts { limit }.into());
    }
    Ok(())
}

/// What meets a new alert already; `told_at` is when the source answered last, where that is too long ago to speak
/// of now.
fn met_words(pools: usize, baseline: usize, told_at: Option<&str>) -> String {
    let (one, more, when) = match told_at {
        None => ("meets it already", "meet it already", String::new()),
        Some(at) => (
            "met it",
            "met it",
            format!(" when the source last answered, {at}"),
        ),
    };
    match (pools, baseline, told_at) {
        (0, _, _) => "There is nothing to meet it yet.".to_owned(),
        (_, 0, None) => "No pool meets it at the moment.".to_owned(),
        (_, 0, Some(_)) => format!("No pool met it{when}."),
        (_, 1, _) => format!("1 pool {one}{when}."),
        (_, many, _) => format!("{many} pools {more}{when}."),
    }
}

/// When a new alert speaks for the first time.
fn start_words(met: &str, earliest: &str) -> String {
    format!("{met} It speaks {earliest} at the earliest, since the condition has to hold first.")
}

/// What the interaction itself says of the channel; the rest is found out by asking Discord.
pub(in crate::discord::commands) fn check_place(
    caller: &Caller,
    place: Place,
) -> Result<(), Trouble> {
    if !place.takes_notices {
        return Err(Trouble::ChannelUnfit);
    }
    if place.channel == caller.channel {
        let rights = checks::lacking(caller.our_rights);
        if !rights.is_empty() {
            let channel = place.channel;
            return Err(Trouble::RightsLacking { channel, rights });
        }
    }
    Ok(())
}

pub(in crate::discord::commands) fn refused(refused: ChannelRefused) -> CommandError {
    match refused {
        ChannelRefused::Store(error) => error.into(),
        other => Trouble::ChannelRefused(other.to_string()).into(),
    }
}

#[cfg(test)]
mod tests {
    use poise::serenity_prelude::Permissions;

    use super::*;
    use crate::domain::ids::UserId;

    fn caller(our_rights: Permissions) -> Caller {
        Caller {
            user: UserId(1),
            guild: Some(GuildId(2)),
            channel: ChannelId(3),
            takes_notices: true,
            rights: Permissions::MANAGE_GUILD,
            our_rights,
            interaction: 4,
        }
    }

    #[test]
    fn a_channel_that_cannot_be_told_is_refused_before_anything_is_done() {
        let here = Place {
            channel: ChannelId(3),
            takes_notices: true,
        };
        let elsewhere = Place {
            channel: ChannelId(9),
            ..here
        };
        let voice = Place {
            takes_notices: false,
            ..here
        };
        let blind = caller(Permissions::VIEW_CHANNEL);
        assert_eq!(
            check_place(&blind, here),
            Err(Trouble::RightsLacking {
                channel: ChannelId(3),
                rights: vec!["Manage Webhooks"],
            })
        );
        assert_eq!(check_place(&blind, elsewhere), Ok(()));
        let able = caller(Permissions::VIEW_CHANNEL | Permissions::MANAGE_WEBHOOKS);
        assert_eq!(check_place(&able, here), Ok(()));
        assert_eq!(check_place(&able, voice), Err(Trouble::ChannelUnfit));
    }

    #[test]
    fn the_start_is_told_in_words() {
        let told = [0, 1, 2].map(|met| met_words(5, met, None));
        assert_eq!(
            told,
            [
                "No pool meets it at the moment.",
                "1 pool meets it already.",
                "2 pools meet it already."
            ]
        );
        let silent = [0, 1, 2].map(|met| met_words(5, met, Some("long ago")));
        assert!(
            silent
                .iter()
                .all(|words| words.ends_with("last answered, long ago."))
        );
        assert_eq!(
            silent[0],
            "No pool met it when the source last answered, long ago."
        );
        assert!(
            start_words(&met_words(0, 0, None), "soon").contains("speaks soon at the earliest")
        );
    }
}
