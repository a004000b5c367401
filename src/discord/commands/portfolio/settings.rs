//! `/portfolio settings`: the currency, the time zone and the tax that a person's figures are made with.

use crate::{
    app::App,
    discord::{
        autocomplete,
        commands::consent::{self, Wish},
        context::{Bot, Context, parts},
        errors::{CommandError, Trouble},
        params::{Name, Written},
    },
    domain::{
        currency::{Currency, Unit},
        ids::UserId,
        person::Chosen,
        plan::allocation::Shares,
        rate::Percent,
        zone::Zone,
    },
    render::{self, message::Message},
};

/// Your currency, time zone and tax rate; shows them when nothing is given
#[poise::command(slash_command)]
pub(super) async fn settings(
    ctx: Context<'_>,
    #[description = "The currency that you reckon in; shares keeps weights such as 40% and no amounts"]
    #[autocomplete = "autocomplete::unit"]
    currency: Option<Written<Unit>>,
    #[description = "For the dates in files and calendars, such as Europe/Berlin"]
    #[autocomplete = "autocomplete::zone"]
    time_zone: Option<Name>,
    #[description = "What you lay aside of income for tax, in percent; 0 for nothing"]
    #[min = 0]
    #[max = 99]
    tax_rate: Option<f64>,
    #[description = "How you want it divided, in percent: staking/lending/liquidity/farming, such as 45/35/15/5"]
    target: Option<Written<Shares>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let asked = Asked {
        currency: currency.map(|unit| unit.0.0),
        zone: time_zone,
        tax: tax_rate.and_then(Percent::new),
        target: target.map(|target| target.0),
    };
    let answer = answer(ctx.data(), caller.user, &asked);
    super::super::answer_alone(app, answer).await
}

/// What is to be otherwise.
struct Asked {
    currency: Option<Currency>,
    zone: Option<Name>,
    tax: Option<Percent>,
    target: Option<Shares>,
}

async fn answer(bot: &Bot, owner: UserId, asked: &Asked) -> Result<Message, CommandError> {
    let before = bot.app.store.chosen(owner).await?;
    let zone = match &asked.zone {
        Some(Name(name)) => Zone::parse(name).ok_or_else(|| Trouble::ZoneUnknown(name.clone()))?,
        None => before.zone,
    };
    let chosen = Chosen {
        currency: asked.currency.unwrap_or(before.currency),
        zone,
        tax: match asked.tax {
            Some(tax) => Some(tax).filter(|tax| tax.get() > 0.0),
            None => before.tax,
        },
        target: asked.target.or(before.target),
    };
    if chosen == before {
        return Ok(render::portfolio::settings(&chosen));
    }
    consent::keep_or_ask(bot, owner, Wish::Chosen(chosen)).await
}

/// Keeps what the person has chosen, and shows it.
pub async fn kept(app: &App, owner: UserId, chosen: &Chosen) -> Result<Message, CommandError> {
    app.store.choose(owner, chosen).await?;
    Ok(render::portfolio::settings(chosen))
}
