//! What became of every record?
//!
//! Two equations hold after every call: all inferences, and all labels, are accounted for exactly once.

use std::fmt;

/// What became of the inferences of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InferenceCounts {
    /// Records read.
    pub read: i64,
    /// Unusable, or no room.
    pub rejected: i64,
    /// Same content as a row.
    pub duplicate: i64,
    /// Other content than the row that holds the place.
    pub conflict: i64,
    /// After the partition's watermark.
    pub late: i64,
    /// Left out by sampling.
    pub unsampled: i64,
    /// Rows, open or closed, whose truth is known.
    pub labelled: i64,
    /// Open rows whose truth is not known.
    pub pending: i64,
    /// Closed rows whose truth never became known.
    pub never_labelled: i64,
    /// Of the labelled: negative by silence.
    pub assumed_negative: i64,
}

/// What became of the labels of a task.
///
/// What a label counts as follows from all labels of its row, so a later one may move an earlier one from one
/// count to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LabelCounts {
    /// Records read.
    pub read: i64,
    /// Unusable, neither the positive nor a negative class, or no room.
    pub rejected: i64,
    /// First values of rows.
    pub joined: i64,
    /// Exact repeats, also of a tombstone.
    pub duplicate: i64,
    /// Further values under the policy `last`.
    pub corrected: i64,
    /// Withdrawals; a tombstone that met several rows is one.
    pub withdrawn: i64,
    /// Further values under the policy `first`, beyond the correction horizon, or beyond the labels kept per row.
    pub ignored: i64,
    /// After the partition's watermark.
    pub late: i64,
    /// No inference came, and none can.
    pub orphan: i64,
    /// Left out by sampling.
    pub unsampled: i64,
    /// Waiting for an inference, or tombstones that met none yet.
    pub buffered: i64,
}

/// The counts of one task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Of its inferences.
    pub inferences: InferenceCounts,
    /// Of its labels.
    pub labels: LabelCounts,
    /// Records that a limit of memory turned away. Not zero: the outcome may depend on the order of arrival.
    pub capped: i64,
}

/// One equation with both its sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// What is on the left.
    pub name: &'static str,
    /// Records read.
    pub left: i64,
    /// What became of them.
    pub right: Vec<(&'static str, i64)>,
}

impl Balance {
    /// Whether both sides are equal.
    pub fn holds(&self) -> bool {
        self.left == self.right.iter().map(|(_, count)| count).sum::<i64>()
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.name, self.left, if self.holds() { "=" } else { "≠" })?;
        for (place, (name, count)) in self.right.iter().enumerate() {
            write!(f, "{} {count} {name}", if place == 0 { "" } else { " +" })?;
        }
        Ok(())
    }
}

/// How many counts there are. From the size, so that one that is forgotten below does not compile.
const COUNTS: usize = size_of::<Counts>() / size_of::<i64>();

impl Counts {
    /// Every count, in the order in which a [`super::Mark`] writes them. A new one comes last.
    pub(super) const fn all_mut(&mut self) -> [&mut i64; COUNTS] {
        let Self { inferences: i, labels: l, capped } = self;
        [
            &mut i.read,
            &mut i.rejected,
            &mut i.duplicate,
            &mut i.conflict,
            &mut i.late,
            &mut i.unsampled,
            &mut i.labelled,
            &mut i.pending,
            &mut i.never_labelled,
            &mut i.assumed_negative,
            &mut l.read,
            &mut l.rejected,
            &mut l.joined,
            &mut l.duplicate,
            &mut l.corrected,
            &mut l.withdrawn,
            &mut l.ignored,
            &mut l.late,
            &mut l.orphan,
            &mut l.unsampled,
            &mut l.buffered,
            capped,
        ]
    }

    /// What became of the records of two tasks together.
    #[must_use]
    pub fn plus(mut self, mut other: Self) -> Self {
        for (sum, more) in self.all_mut().into_iter().zip(other.all_mut()) {
            *sum += *more;
        }
        self
    }

    /// Both equations: of the inferences and of the labels.
    pub fn invariants(&self) -> [Balance; 2] {
        let Self { inferences: i, labels: l, .. } = self;
        [
            Balance {
                name: "inferences",
                left: i.read,
                right: vec![
                    ("rejected", i.rejected),
                    ("duplicate", i.duplicate),
                    ("conflict", i.conflict),
                    ("late", i.late),
                    ("unsampled", i.unsampled),
                    ("labelled", i.labelled),
                    ("pending", i.pending),
                    ("never labelled", i.never_labelled),
                ],
            },
            Balance {
                name: "labels",
                left: l.read,
                right: vec![
                    ("rejected", l.rejected),
                    ("joined", l.joined),
                    ("duplicate", l.duplicate),
                    ("corrected", l.corrected),
                    ("withdrawn", l.withdrawn),
                    ("ignored by policy", l.ignored),
                    ("late", l.late),
                    ("orphan", l.orphan),
                    ("unsampled", l.unsampled),
                    ("buffered", l.buffered),
                ],
            },
        ]
    }
}
