//! Which shares does the baseline not refute, and what does it cost not to know a scatter better?
//!
//! The exact bound takes some microseconds, every value of every feature asks for it in every window, and the answer
//! changes with the baseline and the level only. So answers are kept. This changes no result: the same function gives
//! the same bits.

use std::cell::RefCell;

use rustc_hash::FxHashMap;

use crate::stats::dispersion::{Shown, Windows, effective};
use crate::stats::interval::exact_upper;
use crate::stats::rate::Terms;

/// Answers that are kept before all are forgotten. Memory: at most about 3 MB.
const KEPT: usize = 65_536;

/// Hits, trials, gamma and overdispersion, the last two by their bits.
type Asked = (u64, u64, u64, u64);

/// Steps of a factor, its degrees of freedom, and steps of a scale.
type Steps = (i32, u32, i32);

/// What was shown, and shown again; calm and level, by their bits.
type Scattered = (Steps, Option<Steps>, u64, u64);

/// Factors of scatter that are told apart: steps of 5 %.
const STEP: f64 = 0.05;

/// [`exact_upper`] with a memory.
#[derive(Clone, Debug, Default)]
pub(super) struct UpperBounds {
    known: RefCell<FxHashMap<Asked, Option<f64>>>,
    scatters: RefCell<FxHashMap<Scattered, f64>>,
}

impl UpperBounds {
    /// The largest share that `hits` of `trials`, overdispersed as the reference is, do not refute at the gamma of `terms`.
    pub(super) fn of(&self, hits: u64, trials: u64, terms: Terms) -> Option<f64> {
        let Terms { gamma, reference_phi: phi, .. } = terms;
        let key = (hits, trials, gamma.to_bits(), phi.to_bits());
        let mut known = self.known.borrow_mut();
        if let Some(&bound) = known.get(&key) {
            return bound;
        }
        if known.len() >= KEPT {
            known.clear();
        }
        let bound = exact_upper(hits as f64 / phi, trials as f64 / phi, gamma);
        known.insert(key, bound);
        bound
    }

    /// [`effective`] with the same memory, of factors and scales rounded up by at most 5 %.
    pub(super) fn scatter(&self, shown: Shown, level: f64) -> f64 {
        let up = |value: f64| libm::ceil(libm::log(value) / STEP) as i32;
        let steps = |windows: Windows, scale: f64| (up(windows.factor.max(0.1)), windows.degrees, up(scale.max(1.0)));
        let own = steps(shown.windows, shown.scale);
        let again = shown.again.map(|(windows, scale)| steps(windows, scale));
        let mut known = self.scatters.borrow_mut();
        if known.len() >= KEPT {
            known.clear();
        }
        let of = |steps: i32| libm::exp(f64::from(steps) * STEP);
        let back = |(factor, degrees, scale)| (Windows { factor: of(factor), degrees }, of(scale));
        let (windows, scale) = back(own);
        let rounded = Shown { windows, scale, again: again.map(back), calm: shown.calm };
        let key = (own, again, shown.calm.to_bits(), level.to_bits());
        *known.entry(key).or_insert_with(|| effective(rounded, level))
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
                let terms = Terms { gamma: error, ..Terms::at(1e-6) };
                assert_eq!(bounds.of(hits, trials, terms).map(f64::to_bits), fresh, "{hits} of {trials}");
            }
        }
    }
}
