//! An alert: one change of state of one thing that is watched.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::WindowBounds;
use crate::event::fnv1a_64;

/// Where an alert stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Suspicious: past the square root of the level. Never a page.
    Pending,
    /// Past the level.
    Firing,
    /// Quiet again for three windows.
    Resolved,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// News; outside the false-alarm budget.
    Info,
    /// Somebody should look today.
    Warning,
    /// Somebody should look now.
    Critical,
}

/// Which stream the figure stands on, and so which clock makes it final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Features.
    Inputs,
    /// Scores and decisions.
    Predictions,
    /// Matured labels.
    Labels,
    /// Money.
    Business,
    /// The plumbing itself.
    Pipeline,
}

/// What an alert is about. Only the keys that apply are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Hash)]
#[serde(default)]
pub struct Subject {
    /// A feature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
    /// A pair of features.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<[String; 2]>,
    /// A value of the feature, under the feature's policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// A subgroup: feature to value; a numeric feature is written as its range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slice: Option<BTreeMap<String, String>>,
    /// A metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// A label source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arm: Option<String>,
    /// With what it was compared, where that is not the baseline: `same_hour_of_week`, `previous`, `version NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// One change of an alert's state, as published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Deterministic id of this change.
    pub id: String,
    /// 16 hex digits, stable over the alert's life.
    pub fingerprint: String,
    /// Which question was asked.
    pub indicator: String,
    /// The new state.
    pub state: AlertState,
    /// How much it matters.
    pub severity: Severity,
    /// The model; `None` for the pipeline.
    pub model: Option<String>,
    /// The version, where it belongs.
    pub version: Option<String>,
    /// What it is about.
    pub subject: Subject,
    /// The window that was judged.
    pub window: WindowBounds,
    /// Start of the first window that showed it.
    pub starts_at: i64,
    /// When it was resolved.
    pub ends_at: Option<i64>,
    /// Due time of the window that caused this change.
    pub as_of: i64,
    /// Which stream.
    pub basis: Basis,
    /// Whether the window was final on that stream.
    pub basis_final: bool,
    /// The figure.
    pub value: f64,
    /// What it is compared with.
    pub reference: Option<f64>,
    /// Figure less reference.
    pub effect: Option<f64>,
    /// The smallest effect worth an alert.
    pub floor: Option<f64>,
    /// 95 % interval of the figure; it allows for the scatter that the baseline has measured.
    pub interval: Option<[f64; 2]>,
    /// Events behind the figure.
    pub n: u64,
    /// How many independent events say as much.
    pub effective_n: f64,
    /// Probability of a figure this far out when nothing changed beyond the floor.
    pub p_value: Option<f64>,
    /// Log of the e-value, where one is kept.
    pub log_e: Option<f64>,
    /// The smallest effect that would have fired at this n.
    pub smallest_detectable: Option<f64>,
    /// What supports it; `strength` ranks alerts.
    pub evidence: BTreeMap<String, Json>,
    /// One sentence that a person on call understands.
    pub text: String,
}

/// The stable name of an alert: FNV-1a-64 over indicator, model, version and subject, sorted by name, with the
/// separators that alert managers use.
pub fn fingerprint(indicator: &str, model: Option<&str>, version: Option<&str>, subject: &Subject) -> String {
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    labels.insert("indicator".into(), indicator.into());
    if let Some(model) = model {
        labels.insert("model".into(), model.into());
    }
    if let Some(version) = version {
        labels.insert("version".into(), version.into());
    }
    let Subject { feature, features, value, slice, metric, source, arm, reference } = subject;
    for (name, text) in [
        ("feature", feature),
        ("value", value),
        ("metric", metric),
        ("source", source),
        ("arm", arm),
        ("reference", reference),
    ] {
        if let Some(text) = text {
            labels.insert(name.into(), text.clone());
        }
    }
    if let Some([one, other]) = features {
        labels.insert("features".into(), format!("{one}\u{1f}{other}"));
    }
    for (name, text) in slice.iter().flatten() {
        labels.insert(format!("slice.{name}"), text.clone());
    }
    let mut bytes = Vec::with_capacity(256);
    for (name, text) in &labels {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0xff);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0xff);
    }
    format!("{:016x}", fnv1a_64(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_depends_on_what_it_is_about_and_on_nothing_else() {
        let age = Subject { feature: Some("age".into()), ..Subject::default() };
        let pay = Subject { feature: Some("pay".into()), ..Subject::default() };
        let age_before = Subject { reference: Some("previous".into()), ..age.clone() };
        let one = fingerprint("input.drift", Some("m"), Some("v1"), &age);
        assert_eq!(one, fingerprint("input.drift", Some("m"), Some("v1"), &age));
        assert_eq!(one.len(), 16);
        for other in [
            fingerprint("input.drift", Some("m"), Some("v1"), &pay),
            fingerprint("input.drift", Some("m"), Some("v1"), &age_before),
            fingerprint("input.drift", Some("m"), Some("v2"), &age),
            fingerprint("input.drift", None, Some("v1"), &age),
            fingerprint("input.missing_rate", Some("m"), Some("v1"), &age),
        ] {
            assert_ne!(one, other);
        }
    }
}
