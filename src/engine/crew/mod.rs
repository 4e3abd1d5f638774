//! Which tasks work side by side, and what do they share?
//!
//! A crew is the tasks of one thread: in a replay all partitions, in a service those that its consumer was given. Tasks
//! share names, references and lessons, never rows. What they have counted is taken away at each commit, and nobody here
//! judges it.

mod notes;
mod restore;
mod state;
mod tell;
mod wait;

pub(super) use tell::Counted;
pub use wait::Expected;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::learn::Learning;
use super::shared::Shared;
use super::task::{Place, Task};
use super::{Disorder, Range, largest_early};
use crate::baseline::{Profile, References};
use crate::config::Config;
use crate::event::{EventTime, FeatureNames, Inference, Label, Reject, RejectReason, RequestKey};
use crate::join::{Limits, Side};
use crate::status::Recorder;

/// The tasks of one thread.
pub struct Crew {
    tasks: Vec<Option<Task>>,
    shared: Shared,
    labels: bool,
    journals: bool,
    /// How many sources of each side a partition mixes.
    sources: [u16; 2],
    /// Whether a lesson was given since [`Crew::new_lessons`] was asked.
    learnt: bool,
    /// What the codes of each profile mean, by the address of the profile.
    meanings: BTreeMap<usize, (Arc<Profile>, u64)>,
    /// For each judge the first window of its models that must not be counted yet; empty where nobody waits.
    horizons: Vec<Option<EventTime>>,
    /// A model that never waits: the one asked about last.
    waits_not: String,
    /// Baselines that were asked for, and of which nobody knows yet whether they hold. Bound: those of the control topic.
    expected: Vec<Expected>,
}

impl Crew {
    /// A crew without tasks. `labels` says whether there is a label stream.
    pub fn new(config: Arc<Config>, references: References, labels: bool, range: Range) -> Self {
        Self {
            tasks: Vec::new(),
            shared: Shared::new(config, references, range),
            labels,
            journals: false,
            sources: [1, 1],
            learnt: false,
            meanings: BTreeMap::new(),
            horizons: Vec::new(),
            waits_not: String::new(),
            expected: Vec::new(),
        }
    }

    /// The same crew, whose tasks write down what has to survive them, see [`Crew::changelog`]. It learns nothing itself
    /// and hears from others what models have learnt.
    #[must_use]
    pub fn with_journals(mut self) -> Self {
        self.journals = true;
        self
    }

    /// The same crew, where it is one of several: models learn their baselines elsewhere, from what the tasks of all
    /// crews tell; and it measures how long labels take.
    #[must_use]
    pub fn among_others(mut self) -> Self {
        self.shared.learning = Learning::elsewhere();
        self.shared.measures = Some(Box::default());
        self
    }

    /// The same crew, whose tasks write down what has to survive them, and which learns by itself.
    #[must_use]
    pub(super) const fn with_own_journals(mut self) -> Self {
        self.journals = true;
        self
    }

    /// How long labels took since the recorder was emptied; `None` where nobody wants to know.
    pub fn measures(&mut self) -> Option<&mut Recorder> {
        self.shared.measures.as_deref_mut()
    }

    /// The same crew, whose partitions mix the records of so many sources of each side.
    #[must_use]
    pub fn with_sources(mut self, inferences: u16, labels: u16) -> Self {
        self.sources = [inferences, labels];
        self
    }

    /// Adds a task that knows nothing yet; one that is there already begins anew.
    pub fn open(&mut self, partition: usize) {
        let (disorder, early) = (Disorder::of(&self.shared.config), largest_early(&self.shared.config));
        if self.tasks.len() <= partition {
            self.tasks.resize_with(partition + 1, || None);
        }
        self.shared.forget_task(partition);
        let mut task = Task::new(disorder, early, self.labels, Limits::default());
        task.declare_sources(self.sources[0], self.sources[1]);
        self.tasks[partition] = Some(if self.journals { task.with_journal() } else { task });
    }

    /// Lets a task go, with everything that it knows.
    pub fn close(&mut self, partition: usize) {
        if let Some(place) = self.tasks.get_mut(partition) {
            *place = None;
            self.shared.cohorts.forget_task(partition);
        }
    }

    /// The task of a partition, if it has one.
    fn known(&self, partition: usize) -> Option<&Task> {
        self.tasks.get(partition)?.as_ref()
    }

    pub(super) fn task(&mut self, partition: usize) -> &mut Task {
        open(&mut self.tasks, partition)
    }

    /// All tasks that are open.
    pub(super) fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().flatten()
    }

    /// Takes one inference of a partition.
    ///
    /// # Errors
    /// A reject, already counted: the record has no score, or is one more than a limit allows.
    ///
    /// # Panics
    /// If the partition has no task.
    pub fn inference(&mut self, partition: usize, record: &Inference, names: &FeatureNames) -> Result<(), Reject> {
        self.inference_from(partition, 0, record, names)
    }

    /// The same of one source of the partition, by whose order it is late or not.
    ///
    /// # Errors
    /// As [`Crew::inference`].
    ///
    /// # Panics
    /// If the partition has no task, or mixes fewer sources.
    pub fn inference_from(
        &mut self,
        partition: usize,
        source: u16,
        record: &Inference,
        names: &FeatureNames,
    ) -> Result<(), Reject> {
        self.shared.learning.turn_to(partition);
        let placed = self.place(partition, record);
        let (model, cohort) = placed.inspect_err(|_| self.task(partition).reject_inference())?;
        let counted = self.counted_at(partition, source, record);
        self.lessons(model, counted, names);
        let placed = Place { model, cohort, inside: self.shared.range.holds(record.event_time) };
        open(&mut self.tasks, partition).inference(source, record, placed, names, &mut self.shared)
    }

    /// Whether a prediction moves the watermark of its source: one without a score is rejected before that.
    pub const fn moves(record: &Inference) -> bool {
        record.score.is_some()
    }

    fn place(&mut self, partition: usize, record: &Inference) -> Result<(u16, u16), Reject> {
        if !Self::moves(record) {
            return Err(Reject::new(
                RejectReason::MissingField,
                "'score' is missing; this release judges models with a score in [0, 1], other predictions are set aside",
            ));
        }
        let (model, cohort) = self.shared.cohorts.of(&record.model, &record.version)?;
        if self.shared.cohorts.is_new_to(partition, model) {
            let settings = self.shared.config.model(&record.model);
            open(&mut self.tasks, partition).set_rules(model, settings);
            self.shared.meet(partition, model);
        }
        Ok((model, cohort))
    }

    /// When an inference counts: a late one counts where its source stands.
    fn counted_at(&mut self, partition: usize, source: u16, record: &Inference) -> EventTime {
        let stands = self.task(partition).inferences_of(source);
        stands.max(Some(record.event_time)).unwrap_or(record.event_time)
    }

    /// Counts an inference that could not be decoded.
    ///
    /// # Panics
    /// If the partition has no task.
    pub fn reject_inference(&mut self, partition: usize) {
        self.task(partition).reject_inference();
    }

    /// Takes one label of a partition.
    ///
    /// # Errors
    /// A reject, already counted: the value is no class of its model, or there is no room to wait.
    ///
    /// # Panics
    /// If the partition has no task.
    pub fn label(&mut self, partition: usize, record: &Label) -> Result<(), Reject> {
        self.label_from(partition, 0, record)
    }

    /// The same of one source of the partition, by whose order it is late or not.
    ///
    /// # Errors
    /// As [`Crew::label`].
    ///
    /// # Panics
    /// If the partition has no task, or mixes fewer sources.
    pub fn label_from(&mut self, partition: usize, source: u16, record: &Label) -> Result<(), Reject> {
        self.shared.learning.turn_to(partition);
        open(&mut self.tasks, partition).label(source, record, &mut self.shared)
    }

    /// Reads ahead what the next records of a partition will need; changes nothing. See [`crate::join::Join::warm`].
    ///
    /// # Panics
    /// If the partition has no task.
    pub fn warm(&mut self, partition: usize, keys: &[RequestKey]) {
        open(&mut self.tasks, partition).warm(keys);
    }

    /// A source of a partition has come so far, whichever partition its records went to.
    ///
    /// # Panics
    /// If the partition has no task.
    pub fn raise_source(&mut self, partition: usize, side: Side, source: u16, watermark: EventTime) {
        let task = open(&mut self.tasks, partition);
        if usize::from(source) >= task.sources(side).len() {
            // An input has got more partitions since the start.
            let count = source.saturating_add(1);
            task.declare_sources(
                if side == Side::Inferences { count } else { 0 },
                if side == Side::Labels { count } else { 0 },
            );
        }
        task.raise_source(side, source, watermark);
    }

    /// Counts a label that could not be decoded.
    ///
    /// # Panics
    /// If the partition has no task.
    pub fn reject_label(&mut self, partition: usize) {
        self.task(partition).reject_label();
    }

    /// Builds what a model's first days teach, once time has come to use it.
    fn lessons(&mut self, model: u16, time: EventTime, names: &FeatureNames) {
        let Shared { learning, cohorts, config, references, .. } = &mut self.shared;
        if learning.is_due(model, time) {
            learning.learn(model, time, names, cohorts, config, references);
            self.learnt = true;
        }
    }

    /// The references, if a lesson has changed them since this was asked last.
    pub(super) fn new_lessons(&mut self) -> Option<&References> {
        std::mem::take(&mut self.learnt).then_some(&self.shared.references)
    }
}

fn open(tasks: &mut [Option<Task>], partition: usize) -> &mut Task {
    tasks.get_mut(partition).and_then(Option::as_mut).expect("records come only for partitions that have a task")
}
