//! What would a person on call want to see first?
//!
//! One self-contained HTML page over the findings of a run: what happened, why it matters, what to do; then incidents,
//! alerts on a time line, figures with their intervals and maturity, what moved, subgroups, calibration, how much of
//! the truth has arrived, and whether the run's sums agree. It opens offline, loads nothing, and can be read without
//! its script.
//!
//! [`render`] is pure: the same findings are the same bytes. [`read_dir`] alone reads files. Nothing here judges: all
//! verdicts come with the findings. Everything that came in with records is untrusted text and is escaped.

mod account;
mod alerts;
mod chart;
pub(crate) mod csp;
mod features;
mod figures;
mod incidents;
pub(crate) mod number;
mod page;
mod read;
#[cfg(test)]
mod sample;
mod series;
mod slices;
mod story;
mod truth;
pub(crate) mod words;

#[cfg(test)]
mod tests;

pub use read::{LINE_MAX, ReadError, read_dir};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};

use crate::finding::{Alert, Incident, LabelRequest, RunReport, Summary};

const PAGE: &str = include_str!("page.html");
/// The style sheet, shared with the page of a running process.
pub(crate) const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Everything that a run found; the order of the lists does not matter.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// Each change of each alert.
    pub alerts: Vec<Alert>,
    /// Each revision of each incident.
    pub incidents: Vec<Incident>,
    /// Revisions of summaries; only the last of a window is shown.
    pub summaries: Vec<Summary>,
    /// Predictions whose truth is worth asking for.
    pub requests: Vec<LabelRequest>,
    /// The account of the run.
    pub run: RunReport,
}

/// Why a page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The template refused: a fault of the program, never of the findings.
    #[error("the report's template failed")]
    Template(#[from] minijinja::Error),
}

/// The page, as the text of one HTML file.
///
/// # Errors
/// Only if the built-in template is at fault.
pub fn render(findings: &Findings) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    // The name's ending switches escaping on.
    environment.add_template("page.html", PAGE)?;
    let page = Serde(page::Page::new(findings));
    Ok(environment.get_template("page.html")?.render(page)?.trim_start().to_owned())
}
