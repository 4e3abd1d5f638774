//! How rare would this be? Tail probabilities of the standard laws, right in relative terms far out.
//!
//! Alarms are judged at levels of 1e-6 to 1e-9 and shared over thousands of keys, so a tail must keep its digits where
//! `1 - cdf` has none left. Every function here computes the small side directly:
//!
//! - normal: half the complementary error function;
//! - regularised incomplete beta: its continued fraction (DLMF 8.17.22, even part) times the binomial density in
//!   Loader's saddle-point form (C. Loader, "Fast and accurate computation of binomial probabilities", 2000), which has
//!   no cancelling log-gammas;
//! - regularised incomplete gamma: series below the mean, continued fraction above (DLMF 8.11.4, 8.9.2), times the
//!   Poisson density in the same form.
//!
//! All arguments are reals, because overdispersed counts are divided by a factor. Results are probabilities in [0, 1];
//! relative error about 1e-12 for counts up to 1e6, down to 1e-300. Logarithms and exponentials come from `libm`, so the
//! bits are equal on every machine. Not here: quantiles of the beta law ([`crate::stats::interval`]).

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// ln sqrt(2 pi).
const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_8;

/// Steps allowed to a continued fraction or series. They need about the square root of the largest count, so this
/// covers counts up to 1e10; beyond, the last convergent is used.
const MAX_STEPS: u32 = 200_000;

/// Smallest value a denominator of Lentz's method may take.
const TINY: f64 = 1e-300;

/// P(Z >= z) of the standard normal law; relative error below 1e-12 down to 1e-300.
pub fn normal_sf(z: f64) -> f64 {
    0.5 * libm::erfc(z * FRAC_1_SQRT_2)
}

/// P(Z <= z) of the standard normal law.
pub fn normal_cdf(z: f64) -> f64 {
    normal_sf(-z)
}

/// The z with P(Z >= z) = p, for p in (0, 1); infinite at the ends.
///
/// Starts from the rational approximation 26.2.23 of Abramowitz and Stegun (error 4.5e-4) and takes four Newton steps
/// on the logarithm of the tail, which squares the error each time.
pub fn normal_isf(p: f64) -> f64 {
    if p > 0.5 {
        return -normal_isf(1.0 - p);
    }
    if p <= 0.0 {
        return f64::INFINITY;
    }
    let t = (-2.0 * libm::log(p)).sqrt();
    let mut z =
        t - (2.515_517 + t * (0.802_853 + t * 0.010_328)) / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)));
    for _ in 0..4 {
        let tail = normal_sf(z);
        if tail <= 0.0 {
            break;
        }
        let density = libm::exp(-0.5 * z * z - LN_SQRT_2PI);
        if density <= 0.0 {
            break;
        }
        z += libm::log(tail / p) * tail / density;
    }
    z
}

/// The z with P(Z <= z) = p.
pub fn normal_quantile(p: f64) -> f64 {
    -normal_isf(p)
}

/// P(X >= x) of the chi-square law with `df` degrees of freedom.
pub fn chi_square_sf(x: f64, df: f64) -> f64 {
    gamma_upper(0.5 * df, 0.5 * x)
}

/// P(X >= x) of the non-central chi-square law: the central tails mixed by a Poisson law of mean half the
/// non-centrality, summed outwards from its mode until the terms no longer count.
pub fn chi_square_noncentral_sf(x: f64, df: f64, noncentrality: f64) -> f64 {
    let mean = 0.5 * noncentrality;
    if mean <= 0.0 {
        return chi_square_sf(x, df);
    }
    let term = |j: f64| {
        let weight = if j > 0.0 { libm::exp(ln_poisson_density(j, mean)) } else { libm::exp(-mean) };
        weight * gamma_upper(0.5 * df + j, 0.5 * x)
    };
    let mode = mean.floor();
    let mut sum = term(mode);
    // Central tails grow with j, so the series peaks at or above the mode; terms below it only fall.
    let mut j = mode + 1.0;
    while j < mode + f64::from(MAX_STEPS) {
        let next = term(j);
        sum += next;
        if next < sum * 1e-16 && j > mean + 10.0 * mean.sqrt() + 0.5 * x - df {
            break;
        }
        j += 1.0;
    }
    let mut j = mode - 1.0;
    while j >= 0.0 {
        let next = term(j);
        sum += next;
        if next < sum * 1e-16 {
            break;
        }
        j -= 1.0;
    }
    sum.min(1.0)
}

/// Regularised incomplete beta `I_x(a, b)`: the share of the Beta(a, b) law below x; a, b > 0.
///
/// `y` is 1 - x, given apart because the caller may know it to more digits.
pub fn beta_lower(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if y <= 0.0 {
        return 1.0;
    }
    if x <= (a + 1.0) / (a + b + 2.0) {
        (libm::exp(ln_beta_prefix(a, b, x, y)) / beta_fraction(a, b, x, y)).min(1.0)
    } else {
        (1.0 - libm::exp(ln_beta_prefix(b, a, y, x)) / beta_fraction(b, a, y, x)).max(0.0)
    }
}

/// ln of x^a y^b / B(a, b); the density of Beta(a, b) at x is its exponential over x y.
pub fn ln_beta_prefix(a: f64, b: f64, x: f64, y: f64) -> f64 {
    ln_binomial_density(a, a + b, x, y) + libm::log(a * b / (a + b))
}

/// The even part of the continued fraction of `I_x(a, b)`, by Lentz's method; I = prefix / fraction.
fn beta_fraction(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let lean = a * y - b * x + 1.0;
    let mut f = nonzero(a * lean / (a + 1.0));
    let (mut c, mut d) = (f, 0.0);
    for step in 1..MAX_STEPS {
        let m = f64::from(step);
        let left = 1.0 / (a + 2.0 * m - 1.0);
        let numerator = (m * (a + m - 1.0) * left) * ((a + b + m - 1.0) * left) * (b - m) * x * x;
        let denominator = m + m * (b - m) * x * left + (a + m) * (lean + m * (2.0 - x)) / (a + 2.0 * m + 1.0);
        d = 1.0 / nonzero(denominator + numerator * d);
        c = nonzero(denominator + numerator / c);
        let change = c * d;
        f *= change;
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    f
}

/// P(X >= x) of Binomial(n, p), for real 0 <= x <= n; 1 at x <= 0 and 0 above n.
pub fn binomial_upper(x: f64, n: f64, p: f64) -> f64 {
    if x <= 0.0 {
        1.0
    } else if x > n {
        0.0
    } else {
        beta_lower(x, n - x + 1.0, p, 1.0 - p)
    }
}

/// P(X <= x) of Binomial(n, p), for real 0 <= x <= n; 1 at x >= n and 0 below 0.
pub fn binomial_lower(x: f64, n: f64, p: f64) -> f64 {
    if x >= n {
        1.0
    } else if x < 0.0 {
        0.0
    } else {
        beta_lower(n - x, x + 1.0, 1.0 - p, p)
    }
}

/// P(X >= x) of the Poisson law, for real x; 1 at x <= 0.
pub fn poisson_upper(x: f64, mean: f64) -> f64 {
    if x <= 0.0 { 1.0 } else { gamma_lower(x, mean) }
}

/// P(X <= x) of the Poisson law, for real x; 0 below 0.
pub fn poisson_lower(x: f64, mean: f64) -> f64 {
    if x < 0.0 { 0.0 } else { gamma_upper(x + 1.0, mean) }
}

/// Regularised lower incomplete gamma P(a, x), a > 0.
pub fn gamma_lower(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        0.0
    } else if x < a + 1.0 {
        gamma_series(a, x).min(1.0)
    } else {
        (1.0 - gamma_fraction(a, x)).max(0.0)
    }
}

/// Regularised upper incomplete gamma Q(a, x), a > 0.
pub fn gamma_upper(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        1.0
    } else if x < a + 1.0 {
        (1.0 - gamma_series(a, x)).max(0.0)
    } else {
        gamma_fraction(a, x).min(1.0)
    }
}

/// P(a, x) by its series with positive terms.
fn gamma_series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for step in 1..MAX_STEPS {
        term *= x / (a + f64::from(step));
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    libm::exp(ln_poisson_density(a, x)) * sum
}

/// Q(a, x) by its continued fraction.
fn gamma_fraction(a: f64, x: f64) -> f64 {
    let mut denominator = x + 1.0 - a;
    let mut d = 1.0 / nonzero(denominator);
    let (mut c, mut f) = (1.0 / TINY, d);
    for step in 1..MAX_STEPS {
        let m = f64::from(step);
        let numerator = -m * (m - a);
        denominator += 2.0;
        d = 1.0 / nonzero(denominator + numerator * d);
        c = nonzero(denominator + numerator / c);
        let change = c * d;
        f *= change;
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    libm::exp(ln_poisson_density(a, x)) * a * f
}

/// ln P(X = x) of Binomial(n, p), for real 0 <= x <= n and q = 1 - p; minus infinity where it is impossible.
pub fn ln_binomial_density(x: f64, n: f64, p: f64, q: f64) -> f64 {
    if x <= 0.0 {
        return if n <= 0.0 { 0.0 } else { n * if p < 0.5 { libm::log1p(-p) } else { libm::log(q) } };
    }
    if x >= n {
        return n * if q < 0.5 { libm::log1p(-q) } else { libm::log(p) };
    }
    stirling_error(n)
        - stirling_error(x)
        - stirling_error(n - x)
        - deviance(x, n * p)
        - deviance(n - x, n * q)
        - 0.5 * libm::log(2.0 * PI * x * ((n - x) / n))
}

/// ln P(X = x) of the Poisson law, for real x > 0.
fn ln_poisson_density(x: f64, mean: f64) -> f64 {
    -stirling_error(x) - deviance(x, mean) - 0.5 * libm::log(2.0 * PI * x)
}

/// ln Gamma(n + 1) less Stirling's formula for it.
fn stirling_error(n: f64) -> f64 {
    if n < 16.0 {
        return libm::lgamma(n + 1.0) - (n + 0.5) * libm::log(n) + n - LN_SQRT_2PI;
    }
    let s = 1.0 / (n * n);
    (1.0 / 12.0 - s * (1.0 / 360.0 - s * (1.0 / 1260.0 - s * (1.0 / 1680.0 - s / 1188.0)))) / n
}

/// x ln(x / m) + m - x without cancellation when x is near m.
fn deviance(x: f64, m: f64) -> f64 {
    let gap = x - m;
    if gap.abs() >= 0.1 * (x + m) {
        return x * libm::log(x / m) - gap;
    }
    let v = gap / (x + m);
    let mut sum = gap * v;
    let mut term = 2.0 * x * v;
    let square = v * v;
    for step in 1..1000_u32 {
        term *= square;
        let next = sum + term / f64::from(2 * step + 1);
        if next.to_bits() == sum.to_bits() {
            break;
        }
        sum = next;
    }
    sum
}

/// Keeps a denominator of Lentz's method away from zero.
fn nonzero(value: f64) -> f64 {
    if value.abs() < TINY { TINY } else { value }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(found: f64, wanted: f64, tolerance: f64) -> bool {
        (found - wanted).abs() <= tolerance * wanted.abs()
    }

    /// ln n! by plain summation, the oracle's only ingredient besides logarithms.
    fn ln_factorials(n: usize) -> Vec<f64> {
        let mut table = vec![0.0];
        for k in 1..=n {
            table.push(table[k - 1] + libm::log(k as f64));
        }
        table
    }

    #[test]
    fn binomial_tails_equal_sums_of_point_probabilities_down_to_1e_30() {
        let table = ln_factorials(2000);
        let mut compared = 0;
        for n in [1_usize, 2, 7, 40, 333, 2000] {
            for p in [1e-6, 1e-3, 0.02, 0.1, 0.3, 0.5] {
                let point = |k: usize| {
                    table[n] - table[k] - table[n - k] + k as f64 * libm::log(p) + (n - k) as f64 * libm::log1p(-p)
                };
                let points: Vec<f64> = (0..=n).map(|k| libm::exp(point(k))).collect();
                for x in 0..=n {
                    let upper: f64 = points[x..].iter().rev().sum();
                    let lower: f64 = points[..=x].iter().sum();
                    for (found, wanted) in
                        [(binomial_upper(x as f64, n as f64, p), upper), (binomial_lower(x as f64, n as f64, p), lower)]
                    {
                        if wanted > 1e-30 {
                            assert!(close(found, wanted, 1e-9), "n {n} p {p} x {x}: {found:e} is not {wanted:e}");
                            compared += 1;
                        }
                    }
                }
            }
        }
        assert!(compared > 10_000);
    }

    #[test]
    fn binomial_tails_of_large_counts_equal_sums_of_loader_free_points() {
        // The oracle walks the ratio of neighbouring probabilities from an anchor of exact form p^n.
        let (n, p) = (1_000_000_f64, 1e-5);
        let mut term = libm::exp(n * libm::log1p(-p));
        let mut points = vec![term];
        for k in 0..200 {
            let k = f64::from(k);
            term *= (n - k) / (k + 1.0) * p / (1.0 - p);
            points.push(term);
        }
        for x in [1_usize, 5, 10, 20, 40, 80, 120] {
            let wanted: f64 = points[x..].iter().rev().sum();
            let found = binomial_upper(x as f64, n, p);
            assert!(close(found, wanted, 1e-10), "{x}: {found:e} {wanted:e}");
        }
    }

    #[test]
    fn incomplete_beta_of_closed_forms_holds_to_1e_300() {
        for (a, x) in [(1.0, 0.3), (5.0, 0.2), (100.0, 0.01), (150.0, 0.01), (0.3, 1e-200), (0.02, 0.7)] {
            // I_x(a, 1) = x^a
            let found = beta_lower(a, 1.0, x, 1.0 - x);
            assert!(close(found, libm::pow(x, a), 1e-12), "a {a} x {x}: {found:e}");
            // I_x(1, b) = 1 - (1 - x)^b
            let found = beta_lower(1.0, a, x, 1.0 - x);
            let wanted = -libm::expm1(a * libm::log1p(-x));
            assert!(close(found, wanted, 1e-12), "b {a} x {x}: {found:e} {wanted:e}");
        }
    }

    #[test]
    fn chi_square_with_two_degrees_is_an_exponential() {
        for x in [0.1, 1.0, 10.0, 100.0, 1300.0] {
            assert!(close(chi_square_sf(x, 2.0), libm::exp(-0.5 * x), 1e-13));
        }
        // four degrees: (1 + x/2) e^(-x/2)
        for x in [0.1, 3.0, 30.0, 300.0] {
            assert!(close(chi_square_sf(x, 4.0), (1.0 + 0.5 * x) * libm::exp(-0.5 * x), 1e-13));
        }
    }

    #[test]
    fn poisson_tails_equal_sums_of_point_probabilities() {
        for mean in [1e-3, 0.5, 5.0, 60.0, 400.0_f64] {
            let mut points = vec![libm::exp(-mean)];
            for k in 1..2000 {
                points.push(points[k - 1] * mean / k as f64);
            }
            for x in (0..900).step_by(7) {
                let upper: f64 = points[x..].iter().rev().sum();
                let lower: f64 = points[..=x].iter().sum();
                for (found, wanted) in [(poisson_upper(x as f64, mean), upper), (poisson_lower(x as f64, mean), lower)]
                {
                    // Below 1e-280 the oracle's own points run out of digits.
                    if wanted > 1e-280 {
                        assert!(close(found, wanted, 1e-10), "{mean} {x}: {found:e} {wanted:e}");
                    }
                }
            }
        }
    }

    #[test]
    fn normal_tail_and_its_inverse_agree_from_one_half_to_1e_300() {
        for exponent in 1..300 {
            let p = libm::pow(10.0, -f64::from(exponent));
            // A last-bit error of z moves the tail by z^2 times it.
            let z = normal_isf(p);
            assert!(close(normal_sf(z), p, 1e-15 * (z * z + 10.0)), "{p:e}");
            assert_eq!(normal_quantile(p).to_bits(), (-z).to_bits());
        }
        assert!(close(normal_isf(0.025), 1.959_963_984_540_054, 1e-14));
        assert!(close(normal_isf(0.975), -1.959_963_984_540_054, 1e-14));
        assert!(normal_isf(0.5).abs() < 1e-15);
        // Mills ratio: z/(1+z^2) < sf/density < 1/z, an oracle without erfc.
        for z in [5.0, 10.0, 20.0, 37.0] {
            let ratio = normal_sf(z) / libm::exp(-0.5 * z * z - LN_SQRT_2PI);
            assert!(ratio < 1.0 / z && ratio > z / (1.0 + z * z));
        }
    }

    proptest! {
        #[test]
        fn tails_agree_with_another_library(a in 0.05_f64..400.0, b in 0.05_f64..400.0, x in 1e-4_f64..0.9999) {
            use statrs::function::{beta, gamma};
            prop_assert!((beta_lower(a, b, x, 1.0 - x) - beta::beta_reg(a, b, x)).abs() < 1e-9);
            let scaled = x * 3.0 * a;
            prop_assert!((gamma_lower(a, scaled) - gamma::gamma_lr(a, scaled)).abs() < 1e-9);
        }

        #[test]
        fn both_sides_add_to_one_and_never_leave_the_unit_interval(
            x in 0_u32..1_000_000, rest in 0_u32..1_000_000, p in 0.0_f64..=1.0, phi in 1.0_f64..10.0,
        ) {
            let (x, n) = (f64::from(x) / phi, f64::from(x + rest) / phi);
            let upper = binomial_upper(x + 1.0, n.max(x + 1.0), p);
            let lower = binomial_lower(x, n.max(x + 1.0), p);
            prop_assert!((0.0..=1.0).contains(&upper) && (0.0..=1.0).contains(&lower));
            prop_assert!((upper + lower - 1.0).abs() < 1e-9, "{upper} {lower}");
        }

        #[test]
        fn an_upper_tail_falls_with_the_count_and_rises_with_the_probability(
            x in 1_u32..5000, rest in 0_u32..5000, p in 1e-6_f64..0.999,
        ) {
            let (x, n) = (f64::from(x), f64::from(x + rest));
            let here = binomial_upper(x, n, p);
            prop_assert!(binomial_upper(x + 1.0, n, p) <= here * (1.0 + 1e-12));
            prop_assert!(binomial_upper(x, n, p * 1.0005) >= here * (1.0 - 1e-12));
        }
    }
}
