//! How far has one partition come, and what lies in its join?

use crate::event::EventTime;
use crate::join::Counts;

/// How far a task has read one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamStatus {
    /// Records between what was read and the last stable offset; `None` while unknown.
    pub behind: Option<u64>,
    /// Largest event time seen, less the out-of-orderness; `None` before the first record.
    pub watermark: Option<EventTime>,
}

/// How a task was doing at its last commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskStatus {
    /// Its partition.
    pub partition: u32,
    /// Of the predictions.
    pub inferences: StreamStatus,
    /// Of the labels; `None` where there is no such topic.
    pub labels: Option<StreamStatus>,
    /// What became of every record. Carried over a restart with the task.
    pub counts: Counts,
    /// Bytes of memory that its join holds.
    pub memory: u64,
}
