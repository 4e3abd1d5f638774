//! Has a share moved by more than is tolerated? Exact tests of counts, valid at any level and any sample size.
//!
//! The reference share is itself estimated from a sample, so "window against estimated share" is not enough. Following
//! Berger and Boos (1994, "P values maximized over a confidence set for the nuisance parameter"): take an exact interval
//! of the reference share that fails with chance `gamma` / 2, and the largest tail of the difference of the two samples
//! over all shares in it, with the floor inside the null; then add `gamma`:
//!
//!   p = max over p0 in the interval of P(X/n - X0/m >= x/n - x0/m | p0 moved by the floor, p0) + gamma.
//!
//! The p-value is valid for every pair of shares at or under the floor: it falls below any level with at most that
//! chance. It is never below `gamma`, which is therefore set to a tenth of the level at stake. Three shortcuts, none of
//! which breaks this: a window within 1.5 standard errors of the null's edge gets p = 1 (raising p is always valid); a
//! window whose tail is below `gamma` / 4 even with the reference at the end of its interval gets p = gamma (that event
//! has at most the chance left over from `gamma`); a reference too large to be summed, or overdispersed with few hits,
//! gets the tail of the window alone with the reference at the end of its interval, which is valid and less sharp.
//!
//! Overdispersion: the counts of each side are divided by its `phi` >= 1, the factor by which the variance between
//! windows exceeds the binomial one; the tails accept reals.
//!
//! Effects are in the unit of the floor: a difference of shares, or a ratio of shares.

use super::interval::{exact_lower, exact_upper};
use super::tails::{binomial_lower, binomial_upper, normal_isf};
use super::two_sample::Contrast;

/// Standard errors from the null's edge within which a window is not tested further.
const QUIET: f64 = 1.5;

/// Hits of an overdispersed reference below which its counts are not rounded.
const ROUNDED: f64 = 10.0;

/// Hits among trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tally {
    /// How often it happened.
    pub hits: u64,
    /// How often it could have happened.
    pub trials: u64,
}

impl Tally {
    /// `hits` of `trials`.
    pub fn new(hits: u64, trials: u64) -> Self {
        Self { hits, trials }
    }

    /// Hits over trials; `None` without trials, or with more hits than trials.
    pub fn share(self) -> Option<f64> {
        (self.trials > 0 && self.hits <= self.trials).then(|| self.hits as f64 / self.trials as f64)
    }
}

/// Which departures count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The window lies above the reference.
    Higher,
    /// The window lies below the reference.
    Lower,
    /// Both, at twice the smaller p-value.
    Either,
}

/// The departure that is tolerated: part of the null hypothesis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Floor {
    /// Shares may differ by this much, >= 0.
    Difference(f64),
    /// Shares may differ by this factor, >= 1, in either direction.
    Ratio(f64),
}

impl Floor {
    /// The largest share that is tolerated where the reference's is `share`.
    pub fn above(self, share: f64) -> f64 {
        Edge { above: true, floor: self }.of(share)
    }

    /// The smallest.
    pub fn below(self, share: f64) -> f64 {
        Edge { above: false, floor: self }.of(share)
    }
}

/// The terms of a test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// The level an alarm is judged at; it decides the smallest detectable effect only.
    pub level: f64,
    /// The chance that the bound on the reference fails; part of the p-value.
    pub gamma: f64,
    /// Overdispersion of the window's counts, >= 1.
    pub phi: f64,
    /// Overdispersion of the reference's counts, >= 1.
    pub reference_phi: f64,
    /// Whether the p-value must hold together with those of other windows that are compared with the same reference. The
    /// reference's error is then the same in all of them, so it is bounded once instead of being weighed with the window's.
    pub lasting: bool,
}

impl Terms {
    /// The usual terms at a level: a tenth of it for the reference, no overdispersion.
    pub fn at(level: f64) -> Self {
        Self { level, gamma: 0.1 * level, phi: 1.0, reference_phi: 1.0, lasting: false }
    }

    /// The same with overdispersion; factors below 1 count as 1.
    #[must_use]
    pub fn with_phi(self, phi: f64) -> Self {
        self.with_phis(phi, phi)
    }

    /// The same with overdispersion of the window's counts and of the reference's, which may have fewer rows a window.
    #[must_use]
    pub fn with_phis(self, window: f64, reference: f64) -> Self {
        Self { phi: window.max(1.0), reference_phi: reference.max(1.0), ..self }
    }

    /// The same for p-values that must hold together.
    #[must_use]
    pub fn lasting(self) -> Self {
        Self { lasting: true, ..self }
    }

    /// The same with level and gamma divided over `looks` readings.
    #[must_use]
    pub fn shared(self, looks: f64) -> Self {
        Self { level: self.level / looks, gamma: self.gamma / looks, ..self }
    }
}

/// What a test of shares found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateTest {
    /// Chance of so much under the null hypothesis, at most; in (0, 1].
    pub p_value: f64,
    /// The window's share.
    pub value: f64,
    /// The reference's share.
    pub reference: f64,
    /// Value less reference; for a ratio floor value over reference, the reference smoothed by half a hit.
    pub effect: f64,
    /// About the smallest effect (same unit, on the side asked for; for both sides the nearer one) that would have been
    /// significant at the level with this many trials; `None` if none would. Against a known limit it is exact, between
    /// two samples it is a normal approximation with a term for skewness, within a third of itself.
    pub smallest_detectable: Option<f64>,
}

/// The two-sample test: a window's tally against a reference's.
///
/// `None` where either has no trials or a floor or term is out of range.
pub fn rate_test(window: Tally, reference: Tally, side: Side, floor: Floor, terms: Terms) -> Option<RateTest> {
    let null = Null::new(window, reference, side, floor, terms)?;
    let value = window.share()?;
    let share = reference.share()?;
    let smoothed = (reference.hits as f64 + 0.5) / (reference.trials as f64 + 1.0);
    let effect_of = |value: f64| match floor {
        Floor::Difference(_) => value - share,
        Floor::Ratio(_) => value / smoothed,
    };
    let nearer = null.smallest_detectable(effect_of);
    Some(RateTest {
        p_value: null.p_value(),
        value,
        reference: share,
        effect: effect_of(value),
        smallest_detectable: nearer,
    })
}

/// The smallest detectable difference of shares of [`rate_test`] alone, for a floor that is a difference.
pub fn smallest_difference(window: Tally, reference: Tally, side: Side, floor: f64, terms: Terms) -> Option<f64> {
    let share = reference.share()?;
    Null::new(window, reference, side, Floor::Difference(floor), terms)?.smallest_detectable(|value| value - share)
}

/// The p-value of [`rate_test`] alone.
pub fn rate_p_value(window: Tally, reference: Tally, side: Side, floor: Floor, terms: Terms) -> Option<f64> {
    Some(Null::new(window, reference, side, floor, terms)?.p_value())
}

/// The one-sample test against a known limit, H0: share <= limit. The p-value is the exact binomial tail.
pub fn rate_above(window: Tally, limit: f64, terms: Terms) -> Option<RateTest> {
    rate_against(window, limit, Side::Higher, terms)
}

/// The one-sample test against a known limit, H0: share >= limit.
pub fn rate_below(window: Tally, limit: f64, terms: Terms) -> Option<RateTest> {
    rate_against(window, limit, Side::Lower, terms)
}

/// One sample, known limit.
fn rate_against(window: Tally, limit: f64, side: Side, terms: Terms) -> Option<RateTest> {
    let value = window.share()?;
    if !(0.0..=1.0).contains(&limit) || terms.phi.is_nan() || terms.phi < 1.0 {
        return None;
    }
    let (n, phi) = (window.trials, terms.phi);
    let p_of = |x: u64| {
        let (hits, trials) = (x as f64 / phi, n as f64 / phi);
        if side == Side::Lower { binomial_lower(hits, trials, limit) } else { binomial_upper(hits, trials, limit) }
    };
    let nearest = if side == Side::Lower {
        // Counted in misses, so that the same search serves.
        let guess = guess(1.0 - limit, n, phi, terms.level);
        first_true(0, n, guess, |misses| p_of(n - misses) <= terms.level).map(|misses| n - misses)
    } else {
        first_true(0, n, guess(limit, n, phi, terms.level), |x| p_of(x) <= terms.level)
    };
    Some(RateTest {
        p_value: p_of(window.hits).max(f64::MIN_POSITIVE),
        value,
        reference: limit,
        effect: value - limit,
        smallest_detectable: nearest.map(|x| x as f64 / n as f64 - limit),
    })
}

/// One side of a null hypothesis.
#[derive(Clone, Copy, Debug)]
struct Edge {
    /// Whether departures above count.
    above: bool,
    floor: Floor,
}

impl Edge {
    /// The window's share at the edge of the null, for a reference share.
    fn of(self, share: f64) -> f64 {
        match (self.floor, self.above) {
            (Floor::Difference(difference), true) => (share + difference).min(1.0),
            (Floor::Difference(difference), false) => (share - difference).max(0.0),
            (Floor::Ratio(ratio), true) => (share * ratio).min(1.0),
            (Floor::Ratio(ratio), false) => share / ratio,
        }
    }

    /// How much a reference share weighs against a window share in the statistic.
    fn slope(self) -> f64 {
        match (self.floor, self.above) {
            (Floor::Difference(_), _) => 1.0,
            (Floor::Ratio(ratio), true) => ratio,
            (Floor::Ratio(ratio), false) => 1.0 / ratio,
        }
    }
}

/// Two samples and the null hypothesis they are held against.
#[derive(Clone, Copy, Debug)]
struct Null {
    window: Tally,
    reference: Tally,
    higher: Option<Edge>,
    lower: Option<Edge>,
    terms: Terms,
    /// 2 for two sides.
    factor: f64,
}

impl Null {
    fn new(window: Tally, reference: Tally, side: Side, floor: Floor, terms: Terms) -> Option<Self> {
        window.share()?;
        reference.share()?;
        let Terms { gamma, phi, reference_phi, .. } = terms;
        let usable = |phi: f64| phi >= 1.0 && phi.is_finite();
        let floor_is_usable = match floor {
            Floor::Difference(difference) => (0.0..=1.0).contains(&difference),
            Floor::Ratio(ratio) => ratio >= 1.0 && ratio.is_finite(),
        };
        if !(floor_is_usable && usable(phi) && usable(reference_phi) && gamma > 0.0 && gamma < 1.0) {
            return None;
        }
        Some(Self {
            window,
            reference,
            higher: (side != Side::Lower).then_some(Edge { above: true, floor }),
            lower: (side != Side::Higher).then_some(Edge { above: false, floor }),
            terms,
            factor: if side == Side::Either { 2.0 } else { 1.0 },
        })
    }

    /// About the smallest effect that would have been significant, on the nearer side.
    fn smallest_detectable(&self, effect_of: impl Fn(f64) -> f64) -> Option<f64> {
        let level = self.terms.level;
        let higher = self.higher.and_then(|edge| self.detectable(edge, level)).map(&effect_of);
        let lower = self.lower.and_then(|edge| self.detectable(edge, level)).map(&effect_of);
        let ratio = [self.higher, self.lower].into_iter().flatten().any(|edge| matches!(edge.floor, Floor::Ratio(_)));
        match (higher, lower) {
            (Some(high), Some(low)) if ratio => Some(if high * low <= 1.0 { high } else { low }),
            (Some(high), Some(low)) => Some(if high <= -low { high } else { low }),
            (one, other) => one.or(other),
        }
    }

    fn p_value(&self) -> f64 {
        // Only the side on which the window lies can be small.
        let (value, share) = (share_of(self.window), share_of(self.reference));
        let edge = if value > share { self.higher } else { self.lower };
        edge.map_or(1.0, |edge| (self.factor * self.p_beyond(edge)).min(1.0))
    }

    /// The standard error of value - edge(share) with both shares as estimated together.
    fn spread(&self, edge: Edge, share: f64, at: f64) -> f64 {
        let (n, m) = (self.window.trials as f64, self.reference.trials as f64);
        let slope = edge.slope();
        let Terms { phi, reference_phi, .. } = self.terms;
        (phi * at * (1.0 - at) / n + reference_phi * slope * slope * share * (1.0 - share) / m).sqrt()
    }

    /// One-sided p-value.
    fn p_beyond(&self, edge: Edge) -> f64 {
        let (n, m) = (self.window.trials as f64, self.reference.trials as f64);
        let (value, share) = (share_of(self.window), share_of(self.reference));
        let gap = if edge.above { value - edge.of(share) } else { edge.of(share) - value };
        if gap <= 0.0 || gap < QUIET * self.spread(edge, share, edge.of(share)) {
            return 1.0;
        }
        let Terms { gamma, phi, reference_phi, .. } = self.terms;
        let (hits0, trials0) = (self.reference.hits as f64 / reference_phi, m / reference_phi);
        let bounds = (exact_lower(hits0, trials0, 0.25 * gamma), exact_upper(hits0, trials0, 0.25 * gamma));
        let (Some(low), Some(high)) = bounds else { return 1.0 };
        let (hits, trials) = (self.window.hits as f64 / phi, n / phi);
        let alone = if edge.above {
            binomial_upper(hits, trials, edge.of(high))
        } else {
            binomial_lower(hits, trials, edge.of(low))
        };
        if alone <= 0.25 * gamma {
            return gamma;
        }
        let tail = if self.terms.lasting { None } else { self.contrast(edge, low, high) };
        tail.unwrap_or(alone) + gamma
    }

    /// The worst tail of the contrast of both samples; downwards it is counted in misses.
    fn contrast(&self, edge: Edge, low: f64, high: f64) -> Option<f64> {
        let Terms { phi, reference_phi, .. } = self.terms;
        // Counts divided by an overdispersion are no whole numbers: they are rounded towards the null, which may cost a
        // hit of each side. Where the reference has few that is too dear, whatever the window holds.
        let divided = |tally: Tally, phi: f64, up: bool| {
            let round = |x: f64, up: bool| if up { libm::ceil(x) } else { libm::floor(x) };
            let hits = if edge.above { tally.hits } else { tally.trials - tally.hits };
            let trials = round(tally.trials as f64 / phi, !up).max(1.0);
            (round(hits as f64 / phi, up).min(trials) as u64, trials as u64)
        };
        let few = self.reference.hits.min(self.reference.trials - self.reference.hits) as f64 / reference_phi < ROUNDED;
        if few && (phi > 1.0 || reference_phi > 1.0) {
            return None;
        }
        let ((x, n), (x0, m)) = (divided(self.window, phi, false), divided(self.reference, reference_phi, true));
        let contrast = Contrast { x, n, x0, m, c: edge.slope() * n as f64 / m as f64 };
        if edge.above {
            contrast.worst_tail(low, high, |share| edge.of(share))
        } else {
            contrast.worst_tail(1.0 - high, 1.0 - low, |missed| 1.0 - edge.of(1.0 - missed))
        }
    }

    /// About the window share where the p-value reaches a level.
    fn detectable(&self, edge: Edge, level: f64) -> Option<f64> {
        let (n, m) = (self.window.trials as f64, self.reference.trials as f64);
        let z = normal_isf((level / self.factor - self.terms.gamma).clamp(1e-300, 0.5));
        let share = (self.reference.hits as f64 + 0.5) / (m + 1.0);
        let at = edge.of(share);
        // A share that may fall to nothing, or rise to all, within the floor shows no change on that side.
        if (edge.above && at >= 1.0) || (!edge.above && at <= 0.0) {
            return None;
        }
        // Away from the edge by so many standard errors, and by the skewness of the window's law.
        let lean = if edge.above { 1.0 - 2.0 * at } else { 2.0 * at - 1.0 };
        let away = z * self.spread(edge, share, at) + self.terms.phi * lean * (z * z - 1.0) / 6.0 / n;
        let found = if edge.above { at + away.max(0.0) } else { at - away.max(0.0) };
        (0.0..=1.0).contains(&found).then_some(found)
    }
}

/// The share of a tally that has trials.
fn share_of(tally: Tally) -> f64 {
    tally.hits as f64 / tally.trials as f64
}

/// About where the upper tail of Binomial(trials, share) reaches a level: normal, with the cubic term for skewness.
fn guess(share: f64, trials: u64, phi: f64, level: f64) -> u64 {
    let z = normal_isf(level.min(0.5));
    let n = trials as f64;
    let spread = (phi * n * share * (1.0 - share)).sqrt();
    let skew = phi * (1.0 - 2.0 * share) * (z * z - 1.0) / 6.0;
    (n * share + z * spread + skew).clamp(0.0, n) as u64
}

/// The first x in low..=high where a predicate that stays true becomes true: doubling steps away from a guess, then
/// halving. `None` if it never does.
fn first_true(low: u64, high: u64, guess: u64, is_true: impl Fn(u64) -> bool) -> Option<u64> {
    let mut step = 1;
    // Invariant: everything below `from` is false; `to` is true, or one past the end.
    let (mut from, mut to) = (low, high + 1);
    let mut probe = guess.clamp(low, high);
    if is_true(probe) {
        to = probe;
        while to > from {
            probe = to.saturating_sub(step).max(from);
            if is_true(probe) {
                to = probe;
                step *= 2;
            } else {
                from = probe + 1;
                break;
            }
        }
    } else {
        from = probe + 1;
        while from < to {
            probe = (from - 1 + step).min(high);
            if is_true(probe) {
                to = probe;
                break;
            }
            from = probe + 1;
            step *= 2;
        }
    }
    while from < to {
        let middle = from + (to - from) / 2;
        if is_true(middle) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    (to <= high).then_some(to)
}

/// Are there more (fewer) hits than single chances add up to? The tail of a sum of unequal Bernoulli variables.
///
/// `expected` is the sum of the chances over `trials`. By Hoeffding (1956, theorem 5), among all chances with that sum
/// equal ones have the heaviest tails from one above (below) the mean on, so the binomial tail with the mean chance
/// bounds the truth; nearer to the mean the answer is 1. Counts are divided by `phi`. `None` where `expected` is
/// outside [0, trials].
pub fn sum_tail(observed: Tally, expected: f64, side: Side, phi: f64) -> Option<f64> {
    observed.share()?;
    let (hits, trials) = (observed.hits as f64 / phi, observed.trials as f64 / phi);
    if !(phi >= 1.0 && phi.is_finite() && expected >= 0.0 && expected <= observed.trials as f64) {
        return None;
    }
    let chance = (expected / observed.trials as f64).min(1.0);
    let mean = expected / phi;
    let higher = if hits >= mean + 1.0 { binomial_upper(hits, trials, chance) } else { 1.0 };
    let lower = if hits <= mean - 1.0 { binomial_lower(hits, trials, chance) } else { 1.0 };
    Some(match side {
        Side::Higher => higher,
        Side::Lower => lower,
        Side::Either => (2.0 * higher.min(lower)).min(1.0),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIDES: [Side; 3] = [Side::Higher, Side::Lower, Side::Either];

    fn points(n: u64, p: f64) -> Vec<f64> {
        let mut row = vec![1.0];
        for _ in 0..n {
            let mut next = vec![0.0; row.len() + 1];
            for (k, mass) in row.iter().enumerate() {
                next[k] += mass * (1.0 - p);
                next[k + 1] += mass * p;
            }
            row = next;
        }
        row
    }

    #[test]
    fn the_true_level_never_exceeds_the_nominal_one() {
        // Every outcome of both samples, a grid of true shares at the edge of the null and inside it.
        for (n, m) in [(5_u64, 8_u64), (12, 20), (25, 15)] {
            for level in [1e-2, 1e-3, 1e-5, 1e-7] {
                for (floor, moved) in [
                    (Floor::Difference(0.0), 0.0),
                    (Floor::Difference(0.1), 0.1),
                    (Floor::Difference(0.1), 0.05),
                    (Floor::Ratio(1.5), f64::NAN),
                ] {
                    for side in SIDES {
                        let terms = Terms::at(level);
                        let mut significant = Vec::new();
                        for x0 in 0..=m {
                            for x in 0..=n {
                                let p = rate_p_value(Tally::new(x, n), Tally::new(x0, m), side, floor, terms).unwrap();
                                if p <= level {
                                    significant.push((x0 as usize, x as usize));
                                }
                            }
                        }
                        for base in (0..=40).map(|k| f64::from(k) / 40.0) {
                            for up in [true, false] {
                                let share = match (moved.is_nan(), up) {
                                    (true, true) => base * 1.5,
                                    (true, false) => base / 1.5,
                                    (false, true) => base + moved,
                                    (false, false) => base - moved,
                                };
                                if !(0.0..=1.0).contains(&share) {
                                    continue;
                                }
                                let (a, b) = (points(m, base), points(n, share));
                                let chance: f64 = significant.iter().map(|&(x0, x)| a[x0] * b[x]).sum();
                                assert!(
                                    chance <= level * (1.0 + 1e-9),
                                    "{n} {m} {level} {floor:?} {side:?} base {base} share {share}: {chance:e}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn power_is_not_lost_a_strong_move_is_found() {
        let terms = Terms::at(1e-8);
        let found =
            rate_test(Tally::new(200, 1000), Tally::new(2000, 20_000), Side::Higher, Floor::Difference(0.01), terms);
        assert!(found.unwrap().p_value < 1e-8);
        let quiet =
            rate_test(Tally::new(110, 1000), Tally::new(2000, 20_000), Side::Higher, Floor::Difference(0.01), terms);
        assert!(quiet.unwrap().p_value > 0.1);
    }

    #[test]
    fn what_never_happened_before_is_found_at_once() {
        let terms = Terms::at(1e-7);
        let p = |x, x0, side| {
            rate_p_value(Tally::new(x, 1000), Tally::new(x0, 20_000), side, Floor::Difference(0.005), terms).unwrap()
        };
        assert!(p(40, 0, Side::Higher) <= 1e-7 && p(960, 20_000, Side::Lower) <= 1e-7);
        assert!(p(5, 0, Side::Higher) > 0.01 && p(1000, 19_000, Side::Higher) < 1e-7);
    }

    #[test]
    fn a_known_limit_gives_the_binomial_tail() {
        // Tenfold of ten at one tenth: 1e-10 exactly.
        let found = rate_above(Tally::new(10, 10), 0.1, Terms::at(1e-6)).unwrap();
        assert!((found.p_value / 1e-10 - 1.0).abs() < 1e-12);
        let found = rate_below(Tally::new(0, 10), 0.9, Terms::at(1e-6)).unwrap();
        assert!((found.p_value / 1e-10 - 1.0).abs() < 1e-9);
        assert!(rate_above(Tally::new(0, 10), 0.1, Terms::at(1e-6)).unwrap().p_value >= 1.0);
    }

    #[test]
    fn nothing_is_said_without_trials() {
        let (some, none, terms) = (Tally::new(1, 10), Tally::default(), Terms::at(1e-3));
        assert!(rate_test(none, some, Side::Either, Floor::Difference(0.0), terms).is_none());
        assert!(rate_test(some, none, Side::Either, Floor::Difference(0.0), terms).is_none());
        assert!(rate_test(some, some, Side::Either, Floor::Ratio(0.5), terms).is_none());
        assert!(rate_above(none, 0.5, terms).is_none());
        assert!(sum_tail(none, 0.0, Side::Higher, 1.0).is_none());
    }

    #[test]
    fn the_tail_of_a_sum_bounds_the_exact_convolution() {
        let chances: Vec<f64> = (0..60).map(|k| 0.01 + 0.012 * f64::from(k)).collect();
        let mut row = vec![1.0];
        for p in &chances {
            let mut next = vec![0.0; row.len() + 1];
            for (k, mass) in row.iter().enumerate() {
                next[k] += mass * (1.0 - p);
                next[k + 1] += mass * p;
            }
            row = next;
        }
        let expected: f64 = chances.iter().sum();
        for x in 0..=60_usize {
            let tally = Tally::new(x as u64, 60);
            let (upper, lower): (f64, f64) = (row[x..].iter().rev().sum(), row[..=x].iter().sum());
            assert!(sum_tail(tally, expected, Side::Higher, 1.0).unwrap() >= upper * (1.0 - 1e-9));
            assert!(sum_tail(tally, expected, Side::Lower, 1.0).unwrap() >= lower * (1.0 - 1e-9));
        }
    }

    proptest! {
        #[test]
        fn p_falls_as_the_window_moves_away(
            x0 in 0_u64..300, rest in 0_u64..3000, n in 1_u64..2000, x in 0_u64..2000, floor in 0.0_f64..0.2,
        ) {
            let (x, reference) = (x % n, Tally::new(x0, x0 + rest + 1));
            let (floor, terms) = (Floor::Difference(floor), Terms::at(1e-6));
            let p = |x, side| rate_p_value(Tally::new(x, n), reference, side, floor, terms).unwrap();
            prop_assert!(p(x + 1, Side::Higher) <= p(x, Side::Higher) * (1.0 + 1e-9));
            prop_assert!(p(x + 1, Side::Lower) >= p(x, Side::Lower) * (1.0 - 1e-9));
        }

        #[test]
        fn p_is_a_probability_whatever_the_counts(
            x in 0_u64..50, n in 0_u64..50, x0 in 0_u64..50, m in 0_u64..50, floor in 0.0_f64..=1.0, phi in 1.0_f64..8.0,
        ) {
            for side in SIDES {
                for floor in [Floor::Difference(floor), Floor::Ratio(1.0 + floor)] {
                    let terms = Terms::at(1e-4).with_phi(phi);
                    let found = rate_test(Tally::new(x, n), Tally::new(x0, m), side, floor, terms);
                    prop_assert_eq!(found.is_none(), n == 0 || m == 0 || x > n || x0 > m);
                    if let Some(found) = found {
                        prop_assert!(found.p_value > 0.0 && found.p_value <= 1.0);
                        prop_assert!(found.effect.is_finite());
                        prop_assert!(found.smallest_detectable.is_none_or(f64::is_finite));
                    }
                }
            }
        }

        #[test]
        fn around_the_smallest_detectable_effect_significance_begins(
            share in 0.02_f64..0.5, n in 200_u64..3000, m in 2000_u64..20_000, side in 0_usize..2,
        ) {
            let (side, floor, terms) = (SIDES[side], Floor::Difference(0.01), Terms::at(1e-5));
            let reference = Tally::new((share * m as f64) as u64, m);
            let p = |effect: f64| {
                let hits = ((reference.share().unwrap() + effect) * n as f64).round().clamp(0.0, n as f64);
                rate_p_value(Tally::new(hits as u64, n), reference, side, floor, terms).unwrap()
            };
            let found = rate_test(Tally::new(0, n), reference, side, floor, terms).unwrap().smallest_detectable;
            if let Some(effect) = found {
                prop_assert!(p(0.7 * effect) > terms.level, "{}", p(0.7 * effect));
                let farther = 1.3 * effect + effect.signum() / n as f64;
                let possible = (0.0..=1.0).contains(&(reference.share().unwrap() + farther));
                prop_assert!(!possible || p(farther) <= terms.level, "{} {}", effect, p(farther));
            }
        }

        #[test]
        fn more_overdispersion_weakens_the_evidence(x in 0_u64..400, x0 in 0_u64..2000, phi in 1.01_f64..5.0) {
            let (window, reference) = (Tally::new(x, 400), Tally::new(x0, 2000));
            let p = |phi| {
                let terms = Terms::at(1e-6).with_phi(phi);
                rate_p_value(window, reference, Side::Either, Floor::Difference(0.0), terms).unwrap()
            };
            // Rounding makes steps, so two factors are not compared with each other.
            prop_assert!(p(phi) >= p(1.0) * (1.0 - 1e-9), "{} {}", p(phi), p(1.0));
        }
    }
}
