//! Does the promise of few false alarms hold where nothing is wrong? Worlds, months of them, and what was counted.
//!
//! `worlds` and `loans` make rows, `month` and `wire` count and judge them, `cells` names the worlds, `lines` remembers
//! finished months, `table` says what they add up to. `power` asks the other question: what is found where something is
//! wrong? `intervals` asks whether what is published holds the truth.
#![allow(dead_code, reason = "the test and the bench use a part each")]
#![allow(clippy::disallowed_methods, reason = "only `lines` reads the clock and the environment, for progress")]

pub(crate) mod cells;
pub(crate) mod intervals;
pub(crate) mod lines;
#[path = "../loans/mod.rs"]
pub(crate) mod loan_data;
mod loans;
pub(crate) mod month;
pub(crate) mod page;
pub(crate) mod power;
pub(crate) mod table;
mod wire;
pub(crate) mod worlds;
