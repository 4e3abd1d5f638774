//! What should have come out, computed by definition from the whole input?
//!
//! Sees both partitions at once, keeps everything, compares everything with everything. No watermark moves in it:
//! lateness is "before the largest earlier time of its source less the disorder", and the end of the input decides what is closed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Counts, NewLabel, Policy, Regime, Rules};
use crate::event::{EventTime, Span};

/// The inference as tests write it; the fields that only travel are derived from it by [`super::tests`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Asked {
    /// The name of its request: the key of the first row.
    pub(super) request: u128,
    pub(super) row: u32,
    /// The name of this row.
    pub(super) key: u128,
    pub(super) time: EventTime,
    pub(super) model: u16,
    pub(super) content: u32,
}

/// Which sources a partition mixes.
#[derive(Clone, Debug)]
pub(super) struct Mixed {
    pub(super) declared: u16,
    /// By record; 0 where nothing is said.
    pub(super) of: Vec<u16>,
    /// (records read before it, source, watermark) of records that say how far a source has come.
    pub(super) raises: Vec<(usize, u16, EventTime)>,
}

impl Mixed {
    /// One source.
    pub(super) fn one() -> Self {
        Self { declared: 1, of: Vec::new(), raises: Vec::new() }
    }

    pub(super) fn source(&self, place: usize) -> u16 {
        self.of.get(place).copied().unwrap_or(0)
    }

    /// The watermark of a source before the record at `count`.
    fn watermark(&self, source: u16, times: &[EventTime], count: usize, disorder: Span) -> Option<EventTime> {
        let own = (0..count).filter(|&place| self.source(place) == source).map(|place| times[place] - disorder);
        let raised = self.raises.iter().filter(|(at, of, _)| *at <= count && *of == source).map(|(_, _, to)| *to);
        own.chain(raised).max()
    }

    /// The watermark of the partition: of the source that has come least far.
    fn least(&self, times: &[EventTime], count: usize, disorder: Span) -> Option<EventTime> {
        (0..self.declared).map(|source| self.watermark(source, times, count, disorder)).min().flatten()
    }
}

/// What a run is made of.
#[derive(Clone, Debug)]
pub(super) struct Input {
    /// Rules by model, each with the number of inferences read before they are set.
    pub(super) rules: Vec<(Rules, usize)>,
    pub(super) inference_disorder: Span,
    /// `None`: there is no label stream.
    pub(super) label_disorder: Option<Span>,
    pub(super) inferences: Vec<Asked>,
    pub(super) labels: Vec<NewLabel>,
    pub(super) inference_sources: Mixed,
    pub(super) label_sources: Mixed,
    pub(super) end_of_inferences: Option<EventTime>,
    pub(super) end_of_labels: Option<EventTime>,
}

/// How a row ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) model: u16,
    pub(super) content: u32,
    pub(super) truth: Option<bool>,
    pub(super) label_time: Option<EventTime>,
    pub(super) closed: bool,
    pub(super) assumed: bool,
}

/// Everything that may be compared. Lists are sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) counts: Counts,
    pub(super) rows: BTreeMap<(u128, EventTime), Ended>,
    pub(super) orphans: Vec<EventTime>,
    pub(super) duplicates: Vec<(u16, EventTime)>,
    pub(super) conflicts: Vec<(u16, EventTime)>,
    /// With the watermark.
    pub(super) lates: Vec<(u16, EventTime)>,
}

/// The interval in which a row owns labels.
#[derive(Clone, Copy)]
struct Interval {
    from: Option<EventTime>,
    to: EventTime,
}

impl Interval {
    fn holds(self, time: EventTime) -> bool {
        Some(time) >= self.from && time <= self.to
    }
}

struct Model {
    rules: Rules,
    /// What was given up for good before the model was known.
    since: Option<EventTime>,
}

impl Model {
    fn interval(&self, time: EventTime) -> Interval {
        Interval { from: self.since.max(Some(time - self.rules.early)), to: time + self.rules.label_window }
    }
}

fn times(input: &Input) -> Vec<EventTime> {
    input.inferences.iter().map(|asked| asked.time).collect()
}

/// The watermark before the `count`-th inference.
fn watermark_at(input: &Input, count: usize) -> Option<EventTime> {
    input.inference_sources.least(&times(input), count, input.inference_disorder)
}

/// What is given up for good once `count` inferences were read.
fn floor_at(input: &Input, rules: &[(Rules, usize)], count: usize) -> Option<EventTime> {
    (0..=count)
        .filter_map(|read| {
            // The rules of a model are set after the record before has been given its watermark.
            let early = rules.iter().filter(|(_, at)| *at < read).map(|(rules, _)| rules.early).max();
            watermark_at(input, read).map(|watermark| watermark - early.unwrap_or(Span::ZERO))
        })
        .max()
}

fn overlap(a: Interval, b: Interval) -> bool {
    a.from <= Some(b.to) && b.from <= Some(a.to)
}

/// What orders labels: revision, time, content, and that it is a tombstone.
type Order = (u32, EventTime, u32, bool);

/// What the labels of one row amount to; counts the labels.
fn settle_by_definition(
    labels: &[NewLabel],
    time: EventTime,
    rules: &Rules,
    counts: &mut Counts,
) -> Option<(bool, EventTime)> {
    let mut seen = BTreeSet::new();
    let mut told: Vec<(Order, Option<bool>)> = Vec::new();
    for label in labels {
        if label.all_rows {
            // Counted once, whatever it does to how many rows.
            if seen.insert((label.revision, label.time, label.content, true)) {
                told.push(((label.revision, label.time, label.content, true), None));
            }
            continue;
        }
        let truth = label.truth.map(|value| rules.truth(value));
        if truth == Some(None) {
            counts.labels.rejected += 1;
            continue;
        }
        let truth = truth.flatten();
        if seen.insert((label.revision, label.time, label.content, false)) {
            told.push(((label.revision, label.time, label.content, false), truth));
        } else {
            counts.labels.duplicate += 1;
        }
    }
    told.sort();
    let last = time + rules.corrections;
    let (mut eligible, mut beyond): (Vec<_>, Vec<_>) = told.into_iter().partition(|((_, at, ..), _)| *at <= last);
    if eligible.is_empty() && !beyond.is_empty() {
        beyond.sort_by_key(|((revision, at, content, all), _)| (*at, *revision, *content, *all));
        eligible.push(beyond.remove(0));
    }
    counts.labels.ignored += beyond.iter().filter(|((.., all_rows), _)| !all_rows).count() as i64;
    // Read aloud in order: each value is added, each withdrawal clears the table.
    let mut table = Vec::new();
    let mut values = 0;
    for ((_, at, _, all_rows), truth) in eligible {
        let Some(truth) = truth else {
            table.clear();
            counts.labels.withdrawn += i64::from(!all_rows);
            continue;
        };
        table.push((truth, at));
        values += 1;
        match (values, rules.policy) {
            (1, _) => counts.labels.joined += 1,
            (_, Policy::Last) => counts.labels.corrected += 1,
            (_, Policy::First) => counts.labels.ignored += 1,
        }
    }
    match rules.policy {
        Policy::Last => table.last().copied(),
        Policy::First => table.first().copied(),
    }
}

/// The rows, by comparing each inference with every row before it; counts the others.
fn place_inferences(input: &Input, models: &[Model], counts: &mut Counts, outcome: &mut Outcome) -> Vec<Asked> {
    let mut kept: Vec<Asked> = Vec::new();
    let times = times(input);
    for (place, asked) in input.inferences.iter().enumerate() {
        counts.inferences.read += 1;
        let mine = models[usize::from(asked.model)].interval(asked.time);
        let from = &input.inference_sources;
        let watermark = from.watermark(from.source(place), &times, place, input.inference_disorder);
        let late = Some(asked.time) < watermark;
        let rivals: Vec<&Asked> = kept
            .iter()
            .filter(|row| row.key == asked.key)
            .filter(|row| overlap(models[usize::from(row.model)].interval(row.time), mine))
            .filter(|row| {
                let Rules { label_window, early, .. } = models[usize::from(row.model)].rules;
                !late || watermark <= Some(row.time + label_window + early)
            })
            .collect();
        let repeated = rivals.iter().any(|row| row.content == asked.content);
        if repeated {
            counts.inferences.duplicate += 1;
            // Told where it belongs or, as its window may be gone, where its partition stands.
            outcome.duplicates.push((asked.model, watermark.filter(|_| late).unwrap_or(asked.time)));
        } else if late {
            counts.inferences.late += 1;
            outcome.lates.push((asked.model, watermark.unwrap()));
        } else if rivals.is_empty() {
            kept.push(*asked);
        } else {
            counts.inferences.conflict += 1;
            outcome.conflicts.push((asked.model, asked.time));
        }
    }
    kept
}

/// The outcome of an input.
pub(super) fn expected(input: &Input) -> Outcome {
    let mut outcome = Outcome::default();
    let mut counts = Counts::default();
    let rules: Vec<(Rules, usize)> = input
        .rules
        .iter()
        .map(|&(rules, at)| {
            if input.label_disorder.is_some() {
                return (rules, at);
            }
            let span = input.inference_disorder.max(Span::from_micros(60_000_000));
            (Rules { label_window: span, early: Span::ZERO, regime: Regime::Explicit, ..rules }, at)
        })
        .collect();
    let models: Vec<Model> =
        rules.iter().map(|&(held, at)| Model { rules: held, since: floor_at(input, &rules, at) }).collect();

    let kept = place_inferences(input, &models, &mut counts, &mut outcome);

    let end = input.inferences.len();
    let all_early = rules.iter().filter(|(_, at)| *at <= end).map(|(held, _)| held.early).max().unwrap_or(Span::ZERO);
    let floor = floor_at(input, &rules, end)
        .max(input.end_of_inferences.filter(|&at| Some(at) > watermark_at(input, end)).map(|at| at - all_early));
    let label_times: Vec<EventTime> = input.labels.iter().map(|label| label.time).collect();
    let label_end = input.label_disorder.and_then(|disorder| {
        input.label_sources.least(&label_times, label_times.len(), disorder).max(input.end_of_labels)
    });

    let mut owned: Vec<Vec<NewLabel>> = vec![Vec::new(); kept.len()];
    let mut tombstones: Vec<NewLabel> = Vec::new();
    for (place, label) in input.labels.iter().enumerate() {
        counts.labels.read += 1;
        let disorder = input.label_disorder.unwrap();
        let from = &input.label_sources;
        let before = from.watermark(from.source(place), &label_times, place, disorder);
        if Some(label.time) < before {
            counts.labels.late += 1;
            continue;
        }
        let named = |row: &Asked| if label.all_rows { row.request } else { row.key };
        let owners: Vec<usize> = (0..kept.len())
            .filter(|&row| named(&kept[row]) == label.key.bits())
            .filter(|&row| models[usize::from(kept[row].model)].interval(kept[row].time).holds(label.time))
            .collect();
        assert!(label.all_rows || owners.len() <= 1, "two rows own one label");
        for &row in &owners {
            owned[row].push(*label);
        }
        if !owners.is_empty() {
            if label.all_rows {
                let again = tombstones.contains(label);
                counts.labels.duplicate += i64::from(again);
                counts.labels.withdrawn += i64::from(!again);
                tombstones.push(*label);
            }
        } else if Some(label.time) < floor {
            counts.labels.orphan += 1;
            outcome.orphans.push(label.time);
        } else {
            counts.labels.buffered += 1;
        }
    }

    for (row, labels) in kept.iter().zip(&owned) {
        let model = &models[usize::from(row.model)];
        let standing = settle_by_definition(labels, row.time, &model.rules, &mut counts);
        let last = Some(row.time + model.rules.label_window);
        let closed = last < floor && (input.label_disorder.is_none() || last < label_end);
        let assumed = closed && standing.is_none() && model.rules.regime == Regime::ImplicitNegative;
        let truth = if assumed { Some(false) } else { standing.map(|(truth, _)| truth) };
        match truth {
            Some(_) => counts.inferences.labelled += 1,
            None if closed => counts.inferences.never_labelled += 1,
            None => counts.inferences.pending += 1,
        }
        counts.inferences.assumed_negative += i64::from(assumed);
        let ended = Ended {
            model: row.model,
            content: row.content,
            truth,
            label_time: standing.map(|(_, time)| time),
            closed,
            assumed,
        };
        assert!(outcome.rows.insert((row.key, row.time), ended).is_none());
    }
    outcome.counts = counts;
    outcome.orphans.sort();
    outcome.duplicates.sort();
    outcome.conflicts.sort();
    outcome.lates.sort();
    outcome
}
