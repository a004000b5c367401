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
        let assets = assets(view, &positions);
        let sought: Vec<Asset<'_>> = assets.iter().flatten().copied().collect();
        let prices = self.prices_of(store, &sought, now).await;
        let prices = spread(&assets, prices);
        self.portfolio(view, positions, prices, now)
    }

    /// The same by the prices that are remembered. Nobody waits.
    pub fn valued_by_memory(
        &self,
        view: &View,
        positions: Vec<Position>,
        now: Timestamp,
    ) -> Portfolio {
        let assets = assets(view, &positions);
        let sought: Vec<Asset<'_>> = assets.iter().flatten().copied().collect();
        let prices = spread(&assets, self.remembered_prices_of(&sought, now));
        self.portfolio(view, positions, prices, now)
    }

    /// `prices` has one for each position.
    fn portfolio(
        &self,
        view: &View,
        positions: Vec<Position>,
        prices: Vec<Option<Quoted>>,
        now: Timestamp,
    ) -> Portfolio {
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

/// What each position is priced by.
fn assets<'a>(view: &'a View, positions: &'a [Position]) -> Vec<Option<Asset<'a>>> {
    let stakes = positions.iter().map(|position| &position.stake);
    stakes.map(|stake| view.priced_by(stake)).collect()
}

/// Prices of the assets that there are, each in its place.
fn spread(assets: &[Option<Asset<'_>>], prices: Vec<Option<Quoted>>) -> Vec<Option<Quoted>> {
    let mut prices = prices.into_iter();
    let price = |asset: &Option<Asset<'_>>| asset.and_then(|_| prices.next().flatten());
    assets.iter().map(price).collect()
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
