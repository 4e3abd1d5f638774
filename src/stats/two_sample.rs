//! How rare is a difference between two samples, at the worst true share? Exact tails of a contrast of two binomials.
//!
//! The contrast of a window (x of n) and a reference (x0 of m) is x - c x0; `c` is n / m for a difference of shares. For a
//! true reference share p and a window share `edge(p)` the tail is the sum over reference counts of their probability
//! times the window's binomial tail. The reference share is unknown, so the largest tail over an interval of it is
//! wanted: the interval is cut into cells, and in each cell the reference takes the lower end and the window the edge at
//! the upper end. Both raise the tail, so each cell is bounded, not sampled. Cells whose Chernoff bound is below the
//! largest tail so far are skipped.
//!
//! Cost: a few operations per reference count within some deviations of its mean, in each cell that is not skipped.

use super::tails::{binomial_lower, binomial_upper, ln_binomial_density};

/// Width of a cell in standard deviations of the reference share.
const CELL: f64 = 0.5;

/// Cells at most; beyond, they widen, which errs on the safe side.
const MAX_CELLS: f64 = 64.0;

/// Reference trials at most: no more than 6,500 counts are summed then. The limit is on trials, not on counts, so that
/// the choice of method does not depend on what was found.
const MAX_TRIALS: u64 = 1_000_000;

/// ln of the smallest probability a recursion may start from.
const LN_SMALLEST: f64 = -650.0;

/// What is compared: counts of both sides and the weight of the reference's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contrast {
    /// Hits of the window.
    pub(super) x: u64,
    /// Trials of the window.
    pub(super) n: u64,
    /// Hits of the reference.
    pub(super) x0: u64,
    /// Trials of the reference.
    pub(super) m: u64,
    /// Weight of a reference hit.
    pub(super) c: f64,
}

impl Contrast {
    /// The largest P(X - c X0 >= x - c x0) over true reference shares in `from..=to`, where the window's share is
    /// `edge` of the reference's, a growing function. `None` if the reference is too large to be summed.
    pub(super) fn worst_tail(&self, from: f64, to: f64, edge: impl Fn(f64) -> f64) -> Option<f64> {
        if self.m > MAX_TRIALS {
            return None;
        }
        let angle = |p: f64| libm::asin(p.clamp(0.0, 1.0).sqrt());
        let (low, high) = (angle(from), angle(to));
        let root = 2.0 * (self.m as f64).sqrt();
        let cells = ((high - low) * root / CELL).ceil().clamp(1.0, MAX_CELLS);
        let share = |k: f64| {
            let sine = libm::sin(low + (high - low) * k / cells);
            sine * sine
        };
        let (mut largest, mut s) = (0.0_f64, 0.0);
        let mut k = cells;
        while k > 0.0 {
            // The ends themselves, not what the sine made of them.
            let lower = if k <= 1.0 { from } else { share(k - 1.0) };
            let upper = edge(if k >= cells { to } else { share(k) });
            if self.chernoff(lower, upper, &mut s) > largest {
                largest = largest.max(self.tail(lower, upper));
            }
            k -= 1.0;
        }
        Some(largest.min(1.0))
    }

    /// Chernoff's bound at a tilt found by Newton steps from the one of the last cell.
    fn chernoff(&self, reference: f64, window: f64, s: &mut f64) -> f64 {
        let (n, m) = (self.n as f64, self.m as f64);
        let target = self.x as f64 - self.c * self.x0 as f64;
        for _ in 0..4 {
            let (up, down) = (libm::exp(*s), libm::exp(-self.c * *s));
            let a = window * up / (1.0 - window + window * up);
            let b = reference * down / (1.0 - reference + reference * down);
            let curvature = n * a * (1.0 - a) + self.c * self.c * m * b * (1.0 - b);
            let step = (target - n * a + self.c * m * b) / curvature;
            if !step.is_finite() {
                break;
            }
            *s = (*s + step.clamp(-1.0, 1.0)).clamp(0.0, 100.0);
        }
        // Any tilt gives a bound, so it need not be the best.
        let exponent = n * libm::log1p(window * libm::expm1(*s))
            + m * libm::log1p(reference * libm::expm1(-self.c * *s))
            - *s * target;
        let bound = libm::exp(exponent);
        if bound.is_nan() { 1.0 } else { bound }
    }

    /// The reference counts that are summed one by one. Fewer, eight deviations down, count in full; more, five
    /// deviations up, as the last one.
    fn summed(&self, reference: f64) -> (u64, u64) {
        let mean = self.m as f64 * reference;
        let deviation = (mean * (1.0 - reference)).sqrt();
        let low = (mean - 8.0 * deviation - 1.0).max(0.0) as u64;
        (low, ((mean + 5.0 * deviation + 12.0) as u64).min(self.m))
    }

    /// P(X - c X0 >= x - c x0) for known shares of both, or a little more.
    fn tail(&self, reference: f64, window: f64) -> f64 {
        let (n, m) = (self.n as f64, self.m as f64);
        // Fewest window hits that count, for a reference count; ties are kept in spite of rounding.
        let least = |b: u64| self.x as f64 + (self.c * (b as f64 - self.x0 as f64) - 1e-9).ceil();
        // A share of 0 or 1 leaves nothing to sum.
        if reference <= 0.0 || reference >= 1.0 {
            return binomial_upper(least(if reference > 0.0 { self.m } else { 0 }), n, window);
        }
        let (low, mut high) = self.summed(reference);
        // A recursion that starts below the normal range of floats would carry few digits along.
        let ln_mass = |b: u64| ln_binomial_density(b as f64, m, reference, 1.0 - reference);
        while high > low && ln_mass(high) < LN_SMALLEST {
            high -= 1;
        }
        let point_at = |hits: f64| {
            let inside = hits >= 1.0 && hits <= n;
            let ln_point = if inside { ln_binomial_density(hits, n, window, 1.0 - window) } else { f64::NEG_INFINITY };
            if ln_point < LN_SMALLEST { 0.0 } else { libm::exp(ln_point) }
        };
        let mut hits = least(high);
        let mut beyond = binomial_upper(hits, n, window);
        let odds = window / (1.0 - window);
        let mut point = point_at(hits);
        // More reference hits than the last one summed: the window needs at least as many as there.
        let mut sum = binomial_upper(high as f64 + 1.0, m, reference) * beyond;
        let mut mass = libm::exp(ln_mass(high));
        let step_odds = (1.0 - reference) / reference;
        let mut b = high;
        loop {
            sum += mass * beyond;
            if b == low {
                break;
            }
            mass *= b as f64 / (m - b as f64 + 1.0) * step_odds;
            b -= 1;
            let next = least(b);
            while hits > next {
                if hits > n || hits <= 1.0 || point <= 0.0 {
                    // Outside the range of the recursion: afresh.
                    hits = next;
                    beyond = binomial_upper(hits, n, window);
                    point = point_at(hits);
                } else {
                    // P(X = h - 1) = P(X = h) h / (n - h + 1) (1 - p) / p
                    point *= hits / (n - hits + 1.0) / odds;
                    beyond += point;
                    hits -= 1.0;
                }
            }
        }
        if low > 0 {
            sum += binomial_lower(low as f64 - 1.0, m, reference);
        }
        debug_assert!(!sum.is_nan(), "shares strictly inside the unit interval give numbers");
        sum.min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(n: u64, p: f64) -> Vec<f64> {
        (0..=n).map(|k| libm::exp(ln_binomial_density(k as f64, n as f64, p, 1.0 - p))).collect()
    }

    #[test]
    fn the_tail_at_known_shares_is_the_double_sum() {
        for (n, m, c) in [(10_u64, 30_u64, 1.0 / 3.0), (40, 25, 1.6), (30, 30, 1.0), (50, 200, 0.4)] {
            for (reference, window) in [(0.1, 0.1), (0.02, 0.05), (0.5, 0.3), (0.9, 0.95), (1e-9, 0.02), (0.97, 1.0)] {
                let (a, b) = (points(n, window), points(m, reference));
                for x in [1, n / 5, n / 2, n] {
                    for x0 in [0, 1, m / 10, m / 2] {
                        let contrast = Contrast { x, n, x0, m, c };
                        let observed = x as f64 - c * x0 as f64;
                        let wanted: f64 = (0..=n as usize)
                            .flat_map(|i| (0..=m as usize).map(move |j| (i, j)))
                            .filter(|&(i, j)| i as f64 - c * j as f64 >= observed - 1e-9)
                            .map(|(i, j)| a[i] * b[j])
                            .sum();
                        let found = contrast.tail(reference, window);
                        assert!(found >= wanted * (1.0 - 1e-9), "{contrast:?}: {found:e} {wanted:e}");
                        // What is not summed one by one may count too much.
                        let (low, high) = contrast.summed(reference);
                        let ends: f64 = b[..low as usize].iter().chain(&b[high as usize + 1..]).sum();
                        assert!(found <= (wanted + ends) * (1.0 + 1e-9), "{contrast:?}: {found:e} {wanted:e}");
                        let mut s = 0.0;
                        assert!(contrast.chernoff(reference, window, &mut s) >= wanted * (1.0 - 1e-9));
                    }
                }
            }
        }
    }

    #[test]
    fn the_worst_tail_is_at_least_that_of_every_share_in_the_interval() {
        let contrast = Contrast { x: 14, n: 40, x0: 20, m: 200, c: 0.2 };
        let worst = contrast.worst_tail(0.03, 0.25, |p| p + 0.02).unwrap();
        let mut largest = 0.0_f64;
        for k in 0..=400 {
            let p = 0.03 + 0.22 * f64::from(k) / 400.0;
            let tail = contrast.tail(p, p + 0.02);
            assert!(tail <= worst);
            largest = largest.max(tail);
        }
        // Half a standard deviation of the reference costs little.
        assert!(worst < 4.0 * largest, "{worst:e} {largest:e}");
    }
}
