//! What does the judge cost: a window that closes, a delta that is folded, a window that stays open?
//!
//! Windows of 10,000 labelled rows with 50 features, of which twelve are sliced into about a thousand subgroups; and deltas
//! of the stream of the other benches (20 features, four sliced) by how many records went into each. Times are those of the
//! thread on a processor.

#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout)]

mod common;

use std::sync::Arc;

use common::{Form, Stream, chance, processor_time};
use truthline::baseline::{BuildSettings, Origin, Profile, References, RowSample, SampleRow, build};
use truthline::config::Config;
use truthline::decode::{Decoder, Encoding, Limits};
use truthline::engine::{Court, Crew, Head, Range};
use truthline::event::{Arm, EventTime, FeatureNames, Features, Inference, Label, RequestKey, Value};
use truthline::judge::{Clock, Judge, LabelFlow};
use truthline::observe::{CodedRow, Facts, Mapping, Sums, Weight};

const HOUR: i64 = 3_600_000_000;
/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000_000;
const SLICED: usize = 12;
const VALUES: f64 = 80.0;
const NUMBERS: usize = 38;
const ROWS: u64 = 10_000;
const BASELINE: u64 = 40_000;
/// Windows with other rows, used in turn.
const KINDS: u64 = 8;
const DAYS: i64 = 14;

const WIDE: &str = "
topics:
  inferences: {name: p, out_of_order: 10m}
  labels: {name: l, out_of_order: 10m}
defaults: {window: 1h, label_window: 1h, early: 1h, ages: [0], LEVELS}
models:
  m: {}
";

fn moment(micros: i64) -> EventTime {
    EventTime::from_micros(micros).unwrap()
}

/// A row of 50 features with its truth; rows of one number are the same.
fn row(number: u64, names: &mut FeatureNames, features: &mut Features) -> (Facts, bool) {
    *features = Features::default();
    for place in 0..NUMBERS {
        let slot = names.slot(&format!("number_{place}"), place).unwrap();
        features.pairs.push((slot, Value::Float(chance(number, place as u64))));
    }
    for place in 0..SLICED {
        let slot = names.slot(&format!("category_{place}"), NUMBERS + place).unwrap();
        features.push_text(slot, &format!("v{}", (chance(number, 100 + place as u64) * VALUES) as u64));
    }
    let score = chance(number, 200) * 0.4;
    let facts = Facts { score, decision: Some(score >= 0.3), arm: Arm::Policy, action: None, weight: Weight::ONE };
    (facts, chance(number, 201) < score)
}

fn wide() -> (Arc<Profile>, Vec<Sums>) {
    let (mut names, mut features) = (FeatureNames::default(), Features::default());
    let mut sample = RowSample::new(BASELINE as usize);
    for number in 0..BASELINE {
        let (facts, positive) = row(number | 1 << 40, &mut names, &mut features);
        let time = moment(START - (number as i64 + 1) * 28 * 24 * HOUR / BASELINE as i64);
        sample.add(RequestKey::new(&format!("b{number}"), 0), || SampleRow {
            time,
            facts,
            features: features.clone(),
            content: 0,
            positive: Some(positive),
        });
    }
    let profile = Arc::new(build("m", "v1", Origin::Files, &sample, &names, &BuildSettings::default()));
    let (mut mapping, mut coded) = (Mapping::default(), CodedRow::default());
    let windows = (0..KINDS).map(|kind| {
        let mut sums = Sums::new(profile.layout.clone());
        for number in 0..ROWS {
            let (facts, positive) = row(kind << 32 | number, &mut names, &mut features);
            profile.coding.code(&features, &names, &mut mapping, &mut coded);
            sums.predicted(&facts, &coded);
            let id = format!("{kind}-{number}");
            sums.sampled(RequestKey::new(&id, 0), &id, 0, moment(START), facts.score, &coded);
            sums.labelled(&facts, &coded.codes, &profile.map, positive, 1);
        }
        sums
    });
    let windows = windows.collect();
    (profile, windows)
}

/// Milliseconds a base window, with all looks at it and its share of the larger ones: the median and the largest hour.
fn closing(levels: &str, profile: &Arc<Profile>, windows: &[Sums]) -> (f64, f64) {
    let config = Arc::new(Config::from_yaml(&WIDE.replace("LEVELS", levels)).unwrap());
    let mut judge = Judge::new(config, References::new([(**profile).clone()]), true);
    let mut spent = Vec::new();
    let mut findings = Vec::new();
    for hour in 0..DAYS * 24 {
        let start = START + hour * HOUR;
        judge.fold("m", "v1", moment(start), &windows[hour as usize % windows.len()]);
        judge.fold_labels(moment(start), LabelFlow { read: ROWS as i64, ..LabelFlow::default() });
        let reached = Some(moment(start + HOUR));
        let begun = processor_time();
        judge.advance(Clock::new(reached, reached), &mut findings);
        spent.push(processor_time() - begun);
        findings.clear();
    }
    // The kernel counts processor time by its ticks of some milliseconds: a single window is told to the next of them only.
    let mean = spent.iter().sum::<u64>() as f64 / spent.len() as f64;
    (mean / 1e6, spent.into_iter().max().unwrap_or(0) as f64 / 1e6)
}

/// Microseconds and bytes a delta, by the number of records in it; and how many deltas there were.
fn folding(profile: &Profile, stream: &Stream, records: usize) -> (f64, f64, usize) {
    let config = Arc::new(Config::from_yaml(common::CONFIG).unwrap());
    let references = References::new([profile.clone()]);
    let mut crew = Crew::new(config.clone(), references.clone(), true, Range::default()).with_journals();
    crew.open(0);
    let mut decoder = Decoder::new(Limits::default());
    let (mut inference, mut label) = (Inference::default(), Label::default());
    let mut deltas = Vec::new();
    let mut offsets = vec![0_i64, 0];
    let mut head = Head { tasks: 1, task: 0, from: offsets.clone(), to: offsets.clone(), ..Head::default() };
    for (place, (is_label, bytes)) in stream.records().enumerate() {
        if is_label {
            decoder.label(&Encoding::Json, bytes, &mut label).unwrap();
            crew.label(0, &label).unwrap();
        } else {
            decoder.inference(&Encoding::Json, bytes, &mut inference).unwrap();
            crew.inference(0, &inference, decoder.names()).unwrap();
        }
        offsets[usize::from(is_label)] += 1;
        if (place + 1) % records == 0 {
            (head.from, head.to) = (head.to.clone(), offsets.clone());
            deltas.extend(crew.delta(0, 1, decoder.names(), &mut head).into_iter().flatten());
        }
    }
    let mut court = Court::new(config, references, true);
    let mut findings = Vec::new();
    // The first ones make room for what is counted.
    let warm = deltas.len() / 10;
    for delta in &deltas[..warm] {
        court.fold(delta, &mut findings).unwrap();
    }
    let mut spent = Vec::new();
    for delta in &deltas[warm..] {
        let begun = std::time::Instant::now();
        court.fold(delta, &mut findings).unwrap();
        spent.push(begun.elapsed().as_nanos() as u64);
        findings.clear();
    }
    spent.sort_unstable();
    let bytes = deltas.iter().map(Vec::len).sum::<usize>() as f64 / deltas.len() as f64;
    (spent[spent.len() / 2] as f64 / 1e3, bytes, deltas.len())
}

fn main() {
    let (profile, windows) = wide();
    let subgroups: usize = profile
        .coding
        .features()
        .iter()
        .filter(|f| !f.is_numeric())
        .map(truthline::observe::FeatureCoding::codes)
        .sum();
    println!(
        "a window of {ROWS} rows that closes, 50 features, {subgroups} subgroups: on average (largest) over {} hours",
        DAYS * 24
    );
    for levels in ["levels: [1]", "levels: [1, 24, 168]"] {
        let (median, largest) = closing(levels, &profile, &windows);
        println!("  {levels:22} {median:.2} ({largest:.2}) ms");
    }
    let profile = common::profile();
    println!("an open window of 20 features: {} bytes of sums", profile.layout.length() * 8);
    let stream = Stream::new(Form::Json, 200_000, 100, 1);
    println!("a delta of 20 features, median of all:");
    for records in [1, 10, 100, 1_000] {
        let (micros, bytes, deltas) = folding(&profile, &stream, records);
        println!("  {records:5} records in it: {micros:8.1} µs, {bytes:8.0} bytes ({deltas} deltas)");
    }
}
