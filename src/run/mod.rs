//! How does truthline watch topics, day and night?
//!
//! Two kinds of threads, which share nothing but topics. A **lane** is a member of the group: it joins and counts its
//! partitions and commits deltas. A **bench** is a member of the judges' group: it folds deltas and publishes findings.
//! Each commits results and progress in one transaction. More lanes, more processes: the groups spread the work.
//!
//! In reading order: `setup`, `inputs` and `feed` (what is read), `desk` (what happens to a record), `books` and
//! `changelog` (what survives a process), `lane`; `memory`, `control` (what people ask for), `bench`; `service` (all threads together).
//! The engine that runs here is the one of a replay. This room knows topics and the wall clock, and no statistics.

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
mod lane;
mod lessons;
mod memory;
mod placement;
mod service;
mod setup;
mod show;
mod stop;

pub use control::{agree, meaning_of, no_way, read_controls};
pub use error::RunError;
pub use service::serve;
pub use setup::Setup;
pub use stop::Stop;
