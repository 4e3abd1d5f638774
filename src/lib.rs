//! truthline watches machine-learning models in production.
pub mod baseline;
pub mod event;
pub mod finding;
pub mod observe;
pub mod join;
pub mod stats;
pub mod commands;
pub mod config;
pub mod event;
pub mod finding;
pub mod indicator;
pub mod telemetry;
pub mod decode;
pub mod event;
pub mod finding;
pub mod ingest;
