//! truthline watches machine-learning models in production.
pub mod event;
pub mod finding;
pub mod report;
