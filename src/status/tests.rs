//! Do the parts of a status hold what they promise: bounds, counts, and when each layer speaks next?

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use super::board::Board;
use super::measure::Measures;
use super::plan::Progress;
use super::*;
use crate::event::{EventTime, RejectReason, Span};
use crate::finding::{
    Alert, AlertState, Basis, Severity, Subject, Summary, SummaryInputs, SummaryLayers, WindowBounds,
};
use crate::join::{Counts, InferenceCounts, LabelCounts};

const HOUR: i64 = 3_600_000_000;

fn summary(model: &str, version: &str, start: i64, length: i64, is_final: bool) -> Summary {
    Summary {
        model: model.into(),
        version: version.into(),
        window: WindowBounds { start, end: start + length },
        revision: u32::from(is_final),
        as_of: start + length + if is_final { 10 * HOUR } else { 0 },
        is_final,
        counts: BTreeMap::new(),
        inputs: SummaryInputs::default(),
        predictions: SummaryLayers::default(),
        truth: SummaryLayers::default(),
        business: SummaryLayers::default(),
        active: Vec::new(),
        inactive: Vec::new(),
        blind_spots: Vec::new(),
        alerts: Vec::new(),
        late_after_idle: 0,
        capped: false,
    }
}

fn alert(model: Option<&str>, fingerprint: &str, state: AlertState, severity: Severity, basis_final: bool) -> Alert {
    Alert {
        id: format!("{fingerprint}-{basis_final}"),
        fingerprint: fingerprint.into(),
        indicator: "input.drift".into(),
        state,
        severity,
        model: model.map(str::to_owned),
        version: model.map(|_| "v1".into()),
        subject: Subject::default(),
        window: WindowBounds { start: 0, end: HOUR },
        starts_at: 0,
        ends_at: None,
        as_of: HOUR,
        basis: Basis::Inputs,
        basis_final,
        value: 0.1,
        reference: None,
        effect: None,
        floor: None,
        interval: None,
        n: 1,
        effective_n: 1.0,
        p_value: None,
        log_e: None,
        smallest_detectable: None,
        evidence: BTreeMap::new(),
        text: "something moved".into(),
    }
}

#[expect(clippy::disallowed_methods, reason = "any origin will do")]
fn status(limits: Limits) -> (Status, Instant) {
    let now = Instant::now();
    let process = Process {
        instance: "one".into(),
        version: "0".into(),
        configuration: "d".into(),
        group: "g".into(),
        inferences: "i".into(),
        labels: Some("l".into()),
        started_at: SystemTime::UNIX_EPOCH,
    };
    (Status::new(process, now, Duration::from_mins(1), limits), now)
}

#[test]
fn it_is_ready_when_nothing_is_waited_for() {
    let (status, _) = status(Limits::default());
    assert_eq!(status.waiting_for(), ["the start of the program"]);
    status.wait_for("restore-3", "restore of partition 3: 41 %");
    status.started();
    status.wait_for("restore-3", "restore of partition 3: 42 %");
    assert_eq!(status.waiting_for(), ["restore of partition 3: 42 %"]);
    status.no_longer("restore-3");
    assert!(status.waiting_for().is_empty());
    status.stop();
    assert_eq!(status.waiting_for().len(), 1);
}

#[test]
fn what_is_waited_for_is_bounded_and_counted() {
    let (status, now) = status(Limits::default());
    for number in 0..MAX_WAITING + 5 {
        status.wait_for(&number.to_string(), "x");
    }
    assert_eq!(status.waiting_for().len(), MAX_WAITING);
    // The start itself holds a place.
    assert_eq!(status.snapshot(now, SystemTime::UNIX_EPOCH).left_out, 6);
}

#[test]
fn a_thread_is_alive_up_to_the_limit_and_not_beyond() {
    let (status, start) = status(Limits::default());
    let lane = status.lane(0, start);
    let judge = status.judge(2, start);
    let at = |seconds| start + Duration::from_secs(seconds);
    lane.beat(at(30));
    assert!(status.silent(at(60)).is_empty());
    assert_eq!(status.silent(at(61)), ["judge 2: no sign of life for 61 s, at most 60 s are accepted"]);
    judge.beat(at(61));
    // An older sign than the last takes nothing back.
    judge.beat(at(10));
    assert!(status.silent(at(90)).is_empty());
    status.drop_judge(2);
    assert_eq!(status.silent(at(91)), ["lane 0: no sign of life for 61 s, at most 60 s are accepted"]);
    status.drop_lane(0);
    assert!(status.silent(at(1_000)).is_empty());
}

fn task(partition: u32, pending: i64) -> TaskStatus {
    let stream =
        |watermark| StreamStatus { behind: Some(7), watermark: Some(EventTime::from_micros_unchecked(watermark)) };
    TaskStatus {
        partition,
        inferences: stream(2_000_000),
        labels: Some(stream(1_000_000)),
        counts: Counts {
            inferences: InferenceCounts {
                read: 10,
                late: 1,
                labelled: 9 - pending,
                pending,
                ..InferenceCounts::default()
            },
            labels: LabelCounts { read: 9 - pending, joined: 9 - pending, ..LabelCounts::default() },
            capped: 0,
        },
        memory: 100,
    }
}

#[test]
fn tasks_come_and_go_with_the_partitions_of_their_lane() {
    let (status, now) = status(Limits::default());
    let lane = status.lane(1, now);
    lane.task(task(4, 2));
    let look = || status.snapshot(now, SystemTime::UNIX_EPOCH + Duration::from_secs(10));
    assert!(look().tasks.is_empty(), "partition 4 is not assigned");
    lane.assign(&[4, 7]);
    lane.task(task(4, 2));
    lane.task(task(7, 3));
    lane.assign(&[4, 9]);
    let seen = look();
    assert_eq!(seen.lanes[0].partitions, [4, 9]);
    assert_eq!(seen.lanes[0].rebalances, 2);
    assert_eq!(seen.tasks.len(), 1);
    let seen = &seen.tasks[0];
    assert_eq!((seen.partition, seen.lane, seen.pending_rows), (4, 1, 2));
    assert_eq!(seen.streams["inferences"].lag_seconds, Some(8.0));
    assert_eq!(seen.streams["labels"].lag_seconds, Some(9.0));
    assert_eq!(seen.inferences.values().sum::<u64>(), 10);
    assert!(seen.invariants.iter().all(|one| one.holds && one.left == one.right));
}

#[test]
fn a_sum_that_does_not_agree_is_shown_as_such() {
    let (status, now) = status(Limits::default());
    let lane = status.lane(0, now);
    lane.assign(&[0]);
    let mut wrong = task(0, 2);
    wrong.counts.inferences.read += 1;
    lane.task(wrong);
    let seen = status.snapshot(now, SystemTime::UNIX_EPOCH);
    let invariant = &seen.tasks[0].invariants[0];
    assert_eq!((invariant.left, invariant.right, invariant.holds), (11, 10, false));
}

#[test]
fn counts_of_a_lane_add_up_by_stream_and_reason() {
    let (status, now) = status(Limits::default());
    let lane = status.lane(0, now);
    lane.add_records(Stream::Inferences, 5, 50);
    lane.add_records(Stream::Inferences, 2, 20);
    lane.add_records(Stream::Labels, 1, 9);
    for reason in RejectReason::ALL {
        lane.add_rejects(Stream::Labels, reason, 1);
    }
    lane.add_rejects(Stream::Labels, RejectReason::TooLarge, 2);
    lane.committed();
    lane.aborted();
    let seen = &status.snapshot(now, SystemTime::UNIX_EPOCH).lanes[0];
    assert_eq!((seen.records["inferences"], seen.bytes["inferences"]), (7, 70));
    assert_eq!((seen.records["labels"], seen.bytes["labels"]), (1, 9));
    assert_eq!(seen.rejects["inferences"].values().sum::<u64>(), 0);
    assert_eq!(seen.rejects["labels"]["too_large"], 3);
    assert_eq!(seen.rejects["labels"].values().sum::<u64>(), 12);
    assert_eq!((seen.commits, seen.aborts), (1, 1));
}

/// A small generator: the same numbers on every run.
fn numbers(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

#[test]
fn a_histogram_agrees_with_plain_counting_within_one_per_cent() {
    let mut next = numbers(42);
    for measure in Measure::ALL {
        let (low, high) = measure.bounds();
        let values: Vec<u64> = (0..5_000).map(|_| (next() % (high * 2 / 3)) >> (next() % 30)).collect();
        let mut measures = Measures::default();
        // Two threads, several commits.
        let mut recorders = [Recorder::default(), Recorder::default()];
        for (place, &value) in values.iter().enumerate() {
            recorders[place % 2].record(measure, value);
            if place % 700 == 0 {
                measures.take(&mut recorders[0]);
            }
        }
        for recorder in &mut recorders {
            measures.take(recorder);
        }
        let seen = measures.distribution(measure);
        assert_eq!(seen.count, 5_000, "{measure:?}");
        assert_eq!(seen.sum, values.iter().sum::<u64>(), "{measure:?}");
        assert_eq!(seen.clipped, 0);
        for (&end, &count) in measure.buckets().iter().zip(&seen.cumulative) {
            let under = |bound: u64| values.iter().filter(|&&value| value <= bound).count() as u64;
            let slack = (end / 100).max(low);
            assert!((under(end)..=under(end + slack)).contains(&count), "{measure:?} up to {end}: {count}");
        }
        assert!(seen.cumulative.is_sorted() && measure.buckets().is_sorted(), "{measure:?}");
        let mut sorted = values;
        sorted.sort_unstable();
        for (share, found) in [(0.5, seen.quantiles[0]), (0.9, seen.quantiles[1]), (0.99, seen.quantiles[2])] {
            let exact = sorted[(5_000.0 * share) as usize - 1];
            assert!(found.abs_diff(exact) <= (exact / 100).max(low), "{measure:?} {share}: {found} for {exact}");
        }
        // What was handed over is not handed over twice.
        for recorder in &mut recorders {
            measures.take(recorder);
        }
        assert_eq!(measures.distribution(measure).count, 5_000);
    }
}

#[test]
fn a_value_beyond_the_bounds_counts_as_the_largest_and_is_counted() {
    let mut measures = Measures::default();
    let mut recorder = Recorder::default();
    let (_, high) = Measure::CommitDuration.bounds();
    recorder.record_n(Measure::CommitDuration, high * 10, 3);
    measures.take(&mut recorder);
    let seen = measures.distribution(Measure::CommitDuration);
    assert_eq!((seen.count, seen.clipped), (3, 3));
    assert!(seen.quantiles[3].abs_diff(high) <= high / 50, "{}", seen.quantiles[3]);
}

#[test]
fn the_board_keeps_its_bounds_and_the_newest() {
    let limits = Limits { versions: 3, windows: 2, bytes: 1 << 20, alerts: 2, incidents: 2, ended: 2 };
    let mut board = Board::new(limits);
    for hour in 0..10 {
        board.summary(&summary("m", "v1", hour * HOUR, HOUR, false));
    }
    // Old windows become final long after newer ones were published.
    for hour in 0..5 {
        board.summary(&summary("m", "v1", hour * HOUR, HOUR, true));
    }
    board.summary(&summary("m", "v1", 0, 24 * HOUR, false));
    let version = &board.versions[&("m".to_owned(), "v1".to_owned())];
    let kept: Vec<(i64, bool)> = version.windows.iter().map(|((end, _), entry)| (end / HOUR, entry.is_final)).collect();
    assert_eq!(kept, [(4, true), (5, true), (9, false), (10, false), (24, false)]);
    assert_eq!(version.newest(Some(HOUR)), (Some(10 * HOUR), Some(5 * HOUR)));
    assert_eq!(version.newest(None), (Some(10 * HOUR), Some(5 * HOUR)));
    assert_eq!(version.newest(Some(24 * HOUR)), (Some(24 * HOUR), None));
    assert_eq!(version.oldest_open(HOUR), Some(9 * HOUR));
    // A revision that is not final does not replace one that is.
    board.summary(&summary("m", "v1", 4 * HOUR, HOUR, false));
    assert!(board.versions[&("m".to_owned(), "v1".to_owned())].windows[&(5 * HOUR, 4 * HOUR)].is_final);
    for name in ["v2", "v3", "v4"] {
        board.summary(&summary("m", name, 100 * HOUR, HOUR, false));
    }
    let names: Vec<&str> = board.versions.keys().map(|(_, version)| version.as_str()).collect();
    assert_eq!(names, ["v2", "v3", "v4"], "the stalest version went");
    assert_eq!(board.left_out, 1);
}

#[test]
fn the_bytes_of_summaries_are_bounded_whatever_comes() {
    let one = serde_json::to_string(&summary("m0", "v0", 0, HOUR, false)).unwrap().len();
    let limits = Limits { versions: 4, windows: 8, bytes: 10 * one, alerts: 1, incidents: 1, ended: 1 };
    let mut board = Board::new(limits);
    let mut next = numbers(7);
    let mut newest = 0;
    for _ in 0..2_000 {
        let (model, version) = (format!("m{}", next() % 3), format!("v{}", next() % 3));
        let start = (next() % 50) as i64 * HOUR;
        newest = newest.max(start);
        board.summary(&summary(&model, &version, start, HOUR, next().is_multiple_of(2)));
        let bytes: usize =
            board.versions.values().flat_map(|one| one.windows.values()).map(|entry| entry.json.len()).sum();
        assert!(bytes <= limits.bytes);
        assert!(board.versions.len() <= limits.versions);
    }
    assert!(board.left_out > 0);
    let kept = board.versions.values().flat_map(|version| version.windows.keys()).max();
    assert_eq!(kept, Some(&(newest + HOUR, newest)), "the newest window is kept");
}

#[test]
fn alerts_that_fire_are_counted_once_a_fingerprint_and_leave_when_resolved() {
    let limits = Limits { alerts: 3, ended: 1, ..Limits::default() };
    let mut board = Board::new(limits);
    board.alert(&alert(Some("m"), "a", AlertState::Firing, Severity::Warning, false));
    board.alert(&alert(Some("m"), "a", AlertState::Firing, Severity::Critical, true));
    board.alert(&alert(None, "b", AlertState::Firing, Severity::Info, true));
    let counts = board.firing();
    assert_eq!(counts, BTreeMap::from([((None, Severity::Info), 1), ((Some("m"), Severity::Critical), 1)]));
    // One more than there is room for: the least severe goes.
    board.alert(&alert(Some("m"), "c", AlertState::Firing, Severity::Warning, true));
    assert_eq!(board.alerts.len(), 3);
    assert!(!board.alerts.contains_key(&("b".to_owned(), true)));
    assert_eq!(board.left_out, 1);
    board.alert(&alert(Some("m"), "a", AlertState::Resolved, Severity::Critical, true));
    assert_eq!(board.firing(), BTreeMap::from([((Some("m"), Severity::Warning), 2)]));
    board.alert(&alert(Some("m"), "a", AlertState::Resolved, Severity::Critical, false));
    let ended = board.alerts.values().filter(|alert| alert.state == AlertState::Resolved).count();
    assert_eq!((ended, board.left_out), (1, 1), "what ended goes by age and is not counted");
}

#[test]
fn each_layer_speaks_next_when_its_stream_has_passed_the_next_window() {
    let hours = |hours: i64| EventTime::from_micros_unchecked(hours * HOUR);
    let plan = Plan {
        window: Span::HOUR,
        label_window: Span::DAY,
        out_of_order: Span::from_micros(HOUR / 6),
        label_out_of_order: Some(Span::from_micros(HOUR / 4)),
        reference: Reference::Given,
    };
    let late = |time: EventTime, quarter: i64| EventTime::from_micros_unchecked(time.micros() + HOUR / quarter);
    let speaks = |progress: Progress| plan.next(progress);
    assert_eq!(speaks(Progress::default()), Next::default(), "nothing is known before the first record");

    // The first window: the clock stands inside of hour 100.
    let first = speaks(Progress { inputs: Some(late(hours(100), 2)), ..Progress::default() });
    assert_eq!(first.inputs, Some(late(hours(101), 6)));
    assert_eq!(first.labels, Some(late(hours(125), 4)));

    let running = Progress {
        newest: Some(hours(200)),
        newest_final: Some(hours(175)),
        oldest_open: Some(hours(176)),
        inputs: Some(hours(200)),
        labels: Some(late(hours(199), 2)),
    };
    assert_eq!(speaks(running).inputs, Some(late(hours(201), 6)));
    assert_eq!(speaks(running).labels, Some(late(hours(200), 4)));
    // The oldest open window fell out of what is kept: the last final one says the same.
    assert_eq!(speaks(Progress { oldest_open: None, ..running }).labels, Some(late(hours(200), 4)));
    // Hours without a prediction are no windows: the clocks say where the streams are.
    let gap =
        Progress { inputs: Some(late(hours(300), 2)), labels: Some(late(hours(299), 2)), oldest_open: None, ..running };
    assert_eq!(speaks(gap).inputs, Some(late(hours(301), 6)));
    assert_eq!(speaks(gap).labels, Some(late(hours(300), 4)));
    let unlabelled = Plan { label_out_of_order: None, ..plan };
    assert_eq!(unlabelled.next(running).labels, None);
}

#[test]
fn a_model_is_learning_waiting_or_watched() {
    let (status, now) = status(Limits::default());
    let judge = status.judge(0, now);
    let plan = |reference| Plan {
        window: Span::HOUR,
        label_window: Span::DAY,
        out_of_order: Span::ZERO,
        label_out_of_order: None,
        reference,
    };
    status.plan("a", plan(Reference::Learning { until: EventTime::from_micros_unchecked(7 * HOUR) }));
    status.plan("b", plan(Reference::Given));
    status.plan("c", plan(Reference::Learnt));
    judge.summary(&summary("c", "v1", 0, HOUR, true));
    judge.summary(&summary("c", "v2", HOUR, HOUR, false));
    judge.summary(&summary("unplanned", "v2", HOUR, HOUR, false));
    judge.alert(&alert(None, "p", AlertState::Firing, Severity::Warning, true));
    let seen = status.snapshot(now, SystemTime::UNIX_EPOCH);
    let states: Vec<(&str, &str)> = seen.models.iter().map(|model| (model.model.as_str(), model.state)).collect();
    assert_eq!(states, [("a", "learning"), ("b", "waiting"), ("c", "watched"), ("unplanned", "watched")]);
    assert_eq!(seen.models[0].learning_until, Some(7 * HOUR));
    assert_eq!(seen.models[2].next_inputs, Some(3 * HOUR));
    assert_eq!(seen.models[2].versions.len(), 2);
    assert_eq!(seen.pipeline_firing[&Severity::Warning], 1);
    assert_eq!(seen.judges[0].published["summaries"], 3);
    // What a judge found goes with it.
    assert_eq!(status.summaries("c", "v1").map(|texts| texts.len()), Some(1));
    status.drop_judge(0);
    assert_eq!(status.summaries("c", "v1"), None);
    assert!(status.alerts().is_empty());
}
