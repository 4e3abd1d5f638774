//! Which tasks work side by side, and what do they share?
//!
//! A crew is the tasks of one thread: in a replay all partitions, in a service those that its consumer was given. Tasks
//! share names, references and lessons, never rows. What they have counted is taken away at each commit, and nobody here
//! judges it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::changelog::{ChangelogError, Named, Stand};
use super::cohorts::{Cohorts, MAX_COHORTS, MAX_MODELS};
use super::court::meaning;
use super::delta::{Head, Writer, judge_of};
use super::learn::Learning;
use super::task::{self, Place, Task};
use super::windows::Shared;
use super::{Disorder, Range, largest_early};
use crate::baseline::{Profile, References};
use crate::config::Config;
use crate::event::wire::{WireError, put, put_bytes, take, take_text};
use crate::event::{EventTime, FeatureNames, Inference, Label, Reject, RejectReason, Span, Window};
use crate::join::{Counts, Due, Entries, Entry, Limits, NewRow, Side};
use crate::judge::LabelFlow;
use crate::observe::Sums;
use crate::status::Recorder;

/// What a task has counted since the last commit, piece by piece.
pub(super) enum Counted<'a> {
    /// In a base window of a model and version.
    Sums { model: &'a str, version: &'a str, start: EventTime, sums: &'a Sums },
    /// Of labels, in a window of the pipeline.
    Labels { start: EventTime, flow: LabelFlow },
}

/// The tasks of one thread.
pub struct Crew {
    config: Arc<Config>,
    references: References,
    tasks: Vec<Option<Task>>,
    cohorts: Cohorts,
    learning: Learning,
    labels: bool,
    journals: bool,
    /// How many sources of each side a partition mixes.
    sources: [u16; 2],
    range: Range,
    /// Whether a lesson was given since [`Crew::new_lessons`] was asked.
    learnt: bool,
    /// What the codes of each profile mean, by the address of the profile.
    meanings: BTreeMap<usize, (Arc<Profile>, u64)>,
    /// For each judge the first window of its models that must not be counted yet; empty where nobody waits.
    horizons: Vec<Option<EventTime>>,
    /// A model that never waits: the one asked about last.
    waits_not: String,
    /// How long labels take, where somebody wants to know.
    measures: Option<Box<Recorder>>,
    /// Baselines that were asked for, and of which nobody knows yet whether they hold. Bound: those of the control topic.
    expected: Vec<Expected>,
}

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
    /// A crew without tasks. `labels` says whether there is a label stream.
    pub fn new(config: Arc<Config>, references: References, labels: bool, range: Range) -> Self {
        Self {
            config,
            references,
            tasks: Vec::new(),
            cohorts: Cohorts::default(),
            learning: Learning::default(),
            labels,
            journals: false,
            sources: [1, 1],
            range,
            learnt: false,
            meanings: BTreeMap::new(),
            horizons: Vec::new(),
            waits_not: String::new(),
            measures: None,
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
        self.learning = Learning::elsewhere();
        self.measures = Some(Box::default());
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
        self.measures.as_deref_mut()
    }

    /// The same crew, whose partitions mix the records of so many sources of each side.
    #[must_use]
    pub fn with_sources(mut self, inferences: u16, labels: u16) -> Self {
        self.sources = [inferences, labels];
        self
    }

    /// Adds a task that knows nothing yet; one that is there already begins anew.
    pub fn open(&mut self, partition: usize) {
        let (disorder, early) = (Disorder::of(&self.config), largest_early(&self.config));
        if self.tasks.len() <= partition {
            self.tasks.resize_with(partition + 1, || None);
        }
        self.cohorts.forget_task(partition);
        self.learning.forget_task(partition);
        let mut task = Task::new(disorder, early, self.labels, Limits::default());
        task.declare_sources(self.sources[0], self.sources[1]);
        self.tasks[partition] = Some(if self.journals { task.with_journal() } else { task });
    }

    /// Lets a task go, with everything that it knows.
    pub fn close(&mut self, partition: usize) {
        if let Some(place) = self.tasks.get_mut(partition) {
            *place = None;
            self.cohorts.forget_task(partition);
        }
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
        self.learning.turn_to(partition);
        let placed = self.place(partition, record);
        let (model, cohort) = placed.inspect_err(|_| self.task(partition).reject_inference())?;
        // A late record is counted where its source stands.
        let stands = self.task(partition).inferences_of(source);
        let counted = stands.max(Some(record.event_time)).unwrap_or(record.event_time);
        self.lessons(model, counted, names);
        let shared = Shared {
            cohorts: &mut self.cohorts,
            references: &self.references,
            config: &self.config,
            range: self.range,
            measures: self.measures.as_deref_mut(),
        };
        let placed = Place { model, cohort, inside: self.range.holds(record.event_time) };
        open(&mut self.tasks, partition).inference(source, record, placed, names, shared, &mut self.learning)
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
        let (model, cohort) = self.cohorts.of(&record.model, &record.version)?;
        if self.cohorts.is_new_to(partition, model) {
            let settings = self.config.model(&record.model);
            open(&mut self.tasks, partition).set_rules(model, settings);
            self.meet(partition, model);
        }
        Ok((model, cohort))
    }

    /// A task has met a model, which learns unless a baseline is given.
    fn meet(&mut self, partition: usize, model: u16) {
        let name = self.cohorts.model(model);
        let learns = !self.references.has_file(name);
        self.learning.turn_to(partition);
        self.learning.meet(model, learns, self.config.model(name), Disorder::of(&self.config));
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
        self.learning.turn_to(partition);
        let shared = Shared {
            cohorts: &mut self.cohorts,
            references: &self.references,
            config: &self.config,
            range: self.range,
            measures: self.measures.as_deref_mut(),
        };
        open(&mut self.tasks, partition).label(source, record, shared, &mut self.learning)
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

    /// The watermarks of the sources of a side of a partition, in their order.
    pub fn sources_of(&self, partition: usize, side: Side) -> &[Option<EventTime>] {
        self.tasks.get(partition).and_then(Option::as_ref).map_or(&[], |task| task.sources(side))
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
        if self.learning.is_due(model, time) {
            self.learning.learn(model, time, names, &self.cohorts, &self.config, &mut self.references);
            self.learnt = true;
        }
    }

    /// Takes references that somebody else has learnt, and the first window of each judge's models that must not be
    /// counted yet.
    pub fn take_lessons(&mut self, references: References, horizons: Vec<Option<EventTime>>) {
        self.references = references;
        self.horizons = horizons;
        let (cohorts, references) = (&self.cohorts, &self.references);
        self.learning.forget_learnt(|model| references.lessons_of(cohorts.model(model)).1);
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

    /// Whether an inference lies in a window whose baseline is not decided.
    fn is_expected(&mut self, partition: usize, source: u16, record: &Inference) -> bool {
        if !self.expected.iter().any(|expected| expected.model == record.model) {
            return false;
        }
        let window = self.counted_in(partition, source, record);
        self.expected.iter().any(|expected| expected.model == record.model && window.start >= expected.from)
    }

    /// The window that an inference is counted in: a late one is counted where its source stands.
    fn counted_in(&mut self, partition: usize, source: u16, record: &Inference) -> Window {
        let stands =
            self.task(partition).inferences_of(source).max(Some(record.event_time)).unwrap_or(record.event_time);
        Window::holding(stands, self.config.model(&record.model).window)
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
        if self.references.has_file(&record.model) {
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

    /// The references, if a lesson has changed them since this was asked last.
    pub(super) fn new_lessons(&mut self) -> Option<&References> {
        std::mem::take(&mut self.learnt).then_some(&self.references)
    }

    /// Closes the rows of every task that can change no more.
    pub(super) fn expire(&mut self) {
        for (partition, task) in self.tasks.iter_mut().enumerate() {
            let Some(task) = task else { continue };
            self.learning.turn_to(partition);
            let shared = Shared {
                cohorts: &mut self.cohorts,
                references: &self.references,
                config: &self.config,
                range: self.range,
                measures: self.measures.as_deref_mut(),
            };
            task.expire(shared, &mut self.learning);
        }
    }

    /// No record will come any more: all tasks stand where the last of them does.
    pub(super) fn end(&mut self, inputs: Option<EventTime>, labels: Option<EventTime>) {
        let early = largest_early(&self.config);
        for task in self.tasks.iter_mut().flatten() {
            task.end(inputs.max(labels).map(|last| last + early), labels);
        }
    }

    /// Tells what every task has counted since the last commit, and begins anew.
    pub(super) fn take(&mut self, mut tell: impl FnMut(Counted<'_>)) {
        for partition in 0..self.tasks.len() {
            self.take_of(partition, &mut tell);
        }
    }

    /// The same of one task; nothing if the partition has none.
    pub(super) fn take_of(&mut self, partition: usize, tell: &mut impl FnMut(Counted<'_>)) {
        let Self { tasks, cohorts, .. } = self;
        let Some(task) = tasks.get_mut(partition).and_then(Option::as_mut) else { return };
        task.take(|cohort, start, sums| {
            let (model, version) = cohorts.name(cohort);
            tell(Counted::Sums { model, version, start, sums });
        });
        for (start, flow) in task.take_labels() {
            tell(Counted::Labels { start, flow });
        }
    }

    /// What a task has counted since the last commit, as the records of its delta for each of so many judges.
    ///
    /// `head` says what the delta covers; how far the task has come in event time is filled in here. `names` are those of
    /// the features of the records. Closes the rows of the task that can change no more.
    ///
    /// # Panics
    /// If the partition has no task.
    pub fn delta(&mut self, partition: usize, judges: u32, names: &FeatureNames, head: &mut Head) -> Vec<Vec<Vec<u8>>> {
        self.learning.turn_to(partition);
        let shared = Shared {
            cohorts: &mut self.cohorts,
            references: &self.references,
            config: &self.config,
            range: self.range,
            measures: self.measures.as_deref_mut(),
        };
        let task = open(&mut self.tasks, partition);
        task.expire(shared, &mut self.learning);
        head.inputs.watermark = task.inferences();
        head.labels.watermark = task.labels();
        head.first = task.first_window();
        head.capped = self.cohorts.is_full() || task.counts().capped > 0;
        let mut meanings = std::mem::take(&mut self.meanings);
        let references = self.references.clone();
        let mut writers: Vec<Writer<'_>> = (0..judges).map(|_| Writer::new(head)).collect();
        self.take_of(partition, &mut |counted| match counted {
            Counted::Sums { model, version, start, sums } => {
                let profile = references.of(model, version, start);
                let meaning = meaning(&mut meanings, profile.as_ref());
                writers[judge_of(model, judges) as usize].window(model, version, start, meaning, sums);
            }
            Counted::Labels { start, flow } => writers.iter_mut().for_each(|writer| writer.flow(start, flow)),
        });
        self.meanings = meanings;
        let furthest = self.furthest(partition).0;
        for Expected { request, model, from } in &self.expected {
            // No record of any model has come so far: none of this one has.
            let ready = furthest.is_none_or(|furthest| furthest < *from);
            writers[judge_of(model, judges) as usize].ready(*request, ready);
        }
        if let Some(gathering) = self.learning.told_by(partition) {
            gathering.take(&self.cohorts, names, |model, bytes| {
                writers[judge_of(model, judges) as usize].lesson(model, bytes);
            });
        }
        writers.into_iter().map(Writer::finish).collect()
    }

    /// What was learnt, and all names, as bytes.
    pub(super) fn encode_lessons(&self, names: &FeatureNames, bytes: &mut Vec<u8>) {
        let cohorts = self.named_cohorts();
        put(bytes, cohorts.len() as u64);
        for (_, model, version) in &cohorts {
            put_bytes(bytes, model.as_bytes());
            put_bytes(bytes, version.as_bytes());
        }
        self.learning.encode(&self.cohorts, names, bytes);
    }

    /// Goes on with what another crew had learnt; before any task is opened. The references hold its lessons already.
    pub(super) fn restore_lessons(&mut self, names: &mut FeatureNames, bytes: &mut &[u8]) -> Result<(), WireError> {
        for _ in 0..take(bytes)? {
            let (model, version) = (take_text(bytes)?, take_text(bytes)?);
            let placed = self.cohorts.of(model, version);
            placed.map_err(|_| WireError::Truncated("the names of models: there is no room for them"))?;
        }
        self.learning.restore(&mut self.cohorts, &self.config, names, bytes)
    }

    /// The numbers of models and versions, with their names.
    pub(super) fn named_cohorts(&self) -> Vec<(u16, String, String)> {
        let name = |number: u16| {
            let (model, version) = self.cohorts.name(number);
            (number, model.to_owned(), version.to_owned())
        };
        (0..self.cohorts.len()).map(name).collect()
    }

    /// The numbers of models, with their names.
    pub(super) fn named_models(&self) -> Vec<(u16, String)> {
        (0..self.cohorts.models()).map(|number| (number, self.cohorts.model(number).to_owned())).collect()
    }

    /// Keeps again the rows and labels of a changelog, whose numbers have these names.
    pub(super) fn restore_entries(
        &mut self,
        partition: usize,
        named: &[Named<'_>],
        entries: &[u8],
    ) -> Result<(), ChangelogError> {
        let mut numbers = Vec::with_capacity(named.len());
        for &(number, model, version) in named {
            let (m, c) = self.cohorts.of(model, version).map_err(|_| ChangelogError::NoRoom)?;
            numbers.push((number, m, c));
        }
        for entry in Entries::new(entries) {
            match entry? {
                Entry::Label(label) => {
                    if !self.task(partition).restore_label(label) {
                        return Err(ChangelogError::NoRoom);
                    }
                }
                Entry::Row(row) => {
                    let known = numbers.iter().find(|(number, ..)| *number == row.cohort);
                    let &(_, model, cohort) = known.ok_or(ChangelogError::NoName(row.cohort))?;
                    self.restore_row(partition, NewRow { model, cohort, ..row })?;
                }
            }
        }
        Ok(())
    }

    fn restore_row(&mut self, partition: usize, row: NewRow<'_>) -> Result<(), ChangelogError> {
        if self.cohorts.is_new_to(partition, row.model) {
            let settings = self.config.model(self.cohorts.model(row.model));
            open(&mut self.tasks, partition).restore_rules(row.model, settings, None);
            self.meet(partition, row.model);
        }
        let settings = self.config.model(self.cohorts.model(row.model));
        let (model, version) = self.cohorts.name(row.cohort);
        let window = Window::holding(row.time, settings.window);
        let profile = self.references.of(model, version, window.start);
        let codes = profile.as_ref().map_or(0, |profile| profile.layout.features());
        if codes != row.codes.len() {
            let (model, version) = (model.to_owned(), version.to_owned());
            return Err(ChangelogError::OtherBaseline { model, version });
        }
        let task = open(&mut self.tasks, partition);
        let layout = profile.as_ref().map_or(0, |profile| task.layout(profile));
        if task.restore_row(NewRow { layout, ..row }) { Ok(()) } else { Err(ChangelogError::NoRoom) }
    }

    /// Ends a restore: the task stands where it stood at the commit.
    ///
    /// # Errors
    /// When there is no room for its models.
    ///
    /// # Panics
    /// If the partition has no task.
    pub fn finish_restore(&mut self, partition: usize, stand: &Stand) -> Result<(), ChangelogError> {
        for &(number, since) in stand.mark.models() {
            let name = stand.models.iter().find(|(known, _)| *known == number).map(|(_, name)| name);
            let name = name.ok_or(ChangelogError::NoName(number))?;
            let model = self.cohorts.model_of(name).map_err(|_| ChangelogError::NoRoom)?;
            if self.cohorts.is_new_to(partition, model) {
                open(&mut self.tasks, partition).restore_rules(model, self.config.model(name), since);
                self.meet(partition, model);
            }
        }
        open(&mut self.tasks, partition).finish_restore(&stand.mark, stand.unknown_labels);
        Ok(())
    }

    /// Whether nothing of what was written down with `due` is needed for a restore of the task any more.
    pub fn has_outlived(&self, partition: usize, due: Due) -> bool {
        self.tasks.get(partition).and_then(Option::as_ref).is_some_and(|task| task.has_outlived(due))
    }

    /// How many predictions a task keeps.
    pub fn rows_of(&self, partition: usize) -> usize {
        self.tasks.get(partition).and_then(Option::as_ref).map_or(0, Task::open_rows)
    }

    /// The largest event times that a task has read: of predictions, of labels.
    pub fn furthest(&self, partition: usize) -> (Option<EventTime>, Option<EventTime>) {
        let task = self.tasks.get(partition).and_then(Option::as_ref);
        task.map_or((None, None), |task| (task.last_inference(), task.last_label()))
    }

    /// The watermarks of one task: of predictions, of labels.
    pub fn watermarks_of(&self, partition: usize) -> (Option<EventTime>, Option<EventTime>) {
        let task = self.tasks.get(partition).and_then(Option::as_ref);
        task.map_or((None, None), |task| (task.inferences(), task.labels()))
    }

    /// What became of the records of one task.
    pub fn counts_of(&self, partition: usize) -> Counts {
        self.tasks.get(partition).and_then(Option::as_ref).map_or_else(Counts::default, Task::counts)
    }

    /// Bytes that the join of one task holds.
    pub fn memory_of(&self, partition: usize) -> usize {
        self.tasks.get(partition).and_then(Option::as_ref).map_or(0, Task::memory)
    }

    /// Bytes of changes that were not written down yet.
    pub fn journal_bytes(&self) -> usize {
        self.tasks().map(Task::journal_bytes).sum()
    }

    /// Whether a limit was hit, so that equal numbers are no longer promised.
    pub fn is_capped(&self) -> bool {
        self.cohorts.is_full() || self.tasks().any(|task| task.counts().capped > 0)
    }

    /// What became of every record, over all tasks.
    pub fn counts(&self) -> Counts {
        self.tasks().map(Task::counts).fold(Counts::default(), task::add_counts)
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
    pub(super) fn capped(&self) -> Vec<String> {
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
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = self.learning.notes(&self.cohorts);
        notes.extend(self.unused());
        notes.extend(self.unlabelled());
        for profile in self.references.all() {
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
        let unknown = self.tasks().map(Task::unknown_labels).sum::<u64>();
        if unknown > 0 {
            notes.push(format!("{unknown} labels that had waited were neither the positive nor a negative class"));
        }
        notes
    }

    /// What was given and belongs to nothing that was read: most often a slip in a name.
    fn unused(&self) -> Vec<String> {
        let met = self.cohorts.all_models();
        let list = if met.is_empty() { "none".to_owned() } else { met.join(", ") };
        let mut notes = Vec::new();
        for profile in self.references.all().filter(|profile| !met.contains(&profile.model.as_str())) {
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
            let known: Vec<&str> =
                self.references.all().filter(|profile| profile.model == model).flat_map(known_features).collect();
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
        let inputs = self.tasks().filter_map(Task::inferences).max()?;
        if !self.labels {
            return None;
        }
        let Some(labels) = self.tasks().filter_map(Task::labels).max() else {
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
}

fn open(tasks: &mut [Option<Task>], partition: usize) -> &mut Task {
    tasks.get_mut(partition).and_then(Option::as_mut).expect("records come only for partitions that have a task")
}

/// The features that a reference knows, watched or left out.
fn known_features(profile: &Profile) -> Vec<&str> {
    let watched = profile.coding.features().iter().map(crate::observe::FeatureCoding::name);
    watched.chain(profile.left_out.iter().map(|left| left.feature.as_str())).collect()
}
