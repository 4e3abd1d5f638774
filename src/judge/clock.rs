//! How far have both streams come, and how much of that is hearsay?
//!
//! A partition that is silent while its topic goes on may be passed over: the clock runs on without it. What the passed
//! clock says is then likely, not sure: the partition may yet bring records of windows that were looked at. The sound
//! clock waits for every partition. Windows are looked at by the passed clock and let go by the sound one.

use serde::{Deserialize, Serialize};

use crate::event::{EventTime, Span};

/// How far both streams have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Every inference before this moment has been counted, but for those of partitions that were passed over; `None`
    /// before the first.
    pub inputs: Option<EventTime>,
    /// The same of labels; `None` before the first, or without labels.
    pub labels: Option<EventTime>,
    /// Every inference before this moment has been counted, whatever partition it lies on.
    pub sound_inputs: Option<EventTime>,
    /// The same of labels.
    pub sound_labels: Option<EventTime>,
    /// Nothing will come any more: what waits only for repeats of inferences need not wait.
    pub ended: bool,
}

impl Clock {
    /// A clock for which no partition was passed over.
    pub const fn new(inputs: Option<EventTime>, labels: Option<EventTime>) -> Self {
        Self { inputs, labels, sound_inputs: inputs, sound_labels: labels, ended: false }
    }

    /// The same, where these are the moments that every partition has reached, also those that were passed over.
    #[must_use]
    pub const fn with_sound(self, inputs: Option<EventTime>, labels: Option<EventTime>) -> Self {
        Self { sound_inputs: inputs, sound_labels: labels, ..self }
    }

    /// The same at the end of both streams.
    #[must_use]
    pub const fn at_the_end(self) -> Self {
        Self { ended: true, ..self }
    }

    /// What every partition bears out.
    pub(super) fn sound(self) -> Self {
        Self::new(self.sound_inputs.min(self.inputs), self.sound_labels.min(self.labels))
    }

    /// The same where a silent partition is passed over only after `patience`, in event time.
    pub(super) fn held(self, patience: Span) -> Self {
        let held = |passed: Option<EventTime>, sound: Option<EventTime>| sound.max(passed.map(|at| at - patience));
        Self {
            inputs: held(self.inputs, self.sound_inputs.min(self.inputs)),
            labels: held(self.labels, self.sound_labels.min(self.labels)),
            ..self
        }
    }

    /// The later of two: a partition that wakes up does not turn the clock back.
    pub(super) fn later(self, other: Self) -> Self {
        Self {
            inputs: self.inputs.max(other.inputs),
            labels: self.labels.max(other.labels),
            sound_inputs: self.sound_inputs.max(other.sound_inputs),
            sound_labels: self.sound_labels.max(other.sound_labels),
            ended: self.ended || other.ended,
        }
    }

    /// Whether every label up to `age` after a window's end has been counted.
    pub(super) fn has_labels(self, end: EventTime, age: Span) -> bool {
        self.has_inputs(end) && self.labels.is_some_and(|labels| labels >= end + age)
    }

    /// Whether the inputs of a window that ends at `end` are complete.
    pub(super) fn has_inputs(self, end: EventTime) -> bool {
        self.inputs.is_some_and(|inputs| inputs >= end)
    }
}
