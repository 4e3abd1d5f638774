//! truthline watches machine-learning models in production.
pub mod baseline;
pub mod event;
pub mod finding;
pub mod observe;
pub mod join;
pub mod stats;
