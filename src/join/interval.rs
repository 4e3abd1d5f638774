//! In which interval does a row own labels?
//!
//! From `early` before its time to `label_window` after it, both ends included, and never before the floor at which
//! its model became known. Rows of one key never own a label together.

use super::Rules;
use crate::event::{EventTime, Span};

/// The rules of a model, and since when they hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) rules: Rules,
    /// The floor when the rules were set: the model owns no label before it.
    pub(super) since: Option<EventTime>,
    /// Width of the buckets of its rows.
    pub(super) width: Span,
}

impl Held {
    pub(super) fn first_label(&self, time: EventTime) -> Option<EventTime> {
        Some(time - self.rules.early).max(self.since)
    }

    pub(super) fn last_label(&self, time: EventTime) -> EventTime {
        time + self.rules.label_window
    }

    pub(super) fn owns(&self, time: EventTime, label: EventTime) -> bool {
        self.first_label(time) <= Some(label) && label <= self.last_label(time)
    }
}

/// The rules of a model.
pub(super) fn held(rules: &[Option<Held>], model: u16) -> &Held {
    rules.get(usize::from(model)).and_then(Option::as_ref).expect("the rules of a model are set before its first row")
}
