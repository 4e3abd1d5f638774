//! Does an alert hold its breath on a stream that follows the hours of the day and the days of the week? And is ageing told
//! from a step?
//!
//! Cycles that the baseline went through as well raise nothing. A change on top of them fires each of its alerts once,
//! however the cycle carries the figure to and fro across the floor, and ends it once when the change is taken back.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use truthline::story::Chance;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// A Thursday.
const START: i64 = 1_767_225_600_000_000;
const A_DAY: i64 = 1_200;
const BASELINE_DAYS: i64 = 28;
/// Four quiet weeks after the last window of four weeks that holds a part of the change, everything has ended.
const DAYS: i64 = 84;
/// The days with the change.
const CHANGED: std::ops::Range<i64> = 7..15;

/// What is done to a day of the stream.
#[derive(Clone, Copy, Default)]
struct Change {
    /// Missing values, a new country, and more positives than the scores say.
    harm: bool,
    /// By how much the scores have lost touch with the truth, from 0 to 1.
    age: f64,
}

fn row(chance: &mut Chance, id: &str, time: i64, Change { harm: changed, age }: Change) -> Value {
    let hours = (time - START) as f64 / HOUR as f64;
    let season = 0.8 * libm::sin(hours / 24.0 * TAU) + 0.5 * libm::cos(hours / 168.0 * TAU);
    let mut normal = || (0..12).map(|_| chance.uniform()).sum::<f64>() - 6.0;
    let (x, z, unknown) = (normal() + season, normal(), normal());
    let missing = changed && chance.uniform() < 0.05;
    let country =
        if changed && chance.uniform() < 0.1 { "new" } else { ["de", "fr", "it"][(chance.uniform() * 3.0) as usize] };
    let score = 1.0 / (1.0 + libm::exp(2.0 - x));
    // With age the truth follows another number that the model does not know.
    let known = (1.0 - age) * x + age * (season + unknown);
    let truth = 1.0 / (1.0 + libm::exp(if changed { 0.8 } else { 2.0 } - known));
    json!({
        "request_id": id, "model": "m", "version": "v1", "event_time": time, "score": score, "threshold": 0.3,
        "features": {"x": x, "z": if missing { Value::Null } else { json!(z) }, "country": country},
        "label": i32::from(chance.uniform() < truth),
    })
}

fn rows(seed: u64, first_day: i64, days: i64, change: impl Fn(i64) -> Change) -> Vec<Value> {
    let mut chance = Chance::new(seed);
    let step = DAY / A_DAY;
    let times = (0..days * A_DAY).map(|n| first_day * DAY + START + n * step);
    times
        .enumerate()
        .map(|(n, time)| row(&mut chance, &format!("{seed}-{n}"), time, change((time - START) / DAY - BASELINE_DAYS)))
        .collect()
}

fn write(path: &Path, rows: impl Iterator<Item = Value>) {
    let text = rows.fold(String::new(), |mut text, row| {
        writeln!(text, "{row}").unwrap();
        text
    });
    std::fs::write(path, text).unwrap();
}

/// The lives of all alerts: by indicator and subject, the states in the order of their due times.
fn lives(window: &str, change: impl Fn(i64) -> Change) -> BTreeMap<String, Vec<String>> {
    let mut lives: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for alert in alerts(&replayed(window, DAYS, change)) {
        if alert["severity"] != "info" {
            let name = format!("{} {}", alert["indicator"], alert["subject"]);
            lives.entry(name).or_default().push(alert["state"].as_str().unwrap().to_owned());
        }
    }
    lives
}

fn alerts(folder: &tempfile::TempDir) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.path().join("out/alerts.jsonl")).unwrap();
    let alerts = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    alerts.filter(|alert| alert["basis_final"] == true).collect()
}

/// The folder with what a replay of so many days said.
fn replayed(window: &str, days: i64, change: impl Fn(i64) -> Change) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let stream = rows(2, BASELINE_DAYS, days, change);
    write(&path("baseline.jsonl"), rows(1, 0, BASELINE_DAYS, |_| Change::default()).into_iter());
    write(
        &path("labels.jsonl"),
        stream.iter().map(|row| {
            let time = row["event_time"].as_i64().unwrap() + HOUR;
            json!({"request_id": row["request_id"], "label": row["label"], "event_time": time})
        }),
    );
    write(&path("predictions.jsonl"), stream.into_iter());
    let config = format!(
        "defaults: {{window: {window}, label_window: 2h, ages: [0]}}\nmodels: {{m: {{baseline: baseline.json}}}}\n"
    );
    std::fs::write(path("c.yaml"), config).unwrap();
    for words in [
        "baseline build --rows baseline.jsonl --out baseline.json",
        "replay --config c.yaml --inferences predictions.jsonl --labels labels.jsonl --out out",
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_truthline"));
        let output = command.current_dir(folder.path()).args(words.split(' ')).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    folder
}

#[test]
fn seasons_that_the_baseline_knows_raise_nothing() {
    for window in ["1h", "1d"] {
        let lives = lives(window, |_| Change::default());
        assert!(!lives.values().flatten().any(|state| state == "firing"), "{window}: {lives:#?}");
    }
}

#[test]
fn a_change_on_top_of_seasons_fires_once_and_ends_once() {
    for window in ["1h", "1d"] {
        let lives = lives(window, |day| Change { harm: CHANGED.contains(&day), ..Change::default() });
        let fired: Vec<_> = lives.iter().filter(|(_, states)| states.iter().any(|state| state == "firing")).collect();
        for wanted in ["input.missing_rate", "input.unseen_value", "calibration.intercept"] {
            assert!(fired.iter().any(|(name, _)| name.contains(wanted)), "{window}, {wanted}: {lives:#?}");
        }
        for (name, states) in fired {
            let count = |wanted: &str| states.iter().filter(|state| *state == wanted).count();
            assert_eq!((count("firing"), count("resolved")), (1, 1), "{window}, {name}: {states:?}");
        }
    }
}

#[test]
fn a_model_that_ages_day_by_day_is_said_to_age() {
    const TEN_WEEKS: i64 = 70;
    let folder =
        replayed("1d", TEN_WEEKS, |day| Change { age: 0.8 * day as f64 / TEN_WEEKS as f64, ..Change::default() });
    let trends: Vec<Value> =
        alerts(&folder).into_iter().filter(|alert| alert["indicator"] == "temporal.trend").collect();
    assert!(
        trends.iter().any(|alert| alert["state"] == "firing" && alert["subject"]["metric"] == "auc"),
        "{trends:#?}"
    );
    let text = std::fs::read_to_string(folder.path().join("out/incidents.jsonl")).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(
        (last["cause"].as_str(), last["retrain"]["verdict"].as_str()),
        (Some("ageing"), Some("retrain")),
        "{last:#}"
    );
}

#[test]
fn a_step_is_no_ageing() {
    let folder = replayed("1d", 56, |day| Change { age: if day < 30 { 0.0 } else { 0.5 }, ..Change::default() });
    let alerts = alerts(&folder);
    assert!(alerts.iter().any(|alert| alert["indicator"] == "performance.degradation"), "{alerts:#?}");
    assert!(
        !alerts.iter().any(|alert| alert["indicator"] == "temporal.trend" && alert["state"] == "firing"),
        "{alerts:#?}"
    );
}
