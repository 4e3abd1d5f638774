//! How does one record go through the join?
//!
//! Three moments decide, and each is a function of one partition alone:
//! - the **watermark** of either partition: largest event time seen, less the out-of-orderness. A record before the
//!   watermark of its own partition is late and moves nothing. Where a partition mixes several sources, each has its
//!   own watermark and is late by it alone; the partition's is the smallest of them (`sources`).
//! - the **floor**: the largest `inference watermark - largest early horizon` so far. No inference that is still to
//!   come can own a label before the floor.
//!
//! A row owns the labels of its key in `[time - early, time + label_window]`. Rows of one key never own a label
//! together: an inference whose interval overlaps the one of a row is the same request (duplicate or conflict).
//! A row closes when floor and label watermark have both passed its `time + label_window`. A waiting label is an
//! orphan when the floor has passed it.
//!
//! **A model that appears while running** with a larger early horizon than any before: its intervals are cut at the
//! floor of that moment, for what lies before it has been given up already. For its first `early` it may thus miss
//! labels that came very early; the outcome is still a function of the inference partition alone.
//!
//! **Without a label stream** rows exist to recognise duplicates. Every model then has the interval `[time, time +
//! span]` with span = the out-of-orderness, at least one minute; silence means nothing and codes are not kept.

use super::interval::{Held, held};
use super::journal::Due;
use super::lists::Lists;
use super::meet::owner;
use super::row::{Row, Waiting};
use super::sources::{Side, Sources};
use super::store::{Number, Store};
use super::{Balance, Counts, LabelPlaced, Limits, Memory, NewLabel, NewRow, Placed, Regime, Rules, Watch};
use crate::event::{EventTime, LAST_ROW, Reject, RejectReason, RequestKey, Span};

/// Rows lie in buckets of this share of their label window, waiting labels of the early horizon.
const BUCKETS: i64 = 64;
const SECOND: Span = Span::from_micros(1_000_000);
const MINUTE: Span = Span::from_micros(60_000_000);

/// The join of one task. See the file's head for how it decides.
pub struct Join {
    pub(super) inference_disorder: Span,
    pub(super) label_disorder: Option<Span>,
    pub(super) limits: Limits,
    pub(super) rules: Vec<Option<Held>>,
    pub(super) largest_early: Span,
    pub(super) largest_window: Span,
    pub(super) inferences: Sources,
    pub(super) labels: Sources,
    pub(super) floor: Option<EventTime>,
    /// Rows that fall due before this are closed, all others are open.
    pub(super) closed_to: Option<EventTime>,
    /// Labels that waited and are before this were given up.
    pub(super) given_up_to: Option<EventTime>,
    pub(super) rows: Store<Row>,
    pub(super) waiting: Store<Waiting>,
    /// By the key of the first row of their request; see `tombstone`.
    pub(super) tombstones: Store<Waiting>,
    /// The largest number of a row so far.
    pub(super) last_row: u32,
    pub(super) lists: Lists,
    /// Scratch: the waiting labels that an inference finds.
    pub(super) found: Vec<(Number, NewLabel)>,
    pub(super) last_due: Due,
    pub(super) counts: Counts,
}

impl Join {
    /// A join of an inference partition and a label partition, each with its out-of-orderness.
    pub fn new(inference_disorder: Span, label_disorder: Span, limits: Limits) -> Self {
        Self::build(inference_disorder, Some(label_disorder), limits)
    }

    /// A join without a label stream: it only recognises duplicates and conflicts.
    pub fn without_labels(inference_disorder: Span, limits: Limits) -> Self {
        Self::build(inference_disorder, None, limits)
    }

    fn build(inference_disorder: Span, label_disorder: Option<Span>, limits: Limits) -> Self {
        Self {
            inference_disorder,
            label_disorder,
            limits,
            rules: Vec::new(),
            largest_early: Span::ZERO,
            largest_window: Span::ZERO,
            inferences: Sources::one(),
            labels: Sources::one(),
            floor: None,
            closed_to: None,
            given_up_to: None,
            rows: Store::new(),
            waiting: Store::new(),
            tombstones: Store::new(),
            last_row: 0,
            lists: Lists::default(),
            found: Vec::new(),
            last_due: Due::default(),
            counts: Counts::default(),
        }
    }

    /// Waits at least so long for inferences whose labels came first, whichever models have rules. With the largest early
    /// horizon that any model can have, none is ever cut at the floor.
    pub fn wait_for(&mut self, early: Span) {
        self.largest_early = self.largest_early.max(early);
    }

    /// Sets the rules of a model, once; returns whether they were taken (`false`: the model has rules already).
    ///
    /// A model that appears while running is set just before its first inference, so that every run sets it at the
    /// same place of the partition.
    pub fn set_rules(&mut self, model: u16, rules: Rules) -> bool {
        self.hold(model, rules, self.floor)
    }

    pub(super) fn hold(&mut self, model: u16, rules: Rules, since: Option<EventTime>) -> bool {
        let place = usize::from(model);
        if self.rules.len() <= place {
            self.rules.resize(place + 1, None);
        }
        if self.rules[place].is_some() {
            return false;
        }
        let mut rules = rules;
        if self.label_disorder.is_none() {
            let span = self.inference_disorder.max(MINUTE);
            rules = Rules { label_window: span, early: Span::ZERO, regime: Regime::Explicit, ..rules };
        }
        let width = Span::from_micros(rules.label_window.micros() / BUCKETS).max(SECOND);
        self.rules[place] = Some(Held { rules, since, width });
        self.largest_early = self.largest_early.max(rules.early);
        self.largest_window = self.largest_window.max(rules.label_window);
        true
    }

    /// Reads ahead what the next records of these keys will need, for all of them at once; changes nothing.
    ///
    /// With a million rows a record mostly waits for memory. A caller that has its records in batches of some dozens
    /// calls this before each batch.
    pub fn warm(&self, keys: &[RequestKey]) {
        self.rows.warm(keys);
        if !self.waiting.is_empty() {
            self.waiting.warm(keys);
        }
    }

    /// The inferences have at least `count` sources, numbered from 0; without this there is one.
    ///
    /// Declared before the first record, a source that never writes holds the watermark of its side back. One that is
    /// declared later begins where the side stands: what it writes from before is late.
    pub fn declare_inference_sources(&mut self, count: u16) {
        self.inferences.declare(count);
    }

    /// The labels have at least `count` sources; see [`Join::declare_inference_sources`].
    pub fn declare_label_sources(&mut self, count: u16) {
        self.labels.declare(count);
    }

    /// Raises the watermark of one source to `watermark`, if it is lower: what a stage that rewrites topics says about
    /// the partition it read.
    ///
    /// # Panics
    /// If the source was not declared.
    pub fn raise_source(&mut self, side: Side, source: u16, watermark: EventTime) {
        match side {
            Side::Inferences => self.raise_inferences(source, watermark),
            Side::Labels => {
                self.labels.raise(source, watermark);
            }
        }
    }

    /// The watermark of one source; `None` before its first record.
    ///
    /// # Panics
    /// If the source was not declared.
    pub fn watermark_of(&self, side: Side, source: u16) -> Option<EventTime> {
        match side {
            Side::Inferences => self.inferences.of(source),
            Side::Labels => self.labels.of(source),
        }
    }

    /// The watermarks of all sources of a side, in their order.
    pub fn sources(&self, side: Side) -> &[Option<EventTime>] {
        match side {
            Side::Inferences => self.inferences.marks(),
            Side::Labels => self.labels.marks(),
        }
    }

    /// Takes one inference of the first source; see [`Join::inference_from`].
    #[inline]
    pub fn inference(&mut self, row: NewRow<'_>, watch: &mut impl Watch) -> Placed {
        self.inference_from(0, row, watch)
    }

    /// Takes one inference of a source.
    ///
    /// # Panics
    /// If its source was not declared, its model has no rules, or its layout has another number of codes than before.
    pub fn inference_from(&mut self, source: u16, row: NewRow<'_>, watch: &mut impl Watch) -> Placed {
        self.counts.inferences.read += 1;
        let before = self.inferences.of(source);
        let late = before.filter(|&watermark| row.time < watermark);
        let same = self.same_request(&row, late);
        if let Some(watermark) = late {
            if same == Some(true) {
                self.counts.inferences.duplicate += 1;
                watch.duplicate(row.model, row.cohort, watermark);
                return Placed::Duplicate;
            }
            self.counts.inferences.late += 1;
            watch.late_inference(row.model, row.cohort, watermark);
            return Placed::Late;
        }
        self.raise_inferences(source, row.time - self.inference_disorder);
        match same {
            Some(true) => {
                self.counts.inferences.duplicate += 1;
                watch.duplicate(row.model, row.cohort, row.time);
                Placed::Duplicate
            }
            Some(false) => {
                self.counts.inferences.conflict += 1;
                watch.conflict(row.model, row.cohort, row.time);
                Placed::Conflict
            }
            None => self.keep(&row, watch),
        }
    }

    /// Whether a row holds the place of this inference, and if so whether with the same content.
    ///
    /// A late inference is compared only with rows that are certain to be here still: whether others are depends on
    /// when memory was freed. For one in time, the rows whose intervals overlap its own are certain to be here.
    fn same_request(&self, new: &NewRow<'_>, late: Option<EventTime>) -> Option<bool> {
        let mine = held(&self.rules, new.model);
        let mut place_taken = None;
        for (_, row) in self.rows.find(new.key) {
            let other = held(&self.rules, row.model());
            let overlap = mine.first_label(new.time) <= Some(other.last_label(row.time()))
                && other.first_label(row.time()) <= Some(mine.last_label(new.time));
            let remembered =
                late.is_none_or(|watermark| watermark <= row.time() + other.rules.label_window + other.rules.early);
            if overlap && remembered {
                place_taken = Some(place_taken == Some(true) || row.content() == new.content);
            }
        }
        place_taken
    }

    fn keep(&mut self, new: &NewRow<'_>, watch: &mut impl Watch) -> Placed {
        let number = if self.rows.len() < self.limits.rows { self.insert_row(new) } else { None };
        let Some(number) = number else {
            self.counts.inferences.rejected += 1;
            self.counts.capped += 1;
            return Placed::Refused;
        };
        self.counts.inferences.pending += 1;
        self.meet_waiting(number, new, watch);
        self.last_due = Due { rows: Some(held(&self.rules, new.model).last_label(new.time)), labels: None };
        Placed::New
    }

    #[inline]
    pub(super) fn insert_row(&mut self, new: &NewRow<'_>) -> Option<Number> {
        let Held { width, .. } = *held(&self.rules, new.model);
        let due = held(&self.rules, new.model).last_label(new.time);
        let codes = if self.label_disorder.is_some() { new.codes } else { &[] };
        debug_assert!(new.row <= LAST_ROW, "a request has at most 4,096 rows");
        self.last_row = self.last_row.max(new.row.min(LAST_ROW));
        self.rows.insert(Row::new(new), due, width, codes, new.layout)
    }

    /// Takes one label of the first source; see [`Join::label_from`].
    #[inline]
    pub fn label(&mut self, label: NewLabel, watch: &mut impl Watch) -> Result<LabelPlaced, Reject> {
        self.label_from(0, label, watch)
    }

    /// Takes one label of a source.
    ///
    /// # Errors
    /// `UnknownLabel` when its row is here and its value is neither the positive nor a negative class; `LimitReached`
    /// when it would have to wait and too many do. Both are counted.
    ///
    /// # Panics
    /// If the join was built without a label stream, or the source was not declared.
    pub fn label_from(&mut self, source: u16, label: NewLabel, watch: &mut impl Watch) -> Result<LabelPlaced, Reject> {
        let disorder = self.label_disorder.expect("labels come only where there is a label stream");
        self.counts.labels.read += 1;
        if self.labels.of(source).is_some_and(|watermark| label.time < watermark) {
            self.counts.labels.late += 1;
            return Ok(LabelPlaced::Late);
        }
        self.labels.raise(source, label.time - disorder);

        if label.all_rows {
            return self.take_tombstone(&label, watch);
        }
        if let Some((number, row)) = owner(&self.rows, &self.rules, label.key, label.time) {
            let model = row.model();
            return self.meet(number, &label, watch).ok_or_else(|| {
                let positive = held(&self.rules, model).rules.positive;
                Reject::new(
                    RejectReason::UnknownLabel,
                    format!("label {:?} is no class of its model; {positive:?} is yes, 0 and -1 are no", label.truth),
                )
            });
        }
        if Some(label.time) < self.floor {
            self.counts.labels.orphan += 1;
            watch.orphan(label.time);
            return Ok(LabelPlaced::Orphan);
        }
        self.buffer(&label)
    }

    fn buffer(&mut self, label: &NewLabel) -> Result<LabelPlaced, Reject> {
        if self.has_room_to_wait() && self.insert_label(label) {
            self.counts.labels.buffered += 1;
            self.last_due = Due { rows: None, labels: Some(label.time) };
            return Ok(LabelPlaced::Buffered);
        }
        Err(self.refuse_to_wait())
    }

    pub(super) fn has_room_to_wait(&self) -> bool {
        self.waiting.len() + self.tombstones.len() < self.limits.buffered_labels
    }

    /// Rejects a label that would have to wait.
    pub(super) fn refuse_to_wait(&mut self) -> Reject {
        self.counts.labels.rejected += 1;
        self.counts.capped += 1;
        Reject::new(
            RejectReason::LimitReached,
            format!("{} labels wait for their inference already", self.limits.buffered_labels),
        )
    }

    pub(super) fn insert_label(&mut self, label: &NewLabel) -> bool {
        let width = self.waiting_width();
        self.waiting.insert(Waiting::new(label), label.time, width, &[], 0).is_some()
    }

    /// The width of the buckets of labels that wait.
    pub(super) fn waiting_width(&self) -> Span {
        Span::from_micros(self.largest_early.micros() / BUCKETS).max(MINUTE)
    }

    /// Closes the rows and gives up the labels that the watermarks allow, and frees their memory.
    ///
    /// May be called at any time; the outcome after the last call is the same. Once a second, or every few thousand
    /// records, is a good rhythm: a call costs a few nanoseconds for each bucket and each row that it closes.
    pub fn expire(&mut self, watch: &mut impl Watch) {
        let settled = self.settled();
        let Self { rules, rows, waiting, tombstones, lists, counts, .. } = self;
        if let Some(floor) = self.floor {
            self.given_up_to = Some(floor);
            waiting.sweep(floor, Waiting::time, |_, label, _, _| {
                counts.labels.buffered -= 1;
                counts.labels.orphan += 1;
                watch.orphan(label.time());
            });
            tombstones.sweep(floor, Waiting::time, |_, label, _, _| {
                if !label.has_met() {
                    counts.labels.buffered -= 1;
                    counts.labels.orphan += 1;
                    watch.orphan(label.time());
                }
            });
        }
        let Some(passed) = settled else { return };
        self.closed_to = Some(passed);
        let due = |row: &Row| held(rules, row.model()).last_label(row.time());
        rows.sweep(passed, due, |number, row, codes, layout| {
            let view = row.view(codes, layout);
            let mut truth = row.standing().map(|(truth, _)| truth);
            let assumed = truth.is_none() && held(rules, row.model()).rules.regime == Regime::ImplicitNegative;
            if assumed {
                truth = Some(false);
                counts.inferences.pending -= 1;
                counts.inferences.labelled += 1;
                counts.inferences.assumed_negative += 1;
                watch.truth(&view, None, truth);
            } else if truth.is_none() {
                counts.inferences.pending -= 1;
                counts.inferences.never_labelled += 1;
            }
            lists.give_back(number, row);
            watch.closed(&view, truth, assumed);
        });
    }

    /// Raises the watermarks of all inferences to `at`, if they are lower: the end of a replayed input.
    pub fn end_of_inferences(&mut self, at: EventTime) {
        if self.inferences.raise_all(at) {
            self.raise_floor();
        }
    }

    /// Raises the watermarks of all labels to `at`, if they are lower: the end of a replayed input.
    pub fn end_of_labels(&mut self, at: EventTime) {
        self.labels.raise_all(at);
    }

    #[inline]
    fn raise_inferences(&mut self, source: u16, at: EventTime) {
        if self.inferences.raise(source, at) {
            self.raise_floor();
        }
    }

    /// The watermark of the inferences has risen.
    fn raise_floor(&mut self) {
        self.floor = self.floor.max(self.inferences.side().map(|at| at - self.largest_early));
    }

    /// The watermarks of the inferences and of the labels, each the smallest of its sources; `None` before every source
    /// of the side had a record.
    pub const fn watermarks(&self) -> (Option<EventTime>, Option<EventTime>) {
        (self.inferences.side(), self.labels.side())
    }

    /// Counts an inference that never reached the join because it was unusable.
    pub const fn count_rejected_inference(&mut self) {
        self.counts.inferences.read += 1;
        self.counts.inferences.rejected += 1;
    }

    /// Counts an inference that sampling left out.
    pub const fn count_unsampled_inference(&mut self) {
        self.counts.inferences.read += 1;
        self.counts.inferences.unsampled += 1;
    }

    /// Counts a label that never reached the join because it was unusable.
    pub const fn count_rejected_label(&mut self) {
        self.counts.labels.read += 1;
        self.counts.labels.rejected += 1;
    }

    /// Counts a label that sampling left out.
    pub const fn count_unsampled_label(&mut self) {
        self.counts.labels.read += 1;
        self.counts.labels.unsampled += 1;
    }

    /// How far the truth has come: after [`Join::expire`], the rows whose `time + label_window` lies before this are
    /// closed, and no others. A window is complete when this has reached its end plus the label window; `None` before
    /// both partitions had a record.
    pub fn settled(&self) -> Option<EventTime> {
        if self.label_disorder.is_some() { self.floor.min(self.labels.side()) } else { self.floor }
    }

    /// What became of every record so far.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Both equations with both their sides.
    pub fn invariants(&self) -> [Balance; 2] {
        self.counts.invariants()
    }

    /// How many rows are open.
    pub fn open_rows(&self) -> usize {
        self.rows.len()
    }

    /// What is allocated now.
    pub fn memory(&self) -> Memory {
        let (rows, codes, index) = self.rows.bytes();
        let (labels, _, labels_index) = self.waiting.bytes();
        let (tombstones, _, tombstones_index) = self.tombstones.bytes();
        Memory {
            open_rows: self.rows.len(),
            buffered_labels: self.waiting.len(),
            tombstones: self.tombstones.len(),
            rows,
            codes,
            index,
            corrections: self.lists.bytes(),
            buffer: labels + labels_index + tombstones + tombstones_index,
        }
    }
}
