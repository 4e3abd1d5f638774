//! What do the same thresholds raise in worlds that are not as still as the one they were matched on?
//!
//! Nothing is wrong in these worlds either: what moves in the month moved on the baseline as well.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use truthline::event::fnv1a_64;
use truthline::story::Chance;

use super::quiet::{Quiet, matched_name};
use super::reference::Reference;
use super::rules::{Desk, Rule, SHIPPED, WATCHED, watched};
use super::seen::POOL_OF_ROWS;
use super::threads;
use crate::proof::cells::{Source, all};
use crate::proof::lines::Kept;
use crate::proof::month::{BASELINE_DAYS, DAYS, FIRST_DAY};
use crate::proof::worlds::{Law, World};

/// Worlds of the null proof that differ from the plain one in how still they are.
pub(crate) const WORLDS: [&str; 4] = ["plain", "week-cycle", "wandering-hours", "wandering-days"];

/// False alarms a month and the share of months with any, by rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Raised {
    pub months: u64,
    pub rules: BTreeMap<String, [f64; 2]>,
}

impl Kept for Raised {
    const FORMAT: u32 = 1;
    const FILE: &'static str = "restless.jsonl";
}

fn law_of(world: &str) -> Law {
    let cell = all().into_iter().find(|cell| cell.name == world).expect("it is one of the cells");
    let Source::Made(law) = cell.source else { panic!("{world} is made") };
    law
}

/// The largest statistic of each thing in a month.
fn month(law: Law, seed: u64) -> Vec<f64> {
    let mut world = World::new(law, seed);
    let grid = &POOL_OF_ROWS.grid;
    let mut baseline = Vec::with_capacity(law.baseline_rows);
    let a_day = (law.baseline_rows as u64).div_ceil(BASELINE_DAYS as u64);
    for day in FIRST_DAY - BASELINE_DAYS..FIRST_DAY {
        world.day(day, a_day, true, |row| baseline.push(grid.see(row)));
    }
    let reference = Reference::new(&baseline, law.rows_a_day as usize, &mut Chance::new(seed ^ 1));
    let (mut desk, mut rows, mut most) = (Desk::default(), Vec::new(), vec![0.0_f64; WATCHED]);
    for day in FIRST_DAY..FIRST_DAY + DAYS {
        rows.clear();
        world.day(day, law.rows_a_day, false, |row| rows.push(grid.see(row)));
        for (most, x) in most.iter_mut().zip(desk.look(&reference, &rows, [0; 3])) {
            *most = most.max(x);
        }
    }
    most
}

/// Lives through months of a world and counts what shipped and matched rules raise.
pub(crate) fn raised(world: &str, months: u64, quiet: &Quiet, threads: usize) -> Raised {
    let law = law_of(world);
    let seed = |number: u64| Chance::new(fnv1a_64(world.as_bytes()) ^ number).next();
    let lived = threads::each(months, threads, |number| month(law, seed(number)));
    let watched = watched();
    let rate = |rule: Rule, threshold: &dyn Fn(usize) -> f64| {
        let fires = |month: &[f64], thing: usize| watched[thing].rule == rule && month[thing] > threshold(thing);
        let counts = lived.iter().map(|month| (0..WATCHED).filter(|&thing| fires(month, thing)).count());
        let counts: Vec<usize> = counts.collect();
        let disturbed = counts.iter().filter(|&&count| count > 0).count();
        [counts.iter().sum::<usize>(), disturbed].map(|sum| sum as f64 / months as f64)
    };
    let mut rules = BTreeMap::new();
    for shipped in &SHIPPED {
        rules.insert(shipped.name.to_owned(), rate(shipped.rule, &|_| shipped.threshold));
    }
    for rule in [Rule::Psi, Rule::Ks, Rule::Deviations] {
        let name = format!("{}, matched on the plain world", matched_name(rule));
        rules.insert(name, rate(rule, &|thing| quiet.thresholds[thing]));
    }
    Raised { months, rules }
}
