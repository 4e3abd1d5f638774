//! By how much do windows differ from each other more than chance alone lets them?
//!
//! Requests that come in bunches (one customer with a thousand of them), and a world that wanders from day to day, make
//! the shares of windows vary more than independent rows would. The factor of overdispersion is Pearson's: the scatter
//! of the windows about their common mean, in units of the binomial variance, per degree of freedom (`McCullagh` and
//! Nelder 1989, section 4.5). It is 1 for independent rows.
//!
//! It is estimated from a few windows, so a test at level `a` that divides its counts by the estimate would be too
//! liberal: dividing by an estimated variance turns a normal tail into Student's. [`effective`] is the factor by which to
//! divide instead. It weighs what the factor may be by what the windows say: before them, some chance for "no more than
//! chance", the rest spread evenly over the logarithms from 1.05 to 1,000. Where windows scatter clearly, that is
//! Student's quantile to a hair; where they do not, far less is paid for not knowing better.
//!
//! How large the chance for "no more than chance" is, the other figures of the same baseline say: [`calm`] is the share
//! of them that show no scatter, by maximum likelihood (an empirical Bayes rule, Efron 2010, chapter 2). Where customers
//! come in bunches nearly all figures scatter, and one that does not by luck is not believed; where none does, one that
//! does by luck is not believed either. The level holds on average over that law, not for each factor by itself.

use serde::{Deserialize, Serialize};

use super::tails::{normal_isf, normal_sf};

/// What windows have shown of one figure: sums over windows of weight, weight times value, and weight times its square.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
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

    /// Cases that a window holds, on average, of those that are not hits or of those that are, whichever are fewer.
    pub fn cases(&self) -> f64 {
        self.sum.min(self.weight - self.sum) / f64::from(self.windows.max(1))
    }

    /// The weight of a window, on average.
    pub fn mean_weight(&self) -> f64 {
        self.weight / f64::from(self.windows.max(1))
    }

    fn scatter(&self) -> f64 {
        if self.weight > 0.0 { (self.squares - self.sum * self.sum / self.weight).max(0.0) } else { 0.0 }
    }
}

/// The factor of a share, over groups of windows that are alike (one group, or one for each phase of a cycle). `None`
/// with fewer than two windows in each group, or where the share is 0 or 1: what never happens tells nothing.
pub fn of_share(groups: &[Spread]) -> Option<Factor> {
    let (weight, sum) = groups.iter().fold((0.0, 0.0), |(weight, sum), one| (weight + one.weight, sum + one.sum));
    let share = (sum / weight).clamp(0.0, 1.0);
    let binomial = share * (1.0 - share);
    let factor = of_mean(groups)?;
    (binomial > 0.0).then(|| Factor { value: factor.value / binomial, ..factor })
}

/// The factor of a mean whose windows are weighted by one over their variance.
pub fn of_mean(groups: &[Spread]) -> Option<Factor> {
    let degrees: u32 = groups.iter().map(|one| one.windows.saturating_sub(1)).sum();
    let scatter: f64 = groups.iter().map(Spread::scatter).sum();
    (degrees > 0).then(|| Factor { value: scatter / f64::from(degrees), degrees })
}

/// Factors that are thought possible beside 1: so many, evenly in their logarithms.
const THOUGHT: usize = 30;
const SMALLEST: f64 = 1.05;
const LARGEST: f64 = 1_000.0;

/// What some windows have shown of a figure's factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Windows {
    /// The estimate.
    pub factor: f64,
    /// Its degrees of freedom.
    pub degrees: u32,
}

impl Windows {
    /// They have shown nothing.
    pub const NONE: Self = Self { factor: 1.0, degrees: 0 };

    /// How much better a factor explains them than the factor 1 does, as a logarithm. The estimate is about the true factor
    /// times a chi-square over its degrees of freedom.
    fn for_factor(self, of: f64) -> f64 {
        let shown = self.factor.clamp(0.1, LARGEST);
        -0.5 * f64::from(self.degrees) * (libm::log(of) + shown / of - shown)
    }
}

/// All that is known of a figure's factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    /// By windows of the usual size.
    pub windows: Windows,
    /// By other windows, whose excess over 1 is so many times larger, because they have so many times the rows.
    pub again: Option<(Windows, f64)>,
    /// The chance, before windows spoke, that there is no scatter; see [`calm`].
    pub calm: f64,
    /// How many times the rows of the usual windows the tested one has, at least 1. The excess over 1 grows with them.
    pub scale: f64,
}

/// The factors that are thought possible: 1, and [`THOUGHT`] more.
fn possible() -> [f64; THOUGHT + 1] {
    let step = libm::log(LARGEST / SMALLEST) / (THOUGHT as f64 - 1.0);
    std::array::from_fn(|k| if k == 0 { 1.0 } else { SMALLEST * libm::exp(step * (k as f64 - 1.0)) })
}

/// The share of figures that have no scatter beyond chance, from what windows have shown of each: the most likely one, with
/// one figure of either kind added (Laplace's rule), so that it is never 0 or 1; 1/2 without figures.
pub fn calm(figures: &[Windows]) -> f64 {
    let possible = possible();
    // How many times likelier each is with scatter than without.
    let ratio = |windows: &Windows| {
        let with: f64 = possible[1..].iter().map(|&of| libm::exp(windows.for_factor(of).min(700.0))).sum();
        with / THOUGHT as f64
    };
    let ratios: Vec<f64> = figures.iter().map(ratio).collect();
    let mut calm = 0.5;
    for _ in 0..STEPS {
        let still: f64 = ratios.iter().map(|ratio| calm / (calm + (1.0 - calm) * ratio)).sum();
        calm = (1.0 + still) / (2.0 + ratios.len() as f64);
    }
    calm
}

/// Steps of the search for the most likely share.
const STEPS: u32 = 100;

/// The factor by which a one-sided test at `level` divides its counts; at least 1. Normal tails with each possible factor,
/// weighed by how well it explains what was shown, add up to the level.
pub fn effective(shown: Shown, level: f64) -> f64 {
    let level = level.clamp(1e-300, 0.25);
    let calm = shown.calm.clamp(1e-3, 1.0 - 1e-3);
    let grown = |of: f64, scale: f64| 1.0 + (of - 1.0) * scale.max(1.0);
    // The root of each possible factor, and the logarithm of its weight.
    let mut weights = possible().map(|of| {
        let again = shown.again.map_or(0.0, |(windows, scale)| windows.for_factor(grown(of, scale)));
        let before = if of > 1.0 { (1.0 - calm) / THOUGHT as f64 } else { calm };
        (grown(of, shown.scale).sqrt(), libm::log(before) + shown.windows.for_factor(of) + again)
    });
    let most = weights.iter().fold(f64::NEG_INFINITY, |most, &(_, log)| most.max(log));
    let mut sum = 0.0;
    for (_, weight) in &mut weights {
        *weight = libm::exp(*weight - most);
        sum += *weight;
    }
    // What weighs nothing is not asked for its tail.
    let mut heavy = [(0.0, 0.0); THOUGHT + 1];
    let mut count = 0;
    for &(root, weight) in weights.iter().filter(|(_, weight)| *weight > 1e-4 * level * sum) {
        heavy[count] = (root, weight / sum);
        count += 1;
    }
    let heavy = &heavy[..count];
    let tail = |z: f64| -> f64 { heavy.iter().map(|&(root, weight)| weight * normal_sf(z / root)).sum() };
    let normal = normal_isf(level);
    let (mut low, mut high) = (normal, normal * heavy.last().map_or(1.0, |&(root, _)| root));
    // To a millionth; the larger end, so that rounding never makes a test sharper.
    while high - low > 1e-6 * normal {
        let middle = 0.5 * (low + high);
        if tail(middle) > level {
            low = middle;
        } else {
            high = middle;
        }
    }
    let ratio = high / normal;
    (ratio * ratio).max(1.0)
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

    fn plain(factor: f64, degrees: u32) -> Shown {
        Shown { windows: Windows { factor, degrees }, again: None, calm: 0.5, scale: 1.0 }
    }

    /// Student's quantile over the normal one, squared.
    fn student(degrees: f64, level: f64) -> f64 {
        let t = StudentsT::new(0.0, 1.0, degrees).unwrap().inverse_cdf(1.0 - level);
        let ratio = t / normal_isf(level);
        ratio * ratio
    }

    #[test]
    fn where_windows_scatter_clearly_it_is_students_quantile() {
        for (degrees, level) in [(19, 1e-3), (27, 1e-4), (27, 1e-6), (167, 1e-5)] {
            let found = effective(plain(40.0, degrees), level) / 40.0;
            let expected = student(f64::from(degrees), level);
            assert!((found / expected - 1.0).abs() < 0.05, "{degrees} {level}: {found} {expected}");
        }
    }

    #[test]
    fn where_they_do_not_little_is_paid() {
        for (degrees, level) in [(27, 1e-5), (27, 1e-7), (167, 1e-7)] {
            let found = effective(plain(1.0, degrees), level);
            assert!(found >= 1.0 && found < 0.8 * student(f64::from(degrees), level).max(1.3), "{found}");
        }
        assert!(effective(plain(1.0, 100_000), 1e-7) < 1.001);
    }

    /// The law that is stated: over worlds drawn from the prior law, the level is kept.
    #[test]
    fn on_average_over_what_was_thought_possible_the_level_is_kept() {
        use crate::stats::tails::binomial_upper;
        let mut state = 7_u64;
        let mut uniform = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        };
        let (level, rows, share, trials) = (0.01, 1e6, 0.1, 12_000);
        let mut hits = 0.0;
        for _ in 0..trials {
            let calm = uniform() < 0.5;
            let true_factor =
                if calm { 1.0 } else { libm::exp(libm::log(SMALLEST) + uniform() * libm::log(LARGEST / SMALLEST)) };
            let mut window = || {
                let z = (-2.0 * libm::log(uniform())).sqrt() * libm::cos(std::f64::consts::TAU * uniform());
                (rows * share + z * (true_factor * rows * share * (1.0 - share)).sqrt()).round().clamp(0.0, rows)
            };
            let mut spread = Spread::default();
            (0..20).for_each(|_| spread.add(window() / rows, rows));
            let factor = of_share(&[spread]).unwrap();
            let phi = effective(plain(factor.value, factor.degrees), level);
            hits += f64::from(u8::from(binomial_upper(window() / phi, rows / phi, share) <= level));
        }
        // Within three standard errors of the level, and not far below it.
        let expected = f64::from(trials) * level;
        assert!(hits <= expected + 3.0 * expected.sqrt() && hits > 0.5 * expected, "{hits} of {expected}");
    }

    #[test]
    fn the_share_of_calm_figures_is_found() {
        let mut state = 11_u64;
        let mut uniform = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        };
        let mut chi_square = |degrees: u32| -> f64 {
            (0..degrees)
                .map(|_| -2.0 * libm::log(uniform()) * libm::pow(libm::cos(std::f64::consts::TAU * uniform()), 2.0))
                .sum()
        };
        for (share, count) in [(1.0, 100), (0.7, 400), (0.3, 400), (0.0, 100)] {
            let figures: Vec<Windows> = (0..count)
                .map(|k| {
                    let of = if f64::from(k) < share * f64::from(count) { 1.0 } else { 4.0 };
                    Windows { factor: of * chi_square(27) / 27.0, degrees: 27 }
                })
                .collect();
            let found = calm(&figures);
            assert!((found - share).abs() < 0.06, "{share}: {found}");
            assert!(found > 0.0 && found < 1.0);
        }
        assert!((calm(&[]) - 0.5).abs() < 1e-12);
        // One figure among calm ones is not believed at once, and is believed when it shouts.
        let among = |factor: f64, calm: f64| effective(Shown { calm, ..plain(factor, 27) }, 1e-5);
        assert!(among(1.3, 0.98) < among(1.3, 0.5) && among(1.3, 0.5) < among(1.3, 0.02));
        assert!(among(10.0, 0.98) > 9.0);
    }

    /// A window with more rows shows more of the excess; the level is kept there, too.
    #[test]
    fn the_scale_stands_inside_the_mixture() {
        let of = |scale: f64| effective(Shown { scale, ..plain(30.0, 200) }, 1e-5);
        assert!(((of(10.0) - 1.0) / (of(1.0) - 1.0) / 10.0 - 1.0).abs() < 0.05, "a clear scatter grows with the rows");
        let doubtful = |scale: f64| effective(Shown { scale, ..plain(1.0, 27) }, 1e-5);
        // Quiet windows of the larger size say what the small ones could not; restless ones are believed.
        let windows = |factor: f64| Some((Windows { factor, degrees: 27 }, 10.0));
        let after = |factor: f64| effective(Shown { scale: 10.0, again: windows(factor), ..plain(1.0, 27) }, 1e-5);
        assert!(after(1.0) < 0.5 * doubtful(10.0) && after(6.0) > 6.0);
        assert!(
            doubtful(10.0) > 1.0 + 10.0 * (doubtful(1.0) - 1.0),
            "what few rows hide costs more than in proportion"
        );
    }

    proptest! {
        #[test]
        fn windows_that_are_alike_have_no_scatter_and_order_is_nothing(
            windows in prop::collection::vec((1_u64..50, 50_u64..100), 2..20)
        ) {
            let alike = of(&[windows[0]; 5]);
            prop_assert!(of_share(&[alike]).unwrap().value < 1e-9);
            let mut turned = windows.clone();
            turned.reverse();
            let (one, other) = (of_share(&[of(&windows)]).unwrap(), of_share(&[of(&turned)]).unwrap());
            prop_assert!((one.value - other.value).abs() < 1e-9 * (1.0 + one.value));
            // More scatter asks for more.
            let of = |value: f64| effective(plain(value, one.degrees), 1e-5);
            prop_assert!(of(one.value) >= 1.0 && of(one.value + 0.5) >= of(one.value) - 1e-9);
        }
    }
}
