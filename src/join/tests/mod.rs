//! Does the join do what its definition says, whatever the order, the interleaving and the moments of expiry?

mod laws;
mod memory;
mod tables;

use std::collections::BTreeMap;

use super::oracle::{Asked, Ended, Input, Outcome};
use super::{Join, Limits, NewLabel, NewRow, Placed, RowView, Watch};
use crate::event::{EventTime, RequestKey, Span};

pub(super) const CODES: usize = 3;

/// The codes that travel with a content.
fn codes(content: u32) -> [u8; CODES] {
    [content as u8, content as u8 ^ 0xff, 7]
}

/// The whole record of an [`Asked`]: what only travels follows from its content, so that its return can be checked.
pub(super) fn row<'a>(asked: &Asked, codes: &'a [u8]) -> NewRow<'a> {
    let content = asked.content;
    NewRow {
        key: RequestKey::from_bits(asked.key),
        time: asked.time,
        model: asked.model,
        cohort: asked.model * 3,
        score: f64::from(content) / 7.0,
        bits: content as u8,
        arm: content as u8 ^ 1,
        action: content as u8 ^ 2,
        action_prob: content as f32 / 3.0,
        weight: f64::from(content) + 0.5,
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
        let asked = Asked { key: view.key.bits(), time: view.time, model: view.model, content: view.content };
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
        let codes = codes(asked.content);
        let ended = Ended { model: asked.model, content: asked.content, ..Ended::default() };
        // Noted before the call, because waiting labels are told inside it; a place that is taken stays taken.
        let place = (asked.key, asked.time);
        let was = self.outcome.rows.get(&place).copied();
        self.outcome.rows.entry(place).or_insert(ended);
        let placed = join.inference(row(asked, &codes), self);
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

    fn label_time(&mut self, row: &RowView<'_>, before: Option<EventTime>, after: Option<EventTime>) {
        assert_ne!(before, after);
        assert_eq!(row.label_time, after);
        let ended = self.row(row);
        assert_eq!(ended.label_time, before);
        ended.label_time = after;
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
    assert_eq!(memory.buffered_labels as i64, join.counts().labels.buffered);
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

/// Runs an input. `turns` says from which partition the next record comes (true: inferences), `expiries` whether
/// memory is freed after it; both end with false.
pub(super) fn run(input: &Input, turns: &[bool], expiries: &[bool]) -> Outcome {
    let mut join = match input.label_disorder {
        Some(disorder) => Join::new(input.inference_disorder, disorder, Limits::default()),
        None => Join::without_labels(input.inference_disorder, Limits::default()),
    };
    let mut recorder = Recorder::new(input.label_disorder.is_some());
    let (mut next_inference, mut next_label, mut step) = (0, 0, 0);
    let mut rejected = 0;
    let set = |join: &mut Join, read: usize| {
        let mut by_place = BTreeMap::new();
        by_place.extend(input.rules.iter().enumerate());
        for (model, (rules, at)) in by_place {
            if *at == read {
                assert!(join.set_rules(model as u16, *rules));
            }
        }
    };
    set(&mut join, 0);
    loop {
        // Reading ahead, also for keys that nobody has, changes nothing.
        join.warm(&[0, 1, 2, 3].map(RequestKey::from_bits));
        let turn = turns.get(step).copied().unwrap_or(false);
        let inferences_left = next_inference < input.inferences.len();
        let labels_left = next_label < input.labels.len();
        if inferences_left && (turn || !labels_left) {
            recorder.ask(&mut join, &input.inferences[next_inference]);
            next_inference += 1;
            set(&mut join, next_inference);
        } else if labels_left {
            rejected += i64::from(join.label(input.labels[next_label], &mut recorder).is_err());
            next_label += 1;
        } else {
            break;
        }
        check(&join, &recorder);
        if expiries.get(step).copied().unwrap_or(false) {
            join.expire(&mut recorder);
            check(&join, &recorder);
            check_settled(&join, &recorder, input);
        }
        step += 1;
    }
    if let Some(at) = input.end_of_inferences {
        join.end_of_inferences(at);
    }
    if let Some(at) = input.end_of_labels {
        join.end_of_labels(at);
    }
    join.expire(&mut recorder);
    check(&join, &recorder);
    check_settled(&join, &recorder, input);
    assert_eq!(rejected + recorder.unknown, join.counts().labels.rejected);
    assert_eq!(join.counts().capped, 0);
    recorder.finish(&join)
}
