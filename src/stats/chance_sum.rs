//! How rare is a number of positives, when each case has its own chance? Tails of a sum of binomials.
//!
//! Saddle-point approximation of Lugannani and Rice (1980) with Daniels' continuity correction for lattices (1987): with
//! K the cumulant function of the sum and s the root of K'(s) = x - 1/2,
//!
//!   w = sign(s) sqrt(2 (s (x - 1/2) - K(s))),  u = 2 sinh(s / 2) sqrt(K''(s)),
//!   P(S >= x) = sf(w) + density(w) (1/u - 1/w).
//!
//! Far out, where a normal tail is wrong by orders of magnitude, it is off by about a half over x at worst (for a mean
//! near 0); the answer is raised by that and two per cent more, so that its error is on the safe side (checked against
//! exact convolutions down to 1e-12). Chernoff's bound and Hoeffding's binomial bound (see
//! [`crate::stats::rate::sum_tail`]) cap it. Nearer
//! to the mean than one positive the answer is 1.

use std::f64::consts::PI;

use super::tails::{binomial_upper, normal_sf};

/// Steps allowed to the root: Newton, or halving where Newton leaves the bracket.
const MAX_STEPS: u32 = 200;

/// P(S >= x) at most, for S the sum over `parts` of Binomial(trials, chance); real trials >= 0, chances in [0, 1].
pub fn sum_upper(parts: &[(f64, f64)], x: f64) -> f64 {
    let (trials, mean) = parts.iter().fold((0.0, 0.0), |(n, mean), &(trials, p)| (n + trials, mean + trials * p));
    if x < mean + 1.0 {
        return 1.0;
    }
    if x > trials {
        return 0.0;
    }
    if x >= trials {
        // All are hits: no approximation needed.
        return libm::exp(parts.iter().filter(|part| part.0 > 0.0).map(|&(n, p)| n * libm::log(p)).sum());
    }
    let bound = binomial_upper(x, trials, (mean / trials).min(1.0));
    bound.min(saddle_point(parts, x))
}

/// P(S <= x) at most: the same for the misses.
pub fn sum_lower(parts: &[(f64, f64)], x: f64) -> f64 {
    let misses: Vec<(f64, f64)> = parts.iter().map(|&(trials, p)| (trials, 1.0 - p)).collect();
    let trials: f64 = parts.iter().map(|&(trials, _)| trials).sum();
    sum_upper(&misses, trials - x)
}

/// The approximation with its margin, or Chernoff's bound exp(K(s) - s x) where that is smaller or the approximation
/// breaks down (it can turn negative where hardly more than the near-certain cases are hits).
fn saddle_point(parts: &[(f64, f64)], x: f64) -> f64 {
    let target = x - 0.5;
    let slope = |s: f64| {
        let odds = libm::exp(s);
        parts.iter().fold((0.0, 0.0), |(first, second), &(n, p)| {
            let tilted = p * odds / (1.0 - p + p * odds);
            (first + n * tilted, second + n * tilted * (1.0 - tilted))
        })
    };
    let (mut low, mut high, mut s) = (0.0, 700.0, 0.1);
    let mut second = 0.0;
    for _ in 0..MAX_STEPS {
        let (first, curvature) = slope(s);
        second = curvature;
        if first < target {
            low = s;
        } else {
            high = s;
        }
        let newton = s + (target - first) / curvature;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - s).abs() <= 1e-13 * s {
            break;
        }
        s = next;
    }
    let odds_less_one = libm::expm1(s);
    let cumulant: f64 = parts.iter().map(|&(n, p)| n * libm::log1p(p * odds_less_one)).sum();
    let w = (2.0 * (s * target - cumulant)).sqrt();
    let u = 2.0 * libm::sinh(0.5 * s) * second.sqrt();
    let density = libm::exp(-0.5 * w * w) / (2.0 * PI).sqrt();
    let tail = normal_sf(w) + density * (1.0 / u - 1.0 / w);
    let chernoff = libm::exp(cumulant - s * x);
    if tail.is_finite() && tail > 0.0 { chernoff.min((1.02 + 0.5 / x) * tail) } else { chernoff }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probabilities of the sum, by convolution case by case.
    fn convolved(parts: &[(f64, f64)]) -> Vec<f64> {
        let mut row = vec![1.0];
        for &(trials, p) in parts {
            for _ in 0..trials as u32 {
                let mut next = vec![0.0; row.len() + 1];
                for (k, mass) in row.iter().enumerate() {
                    next[k] += mass * (1.0 - p);
                    next[k + 1] += mass * p;
                }
                row = next;
            }
        }
        row
    }

    #[test]
    fn both_tails_are_on_the_safe_side_of_the_exact_ones_and_close_to_them() {
        let spread = |n: u32, low: f64, high: f64| -> Vec<(f64, f64)> {
            (0..10).map(|k| (f64::from(n), low + (high - low) * f64::from(k) / 9.0)).collect()
        };
        let cases = [
            spread(1, 0.01, 0.3),
            spread(3, 0.001, 0.02),
            spread(20, 0.0005, 0.05),
            spread(40, 0.01, 0.9),
            spread(100, 0.001, 0.6),
            spread(2, 0.3, 0.7),
            vec![(1.0, 0.5)],
            vec![(2.0, 0.1)],
            vec![(30.0, 1e-4)],
            vec![(30.0, 1e-3), (1.0, 0.02)],
            vec![(100.0, 1e-3), (10.0, 0.01)],
            vec![(200.0, 5e-3)],
            vec![(3.0, 1e-6), (3.0, 0.4), (3.0, 0.95)],
            vec![(500.0, 0.002), (5.0, 0.9)],
            vec![(300.0, 0.001), (300.0, 0.999)],
        ];
        let mut worst = (f64::INFINITY, 0.0_f64);
        for parts in &cases {
            let row = convolved(parts);
            for x in 0..row.len() {
                let upper: f64 = row[x..].iter().rev().sum();
                let lower: f64 = row[..=x].iter().sum();
                for (found, exact) in [(sum_upper(parts, x as f64), upper), (sum_lower(parts, x as f64), lower)] {
                    if exact > 1e-12 {
                        assert!(found >= exact * (1.0 - 1e-9), "{parts:?} {x}: {found:e} below {exact:e}");
                        if found < 1.0 {
                            worst = (worst.0.min(found / exact), worst.1.max(found / exact));
                        }
                    }
                }
            }
        }
        println!("ratio to the exact tail between {:.4} and {:.4}", worst.0, worst.1);
        // Chernoff's bound, where it steps in, gives away a factor of about sqrt(2 pi K''(s)) s.
        assert!(worst.1 < 3.0);
    }
}
