//! Does a replay of other people's data say what an independent computation says of them?
//!
//! The car loan data of the package nannyml: a reference, and an analysis whose inputs change at row 25,000. Everything
//! that is compared with the program here is computed from the CSV files by code of this file alone.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it stands")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test may read the environment, and the oracle computes in its own way"
)]

mod loans;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use loans::{DATA, DAY, NUMERIC, OUT_OF_ORDER, Row, json_line, labels, written};
use serde_json::Value as Json;

const WEEK: i64 = 7 * DAY;
/// As in the configuration of the example.
const LABEL_WINDOW: i64 = 21 * DAY;
/// The row of the analysis from which on the inputs are others.
const CHANGED_ROW: usize = 25_000;
const CATEGORICAL: [&str; 3] = ["salary_range", "repaid_loan_on_prev_car", "size_of_downpayment"];

// The program.

fn truthline(words: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_truthline")).args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}\n{}", String::from_utf8_lossy(&output.stderr));
}

fn example(name: &str) -> String {
    format!("{}/docs/examples/car-loan/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// What a replay wrote.
struct Replay {
    summaries: Vec<Json>,
    alerts: Vec<Json>,
    incidents: Vec<Json>,
    run: Json,
    /// All lines that are final, in the order of their text.
    finals: Vec<String>,
}

fn read(folder: &Path) -> Replay {
    let lines = |name: &str| -> Vec<(String, Json)> {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        text.lines().map(|line| (line.to_owned(), serde_json::from_str(line).unwrap())).collect()
    };
    let [summaries, alerts, incidents, requests] =
        ["summaries.jsonl", "alerts.jsonl", "incidents.jsonl", "label-requests.jsonl"].map(lines);
    let mut finals: Vec<String> = [&summaries, &alerts, &incidents]
        .into_iter()
        .flatten()
        .filter(|(_, json)| json["final"] == true || json["basis_final"] == true)
        .chain(&requests)
        .map(|(line, _)| line.clone())
        .collect();
    finals.sort();
    let json = |lines: Vec<(String, Json)>| lines.into_iter().map(|(_, json)| json).collect();
    let run = serde_json::from_str(&fs::read_to_string(folder.join("run.json")).unwrap()).unwrap();
    Replay { summaries: json(summaries), alerts: json(alerts), incidents: json(incidents), run, finals }
}

/// A folder with the baseline and the labels, and what a replay of the files made of them.
struct Replayed {
    folder: tempfile::TempDir,
    replay: Replay,
}

impl Replayed {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }
}

static REPLAYED: LazyLock<Replayed> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let data = |name: &str| DATA.folder.join(name).to_str().unwrap().to_owned();
    let mut text = String::from("id,repaid,known_at\n");
    for label in labels(&DATA.analysis) {
        writeln!(text, "{},{},{}", label.id, label.text, written(label.time)).unwrap();
    }
    fs::write(path("labels.csv"), text).unwrap();
    let config = example("truthline.yaml");
    let (reference, baseline) = (data("synthetic_car_loan_reference.csv"), path("baseline.json"));
    truthline(&["baseline", "build", "--config", &config, "--rows", &reference, "--out", &baseline]);
    replay(&baseline, &path("labels.csv"), &path("out"), &[]);
    let replay = read(&folder.path().join("out"));
    Replayed { folder, replay }
});

fn replay(baseline: &str, labels: &str, out: &str, more: &[&str]) {
    let config = example("truthline.yaml");
    let analysis = DATA.folder.join("synthetic_car_loan_analysis.csv");
    let mut words = vec!["replay", "--config", &config, "--baseline", baseline];
    words.extend(["--inferences", analysis.to_str().unwrap(), "--labels", labels, "--out", out]);
    words.extend(more);
    truthline(&words);
}

/// The rows of the analysis by the start of their week; weeks begin on Thursdays, as 1970 did.
fn weeks() -> BTreeMap<i64, Vec<&'static Row>> {
    let mut weeks: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
    for row in &DATA.analysis {
        weeks.entry(row.time.div_euclid(WEEK) * WEEK).or_default().push(row);
    }
    weeks
}

fn bounds(json: &Json) -> (i64, i64) {
    (json["window"]["start"].as_i64().unwrap(), json["window"]["end"].as_i64().unwrap())
}

// Independent figures.

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

fn mean(rows: &[&Row], of: impl Fn(&Row) -> f64) -> f64 {
    rows.iter().map(|row| of(row)).sum::<f64>() / rows.len() as f64
}

/// Every pair of a positive and a negative, one by one; ties count half.
fn exact_auc(rows: &[&Row]) -> f64 {
    let (mut twice, mut pairs) = (0_u64, 0_u64);
    for positive in rows.iter().filter(|row| row.label) {
        for negative in rows.iter().filter(|row| !row.label) {
            pairs += 1;
            twice += if positive.score > negative.score { 2 } else { u64::from(positive.score >= negative.score) };
        }
    }
    twice as f64 / 2.0 / pairs as f64
}

fn metrics(rows: &[&Row]) -> BTreeMap<&'static str, f64> {
    let count =
        |decision: bool, label: bool| rows.iter().filter(|row| row.decision == decision && row.label == label).count();
    let (hits, false_alarms, misses) = (count(true, true), count(true, false), count(false, true));
    let (precision, recall) = (share(hits, hits + false_alarms), share(hits, hits + misses));
    let log_loss = |row: &Row| {
        let score = row.score.clamp(1e-6, 1.0 - 1e-6);
        -libm::log(if row.label { score } else { 1.0 - score })
    };
    BTreeMap::from([
        ("auc", exact_auc(rows)),
        ("accuracy", share(hits + count(false, false), rows.len())),
        ("precision", precision),
        ("recall", recall),
        ("f1", 2.0 * precision * recall / (precision + recall)),
        ("log_loss", mean(rows, log_loss)),
        ("brier", mean(rows, |row| (row.score - if row.label { 1.0 } else { 0.0 }).powi(2))),
    ])
}

#[test]
fn realised_metrics_equal_an_independent_computation_in_every_mature_week() {
    let last_label = labels(&DATA.analysis).iter().map(|label| label.time).max().unwrap();
    let mature = |start: &i64| start + WEEK + LABEL_WINDOW + OUT_OF_ORDER <= last_label;
    let mut expected: BTreeMap<i64, _> = weeks().into_iter().filter(|(start, _)| mature(start)).collect();
    assert!(expected.len() > 40, "{}", expected.len());
    for summary in &REPLAYED.replay.summaries {
        let (start, end) = bounds(summary);
        if end - start != WEEK || summary["final"] != true {
            continue;
        }
        let rows = expected.remove(&start).unwrap_or_else(|| panic!("{start} is final and should not be"));
        assert_eq!(summary["counts"]["labelled"].as_u64().unwrap(), rows.len() as u64);
        for (name, exact) in metrics(&rows) {
            let figure = &summary["truth"]["metrics"][name];
            let (value, bound) = (figure["value"].as_f64().unwrap(), figure["error_bound"].as_f64().unwrap());
            let tolerance = match name {
                "auc" => bound + 1e-12,
                "log_loss" | "brier" => 1e-7,
                _ => 1e-12,
            };
            assert!((value - exact).abs() <= tolerance, "{name} of the week of {start}: {value}, exactly {exact}");
            // A bound that says nothing would be kept by anything.
            assert!(if name == "auc" { bound < 0.01 } else { bound <= 0.0 }, "{name}: {bound}");
            assert_eq!((figure["maturity"].as_str(), figure["coverage"].as_f64()), (Some("mature"), Some(1.0)));
        }
    }
    assert!(expected.is_empty(), "without a final summary: {:?}", expected.keys());
}

/// The largest difference of cumulated shares, for categories of single shares.
fn distance(feature: &str, one: &[&Row], other: &[&Row]) -> f64 {
    let shares = |rows: &[&Row]| -> BTreeMap<String, f64> {
        let mut shares = BTreeMap::new();
        for row in rows {
            *shares.entry(row.cells[feature].clone()).or_insert(0.0) += 1.0 / rows.len() as f64;
        }
        shares
    };
    let (one, other) = (shares(one), shares(other));
    let mut values: Vec<&String> = one.keys().chain(other.keys()).collect::<BTreeSet<_>>().into_iter().collect();
    let gap = |value: &String| one.get(value).unwrap_or(&0.0) - other.get(value).unwrap_or(&0.0);
    if CATEGORICAL.contains(&feature) {
        return values.iter().map(|value| gap(value).abs()).fold(0.0, f64::max);
    }
    values.sort_by(|a, b| a.parse::<f64>().unwrap().total_cmp(&b.parse::<f64>().unwrap()));
    let mut cumulated = 0.0;
    values.into_iter().fold(0.0, |largest, value| {
        cumulated += gap(value);
        f64::max(largest, cumulated.abs())
    })
}

#[test]
fn the_change_is_found_in_its_first_full_week_with_the_features_that_moved_and_nothing_fires_before() {
    let change = DATA.analysis[CHANGED_ROW].time;
    assert_eq!(written(change), "2019-03-31 03:00:00.000");
    let alerts = &REPLAYED.replay.alerts;
    let early: Vec<&Json> =
        alerts.iter().filter(|alert| alert["state"] == "firing" && bounds(alert).1 <= change).collect();
    assert!(early.is_empty(), "{early:?}");

    // What moved, by the bound of Kolmogorov and Smirnov at one in a million.
    let full = (change.div_euclid(WEEK) + 1) * WEEK;
    let (week, reference) = (&weeks()[&full], DATA.reference.iter().collect::<Vec<_>>());
    let sizes = 1.0 / week.len() as f64 + 1.0 / reference.len() as f64;
    let chance = (libm::log(2e6) / 2.0 * sizes).sqrt();
    let features = NUMERIC.into_iter().chain(CATEGORICAL);
    let moved: BTreeSet<&str> = features.filter(|feature| distance(feature, week, &reference) > chance).collect();
    assert_eq!(moved, BTreeSet::from(["car_value", "loan_length", "repaid_loan_on_prev_car", "salary_range"]));

    let mut firing = BTreeSet::new();
    for alert in alerts.iter().filter(|alert| alert["indicator"] == "input.drift" && bounds(alert).1 <= full + WEEK) {
        let feature = alert["subject"]["feature"].as_str().unwrap();
        if alert["state"] == "firing" {
            firing.insert(feature)
        } else {
            firing.remove(feature)
        };
    }
    assert_eq!(firing, moved);
    // And it stays so: the others never fire, however much they are looked at.
    let ever: BTreeSet<&str> = alerts
        .iter()
        .filter(|alert| alert["basis"] == "inputs" && alert["state"] == "firing")
        .map(|alert| alert["subject"]["feature"].as_str().unwrap())
        .collect();
    assert_eq!(ever, moved);
}

#[test]
fn the_incident_says_that_the_cases_changed_and_not_their_meaning() {
    // Independently: had the customers of each score repaid as often as in the reference, how would the model have done?
    let mut rates: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
    for row in &DATA.reference {
        let rate = rates.entry(row.score.to_bits()).or_insert((0, 0));
        *rate = (rate.0 + usize::from(row.label), rate.1 + 1);
    }
    let after: Vec<&Row> = DATA.analysis[CHANGED_ROW..].iter().collect();
    let reference: Vec<&Row> = DATA.reference.iter().collect();
    let foretold = mean(&after, |row| {
        let (positives, cases) = rates[&row.score.to_bits()];
        let rate = share(positives, cases);
        if row.decision { rate } else { 1.0 - rate }
    });
    let (before, now) = (metrics(&reference)["accuracy"], metrics(&after)["accuracy"]);
    assert!(before - now > 0.02, "the model did get worse: {before} to {now}");
    assert!((before - foretold) / (before - now) > 0.5, "and its scores foretold most of it: {foretold}");

    let incidents = &REPLAYED.replay.incidents;
    let ids: BTreeSet<&str> = incidents.iter().map(|incident| incident["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 1, "one change, one incident");
    for incident in incidents {
        assert_eq!(incident["cause"], "covariate_shift", "{incident}");
        let text = incident["text"].as_str().unwrap();
        assert!(text.contains("'car_value' has moved"), "{text}");
        let quiet = text.contains("No metric of the whole model has become worse");
        assert_eq!(incident["evidence"]["overall_metrics_quiet"] == true, quiet, "{text}");
    }
    let last = incidents.last().unwrap();
    assert_eq!(last["evidence"]["overall_metrics_quiet"], false, "the fall is noticed: {last}");
    assert_eq!(last["retrain"]["verdict"], "retrain_candidate");
}

#[test]
fn every_record_is_accounted_for() {
    let run = &REPLAYED.replay.run;
    let number = |side: &str, name: &str| run[side][name].as_u64().unwrap();
    assert_eq!(
        (number("inferences", "in"), number("inferences", "labelled"), number("labels", "joined")),
        (50_000, 50_000, 50_000),
        "labels count whether they are written 1 or 1.0"
    );
    assert!(run["invariants"].as_array().unwrap().iter().all(|invariant| invariant["holds"] == true));
}

fn assert_same(finals: &[String], of: &str) {
    let whole = &REPLAYED.replay.finals;
    assert!(whole.len() > 50, "{}", whole.len());
    for (one, other) in whole.iter().zip(finals) {
        assert_eq!(one, other, "{of}");
    }
    assert_eq!(whole.len(), finals.len(), "{of}");
}

#[test]
fn four_partitions_give_the_same_bytes() {
    let out = REPLAYED.path("out-4");
    replay(&REPLAYED.path("baseline.json"), &REPLAYED.path("labels.csv"), &out, &["--partitions", "4"]);
    assert_same(&read(Path::new(&out)).finals, "four partitions");
}

#[test]
fn the_labels_of_the_readme_come_at_other_times_and_give_the_same_bytes() {
    let output =
        Command::new("python3").args([example("labels.py").as_str(), DATA.folder.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (labels, out) = (REPLAYED.path("labels-readme.csv"), REPLAYED.path("out-readme"));
    fs::write(&labels, output.stdout).unwrap();
    replay(&REPLAYED.path("baseline.json"), &labels, &out, &[]);
    // What says how long labels took is another; nothing else is.
    let without = |lines: &[String]| -> Vec<String> {
        let cut = |line: &String| {
            let mut json: Json = serde_json::from_str(line).unwrap();
            let delays = json["truth"].as_object_mut().map(|truth| truth.remove("delays"));
            (json.to_string(), delays.flatten())
        };
        let (lines, delays): (Vec<String>, Vec<Option<Json>>) = lines.iter().map(cut).unzip();
        assert!(delays.iter().flatten().count() > 20, "summaries count delays");
        lines
    };
    assert_eq!(without(&REPLAYED.replay.finals), without(&read(Path::new(&out)).finals), "other delays");
}

#[test]
fn json_lines_with_our_own_names_give_the_same_bytes() {
    let config = REPLAYED.path("native.yaml");
    let text = "topics: {inferences: {out_of_order: 1h}, labels: {out_of_order: 2d}}\n\
                models: {car-loan: {window: 7d, label_window: 21d}}\n";
    fs::write(&config, text).unwrap();
    let [rows, predictions, truth] =
        ["reference.jsonl", "analysis.jsonl", "labels.jsonl"].map(|name| REPLAYED.path(name));
    let lines = |rows: &[Row], label: bool| rows.iter().map(|row| json_line(row, label)).collect::<String>();
    fs::write(&rows, lines(&DATA.reference, true)).unwrap();
    fs::write(&predictions, lines(&DATA.analysis, false)).unwrap();
    let labels = labels(&DATA.analysis).into_iter().fold(String::new(), |mut text, label| {
        let (id, value, time) = (label.id, label.text, label.time);
        writeln!(text, "{{\"request_id\": \"{id}\", \"label\": {value}, \"event_time\": {time}}}").unwrap();
        text
    });
    fs::write(&truth, labels).unwrap();

    let baseline = REPLAYED.path("baseline-json.json");
    truthline(&["baseline", "build", "--config", &config, "--rows", &rows, "--out", &baseline]);
    let built = |name: &str| fs::read(name).unwrap();
    assert!(built(&baseline) == built(&REPLAYED.path("baseline.json")), "the baselines differ");
    let out = REPLAYED.path("out-json");
    let mut words = vec!["replay", "--config", &config, "--baseline", &baseline, "--inferences", &predictions];
    words.extend(["--labels", &truth, "--out", &out]);
    truthline(&words);
    assert_same(&read(Path::new(&out)).finals, "JSON Lines");
}
