//! Memory follows the label window, not the length of the stream.

use super::super::{Join, LabelPlaced, Limits, NewLabel, NewRow, Placed, Policy, Regime, RowView, Rules, Watch};
use crate::event::{EventTime, RequestKey, Span, Truth};

const SECOND: i64 = 1_000_000;

struct Silent;

impl Watch for Silent {
    fn truth(&mut self, _: &RowView<'_>, _: Option<bool>, _: Option<bool>) {}
    fn closed(&mut self, _: &RowView<'_>, _: Option<bool>, _: bool) {}
    fn orphan(&mut self, _: EventTime) {}
    fn unknown_label(&mut self, _: &NewLabel, _: u16) {}
    fn duplicate(&mut self, _: u16, _: u16, _: EventTime) {}
    fn conflict(&mut self, _: u16, _: u16, _: EventTime) {}
    fn late_inference(&mut self, _: u16, _: u16, _: EventTime) {}
}

/// The n-th of a series of unique ids.
fn key(n: i64) -> RequestKey {
    RequestKey::new(&n.to_string(), 0)
}

fn rules(window: Span) -> Rules {
    Rules {
        label_window: window,
        early: Span::from_micros(60 * SECOND),
        corrections: window,
        regime: Regime::Explicit,
        policy: Policy::Last,
        positive: Truth::Number(1.0),
    }
}

fn inference(join: &mut Join, n: i64, time: i64, codes: &[u8]) {
    let row = NewRow {
        key: key(n),
        row: 0,
        time: EventTime::from_micros_unchecked(time),
        model: 0,
        cohort: 0,
        score: 0.5,
        bits: 0,
        arm: 0,
        action: 0,
        action_prob: 1.0,
        weight: 2,
        content: n as u32,
        codes,
        layout: 0,
    };
    assert_eq!(join.inference(row, &mut Silent), Placed::New);
}

fn label(join: &mut Join, n: i64, time: i64) -> LabelPlaced {
    let label = NewLabel {
        key: key(n),
        time: EventTime::from_micros_unchecked(time),
        revision: 0,
        content: 0,
        truth: Some(Truth::Number(0.0)),
        all_rows: false,
    };
    join.label(label, &mut Silent).unwrap()
}

/// A stream of `windows` label windows, one inference a second with 20 codes; every third has a label half a window
/// later, every sixth a correction, and every fifth label belongs to nobody. Returns the largest total.
fn largest_total(windows: i64, window: i64) -> usize {
    let window = window * SECOND;
    let mut join = Join::new(Span::from_micros(SECOND), Span::from_micros(SECOND), Limits::default());
    join.set_rules(0, rules(Span::from_micros(window)));
    let mut largest = 0;
    for n in 0..windows * window / SECOND {
        let now = n * SECOND;
        inference(&mut join, n, now, &[1; 20]);
        let asked = n - window / SECOND / 2;
        if asked >= 0 && asked % 3 == 0 {
            assert_eq!(label(&mut join, asked, now), LabelPlaced::Met);
            if asked % 6 == 0 {
                assert_eq!(label(&mut join, asked, now + 1), LabelPlaced::Met);
            }
        } else {
            label(&mut join, -n - 1, now);
        }
        if n % 100 == 0 {
            join.expire(&mut Silent);
            largest = largest.max(join.memory().total());
        }
    }
    largest
}

#[test]
fn a_hundred_windows_of_unique_ids_take_no_more_than_five() {
    let (short, long) = (largest_total(5, 3_000), largest_total(100, 3_000));
    assert!(long <= short + short / 20, "{long} bytes after 100 windows, {short} after 5");
    let twice = largest_total(5, 6_000);
    assert!(twice > short * 3 / 2 && twice < short * 3, "{twice} bytes for twice the window, {short} for once");
}

#[test]
fn a_row_takes_at_most_eighty_bytes_and_its_codes() {
    let codes = [0; 20];
    // Just before and just after the index doubles (7/8 of a power of two), and beyond the slack of the last chunk.
    for rows in [57_300, 57_400, 100_000, 114_600, 114_800] {
        let mut join = Join::new(Span::from_micros(SECOND), Span::from_micros(SECOND), Limits::default());
        join.set_rules(0, rules(Span::DAY));
        for n in 0..rows {
            inference(&mut join, n, n * SECOND / 100, &codes);
        }
        let memory = join.memory();
        let slack = 1_024 / 2 * 68 + 64 * 1_024;
        let each = (memory.rows + memory.index - slack) as f64 / rows as f64;
        assert!(each <= 80.0, "{each} bytes a row at {rows} rows");
        assert!(memory.codes as f64 / rows as f64 <= 20.2);
    }
}

#[test]
fn a_burst_gives_its_memory_back() {
    let mut join = Join::new(Span::from_micros(SECOND), Span::from_micros(SECOND), Limits::default());
    join.set_rules(0, rules(Span::HOUR));
    for n in 0..100_000 {
        inference(&mut join, n, n, &[0; 20]);
        label(&mut join, -n - 1, n);
    }
    let full = join.memory();
    join.end_of_inferences(EventTime::from_micros_unchecked(5_000 * SECOND));
    join.end_of_labels(EventTime::from_micros_unchecked(5_000 * SECOND));
    join.expire(&mut Silent);
    let empty = join.memory();
    assert_eq!((empty.open_rows, empty.buffered_labels), (0, 0));
    assert!(empty.total() < full.total() / 50, "{empty:?} after {full:?}");
}

#[test]
fn labels_that_met_their_inference_leave_no_memory_behind() {
    let mut join = Join::new(Span::from_micros(SECOND), Span::from_micros(SECOND), Limits::default());
    // A long early horizon: nothing is given up during the whole stream.
    join.set_rules(0, Rules { early: Span::DAY.times(10), ..rules(Span::from_micros(10 * SECOND)) });
    let mut largest = 0;
    for n in 0..100_000 {
        let now = n * SECOND / 10;
        label(&mut join, n, now);
        if n >= 100 {
            inference(&mut join, n - 100, now, &[]);
        }
        if n % 100 == 0 {
            join.expire(&mut Silent);
            largest = largest.max(join.memory().buffer);
        }
    }
    // A hundred wait at any time.
    assert!(largest < 500_000, "{largest} bytes");
}
