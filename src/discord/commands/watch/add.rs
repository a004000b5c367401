//! `/watch add`: to be written to about a verdict, a rate or a lock, of a pool or of all that is held.

use super::super::consent::{Wish, keep_or_ask};
use crate::{
    app::App,
    discord::{
        autocomplete,
        commands::answer_alone,
        context::{Bot, Caller, Context, parts},
        errors::{CommandError, Trouble},
        lookup,
        params::{Choice, Name, OneOf, Written},
    },
    domain::{
        episode::Timing,
        rate::Percent,
        time::Span,
        watch::{Of, Watch, What},
    },
    render::message::Message,
};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Verdict,
    Gone,
    Rate,
    Unlock,
}

impl Choice for When {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        vec![
            ("the verdict gets worse", "verdict", Self::Verdict),
            ("the source no longer lists it", "gone", Self::Gone),
            ("the rate is under a value", "rate", Self::Rate),
            ("a lock ends soon", "unlock", Self::Unlock),
        ]
    }
}

/// A longer hold would outlive most of what it waits for.
const LONGEST_HOLD: Span = Span::days(7);
/// A lock is told so many days before it ends.
const USUAL_DAYS: u16 = 7;
const MOST_DAYS: u16 = 366;

/// Be written to when a verdict gets worse, a pool is gone, a rate falls, or a lock ends
#[poise::command(slash_command)]
pub(super) async fn add(
    ctx: Context<'_>,
    #[description = "What to wait for"] when: OneOf<When>,
    #[description = "Under how many percent, for a rate; how many days before, for a lock"]
    #[min = 0]
    #[max = 1_000_000]
    value: Option<f64>,
    #[description = "One pool, held or not; all that you hold when left out"]
    #[autocomplete = "autocomplete::pool"]
    pool: Option<Name>,
    #[description = "How long it has to stay so first; 2h when left out, or what the operator set"]
    hold: Option<Written<Span>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let asked = Asked {
        when: when.0,
        value,
        pool,
        hold: hold.map(|hold| hold.0),
    };
    answer_alone(app, answer(ctx.data(), &caller, asked)).await
}

/// What was asked for, as it was written.
struct Asked {
    when: When,
    value: Option<f64>,
    pool: Option<Name>,
    hold: Option<Span>,
}

async fn answer(bot: &Bot, caller: &Caller, asked: Asked) -> Result<Message, CommandError> {
    let app = &bot.app;
    let what = what(app, &asked)?;
    let timing = timing(app, asked.hold)?;
    let watch = Watch::new(what, timing, app.clock.now());
    keep_or_ask(bot, caller.user, Wish::Watch(Box::new(watch))).await
}

fn what(app: &App, asked: &Asked) -> Result<What, Trouble> {
    let of = match &asked.pool {
        Some(name) => Of::Pool(lookup::pool(&app.market.snapshot(), name)?.pool.id),
        None => Of::Mine,
    };
    let without_value = match asked.when {
        When::Verdict => Some("a verdict"),
        When::Gone => Some("a pool that is gone"),
        When::Rate | When::Unlock => None,
    };
    if let (Some(of), true) = (without_value, asked.value.is_some()) {
        let option = "value";
        return Err(Trouble::MeansNothing { option, of });
    }
    if asked.when == When::Unlock && asked.hold.is_some() {
        return Err(Trouble::MeansNothing {
            option: "hold",
            of: "a lock",
        });
    }
    Ok(match asked.when {
        When::Verdict => What::Verdict { of },
        When::Gone => What::Gone { of },
        When::Rate => {
            let under = asked
                .value
                .filter(|value| *value > 0.0)
                .and_then(Percent::new);
            What::Rate {
                of,
                under: under.ok_or(Trouble::RateToWatchNeeded)?,
            }
        }
        When::Unlock if of != Of::Mine => return Err(Trouble::LockOfPool),
        When::Unlock => What::Unlock {
            days: days(asked.value)?,
        },
    })
}

fn days(value: Option<f64>) -> Result<u16, Trouble> {
    let Some(value) = value else {
        return Ok(USUAL_DAYS);
    };
    let whole = (1..=MOST_DAYS).find(|days| (f64::from(*days) - value).abs() < f64::EPSILON);
    whole.ok_or(Trouble::DaysToWatch { most: MOST_DAYS })
}

/// What is usual here, but for how long it has to hold.
pub(super) fn timing(app: &App, hold: Option<Span>) -> Result<Timing, Trouble> {
    let usual = Timing {
        remind: None,
        ..app.config.alerts.timing
    };
    match hold {
        None => Ok(usual),
        Some(hold) if hold > LONGEST_HOLD => Err(Trouble::HoldTooLong(hold)),
        // What is told soon is over soon.
        Some(hold) => Ok(Timing {
            hold,
            clear_hold: usual.clear_hold.min(Span(hold.0 * 2)),
            remind: None,
        }),
    }
}
