//! Between which bounds does the truth lie? Intervals for a share and for a mean.
//!
//! - [`wilson`]: the score interval (Wilson 1927), short, and right on average over shares only;
//! - [`share`]: for display: exact, and the score interval where counts are so large that both are the same;
//! - [`exact_upper`], [`exact_lower`]: Clopper and Pearson (1934), one-sided, valid at any sample size and any error,
//!   for tests;
//! - [`jeffreys`]: equal-tailed posterior under Beta(1/2, 1/2), for display of tiny samples;
//! - [`mean`]: mean plus and minus a normal quantile of its standard error.
//!
//! Counts are reals, because overdispersed counts are divided by a factor. `error` is the chance to miss (0.05 for a
//! 95 % interval), two-sided where two bounds come back and one-sided where one does. Shares lie in [0, 1].
//!
//! The beta quantiles behind the exact bounds are solved by Newton steps on the logarithm of the tail as a function of
//! ln p (or ln(1 - p)). The tail is log-concave there, so that after one step the iterates approach the root from the
//! outer side without crossing: a bound stopped early is too wide, never too narrow. (Jeffreys' halves fall outside this
//! argument where a count is 0 or full; there the steps run until the tail is met.)

use super::tails::{beta_lower, ln_beta_prefix, normal_isf};

/// Two bounds around an unknown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

/// From so many hits and as many misses on the score interval differs from the exact one by less than 1 % of its width,
/// and costs a hundredth of it.
const MANY: f64 = 1_000.0;

/// Newton steps allowed; seven are usual.
const MAX_STEPS: u32 = 100;

/// The score interval of a share of `x` in `n`; `None` without trials.
pub fn wilson(x: f64, n: f64, error: f64) -> Option<Interval> {
    if !usable(x, n, error) {
        return None;
    }
    let z = normal_isf(0.5 * error);
    Some(Interval { low: wilson_bound(x, n, -z), high: wilson_bound(x, n, z) })
}

/// One end of the score interval: the share z standard errors above x / n (below, for negative z).
pub(super) fn wilson_bound(x: f64, n: f64, z: f64) -> f64 {
    let share = x / n;
    let square = z * z;
    let spread = z * (share * (1.0 - share) / n + square / (4.0 * n * n)).sqrt();
    // At the ends the exact answer is 0 or 1; cancellation would leave dust.
    if (x <= 0.0 && z < 0.0) || (x >= n && z > 0.0) {
        return share;
    }
    ((share + square / (2.0 * n) + spread) / (1.0 + square / n)).clamp(0.0, 1.0)
}

/// The largest share that x of n does not refute: P(X <= x) = error there; 1 when all trials are hits.
pub fn exact_upper(x: f64, n: f64, error: f64) -> Option<f64> {
    if !usable(x, n, error) {
        return None;
    }
    if x >= n {
        return Some(1.0);
    }
    Some(beta_isf(x + 1.0, n - x, error, wilson_bound(x, n, normal_isf(error))))
}

/// The smallest share that x of n does not refute: P(X >= x) = error there; 0 when no trial is a hit.
pub fn exact_lower(x: f64, n: f64, error: f64) -> Option<f64> {
    if !usable(x, n, error) {
        return None;
    }
    if x <= 0.0 {
        return Some(0.0);
    }
    Some(beta_quantile(x, n - x + 1.0, error, wilson_bound(x, n, -normal_isf(error))))
}

/// Both exact bounds, each at half the error.
pub fn clopper_pearson(x: f64, n: f64, error: f64) -> Option<Interval> {
    Some(Interval { low: exact_lower(x, n, 0.5 * error)?, high: exact_upper(x, n, 0.5 * error)? })
}

/// The equal-tailed interval of the Beta(x + 1/2, n - x + 1/2) law, with the ends fixed at 0 and 1 where no trial, or
/// every trial, is a hit (Brown, Cai and `DasGupta` 2001).
pub fn jeffreys(x: f64, n: f64, error: f64) -> Option<Interval> {
    let around = wilson(x, n, error)?;
    let (a, b) = (x + 0.5, n - x + 0.5);
    Some(Interval {
        low: if x <= 0.0 { 0.0 } else { beta_quantile(a, b, 0.5 * error, around.low) },
        high: if x >= n { 1.0 } else { beta_isf(a, b, 0.5 * error, around.high) },
    })
}

/// The interval of a share of `hits` in `trials` for display: Clopper and Pearson's, which misses no share more often than
/// `error`, however few hits there are. (The score interval misses one of which a window of 50 rows has one hit in 8 %.)
/// `phi`, at least 1, is by how much counts like these scatter more than independent ones: both counts are divided by it.
/// `None` without trials.
pub fn share(hits: f64, trials: f64, phi: f64, error: f64) -> Option<Interval> {
    let (x, n) = (hits / phi.max(1.0), trials / phi.max(1.0));
    if x >= MANY && n - x >= MANY { wilson(x, n, error) } else { clopper_pearson(x, n, error) }
}

/// `mean` plus and minus the two-sided normal quantile times its standard error; `None` if either is not finite.
pub fn mean(mean: f64, standard_error: f64, error: f64) -> Option<Interval> {
    if !(mean.is_finite() && standard_error.is_finite() && standard_error >= 0.0 && error > 0.0 && error < 1.0) {
        return None;
    }
    let reach = normal_isf(0.5 * error) * standard_error;
    Some(Interval { low: mean - reach, high: mean + reach })
}

/// Whether there is a share to speak of.
fn usable(x: f64, n: f64, error: f64) -> bool {
    n > 0.0 && n.is_finite() && (0.0..=n).contains(&x) && error > 0.0 && error < 1.0
}

/// The p with `I_p(a, b)` = `lower_tail`, approached from below.
fn beta_quantile(a: f64, b: f64, lower_tail: f64, start: f64) -> f64 {
    let mut p = if start > 0.0 && start < 1.0 { start } else { a / (a + b) };
    for step in 0..MAX_STEPS {
        let tail = beta_lower(a, b, p, 1.0 - p);
        if tail <= 0.0 {
            // Underflow: the start was far too low; the mean is not.
            p = 0.5 * (p + a / (a + b));
            continue;
        }
        let gap = libm::log(tail / lower_tail);
        // d ln I / d ln p = prefix / ((1 - p) I)
        let slope = libm::exp(ln_beta_prefix(a, b, p, 1.0 - p)) / ((1.0 - p) * tail);
        let next = p * libm::exp(-gap / slope);
        // A step upwards from the first may leave the unit interval only through rounding.
        let next = if next < 1.0 { next } else { 0.5 * (p + 1.0) };
        if gap.abs() < 1e-13 || (step > 0 && b >= 1.0 && next <= p) || !next.is_finite() {
            break;
        }
        p = next;
    }
    p
}

/// The p with `I_(1-p)(b, a)` = `upper_tail`, approached from above.
fn beta_isf(a: f64, b: f64, upper_tail: f64, start: f64) -> f64 {
    let mut p = if start > 0.0 && start < 1.0 { start } else { a / (a + b) };
    for step in 0..MAX_STEPS {
        let q = 1.0 - p;
        let tail = beta_lower(b, a, q, p);
        if tail <= 0.0 {
            p = 0.5 * (p + a / (a + b));
            continue;
        }
        let gap = libm::log(tail / upper_tail);
        // d ln I / d ln q = prefix / (p I)
        let slope = libm::exp(ln_beta_prefix(b, a, q, p)) / (p * tail);
        let next = -libm::expm1(libm::log1p(-p) - gap / slope);
        let next = if next > 0.0 { next } else { 0.5 * p };
        if gap.abs() < 1e-13 || (step > 0 && a >= 1.0 && next >= p) || !next.is_finite() {
            break;
        }
        p = next;
    }
    p
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::tails::{binomial_lower, binomial_upper};

    #[test]
    fn bounds_of_none_and_of_all_have_closed_forms() {
        for n in [1.0, 3.0, 50.0, 1e6] {
            for error in [0.5, 0.05, 1e-4, 1e-9, 1e-15] {
                let upper = exact_upper(0.0, n, error).unwrap();
                let wanted = -libm::expm1(libm::log(error) / n);
                assert!((upper - wanted).abs() < 1e-11 * wanted, "{n} {error}: {upper} {wanted}");
                let lower = exact_lower(n, n, error).unwrap();
                assert!((lower - libm::exp(libm::log(error) / n)).abs() < 1e-11 * lower);
                assert!(exact_lower(0.0, n, error) == Some(0.0) && exact_upper(n, n, error) == Some(1.0));
            }
        }
    }

    #[test]
    fn nothing_is_said_without_trials() {
        assert!(wilson(0.0, 0.0, 0.05).is_none());
        assert!(exact_upper(0.0, 0.0, 0.05).is_none());
        assert!(jeffreys(2.0, 1.0, 0.05).is_none());
        assert!(mean(f64::NAN, 1.0, 0.05).is_none());
    }

    #[test]
    fn coverage_of_the_exact_bound_holds_by_enumeration() {
        for n in [1_u32, 4, 13, 40] {
            for error in [0.1, 1e-3, 1e-6] {
                let bounds: Vec<f64> =
                    (0..=n).map(|x| exact_upper(f64::from(x), f64::from(n), error).unwrap()).collect();
                for p in (1..200).map(|k| f64::from(k) / 200.0) {
                    // The bound misses for every count up to the largest one whose bound is below p.
                    let missed = bounds.iter().take_while(|bound| **bound < p).count();
                    if missed > 0 {
                        let chance = binomial_lower(f64::from(missed as u32 - 1), f64::from(n), p);
                        assert!(chance <= error * (1.0 + 1e-9), "{n} {error} {p}: {chance}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_interval_for_display_misses_no_share_too_often_by_enumeration() {
        for n in [1_u32, 10, 50, 130] {
            let of = |x: u32| share(f64::from(x), f64::from(n), 1.0, 0.05).unwrap();
            let intervals: Vec<Interval> = (0..=n).map(of).collect();
            for p in (1..400).map(|k| f64::from(k) / 400.0) {
                let holds = |x: &u32| intervals[*x as usize].low <= p && p <= intervals[*x as usize].high;
                // Counts whose interval holds the share follow each other.
                let held: Vec<u32> = (0..=n).filter(holds).collect();
                let (first, last) = (held[0], held[held.len() - 1]);
                assert_eq!(held.len() as u32, last - first + 1);
                let below = if first > 0 { binomial_lower(f64::from(first - 1), f64::from(n), p) } else { 0.0 };
                let above = if last < n { binomial_upper(f64::from(last + 1), f64::from(n), p) } else { 0.0 };
                assert!(below + above <= 0.05 + 1e-9, "{n} {p}: {below} {above}");
            }
        }
    }

    #[test]
    fn scatter_divides_both_counts_and_large_counts_change_little_where_the_form_changes() {
        for (x, n, phi) in [(3.0, 40.0, 5.0), (700.0, 9_000.0, 1.3), (40_000.0, 90_000.0, 12.0)] {
            assert_eq!(share(x, n, phi, 0.05), share(x / phi, n / phi, 1.0, 0.05));
            let [alone, scattered] = [1.0, phi].map(|phi| share(x, n, phi, 0.05).unwrap());
            assert!(scattered.low < alone.low && alone.high < scattered.high);
        }
        assert_eq!(share(40_000.0, 90_000.0, 12.0, 0.05), wilson(40_000.0 / 12.0, 90_000.0 / 12.0, 0.05));
        // A factor below 1 makes nothing surer.
        assert_eq!(share(3.0, 40.0, 0.5, 0.05), clopper_pearson(3.0, 40.0, 0.05));
        for n in [2_000.0, 1e5, 1e7] {
            let (exact, score) = (clopper_pearson(MANY, n, 0.05).unwrap(), wilson(MANY, n, 0.05).unwrap());
            let width = exact.high - exact.low;
            assert!((exact.low - score.low).abs() < 0.01 * width && (exact.high - score.high).abs() < 0.01 * width);
        }
    }

    proptest! {
        #[test]
        fn exact_bounds_put_exactly_the_error_into_the_tail(
            x in 0_u32..20_000, rest in 0_u32..20_000, exponent in 0.3_f64..15.0,
        ) {
            let (x, n) = (f64::from(x), f64::from(x + rest));
            prop_assume!(n > 0.0);
            let error = libm::pow(10.0, -exponent);
            let (low, high) = (exact_lower(x, n, error).unwrap(), exact_upper(x, n, error).unwrap());
            prop_assert!(low <= x / n && x / n <= high && (0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
            if x < n {
                // Near 1 the bound itself is rounded to steps of 2^-53, which the tail feels n - x times.
                let rounding = (n - x) * f64::EPSILON / (1.0 - high);
                prop_assert!((binomial_lower(x, n, high) / error - 1.0).abs() < 1e-9 + rounding);
            }
            if x > 0.0 {
                prop_assert!((binomial_upper(x, n, low) / error - 1.0).abs() < 1e-9);
            }
        }

        #[test]
        fn jeffreys_puts_half_the_error_on_each_side(x in 0_u32..200, rest in 0_u32..200, exponent in 0.5_f64..6.0) {
            let (x, n) = (f64::from(x), f64::from(x + rest));
            prop_assume!(n > 0.0);
            let error = libm::pow(10.0, -exponent);
            let (a, b, around) = (x + 0.5, n - x + 0.5, jeffreys(x, n, error).unwrap());
            if x > 0.0 {
                let tail = beta_lower(a, b, around.low, 1.0 - around.low);
                prop_assert!((tail / (0.5 * error) - 1.0).abs() < 1e-9);
            }
            if x < n {
                let tail = beta_lower(b, a, 1.0 - around.high, around.high);
                prop_assert!((tail / (0.5 * error) - 1.0).abs() < 1e-7, "{} {}", tail, error);
            }
        }

        #[test]
        fn intervals_hold_the_share_and_widen_with_confidence(x in 0_u32..500, rest in 0_u32..500) {
            let (x, n) = (f64::from(x), f64::from(x + rest));
            prop_assume!(n > 0.0);
            for of in [wilson, clopper_pearson, jeffreys] {
                let (narrow, wide) = (of(x, n, 0.1).unwrap(), of(x, n, 0.001).unwrap());
                prop_assert!(wide.low <= narrow.low && narrow.low <= x / n);
                prop_assert!(wide.high >= narrow.high && narrow.high >= x / n);
            }
        }
    }
}
