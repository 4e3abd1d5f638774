//! Do the published intervals hold the truth as often as they say?
//!
//! `law` makes rows whose every figure is known; `trial` counts windows of them, has the judge publish, and looks whether
//! the truth lies inside; `table` tells it, and `page` is what the documentation shows.

pub(crate) mod law;
pub(crate) mod page;
pub(crate) mod table;
pub(crate) mod trial;
