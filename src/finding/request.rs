//! A label request: one prediction whose truth is worth asking for.

use serde::{Deserialize, Serialize};

/// One request for a label or a review, as published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelRequest {
    /// Which request.
    pub request_id: String,
    /// Which row of it.
    pub row: u32,
    /// The model.
    pub model: String,
    /// The version.
    pub version: String,
    /// When it was predicted.
    pub event_time: i64,
    /// What the model said.
    pub score: Option<f64>,
    /// The incident that asks.
    pub incident: String,
    /// Due time of the alert that caused the request.
    pub as_of: i64,
    /// Why this one.
    pub reason: String,
}
