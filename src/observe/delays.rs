//! How long did labels take? Counts by class, by decision, and by delay.
//!
//! A delay is the event time of the label that stands less that of its prediction. It is counted in one of 96 bins:
//! quarters of octaves of microseconds, from two seconds to ten months. The bins are the same for every model, so that counts
//! add whatever the label window is, and a correction subtracts what the label before it has added. A label that came
//! before its prediction lies in the first bin.

use super::layout::Statistic;
use super::sums::Sums;
use crate::event::Span;

/// Number of delay bins.
pub const DELAY_BINS: usize = 96;

/// Kinds of labels that are told apart: two classes, each with and without a positive decision.
pub const DELAY_KINDS: usize = 4;

/// The first bin holds everything below 2^21 microseconds.
const FIRST_OCTAVE: u32 = 21;

/// The bin of a delay in microseconds.
#[inline]
pub fn delay_bin(micros: i64) -> usize {
    if micros < 1 << FIRST_OCTAVE {
        return 0;
    }
    let octave = micros.ilog2();
    let quarter = (micros >> (octave - 2)) as usize & 3;
    (1 + 4 * (octave - FIRST_OCTAVE) as usize + quarter).min(DELAY_BINS - 1)
}

/// The shortest delay of a bin; that of the first bin counts as none.
pub const fn delay_start(bin: usize) -> Span {
    if bin == 0 {
        return Span::ZERO;
    }
    let (octave, quarter) = ((bin - 1) / 4, (bin - 1) % 4);
    Span::from_micros((4 + quarter as i64) << (octave as u32 + FIRST_OCTAVE - 2))
}

/// Where a kind of labels stands among the four.
pub const fn delay_kind(positive: bool, flagged: bool) -> usize {
    2 * positive as usize + flagged as usize
}

impl Sums {
    /// Counts (`sign` = 1) how long a label took, or takes it back (`sign` = -1).
    #[inline]
    pub fn delayed(&mut self, decision: Option<bool>, micros: i64, positive: bool, sign: i64) {
        let kind = delay_kind(positive, decision == Some(true));
        let at = self.layout().block(Statistic::Delays).start + kind * DELAY_BINS + delay_bin(micros);
        self.parts_mut().0[at] += sign;
    }

    /// Labels of a kind by delay: see [`delay_kind`].
    pub fn delays(&self, kind: usize) -> &[i64] {
        &self.get(Statistic::Delays)[kind * DELAY_BINS..(kind + 1) * DELAY_BINS]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::observe::{Coding, Layout};

    #[test]
    fn bins_tile_the_delays_in_order() {
        for bin in 0..DELAY_BINS {
            let start = delay_start(bin).micros();
            assert_eq!(delay_bin(start), bin);
            assert_eq!(delay_bin(start - 1), bin.saturating_sub(1));
        }
        for (micros, bin) in [(i64::MIN, 0), (-5, 0), (0, 0), (i64::MAX, DELAY_BINS - 1)] {
            assert_eq!(delay_bin(micros), bin);
        }
        // A bin is never wider than a quarter of its shortest delay.
        for bin in 1..DELAY_BINS - 1 {
            let (from, to) = (delay_start(bin).micros(), delay_start(bin + 1).micros());
            assert!(4 * (to - from) <= from, "{bin}");
        }
        assert!(delay_start(DELAY_BINS - 1) > Span::DAY.times(300));
    }

    fn told() -> impl Strategy<Value = Vec<(i64, bool, Option<bool>)>> {
        let delay = prop_oneof![-10_000_000_i64..10_000_000, 0..40_000_000_000_000_i64];
        proptest::collection::vec((delay, any::<bool>(), any::<Option<bool>>()), 0..60)
    }

    fn counted(labels: &[(i64, bool, Option<bool>)]) -> Sums {
        let mut sums = Sums::new(Arc::new(Layout::new(&Coding::default())));
        for &(micros, positive, decision) in labels {
            sums.delayed(decision, micros, positive, 1);
        }
        sums
    }

    proptest! {
        #[test]
        fn counts_are_those_of_a_naive_count_whatever_the_order_and_the_cut(labels in told(), cut in 0..60_usize) {
            let whole = counted(&labels);
            for kind in 0..DELAY_KINDS {
                for bin in 0..DELAY_BINS {
                    let expected = labels.iter().filter(|(micros, positive, decision)| {
                        delay_kind(*positive, *decision == Some(true)) == kind && delay_bin(*micros) == bin
                    });
                    prop_assert_eq!(whole.delays(kind)[bin], expected.count() as i64);
                }
            }
            let (left, right) = labels.split_at(cut.min(labels.len()));
            let mut merged = counted(right);
            merged.merge(&counted(left));
            prop_assert_eq!(&merged, &whole);
        }

        #[test]
        fn a_correction_takes_back_what_the_label_before_it_added(labels in told(), late in 0..40_000_000_000_000_i64) {
            let mut sums = counted(&labels);
            sums.delayed(Some(true), late, true, 1);
            sums.delayed(Some(true), late, true, -1);
            prop_assert_eq!(sums, counted(&labels));
        }
    }
}
