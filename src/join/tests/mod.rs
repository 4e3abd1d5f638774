//! Does the join do what its definition says, whatever the order, the interleaving and the moments of expiry?

mod laws;
mod memory;
mod restore;
mod tables;

use super::oracle::{Asked, Ended, Input, Outcome};
use super::{Join, Limits, NewLabel, NewRow, Placed, RowView, Side, Watch};
use crate::event::{EventTime, RequestKey, Span};

pub(super) const CODES: usize = 3;

/// The codes that travel with a content.
pub(super) fn codes(content: u32) -> [u8; CODES] {
    [content as u8, content as u8 ^ 0xff, 7]
}

impl Asked {
    /// A row of a request; the rest is for the caller to say.
    pub(super) fn of(request: u128, row: u32) -> Self {
        let key = RequestKey::from_bits(request).of_row(row).bits();
        Self { request, row, key, time: EventTime::default(), model: 0, content: 0 }
    }
}

/// The whole record of an [`Asked`]: what only travels follows from its content, so that its return can be checked.
pub(super) fn row<'a>(asked: &Asked, codes: &'a [u8]) -> NewRow<'a> {
    let content = asked.content;
    NewRow {
        key: RequestKey::from_bits(asked.key),
        row: asked.row,
        time: asked.time,
        model: asked.model,
        cohort: asked.model * 3,
        score: f64::from(content) / 7.0,
        bits: content as u8,
        arm: content as u8 ^ 1,
        action: content as u8 ^ 2,
        action_prob: content as f32 / 3.0,
        weight: content.wrapping_add(7),
        content,
        codes,
        layout: asked.model,
    }
}

/// Writes down what it is told, and holds the join to what it may tell.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) outcome: Outcome,
    /// Statistics as a caller keeps them: they only add.
    pub(super) labelled: i64,
    pub(super) positive: i64,
    pub(super) assumed: i64,
    pub(super) closed: i64,
    pub(super) unknown: i64,
    with_codes: bool,
}

impl Recorder {
    pub(super) fn new(with_codes: bool) -> Self {
        Self { with_codes, ..Self::default() }
    }

    fn row(&mut self, view: &RowView<'_>) -> &mut Ended {
        let asked =
            Asked { time: view.time, model: view.model, content: view.content, ..Asked::of(view.key.bits(), 0) };
        let codes = codes(view.content);
        let sent = row(&asked, &codes);
        assert_eq!(
            (view.cohort, view.score, view.bits, view.arm, view.action, view.action_prob, view.weight, view.layout),
            (sent.cohort, sent.score, sent.bits, sent.arm, sent.action, sent.action_prob, sent.weight, sent.layout)
        );
        assert_eq!(view.codes, if self.with_codes { sent.codes } else { &[] });
        let ended = self.outcome.rows.get_mut(&(view.key.bits(), view.time)).expect("the row was placed");
        assert_eq!(ended.content, view.content);
        assert!(!ended.closed, "nothing happens to a closed row");
        ended
    }

    /// Gives an inference to the join and notes the row, if it became one.
    pub(super) fn ask(&mut self, join: &mut Join, asked: &Asked) -> Placed {
        self.ask_from(join, 0, asked)
    }

    /// The same for an inference of a source.
    pub(super) fn ask_from(&mut self, join: &mut Join, source: u16, asked: &Asked) -> Placed {
        let codes = codes(asked.content);
        let ended = Ended { model: asked.model, content: asked.content, ..Ended::default() };
        // Noted before the call, because waiting labels are told inside it; a place that is taken stays taken.
        let place = (asked.key, asked.time);
        let was = self.outcome.rows.get(&place).copied();
        self.outcome.rows.entry(place).or_insert(ended);
        let placed = join.inference_from(source, row(asked, &codes), self);
        match (placed, was) {
            (Placed::New, None) => {}
            (Placed::New, Some(_)) => panic!("two rows of one key at one time"),
            (_, None) => {
                self.outcome.rows.remove(&place);
            }
            (_, Some(was)) => assert_eq!(self.outcome.rows[&place], was, "a dropped inference changes nothing"),
        }
        placed
    }

    /// The outcome, with the join's counts and sorted lists.
    pub(super) fn finish(mut self, join: &Join) -> Outcome {
        let truths = |truth| self.outcome.rows.values().filter(|row| row.truth == Some(truth)).count() as i64;
        assert_eq!(self.positive, truths(true), "what is added and taken back is what is there");
        assert_eq!(self.labelled, truths(true) + truths(false));
        self.outcome.counts = *join.counts();
        assert_eq!(self.labelled, self.outcome.counts.inferences.labelled);
        assert_eq!(self.assumed, self.outcome.counts.inferences.assumed_negative);
        self.outcome.orphans.sort();
        self.outcome.duplicates.sort();
        self.outcome.conflicts.sort();
        self.outcome.lates.sort();
        self.outcome
    }
}

impl Watch for Recorder {
    fn truth(&mut self, row: &RowView<'_>, before: Option<bool>, after: Option<bool>) {
        assert_ne!(before, after);
        let ended = self.row(row);
        assert_eq!(ended.truth, before);
        ended.truth = after;
        self.labelled += i64::from(after.is_some()) - i64::from(before.is_some());
        self.positive += i64::from(after == Some(true)) - i64::from(before == Some(true));
    }

    fn standing(&mut self, row: &RowView<'_>, before: Option<(bool, EventTime)>, after: Option<(bool, EventTime)>) {
        assert_ne!(before, after);
        let time = |standing: Option<(bool, EventTime)>| standing.map(|(_, time)| time);
        assert_eq!(row.label_time, time(after));
        let ended = self.row(row);
        assert_eq!(ended.truth, after.map(|(truth, _)| truth), "the truth is told before");
        assert_eq!(ended.label_time, time(before));
        ended.label_time = time(after);
    }

    fn closed(&mut self, row: &RowView<'_>, truth: Option<bool>, assumed: bool) {
        let label_time = row.label_time;
        let ended = self.row(row);
        assert_eq!(ended.truth, truth, "the truth is told before the end");
        assert_eq!(ended.label_time, label_time);
        ended.closed = true;
        ended.assumed = assumed;
        self.assumed += i64::from(assumed);
        self.closed += 1;
    }

    fn orphan(&mut self, label_time: EventTime) {
        self.outcome.orphans.push(label_time);
    }

    fn unknown_label(&mut self, _label: &NewLabel, _model: u16) {
        self.unknown += 1;
    }

    fn duplicate(&mut self, model: u16, cohort: u16, time: EventTime) {
        assert_eq!(cohort, model * 3);
        self.outcome.duplicates.push((model, time));
    }

    fn conflict(&mut self, model: u16, cohort: u16, time: EventTime) {
        assert_eq!(cohort, model * 3);
        self.outcome.conflicts.push((model, time));
    }

    fn late_inference(&mut self, model: u16, cohort: u16, watermark: EventTime) {
        assert_eq!(cohort, model * 3);
        self.outcome.lates.push((model, watermark));
    }
}

/// Asserts what holds after every record.
pub(super) fn check(join: &Join, recorder: &Recorder) {
    for balance in join.invariants() {
        assert!(balance.holds(), "{balance}");
    }
    let memory = join.memory();
    let open = recorder.outcome.rows.len() as i64 - recorder.closed;
    assert_eq!(memory.open_rows as i64, open);
    // Tombstones stay after they have met a row.
    let unmet = join.counts().labels.buffered - memory.buffered_labels as i64;
    assert!(unmet >= 0 && unmet <= memory.tombstones as i64, "{unmet} of {} tombstones", memory.tombstones);
    assert_eq!(recorder.labelled, join.counts().inferences.labelled);
}

/// Asserts that after an expiry exactly those rows are closed that are said to be.
fn check_settled(join: &Join, recorder: &Recorder, input: &Input) {
    for ((_, time), row) in &recorder.outcome.rows {
        let window = if input.label_disorder.is_some() {
            input.rules[usize::from(row.model)].0.label_window
        } else {
            input.inference_disorder.max(Span::from_micros(60_000_000))
        };
        assert_eq!(row.closed, Some(*time + window) < join.settled());
    }
}

/// One thing that happens in a run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// The rules of a model are set.
    Rules(usize),
    /// The inference of this place is read.
    Ask(usize),
    /// The label of this place is read.
    Tell(usize),
    /// A source says how far it has come.
    Raise(Side, u16, EventTime),
    /// What is due goes.
    Expire,
    /// A side ends.
    End(Side, EventTime),
}

/// The steps of an input. `turns` says from which partition the next record comes (true: inferences), `expiries`
/// whether memory is freed after it; both end with false.
pub(super) fn plan(input: &Input, turns: &[bool], expiries: &[bool]) -> Vec<Step> {
    let mut steps = Vec::new();
    // What stands in a partition before its record at `read`.
    let stands = |steps: &mut Vec<Step>, side: Side, read: usize| {
        let of = if side == Side::Inferences { &input.inference_sources } else { &input.label_sources };
        let raises = of.raises.iter().filter(|(at, ..)| *at == read);
        steps.extend(raises.map(|&(_, source, to)| Step::Raise(side, source, to)));
        if side == Side::Inferences {
            steps.extend((0..input.rules.len()).filter(|&model| input.rules[model].1 == read).map(Step::Rules));
        }
    };
    stands(&mut steps, Side::Inferences, 0);
    stands(&mut steps, Side::Labels, 0);
    let (mut inferences, mut labels) = (0, 0);
    for place in 0..input.inferences.len() + input.labels.len() {
        let turn = turns.get(place).copied().unwrap_or(false);
        if inferences < input.inferences.len() && (turn || labels == input.labels.len()) {
            steps.push(Step::Ask(inferences));
            inferences += 1;
            stands(&mut steps, Side::Inferences, inferences);
        } else {
            steps.push(Step::Tell(labels));
            labels += 1;
            stands(&mut steps, Side::Labels, labels);
        }
        if expiries.get(place).copied().unwrap_or(false) {
            steps.push(Step::Expire);
        }
    }
    steps.extend(input.end_of_inferences.map(|at| Step::End(Side::Inferences, at)));
    steps.extend(input.end_of_labels.map(|at| Step::End(Side::Labels, at)));
    steps.push(Step::Expire);
    steps
}

/// The join of an input, before its first record and without rules.
pub(super) fn join(input: &Input, limits: Limits) -> Join {
    let mut join = match input.label_disorder {
        Some(disorder) => Join::new(input.inference_disorder, disorder, limits),
        None => Join::without_labels(input.inference_disorder, limits),
    };
    join.declare_inference_sources(input.inference_sources.declared);
    join.declare_label_sources(input.label_sources.declared);
    join
}

/// Runs an input and checks what holds after every step.
pub(super) fn run(input: &Input, turns: &[bool], expiries: &[bool]) -> Outcome {
    let mut join = join(input, Limits::default());
    let mut recorder = Recorder::new(input.label_disorder.is_some());
    let mut rejected = 0;
    for step in plan(input, turns, expiries) {
        // Reading ahead, also for keys that nobody has, changes nothing.
        join.warm(&[0, 1, 2, 3].map(RequestKey::from_bits));
        match step {
            Step::Rules(model) => assert!(join.set_rules(model as u16, input.rules[model].0)),
            Step::Ask(place) => {
                recorder.ask_from(&mut join, input.inference_sources.source(place), &input.inferences[place]);
            }
            Step::Tell(place) => {
                let source = input.label_sources.source(place);
                rejected += i64::from(join.label_from(source, input.labels[place], &mut recorder).is_err());
            }
            Step::Raise(side, source, to) => join.raise_source(side, source, to),
            Step::End(Side::Inferences, at) => join.end_of_inferences(at),
            Step::End(Side::Labels, at) => join.end_of_labels(at),
            Step::Expire => {
                join.expire(&mut recorder);
                check_settled(&join, &recorder, input);
            }
        }
        check(&join, &recorder);
    }
    assert_eq!(rejected + recorder.unknown, join.counts().labels.rejected);
    assert_eq!(join.counts().capped, 0);
    recorder.finish(&join)
}
