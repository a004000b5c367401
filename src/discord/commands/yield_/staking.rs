//! `/yield staking`: what staking an asset pays, by each way of doing it.

use rust_decimal::Decimal;

use crate::{
    discord::{
        autocomplete,
        commands::shown_to,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        params::{Choice, Name, OneOf, Written},
        reply,
    },
    domain::{
        money::Amount,
        rate::Percent,
        staking::{Approach, Network, Unknown},
        time::Timestamp,
    },
    market::{networks::Networks, view::View},
    render::{self, message::Message, text},
};

/// How many pools of liquid staking one answer shows.
const SHOWN: usize = 3;
/// How many assets are suggested for one that is not known.
const SUGGESTED: usize = 5;

/// What staking pays: direct, delegated and liquid
#[poise::command(slash_command)]
pub(super) async fn staking(
    ctx: Context<'_>,
    #[description = "What is staked: ETH, SOL, DOT, ATOM, ADA, or what a pool of liquid staking holds"]
    #[autocomplete = "autocomplete::staked_asset"]
    asset: Name,
    #[description = "How it is staked; every way when left out"] approach: Option<OneOf<Way>>,
    #[description = "What the validator keeps of the rewards, in percent"]
    #[min = 0]
    #[max = 100]
    commission: Option<f64>,
    #[description = "How much is staked, in units of the asset, such as 32"] amount: Option<
        Written<Amount>,
    >,
    #[description = "Show the answer to you alone"] private: Option<bool>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let bot = ctx.data();
    let now = bot.app.clock.now();
    let asked = Asked {
        asset,
        approach: approach.and_then(|way| way.0.0),
        commission: commission.and_then(Percent::new),
        amount: amount.map(|amount| amount.0.get()),
    };
    let message = answer(
        &bot.app.market.view(now),
        &bot.app.market.networks(),
        &asked,
        now,
    )?;
    reply::send(app, message, shown_to(bot, &caller, private)).await
}

/// A way of staking, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way(Option<Approach>);

impl Choice for Way {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        let way = |approach: Approach| {
            let name = match approach {
                Approach::Direct => "direct: a validator of your own",
                Approach::Delegated => "delegated: through a validator",
                Approach::Liquid => "liquid: against a receipt token",
            };
            (name, approach.slug(), Self(Some(approach)))
        };
        let all = [("every way", "all", Self(None))];
        Approach::ALL.into_iter().map(way).chain(all).collect()
    }
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub asset: Name,
    pub approach: Option<Approach>,
    /// Percent of the rewards.
    pub commission: Option<Percent>,
    /// Units of the asset.
    pub amount: Option<Decimal>,
}

/// Puts together what is known, and words it. A network is answered for even while the market is empty.
pub fn answer(
    market: &View,
    networks: &Networks,
    asked: &Asked,
    now: Timestamp,
) -> Result<Message, Trouble> {
    let written = asked.asset.0.as_str();
    let network = Network::of_asset(written);
    let asset = match network {
        Some(network) => network.asset(),
        None => written,
    };
    let found: Vec<_> = market.liquid_staking(asset).collect();
    if network.is_none() && found.is_empty() {
        return Err(not_staked(market, written));
    }
    let pools: Vec<_> = found
        .iter()
        .take(SHOWN)
        .map(|listing| super::view(market, listing))
        .collect();
    Ok(render::staking::staking(
        &render::staking::StakingView {
            asset,
            network,
            approach: asked.approach,
            rate: network.map_or(Err(Unknown::NoSource), |network| {
                networks.rate(network, now)
            }),
            receipt: network.and_then(|network| networks.receipt(network, now)),
            rating: network.and_then(|network| networks.rating(network, now)),
            commission: asked.commission,
            amount: asked.amount,
            pools: &pools,
            all_pools: found.len(),
            source: market.origin.source,
            fetched_at: market.answered_at,
        },
        now,
    ))
}

fn not_staked(market: &View, written: &str) -> Trouble {
    let mut closest = market.staked_assets(written, SUGGESTED);
    if closest.is_empty() {
        closest = market.staked_assets("", SUGGESTED);
    }
    Trouble::NameUnknown {
        what: "staked asset",
        text: written.to_owned(),
        closest: closest.iter().map(|name| text::name(name)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{method::Method, pool::Pool, staking::NetworkRate, time::Span, verdict::Screen},
        market::{
            fixture::{after, hour, pool, row},
            health::Health,
            networks::{Origin, Said},
            snapshot::Snapshot,
        },
    };

    /// A market of one receipt of SOL and one of AVAX, or an empty one.
    fn market(is_empty: bool) -> View {
        let receipt = |number, symbol| {
            let mut row = row(number, 4.0);
            row.pool = Pool {
                method: Method::StakingLiquid,
                ..pool(number, symbol)
            };
            row
        };
        let rows = vec![receipt(1, "JITOSOL"), receipt(2, "SAVAX"), row(3, 4.0)];
        let snapshot = if is_empty {
            Snapshot::default()
        } else {
            after(&Snapshot::default(), hour(0), rows).snapshot
        };
        let health = Health::default();
        View::new(snapshot.into(), &health, &Screen::default(), hour(1))
    }

    /// What Solana's source has said at hour 0.
    fn networks() -> Networks {
        let rate = NetworkRate {
            network: Network::Solana,
            gross_apr: Percent::new(7.0),
            compounding: None,
            inflation: Percent::new(4.0),
            commission: None,
            community_tax: None,
            unlock: None,
            origin: "Solana RPC",
            read_at: hour(0),
        };
        Networks::watching([(Origin::Solana, Span::hours(6))]).with(
            Origin::Solana,
            Ok(Said::Rate(rate)),
            hour(0),
        )
    }

    fn asked(asset: &str) -> Asked {
        Asked {
            asset: Name(asset.to_owned()),
            approach: None,
            commission: Percent::new(5.0),
            amount: Some(Decimal::from(100)),
        }
    }

    fn told(market: &View, asset: &str, now: Timestamp) -> String {
        let message = answer(market, &networks(), &asked(asset), now).unwrap();
        message.to_discord().to_string()
    }

    #[test]
    fn a_network_is_told_with_its_rate_and_its_receipts() {
        let told = told(&market(false), "sol", hour(1));
        for words in [
            "Staking SOL on Solana",
            "**6.65 % APR**",
            "100 SOL bring 6.65 SOL a year",
            "JITOSOL",
            "nothing is taken by itself",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(!told.contains("SAVAX"), "{told}");
    }

    #[test]
    fn a_rate_of_four_days_ago_is_not_known() {
        let told = told(&market(false), "SOL", hour(96));
        assert!(told.contains("no usable answer since"), "{told}");
        assert!(!told.contains("6.65"), "{told}");
        assert!(told.contains("6–8 % a year: a reference"), "{told}");
    }

    #[test]
    fn a_network_is_answered_for_without_a_market() {
        let told = told(&market(true), "ETH", hour(1));
        assert!(told.contains("No pool of liquid staking"), "{told}");
        assert!(told.contains("3–5 %"), "{told}");
    }

    #[test]
    fn another_asset_is_told_by_its_receipts_alone() {
        let told = told(&market(false), "AVAX", hour(1));
        assert!(told.contains("Staking AVAX"), "{told}");
        assert!(told.contains("SAVAX"), "{told}");
        assert!(!told.contains("Slashing"), "{told}");
    }

    #[test]
    fn what_nobody_stakes_is_refused_with_what_there_is() {
        let refused = answer(&market(false), &networks(), &asked("USDC"), hour(1));
        let Err(Trouble::NameUnknown { closest, .. }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(closest, ["ETH", "SOL", "DOT", "ATOM", "ADA"]);
    }
}
