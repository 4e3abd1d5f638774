//! May this value leave the house, and under which name?
//!
//! The feature's policy decides: as it is, as a hash, or not at all. Without one, values of a category with a closed
//! vocabulary are shown, and free texts are hashed.

use super::words::bound;
use crate::config::{ModelConfig, ValuePolicy};
use crate::event::value_hash;
use crate::observe::{CODE_UNDER, FeatureCoding, Kind};

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

/// What a code stands for, as it is said in a sentence: "is", then this. Numbers have four figures here; the subject of
/// the alert has all of them.
pub(super) fn spoken(config: &ModelConfig, feature: &FeatureCoding, codes: std::ops::Range<usize>) -> String {
    let Kind::Numeric { edges, .. } = feature.kind() else {
        return quoted(&code_name(config, feature, codes.start));
    };
    let first = usize::from(CODE_UNDER) + 1;
    let withheld = config.features.get(feature.name()).and_then(|settings| settings.policy) == Some(ValuePolicy::Drop);
    let edge = |code: usize| edges[(code - first).min(edges.len() - 1)];
    match codes.start {
        0 => "missing".to_owned(),
        1 => "no number".to_owned(),
        _ if withheld => "in a withheld range".to_owned(),
        code if code < first => format!("below {}", bound(edge(first))),
        code if code >= feature.code_over() => format!("above {}", bound(edge(code).next_down())),
        code => {
            let (low, high) = (edge(code), edge(codes.end));
            let alone = high.total_cmp(&low.next_up()).is_eq();
            if alone { bound(low) } else { format!("from {} to {}", bound(low), bound(high)) }
        }
    }
}

/// The upper end of a numeric code, as it is said after "up to".
pub(super) fn spoken_top(feature: &FeatureCoding, code: usize) -> String {
    let Kind::Numeric { edges, .. } = feature.kind() else { return String::new() };
    edges.get(code - usize::from(CODE_UNDER)).map_or_else(String::new, |&edge| bound(edge))
}

/// A value in quotes; groups of values, in brackets, without either.
pub(super) fn quoted(name: &str) -> String {
    match name.strip_prefix('(').and_then(|name| name.strip_suffix(')')) {
        Some("missing") => "missing".to_owned(),
        Some("withheld") => "a withheld value".to_owned(),
        Some(group) => format!("one of the {group}"),
        None => format!("'{name}'"),
    }
}
