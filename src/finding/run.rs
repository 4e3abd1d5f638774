//! The account of a run: what came in, what became of it, and whether the sums agree.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One equation that must hold, with both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invariant {
    /// The equation in words.
    pub name: String,
    /// Left side.
    pub left: i64,
    /// Right side.
    pub right: i64,
    /// Whether they are equal.
    pub holds: bool,
}

/// What one source gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceReport {
    /// The file or topic.
    pub name: String,
    /// `inferences`, `labels` or `baseline`.
    pub kind: String,
    /// Records read.
    pub records: u64,
    /// Records rejected.
    pub rejected: u64,
    /// Bytes read, before decompression.
    pub bytes: u64,
}

/// The content of `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Version of the program.
    pub program: String,
    /// Digest of the configuration in force.
    pub configuration: String,
    /// The sources, in the order given.
    pub sources: Vec<SourceReport>,
    /// Inference records by outcome.
    pub inferences: BTreeMap<String, u64>,
    /// Label records by outcome.
    pub labels: BTreeMap<String, u64>,
    /// Rejected records by reason.
    pub rejects: BTreeMap<String, u64>,
    /// Fields that the contract does not know, each counted once by name.
    pub unknown_fields: Vec<String>,
    /// The equations.
    pub invariants: Vec<Invariant>,
    /// How far each stream got, in event time; `None` before the first record.
    pub watermarks: BTreeMap<String, Option<i64>>,
    /// Stated limits that were hit; promise 1 is void for what they name.
    pub capped: Vec<String>,
    /// What a reader should know: features left out, models that are still learning, …
    pub notes: Vec<String>,
    /// Records a second of wall time.
    pub records_per_second: Option<f64>,
    /// Seconds of wall time.
    pub seconds: Option<f64>,
}
