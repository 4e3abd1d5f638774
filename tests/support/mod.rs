//! What does a stream look like that has everything a real one has?
//!
//! A made-up log of three models over some weeks, small and rich: an emerging value, a drift, missing values, a new
//! version, disorder, repeats, corrections, withdrawals, early, late and missing labels, both label regimes, a baseline
//! from a file and two that are learnt. And the ways to bring such a log into the engine.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod files;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use truthline::baseline::{BuildSettings, Origin, Profile, References, RowSample, SampleRow, build};
use truthline::config::Config;
use truthline::decode::{Decoder, Encoding, Limits};
use truthline::engine::{Engine, Range};
use truthline::event::{Arm, BaselineRow, Inference, Label, RequestKey, Truth, murmur2_partition};
use truthline::join::Counts;
use truthline::judge::Finding;
use truthline::observe::{Facts, Weight};
use truthline::story::Chance;

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const HOUR: i64 = 3_600 * SECOND;
pub(crate) const DAY: i64 = 24 * HOUR;
/// 2026-01-01T00:00:00Z, the start of a window of seven days.
pub(crate) const START: i64 = 1_767_225_600 * SECOND;
/// The label window of all models.
pub(crate) const LABELS: i64 = 3 * DAY;

pub(crate) const MODELS: &str = "
defaults: {window: 1d, label_window: 3d, learn: 5d, false_alarms_per_month: 20}
models:
  fraud: {}
  churn: {labels: implicit_negative}
  risk: {early: 3h}
";
/// The early horizon of the model with the largest one.
pub(crate) const EARLIEST: i64 = 3 * HOUR;
pub(crate) const DISORDER: i64 = HOUR;
pub(crate) const LABEL_DISORDER: i64 = HOUR / 2;

/// Windows of an hour, and of a day and a week above them.
pub(crate) const HOURLY: &str = "
defaults: {window: 1h, label_window: 1d, learn: 2d, false_alarms_per_month: 100}
models:
  fraud: {ages: [0s]}
  churn: {labels: implicit_negative, label_policy: first}
  risk: {early: 3h, correction_window: 6h}
";

/// The out-of-orderness that the logs keep to.
pub(crate) const TOPICS: &str = "topics: {inferences: {out_of_order: 1h}, labels: {out_of_order: 30m}}\n";
/// Labels may come much later than the early horizon and the predictions' disorder together.
pub(crate) const PATIENT: &str = "topics: {inferences: {out_of_order: 1h}, labels: {out_of_order: 2d}}\n";

pub(crate) fn config(topics: &str, models: &str) -> Arc<Config> {
    Arc::new(Config::from_yaml(&format!("{topics}{models}")).unwrap())
}

/// A prediction as it was published.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) published: i64,
    pub(crate) id: String,
    pub(crate) time: i64,
    pub(crate) model: &'static str,
    pub(crate) version: &'static str,
    pub(crate) score: f64,
    pub(crate) amount: Option<f64>,
    pub(crate) tenure: i64,
    pub(crate) method: &'static str,
    pub(crate) country: &'static str,
    pub(crate) positive: bool,
}

/// A label as it was published.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) published: i64,
    pub(crate) id: String,
    pub(crate) time: i64,
    pub(crate) value: Option<i64>,
    pub(crate) revision: i64,
}

pub(crate) const THRESHOLD: f64 = 0.5;

impl Row {
    fn new(chance: &mut Chance, model: &'static str, day: f64) -> Self {
        let share = if model == "fraud" && day >= 12.0 { 0.15 } else { 0.0 };
        let emerged = chance.happens(share);
        let missing = if model == "risk" && day >= 14.0 { 0.4 } else { 0.02 };
        let amount = (libm::exp(3.0 + chance.normal()) * 100.0).round() / 100.0;
        let moved = if model == "churn" && day >= 15.0 { 30.0 } else { 0.0 };
        let tenure = (chance.exponential() * 40.0 + moved).floor();
        let method =
            if emerged { "instant" } else { chance.pick(&[("card", 0.6), ("wallet", 0.25), ("transfer", 0.15)]) };
        // For a day and a half a rare country is frequent.
        let rare = if model == "fraud" && (4.0..5.5).contains(&day) { 0.16 } else { 0.005 };
        let country = chance.pick(&[("DE", 0.4), ("FR", 0.3), ("NL", 0.2), ("ES", 0.1), ("LU", rare)]);
        let log_odds = -1.2 + 0.6 * libm::log(1.0 + amount / 20.0) - tenure / 50.0
            + if method == "transfer" { 0.8 } else { 0.0 }
            + if country == "ES" { 0.7 } else { 0.0 };
        let score = (1e6 / (1.0 + libm::exp(-log_odds))).round() / 1e6;
        // The new value is worse than it looks, and what the churn model learnt stops to hold.
        let truth = match model {
            "fraud" if emerged => 0.85,
            "churn" if day >= 13.0 => 1.0 - score,
            _ => score,
        };
        Self {
            published: 0,
            id: String::new(),
            time: 0,
            model,
            version: "v1",
            score,
            amount: (!chance.happens(missing)).then_some(amount),
            tenure: tenure as i64,
            method,
            country,
            positive: chance.happens(truth),
        }
    }

    /// One row in four of a model stands for those like it; in another four the action was one of several.
    pub(crate) fn weight(&self) -> Option<f64> {
        (self.model == "risk" && self.time / 1_000 % 4 == 0).then_some(2.5)
    }

    pub(crate) fn action_prob(&self) -> Option<f64> {
        (self.model == "risk" && self.time / 1_000 % 4 == 1).then_some(0.3)
    }

    /// How many rows its label counts as.
    pub(crate) fn counts(&self) -> i64 {
        let (weight, prob) = (self.weight().unwrap_or(1.0), self.action_prob().unwrap_or(1.0));
        Weight::of(RequestKey::new(&self.id, 0), weight, prob, 50.0).whole()
    }

    pub(crate) fn json(&self) -> String {
        let mut text = format!(
            r#"{{"request_id":"{}","event_time":{},"model":"{}","version":"{}","score":{},"threshold":{THRESHOLD},"features":{{"#,
            self.id, self.time, self.model, self.version, self.score
        );
        let given = [("weight", self.weight()), ("action_prob", self.action_prob())];
        for (name, value) in given.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            text.insert_str(text.find("\"features\"").unwrap(), &format!("\"{name}\":{value},"));
        }
        if let Some(amount) = self.amount {
            let _ = write!(text, r#""amount":{amount},"#);
        }
        let _ = write!(text, r#""tenure":{},"method":"{}","country":"{}"}}}}"#, self.tenure, self.method, self.country);
        text
    }
}

impl Told {
    pub(crate) fn json(&self) -> String {
        let label = self.value.map_or_else(|| r#""withdrawn":true"#.to_owned(), |value| format!(r#""label":{value}"#));
        format!(r#"{{"request_id":"{}","event_time":{},{label},"revision":{}}}"#, self.id, self.time, self.revision)
    }
}

/// What a log has beside the ordinary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) days: i64,
    /// Late records, contradictions, orphans, labels of no class, and records that cannot be read.
    pub(crate) unruly: bool,
}

/// A log: both topics, each in the order in which it was published.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) inferences: Vec<(i64, String)>,
    pub(crate) labels: Vec<(i64, String)>,
    pub(crate) rows: Vec<Row>,
    pub(crate) told: Vec<Told>,
    pub(crate) end: i64,
}

/// Rows a day and the first day of each model.
const TRAFFIC: [(&str, i64, i64); 3] = [("fraud", 200, 0), ("churn", 120, 0), ("risk", 45, 2)];

impl Log {
    pub(crate) fn new(seed: u64, made: Made) -> Self {
        let mut chance = Chance::new(seed);
        let mut rows = Vec::new();
        let mut told = Vec::new();
        for (model, a_day, first) in TRAFFIC {
            for number in first * a_day..made.days * a_day {
                let time = START + number * (DAY / a_day) + (chance.uniform() * (DAY / a_day) as f64) as i64;
                let day = (time - START) as f64 / DAY as f64;
                let mut row = Row::new(&mut chance, model, day);
                row.id = format!("{model}-{number}");
                row.time = time;
                if model == "fraud" && day >= 9.3 && chance.happens(0.5) {
                    row.version = "v2";
                }
                if model == "risk" && day >= 6.4 && chance.happens(0.2) {
                    row.version = "v0";
                }
                row.published = time + (chance.uniform() * 0.6 * DISORDER as f64) as i64;
                row.label(&mut chance, made.unruly, &mut told);
                if chance.happens(0.01) {
                    let published = row.published + (chance.uniform() * 0.3 * DISORDER as f64) as i64;
                    rows.push(Row { published, ..row.clone() });
                }
                if made.unruly {
                    row.misbehave(&mut chance, &mut rows);
                }
                rows.push(row);
            }
        }
        if made.unruly {
            for number in 0..made.days * 3 {
                let time = START + number * (DAY / 3);
                told.push(Told { published: time, id: format!("nobody-{number}"), time, value: Some(1), revision: 0 });
            }
            // The last record of all contradicts another one, and moves the watermark by more than a day.
            let last = rows.iter().max_by_key(|row| row.time).unwrap().clone();
            let time = last.time + 30 * HOUR;
            rows.push(Row { time, published: time, score: 0.5, ..last });
        }
        rows.sort_by(|a, b| (a.published, &a.id).cmp(&(b.published, &b.id)));
        told.sort_by(|a, b| (a.published, &a.id, a.revision).cmp(&(b.published, &b.id, b.revision)));
        let mut log = Self::of(rows, told, START + made.days * DAY);
        if made.unruly {
            for place in [50, 900, 2_000] {
                let at = log.inferences[place].0;
                log.inferences.insert(place, (at, r#"{"request_id":"broken","event_time":"#.to_owned()));
                let at = log.labels[place].0;
                log.labels.insert(place, (at, r#"{"label":1}"#.to_owned()));
                let (at, time) = (log.inferences[place + 9].0, log.rows[place].time);
                let bare = format!(
                    r#"{{"request_id":"bare-{place}","event_time":{time},"model":"fraud","version":"v1","predicted":"x"}}"#
                );
                log.inferences.insert(place + 9, (at, bare));
            }
        }
        log
    }

    pub(crate) fn of(rows: Vec<Row>, told: Vec<Told>, end: i64) -> Self {
        let inferences = rows.iter().map(|row| (row.published, row.json())).collect();
        let labels = told.iter().map(|told| (told.published, told.json())).collect();
        Self { inferences, labels, rows, told, end }
    }

    /// Both topics one after the other in the order of publication; labels seem to have been published `lag` later,
    /// which `wander` makes anew every so many records.
    pub(crate) fn order(&self, mut lag: i64, mut wander: impl FnMut() -> Option<i64>) -> Vec<Item> {
        let (mut i, mut l) = (0, 0);
        let mut order = Vec::with_capacity(self.inferences.len() + self.labels.len());
        while i < self.inferences.len() || l < self.labels.len() {
            lag = wander().unwrap_or(lag);
            let inference = match (self.inferences.get(i), self.labels.get(l)) {
                (Some((prediction, _)), Some((label, _))) => *prediction <= label + lag,
                (prediction, _) => prediction.is_some(),
            };
            if inference {
                order.push(Item::Inference(i));
                i += 1;
            } else {
                order.push(Item::Label(l));
                l += 1;
            }
        }
        order
    }

    pub(crate) fn plain_order(&self) -> Vec<Item> {
        self.order(0, || None)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Item {
    Inference(usize),
    Label(usize),
}

impl Row {
    fn label(&self, chance: &mut Chance, unruly: bool, told: &mut Vec<Told>) {
        if self.model == "churn" && !self.positive && !chance.happens(0.02) {
            return;
        }
        if chance.happens(0.05) {
            return;
        }
        let early = if self.model == "risk" { 2.9 } else { 0.9 };
        let after = if chance.happens(0.05) {
            -(chance.uniform() * early * HOUR as f64) as i64
        } else {
            (chance.exponential().min(3.4) * 0.85 * DAY as f64) as i64
        };
        let time = self.time + after;
        let mut tell = |time: i64, value: Option<i64>, revision: i64, times: usize| {
            let published = time + (chance.uniform() * 0.6 * LABEL_DISORDER as f64) as i64;
            for copy in 0..times as i64 {
                let published = published + copy * LABEL_DISORDER / 4;
                told.push(Told { published, id: self.id.clone(), time, value, revision });
            }
        };
        let value = i64::from(self.positive);
        // What else happens follows from the id, so that one generator serves all.
        let fate = RequestKey::new(&self.id, 7).hash64() % 200;
        match fate {
            0..=5 => {
                tell(time, Some(1 - value), 0, 1);
                tell(time + 6 * HOUR, Some(value), 1, 1);
            }
            6..=7 => {
                tell(time, Some(value), 0, 1);
                tell(time + 3 * HOUR, None, 1, 1);
            }
            8..=10 => tell(time, Some(value), 0, 2),
            11..=12 if unruly => tell(self.time + 4 * DAY, Some(value), 0, 1),
            13..=14 if unruly => tell(time, Some(7), 0, 1),
            15 if unruly => {
                let published = time + 9 * HOUR;
                told.push(Told { published, id: self.id.clone(), time, value: Some(value), revision: 0 });
            }
            _ => tell(time, Some(value), 0, 1),
        }
    }

    fn misbehave(&self, chance: &mut Chance, rows: &mut Vec<Self>) {
        let fate = RequestKey::new(&self.id, 8).hash64() % 300;
        let later = |published: i64| Self { published, ..self.clone() };
        match fate {
            // Another content under the same id, and a much later one at the end of the stream.
            0 => rows.push(Self { score: 0.5, time: self.time + HOUR, ..later(self.published + 2 * HOUR) }),
            // The same again, long after its window is over.
            1 => rows.push(later(self.published + 30 * HOUR)),
            2 => rows.push(later(self.published + 80 * HOUR)),
            // Never seen in time: hours late, and very late.
            3 => rows.push(Self { id: format!("{}-late", self.id), ..later(self.published + 5 * HOUR) }),
            4 if chance.happens(0.5) => {
                rows.push(Self { id: format!("{}-older", self.id), ..later(self.published + 11 * DAY) });
            }
            _ => {}
        }
    }
}

/// The baseline of the model that has one, from rows of December.
pub(crate) fn baseline() -> Profile {
    baseline_of("fraud")
}

/// The same for any model.
pub(crate) fn baseline_of(model: &'static str) -> Profile {
    let mut chance = Chance::new(4_711);
    let mut decoder = Decoder::new(Limits::default());
    let mut sample = RowSample::new(100_000);
    let mut read = BaselineRow::default();
    for number in 0..4_000 {
        let mut row = Row::new(&mut chance, model, -1.0);
        row.id = format!("b-{number}");
        row.time = START - 20 * DAY + number * (20 * DAY / 4_000);
        let text = row.json().replacen('{', &format!(r#"{{"label":{},"#, u8::from(row.positive)), 1);
        decoder.baseline(&Encoding::Json, text.as_bytes(), &mut read).unwrap();
        let score = row.score;
        let facts =
            Facts { score, decision: Some(score >= THRESHOLD), arm: Arm::Policy, action: None, weight: Weight::ONE };
        sample.add(RequestKey::new(&row.id, 0), || SampleRow {
            time: read.inference.event_time,
            facts,
            features: read.inference.features.clone(),
            content: read.inference.content,
            positive: read.truth.map(|truth| truth.bits() == Truth::Number(1.0).bits()),
        });
    }
    build(model, "v1", Origin::Files, &sample, decoder.names(), &BuildSettings::default())
}

pub(crate) fn references() -> References {
    References::new([baseline()])
}

/// What a run said and counted.
pub(crate) struct Outcome {
    pub(crate) findings: Vec<Finding>,
    pub(crate) counts: Counts,
    pub(crate) open_windows: usize,
    pub(crate) open_rows: usize,
}

/// How a log is brought in.
pub(crate) struct Drive<'a> {
    pub(crate) log: &'a Log,
    pub(crate) topics: &'a str,
    pub(crate) models: &'a str,
    pub(crate) order: Vec<Item>,
    pub(crate) partitions: usize,
    pub(crate) range: Range,
    pub(crate) references: References,
}

impl<'a> Drive<'a> {
    pub(crate) fn new(log: &'a Log) -> Self {
        let (order, references) = (log.plain_order(), references());
        Self { log, topics: TOPICS, models: MODELS, order, partitions: 1, range: Range::default(), references }
    }

    /// Brings it in, with a commit after each record for which `commits` says so.
    pub(crate) fn run(self, mut commits: impl FnMut(usize) -> bool) -> Outcome {
        let Self { log, topics, models, order, partitions, range, references } = self;
        let mut engine = Engine::new(config(topics, models), references, partitions, true, range);
        let mut decoder = Decoder::new(Limits::default());
        let (mut inference, mut label) = (Inference::default(), Label::default());
        let mut findings = Vec::new();
        let (mut open_windows, mut open_rows) = (0, 0);
        let partition = |id: &str| murmur2_partition(id.as_bytes(), partitions as u32) as usize;
        for (number, item) in order.iter().enumerate() {
            match *item {
                Item::Inference(place) => {
                    let bytes = log.inferences[place].1.as_bytes();
                    if decoder.inference(&Encoding::Json, bytes, &mut inference).is_ok() {
                        let _ = engine.inference(partition(&inference.request_id), &inference, decoder.names());
                    } else {
                        engine.reject_inference(0);
                    }
                }
                Item::Label(place) => {
                    if decoder.label(&Encoding::Json, log.labels[place].1.as_bytes(), &mut label).is_ok() {
                        let _ = engine.label(partition(&label.request_id), &label);
                    } else {
                        engine.reject_label(0);
                    }
                }
            }
            if commits(number) {
                engine.commit(&mut findings);
                open_windows = open_windows.max(engine.open_windows());
                open_rows = open_rows.max(engine.open_rows());
            }
        }
        engine.commit(&mut findings);
        engine.end(&mut findings);
        let counts = engine.counts();
        for balance in counts.invariants() {
            assert!(balance.holds(), "{balance}");
        }
        assert_eq!(engine.capped(), Vec::<String>::new());
        Outcome { findings, counts, open_windows, open_rows }
    }
}

/// The final findings as bytes, by what they are, sorted as the documentation says.
pub(crate) fn finals(findings: &[Finding]) -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    for finding in findings {
        let (key, line) = match finding {
            Finding::Summary(summary) if summary.is_final => {
                let window = (summary.window.start, summary.window.end);
                let key = format!("summary {} {} {window:?} {}", summary.model, summary.version, summary.revision);
                (key, serde_json::to_string(summary).unwrap())
            }
            Finding::Summary(_) => continue,
            Finding::Alert(alert) if !alert.basis_final => continue,
            Finding::Alert(alert) => {
                let (model, as_of) = (alert.model.as_deref().unwrap_or(""), alert.as_of);
                let key = format!("alert {model} {as_of} {} {:?}", alert.fingerprint, alert.state);
                (key, serde_json::to_string(alert).unwrap())
            }
            Finding::Incident(incident) => {
                let key = format!("incident {} {}", incident.id, incident.revision);
                (key, serde_json::to_string(incident).unwrap())
            }
            Finding::Request(request) => {
                let key = format!("request {} {} {}", request.incident, request.request_id, request.row);
                (key, serde_json::to_string(request).unwrap())
            }
        };
        if let Some(before) = lines.insert(key.clone(), line.clone()) {
            let start = |line: &str| line.chars().take(300).collect::<String>();
            panic!("said twice: {key}\n{}\n{}", start(&before), start(&line));
        }
    }
    lines
}

/// Panics with the first difference, in short.
#[track_caller]
pub(crate) fn assert_same(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>, what: &str) {
    let mut said = String::new();
    let keys: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let mut differences = 0;
    for key in keys {
        match (one.get(key), other.get(key)) {
            (Some(left), Some(right)) if left == right => continue,
            (Some(left), Some(right)) => {
                let at = left.bytes().zip(right.bytes()).take_while(|(a, b)| a == b).count();
                let cut = |text: &str| {
                    String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(60)..text.len().min(at + 90)])
                        .into_owned()
                };
                let _ = writeln!(said, "{key}\n  …{}…\n  …{}…", cut(left), cut(right));
            }
            (Some(_), None) => _ = writeln!(said, "only in the first: {key}"),
            (None, _) => _ = writeln!(said, "only in the second: {key}"),
        }
        differences += 1;
        if differences == 6 {
            break;
        }
    }
    assert!(differences == 0, "{what}: not the same\n{said}");
}
