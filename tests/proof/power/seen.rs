//! What does a chart need of a row? Its numbers, its place on a grid, its values as codes.
//!
//! All rules read the same compact rows, so that a row of a stream and a row that is drawn from the pool of a quiet world
//! are treated alike.

use std::sync::LazyLock;

use truthline::event::{Value, fnv1a_64};

use crate::proof::month::FIRST_DAY;
use crate::proof::worlds::{KINDS, PLAIN, Row, World};

/// Numeric features, then the score.
pub(crate) const NUMBERS: usize = 6;
pub(crate) const TEXTS: usize = 5;
/// Cells of a number's grid: fine beside a day of a thousand rows.
pub(crate) const CELLS: usize = 1_024;
/// Where a value is missing.
pub(crate) const NOWHERE: u16 = u16::MAX;
const POOL: u64 = 200_000;

/// The names of numbers, the score last.
pub(crate) fn number_name(place: usize) -> &'static str {
    if place + 1 == NUMBERS { "score" } else { KINDS[2 * place] }
}

/// The names of categories.
pub(crate) const fn text_name(place: usize) -> &'static str {
    KINDS[2 * place + 1]
}

/// The groups that are charted apart: category and value.
pub(crate) const GROUPS: [(usize, &str); 8] =
    [(0, "north"), (0, "south"), (0, "east"), (0, "west"), (1, "rare"), (1, "usual"), (4, "yes"), (4, "no")];

/// A row, as charts see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// The numbers; NaN where one is missing. The score is the last.
    pub numbers: [f32; NUMBERS],
    /// Their places on the grid.
    pub cells: [u16; NUMBERS],
    /// The values of the categories, by hash; 0 where one is missing.
    pub texts: [u32; TEXTS],
    /// Which of [`GROUPS`] it belongs to, as bits.
    pub groups: u8,
    pub decision: bool,
    pub label: Option<bool>,
}

/// The edges of each number's cells: about equal shares of the pool, ties in a cell of their own.
pub(crate) struct Grid([Vec<f32>; NUMBERS]);

impl Grid {
    fn of(rows: &[Seen]) -> Self {
        Self(std::array::from_fn(|place| {
            let mut values: Vec<f32> = rows.iter().map(|row| row.numbers[place]).filter(|x| !x.is_nan()).collect();
            values.sort_unstable_by(f32::total_cmp);
            let mut edges: Vec<f32> =
                (0..CELLS - 1).map(|cell| values[cell * (values.len() - 1) / (CELLS - 2)]).collect();
            edges.dedup();
            edges
        }))
    }

    fn cell(&self, place: usize, x: f32) -> u16 {
        if x.is_nan() { NOWHERE } else { self.0[place].partition_point(|&edge| edge < x) as u16 }
    }

    /// A row of a stream.
    pub(crate) fn see(&self, row: &Row) -> Seen {
        let mut seen = bare(row);
        seen.cells = std::array::from_fn(|place| self.cell(place, seen.numbers[place]));
        seen
    }
}

/// A row without its places.
fn bare(row: &Row) -> Seen {
    let mut numbers = [f32::NAN; NUMBERS];
    let mut texts = [0; TEXTS];
    let mut groups = 0;
    numbers[NUMBERS - 1] = row.score as f32;
    for (feature, (_, value)) in row.features.pairs.iter().enumerate() {
        match *value {
            Value::Float(number) => numbers[feature / 2] = number as f32,
            Value::Text { start, length } => {
                let text = row.features.text_of(start, length);
                texts[feature / 2] = fnv1a_64(text.as_bytes()) as u32 | 1;
                for (bit, _) in GROUPS.iter().enumerate().filter(|(_, group)| **group == (feature / 2, text)) {
                    groups |= 1 << bit;
                }
            }
            _ => {}
        }
    }
    Seen { numbers, cells: [NOWHERE; NUMBERS], texts, groups, decision: row.decision, label: row.label }
}

/// Rows of the plain world, and the grid that they make.
pub(crate) struct Pool {
    pub grid: Grid,
    pub rows: Vec<Seen>,
}

pub(crate) static POOL_OF_ROWS: LazyLock<Pool> = LazyLock::new(|| {
    let mut world = World::new(PLAIN, 0x9001);
    let mut rows = Vec::with_capacity(POOL as usize);
    world.day(FIRST_DAY, POOL, true, |row| rows.push(bare(row)));
    let grid = Grid::of(&rows);
    for row in &mut rows {
        row.cells = std::array::from_fn(|place| grid.cell(place, row.numbers[place]));
    }
    Pool { grid, rows }
});
