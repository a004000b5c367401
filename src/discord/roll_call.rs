//! Which servers the bot is in, where no gateway tells: asked of Discord once a day. Only a whole answer
//! counts, since what is kept of a server that was left goes after a month.

use std::{collections::HashSet, time::Duration};

use poise::serenity_prelude as serenity;
use serenity::{GuildPagination, Http};
use tracing::{debug, warn};

use super::context::Bot;
use crate::{domain::ids::GuildId, store::StoreError};

const EVERY: Duration = Duration::from_hours(24);

/// After Discord could not be asked, or not to the end.
const AGAIN: Duration = Duration::from_hours(1);

/// Servers in one answer; Discord tells no more at a time.
const PAGE: u64 = 200;

/// From one page to the next: no limiter stands between.
const BETWEEN_PAGES: Duration = Duration::from_secs(2);

/// Compares what Discord tells with what is kept, for ever.
pub(super) async fn call(bot: &Bot, http: &Http) {
    loop {
        let wait = match there(http).await {
            Ok(there) => {
                debug!(servers = there.len(), "Discord has told where the bot is");
                if let Err(error) = compare(bot, &there).await {
                    bot.unnoted(&error);
                }
                EVERY
            }
            Err(error) => {
                warn!(%error, again_in = ?AGAIN, "Discord does not tell which servers the bot is in");
                AGAIN
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// Every server that the bot is in. A page that is not full need not be the last one: it goes on until one is
/// empty.
async fn there(http: &Http) -> serenity::Result<HashSet<GuildId>> {
    let mut there = HashSet::new();
    let mut last = None;
    loop {
        let from = last.map(GuildPagination::After);
        let page = http.get_guilds(from, Some(PAGE)).await?;
        let Some(newest) = page.iter().map(|guild| guild.id).max() else {
            return Ok(there);
        };
        if last.is_some_and(|last| newest <= last) {
            return Err(serenity::Error::Other("a page begins anew"));
        }
        last = Some(newest);
        tokio::time::sleep(BETWEEN_PAGES).await;
        there.extend(page.iter().map(|guild| GuildId(guild.id.get())));
    }
}

/// Notes who has removed the bot and who is back.
async fn compare(bot: &Bot, there: &HashSet<GuildId>) -> Result<(), StoreError> {
    let app = &bot.app;
    for guild in app.store.known_servers().await? {
        if there.contains(&guild) {
            bot.is_in(guild).await;
        } else {
            app.store.note_left(guild, app.clock.now()).await?;
        }
    }
    Ok(())
}
