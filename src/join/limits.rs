//! How much may one join keep, and how much does it?

/// How much one join may keep. What goes beyond is rejected, and the join is capped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open rows; default 100 million, which is about 8 GB and the codes.
    pub rows: usize,
    /// Labels that wait for their inference, and tombstones that wait for further rows; default 10 million, which is about 0.5 GB.
    pub buffered_labels: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: 100_000_000, buffered_labels: 10_000_000 }
    }
}

/// Bytes that a join has allocated, by part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Open rows.
    pub open_rows: usize,
    /// Labels that wait.
    pub buffered_labels: usize,
    /// Tombstones that are kept for rows to come, whether they have met one or not.
    pub tombstones: usize,
    /// Bytes of the rows.
    pub rows: usize,
    /// Bytes of their codes.
    pub codes: usize,
    /// Bytes of the index of the rows.
    pub index: usize,
    /// Bytes of the labels of rows that have several (an estimate from above).
    pub corrections: usize,
    /// Bytes of the waiting labels, the tombstones and their index.
    pub buffer: usize,
}

impl Memory {
    /// All bytes.
    pub const fn total(&self) -> usize {
        self.rows + self.codes + self.index + self.corrections + self.buffer
    }
}
