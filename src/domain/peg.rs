//! Coins that follow a currency, and how far they are from it.

use serde::{Deserialize, Serialize};

/// A coin that is meant to be worth a fixed amount of something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stablecoin {
    /// Its name for people. Hostile text until rendered.
    pub name: Box<str>,
    /// Several coins may have the same.
    pub symbol: Box<str>,
    pub peg: Peg,
    /// US dollars for one unit, above zero.
    pub price_usd: Option<f64>,
    /// Units in circulation, in the currency that it follows; not negative.
    pub circulating: Option<f64>,
    /// It grows with what it earns, so that its price says nothing of its peg.
    pub yield_bearing: bool,
}

/// What a coin follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peg {
    /// The US dollar.
    Usd,
    /// Something else, by the source's own word for it (`EUR`, `REAL`, `VAR`).
    Other(Box<str>),
}

impl Stablecoin {
    /// How far the price is from a dollar, as a fraction: −0.02 is 2 % below, never under −1. `None`
    /// where the price is unknown, the coin grows by itself, or follows something else than the
    /// dollar; for that see [`Self::deviation_from`].
    pub fn deviation(&self) -> Option<f64> {
        match self.peg {
            Peg::Usd => self.deviation_from(1.0),
            Peg::Other(_) => None,
        }
    }

    /// How far the price is from the currency that it follows, of which one unit costs `usd_per_unit`
    /// US dollars. As a fraction; `None` as for [`Self::deviation`], or where that is no price.
    pub fn deviation_from(&self, usd_per_unit: f64) -> Option<f64> {
        if self.yield_bearing || !usd_per_unit.is_finite() || usd_per_unit <= 0.0 {
            return None;
        }
        let deviation = self.price_usd? / usd_per_unit - 1.0;
        deviation.is_finite().then_some(deviation)
    }

    /// About how many US dollars are in circulation, not negative. A coin that follows the dollar and
    /// has no price is counted as if it held: it is at most about as much.
    pub fn circulating_usd(&self) -> Option<f64> {
        let usd = match (self.price_usd, &self.peg) {
            (Some(usd), _) => usd,
            (None, Peg::Usd) => 1.0,
            (None, Peg::Other(_)) => return None,
        };
        Some(self.circulating? * usd)
    }
}

/// Which coin a symbol means.
#[derive(Debug, Clone, PartialEq)]
pub enum Meant<'a> {
    /// The only one of this symbol, or by far the largest.
    One(&'a Stablecoin),
    /// Several, of which none is by far the largest: nobody can tell.
    Shared(Vec<&'a Stablecoin>),
}

/// One coin is taken for what a shared symbol means when the others are so many times smaller.
const BY_FAR: f64 = 20.0;

/// Which of the coins with the same symbol it means. `None` where there are none. The largest is
/// taken where every other is known to be at least 20 times smaller; else nobody can tell.
pub fn meant<'a>(coins: &[&'a Stablecoin]) -> Option<Meant<'a>> {
    let by_size = |coin: &&&Stablecoin| coin.circulating_usd().unwrap_or(0.0);
    let largest = *coins
        .iter()
        .max_by(|a, b| by_size(a).total_cmp(&by_size(b)))?;
    let of_largest = largest.circulating_usd().unwrap_or(0.0);
    let is_dwarfed = |coin: &&Stablecoin| {
        std::ptr::eq(*coin, largest)
            || coin
                .circulating_usd()
                .is_some_and(|usd| of_largest > 0.0 && usd * BY_FAR <= of_largest)
    };
    Some(if coins.iter().all(is_dwarfed) {
        Meant::One(largest)
    } else {
        Meant::Shared(coins.to_vec())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coin(name: &str, price_usd: Option<f64>, circulating: Option<f64>) -> Stablecoin {
        Stablecoin {
            name: name.into(),
            symbol: "USDX".into(),
            peg: Peg::Usd,
            price_usd,
            circulating,
            yield_bearing: false,
        }
    }

    #[test]
    fn only_a_known_rate_tells_how_far_a_coin_is_from_its_peg() {
        let near = |found: Option<f64>, wanted: f64| (found.unwrap() - wanted).abs() < 1e-9;
        let mut coin = coin("a", Some(0.98), Some(1.0));
        assert!(near(coin.deviation(), -0.02));
        coin.peg = Peg::Other("EUR".into());
        assert_eq!(coin.deviation(), None);
        assert!(near(coin.deviation_from(1.4), -0.3));
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE / 8.0] {
            assert_eq!(coin.deviation_from(rate), None, "{rate}");
        }
        coin.peg = Peg::Usd;
        coin.yield_bearing = true;
        assert_eq!(coin.deviation(), None);
        coin.yield_bearing = false;
        coin.price_usd = None;
        assert_eq!(coin.deviation(), None);
    }

    #[test]
    fn a_shared_symbol_means_one_coin_only_where_the_others_are_dwarfed() {
        let large = coin("large", Some(1.0), Some(2_000.0));
        let small = coin("small", Some(1.0), Some(100.0));
        let middling = coin("middling", None, Some(101.0));
        let unknown = coin("unknown", Some(1.0), None);
        assert_eq!(meant(&[]), None);
        assert_eq!(meant(&[&unknown]), Some(Meant::One(&unknown)));
        assert_eq!(meant(&[&small, &large]), Some(Meant::One(&large)));
        let twin = small.clone();
        for others in [[&large, &middling], [&large, &unknown], [&small, &twin]] {
            assert!(matches!(meant(&others), Some(Meant::Shared(all)) if all.len() == 2));
        }
        let worthless = coin("worthless", Some(1.0), Some(0.0));
        let other = worthless.clone();
        assert!(matches!(
            meant(&[&worthless, &other]),
            Some(Meant::Shared(_))
        ));
    }
}
