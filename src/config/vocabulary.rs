//! Which words of other rooms does the configuration use?
//!
//! One file, so that the rooms they come from stand in one import.

use serde::Deserialize;

/// What silence means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Regime {
    /// Labels of all classes arrive; no label means nothing.
    #[default]
    Explicit,
    /// No label until the label window has passed means negative.
    ImplicitNegative,
}

/// Which of several labels of one request counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The one with the highest (revision, event time, content).
    #[default]
    Last,
    /// The one with the lowest.
    First,
}

/// Which field of a foreign record is which field of ours.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Mapping {
    /// Our field to theirs.
    pub fields: std::collections::BTreeMap<String, serde_json::Value>,
}
