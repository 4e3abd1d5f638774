//! How is a prediction named inside truthline?
//!
//! By 128 bits over its request id and row. Ids are of any length; the key is not, so that a pending row has a
//! fixed size. Two of 10^12 ids share a key with a probability of about 10^-15.

/// The hashed name of one row of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey(u128);

impl RequestKey {
    /// The key of `row` of the request `id`.
    pub fn new(id: &str, row: u32) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128_with_seed(id.as_bytes(), u64::from(row)))
    }

    /// The 128 bits, for encoding.
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// The key with these bits, for decoding.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// 64 well mixed bits: the order of samples and the place in a hash table.
    pub const fn hash64(self) -> u64 {
        (self.0 >> 64) as u64 ^ self.0 as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_request_have_different_keys() {
        assert_ne!(RequestKey::new("r", 0), RequestKey::new("r", 1));
        assert_eq!(RequestKey::new("r", 7), RequestKey::new("r", 7));
    }
}
