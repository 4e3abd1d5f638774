//! Which share of the labels of a kind has come so long after the prediction?
//!
//! An empirical distribution over delay bins, straight inside a bin, from windows whose labels are complete. A kind is a
//! class with or without a positive decision; where the windows have too few labels of a kind, its class speaks for it,
//! and where the class has too few, nobody does.

use crate::event::EventTime;
use crate::observe::{DELAY_BINS, DELAY_KINDS, count, delay_bin, delay_kind, delay_start};

/// Labels of a kind, and of a class, from which its curve is used.
const KIND_LEAST: u64 = 100;
const CLASS_LEAST: u64 = 30;
/// A share of labels below this is not divided by: weights are at most 20.
const SHARE_LEAST: f64 = 0.05;
/// By how much the pace of labels may differ between both decisions, as a share of labels that are in.
const PACE_APART: f64 = 0.1;
/// Such a gap of two curves, times this by the root of one over their labels, comes by chance once in 20,000 times.
const BY_CHANCE: f64 = 2.3;

/// How the labels of mature windows came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Curve {
    /// By kind: labels in a bin or one before it.
    until: [[u64; DELAY_BINS]; DELAY_KINDS],
    /// Rows of those windows, labelled or not.
    closed: u64,
}

impl Curve {
    /// The curve of labels by kind and bin, among so many rows.
    pub(super) fn new(labels: impl Fn(usize, usize) -> i64, closed: i64) -> Self {
        let mut until = [[0; DELAY_BINS]; DELAY_KINDS];
        for (kind, sums) in until.iter_mut().enumerate() {
            let mut sum = 0;
            for (bin, cumulated) in sums.iter_mut().enumerate() {
                sum += count(labels(kind, bin));
                *cumulated = sum;
            }
        }
        Self { until, closed: count(closed) }
    }

    /// Labels of some kinds in all.
    fn labels(&self, kinds: &[usize]) -> u64 {
        kinds.iter().map(|&kind| self.until[kind][DELAY_BINS - 1]).sum()
    }

    /// Labels of some kinds before a bin.
    fn before(&self, kinds: &[usize], bin: usize) -> u64 {
        if bin == 0 { 0 } else { kinds.iter().map(|&kind| self.until[kind][bin - 1]).sum() }
    }

    /// The share of the labels of some kinds that come within a delay.
    fn within(&self, kinds: &[usize], micros: i64) -> f64 {
        let all = self.labels(kinds);
        if all == 0 || micros < 0 {
            return 0.0;
        }
        let bin = delay_bin(micros);
        let (below, through) = (self.before(kinds, bin), self.before(kinds, bin + 1));
        let part = if bin + 1 == DELAY_BINS {
            1.0
        } else {
            let (from, to) = (delay_start(bin).micros(), delay_start(bin + 1).micros());
            (micros - from) as f64 / (to - from) as f64
        };
        (below as f64 + part * (through - below) as f64) / all as f64
    }

    /// The kinds whose curve speaks for a kind.
    fn spokesmen(&self, positive: bool, flagged: bool) -> Option<Vec<usize>> {
        let own = [delay_kind(positive, flagged)];
        let class = [delay_kind(positive, false), delay_kind(positive, true)];
        if self.labels(&own) >= KIND_LEAST {
            return Some(own.to_vec());
        }
        (self.labels(&class) >= CLASS_LEAST).then(|| class.to_vec())
    }

    /// Whether labels of one class come at another pace where the decision was positive. Then the score has a say in the
    /// delay, and what stands on scores cannot be weighted by class.
    pub(super) fn depends_on_decision(&self) -> bool {
        [false, true].into_iter().any(|positive| {
            let kinds = [false, true].map(|flagged| delay_kind(positive, flagged));
            let of = kinds.map(|kind| self.labels(&[kind]) as f64);
            if of.iter().any(|&labels| labels < KIND_LEAST as f64) {
                return false;
            }
            // The largest gap of both curves, by the law of Kolmogorov and Smirnov.
            let share = |at: usize, bin: usize| self.before(&kinds[at..=at], bin) as f64 / of[at];
            let apart = (0..DELAY_BINS).map(|bin| libm::fabs(share(0, bin) - share(1, bin))).fold(0.0, f64::max);
            apart > PACE_APART && apart > BY_CHANCE * (1.0 / of[0] + 1.0 / of[1]).sqrt()
        })
    }

    /// What should be in of the labels of rows of these times when every label up to a moment is. `None` where the mature
    /// windows say nothing of a class that is asked for.
    pub(super) fn arrived(&self, rows: &[EventTime], until: EventTime, negatives: bool) -> Option<Arrived> {
        if rows.is_empty() || self.closed == 0 {
            return None;
        }
        let mean = |kinds: &[usize]| {
            let shares = rows.iter().map(|&row| self.within(kinds, until.micros_since(row)));
            shares.sum::<f64>() / rows.len() as f64
        };
        let mut shares = [(1.0, 0); DELAY_KINDS];
        for (positive, flagged) in [(false, false), (false, true), (true, false), (true, true)] {
            if positive || negatives {
                let kinds = self.spokesmen(positive, flagged)?;
                shares[delay_kind(positive, flagged)] = (mean(&kinds).max(SHARE_LEAST), self.labels(&kinds));
            }
        }
        let positive = [delay_kind(true, false), delay_kind(true, true)];
        let all: Vec<usize> = (0..DELAY_KINDS).collect();
        let of_all = mean(&all);
        Some(Arrived {
            shares,
            of_all: if negatives { of_all } else { mean(&positive) },
            coverage: of_all * (self.labels(&all) as f64 / self.closed as f64).min(1.0),
            depends_on_decision: self.depends_on_decision(),
        })
    }
}

/// What should be in by now of the labels of one window.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Arrived {
    /// By kind: the share of its labels, at least 5 %, and the labels of mature windows that say so.
    pub shares: [(f64, u64); DELAY_KINDS],
    /// The share of all labels that will come.
    pub of_all: f64,
    /// The share of rows with a label.
    pub coverage: f64,
    /// See [`Curve::depends_on_decision`].
    pub depends_on_decision: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Span;

    fn hours(count: i64) -> EventTime {
        EventTime::from_micros_unchecked(count * Span::HOUR.micros())
    }

    /// Positive labels after 0 to 40 hours, negative ones after 60 to 140.
    fn curve() -> Curve {
        let mut labels = vec![[0_i64; DELAY_BINS]; DELAY_KINDS];
        for minute in 0..40 * 60 {
            labels[delay_kind(true, false)][delay_bin(minute * 60_000_000)] += 1;
        }
        for minute in 60 * 60..140 * 60 {
            labels[delay_kind(false, false)][delay_bin(minute * 60_000_000)] += 1;
        }
        Curve::new(|kind, bin| labels[kind][bin], 8_000)
    }

    #[test]
    fn shares_follow_the_delays_between_and_at_the_edges_of_bins() {
        let arrived = |age: i64| curve().arrived(&[hours(0)], hours(age), true).unwrap();
        for (age, positive, negative) in [(10, 0.25, 0.0), (20, 0.5, 0.0), (100, 1.0, 0.5), (120, 1.0, 0.75)] {
            let Arrived { shares, of_all, coverage, .. } = arrived(age);
            // Two hours of a label that came somewhere in its bin.
            assert!((shares[delay_kind(true, false)].0 - positive).abs() < 0.01, "{age}");
            assert!((shares[delay_kind(false, true)].0 - f64::max(negative, 0.05)).abs() < 0.03, "{age}");
            let all = (2_400.0 * positive + 4_800.0 * negative) / 7_200.0;
            assert!((of_all - all).abs() < 0.02 && (coverage - all * 0.9).abs() < 0.02, "{age}: {of_all} {coverage}");
        }
        assert!((arrived(-1).shares[delay_kind(true, true)].0 - 0.05).abs() < 1e-12);
        assert!((arrived(10_000).of_all - 1.0).abs() < 1e-12);
    }

    #[test]
    fn rows_of_different_ages_share_one_weight_and_what_is_not_known_is_not_said() {
        let both = curve().arrived(&[hours(0), hours(10)], hours(20), true).unwrap();
        assert!((both.shares[delay_kind(true, true)].0 - 0.375).abs() < 0.01);
        let no_negatives = Curve::new(|kind, bin| i64::from(kind == 2 && bin == 50) * 1_000, 10_000);
        assert!(no_negatives.arrived(&[hours(0)], hours(1), true).is_none());
        assert!(no_negatives.arrived(&[hours(0)], hours(1), false).is_some());
        assert!(curve().arrived(&[], hours(1), true).is_none());
    }

    #[test]
    fn a_pace_that_follows_the_decision_is_seen() {
        let at = |flagged_bin: usize| {
            Curve::new(
                |kind, bin| match kind {
                    2 => i64::from(bin == 60 || bin == 70) * 500,
                    3 => i64::from(bin == flagged_bin || bin == 70) * 500,
                    _ => 0,
                },
                5_000,
            )
        };
        assert!(!at(60).depends_on_decision());
        assert!(at(68).depends_on_decision());
    }
}
