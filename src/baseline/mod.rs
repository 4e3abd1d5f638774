//! What did the model's world look like when it was good?
//!
//! A [`Profile`] holds a coding of the features, the meaning of each score, and the same sums that production windows
//! have, over rows of a known good time. It is built from files, or learnt from the first days of a stream by the same
//! code. It holds counts, not rows.

mod build;
mod diff;
mod dispersion;
mod file;
mod profile;
mod references;
mod rows;
mod show;

pub use build::{BuildSettings, VOCABULARY_COUNT, build};

pub use diff::{FeatureDiff, diff};
pub use dispersion::{Dispersion, ENOUGH, Figures, Judged, Restless, Size, judged, judged_in_phase};
pub use file::{BaselineError, read, write};
pub use profile::{LeftOut, Origin, Profile, Strangers};
pub use references::{References, Taught};
pub use rows::{RowSample, SampleRow};
pub use show::{remarks, show, show_diff};

/// Rows of a baseline from files: at most this many, those with the smallest hashes.
pub const FILE_ROWS: usize = 200_000;
/// Rows of a learnt baseline.
pub const LEARNT_ROWS: usize = 20_000;
