//! What positions are worth and earn, by all that the market knows at the moment.

use rust_decimal::Decimal;

use super::{Market, prices::Asset, view::View};
use crate::{
    domain::{
        currency::Exchange,
        income::{LayerQuote, Portfolio, Quote},
        method::Method,
        money::Money,
        position::{Earns, Holding, Position, Stake},
        price::Quoted,
        staking::Approach,
        time::Timestamp,
    },
    store::Store,
};

impl Market {
    /// Puts rates and prices to positions. Prices are asked for in one question, so that a slow source
    /// costs two seconds and not two seconds a position.
    pub async fn valued(
        &self,
        store: &Store,
        view: &View,
        positions: Vec<Position>,
        now: Timestamp,
    ) -> Portfolio {
        let stakes = positions.iter().map(|position| &position.stake);
        let assets: Vec<Option<Asset<'_>>> = stakes.map(|stake| view.priced_by(stake)).collect();
        let sought: Vec<Asset<'_>> = assets.iter().flatten().copied().collect();
        let mut prices = self.prices_of(store, &sought, now).await.into_iter();
        let prices: Vec<Option<Quoted>> = assets
            .iter()
            .map(|asset| asset.and_then(|_| prices.next().flatten()))
            .collect();
        let exchange = self.exchange(now).unwrap_or_default();
        let quoted = positions.into_iter().zip(prices).map(|(position, price)| {
            let quote = self.quote(view, &exchange, &position.stake, price, now);
            (position, quote)
        });
        Portfolio::of(quoted)
    }

    fn quote(
        &self,
        view: &View,
        exchange: &Exchange,
        stake: &Stake,
        price: Option<Quoted>,
        now: Timestamp,
    ) -> Quote {
        let layers = stake.layers.iter();
        // US dollars for one unit of the money's currency.
        let unit = |money: Money| exchange.to_usd(Decimal::ONE, money.currency);
        Quote {
            layers: layers.map(|earns| self.layer(view, earns, now)).collect(),
            unit_usd: match &stake.holding {
                Holding::Worth(money) => unit(*money),
                Holding::Units { .. } => price.map(|price| price.usd),
            },
            price,
            paid_usd: stake.paid.and_then(unit),
            fees_usd: stake.fees.and_then(unit),
        }
    }

    /// What is known of a layer now.
    fn layer(&self, view: &View, earns: &Earns, now: Timestamp) -> LayerQuote {
        match earns {
            Earns::Pool { id, .. } => {
                let listing = view.followed(*id);
                listing.map_or_else(LayerQuote::default, |listing| LayerQuote {
                    rate: view.rate(listing),
                    reward_share: listing.reading.reward_share(),
                    verdict: Some(listing.assessment.verdict),
                    method: Some(listing.pool.method),
                })
            }
            Earns::Network {
                network,
                approach,
                commission,
            } => {
                let networks = self.networks();
                let paid = networks.rate(*network, now).ok();
                let figures = paid.map(|paid| match approach {
                    Approach::Direct => paid.direct(),
                    Approach::Delegated | Approach::Liquid => paid.delegated(*commission),
                });
                LayerQuote {
                    rate: figures.and_then(|figures| figures.yearly()),
                    // A network pays by issuing its own coin, which is no reward on top.
                    reward_share: Some(0.0),
                    verdict: None,
                    method: Some(approach.method()),
                }
            }
            Earns::Index { index } => LayerQuote {
                rate: view.basket(*index).map(|basket| basket.rate),
                method: Some(Method::Index),
                ..LayerQuote::default()
            },
            Earns::Stated { rate, .. } => LayerQuote {
                rate: Some(*rate),
                ..LayerQuote::default()
            },
        }
    }
}

impl View {
    /// What a holding is priced by: the token of its pool; the well-known coin of its symbol where it lies in
    /// no pool, or in one of which no token is known. `None` for one that is told in money.
    pub fn priced_by<'a>(&'a self, stake: &'a Stake) -> Option<Asset<'a>> {
        let symbol = stake.asset()?;
        let pool = stake.base().and_then(Earns::pool);
        let listing = pool.and_then(|id| self.followed(id));
        let known = listing.filter(|listing| !listing.pool.underlying.is_empty());
        Some(match known {
            Some(listing) => Asset::OfPool(&listing.pool, symbol),
            None => Asset::Coin(symbol),
        })
    }
}
