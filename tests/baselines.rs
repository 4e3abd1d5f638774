//! What does a baseline that is not as it should be do to what is judged by it? It is refused, or what cannot be judged by it is
//! named; never silence, never nonsense. And production that was another one than the baseline from the first day on is
//! one matter, not many.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use truthline::story::Chance;

const START: i64 = 1_767_225_600_000_000;
const MINUTE: i64 = 60_000_000;
const DAY: i64 = 1_440 * MINUTE;

/// One row, with its label; `shift` moves everything that a model sees.
fn row(chance: &mut Chance, id: &str, time: i64, shift: f64) -> Value {
    let mut normal = || (0..12).map(|_| chance.uniform()).sum::<f64>() - 6.0;
    let (x, y, z) = (normal() + shift, normal() + shift, normal());
    let score = 1.0 / (1.0 + libm::exp(1.5 - x));
    let label = i32::from(chance.uniform() < score);
    let kind = ["a", "b", "c"][usize::from(y > 0.0) + usize::from(y > 1.0)];
    json!({
        "request_id": id, "model": "m", "version": "v1", "event_time": time, "score": score, "threshold": 0.5,
        "features": {"x": x, "y": y, "z": z, "kind": kind}, "label": label,
    })
}

fn rows(seed: u64, count: i64, begin: i64, step: i64, shift: f64) -> Vec<Value> {
    let mut chance = Chance::new(seed);
    (0..count).map(|n| row(&mut chance, &format!("{seed}-{n}"), begin + n * step, shift)).collect()
}

fn write(path: &Path, rows: &[Value]) {
    std::fs::write(
        path,
        rows.iter().fold(String::new(), |mut text, row| {
            writeln!(text, "{row}").unwrap();
            text
        }),
    )
    .unwrap();
}

fn truthline(folder: &Path, words: &str) -> (i32, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_truthline")).current_dir(folder).args(words.split(' ')).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), text)
}

fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Builds a baseline of these rows.
fn build(folder: &Path, baseline: &[Value]) -> (i32, String) {
    write(&folder.join("baseline.jsonl"), baseline);
    truthline(folder, "baseline build --rows baseline.jsonl --out baseline.json")
}

/// Replays a stream of predictions and their labels, an hour late.
fn replay(folder: &Path, stream: &[Value]) -> String {
    let predictions: Vec<Value> = stream.to_vec();
    let labels: Vec<Value> = stream
        .iter()
        .map(|row| {
            let time = row["event_time"].as_i64().unwrap() + 60 * MINUTE;
            json!({"request_id": row["request_id"], "label": row["label"], "event_time": time})
        })
        .collect();
    write(&folder.join("predictions.jsonl"), &predictions);
    write(&folder.join("labels.jsonl"), &labels);
    let config = "defaults: {window: 1d, label_window: 2h, ages: [0]}\nmodels: {m: {baseline: baseline.json}}\n";
    std::fs::write(folder.join("c.yaml"), config).unwrap();
    let words = "replay --config c.yaml --inferences predictions.jsonl --labels labels.jsonl --out out";
    let (code, text) = truthline(folder, words);
    assert_eq!(code, 0, "{text}");
    text
}

/// The names of what the last final summary could not tell.
fn unknown(folder: &Path) -> BTreeSet<String> {
    let summaries = lines(&folder.join("out/summaries.jsonl"));
    let last = summaries.iter().rfind(|summary| summary["final"] == true).unwrap();
    last["blind_spots"].as_array().unwrap().iter().map(|spot| spot["name"].as_str().unwrap().to_owned()).collect()
}

fn firing(folder: &Path) -> BTreeSet<String> {
    let alerts = lines(&folder.join("out/alerts.jsonl"));
    let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
    firing.map(|alert| alert["indicator"].as_str().unwrap().to_owned()).collect()
}

/// Builds, replays a stream in which nothing changed, and tells what was said at the build and what stayed unknown.
fn judged_by(baseline: &[Value]) -> (String, BTreeSet<String>, BTreeSet<String>) {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = build(folder.path(), baseline);
    assert_eq!(code, 0, "{said}");
    replay(folder.path(), &rows(2, 4_000, START + 30 * DAY, 2 * MINUTE, 0.0));
    (said, unknown(folder.path()), firing(folder.path()))
}

fn without(mut rows: Vec<Value>, field: &str) -> Vec<Value> {
    for row in &mut rows {
        row.as_object_mut().unwrap().remove(field);
    }
    rows
}

fn usual() -> Vec<Value> {
    rows(1, 4_000, START, 10 * MINUTE, 0.0)
}

#[test]
fn three_rows_judge_nothing_and_it_says_so() {
    let (said, unknown, firing) = judged_by(&usual()[..3]);
    assert!(said.contains("only 3 rows"), "{said}");
    assert!(unknown.contains("baseline_too_small"), "{unknown:?}");
    assert!(firing.is_empty(), "{firing:?}");
}

#[test]
fn one_class_is_no_reference_for_metrics() {
    let mut baseline = usual();
    baseline.iter_mut().for_each(|row| row["label"] = json!(0));
    let (said, unknown, firing) = judged_by(&baseline);
    assert!(said.contains("all labels are of one class"), "{said}");
    assert!(unknown.contains("baseline_with_few_labels"), "{unknown:?}");
    // That the share of positives was 0 and is not any more is the one thing that can be said.
    assert!(firing.is_subset(&["label.rate".to_owned()].into()), "{firing:?}");
}

#[test]
fn no_labels_are_no_reference_for_the_truth() {
    let (said, unknown, firing) = judged_by(&without(usual(), "label"));
    assert!(said.contains("no row has a label"), "{said}");
    assert!(unknown.contains("baseline_without_labels"), "{unknown:?}");
    assert!(firing.is_empty(), "{firing:?}");
}

#[test]
fn constant_features_are_named_and_new_values_are_new() {
    let mut baseline = usual();
    baseline.iter_mut().for_each(|row| row["features"]["kind"] = json!("a"));
    let (said, _, firing) = judged_by(&baseline);
    assert!(said.contains("one and the same value in all rows: 'kind'"), "{said}");
    assert!(firing.contains("input.unseen_value"), "{firing:?}");
}

#[test]
fn one_moment_tells_nothing_of_days() {
    let mut baseline = usual();
    baseline.iter_mut().for_each(|row| row["event_time"] = json!(START));
    let (said, unknown, firing) = judged_by(&baseline);
    assert!(said.contains("too little time"), "{said}");
    assert!(unknown.contains("scatter_unknown"), "{unknown:?}");
    assert!(firing.is_empty(), "{firing:?}");
}

#[test]
fn another_schema_is_missing_values_and_not_silence() {
    let mut baseline = usual();
    baseline.iter_mut().for_each(|row| row["features"] = json!({"other": row["features"]["x"]}));
    let (_, _, firing) = judged_by(&baseline);
    assert!(firing.contains("input.missing_rate"), "{firing:?}");
}

#[test]
fn rows_that_cannot_be_used_are_counted_with_a_reason_and_none_at_all_is_an_error() {
    let cases: [(&str, Value, &[&str]); 4] = [
        ("score", Value::Null, &["missing_field", "accepted: one of score"]),
        ("score", json!(1.5), &["out_of_range", "1.5"]),
        ("event_time", Value::Null, &["missing_field", "event_time is missing", "RFC 3339"]),
        ("features", json!("none"), &["wrong_type", "features"]),
    ];
    for (field, value, says) in cases {
        let mut baseline = usual();
        baseline.truncate(300);
        baseline.iter_mut().for_each(|row| row[field] = value.clone());
        let folder = tempfile::tempdir().unwrap();
        let (code, said) = build(folder.path(), &baseline);
        assert_eq!(code, 1, "{field}: {said}");
        let record = ["300 rejected", "baseline.jsonl record 1", "nothing to build a baseline from"];
        for part in says.iter().chain(&record) {
            assert!(said.contains(part), "{field}: '{part}' is not in {said}");
        }
        assert!(!folder.path().join("baseline.json").exists(), "{field}");
    }
}

#[test]
fn a_word_for_no_number_that_is_not_json_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let row = usual()[0].to_string().replace("\"threshold\":0.5", "\"threshold\":NaN");
    std::fs::write(folder.path().join("baseline.jsonl"), row + "\n").unwrap();
    let (code, said) = truthline(folder.path(), "baseline build --rows baseline.jsonl --out baseline.json");
    assert_eq!(code, 1);
    assert!(
        said.contains("1 rejected as malformed") && said.contains("no NaN") && said.contains("write null"),
        "{said}"
    );
}

#[test]
fn amounts_that_make_no_sense_are_refused_with_what_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("costs: {false_negative: -1}", "defaults.costs.false_negative"),
        ("weights: {largest: 0.5}", "defaults.weights.largest"),
        ("weights: {largest: 101}", "defaults.weights.largest"),
        ("weights: {action: maybe}", "defaults.weights.action"),
        ("false_alarms_per_month: -0.1", "defaults.false_alarms_per_month"),
        ("false_alarms_per_month: 0", "defaults.false_alarms_per_month"),
        ("claims: {auc: {n: 100}}", "defaults.claims.auc"),
        ("claims: {auc: {value: 0.9, n: -5}}", "defaults.claims.auc.n"),
    ];
    for (setting, place) in cases {
        std::fs::write(folder.path().join("c.yaml"), format!("defaults: {{{setting}}}\n")).unwrap();
        let (code, said) = truthline(folder.path(), "validate --config c.yaml");
        assert_eq!(code, 78, "{setting}: {said}");
        assert!(said.contains(place), "{setting}: {said}");
    }
    // A claim may come without its number of rows: it is a figure then, and no test.
    std::fs::write(folder.path().join("c.yaml"), "defaults: {claims: {auc: {value: 0.9}}}\n").unwrap();
    assert_eq!(truthline(folder.path(), "validate --config c.yaml").0, 0);
}

#[test]
fn a_launch_that_is_not_as_the_training_sample_was_is_one_incident() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(build(folder.path(), &usual()).0, 0);
    // Three features and the scores are moved from the first record on, and stay so for two weeks.
    replay(folder.path(), &rows(3, 14 * 720, START + 30 * DAY, 2 * MINUTE, 0.9));
    let alerts = firing(folder.path());
    assert!(alerts.contains("input.drift") && alerts.contains("prediction.drift"), "{alerts:?}");
    let incidents = lines(&folder.path().join("out/incidents.jsonl"));
    let names: BTreeSet<&str> = incidents.iter().map(|incident| incident["id"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 1, "{incidents:#?}");
    let last = incidents.last().unwrap();
    assert_eq!(last["cause"], "launch_gap", "{last:#}");

    // Accepted, it is closed and no other one opens, though its alerts go on.
    let id = last["id"].as_str().unwrap();
    let accept = json!({
        "type": "accept", "model": "m", "incident": id, "event_time": START + 32 * DAY, "by": "me", "reason": "as it is",
    });
    write(&folder.path().join("control.jsonl"), &[accept]);
    let words = "replay --config c.yaml --inferences predictions.jsonl --labels labels.jsonl --out out \
                 --control control.jsonl";
    let (code, said) = truthline(folder.path(), words);
    assert_eq!(code, 0, "{said}");
    let incidents = lines(&folder.path().join("out/incidents.jsonl"));
    assert_eq!(incidents.last().unwrap()["state"], "accepted", "{said}\n{incidents:#?}");
    assert!(incidents.iter().all(|incident| incident["id"] == id), "{incidents:#?}");
}
