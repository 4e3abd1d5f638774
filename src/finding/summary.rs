//! A summary: what is known of one (model, version, window) at one revision.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::WindowBounds;

/// How far the labels of a window have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Maturity {
    /// No label that counts can still come, or 99 % are there.
    Mature,
    /// At least half of what is expected.
    Provisional,
    /// Less.
    Immature,
}

/// A figure is never a bare number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The figure; `None` when it abstains.
    pub value: Option<f64>,
    /// 95 % interval; it allows for the scatter that the baseline has measured.
    pub interval: Option<[f64; 2]>,
    /// Events behind it.
    pub n: u64,
    /// How many independent, equally weighted events say as much.
    pub effective_n: f64,
    /// How far the labels are; inputs and predictions are always mature.
    pub maturity: Maturity,
    /// Labelled / predicted.
    pub coverage: Option<f64>,
    /// What coverage should be by now.
    pub expected_coverage: Option<f64>,
    /// `complete`, or how missing labels were weighted for.
    pub estimator: String,
    /// How far bins can have moved the figure; 0 when it is exact.
    pub error_bound: f64,
    /// The same figure on the baseline.
    pub reference: Option<f64>,
}

/// How one feature moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Movement {
    /// Which feature.
    pub feature: String,
    /// Rows in which it was coded.
    pub n: u64,
    /// Population stability index against the baseline; folklore bands are 0.1 and 0.25.
    pub psi: Option<f64>,
    /// The largest difference of the two cumulative distributions (categories: of single shares).
    pub distance: Option<f64>,
    /// By how much the distance of the values themselves may exceed it, because numbers are counted in bins; 0 for
    /// categories.
    #[serde(default)]
    pub distance_error: f64,
    /// Share of rows without a value.
    pub missing: Figure,
    /// Share of values that the baseline never had, or numbers outside its range.
    pub unfamiliar: Figure,
    /// Mean, for numbers.
    pub mean: Option<f64>,
    /// Mean on the baseline.
    pub mean_reference: Option<f64>,
    /// The cells that moved most: text, share now, share on the baseline; under the feature's policy.
    pub cells: Vec<(String, f64, f64)>,
}

/// One subgroup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SliceFigure {
    /// Feature to value.
    pub slice: BTreeMap<String, String>,
    /// Labelled rows.
    pub n: u64,
    /// Positive labels.
    pub observed: u64,
    /// Positive labels that the recalibrated scores, moved with the whole, let expect.
    pub expected: f64,
    /// Share of wrong decisions.
    pub error_rate: Option<f64>,
    /// Share of positives that were missed.
    pub fnr: Option<f64>,
    /// Share of negatives that were flagged.
    pub fpr: Option<f64>,
}

/// One group of neighbouring score bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreBin {
    /// Lowest score.
    pub low: f64,
    /// Highest score.
    pub high: f64,
    /// Predictions.
    pub n: u64,
    /// Labelled predictions.
    pub labelled: u64,
    /// Positive labels.
    pub positive: u64,
    /// Mean score, as stated by the model.
    pub stated: f64,
}

/// Labels by how long they took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DelayBin {
    /// The shortest delay, in microseconds; 0 holds everything below, also labels before their prediction.
    pub from_us: i64,
    /// Negative labels.
    pub negative: u64,
    /// Positive labels.
    pub positive: u64,
}

/// The input layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SummaryInputs {
    /// Predictions in the window.
    pub n: u64,
    /// One entry a watched feature.
    pub features: Vec<Movement>,
}

/// The four layers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SummaryLayers {
    /// Figures by name: `mean_score`, `decision_rate`, `psi`.
    pub figures: BTreeMap<String, Figure>,
    /// Metrics by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub metrics: BTreeMap<String, Figure>,
    /// Metrics estimated before the labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub estimated: BTreeMap<String, Figure>,
    /// Groups of scores, low to high.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub scores: Vec<ScoreBin>,
    /// The subgroups that differ most from what the whole explains.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub slices: Vec<SliceFigure>,
    /// Labels by delay: bins that have any. Counts of windows add.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub delays: Vec<DelayBin>,
}

/// An indicator that cannot run, and the field it would need.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Inactive {
    /// Which indicator.
    pub indicator: String,
    /// What it needs.
    pub needs: String,
}

/// A question that the streams cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlindSpot {
    /// Its short name.
    pub name: String,
    /// One sentence.
    pub text: String,
}

/// One revision of a summary, as published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The model.
    pub model: String,
    /// The version.
    pub version: String,
    /// The window, of whichever level.
    pub window: WindowBounds,
    /// 0, 1, 2, …
    pub revision: u32,
    /// When this revision was due.
    pub as_of: i64,
    /// Whether no later revision can differ.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// The join's outcomes.
    pub counts: BTreeMap<String, u64>,
    /// Inputs.
    pub inputs: SummaryInputs,
    /// Scores and decisions.
    pub predictions: SummaryLayers,
    /// Labels.
    pub truth: SummaryLayers,
    /// Money.
    pub business: SummaryLayers,
    /// Indicators that ran.
    pub active: Vec<String>,
    /// Indicators that could not.
    pub inactive: Vec<Inactive>,
    /// What stays unknown.
    pub blind_spots: Vec<BlindSpot>,
    /// Fingerprints that were firing when this revision was due.
    pub alerts: Vec<String>,
    /// Predictions and labels that came after the look they belong to, from a partition that had been thought idle. Zero in
    /// a replay; a final summary that counts any stands in place of the one published before.
    pub late_after_idle: u64,
    /// Whether a limit was hit, so that promise 1 is void.
    pub capped: bool,
}
