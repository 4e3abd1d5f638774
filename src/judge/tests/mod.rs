//! Does each reading say what the counts say? A small world of rows, counted by the code that counts production.

mod asked;
mod beside;
mod estimated;
mod idle;
mod incidents;
mod indicators;
mod late;
mod live;
mod null;
mod owners;
mod scatter;
mod snapshot;
mod sound;
mod stream;
mod weighted;

use std::sync::Arc;

use super::bounds::UpperBounds;
use super::budget::Budget;
use super::reading::{Context, Lessons, Reading};
use super::summary::Heading;
use super::{calibration, inputs, labels, performance, plumbing, predictions, slices};
use crate::baseline::{BuildSettings, Origin, Profile, RowSample, SampleRow, build};
use crate::config::ModelConfig;
use crate::event::{Arm, EventTime, FeatureNames, Features, RequestKey, Span, Value, Window};
use crate::finding::Subject;
use crate::observe::{CodedRow, Facts, Mapping, Sums, Weight};
use crate::stats::rate::Tally;

/// Numbers that depend on the seed alone (splitmix64).
pub(super) struct Chance(pub u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn hits(&mut self, share: f64) -> bool {
        self.uniform() < share
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        (self.uniform() * n as f64) as u64
    }

    /// About normal: a sum of twelve uniforms.
    pub(super) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

#[derive(Clone, Debug)]
pub(super) enum Cell {
    Text(String),
    Number(f64),
    Null,
}

/// One prediction with its truth.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub features: Vec<(&'static str, Cell)>,
    pub score: f64,
    pub decision: Option<bool>,
    pub label: Option<bool>,
    pub weight: Weight,
}

pub(super) fn text(value: impl Into<String>) -> Cell {
    Cell::Text(value.into())
}

impl Row {
    pub(super) fn new(score: f64, label: bool, features: Vec<(&'static str, Cell)>) -> Self {
        Self { features, score, decision: Some(score >= 0.5), label: Some(label), weight: Weight::ONE }
    }

    fn features(&self, names: &mut FeatureNames) -> Features {
        let mut features = Features::default();
        for (place, (name, cell)) in self.features.iter().enumerate() {
            let slot = names.slot(name, place).expect("few names");
            match cell {
                Cell::Text(value) => features.push_text(slot, value),
                Cell::Number(x) => features.pairs.push((slot, Value::Float(*x))),
                Cell::Null => features.pairs.push((slot, Value::Null)),
            }
        }
        features
    }

    fn facts(&self) -> Facts {
        Facts { score: self.score, decision: self.decision, arm: Arm::Policy, action: None, weight: self.weight }
    }
}

/// A baseline with everything that is needed to count and judge windows against it.
pub(super) struct World {
    pub names: FeatureNames,
    pub profile: Arc<Profile>,
    pub config: ModelConfig,
    pub budget: Budget,
    pub multiple: u32,
    bounds: UpperBounds,
}

/// The heading of a final summary.
fn heading() -> Heading {
    Heading {
        model: "m".into(),
        version: "v1".into(),
        revision: 0,
        as_of: 0,
        is_final: true,
        labels: true,
        firing: Vec::new(),
        late: 0,
        capped: false,
        arrived: None,
        lacking: Vec::new(),
    }
}

impl World {
    /// A baseline of one moment: it tells nothing of how windows differ.
    pub(super) fn new(rows: impl IntoIterator<Item = Row>) -> Self {
        let moment = EventTime::from_micros_unchecked(1_700_000_000_000_000);
        Self::over(rows.into_iter().enumerate().map(|(place, row)| (moment + Span::from_micros(place as i64), row)))
    }

    /// A baseline of rows with their times.
    pub(super) fn over(rows: impl IntoIterator<Item = (EventTime, Row)>) -> Self {
        let mut names = FeatureNames::default();
        let mut sample = RowSample::new(100_000);
        for (place, (time, row)) in rows.into_iter().enumerate() {
            let features = row.features(&mut names);
            sample.add(RequestKey::new(&format!("b{place}"), 0), || SampleRow {
                time,
                facts: row.facts(),
                features,
                content: 0,
                positive: row.label,
            });
        }
        let profile = build("m", "v1", Origin::Files, &sample, &names, &BuildSettings::default());
        let budget = Budget::new(0.1, Span::DAY, &[1, 7, 28]);
        Self {
            names,
            profile: Arc::new(profile),
            config: ModelConfig::default(),
            budget,
            multiple: 1,
            bounds: UpperBounds::default(),
        }
    }

    /// Counts a window.
    pub(super) fn count(&mut self, rows: impl IntoIterator<Item = Row>) -> Sums {
        let mut sums = Sums::new(self.profile.layout.clone());
        let mut mapping = Mapping::default();
        let mut coded = CodedRow::default();
        for (place, row) in rows.into_iter().enumerate() {
            let features = row.features(&mut self.names);
            self.profile.coding.code(&features, &self.names, &mut mapping, &mut coded);
            sums.predicted(&row.facts(), &coded);
            let id = format!("w{place}");
            sums.sampled(RequestKey::new(&id, 0), &id, 0, EventTime::default(), row.score, &coded);
            if let Some(label) = row.label {
                sums.labelled(&row.facts(), &coded.codes, &self.profile.map, label, 1);
            }
        }
        sums
    }

    pub(super) fn context<'a>(&'a self, sums: &'a Sums, alive: &'a [Subject]) -> Context<'a> {
        let window = Window::holding(EventTime::default(), Span::DAY);
        Context {
            window,
            multiple: self.multiple,
            sums,
            profile: Some(&self.profile),
            config: &self.config,
            budget: self.budget,
            alive,
            living: None,
            bounds: &self.bounds,
            learnt: Lessons::None,
            beside: None,
        }
    }

    pub(super) fn of_inputs(&self, sums: &Sums) -> Vec<Reading> {
        let context = self.context(sums, &[]);
        let mut readings = inputs::readings(&context);
        readings.extend(predictions::readings(&context));
        readings.extend(plumbing::readings(&context));
        readings
    }

    pub(super) fn of_labels(&self, sums: &Sums, coverage: Option<Tally>) -> Vec<Reading> {
        let context = self.context(sums, &[]);
        let mut readings = labels::readings(&context, coverage);
        readings.extend(performance::readings(&context));
        readings.extend(calibration::readings(&context));
        readings.extend(slices::readings(&context));
        readings
    }

    pub(super) fn all(&self, sums: &Sums) -> Vec<Reading> {
        let mut readings = self.of_inputs(sums);
        readings.extend(self.of_labels(sums, None));
        readings
    }
}

/// The readings that fire, as indicator and what they are about.
pub(super) fn firing(readings: &[Reading]) -> Vec<(&'static str, Subject)> {
    readings.iter().filter(|reading| reading.fires()).map(|r| (r.indicator.name(), r.subject.clone())).collect()
}

/// Names of the indicators that fire, each once.
pub(super) fn names(readings: &[Reading]) -> Vec<&'static str> {
    let mut names: Vec<&str> = firing(readings).into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    names
}
