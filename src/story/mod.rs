//! What does it look like when a model fails silently? Streams made up from a seed, for the demo and for tests.
//!
//! A story writes the bytes that a serving system and a back office would: canonical JSON records, which go through the
//! whole program like anyone else's. It knows nothing of statistics; nothing that judges knows stories.

mod chance;
mod fraud;
mod records;

pub use chance::Chance;
pub use fraud::{Fraud, STORIES};
pub use records::{StoryFeed, Written};
