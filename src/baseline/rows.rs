//! Which rows does a baseline stand on?
//!
//! Up to a limit all of them, beyond it those with the smallest hashes of their request keys: a uniform sample that
//! does not depend on the order of reading or on partitions, and that merges by union.

use std::collections::BTreeMap;

use crate::event::{EventTime, Features, RequestKey};
use crate::observe::Facts;

/// One row: a prediction, its features and, if known, its truth.
#[derive(Clone, Debug)]
pub struct SampleRow {
    /// When it was predicted.
    pub time: EventTime,
    /// Score, decision, arm, action.
    pub facts: Facts,
    /// The inputs, by the slots of the stream's feature names.
    pub features: Features,
    /// Hash of the content: of two rows with one key the smaller stays.
    pub content: u64,
    /// The truth.
    pub positive: Option<bool>,
}

/// The rows with the smallest hashes.
#[derive(Clone, Debug, Default)]
pub struct RowSample {
    limit: usize,
    seen: u64,
    rows: BTreeMap<(u64, RequestKey), SampleRow>,
}

impl RowSample {
    /// An empty sample of at most `limit` rows. Memory: about 700 bytes a row of 20 features.
    pub const fn new(limit: usize) -> Self {
        Self { limit, seen: 0, rows: BTreeMap::new() }
    }

    /// Whether a row with this key would be kept.
    pub fn wants(&self, key: RequestKey) -> bool {
        self.rows.len() < self.limit || self.rows.last_key_value().is_some_and(|(last, _)| (key.hash64(), key) <= *last)
    }

    /// Counts a row and keeps it if its hash is small enough; `row` is called only then.
    pub fn add(&mut self, key: RequestKey, row: impl FnOnce() -> SampleRow) {
        self.seen += 1;
        if self.wants(key) {
            self.keep(key, row());
        }
    }

    /// Keeps a row that was counted elsewhere, if its hash is small enough; the key of the row that had to go for it.
    pub fn insert(&mut self, key: RequestKey, row: SampleRow) -> Option<RequestKey> {
        if !self.wants(key) {
            return None;
        }
        let last = self.rows.last_key_value().map(|(&(_, last), _)| last);
        let before = self.rows.len();
        self.keep(key, row);
        last.filter(|_| before == self.limit && self.rows.len() == before)
    }

    /// Counts rows that were seen elsewhere.
    pub const fn add_seen(&mut self, seen: u64) {
        self.seen += seen;
    }

    fn keep(&mut self, key: RequestKey, row: SampleRow) {
        let kept = self.rows.entry((key.hash64(), key)).or_insert_with(|| row.clone());
        if row.content < kept.content {
            *kept = row;
        }
        if self.rows.len() > self.limit {
            self.rows.pop_last();
        }
    }

    /// Tells the truth of a row, if it is in the sample.
    pub fn label(&mut self, key: RequestKey, positive: Option<bool>) {
        if let Some(row) = self.rows.get_mut(&(key.hash64(), key)) {
            row.positive = positive;
        }
    }

    /// Tells the truth of the row of this time: a key may be used again later.
    /// Whether it is here.
    pub fn label_at(&mut self, key: RequestKey, time: EventTime, positive: Option<bool>) -> bool {
        let row = self.rows.get_mut(&(key.hash64(), key)).filter(|row| row.time == time);
        row.map(|row| row.positive = positive).is_some()
    }

    /// Takes every row for negative of which nothing was said.
    pub fn assume_negative(&mut self) {
        for row in self.rows.values_mut() {
            row.positive = row.positive.or(Some(false));
        }
    }

    /// Forgets rows at or after a moment.
    pub fn keep_before(&mut self, end: EventTime) {
        self.rows.retain(|_, row| row.time < end);
    }

    /// The same rows with their truth unknown.
    #[must_use]
    pub fn without_truth(&self) -> Self {
        let mut rows = self.clone();
        for row in rows.rows.values_mut() {
            row.positive = None;
        }
        rows
    }

    /// The union with a sample of another part of the stream.
    pub fn merge(&mut self, other: Self) {
        self.seen += other.seen;
        for ((_, key), row) in other.rows {
            if self.wants(key) {
                self.keep(key, row);
            }
        }
    }

    /// The rows in the order of their hashes.
    pub fn iter(&self) -> impl Iterator<Item = (RequestKey, &SampleRow)> {
        self.rows.iter().map(|(&(_, key), row)| (key, row))
    }

    /// How many rows are kept.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no row is kept.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many rows were seen.
    pub const fn seen(&self) -> u64 {
        self.seen
    }
}
