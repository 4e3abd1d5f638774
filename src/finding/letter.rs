//! A dead letter: a record that could not be used, and where it stood.

use serde::{Deserialize, Serialize};

/// One rejected record, as published. The payload itself stays where it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The topic, or the file.
    pub topic: String,
    /// The partition; 0 for a file.
    pub partition: u32,
    /// The offset; in a file the number of the line or record, from 1.
    pub offset: u64,
    /// Which step refused it: `decode` or `join`.
    pub stage: String,
    /// The class of the trouble.
    pub reason: String,
    /// One sentence: field, value, what would be accepted.
    pub detail: String,
}
