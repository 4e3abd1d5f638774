//! How are topics replayed, from which offset to which?
//!
//! Each partition of each topic is one feed of a replay, read up to the last record that was committed when it began. No
//! group is joined and no offset is committed, so a running service notices nothing. Records are understood as `run`
//! understands them. This room knows topics; what a replay does with their records it does not know.

mod emitter;
mod feed;
mod plan;

pub use emitter::{Emitter, Marker};
pub use feed::TopicFeed;
pub use plan::{Plan, Planned};
