//! Are two records the same, though one came as JSON and the other as Avro?
//!
//! The content hash is a sum, modulo 2^64, of one hash a field and one a feature, hashed once more. A sum does not
//! depend on the order; names enter by their own hash, never by their slot; numbers enter as the nearest double's
//! bits, so that `3` and `3.0` are one value. Equal content gives equal hashes; two of n different records share one
//! with a probability of about n^2 / 2^65.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::field::Field;
use crate::event::{Features, Value};

/// The running sum of one record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Content(u64);

/// What tells kinds of values apart inside the hash.
mod tag {
    pub(super) const NULL: u64 = 0x0100_0000_0000_0000;
    pub(super) const BOOL: u64 = 0x0200_0000_0000_0000;
    pub(super) const NUMBER: u64 = 0x0300_0000_0000_0000;
    pub(super) const BIG: u64 = 0x0400_0000_0000_0000;
    pub(super) const TEXT: u64 = 0x0500_0000_0000_0000;
}

fn mix(seed: u64, bits: u64) -> u64 {
    xxh3_64_with_seed(&bits.to_le_bytes(), seed)
}

/// Whether a double holds the number. All up to 2^53 are.
fn is_a_double(value: i64) -> bool {
    value.unsigned_abs() <= 1 << 53 || value as f64 as i128 == i128::from(value)
}

impl Content {
    /// Adds a field's 64 bits.
    pub(super) fn add(&mut self, field: Field, bits: u64) {
        self.0 = self.0.wrapping_add(mix(field as u64 + 1, bits));
    }

    /// Adds a text.
    pub(super) fn add_text(&mut self, field: Field, text: &str) {
        self.add(field, xxh3_64(text.as_bytes()));
    }

    /// Adds a number.
    pub(super) fn add_number(&mut self, field: Field, number: f64) {
        self.add(field, (number + 0.0).to_bits());
    }

    /// Adds the features; `name_hashes` gives each slot's name hash.
    pub(super) fn add_features(&mut self, features: &Features, name_hashes: &[u64]) {
        for &(slot, value) in &features.pairs {
            let (kind, bits) = match value {
                Value::Null => (tag::NULL, 0),
                Value::Bool(value) => (tag::BOOL, u64::from(value)),
                // A whole number that no double holds has bits of its own; no float can equal it.
                Value::Int(value) if is_a_double(value) => (tag::NUMBER, (value as f64).to_bits()),
                Value::Int(value) => (tag::BIG, value as u64),
                Value::Float(value) => (tag::NUMBER, (value + 0.0).to_bits()),
                Value::Text { start, length } => (tag::TEXT, xxh3_64(features.text_of(start, length).as_bytes())),
            };
            self.0 = self.0.wrapping_add(mix(name_hashes[usize::from(slot.0)] ^ kind, bits));
        }
    }

    /// The hash.
    pub(super) fn finish(self) -> u64 {
        mix(0, self.0)
    }
}
