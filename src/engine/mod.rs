//! How does a decoded record become a finding?
//!
//! The engine puts the pure rooms in order: a task joins and counts the records of one partition, the judge folds what
//! tasks have counted. It has three doors: a record goes in, a commit hands on what was counted, findings come out. It
//! reads no clock, no file and no environment; the same records give the same final findings for any cut into commits.
//!
//! Whoever drives the engine brings records in an order in which no partition of either topic runs ahead of another one
//! by more than one base window of a model that learns its baseline: see `replay::align`, which keeps all of them within
//! their out-of-orderness. Where every model has a baseline from a file, any lag will do.

mod changelog;
mod checkpoint;
mod cohorts;
mod court;
mod crew;
mod delta;
mod gather;
mod learn;
mod observer;
mod pupil;
mod sample;
mod school;
mod shared;
mod task;
mod windows;

pub use changelog::{ChangelogError, Stand};
pub use checkpoint::{CheckpointError, Restoring};
pub use cohorts::{MAX_COHORTS, MAX_MODELS};
pub use court::{Court, CourtError, DeltaError, Folded};
pub use crew::{Crew, Expected};
pub use delta::{Head, Reach, judge_of};
pub(crate) use learn::build_settings;
pub(crate) use task::facts;

use std::sync::Arc;

use crew::Counted;
use task::Task;

use crate::baseline::References;
use crate::config::Config;
use crate::control::Orders;
use crate::event::{EventTime, FeatureNames, Inference, Label, Reject, Span};
use crate::join::Counts;
use crate::judge::{Clock, Finding, Judge};

/// Which part of the stream is judged: `[from, to)` of event time. What lies outside is joined and not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// First moment inside; `None` for all.
    pub from: Option<EventTime>,
    /// First moment after; `None` for all.
    pub to: Option<EventTime>,
}

impl Range {
    /// Whether a moment lies inside.
    pub fn holds(self, time: EventTime) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }
}

/// The whole core of one process: a crew of tasks and the judge of what they count.
pub struct Engine {
    crew: Crew,
    judge: Judge,
    labels: bool,
}

impl Engine {
    /// An engine with so many tasks. `labels` says whether there is a label stream.
    ///
    /// # Panics
    /// If `partitions` is zero.
    pub fn new(config: Arc<Config>, references: References, partitions: usize, labels: bool, range: Range) -> Self {
        assert!(partitions > 0, "a topic has at least one partition");
        let mut crew = Crew::new(config.clone(), references.clone(), labels, range);
        (0..partitions).for_each(|partition| crew.open(partition));
        Self { crew, judge: Judge::new(config, references, labels), labels }
    }

    /// Obeys what people asked for: see [`crate::control`]. Set before the first record.
    pub fn set_orders(&mut self, orders: Arc<Orders>) {
        self.judge.set_orders(orders);
    }

    /// Takes one inference of a partition.
    ///
    /// # Errors
    /// A reject, already counted: the record has no score, or is one more than a limit allows.
    pub fn inference(&mut self, partition: usize, record: &Inference, names: &FeatureNames) -> Result<(), Reject> {
        let taken = self.crew.inference(partition, record, names);
        if let Some(references) = self.crew.new_lessons() {
            *self.judge.references_mut() = references.clone();
        }
        taken
    }

    /// Counts an inference that could not be decoded.
    pub fn reject_inference(&mut self, partition: usize) {
        self.crew.reject_inference(partition);
    }

    /// Takes one label of a partition.
    ///
    /// # Errors
    /// A reject, already counted: the value is no class of its model, or there is no room to wait.
    pub fn label(&mut self, partition: usize, record: &Label) -> Result<(), Reject> {
        self.crew.label(partition, record)
    }

    /// Counts a label that could not be decoded.
    pub fn reject_label(&mut self, partition: usize) {
        self.crew.reject_label(partition);
    }

    /// Hands what was counted to the judge and takes what is due.
    pub fn commit(&mut self, findings: &mut Vec<Finding>) {
        self.crew.expire();
        self.hand_on();
        let (inputs, labels) = self.crew.watermarks();
        self.judge.advance(Clock::new(inputs, labels), findings);
    }

    /// The input has ended: every window that is complete in event time is closed. Labels still missing count as never
    /// come only where the labels end later than the label window after the prediction.
    pub fn end(&mut self, findings: &mut Vec<Finding>) {
        let inputs = self.crew.tasks().filter_map(Task::last_inference).max();
        let labels = self.crew.tasks().filter_map(Task::last_label).max();
        self.crew.end(inputs, labels);
        self.crew.expire();
        self.hand_on();
        self.judge.advance(Clock::new(inputs, labels).at_the_end(), findings);
    }

    fn hand_on(&mut self) {
        self.crew.take(|counted| match counted {
            Counted::Sums { model, version, start, sums } => self.judge.fold(model, version, start, sums),
            Counted::Labels { start, flow } => self.judge.fold_labels(start, flow),
        });
        if self.crew.is_capped() {
            self.judge.cap();
        }
    }

    /// What became of every record, over all tasks.
    pub fn counts(&self) -> Counts {
        self.crew.counts()
    }

    /// The watermarks of inferences and labels.
    pub fn watermarks(&self) -> (Option<EventTime>, Option<EventTime>) {
        self.crew.watermarks()
    }

    /// The limits that were hit, in words.
    pub fn capped(&self) -> Vec<String> {
        self.crew.capped()
    }

    /// What a reader of the results should know.
    pub fn notes(&self) -> Vec<String> {
        self.crew.notes()
    }

    /// How many windows are open, over all models.
    pub fn open_windows(&self) -> usize {
        self.judge.open_windows()
    }

    /// How many predictions are kept because labels may still come.
    pub fn open_rows(&self) -> usize {
        self.crew.open_rows()
    }

    /// Whether a label stream is read.
    pub const fn has_labels(&self) -> bool {
        self.labels
    }

    /// The references in force.
    pub const fn references(&self) -> &References {
        self.judge.references()
    }
}

/// The largest early horizon that a model can have: how long a label waits for its prediction.
fn largest_early(config: &Config) -> Span {
    config.named_models().map(|(_, model)| model.early).fold(config.defaults().early, Span::max)
}

/// Out-of-orderness of both topics.
#[derive(Clone, Copy, Debug)]
struct Disorder {
    inferences: Span,
    labels: Span,
}

impl Disorder {
    fn of(config: &Config) -> Self {
        let inferences = config.topics.inferences.out_of_order;
        Self { inferences, labels: config.topics.labels.as_ref().map_or(inferences, |topic| topic.out_of_order) }
    }

    fn larger(self) -> Span {
        self.inferences.max(self.labels)
    }
}
