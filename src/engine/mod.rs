//! How does a decoded record become a finding?
//!
//! The engine puts the pure rooms in order: a task joins and counts the records of one partition, the judge folds what
//! tasks have counted. It has three doors: a record goes in, a commit hands on what was counted, findings come out. It
//! reads no clock, no file and no environment; the same records give the same final findings for any cut into commits.
//!
//! Whoever drives the engine brings records in an order in which no partition of either topic runs ahead of another one
//! by more than one base window of a model that learns its baseline: see `replay::align`, which keeps all of them within
//! their out-of-orderness. Where every model has a baseline from a file, any lag will do.

mod cohorts;
mod learn;
mod observer;
mod task;
mod windows;

pub use cohorts::{MAX_COHORTS, MAX_MODELS};
pub(crate) use learn::build_settings;
pub(crate) use task::facts;

use std::sync::Arc;

use cohorts::Cohorts;
use learn::Learning;
use task::{Place, Task};
use windows::Shared;

use crate::baseline::References;
use crate::config::Config;
use crate::event::{EventTime, FeatureNames, Inference, Label, Reject, Span};
use crate::join::{Counts, Limits};
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

/// The whole core of one process.
pub struct Engine {
    config: Arc<Config>,
    tasks: Vec<Task>,
    cohorts: Cohorts,
    learning: Learning,
    judge: Judge,
    labels: bool,
    range: Range,
}

impl Engine {
    /// An engine with so many tasks. `labels` says whether there is a label stream.
    ///
    /// # Panics
    /// If `partitions` is zero.
    pub fn new(config: Arc<Config>, references: References, partitions: usize, labels: bool, range: Range) -> Self {
        assert!(partitions > 0, "a topic has at least one partition");
        let disorder = Disorder::of(&config);
        let early = largest_early(&config);
        let tasks = (0..partitions).map(|_| Task::new(disorder, early, labels, Limits::default())).collect();
        let judge = Judge::new(config.clone(), references, labels);
        Self { config, tasks, cohorts: Cohorts::default(), learning: Learning::default(), judge, labels, range }
    }

    /// Takes one inference of a partition.
    ///
    /// # Errors
    /// A reject, already counted: the record has no score, or is one more than a limit allows.
    pub fn inference(&mut self, partition: usize, record: &Inference, names: &FeatureNames) -> Result<(), Reject> {
        let placed = self.place(partition, record);
        let (model, cohort) = placed.inspect_err(|_| self.tasks[partition].reject_inference())?;
        // A late record is counted where its partition stands.
        let counted = self.tasks[partition].inferences().max(Some(record.event_time)).unwrap_or(record.event_time);
        self.lessons(model, counted, names);
        let shared = Shared {
            cohorts: &mut self.cohorts,
            references: self.judge.references(),
            config: &self.config,
            range: self.range,
        };
        let placed = Place { model, cohort, inside: self.range.holds(record.event_time) };
        self.tasks[partition].inference(record, placed, names, shared, &mut self.learning)
    }

    fn place(&mut self, partition: usize, record: &Inference) -> Result<(u16, u16), Reject> {
        if record.score.is_none() {
            return Err(Reject::new(
                crate::event::RejectReason::MissingField,
                "'score' is missing; this release judges models with a score in [0, 1], other predictions are set aside",
            ));
        }
        let (model, cohort) = self.cohorts.of(&record.model, &record.version).inspect_err(|_| self.judge.cap())?;
        if self.cohorts.is_new_to(partition, model) {
            let settings = self.config.model(&record.model);
            self.tasks[partition].set_rules(model, settings);
            let learns = !self.judge.references().has_file(&record.model);
            self.learning.meet(model, learns, settings, Disorder::of(&self.config));
        }
        Ok((model, cohort))
    }

    /// Counts an inference that could not be decoded.
    pub fn reject_inference(&mut self, partition: usize) {
        self.tasks[partition].reject_inference();
    }

    /// Takes one label of a partition.
    ///
    /// # Errors
    /// A reject, already counted: the value is no class of its model, or there is no room to wait.
    pub fn label(&mut self, partition: usize, record: &Label) -> Result<(), Reject> {
        let shared = Shared {
            cohorts: &mut self.cohorts,
            references: self.judge.references(),
            config: &self.config,
            range: self.range,
        };
        self.tasks[partition].label(record, shared, &mut self.learning)
    }

    /// Counts a label that could not be decoded.
    pub fn reject_label(&mut self, partition: usize) {
        self.tasks[partition].reject_label();
    }

    /// Builds what a model's first days teach, once time has come to use it.
    fn lessons(&mut self, model: u16, time: EventTime, names: &FeatureNames) {
        if !self.learning.is_due(model, time) {
            return;
        }
        self.learning.learn(model, time, names, &self.cohorts, &self.config, self.judge.references_mut());
    }

    fn expire(&mut self) {
        for task in &mut self.tasks {
            let shared = Shared {
                cohorts: &mut self.cohorts,
                references: self.judge.references(),
                config: &self.config,
                range: self.range,
            };
            task.expire(shared, &mut self.learning);
        }
    }

    /// Hands what was counted to the judge and takes what is due.
    pub fn commit(&mut self, findings: &mut Vec<Finding>) {
        self.expire();
        self.hand_on();
        let clock = Clock::new(self.watermark(Task::inferences), self.watermark(Task::labels));
        self.judge.advance(clock, findings);
    }

    /// The input has ended: every window that is complete in event time is closed. Labels still missing count as never
    /// come only where the labels end later than the label window after the prediction.
    pub fn end(&mut self, findings: &mut Vec<Finding>) {
        let inputs = self.tasks.iter().filter_map(Task::last_inference).max();
        let labels = self.tasks.iter().filter_map(Task::last_label).max();
        let early = largest_early(&self.config);
        for task in &mut self.tasks {
            task.end(inputs.max(labels).map(|last| last + early), labels);
        }
        self.expire();
        self.hand_on();
        self.judge.advance(Clock::new(inputs, labels).at_the_end(), findings);
    }

    fn hand_on(&mut self) {
        for task in &mut self.tasks {
            task.take(|cohort, start, sums| {
                let (model, version) = self.cohorts.name(cohort);
                self.judge.fold(model, version, start, sums);
            });
            for (start, flow) in task.take_labels() {
                self.judge.fold_labels(start, flow);
            }
            if task.counts().capped > 0 {
                self.judge.cap();
            }
        }
    }

    /// The smallest watermark; `None` while a task has none.
    fn watermark(&self, of: impl Fn(&Task) -> Option<EventTime>) -> Option<EventTime> {
        self.tasks.iter().map(of).min().flatten()
    }

    /// What became of every record, over all tasks.
    pub fn counts(&self) -> Counts {
        self.tasks.iter().map(Task::counts).fold(Counts::default(), task::add_counts)
    }

    /// The watermarks of inferences and labels.
    pub fn watermarks(&self) -> (Option<EventTime>, Option<EventTime>) {
        (self.watermark(Task::inferences), self.watermark(Task::labels))
    }

    /// The limits that were hit, in words.
    pub fn capped(&self) -> Vec<String> {
        let mut capped = Vec::new();
        if self.cohorts.is_full() {
            capped.push(format!("more than {MAX_MODELS} models or {MAX_COHORTS} versions"));
        }
        if self.counts().capped > 0 {
            capped.push("memory of the join: rows, waiting labels, or labels of one request".to_owned());
        }
        capped
    }

    /// What a reader of the results should know.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.learning.notes(&self.cohorts);
        notes.extend(self.unused());
        notes.extend(self.unlabelled());
        for profile in self.judge.references().all() {
            if !profile.left_out.is_empty() {
                let listed: Vec<String> =
                    profile.left_out.iter().map(|left| format!("{} ({})", left.feature, left.reason)).collect();
                notes.push(format!(
                    "model '{}' version '{}': not watched are {}",
                    profile.model,
                    profile.version,
                    listed.join(", ")
                ));
            }
        }
        let unknown = self.tasks.iter().map(Task::unknown_labels).sum::<u64>();
        if unknown > 0 {
            notes.push(format!("{unknown} labels that had waited were neither the positive nor a negative class"));
        }
        notes
    }

    /// How many windows are open, over all models.
    pub fn open_windows(&self) -> usize {
        self.judge.open_windows()
    }

    /// How many predictions are kept because labels may still come.
    pub fn open_rows(&self) -> usize {
        self.tasks.iter().map(Task::open_rows).sum()
    }

    /// What was given and belongs to nothing that was read: most often a slip in a name.
    fn unused(&self) -> Vec<String> {
        let met = self.cohorts.all_models();
        let list = if met.is_empty() { "none".to_owned() } else { met.join(", ") };
        let mut notes = Vec::new();
        for profile in self.judge.references().all().filter(|profile| !met.contains(&profile.model.as_str())) {
            let (model, version) = (&profile.model, &profile.version);
            notes
                .push(format!("the baseline of model '{model}' version '{version}' was not used; models read: {list}"));
        }
        for (name, _) in self.config.named_models().filter(|(name, _)| !met.contains(name)) {
            notes.push(format!("the settings of models.{name} were not used; models read: {list}"));
        }
        for model in met {
            let settings = self.config.model(model);
            let asked = settings.features.keys().chain(settings.slices.features.iter().flatten());
            let known: Vec<&str> = self
                .judge
                .references()
                .all()
                .filter(|profile| profile.model == model)
                .flat_map(known_features)
                .collect();
            for name in asked.filter(|name| !known.is_empty() && !known.contains(&name.as_str())) {
                notes.push(format!(
                    "the settings of feature '{name}' were not used: model '{model}' has no such feature"
                ));
            }
        }
        notes
    }

    /// Whether the labels end long before the predictions.
    fn unlabelled(&self) -> Option<String> {
        let inputs = self.tasks.iter().filter_map(Task::inferences).max()?;
        if !self.labels {
            return None;
        }
        let Some(labels) = self.tasks.iter().filter_map(Task::labels).max() else {
            return Some("no label was read: nothing is known of how good the predictions were".to_owned());
        };
        let gap = Span::from_micros(inputs.micros_since(labels));
        (gap > Span::DAY).then(|| {
            format!(
                "labels end at {}, predictions at {}: figures of the last windows stand on few labels or none",
                labels.rfc3339(),
                inputs.rfc3339()
            )
        })
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

/// The features that a reference knows, watched or left out.
fn known_features(profile: &crate::baseline::Profile) -> Vec<&str> {
    let watched = profile.coding.features().iter().map(crate::observe::FeatureCoding::name);
    watched.chain(profile.left_out.iter().map(|left| left.feature.as_str())).collect()
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
