//! What do many windows say together that none of them says alone?
//!
//! Each window of a day (or the base window, if it is longer) lays a bet against "nothing has changed beyond the floor". A bet multiplies its stake by a figure
//! whose mean is at most 1 if that is so; winnings are kept, losses are made good to the stake of 1 (the recursion
//! M = max(M, 1) e). The mean of some bets on changes of different size passes A by chance no more than once in A windows,
//! whatever the traffic (Shin, Ramdas and Rinaldo 2022). So small models, whose windows each say nothing, and slow
//! changes are seen. Only bets that have won something are kept.

use std::collections::BTreeMap;
use std::hash::{Hash as _, Hasher as _};

use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};

use super::reading::Reading;
use super::saved;
use crate::event::{EventTime, Window};
use crate::finding::Subject;
use crate::stats::evidence::{BETS, cusum, log_bets, log_e_of_p, log_mean};

/// What one window stakes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bet {
    /// On what.
    pub on: On,
    /// The chance, a window, at which the winnings may raise an alert where nothing has changed.
    pub level: f64,
}

/// What is bet on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum On {
    /// A share: above, or below, what the baseline and the floor leave possible.
    Share {
        /// Hits, divided by the overdispersion.
        hits: f64,
        /// Trials, divided by it.
        trials: f64,
        /// The largest share of the null.
        above: Option<f64>,
        /// The smallest.
        below: Option<f64>,
    },
    /// A p-value.
    Chance(f64),
}

impl On {
    /// Whether any bet can win: a share within its bounds loses all of them (the logarithm is concave), and so does a
    /// p-value of 1.
    fn can_win(&self) -> bool {
        match *self {
            Self::Share { hits, trials, above, below } => {
                above.is_some_and(|edge| hits > trials * edge) || below.is_some_and(|edge| hits < trials * edge)
            }
            Self::Chance(p) => p < 1.0,
        }
    }
}

/// The winnings on one question, since they last were nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Purse {
    above: Option<[f64; BETS]>,
    below: Option<[f64; BETS]>,
    since: EventTime,
    windows: u32,
    /// Sum over windows of value and of strength, each times its n; and of n.
    value: f64,
    strength: f64,
    n: u64,
}

/// All winnings of one model and version. Bound: one entry for each question that is winning.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Wagers {
    #[serde(with = "saved::pairs")]
    purses: BTreeMap<u64, Purse>,
}

/// What the winnings say after a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Won {
    /// ln of the winnings.
    pub log_e: f64,
    /// Whether they raise an alert; they are paid out with it.
    pub fires: bool,
    /// Whether they are half of the way, in logarithms.
    pub suspicious: bool,
    /// The first window that won.
    pub since: EventTime,
    /// How many windows.
    pub windows: u32,
    /// The mean figure over these windows.
    pub value: f64,
    /// The mean strength.
    pub strength: f64,
    /// Events in them.
    pub n: u64,
}

impl Won {
    /// Nothing.
    pub(super) const NOTHING: Self = Self {
        log_e: 0.0,
        fires: false,
        suspicious: false,
        since: EventTime::EARLIEST,
        windows: 0,
        value: 0.0,
        strength: 0.0,
        n: 0,
    };
}

impl Wagers {
    /// Lays the bet of a reading; `None` while nothing is won.
    pub(super) fn lay(&mut self, reading: &Reading, window: Window) -> Option<Won> {
        let bet = reading.bet?;
        let won_before = if self.purses.is_empty() { None } else { self.purses.remove(&key(reading)) };
        // The usual case: nothing was won before, and nothing can be won now.
        if won_before.is_none() && !bet.on.can_win() {
            return None;
        }
        let (above, below) = match bet.on {
            On::Share { hits, trials, above, below } => (
                above.map(|edge| log_bets(hits, trials, edge)),
                below.map(|edge| log_bets(trials - hits, trials, 1.0 - edge)),
            ),
            On::Chance(p) => (log_e_of_p(p).map(|log_e| [log_e; BETS]), None),
        };
        let mut purse = won_before.unwrap_or_else(|| Purse { since: window.start, ..Purse::default() });
        purse.above = carried(purse.above, above);
        purse.below = carried(purse.below, below);
        let (up, down) = (sum(purse.above), sum(purse.below));
        if purse.above.is_none() && purse.below.is_none() {
            return None;
        }
        purse.windows += 1;
        purse.n += reading.n;
        purse.value += reading.value * reading.n as f64;
        purse.strength += reading.strength.min(1e6) * reading.n as f64;
        // Both sides share the level.
        let sides = if above.is_some() && below.is_some() { 2.0 } else { 1.0 };
        let wanted = -libm::log(bet.level / sides);
        let log_e = up.max(down);
        let n = purse.n.max(1) as f64;
        let won = Won {
            log_e,
            fires: log_e >= wanted,
            suspicious: log_e >= 0.5 * wanted,
            since: purse.since,
            windows: purse.windows,
            value: purse.value / n,
            strength: purse.strength / n,
            n: purse.n,
        };
        if !won.fires {
            self.purses.insert(key(reading), purse);
        }
        Some(won)
    }

    /// Forgets all winnings: what was normal has changed.
    pub(super) fn forget(&mut self) {
        self.purses.clear();
    }
}

/// One step of each bet; `None` when none is above its stake.
fn carried(before: Option<[f64; BETS]>, now: Option<[f64; BETS]>) -> Option<[f64; BETS]> {
    let now = now?;
    let before = before.unwrap_or([0.0; BETS]);
    let mut after = [0.0; BETS];
    for ((after, before), now) in after.iter_mut().zip(before).zip(now) {
        *after = cusum(before, now).max(0.0);
    }
    after.iter().any(|&log_m| log_m > 0.0).then_some(after)
}

fn sum(bets: Option<[f64; BETS]>) -> f64 {
    bets.map_or(0.0, |bets| log_mean(&bets))
}

/// A number for a question.
fn key(reading: &Reading) -> u64 {
    let mut hasher = FxHasher::default();
    reading.indicator.hash(&mut hasher);
    // Those compared with anything but the baseline lay no bets, so a key is what it was before there were such.
    let Subject { feature, features, value, slice, metric, source, arm, reference: _ } = &reading.subject;
    (feature, features, value, slice, metric, source, arm).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Span;
    use crate::indicator::Indicator;
    use crate::judge::tests::Chance;

    /// A reading of `hits` of `trials`, betting against a share of at most `edge`.
    fn reading(hits: u64, trials: u64, edge: f64, level: f64) -> Reading {
        let on = On::Share { hits: hits as f64, trials: trials as f64, above: Some(edge), below: None };
        Reading {
            indicator: Indicator::InputMissingRate,
            subject: Subject::default(),
            value: hits as f64 / trials as f64,
            reference: 0.05,
            effect: 0.0,
            floor: 0.05,
            strength: 1.5,
            interval: None,
            n: trials,
            phi: 1.0,
            is_share: false,
            p_value: 1.0,
            level,
            smallest_detectable: None,
            evidence: BTreeMap::new(),
            text: String::new(),
            examples: Vec::new(),
            bet: Some(Bet { on, level }),
            speaks: false,
        }
    }

    fn window(day: i64) -> Window {
        Window::holding(EventTime::from_micros_unchecked(day * Span::DAY.micros()), Span::DAY)
    }

    fn draw(chance: &mut Chance, trials: u64, share: f64) -> u64 {
        (0..trials).filter(|_| chance.hits(share)).count() as u64
    }

    /// The law: at the edge of the null, the worst case inside it, an alarm comes no more often than once in 1 / level
    /// windows.
    #[test]
    fn at_the_edge_of_the_null_alarms_keep_to_the_level() {
        let (level, windows) = (0.01, 20_000);
        for (trials, edge) in [(5, 0.1), (40, 0.1), (400, 0.02)] {
            let mut chance = Chance(20_261_127);
            let mut wagers = Wagers::default();
            let mut alarms = 0;
            for day in 0..windows {
                let reading = reading(draw(&mut chance, trials, edge), trials, edge, level);
                alarms += i32::from(wagers.lay(&reading, window(day)).is_some_and(|won| won.fires));
            }
            let most = windows as f64 * level;
            assert!(f64::from(alarms) <= most + 3.0 * most.sqrt(), "{trials} {edge}: {alarms}");
            assert!(alarms > 0, "{trials} {edge}: a bet that never wins proves nothing");
        }
    }

    #[test]
    fn a_small_model_is_found_out_and_paid_out() {
        let mut chance = Chance(7);
        let mut wagers = Wagers::default();
        // Ten rows a day at twice the tolerated share: no single day can say so at this level.
        let found = (0..200).find_map(|day| {
            let won = wagers.lay(&reading(draw(&mut chance, 10, 0.2), 10, 0.1, 1e-5), window(day))?;
            won.fires.then_some((day, won))
        });
        let (day, won) = found.unwrap();
        assert!(day > 3 && won.windows > 3 && won.n == u64::from(won.windows) * 10, "{day} {won:?}");
        assert!(won.value > 0.1 && won.since <= window(day).start && won.log_e >= -libm::log(1e-5), "{won:?}");
        // A purse that was paid out begins anew.
        let next = wagers.lay(&reading(3, 10, 0.1, 1e-5), window(day + 1)).unwrap();
        assert_eq!((next.windows, next.fires), (1, false));
        wagers.forget();
        assert_eq!(wagers, Wagers::default());
    }

    proptest! {
        #[test]
        fn what_cannot_win_loses_every_bet(hits in 0_u64..200, more in 0_u64..2_000, edge in 0.001_f64..0.999) {
            let on = On::Share { hits: hits as f64, trials: (hits + more) as f64, above: Some(edge), below: None };
            let wins = log_bets(hits as f64, (hits + more) as f64, edge).iter().any(|&log_e| log_e > 1e-9);
            prop_assert!(on.can_win() || !wins);
        }
    }
}
