//! What can be said from counts? Pure functions from small tables of integers to numbers.
//!
//! Nothing here knows of events, windows of time, models or alerts: tables go in, an estimate, an interval or a p-value
//! comes out. The common ground of the files is `tails`, `interval`, `rate` (with `two_sample`), `pool`, and for
//! calibration `forecast`, `recalibration` and `chance_sum`; the others do not know each other. A function that has
//! nothing to say (no trials, one class) answers `None`; no NaN leaves the room. Logarithms and exponentials come from
//! `libm`, so that a replay on another machine gives the same bits.
//!
//! | asked | answered by |
//! |---|---|
//! | has a share moved? | `rate::rate_test`, `rate::rate_above` |
//! | has traffic changed? | `volume::volume_test` |
//! | has a distribution moved, and where? | `distribution::shift_test` |
//! | do residuals add up? | `rate::sum_tail`, `calibration_test::offset_test` |
//! | do scores spread too far? | `calibration_test::slope_test` |
//! | is the order of scores worse? | `discrimination::auc_worse` |
//! | has a mean loss risen? | `loss::mean_above` |
//! | how do windows add up? | `evidence` |
//! | do windows vary more than chance? | `dispersion` |
//! | does a figure move little by little? | `trend` |

pub mod calibration_error;
pub mod calibration_test;
pub mod chance_sum;
pub mod concentration;
pub mod confusion;
pub mod discrimination;
pub mod dispersion;
pub mod distribution;
pub mod evidence;
pub mod forecast;
pub mod interval;
pub mod loss;
pub mod pool;
pub mod rate;
pub mod recalibration;
pub mod tails;
pub mod trend;
mod two_sample;
pub mod volume;
