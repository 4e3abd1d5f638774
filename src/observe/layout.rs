//! Where does each statistic lie in a vector of sums?
//!
//! Every statistic has a number and a version; both stand in the encoded bytes, so that a new statistic, or a new
//! meaning of an old one, never reads as something else.

use super::coding::Coding;
use super::delays::{DELAY_BINS, DELAY_KINDS};
use super::lines::LINE;
use super::scores::BINS;

/// A statistic, by its published number. A new meaning takes a new version in [`Statistic::version`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Statistic {
    /// Rows, decisions and sums of scores: see [`super::flow`].
    Flow = 1,
    /// Predictions by score bin.
    Scores = 2,
    /// Predictions by feature and code.
    Codes = 3,
    /// Sums of numeric features, in their fixed point.
    Numbers = 4,
    /// By feature and code: sum of scores, positive decisions, sure predictions.
    Slices = 5,
    /// Predictions by arm.
    Arms = 6,
    /// Predictions by action, in 16 cells by hash.
    Actions = 7,
    /// Labels, decisions against labels, losses: see [`super::truth`].
    Truth = 8,
    /// Negative labels by score bin.
    Negatives = 9,
    /// Positive labels by score bin.
    Positives = 10,
    /// The residual core and the confusion by feature and code.
    Cells = 11,
    /// Unseen values by feature: a count-min sketch.
    Unseen = 12,
    /// Labels by class, decision and delay: see [`super::delay_bin`].
    Delays = 13,
    /// What weights add to the variance of labels by score bin: negatives, then positives; see [`super::Weight`].
    Squares = 14,
    /// The same of the positives of each feature and code.
    CellSquares = 15,
}

impl Statistic {
    /// Every statistic, in the order of the vector.
    pub const ALL: [Self; 15] = [
        Self::Flow,
        Self::Scores,
        Self::Codes,
        Self::Numbers,
        Self::Slices,
        Self::Arms,
        Self::Actions,
        Self::Truth,
        Self::Negatives,
        Self::Positives,
        Self::Cells,
        Self::Unseen,
        Self::Delays,
        Self::Squares,
        Self::CellSquares,
    ];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Scores => "scores",
            Self::Codes => "codes",
            Self::Numbers => "numbers",
            Self::Slices => "slices",
            Self::Arms => "arms",
            Self::Actions => "actions",
            Self::Truth => "truth",
            Self::Negatives => "negatives",
            Self::Positives => "positives",
            Self::Cells => "cells",
            Self::Unseen => "unseen",
            Self::Delays => "delays",
            Self::Squares => "squares",
            Self::CellSquares => "cell_squares",
        }
    }

    /// The version of its meaning.
    pub const fn version(self) -> u8 {
        // The second one of labels counts weights.
        if matches!(self, Self::Truth) { 2 } else { 1 }
    }

    /// How many integers an older version had. They mean what the first ones of today mean where no row has a weight; the
    /// others were nothing.
    pub const fn older(self, version: u8) -> Option<usize> {
        if matches!((self, version), (Self::Truth, 1)) { Some(truth::UNWEIGHTED) } else { None }
    }

    /// Whether it is all zero where no row has a weight; a baseline of a release that ignored weights does not have it.
    pub const fn of_weights(self) -> bool {
        matches!(self, Self::Squares | Self::CellSquares)
    }

    /// Whether it is complete when the inputs of a window are; the others wait for labels.
    pub const fn of_inputs(self) -> bool {
        !matches!(
            self,
            Self::Truth
                | Self::Negatives
                | Self::Positives
                | Self::Cells
                | Self::Delays
                | Self::Squares
                | Self::CellSquares
        )
    }

    /// Whether the rows of a baseline tell it: they have no unseen values, and their labels no delay.
    pub const fn of_baseline(self) -> bool {
        !matches!(self, Self::Unseen | Self::Delays)
    }
}

/// Places in [`Statistic::Flow`].
pub mod flow {
    /// Predictions with a score.
    pub const N: usize = 0;
    /// Predictions with a decision.
    pub const DECIDED: usize = 1;
    /// Positive decisions.
    pub const POSITIVE: usize = 2;
    /// Sum of scores, in 2^-30.
    pub const SCORE: usize = 3;
    /// Rows whose features were coded.
    pub const CODED: usize = 4;
    /// Identical repeats that were dropped; those that came late are counted where the partition stood.
    pub const DUPLICATE: usize = 5;
    /// Repeats with another content.
    pub const CONFLICT: usize = 6;
    /// Records behind the watermark of their own partition, counted where the partition stood.
    pub const LATE: usize = 7;
    pub(crate) const WIDTH: usize = 8;
}

/// Places in [`Statistic::Truth`]. Labels count with the weight of their row, which is 1 where none is given; what is
/// said of rows counts each once. [`super::Sums::rows`] tells how many rows a count of labels is of.
pub mod truth {
    /// Labels.
    pub const N: usize = 0;
    /// Positive labels.
    pub const POSITIVE: usize = 1;
    /// Labels of rows with a decision.
    pub const DECIDED: usize = 2;
    /// Positive label, positive decision.
    pub const TP: usize = 3;
    /// Negative label, positive decision.
    pub const FP: usize = 4;
    /// Positive label, negative decision.
    pub const FN: usize = 5;
    /// Sum of log losses, in 2^-28.
    pub const LOG_LOSS: usize = 6;
    /// Sum of squared log losses, in 2^-20.
    pub const LOG_LOSS_SQUARED: usize = 7;
    /// Sum of squared errors, in 2^-28.
    pub const BRIER: usize = 8;
    /// Sum of squared squared errors, in 2^-28.
    pub const BRIER_SQUARED: usize = 9;
    /// Rows that can change no more.
    pub const CLOSED: usize = 10;
    /// Rows whose label never came.
    pub const NEVER: usize = 11;
    /// Rows taken for negative because nothing was said.
    pub const ASSUMED: usize = 12;
    /// As many integers had a release that ignored weights.
    pub(super) const UNWEIGHTED: usize = 13;
    /// By how much each of the first six exceeds its rows: the sum of (weight - 1).
    pub const EXTRA: usize = 13;
    /// The sum of (weight squared - weight), by class and decision: see [`super::super::delay_kind`].
    pub const SQUARES: usize = 19;
    /// Labelled rows whose weight was clipped.
    pub const CLIPPED: usize = 23;
    pub(crate) const WIDTH: usize = 24;
}

/// As many integers as a statistic does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{statistic}' has {found} numbers; accepted: {accepted}")]
pub struct LayoutError {
    /// Which statistic.
    pub statistic: &'static str,
    /// How many were given.
    pub found: usize,
    /// How many it has.
    pub accepted: usize,
}

/// A statistic's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Which.
    pub statistic: Statistic,
    /// First integer.
    pub start: usize,
    /// Number of integers.
    pub length: usize,
}

impl Block {
    /// Its integers' places.
    pub const fn range(self) -> std::ops::Range<usize> {
        self.start..self.start + self.length
    }
}

/// Integers a cell of labelled rows: see [`Cell`].
pub const CELL_WIDTH: usize = 8;

/// Integers a cell of predictions: sum of scores, positive decisions, sure predictions.
pub const SLICE_WIDTH: usize = 3;

/// Rows and columns of the count-min sketch of one categorical feature.
pub(super) const UNSEEN_ROWS: usize = 4;
pub(super) const UNSEEN_COLUMNS: usize = 64;

/// What is kept of the labelled rows that share a code. One cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Labels, each with the weight of its row, as all that follows.
    pub n: i64,
    /// Positive labels.
    pub positive: i64,
    /// Positive labels with a positive decision.
    pub tp: i64,
    /// Negative labels with a positive decision.
    pub fp: i64,
    /// Labelled rows with a decision.
    pub decided: i64,
    /// Sum of e, in 2^-30.
    pub e: i64,
    /// Sum of e (1 - e), in 2^-30.
    pub v: i64,
    /// Sum of e (1 - e) logit e, in 2^-30.
    pub vl: i64,
}

/// The places of all statistics for one coding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    blocks: [Block; Statistic::ALL.len()],
    codes: Vec<usize>,
    length: usize,
    cells: usize,
    numeric: Vec<bool>,
}

impl Layout {
    /// The layout for `coding`; without features for an empty one.
    pub fn new(coding: &Coding) -> Self {
        let mut codes = Vec::with_capacity(coding.features().len() + 1);
        let mut cells = 0;
        for feature in coding.features() {
            codes.push(cells);
            cells += feature.codes();
        }
        codes.push(cells);
        let features = coding.features().len();
        let mut start = 0_usize;
        let blocks = Statistic::ALL.map(|statistic| {
            let length = match statistic {
                Statistic::Flow => flow::WIDTH,
                Statistic::Scores | Statistic::Negatives | Statistic::Positives => BINS,
                Statistic::Codes | Statistic::CellSquares => cells,
                Statistic::Numbers => features,
                Statistic::Slices => cells * SLICE_WIDTH,
                Statistic::Arms => 4,
                Statistic::Actions => 16,
                Statistic::Truth => truth::WIDTH,
                Statistic::Cells => cells * CELL_WIDTH,
                Statistic::Unseen => features * UNSEEN_ROWS * UNSEEN_COLUMNS,
                Statistic::Delays => DELAY_KINDS * DELAY_BINS,
                Statistic::Squares => 2 * BINS,
            };
            if statistic == Statistic::Cells {
                start = start.next_multiple_of(LINE);
            }
            let block = Block { statistic, start, length };
            start += length;
            block
        });
        let numeric = coding.features().iter().map(super::FeatureCoding::is_numeric).collect();
        Self { blocks, codes, length: start, cells, numeric }
    }

    /// The place of a statistic.
    pub const fn block(&self, statistic: Statistic) -> Block {
        self.blocks[statistic as usize - 1]
    }

    /// All places, in order.
    pub const fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Number of integers.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// Number of watched features.
    pub const fn features(&self) -> usize {
        self.codes.len() - 1
    }

    /// Number of (feature, code) cells.
    pub const fn cells(&self) -> usize {
        self.cells
    }

    /// The cells of one feature, counted over all features.
    pub fn cells_of(&self, feature: usize) -> std::ops::Range<usize> {
        self.codes[feature]..self.codes[feature + 1]
    }

    /// First cell of every feature.
    #[inline]
    pub(super) fn first_cells(&self) -> &[usize] {
        &self.codes
    }

    /// Whether a feature is numeric.
    pub fn is_numeric(&self, feature: usize) -> bool {
        self.numeric[feature]
    }
}
