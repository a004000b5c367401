//! The usable rows of an answer, each key once.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
};

use super::SourceError;

/// One bad row in this many makes the whole answer unusable: 5 %.
const BAD_ROWS: u32 = 20;

/// What an answer held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows<T> {
    /// In the order of the answer; no key is in it twice.
    pub rows: Vec<T>,
    /// Rows that were left out because a value that is needed is missing or impossible.
    pub skipped: u32,
    /// Rows that were left out because another row with the same key says something else.
    pub conflicting: u32,
}

/// Rows by their key, in order.
pub(super) struct Kept<K, T> {
    /// `None` where rows contradicted each other.
    rows: Vec<Option<T>>,
    places: HashMap<K, usize>,
    conflicting: u32,
}

impl<K, T> Default for Kept<K, T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            places: HashMap::new(),
            conflicting: 0,
        }
    }
}

impl<K: Hash + Eq, T: PartialEq> Kept<K, T> {
    /// Rows that say the same under the same key count once; those that differ are all dropped, since
    /// there is no telling which is right.
    pub(super) fn add(&mut self, key: K, row: T) {
        let place = match self.places.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(self.rows.len());
                self.rows.push(Some(row));
                return;
            }
            Entry::Occupied(occupied) => *occupied.get(),
        };
        let Some(before) = self.rows.get_mut(place) else {
            return;
        };
        if before.as_ref() == Some(&row) {
            return;
        }
        // The row that stood there is dropped with the first that differs from it.
        let dropped = if before.take().is_some() { 2 } else { 1 };
        self.conflicting = self.conflicting.saturating_add(dropped);
    }

    /// The rows that are left, and how many were dropped.
    pub(super) fn into_rows(self) -> (Vec<T>, u32) {
        (self.rows.into_iter().flatten().collect(), self.conflicting)
    }
}

/// Refuses an answer of which more than 5 % is bad: its shape must have changed.
pub(super) const fn check_bad(bad: u32, rows: u32) -> Result<(), SourceError> {
    if bad.saturating_mul(BAD_ROWS) > rows {
        Err(SourceError::TooManyBadRows { bad, rows })
    } else {
        Ok(())
    }
}

/// Collects rows by their key, of which some may be bad, into what a whole answer is worth.
pub(super) struct Collector<K, T> {
    kept: Kept<K, T>,
    skipped: u32,
}

impl<K: Hash + Eq, T: PartialEq> Collector<K, T> {
    pub(super) fn new() -> Self {
        Self {
            kept: Kept::default(),
            skipped: 0,
        }
    }

    /// `None` is a bad row.
    pub(super) fn take(&mut self, row: Option<(K, T)>) {
        match row {
            Some((key, row)) => self.kept.add(key, row),
            None => self.skipped = self.skipped.saturating_add(1),
        }
    }

    /// # Errors
    ///
    /// [`SourceError::TooManyBadRows`] when more than 5 % of all `rows` are bad;
    /// [`SourceError::Malformed`] when none is left. A list that is empty is taken for a fault: none
    /// of the lists that are read here ever is.
    pub(super) fn finish(self, rows: u32) -> Result<Rows<T>, SourceError> {
        check_bad(self.skipped, rows)?;
        let (rows, conflicting) = self.kept.into_rows();
        if rows.is_empty() {
            return Err(SourceError::Malformed("it holds no usable row".to_owned()));
        }
        Ok(Rows {
            rows,
            skipped: self.skipped,
            conflicting,
        })
    }
}
