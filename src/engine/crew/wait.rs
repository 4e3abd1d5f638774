//! Must a record wait, because it is not known yet by which baseline it is counted?
//!
//! Where a crew is one of several, a model's lessons come from elsewhere, and so does the decision whether its baseline
//! changes. Until they are here, nothing is counted in the windows that they are for.

use super::Crew;
use crate::baseline::References;
use crate::engine::delta::judge_of;
use crate::event::{EventTime, Inference, Window};

/// A change of a model's baselines that may come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The offset of the request.
    pub request: i64,
    /// Which model.
    pub model: String,
    /// The start of the first window.
    pub from: EventTime,
}

impl Crew {
    /// Takes references that somebody else has learnt, and the first window of each judge's models that must not be
    /// counted yet.
    pub fn take_lessons(&mut self, references: References, horizons: Vec<Option<EventTime>>) {
        self.shared.references = references;
        self.horizons = horizons;
        let (cohorts, references) = (&self.shared.cohorts, &self.shared.references);
        self.shared.learning.forget_learnt(|model| references.lessons_of(cohorts.model(model)).1);
        self.waits_not.clear();
    }

    /// Changes of baselines that may come. Until it is known whether they do, nothing is counted in their windows, and each
    /// delta says whether the task has kept out of them.
    pub fn expect(&mut self, expected: Vec<Expected>) {
        self.expected = expected;
    }

    /// Whether it is not known yet by which baselines some windows are counted.
    pub const fn is_expecting(&self) -> bool {
        !self.expected.is_empty()
    }

    /// Whether an inference must wait for a lesson: its model has no baseline, and what is known so far does not reach
    /// its window. Nothing of it is counted then, but its time moves the task's watermark already: what it waits for may
    /// stand on it. Or it must wait until it is decided whether its baseline changes; nothing moves then.
    ///
    /// # Panics
    /// If the partition has no task.
    pub fn must_wait(&mut self, partition: usize, record: &Inference) -> bool {
        self.must_wait_from(partition, 0, record)
    }

    /// The same of one source of the partition.
    ///
    /// # Panics
    /// If the partition has no task, or mixes fewer sources.
    pub fn must_wait_from(&mut self, partition: usize, source: u16, record: &Inference) -> bool {
        // A decision stands on no watermark, so the time of what waits for it moves nothing.
        if self.is_expecting() && Self::moves(record) && self.is_expected(partition, source, record) {
            return true;
        }
        let waits = self.waits(partition, source, record);
        if waits {
            self.task(partition).come_to(source, record.event_time);
        }
        waits
    }

    fn waits(&mut self, partition: usize, source: u16, record: &Inference) -> bool {
        // One without a score will be rejected, and moves nothing.
        if record.model == self.waits_not || !Self::moves(record) {
            return false;
        }
        if self.shared.references.has_file(&record.model) {
            record.model.clone_into(&mut self.waits_not);
            return false;
        }
        let judges = self.horizons.len() as u32;
        if judges == 0 {
            return true;
        }
        let window = self.counted_in(partition, source, record);
        let horizon = self.horizons[judge_of(&record.model, judges) as usize];
        horizon.is_none_or(|horizon| window.start >= horizon)
    }

    /// Whether an inference lies in a window whose baseline is not decided.
    fn is_expected(&mut self, partition: usize, source: u16, record: &Inference) -> bool {
        if !self.expected.iter().any(|expected| expected.model == record.model) {
            return false;
        }
        let window = self.counted_in(partition, source, record);
        self.expected.iter().any(|expected| expected.model == record.model && window.start >= expected.from)
    }

    /// The window that an inference is counted in.
    fn counted_in(&mut self, partition: usize, source: u16, record: &Inference) -> Window {
        let counted = self.counted_at(partition, source, record);
        Window::holding(counted, self.shared.config.model(&record.model).window)
    }
}
