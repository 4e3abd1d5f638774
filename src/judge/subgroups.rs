//! Which subgroups does a window have, and how many positives are to be expected in each?
//!
//! What is expected are the scores as the baseline reads them, moved by the offset and slope that all traffic of the
//! window shares.

use std::ops::Range;

use super::inputs::by_frequency;
use super::naming::{code_name, value_name};
use super::reading::{Context, count};
use crate::baseline::Profile;
use crate::config::ModelConfig;
use crate::observe::metrics::forecasts;
use crate::observe::{CODE_TAIL, CODE_UNDER, CODE_UNKNOWN, Cell, FeatureCoding, SCORE_SCALE, Sums};
use crate::stats::forecast::{ForecastBin, logit, sigmoid};
use crate::stats::rate::Tally;
use crate::stats::recalibration::{recalibrate, recalibrate_offset};

/// At most this many features are sliced.
const SLICED: usize = 12;
/// A numeric feature is cut into about this many ranges.
const RANGES: usize = 8;
/// One subgroup: neighbouring codes of one feature.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slice {
    /// Place of the feature in the coding.
    pub feature: usize,
    /// Its codes.
    pub codes: Range<usize>,
    /// The published name of the value or range.
    pub name: String,
}

/// A subgroup with its labelled rows.
#[derive(Clone, Debug)]
pub(super) struct Sliced {
    /// Which.
    pub slice: Slice,
    /// What the window holds of it.
    pub cell: Cell,
    /// Positive labels to be expected from the recalibrated scores.
    pub stated: f64,
    /// The same, moved with the rest of the window.
    pub expected: f64,
    /// Positives that this move was read from.
    pub leans_on: u64,
}

/// The shift that all traffic of a window shares, on the log-odds of the recalibrated score.
#[derive(Clone, Copy, Debug, PartialEq)]
struct GlobalShift {
    intercept: f64,
    slope: f64,
    /// The labelled rows that it was fitted to, as one cell.
    whole: Cell,
}

/// Fewer of a class in the rest of a window say nothing of its offset.
const REST: i64 = 20;

impl GlobalShift {
    /// Fits the shift: offset and slope, or the offset alone where the labels do not suffice for more. With no label of
    /// a class it changes nothing.
    fn fit(sums: &Sums, profile: &Profile) -> Self {
        let bins = forecasts(sums, &profile.map);
        let enough = super::performance::speaks(sums);
        let line = enough.then(|| recalibrate(&bins)).flatten();
        let line = line.map(|line| (line.intercept, line.slope));
        let offset = || recalibrate_offset(&bins).map(|fit| (fit.offset, 1.0));
        let (intercept, slope) = line.or_else(offset).unwrap_or((0.0, 1.0));
        Self { intercept, slope, whole: as_cell(&bins) }
    }

    /// The shift of everything but a slice, so that a large slice does not hide behind what it did to the whole: the
    /// offset moves by as much as that of the rest differs from that of the whole. Only where the rest has enough of both
    /// classes. With it come the positives that it was read from: their chance is part of every test against it.
    fn beside(self, cell: &Cell) -> (Self, u64) {
        let whole = &self.whole;
        let rest = Cell {
            n: whole.n - cell.n,
            positive: whole.positive - cell.positive,
            e: whole.e - cell.e,
            v: whole.v - cell.v,
            vl: whole.vl - cell.vl,
            ..Cell::default()
        };
        if rest.positive < REST || rest.n - rest.positive < REST {
            return (self, count(whole.positive));
        }
        let apart = offset(&rest, self.slope).zip(offset(whole, self.slope)).map_or(0.0, |(rest, all)| rest - all);
        (Self { intercept: self.intercept + apart, ..self }, count(rest.positive))
    }

    /// Expected positives of a cell, from the cell's own sums. The shift is exact to first order, and exact altogether
    /// where chances are small or alike: the cell's mean chance moves in the log-odds by as much as the first order asks.
    fn expected(self, cell: &Cell) -> f64 {
        let n = cell.n as f64;
        let [e, v, vl] = [cell.e, cell.v, cell.vl].map(|sum| sum as f64 / SCORE_SCALE);
        let mean = e / n;
        let room = n * mean * (1.0 - mean);
        if room.is_nan() || room <= 0.0 {
            return e.clamp(0.0, n);
        }
        let step = (self.intercept * v + (self.slope - 1.0) * vl) / room;
        n * sigmoid(logit(mean) + step)
    }
}

/// The offset at which a cell's expected positives equal its observed ones, by the rule of [`GlobalShift::expected`].
fn offset(cell: &Cell, slope: f64) -> Option<f64> {
    let n = cell.n as f64;
    let [e, v, vl] = [cell.e, cell.v, cell.vl].map(|sum| sum as f64 / SCORE_SCALE);
    let (mean, share) = (e / n, cell.positive as f64 / n);
    let step = logit(share) - logit(mean);
    let offset = (step * n * mean * (1.0 - mean) - (slope - 1.0) * vl) / v;
    offset.is_finite().then_some(offset)
}

/// The labelled rows of all bins, as one cell.
fn as_cell(bins: &[ForecastBin]) -> Cell {
    let sum = |f: &dyn Fn(f64) -> f64| {
        bins.iter().map(|bin| bin.cases as i64 * libm::rint(f(bin.score) * SCORE_SCALE) as i64).sum::<i64>()
    };
    Cell {
        n: bins.iter().map(|bin| bin.cases as i64).sum(),
        positive: bins.iter().map(|bin| bin.positives as i64).sum(),
        e: sum(&|e| e),
        v: sum(&|e| e * (1.0 - e)),
        vl: sum(&|e| e * (1.0 - e) * logit(e)),
        ..Cell::default()
    }
}

/// The features that are sliced: those asked for, else categories first, the smaller the vocabulary the earlier.
pub(super) fn sliced_features(config: &ModelConfig, profile: &Profile) -> Vec<usize> {
    let features = profile.coding.features();
    if let Some(asked) = &config.slices.features {
        return (0..features.len()).filter(|&place| asked.iter().any(|name| name == features[place].name())).collect();
    }
    if !config.slices.auto {
        let protected = &config.slices.protected;
        return (0..features.len()).filter(|&f| protected.iter().any(|name| name == features[f].name())).collect();
    }
    let mut places: Vec<usize> = (0..features.len()).collect();
    places.sort_by_key(|&place| (features[place].is_numeric(), features[place].codes(), place));
    places.truncate(SLICED);
    places.sort_unstable();
    places
}

/// The slices of one feature. Unknown values are one slice a cell, named by the value that is most frequent in it.
fn slices_of(context: &Context<'_>, profile: &Profile, place: usize) -> Vec<Slice> {
    let feature = &profile.coding.features()[place];
    let slice = |codes: Range<usize>, name: String| Slice { feature: place, codes, name };
    if feature.is_numeric() {
        let named = |(at, codes): (usize, Range<usize>)| {
            let name = if at == 0 { "(missing)".into() } else { range_name(feature, &codes) };
            slice(codes, name)
        };
        return ranges(feature).enumerate().map(named).collect();
    }
    let mut slices = vec![slice(0..1, "(missing)".into())];
    let names = context.sums.named(place).map(by_frequency).unwrap_or_default();
    for code in usize::from(CODE_UNKNOWN)..usize::from(CODE_TAIL) {
        let own = |text: &str| usize::from(CODE_UNKNOWN) + (crate::event::value_hash(text) % 16) as usize == code;
        if let Some((_, text)) = names.iter().find(|(_, text)| own(text)) {
            slices.push(slice(code..code + 1, value_name(context.config, feature, text)));
        }
    }
    for code in usize::from(CODE_TAIL)..feature.codes() {
        slices.push(slice(code..code + 1, code_name(context.config, feature, code)));
    }
    slices
}

/// The slices that a feature can have, by their codes: each code of a category, some ranges of a number.
pub(super) fn ranges(feature: &FeatureCoding) -> impl Iterator<Item = Range<usize>> {
    let first = if feature.is_numeric() { usize::from(CODE_UNDER) + 1 } else { usize::from(CODE_UNKNOWN) };
    let (last, step) = if feature.is_numeric() {
        (feature.code_over(), (feature.code_over() - first).div_ceil(RANGES).max(1))
    } else {
        (feature.codes(), 1)
    };
    let numeric = feature.is_numeric();
    let codes = feature.codes();
    std::iter::once(0..1).chain((first..last).step_by(step).map(move |start| {
        let end = (start + step).min(last);
        // What lies beyond the baseline's range is the tail of its end: most extreme of all by construction, and no group
        // of its own that the baseline could speak for.
        let from = if numeric && start == first { usize::from(CODE_UNDER) } else { start };
        from..if end == last { codes } else { end }
    }))
}

fn range_name(feature: &FeatureCoding, codes: &Range<usize>) -> String {
    let crate::observe::Kind::Numeric { edges, .. } = feature.kind() else { return feature.describe(codes.start) };
    let first = usize::from(CODE_UNDER) + 1;
    let (start, end) = (codes.start.max(first), codes.end.min(feature.code_over()));
    crate::observe::range_text(edges[start - first], edges[end - first], end == feature.code_over())
}

/// The labelled rows of neighbouring codes.
pub(super) fn cell(sums: &Sums, feature: usize, codes: Range<usize>) -> Cell {
    codes.map(|code| sums.cell(feature, code)).fold(Cell::default(), |sum, term| Cell {
        n: sum.n + term.n,
        positive: sum.positive + term.positive,
        tp: sum.tp + term.tp,
        fp: sum.fp + term.fp,
        decided: sum.decided + term.decided,
        e: sum.e + term.e,
        v: sum.v + term.v,
        vl: sum.vl + term.vl,
    })
}

/// All slices of a window that hold labelled rows.
pub(super) fn all(context: &Context<'_>) -> Vec<Sliced> {
    let Some(profile) = context.profile else { return Vec::new() };
    let shift = GlobalShift::fit(context.sums, profile);
    sliced_features(context.config, profile)
        .into_iter()
        .flat_map(|place| slices_of(context, profile, place))
        .filter_map(|slice| {
            let cell = cell(context.sums, slice.feature, slice.codes.clone());
            (cell.n > 0).then(|| {
                let (beside, leans_on) = shift.beside(&cell);
                let (stated, expected) = (cell.e as f64 / SCORE_SCALE, beside.expected(&cell));
                Sliced { slice, cell, stated, expected, leans_on }
            })
        })
        .collect()
}

/// Wrong decisions of a cell: (missed, positives), (false alarms, negatives), (errors, rows). Only where every row has a
/// decision.
pub(super) fn errors(cell: &Cell) -> Option<[Tally; 3]> {
    let [n, positive, tp, fp] = [cell.n, cell.positive, cell.tp, cell.fp].map(count);
    let missed = positive.checked_sub(tp)?;
    (cell.decided == cell.n && n > 0)
        .then(|| [Tally::new(missed, positive), Tally::new(fp, n - positive), Tally::new(missed + fp, n)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cell of `n` rows at each of some chances.
    fn cell_at(chances: &[f64], n: i64) -> Cell {
        let sum =
            |f: &dyn Fn(f64) -> f64| chances.iter().map(|&e| n * libm::rint(f(e) * SCORE_SCALE) as i64).sum::<i64>();
        Cell {
            n: n * chances.len() as i64,
            e: sum(&|e| e),
            v: sum(&|e| e * (1.0 - e)),
            vl: sum(&|e| e * (1.0 - e) * logit(e)),
            ..Cell::default()
        }
    }

    #[test]
    fn a_slice_does_not_hide_behind_what_it_did_to_the_whole() {
        // A quarter of the rows has three times its positives, the rest what it should.
        let quarter = Cell { positive: 150, ..cell_at(&[0.05], 1_000) };
        let rest = Cell { positive: 150, ..cell_at(&[0.05], 3_000) };
        let bins = [ForecastBin { cases: 4_000, positives: 300, score: 0.05 }];
        let intercept = logit(300.0 / 4_000.0) - logit(0.05);
        let shift = GlobalShift { intercept, slope: 1.0, whole: as_cell(&bins) };
        assert!((shift.expected(&quarter) - 75.0).abs() < 0.1);
        let (beside, leans_on) = shift.beside(&quarter);
        assert!((beside.expected(&quarter) - 50.0).abs() < 0.1 && leans_on == 150);
        // A slice that has nearly all positives leaves too few beside it.
        let most = Cell { positive: 281, ..rest };
        assert_eq!(shift.beside(&most), (shift, 300));
    }

    #[test]
    fn the_shared_shift_moves_a_cell_as_it_moves_each_of_its_rows() {
        for (intercept, slope) in [(1.2, 1.0), (-1.0, 1.0), (0.5, 0.9), (0.0, 1.0)] {
            let shift = GlobalShift { intercept, slope, whole: Cell::default() };
            // Chances alike, and small chances that differ fourfold: within 10 % of the sum over rows.
            for chances in [&[0.3][..], &[0.02], &[0.005, 0.01, 0.02], &[0.6, 0.7]] {
                let exact: f64 = chances.iter().map(|&e| 1_000.0 * sigmoid(intercept + slope * logit(e))).sum();
                let found = shift.expected(&cell_at(chances, 1_000));
                assert!((found / exact - 1.0).abs() < 0.1, "{intercept} {slope} {chances:?}: {found} {exact}");
            }
        }
    }
}
