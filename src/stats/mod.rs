//! What can be said from counts? Pure functions from small tables of integers to numbers.
//!
//! Nothing here knows of events, windows, models or alerts: the tables go in, an estimate, an interval or a p-value
//! comes out. Each file leans on [`tails`] and [`interval`] at most. A function that has nothing to say (no trials, one
//! class) answers `None`; no NaN leaves the room. Logarithms and exponentials come from `libm`, so that a replay on
//! another machine gives the same bits.

pub mod interval;
pub mod rate;
pub mod tails;
