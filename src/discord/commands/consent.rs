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
    kept(&bot.app, owner, wish).await
}

/// They have seen it and want it.
pub async fn wanted(bot: &Bot, owner: UserId, held: u32) -> Result<Message, CommandError> {
    let now = bot.app.clock.now();
    let wish = bot.pending.take(owner, held, now).ok_or(Trouble::Expired)?;
    keep_or_ask(bot, owner, wish).await
}

async fn kept(app: &App, owner: UserId, wish: Wish) -> Result<Message, CommandError> {
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
