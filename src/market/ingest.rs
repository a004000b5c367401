//! Taking a batch in: each row is compared with what stood before, screened and judged.
//!
//! Pure, so that the live tick, a replay and the demonstration do the same. Nothing is stored or
//! swapped here; `alerting::tick` commits what comes out together with what the rules say of it.

use std::{slice, sync::Arc, time::Duration};

use foldhash::{HashMap, HashSet, HashSetExt as _};

use super::{
    quarantine::{doubt, is_about_a_hundred, is_confirmed, unit_changes},
    snapshot::{Origin, Snapshot},
};
use crate::{
    domain::{
        ids::PoolId,
        listing::{Doubted, Listing, Missed},
        rate::{Percent, median},
        reading::{DataState, Doubt, Observed, Reading},
        rule::{Rewarded, is_notable_reward},
        time::{Span, Timestamp},
        verdict::{Assessment, Screen, assess},
    },
    sources::Batch,
    store::market::BatchRow,
};

/// A pool's own time of reading further back than this makes the reading stale, and so does a last
/// answer of the source that is.
pub const STALE_AFTER: Span = Span::hours(24);
/// Figures that are the same to the last dollar for so long, while the source counts no new day of the
/// pool, are not being read. A pool that is read has a new count each day, and another TVL each hour.
const FROZEN_AFTER: Span = Span::hours(48);
/// Good batches, and time, without a pool before it is called missing.
const MISSING_AFTER: (u32, Span) = (3, Span::hours(3));
/// A pool that was not seen for this long is no longer listed.
pub const FORGOTTEN_AFTER: Span = Span::days(14);
/// A batch with fewer pools than this share of the usual number is not believed.
const HALF_EMPTY: f64 = 0.7;
/// Refused answers in a row, and time, after which they are believed. The feed speaks every hour, so
/// it has said the same with a whole day's answers by then; a fault upstream is mended sooner, or its
/// answers differ.
const BELIEVED_AFTER: (u32, Span) = (24, Span::hours(24));
/// Sizes agree while the smallest is at least this share of the largest.
const AGREEING: f64 = 0.9;

/// The market after an answer, and what is new in it.
#[derive(Debug)]
pub struct Change {
    pub at: Timestamp,
    pub snapshot: Snapshot,
    pub news: Vec<News>,
    /// Pools whose row has to be written, although their figures did not change.
    pub restated: Vec<PoolId>,
    /// Pools that are troubled otherwise than before from outside of their figures.
    pub strained: Vec<PoolId>,
    /// `None` where the source had nothing new, and what is new was said beside it.
    pub batch: Option<BatchRow>,
}

/// A pool with new figures, a new verdict or a new state.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    pub pool: PoolId,
    /// Usable readings that count from now on, in order: a suspect one that was confirmed, then the
    /// present one. Empty while the present one cannot be used.
    pub usable: Vec<Fresh>,
    /// The figures differ from the last batch.
    pub figures_changed: bool,
    /// When the usable figures before these were last read.
    pub previous_until: Option<Timestamp>,
}

/// A usable reading with what it was worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Fresh {
    pub reading: Reading,
    pub assessment: Assessment,
    /// APY of the usable reading before it, where that differs.
    pub before: Option<Percent>,
    /// When reward tokens were last paid, up to this reading.
    pub rewarded: Option<Rewarded>,
}

/// The batch has far fewer pools than usual, so nothing of it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("only {pools} pools, where {usual} are usual")]
pub struct HalfEmpty {
    pub pools: usize,
    pub usual: usize,
}

/// Refused batches in a row whose sizes agree with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refused {
    batches: u32,
    since: Timestamp,
    smallest: usize,
    largest: usize,
}

impl Refused {
    /// Takes one more in. Whether its size is to be believed: it is no fault of an hour, the market
    /// has become smaller.
    pub fn add(&mut self, pools: usize, at: Timestamp) -> bool {
        let (smallest, largest) = (self.smallest.min(pools), self.largest.max(pools));
        *self = if self.batches > 0 && is_share(smallest, largest, AGREEING) {
            Self {
                batches: self.batches.saturating_add(1),
                since: self.since,
                smallest,
                largest,
            }
        } else {
            Self {
                batches: 1,
                since: at,
                smallest: pools,
                largest: pools,
            }
        };
        pools > 0 && self.batches >= BELIEVED_AFTER.0 && at.since(self.since) >= BELIEVED_AFTER.1.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "pools are some thousands")]
fn is_share(part: usize, whole: usize, share: f64) -> bool {
    part as f64 >= whole as f64 * share
}

/// The good sizes, newest first, that the next batch is compared with: the newest alone while it is
/// one that was believed against those before it.
pub fn in_force(recent: &[u32]) -> &[u32] {
    match recent {
        [newest, ..] if check_size(*newest as usize, recent).is_err() => slice::from_ref(newest),
        _ => recent,
    }
}

/// Compares the size of a batch with the last good ones.
pub fn check_size(pools: usize, recent: &[u32]) -> Result<(), HalfEmpty> {
    let mut sizes: Vec<f64> = recent.iter().copied().map(f64::from).collect();
    let Some(usual) = median(&mut sizes) else {
        return Ok(());
    };
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "pools are some thousands"
    )]
    if (pools as f64) < usual * HALF_EMPTY {
        return Err(HalfEmpty {
            pools,
            usual: usual as usize,
        });
    }
    Ok(())
}

/// What is kept of a batch. A suspect one changes nothing else.
pub fn batch_row(batch: &Batch, suspect: bool) -> BatchRow {
    BatchRow {
        source: batch.source,
        fetched_at: batch.fetched_at,
        digest: batch.digest,
        pools: u32::try_from(batch.rows.len()).unwrap_or(u32::MAX),
        skipped: batch.skipped,
        conflicting: batch.conflicting,
        suspect,
    }
}

/// The market after `batch`, which has passed [`check_size`].
pub fn advance(old: &Snapshot, batch: Batch, screen: &Screen) -> Change {
    let at = batch.fetched_at;
    let row = batch_row(&batch, false);
    let mut numbers = Numbers::after(old);
    let mut listings = Vec::with_capacity(batch.rows.len() + 64);
    let mut news = Vec::new();
    let mut restated = Vec::new();
    let mut seen = HashSet::with_capacity(batch.rows.len());
    let other_units = unit_changes(old, &batch.rows);
    for row in batch.rows {
        seen.insert(row.pool.id);
        let before = old.get(row.pool.id);
        let no = before.map_or_else(|| numbers.of(row.pool.id), |before| before.no);
        let other_unit = other_units.contains(&row.pool.protocol);
        let (listing, new) = observe(before, row, no, other_unit, at, screen);
        let has_other_row =
            |before: &Listing| before.missed.is_some() || before.counted_at != listing.counted_at;
        if new.is_none() && before.is_some_and(has_other_row) {
            restated.push(listing.pool.id);
        }
        news.extend(new);
        listings.push(listing);
    }
    for gone in old
        .listings()
        .iter()
        .filter(|listing| !seen.contains(&listing.pool.id))
    {
        match miss(gone, at, screen) {
            Some(listing) => {
                restated.push(listing.pool.id);
                listings.push(listing);
            }
            None => numbers.keep(gone),
        }
    }
    let origin = Origin {
        source: batch.source,
        fetched_at: at,
    };
    Change {
        at,
        snapshot: Snapshot::new(origin, listings, numbers.gone),
        news,
        restated,
        strained: Vec::new(),
        batch: Some(row),
    }
}

/// The market with what is said beside it, where the source of pools has nothing new.
pub fn stands(at: Timestamp, snapshot: Snapshot, strained: Vec<PoolId>) -> Change {
    Change {
        at,
        snapshot,
        news: Vec::new(),
        restated: Vec::new(),
        strained,
        batch: None,
    }
}

/// The numbers under which the store keeps pools. One is never given to another pool.
struct Numbers {
    last: i64,
    gone: Arc<HashMap<PoolId, i64>>,
}

impl Numbers {
    fn after(old: &Snapshot) -> Self {
        let listed = old.listings().iter().map(|listing| listing.no);
        let gone = old.gone().values().copied();
        Self {
            last: listed.chain(gone).max().unwrap_or(0),
            gone: Arc::clone(old.gone()),
        }
    }

    /// The number of a pool that is not listed: the one it had, or the next.
    fn of(&mut self, pool: PoolId) -> i64 {
        if self.gone.contains_key(&pool)
            && let Some(no) = Arc::make_mut(&mut self.gone).remove(&pool)
        {
            return no;
        }
        self.last += 1;
        self.last
    }

    fn keep(&mut self, gone: &Listing) {
        Arc::make_mut(&mut self.gone).insert(gone.pool.id, gone.no);
    }
}

fn observe(
    before: Option<&Listing>,
    row: Observed,
    no: i64,
    other_unit: bool,
    at: Timestamp,
    screen: &Screen,
) -> (Listing, Option<News>) {
    let reading = row.reading;
    let unchanged = before.is_some_and(|before| before.reading.same_figures(&reading));
    let unchanged_since = match before {
        Some(before) if unchanged => before.unchanged_since,
        _ => reading.at,
    };
    let counted_at = match before {
        Some(before) if before.feed.days == row.feed.days => before.counted_at,
        _ => at,
    };
    let stale = if row.own_time {
        at.since(reading.at) > STALE_AFTER.0
    } else {
        at.since(unchanged_since.max(counted_at)) >= FROZEN_AFTER.0
    };
    let trusted = before.and_then(Listing::usable).copied();
    // What contradicts the trusted reading is believed once the next batch says about the same.
    let doubt = doubt_of(before, trusted.as_ref(), &reading, other_unit);
    let confirmed = before
        .filter(|before| doubt.is_some() && is_confirmed(before, &reading, at))
        .map(|before| before.reading);
    let standing = if stale {
        DataState::Stale
    } else if doubt.is_some() && confirmed.is_none() {
        DataState::Suspect
    } else {
        DataState::Good
    };
    let rewarded_before = before.and_then(|before| before.rewarded);
    let doubt = doubt.filter(|_| standing == DataState::Suspect);
    let pool = match before {
        Some(before) if *before.pool == row.pool => Arc::clone(&before.pool),
        _ => Arc::new(row.pool),
    };
    let mut listing = Listing {
        no,
        pool,
        reading,
        trusted: if standing == DataState::Good {
            None
        } else {
            trusted
        },
        feed: row.feed,
        own_time: row.own_time,
        reward_tokens: row.reward_tokens,
        unchanged_since,
        state: standing,
        record: before.and_then(|before| before.record.clone()),
        doubt: doubt.map(|doubt| Doubted {
            doubt,
            since: before
                .and_then(|before| before.doubt)
                .filter(|before| before.doubt == doubt)
                .map_or(at, |before| before.since),
        }),
        rewarded: rewarded_before,
        counted_at,
        assessment: Assessment::default(),
        strain: before
            .map(|before| before.strain.clone())
            .unwrap_or_default(),
        missed: None,
    };
    listing.assessment = listing.assess(screen);
    if standing == DataState::Good {
        let usable = confirmed.iter().chain([&reading]);
        listing.rewarded = usable.fold(rewarded_before, |last, it| rewarded(it).or(last));
    }
    let same = before.is_some_and(|before| {
        unchanged
            && before.state == listing.state
            && before.assessment.verdict == listing.assessment.verdict
    });
    if same {
        return (listing, None);
    }
    let new = News {
        pool: listing.pool.id,
        usable: fresh(&listing, confirmed, trusted, rewarded_before, screen),
        figures_changed: !unchanged,
        previous_until: trusted.map(|trusted| trusted.at),
    };
    (listing, Some(new))
}

/// Why a reading is not to be believed, beside that it might be confirmed.
fn doubt_of(
    before: Option<&Listing>,
    trusted: Option<&Reading>,
    reading: &Reading,
    other_unit: bool,
) -> Option<Doubt> {
    let trusted = trusted?;
    let was_in_other_unit = before
        .and_then(|before| before.doubt)
        .is_some_and(|before| before.doubt == Doubt::UnitChange);
    if (other_unit || was_in_other_unit) && is_about_a_hundred(trusted.apy.get(), reading.apy.get())
    {
        return Some(Doubt::UnitChange);
    }
    doubt(trusted, reading)
}

/// What a usable reading says of rewards; `None` when it shows none.
fn rewarded(reading: &Reading) -> Option<Rewarded> {
    let reward = reading.reward.filter(|reward| is_notable_reward(*reward))?;
    Some(Rewarded {
        at: reading.at,
        reward,
    })
}

fn fresh(
    listing: &Listing,
    confirmed: Option<Reading>,
    trusted: Option<Reading>,
    rewarded_before: Option<Rewarded>,
    screen: &Screen,
) -> Vec<Fresh> {
    if listing.state != DataState::Good {
        return Vec::new();
    }
    let mut before = trusted;
    let mut fresh = Vec::with_capacity(1);
    if let Some(reading) = confirmed {
        let assessment = assess(&listing.evidence(&reading, DataState::Good), screen);
        fresh.push(Fresh {
            reading,
            assessment,
            before: differing(trusted, &reading),
            rewarded: rewarded(&reading).or(rewarded_before),
        });
        before = Some(reading);
    }
    fresh.push(Fresh {
        reading: listing.reading,
        assessment: listing.assessment.clone(),
        before: differing(before, &listing.reading),
        rewarded: listing.rewarded,
    });
    fresh
}

fn differing(before: Option<Reading>, now: &Reading) -> Option<Percent> {
    before
        .map(|before| before.apy)
        .filter(|apy| *apy != now.apy)
}

/// A pool that the batch lacks: missing after a while, forgotten after a longer one.
fn miss(gone: &Listing, at: Timestamp, screen: &Screen) -> Option<Listing> {
    let missed = gone.missed.map_or(
        Missed {
            batches: 1,
            since: at,
        },
        |missed| Missed {
            batches: missed.batches.saturating_add(1),
            ..missed
        },
    );
    let away: Duration = at.since(missed.since);
    if away >= FORGOTTEN_AFTER.0 {
        return None;
    }
    let mut listing = gone.clone();
    listing.missed = Some(missed);
    if missed.batches >= MISSING_AFTER.0 && away >= MISSING_AFTER.1.0 {
        listing.trusted = gone.usable().copied();
        listing.state = DataState::Missing;
        listing.assessment = listing.assess(screen);
    }
    Some(listing)
}

#[cfg(test)]
mod tests;
