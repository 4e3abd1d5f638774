//! Does a join that was restored at a commit go on as the one that wrote the journals?

use proptest::prelude::*;

use super::super::oracle::Input;
use super::super::{
    Counts, Due, Entries, Entry, Join, Journal, LabelPlaced, Limits, Mark, Memory, NewLabel, NewRow, Placed, RowView,
    Side, Watch,
};
use super::laws::{mixed_inputs, turns};
use super::{Step, codes, join, plan, row};
use crate::event::{EventTime, LAST_ROW, RequestKey, Truth};

/// Writes down every call.
#[derive(Default)]
struct Calls(Vec<String>);

impl Watch for Calls {
    fn truth(&mut self, row: &RowView<'_>, before: Option<bool>, after: Option<bool>) {
        self.0.push(format!("truth {row:?} {before:?} {after:?}"));
    }
    fn standing(&mut self, row: &RowView<'_>, before: Option<(bool, EventTime)>, after: Option<(bool, EventTime)>) {
        self.0.push(format!("standing {row:?} {before:?} {after:?}"));
    }
    fn closed(&mut self, row: &RowView<'_>, truth: Option<bool>, assumed: bool) {
        self.0.push(format!("closed {row:?} {truth:?} {assumed}"));
    }
    fn orphan(&mut self, label_time: EventTime) {
        self.0.push(format!("orphan {label_time:?}"));
    }
    fn unknown_label(&mut self, label: &NewLabel, model: u16) {
        self.0.push(format!("unknown {label:?} {model}"));
    }
    fn duplicate(&mut self, model: u16, cohort: u16, time: EventTime) {
        self.0.push(format!("duplicate {model} {cohort} {time:?}"));
    }
    fn conflict(&mut self, model: u16, cohort: u16, time: EventTime) {
        self.0.push(format!("conflict {model} {cohort} {time:?}"));
    }
    fn late_inference(&mut self, model: u16, cohort: u16, watermark: EventTime) {
        self.0.push(format!("late {model} {cohort} {watermark:?}"));
    }
}

/// What a step did, to be compared.
#[derive(Debug, PartialEq)]
struct Seen {
    calls: Vec<String>,
    inference: Option<Placed>,
    label: Option<Result<LabelPlaced, String>>,
    counts: Counts,
    watermarks: (Option<EventTime>, Option<EventTime>),
    settled: Option<EventTime>,
    open_rows: usize,
    buffered_labels: usize,
    tombstones: usize,
    mark: Mark,
}

/// Takes a step, and writes down what has to be written down.
fn take(join: &mut Join, input: &Input, step: Step, journal: &mut Journal) -> Seen {
    let mut calls = Calls::default();
    let (mut inference, mut label) = (None, None);
    match step {
        Step::Rules(model) => assert!(join.set_rules(model as u16, input.rules[model].0)),
        Step::Ask(place) => {
            let asked = &input.inferences[place];
            let codes = codes(asked.content);
            let row = row(asked, &codes);
            let placed = join.inference_from(input.inference_sources.source(place), row, &mut calls);
            if placed == Placed::New {
                journal.row(&row, join.last_due());
            }
            inference = Some(placed);
        }
        Step::Tell(place) => {
            let told = input.labels[place];
            let placed = join.label_from(input.label_sources.source(place), told, &mut calls);
            if matches!(placed, Ok(LabelPlaced::Met | LabelPlaced::Buffered)) {
                journal.label(&told, join.last_due());
            }
            label = Some(placed.map_err(|reject| reject.to_string()));
        }
        Step::Raise(side, source, to) => join.raise_source(side, source, to),
        Step::End(Side::Inferences, at) => join.end_of_inferences(at),
        Step::End(Side::Labels, at) => join.end_of_labels(at),
        Step::Expire => join.expire(&mut calls),
    }
    let Memory { open_rows, buffered_labels, tombstones, .. } = join.memory();
    let mut calls = calls.0;
    // The calls of one expiry follow memory.
    calls.sort();
    Seen {
        calls,
        inference,
        label,
        counts: *join.counts(),
        watermarks: join.watermarks(),
        settled: join.settled(),
        open_rows,
        buffered_labels,
        tombstones,
        mark: join.mark(),
    }
}

/// A join from a mark and blocks of entries, all from bytes. `skip`: rows that are past are left out.
fn restored(input: &Input, limits: Limits, mark: &[u8], blocks: &[(Vec<u8>, Due)], skip: bool) -> Join {
    let mark = Mark::decode(mark).unwrap();
    let mut join = join(input, limits);
    for &(model, since) in mark.models() {
        assert!(join.restore_rules(model, input.rules[usize::from(model)].0, since));
    }
    for entry in blocks.iter().flat_map(|(bytes, _)| Entries::new(bytes)) {
        match entry.unwrap() {
            Entry::Row(row) if skip && join.is_past(&mark, &row) => {}
            Entry::Row(row) => assert!(join.restore_row(row)),
            Entry::Label(label) => assert!(join.restore_label(label)),
        }
    }
    join.finish_restore(&mark);
    join
}

fn check(
    input: &Input,
    limits: Limits,
    turns: &[bool],
    expiries: &[bool],
    commits: &[bool],
    at: prop::sample::Index,
) -> Result<(), TestCaseError> {
    let steps = plan(input, turns, expiries);
    let places: Vec<usize> = (0..steps.len()).filter(|&place| commits.get(place).copied().unwrap_or(false)).collect();
    if places.is_empty() {
        return Ok(());
    }
    let last = *at.get(&places);

    let mut first = join(input, limits);
    let mut journal = Journal::default();
    let (mut all, mut alive) = (Vec::new(), Vec::new());
    for (place, &step) in steps[..=last].iter().enumerate() {
        take(&mut first, input, step, &mut journal);
        if places.contains(&place) {
            all.push((journal.bytes().to_vec(), journal.due()));
            alive.push((journal.bytes().to_vec(), journal.due()));
            journal.clear();
            // A block that was outlived once is gone, whatever comes later.
            alive.retain(|(_, due)| !first.has_outlived(*due));
        }
    }
    prop_assert!(journal.is_empty());
    let mut mark = Vec::new();
    first.mark().encode(&mut mark);
    prop_assert_eq!(&Mark::decode(&mark).unwrap(), &first.mark());
    let mut others = [
        restored(input, limits, &mark, &all, false),
        restored(input, limits, &mark, &alive, false),
        restored(input, limits, &mark, &alive, true),
    ];
    for other in &others {
        prop_assert_eq!(other.mark(), first.mark());
        prop_assert_eq!(other.open_rows(), first.open_rows());
        prop_assert_eq!(other.memory().buffered_labels, first.memory().buffered_labels);
        prop_assert_eq!(other.memory().tombstones, first.memory().tombstones);
    }
    for &step in &steps[last + 1..] {
        let (mut one, mut two) = (Journal::default(), Journal::default());
        let seen = take(&mut first, input, step, &mut one);
        for other in &mut others {
            two.clear();
            prop_assert_eq!(&take(other, input, step, &mut two), &seen, "{:?}", step);
            prop_assert_eq!((one.bytes(), one.due()), (two.bytes(), two.due()));
        }
    }
    Ok(())
}

fn limits() -> impl Strategy<Value = Limits> {
    prop_oneof![
        3 => Just(Limits::default()),
        1 => (1..8_usize, 1..6_usize).prop_map(|(rows, buffered_labels)| Limits { rows, buffered_labels }),
    ]
}

/// Often, or seldom enough that much is due and still here at a commit.
fn expiries() -> impl Strategy<Value = Vec<bool>> {
    prop_oneof![0.5_f64..1.0, 0.02..0.2].prop_flat_map(|often| prop::collection::vec(prop::bool::weighted(often), 80))
}

fn commits() -> impl Strategy<Value = Vec<bool>> {
    prop::collection::vec(prop::bool::weighted(0.2), 120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn a_join_restored_at_any_commit_goes_on_as_the_one_that_wrote_the_journals(
        input in mixed_inputs(true),
        limits in limits(),
        turns in turns(),
        expiries in expiries(),
        commits in commits(),
        at in any::<prop::sample::Index>(),
    ) {
        check(&input, limits, &turns, &expiries, &commits, at)?;
    }

    #[test]
    fn without_labels_too(
        input in mixed_inputs(false),
        limits in limits(),
        expiries in expiries(),
        commits in commits(),
        at in any::<prop::sample::Index>(),
    ) {
        check(&input, limits, &[], &expiries, &commits, at)?;
    }

    #[test]
    fn entries_read_back_as_they_were_written(rows in prop::collection::vec(entry(), 0..20)) {
        let mut journal = Journal::default();
        let due = Due::default();
        for (row, codes, label) in &rows {
            journal.row(&NewRow { codes, ..*row }, due);
            journal.label(label, due);
        }
        let read: Result<Vec<Entry<'_>>, _> = Entries::new(journal.bytes()).collect();
        let wrote: Vec<Entry<'_>> = rows.iter()
            .flat_map(|(row, codes, label)| [Entry::Row(NewRow { codes, ..*row }), Entry::Label(*label)]).collect();
        prop_assert_eq!(read.unwrap(), wrote);
    }

    #[test]
    fn damaged_bytes_are_an_error_or_other_entries_and_never_more_than_they_hold(
        rows in prop::collection::vec(entry(), 1..4),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut journal = Journal::default();
        for (row, codes, label) in &rows {
            journal.label(label, Due::default());
            journal.row(&NewRow { codes, ..*row }, Due::default());
        }
        let whole = Entries::new(journal.bytes()).count();
        let mut bytes = journal.bytes().to_vec();
        // A cut inside an entry is an error; at its end it is fewer entries.
        let short: Vec<_> = Entries::new(&bytes[..cut.index(bytes.len())]).collect();
        prop_assert!(short.len() <= whole && short.iter().rev().skip(1).all(Result::is_ok));
        prop_assert!(short.iter().filter(|entry| entry.is_ok()).count() < whole);
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut entries = Entries::new(&bytes);
        let read = entries.by_ref().count();
        prop_assert!(read <= bytes.len() / 29 + 1);
        prop_assert!(entries.next().is_none());
    }

    #[test]
    fn a_damaged_mark_is_an_error_or_another_mark(
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Vec::new();
        Mark::default_of_two_sources().encode(&mut bytes);
        prop_assert!(Mark::decode(&bytes[..cut.index(bytes.len())]).is_err());
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(mark) = Mark::decode(&bytes) {
            let mut again = Vec::new();
            mark.encode(&mut again);
            prop_assert_eq!(Mark::decode(&again).unwrap(), mark);
        }
    }
}

impl Mark {
    fn default_of_two_sources() -> Self {
        let at = |micros| Some(EventTime::from_micros_unchecked(micros));
        let mut counts = Counts::default();
        (counts.inferences.read, counts.labels.buffered, counts.capped) = (300, -1, 7);
        Self {
            inferences: vec![at(5), None],
            labels: vec![at(-7)],
            floor: at(1 << 50),
            models: vec![(0, None), (300, at(9))],
            counts,
            ..Self::default()
        }
    }
}

prop_compose! {
    fn entry()(
        (key, time, model, cohort, layout) in
            (any::<u128>(), 0..4_000_000_000_000_000_i64, any::<u16>(), any::<u16>(), any::<u16>()),
        (score, action_prob, weight) in (any::<u32>(), 0.0..1.0_f32, any::<u32>()),
        (bits, arm, action, content, revision) in
            (any::<u8>(), any::<u8>(), any::<u8>(), any::<u32>(), any::<u32>()),
        (kind, value, number) in (0..4_u8, any::<u32>(), 0..=LAST_ROW),
        codes in prop::collection::vec(any::<u8>(), 0..200),
    ) -> (NewRow<'static>, Vec<u8>, NewLabel) {
        let key = RequestKey::from_bits(key);
        let time = EventTime::from_micros_unchecked(time);
        let truth = match kind {
            0 | 3 => None,
            1 => Some(Truth::Number(f64::from(value))),
            _ => Some(Truth::Text(u64::from(value) << 20)),
        };
        let row = NewRow {
            key, row: number, time, model, cohort, score: f64::from(score) / 3.0, bits, arm, action, action_prob,
            weight, content, codes: &[], layout,
        };
        let all_rows = kind == 3;
        (row, codes, NewLabel { key, time, revision, content, truth, all_rows })
    }
}
