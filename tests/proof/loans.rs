//! What do real rows look like where nothing changes? The reference rows of the car loan data, drawn anew.

use std::sync::LazyLock;

use truthline::event::{FeatureNames, Features, Value};
use truthline::story::Chance;

use super::loan_data::{DATA, NUMERIC};
use super::worlds::{DAY, Row};

/// Rows that stay together when blocks are drawn: about a quarter of a day of the original.
const BLOCK: usize = 50;

struct Rows {
    names: FeatureNames,
    /// In the order of their times.
    rows: Vec<Row>,
}

static ROWS: LazyLock<Rows> = LazyLock::new(|| {
    let mut names = FeatureNames::default();
    let mut read: Vec<_> = DATA.reference.iter().collect();
    read.sort_by_key(|row| row.time);
    let rows = read.into_iter().map(|row| {
        let mut features = Features::default();
        for (place, (name, cell)) in row.cells.iter().enumerate() {
            let slot = names.slot(name, place).expect("few names");
            match cell.parse() {
                Ok(number) if NUMERIC.contains(&name.as_str()) => features.pairs.push((slot, Value::Float(number))),
                _ => features.push_text(slot, cell),
            }
        }
        let (score, decision, label) = (row.score, row.decision, Some(row.label));
        Row { serial: 0, time: 0, score, decision, label, features }
    });
    let rows = rows.collect();
    Rows { names, rows }
});

/// How rows are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Draw {
    /// Each once, in an order by chance: the baseline has one half, the windows share the other one.
    Halves,
    /// Runs of consecutive rows, with replacement.
    Blocks,
}

/// A stream of them.
pub(crate) struct Loans {
    draw: Draw,
    chance: Chance,
    order: Vec<u32>,
    serial: u64,
}

impl Loans {
    pub(crate) fn new(draw: Draw, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut order: Vec<u32> = (0..ROWS.rows.len() as u32).collect();
        for place in (1..order.len()).rev() {
            order.swap(place, (chance.uniform() * (place + 1) as f64) as usize);
        }
        Self { draw, chance, order, serial: 0 }
    }

    pub(crate) fn names() -> &'static FeatureNames {
        &ROWS.names
    }

    /// Runs through so many predictions of a day.
    ///
    /// # Panics
    /// When more rows are asked for than there are, and each comes once.
    pub(crate) fn day(&mut self, day: i64, rows: u64, mut each: impl FnMut(&Row)) {
        let mut left = rows as usize;
        while left > 0 {
            let block = if self.draw == Draw::Blocks { BLOCK.min(left) } else { 1 };
            let first = if self.draw == Draw::Blocks {
                (self.chance.uniform() * (ROWS.rows.len() - BLOCK) as f64) as usize
            } else {
                self.order[self.serial as usize] as usize
            };
            for drawn in &ROWS.rows[first..first + block] {
                let time = day * DAY + (self.chance.uniform() * DAY as f64) as i64;
                each(&Row { serial: self.serial, time, ..drawn.clone() });
                self.serial += 1;
            }
            left -= block;
        }
    }
}
