//! Does the score put positives above negatives? Area under the ROC curve and average precision from score bins.
//!
//! Input: ordered bins, ascending in score, of (negatives, positives). Pairs inside one bin count one half, so the
//! binned area is off by at most half the share of such pairs, which is returned with it. Variance: `DeLong`, `DeLong` and
//! Clarke-Pearson (1988) on bins. Areas lie in [0, 1].
//!
//! [`Auc::interval`] is for display. A plain normal interval is far too short for good models with few positives: the
//! positives that a window happened not to have are those that score low, and `DeLong`'s variance knows only of those it
//! had (at 20 positives and an area of 0.97 it holds the truth in 80 % of windows, not 95). So it is taken on the logit
//! scale, where it is skewed as the estimate is, and `DeLong`'s variance leans on that of Hanley and `McNeil` as if that had
//! been seen in 20 cases of the smaller class.
//!
//! Testing an area far out is delicate: with few positives neither the normal law nor the variance estimate can be
//! trusted at 1e-6. [`auc_worse`] therefore uses two regimes, by the size of the smaller class:
//!
//! - below [`FEW`], Hoeffding's bound for two-sample U-statistics (1963, section 5b): the area is a mean of k independent
//!   terms, k the smaller class, averaged over orderings, so P(area <= a) <= exp(-k KL(a || truth)). It holds at any
//!   level without an assumption, and asks for about twice the effect;
//! - from there on, a normal test of the difference of logits, with the larger of `DeLong`'s variance and that of Hanley
//!   and `McNeil` (1982) on each side. It is asymptotic; importance sampling of binormal scores at 50 cases of the smaller
//!   class finds true levels below the nominal ones down to 1e-9.

use super::forecast::{logit, sigmoid};
use super::interval::{Interval, mean};
use super::rate::Terms;
use super::tails::{normal_isf, normal_sf};

/// Size of the smaller class from which the normal test is used.
pub const FEW: u64 = 50;

/// How many cases of the smaller class Hanley and `McNeil`'s variance counts for beside `DeLong`'s, where it is larger.
const LEAN: f64 = 20.0;

/// An area nearer to an end than this part of a case of the smaller class says no more than that much.
const PART: f64 = 0.25;

/// Counts of one score bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScoreBin {
    /// Cases with a negative label.
    pub negatives: u64,
    /// Cases with a positive label.
    pub positives: u64,
}

/// The area under the ROC curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Auc {
    /// Chance that a positive scores above a negative, ties half.
    pub area: f64,
    /// How far the area of the unbinned scores can be, either way.
    pub bin_error: f64,
    /// `DeLong`'s variance of the area; `None` with fewer than two of a class.
    pub variance: Option<f64>,
    /// Positives counted.
    pub positives: u64,
    /// Negatives counted.
    pub negatives: u64,
}

impl Auc {
    /// The interval of the area, for display. `phi`, at least 1, is by how much areas of windows like this one scatter more
    /// than those of independent rows. It holds the area and lies in [0, 1]; the end beside an area of 0 or 1 is that end.
    /// `None` if `phi` is not finite.
    pub fn interval(&self, phi: f64, error: f64) -> Option<Interval> {
        let phi = phi.max(1.0);
        let smaller = self.positives.min(self.negatives) as f64 / phi;
        let edge = (PART / smaller).min(0.5);
        let at = self.area.clamp(edge, 1.0 - edge);
        let variance = phi * self.leant_variance(at, smaller);
        let slope = at * (1.0 - at);
        let on_logit = mean(logit(at), variance.sqrt() / slope, error)?;
        let (low, high) = (sigmoid(on_logit.low).min(self.area), sigmoid(on_logit.high).max(self.area));
        Some(Interval {
            low: if self.area < edge { 0.0 } else { low },
            high: if self.area > 1.0 - edge { 1.0 } else { high },
        })
    }

    /// `DeLong`'s variance, leaning on Hanley and `McNeil`'s where that is larger and there are few cases.
    fn leant_variance(&self, area: f64, smaller: f64) -> f64 {
        let model = hanley_mcneil(area, self);
        let found = self.variance.unwrap_or(model);
        found + LEAN / (smaller + LEAN) * (model - found).max(0.0)
    }
}

/// The area from bins; `None` if a class is missing.
pub fn auc(bins: &[ScoreBin]) -> Option<Auc> {
    let (negatives, positives) = totals(bins);
    if negatives == 0 || positives == 0 {
        return None;
    }
    let (n, p) = (negatives as f64, positives as f64);
    // Twice the count of ordered pairs, exact.
    let (mut ordered, mut tied, mut below) = (0_u128, 0_u128, 0_u128);
    for bin in bins {
        let (neg, pos) = (u128::from(bin.negatives), u128::from(bin.positives));
        ordered += pos * (2 * below + neg);
        tied += pos * neg;
        below += neg;
    }
    let area = 0.5 * ordered as f64 / (n * p);
    let variance = (negatives > 1 && positives > 1).then(|| {
        let (mut of_positives, mut of_negatives) = (0.0, 0.0);
        let (mut neg_below, mut pos_below) = (0.0, 0.0);
        for bin in bins {
            let (neg, pos) = (bin.negatives as f64, bin.positives as f64);
            let beats = (neg_below + 0.5 * neg) / n - area;
            let beaten = (p - pos_below - 0.5 * pos) / p - area;
            of_positives += pos * beats * beats;
            of_negatives += neg * beaten * beaten;
            neg_below += neg;
            pos_below += pos;
        }
        of_positives / (p - 1.0) / p + of_negatives / (n - 1.0) / n
    });
    Some(Auc { area, bin_error: 0.5 * tied as f64 / (n * p), variance, positives, negatives })
}

/// Largest gap between the two classes' cumulated shares, on bins. 0 to 1.
pub fn separation(bins: &[ScoreBin]) -> Option<f64> {
    let (negatives, positives) = totals(bins);
    if negatives == 0 || positives == 0 {
        return None;
    }
    let (mut neg, mut pos, mut largest) = (0, 0, 0.0_f64);
    for bin in bins {
        neg += bin.negatives;
        pos += bin.positives;
        largest = largest.max((neg as f64 / negatives as f64 - pos as f64 / positives as f64).abs());
    }
    Some(largest)
}

/// Average precision: mean over positives of the precision at their score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AveragePrecision {
    /// With all cases of a bin at one score.
    pub value: f64,
    /// With the negatives of each bin above its positives.
    pub low: f64,
    /// With the positives of each bin at one score above its negatives.
    pub high: f64,
}

/// Average precision from bins, with the bounds that any order inside the bins, ties or not, must respect; `None`
/// without positives.
pub fn average_precision(bins: &[ScoreBin]) -> Option<AveragePrecision> {
    let (_, positives) = totals(bins);
    if positives == 0 {
        return None;
    }
    let (mut hits, mut misses) = (0_u64, 0_u64);
    let (mut value, mut low, mut high) = (0.0, 0.0, 0.0);
    for bin in bins.iter().rev() {
        let (pos, neg) = (bin.positives, bin.negatives);
        if pos == 0 {
            misses += neg;
            continue;
        }
        high += pos as f64 * (hits + pos) as f64 / (hits + pos + misses) as f64;
        // sum over i = 1..pos of (hits + i) / (hits + i + f) = pos - f (H(hits + f + pos) - H(hits + f))
        let above = misses + neg;
        low += pos as f64 - above as f64 * harmonic_gap(hits + above, pos);
        hits += pos;
        misses += neg;
        value += pos as f64 * hits as f64 / (hits + misses) as f64;
    }
    let p = positives as f64;
    Some(AveragePrecision { value: value / p, low: low / p, high: high / p })
}

/// 1/(from + 1) + ... + 1/(from + count): plain below 64, then Euler and Maclaurin's form.
fn harmonic_gap(from: u64, count: u64) -> f64 {
    let plain = count.min(64_u64.saturating_sub(from));
    let mut sum: f64 = (1..=plain).map(|i| 1.0 / (from + i) as f64).sum();
    if count > plain {
        let (a, b) = ((from + plain) as f64, (from + count) as f64);
        let tail = |x: f64| 0.5 / x - 1.0 / (12.0 * x * x) + 1.0 / (120.0 * x * x * x * x);
        sum += libm::log(b / a) + tail(b) - tail(a);
    }
    sum
}

/// The test of H0: area in the window >= area of the reference less `floor`. A p-value in (0, 1]; `gamma` is the
/// chance given to the reference's bound in the regime of few. `None` if a class is missing on a side.
pub fn auc_worse(window: &Auc, reference: &Auc, floor: f64, terms: Terms) -> Option<f64> {
    let Terms { gamma, phi, reference_phi, .. } = terms;
    let usable = |phi: f64| phi >= 1.0 && phi.is_finite();
    if !((0.0..=1.0).contains(&floor) && gamma > 0.0 && gamma < 1.0 && usable(phi) && usable(reference_phi)) {
        return None;
    }
    let smaller = |side: &Auc, phi: f64| side.positives.min(side.negatives) as f64 / phi;
    let (here, there) = (smaller(window, phi), smaller(reference, reference_phi));
    if window.positives.min(window.negatives) == 0 || reference.positives.min(reference.negatives) == 0 {
        return None;
    }
    if here.min(there) < FEW as f64 {
        let edge = area_lower_bound(reference.area, there, gamma) - floor;
        let p = if window.area < edge { libm::exp(-here * divergence(window.area, edge)) } else { 1.0 };
        return Some((p + gamma).min(1.0));
    }
    let edge = reference.area - floor;
    if window.area >= edge {
        return Some(1.0);
    }
    // Half a pair away from the ends, so that the logits are finite.
    let inside = |area: f64, side: &Auc| {
        let half = 0.5 / (side.positives as f64 * side.negatives as f64);
        area.clamp(half, 1.0 - half)
    };
    let (found, edge, at) = (inside(window.area, window), inside(edge, reference), inside(reference.area, reference));
    let on_logit = |side: &Auc, area: f64| {
        let slope = area * (1.0 - area);
        side.variance.unwrap_or(0.0).max(hanley_mcneil(area, side)) / (slope * slope)
    };
    // The floor moves the reference by a constant on this scale, so its spread is that at its own place.
    let (here, there) = (phi * on_logit(window, found), reference_phi * on_logit(reference, at));
    let gap = logit(edge) - logit(found);
    let beyond = if terms.lasting {
        (gap - normal_isf(gamma) * there.sqrt()) / here.sqrt()
    } else {
        gap / (here + there).sqrt()
    };
    Some(if beyond > 0.0 { normal_sf(beyond).max(f64::MIN_POSITIVE) } else { 1.0 })
}

/// About the smallest fall of the area that [`auc_worse`] would find at its level, with many of each class; for display.
pub fn smallest_fall(window: &Auc, reference: &Auc, floor: f64, terms: Terms) -> Option<f64> {
    let spread = |side: &Auc, phi: f64| Some(phi * side.variance?.max(hanley_mcneil(reference.area, side)));
    let both = spread(window, terms.phi)? + spread(reference, terms.reference_phi)?;
    Some(floor + normal_isf(terms.level.min(0.5)) * both.sqrt()).filter(|fall| *fall <= 1.0)
}

/// Hanley and `McNeil`'s variance of an area under exponential score laws.
fn hanley_mcneil(area: f64, side: &Auc) -> f64 {
    let (p, n) = (side.positives as f64, side.negatives as f64);
    let (two_positives, two_negatives) = (area / (2.0 - area), 2.0 * area * area / (1.0 + area));
    let square = area * area;
    (area * (1.0 - area) + (p - 1.0) * (two_positives - square) + (n - 1.0) * (two_negatives - square)) / (p * n)
}

/// The smallest true area that Hoeffding's bound does not refute at `gamma`: halving, to the last bit.
fn area_lower_bound(area: f64, k: f64, gamma: f64) -> f64 {
    let limit = -libm::log(gamma) / k;
    // The bound speaks of areas found above the truth: exp(-k KL(area || truth)) falls as the truth falls.
    let (mut low, mut high) = (0.0, area);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if divergence(area, middle) > limit {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// Kullback-Leibler divergence of a coin with chance `a` from one with chance `b`, in nats.
fn divergence(a: f64, b: f64) -> f64 {
    let part = |p: f64, q: f64| {
        if p <= 0.0 {
            0.0
        } else if q <= 0.0 {
            f64::INFINITY
        } else {
            p * libm::log(p / q)
        }
    };
    (part(a, b) + part(1.0 - a, 1.0 - b)).max(0.0)
}

/// Negatives and positives of all bins.
fn totals(bins: &[ScoreBin]) -> (u64, u64) {
    bins.iter().fold((0, 0), |(neg, pos), bin| (neg + bin.negatives, pos + bin.positives))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bins(counts: &[(u64, u64)]) -> Vec<ScoreBin> {
        counts.iter().map(|&(negatives, positives)| ScoreBin { negatives, positives }).collect()
    }

    #[test]
    fn one_class_has_no_area() {
        assert!(auc(&bins(&[(3, 0), (4, 0)])).is_none() && auc(&[]).is_none());
        assert!(average_precision(&bins(&[(3, 0)])).is_none() && separation(&bins(&[(0, 2)])).is_none());
    }

    #[test]
    fn the_regime_of_few_keeps_its_level_by_enumeration() {
        // Two bins, every outcome: window of 6 positives and 9 negatives, reference of 8 and 8.
        let chance = |k: u64, n: u64, p: f64| {
            let choose = (0..k).fold(1.0, |c, i| c * (n - i) as f64 / (i + 1) as f64);
            choose * p.powi(k as i32) * (1.0 - p).powi((n - k) as i32)
        };
        for (high_positive, high_negative) in [(0.8, 0.2), (0.95, 0.02), (0.5, 0.5), (0.99, 0.4)] {
            for level in [0.05, 1e-3, 1e-5] {
                let mut true_level = 0.0;
                for (a, b) in (0..=6_u64).flat_map(|a| (0..=9_u64).map(move |b| (a, b))) {
                    for (c, d) in (0..=8_u64).flat_map(|c| (0..=8_u64).map(move |d| (c, d))) {
                        let window = auc(&bins(&[(9 - b, 6 - a), (b, a)])).unwrap();
                        let reference = auc(&bins(&[(8 - d, 8 - c), (d, c)])).unwrap();
                        if auc_worse(&window, &reference, 0.0, Terms::at(level)).unwrap() <= level {
                            true_level += chance(a, 6, high_positive)
                                * chance(b, 9, high_negative)
                                * chance(c, 8, high_positive)
                                * chance(d, 8, high_negative);
                        }
                    }
                }
                assert!(true_level <= level, "{high_positive} {high_negative} {level}: {true_level:e}");
            }
        }
    }

    /// Shares of two classes over forty score bins, normal scores of equal spread `apart` standard deviations away.
    fn binormal(apart: f64) -> [Vec<f64>; 2] {
        let share = |centre: f64| -> Vec<f64> {
            let cut = |k: i32| -4.0 + 0.25 * f64::from(k);
            (0..40)
                .map(|k| {
                    let low = if k == 0 { 1.0 } else { normal_sf(cut(k) - centre) };
                    let high = if k == 39 { 0.0 } else { normal_sf(cut(k + 1) - centre) };
                    low - high
                })
                .collect()
        };
        [share(0.0), share(apart)]
    }

    /// Draws `n` cases from shares tilted by exp(-tilt of the bin), adds ln of the likelihood ratio to `log_weight`.
    fn tilted(
        shares: &[f64],
        tilt: &[f64],
        n: u64,
        log_weight: &mut f64,
        uniform: &mut impl FnMut() -> f64,
    ) -> Vec<u64> {
        let mass: Vec<f64> = shares.iter().zip(tilt).map(|(p, t)| p * libm::exp(-t)).collect();
        let total: f64 = mass.iter().sum();
        let mut edges = Vec::new();
        let mut sum = 0.0;
        for part in &mass {
            sum += part / total;
            edges.push(sum);
        }
        let mut counts = vec![0; shares.len()];
        for _ in 0..n {
            let u = uniform();
            let at = edges.partition_point(|&edge| edge < u).min(shares.len() - 1);
            counts[at] += 1;
            *log_weight += libm::log(total) + tilt[at];
        }
        counts
    }

    #[test]
    fn the_normal_regime_keeps_its_level_far_out_by_importance_sampling() {
        let mut state = 5_u64;
        let mut uniform = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        };
        let rounds = 400;
        for (apart, positives, negatives) in
            [(1.0, 50, 400), (1.5, 50, 400), (2.5, 50, 400), (2.5, 60, 60), (1.5, 400, 50)]
        {
            let [neg, pos] = binormal(apart);
            // Placements: chance to beat a negative, chance to be beaten by a positive.
            let (mut below, mut above) = (0.0, 1.0);
            let (mut beats, mut beaten) = (Vec::new(), Vec::new());
            for (n, p) in neg.iter().zip(&pos) {
                beats.push(below + 0.5 * n);
                beaten.push(above - 0.5 * p);
                below += n;
                above -= p;
            }
            let mean = |shares: &[f64], of: &[f64]| shares.iter().zip(of).map(|(p, v)| p * v).sum::<f64>();
            let spread = |shares: &[f64], of: &[f64]| {
                let centre = mean(shares, of);
                shares.iter().zip(of).map(|(p, v)| p * (v - centre) * (v - centre)).sum::<f64>()
            };
            let (v_pos, v_neg) = (spread(&pos, &beats), spread(&neg, &beaten));
            let sizes = [f64::from(positives), f64::from(negatives), 300.0, 2000.0];
            let sigma = (v_pos / sizes[0] + v_neg / sizes[1] + v_pos / sizes[2] + v_neg / sizes[3]).sqrt();
            for (level, z) in [(1e-3, 3.09), (1e-5, 4.26), (1e-7, 5.2), (1e-9, 6.0)] {
                let scaled = |of: &[f64], by: f64| of.iter().map(|v| v * z / sigma / by).collect::<Vec<_>>();
                let (mut sum, mut squares) = (0.0, 0.0);
                for _ in 0..rounds {
                    let mut log_weight = 0.0;
                    let mut draw = |shares: &[f64], of: &[f64], by: f64, n: f64| {
                        tilted(shares, &scaled(of, by), n as u64, &mut log_weight, &mut uniform)
                    };
                    let window = (draw(&neg, &beaten, sizes[1], sizes[1]), draw(&pos, &beats, sizes[0], sizes[0]));
                    let other = (draw(&neg, &beaten, -sizes[3], sizes[3]), draw(&pos, &beats, -sizes[2], sizes[2]));
                    let side =
                        |(n, p): (Vec<u64>, Vec<u64>)| auc(&bins(&n.into_iter().zip(p).collect::<Vec<_>>())).unwrap();
                    if auc_worse(&side(window), &side(other), 0.0, Terms::at(level)).unwrap() <= level {
                        let weight = libm::exp(log_weight);
                        sum += weight;
                        squares += weight * weight;
                    }
                }
                let n = f64::from(rounds);
                let (estimate, error) = (sum / n, (squares / n / n).sqrt());
                assert!(estimate <= level + 5.0 * error, "{apart} {positives}/{negatives} {level:e}: {estimate:e}");
            }
        }
    }

    /// Cases of a law of forty bins, drawn by their shares.
    fn drawn(shares: &[f64], n: u64, uniform: &mut impl FnMut() -> f64) -> Vec<u64> {
        tilted(shares, &vec![0.0; shares.len()], n, &mut 0.0, uniform)
    }

    #[test]
    fn an_interval_holds_the_area_of_good_models_with_few_positives_and_is_delongs_with_many() {
        let mut state = 11_u64;
        let mut uniform = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        };
        for (apart, positives, negatives) in
            [(0.5, 10, 300), (1.5, 20, 400), (2.5, 10, 1_000), (2.5, 20, 200), (3.5, 20, 1_000), (2.5, 200, 50)]
        {
            let [neg, pos] = binormal(apart);
            let (mut below, mut truth) = (0.0, 0.0);
            for (n, p) in neg.iter().zip(&pos) {
                truth += p * (below + 0.5 * n);
                below += n;
            }
            let (mut held, mut plain) = (0, 0);
            let rounds = 1_000;
            for _ in 0..rounds {
                let sides = drawn(&neg, negatives, &mut uniform).into_iter().zip(drawn(&pos, positives, &mut uniform));
                let found = auc(&bins(&sides.collect::<Vec<_>>())).unwrap();
                let holds = |within: Interval| u32::from(within.low <= truth && truth <= within.high);
                held += holds(found.interval(1.0, 0.05).unwrap());
                plain += holds(mean(found.area, found.variance.unwrap().sqrt(), 0.05).unwrap());
            }
            // Two standard errors below 95 %; the plain one shows why.
            assert!(f64::from(held) >= 0.936 * f64::from(rounds), "{apart} {positives}: {held}");
            assert!(apart < 2.0 || positives > 20 || f64::from(plain) < 0.92 * f64::from(rounds), "{apart}: {plain}");
        }
        // Thousands of each class leave nothing to lean on.
        let [neg, pos] = binormal(2.0);
        let of = |shares: &[f64], n: f64| shares.iter().map(|share| libm::rint(share * n) as u64).collect::<Vec<_>>();
        let many = auc(&bins(&of(&neg, 2e6).into_iter().zip(of(&pos, 1e5)).collect::<Vec<_>>())).unwrap();
        let (found, plain) = (many.interval(1.0, 0.05).unwrap(), mean(many.area, many.variance.unwrap().sqrt(), 0.05));
        let plain = plain.unwrap();
        assert!(((found.high - found.low) / (plain.high - plain.low) - 1.0).abs() < 1e-3);
    }

    #[test]
    fn an_interval_is_finite_at_the_ends() {
        for (counts, is_perfect) in [(&[(40, 0), (0, 20)], true), (&[(0, 20), (40, 0)], false)] {
            let found = auc(&bins(counts)).unwrap();
            let Interval { low, high } = found.interval(1.0, 0.05).unwrap();
            assert!(if is_perfect { 1.0 - high } else { low } < 1e-15, "{low} {high}");
            // Twenty cases do not refute an area of 0.95.
            let far = if is_perfect { 1.0 - low } else { high };
            assert!((0.05..0.3).contains(&far), "{far}");
            let wide = found.interval(10.0, 0.05).unwrap();
            assert!(wide.low <= low && high <= wide.high && wide.high - wide.low > high - low);
        }
        let single = auc(&bins(&[(1, 0), (0, 1)])).unwrap();
        let Interval { low, high } = single.interval(1.0, 0.05).unwrap();
        assert!(low < 0.5 && (high - 1.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn area_and_precision_equal_the_naive_definitions(
            counts in prop::collection::vec((0_u64..12, 0_u64..12), 1..20),
        ) {
            let bins = bins(&counts);
            let cases: Vec<(usize, bool)> = counts.iter().enumerate().flat_map(|(at, &(neg, pos))| {
                std::iter::repeat_n((at, false), neg as usize).chain(std::iter::repeat_n((at, true), pos as usize))
            }).collect();
            let (mut won, mut tied, mut pairs) = (0.0, 0.0, 0.0);
            for positive in cases.iter().filter(|case| case.1) {
                for negative in cases.iter().filter(|case| !case.1) {
                    pairs += 1.0;
                    won += f64::from(u8::from(positive.0 > negative.0));
                    tied += f64::from(u8::from(positive.0 == negative.0));
                }
            }
            let found = auc(&bins);
            prop_assert_eq!(found.is_some(), pairs > 0.0);
            if let Some(found) = found {
                prop_assert!((found.area - (won + 0.5 * tied) / pairs).abs() < 1e-12);
                prop_assert!((found.bin_error - 0.5 * tied / pairs).abs() < 1e-12);
                prop_assert!(found.variance.is_none_or(|variance| variance.is_finite() && variance >= 0.0));
                let [one, four] = [1.0, 4.0].map(|phi| found.interval(phi, 0.05).unwrap());
                prop_assert!(0.0 <= four.low && four.low <= one.low && one.low <= found.area);
                prop_assert!(found.area <= one.high && one.high <= four.high && four.high <= 1.0);
                let p = auc_worse(&found, &found, 0.0, Terms::at(1e-6)).unwrap();
                prop_assert!(p > 0.49 && p <= 1.0);
            }
            // Precision under the worst order inside bins, case by case.
            let mut order = cases.clone();
            order.sort_by_key(|&(at, positive)| (std::cmp::Reverse(at), positive));
            let (mut hits, mut sum) = (0.0, 0.0);
            for (rank, case) in order.iter().enumerate() {
                if case.1 {
                    hits += 1.0;
                    sum += hits / (rank + 1) as f64;
                }
            }
            if let Some(found) = average_precision(&bins) {
                prop_assert!((found.low - sum / hits).abs() < 1e-11);
                prop_assert!(found.low <= found.value + 1e-12 && found.value <= found.high + 1e-12);
            }
        }

        #[test]
        fn p_is_a_probability_in_both_regimes(
            window in prop::collection::vec((0_u64..200, 0_u64..200), 1..8),
            reference in prop::collection::vec((0_u64..200, 0_u64..200), 1..8),
            floor in 0.0_f64..=1.0,
        ) {
            if let (Some(window), Some(reference)) = (auc(&bins(&window)), auc(&bins(&reference))) {
                let p = auc_worse(&window, &reference, floor, Terms::at(1e-6)).unwrap();
                prop_assert!(p > 0.0 && p <= 1.0, "{}", p);
                prop_assert!(auc_worse(&window, &reference, 0.5 * floor, Terms::at(1e-6)).unwrap() <= p * (1.0 + 1e-9));
            }
        }
    }
}
