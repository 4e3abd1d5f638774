//! What leaves the house? Alerts, incidents, summaries, label requests, dead letters and the account of the run.
//!
//! One struct a published record, in the order of its published fields. The JSON of a struct is the JSON on the
//! topic and in the file. Times are integer microseconds since 1970. Nothing here decides anything.

mod alert;
mod incident;
mod letter;
mod request;
mod run;
mod summary;

pub use alert::{Alert, AlertState, Basis, Severity, Subject, fingerprint};
pub use incident::{Advice, Cause, Incident, IncidentState, Retrain, Verdict};
pub use letter::DeadLetter;
pub use request::LabelRequest;
pub use run::{Invariant, RunReport, SourceReport};
pub use summary::{
    BlindSpot, DelayBin, Figure, Inactive, Maturity, Movement, ScoreBin, SliceFigure, Summary, SummaryInputs,
    SummaryLayers,
};

use serde::{Deserialize, Serialize};

/// A window as it is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WindowBounds {
    /// First moment inside.
    pub start: i64,
    /// First moment after.
    pub end: i64,
}

impl From<crate::event::Window> for WindowBounds {
    fn from(window: crate::event::Window) -> Self {
        Self { start: window.start.micros(), end: window.end.micros() }
    }
}
