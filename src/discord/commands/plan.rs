//! `/plan`: what an income takes, and what a capital becomes. Pure reckoning, of which nothing is kept.

use crate::{
    discord::{
        context::Context,
        errors::{CommandError, Trouble},
    },
    domain::{currency::Currency, money::Sum, plan::PlanError, rate::Percent, time::Timestamp},
    market::view::View,
    render::plan::Today,
};

pub mod allocate;
pub mod capital;
pub mod cashflow;
pub mod goal;
pub mod index;
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
        "cashflow::cashflow"
    )
)]
#[expect(
    clippy::unused_async,
    reason = "a command is an async function, and this one only groups others"
)]
pub(super) async fn plan(_: Context<'_>) -> Result<(), CommandError> {
    Ok(())
}

/// The one currency of a plan: what was written with an amount, else what was chosen, else US dollars.
fn currency(
    written: impl IntoIterator<Item = Sum>,
    chosen: Option<Currency>,
) -> Result<Currency, Trouble> {
    let written = written.into_iter().filter_map(|sum| sum.currency);
    let mut named = written.chain(chosen);
    let Some(one) = named.next() else {
        return Ok(Currency::default());
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
        assert_eq!(currency(sums(&["€250k", "20k"]), None), Ok(Currency::Eur));
        assert_eq!(currency(sums(&["250k"]), None), Ok(Currency::Usd));
        let chosen = currency(sums(&["250k"]), Some(Currency::Chf));
        assert_eq!(chosen, Ok(Currency::Chf));
        let both = Trouble::CurrenciesDiffer(Currency::Eur, Currency::Chf);
        assert_eq!(currency(sums(&["€250k"]), Some(Currency::Chf)), Err(both));
    }
}
