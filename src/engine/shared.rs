//! What do the tasks of one thread share?
//!
//! Names, references, what the user asked for, and what models learn; never rows. A crew owns it and lends it to the task
//! whose turn it is.

use std::sync::Arc;

use super::cohorts::Cohorts;
use super::learn::Learning;
use super::{Disorder, Range};
use crate::baseline::References;
use crate::config::Config;
use crate::status::Recorder;

/// What all tasks of a crew look things up in.
pub(super) struct Shared {
    pub(super) config: Arc<Config>,
    pub(super) references: References,
    pub(super) cohorts: Cohorts,
    pub(super) learning: Learning,
    pub(super) range: Range,
    /// How long labels take, where somebody wants to know.
    pub(super) measures: Option<Box<Recorder>>,
}

impl Shared {
    pub(super) fn new(config: Arc<Config>, references: References, range: Range) -> Self {
        Self { config, references, cohorts: Cohorts::default(), learning: Learning::default(), range, measures: None }
    }

    /// A task has met a model, which learns unless a baseline is given.
    pub(super) fn meet(&mut self, partition: usize, model: u16) {
        let name = self.cohorts.model(model);
        let learns = !self.references.has_file(name);
        self.learning.turn_to(partition);
        self.learning.meet(model, learns, self.config.model(name), Disorder::of(&self.config));
    }

    /// Forgets what it knows of a task, which begins anew.
    pub(super) fn forget_task(&mut self, partition: usize) {
        self.cohorts.forget_task(partition);
        self.learning.forget_task(partition);
    }
}
