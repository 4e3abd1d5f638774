//! Has traffic changed by more than a factor? The conditional test of two Poisson counts over two exposures.
//!
//! Given the total of both counts, the window's count is binomial with chance time / (time + time0), times the tolerated
//! ratio (Przyborowski and Wilenski 1940), so the test is exact. Exposures are times, for example in seconds; `phi` >= 1 is
//! the overdispersion by which counts are divided.

use super::rate::Side;
use super::tails::{binomial_lower, binomial_upper};

/// The p-value of (count, exposure) of the window against those of the reference, H0: rates differ by at most `ratio` >= 1.
/// `None` without exposure or without any event.
pub fn volume_test(window: (u64, f64), reference: (u64, f64), side: Side, ratio: f64, phi: f64) -> Option<f64> {
    let ((x, time), (x0, time0)) = (window, reference);
    let usable = |value: f64| value > 0.0 && value.is_finite();
    if x + x0 == 0 || !(usable(time) && usable(time0) && ratio >= 1.0 && phi >= 1.0 && usable(ratio) && usable(phi)) {
        return None;
    }
    let (hits, total) = (x as f64 / phi, (x + x0) as f64 / phi);
    let chance = |factor: f64| factor * time / (factor * time + time0);
    let higher = binomial_upper(hits, total, chance(ratio));
    let lower = binomial_lower(hits, total, chance(1.0 / ratio));
    Some(match side {
        Side::Higher => higher,
        Side::Lower => lower,
        Side::Either => (2.0 * higher.min(lower)).min(1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volume_is_judged_by_the_conditional_binomial() {
        // Equal exposures, ratio 1: 20 of 20 events in the window has chance 2^-20.
        let p = volume_test((20, 60.0), (0, 60.0), Side::Higher, 1.0, 1.0).unwrap();
        assert!((p * 1_048_576.0 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_is_said_without_events_or_time() {
        assert!(volume_test((0, 1.0), (0, 1.0), Side::Either, 1.0, 1.0).is_none());
        assert!(volume_test((3, 0.0), (5, 1.0), Side::Either, 1.0, 1.0).is_none());
    }
}
