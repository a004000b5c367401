//! What a condition compares with its threshold. By it, alerts that a reading cannot wake are left alone
//! without being asked.

use super::{Condition, Present, SCREENED, Unit};
use crate::domain::time::Span;

/// A figure that rises towards being met. Conditions with the same measure differ by their threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    HighApy,
    LowApy,
    /// How far the APY is from the oldest in the window, up or down.
    Move {
        unit: Unit,
        window: Span,
    },
    /// How much of the oldest TVL in the window is gone.
    TvlFall {
        window: Span,
    },
    /// No single figure decides it.
    Other {
        window: Option<Span>,
    },
}

impl Measure {
    /// How far back it looks, where it does.
    pub const fn window(self) -> Option<Span> {
        match self {
            Self::HighApy | Self::LowApy => None,
            Self::Move { window, .. } | Self::TvlFall { window } => Some(window),
            Self::Other { window } => window,
        }
    }
}

impl Condition {
    /// A measure, and where a pool of which the alert has told nothing stands by it at least when it meets
    /// the condition.
    pub const fn bar(&self) -> (Measure, f64) {
        match *self {
            Self::ApyAbove { value, .. } => (Measure::HighApy, value),
            Self::Over100 { .. } => (Measure::HighApy, SCREENED),
            Self::ApyBelow { value, .. } => (Measure::LowApy, -value),
            Self::ApyChange {
                value,
                unit,
                window,
                ..
            } => (Measure::Move { unit, window }, value),
            Self::TvlDrop { value, window, .. } => (Measure::TvlFall { window }, value),
            Self::VerdictWorsens { .. }
            | Self::VerdictBecomes { .. }
            | Self::BaseShareBelow { .. }
            | Self::RewardsEnd { .. }
            | Self::NewSustainable { .. }
            | Self::PoolGone
            | Self::Stale
            | Self::OffPeg { .. }
            | Self::ProtocolIncident => {
                let window = self.window();
                (Measure::Other { window }, f64::NEG_INFINITY)
            }
        }
    }
}

impl Present<'_> {
    /// Where the pool stands by a measure; −∞ where that cannot be said.
    pub fn stands(&self, measure: Measure) -> f64 {
        let stands = match measure {
            Measure::HighApy => Some(self.reading.apy.get()),
            Measure::LowApy => Some(-self.reading.apy.get()),
            Measure::Move { unit, window } => self.moved(unit, window).map(|moved| moved.by.abs()),
            Measure::TvlFall { window } => self.fallen(window).map(|fallen| fallen.by),
            Measure::Other { .. } => Some(f64::INFINITY),
        };
        stands.unwrap_or(f64::NEG_INFINITY)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*, sample::select};

    use super::*;
    use crate::domain::{
        rate::Percent,
        reading::{Reading, Stretch},
        rule::{Kind, Standing, Terms},
        time::Timestamp,
        verdict::Verdict,
    };

    /// Round figures, so that one often lies just on another.
    fn figures() -> impl Strategy<Value = f64> {
        select(&[0.0, 1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 150.0, 200.0][..])
    }

    fn conditions() -> impl Strategy<Value = Condition> {
        let kinds = [
            Kind::ApyAbove,
            Kind::ApyBelow,
            Kind::ApyChange,
            Kind::TvlDrop,
            Kind::Over100,
        ];
        let hours = option::of(select(&[3_u64, 24][..]));
        let value = (figures(), any::<bool>());
        (select(kinds.to_vec()), value, any::<bool>(), hours).prop_filter_map(
            "a value that the kind does not take",
            |(kind, (value, falls), points, window)| {
                let falls = falls && kind == Kind::ApyChange;
                let value = if falls { -value } else { value };
                let terms = Terms {
                    value: (kind != Kind::Over100).then_some(value),
                    unit: (kind == Kind::ApyChange && points).then_some(Unit::Points),
                    window: window
                        .map(Span::hours)
                        .filter(|_| kind.default_window().is_some()),
                    ..Terms::default()
                };
                Condition::new(kind, terms).ok()
            },
        )
    }

    fn stretches() -> impl Strategy<Value = Vec<Stretch>> {
        let stretch = (figures(), figures()).prop_map(|(apy, tvl_usd)| (apy, tvl_usd * 1e4));
        proptest::collection::vec(stretch, 0..4).prop_map(|figures| {
            (1_u64..)
                .zip(figures)
                .map(|(at, (apy, tvl_usd))| Stretch {
                    until: Timestamp::default().plus(Span::hours(at * 6).0),
                    apy: Percent::new(apy).unwrap(),
                    tvl_usd,
                    verdict: Verdict::Mixed,
                })
                .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// An alert that a bar keeps asleep would have said nothing, and one that it wakes has a reason.
        #[test]
        fn a_condition_is_met_just_where_its_bar_is_reached(
            condition in conditions(),
            past in stretches(),
            apy in figures(),
            tvl_usd in figures(),
        ) {
            let reading = Reading {
                at: Timestamp::default().plus(Span::hours(30).0),
                apy: Percent::new(apy).unwrap(),
                base: None,
                reward: None,
                tvl_usd: tvl_usd * 1e4,
            };
            let present = Present {
                reading: &reading,
                verdict: Verdict::Mixed,
                before: None,
                past: &past,
                rewarded: None,
                days_listed: None,
                reported: None,
                open: None,
            };
            let judged = condition.judge(&present);
            let is_met = judged.is_some_and(|judged| matches!(judged.standing, Standing::Met(_)));
            let (measure, bar) = condition.bar();
            let is_reached = present.stands(measure) >= bar;
            let is_narrower = matches!(
                condition,
                Condition::Over100 { .. } | Condition::ApyChange { falls_only: true, .. }
            );
            if is_narrower {
                // Just a hundred is not over it, and a rise is no fall.
                prop_assert!(is_reached || !is_met);
            } else {
                prop_assert_eq!(is_met, is_reached, "{:?} {:?}", condition, judged);
            }
        }
    }
}
