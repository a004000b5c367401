//! What positions are worth and earn, by all that the market knows at the moment.

use futures::future::join_all;
use rust_decimal::Decimal;

use super::{Market, view::View};
use crate::{
    domain::{
        currency::Currency,
        income::{LayerQuote, Portfolio, Quote},
        money::Money,
        position::{Earns, Holding, Position},
        staking::Approach,
        time::Timestamp,
    },
    store::Store,
};

impl Market {
    /// Puts rates and prices to positions. Prices are asked for all at once, so that one slow source
    /// costs two seconds and not two seconds a position.
    pub async fn valued(
        &self,
        store: &Store,
        view: &View,
        positions: Vec<Position>,
        now: Timestamp,
    ) -> Portfolio {
        let quotes = positions
            .iter()
            .map(|position| self.quote(store, view, position, now));
        let quotes = join_all(quotes).await;
        Portfolio::of(positions.into_iter().zip(quotes))
    }

    async fn quote(
        &self,
        store: &Store,
        view: &View,
        position: &Position,
        now: Timestamp,
    ) -> Quote {
        let stake = &position.stake;
        let layers = stake
            .layers
            .iter()
            .map(|earns| self.layer(view, earns, now));
        Quote {
            layers: layers.collect(),
            unit_usd: match &stake.holding {
                Holding::Worth(money) => dollars(*money),
                Holding::Units { asset, .. } => {
                    self.price(store, view, stake.base(), asset, now).await
                }
            },
            paid_usd: stake.paid.and_then(dollars),
        }
    }

    async fn price(
        &self,
        store: &Store,
        view: &View,
        base: Option<&Earns>,
        asset: &str,
        now: Timestamp,
    ) -> Option<Decimal> {
        let listing = view.followed(base?.pool()?)?;
        let quoted = self.unit_price(store, &listing.pool, asset, now).await;
        quoted.map(|quoted| quoted.usd)
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
            Earns::Stated { rate, .. } => LayerQuote {
                rate: Some(*rate),
                ..LayerQuote::default()
            },
        }
    }
}

/// US dollars for one unit of the money's currency.
fn dollars(money: Money) -> Option<Decimal> {
    (money.currency == Currency::Usd).then_some(Decimal::ONE)
}
