//! Asks the sources of what is known beside the pools, each at its own rhythm and one after another.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use tokio::{task::spawn_blocking, time::Instant};

use super::{
    super::{
        Market,
        health::{Health, words_of},
    },
    Facts, Line, Told, Topic, packed,
};
use crate::{
    causes::Causes,
    domain::time::{Span, Timestamp},
    sources::{
        Outage, SourceError,
        defillama::Defillama,
        fetch::{Backoff, Outcome, Schedule},
        incidents,
        kept::Rows,
    },
    store::{Store, StoreError},
};

/// What a source said counts for three times its rhythm, and for this at least.
const SHELF_LIFE: Span = Span::days(1);
/// The first question after a start waits for a part of this, so that many bots do not ask together.
const SPREAD: Duration = Duration::from_secs(10);
/// What these sources tell changes slowly, so they are left alone for longer than that of the pools.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_mins(1),
    longest: Duration::from_mins(30),
};

/// Who is asked, and for what.
#[derive(Debug, Clone)]
pub enum Source {
    Protocols(Defillama),
    Fees(Defillama),
    Loans(Defillama),
    Stablecoins(Defillama),
    /// A file that the operator names.
    Incidents(PathBuf),
}

impl Source {
    const fn topic(&self) -> Topic {
        match self {
            Self::Protocols(_) => Topic::Protocols,
            Self::Fees(_) => Topic::Fees,
            Self::Loans(_) => Topic::Loans,
            Self::Stablecoins(_) => Topic::Stablecoins,
            Self::Incidents(_) => Topic::Incidents,
        }
    }

    async fn ask(&self) -> Result<Answer, SourceError> {
        Ok(match self {
            Self::Protocols(source) => Answer::of(source.protocols().await?, Told::Protocols),
            Self::Fees(source) => Answer::of(source.fees().await?, Told::Fees),
            Self::Loans(source) => Answer::of(source.lend_borrow().await?, Told::Loans),
            Self::Stablecoins(source) => Answer::of(source.stablecoins().await?, Told::Stablecoins),
            Self::Incidents(path) => Answer::of(incidents::read(path).await?, Told::Incidents),
        })
    }

    /// Whether a list of so many rows can be the next one after one with `before`. One that has shrunk
    /// to less than half is taken for a fault; a file is what its owner makes of it.
    const fn may_shrink(&self, before: usize, rows: usize) -> bool {
        matches!(self, Self::Incidents(_)) || rows.saturating_mul(2) >= before
    }
}

/// Rows of any kind, and how many were left out.
struct Answer {
    told: Told,
    skipped: u32,
    conflicting: u32,
}

impl Answer {
    fn of<T>(rows: Rows<T>, told: fn(Vec<T>) -> Told) -> Self {
        Self {
            told: told(rows.rows),
            skipped: rows.skipped,
            conflicting: rows.conflicting,
        }
    }
}

/// Why a source's answer is of no use.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("the answer has {rows} rows, and had {before} before")]
    Shrunk { rows: usize, before: usize },
}

/// Who is to be asked, and whose turn it is.
#[derive(Debug)]
pub struct Rounds(Vec<Turn>);

#[derive(Debug)]
struct Turn {
    source: Source,
    interval: Duration,
    schedule: Schedule,
    due: Instant,
}

impl Rounds {
    /// Each of these is asked in its own rhythm.
    pub fn new(sources: Vec<(Source, Duration)>) -> Self {
        let turn = |(source, interval)| Turn {
            source,
            interval,
            schedule: Schedule::new(BACKOFF),
            due: Instant::now(),
        };
        Self(sources.into_iter().map(turn).collect())
    }

    /// Puts in place what was kept, and says when each is due: the one that was kept at the end of its
    /// rhythm, the others soon. What was kept and cannot be read is as good as nothing. `random` is
    /// from 0 to 1.
    pub async fn load(
        &mut self,
        store: &Store,
        market: &Market,
        now: Timestamp,
        random: f64,
    ) -> Result<(), StoreError> {
        for turn in &mut self.0 {
            turn.due = Instant::now() + SPREAD.min(turn.interval).mul_f64(random);
            let mut line = turn.first_line();
            if let Some((fetched_at, packed)) = store.kept_facts(line.topic.slug()).await?
                && let Some(rows) = put_back(market, &line, fetched_at, packed).await
            {
                line.health.answered(fetched_at);
                line.rows = Some(rows);
                turn.due += turn.interval.saturating_sub(now.since(fetched_at));
            }
            market.note_line(&line);
        }
        Ok(())
    }

    /// When the next one is due; `None` where there is nobody to ask.
    pub fn next_due(&self) -> Option<Instant> {
        self.0.iter().map(|turn| turn.due).min()
    }

    /// Asks the one that has been due for longest, and takes in what there is. A failure is noted where
    /// people see it, and what was said before stays. `random` is from 0 to 1.
    pub async fn take_turn(
        &mut self,
        store: &Store,
        market: &Market,
        now: Timestamp,
        random: f64,
    ) -> Result<(), StoreError> {
        let Some(turn) = self.0.iter_mut().min_by_key(|turn| turn.due) else {
            return Ok(());
        };
        let asked = turn.source.ask().await;
        turn.wait_after(Outcome::of(&asked), random);
        let first = turn.first_line();
        let mut line = market.line(first.topic).unwrap_or(first);
        let taken = match asked {
            Ok(answer) => turn.take_in(answer, &mut line, market, now).await,
            Err(error) => Err(error.into()),
        };
        let kept = match taken {
            Ok(Some(packed)) => store.keep_facts(line.topic.slug(), now, &packed).await,
            Ok(None) => Ok(()),
            Err(error) => {
                tracing::warn!(
                    source = line.topic.name(),
                    error = %Causes(&error),
                    "no answer"
                );
                line.health.failed(now, words_of(&error));
                Ok(())
            }
        };
        market.note_line(&line);
        kept
    }
}

impl Turn {
    /// How the source does before it was asked.
    fn first_line(&self) -> Line {
        Line {
            topic: self.source.topic(),
            health: Health::default(),
            rows: None,
            shelf_life: Span(self.interval.saturating_mul(3)).max(SHELF_LIFE),
        }
    }

    /// Up to a twentieth of the rhythm sooner or later, so that many bots fall out of step.
    fn wait_after(&mut self, outcome: Outcome, random: f64) {
        let interval = self.interval.mul_f64(0.95 + 0.1 * random);
        self.due = Instant::now() + self.schedule.next_delay(outcome, interval, random);
    }

    /// Makes an answer what is known from now on, and returns what is to be kept of it.
    async fn take_in(
        &self,
        answer: Answer,
        line: &mut Line,
        market: &Market,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, Unusable> {
        let rows = answer.told.rows();
        let counts = |at: &Timestamp| now.since(*at) <= line.shelf_life.0;
        if let Some(before) = line.rows
            && line.health.answered_at.as_ref().is_some_and(counts)
            && !self.source.may_shrink(before, rows)
        {
            return Err(Unusable::Shrunk { rows, before });
        }
        let (facts, shelf_life) = (market.facts(), line.shelf_life);
        let (facts, packed) = spawn_blocking(move || {
            let packed = packed::pack(&answer.told);
            (facts.with(answer.told, now, shelf_life), packed)
        })
        .await
        .map_err(|_| SourceError::Unavailable(Outage::BrokenOff))?;
        market.swap_facts(facts);
        line.health.answered(now);
        line.health.skipped = answer.skipped;
        line.health.conflicting = answer.conflicting;
        line.rows = Some(rows);
        Ok(packed.unwrap_or_else(|error: io::Error| {
            // Memory is all that it is packed into, so that this would be a defect of the packer's.
            tracing::warn!(source = line.topic.name(), %error, "an answer cannot be packed");
            None
        }))
    }
}

/// Puts what was kept back in its place; the number of its rows, or `None` where it cannot be read.
async fn put_back(
    market: &Market,
    line: &Line,
    fetched_at: Timestamp,
    packed: Vec<u8>,
) -> Option<usize> {
    let (facts, topic, shelf_life): (Arc<Facts>, _, _) =
        (market.facts(), line.topic, line.shelf_life);
    let unpacked = spawn_blocking(move || {
        packed::unpack(topic, &packed).map(|told| {
            let told = told?;
            let rows = told.rows();
            Some((facts.with(told, fetched_at, shelf_life), rows))
        })
    });
    match unpacked.await {
        Ok(Ok(Some((facts, rows)))) => {
            market.swap_facts(facts);
            Some(rows)
        }
        Ok(Ok(None)) => None,
        Err(error) => {
            tracing::warn!(source = topic.name(), %error, "reading what was kept broke off");
            None
        }
        Ok(Err(error)) => {
            tracing::info!(
                source = topic.name(),
                error = %Causes(&error),
                "what was kept cannot be read; it is asked for again"
            );
            None
        }
    }
}

#[cfg(test)]
mod tests;
