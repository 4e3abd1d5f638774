//! truthline watches machine-learning models in production.
//!
//! It joins what models predicted with what later turned out to be true, keeps exact statistics of both, and says what
//! changed, how sure it is, what probably caused it and what to do.
//!
//! The rooms, in the order in which a record walks through them. Imports run one way only: see `tests/house.rs`.

pub mod event;
pub mod stats;

pub mod indicator;

pub mod decode;
pub mod ingest;
pub mod join;
pub mod observe;

pub mod baseline;
pub mod config;
pub mod control;
pub mod kafka;

pub mod finding;

pub mod judge;

pub mod engine;

pub mod backfill;
pub mod emit;
pub mod exchange;
pub mod replay;
pub mod run;
pub mod story;

pub mod report;

pub mod http;
pub mod status;

pub mod commands;
pub mod telemetry;
