//! Does a subgroup fare worse than the whole explains?
//!
//! A subgroup is the rows that share one value (or range) of one feature. Four questions each:
//!
//! - `residual`: are there more or fewer positives than the scores let expect? Scores are recalibrated on the baseline,
//!   and then moved by the offset and slope that all traffic of the window shares, so that a shift of the whole does
//!   not make every slice an alert. The count is tested against the slice's own past where the baseline knows it, else by
//!   a bound that holds for unequal chances (Hoeffding 1956).
//! - `fnr`, `fpr`, `error_rate`: is the share of errors larger than the slice's own on the baseline (or, for a slice
//!   that the baseline does not know, than the whole's), and also larger than that of the rest of this window?

use std::collections::BTreeMap;

use super::labels::selective;
use super::naming::{quoted, spoken};
use super::predictions::difference;
use super::reading::{Context, Reading, count};
use super::slice_levels::{LEAST, Shares};
use super::subgroups::{Slice, Sliced, all, cell, errors};
use super::words::{amount, capital, many, none_or, out_of};
use crate::baseline::{Profile, Restless};
use crate::finding::Subject;
use crate::indicator::{EMERGING_RATIO, Indicator, SLICE_MIN_EXPECTED};
use crate::observe::{BottomK, Cell, Event, FeatureCoding, SCORE_SCALE, Sums, truth};
use crate::stats::forecast::logit;
use crate::stats::rate::{Floor, Side, Tally, Terms, rate_test, sum_tail};
use crate::stats::tails::{binomial_lower, binomial_upper};

/// A share of errors must rise by this much to count.
const ERROR_FLOOR: f64 = 0.10;
/// The place of the first question among all; shares of errors follow.
const RESIDUAL: usize = 0;

/// All readings of the slices of one mature window.
pub(super) fn readings(context: &Context<'_>) -> Vec<Reading> {
    let Some(profile) = context.profile else { return Vec::new() };
    // Without enough labels of both classes on the baseline "expected" means nothing.
    if !super::performance::speaks(&profile.sums) {
        return Vec::new();
    }
    let slices = all(context);
    let shares = Shares::of(context, profile);
    let selective = selective(context).is_some();
    let whole = whole(context.sums);
    let whole_then = self::whole(&profile.sums);
    let mut readings = Vec::new();
    for sliced in &slices {
        let Slice { feature, codes, .. } = &sliced.slice;
        let then = cell(&profile.sums, *feature, codes.clone());
        let (here, there) = shares.effects(*feature, codes);
        let look = Look {
            context,
            profile,
            sliced,
            known: known(context, &sliced.cell, &then, [&whole, &whole_then], shares.plain(&then), there),
            then,
            whole: &whole,
            whole_then: &whole_then,
            shares: &shares,
            effect: here,
        };
        readings.extend(look.residual());
        if !selective {
            readings.extend(look.error_rates());
        }
    }
    readings
}

fn whole(sums: &Sums) -> Cell {
    let [n, positive, tp, fp, decided] =
        [truth::N, truth::POSITIVE, truth::TP, truth::FP, truth::DECIDED].map(|place| sums.truth(place));
    Cell { n, positive, tp, fp, decided, ..Cell::default() }
}

/// Whether the baseline can speak for a slice. It cannot if it has no row of it, nor if the slice has grown beyond all
/// proportion: then most of it is of a kind that the baseline does not know.
fn known(
    context: &Context<'_>,
    now: &Cell,
    then: &Cell,
    [whole, whole_then]: [&Cell; 2],
    terms: Terms,
    effect: f64,
) -> bool {
    let terms = Terms { reference_phi: effect, ..terms };
    let most = context.bounds.of(count(then.n), count(whole_then.n), terms);
    then.n > 0 && most.is_some_and(|most| now.n as f64 <= EMERGING_RATIO * most * whole.n as f64)
}

struct Look<'a> {
    context: &'a Context<'a>,
    profile: &'a Profile,
    sliced: &'a Sliced,
    then: Cell,
    /// Whether the baseline can speak for it.
    known: bool,
    whole: &'a Cell,
    whole_then: &'a Cell,
    shares: &'a Shares<'a>,
    /// How many rows of weight 1 would say as much as one label: the slice's labels are divided by it.
    effect: f64,
}

impl Look<'_> {
    fn terms(&self, question: usize) -> Terms {
        let Slice { feature, codes, .. } = &self.sliced.slice;
        self.shares.terms(question, &self.then, *feature, codes)
    }

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

    /// Positives of the slice on the baseline, and how many the recalibrated scores let expect there.
    fn past(&self) -> Option<(u64, f64)> {
        let expected = self.then.e as f64 / SCORE_SCALE;
        (self.known && expected > 0.0).then(|| (count(self.then.positive), expected))
    }

    /// The two-sided p-value of as many positives as were observed. A slice with a past is compared with it: given the
    /// sum of both counts, the count of the window is binomial whatever the slice's own ratio is (Przyborowski and
    /// Wilenski 1940; conservative for chances that are not small). One without is held to what the scores say.
    ///
    /// Where the expected count was read from the `rest` of the window, that many positives are known by chance, too: the
    /// past counts for as much less as adds their variance, 1 / rest, to that of the logarithm of the ratio.
    fn chance(&self, observed: Tally, expected: f64, rest: Option<u64>, terms: Terms) -> Option<f64> {
        let factor = 1.0 + Indicator::SliceErrorRate.floor();
        let read = rest.map(|rest| (rest as f64, rest as f64));
        let past = match (self.past().map(|(hits, past)| (hits as f64, past)), read) {
            (Some((hits, past)), Some((rest, _))) => {
                let left = rest / (rest + hits);
                Some((hits * left, past * left))
            }
            (past, read) => past.or(read),
        };
        let (upper, lower) = if let Some((hits, past)) = past {
            // Both counts scatter alike; they are divided by the larger factor.
            let phi = terms.phi.max(terms.reference_phi);
            let now = observed.hits as f64;
            let (now, both) = (now / phi, (now + hits) / phi);
            let share = |expected: f64| expected / (expected + past);
            (binomial_upper(now, both, share(expected * factor)), binomial_lower(now, both, share(expected / factor)))
        } else {
            let most = (expected * factor).min(observed.trials as f64);
            let phi = terms.phi;
            (sum_tail(observed, most, Side::Higher, phi)?, sum_tail(observed, expected / factor, Side::Lower, phi)?)
        };
        Some((2.0 * upper.min(lower)).clamp(f64::MIN_POSITIVE, 1.0))
    }

    /// The two-sided p-value against what the scores say, and against what they say once moved with the rest: the larger.
    fn both(&self, observed: Tally, terms: Terms) -> Option<f64> {
        let Sliced { stated, expected, leans_on, .. } = self.sliced;
        let beside = self.chance(observed, *expected, Some(*leans_on), terms)?;
        Some(beside.max(self.chance(observed, *stated, None, terms)?))
    }

    /// The smallest excess of positives that would have fired, as a share of the rows.
    fn smallest(&self, n: u64, terms: Terms) -> Option<f64> {
        let Sliced { stated, expected, .. } = self.sliced;
        let fires = |hits: u64| self.both(Tally::new(hits, n), terms).is_some_and(|p| p <= terms.level);
        let (mut low, mut high) = (stated.max(*expected) as u64, n);
        if !fires(high) {
            return None;
        }
        while low < high {
            let middle = low.midpoint(high);
            if fires(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Some((high as f64 - stated) / n as f64)
    }

    /// What the slice's own past leaves of the ratio of observed to expected, as a logarithm of at least 0.
    fn beyond(&self, observed: u64, expected: f64) -> f64 {
        let half_more = |hits: u64, expected: f64| libm::log((hits as f64 + 0.5) / (expected + 0.5));
        let past = self.past().map_or(0.0, |(hits, expected)| half_more(hits, expected));
        let beyond = half_more(observed, expected);
        (beyond - past.max(0.0)).max(past.min(0.0) - beyond).max(0.0)
    }

    /// A slice must differ from what the scores say, and from what they say once moved with the rest of the window. The
    /// second alone would accuse healthy slices of what one bad slice did to the fit; the first alone would make every
    /// slice an alert when the whole moves.
    fn residual(&self) -> Option<Reading> {
        let indicator = Indicator::SliceErrorRate;
        let Sliced { cell, stated: promised, expected, .. } = self.sliced;
        let n = count(cell.n);
        let observed = count(cell.positive);
        // Few expected positives can still be far too few for what was found; too little of both says nothing.
        let least = indicator.min_n() as f64 * self.effect;
        if (n as f64) < least || promised.max(observed as f64) < SLICE_MIN_EXPECTED * self.effect {
            return None;
        }
        let factor = 1.0 + indicator.floor();
        let beyond = self.beyond(observed, *expected).min(self.beyond(observed, *promised));
        // More than the scores say and fewer than the whole explains, or the other way round, is no finding.
        let beyond = if (observed as f64 > *expected) == (observed as f64 > *promised) { beyond } else { 0.0 };
        let strength = (beyond / libm::log(factor)).min(1e6);
        if self.context.is_idle(strength, || self.subject("residual")) {
            return None;
        }
        let tally = Tally::new(observed, n);
        let terms = self.terms(RESIDUAL);
        let p_value = self.both(tally, terms)?;
        let rate = observed as f64 / n as f64;
        let Slice { feature, codes, .. } = &self.sliced.slice;
        let phi = self.context.phi(Restless::Slice(*feature, codes.start, codes.end));
        let stated = promised / n as f64;
        let text = format!(
            "{}, {} of {} labelled predictions are positive; going by the baseline, their scores stand for {} positives.",
            capital(&self.whose()),
            many(observed),
            many(n),
            amount(*promised)
        );
        let interval = crate::stats::interval::share(observed as f64, n as f64, phi, 0.05);
        let reading = Some(
            Reading {
                indicator,
                subject: self.subject("residual"),
                value: rate,
                reference: stated,
                effect: rate - stated,
                floor: difference(stated, factor, rate < stated),
                strength,
                interval: interval.map(|interval| [interval.low, interval.high]),
                n,
                phi,
                is_share: false,
                p_value,
                level: terms.level,
                smallest_detectable: self.smallest(n, terms),
                evidence: BTreeMap::new(),
                text,
                examples: Vec::new(),
                bet: None,
                speaks: true,
            }
            .with("observed", observed)
            .with("expected", *promised)
            .with("expected_with_the_rest", *expected)
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
            ("fnr", LEAST[0], "positives were missed"),
            ("fpr", LEAST[1], "negatives were flagged"),
            ("error_rate", LEAST[2], "decisions were wrong"),
        ];
        let mut readings = Vec::new();
        for (place, (metric, least, what)) in names.into_iter().enumerate() {
            // A slice that the baseline does not know is compared with the whole of the baseline.
            let then = if self.known { own.map(|own| own[place]) } else { Some(whole_then[place]) };
            let Some(then) = then.filter(|tally| tally.trials > 0) else { continue };
            let rest = Tally::new(
                whole[place].hits.saturating_sub(now[place].hits),
                whole[place].trials.saturating_sub(now[place].trials),
            );
            readings.extend(self.rate((metric, least, what), RESIDUAL + 1 + place, now[place], then, rest));
        }
        readings
    }

    /// Larger than on the baseline, and larger than in the rest of the window: the larger p-value counts.
    fn rate(
        &self,
        (metric, least, what): (&str, u64, &str),
        question: usize,
        now: Tally,
        then: Tally,
        rest: Tally,
    ) -> Option<Reading> {
        if (now.trials as f64) < least as f64 * self.effect {
            return None;
        }
        let more = |than: Tally| now.share().zip(than.share()).map_or(0.0, |(now, then)| now - then);
        let strength = (more(then).min(more(rest)) / ERROR_FLOOR).max(0.0);
        if self.context.is_idle(strength, || self.subject(metric)) {
            return None;
        }
        let floor = Floor::Difference(ERROR_FLOOR);
        let terms = self.terms(question);
        let test = rate_test(now, then, Side::Higher, floor, terms)?;
        // A slice that is the whole has no rest to be worse than.
        let rest = rate_test(now, rest, Side::Higher, floor, terms)?;
        let p_value = rest.p_value.max(test.p_value);
        let text = format!(
            "{}, {} {what}; on the baseline {}, elsewhere in this window {}.",
            capital(&self.whose()),
            out_of(test.value, now.trials),
            none_or(test.reference),
            none_or(rest.reference)
        );
        let reading = Reading::of_rate(
            Indicator::SliceErrorRate,
            self.subject(metric),
            &test,
            ERROR_FLOOR,
            (now.trials, terms.phi),
            terms,
        );
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
