//! What a person has chosen for all that is shown to them alone.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    currency::Currency,
    ids::PositionId,
    plan::allocation::Shares,
    rate::Percent,
    time::{Span, Timestamp},
    verdict::Verdict,
    zone::Zone,
};

/// What a person has chosen; dollars, UTC and no tax where they have not.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Chosen {
    /// The currency that their figures are shown in.
    pub currency: Currency,
    /// For dates in files and calendars; Discord shows times in the reader's own zone by itself.
    pub zone: Zone,
    /// The share of income that they lay aside for tax, in percent, 0 to under 100.
    pub tax: Option<Percent>,
    /// How they want their money to be divided.
    pub target: Option<Shares>,
}

/// Whoever looks again within this time is told what changed since the look before.
const SAME_LOOK: Span = Span::hours(1);

/// The last look at a portfolio, and the one before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Looks {
    pub last: Look,
    pub before: Option<Look>,
}

impl Looks {
    /// What a look at `now` is compared with.
    pub fn earlier(&self, now: Timestamp) -> Option<&Look> {
        if now.since(self.last.at) < SAME_LOOK.0 {
            self.before.as_ref()
        } else {
            Some(&self.last)
        }
    }

    /// What is to be kept once somebody has looked; `None` while it is still the same look.
    pub fn after(known: Option<Self>, look: Look) -> Option<Self> {
        let before = match known {
            Some(known) if look.at.since(known.last.at) < SAME_LOOK.0 => return None,
            Some(known) => Some(known.last),
            None => None,
        };
        Some(Self { last: look, before })
    }
}

/// How a portfolio stood when its owner looked at it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    pub at: Timestamp,
    pub lines: Vec<Seen>,
}

/// A position as it was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub position: PositionId,
    pub rate: Option<Percent>,
    pub verdict: Option<Verdict>,
    pub value_usd: Option<Decimal>,
    /// US dollars a year.
    pub income_usd: Option<Decimal>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(hours: i64) -> Look {
        Look {
            at: Timestamp::from_millis(hours * 3_600_000),
            lines: Vec::new(),
        }
    }

    #[test]
    fn a_second_look_at_once_is_told_what_the_first_one_was() {
        let first = Looks::after(None, look(0)).unwrap();
        assert_eq!(first.earlier(look(0).at), None);
        let second = Looks::after(Some(first), look(30)).unwrap();
        assert_eq!(second.earlier(look(30).at), Some(&look(0)));
        let again = look(30).at.plus(Span::minutes(59).0);
        assert_eq!(second.earlier(again), Some(&look(0)));
        let later = Look {
            at: again,
            ..look(0)
        };
        assert_eq!(Looks::after(Some(second.clone()), later), None);
        assert_eq!(second.earlier(look(31).at), Some(&look(30)));
    }
}
