//! An incident: the alerts of one cause, with what probably caused them and what to do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Severity;

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// At least one of its alerts is firing.
    Open,
    /// All of its alerts are resolved.
    Closed,
    /// A new version does well where the old one failed.
    Recovered,
    /// Somebody accepted it.
    Accepted,
}

/// What probably caused it. The order is that of the names in the contract, not of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the published names say it; `docs/incidents.md` explains each")]
pub enum Cause {
    BrokenInput,
    CovariateShift,
    LabelShift,
    ConceptDrift,
    Ageing,
    EmergingCategory,
    Subgroup,
    Miscalibration,
    DecisionCollapse,
    BoundaryInstability,
    ActionEffect,
    CensoredLabels,
    Gaming,
    UpstreamError,
    LabelPoisoning,
    Leakage,
    Shortcut,
    Narrowing,
    NovelInputs,
    LabelPipeline,
    LaunchGap,
    Unexplained,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the published names say it; `docs/incidents.md` explains each")]
pub enum Advice {
    FixInput,
    FixUpstream,
    FixLabels,
    RollBack,
    Recalibrate,
    Rethreshold,
    CorrectPrior,
    CollectLabels,
    RouteToReview,
    QuarantineSources,
    Explore,
    HideThreshold,
    RebuildWithoutFeature,
    AcceptBaseline,
    Watch,
    Wait,
    Retrain,
    DoNotRetrain,
}

/// Whether a new model would help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Harm is confirmed and the labels to learn from are there.
    Retrain,
    /// Inputs moved; harm is not confirmed.
    RetrainCandidate,
    /// Too early.
    Wait,
    /// It would make things worse.
    DoNotRetrain,
}

/// The verdict on retraining, with its reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retrain {
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence.
    pub because: String,
}

/// One revision of an incident, as published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Deterministic id, stable over its life.
    pub id: String,
    /// The model; `None` for the pipeline.
    pub model: Option<String>,
    /// The version of the alert that opened it.
    pub version: Option<String>,
    /// Where it stands.
    pub state: IncidentState,
    /// 0, 1, 2, …
    pub revision: u32,
    /// Due time of the alert that caused this revision.
    pub as_of: i64,
    /// Whether both clocks had passed it.
    pub basis_final: bool,
    /// `as_of` of its first revision.
    pub opened_as_of: i64,
    /// `as_of` of the revision that closed it.
    pub closed_as_of: Option<i64>,
    /// The probable cause.
    pub cause: Cause,
    /// How sure, from 0 to 1.
    pub confidence: f64,
    /// The largest of its alerts.
    pub severity: Severity,
    /// What to do, first one first.
    pub advice: Vec<Advice>,
    /// Fingerprints of its alerts, sorted.
    pub alerts: Vec<String>,
    /// What decided on the cause.
    pub evidence: BTreeMap<String, Json>,
    /// Whether a new model would help.
    pub retrain: Retrain,
    /// What happened, in two or three sentences.
    pub text: String,
}
