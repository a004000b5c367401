//! Nothing of a person is kept before they have agreed to it once, and nothing that is previewed before they
//! have seen it. What waits for either is held in memory, and its button holds a number.

use crate::{
    app::App,
    discord::{
        buttons::Button,
        context::Bot,
        errors::{CommandError, Trouble},
    },
    domain::{
        currency::Currency,
        ids::UserId,
        ledger::Entry,
        person::{Chosen, Look},
        plan::Goal,
        position::Stake,
        watch::Watch,
    },
    render::{self, message::Message},
};

use super::{ledger, plan, portfolio, watch};

/// What a person wants to be kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// One position, told by hand.
    Position(Box<Stake>),
    /// Those of a file.
    Positions(Vec<Stake>),
    Chosen(Chosen),
    Goal(Goal),
    /// How things stood when a review was done.
    Review(Look),
    /// Income that was received, told by hand.
    Entry(Box<Entry>),
    /// That of a file.
    Entries(Vec<Entry>),
    /// Something to be written to about.
    Watch(Box<Watch>),
    /// Pay-outs that were expected, as far as their amounts are known.
    Payouts(Vec<Entry>),
}

/// Keeps it, or asks for the person's consent where they have not given it yet.
pub async fn keep_or_ask(bot: &Bot, owner: UserId, wish: Wish) -> Result<Message, CommandError> {
    fits(&bot.app, owner, &wish).await?;
    if bot.app.store.agreed(owner).await? {
        return kept(&bot.app, owner, wish).await;
    }
    let held = bot.pending.hold(owner, wish, bot.app.clock.now());
    let agree = Button::Agree { owner, held }.encode();
    Ok(render::privacy::consent(agree))
}

/// Holds what the person is shown a preview of, and answers with the custom id of the button that keeps it.
pub fn held(bot: &Bot, owner: UserId, wish: Wish) -> String {
    let held = bot.pending.hold(owner, wish, bot.app.clock.now());
    Button::Keep { owner, held }.encode()
}

/// Likewise, where what the button stands on is to stay as it is.
pub fn beside(bot: &Bot, owner: UserId, wish: Wish) -> String {
    let held = bot.pending.hold(owner, wish, bot.app.clock.now());
    Button::Save { owner, held }.encode()
}

/// They have agreed: that is noted, and what waited for it is kept.
pub async fn agreed(bot: &Bot, owner: UserId, held: u32) -> Result<Message, CommandError> {
    let now = bot.app.clock.now();
    let wish = bot.pending.take(owner, held, now).ok_or(Trouble::Expired)?;
    bot.app.store.agree(owner, now).await?;
    fits(&bot.app, owner, &wish).await?;
    kept(&bot.app, owner, wish).await
}

/// They have seen it and want it.
pub async fn wanted(bot: &Bot, owner: UserId, held: u32) -> Result<Message, CommandError> {
    let now = bot.app.clock.now();
    let wish = bot.pending.take(owner, held, now).ok_or(Trouble::Expired)?;
    keep_or_ask(bot, owner, wish).await
}

/// Whoever keeps shares of the whole keeps no amount, and changes over only while nothing of the other kind is
/// there.
async fn fits(app: &App, owner: UserId, wish: &Wish) -> Result<(), CommandError> {
    let before = app.store.chosen(owner).await?.currency;
    let keeps_shares = before == Currency::Share;
    match wish {
        Wish::Position(stake) => portfolio::fits(stake, before)?,
        Wish::Positions(stakes) => {
            for stake in stakes {
                portfolio::fits(stake, before)?;
            }
        }
        Wish::Goal(_) | Wish::Entry(_) | Wish::Entries(_) | Wish::Payouts(_) if keeps_shares => {
            return Err(Trouble::SharesKept.into());
        }
        Wish::Chosen(chosen) if (chosen.currency == Currency::Share) != keeps_shares => {
            let store = &app.store;
            let is_empty = store.positions(owner).await?.is_empty()
                && store.entries(owner).await?.is_empty()
                && store.goals(owner).await?.is_empty();
            if !is_empty {
                return Err(Trouble::KeptOtherwise.into());
            }
        }
        _ => {}
    }
    Ok(())
}

async fn kept(app: &App, owner: UserId, wish: Wish) -> Result<Message, CommandError> {
    app.store.note_use(owner, app.clock.now()).await?;
    match wish {
        Wish::Position(stake) => portfolio::add::kept(app, owner, *stake).await,
        Wish::Positions(stakes) => portfolio::import::kept(app, owner, &stakes).await,
        Wish::Review(look) => portfolio::review::kept(app, owner, &look).await,
        Wish::Watch(watch) => watch::kept(app, owner, *watch).await,
        Wish::Goal(goal) => plan::kept(app, owner, &goal).await,
        Wish::Entry(entry) => ledger::log::kept(app, owner, *entry).await,
        Wish::Payouts(entries) => ledger::import::payouts(app, owner, entries).await,
        Wish::Entries(entries) => ledger::import::kept(app, owner, &entries).await,
        Wish::Chosen(chosen) => portfolio::settings::kept(app, owner, &chosen).await,
    }
}
