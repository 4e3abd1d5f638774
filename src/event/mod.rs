//! The nouns that travel through the house: times, keys, records, rejects.
//!
//! Every room imports this one; it imports none. Nothing here reads a clock, a file or the environment.

mod hash;
mod key;
mod record;
mod reject;
mod time;
pub mod wire;

pub use hash::{crc32_partition, fnv1a_64, murmur2_partition, value_hash};
pub use key::{LAST_ROW, RequestKey};
pub use record::{
    Arm, BaselineRow, FeatureNames, Features, Inference, LARGEST_WEIGHT, Label, MAX_FEATURE_NAMES, Probability, Slot,
    Split, Truth, Value,
};
pub use reject::{Position, Reject, RejectReason};
pub use time::{EventTime, Span, SpanError, TimeError, Window};
