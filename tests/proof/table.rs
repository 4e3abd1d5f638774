//! How many false alarms were there, and how many may there be in truth?

use std::collections::BTreeMap;
use std::fmt::Write as _;

use truthline::stats::tails::poisson_lower;

use super::cells::Cell;
use super::lines::Line;

/// An upper bound of this confidence must lie below the limit.
const CONFIDENCE: f64 = 0.95;
/// The limit, in allowances.
pub(crate) const LIMIT: f64 = 1.5;

/// The upper bound of the mean of a Poisson count (Garwood 1936): with a larger one so few were improbable.
pub(crate) fn upper(count: u64) -> f64 {
    let (mut low, mut high) = (count as f64, 10.0 + 3.0 * count as f64);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if poisson_lower(count as f64, middle) > 1.0 - CONFIDENCE { low = middle } else { high = middle }
    }
    high
}

/// One cell at one allowance.
pub(crate) struct Tally {
    pub months: u64,
    pub alarms: u64,
    /// Months with any alarm.
    pub disturbed: u64,
    /// By indicator.
    pub whose: BTreeMap<String, u64>,
}

impl Tally {
    /// What the lines of a cell add up to.
    pub(crate) fn of<'a>(lines: impl Iterator<Item = &'a Line>, budget: f64) -> Self {
        let mut tally = Self { months: 0, alarms: 0, disturbed: 0, whose: BTreeMap::new() };
        for line in lines {
            let Some(alarms) = line.came_to.alarms.get(&budget.to_string()) else { continue };
            tally.months += 1;
            tally.alarms += alarms.len() as u64;
            tally.disturbed += u64::from(!alarms.is_empty());
            for alarm in alarms {
                *tally.whose.entry(alarm.indicator.clone()).or_default() += 1;
            }
        }
        tally
    }

    /// The upper bound of the alarms a month.
    pub(crate) fn upper(&self) -> f64 {
        upper(self.alarms) / self.months.max(1) as f64
    }

    pub(crate) fn is_kept(&self, budget: f64) -> bool {
        self.upper() <= LIMIT * budget
    }

    /// Whether the promise is kept; it is open where no more alarms came than may, in too few months to be sure.
    fn verdict(&self, budget: f64) -> &'static str {
        let each = self.alarms as f64 / self.months.max(1) as f64;
        match (self.is_kept(budget), each <= LIMIT * budget) {
            (true, _) => "yes",
            (false, true) => "open",
            (false, false) => "**no**",
        }
    }
}

/// The table of all cells, and how many keep the promise at the first allowance.
pub(crate) fn markdown(cells: &[Cell], lines: &[Line], budgets: &[f64]) -> (String, usize) {
    let mut text = String::from("| world | months |");
    for budget in budgets {
        let _ = write!(text, " alarms at {budget} a month | upper bound | limit | kept |");
    }
    text.push_str(" which |\n|---|---|");
    text.push_str(&"---|---|---|---|".repeat(budgets.len()));
    text.push_str("---|\n");
    let mut kept = 0;
    for cell in cells {
        let of_cell = || lines.iter().filter(|line| line.cell == cell.name);
        let tallies: Vec<(f64, Tally)> = budgets.iter().map(|&budget| (budget, Tally::of(of_cell(), budget))).collect();
        let Some((first, tally)) = tallies.first() else { continue };
        if tally.months == 0 {
            continue;
        }
        kept += usize::from(tally.is_kept(*first));
        let _ = write!(text, "| {} | {} |", cell.name, tally.months);
        for (budget, tally) in &tallies {
            let word = tally.verdict(*budget);
            let months = if tally.alarms > 0 { format!(" in {} months", tally.disturbed) } else { String::new() };
            let limit = LIMIT * budget;
            let _ = write!(text, " {}{months} | {:.3} | {limit:.2} | {word} |", tally.alarms, tally.upper());
        }
        let which: Vec<String> = tallies
            .iter()
            .filter(|(_, tally)| tally.alarms > 0)
            .map(|(budget, tally)| {
                let each: Vec<String> = tally.whose.iter().map(|(name, count)| format!("{name} {count}")).collect();
                format!("at {budget}: {}", each.join(", "))
            })
            .collect();
        let _ = writeln!(text, " {} |", which.join("; "));
    }
    (text, kept)
}

#[test]
fn the_upper_bound_is_that_of_the_tables() {
    // Half of the chi-square quantile at 0.95 of 2 (count + 1) degrees of freedom.
    for (count, bound) in [(0, 2.995_732), (1, 4.743_865), (2, 6.295_794), (10, 16.962_219), (100, 118.079_273)] {
        assert!((upper(count) - bound).abs() < 1e-4, "{count}: {}", upper(count));
    }
}
