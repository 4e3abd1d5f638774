//! What can go wrong with a file, and what can be done about it?
//!
//! A bad record is never one of these: it is a reject, and the file is read on.

use std::io;

use crate::decode::{MappingError, SchemaError};

/// Why a source cannot be read, or not be read on.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Check the path and the rights.
    #[error("cannot open {path}")]
    Open {
        /// The path as given.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// Try again, or get a whole copy: the disk, the pipe or the compressed stream failed.
    #[error("cannot read {path} after byte {byte}")]
    Read {
        /// The path as given.
        path: String,
        /// Bytes of the file read so far.
        byte: u64,
        /// What the system or the decompressor says.
        source: io::Error,
    },
    /// Convert the file.
    #[error("{path}: {what} cannot be read; accepted: {accepted}")]
    Unsupported {
        /// The path as given.
        path: String,
        /// What is not supported.
        what: String,
        /// What is.
        accepted: &'static str,
    },
    /// Get a whole copy: the structure of the file is broken, and nothing after the place can be trusted.
    #[error("{path} is broken at byte {byte}: {what}")]
    Corrupt {
        /// The path as given.
        path: String,
        /// Where the broken part starts; in a compressed text, bytes of the file read so far.
        byte: u64,
        /// What was found and what was expected.
        what: String,
    },
    /// Correct the mapping.
    #[error("the mapping does not fit {path}")]
    Mapping {
        /// The path as given.
        path: String,
        /// Which entry, and what would fit.
        source: MappingError,
    },
    /// See the cause: the brokers, the topic or the rights.
    #[error("cannot read the topic {topic}")]
    Topic {
        /// The topic.
        topic: String,
        /// What is wrong, and the remedy.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Give the same file as before, or begin anew without `--resume`.
    #[error("{path} ends after {records} records; the interrupted replay had read more of it")]
    Shorter {
        /// The source.
        path: String,
        /// Its records.
        records: u64,
    },
    /// Go on with `--resume`: somebody asked to stop while the source was waited for.
    #[error("interrupted while waiting for {path}")]
    Interrupted {
        /// The source.
        path: String,
    },
    /// Write the file with another schema.
    #[error("the schema in {path} cannot be used")]
    Schema {
        /// The path as given.
        path: String,
        /// Why not.
        source: SchemaError,
    },
}
