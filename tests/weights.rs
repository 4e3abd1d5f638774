//! Does a stream whose labels are seen selectively give the figures of all its rows, from decoding to the summary?
//!
//! Labels come where the decision was no, and one time in ten where it was yes; the records say with what probability. The
//! oracle knows the label of every row.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use truthline::stats::interval::wilson;
use truthline::story::Chance;

const START: i64 = 1_767_225_600_000_000;
const MINUTE: i64 = 60_000_000;
const DAY: i64 = 1_440 * MINUTE;
const A_DAY: i64 = 4_000;
const EXPLORED: f64 = 0.1;

/// A prediction, its truth, and whether that is seen.
struct Case {
    record: Value,
    positive: bool,
    flagged: bool,
    seen: bool,
}

fn cases(seed: u64, days: i64, begin: i64) -> Vec<Case> {
    let mut chance = Chance::new(seed);
    (0..days * A_DAY)
        .map(|number| {
            let x = chance.uniform() * chance.uniform();
            let score = 0.02 + 0.6 * x;
            let (positive, flagged) = (chance.happens(score), score >= 0.25);
            let seen = !flagged || chance.happens(EXPLORED);
            let record = json!({
                "request_id": format!("{seed}-{number}"), "model": "m", "version": "v1",
                "event_time": begin + number * (DAY / A_DAY), "score": score, "decision": flagged,
                "action_prob": if flagged { EXPLORED } else { 1.0 }, "features": {"x": x},
            });
            Case { record, positive, flagged, seen }
        })
        .collect()
}

fn label(case: &Case, positive: bool, revision: i64) -> Value {
    let time = case.record["event_time"].as_i64().unwrap() + 60 * MINUTE;
    json!({"request_id": case.record["request_id"], "label": i32::from(positive), "event_time": time, "revision": revision})
}

fn write(path: &Path, rows: impl IntoIterator<Item = Value>) {
    let mut text = String::new();
    for row in rows {
        writeln!(text, "{row}").unwrap();
    }
    std::fs::write(path, text).unwrap();
}

fn truthline(folder: &Path, words: &str) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_truthline")).current_dir(folder).args(words.split(' ')).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert_eq!(output.status.code(), Some(0), "{text}");
    text
}

/// The final summaries of the days of a stream, and the baseline that it was judged by.
fn judged(
    baseline: &[Case],
    stream: &[Case],
    labels: Vec<Value>,
    weights: &str,
    change: impl Fn(&mut Value),
) -> (Vec<Value>, Value) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let changed = |case: &Case| {
        let mut record = case.record.clone();
        change(&mut record);
        record
    };
    write(
        &at("rows.jsonl"),
        baseline.iter().map(|case| {
            let mut row = changed(case);
            if case.seen {
                row["label"] = json!(i32::from(case.positive));
            }
            row
        }),
    );
    let config =
        format!("defaults: {{window: 1d, label_window: 2h, ages: [0]{weights}}}\nmodels: {{m: {{BASELINE}}}}\n");
    std::fs::write(at("b.yaml"), config.replace("BASELINE", "")).unwrap();
    std::fs::write(at("c.yaml"), config.replace("BASELINE", "baseline: baseline.json")).unwrap();
    truthline(folder.path(), "baseline build --config b.yaml --rows rows.jsonl --out baseline.json");
    write(&at("predictions.jsonl"), stream.iter().map(changed));
    write(&at("labels.jsonl"), labels);
    truthline(folder.path(), "replay --config c.yaml --inferences predictions.jsonl --labels labels.jsonl --out out");
    let text = std::fs::read_to_string(at("out/summaries.jsonl")).unwrap();
    let summaries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let days = summaries.filter(|one| {
        let [start, end] = ["start", "end"].map(|edge| one["window"][edge].as_i64().unwrap());
        one["final"] == true && end - start == DAY && one["counts"]["inferences"] == A_DAY
    });
    let known = serde_json::from_str(&std::fs::read_to_string(at("baseline.json")).unwrap()).unwrap();
    (days.collect(), known)
}

fn told(cases: &[Case]) -> Vec<Value> {
    cases.iter().filter(|case| case.seen).map(|case| label(case, case.positive, 0)).collect()
}

fn near(figure: &Value, truth: f64) -> bool {
    let (value, n) = (figure["value"].as_f64().unwrap(), figure["effective_n"].as_f64().unwrap());
    let interval = wilson(value * n, n, 0.001).unwrap();
    interval.low < truth && truth < interval.high
}

#[test]
fn weighted_figures_are_those_of_all_rows_and_unweighted_ones_are_not() {
    let (baseline, stream) = (cases(1, 7, START), cases(2, 3, START + 30 * DAY));
    let (weighted, known) = judged(&baseline, &stream, told(&stream), "", |_| {});
    let (unweighted, _) = judged(&baseline, &stream, told(&stream), ", weights: {action: false}", |_| {});
    assert!(weighted.len() >= 2 && weighted.len() == unweighted.len(), "{}", weighted.len());
    for (day, (with, without)) in weighted.iter().zip(&unweighted).enumerate() {
        let rows = &stream[day * A_DAY as usize..(day + 1) * A_DAY as usize];
        let positives = rows.iter().filter(|case| case.positive).count() as f64;
        let hits = rows.iter().filter(|case| case.positive && case.flagged).count() as f64;
        let seen = rows.iter().filter(|case| case.seen).count();
        for (figure, truth) in
            [(["figures", "label_rate"], positives / rows.len() as f64), (["metrics", "recall"], hits / positives)]
        {
            let of = |summary: &Value| summary["truth"][figure[0]][figure[1]].clone();
            assert!(near(&of(with), truth), "{figure:?} {truth} {}", of(with));
            assert!(!near(&of(without), truth), "{figure:?} {truth} {}", of(without));
            // The baseline was selective as well, and is mended as well.
            let reference = of(with)["reference"].as_f64().unwrap();
            assert!((reference - truth).abs() < 0.15 * truth, "{figure:?} {reference} {truth}");
        }
        assert_eq!(with["counts"]["labelled"], seen, "rows are counted as rows");
        assert!(with["counts"].get("weights_clipped").is_none());
        assert_eq!(with["alerts"], json!([]), "{with}");
    }
    assert!(known["profiles"][0]["sums"]["squares"].is_array());
}

#[test]
fn corrections_and_withdrawals_leave_weighted_sums_exact() {
    let (baseline, stream) = (cases(3, 7, START), cases(4, 2, START + 30 * DAY));
    // A third is told wrongly first, a third is withdrawn in between.
    let changed = stream.iter().filter(|case| case.seen).enumerate().flat_map(|(number, case)| {
        let mut withdrawn = label(case, true, 1);
        withdrawn.as_object_mut().unwrap().remove("label");
        withdrawn["withdrawn"] = json!(true);
        match number % 3 {
            0 => vec![label(case, !case.positive, 0), label(case, case.positive, 1)],
            1 => vec![label(case, !case.positive, 0), withdrawn, label(case, case.positive, 2)],
            _ => vec![label(case, case.positive, 0)],
        }
    });
    let (plain, _) = judged(&baseline, &stream, told(&stream), "", |_| {});
    let (changed, _) = judged(&baseline, &stream, changed.collect(), "", |_| {});
    assert!(!plain.is_empty());
    assert_eq!(plain, changed);
}

#[test]
fn a_weight_of_one_is_none_and_clips_are_counted() {
    let (baseline, stream) = (cases(5, 7, START), cases(6, 2, START + 30 * DAY));
    let without = |record: &mut Value| {
        record.as_object_mut().unwrap().remove("action_prob");
    };
    let one = |record: &mut Value| {
        record["action_prob"] = json!(1.0);
        record["weight"] = json!(1);
    };
    let (none, known) = judged(&baseline, &stream, told(&stream), "", without);
    let (ones, same) = judged(&baseline, &stream, told(&stream), "", one);
    assert!(!none.is_empty());
    assert_eq!(none, ones);
    assert_eq!(known, same);
    assert!(known["profiles"][0]["sums"].get("squares").is_none());

    let (clipped, _) = judged(&baseline, &stream, told(&stream), ", weights: {largest: 4}", |_| {});
    for (day, summary) in clipped.iter().enumerate() {
        let rows = &stream[day * A_DAY as usize..(day + 1) * A_DAY as usize];
        assert_eq!(summary["counts"]["weights_clipped"], rows.iter().filter(|case| case.seen && case.flagged).count());
        let spots = summary["blind_spots"].as_array().unwrap();
        assert!(spots.iter().any(|spot| spot["name"] == "weights_clipped"), "{spots:?}");
    }
}
