//! What ways of earning are generally said to pay, and what is taken to last. For orientation: shown beside
//! what the market pays, and never in its place.

use super::super::{rate::Percent, staking::Network};

/// From and to, in percent a year.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    pub low: f64,
    pub high: f64,
}

/// Where a rate lies beside a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Under,
    Inside,
    Over,
}

/// How near a rate has to be to an end of a range to be inside: what nobody sees in two digits.
const NEAR: f64 = 0.005;

impl Range {
    pub const fn new(low: f64, high: f64) -> Self {
        Self { low, high }
    }

    pub fn place(self, rate: Percent) -> Place {
        match rate.get() {
            rate if rate < self.low - NEAR => Place::Under,
            rate if rate > self.high + NEAR => Place::Over,
            _ => Place::Inside,
        }
    }
}

/// What stablecoins are generally said to earn where they are lent.
pub const STABLECOIN_LENDING: Range = Range::new(2.0, 8.0);
/// What other assets are generally said to earn where they are lent.
pub const VOLATILE_LENDING: Range = Range::new(1.0, 4.0);
/// What liquidity on major pairs is generally said to earn.
pub const MAJOR_PAIRS: Range = Range::new(5.0, 20.0);
/// A basket of the large networks' coins, staked.
pub const LARGE_CAP_STAKING: Range = Range::new(4.0, 8.0);
/// A basket of lending, liquidity and vaults.
pub const DEFI_YIELD: Range = Range::new(10.0, 20.0);
/// A basket of 60 % appreciation assets and 40 % income.
pub const BALANCED: Range = Range::new(3.0, 7.0);

/// A way of earning with what it is generally said to pay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    pub what: &'static str,
    pub range: Range,
}

/// All that are known, by kind.
pub fn bands() -> Vec<Band> {
    let staking = Network::ALL.into_iter().map(|network| {
        let (low, high) = network.reference();
        let what = match network {
            Network::Ethereum => "staking ETH",
            Network::Solana => "staking SOL",
            Network::Polkadot => "staking DOT",
            Network::Cosmos => "staking ATOM",
            Network::Cardano => "staking ADA",
        };
        (what, Range::new(low, high))
    });
    let others = [
        ("lending stablecoins", STABLECOIN_LENDING),
        ("lending volatile assets", VOLATILE_LENDING),
        ("liquidity on major pairs", MAJOR_PAIRS),
        ("a large-cap staking basket", LARGE_CAP_STAKING),
        ("a DeFi yield basket", DEFI_YIELD),
        ("a balanced basket", BALANCED),
    ];
    let all = staking.chain(others);
    all.map(|(what, range)| Band { what, range }).collect()
}

/// Those that hold a rate.
pub fn holding(rate: Percent) -> Vec<Band> {
    let mut bands = bands();
    bands.retain(|band| band.range.place(rate) == Place::Inside);
    bands
}

/// Up to so many percent a year a plan may rest on: what stablecoin lending and large-cap staking pay at
/// most. Above it pay only networks that print what they pay with, pools whose prices move against each
/// other, and baskets of these.
pub const LASTS_UP_TO: f64 = 8.0;

/// The rate at which the capital behind an income is told: the middle of [`LARGE_CAP_STAKING`].
pub const LASTING: f64 = 6.0;

/// Whether a plan may rest on a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// At most [`LASTS_UP_TO`].
    Lasts,
    /// Paid by some, but not for long or not without losses elsewhere.
    OutsideOfWhatLasts,
    /// Offers above the screen are refused as unsustainable.
    ScreenedOut,
}

/// `max_apy` is the percent above which offers are screened out.
pub fn judge(rate: Percent, max_apy: f64) -> Judgement {
    if rate.get() > max_apy {
        Judgement::ScreenedOut
    } else if rate.get() > LASTS_UP_TO + NEAR {
        Judgement::OutsideOfWhatLasts
    } else {
        Judgement::Lasts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(value: f64) -> Percent {
        Percent::new(value).unwrap()
    }

    #[test]
    fn the_ends_of_a_range_are_inside() {
        let range = Range::new(4.0, 8.0);
        for (rate, place) in [
            (3.99, Place::Under),
            (4.0, Place::Inside),
            (8.000_000_1, Place::Inside),
            (8.01, Place::Over),
        ] {
            assert_eq!(range.place(percent(rate)), place, "{rate}");
        }
    }

    #[test]
    fn bands_hold_what_lies_between_their_ends() {
        let names = |rate| {
            let held = holding(percent(rate)).into_iter();
            held.map(|band| band.what).collect::<Vec<_>>()
        };
        assert_eq!(
            names(13.33),
            [
                "staking DOT",
                "liquidity on major pairs",
                "a DeFi yield basket"
            ]
        );
        assert_eq!(names(25.0), [""; 0]);
        assert_eq!(bands().len(), 11);
    }

    /// 5 % is inside of what lasts; 10 % and 13.33 % are not.
    #[test]
    fn what_lasts_ends_at_eight_percent() {
        let judged = |rate| judge(percent(rate), 100.0);
        assert_eq!(judged(5.0), Judgement::Lasts);
        assert_eq!(judged(8.0), Judgement::Lasts);
        assert_eq!(judged(10.0), Judgement::OutsideOfWhatLasts);
        assert_eq!(judged(13.33), Judgement::OutsideOfWhatLasts);
        assert_eq!(judged(100.1), Judgement::ScreenedOut);
    }
}
