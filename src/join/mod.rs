//! Which label belongs to which prediction, how long is it waited for, and what became of the rest?
//!
//! One [`Join`] belongs to one task: the same partition of the inference topic and of the label topic. It keeps a
//! packed row for each prediction until nothing can change it any more, and tells a [`Watch`] about every change.
//!
//! Belonging is pure event time. A label belongs to the row of its key with `-early <= t_label - t_row <= label_window`;
//! the watermarks (largest event time seen on a partition, less its out-of-orderness) decide which records are late
//! and when memory is freed. What comes out depends on the order within each partition only where a record is late
//! or contradicts another one; it never depends on how the two partitions interleave or when [`Join::expire`] runs.
//!
//! Files, in reading order: `rules` (what a user sets), `row` (what is kept), `interval` (which labels a row owns),
//! `settle` (what several labels of one row amount to), `sources` (how far each side has come), `engine` (the join
//! itself), `meet` (what a label changes), `store` (where rows and waiting labels lie), `lists` (where the labels of a row with several lie),
//! `tombstone` (what takes back all rows of a request),
//! `journal` and `mark` (what is written down at a commit), `restore` (how another join goes on from that), `moments`
//! (how times lie in their bytes), `limits`, `counts` (the two equations), `watch` (what is told).
//!
//! Not here: decoding, windows, statistics, disks.

mod counts;
mod engine;
mod interval;
mod journal;
mod limits;
mod lists;
mod mark;
mod meet;
mod moments;
mod restore;
mod row;
mod rules;
mod settle;
mod sources;
mod store;
mod tombstone;
mod watch;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub use counts::{Balance, Counts, InferenceCounts, LabelCounts};
pub use engine::Join;
pub use journal::{Due, Entries, Entry, Journal};
pub use limits::{Limits, Memory};
pub use mark::Mark;
pub use row::{NewLabel, NewRow, RowView};
pub use rules::{Policy, Regime, Rules};
pub use settle::MAX_LABELS_PER_ROW;
pub use sources::Side;
pub use watch::{LabelPlaced, Placed, Watch};
