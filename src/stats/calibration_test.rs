//! Have the scores become miscalibrated, beyond the baseline's own error and a tolerated amount?
//!
//! Two questions, both on the logit scale:
//!
//! - [`offset_test`]: does every case need about the same shift? Positives observed against the sum of the stated chances.
//!   The null moves all logits by the floor. What the baseline's own offset may be wrong enters in one of two ways.
//!   Where positives are rare (on average a chance of at most [`RARE`]) it enters by counts: given the sum of the window's
//!   positives and of as many past ones as have the baseline's error, the window's are binomial (Przyborowski and Wilenski
//!   1940; conservative, because rare events vary a little less than Poisson's). Elsewhere, and for evidence that lasts over
//!   windows, by a bound: the logits move further by a normal quantile of that error at `gamma`, and the tail is that of
//!   a sum of binomials, right at any level ([`crate::stats::chance_sum`]);
//! - [`slope_test`]: do the scores spread too far or too little? A normal test of the difference of two fitted slopes,
//!   asymptotic: it abstains below [`FEW`] cases of a class, and takes the larger of two variances of the window's slope,
//!   at its own fit and at the reference's. At levels below 1e-6 its p-value is an approximation.

use super::chance_sum::{sum_lower, sum_upper};
use super::forecast::{ForecastBin, sigmoid, totals};
use super::rate::Terms;
use super::recalibration::{Recalibration, recalibrate, slope_variance_under};
use super::tails::{binomial_lower, binomial_upper, normal_isf, normal_sf};

/// Cases of the smaller class below which a slope is not tested.
pub const FEW: u64 = 20;

/// Up to this mean chance positives are as good as Poisson's, and vary less.
pub const RARE: f64 = 0.2;

/// What a test of the offset found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OffsetTest {
    /// Chance of so much under the null, both sides; in (0, 1].
    pub p_value: f64,
    /// The same with the baseline's error bounded once for all windows that are compared with it.
    pub lasting: f64,
    /// Positives.
    pub observed: u64,
    /// Sum of the stated chances.
    pub expected: f64,
    /// Log of the observed odds factor, to first order: (observed - expected) / sum of chance (1 - chance), held
    /// between -10 and 10. For the fitted offset see [`crate::stats::recalibration::recalibrate_offset`].
    pub effect: f64,
    /// The offset of which about half would have been found at the level: the floor plus a normal quantile; for display.
    pub smallest_detectable: f64,
}

/// The test of H0: the offset is within the floor, allowing for the standard error of the baseline's offset. Two-sided;
/// `None` without cases, or where no score leaves room (all 0 or 1).
pub fn offset_test(bins: &[ForecastBin], baseline_error: f64, floor: f64, terms: Terms) -> Option<OffsetTest> {
    let (cases, observed) = totals(bins);
    let Terms { level, gamma, phi, reference_phi, .. } = terms;
    let usable = |value: f64| value >= 0.0 && value.is_finite();
    let ranges = gamma > 0.0 && gamma < 1.0 && level > 0.0 && level < 1.0 && phi >= 1.0 && phi.is_finite();
    if cases == 0 || !(usable(baseline_error) && usable(floor) && ranges) {
        return None;
    }
    let edge = floor + normal_isf(gamma) * baseline_error * reference_phi.sqrt();
    let moved = |by: f64| -> Vec<(f64, f64)> {
        bins.iter().filter(|bin| bin.cases > 0).map(|bin| (bin.cases as f64 / phi, sigmoid(bin.logit() + by))).collect()
    };
    let mass = |parts: &[(f64, f64)]| parts.iter().map(|&(n, p)| n * p).sum::<f64>();
    let (stated, hits) = (moved(0.0), observed as f64 / phi);
    let information: f64 = stated.iter().map(|&(n, p)| n * p * (1.0 - p)).sum();
    if information <= 0.0 {
        return None;
    }
    let expected = mass(&stated);
    // The side is the one on which the window lies, so only one tail is needed.
    let above = hits >= expected;
    let tail = if above { sum_upper(&moved(edge), hits) } else { sum_lower(&moved(-edge), hits) };
    let lasting = (2.0 * (tail + gamma)).min(1.0);
    let cases = cases as f64 / phi;
    let error = baseline_error * baseline_error * reference_phi;
    let rare = error > 0.0 && expected <= RARE * cases;
    let p_value = if rare {
        let past = 1.0 / error;
        let share = |by: f64| {
            let here = mass(&moved(by));
            here / (here + past)
        };
        let tail = if above {
            binomial_upper(hits, hits + past, share(floor))
        } else {
            binomial_lower(hits, hits + past, share(-floor))
        };
        (2.0 * tail).clamp(f64::MIN_POSITIVE, 1.0)
    } else {
        lasting
    };
    let spread = (1.0 / information + error).sqrt();
    Some(OffsetTest {
        p_value,
        lasting,
        observed,
        expected: expected * phi,
        effect: ((hits - expected) / information).clamp(-10.0, 10.0),
        smallest_detectable: floor + normal_isf((0.5 * level).max(1e-300)) * spread,
    })
}

/// What a test of the slope found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlopeTest {
    /// Asymptotic two-sided p-value; in (0, 1].
    pub p_value: f64,
    /// The window's line.
    pub window: Recalibration,
    /// The window's slope less the reference's.
    pub effect: f64,
    /// The smallest difference that would have been significant at the level.
    pub smallest_detectable: f64,
}

/// The test of H0: the window's slope is within `floor` of the reference's. `None` with few cases of a class or no fit.
pub fn slope_test(bins: &[ForecastBin], reference: &Recalibration, floor: f64, terms: Terms) -> Option<SlopeTest> {
    let (cases, positives) = totals(bins);
    let levels = terms.level > 0.0 && terms.level < 1.0 && terms.phi >= 1.0 && terms.phi.is_finite();
    if positives.min(cases - positives) < FEW || !(floor >= 0.0 && floor.is_finite() && levels) {
        return None;
    }
    let window = recalibrate(bins)?;
    let under = slope_variance_under(bins, reference).unwrap_or(0.0);
    let (here, there) = (terms.phi * window.slope_variance.max(under), terms.reference_phi * reference.slope_variance);
    let spread = (here + there).sqrt();
    let effect = window.slope - reference.slope;
    let beyond = if terms.lasting {
        (effect.abs() - floor - normal_isf(terms.gamma) * there.sqrt()) / here.sqrt()
    } else {
        (effect.abs() - floor) / spread
    };
    let p_value = if beyond > 0.0 { (2.0 * normal_sf(beyond)).max(f64::MIN_POSITIVE) } else { 1.0 };
    (spread > 0.0 && spread.is_finite()).then(|| SlopeTest {
        p_value,
        window,
        effect,
        smallest_detectable: floor + normal_isf(0.5 * terms.level) * spread,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bin(cases: u64, positives: u64, score: f64) -> ForecastBin {
        ForecastBin { cases, positives, score }
    }

    #[test]
    fn the_level_of_the_offset_holds_at_the_edge_of_the_null_by_enumeration() {
        // Known baseline (no error): every outcome of three bins, chances moved by exactly the floor.
        let (scores, cases) = ([0.02, 0.1, 0.4], [30_u64, 12, 6]);
        let point = |k: u64, n: u64, p: f64| {
            let choose: f64 = (0..k).map(|i| libm::log((n - i) as f64 / (i + 1) as f64)).sum();
            libm::exp(choose + k as f64 * libm::log(p) + (n - k) as f64 * libm::log1p(-p))
        };
        for floor in [0.0, 0.2] {
            for level in [0.05, 1e-3, 1e-6, 1e-8] {
                for moved in [floor, 0.0, -floor] {
                    let mut true_level = 0.0;
                    for a in 0..=cases[0] {
                        for b in 0..=cases[1] {
                            for c in 0..=cases[2] {
                                let hits = [a, b, c];
                                let bins: Vec<_> = (0..3).map(|k| bin(cases[k], hits[k], scores[k])).collect();
                                let found = offset_test(&bins, 0.0, floor, Terms::at(level)).unwrap();
                                if found.p_value <= level {
                                    true_level += (0..3)
                                        .map(|k| point(hits[k], cases[k], sigmoid(bins[k].logit() + moved)))
                                        .product::<f64>();
                                }
                            }
                        }
                    }
                    assert!(true_level <= level, "{floor} {level} {moved}: {true_level:e}");
                }
            }
        }
    }

    /// Rare positives, and a baseline with an error of its own: drawn anew each time, the level holds over both.
    #[test]
    fn the_level_of_the_offset_holds_with_a_baseline_that_errs() {
        let mut state = 5_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        };
        for (past, cases, chance, floor) in
            [(4_000, 1_000, 0.03, 0.0), (1_000, 4_000, 0.05, 0.25), (1_000, 300, 0.15, 0.1)]
        {
            let (rounds, level) = (3_000, 0.02);
            let moved = sigmoid(crate::stats::forecast::logit(chance) + floor);
            let mut alarms = 0;
            for _ in 0..rounds {
                let hits = (0..past).filter(|_| uniform() < chance).count().max(1) as f64;
                let e = hits / f64::from(past);
                let error = 1.0 / (f64::from(past) * e * (1.0 - e)).sqrt();
                let now = (0..cases).filter(|_| uniform() < moved).count() as u64;
                let found = offset_test(&[bin(cases, now, e)], error, floor, Terms::at(level)).unwrap();
                alarms += u32::from(found.p_value <= level);
            }
            // At the edge one side is at stake: half of the level, and four standard errors; and not far below it.
            let expected = f64::from(rounds) * level * if floor > 0.0 { 0.5 } else { 1.0 };
            assert!(f64::from(alarms) <= expected + 4.0 * expected.sqrt(), "{past} {cases}: {alarms} of {expected}");
            assert!(f64::from(alarms) >= 0.3 * expected, "{past} {cases}: {alarms} of {expected}");
        }
    }

    #[test]
    fn the_slope_keeps_its_level_in_simulation() {
        // 2,000 cases on twenty score bins at five per cent positives, 4,000 windows, true line = reference.
        let scores: Vec<f64> = (0..20).map(|k| sigmoid(-6.0 + 0.35 * f64::from(k))).collect();
        let mut state = 11_u64;
        let mut uniform = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        };
        let (rounds, level) = (4000, 0.01);
        let mut alarms = 0;
        for _ in 0..rounds {
            let bins: Vec<_> = scores
                .iter()
                .map(|&score| bin(100, (0..100).filter(|_| uniform() < score).count() as u64, score))
                .collect();
            let found = slope_test(&bins, &Recalibration::IDENTITY, 0.0, Terms::at(level));
            alarms += u32::from(found.is_some_and(|found| found.p_value <= level));
        }
        // Expectation 40 at most; 40 + 5 standard deviations.
        assert!(alarms <= 72, "{alarms}");
    }

    #[test]
    fn an_overconfident_version_is_found_by_its_slope() {
        let bins: Vec<_> = (0..20)
            .map(|k| {
                let logit = -4.0 + 0.4 * f64::from(k);
                bin(1000, (1000.0 * sigmoid(0.6 * logit)).round() as u64, sigmoid(logit))
            })
            .collect();
        let found = slope_test(&bins, &Recalibration::IDENTITY, 0.12, Terms::at(1e-7)).unwrap();
        assert!(found.p_value < 1e-7 && (found.effect + 0.4).abs() < 0.01);
    }

    proptest! {
        #[test]
        fn p_is_a_probability_and_grows_with_floor_and_error(
            counts in prop::collection::vec((0_u64..60, 0_u64..60, 0.0_f64..=1.0), 0..8),
            floor in 0.0_f64..0.5, error in 0.0_f64..0.3, phi in 1.0_f64..4.0,
        ) {
            let bins: Vec<_> = counts.iter().map(|&(neg, pos, s)| bin(neg + pos, pos, s)).collect();
            let terms = Terms::at(1e-6).with_phi(phi);
            if let Some(found) = offset_test(&bins, error, floor, terms) {
                prop_assert!(found.p_value > 0.0 && found.p_value <= 1.0);
                prop_assert!(found.effect.is_finite() && found.smallest_detectable.is_finite());
                let tighter = offset_test(&bins, 0.0, 0.5 * floor, terms).unwrap();
                // The margin of the approximation may differ between the two by a few per cent, and a bound has its share.
                let least = (found.p_value * 1.1).max(2.1 * terms.gamma);
                prop_assert!(tighter.p_value <= least, "{} {}", tighter.p_value, found.p_value);
            }
            if let Some(found) = slope_test(&bins, &Recalibration::IDENTITY, floor, terms) {
                prop_assert!(found.p_value > 0.0 && found.p_value <= 1.0 && found.smallest_detectable.is_finite());
            }
        }
    }
}
