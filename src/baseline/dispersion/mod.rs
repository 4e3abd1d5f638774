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
mod figures;
mod measure;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use figures::Figures;
pub(super) use measure::measure;

use figures::FeaturePlaces;

use crate::event::Span;
use crate::indicator::Metric;
use crate::observe::Layout;
use crate::stats::dispersion::Shown;
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

/// What a test must know of a window to allow for scatter.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Its length.
    pub length: Span,
    /// Its rows: predictions, or labelled ones for figures that stand on labels.
    pub rows: f64,
    /// Whether they are labelled ones.
    pub labelled: bool,
}

/// By what the scatter of a kind of window is judged.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    factors: &'a [u32],
    /// Degrees of freedom of the factors.
    pub degrees: u32,
    /// The share of figures without scatter.
    calm: f64,
    /// By how much the excess grows with the window's rows.
    scale: f64,
    /// The few windows of its own length.
    own: Option<&'a [u32]>,
}

/// The entry that speaks for windows of a size; `None` where nothing is known.
pub fn judged(known: &[Dispersion], size: Size) -> Option<Judged<'_>> {
    judged_by(known, size, false)
}

/// The same for windows that are compared with others of the same phase of a cycle: what differs from phase to phase is
/// no scatter between them.
pub fn judged_in_phase(known: &[Dispersion], size: Size) -> Option<Judged<'_>> {
    judged_by(known, size, true)
}

fn judged_by(known: &[Dispersion], size: Size, in_phase: bool) -> Option<Judged<'_>> {
    let length = size.length.micros();
    let enough = |one: &&Dispersion| one.windows >= ENOUGH;
    let own = known.iter().find(|one| one.length == length);
    let shorter = known.iter().filter(|one| one.length < length).filter(enough).max_by_key(|one| one.length);
    let longer = || known.iter().filter(enough).min_by_key(|one| one.length);
    let by = own.filter(enough).or(shorter).or_else(longer)?;
    // A day holds every hour, a week every day.
    let cycle =
        LENGTHS.iter().find(|(span, _)| span.micros() == by.length).map_or(1, |(span, phases)| span.micros() * phases);
    let whole = (in_phase || (length > by.length && length % cycle == 0)) && by.degrees >= ENOUGH;
    let (factors, degrees) = if whole { (&by.phased, by.degrees) } else { (&by.plain, by.windows - 1) };
    let calm = f64::from(by.calm[usize::from(whole)][usize::from(size.labelled)]) / UNIT;
    let usual = if size.labelled { by.labelled } else { by.rows };
    let share = (by.length as f64 / length as f64).min(1.0);
    let scale = if usual > 0.0 { (size.rows * share / usual).max(1.0) } else { 1.0 };
    let own = own.filter(|one| one.length != by.length);
    let own =
        own.map(|one| if in_phase && !one.phased.is_empty() { one.phased.as_slice() } else { one.plain.as_slice() });
    Some(Judged { factors, degrees, calm, scale, own })
}

impl Judged<'_> {
    /// The factors by which a test of a figure divides the counts of the window and of the baseline; at least 1. `raise`
    /// makes one out of what was shown.
    ///
    /// A bunch can be of any value, also of one that had none on the baseline: a part of a feature scatters at least as all
    /// its cells do, a slice at least as the labels of all its codes do. All of them together are known far better.
    pub fn factors(
        &self,
        figures: &Figures,
        layout: &Layout,
        figure: Restless,
        raise: impl Fn(Shown) -> f64,
    ) -> (f64, f64) {
        let (places, largest) = figures.of(figure, layout);
        let many = places.len().max(1) as f64;
        let all = match figure {
            Restless::Feature(feature, Part::Cell(_)) | Restless::Odd(feature) => {
                let FeaturePlaces { first, used, .. } = figures.features[feature];
                Some((first + FeaturePlaces::ALL_CELLS, used))
            }
            Restless::Slice(feature, ..) => {
                let FeaturePlaces { first, labelled, .. } = figures.features[feature];
                Some((first + FeaturePlaces::ALL_LABELS, labelled))
            }
            _ => None,
        };
        let read = |factors: &[u32]| {
            let values = factors.get(places.clone()).unwrap_or_default().iter().map(|&one| told(one));
            if largest { values.fold(0.0, f64::max) } else { values.sum::<f64>() / many }
        };
        // The codes of a slice are about independent of each other.
        let degrees = if matches!(figure, Restless::Slice(..)) { self.degrees * many as u32 } else { self.degrees };
        let unknown = self.factors.get(places.clone()).unwrap_or_default().iter().all(|&one| one == UNKNOWN);
        let alone = (!(unknown && all.is_some())).then(|| (read(self.factors), degrees));
        let together = all.filter(|&(_, used)| used > 0).map(|(place, used)| {
            let factor = self.factors.get(place).map_or(1.0, |&one| told(one));
            (factor, self.degrees.saturating_mul(used))
        });
        let raised = |scale: f64| {
            let of = |(factor, degrees)| raise(Shown { factor, degrees, calm: self.calm, scale });
            [alone, together].into_iter().flatten().map(of).fold(1.0, f64::max)
        };
        (raised(self.scale).max(self.own.map_or(1.0, read)), raised(1.0))
    }
}
