//! How restless is each figure from window to window, in a good time?
//!
//! The rows of a baseline are cut into windows of an hour, a day and a week, and each figure that a test will look at is
//! taken in each window. Where the windows differ by more than chance (customers with many requests, a world that
//! wanders), tests must allow for it; see `stats::dispersion`.
//!
//! - `plain` is the scatter of all windows, cycles included: a window of one hour, or of one day, is as unlike the
//!   others as they are unlike each other.
//! - `phased` is the scatter among windows of one hour of the day, or one day of the week: what is left in windows that
//!   hold whole cycles.
//!
//! A window of a length that the baseline has at least [`ENOUGH`] of is judged by the scatter of that length. A longer one
//! by the longest length with enough of them, taken as independent of each other, and at least by what its own few
//! windows show. Where the window holds more rows than those of the baseline, the excess is scaled up with them: a
//! scatter of shares that hides behind few rows shows with many.
//! What production itself shows counts as well: see `learnt`.
mod figures;
mod judged;
mod learnt;
mod measure;
#[cfg(test)]
mod tests;
mod weights;

use serde::{Deserialize, Serialize};

pub use figures::Figures;
pub use judged::{Judged, Size, judged};
pub use learnt::Learnt;
pub(super) use measure::measure;
pub use weights::{design_effect, of_errors, of_specificity};

use crate::event::Span;
use crate::indicator::Metric;
use crate::stats::distribution::Part;

/// From so many windows on a scatter is known.
pub const ENOUGH: u32 = 20;
/// Fewer windows of a length are not even looked at.
const FEW: u32 = 4;
/// Factors are kept in thousandths.
const UNIT: f64 = 1_000.0;
/// The factor of a figure that never was, or always, or in one window only.
const UNKNOWN: u32 = 0;

/// A figure whose scatter between windows is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restless {
    /// Share of missing values of a feature.
    Missing(usize),
    /// Share of values that are rare or outside of the range.
    Odd(usize),
    /// A part of the distribution of a feature.
    Feature(usize, Part),
    /// A part of the distribution of scores.
    Scores(Part),
    /// Share of positive decisions.
    Decisions,
    /// Share of positive labels.
    Labels,
    /// A metric.
    Metric(Metric),
    /// Positives beyond what the scores say.
    Offset,
    /// The slope of the calibration.
    Slope,
    /// Positives beyond what the scores say, among rows with one of some codes of a feature: first code and the one after
    /// the last.
    Slice(usize, usize, usize),
}

impl Restless {
    /// Whether it stands on labels.
    pub const fn is_labelled(self) -> bool {
        matches!(self, Self::Labels | Self::Metric(_) | Self::Offset | Self::Slope | Self::Slice(..))
    }

    /// Whether it lies in [0, 1] by its nature.
    pub const fn is_share(self) -> bool {
        !matches!(self, Self::Offset | Self::Slope | Self::Metric(Metric::LogLoss))
    }
}

/// The scatter between windows of one length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dispersion {
    /// Length of the windows, in microseconds.
    pub length: i64,
    /// Windows with rows.
    pub windows: u32,
    /// Degrees of freedom within phases of a cycle.
    pub degrees: u32,
    /// Rows a window, on average.
    pub rows: f64,
    /// Labelled rows a window, on average.
    pub labelled: f64,
    /// Factors of all windows, in thousandths; 0 where a figure tells nothing.
    pub plain: Vec<u32>,
    /// Factors within phases, in thousandths; empty where each phase occurred once.
    pub phased: Vec<u32>,
    /// The share of figures without scatter, in thousandths: of all windows and within phases, and in each first those of
    /// predictions, then those of labels.
    #[serde(default = "undecided")]
    pub calm: [[u32; 2]; 2],
}

/// As many figures with scatter as without.
const fn undecided() -> [[u32; 2]; 2] {
    [[500; 2]; 2]
}

impl Dispersion {
    /// What is impossible in it, as read from a file.
    pub(super) fn fault(&self, figures: &Figures) -> Option<String> {
        let lists = [&self.plain, &self.phased];
        let long = |list: &&&Vec<u32>| !list.is_empty() && list.len() != figures.length;
        if self.length <= 0 || self.windows < 2 || !(self.rows > 0.0 && self.labelled >= 0.0) {
            return Some("'dispersion' needs a length, two windows and rows in them".into());
        }
        if self.calm.iter().flatten().any(|share| !(1..UNIT as u32).contains(share)) {
            return Some("'dispersion' has shares of calm figures outside of 1 to 999 thousandths".into());
        }
        let wrong = lists.iter().find(long)?;
        Some(format!("'dispersion' has {} factors; accepted: {}", wrong.len(), figures.length))
    }
}

/// Lengths that are looked at, and the phases of the cycle that each length is cut by.
const LENGTHS: [(Span, i64); 3] = [(Span::HOUR, 24), (Span::DAY, 7), (Span::DAY.times(7), 1)];
/// A factor as a number; one that is unknown is 1.
fn told(factor: u32) -> f64 {
    if factor == UNKNOWN { 1.0 } else { f64::from(factor) / UNIT }
}
