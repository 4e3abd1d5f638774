//! How often are fixed lines crossed where nothing is wrong, and how far out must they lie to be crossed as seldom as the
//! budget allows?
//!
//! Quiet months are cheap to draw: a fresh baseline and thirty days of rows of one large pool of the plain world. On the
//! first half of them each watched thing gets a threshold of its own, with an equal share of the allowance; on the second
//! half the false alarms are counted. That is generous to the rules: each has the whole allowance for itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use truthline::story::Chance;

use super::reference::Reference;
use super::rules::{Desk, Rule, SHIPPED, WATCHED, Watched, watched};
use super::seen::{POOL_OF_ROWS, Seen};
use super::threads;
use crate::proof::lines::Kept;
use crate::proof::month::DAYS;
use crate::proof::worlds::Law;

/// What the quiet months of one law said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quiet {
    /// Months for the thresholds; as many again were counted.
    pub months: u64,
    /// The threshold of each watched thing.
    pub thresholds: Vec<f64>,
    /// Things that ever moved: the others have no share of the allowance.
    pub alive: BTreeMap<String, u64>,
    /// False alarms a month, by shipped rule; months with any, as a share.
    pub shipped: BTreeMap<String, [f64; 2]>,
    /// The same at the matched thresholds, by rule.
    pub matched: BTreeMap<String, [f64; 2]>,
}

impl Kept for Quiet {
    const FORMAT: u32 = 1;
    const FILE: &'static str = "quiet.jsonl";
}

impl Quiet {
    /// As if no rule ever fired.
    pub(crate) fn mute() -> Self {
        Self { thresholds: vec![f64::MAX; WATCHED], ..Self::default() }
    }
}

/// The name of a rule at its matched thresholds.
pub(crate) const fn matched_name(rule: Rule) -> &'static str {
    match rule {
        Rule::Psi => "PSI",
        Rule::Ks => "KS",
        Rule::Deviations => "mean ± sd",
    }
}

/// Categories of a thousand values and more, on which a PSI of a thousand rows is large by nature.
const WIDE: [&str; 2] = ["flat", "steep"];

fn is_wide(thing: &Watched) -> bool {
    thing.rule == Rule::Psi && WIDE.contains(&thing.name.as_str())
}

/// The largest statistic of each thing in a month.
fn month(law: Law, seed: u64) -> Vec<f64> {
    let pool = &POOL_OF_ROWS.rows;
    let mut chance = Chance::new(seed);
    let draw = |chance: &mut Chance| pool[(chance.uniform() * pool.len() as f64) as usize];
    let baseline: Vec<Seen> = (0..law.baseline_rows).map(|_| draw(&mut chance)).collect();
    let rows = law.rows_a_day as usize;
    let reference = Reference::new(&baseline, rows, &mut chance);
    let (mut desk, mut day, mut most) = (Desk::default(), Vec::with_capacity(rows), vec![0.0_f64; WATCHED]);
    for _ in 0..DAYS {
        day.clear();
        day.extend((0..rows).map(|_| draw(&mut chance)));
        for (most, x) in most.iter_mut().zip(desk.look(&reference, &day, [0; 3])) {
            *most = most.max(x);
        }
    }
    most
}

fn months(law: Law, months: u64, threads: usize) -> Vec<Vec<f64>> {
    threads::each(months, threads, |number| {
        // Months of another size are others.
        month(law, Chance::new(number ^ (law.rows_a_day << 32)).next())
    })
}

/// The smallest threshold that at most so many of the values exceed.
fn exceeded_by(values: impl Iterator<Item = f64>, most: usize) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    values.get(most).copied().unwrap_or(0.0)
}

/// Lives through quiet months and matches the rules to an allowance.
pub(crate) fn quiet(law: Law, count: u64, budget: f64, threads: usize) -> Quiet {
    let all = months(law, 2 * count, threads);
    let (first, second) = all.split_at(count as usize);
    let watched = watched();
    let mut quiet = Quiet { months: count, thresholds: vec![0.0; WATCHED], ..Quiet::default() };
    for rule in [Rule::Psi, Rule::Ks, Rule::Deviations] {
        let things: Vec<usize> = (0..WATCHED).filter(|&thing| watched[thing].rule == rule).collect();
        let moves = |thing: &&usize| first.iter().any(|month| month[**thing] > 0.0);
        let alive: Vec<usize> = things.iter().filter(moves).copied().collect();
        let most = (count as f64 * budget / alive.len().max(1) as f64) as usize;
        for &thing in &alive {
            quiet.thresholds[thing] = exceeded_by(first.iter().map(|month| month[thing]), most);
        }
        quiet.alive.insert(matched_name(rule).to_owned(), alive.len() as u64);
        let rate = |threshold: &dyn Fn(usize) -> f64| {
            let alarms = |month: &Vec<f64>| things.iter().filter(|&&thing| month[thing] > threshold(thing)).count();
            let counts: Vec<usize> = second.iter().map(alarms).collect();
            let disturbed = counts.iter().filter(|&&count| count > 0).count();
            [counts.iter().sum::<usize>(), disturbed].map(|sum| sum as f64 / count as f64)
        };
        for shipped in SHIPPED.iter().filter(|shipped| shipped.rule == rule) {
            quiet.shipped.insert(shipped.name.to_owned(), rate(&|_| shipped.threshold));
            if rule == Rule::Psi {
                let without = rate(&|thing| if is_wide(&watched[thing]) { f64::INFINITY } else { shipped.threshold });
                quiet.shipped.insert(format!("{}, but on {}", shipped.name, WIDE.join(" and ")), without);
            }
        }
        let at = rate(&|thing| quiet.thresholds[thing]);
        quiet.matched.insert(matched_name(rule).to_owned(), at);
    }
    quiet
}
