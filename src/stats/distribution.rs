//! Has a distribution over bins moved? Distances for display, and one exact test to judge by.
//!
//! `window` and `reference` are counts per bin with the same bins. The distances are functions of the shares: the
//! population stability index (with half a count added to every bin, so that empty bins do not explode), the
//! Jensen-Shannon distance (base 2, 0 to 1), Hellinger, total variation, the largest single difference, the largest
//! difference of cumulated shares (Kolmogorov-Smirnov on bins), Cramer's V. Their chi-square approximations are several
//! times too liberal at the levels alarms are judged at, so they are shown and not judged.
//!
//! [`shift_test`] judges: the smallest two-sided exact p-value of [`crate::stats::rate`] over single cells and, for
//! ordered bins, cuts (all bins up to one), with a floor on the difference of shares inside the null, times the number
//! of looks (Bonferroni). It is valid at any level and any sample size, and it names what moved.

use super::rate::{Floor, Side, Tally, Terms, rate_p_value, smallest_difference};
use super::tails::{chi_square_noncentral_sf, chi_square_sf};

/// Looks that are tested exactly; the rest count as p = 1.
const EXACT_LOOKS: usize = 3;

/// Exponent of the likelihood ratio below which a look counts as p = 1.
const LEAST_EXPONENT: f64 = 2.0;

/// Counts of both sides, checked: same bins, nonempty.
struct Pair<'a> {
    window: &'a [u64],
    reference: &'a [u64],
    n: u64,
    m: u64,
}

impl<'a> Pair<'a> {
    fn new(window: &'a [u64], reference: &'a [u64]) -> Option<Self> {
        let sum = |counts: &[u64]| counts.iter().try_fold(0_u64, |sum, &count| sum.checked_add(count));
        let (n, m) = (sum(window)?, sum(reference)?);
        (window.len() == reference.len() && n > 0 && m > 0).then_some(Self { window, reference, n, m })
    }

    /// Shares (window, reference) per bin, with `extra` added to each count.
    fn shares(&self, extra: f64) -> impl Iterator<Item = (f64, f64)> {
        let more = extra * self.window.len() as f64;
        let (n, m) = (self.n as f64 + more, self.m as f64 + more);
        self.window.iter().zip(self.reference).map(move |(&w, &r)| ((w as f64 + extra) / n, (r as f64 + extra) / m))
    }
}

/// Population stability index in nats: sum of (p - q) ln(p / q), half a count added to every bin. 0 to infinity.
pub fn psi(window: &[u64], reference: &[u64]) -> Option<f64> {
    Some(Pair::new(window, reference)?.shares(0.5).map(|(p, q)| (p - q) * libm::log(p / q)).sum())
}

/// The asymptotic p-value of a PSI above a tolerated one: PSI / (1/n + 1/m) is about non-central chi-square (Yurdakul
/// 2018). For display: too liberal below 1e-4.
pub fn psi_p_value(window: &[u64], reference: &[u64], tolerated: f64) -> Option<f64> {
    let pair = Pair::new(window, reference)?;
    let h = 1.0 / pair.n as f64 + 1.0 / pair.m as f64;
    (window.len() > 1 && tolerated >= 0.0 && tolerated.is_finite())
        .then(|| psi(window, reference))?
        .map(|psi| chi_square_noncentral_sf(psi / h, window.len() as f64 - 1.0, tolerated / h))
}

/// Jensen-Shannon distance: square root of the divergence in bits. 0 to 1.
pub fn jensen_shannon(window: &[u64], reference: &[u64]) -> Option<f64> {
    let divergence: f64 = Pair::new(window, reference)?
        .shares(0.0)
        .map(|(p, q)| {
            let middle = 0.5 * (p + q);
            let part = |share: f64| if share > 0.0 { 0.5 * share * libm::log2(share / middle) } else { 0.0 };
            part(p) + part(q)
        })
        .sum();
    Some(divergence.clamp(0.0, 1.0).sqrt())
}

/// Hellinger distance: square root of half the sum of squared differences of square roots. 0 to 1.
pub fn hellinger(window: &[u64], reference: &[u64]) -> Option<f64> {
    let sum: f64 = Pair::new(window, reference)?
        .shares(0.0)
        .map(|(p, q)| {
            let gap = p.sqrt() - q.sqrt();
            gap * gap
        })
        .sum();
    Some((0.5 * sum).sqrt().min(1.0))
}

/// Total variation: half the sum of absolute differences; the mass that would have to move. 0 to 1.
pub fn total_variation(window: &[u64], reference: &[u64]) -> Option<f64> {
    Some(0.5 * Pair::new(window, reference)?.shares(0.0).map(|(p, q)| (p - q).abs()).sum::<f64>())
}

/// The largest difference of a single share. 0 to 1.
pub fn l_infinity(window: &[u64], reference: &[u64]) -> Option<f64> {
    Some(Pair::new(window, reference)?.shares(0.0).fold(0.0, |largest, (p, q)| (p - q).abs().max(largest)))
}

/// The largest difference of cumulated shares of ordered bins. 0 to 1.
pub fn kolmogorov_smirnov(window: &[u64], reference: &[u64]) -> Option<f64> {
    let pair = Pair::new(window, reference)?;
    let (mut w, mut r, mut largest) = (0_u64, 0_u64, 0.0_f64);
    for (&in_window, &in_reference) in window.iter().zip(reference) {
        w += in_window;
        r += in_reference;
        largest = largest.max((w as f64 / pair.n as f64 - r as f64 / pair.m as f64).abs());
    }
    Some(largest)
}

/// By how much the largest difference of the cumulated shares of the values themselves may exceed that of their bins. Inside
/// a bin the one may come before all of the other: then the difference at its lower edge grows by the whole share.
pub fn kolmogorov_smirnov_error(window: &[u64], reference: &[u64]) -> Option<f64> {
    let pair = Pair::new(window, reference)?;
    let (mut w, mut r, mut inside, mut edges) = (0_u64, 0_u64, 0.0_f64, 0.0_f64);
    let gap = |w: u64, r: u64| w as f64 / pair.n as f64 - r as f64 / pair.m as f64;
    for (&in_window, &in_reference) in window.iter().zip(reference) {
        inside = inside.max(gap(w + in_window, r)).max(-gap(w, r + in_reference));
        (w, r) = (w + in_window, r + in_reference);
        edges = edges.max(gap(w, r).abs());
    }
    Some((inside - edges).max(0.0))
}

/// First Wasserstein distance of point masses: the area between the two cumulated distributions, in the unit of the
/// positions. Each side brings the mean of its bin as position, in ascending order.
pub fn wasserstein(window: &[(f64, u64)], reference: &[(f64, u64)]) -> Option<f64> {
    let total = |side: &[(f64, u64)]| side.iter().map(|&(_, count)| count).sum::<u64>();
    let (n, m) = (total(window), total(reference));
    let ordered =
        |side: &[(f64, u64)]| side.iter().all(|(at, _)| at.is_finite()) && side.is_sorted_by(|a, b| a.0 <= b.0);
    if n == 0 || m == 0 || !ordered(window) || !ordered(reference) {
        return None;
    }
    let (mut i, mut j, mut w, mut r, mut area) = (0, 0, 0_u64, 0_u64, 0.0);
    let mut last = f64::NEG_INFINITY;
    while i < window.len() || j < reference.len() {
        let next = match (window.get(i), reference.get(j)) {
            (Some(a), Some(b)) => a.0.min(b.0),
            (Some(a), None) => a.0,
            (None, Some(b)) => b.0,
            (None, None) => break,
        };
        let gap = (w as f64 / n as f64 - r as f64 / m as f64).abs();
        if gap > 0.0 {
            area += gap * (next - last);
        }
        last = next;
        while window.get(i).is_some_and(|point| point.0 <= next) {
            w += window[i].1;
            i += 1;
        }
        while reference.get(j).is_some_and(|point| point.0 <= next) {
            r += reference[j].1;
            j += 1;
        }
    }
    Some(area)
}

/// The test of independence of bin and side, with its likelihood-ratio twin and its effect size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChiSquare {
    /// Pearson's statistic.
    pub statistic: f64,
    /// Bins with any count, less one.
    pub degrees: f64,
    /// Asymptotic tail of the statistic; for display.
    pub p_value: f64,
    /// Twice the log likelihood ratio.
    pub g: f64,
    /// Asymptotic tail of it.
    pub g_p_value: f64,
    /// Cramer's V, 0 to 1; for two sides it is sqrt(statistic / total).
    pub cramers_v: f64,
    /// The same corrected for its bias (Bergsma 2013).
    pub cramers_v_corrected: f64,
}

/// Pearson's and the likelihood-ratio test; `None` with fewer than two bins in use. Bins that are empty on both sides
/// do not count.
pub fn chi_square(window: &[u64], reference: &[u64]) -> Option<ChiSquare> {
    let pair = Pair::new(window, reference)?;
    let (n, m) = (pair.n as f64, pair.m as f64);
    let total = n + m;
    let (mut statistic, mut g, mut used) = (0.0, 0.0, 0_u32);
    for (&w, &r) in window.iter().zip(reference) {
        let both = w as f64 + r as f64;
        if both <= 0.0 {
            continue;
        }
        used += 1;
        for (observed, size) in [(w as f64, n), (r as f64, m)] {
            let expected = both * size / total;
            statistic += (observed - expected) * (observed - expected) / expected;
            if observed > 0.0 {
                g += 2.0 * observed * libm::log(observed / expected);
            }
        }
    }
    if used < 2 {
        return None;
    }
    let g = g.max(0.0);
    let degrees = f64::from(used - 1);
    let cells = f64::from(used);
    let bias_free = (statistic / total - degrees / (total - 1.0)).max(0.0);
    // Bergsma shrinks both numbers of categories; the smaller one, two sides, becomes 1 - 1/(total - 1) + 1.
    let (rows, columns) = (2.0 - 1.0 / (total - 1.0), cells - degrees * degrees / (total - 1.0));
    let span = (rows - 1.0).min(columns - 1.0);
    Some(ChiSquare {
        statistic,
        degrees,
        p_value: chi_square_sf(statistic, degrees),
        g,
        g_p_value: chi_square_sf(g, degrees),
        cramers_v: (statistic / total).sqrt().min(1.0),
        cramers_v_corrected: if span > 0.0 { (bias_free / span).sqrt().min(1.0) } else { 0.0 },
    })
}

/// Which part of the distribution a reading is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// One bin.
    Cell(usize),
    /// All bins up to and including one.
    UpTo(usize),
}

impl Part {
    /// The same part where so many cells stand before it.
    #[must_use]
    pub const fn later_by(self, cells: usize) -> Self {
        match self {
            Self::Cell(place) => Self::Cell(place + cells),
            Self::UpTo(place) => Self::UpTo(place + cells),
        }
    }
}

/// How many looks a distribution of so many cells is given: each cell and, if they are ordered, each cut that is no cell.
pub const fn looks(cells: usize, ordered: bool) -> usize {
    if ordered { cells + cells.saturating_sub(2) } else { cells }
}

/// What moved most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// The part with the smallest p-value; if nothing is suspicious, the single cell with the largest difference.
    pub part: Part,
    /// Its share in the window.
    pub value: f64,
    /// Its share in the reference.
    pub reference: f64,
    /// Value less reference.
    pub effect: f64,
    /// The p-value for the whole distribution, all looks paid for; in (0, 1].
    pub p_value: f64,
    /// How many looks were paid for.
    pub looks: usize,
    /// About the smallest difference of this share that would have been significant at the level.
    pub smallest_detectable: Option<f64>,
}

/// The exact test of a shift: does any cell, or any cut of ordered bins, differ in share by more than `floor`?
///
/// Most looks are settled by a screen: the likelihood ratio of both shares against the nearest pair at the floor. A look
/// with an exponent below 2 cannot survive the payment for the looks, and counts as p = 1. Of the others only the three
/// with the largest exponents are tested exactly, and no more once one has reached the smallest p-value possible. The
/// test stays valid, whatever the quality of the screen, because leaving a look out can only raise the smallest p-value,
/// and all looks are paid for. `None` if the bins differ, a
/// side is empty, or a term is out of range.
pub fn shift_test(window: &[u64], reference: &[u64], ordered: bool, floor: f64, terms: Terms) -> Option<Shift> {
    restless_shift_test(window, reference, ordered, floor, terms, |_| (terms.phi, terms.reference_phi))
}

/// [`shift_test`] where each look has an overdispersion of its own, of the window and of the reference. `terms` bring
/// level and gamma only.
pub fn restless_shift_test(
    window: &[u64],
    reference: &[u64],
    ordered: bool,
    floor: f64,
    terms: Terms,
    phis: impl Fn(Part) -> (f64, f64),
) -> Option<Shift> {
    let pair = Pair::new(window, reference)?;
    if !(0.0..=1.0).contains(&floor) {
        return None;
    }
    let cells = window.len();
    // The last cut holds everything, the first one is the first cell.
    let looks = looks(cells, ordered);
    let shared = terms.shared(2.0 * looks as f64);
    let screen = Screen::new(pair.n, pair.m, floor, shared)?;
    let least = 2.0 * looks as f64 * shared.gamma;
    let mut best: [Option<(f64, Part, u64, u64)>; EXACT_LOOKS] = [None; EXACT_LOOKS];
    let mut widest = (0.0, Part::Cell(0), window[0], reference[0]);
    let (mut below_w, mut below_r) = (0, 0);
    for bin in 0..cells {
        let (w, r) = (window[bin], reference[bin]);
        let gap = (w as f64 / pair.n as f64 - r as f64 / pair.m as f64).abs();
        if gap > widest.0 {
            widest = (gap, Part::Cell(bin), w, r);
        }
        let part = Part::Cell(bin);
        keep(&mut best, (screen.exponent(w, r, || phis(part).0), part, w, r));
        below_w += w;
        below_r += r;
        if ordered && bin > 0 && bin + 1 < cells {
            let part = Part::UpTo(bin);
            keep(&mut best, (screen.exponent(below_w, below_r, || phis(part).0), part, below_w, below_r));
        }
    }
    let (mut p_value, mut found) = (1.0_f64, (widest.1, widest.2, widest.3));
    for (_, part, w, r) in best.into_iter().flatten() {
        let (inside, outside) = (Tally::new(w, pair.n), Tally::new(r, pair.m));
        let (phi, reference_phi) = phis(part);
        let shared = shared.with_phis(phi, reference_phi);
        let p = looks as f64 * rate_p_value(inside, outside, Side::Either, Floor::Difference(floor), shared)?;
        if p < p_value {
            (p_value, found) = (p, (part, w, r));
        }
        if p_value <= least * (1.0 + 1e-9) {
            break;
        }
    }
    let (value, share) = (found.1 as f64 / pair.n as f64, found.2 as f64 / pair.m as f64);
    let (phi, reference_phi) = phis(found.0);
    let smallest_detectable = smallest_difference(
        Tally::new(found.1, pair.n),
        Tally::new(found.2, pair.m),
        Side::Either,
        floor,
        shared.with_phis(phi, reference_phi),
    );
    Some(Shift { part: found.0, value, reference: share, effect: value - share, p_value, looks, smallest_detectable })
}

/// Keeps the looks with the largest exponents, the earlier one on ties.
fn keep(best: &mut [Option<(f64, Part, u64, u64)>; EXACT_LOOKS], mut look: (f64, Part, u64, u64)) {
    if look.0 <= LEAST_EXPONENT {
        return;
    }
    for place in best {
        match place {
            None => {
                *place = Some(look);
                return;
            }
            Some(held) if look.0 > held.0 => std::mem::swap(held, &mut look),
            Some(_) => {}
        }
    }
}

/// The cheap guess of how far a look lies beyond the null.
struct Screen {
    n: f64,
    m: f64,
    floor: f64,
}

impl Screen {
    fn new(n: u64, m: u64, floor: f64, terms: Terms) -> Option<Self> {
        let usable = terms.gamma > 0.0 && terms.gamma < 1.0;
        usable.then_some(Self { n: n as f64, m: m as f64, floor })
    }

    /// ln of the likelihood ratio of the shares found against a pair at the floor, pooled; 0 inside the null, where the
    /// overdispersion is not asked for.
    fn exponent(&self, w: u64, r: u64, phi: impl FnOnce() -> f64) -> f64 {
        let (value, share) = (w as f64 / self.n, r as f64 / self.m);
        let gap = value - share;
        if gap.abs() <= self.floor {
            return 0.0;
        }
        let (floor, phi) = (self.floor.copysign(gap), phi());
        let half = 0.5 / (self.n + self.m);
        let base = ((w as f64 + r as f64 - self.n * floor) / (self.n + self.m)).clamp(half, 1.0 - half);
        let edge = (base + floor).clamp(half, 1.0 - half);
        let spread = edge * (1.0 - edge) / self.n + base * (1.0 - base) / self.m;
        // Logarithms only where a normal guess leaves a chance; small shares make that guess too large, not too small.
        let excess = gap - floor;
        if excess * excess < LEAST_EXPONENT * spread * phi {
            return 0.0;
        }
        let part = |p: f64, q: f64| if p > 0.0 { p * libm::log(p / q) } else { 0.0 };
        let divergence = |p: f64, q: f64| part(p, q) + part(1.0 - p, 1.0 - q);
        (self.n * divergence(value, edge) + self.m * divergence(share, base)) / phi
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_true_level_of_a_shift_never_exceeds_the_nominal_one() {
        // All outcomes of three cells on both sides, over a grid of true shares with no shift, and with one at the floor.
        let triples =
            |n: u64| -> Vec<[u64; 3]> { (0..=n).flat_map(|a| (0..=n - a).map(move |b| [a, b, n - a - b])).collect() };
        let factorial = |k: u64| (1..=k).map(|i| i as f64).product::<f64>();
        let chance = |counts: &[u64; 3], shares: &[f64; 3]| {
            let n = counts.iter().sum();
            factorial(n) * counts.iter().zip(shares).map(|(&k, &p)| p.powi(k as i32) / factorial(k)).product::<f64>()
        };
        let (windows, references) = (triples(9), triples(12));
        let null = [[0.2, 0.3, 0.5], [0.9, 0.08, 0.02], [0.01, 0.01, 0.98], [0.33, 0.33, 0.34]];
        for (floor, moved) in [(0.0, 0.0), (0.1, 0.1)] {
            for level in [0.05, 1e-3, 1e-5, 1e-7] {
                let mut significant = Vec::new();
                for w in &windows {
                    for r in &references {
                        let found = shift_test(w, r, true, floor, Terms::at(level)).unwrap();
                        if found.p_value <= level {
                            significant.push((w, r));
                        }
                    }
                }
                for base in null {
                    for (from, to) in [(0, 1), (2, 0), (1, 2)] {
                        let mut shares = base;
                        let mass = f64::min(moved, shares[from]);
                        shares[from] -= mass;
                        shares[to] += mass;
                        let true_level: f64 =
                            significant.iter().map(|(w, r)| chance(w, &shares) * chance(r, &base)).sum();
                        assert!(true_level <= level, "floor {floor} level {level} {base:?}: {true_level:e}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_screen_loses_nothing_that_matters() {
        // Against the full test over every look: the verdict at the level must be the same.
        let mut state = 7_u64;
        let mut draw = |bound: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % bound
        };
        let mut alarms = 0;
        for round in 0..400 {
            let reference: Vec<u64> = (0..12).map(|_| 20 + draw(300)).collect();
            let mut window: Vec<u64> = reference.iter().map(|&r| r / 4 + draw(8)).collect();
            window[(round % 12) as usize] += draw(120);
            let (level, floor) = (1e-6, 0.01);
            let found = shift_test(&window, &reference, true, floor, Terms::at(level)).unwrap();
            let terms = Terms::at(level).shared(2.0 * found.looks as f64);
            let (n, m) = (window.iter().sum(), reference.iter().sum());
            let mut smallest = 1.0_f64;
            for bin in 0..12 {
                for from in [0, bin] {
                    let (w, r): (u64, u64) = (window[from..=bin].iter().sum(), reference[from..=bin].iter().sum());
                    let p =
                        rate_p_value(Tally::new(w, n), Tally::new(r, m), Side::Either, Floor::Difference(floor), terms);
                    smallest = smallest.min(found.looks as f64 * p.unwrap());
                }
            }
            assert!(found.p_value >= smallest * (1.0 - 1e-12));
            assert_eq!(found.p_value <= level, smallest <= level, "{window:?} {reference:?}");
            alarms += u32::from(found.p_value <= level);
        }
        assert!(alarms > 20 && alarms < 380, "{alarms}");
    }

    #[test]
    fn what_moved_is_named() {
        let reference = [1000, 1000, 1000, 1000, 1000];
        let found = shift_test(&[100, 100, 300, 100, 100], &reference, true, 0.02, Terms::at(1e-6)).unwrap();
        assert_eq!(found.part, Part::Cell(2));
        assert!(found.p_value < 1e-6 && found.effect > 0.2);
        let found = shift_test(&[200, 200, 100, 50, 50], &reference, true, 0.02, Terms::at(1e-6)).unwrap();
        assert_eq!(found.part, Part::UpTo(1));
        assert!(shift_test(&[1, 2], &[1, 2, 3], true, 0.0, Terms::at(1e-6)).is_none());
        assert!(shift_test(&[], &[], true, 0.0, Terms::at(1e-6)).is_none());
    }

    proptest! {
        #[test]
        fn the_distance_of_values_lies_within_the_error_of_their_bins(
            here in prop::collection::vec(0_u32..60, 1..80), there in prop::collection::vec(0_u32..60, 1..80),
            width in 1_u32..20,
        ) {
            let count = |values: &[u32], width: u32| -> Vec<u64> {
                (0..60_u32.div_ceil(width)).map(|bin| values.iter().filter(|&&v| v / width == bin).count() as u64).collect()
            };
            let exact = kolmogorov_smirnov(&count(&here, 1), &count(&there, 1)).unwrap();
            let (now, then) = (count(&here, width), count(&there, width));
            let binned = kolmogorov_smirnov(&now, &then).unwrap();
            let error = kolmogorov_smirnov_error(&now, &then).unwrap();
            prop_assert!(binned <= exact + 1e-12 && exact <= binned + error + 1e-12, "{} {} {}", binned, exact, error);
        }
    }

    proptest! {
        #[test]
        fn no_answer_is_ever_not_a_number(
            pairs in prop::collection::vec((0_u64..40, 0_u64..40), 0..12), floor in 0.0_f64..=1.0, ordered: bool,
        ) {
            let (window, reference): (Vec<u64>, Vec<u64>) = pairs.into_iter().unzip();
            for distance in [jensen_shannon, hellinger, total_variation, l_infinity, kolmogorov_smirnov] {
                if let Some(found) = distance(&window, &reference) {
                    prop_assert!((0.0..=1.0 + 1e-12).contains(&found));
                }
            }
            prop_assert!(psi(&window, &reference).is_none_or(|psi| psi.is_finite() && psi >= 0.0));
            prop_assert!(psi_p_value(&window, &reference, 0.01).is_none_or(|p| (0.0..=1.0).contains(&p)));
            if let Some(found) = chi_square(&window, &reference) {
                for figure in [found.statistic, found.g, found.p_value, found.g_p_value, found.cramers_v_corrected] {
                    prop_assert!(figure.is_finite() && figure >= 0.0);
                }
            }
            let empty = window.iter().sum::<u64>() == 0 || reference.iter().sum::<u64>() == 0;
            let found = shift_test(&window, &reference, ordered, floor, Terms::at(1e-5));
            prop_assert_eq!(found.is_none(), empty);
            if let Some(found) = found {
                prop_assert!(found.p_value > 0.0 && found.p_value <= 1.0 && found.effect.is_finite());
            }
        }

        #[test]
        fn merging_two_bins_never_adds_distance(
            pairs in prop::collection::vec((0_u64..40, 0_u64..40), 2..12), at in 0_usize..11,
        ) {
            let (window, reference): (Vec<u64>, Vec<u64>) = pairs.into_iter().unzip();
            let at = at % (window.len() - 1);
            let merged = |counts: &[u64]| {
                let mut counts = counts.to_vec();
                counts[at] += counts.remove(at + 1);
                counts
            };
            for distance in [jensen_shannon, hellinger, total_variation, kolmogorov_smirnov] {
                let whole = distance(&window, &reference);
                let coarse = distance(&merged(&window), &merged(&reference));
                prop_assert_eq!(whole.is_none(), coarse.is_none());
                if let (Some(whole), Some(coarse)) = (whole, coarse) {
                    prop_assert!(coarse <= whole + 1e-7);
                }
            }
        }
    }
}
