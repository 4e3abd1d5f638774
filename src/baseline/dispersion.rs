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

use serde::{Deserialize, Serialize};

use super::rows::{RowSample, SampleRow};
use crate::event::{FeatureNames, Span, Window};
use crate::indicator::Metric;
use crate::observe::looks::{drift_counts, score_groups};
use crate::observe::metrics::{auc, confusion, forecasts, loss};
use crate::observe::{CodedRow, Coding, Layout, Mapping, Recalibration, SCORE_SCALE, Statistic, Sums, flow, truth};
use crate::stats::dispersion::{Spread, of_mean, of_share};
use crate::stats::distribution::{Part, looks};
use crate::stats::rate::Tally;
use crate::stats::recalibration::{recalibrate, recalibrate_offset};

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
}

impl Dispersion {
    /// What is impossible in it, as read from a file.
    pub(super) fn fault(&self, figures: &Figures) -> Option<String> {
        let lists = [&self.plain, &self.phased];
        let long = |list: &&&Vec<u32>| !list.is_empty() && list.len() != figures.length;
        if self.length <= 0 || self.windows < 2 || !(self.rows > 0.0 && self.labelled >= 0.0) {
            return Some("'dispersion' needs a length, two windows and rows in them".into());
        }
        let wrong = lists.iter().find(long)?;
        Some(format!("'dispersion' has {} factors; accepted: {}", wrong.len(), figures.length))
    }
}

/// Lengths that are looked at, and the phases of the cycle that each length is cut by.
const LENGTHS: [(Span, i64); 3] = [(Span::HOUR, 24), (Span::DAY, 7), (Span::DAY.times(7), 1)];

/// Where each figure stands: shares first, other means behind them.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    features: Vec<FeaturePlaces>,
    scores: usize,
    groups: usize,
    rates: usize,
    means: usize,
    cells: usize,
    length: usize,
}

/// Where the figures of a feature stand: missing values, all cells as one, the labels of all codes as one, then the parts.
#[derive(Clone, Copy, Debug, PartialEq)]
struct FeaturePlaces {
    first: usize,
    cells: usize,
    /// Whether cuts follow the cells.
    ordered: bool,
    /// Cells with rows, and codes with labels, on the baseline: so many figures are one, where all are taken as one.
    used: u32,
    labelled: u32,
}

impl FeaturePlaces {
    const ALL_CELLS: usize = 1;
    const ALL_LABELS: usize = 2;
    const PARTS: usize = 3;
}

/// Metrics that are shares, and such that are not.
const SHARES: [Metric; 4] = [Metric::Accuracy, Metric::Precision, Metric::Recall, Metric::F1];
const MEANS: [Metric; 3] = [Metric::Auc, Metric::LogLoss, Metric::Brier];

impl Figures {
    /// The places for a coding, with the groups of scores of a baseline.
    pub fn new(coding: &Coding, layout: &Layout, baseline: &Sums) -> Self {
        let mut length = 0;
        let features = coding.features().iter().enumerate().map(|(place, feature)| {
            let counts = drift_counts(feature, baseline.codes(place));
            let (first, cells, ordered) = (length, counts.len(), feature.is_numeric());
            length += FeaturePlaces::PARTS + looks(cells, ordered);
            let used = counts.iter().filter(|&&hits| hits > 0).count() as u32;
            let labelled = (0..feature.codes()).filter(|&code| baseline.cell(place, code).v > 0).count() as u32;
            FeaturePlaces { first, cells, ordered, used, labelled }
        });
        let features: Vec<FeaturePlaces> = features.collect();
        let groups = score_groups(baseline, baseline).0.len();
        let scores = length;
        let rates = scores + looks(groups, true);
        let means = rates + 2 + SHARES.len();
        let cells = means + MEANS.len() + 2;
        Self { features, scores, groups, rates, means, cells, length: cells + layout.cells() }
    }

    /// The places of a figure; its scatter is the largest of theirs, or their mean for the codes of a slice.
    fn of(&self, figure: Restless, layout: &Layout) -> (std::ops::Range<usize>, bool) {
        let one = |place: usize| (place..place + 1, false);
        let part = |first: usize, cells: usize, part: Part| match part {
            Part::Cell(cell) => one(first + cell),
            // The first cut is the first cell.
            Part::UpTo(0) => one(first),
            Part::UpTo(cut) => one(first + cells + cut - 1),
        };
        let metric = |wanted: Metric| {
            let share = SHARES.iter().position(|&one| one == wanted).map(|at| self.rates + 2 + at);
            one(share.or_else(|| MEANS.iter().position(|&one| one == wanted).map(|at| self.means + at)).unwrap_or(0))
        };
        match figure {
            Restless::Missing(feature) => one(self.features[feature].first),
            Restless::Odd(feature) => {
                let FeaturePlaces { first, cells, ordered, .. } = self.features[feature];
                let first = first + FeaturePlaces::PARTS;
                // What is outside now was at an end of the range then.
                if ordered { (first..first + cells, true) } else { one(first) }
            }
            Restless::Feature(feature, wanted) => {
                let places = self.features[feature];
                part(places.first + FeaturePlaces::PARTS, places.cells, wanted)
            }
            Restless::Scores(wanted) => part(self.scores, self.groups, wanted),
            Restless::Decisions => one(self.rates),
            Restless::Labels => one(self.rates + 1),
            Restless::Metric(wanted) => metric(wanted),
            Restless::Offset => one(self.means + MEANS.len()),
            Restless::Slope => one(self.means + MEANS.len() + 1),
            Restless::Slice(feature, from, to) => {
                let first = self.cells + layout.cells_of(feature).start;
                (first + from..first + to, false)
            }
        }
    }

    /// Tells each figure of a window: its place, its value, and its weight.
    pub fn tell(
        &self,
        coding: &Coding,
        map: &Recalibration,
        baseline: &Sums,
        window: &Sums,
        mut tell: impl FnMut(usize, f64, f64),
    ) {
        for (place, (feature, places)) in coding.features().iter().zip(&self.features).enumerate() {
            let &FeaturePlaces { first, cells, ordered, .. } = places;
            let codes = window.codes(place);
            let rows: i64 = codes.iter().sum();
            tell(first, share(codes[0], rows), rows as f64);
            let counts = drift_counts(feature, codes);
            tell_looks(&counts, cells, ordered, first + FeaturePlaces::PARTS, &mut tell);
        }
        let (now, _, _) = score_groups(window, baseline);
        tell_looks(&now, self.groups, true, self.scores, &mut tell);
        let decided = window.flow(flow::DECIDED);
        tell(self.rates, share(window.flow(flow::POSITIVE), decided), decided as f64);
        let labelled = window.truth(truth::N);
        tell(self.rates + 1, share(window.truth(truth::POSITIVE), labelled), labelled as f64);
        let table = confusion(window);
        let tallies = [table.accuracy_tally(), table.precision_tally(), table.recall_tally(), table.jaccard_tally()];
        for (at, Tally { hits, trials }) in tallies.into_iter().enumerate() {
            tell(self.rates + 2 + at, hits as f64 / trials.max(1) as f64, trials as f64);
        }
        if let Some((area, variance)) = auc(window).and_then(|auc| Some((auc.area, auc.variance?))) {
            tell(self.means, area, 1.0 / variance);
        }
        for (at, metric) in [Metric::LogLoss, Metric::Brier].into_iter().enumerate() {
            if let Some(sample) = loss(window, metric) {
                tell(self.means + 1 + at, sample.mean, sample.n / sample.variance);
            }
        }
        let bins = forecasts(window, map);
        if let Some(fit) = recalibrate_offset(&bins) {
            tell(self.means + MEANS.len(), fit.offset, 1.0 / fit.variance);
        }
        if let Some(line) = recalibrate(&bins) {
            tell(self.means + MEANS.len() + 1, line.slope, 1.0 / line.slope_variance);
        }
        let cells = window.get(Statistic::Cells).chunks_exact(crate::observe::CELL_WIDTH);
        for (at, cell) in cells.enumerate() {
            let (positive, e, v) = (cell[1] as f64, cell[5] as f64 / SCORE_SCALE, cell[6] as f64 / SCORE_SCALE);
            tell(self.cells + at, (positive - e) / v, v);
        }
    }
}

fn share(hits: i64, rows: i64) -> f64 {
    if rows > 0 { hits as f64 / rows as f64 } else { 0.0 }
}

fn tell_looks(counts: &[u64], cells: usize, ordered: bool, first: usize, tell: &mut impl FnMut(usize, f64, f64)) {
    debug_assert_eq!(counts.len(), cells, "the cells of the baseline");
    let rows = counts.iter().sum::<u64>() as f64;
    let mut below = 0;
    for (cell, &hits) in counts.iter().enumerate() {
        below += hits;
        tell(first + cell, hits as f64 / rows.max(1.0), rows);
        if ordered && cell > 0 && cell + 1 < cells {
            tell(first + cells + cell - 1, below as f64 / rows.max(1.0), rows);
        }
    }
}

/// The scatter of a baseline's rows, by length of window; lengths with too few windows are left out.
pub(super) fn measure(
    sample: &RowSample,
    names: &FeatureNames,
    coding: &Coding,
    map: &Recalibration,
    baseline: &Sums,
) -> Vec<Dispersion> {
    let mut rows: Vec<&SampleRow> = sample.iter().map(|(_, row)| row).collect();
    rows.sort_by_key(|row| row.time);
    let figures = Figures::new(coding, baseline.layout(), baseline);
    let windows = LENGTHS.into_iter();
    windows
        .filter_map(|(length, phases)| of_length(&rows, names, coding, map, baseline, &figures, length, phases))
        .collect()
}

#[expect(clippy::too_many_arguments, reason = "all of them are the one baseline")]
fn of_length(
    rows: &[&SampleRow],
    names: &FeatureNames,
    coding: &Coding,
    map: &Recalibration,
    baseline: &Sums,
    figures: &Figures,
    length: Span,
    phases: i64,
) -> Option<Dispersion> {
    let holding = |row: &SampleRow| Window::holding(row.time, length).start;
    let windows: Vec<&[&SampleRow]> = rows.chunk_by(|a, b| holding(a) == holding(b)).collect();
    let many = u32::try_from(windows.len()).unwrap_or(u32::MAX);
    if many < FEW {
        return None;
    }
    let mut plain = vec![Spread::default(); figures.length];
    let mut phased = vec![Spread::default(); figures.length * phases as usize];
    let mut seen = vec![0_u32; phases as usize];
    let mut sums = Sums::new(baseline.layout().clone());
    let (mut mapping, mut coded) = (Mapping::default(), CodedRow::default());
    let mut labelled = 0;
    for window in windows {
        sums.clear();
        for row in window {
            coding.code(&row.features, names, &mut mapping, &mut coded);
            sums.predicted(&row.facts, &coded);
            if let Some(positive) = row.positive {
                sums.labelled(&row.facts, &coded.codes, map, positive, 1);
            }
        }
        labelled += sums.truth(truth::N);
        let phase = (holding(window[0]).micros() / length.micros()).rem_euclid(phases) as usize;
        seen[phase] += 1;
        figures.tell(coding, map, baseline, &sums, |place, value, weight| {
            plain[place].add(value, weight);
            phased[place * phases as usize + phase].add(value, weight);
        });
    }
    let factor = |place: usize, groups: &[Spread]| {
        let factor = if place < figures.means { of_share(groups) } else { of_mean(groups) };
        factor.map_or(UNKNOWN, |factor| libm::rint(factor.value * UNIT).clamp(1.0, f64::from(u32::MAX)) as u32)
    };
    let degrees: u32 = seen.iter().map(|windows| windows.saturating_sub(1)).sum();
    let each = phased.chunks_exact(phases as usize);
    let mean = |factors: &[u32], used: u32| {
        let known = factors.iter().filter(|&&one| one != UNKNOWN);
        let excess: i64 = known.map(|&one| i64::from(one) - UNIT as i64).sum();
        u32::try_from(UNIT as i64 + excess / i64::from(used.max(1))).unwrap_or(0)
    };
    let together = |mut factors: Vec<u32>| {
        for (feature, places) in figures.features.iter().enumerate() {
            let &FeaturePlaces { first, cells, used, labelled, .. } = places;
            let parts = first + FeaturePlaces::PARTS;
            factors[first + FeaturePlaces::ALL_CELLS] = mean(&factors[parts..parts + cells], used);
            let codes = baseline.layout().cells_of(feature);
            let codes = figures.cells + codes.start..figures.cells + codes.end;
            factors[first + FeaturePlaces::ALL_LABELS] = mean(&factors[codes], labelled);
        }
        factors
    };
    Some(Dispersion {
        length: length.micros(),
        windows: many,
        degrees,
        rows: rows.len() as f64 / f64::from(many),
        labelled: labelled as f64 / f64::from(many),
        plain: together(
            plain.iter().enumerate().map(|(place, one)| factor(place, std::slice::from_ref(one))).collect(),
        ),
        phased: if degrees > 0 {
            together(each.enumerate().map(|(place, groups)| factor(place, groups)).collect())
        } else {
            Vec::new()
        },
    })
}

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
    /// By how much the excess grows with the window's rows.
    scale: f64,
    /// The few windows of its own length.
    own: Option<&'a [u32]>,
}

/// The entry that speaks for windows of a size; `None` where nothing is known.
pub fn judged(known: &[Dispersion], size: Size) -> Option<Judged<'_>> {
    let length = size.length.micros();
    let enough = |one: &&Dispersion| one.windows >= ENOUGH;
    let own = known.iter().find(|one| one.length == length);
    let shorter = known.iter().filter(|one| one.length < length).filter(enough).max_by_key(|one| one.length);
    let longer = || known.iter().filter(enough).min_by_key(|one| one.length);
    let by = own.filter(enough).or(shorter).or_else(longer)?;
    // A day holds every hour, a week every day.
    let cycle =
        LENGTHS.iter().find(|(span, _)| span.micros() == by.length).map_or(1, |(span, phases)| span.micros() * phases);
    let whole = length > by.length && length % cycle == 0 && by.degrees >= ENOUGH;
    let (factors, degrees) = if whole { (&by.phased, by.degrees) } else { (&by.plain, by.windows - 1) };
    let usual = if size.labelled { by.labelled } else { by.rows };
    let share = (by.length as f64 / length as f64).min(1.0);
    let scale = if usual > 0.0 { (size.rows * share / usual).max(1.0) } else { 1.0 };
    let own = own.filter(|one| one.length != by.length).map(|one| one.plain.as_slice());
    Some(Judged { factors, degrees, scale, own })
}

impl Judged<'_> {
    /// The factors by which a test of a figure divides the counts of the window and of the baseline; at least 1. `raise`
    /// makes one out of an estimate and its degrees of freedom.
    ///
    /// A bunch can be of any value, also of one that had none on the baseline: a part of a feature scatters at least as all
    /// its cells do, a slice at least as the labels of all its codes do. All of them together are known far better.
    pub fn factors(
        &self,
        figures: &Figures,
        layout: &Layout,
        figure: Restless,
        raise: impl Fn(f64, u32) -> f64,
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
        let alone = if unknown && all.is_some() { 1.0 } else { raise(read(self.factors), degrees) };
        let together = all.filter(|&(_, used)| used > 0).map_or(1.0, |(place, used)| {
            let factor = self.factors.get(place).map_or(1.0, |&one| told(one));
            raise(factor, self.degrees.saturating_mul(used))
        });
        let raised = alone.max(together).max(1.0);
        let own = self.own.map_or(1.0, read);
        ((1.0 + (raised - 1.0) * self.scale).max(own), raised)
    }
}
