//! truthline watches machine-learning models in production.
pub mod decode;
pub mod event;
pub mod finding;
pub mod ingest;
