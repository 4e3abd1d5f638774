//! How does truthline speak to the brokers? (edge)
//!
//! The only room that knows the client library: its settings, its errors, the topics that a configuration needs, and
//! what must hold before a process may start. What is read and written is decided elsewhere.
#![allow(
    clippy::disallowed_methods,
    reason = "waiting for brokers has an end by the clock; nothing final depends on it"
)]

mod admin;
mod check;
mod error;
mod log;
mod member;
mod message;
mod principal;
mod probe;
mod publisher;
mod reader;
mod serve;
mod settings;
mod stretch;
mod tail;
mod topology;
mod transaction;
mod trim;

pub use admin::{Admin, Found};
pub use check::{
    Difference, Topology, check, differences, inputs, inputs_differ, not_allowed, other_differs, refused, tasks,
    unreadable, wrong_partitions,
};
pub use error::{KafkaTrouble, Right, TroubleClass};
pub use log::{Heard, client_line};
pub use member::{Incoming, Member, News, Queue, TopicPartition};
pub use message::Message;
pub use publisher::Publisher;
pub use reader::{Ended, Reader, Stored};
pub use settings::{admin, consumer, judges_group, producer, reader, rewriters_group, transactional_id};
pub use stretch::{Stretch, Stretches};
pub use tail::Tail;
pub use topology::{Names, Owner, Partitions, Planned, Role, others, plan};
pub use transaction::{Committed, FENCED, Failure, Record, Transactions};
pub use trim::Trimmer;
