//! truthline watches machine-learning models in production.
pub mod commands;
pub mod config;
pub mod event;
pub mod finding;
pub mod indicator;
pub mod telemetry;
