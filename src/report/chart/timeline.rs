//! When did an alert begin, when was it known, and when did it end?
//!
//! One row an alert. A thin line runs from where the trouble began to where it was known; from there a bar: outlined
//! while pending, solid while firing; a tick ends it when it is resolved. Severity colours the bar and is written
//! beside it.

use std::fmt::Write;

use super::scale::{TimeAxis, percent};
use crate::finding::{AlertState, Severity};

/// One stretch of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stretch {
    /// Since when.
    pub(crate) from: i64,
    /// Until when.
    pub(crate) to: i64,
    /// What it was.
    pub(crate) state: AlertState,
    /// How much it mattered.
    pub(crate) severity: Severity,
}

const HEIGHT: f64 = 22.0;

/// The class of a severity.
pub(crate) fn severity_class(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

/// The row of one alert.
pub(crate) fn row(begun: i64, stretches: &[Stretch], axis: TimeAxis) -> String {
    let mut svg = format!(r#"<svg class="track" aria-hidden="true" width="100%" height="{HEIGHT}">"#);
    for tick in axis.ticks() {
        let x = percent(tick.fraction);
        let _ = write!(svg, r#"<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{HEIGHT}"/>"#);
    }
    if let Some(first) = stretches.first() {
        let class = severity_class(first.severity);
        let (from, to) = (percent(axis.fraction(begun)), percent(axis.fraction(first.from)));
        let _ = write!(svg, r#"<line class="begun {class}" x1="{from}" x2="{to}" y1="11" y2="11"/>"#);
        let _ = write!(svg, r#"<line class="begun {class}" x1="{from}" x2="{from}" y1="7" y2="15"/>"#);
    }
    for stretch in stretches {
        let class = severity_class(stretch.severity);
        let (from, to) = (axis.fraction(stretch.from), axis.fraction(stretch.to));
        // A state that changed at once is still to be seen.
        let width = (to - from).max(0.006);
        let x = percent(from.min(1.0 - width));
        let width = percent(width);
        let _ = match stretch.state {
            AlertState::Pending => {
                write!(svg, r#"<rect class="pending {class}" x="{x}" width="{width}" y="7" height="8" rx="3"/>"#)
            }
            AlertState::Firing => {
                write!(svg, r#"<rect class="firing {class}" x="{x}" width="{width}" y="5" height="12" rx="3"/>"#)
            }
            AlertState::Resolved => {
                write!(svg, r#"<line class="ended" x1="{x}" x2="{x}" y1="3" y2="19"/>"#)
            }
        };
    }
    svg.push_str("</svg>");
    svg
}

/// The time axis above the rows.
pub(crate) fn axis(axis: TimeAxis) -> String {
    let mut svg = r#"<svg class="track axis" aria-hidden="true" width="100%" height="20">"#.to_owned();
    super::curve::write_time(&mut svg, axis, 20.0);
    svg.push_str("</svg>");
    svg
}
