//! Do the same records give the same final findings, however they are read?
//!
//! The first promise, at the level of the whole engine. Only what is final counts: summaries with `final`, alerts and
//! incidents with `basis_final`, and label requests. They are compared as bytes.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use support::*;
use truthline::decode::{Decoder, Limits};
use truthline::engine::{Engine, Range};
use truthline::event::EventTime;
use truthline::finding::{AlertState, Basis, Summary};
use truthline::judge::Finding;
use truthline::replay::{Event, Feed, replay};
use truthline::story::{Chance, StoryFeed, Written};

const DAYS: i64 = 24;
const ORDERLY: Made = Made { days: DAYS, unruly: false };
const UNRULY: Made = Made { days: DAYS, unruly: true };
/// Commits as a replay of so few records has them.
const AT_THE_END: fn(usize) -> bool = |_| false;

fn plain(log: &Log) -> Outcome {
    Drive::new(log).run(AT_THE_END)
}

fn time(micros: i64) -> EventTime {
    EventTime::from_micros(micros).unwrap()
}

fn summaries(findings: &[Finding]) -> impl Iterator<Item = &Summary> {
    findings.iter().filter_map(|finding| match finding {
        Finding::Summary(summary) if summary.is_final => Some(&**summary),
        _ => None,
    })
}

/// Feeds of records, without those that cannot be read.
fn feed(name: &'static str, records: impl Iterator<Item = String>) -> Box<dyn Feed> {
    let mut written = Written::default();
    records.for_each(|record| written.push(&record));
    Box::new(StoryFeed::new(name, written))
}

fn replayed(inferences: Vec<Box<dyn Feed>>, labels: Vec<Box<dyn Feed>>, partitions: u32) -> Outcome {
    let mut engine = Engine::new(config(TOPICS, MODELS), references(), partitions as usize, true, Range::default());
    let mut findings = Vec::new();
    let mut decoder = Decoder::new(Limits::default());
    replay::<std::io::Error>(&mut engine, &mut decoder, inferences, labels, partitions, |event| {
        if let Event::Finding(finding) = event {
            findings.push(finding);
        }
        Ok(())
    })
    .unwrap();
    let counts = engine.counts();
    assert!(counts.invariants().iter().all(truthline::join::Balance::holds));
    Outcome { findings, counts, open_windows: 0, open_rows: 0 }
}

fn whole(records: &[(i64, String)], name: &'static str) -> Box<dyn Feed> {
    feed(name, records.iter().map(|(_, record)| record.clone()))
}

#[test]
fn the_stream_has_all_that_the_laws_are_about() {
    let log = Log::new(1, UNRULY);
    let outcome = plain(&log);
    let counts = outcome.counts;
    let (i, l) = (counts.inferences, counts.labels);
    for (what, count) in [
        ("duplicate", i.duplicate),
        ("conflict", i.conflict),
        ("late", i.late),
        ("rejected", i.rejected),
        ("never labelled", i.never_labelled),
        ("assumed negative", i.assumed_negative),
        ("label rejected", l.rejected),
        ("label duplicate", l.duplicate),
        ("corrected", l.corrected),
        ("withdrawn", l.withdrawn),
        ("label late", l.late),
        ("orphan", l.orphan),
    ] {
        assert!(count > 0, "{what}");
    }
    for log in [log, Log::new(1, ORDERLY)] {
        let mut said: BTreeMap<String, usize> = BTreeMap::new();
        let mut note = |what: String| *said.entry(what).or_insert(0) += 1;
        for finding in plain(&log).findings {
            match finding {
                Finding::Alert(alert) => note(format!("{:?} {:?}", alert.basis, alert.state)),
                Finding::Incident(incident) => note(format!("incident {:?}", incident.state)),
                Finding::Request(_) => note("request".into()),
                Finding::Summary(summary) => {
                    let length = (summary.window.end - summary.window.start) / DAY;
                    note(format!("summary {} {} {}", summary.model, summary.version, length));
                }
            }
        }
        for what in [
            "Inputs Firing",
            "Inputs Resolved",
            "Labels Firing",
            "Labels Pending",
            "Predictions Firing",
            "incident Open",
            "request",
            "summary fraud v2 7",
            "summary fraud v1 28",
            "summary churn v1 7",
            "summary risk v0 1",
        ] {
            assert!(said.contains_key(what), "{what} is not in {said:?}");
        }
    }
}

#[test]
fn any_bounded_interleaving_of_both_topics_says_the_same() {
    for seed in 1..=2 {
        for made in [ORDERLY, UNRULY] {
            let log = Log::new(seed, made);
            let expected = plain(&log);
            let same = |lag: i64, wander: &mut dyn FnMut() -> Option<i64>, commit: usize| {
                let order = log.order(lag, wander);
                let outcome = Drive { order, ..Drive::new(&log) }.run(|number| number % commit == 0);
                let what = format!("seed {seed} lag {}h commit {commit} {made:?}", lag / HOUR);
                assert_same(&finals(&expected.findings), &finals(&outcome.findings), &what);
                assert_eq!(outcome.counts, expected.counts, "{what}");
            };
            for lag in [-10, -2, 5, 11] {
                same(lag * HOUR, &mut || None, 401);
            }
            let mut chance = Chance::new(seed);
            let mut wander = || chance.happens(0.02).then(|| ((chance.uniform() * 22.0 - 11.0) * HOUR as f64) as i64);
            same(0, &mut wander, 97);
            let outcome = replayed(vec![whole(&log.inferences, "i")], vec![whole(&log.labels, "l")], 1);
            assert_same(&finals(&expected.findings), &finals(&outcome.findings), "the aligned reader");
            assert_eq!(outcome.counts, expected.counts);
        }
    }
}

#[test]
fn with_a_baseline_from_a_file_the_labels_may_lag_by_days() {
    for (seed, made) in [(1, ORDERLY), (2, UNRULY)] {
        let log = Log::new(seed, made);
        let of_fraud = |id: &str| id.starts_with("fraud");
        let rows = log.rows.iter().filter(|row| of_fraud(&row.id)).cloned().collect();
        let told = log.told.iter().filter(|one| of_fraud(&one.id)).cloned().collect();
        let log = Log::of(rows, told, log.end);
        for topics in [TOPICS, PATIENT] {
            let expected = Drive { topics, ..Drive::new(&log) }.run(AT_THE_END);
            for lag in [-60 * HOUR, 60 * HOUR, 30 * DAY, -30 * DAY] {
                let order = log.order(lag, || None);
                let outcome = Drive { topics, order, ..Drive::new(&log) }.run(|number| number % 61 == 0);
                let what = format!("seed {seed} lag {}h {topics}", lag / HOUR);
                assert_same(&finals(&expected.findings), &finals(&outcome.findings), &what);
                assert_eq!(outcome.counts, expected.counts, "{what}");
            }
        }
    }
}

#[test]
fn a_model_that_appears_later_has_its_early_labels_whatever_came_before() {
    // `risk` takes labels up to three hours early, `fraud` one; the label comes before anything of `risk` is known.
    let ordinary = Log::new(8, Made { days: 2, unruly: false });
    let sample = &ordinary.rows[0];
    let row = |model: &'static str, id: &str, time: i64| Row {
        id: id.into(),
        model,
        time: START + time,
        published: START + time,
        ..sample.clone()
    };
    let label = |id: &str, time: i64| Told {
        id: id.into(),
        time: START + time,
        published: START + time,
        value: Some(1),
        revision: 0,
    };
    let told = vec![label("r", 10 * HOUR), label("f", 13 * HOUR)];
    for rows in [
        vec![row("fraud", "f", 13 * HOUR - 1), row("risk", "r", 13 * HOUR - 1)],
        vec![row("risk", "r", 13 * HOUR - 1), row("fraud", "f", 13 * HOUR - 1)],
    ] {
        let log = Log::of(rows, told.clone(), START + DAY);
        for order in [log.plain_order(), log.order(9 * HOUR, || None), log.order(-9 * HOUR, || None)] {
            for partitions in [1, 4] {
                let outcome = Drive { order: order.clone(), partitions, ..Drive::new(&log) }.run(|_| true);
                let labels = outcome.counts.labels;
                assert_eq!((labels.joined, labels.orphan), (2, 0), "{:?}", log.rows[0].model);
            }
        }
    }
}

#[test]
fn partitions_commits_and_interleavings_together_say_the_same() {
    for seed in 11..=12 {
        let log = Log::new(seed, ORDERLY);
        let expected = plain(&log);
        let mut chance = Chance::new(seed);
        for partitions in [2, 5, 17] {
            let mut walk = Chance::new(seed + partitions as u64);
            let wander = || walk.happens(0.01).then(|| ((walk.uniform() * 22.0 - 11.0) * HOUR as f64) as i64);
            let order = log.order(0, wander);
            let outcome = Drive { order, partitions, ..Drive::new(&log) }.run(|_| chance.happens(0.01));
            let what = format!("seed {seed}, {partitions} partitions");
            assert_same(&finals(&expected.findings), &finals(&outcome.findings), &what);
            assert_eq!(outcome.counts, expected.counts, "{what}");
        }
    }
}

#[test]
fn windows_of_an_hour_with_days_and_weeks_above_them_say_the_same() {
    for (seed, made) in [(21, Made { days: 12, unruly: false }), (22, Made { days: 12, unruly: true })] {
        let log = Log::new(seed, made);
        let of = |order: Vec<Item>, partitions: usize, commit: usize| {
            Drive { models: HOURLY, order, partitions, ..Drive::new(&log) }.run(|number| number % commit == commit - 1)
        };
        let expected = of(log.plain_order(), 1, usize::MAX);
        let partitions = if made.unruly { 1 } else { 6 };
        for (lag, partitions, commit) in [(0, 1, 29), (50, 1, 301), (-50, 1, 77), (-20, partitions, 403)] {
            let outcome = of(log.order(lag * HOUR / 60, || None), partitions, commit);
            let what = format!("seed {seed}, lag {lag} min, {partitions} partitions, commit {commit}");
            assert_same(&finals(&expected.findings), &finals(&outcome.findings), &what);
            assert_eq!(outcome.counts, expected.counts, "{what}");
        }
    }
}

#[test]
fn any_order_within_the_out_of_orderness_says_the_same() {
    for seed in 1..=3 {
        let log = Log::new(seed, ORDERLY);
        let expected = plain(&log);
        let mut chance = Chance::new(seed + 100);
        for share in [0.0, 0.5, 0.95] {
            let (mut rows, mut told) = (log.rows.clone(), log.told.clone());
            // Published up to that much later than it happened: nothing is ever late.
            for row in &mut rows {
                row.published = row.time + (chance.uniform() * share * DISORDER as f64) as i64;
            }
            for one in &mut told {
                one.published = one.time + (chance.uniform() * share * LABEL_DISORDER as f64) as i64;
            }
            rows.sort_by_key(|row| row.published);
            told.sort_by_key(|one| one.published);
            let other = Log::of(rows, told, log.end);
            let outcome = Drive::new(&other).run(|number| number % 311 == 0);
            assert_eq!(outcome.counts, expected.counts);
            assert_same(&finals(&expected.findings), &finals(&outcome.findings), &format!("seed {seed} share {share}"));
        }
    }
}

#[test]
fn any_cut_into_commits_says_the_same() {
    for (seed, made) in [(1, UNRULY), (2, ORDERLY), (3, UNRULY)] {
        let log = Log::new(seed, made);
        let expected = plain(&log);
        let same = |what: &str, commits: &mut dyn FnMut(usize) -> bool| {
            let outcome = Drive::new(&log).run(commits);
            assert_same(&finals(&expected.findings), &finals(&outcome.findings), &format!("seed {seed}, {what}"));
            assert_eq!(outcome.counts, expected.counts, "{what}");
        };
        same("every 7", &mut |number| number % 7 == 0);
        for round in 0..3 {
            let mut chance = Chance::new(seed * 10 + round);
            same("at random", &mut |_| chance.happens([0.3, 0.003, 0.000_5][round as usize]));
        }
        if seed == 1 {
            same("every record", &mut |_| true);
        }
    }
}

#[test]
fn any_number_of_partitions_says_the_same() {
    for seed in 1..=2 {
        let log = Log::new(seed, ORDERLY);
        let expected = plain(&log);
        for (partitions, commit) in [(1, 53), (2, 53), (5, 1_009), (5, 40), (40, 500)] {
            let outcome = Drive { partitions, ..Drive::new(&log) }.run(|number| number % commit == 0);
            let what = format!("seed {seed}, {partitions} partitions");
            assert_same(&finals(&expected.findings), &finals(&outcome.findings), &what);
            assert_eq!(outcome.counts, expected.counts, "{what}");
        }
        let outcome = replayed(vec![whole(&log.inferences, "i")], vec![whole(&log.labels, "l")], 5);
        assert_same(&finals(&expected.findings), &finals(&outcome.findings), "the aligned reader with 5");
    }
}

#[test]
fn files_in_pieces_say_the_same_as_one_file() {
    let log = Log::new(4, ORDERLY);
    let expected = plain(&log);
    let part = |records: &[(i64, String)], name, keep: &dyn Fn(usize) -> bool| {
        feed(name, records.iter().enumerate().filter(|(place, _)| keep(*place)).map(|(_, (_, record))| record.clone()))
    };
    let labels =
        |log: &Log| (0..3).map(|third| part(&log.labels, "l", &|place| place % 3 == third)).collect::<Vec<_>>();
    let half = log.inferences.len() / 2;
    let by_time =
        vec![part(&log.inferences, "a", &|place| place >= half), part(&log.inferences, "b", &|place| place < half)];
    let by_id =
        vec![part(&log.inferences, "a", &|place| place % 2 == 0), part(&log.inferences, "b", &|place| place % 2 == 1)];
    for (what, inferences) in [("by time", by_time), ("by id", by_id)] {
        let outcome = replayed(inferences, labels(&log), 1);
        assert_same(&finals(&expected.findings), &finals(&outcome.findings), what);
        assert_eq!(outcome.counts, expected.counts, "{what}");
    }
}

#[test]
fn memory_follows_the_label_window_and_not_the_number_of_ids() {
    let days = 20 * LABELS / DAY;
    let log = Log::new(5, Made { days, unruly: false });
    let outcome = Drive::new(&log).run(|number| number % 20 == 0);
    // A row is open for the label window, the early horizon, the out-of-orderness, and until the next commit.
    let mut times: Vec<i64> = log.rows.iter().map(|row| row.time).collect();
    times.sort_unstable();
    let span = LABELS + EARLIEST + DISORDER + 2 * HOUR;
    let most =
        (0..times.len()).map(|from| times[from..].partition_point(|&time| time < times[from] + span)).max().unwrap();
    assert!(outcome.open_rows <= most, "{} of {most}", outcome.open_rows);
    assert!(outcome.open_rows * 2 > most && most * 10 < times.len(), "{} of {most}", outcome.open_rows);
    // Five versions; the base windows of that span and the running one, and two windows for each of two levels.
    let windows = 5 * ((span + DAY - 1) / DAY + 2 + 4) as usize;
    assert!(outcome.open_windows <= windows, "{} of {windows}", outcome.open_windows);
}

/// The share of positive labels of a model's rows before a moment, from the log itself: the last revision stands, a
/// withdrawn label is none, and for `churn` silence is negative.
fn label_rate(log: &Log, model: &str, until: i64) -> f64 {
    let mut standing: BTreeMap<&str, (i64, Option<i64>)> = BTreeMap::new();
    for one in &log.told {
        let last = standing.entry(&one.id).or_insert((one.revision, one.value));
        if one.revision > last.0 {
            *last = (one.revision, one.value);
        }
    }
    // Each row once, with what its label counts.
    let rows: BTreeMap<&str, i64> = log
        .rows
        .iter()
        .filter(|row| row.model == model && row.time < until)
        .map(|row| (row.id.as_str(), row.counts()))
        .collect();
    let truth = |id: &str| standing.get(id).and_then(|(_, value)| *value);
    let labels = rows.iter().filter_map(|(id, count)| Some((truth(id).or((model == "churn").then_some(0))?, count)));
    let (positive, all) =
        labels.fold((0, 0), |(positive, all), (label, count)| (positive + label * count, all + count));
    positive as f64 / all as f64
}

#[test]
fn what_is_learnt_takes_effect_at_a_window_that_event_times_alone_decide() {
    let log = Log::new(6, ORDERLY);
    for (partitions, commit) in [(1, 10), (5, 700)] {
        let outcome = Drive { partitions, ..Drive::new(&log) }.run(|number| number % commit == 0);
        // Both learn for five days from their first window; then come the out-of-orderness and one window, and for the
        // truth label window and early horizon.
        for (model, first, early) in [("churn", 0, HOUR), ("risk", 2 * DAY, 3 * HOUR)] {
            let learnt = START + first + 5 * DAY;
            let next = |after: i64| START + ((after + DAY - START) / DAY + 1) * DAY;
            let (inputs, truth) = (next(learnt + DISORDER), next(learnt + LABELS + early + DISORDER));
            let mut compared = 0;
            for summary in summaries(&outcome.findings).filter(|summary| summary.model == model) {
                let start = summary.window.start;
                let what = format!("{model} {} {:?}", summary.version, summary.window);
                let blind = |name: &str| summary.blind_spots.iter().any(|spot| spot.name == name);
                assert_eq!(blind("no_baseline"), start < inputs, "{what}");
                assert_eq!(summary.inputs.features.is_empty(), start < inputs, "{what}");
                assert_eq!(blind("baseline_without_labels"), (inputs..truth).contains(&start), "{what}");
                let reference = summary.truth.metrics.values().any(|figure| figure.reference.is_some());
                assert_eq!(reference, start >= truth, "{what}");
                let rate = summary.truth.figures["label_rate"].reference;
                assert_eq!(rate, (start >= truth).then(|| label_rate(&log, model, learnt)), "{what}");
                compared += usize::from(start >= truth);
            }
            assert!(compared > 5, "{model}: {compared}");
            let early = outcome.findings.iter().any(|finding| {
                let Finding::Alert(alert) = finding else { return false };
                let plumbing = ["input.late", "join.conflict", "label.coverage", "label.delay"]
                    .contains(&alert.indicator.as_str());
                alert.model.as_deref() == Some(model) && !plumbing && alert.starts_at < inputs
            });
            assert!(!early, "{model}: an alert from before it had learnt");
            let later = outcome.findings.iter().any(|finding| {
                let Finding::Alert(alert) = finding else { return false };
                alert.model.as_deref() == Some("churn")
                    && alert.basis == Basis::Labels
                    && alert.state == AlertState::Firing
            });
            assert!(later, "{model}: labelled alerts after the second lesson");
        }
    }
}

#[test]
fn a_range_says_what_the_cohorts_in_it_alone_would_say() {
    let (from, to) = (START + 6 * DAY, START + 15 * DAY);
    for (seed, made) in [(1, UNRULY), (2, ORDERLY)] {
        let log = Log::new(seed, made);
        let range = Range { from: Some(time(from)), to: Some(time(to)) };
        let of_models = |findings: &[Finding]| -> BTreeMap<String, String> {
            let pipeline = |line: &str| line.contains(r#""model":null"#);
            finals(findings)
                .into_iter()
                .filter(|(key, line)| !key.starts_with("summary probe") && !pipeline(line))
                .collect()
        };
        // A last prediction of another model, after the range, moves the watermark in both.
        let mut rows: Vec<Row> = log.rows.iter().filter(|row| row.published < row.time + DISORDER).cloned().collect();
        let last = rows.last().unwrap().clone();
        rows.push(Row { id: "probe".into(), model: "probe", ..last });
        let told: Vec<Told> = log
            .told
            .iter()
            .filter(|one| one.published < one.time + LABEL_DISORDER && !one.id.contains("nobody"))
            .cloned()
            .collect();
        let inside =
            rows.iter().filter(|row| row.model == "probe" || (from..to).contains(&row.time)).cloned().collect();
        let (full, cut) = (Log::of(rows, told.clone(), log.end), Log::of(inside, told, log.end));
        let ranged = Drive { range, ..Drive::new(&full) }.run(|number| number % 100 == 0);
        let alone = plain(&cut);
        assert_same(&of_models(&alone.findings), &of_models(&ranged.findings), &format!("seed {seed}"));
        let outside: BTreeSet<i64> = summaries(&ranged.findings)
            .filter(|one| one.window.end <= from || one.window.start >= to)
            .map(|one| one.window.start)
            .collect();
        assert!(outside.is_empty(), "summaries outside of the range: {outside:?}");
        let orphans = |findings: &[Finding]| {
            findings.iter().filter(|finding| matches!(finding, Finding::Alert(alert) if alert.model.is_none())).count()
        };
        assert!(orphans(&alone.findings) > 0, "labels without the predictions outside would be orphans");
        if !made.unruly {
            assert_eq!(orphans(&ranged.findings), 0, "seed {seed}");
        }
    }
}

#[test]
fn a_window_is_final_when_the_labels_end_no_earlier_than_its_label_window() {
    let log = Log::new(7, ORDERLY);
    for last in [DAYS - 4, DAYS - 1, DAYS + 1, DAYS + 3] {
        let last = START + last * DAY;
        for end in [last - 1, last] {
            let mut told: Vec<Told> = log.told.iter().filter(|one| one.time < last).cloned().collect();
            told.push(Told { published: end + HOUR, id: "fraud-1".into(), time: end, value: Some(1), revision: 0 });
            let mut rows = log.rows.clone();
            let probe =
                Row { id: "probe".into(), model: "probe", time: log.end, published: log.end, ..rows[0].clone() };
            rows.push(probe);
            rows.sort_by_key(|row| row.published);
            for (partitions, commit) in [(1, 1_000_000), (3, 90)] {
                let cut = Log::of(rows.clone(), told.clone(), log.end);
                let outcome = Drive { partitions, ..Drive::new(&cut) }.run(|number| number % commit == 0);
                let found: BTreeSet<(i64, i64)> = summaries(&outcome.findings)
                    .filter(|summary| (summary.model.as_str(), summary.version.as_str()) == ("fraud", "v1"))
                    .map(|summary| (summary.window.start, summary.window.end))
                    .collect();
                let mut expected = BTreeSet::new();
                for days in [1, 7, 28] {
                    // 2026-01-01 lies in the middle of a window of 28 days.
                    let first = if days == 28 { START - 14 * DAY } else { START };
                    expected.extend(
                        (0..DAYS)
                            .map(|place| (first + place * days * DAY, first + (place + 1) * days * DAY))
                            .filter(|&(_, until)| until <= log.end && until + LABELS <= end),
                    );
                }
                assert_eq!(found, expected, "labels until {end}, {partitions} partitions");
            }
        }
    }
}

/// The files that `replay` writes, but for the account of the run, which names files and rates.
fn command(
    folder: &std::path::Path,
    name: &str,
    config: &str,
    inferences: &str,
    labels: &str,
) -> Vec<(String, Vec<u8>)> {
    let path = |name: &str| folder.join(name);
    std::fs::write(path(&format!("{name}.yaml")), config).unwrap();
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_truthline"))
        .arg("replay")
        .args(["--config".as_ref(), path(&format!("{name}.yaml")).as_os_str()])
        .args(["--baseline".as_ref(), path("baseline.json").as_os_str()])
        .args(["--inferences".as_ref(), path(inferences).as_os_str()])
        .args(["--labels".as_ref(), path(labels).as_os_str()])
        .args(["--out".as_ref(), path(name).as_os_str()])
        .output()
        .unwrap();
    assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(path(name))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| name != "run.json")
        .collect();
    files.sort();
    files
}

#[test]
fn json_lines_avro_containers_and_mapped_tables_say_the_same() {
    let log = Log::new(9, ORDERLY);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let lines = |records: &[(i64, String)]| {
        let mut written = Written::default();
        for (_, record) in records {
            written.push(record);
        }
        written.bytes().to_vec()
    };
    write("baseline.json", truthline::baseline::write(&[baseline()]).as_bytes());
    write("i.jsonl", &lines(&log.inferences));
    write("l.jsonl", &lines(&log.labels));
    write("i.avro", &files::inferences(&log.rows));
    write("l.avro", &files::labels(&log.told));
    write("i.csv", &files::inference_table(&log.rows));
    write("l.csv", &files::label_table(&log.told));

    let native = format!("{TOPICS}{MODELS}");
    let mapped = format!("{}{MODELS}", files::MAPPING);
    let expected = command(folder.path(), "json", &native, "i.jsonl", "l.jsonl");
    assert!(expected.iter().filter(|(_, bytes)| bytes.len() > 5_000).count() >= 4, "much is said");
    for (name, config, inferences, labels) in
        [("avro", &native, "i.avro", "l.avro"), ("csv", &mapped, "i.csv", "l.csv")]
    {
        let found = command(folder.path(), name, config, inferences, labels);
        for ((file, one), (other_file, other)) in expected.iter().zip(&found) {
            assert_eq!(file, other_file);
            let line = one.split(|&b| b == b'\n').zip(other.split(|&b| b == b'\n')).position(|(a, b)| a != b);
            assert!(one == other, "{name}: {file} differs at line {line:?}");
        }
        assert_eq!(found.len(), expected.len());
    }
    // And what the command writes is what the engine says.
    let engine = finals(&plain(&log).findings);
    for (file, bytes) in expected {
        let kind = match file.as_str() {
            "alerts.jsonl" => "alert ",
            "incidents.jsonl" => "incident ",
            "label-requests.jsonl" => "request ",
            "summaries.jsonl" => "summary ",
            _ => continue,
        };
        let written: BTreeSet<&str> = std::str::from_utf8(&bytes)
            .unwrap()
            .lines()
            .filter(|line| kind != "summary " || line.contains(r#""final":true"#))
            .filter(|line| kind != "alert " || line.contains(r#""basis_final":true"#))
            .collect();
        let said: BTreeSet<&str> =
            engine.iter().filter(|(key, _)| key.starts_with(kind)).map(|(_, line)| line.as_str()).collect();
        assert!(written == said, "{file} is not what the engine said");
    }
}
