//! Why can a record not be used, and where did it stand?
//!
//! A bad record is not an error: it is counted by its reason and set aside with its position.

use std::fmt;

/// Where a record stood in its source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Which source: an index into the list of sources of the run.
    pub source: u16,
    /// The partition of the topic; 0 in a file.
    pub partition: u32,
    /// The offset in the partition; in a file the number of the line or record, from 1.
    pub offset: u64,
}

/// Why a record cannot be used. The names are part of the published counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// The bytes are not the declared format: broken JSON, truncated Avro, invalid UTF-8.
    Malformed,
    /// The record, its nesting or one of its texts is larger than the stated limit.
    TooLarge,
    /// A field that must be there is not.
    MissingField,
    /// A field has another type than the contract says.
    WrongType,
    /// A field has the right type and a value outside what is accepted.
    OutOfRange,
    /// A field stands twice in one record.
    DuplicateField,
    /// The event time is outside the sane years; seconds or milliseconds look like this.
    TimeOutOfRange,
    /// The event time is more than five minutes after the record's own Kafka timestamp.
    InTheFuture,
    /// The label's value is neither the positive nor a negative class of its model.
    UnknownLabel,
    /// One record more than a stated limit of models, versions, features or buffered labels allows.
    LimitReached,
}

impl RejectReason {
    /// Every reason, in the order of the published counts.
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::TooLarge,
        Self::MissingField,
        Self::WrongType,
        Self::OutOfRange,
        Self::DuplicateField,
        Self::TimeOutOfRange,
        Self::InTheFuture,
        Self::UnknownLabel,
        Self::LimitReached,
    ];

    /// The published name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::MissingField => "missing_field",
            Self::WrongType => "wrong_type",
            Self::OutOfRange => "out_of_range",
            Self::DuplicateField => "duplicate_field",
            Self::TimeOutOfRange => "time_out_of_range",
            Self::InTheFuture => "in_the_future",
            Self::UnknownLabel => "unknown_label",
            Self::LimitReached => "limit_reached",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A record that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The class of the trouble.
    pub reason: RejectReason,
    /// One sentence: which field, which value (shortened), what would be accepted.
    pub detail: String,
}

impl Reject {
    /// A reject with its sentence.
    pub fn new(reason: RejectReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.detail)
    }
}
