//! Of many windows, how many publish an interval that holds the truth?

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use truthline::baseline::{BuildSettings, Origin, Profile, References, RowSample, SampleRow, build};
use truthline::config::Config;
use truthline::event::{Arm, EventTime, FeatureNames, Features, RequestKey, fnv1a_64};
use truthline::finding::Summary;
use truthline::judge::{Clock, Finding, Judge};
use truthline::observe::{CodedRow, Facts, Mapping, Sums, Weight, truth};
use truthline::story::Chance;

use super::law::{Drawn, Law, MISSING, Made, STRANGE};
use crate::proof::lines::Kept;
use crate::proof::month::{BASELINE_DAYS, FIRST_DAY, MODEL};
use crate::proof::worlds::DAY;

/// Rows of a baseline, and how many baselines a cell has.
const BASELINE: u64 = 20_000;
const BASELINES: u64 = 10;

/// One cell of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Case {
    pub law: Law,
    pub n: u64,
    pub prevalence: f64,
}

impl Case {
    pub(crate) fn key(&self) -> String {
        format!("{}, {} rows, {} positive", self.law.name, self.n, self.prevalence)
    }
}

/// What the intervals of one figure did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Windows that published one.
    pub spoke: u64,
    /// The truth lay below it, above it.
    pub below: u64,
    pub above: u64,
}

/// What a case came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Coverage {
    pub windows: u64,
    pub figures: BTreeMap<String, Held>,
}

impl Kept for Coverage {
    const FORMAT: u32 = 1;
    const FILE: &'static str = "intervals.jsonl";
}

/// The names of features, and the features of a row: one category that may be missing or strange.
struct Kinds {
    names: FeatureNames,
    row: Features,
}

impl Kinds {
    fn new() -> Self {
        let mut names = FeatureNames::default();
        names.slot("kind", 0).expect("one name");
        Self { names, row: Features::default() }
    }

    fn of(&mut self, own: f64, strange: bool) -> &Features {
        self.row.clear();
        let slot = self.names.slot("kind", 0).expect("one name");
        if own < MISSING {
            self.row.pairs.push((slot, truthline::event::Value::Null));
        } else if strange && own < MISSING + STRANGE {
            self.row.push_text(slot, "never seen");
        } else {
            self.row.push_text(slot, if own < 0.5 { "one" } else { "other" });
        }
        &self.row
    }
}

fn facts(drawn: Drawn) -> Facts {
    Facts { score: drawn.score, decision: Some(drawn.decision), arm: Arm::Policy, action: None, weight: Weight::ONE }
}

fn baseline(made: &Made, kinds: &mut Kinds, chance: &mut Chance) -> Profile {
    let mut sample = RowSample::new(BASELINE as usize);
    let mut serial = 0_u64;
    let mut dice = Chance::new(chance.next());
    made.draw(BASELINE, chance, |drawn| {
        // A customer's rows come in one day.
        if serial.is_multiple_of(5) {
            dice = Chance::new(dice.next());
        }
        let day = FIRST_DAY - 1 - (dice.clone().uniform() * BASELINE_DAYS as f64) as i64;
        let features = kinds.of(drawn.own, false).clone();
        sample.add(RequestKey::new(&format!("b{serial}"), 0), || SampleRow {
            time: EventTime::from_micros_unchecked(day * DAY + DAY / 2),
            facts: facts(drawn),
            features,
            content: serial,
            positive: drawn.label,
        });
        serial += 1;
    });
    build(MODEL, "v1", Origin::Files, &sample, &kinds.names, &BuildSettings::default())
}

fn settings() -> Arc<Config> {
    let text = "topics: {inferences: {name: p, out_of_order: 10m}, labels: {name: l, out_of_order: 10m}}\n\
                defaults: {window: 1d, levels: [1], label_window: 1d, ages: [9d]}\n";
    Arc::new(Config::from_yaml(text).expect("the settings are right"))
}

/// Every figure of a final summary with an interval of its own.
fn published(summary: &Summary) -> BTreeMap<String, Option<[f64; 2]>> {
    let layers = [&summary.predictions.figures, &summary.truth.figures, &summary.truth.metrics];
    let named = layers.into_iter().flatten().map(|(name, figure)| (name.clone(), figure.interval));
    let mut all: BTreeMap<String, Option<[f64; 2]>> = named.collect();
    for feature in &summary.inputs.features {
        all.insert("missing".to_owned(), feature.missing.interval);
        all.insert("unfamiliar".to_owned(), feature.unfamiliar.interval);
    }
    all
}

/// Publishes so many windows of a case.
pub(crate) fn cover(case: Case, windows: u64) -> Coverage {
    let made = Made::new(case.law, case.prevalence);
    let mut chance = Chance::new(fnv1a_64(case.key().as_bytes()));
    let mut kinds = Kinds::new();
    let mut coverage = Coverage { windows, ..Coverage::default() };
    for number in 0..BASELINES {
        let profile = baseline(&made, &mut kinds, &mut chance);
        let truth = made.truth(&profile.map);
        let mut judge = Judge::new(settings(), References::new([profile.clone()]), true);
        let share = windows / BASELINES + u64::from(number < windows % BASELINES);
        let mut found = Vec::new();
        for day in FIRST_DAY..FIRST_DAY + share as i64 {
            let sums = window(&profile, &made, case.n, &mut kinds, &mut chance);
            judge.fold(MODEL, "v1", EventTime::from_micros_unchecked(day * DAY), &sums);
            let reached = Some(EventTime::from_micros_unchecked((day + 1) * DAY));
            judge.advance(Clock::new(reached, reached), &mut found);
        }
        let reached = Some(EventTime::from_micros_unchecked((FIRST_DAY + share as i64 + 2) * DAY));
        judge.advance(Clock::new(reached, reached), &mut found);
        for finding in found {
            if let Finding::Summary(summary) = finding
                && summary.is_final
            {
                coverage.note(&truth, &published(&summary));
            }
        }
    }
    coverage
}

fn window(profile: &Profile, made: &Made, n: u64, kinds: &mut Kinds, chance: &mut Chance) -> Sums {
    let mut sums = Sums::new(profile.layout.clone());
    let (mut mapping, mut coded) = (Mapping::default(), CodedRow::default());
    made.draw(n, chance, |drawn| {
        kinds.of(drawn.own, true);
        profile.coding.code(&kinds.row, &kinds.names, &mut mapping, &mut coded);
        let facts = facts(drawn);
        sums.predicted(&facts, &coded);
        if let Some(positive) = drawn.label {
            sums.labelled(&facts, &coded.codes, &profile.map, positive, 1);
        }
        sums.add_truth(truth::CLOSED, 1);
        sums.add_truth(truth::NEVER, i64::from(drawn.label.is_none()));
    });
    sums
}

impl Coverage {
    fn note(&mut self, truth: &BTreeMap<String, f64>, published: &BTreeMap<String, Option<[f64; 2]>>) {
        for (name, truth) in truth {
            let held = self.figures.entry(name.clone()).or_default();
            if let Some(&Some([low, high])) = published.get(name) {
                held.spoke += 1;
                held.below += u64::from(*truth < low);
                held.above += u64::from(*truth > high);
            }
        }
    }
}
