//! Which rows does a baseline stand on?
//!
//! Up to a limit all of them, beyond it those with the smallest hashes of their request keys: a uniform sample that
//! does not depend on the order of reading or on partitions, and that merges by union.

use std::collections::BTreeMap;

use crate::event::wire::{
    WireError, expect, put, put_bytes, put_signed, put_time, take, take_array, take_byte, take_signed, take_text,
    take_time,
};
use crate::event::{Arm, EventTime, Features, RequestKey, Slot, Value};
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

impl RowSample {
    /// Appends the sample as bytes. Slots stay the numbers that they are: whoever reads it has the same feature names.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        put(bytes, self.limit as u64);
        put(bytes, self.seen);
        put(bytes, self.rows.len() as u64);
        for (key, row) in self.iter() {
            bytes.extend_from_slice(&key.bits().to_le_bytes());
            row.encode(bytes);
        }
    }

    /// The sample that these bytes begin with.
    ///
    /// # Errors
    /// When they are no sample.
    pub fn decode(bytes: &mut &[u8]) -> Result<Self, WireError> {
        let mut sample = Self::new(take(bytes)? as usize);
        sample.seen = take(bytes)?;
        for _ in 0..take(bytes)? {
            let key = RequestKey::from_bits(u128::from_le_bytes(take_array(bytes)?));
            sample.rows.insert((key.hash64(), key), SampleRow::decode(bytes)?);
        }
        Ok(sample)
    }
}

impl SampleRow {
    fn encode(&self, bytes: &mut Vec<u8>) {
        put_time(bytes, Some(self.time));
        bytes.extend_from_slice(&self.facts.score.to_bits().to_le_bytes());
        bytes.push(known(self.facts.decision));
        bytes.push(self.facts.arm as u8);
        put(bytes, self.facts.action.map_or(0, |action| u64::from(action) + 1));
        bytes.extend_from_slice(&self.content.to_le_bytes());
        bytes.push(known(self.positive));
        put_bytes(bytes, self.features.text.as_bytes());
        put(bytes, self.features.pairs.len() as u64);
        for &(slot, value) in &self.features.pairs {
            put(bytes, slot.0.into());
            match value {
                Value::Null => bytes.push(0),
                Value::Bool(value) => bytes.push(1 + u8::from(value)),
                Value::Int(value) => {
                    bytes.push(3);
                    put_signed(bytes, value);
                }
                Value::Float(value) => {
                    bytes.push(4);
                    bytes.extend_from_slice(&value.to_bits().to_le_bytes());
                }
                Value::Text { start, length } => {
                    bytes.push(5);
                    put(bytes, start.into());
                    put(bytes, length.into());
                }
            }
        }
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, WireError> {
        let time = take_time(bytes)?.ok_or(WireError::Truncated("the time of a row"))?;
        let score = f64::from_bits(u64::from_le_bytes(take_array(bytes)?));
        let decision = take_known(bytes)?;
        let arm = take_byte(bytes)?;
        let arm = *Arm::ALL.get(usize::from(arm)).ok_or(WireError::Unexpected {
            what: "the arm of a row",
            found: arm.into(),
            accepted: 3,
        })?;
        let action = take(bytes)?;
        let action = (action > 0).then(|| (action - 1) as u8);
        let content = u64::from_le_bytes(take_array(bytes)?);
        let positive = take_known(bytes)?;
        let mut features = Features { text: take_text(bytes)?.to_owned(), ..Features::default() };
        for _ in 0..take(bytes)? {
            let slot = Slot(take(bytes)? as u16);
            let value = match take_byte(bytes)? {
                0 => Value::Null,
                kind @ (1 | 2) => Value::Bool(kind == 2),
                3 => Value::Int(take_signed(bytes)?),
                4 => Value::Float(f64::from_bits(u64::from_le_bytes(take_array(bytes)?))),
                kind => {
                    expect("the kind of a value", kind.into(), 5)?;
                    let (start, length) = (take(bytes)? as u32, take(bytes)? as u32);
                    let end = (start as usize).saturating_add(length as usize);
                    if features.text.get(start as usize..end).is_none() {
                        return Err(WireError::Truncated("the text of a value"));
                    }
                    Value::Text { start, length }
                }
            };
            features.pairs.push((slot, value));
        }
        Ok(Self { time, facts: Facts { score, decision, arm, action }, features, content, positive })
    }
}

const fn known(value: Option<bool>) -> u8 {
    match value {
        None => 0,
        Some(false) => 1,
        Some(true) => 2,
    }
}

fn take_known(bytes: &mut &[u8]) -> Result<Option<bool>, WireError> {
    match take_byte(bytes)? {
        0 => Ok(None),
        1 => Ok(Some(false)),
        other => expect("a truth value", other.into(), 2).map(|()| Some(true)),
    }
}
