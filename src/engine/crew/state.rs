//! How far have the tasks come, and what became of their records?
//!
//! Of a partition without a task nothing is known: its figures are empty, and its watermarks `None`.

use super::Crew;
use crate::engine::cohorts::{MAX_COHORTS, MAX_MODELS};
use crate::engine::task::Task;
use crate::event::EventTime;
use crate::join::{Counts, Side};

impl Crew {
    /// How many predictions a task keeps.
    pub fn rows_of(&self, partition: usize) -> usize {
        self.known(partition).map_or(0, Task::open_rows)
    }

    /// The largest event times that a task has read: of predictions, of labels.
    pub fn furthest(&self, partition: usize) -> (Option<EventTime>, Option<EventTime>) {
        self.known(partition).map_or((None, None), |task| (task.last_inference(), task.last_label()))
    }

    /// The watermarks of one task: of predictions, of labels.
    pub fn watermarks_of(&self, partition: usize) -> (Option<EventTime>, Option<EventTime>) {
        self.known(partition).map_or((None, None), |task| (task.inferences(), task.labels()))
    }

    /// The watermarks of the sources of a side of a partition, in their order.
    pub fn sources_of(&self, partition: usize, side: Side) -> &[Option<EventTime>] {
        self.known(partition).map_or(&[], |task| task.sources(side))
    }

    /// What became of the records of one task.
    pub fn counts_of(&self, partition: usize) -> Counts {
        self.known(partition).map_or_else(Counts::default, Task::counts)
    }

    /// Bytes that the join of one task holds.
    pub fn memory_of(&self, partition: usize) -> usize {
        self.known(partition).map_or(0, Task::memory)
    }

    /// Bytes of changes that were not written down yet.
    pub fn journal_bytes(&self) -> usize {
        self.tasks().map(Task::journal_bytes).sum()
    }

    /// Whether a limit was hit, so that equal numbers are no longer promised.
    pub fn is_capped(&self) -> bool {
        self.shared.cohorts.is_full() || self.tasks().any(|task| task.counts().capped > 0)
    }

    /// What became of every record, over all tasks.
    pub fn counts(&self) -> Counts {
        self.tasks().map(Task::counts).fold(Counts::default(), Counts::plus)
    }

    /// The watermarks of inferences and labels: those of the task that is furthest behind; `None` while one has none.
    pub fn watermarks(&self) -> (Option<EventTime>, Option<EventTime>) {
        let smallest = |of: fn(&Task) -> Option<EventTime>| self.tasks().map(of).min().flatten();
        (smallest(Task::inferences), smallest(Task::labels))
    }

    /// How many predictions are kept because labels may still come.
    pub fn open_rows(&self) -> usize {
        self.tasks().map(Task::open_rows).sum()
    }

    /// The limits that were hit, in words.
    pub(in crate::engine) fn capped(&self) -> Vec<String> {
        let mut capped = Vec::new();
        if self.shared.cohorts.is_full() {
            capped.push(format!("more than {MAX_MODELS} models or {MAX_COHORTS} versions"));
        }
        if self.counts().capped > 0 {
            capped.push("memory of the join: rows, waiting labels, or labels of one request".to_owned());
        }
        capped
    }
}
