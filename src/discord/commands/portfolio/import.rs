//! `/portfolio import`: positions of a file, shown before any of them is kept.

use poise::serenity_prelude as serenity;

use super::table::{self, Known, Table};
use crate::{
    app::App,
    discord::{
        attached,
        buttons::Button,
        commands::consent::{self, Wish},
        context::{Bot, Context, parts},
        errors::{CommandError, Trouble},
    },
    domain::{
        ids::{PositionId, UserId},
        position::{Position, Stake},
    },
    render::{self, message::Message},
};

/// Two hundred positions have some 40 KiB.
const LONGEST_KIB: u32 = 512;

/// Take positions over from a file; you see what is in it before anything is kept
#[poise::command(slash_command)]
pub(super) async fn import(
    ctx: Context<'_>,
    #[description = "A table as /portfolio export writes it: comma-separated, with a line of column names"]
    file: serenity::Attachment,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = answer(ctx.data(), caller.user, file);
    super::super::answer_alone(app, answer).await
}

async fn answer(
    bot: &Bot,
    owner: UserId,
    file: serenity::Attachment,
) -> Result<Message, CommandError> {
    let bytes = attached::bytes(&file, LONGEST_KIB, &bot.app.config.discord.api_url).await?;
    previewed(bot, owner, &bytes).await
}

async fn previewed(bot: &Bot, owner: UserId, bytes: &[u8]) -> Result<Message, CommandError> {
    let app = &bot.app;
    let now = app.clock.now();
    let chosen = app.store.chosen(owner).await?;
    let market = app.market.view(now);
    let known = Known {
        market: &market,
        today: chosen.zone.day(now),
        usual: chosen.currency,
    };
    let held = app.store.positions(owner).await?;
    let Table { stakes, bad } = table::read(bytes, &known, &held)?;
    if held.len() + stakes.len() > super::limit(app) {
        return Err(too_many(app, held.len(), stakes.len()).into());
    }
    let positions = stakes.iter().map(|stake| Position {
        id: PositionId(0),
        owner,
        stake: stake.clone(),
        added_at: now,
    });
    let valued = app
        .market
        .valued(&app.store, &market, positions.collect(), now);
    let portfolio = valued.await;
    let named = portfolio
        .lines
        .iter()
        .map(|line| super::named(&market, line));
    let buttons = (!stakes.is_empty()).then(|| {
        let keep = consent::held(bot, owner, Wish::Positions(stakes.clone()));
        [keep, Button::Cancel { owner }.encode()]
    });
    let lines: Vec<_> = named.collect();
    let rates = super::rates(&market);
    Ok(render::portfolio::preview(&lines, &bad, &rates, buttons))
}

/// Keeps all of them, or none where there is no room.
pub async fn kept(app: &App, owner: UserId, stakes: &[Stake]) -> Result<Message, CommandError> {
    let now = app.clock.now();
    let added = app
        .store
        .add_positions(owner, stakes, super::limit(app), now)
        .await?;
    let Ok(added) = added else {
        let held = app.store.positions(owner).await?;
        return Err(too_many(app, held.len(), stakes.len()).into());
    };
    Ok(render::portfolio::imported(added.len()))
}

fn too_many(app: &App, kept: usize, added: usize) -> Trouble {
    let limit = super::limit(app);
    Trouble::PositionsDoNotFit { kept, added, limit }
}
