//! The car loan data of the package nannyml, read without the program: a reference, an analysis whose inputs change at
//! row 25,000, and labels made up to come late and out of order.

#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]
#![allow(clippy::disallowed_methods, reason = "a test may read the environment")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value as Json;

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const DAY: i64 = 86_400 * SECOND;
pub(crate) const OUT_OF_ORDER: i64 = 2 * DAY;
pub(crate) const NUMERIC: [&str; 4] = ["car_value", "debt_to_income_ratio", "loan_length", "driver_tenure"];

#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) time: i64,
    pub(crate) score: f64,
    pub(crate) decision: bool,
    pub(crate) label: bool,
    pub(crate) cells: BTreeMap<String, String>,
}

pub(crate) struct Data {
    pub(crate) folder: PathBuf,
    pub(crate) reference: Vec<Row>,
    pub(crate) analysis: Vec<Row>,
}

pub(crate) static DATA: LazyLock<Data> = LazyLock::new(|| {
    let folder = folder();
    let targets = table(&folder.join("synthetic_car_loan_analysis_target.csv"));
    let targets: BTreeMap<String, String> =
        targets.into_iter().map(|cells| (cells["id"].clone(), cells["repaid"].clone())).collect();
    let rows = |name: &str| -> Vec<Row> {
        let cells = table(&folder.join(name));
        cells.into_iter().map(|cells| row(cells, &targets)).collect()
    };
    let (reference, analysis) = (rows("synthetic_car_loan_reference.csv"), rows("synthetic_car_loan_analysis.csv"));
    assert_eq!((reference.len(), analysis.len(), targets.len()), (50_000, 50_000, 50_000));
    Data { folder, reference, analysis }
});

/// Where `tests/fetch-car-loan` puts the files.
pub(crate) fn folder() -> PathBuf {
    let place = place();
    assert!(
        is_there(),
        "the car loan data are not in {}: run tests/fetch-car-loan, which fetches them from PyPI",
        place.display()
    );
    place
}

/// Whether the files have been fetched.
pub(crate) fn is_there() -> bool {
    place().join("synthetic_car_loan_analysis.csv").is_file()
}

fn place() -> PathBuf {
    std::env::var_os("TRUTHLINE_CAR_LOAN").map_or_else(
        || {
            let target = std::env::var_os("CARGO_TARGET_DIR")
                .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
            target.join("test-data/car-loan")
        },
        PathBuf::from,
    )
}

/// The rows of a file, by column. No cell of these files is quoted.
pub(crate) fn table(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(path).unwrap();
    assert!(!text.contains('"'));
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines
        .map(|line| header.iter().map(|&name| name.to_owned()).zip(line.split(',').map(str::to_owned)).collect())
        .collect()
}

pub(crate) fn row(mut cells: BTreeMap<String, String>, targets: &BTreeMap<String, String>) -> Row {
    let mut take = |name: &str| cells.remove(name).unwrap();
    let id = take("id");
    let time = micros(&take("timestamp"));
    let score = take("y_pred_proba").parse().unwrap();
    let decision = take("y_pred") == "1";
    let label = cells.remove("repaid").unwrap_or_else(|| targets[&id].clone());
    let label = label.parse::<f64>().unwrap() > 0.5;
    Row { id, time, score, decision, label, cells }
}

/// Days since 1970 of a date of the Gregorian calendar.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let years: i64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    years + lengths[..(month - 1) as usize].iter().sum::<i64>() + day - 1
}

/// `2018-10-30 18:08:43.152` as microseconds.
pub(crate) fn micros(text: &str) -> i64 {
    let part = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    let day = days(part(0, 4), part(5, 7), part(8, 10));
    let seconds = part(11, 13) * 3600 + part(14, 16) * 60 + part(17, 19);
    day * DAY + seconds * SECOND + part(20, 23) * 1000
}

/// The inverse, for times of 2018 and 2019.
pub(crate) fn written(time: i64) -> String {
    let day = time.div_euclid(DAY);
    let year = if day < days(2019, 1, 1) { 2018 } else { 2019 };
    let month = (1..=12).rev().find(|&month| days(year, month, 1) <= day).unwrap();
    let of_month = day - days(year, month, 1) + 1;
    let millis = time.rem_euclid(DAY) / 1000;
    let (seconds, rest) = (millis / 1000, millis % 1000);
    format!(
        "{year}-{month:02}-{of_month:02} {:02}:{:02}:{:02}.{rest:03}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// A label: late, shuffled, written in two ways.
pub(crate) struct Label<'a> {
    pub(crate) id: &'a str,
    pub(crate) text: &'static str,
    pub(crate) time: i64,
    /// When it is published.
    pub(crate) arrives: i64,
}

/// Each label 1 to 20 days after its prediction; in the file up to two days after those that are younger.
pub(crate) fn labels(analysis: &[Row]) -> Vec<Label<'_>> {
    let mut state = 20_181_030_u64;
    let mut draw = |bound: i64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as i64).rem_euclid(bound)
    };
    let mut labels = Vec::new();
    for (place, row) in analysis.iter().enumerate() {
        let time = row.time + DAY + draw(19 * 86_400) * SECOND;
        let text = match (row.label, place % 2) {
            (true, 0) => "1",
            (true, _) => "1.0",
            (false, 0) => "0",
            (false, _) => "0.0",
        };
        let arrives = time + draw(OUT_OF_ORDER / SECOND) * SECOND;
        labels.push(Label { id: &row.id, text, time, arrives });
    }
    labels.sort_by_key(|label: &Label<'_>| (label.arrives, label.id));
    labels
}

/// A row with the names of the record contract; its numbers are the text of the cells.
pub(crate) fn json_line(row: &Row, label: bool) -> String {
    let features: Vec<String> = row
        .cells
        .iter()
        .map(|(name, cell)| {
            let number = NUMERIC.contains(&name.as_str());
            let value = if number { cell.clone() } else { Json::from(cell.as_str()).to_string() };
            format!("{}: {value}", Json::from(name.as_str()))
        })
        .collect();
    let label = if label { format!(", \"label\": {}", u8::from(row.label)) } else { String::new() };
    format!(
        "{{\"request_id\": {}, \"model\": \"car-loan\", \"version\": \"v1\", \"event_time\": {}, \"score\": {}, \
         \"decision\": {}, \"features\": {{{}}}{label}}}\n",
        Json::from(row.id.as_str()),
        row.time,
        row.score,
        row.decision,
        features.join(", ")
    )
}
