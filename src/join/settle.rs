//! What do several labels of one row amount to?
//!
//! The set of labels decides, never their order of arrival. They are ordered by (revision, event time, content).
//!
//! 1. Labels up to the correction horizon count. If there is none, the earliest one beyond it stands alone.
//! 2. A withdrawal cancels every label ordered before it.
//! 3. Of the values that are left, the policy takes the greatest or the smallest.

use super::Policy;
use crate::event::EventTime;

/// How many different labels of one row are kept. Further ones count as ignored, and the join as capped.
pub const MAX_LABELS_PER_ROW: usize = 64;

/// One label of a row: 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) time: EventTime,
    pub(super) revision: u32,
    pub(super) content: u32,
    /// `None` is a withdrawal.
    pub(super) truth: Option<bool>,
    /// It takes back all rows of the request, and is counted by itself.
    pub(super) all_rows: bool,
}

impl Told {
    /// What orders labels; two labels that are equal in it are one.
    pub(super) const fn order(&self) -> (u32, EventTime, u32, bool) {
        (self.revision, self.time, self.content, self.all_rows)
    }
}

/// What a set of labels amounts to: the truth, and what each label that is no tombstone counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Settled {
    /// The label that stands: its value and time.
    pub(super) standing: Option<(bool, EventTime)>,
    pub(super) joined: i64,
    pub(super) corrected: i64,
    pub(super) withdrawn: i64,
    pub(super) ignored: i64,
}

/// Settles the labels of a row. `horizon` is the last moment at which a label may correct.
pub(super) fn settle(told: &[Told], horizon: EventTime, policy: Policy) -> Settled {
    let alone = if told.iter().any(|label| label.time <= horizon) {
        None
    } else {
        told.iter().map(|label| (label.time, label.order())).min().map(|(_, order)| order)
    };
    let counts = |label: &&Told| alone.map_or(label.time <= horizon, |order| label.order() == order);

    let cancelled = told.iter().filter(counts).filter(|label| label.truth.is_none()).map(Told::order).max();
    let left = told
        .iter()
        .filter(counts)
        .filter(|label| cancelled.is_none_or(|last| label.order() > last))
        .filter_map(|label| label.truth.map(|truth| (label.order(), (truth, label.time))));
    let standing = match policy {
        Policy::Last => left.max_by_key(|(order, _)| *order),
        Policy::First => left.min_by_key(|(order, _)| *order),
    };

    let (mut values, mut withdrawn, mut beyond) = (0, 0, 0);
    for label in told.iter().filter(|label| !label.all_rows) {
        if !counts(&label) {
            beyond += 1;
        } else if label.truth.is_some() {
            values += 1;
        } else {
            withdrawn += 1;
        }
    }
    let further = (values - 1).max(0);
    Settled {
        standing: standing.map(|(_, standing)| standing),
        joined: values - further,
        corrected: if policy == Policy::Last { further } else { 0 },
        withdrawn,
        ignored: beyond + if policy == Policy::First { further } else { 0 },
    }
}
