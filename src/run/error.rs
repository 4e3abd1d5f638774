//! Why does a running service end, other than by being asked to?

use crate::engine::{CourtError, DeltaError};
use crate::kafka::KafkaTrouble;

/// What ends a service.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Something is wrong with the brokers.
    #[error(transparent)]
    Kafka(#[from] KafkaTrouble),
    /// Two processes have one name.
    #[error(
        "another process runs as instance '{instance}' in the group '{group}'; give each process its own `instance` (or host name)"
    )]
    Twin {
        /// The name.
        instance: String,
        /// The group.
        group: String,
    },
    /// What was written for a restart and the committed offsets do not belong together.
    #[error("{0}")]
    Torn(String),
    /// The configuration means something else than what was published stands for.
    #[error("{0}")]
    Meaning(String),
    /// A record of an internal topic cannot be used.
    #[error("{topic} partition {partition} offset {offset}: {source}")]
    Delta {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
        /// Why.
        source: DeltaError,
    },
    /// What a judge remembers cannot be read.
    #[error("{topic} partition {partition} holds a snapshot that cannot be read: {source}")]
    Snapshot {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Why.
        source: CourtError,
    },
    /// A thread has ended without a word.
    #[error("the thread '{0}' has died; this is a fault of truthline, the log before this line says where")]
    Died(String),
    /// A thread has made no step for too long.
    #[error("the thread '{thread}' has not moved for {seconds} s; the process ends so that another one can take over")]
    Stuck {
        /// Which.
        thread: String,
        /// For how long.
        seconds: u64,
    },
}
