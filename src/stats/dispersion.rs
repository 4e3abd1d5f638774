//! By how much do windows differ from each other more than chance alone lets them?
//!
//! Requests that come in bunches (one customer with a thousand of them), and a world that wanders from day to day, make
//! the shares of windows vary more than independent rows would. The factor of overdispersion is Pearson's: the scatter
//! of the windows about their common mean, in units of the binomial variance, per degree of freedom (McCullagh and
//! Nelder 1989, section 4.5). It is 1 for independent rows.
//!
//! It is estimated from a few windows, so a test at level `a` that divides its counts by it would be too liberal:
//! dividing by an estimated variance turns a normal tail into Student's. [`allowance`] is the factor that makes up for
//! that: the square of Student's quantile over the normal one. It grows fast at small levels: that is what not knowing
//! the scatter better costs.

use super::tails::{beta_lower, normal_isf};

/// What windows have shown of one figure: sums over windows of weight, weight times value, and weight times its square.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    windows: u32,
    weight: f64,
    sum: f64,
    squares: f64,
}

/// A factor of overdispersion, and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factor {
    /// The estimate, >= 0; 1 for independent rows.
    pub value: f64,
    /// Degrees of freedom of the estimate.
    pub degrees: u32,
}

impl Spread {
    /// Adds a window. The weight is its number of rows for a share, one over its variance for another mean; a window
    /// without weight says nothing.
    pub fn add(&mut self, value: f64, weight: f64) {
        if weight > 0.0 && weight.is_finite() && value.is_finite() {
            self.windows += 1;
            self.weight += weight;
            self.sum += weight * value;
            self.squares += weight * value * value;
        }
    }

    fn scatter(&self) -> f64 {
        if self.weight > 0.0 { (self.squares - self.sum * self.sum / self.weight).max(0.0) } else { 0.0 }
    }
}

/// The factor of a share, over groups of windows that are alike (one group, or one for each phase of a cycle). `None`
/// with fewer than two windows in each group.
pub fn of_share(groups: &[Spread]) -> Option<Factor> {
    let (weight, sum) = groups.iter().fold((0.0, 0.0), |(weight, sum), one| (weight + one.weight, sum + one.sum));
    let share = (sum / weight).clamp(0.0, 1.0);
    let binomial = share * (1.0 - share);
    let factor = of_mean(groups)?;
    // What never happens, or always, does not scatter.
    Some(if binomial > 0.0 {
        Factor { value: factor.value / binomial, ..factor }
    } else {
        Factor { value: 1.0, ..factor }
    })
}

/// The factor of a mean whose windows are weighted by one over their variance.
pub fn of_mean(groups: &[Spread]) -> Option<Factor> {
    let degrees: u32 = groups.iter().map(|one| one.windows.saturating_sub(1)).sum();
    let scatter: f64 = groups.iter().map(Spread::scatter).sum();
    (degrees > 0).then(|| Factor { value: scatter / f64::from(degrees), degrees })
}

/// By how much an estimated factor must be raised for a one-sided test at `level`.
pub fn allowance(degrees: u32, level: f64) -> f64 {
    let level = level.clamp(1e-300, 0.25);
    let ratio = student_isf(level, f64::from(degrees.max(1))) / normal_isf(level);
    (ratio * ratio).max(1.0)
}

/// The t with P(T >= t) = p for Student's law, p at most 1/2: halving on t^2 / (df + t^2) in logarithms.
fn student_isf(p: f64, df: f64) -> f64 {
    // P(T >= t) = I_x(df / 2, 1 / 2) / 2 with x = df / (df + t^2).
    let tail = |ratio: f64| 0.5 * beta_lower(0.5 * df, 0.5, 1.0 / (1.0 + ratio), ratio / (1.0 + ratio));
    let (mut low, mut high) = (-30.0_f64, 700.0_f64);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if tail(libm::exp(middle)) > p {
            low = middle;
        } else {
            high = middle;
        }
    }
    (df * libm::exp(high)).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use statrs::distribution::{ContinuousCDF as _, StudentsT};

    use super::*;

    fn of(windows: &[(u64, u64)]) -> Spread {
        let mut spread = Spread::default();
        for &(hits, rows) in windows {
            spread.add(hits as f64 / rows as f64, rows as f64);
        }
        spread
    }

    #[test]
    fn the_factor_is_the_statistic_of_pearson_per_degree_of_freedom() {
        // scipy.stats.chi2_contingency([[12, 30, 9, 25], [88, 170, 91, 75]], correction=False): 15.2671..., 3 degrees.
        let windows = [(12, 100), (30, 200), (9, 100), (25, 100)];
        let pearson: f64 = {
            let (hits, rows) = (76.0, 500.0);
            let p: f64 = hits / rows;
            windows.iter().map(|&(x, n)| (x as f64 - n as f64 * p).powi(2) / (n as f64 * p * (1.0 - p))).sum()
        };
        let factor = of_share(&[of(&windows)]).unwrap();
        assert_eq!(factor.degrees, 3);
        assert!((factor.value * 3.0 / pearson - 1.0).abs() < 1e-9, "{} {pearson}", factor.value);
    }

    #[test]
    fn phases_of_a_cycle_are_no_scatter() {
        let (night, day) = (of(&[(10, 100), (10, 100), (10, 100)]), of(&[(40, 100), (40, 100), (40, 100)]));
        let mixed = of(&[(10, 100), (40, 100), (10, 100), (40, 100), (10, 100), (40, 100)]);
        assert!(of_share(&[night, day]).unwrap().value < 1e-9);
        assert_eq!(of_share(&[night, day]).unwrap().degrees, 4);
        assert!(of_share(&[mixed]).unwrap().value > 10.0);
    }

    #[test]
    fn students_quantile_is_that_of_another_library() {
        for df in [1.0, 4.0, 19.0, 27.0, 167.0] {
            let law = StudentsT::new(0.0, 1.0, df).unwrap();
            for p in [0.2, 1e-2, 1e-4, 1e-7] {
                let t = student_isf(p, df);
                assert!((law.cdf(-t) / p - 1.0).abs() < 1e-6, "{df} {p}: {t}");
            }
        }
        assert!((allowance(27, 1e-7) - 1.76).abs() < 0.1, "{}", allowance(27, 1e-7));
        assert!(allowance(100_000, 1e-7) < 1.001);
    }

    /// The law that the allowance states: with few windows, a share's test at a level, its counts divided by the raised
    /// factor, is passed by chance no more often than the level says, however strong the overdispersion is.
    #[test]
    fn a_test_with_the_allowance_keeps_its_level() {
        use crate::stats::tails::{binomial_upper, normal_sf};
        let mut state = 7_u64;
        let mut uniform = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        };
        let (level, rows, share) = (0.01, 2_000.0, 0.1);
        for strength in [1.0_f64, 4.0, 25.0] {
            let mut window = || {
                let z = (-2.0 * libm::log(uniform())).sqrt() * libm::cos(std::f64::consts::TAU * uniform());
                (rows * share + z * (strength * rows * share * (1.0 - share)).sqrt()).round().clamp(0.0, rows)
            };
            let (trials, mut hits) = (20_000, 0.0);
            for _ in 0..trials {
                let mut spread = Spread::default();
                (0..20).for_each(|_| spread.add(window() / rows, rows));
                let factor = of_share(&[spread]).unwrap();
                let phi = (factor.value * allowance(factor.degrees, level)).max(1.0);
                hits += f64::from(u8::from(binomial_upper(window() / phi, rows / phi, share) <= level));
            }
            // One-sided at three standard errors above the level.
            let most = f64::from(trials) * level + 3.0 * (f64::from(trials) * level).sqrt();
            assert!(hits <= most, "{strength}: {hits}; {}", normal_sf(0.0));
            // And for strong scatter it is not much stricter than it says.
            assert!(strength < 2.0 || hits > 0.4 * f64::from(trials) * level, "{strength}: {hits}");
        }
    }

    proptest! {
        #[test]
        fn windows_that_are_alike_have_no_scatter_and_order_is_nothing(
            windows in prop::collection::vec((1_u64..50, 50_u64..100), 2..20)
        ) {
            let alike = of(&vec![windows[0]; 5]);
            prop_assert!(of_share(&[alike]).unwrap().value < 1e-9);
            let mut turned = windows.clone();
            turned.reverse();
            let (one, other) = (of_share(&[of(&windows)]).unwrap(), of_share(&[of(&turned)]).unwrap());
            prop_assert!((one.value - other.value).abs() < 1e-9 * (1.0 + one.value));
        }
    }
}
