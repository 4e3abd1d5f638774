//! What is kept of the stream? Small vectors of integers that add and subtract.
//!
//! `coding` turns features into one byte each; `layout` says where each statistic lies; `lines` keeps cells apart; `sums` counts; `sample`
//! keeps a few events by hash, so that cells have names; `delays` counts how long labels took; `weight` says for how many rows one stands; `recalibration` says what a score meant on the baseline;
//! `looks` cuts them into parts and `metrics` reads figures off them; `codec` writes sums as bytes. Nothing here knows windows, thresholds, files or topics.

mod codec;
mod coding;
mod delays;
mod guide;
mod layout;
mod lines;
pub mod looks;
pub mod metrics;
mod recalibration;
mod sample;
mod scores;
mod sums;
mod weight;

pub use codec::CodecError;
pub use coding::{
    CODE_INVALID, CODE_MISSING, CODE_TAIL, CODE_UNDER, CODE_UNKNOWN, CODE_VOCABULARY, CodedRow, Coding, FeatureCoding,
    Kind, MAX_CODES, MAX_FEATURES, Mapping, UNKNOWN_CELLS, Unknown, canonical_text, range_text,
};
pub use delays::{DELAY_BINS, DELAY_KINDS, delay_bin, delay_kind, delay_start};
pub use layout::{Block, CELL_WIDTH, Cell, Layout, LayoutError, SLICE_WIDTH, Statistic, flow, truth};
pub use recalibration::{BinFacts, Recalibration};
pub use sample::{BottomK, Event};
pub use scores::{BINS, bin_center, bin_edges, bin_of, clip, logit};
pub use sums::{Facts, LOSS_SCALE, SCORE_SCALE, Sums, count};
pub use weight::{CELL_SQUARE, Weight};
