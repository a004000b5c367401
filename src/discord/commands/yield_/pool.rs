//! `/yield pool`: one pool in full.

use crate::{
    discord::{
        autocomplete,
        commands::shown_to,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        lookup,
        params::Name,
        reply,
    },
    domain::listing::Listing,
    market::{around::Around, closes::PoolPast, view::View},
    render::{self, message::Message, pool::Beside},
};

/// What a pool pays, who pays it, and whether it will last
#[poise::command(slash_command)]
pub(super) async fn pool(
    ctx: Context<'_>,
    #[description = "Pool: pick one, or write its asset, protocol and chain"]
    #[autocomplete = "autocomplete::pool"]
    pool: Name,
    #[description = "Show the answer to you alone"] private: Option<bool>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let bot = ctx.data();
    let now = bot.app.clock.now();
    let market = bot.app.market.view(now);
    let (facts, networks) = (bot.app.market.facts(), bot.app.market.networks());
    let around = Around {
        market: &market,
        facts: &facts,
        networks: &networks,
        now,
    };
    let past = |listing: &Listing| bot.app.market.remembered_past_of(listing, now);
    let message = answer(&market, around, &pool, past)?;
    reply::send(app, message, shown_to(bot, &caller, private)).await?;
    // Nobody waits for past prices here; whoever looks next is told of them.
    bot.app
        .market
        .past_of(lookup::pool(&market, &pool)?, now)
        .await;
    Ok(())
}

/// Looks the pool up and words it, with what `past` prices are remembered of it.
pub fn answer(
    market: &View,
    around: Around<'_>,
    asked: &Name,
    past: impl Fn(&Listing) -> PoolPast,
) -> Result<Message, Trouble> {
    let listing = lookup::pool(market, asked)?;
    let past = past(listing);
    let beside = Beside {
        paid: &around.paid(listing, &past),
        findings: &around.risks(listing, &past),
        prices_unasked: past.is_unasked,
    };
    let view = super::view(market, listing);
    Ok(render::pool::pool(&view, &beside, around.now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{time::Timestamp, verdict::Screen},
        market::{
            facts::Facts,
            fixture::{after, hour, row},
            health::Health,
            networks::Networks,
            snapshot::Snapshot,
        },
    };

    /// What is told at this hour of a pool that was read at hour 0 and never again.
    fn told(at: Timestamp) -> String {
        let change = after(&Snapshot::default(), hour(0), vec![row(1, 4.0)]);
        let health = Health::default();
        let market = View::new(change.snapshot.into(), &health, &Screen::default(), at);
        let asked = Name("USDC".to_owned());
        let around = Around {
            market: &market,
            facts: &Facts::default(),
            networks: &Networks::default(),
            now: at,
        };
        answer(&market, around, &asked, |_| PoolPast::default())
            .unwrap()
            .to_discord()
            .to_string()
    }

    #[test]
    fn a_source_that_is_dead_for_days_is_not_shown_as_fresh() {
        let (fresh, dead) = (told(hour(1)), told(hour(72)));
        assert!(fresh.contains("fresh and plausible"), "{fresh}");
        assert!(fresh.contains("✅ sustainable"), "{fresh}");
        assert!(!dead.contains("fresh and plausible"), "{dead}");
        assert!(!dead.contains("✅ sustainable"), "{dead}");
        for words in [
            "**stale**",
            "❔ unknown",
            "no usable answer since <t:1771200000:f>",
        ] {
            assert!(dead.contains(words), "{words}: {dead}");
        }
    }
}
