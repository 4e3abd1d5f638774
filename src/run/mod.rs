//! How does truthline watch topics, day and night?
//!
//! Kinds of threads, which share nothing but topics. A **lane** is a member of the group: it joins and counts its
//! partitions and commits deltas. Where the inputs are not keyed by request id, a **rewriter** writes them anew for the
//! lanes. A **bench** is a member of the judges' group: it folds deltas and publishes findings.
//! Each commits results and progress in one transaction. More lanes, more processes: the groups spread the work.
//!
//! In reading order: `setup`, `inputs` and `feed` (what is read), `desk` (what happens to a record), `books` and
//! `changelog` (what survives a process), `lane`; `turn` (what all of them do); `origin` and `rewrite`; `memory`, `control`
//! (what people ask for), `bench`; `alarms`, `lag` and `placement` (how the streams are now); `service` (all threads
//! together).
//! The engine that runs here is the one of a replay. This room knows topics and the wall clock, and no statistics.
#![allow(
    clippy::disallowed_methods,
    reason = "silence, lag and intervals are matters of the clock; nothing final is: see `clock`"
)]

mod alarms;
mod bench;
mod books;
mod changelog;
mod clock;
mod control;
mod desk;
mod error;
mod feed;
mod inputs;
mod janitor;
mod lag;
mod lane;
mod lessons;
mod memory;
mod origin;
mod placement;
mod rewrite;
mod service;
mod setup;
mod show;
mod source;
mod stop;
mod turn;

pub use control::{agree, meaning_of, no_way, read_controls};
pub use error::RunError;
pub use service::serve;
pub use setup::Setup;
pub use stop::Stop;
