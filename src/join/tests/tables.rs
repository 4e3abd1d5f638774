//! Each outcome once, by hand. Time is in hours; the window is 10, early 2, disorder 1 on both partitions.

use super::super::oracle::Asked;
use super::super::{Join, LabelPlaced, Limits, MAX_LABELS_PER_ROW, NewLabel, Placed, Policy, Regime, Rules, Side};
use super::{Recorder, check};
use crate::event::{EventTime, RejectReason, RequestKey, Span, Truth};

const H: i64 = 3_600_000_000;
const START: i64 = 1_700_000_000_000_000;
const YES: Option<Truth> = Some(Truth::Number(1.0));
const NO: Option<Truth> = Some(Truth::Number(0.0));

fn rules() -> Rules {
    Rules {
        label_window: Span::HOUR.times(10),
        early: Span::HOUR.times(2),
        corrections: Span::HOUR.times(10),
        regime: Regime::Explicit,
        policy: Policy::Last,
        positive: Truth::Number(1.0),
    }
}

fn at(micros: i64) -> EventTime {
    EventTime::from_micros_unchecked(START + micros)
}

/// A join and its observer.
struct Desk {
    join: Join,
    watch: Recorder,
}

impl Desk {
    fn with(rules: Rules, limits: Limits) -> Self {
        let mut join = Join::new(Span::HOUR, Span::HOUR, limits);
        assert!(join.set_rules(0, rules));
        Self { join, watch: Recorder::new(true) }
    }

    fn new() -> Self {
        Self::with(rules(), Limits::default())
    }

    /// An inference of model 0; `time` in microseconds after the start.
    fn ask(&mut self, key: u128, time: i64, content: u32) -> Placed {
        self.ask_model(0, key, time, content)
    }

    fn ask_model(&mut self, model: u16, key: u128, time: i64, content: u32) -> Placed {
        let placed = self.watch.ask(&mut self.join, &Asked { time: at(time), model, content, ..Asked::of(key, 0) });
        check(&self.join, &self.watch);
        placed
    }

    /// A label of revision 0 whose content says its value.
    fn tell(&mut self, key: u128, time: i64, truth: Option<Truth>) -> LabelPlaced {
        self.revise(key, time, 0, truth).unwrap()
    }

    fn revise(
        &mut self,
        key: u128,
        time: i64,
        revision: u32,
        truth: Option<Truth>,
    ) -> Result<LabelPlaced, RejectReason> {
        let content = truth.map_or(0, |value| value.bits() as u32 ^ (value.bits() >> 32) as u32 ^ 1);
        let key = RequestKey::from_bits(key);
        let label = NewLabel { key, time: at(time), revision, content, truth, all_rows: false };
        let placed = self.join.label(label, &mut self.watch).map_err(|reject| reject.reason);
        check(&self.join, &self.watch);
        placed
    }

    fn expire(&mut self) {
        self.join.expire(&mut self.watch);
        check(&self.join, &self.watch);
    }

    /// Both partitions have come to `time`.
    fn end(&mut self, time: i64) {
        self.join.end_of_inferences(at(time));
        self.join.end_of_labels(at(time));
        self.expire();
    }

    fn truth(&self, key: u128, time: i64) -> Option<bool> {
        self.watch.outcome.rows[&(key, at(time))].truth
    }

    fn closed(&self, key: u128, time: i64) -> bool {
        self.watch.outcome.rows[&(key, at(time))].closed
    }
}

#[test]
fn a_label_belongs_from_early_before_to_the_window_after_and_not_a_microsecond_more() {
    for (label, belongs) in [(-2 * H - 1, false), (-2 * H, true), (0, true), (10 * H, true), (10 * H + 1, false)] {
        let mut desk = Desk::new();
        desk.ask(1, 0, 0);
        let placed = desk.tell(1, label, YES);
        assert_eq!(placed == LabelPlaced::Met, belongs, "{label}");
        assert_eq!(desk.truth(1, 0).is_some(), belongs, "{label}");

        // The same, label first.
        let mut desk = Desk::new();
        assert_eq!(desk.tell(1, label, YES), LabelPlaced::Buffered);
        desk.ask(1, 0, 0);
        assert_eq!(desk.truth(1, 0).is_some(), belongs, "{label}");
    }
}

#[test]
fn a_row_without_a_label_is_never_labelled_once_both_watermarks_have_passed_its_window() {
    let mut desk = Desk::new();
    desk.ask(1, 0, 0);
    // The floor is the watermark less the early horizon.
    desk.join.end_of_inferences(at(12 * H + 1));
    desk.join.end_of_labels(at(10 * H));
    desk.expire();
    assert!(!desk.closed(1, 0), "a label at the last moment is still in time");
    desk.join.end_of_labels(at(10 * H + 1));
    desk.expire();
    assert!(desk.closed(1, 0));
    assert_eq!(desk.join.counts().inferences.never_labelled, 1);
    assert_eq!(desk.join.memory().open_rows, 0);
}

#[test]
fn silence_means_negative_where_only_positives_are_told() {
    let mut desk = Desk::with(Rules { regime: Regime::ImplicitNegative, ..rules() }, Limits::default());
    desk.ask(1, 0, 0);
    desk.ask(2, 0, 0);
    desk.tell(2, 0, YES);
    assert_eq!((desk.truth(1, 0), desk.truth(2, 0)), (None, Some(true)), "not before the window is over");
    desk.end(13 * H);
    assert_eq!((desk.truth(1, 0), desk.truth(2, 0)), (Some(false), Some(true)));
    let counts = desk.join.counts().inferences;
    assert_eq!((counts.labelled, counts.assumed_negative, counts.never_labelled), (2, 1, 0));
}

#[test]
fn a_label_without_an_inference_is_an_orphan_once_none_can_own_it() {
    let mut desk = Desk::new();
    desk.tell(1, 0, YES);
    desk.ask(9, 3 * H, 0);
    desk.expire();
    assert_eq!(desk.join.counts().labels.buffered, 1, "an inference at 2 h could own it, and the watermark is 2 h");
    desk.ask(9, 3 * H + 1, 1);
    desk.expire();
    assert_eq!(desk.watch.outcome.orphans, [at(0)]);
    assert_eq!(desk.tell(2, 0, YES), LabelPlaced::Orphan, "another one is an orphan at once");
    assert_eq!(desk.join.counts().labels.orphan, 2);
}

#[test]
fn an_inference_topic_that_lags_makes_no_orphans() {
    let mut desk = Desk::new();
    for hour in 0..200 {
        assert_eq!(desk.tell(hour as u128, hour * H, YES), LabelPlaced::Buffered);
        desk.expire();
    }
    // The label watermark has passed most windows long ago.
    for hour in 0..200 {
        desk.ask(hour as u128, (hour - 5) * H, 0);
        desk.expire();
    }
    desk.end(400 * H);
    let counts = desk.join.counts();
    assert_eq!((counts.labels.joined, counts.labels.orphan, counts.inferences.labelled), (200, 0, 200));
}

#[test]
fn at_the_watermark_is_in_time_and_before_it_is_late() {
    let mut desk = Desk::new();
    desk.ask(1, 0, 0);
    desk.tell(1, 5 * H, YES);
    assert_eq!(desk.tell(1, 4 * H - 1, NO), LabelPlaced::Late);
    assert_eq!(desk.tell(1, 5 * H, YES), LabelPlaced::Duplicate);
    assert_eq!(desk.tell(1, 4 * H, NO), LabelPlaced::Met);
    assert_eq!(desk.ask(2, -H, 0), Placed::New);
    assert_eq!(desk.ask(3, -H - 1, 0), Placed::Late);
    assert_eq!(desk.watch.outcome.lates, [(0, at(-H))], "counted where the watermark stands");
    assert_eq!(desk.join.watermarks(), (Some(at(-H)), Some(at(4 * H))), "what is late moves nothing");
}

#[test]
fn a_repeated_inference_is_dropped_also_when_it_comes_late_but_not_for_ever() {
    let mut desk = Desk::new();
    desk.ask(1, 0, 7);
    assert_eq!(desk.ask(1, 0, 7), Placed::Duplicate);
    desk.ask(9, 13 * H, 0);
    desk.expire();
    // The watermark is 12 h: the window and the early horizon after the row.
    assert_eq!(desk.ask(1, 0, 7), Placed::Duplicate);
    assert_eq!(desk.ask(1, 0, 8), Placed::Late, "other content is late, no conflict");
    desk.ask(9, 13 * H + 1, 1);
    assert_eq!(desk.ask(1, 0, 7), Placed::Late, "though the row is still in memory");
    assert_eq!(desk.join.counts().inferences.duplicate, 2);
}

#[test]
fn the_first_of_two_contents_stays_and_the_other_is_a_conflict() {
    let mut desk = Desk::new();
    desk.ask(1, 0, 7);
    assert_eq!(desk.ask(1, 12 * H, 8), Placed::Conflict, "a label at 10 h could belong to both");
    assert_eq!(desk.watch.outcome.conflicts, [(0, at(12 * H))]);
    assert_eq!(desk.ask(1, 12 * H + 1, 8), Placed::New, "no label could");
    desk.tell(1, 10 * H, NO);
    desk.tell(1, 10 * H + 1, YES);
    assert_eq!((desk.truth(1, 0), desk.truth(1, 12 * H + 1)), (Some(false), Some(true)));
}

#[test]
fn the_greatest_revision_stands_whatever_comes_last() {
    let mut desk = Desk::new();
    desk.ask(1, 0, 0);
    desk.revise(1, H, 2, NO).unwrap();
    desk.revise(1, 2 * H, 1, YES).unwrap();
    assert_eq!(desk.truth(1, 0), Some(false));
    desk.revise(1, H, 3, YES).unwrap();
    assert_eq!(desk.truth(1, 0), Some(true));
    assert_eq!(desk.watch.outcome.rows[&(1, at(0))].label_time, Some(at(H)));
    let labels = desk.join.counts().labels;
    assert_eq!((labels.joined, labels.corrected), (1, 2));
}

#[test]
fn under_the_policy_first_the_smallest_stands_and_the_others_are_ignored() {
    let mut desk = Desk::with(Rules { policy: Policy::First, ..rules() }, Limits::default());
    desk.ask(1, 0, 0);
    desk.tell(1, 2 * H, YES);
    desk.tell(1, H, NO);
    desk.tell(1, 3 * H, YES);
    assert_eq!(desk.truth(1, 0), Some(false));
    let labels = desk.join.counts().labels;
    assert_eq!((labels.joined, labels.ignored, labels.corrected), (1, 2, 0));
}

#[test]
fn a_withdrawal_cancels_what_is_ordered_before_it() {
    let mut desk = Desk::new();
    desk.ask(1, 0, 0);
    desk.tell(1, H, YES);
    desk.tell(1, 2 * H, None);
    assert_eq!(desk.truth(1, 0), None);
    assert_eq!(desk.join.counts().inferences.pending, 1, "the row waits again");
    desk.tell(1, 2 * H - 1, YES);
    assert_eq!(desk.truth(1, 0), None, "it arrived later and is ordered before");
    desk.tell(1, 3 * H, NO);
    assert_eq!(desk.truth(1, 0), Some(false));
    let labels = desk.join.counts().labels;
    assert_eq!((labels.joined, labels.withdrawn, labels.corrected), (1, 1, 2));
    desk.revise(1, 3 * H, 1, None).unwrap();
    desk.end(13 * H);
    assert_eq!(desk.join.counts().inferences.never_labelled, 1);
}

#[test]
fn beyond_the_correction_horizon_only_the_first_label_of_a_row_counts() {
    let short = Rules { corrections: Span::HOUR.times(3), ..rules() };
    let mut desk = Desk::with(short, Limits::default());
    desk.ask(1, 0, 0);
    desk.tell(1, 5 * H, YES);
    desk.revise(1, 6 * H, 9, NO).unwrap();
    assert_eq!(desk.truth(1, 0), Some(true), "the earliest stands alone");
    desk.tell(1, 4 * H, NO);
    assert_eq!(desk.truth(1, 0), Some(true), "4 h is late here: the watermark is 5 h");

    let mut desk = Desk::with(short, Limits::default());
    desk.ask(1, 0, 0);
    desk.tell(1, 3 * H + 1, YES);
    desk.tell(1, 3 * H, NO);
    assert_eq!(desk.truth(1, 0), Some(false), "a label within the horizon stands before those beyond");
    let labels = desk.join.counts().labels;
    assert_eq!((labels.joined, labels.ignored), (1, 1), "what had joined is ignored now");
}

#[test]
fn a_value_that_is_no_class_is_rejected_when_it_meets_its_row() {
    let mut desk = Desk::new();
    desk.ask(1, 0, 0);
    assert_eq!(desk.revise(1, H, 0, Some(Truth::Number(2.0))), Err(RejectReason::UnknownLabel));
    assert_eq!(desk.tell(2, H, Some(Truth::Text(3))), LabelPlaced::Buffered);
    desk.ask(2, 0, 0);
    assert_eq!(desk.watch.unknown, 1);
    assert_eq!((desk.truth(1, 0), desk.truth(2, 0)), (None, None));
    assert_eq!(desk.join.counts().labels.rejected, 2);
}

#[test]
fn which_values_are_yes_and_no() {
    let number = rules();
    let text = Rules { positive: Truth::from_text("fraud"), ..rules() };
    let cases = [
        ("1", Some(true), Some(false)),
        ("true", Some(true), Some(false)),
        ("0", Some(false), Some(false)),
        ("-0.0", Some(false), Some(false)),
        ("-1", Some(false), Some(false)),
        ("2", None, Some(false)),
        ("fraud", None, Some(true)),
        ("honest", None, Some(false)),
    ];
    for (value, with_number, with_text) in cases {
        let truth = Truth::from_text(value);
        assert_eq!((number.truth(truth), text.truth(truth)), (with_number, with_text), "{value}");
    }
}

#[test]
fn a_row_keeps_so_many_labels_and_says_when_it_turns_one_away() {
    let mut desk = Desk::new();
    desk.ask(1, 0, 0);
    for revision in 0..MAX_LABELS_PER_ROW as u32 {
        assert_eq!(desk.revise(1, H, revision, YES), Ok(LabelPlaced::Met));
    }
    assert_eq!(desk.join.counts().capped, 0);
    assert_eq!(desk.revise(1, H, 1_000, NO), Ok(LabelPlaced::Ignored));
    assert_eq!(desk.truth(1, 0), Some(true));
    assert_eq!((desk.join.counts().capped, desk.join.counts().labels.ignored), (1, 1));
}

#[test]
fn what_exceeds_a_limit_is_rejected_and_counted() {
    let mut desk = Desk::with(rules(), Limits { rows: 2, buffered_labels: 1 });
    desk.tell(8, 0, YES);
    assert_eq!(desk.revise(9, 0, 0, YES), Err(RejectReason::LimitReached));
    assert_eq!([desk.ask(1, 0, 0), desk.ask(2, 0, 0), desk.ask(3, 0, 0)], [Placed::New, Placed::New, Placed::Refused]);
    let counts = desk.join.counts();
    assert_eq!((counts.labels.rejected, counts.inferences.rejected, counts.capped), (1, 1, 2));
    desk.end(13 * H);
    assert_eq!(desk.ask(3, 14 * H, 0), Placed::New, "there is room again");
}

#[test]
fn a_model_that_appears_later_owns_nothing_that_was_given_up_before() {
    let patient = Rules { early: Span::HOUR.times(50), ..rules() };
    // The label comes before or after the new model's row: the same.
    for label_first in [true, false] {
        let mut desk = Desk::new();
        desk.ask(9, 23 * H, 0);
        if label_first {
            desk.tell(1, 20 * H - 1, YES);
            desk.tell(2, 20 * H, YES);
        }
        // The watermark is 22 h and the largest early horizon 2 h: before 20 h all is given up.
        assert!(desk.join.set_rules(1, patient));
        assert!(!desk.join.set_rules(1, rules()), "rules are set once");
        desk.ask_model(1, 1, 30 * H, 0);
        desk.ask_model(1, 2, 30 * H, 0);
        if !label_first {
            desk.tell(1, 20 * H - 1, YES);
            desk.tell(2, 20 * H, YES);
        }
        desk.expire();
        assert_eq!((desk.truth(1, 30 * H), desk.truth(2, 30 * H)), (None, Some(true)), "{label_first}");
        assert_eq!(desk.join.counts().labels.orphan, 1);
    }
}

#[test]
fn models_of_one_request_share_no_label_so_only_one_of_them_stays() {
    let mut desk = Desk::new();
    assert!(desk.join.set_rules(1, Rules { label_window: Span::ZERO, early: Span::HOUR.times(5), ..rules() }));
    desk.ask(1, 0, 0);
    assert_eq!(desk.ask_model(1, 1, 15 * H, 1), Placed::Conflict, "a label at 10 h could belong to both");
    assert_eq!(desk.ask_model(1, 1, 15 * H + 1, 1), Placed::New);
}

#[test]
fn without_labels_rows_go_as_soon_as_no_duplicate_can_be_told() {
    let mut join = Join::without_labels(Span::HOUR, Limits::default());
    join.set_rules(0, Rules { regime: Regime::ImplicitNegative, ..rules() });
    let mut watch = Recorder::new(false);
    let ask = |join: &mut Join, watch: &mut Recorder, key, time, content| {
        let placed = watch.ask(join, &Asked { time: at(time), content, ..Asked::of(key, 0) });
        join.expire(watch);
        check(join, watch);
        placed
    };
    assert_eq!(ask(&mut join, &mut watch, 1, 0, 7), Placed::New);
    assert_eq!(ask(&mut join, &mut watch, 1, H, 8), Placed::Conflict);
    ask(&mut join, &mut watch, 2, 2 * H, 7);
    assert_eq!(ask(&mut join, &mut watch, 1, 0, 7), Placed::Duplicate);
    ask(&mut join, &mut watch, 2, 2 * H + 1, 7);
    assert_eq!(ask(&mut join, &mut watch, 1, 0, 7), Placed::Late);
    assert_eq!(join.memory().open_rows, 1);
    let counts = join.counts().inferences;
    assert_eq!((counts.never_labelled, counts.assumed_negative), (1, 0), "silence means nothing here");
}

#[test]
fn the_equations_are_printed_with_both_sides() {
    let mut desk = Desk::new();
    desk.ask(1, 0, 0);
    desk.ask(1, 0, 0);
    desk.join.count_rejected_inference();
    desk.join.count_unsampled_inference();
    desk.join.count_rejected_label();
    desk.join.count_unsampled_label();
    desk.tell(1, 0, YES);
    let [inferences, labels] = desk.join.invariants();
    assert_eq!(
        inferences.to_string(),
        "inferences 4 = 1 rejected + 1 duplicate + 0 conflict + 0 late + 1 unsampled + 1 labelled + 0 pending \
         + 0 never labelled"
    );
    assert!(labels.to_string().starts_with("labels 3 = 1 rejected + 1 joined + "), "{labels}");
    let mut wrong = labels;
    wrong.left += 1;
    assert!(!wrong.holds() && wrong.to_string().starts_with("labels 4 ≠ "), "{wrong}");
}

#[test]
fn the_worked_example_of_the_manual() {
    const D: i64 = 24 * H;
    const MINUTE: i64 = H / 60;
    let (monday, tuesday, thursday) = (0, D, 3 * D);
    let [a, b, c, d] = [1, 2, 3, 4];
    let example =
        Rules { label_window: Span::DAY.times(7), early: Span::HOUR, corrections: Span::DAY.times(2), ..rules() };
    let disorder = Span::from_micros(10 * MINUTE);
    let mut join = Join::new(disorder, disorder, Limits::default());
    join.set_rules(0, example);
    let mut desk = Desk { join, watch: Recorder::new(true) };

    assert_eq!(desk.ask(a, monday + 9 * H, 0), Placed::New);
    assert_eq!(desk.tell(b, monday + 9 * H + 20 * MINUTE, YES), LabelPlaced::Buffered);
    assert_eq!(desk.ask(b, monday + 10 * H, 0), Placed::New);
    assert_eq!(desk.truth(b, monday + 10 * H), Some(true));
    assert_eq!(desk.ask(b, monday + 10 * H, 0), Placed::Duplicate);
    assert_eq!(desk.ask(b, monday + 10 * H, 1), Placed::Conflict);
    assert_eq!(desk.tell(a, tuesday + 9 * H, NO), LabelPlaced::Met);
    assert_eq!(desk.revise(a, tuesday + 12 * H, 1, YES), Ok(LabelPlaced::Met));
    assert_eq!(desk.revise(a, thursday + 9 * H, 2, NO), Ok(LabelPlaced::Met));
    assert_eq!(desk.truth(a, monday + 9 * H), Some(true));
    assert_eq!(desk.tell(c, thursday + 9 * H + 5 * MINUTE, NO), LabelPlaced::Buffered);
    assert_eq!(desk.tell(a, thursday + 8 * H + 49 * MINUTE, NO), LabelPlaced::Late);
    assert_eq!(desk.ask(d, thursday + 12 * H, 0), Placed::New);
    desk.expire();
    assert_eq!(desk.join.counts().labels.orphan, 1);
    desk.end(thursday + 12 * H + 8 * D);

    let [inferences, labels] = desk.join.invariants();
    assert_eq!(
        inferences.to_string(),
        "inferences 5 = 0 rejected + 1 duplicate + 1 conflict + 0 late + 0 unsampled + 2 labelled + 0 pending \
         + 1 never labelled"
    );
    assert_eq!(
        labels.to_string(),
        "labels 6 = 0 rejected + 2 joined + 0 duplicate + 1 corrected + 0 withdrawn + 1 ignored by policy + 1 late \
         + 1 orphan + 0 unsampled + 0 buffered"
    );
}

#[test]
fn a_side_has_come_as_far_as_the_last_of_its_declared_sources() {
    let mut desk = Desk::new();
    desk.join.declare_inference_sources(2);
    desk.join.declare_label_sources(2);
    let ask = |desk: &mut Desk, source, key, time| {
        desk.watch.ask_from(&mut desk.join, source, &Asked { time: at(time), ..Asked::of(key, 0) })
    };
    let tell = |desk: &mut Desk, source, key, time| {
        let key = RequestKey::from_bits(key);
        let label = NewLabel { key, time: at(time), revision: 0, content: 1, truth: YES, all_rows: false };
        desk.join.label_from(source, label, &mut desk.watch).unwrap()
    };
    assert_eq!(ask(&mut desk, 0, 1, 50 * H), Placed::New);
    assert_eq!(desk.join.watermarks().0, None, "the other source has said nothing yet");
    assert_eq!(ask(&mut desk, 1, 2, 10 * H), Placed::New, "late by the other source, in time by its own");
    assert_eq!(ask(&mut desk, 0, 3, 10 * H), Placed::Late);
    assert_eq!(desk.watch.outcome.lates, [(0, at(49 * H))], "counted where its source stands");
    assert_eq!(desk.join.watermarks().0, Some(at(9 * H)));

    tell(&mut desk, 1, 2, 60 * H);
    assert_eq!(desk.join.settled(), None);
    assert_eq!(tell(&mut desk, 0, 2, 20 * H), LabelPlaced::Met);
    desk.join.raise_source(Side::Inferences, 1, at(40 * H));
    desk.join.raise_source(Side::Labels, 0, at(30 * H));
    desk.join.raise_source(Side::Labels, 0, at(5 * H));
    assert_eq!(desk.join.watermarks(), (Some(at(40 * H)), Some(at(30 * H))), "no watermark falls");
    desk.expire();
    assert!(desk.closed(2, 10 * H) && !desk.closed(1, 50 * H));

    desk.join.declare_inference_sources(3);
    assert_eq!(desk.join.watermarks().0, Some(at(40 * H)), "a new source begins where the side stands");
    assert_eq!(ask(&mut desk, 2, 4, 40 * H - 1), Placed::Late);
    assert_eq!(ask(&mut desk, 2, 4, 40 * H), Placed::New);
}

/// A label of all rows of a request, whose content says so.
fn bury(desk: &mut Desk, request: u128, time: i64) -> Result<LabelPlaced, RejectReason> {
    let key = RequestKey::from_bits(request);
    let label = NewLabel { key, time: at(time), revision: 0, content: 99, truth: None, all_rows: true };
    let placed = desk.join.label(label, &mut desk.watch).map_err(|reject| reject.reason);
    check(&desk.join, &desk.watch);
    placed
}

fn ask_row(desk: &mut Desk, request: u128, row: u32, time: i64) -> u128 {
    let asked = Asked { time: at(time), ..Asked::of(request, row) };
    assert_eq!(desk.watch.ask(&mut desk.join, &asked), Placed::New);
    check(&desk.join, &desk.watch);
    asked.key
}

#[test]
fn a_tombstone_takes_back_all_rows_of_its_request_and_counts_once() {
    let mut desk = Desk::new();
    let rows = [0, 1, 7].map(|row| ask_row(&mut desk, 5, row, 0));
    let other = ask_row(&mut desk, 6, 1, 0);
    for row in rows.into_iter().chain([other]) {
        desk.tell(row, H, YES);
    }
    assert_eq!(bury(&mut desk, 5, 2 * H), Ok(LabelPlaced::Met));
    assert_eq!(rows.map(|row| desk.truth(row, 0)), [None; 3]);
    assert_eq!(desk.truth(other, 0), Some(true));
    let labels = desk.join.counts().labels;
    assert_eq!((labels.read, labels.joined, labels.withdrawn), (5, 4, 1));
    assert_eq!(bury(&mut desk, 5, 2 * H), Ok(LabelPlaced::Duplicate));

    // A row that comes later is taken back, too, and what is said after the tombstone stands.
    let late = ask_row(&mut desk, 5, 300, H);
    desk.tell(late, 90 * H / 60, YES);
    assert_eq!(desk.truth(late, H), None);
    desk.tell(late, 3 * H, NO);
    assert_eq!(desk.truth(late, H), Some(false));
    let labels = desk.join.counts().labels;
    assert_eq!((labels.joined, labels.corrected, labels.withdrawn, labels.duplicate), (5, 1, 1, 1));
    assert_eq!(desk.join.memory().tombstones, 1);
    desk.end(20 * H);
    assert_eq!(desk.join.memory().tombstones, 0);
    assert_eq!(desk.join.counts().labels.orphan, 0, "it met its rows");
}

#[test]
fn a_tombstone_waits_for_rows_and_is_an_orphan_when_none_came() {
    let mut desk = Desk::new();
    assert_eq!(bury(&mut desk, 5, 0), Ok(LabelPlaced::Buffered));
    assert_eq!(bury(&mut desk, 6, 0), Ok(LabelPlaced::Buffered));
    assert_eq!(desk.join.counts().labels.buffered, 2);
    let row = ask_row(&mut desk, 5, 4, H);
    assert_eq!(desk.tell(row, -H / 2, YES), LabelPlaced::Met);
    assert_eq!(desk.truth(row, H), None);
    desk.end(20 * H);
    let labels = desk.join.counts().labels;
    assert_eq!((labels.withdrawn, labels.orphan, labels.joined, labels.buffered), (1, 1, 1, 0));
    assert_eq!(desk.watch.outcome.orphans, [at(0)]);
    assert_eq!(bury(&mut desk, 7, 20 * H), Ok(LabelPlaced::Buffered));
}

#[test]
fn a_tombstone_that_could_not_wait_is_rejected_before_it_does_anything() {
    let mut desk = Desk::with(rules(), Limits { rows: 9, buffered_labels: 1 });
    let row = ask_row(&mut desk, 5, 1, 0);
    desk.tell(row, H, YES);
    desk.tell(8, H, YES);
    assert_eq!(bury(&mut desk, 5, 2 * H), Err(RejectReason::LimitReached));
    assert_eq!(desk.truth(row, 0), Some(true));
    assert_eq!((desk.join.counts().labels.rejected, desk.join.counts().capped), (1, 1));
}
