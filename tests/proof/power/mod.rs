//! How long does a real change go unnoticed, and how long would fixed rules take on the same streams at the same rate of
//! false alarms?
//!
//! `effects` lists the changes, `change` makes them; `course` lives through a month with each. `seen`, `figures` and
//! `reference` are what people chart of a day, `rules` the lines they draw, `quiet` how often those lines are crossed
//! where nothing is wrong, and `restless` how often in livelier worlds. `threads` live months side by side;
//! `table`, `why` and `page` tell it.

pub(crate) mod change;
pub(crate) mod course;
pub(crate) mod effects;
pub(crate) mod figures;
pub(crate) mod page;
pub(crate) mod quiet;
pub(crate) mod reference;
pub(crate) mod restless;
pub(crate) mod rules;
pub(crate) mod seen;
pub(crate) mod table;
mod threads;
mod why;
