//! How verdicts that channels were told turned out: the track record, counted from what is kept of them.
//!
//! A verdict is told by a notice and judged 30 days later by [`Fate`]. A warning came true when the rate
//! fell; an all-clear held when it did not. What cannot be known is counted as just that.

use super::{
    episode::EdgeKind,
    notice::Notice,
    rate::Percent,
    reading::DayReading,
    rule::Figure,
    time::{Day, Timestamp},
    verdict::{
        Assessment, Reason, Verdict,
        outcome::{Fate, known_on},
    },
};

/// Days that the record is told of.
pub const TOLD_DAYS: i32 = 365;

/// A verdict that a notice told a channel, with what it was based on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Announcement {
    pub verdict: Verdict,
    /// When the reading was taken that it is about.
    pub at: Timestamp,
    pub apy: Percent,
    /// Chance, 0–1, that the mean APY of the next 30 days stays at or above half of today's.
    pub score: Option<f64>,
    /// Chance, 0–1, that it stays at or above half of the last 30 days' mean.
    pub paid_score: Option<f64>,
    /// The limit that decided it, where one did.
    pub limit: Option<HardLimit>,
}

/// A limit that a server's operator sets, and that no score outvotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HardLimit {
    /// The total APY is above the screen.
    Apy,
    /// The TVL is under the floor.
    Tvl,
}

impl HardLimit {
    pub const ALL: [Self; 2] = [Self::Apy, Self::Tvl];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Apy => "apy",
            Self::Tvl => "tvl",
        }
    }

    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|limit| limit.slug() == slug)
    }

    fn of(assessment: &Assessment) -> Option<Self> {
        match assessment.reasons.first()? {
            Reason::OverScreen { .. } => Some(Self::Apy),
            Reason::UnderFloor { .. } => Some(Self::Tvl),
            _ => None,
        }
    }
}

impl Announcement {
    /// The verdict that a notice tells. One about a verdict tells it whatever it is; any other shows it
    /// beside its figures, and says so much with one that is unsustainable, unless it only ends what was
    /// told. Not knowing is no verdict that could turn out.
    pub fn of(notice: &Notice<'_>) -> Option<Self> {
        let assessment = notice.assessment;
        let verdict = match notice.edge.to {
            Figure::Verdict(verdict) => verdict,
            _ if notice.edge.kind == EdgeKind::Closed => return None,
            _ => Some(assessment.verdict).filter(|it| *it == Verdict::Unsustainable)?,
        };
        verdict.rank()?;
        Some(Self {
            verdict,
            at: notice.reading.at,
            apy: notice.reading.apy,
            score: assessment.score,
            paid_score: assessment.paid_score,
            limit: HardLimit::of(assessment),
        })
    }

    /// The day that it is judged as.
    pub fn day(&self) -> Day {
        self.at.day()
    }

    /// What became of the rate, by the pool's days, which ascend and reach 30 days to either side. The day
    /// itself counts with the rate that was told: a spike may be over by its evening.
    pub fn fate(&self, days: &[DayReading]) -> Option<Fate> {
        let at = days
            .binary_search_by_key(&self.day(), |other| other.day)
            .ok()?;
        let mut days = days.to_vec();
        days.get_mut(at)?.apy = self.apy;
        Fate::of(&days, at)
    }
}

/// What is kept of a verdict that was told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kept {
    pub announcement: Announcement,
    /// The same was told of the pool less than 30 days before. It speaks of the same days, so that it
    /// would count one event again.
    pub is_repeat: bool,
    pub outcome: Outcome,
}

/// What has become of a verdict that was told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// Its 30 days are not over.
    Open,
    /// Too few readings, since the pool was gone or new.
    NotKnown,
    Known(Fate),
}

/// How verdicts of one sort turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Turned {
    /// The rate collapsed or decayed.
    pub fell: usize,
    pub lasted: usize,
    pub not_known: usize,
    pub open: usize,
}

impl Turned {
    pub const fn known(&self) -> usize {
        self.fell + self.lasted
    }

    pub const fn all(&self) -> usize {
        self.known() + self.not_known + self.open
    }

    fn add(&mut self, outcome: Outcome) {
        let part = match outcome {
            Outcome::Open => &mut self.open,
            Outcome::NotKnown => &mut self.not_known,
            Outcome::Known(fate) if fate.fell() => &mut self.fell,
            Outcome::Known(_) => &mut self.lasted,
        };
        *part += 1;
    }
}

/// The track record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Told as unsustainable, by who pays or by the chances.
    pub warnings: Turned,
    /// Told as unsustainable by a limit alone. They are no work of the score, and a limit can be set as
    /// anybody likes, so they neither adorn nor spoil its record.
    pub by_limit: Turned,
    pub all_clears: Turned,
    pub mixed: Turned,
    /// Told again, and not counted above.
    pub repeats: usize,
    /// Watched pools that fell although no warning stood in the 30 days before.
    pub missed: usize,
    /// When the first that is open can be judged.
    pub next: Option<Day>,
}

impl Tally {
    /// Counts what is kept, in any order, and falls that were missed.
    pub fn of(kept: impl IntoIterator<Item = Kept>, missed: usize) -> Self {
        let mut tally = Self {
            missed,
            ..Self::default()
        };
        for kept in kept {
            tally.add(&kept);
        }
        tally
    }

    /// Counts one more.
    pub fn add(&mut self, kept: &Kept) {
        let told = &kept.announcement;
        if kept.is_repeat {
            self.repeats += 1;
            return;
        }
        let sort = match (told.verdict, told.limit) {
            (Verdict::Unsustainable, None) => &mut self.warnings,
            (Verdict::Unsustainable, Some(_)) => &mut self.by_limit,
            (Verdict::Sustainable, _) => &mut self.all_clears,
            (Verdict::Mixed, _) => &mut self.mixed,
            // It is never announced.
            (Verdict::Unknown, _) => return,
        };
        sort.add(kept.outcome);
        if kept.outcome == Outcome::Open {
            let known = known_on(told.day());
            self.next = Some(self.next.map_or(known, |next| next.min(known)));
        }
    }

    const fn sorts(&self) -> [Turned; 4] {
        [self.warnings, self.by_limit, self.all_clears, self.mixed]
    }

    /// Verdicts that were told, each once.
    pub fn told(&self) -> usize {
        self.sorts().iter().map(Turned::all).sum()
    }

    /// Those of which it is known how they turned out.
    pub fn known(&self) -> usize {
        self.sorts().iter().map(Turned::known).sum()
    }
}

#[cfg(test)]
mod tests;
