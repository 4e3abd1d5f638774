//! How is a prediction named inside truthline?
//!
//! By 128 bits over its request id and row. Ids are of any length; the key is not, so that a pending row has a
//! fixed size. Two of 10^12 ids share a key with a probability of about 10^-15.
//!
//! The key of the first row is the plain hash of the id. Those of the others follow from it, so that what speaks of a
//! whole request finds all its rows.

/// The last row that a request may have: 4,096 rows. What takes back a whole request looks for so many at most.
pub const LAST_ROW: u32 = 4_095;

/// The hashed name of one row of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey(u128);

impl RequestKey {
    /// The key of `row` of the request `id`.
    pub fn new(id: &str, row: u32) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128(id.as_bytes())).of_row(row)
    }

    /// From the key of the first row of a request to the key of its row `row`: different rows, different keys.
    ///
    /// The upper half changes by a hash of the lower half and the row; so the rows of a request are spread as if each
    /// had been hashed by itself.
    #[must_use]
    pub const fn of_row(self, row: u32) -> Self {
        if row == 0 {
            return self;
        }
        let low = self.0 as u64;
        // One to one in the row, since the multiplier is odd; zero only for the first row.
        let turn = mix(low.wrapping_add((row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))) ^ mix(low);
        Self(self.0 ^ (turn as u128) << 64)
    }

    /// From the key of the row `row` of a request to the key of its first row.
    #[must_use]
    pub const fn of_first_row(self, row: u32) -> Self {
        // The lower half is the same in both, and the same change takes itself back.
        self.of_row(row)
    }

    /// The 128 bits, for encoding.
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// The key with these bits, for decoding.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// A number in [0, 1) that this row drew once and for all. It has nothing to do with [`RequestKey::hash64`]: that is
    /// both halves laid over each other, this is the upper one, and rows of one request differ in it.
    pub const fn chance(self) -> f64 {
        ((self.0 >> 64) as u64 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// 64 well mixed bits: the order of samples and the place in a hash table.
    pub const fn hash64(self) -> u64 {
        (self.0 >> 64) as u64 ^ self.0 as u64
    }
}

/// The finaliser of `SplitMix64`: one to one, and every bit of the result depends on every bit given.
const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn rows_of_one_request_have_different_keys() {
        assert_ne!(RequestKey::new("r", 0), RequestKey::new("r", 1));
        assert_eq!(RequestKey::new("r", 7), RequestKey::new("r", 7));
        for id in ["", "r", "a longer name of a request"] {
            let keys: BTreeSet<RequestKey> = (0..=LAST_ROW).map(|row| RequestKey::new(id, row)).collect();
            assert_eq!(keys.len(), LAST_ROW as usize + 1);
        }
    }

    #[test]
    fn every_row_leads_to_the_first_and_back() {
        for id in 0..200 {
            let first = RequestKey::new(&id.to_string(), 0);
            for row in [0, 1, 2, 100, LAST_ROW, u32::MAX] {
                assert_eq!(first.of_row(row), RequestKey::new(&id.to_string(), row));
                assert_eq!(first.of_row(row).of_first_row(row), first);
            }
        }
    }

    #[test]
    fn the_hashes_of_rows_are_spread_as_if_they_were_independent() {
        // Of 64 cells by the upper bits and 64 by the lower ones, none is far from its share: χ² with 63 degrees of
        // freedom exceeds 120 once in 10^5.
        let hashes: Vec<u64> = (0..50)
            .flat_map(|id| (0..400).map(move |row| RequestKey::new(&format!("request {id}"), row).hash64()))
            .collect();
        for shift in [58, 29, 0] {
            let mut cells = [0_f64; 64];
            for hash in &hashes {
                cells[(hash >> shift) as usize & 63] += 1.0;
            }
            let share = hashes.len() as f64 / 64.0;
            let chi = cells.iter().map(|cell| (cell - share).powi(2) / share).sum::<f64>();
            assert!(chi < 120.0, "χ² is {chi}");
        }
        // Two rows of a request agree in half of their bits.
        let agree: u32 = hashes.windows(2).map(|pair| (pair[0] ^ pair[1]).count_zeros()).sum();
        let mean = f64::from(agree) / (hashes.len() - 1) as f64;
        assert!((mean - 32.0).abs() < 0.2, "{mean} of 64 bits agree");
    }
}
