//! Which code has this text?
//!
//! Values of categories are short, and each prediction asks for dozens of them. Texts of up to 15 bytes are compared as
//! one 128-bit number in an open table that is at most a quarter full; longer ones go through a hash map. Memory: 32
//! bytes a place.

use rustc_hash::FxHashMap;

/// Texts of at most this many bytes fit beside their length.
const SHORT: usize = 15;

/// The codes of a feature's known values.
#[derive(Clone, Debug, Default)]
pub(super) struct Vocabulary {
    /// Number and code; the number 0 is an empty place. A power of two of places.
    short: Vec<(u128, u8)>,
    long: FxHashMap<Box<str>, u8>,
}

/// The bytes and the length of a short text as one number, never 0.
#[inline]
fn packed(text: &str) -> u128 {
    let mut bytes = [0; SHORT + 1];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    bytes[SHORT] = text.len() as u8 + 1;
    u128::from_le_bytes(bytes)
}

/// Where the search for a number begins, before it is cut to the table.
#[inline]
fn place(key: u128) -> usize {
    let mixed = (key as u64 ^ ((key >> 64) as u64).rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as usize
}

impl Vocabulary {
    /// The vocabulary of `values`, numbered from `first`.
    pub(super) fn new(values: &[String], first: u8) -> Self {
        let short = values.iter().filter(|value| value.len() <= SHORT).count();
        let mut vocabulary = Self { short: vec![(0, 0); (4 * short).next_power_of_two()], long: FxHashMap::default() };
        for (number, value) in values.iter().enumerate() {
            let code = first + number as u8;
            if value.len() > SHORT {
                vocabulary.long.insert(value.as_str().into(), code);
                continue;
            }
            let key = packed(value);
            let mask = vocabulary.short.len() - 1;
            let mut at = place(key) & mask;
            while vocabulary.short[at].0 != 0 && vocabulary.short[at].0 != key {
                at = (at + 1) & mask;
            }
            vocabulary.short[at] = (key, code);
        }
        vocabulary
    }

    /// The code of a text, if it is known.
    #[inline]
    pub(super) fn code(&self, text: &str) -> Option<u8> {
        if text.len() > SHORT {
            return self.long.get(text).copied();
        }
        let key = packed(text);
        let mask = self.short.len().wrapping_sub(1);
        let mut at = place(key) & mask;
        // At least three of four places are empty, so the search ends; without any short value there is one, empty.
        loop {
            let &(known, code) = self.short.get(at)?;
            if known == key {
                return Some(code);
            }
            if known == 0 {
                return None;
            }
            at = (at + 1) & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_known_text_has_its_code_and_no_other_text_has_one(
            values in proptest::collection::btree_set("[a-c\\PC]{0,20}", 0..60),
            others in proptest::collection::vec("[a-c\\PC]{0,20}", 0..40),
        ) {
            let values: Vec<String> = values.into_iter().collect();
            let vocabulary = Vocabulary::new(&values, 19);
            let naive: BTreeMap<&str, u8> =
                values.iter().enumerate().map(|(number, value)| (value.as_str(), 19 + number as u8)).collect();
            for text in values.iter().chain(&others) {
                prop_assert_eq!(vocabulary.code(text), naive.get(text.as_str()).copied(), "{}", text);
            }
        }
    }

    #[test]
    fn a_feature_without_a_vocabulary_knows_nothing() {
        assert_eq!(Vocabulary::default().code("card"), None);
        assert_eq!(Vocabulary::new(&[], 19).code(""), None);
        // Bytes of nothing are not a shorter text.
        assert_eq!(Vocabulary::new(&["a".into()], 19).code("a\0"), None);
    }
}
