//! `/plan`: what an income takes, and what a capital becomes. Pure reckoning, of which nothing is kept but a
//! goal that its asker wants to be kept.

use crate::{
    app::App,
    discord::{
        commands::{
            Application,
            consent::{self, Wish},
        },
        context::{Bot, Caller, Context},
        errors::{CommandError, Trouble},
        params::Written,
    },
    domain::{
        currency::Currency,
        ids::UserId,
        money::Sum,
        plan::{Goal, PlanError},
        rate::Percent,
        time::Timestamp,
    },
    market::view::View,
    render::{
        self,
        message::{Button, ButtonStyle, Message},
        plan::Today,
    },
};

pub mod allocate;
pub mod capital;
pub mod cashflow;
pub mod delete;
pub mod goal;
pub mod index;
pub mod list;
pub mod project;
pub mod scenario;

/// What an income takes, and what a capital becomes
#[poise::command(
    slash_command,
    subcommand_required,
    install_context = "Guild|User",
    interaction_context = "Guild|BotDm|PrivateChannel",
    subcommands(
        "goal::goal",
        "capital::capital",
        "allocate::allocate",
        "index::index",
        "scenario::scenario",
        "project::project",
        "cashflow::cashflow",
        "list::list",
        "delete::delete"
    )
)]
#[expect(
    clippy::unused_async,
    reason = "a command is an async function, and this one only groups others"
)]
pub(super) async fn plan(_: Context<'_>) -> Result<(), CommandError> {
    Ok(())
}

/// A plan in words, with the wish behind it where there is one.
#[derive(Debug)]
pub struct Planned {
    pub message: Message,
    pub goal: Option<Goal>,
}

/// Answers the asker alone, with a button that keeps the wish as a goal of theirs.
async fn tell(
    ctx: Application<'_>,
    bot: &Bot,
    caller: &Caller,
    planned: Planned,
) -> Result<(), CommandError> {
    let message = match planned.goal {
        Some(goal) => {
            let save = consent::beside(bot, caller.user, Wish::Goal(goal));
            planned.message.with_buttons([Button::press(
                "Save as my goal",
                ButtonStyle::Secondary,
                save,
            )])
        }
        None => planned.message,
    };
    super::send_alone(ctx, message).await
}

/// Goals that one person may keep.
const MOST_GOALS: usize = 20;

/// Keeps a goal, and tells what it is for.
pub async fn kept(app: &App, owner: UserId, goal: &Goal) -> Result<Message, CommandError> {
    let added = app.store.add_goal(owner, goal, MOST_GOALS, app.clock.now());
    let full = Trouble::TooManyGoals { limit: MOST_GOALS };
    added.await?.map_err(|_| full)?;
    Ok(render::plan::goals::kept(goal))
}

/// What amounts are in that name no currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ToldIn {
    /// As the asker said with the plan.
    pub named: Option<Currency>,
    /// What the asker reckons in else.
    pub usual: Currency,
}

/// What an asker's amounts are in.
async fn told_in(
    bot: &Bot,
    caller: &Caller,
    named: Option<Written<Currency>>,
) -> Result<ToldIn, CommandError> {
    let usual = bot.app.store.chosen(caller.user).await?.currency;
    Ok(ToldIn {
        named: named.map(|named| named.0),
        // Plans are of amounts, also those of people who keep none.
        usual: match usual {
            Currency::Share => Currency::default(),
            currency => currency,
        },
    })
}

/// What is taken off the income, in percent: what was said with the plan, else what the asker chose for their
/// own figures.
async fn tax(bot: &Bot, caller: &Caller, said: Option<f64>) -> Result<Option<f64>, CommandError> {
    if said.is_some() {
        return Ok(said);
    }
    let chosen = bot.app.store.chosen(caller.user).await?;
    Ok(chosen.tax.map(Percent::get))
}

/// The one currency of a plan: what was written with an amount, else what was said with the plan, else what
/// the asker reckons in.
fn currency(written: impl IntoIterator<Item = Sum>, told: ToldIn) -> Result<Currency, Trouble> {
    let written = written.into_iter().filter_map(|sum| sum.currency);
    let mut named = written.chain(told.named);
    let Some(one) = named.next() else {
        return Ok(told.usual);
    };
    match named.find(|other| *other != one) {
        Some(other) => Err(Trouble::CurrenciesDiffer(one, other)),
        None => Ok(one),
    }
}

/// A figure in percent as Discord hands it over.
fn percent(figure: f64) -> Result<Percent, Trouble> {
    Percent::new(figure).ok_or(Trouble::Plan(PlanError::BeyondAllNumbers))
}

/// Where the figures of the market come from.
fn today(market: &View, now: Timestamp) -> Today<'_> {
    Today {
        source: market.origin.source,
        fetched_at: market.answered_at,
        now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_has_one_currency() {
        let sums = |texts: &[&str]| -> Vec<Sum> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let named = |named| ToldIn {
            named,
            usual: Currency::Chf,
        };
        let told = |texts: &[&str], said| currency(sums(texts), named(said));
        assert_eq!(told(&["€250k", "20k"], None), Ok(Currency::Eur));
        assert_eq!(told(&["250k"], None), Ok(Currency::Chf));
        assert_eq!(told(&["250k"], Some(Currency::Usd)), Ok(Currency::Usd));
        let both = Trouble::CurrenciesDiffer(Currency::Eur, Currency::Usd);
        assert_eq!(told(&["€250k"], Some(Currency::Usd)), Err(both));
    }
}
