//! How large may one record be?
//!
//! Each limit is a bound on memory that a sender of records could otherwise choose. What breaks one is rejected.

/// The bounds of one record. The defaults hold what real records need with much to spare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one record as it stands in its source. Default 1 MiB.
    pub record_bytes: usize,
    /// How deep lists and objects may stand in each other; the record itself is 1. Default 32, at most 100.
    pub depth: usize,
    /// Bytes of a name: request id, model, version, feature name. Default 1 KiB.
    pub name_bytes: usize,
    /// Bytes of any other text that is kept, such as a feature's value. Default 64 KiB.
    pub text_bytes: usize,
    /// Features of one record. Default 1,000.
    pub features: usize,
    /// How many different unknown field names are remembered. Default 256.
    pub unknown_fields: usize,
}

impl Limits {
    /// The highest [`Limits::depth`]: the JSON parser's own bound is 128.
    pub const MAX_DEPTH: usize = 100;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            record_bytes: 1 << 20,
            depth: 32,
            name_bytes: 1 << 10,
            text_bytes: 64 << 10,
            features: 1_000,
            unknown_fields: 256,
        }
    }
}
