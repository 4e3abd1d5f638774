//! truthline watches machine-learning models in production.
pub mod config;
pub mod event;
pub mod finding;
pub mod indicator;
