//! Does a subgroup fare worse than the whole explains?
//!
//! A subgroup is the rows that share one value (or range) of one feature. Four questions each:
//!
//! - `residual`: are there more or fewer positives than the scores let expect? Scores are recalibrated on the baseline,
//!   and then moved by the offset and slope that all traffic of the window shares, so that a shift of the whole does
//!   not make every slice an alert. The count is tested by a bound that holds for unequal chances (Hoeffding 1956).
//! - `fnr`, `fpr`, `error_rate`: is the share of errors larger than the slice's own on the baseline (or, for a slice
//!   that the baseline does not know, than the whole's), and also larger than that of the rest of this window?

use std::collections::BTreeMap;
use std::ops::Range;

use super::budget::Family;
use super::inputs::by_frequency;
use super::naming::spoken;
use super::naming::{code_name, quoted, value_name};
use super::predictions::difference;
use super::reading::{Context, Reading, count};
use super::words::{amount, capital, many, percent};
use crate::baseline::Profile;
use crate::config::ModelConfig;
use crate::finding::Subject;
use crate::indicator::{EMERGING_RATIO, Indicator, SLICE_MIN_EXPECTED};
use crate::observe::{
    BottomK, CODE_TAIL, CODE_UNDER, CODE_UNKNOWN, Cell, Event, FeatureCoding, SCORE_SCALE, Statistic, Sums, truth,
};
use crate::stats::forecast::{ForecastBin, logit};
use crate::stats::interval::{exact_lower, exact_upper};
use crate::stats::rate::{Floor, Side, Tally, Terms, rate_test, sum_tail};
use crate::stats::recalibration::{recalibrate, recalibrate_offset};

/// At most this many features are sliced.
const SLICED: usize = 12;
/// A numeric feature is cut into about this many ranges.
const RANGES: usize = 8;
/// A share of errors must rise by this much to count.
const ERROR_FLOOR: f64 = 0.10;
/// Questions a slice.
const METRICS: usize = 4;

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
    /// Positive labels to be expected, moved with the whole.
    pub expected: f64,
}

/// The shift that all traffic of a window shares, on the log-odds of the recalibrated score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct GlobalShift {
    intercept: f64,
    slope: f64,
}

impl GlobalShift {
    /// Fits the shift: offset and slope, or the offset alone where the labels do not suffice for more. With no label of
    /// a class it changes nothing.
    pub(super) fn fit(sums: &Sums, profile: &Profile) -> Self {
        let bins = expected_bins(sums, profile);
        let enough = super::performance::speaks(sums);
        let line = enough.then(|| recalibrate(&bins)).flatten();
        let line = line.map(|line| Self { intercept: line.intercept, slope: line.slope });
        let offset = || recalibrate_offset(&bins).map(|fit| Self { intercept: fit.offset, slope: 1.0 });
        line.or_else(offset).unwrap_or(Self { intercept: 0.0, slope: 1.0 })
    }

    /// Expected positives of a cell: the first step of the shift, from the cell's own sums.
    fn expected(self, cell: &Cell) -> f64 {
        let [e, v, vl] = [cell.e, cell.v, cell.vl].map(|sum| sum as f64 / SCORE_SCALE);
        (e + self.intercept * v + (self.slope - 1.0) * vl).clamp(0.0, cell.n as f64)
    }
}

/// Labelled rows by score bin, with the recalibrated score of the bin.
pub(super) fn expected_bins(sums: &Sums, profile: &Profile) -> Vec<ForecastBin> {
    let classes = sums.get(Statistic::Negatives).iter().zip(sums.get(Statistic::Positives));
    classes
        .enumerate()
        .filter(|(_, (negative, positive))| *negative + *positive > 0)
        .filter_map(|(bin, (&negative, &positive))| {
            ForecastBin::new(count(negative + positive), count(positive), profile.map.expected(bin))
        })
        .collect()
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
        let first = usize::from(CODE_UNDER) + 1;
        let bins = feature.code_over() - first;
        let step = bins.div_ceil(RANGES).max(1);
        let mut slices = vec![slice(0..1, "(missing)".into())];
        slices.push(slice(usize::from(CODE_UNDER)..first, feature.describe(usize::from(CODE_UNDER))));
        for start in (first..feature.code_over()).step_by(step) {
            let end = (start + step).min(feature.code_over());
            slices.push(slice(start..end, range_name(feature, start, end)));
        }
        slices.push(slice(feature.code_over()..feature.codes(), feature.describe(feature.code_over())));
        return slices;
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

fn range_name(feature: &FeatureCoding, start: usize, end: usize) -> String {
    let crate::observe::Kind::Numeric { edges, .. } = feature.kind() else { return feature.describe(start) };
    let (low, high) = (edges[start - 3], edges[end - 3]);
    if high.total_cmp(&low.next_up()).is_eq() { format!("{low}") } else { format!("{low} to {}", high.next_down()) }
}

/// The labelled rows of neighbouring codes.
fn cell(sums: &Sums, slice: &Slice) -> Cell {
    slice.codes.clone().map(|code| sums.cell(slice.feature, code)).fold(Cell::default(), |sum, term| Cell {
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
            let cell = cell(context.sums, &slice);
            (cell.n > 0).then(|| Sliced { slice, cell, expected: shift.expected(&cell) })
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

/// All readings of the slices of one mature window.
pub(super) fn readings(context: &Context<'_>) -> Vec<Reading> {
    let Some(profile) = context.profile else { return Vec::new() };
    // Without labels on the baseline "expected" means nothing.
    if profile.labelled() == 0 {
        return Vec::new();
    }
    let slices = all(context);
    // Every slice that could exist counts as a key, so that the level does not depend on what occurs.
    let features = profile.coding.features();
    let possible: usize = sliced_features(context.config, profile).iter().map(|&place| features[place].codes()).sum();
    let terms = context.terms(Family::Slices, possible * METRICS);
    let whole = whole(context.sums);
    let whole_then = self::whole(&profile.sums);
    let mut readings = Vec::new();
    for sliced in &slices {
        let look = Look {
            context,
            profile,
            sliced,
            then: cell(&profile.sums, &sliced.slice),
            whole: &whole,
            whole_then: &whole_then,
            terms,
        };
        readings.extend(look.residual());
        readings.extend(look.error_rates());
    }
    readings
}

fn whole(sums: &Sums) -> Cell {
    let [n, positive, tp, fp, decided] =
        [truth::N, truth::POSITIVE, truth::TP, truth::FP, truth::DECIDED].map(|place| sums.truth(place));
    Cell { n, positive, tp, fp, decided, ..Cell::default() }
}

struct Look<'a> {
    context: &'a Context<'a>,
    profile: &'a Profile,
    sliced: &'a Sliced,
    then: Cell,
    whole: &'a Cell,
    whole_then: &'a Cell,
    terms: Terms,
}

impl Look<'_> {
    fn feature(&self) -> &FeatureCoding {
        &self.profile.coding.features()[self.sliced.slice.feature]
    }

    fn subject(&self, metric: &str) -> Subject {
        let slice = BTreeMap::from([(self.feature().name().to_owned(), self.sliced.slice.name.clone())]);
        Subject { slice: Some(slice), metric: Some(metric.to_owned()), ..Subject::default() }
    }

    fn whose(&self) -> String {
        let Slice { codes, name, .. } = &self.sliced.slice;
        let what = if self.feature().is_numeric() {
            spoken(self.context.config, self.feature(), codes.clone())
        } else {
            quoted(name)
        };
        format!("where '{}' is {what}", self.feature().name())
    }

    /// Whether the baseline can speak for the slice. It cannot if it has no row of it, nor if the slice has grown beyond
    /// all proportion: then most of it is of a kind that the baseline does not know.
    fn known(&self) -> bool {
        let (n, whole) = (self.sliced.cell.n as f64, self.whole.n as f64);
        let most = exact_upper(self.then.n as f64, self.whole_then.n as f64, self.terms.gamma);
        self.then.n > 0 && most.is_some_and(|most| n <= EMERGING_RATIO * most * whole)
    }

    /// How many more positives than expected the slice had on the baseline itself, at least and at most.
    fn own_ratio(&self) -> (f64, f64) {
        let expected = self.then.e as f64 / SCORE_SCALE;
        if !self.known() || expected <= 0.0 {
            return (1.0, 1.0);
        }
        let (x, n) = (self.then.positive as f64, self.then.n as f64);
        let bounds = exact_lower(x, n, self.terms.gamma).zip(exact_upper(x, n, self.terms.gamma));
        bounds.map_or((1.0, 1.0), |(low, high)| ((low * n / expected).min(1.0), (high * n / expected).max(1.0)))
    }

    fn residual(&self) -> Option<Reading> {
        let indicator = Indicator::SliceErrorRate;
        let Sliced { cell, expected, .. } = self.sliced;
        let n = count(cell.n);
        let observed = count(cell.positive);
        // Few expected positives can still be far too few for what was found; too little of both says nothing.
        if n < indicator.min_n() || expected.max(observed as f64) < SLICE_MIN_EXPECTED {
            return None;
        }
        let factor = 1.0 + indicator.floor();
        let (low, high) = self.own_ratio();
        let tally = Tally::new(observed, n);
        let upper = sum_tail(tally, (expected * high * factor).min(n as f64), Side::Higher, self.terms.phi)?;
        let lower = sum_tail(tally, expected * low / factor, Side::Lower, self.terms.phi)?;
        let p_value = (2.0 * (upper.min(lower) + self.terms.gamma)).min(1.0);
        let rate = observed as f64 / n as f64;
        let stated = expected / n as f64;
        // Beyond what the slice's own past explains.
        let half_more = |expected: f64| (observed as f64 + 0.5) / (expected + 0.5);
        let beyond = libm::log(half_more(expected * high)).max(-libm::log(half_more(expected * low))).max(0.0);
        let text = format!(
            "{}, {} of {} labelled predictions are positive; the scores promised {}.",
            capital(&self.whose()),
            many(observed),
            many(n),
            amount(*expected)
        );
        let interval = crate::stats::interval::wilson(observed as f64, n as f64, 0.05);
        let reading = Some(
            Reading {
                indicator,
                subject: self.subject("residual"),
                value: rate,
                reference: stated,
                effect: rate - stated,
                floor: difference(stated, factor, rate < stated),
                strength: (beyond / libm::log(factor)).min(1e6),
                interval: interval.map(|interval| [interval.low, interval.high]),
                n,
                p_value,
                level: self.terms.level,
                smallest_detectable: None,
                evidence: BTreeMap::new(),
                text,
                examples: Vec::new(),
            }
            .with("observed", observed)
            .with("expected", *expected)
            .with("logit_of_expected", logit(stated)),
        );
        reading.map(|reading| self.exemplified(reading))
    }

    fn error_rates(&self) -> Vec<Reading> {
        let (Some(now), Some(whole), Some(whole_then)) =
            (errors(&self.sliced.cell), errors(self.whole), errors(self.whole_then))
        else {
            return Vec::new();
        };
        let own = errors(&self.then);
        let names = [
            ("fnr", 20, "of the positives were missed"),
            ("fpr", 50, "of the negatives were flagged"),
            ("error_rate", 50, "of the decisions were wrong"),
        ];
        let mut readings = Vec::new();
        for (place, (metric, least, what)) in names.into_iter().enumerate() {
            // A slice that the baseline does not know is compared with the whole of the baseline.
            let then = if self.known() { own.map(|own| own[place]) } else { Some(whole_then[place]) };
            let Some(then) = then.filter(|tally| tally.trials > 0) else { continue };
            let rest = Tally::new(
                whole[place].hits.saturating_sub(now[place].hits),
                whole[place].trials.saturating_sub(now[place].trials),
            );
            readings.extend(self.rate(metric, least, what, now[place], then, rest));
        }
        readings
    }

    /// Larger than on the baseline, and larger than in the rest of the window: the larger p-value counts.
    fn rate(&self, metric: &str, least: u64, what: &str, now: Tally, then: Tally, rest: Tally) -> Option<Reading> {
        if now.trials < least {
            return None;
        }
        let floor = Floor::Difference(ERROR_FLOOR);
        let test = rate_test(now, then, Side::Higher, floor, self.terms)?;
        // A slice that is the whole has no rest to be worse than.
        let rest = rate_test(now, rest, Side::Higher, floor, self.terms)?;
        let p_value = rest.p_value.max(test.p_value);
        let effect = rest.effect.min(test.effect);
        let text = format!(
            "{}, {} {what} ({} of {}); on the baseline {}, elsewhere in this window {}.",
            capital(&self.whose()),
            percent(test.value),
            many(now.hits),
            many(now.trials),
            percent(test.reference),
            percent(rest.reference)
        );
        let reading = Reading::of_rate(
            Indicator::SliceErrorRate,
            self.subject(metric),
            &test,
            ERROR_FLOOR,
            now.trials,
            self.terms,
        );
        let strength = (effect / ERROR_FLOOR).max(0.0);
        Some(self.exemplified(Reading { strength, p_value, text, ..reading }))
    }

    /// A few predictions of the slice: only for readings that fire.
    fn exemplified(&self, mut reading: Reading) -> Reading {
        if reading.fires() {
            let slice = &self.sliced.slice;
            let of_slice = |event: &Event| {
                event.codes.get(slice.feature).is_some_and(|&code| slice.codes.contains(&usize::from(code)))
            };
            let samples = [Some(self.context.sums.kept()), self.context.sums.named(slice.feature)];
            let events = samples.into_iter().flatten().flat_map(BottomK::iter);
            reading.examples =
                events.filter(|(_, event)| of_slice(event)).map(|(k, event)| (k, event.clone())).collect();
        }
        reading
    }
}
