//! Which lines do people draw? PSI beyond 0.1 or 0.2, a Kolmogorov-Smirnov test at 5 %, three standard deviations.
//!
//! Each rule watches things: a column or a figure. On each thing it has a statistic a day, and fires where that is beyond
//! a threshold.

use super::figures::{Day, FIGURES, figures, is_labelled, names};
use super::reference::{BINS, Placed, Reference};
use super::seen::{CELLS, NOWHERE, NUMBERS, Seen, TEXTS, number_name, text_name};

/// A rule as people ship it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shipped {
    pub name: &'static str,
    pub rule: Rule,
    pub threshold: f64,
}

/// What a rule's statistic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    Psi,
    Ks,
    Deviations,
}

/// A column's test of Kolmogorov and Smirnov is at 5 % where the distance times the root of nm / (n + m) is this.
pub(crate) const KS_5_PERCENT: f64 = 1.358_1;

/// All of them.
pub(crate) const SHIPPED: [Shipped; 4] = [
    Shipped { name: "PSI > 0.1", rule: Rule::Psi, threshold: 0.1 },
    Shipped { name: "PSI > 0.2", rule: Rule::Psi, threshold: 0.2 },
    Shipped { name: "KS p < 0.05", rule: Rule::Ks, threshold: KS_5_PERCENT },
    Shipped { name: "mean ± 3 sd", rule: Rule::Deviations, threshold: 3.0 },
];

/// Something that a rule watches.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Watched {
    pub rule: Rule,
    pub name: String,
    /// Whether it is known only when the labels are.
    pub labelled: bool,
}

/// Everything that is watched, in the order of the statistics.
pub(crate) fn watched() -> Vec<Watched> {
    let numbers = (0..NUMBERS).map(number_name);
    let texts = (0..TEXTS).map(text_name);
    let column = |rule| move |name: &'static str| Watched { rule, name: name.to_owned(), labelled: false };
    let mut all: Vec<Watched> = numbers.clone().chain(texts).map(column(Rule::Psi)).collect();
    all.extend(numbers.map(column(Rule::Ks)));
    let figure = |(place, name)| Watched { rule: Rule::Deviations, name, labelled: is_labelled(place) };
    all.extend(names().into_iter().enumerate().map(figure));
    all
}

/// How many things are watched.
pub(crate) const WATCHED: usize = 2 * NUMBERS + TEXTS + FIGURES;

/// The population stability index, with shares of at least 1e-4.
pub(crate) fn psi(now: &[u32], then: &[u32]) -> f64 {
    let total = |counts: &[u32]| counts.iter().map(|&n| f64::from(n)).sum::<f64>();
    let (n, m) = (total(now), total(then));
    let share = |count: u32, total: f64| (f64::from(count) / total).max(1e-4);
    let terms = now.iter().zip(then).map(|(&now, &then)| {
        let (p, q) = (share(now, n), share(then, m));
        (p - q) * libm::log(p / q)
    });
    if n > 0.0 && m > 0.0 { terms.sum() } else { f64::NAN }
}

/// The distance of Kolmogorov and Smirnov times the root of nm / (n + m).
pub(crate) fn ks(now: &[u32], then: &[u32]) -> f64 {
    let total = |counts: &[u32]| counts.iter().map(|&n| f64::from(n)).sum::<f64>();
    let (n, m) = (total(now), total(then));
    let (mut a, mut b, mut largest) = (0.0, 0.0, 0.0_f64);
    for (&now, &then) in now.iter().zip(then) {
        a += f64::from(now);
        b += f64::from(then);
        largest = largest.max((a / n - b / m).abs());
    }
    largest * (n * m / (n + m)).sqrt()
}

/// Standard deviations from the mean where a figure never varied and now does: a number, because JSON has no infinity.
const BEYOND: f64 = 1e300;

/// Standard deviations from the mean.
fn deviations(x: f64, (mean, spread): (f64, f64)) -> f64 {
    let away = (x - mean).abs();
    if spread > 0.0 {
        away / spread
    } else if away <= 1e-9 {
        0.0
    } else if away.is_nan() || spread.is_nan() {
        f64::NAN
    } else {
        BEYOND
    }
}

/// Room to count a day in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Desk {
    day: Day,
    placed: Vec<Placed>,
    counts: Vec<u32>,
}

impl Desk {
    /// The statistics of a day, of everything that is watched; NaN where there is none. `flow` is of records that came
    /// late, of contradictions and of orphans.
    pub(crate) fn look(&mut self, reference: &Reference, rows: &[Seen], flow: [u32; 3]) -> Vec<f64> {
        self.day.clear();
        self.placed.clear();
        for row in rows {
            let placed = reference.place(row);
            self.day.add(row, &placed);
            self.placed.push(placed);
        }
        self.day.counts.flow = flow;
        let mut psis = Vec::with_capacity(WATCHED);
        let mut rest = Vec::with_capacity(NUMBERS);
        for place in 0..NUMBERS {
            self.counts.clear();
            self.counts.resize(CELLS, 0);
            for cell in rows.iter().map(|row| row.cells[place]).filter(|&cell| cell != NOWHERE) {
                self.counts[usize::from(cell)] += 1;
            }
            let (bin_of, then) = &reference.bins[place];
            let mut now = [0; BINS];
            for (&n, &bin) in self.counts.iter().zip(bin_of) {
                now[usize::from(bin)] += n;
            }
            psis.push(psi(&now[..then.len()], then));
            rest.push(ks(&self.counts, &reference.cells[place]));
        }
        for (place, (_, then)) in reference.values.iter().enumerate() {
            self.counts.clear();
            self.counts.resize(then.len(), 0);
            for (row, placed) in rows.iter().zip(&self.placed) {
                self.counts[usize::from(placed.values[place])] += u32::from(row.texts[place] != 0);
            }
            psis.push(psi(&self.counts, then));
        }
        psis.extend(rest);
        psis.extend(figures(&self.day).into_iter().zip(&reference.usual).map(|(x, &usual)| deviations(x, usual)));
        psis
    }
}

/// Whether an indicator stands on labels that must mature first.
pub(crate) fn is_labelled_effect(indicator: &str) -> bool {
    ["label.", "calibration.", "performance.", "slice."].iter().any(|start| indicator.starts_with(start))
}
