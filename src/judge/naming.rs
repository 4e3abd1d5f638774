//! May this value leave the house, and under which name?
//!
//! The feature's policy decides: as it is, as a hash, or not at all. Without one, values of a category with a closed
//! vocabulary are shown, and free texts are hashed.

use crate::config::{ModelConfig, ValuePolicy};
use crate::event::value_hash;
use crate::observe::{FeatureCoding, Kind};

/// The policy in force for a feature.
pub(super) fn policy(config: &ModelConfig, feature: &FeatureCoding) -> ValuePolicy {
    if let Some(policy) = config.features.get(feature.name()).and_then(|settings| settings.policy) {
        return policy;
    }
    match feature.kind() {
        Kind::Numeric { .. } => ValuePolicy::Allow,
        // Values beyond the vocabulary that the baseline saw make it an open category.
        Kind::Categorical { values, tail } if tail.len() <= values.len().max(20) => ValuePolicy::Allow,
        Kind::Categorical { .. } => ValuePolicy::Hash,
    }
}

/// The published name of a value.
pub(super) fn value_name(config: &ModelConfig, feature: &FeatureCoding, text: &str) -> String {
    match policy(config, feature) {
        ValuePolicy::Allow => text.to_owned(),
        ValuePolicy::Hash => format!("hash:{:016x}", value_hash(text)),
        ValuePolicy::Drop => "(withheld)".to_owned(),
    }
}

/// The published name of a code. Ranges, and names of groups of values, are not values; vocabulary may be shown
/// unless the user said otherwise.
pub(super) fn code_name(config: &ModelConfig, feature: &FeatureCoding, code: usize) -> String {
    let text = feature.describe(code);
    let stated = config.features.get(feature.name()).and_then(|settings| settings.policy);
    match stated {
        Some(ValuePolicy::Hash) if !text.starts_with('(') && !feature.is_numeric() => {
            format!("hash:{:016x}", value_hash(&text))
        }
        Some(ValuePolicy::Drop) if !text.starts_with('(') => "(withheld)".to_owned(),
        _ => text,
    }
}
