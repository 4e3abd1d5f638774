//! What does one partition know?
//!
//! A task joins the inferences and labels of one partition and counts them, by cohort and base window, until the next
//! commit takes the counts away. It owns its pending rows and nothing else.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Disorder;
use super::changelog::FULL;
use super::observer::{Bits, Tally};
use super::shared::Shared;
use crate::baseline::{Profile, SampleRow};
use crate::config::ModelConfig;
use crate::event::{EventTime, FeatureNames, Inference, Label, Reject, RequestKey, Span, Window};
use crate::join::{Counts, Due, Join, Journal, LabelPlaced, Limits, Mark, NewLabel, NewRow, Placed, Rules, Side};
use crate::judge::LabelFlow;
use crate::observe::{CodedRow, Facts, Mapping, Sums, Weight};

/// Whose a prediction is, and whether it is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) model: u16,
    pub(super) cohort: u16,
    pub(super) inside: bool,
}

/// One partition of both topics.
pub(super) struct Task {
    join: Join,
    tally: Tally,
    mappings: Mappings,
    coded: CodedRow,
    disorder: Disorder,
    /// What was kept since the last commit, where somebody wants to know; the last one grows. Empty otherwise.
    journals: Vec<Journal>,
}

impl Task {
    /// A task; `early` is the largest early horizon of all models of the configuration.
    pub(super) fn new(disorder: Disorder, early: Span, labels: bool, limits: Limits) -> Self {
        let mut join = if labels {
            Join::new(disorder.inferences, disorder.labels, limits)
        } else {
            Join::without_labels(disorder.inferences, limits)
        };
        join.wait_for(early);
        Self {
            join,
            tally: Tally::new(),
            mappings: FxHashMap::default(),
            coded: CodedRow::default(),
            disorder,
            journals: Vec::new(),
        }
    }

    /// The same task, which writes down what it keeps.
    pub(super) fn with_journal(mut self) -> Self {
        self.journals.push(Journal::default());
        self
    }

    /// Its partition mixes the records of so many sources of each side.
    pub(super) fn declare_sources(&mut self, inferences: u16, labels: u16) {
        self.join.declare_inference_sources(inferences);
        self.join.declare_label_sources(labels);
    }

    /// A source has come so far.
    pub(super) fn raise_source(&mut self, side: Side, source: u16, watermark: EventTime) {
        self.join.raise_source(side, source, watermark);
    }

    /// The watermarks of all sources of a side.
    pub(super) fn sources(&self, side: Side) -> &[Option<EventTime>] {
        self.join.sources(side)
    }

    /// How far a source of the predictions has come.
    pub(super) fn inferences_of(&self, source: u16) -> Option<EventTime> {
        self.join.watermark_of(Side::Inferences, source)
    }

    pub(super) fn set_rules(&mut self, model: u16, settings: &ModelConfig) {
        self.join.set_rules(model, rules(settings));
    }

    /// The same for a model that the task had met before it was restored.
    pub(super) fn restore_rules(&mut self, model: u16, settings: &ModelConfig, since: Option<EventTime>) {
        self.join.restore_rules(model, rules(settings), since);
    }

    /// Keeps a row again; whether there was room.
    pub(super) fn restore_row(&mut self, row: NewRow<'_>) -> bool {
        self.join.restore_row(row)
    }

    /// Keeps a label again; whether there was room.
    pub(super) fn restore_label(&mut self, label: NewLabel) -> bool {
        self.join.restore_label(label)
    }

    /// Ends a restore.
    pub(super) fn finish_restore(&mut self, mark: &Mark, unknown_labels: u64) {
        self.join.finish_restore(mark);
        self.tally.unknown_labels = unknown_labels;
    }

    /// Where the join stands.
    pub(super) fn mark(&self) -> Mark {
        self.join.mark()
    }

    /// Whether nothing of what was written down with `due` is kept any more.
    pub(super) fn has_outlived(&self, due: Due) -> bool {
        self.join.has_outlived(due)
    }

    /// What was kept since the last commit; at least one if the task has journals at all.
    pub(super) fn journals(&self) -> &[Journal] {
        &self.journals
    }

    pub(super) fn clear_journals(&mut self) {
        self.journals.truncate(1);
        self.journals.iter_mut().for_each(Journal::clear);
    }

    pub(super) fn journal_bytes(&self) -> usize {
        self.journals.iter().map(Journal::len).sum()
    }

    /// Where the next change is written down.
    #[inline]
    fn journal(journals: &mut Vec<Journal>) -> Option<&mut Journal> {
        if journals.last()?.len() >= FULL {
            journals.push(Journal::default());
        }
        journals.last_mut()
    }

    pub(super) fn inference(
        &mut self,
        source: u16,
        record: &Inference,
        placed: Place,
        names: &FeatureNames,
        shared: &mut Shared,
    ) -> Result<(), Reject> {
        let Place { model, cohort, inside } = placed;
        let score = record.score.expect("records without a score were rejected").get();
        let key = RequestKey::new(&record.request_id, record.row);
        let facts = facts(record, key, score, shared.config.model(&record.model));
        let place = self.tally.windows.place(cohort, record.event_time, shared);
        let layout = self.code(place, record, names);
        let bits = Bits::new(facts.decision, inside, facts.action.is_some());
        let row = NewRow {
            key,
            row: record.row,
            time: record.event_time,
            model,
            cohort,
            score,
            bits: bits.0,
            arm: facts.arm as u8,
            action: facts.action.unwrap_or(0),
            action_prob: record.action_prob.unwrap_or(1.0) as f32,
            weight: facts.weight.bits(),
            content: fold(record.content),
            codes: &self.coded.codes,
            layout,
        };
        let furthest = self.last_inference();
        let mut observer = self.tally.listen(shared, furthest);
        // A row may meet its label inside this call, so it must have been counted as a prediction first or after; sums
        // add, so after is as good.
        let placed = self.join.inference_from(source, row, &mut observer);
        let told = observer.told;
        if placed == Placed::New
            && let Some(journal) = Self::journal(&mut self.journals)
        {
            journal.row(&row, self.join.last_due());
        }
        if placed == Placed::New && inside {
            let (open, _) = self.tally.windows.at(place);
            open.sums.predicted(&facts, &self.coded);
            open.sums.sampled(key, &record.request_id, record.row, record.event_time, score, &self.coded);
            let sample = || SampleRow {
                time: record.event_time,
                facts,
                features: record.features.clone(),
                content: record.content,
                positive: None,
            };
            shared.learning.see(model, cohort, key, record.event_time, sample);
            shared.learning.label(model, key, record.event_time, told);
        }
        if placed == Placed::Refused {
            return Err(Reject::new(
                crate::event::RejectReason::LimitReached,
                "there is no room for another pending prediction",
            ));
        }
        Ok(())
    }

    /// Codes the features by the reference of the row's window; the number of the list of features.
    fn code(&mut self, place: usize, record: &Inference, names: &FeatureNames) -> u16 {
        let Some(profile) = self.tally.windows.profile(place) else {
            self.coded.clear();
            return 0;
        };
        let (profile, mapping, layout) = mapping_of(&mut self.mappings, profile);
        profile.coding.code(&record.features, names, mapping, &mut self.coded);
        *layout
    }

    /// The number of the list of features of a reference.
    pub(super) fn layout(&mut self, profile: &Arc<Profile>) -> u16 {
        mapping_of(&mut self.mappings, profile).2
    }

    pub(super) fn warm(&self, keys: &[RequestKey]) {
        self.join.warm(keys);
    }

    pub(super) fn label(&mut self, source: u16, record: &Label, shared: &mut Shared) -> Result<(), Reject> {
        let label = NewLabel {
            key: RequestKey::new(&record.request_id, record.row.unwrap_or(0)),
            time: record.event_time,
            revision: record.revision,
            content: fold(record.content),
            truth: if record.withdrawn { None } else { record.truth },
            all_rows: record.row.is_none(),
        };
        let window = shared.config.defaults().window;
        let inside = shared.range.holds(record.event_time);
        let furthest = self.last_inference();
        let mut observer = self.tally.listen(shared, furthest);
        let placed = self.join.label_from(source, label, &mut observer);
        if matches!(placed, Ok(LabelPlaced::Met | LabelPlaced::Buffered))
            && let Some(journal) = Self::journal(&mut self.journals)
        {
            journal.label(&label, self.join.last_due());
        }
        // A label of no class was read, too: it is known for one now, or only when its prediction comes.
        if inside && !matches!(placed, Ok(LabelPlaced::Late)) {
            let start = Window::holding(record.event_time, window).start;
            self.tally.labels.entry(start).or_default().read += 1;
        }
        if matches!(placed, Ok(LabelPlaced::Late))
            && let Some(watermark) = self.join.watermark_of(Side::Labels, source)
        {
            self.tally.labels.entry(Window::holding(watermark, window).start).or_default().late += 1;
        }
        placed.map(|_| ())
    }

    pub(super) fn expire(&mut self, shared: &mut Shared) {
        let furthest = self.last_inference();
        let mut observer = self.tally.listen(shared, furthest);
        self.join.expire(&mut observer);
    }

    /// The next prediction of a source has this time.
    pub(super) fn come_to(&mut self, source: u16, time: EventTime) {
        self.join.raise_source(Side::Inferences, source, time - self.disorder.inferences);
    }

    /// No record will come any more: the watermarks move to these moments.
    pub(super) fn end(&mut self, inferences: Option<EventTime>, labels: Option<EventTime>) {
        if let Some(at) = inferences {
            self.join.end_of_inferences(at);
        }
        if let Some(at) = labels {
            self.join.end_of_labels(at);
        }
    }

    pub(super) const fn reject_inference(&mut self) {
        self.join.count_rejected_inference();
    }

    pub(super) const fn reject_label(&mut self) {
        self.join.count_rejected_label();
    }

    /// Tells what was counted since the last commit, window by window, and begins anew.
    pub(super) fn take(&mut self, tell: impl FnMut(u16, EventTime, &Sums)) {
        self.tally.windows.take(tell);
    }

    /// The earliest window of what was counted since the last commit.
    pub(super) fn first_window(&self) -> Option<EventTime> {
        self.tally.windows.first()
    }

    /// Takes what was counted of labels since the last commit.
    pub(super) fn take_labels(&mut self) -> Vec<(EventTime, LabelFlow)> {
        let mut flows: Vec<(EventTime, LabelFlow)> = self.tally.labels.drain().collect();
        flows.sort_unstable_by_key(|(start, _)| *start);
        flows
    }

    pub(super) const fn counts(&self) -> Counts {
        *self.join.counts()
    }

    /// Bytes that the join holds.
    pub(super) fn memory(&self) -> usize {
        self.join.memory().total()
    }

    pub(super) fn open_rows(&self) -> usize {
        self.join.open_rows()
    }

    pub(super) const fn inferences(&self) -> Option<EventTime> {
        self.join.watermarks().0
    }

    pub(super) const fn labels(&self) -> Option<EventTime> {
        self.join.watermarks().1
    }

    /// The largest event time of its inferences, whatever became of them.
    pub(super) fn last_inference(&self) -> Option<EventTime> {
        let furthest = self.join.sources(Side::Inferences).iter().max().copied().flatten();
        furthest.map(|watermark| watermark + self.disorder.inferences)
    }

    /// The largest event time of its labels.
    pub(super) fn last_label(&self) -> Option<EventTime> {
        let furthest = self.join.sources(Side::Labels).iter().max().copied().flatten();
        furthest.map(|watermark| watermark + self.disorder.labels)
    }

    pub(super) const fn unknown_labels(&self) -> u64 {
        self.tally.unknown_labels
    }
}

type Mappings = FxHashMap<usize, (Arc<Profile>, Mapping, u16)>;

/// How the features of a stream are those of a reference, and the number of its list of features.
fn mapping_of<'a>(mappings: &'a mut Mappings, profile: &Arc<Profile>) -> &'a mut (Arc<Profile>, Mapping, u16) {
    let next = mappings.len() as u16 + 1;
    mappings.entry(Arc::as_ptr(profile).addr()).or_insert_with(|| (profile.clone(), Mapping::default(), next))
}

fn rules(settings: &ModelConfig) -> Rules {
    Rules {
        label_window: settings.label_window,
        early: settings.early,
        corrections: settings.correction_window,
        regime: settings.labels,
        policy: settings.label_policy,
        positive: settings.positive,
    }
}

/// `decision` stands before a threshold, and the configured threshold before the record's own.
pub(crate) fn facts(record: &Inference, key: RequestKey, score: f64, settings: &ModelConfig) -> Facts {
    let threshold = settings.threshold.or(record.threshold);
    let action_prob = record.action_prob.filter(|_| settings.weights.action);
    let weight = match (record.weight, action_prob) {
        // What most rows say costs nothing.
        (None | Some(1.0), None | Some(1.0)) => Weight::ONE,
        (weight, prob) => Weight::of(key, weight.unwrap_or(1.0), prob.unwrap_or(1.0), settings.weights.largest),
    };
    Facts {
        score,
        decision: record.decision.or_else(|| threshold.map(|threshold| score >= threshold)),
        arm: record.arm,
        action: record.action.map(|hash| (hash % 16) as u8),
        weight,
    }
}

const fn fold(content: u64) -> u32 {
    (content ^ (content >> 32)) as u32
}
