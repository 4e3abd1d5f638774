//! Which few events stand for many?
//!
//! Those with the smallest hashes of their request keys. Such a sample is uniform over requests, merges by union, and
//! does not depend on the order of arrival. It names unseen values and the requests that are worth a label.

use std::collections::BTreeMap;

use crate::event::{EventTime, RequestKey};

/// One kept event. Memory: about 150 bytes and its texts, which are cut at 256 bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The request's id.
    pub request_id: String,
    /// Its row.
    pub row: u32,
    /// When it was predicted.
    pub time: EventTime,
    /// What the model said.
    pub score: f64,
    /// What it was kept for: the unseen value, or nothing.
    pub value: String,
    /// The codes of its features.
    pub codes: Vec<u8>,
}

/// The `k` events with the smallest hashes.
#[derive(Clone, Debug, PartialEq)]
pub struct BottomK {
    limit: usize,
    /// The largest hash, once the sample is full: looked at for every event.
    largest: Option<(u64, RequestKey)>,
    events: BTreeMap<(u64, RequestKey), Event>,
}

impl BottomK {
    /// An empty sample of at most `limit` events.
    pub const fn new(limit: usize) -> Self {
        Self { limit, largest: None, events: BTreeMap::new() }
    }

    /// Whether an event with this hash would be kept; asked first, so that refused ones cost no allocation.
    #[inline]
    pub fn wants(&self, key: RequestKey) -> bool {
        self.events.len() < self.limit || self.largest.is_some_and(|largest| (key.hash64(), key) < largest)
    }

    /// Adds an event; the largest hash leaves.
    pub fn insert(&mut self, key: RequestKey, event: Event) {
        if self.wants(key) {
            self.events.insert((key.hash64(), key), event);
            if self.events.len() > self.limit {
                self.events.pop_last();
            }
            if self.events.len() == self.limit {
                self.largest = self.events.last_key_value().map(|(&last, _)| last);
            }
        }
    }

    /// The union with another sample of the same limit.
    pub fn merge(&mut self, other: &Self) {
        for (&(_, key), event) in &other.events {
            if self.wants(key) {
                self.insert(key, event.clone());
            }
        }
    }

    /// The events in the order of their hashes.
    pub fn iter(&self) -> impl Iterator<Item = (RequestKey, &Event)> {
        self.events.iter().map(|(&(_, key), event)| (key, event))
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The most that are kept.
    pub const fn limit(&self) -> usize {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str) -> (RequestKey, Event) {
        let event = Event {
            request_id: id.into(),
            row: 0,
            time: EventTime::default(),
            score: 0.5,
            value: String::new(),
            codes: vec![1],
        };
        (RequestKey::new(id, 0), event)
    }

    #[test]
    fn a_stream_in_any_order_and_any_cut_keeps_the_same_events() {
        let ids: Vec<String> = (0..100).map(|i| format!("r{i}")).collect();
        let mut whole = BottomK::new(8);
        let mut left = BottomK::new(8);
        let mut right = BottomK::new(8);
        for (place, id) in ids.iter().enumerate() {
            let (key, kept) = event(id);
            whole.insert(key, kept.clone());
            if place % 3 == 0 { left.insert(key, kept) } else { right.insert(key, kept) }
        }
        let mut back = BottomK::new(8);
        for id in ids.iter().rev() {
            let (key, kept) = event(id);
            back.insert(key, kept);
        }
        left.merge(&right);
        assert_eq!(left, whole);
        assert_eq!(back, whole);
        assert_eq!(whole.len(), 8);
        let mut smallest: Vec<u64> = ids.iter().map(|id| RequestKey::new(id, 0).hash64()).collect();
        smallest.sort_unstable();
        let kept: Vec<u64> = whole.iter().map(|(key, _)| key.hash64()).collect();
        assert_eq!(kept, smallest[..8]);
    }
}
