//! Does a judge that passed over a silent partition end up where a replay does?

use std::collections::BTreeMap;

use super::stream::{DAY, Driver, LABELS, SILENCE, START, Stream, config, line, records};
use super::*;
use crate::config::Config;
use crate::finding::{Basis, Summary};
use crate::judge::{Clock, Finding, Judge};
use crate::observe::truth;

type Window = (String, String, i64, i64);

/// The final summaries of each window, in the order in which they were said.
fn finals(said: &[Vec<Finding>]) -> BTreeMap<Window, Vec<Summary>> {
    let mut finals: BTreeMap<Window, Vec<Summary>> = BTreeMap::new();
    for finding in said.iter().flatten() {
        if let Finding::Summary(summary) = finding
            && summary.is_final
        {
            let key = (summary.model.clone(), summary.version.clone(), summary.window.start, summary.window.end);
            finals.entry(key).or_default().push((**summary).clone());
        }
    }
    finals
}

/// What a delta brings to windows that the clock of the looks before had passed and the sound one had not.
struct Late {
    of: BTreeMap<Window, u64>,
}

impl Late {
    /// Windows of some days and no others, by their own arithmetic.
    fn count(&mut self, days: i64, delta: &stream::Delta, before: Clock) {
        for (model, version, start, sums) in &delta.sums {
            let length = Span::from_micros(days * DAY);
            let outer = crate::event::Window::holding(*start, length);
            let base = *start + Span::DAY;
            let over = |passed: &dyn Fn(Clock) -> bool| {
                let sound = Clock::new(before.sound_inputs, before.sound_labels);
                passed(before) && !passed(sound)
            };
            let inputs = |end: EventTime| move |clock: Clock| clock.inputs.is_some_and(|at| at >= end);
            // Labels are there, no repeat can come, and inputs that were due earlier have been looked at.
            let wait = Span::from_micros(LABELS);
            let slack = Span::HOUR;
            let all = |end: EventTime| {
                move |clock: Clock| {
                    let repeats = clock.inputs.is_some_and(|at| at >= end + wait + slack);
                    repeats && clock.labels.is_some_and(|at| at >= end + wait)
                }
            };
            let (predictions, labels) = records(sums);
            // Where silence means negative, labels are looked at by the sound clock.
            let late = if *model != "quiet" && over(&all(outer.end)) {
                predictions + labels
            } else if over(&inputs(outer.end)) {
                predictions
            } else {
                0
            };
            assert!(days > 1 || base == outer.end);
            let key = (model.to_string(), version.to_string(), outer.start.micros(), outer.end.micros());
            *self.of.entry(key).or_insert(0) += late;
        }
    }
}

#[test]
fn final_summaries_end_as_a_replay_has_them_and_say_what_came_late() {
    for seed in 1..=3 {
        let stream = Stream::new(seed, true);
        let replay = finals(&Driver::new(&stream, config(true), false).run(&stream.deltas));
        let mut driver = Driver::new(&stream, config(true), true);
        let (mut said, mut late) = (Vec::new(), Late { of: BTreeMap::new() });
        let mut before = Clock::default();
        for delta in &stream.deltas {
            for days in [1, 7, 28] {
                late.count(days, delta, before);
            }
            said.push(driver.take(delta));
            before = before.later(driver.clock);
        }
        let in_windows: u64 = late.of.iter().filter(|((.., start, end), _)| end - start == DAY).map(|(_, n)| n).sum();
        assert_eq!(driver.judge.late_after_idle(), in_windows, "no orphan came late");
        assert!(in_windows > 100, "{in_windows}");
        said.push(driver.end());
        let live = finals(&said);
        assert!(live.keys().eq(replay.keys()));
        let mut again = BTreeMap::new();
        for (window, versions) in &live {
            let expected = &replay[window];
            assert_eq!((expected.len(), expected[0].late_after_idle), (1, 0), "{window:?}");
            let last = versions.last().unwrap();
            assert_eq!(last.late_after_idle, late.of[window], "{window:?}");
            let same = Summary { late_after_idle: 0, ..last.clone() };
            assert_eq!(
                line(&Finding::Summary(Box::new(same))),
                line(&Finding::Summary(Box::new(expected[0].clone()))),
                "seed {seed} {window:?}"
            );
            for version in versions {
                assert_eq!((version.revision, version.as_of), (last.revision, last.as_of), "{window:?}");
            }
            *again.entry((window.3 - window.2) / DAY).or_insert(0) += versions.len() - 1;
        }
        assert!(again[&1] > 0 && again[&7] > 0, "told again, by level: {again:?}");
    }
}

#[test]
fn where_no_partition_is_passed_over_nothing_is_different() {
    let stream = Stream::new(4, false);
    let of = |over| Driver::new(&stream, config(false), over).run(&stream.deltas);
    let (sound, passed) = (of(false), of(true));
    assert!(stream::lines(sound.iter().flatten()) == stream::lines(passed.iter().flatten()));
}

#[test]
fn what_was_said_of_alerts_is_not_said_again() {
    let stream = Stream::new(5, true);
    let said = Driver::new(&stream, config(false), true).run(&stream.deltas);
    let mut keys = std::collections::BTreeSet::new();
    let mut last_settled = i64::MIN;
    for finding in said.iter().flatten() {
        match finding {
            Finding::Alert(alert) => assert!(keys.insert(alert.id.clone()), "twice: {}", alert.id),
            Finding::Incident(incident) => {
                assert!(keys.insert(format!("{} {}", incident.id, incident.revision)), "twice: {}", incident.id);
                assert!(incident.as_of >= last_settled, "incidents go by their due times");
                last_settled = incident.as_of;
            }
            Finding::Request(_) | Finding::Summary(_) => {}
        }
    }
    assert!(keys.len() > 20);
}

#[test]
fn told_windows_go_when_every_partition_has_passed_them() {
    let stream = Stream::new(6, true);
    let mut live = Driver::new(&stream, config(true), true);
    let mut sound = Driver::new(&stream, config(true), false);
    // Windows above come to be with the first look at one under them, which may be earlier: two levels of five versions.
    let above = 2 * 5;
    for delta in &stream.deltas {
        live.take(delta);
        sound.take(delta);
        let (kept, open) = (live.judge.open_windows(), sound.judge.open_windows());
        assert!(kept <= open + above, "a window is let go no later than without passing over: {kept}, {open}");
        assert!(kept == open || delta.at >= SILENCE.start, "{kept} {open}");
    }
    assert_eq!(live.judge.open_windows(), sound.judge.open_windows());
}

/// One day of a model without a baseline.
fn day(predictions: i64) -> Sums {
    let mut sums = Sums::new(Arc::new(crate::observe::Layout::new(&crate::observe::Coding::default())));
    sums.add_flow(crate::observe::flow::N, predictions);
    sums
}

#[test]
fn a_partition_that_is_silent_for_ever_costs_bounded_memory_and_no_wrong_summary() {
    let mut judge = Judge::new(config(true), crate::baseline::References::default(), true);
    let at = |day: i64| EventTime::from_micros_unchecked(START + day * DAY);
    let mut said = Vec::new();
    let days = 1_000;
    for number in 0..days {
        judge.fold("m", "v1", at(number), &day(10));
        let reached = Some(at(number) + Span::DAY);
        judge.advance(Clock::new(reached, reached).with_sound(None, None), &mut said);
        assert!(judge.open_windows() <= 64 + 2 * LABELS as usize / DAY as usize + 16, "{}", judge.open_windows());
    }
    let capped = |said: &[Finding]| {
        said.iter().filter(|finding| matches!(finding, Finding::Summary(summary) if summary.capped)).count()
    };
    assert_eq!(capped(&said), 0);
    // What comes to a window that was let go is counted, and its summary stays what it was.
    said.clear();
    judge.fold("m", "v1", at(3), &day(5));
    let reached = Some(at(days));
    judge.advance(Clock::new(reached, reached).with_sound(None, None), &mut said);
    assert_eq!((said.len(), judge.late_after_idle()), (0, 5));
    // What comes to one that was kept is told, and says that a limit was hit.
    judge.fold("m", "v1", at(days - 20), &day(7));
    judge.advance(Clock::new(reached, reached).with_sound(None, None), &mut said);
    let Some(Finding::Summary(summary)) = said.first() else { panic!("nothing was told") };
    assert_eq!((summary.inputs.n, summary.late_after_idle, summary.capped), (17, 7, true));
    assert_eq!(judge.late_after_idle(), 12);
}

const SILENCE_COUNTS: &str = "
defaults: {window: 1d, label_window: 3d, early: 1h, false_alarms_per_month: 20, labels: implicit_negative}
models: {m: {}}
";

/// A day of a model whose negatives nobody tells: what is counted when it is predicted and its positives are told, and
/// what silence adds once its rows are closed.
fn day_without_negatives(world: &mut World, chance: &mut Chance) -> [Sums; 2] {
    let rows: Vec<Row> = (0..400).map(|_| honest(chance)).collect();
    let told = |row: &Row| Row { label: row.label.filter(|label| *label), ..row.clone() };
    let first = world.count(rows.iter().map(told));
    let (mut then, mut mapping, mut coded) =
        (Sums::new(world.profile.layout.clone()), Mapping::default(), CodedRow::default());
    then.add_truth(truth::CLOSED, rows.len() as i64);
    for row in rows.iter().filter(|row| row.label == Some(false)) {
        let features = row.features(&mut world.names);
        world.profile.coding.code(&features, &world.names, &mut mapping, &mut coded);
        then.labelled(&row.facts(), &coded.codes, &world.profile.map, false, 1);
        then.add_truth(truth::ASSUMED, 1);
    }
    [first, then]
}

/// A row whose score is right.
fn honest(chance: &mut Chance) -> Row {
    let x = chance.normal();
    let score = 1.0 / (1.0 + libm::exp(3.0 - x));
    Row::new(score, chance.hits(score), vec![("x", Cell::Number(x))])
}

/// Runs a judge over some days. From day 10 on the rows of a silent partition are closed no more, until day `wakes`;
/// `passes` says whether the clock passes over it.
fn with_silence(days: i64, wakes: i64, passes: bool) -> (Judge, Vec<Finding>) {
    let mut chance = Chance(7);
    let mut world = World::new((0..3_000).map(|_| honest(&mut chance)));
    let config = Arc::new(Config::from_yaml(SILENCE_COUNTS).unwrap());
    let references = crate::baseline::References::new([(*world.profile).clone()]);
    let mut judge = Judge::new(config, references, true);
    let at = |day: i64| EventTime::from_micros_unchecked(START + day * DAY);
    let (mut said, mut waiting) = (Vec::new(), Vec::new());
    for day in 0..days {
        let [first, then] = day_without_negatives(&mut world, &mut chance);
        judge.fold("m", "v1", at(day), &first);
        waiting.push((day, then));
        let sound = if (10..wakes).contains(&day) { at(10) } else { at(day + 1) };
        waiting.retain(|(day, then)| {
            let closed = at(day + 1) + Span::from_micros(LABELS) + Span::HOUR <= sound;
            if closed {
                judge.fold("m", "v1", at(*day), then);
            }
            !closed
        });
        let passed = if passes { at(day + 1) } else { sound };
        let clock = Clock::new(Some(passed), Some(passed)).with_sound(Some(sound), Some(sound));
        judge.advance(clock, &mut said);
    }
    (judge, said)
}

/// What is final, sorted.
fn final_lines(said: &[Finding]) -> Vec<String> {
    let kept = |finding: &&Finding| !matches!(finding, Finding::Summary(summary) if !summary.is_final);
    let mut lines = stream::lines(said.iter().filter(kept));
    lines.sort_unstable();
    lines
}

#[test]
fn where_silence_means_negative_labels_are_judged_when_the_rows_are_closed() {
    let (replay, live) = (with_silence(40, 25, false).1, with_silence(40, 25, true).1);
    let (replay, live) = (final_lines(&replay), final_lines(&live));
    assert!(replay.len() > 35, "{}", replay.len());
    assert!(replay == live, "{:?}", live.iter().find(|line| !replay.contains(line)));
}

#[test]
fn where_silence_means_negative_a_partition_that_is_silent_for_ever_raises_no_alarm() {
    let (judge, said) = with_silence(150, i64::MAX, true);
    let labelled =
        said.iter().filter(|finding| matches!(finding, Finding::Alert(alert) if alert.basis == Basis::Labels));
    assert_eq!(stream::lines(labelled), Vec::<String>::new());
    let told = said.iter().filter(|finding| {
        matches!(finding, Finding::Summary(summary) if summary.is_final && summary.window.end - summary.window.start == DAY)
    });
    // 64 days late.
    assert_eq!(told.count(), 150 - 64 - 4);
    // As many wait as are kept when they were told of, with the label window; and the weeks and months above them.
    let base = 2 * 64 + 3 + 1;
    let most = base + base / 7 + 2 + base / 28 + 2;
    assert!(judge.open_windows() <= most, "{}", judge.open_windows());
}
