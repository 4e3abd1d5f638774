//! Where does each figure stand whose scatter is looked at, and what is it in a window?

use super::{Restless, design_effect};
use crate::indicator::Metric;
use crate::observe::looks::{drift_counts, score_groups};
use crate::observe::metrics::{auc, confusion, forecasts, loss};
use crate::observe::{
    CELL_SQUARE, CODE_TAIL, CODE_UNKNOWN, Coding, Layout, Recalibration, SCORE_SCALE, Statistic, Sums, flow, truth,
};
use crate::stats::distribution::{Part, looks};
use crate::stats::rate::Tally;
use crate::stats::recalibration::recalibrate;

/// Where each figure stands: shares first, other means behind them.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    pub(super) features: Vec<FeaturePlaces>,
    scores: usize,
    groups: usize,
    rates: usize,
    pub(super) means: usize,
    pub(super) cells: usize,
    pub(super) length: usize,
    /// Whether the baseline had cases of it, for shares of single values and labels of single codes. What was new in
    /// production is no scatter of what was there.
    pub(super) had: Vec<bool>,
}

/// Where the figures of a feature stand: missing values, all cells as one, the labels of all codes as one, then the parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FeaturePlaces {
    pub(super) first: usize,
    pub(super) cells: usize,
    /// Whether cuts follow the cells.
    pub(super) ordered: bool,
    /// Cells with rows, and codes with labels, on the baseline: so many figures are one, where all are taken as one.
    pub(super) used: u32,
    pub(super) labelled: u32,
}

impl FeaturePlaces {
    pub(super) const ALL_CELLS: usize = 1;
    pub(super) const ALL_LABELS: usize = 2;
    pub(super) const PARTS: usize = 3;
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
        let length = cells + layout.cells();
        let mut had = vec![false; length];
        for (place, (feature, places)) in coding.features().iter().zip(&features).enumerate() {
            let parts = places.first + FeaturePlaces::PARTS;
            for (cell, hits) in drift_counts(feature, baseline.codes(place)).into_iter().enumerate() {
                had[parts + cell] = hits > 0;
            }
            for code in 0..feature.codes() {
                had[cells + layout.cells_of(place).start + code] = baseline.cell(place, code).v > 0;
            }
        }
        Self { features, scores, groups, rates, means, cells, length, had }
    }

    /// The places of shares of single values, about independent of each other.
    pub(super) fn shares(&self) -> impl Iterator<Item = usize> {
        let cells =
            |one: &FeaturePlaces| one.first + FeaturePlaces::PARTS..one.first + FeaturePlaces::PARTS + one.cells;
        self.features.iter().flat_map(cells)
    }

    /// Whether the figure at a place stands on labels.
    pub(super) const fn is_labelled(&self, place: usize) -> bool {
        place > self.rates
    }

    /// The places of a figure; its scatter is the largest of theirs, or their mean for the codes of a slice.
    pub(super) fn of(&self, figure: Restless, layout: &Layout) -> (std::ops::Range<usize>, bool) {
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
                // A value that the baseline never had scatters as the rare ones do: each may be one customer.
                let unknown = usize::from(CODE_UNKNOWN)..usize::from(CODE_TAIL);
                let is_unknown = !self.features[feature].ordered && unknown.contains(&from) && to <= unknown.end;
                let (from, to) = if is_unknown { (unknown.end, unknown.end + 1) } else { (from, to) };
                (first + from..first + to, false)
            }
        }
    }

    /// Tells each figure of a window: its place, its value, and its weight.
    pub(super) fn tell(
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
        // What weights add to the variance of a window is allowed for where windows are tested; here it would be twice.
        let effect = |figure: Restless| design_effect(window, Some(map), figure);
        let rate = share(window.truth(truth::POSITIVE), labelled);
        tell(self.rates + 1, rate, labelled as f64 / effect(Restless::Labels));
        let table = confusion(window);
        let tallies = [table.accuracy_tally(), table.precision_tally(), table.recall_tally(), table.jaccard_tally()];
        for ((at, Tally { hits, trials }), metric) in tallies.into_iter().enumerate().zip(SHARES) {
            let weight = trials as f64 / effect(Restless::Metric(metric));
            tell(self.rates + 2 + at, hits as f64 / trials.max(1) as f64, weight);
        }
        if let Some((area, variance)) = auc(window).and_then(|auc| Some((auc.area, auc.variance?))) {
            tell(self.means, area, 1.0 / (variance * effect(Restless::Metric(Metric::Auc))));
        }
        for (at, metric) in [Metric::LogLoss, Metric::Brier].into_iter().enumerate() {
            if let Some(sample) = loss(window, metric) {
                tell(self.means + 1 + at, sample.mean, sample.n / (sample.variance * effect(Restless::Metric(metric))));
            }
        }
        let bins = forecasts(window, map);
        // Not the fitted offset: there is none in a window without positives, and leaving such windows out would make rare
        // positives that come in bunches look as even as independent ones.
        let (beyond, v) = bins.iter().fold((0.0, 0.0), |(beyond, v), bin| {
            let expected = bin.cases as f64 * bin.score;
            (beyond + bin.positives as f64 - expected, v + expected * (1.0 - bin.score))
        });
        tell(self.means + MEANS.len(), beyond / v, v / effect(Restless::Offset));
        if let Some(line) = recalibrate(&bins) {
            tell(self.means + MEANS.len() + 1, line.slope, 1.0 / (line.slope_variance * effect(Restless::Slope)));
        }
        let cells = window.get(Statistic::Cells).chunks_exact(crate::observe::CELL_WIDTH);
        for ((at, cell), squares) in cells.enumerate().zip(window.get(Statistic::CellSquares)) {
            let (positive, e, v) = (cell[1] as f64, cell[5] as f64 / SCORE_SCALE, cell[6] as f64 / SCORE_SCALE);
            let effect = 1.0 + *squares as f64 * CELL_SQUARE / v;
            tell(self.cells + at, (positive - e) / v, v / effect);
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
