//! What do people keep of a baseline to compare days with? Bins, vocabularies, ranges, means and their scatter.

use rustc_hash::FxHashMap;
use truthline::story::Chance;

use super::figures::{Day, FIGURES, figures};
use super::seen::{CELLS, NOWHERE, NUMBERS, Seen, TEXTS};

/// Chunks that are drawn from the baseline, to see how much figures of a day scatter.
const CHUNKS: usize = 100;
/// Bins of a number.
pub(crate) const BINS: usize = 10;

/// Where a row lies relative to a baseline.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Placed {
    /// The bin of each category's value; the last one is for all that the baseline does not have.
    pub values: [u16; TEXTS],
    /// Categories whose value the baseline does not have, as bits.
    pub strange: u8,
    /// Numbers outside the range of the baseline, as bits.
    pub outside: u8,
}

/// A baseline, as fixed rules know it.
pub(crate) struct Reference {
    /// By number: the bin of each cell, and the baseline's counts of bins.
    pub bins: [(Vec<u8>, Vec<u32>); NUMBERS],
    /// By number: the baseline's counts of cells.
    pub cells: [Vec<u32>; NUMBERS],
    /// By category: the place of each value, and the baseline's counts; the last place is empty.
    pub values: [(FxHashMap<u32, u16>, Vec<u32>); TEXTS],
    range: [[f32; 2]; NUMBERS],
    /// Mean and standard deviation of each figure of a chunk.
    pub usual: Vec<(f64, f64)>,
}

/// Ten bins of about equal mass; cells that hold more than one share stand alone.
fn quantile_bins(cells: &[u32]) -> (Vec<u8>, Vec<u32>) {
    let total: u64 = cells.iter().map(|&n| u64::from(n)).sum();
    let (mut bin_of, mut counts) = (Vec::with_capacity(cells.len()), vec![0_u32]);
    let mut seen = 0_u64;
    for &n in cells {
        let full = seen * BINS as u64 >= counts.len() as u64 * total && seen > 0;
        if full && counts.len() < BINS && n > 0 && counts.last().is_some_and(|&last| last > 0) {
            counts.push(0);
        }
        bin_of.push(counts.len() as u8 - 1);
        *counts.last_mut().expect("there is one") += n;
        seen += u64::from(n);
    }
    (bin_of, counts)
}

impl Reference {
    /// What a baseline tells of days with so many rows.
    pub(crate) fn new(rows: &[Seen], rows_a_day: usize, chance: &mut Chance) -> Self {
        let mut cells: [Vec<u32>; NUMBERS] = std::array::from_fn(|_| vec![0; CELLS]);
        let mut range = [[f32::INFINITY, f32::NEG_INFINITY]; NUMBERS];
        let mut values: [(FxHashMap<u32, u16>, Vec<u32>); TEXTS] = std::array::from_fn(|_| Default::default());
        for row in rows {
            for place in 0..NUMBERS {
                let x = row.numbers[place];
                if row.cells[place] != NOWHERE {
                    cells[place][usize::from(row.cells[place])] += 1;
                    range[place] = [range[place][0].min(x), range[place][1].max(x)];
                }
            }
            for (place, &text) in row.texts.iter().enumerate().filter(|(_, text)| **text != 0) {
                let (places, counts) = &mut values[place];
                let next = counts.len() as u16;
                let at = *places.entry(text).or_insert(next);
                if at == next {
                    counts.push(0);
                }
                counts[usize::from(at)] += 1;
            }
        }
        for (_, counts) in &mut values {
            counts.push(0);
        }
        let bins = std::array::from_fn(|place| quantile_bins(&cells[place]));
        let mut reference = Self { bins, cells, values, range, usual: Vec::new() };
        reference.usual = reference.scatter(rows, rows_a_day, chance);
        reference
    }

    /// Where a row of a day lies.
    pub(crate) fn place(&self, row: &Seen) -> Placed {
        let mut placed = Placed::default();
        for (place, (places, counts)) in self.values.iter().enumerate() {
            let other = counts.len() as u16 - 1;
            let at = places.get(&row.texts[place]).copied().unwrap_or(other);
            placed.values[place] = at;
            placed.strange |= u8::from(at == other && row.texts[place] != 0) << place;
        }
        for (place, [low, high]) in self.range.iter().enumerate() {
            let x = row.numbers[place];
            placed.outside |= u8::from(x < *low || x > *high) << place;
        }
        placed
    }

    /// Where a row of the baseline lies relative to all others of it: a value that only it has is a strange one, and so is
    /// the largest number that only it has.
    fn place_apart(&self, row: &Seen) -> Placed {
        let mut placed = self.place(row);
        for (place, (_, counts)) in self.values.iter().enumerate() {
            let once = row.texts[place] != 0 && counts[usize::from(placed.values[place])] == 1;
            placed.strange |= u8::from(once) << place;
        }
        for (place, ends) in self.range.iter().enumerate() {
            let alone = row.cells[place] != NOWHERE && self.cells[place][usize::from(row.cells[place])] < 30;
            placed.outside |= u8::from(alone && ends.contains(&row.numbers[place])) << place;
        }
        placed
    }

    /// Mean over the baseline, and standard deviation over chunks as large as a day. The baseline holds too few days of
    /// production's size to tell a standard deviation, so chunks are drawn from it with replacement.
    fn scatter(&self, rows: &[Seen], rows_a_day: usize, chance: &mut Chance) -> Vec<(f64, f64)> {
        let placed: Vec<Placed> = rows.iter().map(|row| self.place_apart(row)).collect();
        let mut day = Day::default();
        rows.iter().zip(&placed).for_each(|(row, placed)| day.add(row, placed));
        let whole = figures(&day);
        let mut sums = vec![(0.0, 0.0, 0.0_f64); FIGURES];
        for _ in 0..CHUNKS {
            day.clear();
            for _ in 0..rows_a_day {
                let at = (chance.uniform() * rows.len() as f64) as usize;
                day.add(&rows[at], &placed[at]);
            }
            for (sum, x) in sums.iter_mut().zip(figures(&day)).filter(|(_, x)| x.is_finite()) {
                *sum = (sum.0 + 1.0, sum.1 + x, sum.2 + x * x);
            }
        }
        // Of small samples some figures have a bias (the AUC of a few positives, a slope): the chunks' mean has the same.
        let usual = |(whole, (n, sum, squares)): (f64, (f64, f64, f64))| {
            if n < 2.0 {
                return (whole, f64::NAN);
            }
            let variance = (squares - sum * sum / n) / (n - 1.0);
            let spread = if variance < 1e-12 * (1.0 + (sum / n) * (sum / n)) { 0.0 } else { variance.sqrt() };
            (if spread > 0.0 { sum / n } else { whole }, spread)
        };
        whole.into_iter().zip(sums).map(usual).collect()
    }
}
