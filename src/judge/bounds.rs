//! Which shares does the baseline not refute?
//!
//! The exact bound takes some microseconds, every value of every feature asks for it in every window, and the answer
//! changes with the baseline and the level only. So answers are kept. This changes no result: the same function gives
//! the same bits.

use std::cell::RefCell;

use rustc_hash::FxHashMap;

use crate::stats::interval::exact_upper;

/// Answers that are kept before all are forgotten. Memory: at most about 3 MB.
const KEPT: usize = 65_536;

/// [`exact_upper`] with a memory.
#[derive(Clone, Debug, Default)]
pub(super) struct UpperBounds {
    known: RefCell<FxHashMap<(u64, u64, u64), Option<f64>>>,
}

impl UpperBounds {
    /// The largest share that `hits` of `trials` do not refute at `error`.
    pub(super) fn of(&self, hits: u64, trials: u64, error: f64) -> Option<f64> {
        let key = (hits, trials, error.to_bits());
        let mut known = self.known.borrow_mut();
        if let Some(&bound) = known.get(&key) {
            return bound;
        }
        if known.len() >= KEPT {
            known.clear();
        }
        let bound = exact_upper(hits as f64, trials as f64, error);
        known.insert(key, bound);
        bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remembered_answer_has_the_bits_of_a_fresh_one() {
        let bounds = UpperBounds::default();
        for _ in 0..2 {
            for (hits, trials, error) in
                [(0, 10, 1e-6), (3, 10, 1e-6), (3, 10, 1e-7), (3, 11, 1e-6), (10, 10, 0.1), (0, 0, 0.1)]
            {
                let fresh = exact_upper(hits as f64, trials as f64, error).map(f64::to_bits);
                assert_eq!(bounds.of(hits, trials, error).map(f64::to_bits), fresh, "{hits} of {trials}");
            }
        }
    }
}
