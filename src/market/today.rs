//! What the market pays now, as plans reckon with it. Only pools count whose figures are usable, that hold
//! enough not to be moved by one person, and whose verdict is good enough.

use super::{calmer::is_calm, liquid::network_of, snapshot::Snapshot};
use crate::domain::{
    listing::Listing,
    plan::{
        allocation::{LEAST_TVL_USD, Sleeve},
        basket::{Basket, Index, Offer},
        goal::{LARGE_TVL_USD, Paying},
        projection::range::Variation,
        scenario::Holding,
    },
    rate::{Percent, Spread, median},
    reading::DataState,
    verdict::Verdict,
};

/// How far from a rate its neighbours lie, as a part of it.
const NEAR: f64 = 0.25;
/// Fewer pools than this say nothing of how rates vary.
const FEWEST: usize = 3;

/// A median distance times this is the standard deviation of what is normally distributed: 1 / Φ⁻¹(3/4).
const DEVIATION_OF_DISTANCE: f64 = 1.482_602_218_505_602;

impl Snapshot {
    /// What the pools of a sleeve pay whose verdict is `least` or better; `None` for fewer than three.
    pub fn sleeve(&self, sleeve: Sleeve, least: Verdict) -> Option<Spread> {
        let pools = self.usable(LEAST_TVL_USD, least);
        let held = pools.filter(|listing| sleeve.holds(&listing.pool));
        Spread::of(held.map(|listing| listing.reading.apy))
    }

    /// Of the large pools with a sustainable verdict, those that pay `rate` or more; `None` without any.
    pub fn paying(&self, rate: Percent) -> Option<Paying> {
        let (mut paying, mut of) = (0, 0);
        for listing in self.usable(LARGE_TVL_USD, Verdict::Sustainable) {
            of += 1;
            paying += usize::from(listing.reading.apy >= rate);
        }
        (of > 0).then_some(Paying { paying, of })
    }

    /// An index composed of what the market has now; `None` where that is too little.
    pub fn basket(&self, index: Index) -> Option<Basket<'_>> {
        let calm = self.usable(LEAST_TVL_USD, Verdict::Sustainable);
        let offers: Vec<Offer<'_>> = calm
            .filter(|listing| is_calm(&listing.strain))
            .map(|listing| Offer {
                pool: &listing.pool,
                apy: listing.reading.apy,
                tvl_usd: listing.reading.tvl_usd,
                network: network_of(&listing.pool),
            })
            .collect();
        Basket::of(index, &offers)
    }

    /// What the market pays for a part of a scenario.
    pub fn holding(&self, holding: Holding) -> Option<Percent> {
        match holding {
            Holding::Of(sleeve) => {
                let spread = self.sleeve(sleeve, Verdict::Sustainable)?;
                Some(spread.median)
            }
            Holding::In(index) => Some(self.basket(index)?.rate),
            Holding::Growth => Some(self.basket(Index::LargeCapStaking)?.rate),
        }
    }

    /// How the rates of sustainable pools vary that pay about `rate`: from day to day within a month, since
    /// nobody has their years. `None` where too few have such a rate.
    pub fn variation_near(&self, rate: Percent) -> Option<Variation> {
        let near = |listing: &&Listing| {
            let apart = listing.reading.apy.points_from(rate).get().abs();
            apart <= NEAR * rate.get()
        };
        let mut distances: Vec<f64> = self
            .usable(LEAST_TVL_USD, Verdict::Sustainable)
            .filter(near)
            .filter_map(Listing::usual)
            .filter_map(|usual| Some(usual.variation? * usual.centre.get()))
            .filter(|points| points.is_finite())
            .collect();
        let pools = distances.len();
        let points = median(&mut distances)? * DEVIATION_OF_DISTANCE;
        (pools >= FEWEST).then_some(Variation { points, pools })
    }

    /// Pools with usable figures, so much in them, and a verdict of `least` or better, largest TVL first.
    fn usable(&self, least_tvl_usd: f64, least: Verdict) -> impl Iterator<Item = &Listing> {
        self.listings().iter().filter(move |listing| {
            listing.state == DataState::Good
                && listing.reading.tvl_usd >= least_tvl_usd
                // An unknown verdict is under every other.
                && listing.assessment.verdict.rank() >= least.rank().max(Some(0))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{method::Method, pool::Pool, reading::Observed, verdict::Screen},
        market::fixture::{after, holding, hour, pool, rewarded, row},
    };

    fn market(rows: Vec<Observed>) -> Snapshot {
        after(&Snapshot::default(), hour(0), rows).snapshot
    }

    fn staked(number: u8, symbol: &str, apy: f64) -> Observed {
        let pool = Pool {
            method: Method::StakingLiquid,
            stablecoin: false,
            protocol: "lido".into(),
            ..pool(number, symbol)
        };
        Observed {
            pool,
            ..row(number, apy)
        }
    }

    #[test]
    fn a_sleeve_is_what_its_usable_pools_pay() {
        let mut rows: Vec<Observed> = vec![row(1, 3.0), row(2, 4.0), row(3, 5.0)];
        rows.push(holding(row(4, 4.9), 999_999.0));
        rows.push(rewarded(row(5, 4.9), 0.9));
        rows.push(staked(6, "STETH", 4.9));
        let market = market(rows);
        let lending = market
            .sleeve(Sleeve::Lending, Verdict::Sustainable)
            .unwrap();
        assert_eq!(
            (lending.median, lending.of),
            (Percent::new(4.0).unwrap(), 3)
        );
        let any = market
            .sleeve(Sleeve::Lending, Verdict::Unsustainable)
            .unwrap();
        assert_eq!(any.of, 4);
        assert_eq!(market.sleeve(Sleeve::Staking, Verdict::Mixed), None);
        let silent = market.silenced(hour(0), &Screen::default());
        assert_eq!(silent.sleeve(Sleeve::Lending, Verdict::Unsustainable), None);
        assert_eq!(silent.paying(Percent::ZERO), None);
    }

    #[test]
    fn those_that_pay_a_rate_are_counted_among_the_large() {
        let market = market(vec![row(1, 3.0), row(2, 5.0), holding(row(3, 5.0), 9e6)]);
        let paying = market.paying(Percent::new(5.0).unwrap());
        assert_eq!(paying, Some(Paying { paying: 1, of: 2 }));
    }

    #[test]
    fn a_basket_is_composed_of_what_is_calm() {
        let market = market(vec![
            staked(1, "STETH", 3.0),
            staked(2, "JITOSOL", 6.0),
            staked(3, "BNSOL", 6.5),
        ]);
        let basket = market.basket(Index::LargeCapStaking).unwrap();
        assert_eq!(basket.parts.len(), 2);
        assert_eq!(market.holding(Holding::Growth), Some(basket.rate));
        assert_eq!(market.basket(Index::DefiYield), None);
    }

    #[test]
    fn rates_vary_as_their_neighbours_do() {
        let market = market(vec![row(1, 4.0), row(2, 4.2), row(3, 3.9), row(4, 9.0)]);
        let found = market.variation_near(Percent::new(4.0).unwrap()).unwrap();
        assert_eq!(found.pools, 3);
        // Each varies by sigma 0.01 × √365 around 4 %.
        let expected = 0.01 * 365_f64.sqrt() * DEVIATION_OF_DISTANCE;
        assert!((found.points - expected).abs() < 1e-9, "{}", found.points);
        assert_eq!(market.variation_near(Percent::new(50.0).unwrap()), None);
    }
}
