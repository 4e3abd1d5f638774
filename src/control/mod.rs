//! What have people asked of a running truthline, and from when on does it hold?
//!
//! The control topic holds the answer, record by record: what stays silent, which incidents are accepted, what happened
//! in the world, and what the configuration means. [`Controls`] is the fold of its records in order, whoever reads them.
//!
//! A request never changes what was published. Each judge that it concerns says from which due time on it obeys: not
//! before the time that was asked for, and after every look that it has taken. It says so on the same topic, in the same
//! transaction as its findings, so that a replay obeys from the same due time on and gives the same results.
//! [`Orders`] is what one judge obeys, by due time; the moment at which it heard of it changes nothing.

mod fold;
mod meaning;
mod orders;
mod record;

pub use fold::{Asked, Command, Controls, Request};
pub use meaning::{Change, Meaning, changes};
pub use orders::{Accepted, Acks, Mark, Orders};
pub use record::{Record, RecordError};
