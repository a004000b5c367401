//! Other places for what somebody holds that pay more at no more risk, as far as that can be known.

use rust_decimal::Decimal;

use super::{
    Market,
    around::Around,
    calmer::{is_calm, takes_no_other},
    snapshot::{Snapshot, by_size},
    view::View,
};
use crate::domain::{
    better::Gain,
    income::Line,
    listing::Listing,
    method::Method,
    rate::Percent,
    reading::DataState,
    risk::{Finding, State},
    verdict::Verdict,
};

/// What a move costs where nobody says: 10 US dollars.
pub const USUAL_COST: Decimal = Decimal::TEN;
/// Places that are named for a position.
const MOST_PLACES: usize = 2;
/// Places whose checks are looked at for a position.
const LOOKED_AT: usize = 12;

/// What a move has to be like, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The worst verdict that would be taken; no worse than now where it is `None`.
    pub ceiling: Option<Verdict>,
    /// The least gain in a year.
    pub min_gain: Decimal,
    /// What the move costs.
    pub cost: Decimal,
}

/// A place that pays more, with what moving there brings.
#[derive(Debug, Clone, Copy)]
pub struct Offered<'a> {
    pub listing: &'a Listing,
    pub gain: Gain,
    /// On another chain than what is held: bridging costs more.
    pub is_elsewhere: bool,
}

/// The pool that a position could be moved from: it lies in one alone, and what it earns there is known.
pub fn movable<'a>(view: &'a View, line: &Line) -> Option<&'a Listing> {
    line.income_usd?;
    match &line.position.stake.layers[..] {
        [only] => view.followed(only.pool()?),
        _ => None,
    }
}

impl Market {
    /// The places for what lies in `from` that pay more and are no more risk, by what their own rows and all
    /// checks say: never one with an unsustainable verdict. Those that pay most, the best first.
    pub fn places<'a>(
        &self,
        view: &'a View,
        around: &Around<'_>,
        from: &Listing,
        ceiling: Option<Verdict>,
    ) -> Vec<&'a Listing> {
        let Some(above) = view.rate(from) else {
            return Vec::new();
        };
        let terms = Terms {
            above,
            max_apy: self.screen().max_apy,
            verdict: ceiling.unwrap_or(from.assessment.verdict),
        };
        let checks = |listing: &Listing| {
            let past = self.remembered_past_of(listing, around.now);
            worries(&around.risks(listing, &past))
        };
        let now = checks(from);
        let better = view.better(from, &terms).into_iter().take(LOOKED_AT);
        let is_no_worse = |listing: &&Listing| {
            let there = checks(listing);
            there.iter().zip(&now).all(|(there, now)| there <= now)
        };
        better.filter(is_no_worse).collect()
    }

    /// What a position in `from` would gain at such places.
    pub fn offers<'a>(
        &self,
        view: &'a View,
        around: &Around<'_>,
        (line, from): (&Line, &Listing),
        limits: &Limits,
    ) -> Vec<Offered<'a>> {
        let places = self.places(view, around, from, limits.ceiling).into_iter();
        let gains = places.filter_map(|listing| {
            let gain = Gain::of(line, listing.reading.apy, limits.cost)?;
            (gain.yearly >= limits.min_gain).then_some((listing, gain))
        });
        gains
            .take(MOST_PLACES)
            .map(|(listing, gain)| Offered {
                listing,
                gain,
                is_elsewhere: listing.pool.chain != from.pool.chain,
            })
            .collect()
    }
}

/// How many checks are bad, how many are bad or to be watched, and how many of all are not known to be good.
fn worries(findings: &[Finding]) -> [usize; 3] {
    let count = |states: &[State]| {
        let found = findings.iter().filter(|it| states.contains(&it.state));
        found.count()
    };
    [
        count(&[State::Bad]),
        count(&[State::Bad, State::Watch]),
        count(&[State::Bad, State::Watch, State::NotKnown]),
    ]
}

/// What a place has to be like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// It pays more than this.
    pub above: Percent,
    /// Percent: what pays more is screened out.
    pub max_apy: f64,
    /// No worse verdict than this one.
    pub verdict: Verdict,
}

/// US dollars that a place has to hold, unless the one that is left holds less.
const LARGE: f64 = 10_000_000.0;

impl Snapshot {
    /// Pools that take the assets of `from` or some of them and no others, and are no more risk by all
    /// that the pool's own row says: a verdict that is no worse and never unsustainable, no risk of its
    /// method that the other has not, no impermanent loss beside it, at least as large or 10 million
    /// dollars, nothing said against them from outside. The higher APY first.
    pub fn better(&self, from: &Listing, terms: &Terms) -> Vec<&Listing> {
        let least = from.reading.tvl_usd.min(LARGE);
        let fits = |listing: &&Listing| {
            let apy = listing.reading.apy.get();
            listing.state == DataState::Good
                && listing.pool.id != from.pool.id
                && apy > terms.above.get()
                && apy <= terms.max_apy
                && listing.reading.tvl_usd >= least
                && is_no_worse(listing.assessment.verdict, terms.verdict)
                && risks_no_more(listing.pool.method, from.pool.method)
                && (from.pool.impermanent_loss || !listing.pool.impermanent_loss)
                && is_calm(&listing.strain)
                && takes_no_other(&listing.pool, &from.pool)
        };
        let mut better: Vec<&Listing> = self.listings().iter().filter(fits).collect();
        better.sort_unstable_by(|a, b| {
            let more = b.reading.apy.get().total_cmp(&a.reading.apy.get());
            more.then_with(|| by_size(a, b))
        });
        better
    }
}

/// What is unsustainable or not known is worse than anything.
const fn is_no_worse(found: Verdict, than: Verdict) -> bool {
    match found {
        Verdict::Sustainable => true,
        Verdict::Mixed => !matches!(than, Verdict::Sustainable),
        Verdict::Unsustainable | Verdict::Unknown => false,
    }
}

/// Whether a way of earning carries no risk that the other does not carry. What is not known carries any.
fn risks_no_more(found: Method, than: Method) -> bool {
    if found == than {
        return found != Method::Unknown;
    }
    let known = found.risks();
    !known.is_empty() && known.iter().all(|risk| than.risks().contains(risk))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{pool::Pool, reading::Observed},
        market::fixture::{after, holding, hour, id, pool, rewarded, row},
    };

    fn of(number: u8, change: impl Fn(&mut Pool), apy: f64) -> Observed {
        let mut pool = pool(number, "USDC");
        change(&mut pool);
        Observed {
            pool,
            ..row(number, apy)
        }
    }

    fn found(rows: Vec<Observed>, verdict: Verdict) -> Vec<u8> {
        let market = after(&Snapshot::default(), hour(0), rows).snapshot;
        let from = market.get(id(1)).unwrap();
        let terms = Terms {
            above: from.reading.apy,
            max_apy: 100.0,
            verdict,
        };
        let found = market.better(from, &terms).into_iter();
        found.map(|listing| listing.pool.id.as_bytes()[0]).collect()
    }

    #[test]
    fn only_what_pays_more_at_no_more_risk_is_offered() {
        let rows = vec![
            row(1, 3.0),
            row(2, 3.2),
            row(3, 2.9),
            rewarded(row(4, 3.3), 0.9),
            rewarded(row(5, 3.3), 0.5),
            of(6, |pool| pool.method = Method::Farming, 3.4),
            of(7, |pool| pool.impermanent_loss = true, 3.4),
            holding(row(8, 3.4), 50_000.0),
            of(9, |pool| pool.symbol = "USDC-WETH".into(), 3.4),
            row(10, 3.1),
        ];
        assert_eq!(found(rows.clone(), Verdict::Sustainable), [2, 10]);
        // Four is unsustainable, which no verdict of what is held makes good.
        assert_eq!(found(rows.clone(), Verdict::Mixed), [5, 2, 10]);
        assert_eq!(found(rows, Verdict::Unsustainable), [5, 2, 10]);
    }

    #[test]
    fn every_way_of_earning_may_stay_what_it_is() {
        for method in Method::ALL {
            assert_eq!(risks_no_more(method, method), method != Method::Unknown);
        }
        assert!(!risks_no_more(Method::Farming, Method::Lending));
        assert!(!risks_no_more(Method::Unknown, Method::Lending));
    }
}
