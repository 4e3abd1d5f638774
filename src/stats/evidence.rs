//! How does evidence add up over windows? From p-values to e-values, and detectors that may look at any time.
//!
//! An e-value is a nonnegative figure with mean at most 1 under the null; products of independent ones stay so, which
//! p-values do not. A detector alarms when its figure reaches A; then the mean run to a false alarm is at least A windows
//! (Shin, Ramdas and Rinaldo 2022). Everything here is on the natural log scale, because e-values overflow.
//!
//! - [`log_e_of_p`]: Vovk and Wang's mixture calibrator (2021), e = (1 - p + p ln p) / (p ln^2 p);
//! - [`log_e_rate`], [`log_e_rate_increase`], [`log_e_shares`]: likelihood ratios against a beta or Dirichlet mixture,
//!   straight from counts and in any order; only against a null share that is known, not estimated;
//! - [`log_bets`]: likelihood ratios against single raised shares, for a null share that is a bound;
//! - [`cusum`], [`shiryaev_roberts`]: the recursions M = max(M, 1) e and R = (R + 1) e;
//! - [`e_bh`]: which of many e-values to name at a false discovery rate, under any dependence (Wang and Ramdas 2022).

use super::tails::beta_lower;

/// ln e of a p-value by the mixture calibrator; p in (0, 1]. `None` outside.
pub fn log_e_of_p(p: f64) -> Option<f64> {
    if !(p > 0.0 && p <= 1.0) {
        return None;
    }
    let l = libm::log(p);
    if l > -1e-3 {
        // Near p = 1 both sides vanish: 1 - p + p l over l^2 is 1/2 + l/3 + l^2/8 + ...
        return Some(libm::log(0.5 + l / 3.0 + l * l / 8.0) - l);
    }
    Some(libm::log(1.0 - p + p * l) - l - 2.0 * libm::log(-l))
}

/// ln e of a p-value by 0.5 / sqrt(p): larger than the mixture near p = 1, smaller far out.
pub fn log_e_of_p_half(p: f64) -> Option<f64> {
    (p > 0.0 && p <= 1.0).then(|| libm::log(0.5) - 0.5 * libm::log(p))
}

/// One step of the CUSUM detector: ln of max(M, 1) e. Start at minus infinity or 0.
pub fn cusum(log_m: f64, log_e: f64) -> f64 {
    log_m.max(0.0) + log_e
}

/// One step of the Shiryaev-Roberts detector: ln of (R + 1) e. Start at minus infinity.
pub fn shiryaev_roberts(log_r: f64, log_e: f64) -> f64 {
    let sum = if log_r > 0.0 { log_r + libm::log1p(libm::exp(-log_r)) } else { libm::log1p(libm::exp(log_r)) };
    sum + log_e
}

/// Bets that are laid side by side.
pub const BETS: usize = 8;

/// The alternatives: the odds at the edge of the null times these. Neighbours differ by less than a factor of 3, so that
/// some bet has most of the growth of the best one (Waudby-Smith and Ramdas 2024 on mixtures of bets).
const RAISED: [f64; BETS] = [1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0];

/// ln of the likelihood ratios of a tally: shares whose odds are raised, against the share `edge`. Each is an e-value for
/// H0: share <= edge. Counts may be real (divided by an overdispersion); an edge of 0 or 1 leaves nothing to bet on.
pub fn log_bets(hits: f64, trials: f64, edge: f64) -> [f64; BETS] {
    if !(edge > 0.0 && edge < 1.0 && hits >= 0.0 && hits <= trials) {
        return [0.0; BETS];
    }
    RAISED.map(|raised| {
        // With odds m times larger the share is m p / (1 + (m - 1) p).
        let mass = libm::log1p((raised - 1.0) * edge);
        hits * libm::log(raised) - trials * mass
    })
}

/// ln of the mean of figures given as logarithms.
pub fn log_mean(logs: &[f64]) -> f64 {
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return largest;
    }
    let sum: f64 = logs.iter().map(|&log| libm::exp(log - largest)).sum();
    largest + libm::log(sum / logs.len() as f64)
}

/// ln of the beta function.
fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

/// ln e for H0: share = `null`, against a Beta(a, b) mixture; `None` if out of range.
pub fn log_e_rate(hits: u64, trials: u64, null: f64, a: f64, b: f64) -> Option<f64> {
    if !(hits <= trials && null > 0.0 && null < 1.0 && a > 0.0 && b > 0.0 && a.is_finite() && b.is_finite()) {
        return None;
    }
    let (k, misses) = (hits as f64, (trials - hits) as f64);
    Some(ln_beta(a + k, b + misses) - ln_beta(a, b) - k * libm::log(null) - misses * libm::log1p(-null))
}

/// ln e for H0: share <= `null`, against a Beta(a, b) mixture cut to the shares above; `None` if out of range or if the
/// mixture has nothing above.
pub fn log_e_rate_increase(hits: u64, trials: u64, null: f64, a: f64, b: f64) -> Option<f64> {
    let whole = log_e_rate(hits, trials, null, a, b)?;
    let (k, misses) = (hits as f64, (trials - hits) as f64);
    let above = |a: f64, b: f64| libm::log(beta_lower(b, a, 1.0 - null, null).max(f64::MIN_POSITIVE));
    let log_e = whole + above(a + k, b + misses) - above(a, b);
    log_e.is_finite().then_some(log_e)
}

/// ln e for H0: shares = `null` over cells, against a Dirichlet mixture with `concentration` times them; `None` if the
/// null is not positive everywhere or the lengths differ.
pub fn log_e_shares(counts: &[u64], null: &[f64], concentration: f64) -> Option<f64> {
    let usable = counts.len() == null.len()
        && null.iter().all(|&p| p > 0.0 && p <= 1.0)
        && concentration > 0.0
        && concentration.is_finite();
    if !usable {
        return None;
    }
    let total: u64 = counts.iter().sum();
    let cells: f64 = counts
        .iter()
        .zip(null)
        .map(|(&count, &p)| {
            let (k, weight) = (count as f64, concentration * p);
            libm::lgamma(weight + k) - libm::lgamma(weight) - k * libm::log(p)
        })
        .sum();
    let log_e = cells + libm::lgamma(concentration) - libm::lgamma(concentration + total as f64);
    log_e.is_finite().then_some(log_e)
}

/// Places of the e-values (given as logs) to name at false discovery rate `q`: the largest k with k e_(k) >= K / q.
pub fn e_bh(log_e: &[f64], q: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..log_e.len()).filter(|&at| !log_e[at].is_nan()).collect();
    order.sort_by(|&a, &b| log_e[b].total_cmp(&log_e[a]).then(a.cmp(&b)));
    let wanted = libm::log(log_e.len() as f64 / q);
    let k = (1..=order.len()).rev().find(|&k| log_e[order[k - 1]] + libm::log(k as f64) >= wanted).unwrap_or(0);
    order.truncate(k);
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_mean_of_an_e_value_is_at_most_one_under_the_null() {
        // Calibrator: integral over uniform p in logarithmic steps, whose Riemann sum from above is an upper bound.
        let steps = 400_000;
        let mut mean = 0.0;
        for k in 0..steps {
            let (low, high) = (-60.0 * f64::from(k + 1) / f64::from(steps), -60.0 * f64::from(k) / f64::from(steps));
            let width = libm::exp(high) - libm::exp(low);
            mean += width * libm::exp(log_e_of_p(libm::exp(0.5 * (low + high))).unwrap());
        }
        assert!(mean < 1.0 + 1e-6 && mean > 0.9, "{mean}");
        // Counts: the sum over all outcomes, exactly.
        let (n, p) = (30_u64, 0.12);
        let choose = |k: u64| (0..k).fold(1.0, |c, i| c * (n - i) as f64 / (i + 1) as f64);
        let expect = |share: f64, log_e: &dyn Fn(u64) -> f64| -> f64 {
            (0..=n)
                .map(|k| choose(k) * share.powi(k as i32) * (1.0 - share).powi((n - k) as i32) * libm::exp(log_e(k)))
                .sum()
        };
        assert!((expect(p, &|k| log_e_rate(k, n, p, 1.2, 8.8).unwrap()) - 1.0).abs() < 1e-10);
        for share in [0.0, 0.05, 0.12] {
            assert!(expect(share, &|k| log_e_rate_increase(k, n, p, 1.2, 8.8).unwrap()) < 1.0 + 1e-10);
        }
    }

    proptest! {
        #[test]
        fn evidence_falls_as_p_rises_and_detectors_follow(p in 1e-12_f64..0.99, step in 1.0_f64..1.01) {
            let (here, there) = (log_e_of_p(p).unwrap(), log_e_of_p((p * step).min(1.0)).unwrap());
            prop_assert!(there <= here + 1e-9);
            prop_assert!(shiryaev_roberts(f64::NEG_INFINITY, here) >= cusum(f64::NEG_INFINITY, here) - 1e-12);
            prop_assert!(log_e_of_p(0.0).is_none() && log_e_of_p(f64::NAN).is_none());
        }
    }
}
