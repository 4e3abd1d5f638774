//! What do several commands take in the same form: sources, times, severities?

use std::path::PathBuf;

use clap::ValueEnum;

use crate::event::EventTime;
use crate::finding::Severity;

/// A source: a file, or `-` for standard input.
///
/// # Errors
/// For a topic, which this release does not read.
pub fn source(text: &str) -> Result<PathBuf, String> {
    if text.starts_with("kafka:") {
        return Err("reading topics is not in this release; accepted: a file, or - for standard input".into());
    }
    if text.is_empty() {
        return Err("accepted: a file, or - for standard input".into());
    }
    Ok(PathBuf::from(text))
}

/// A time: RFC 3339 text or microseconds since 1970.
///
/// # Errors
/// If it is neither.
pub fn time(text: &str) -> Result<EventTime, String> {
    EventTime::from_argument(text).map_err(|error| error.to_string())
}

/// A severity, as `--fail-on` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Any alert, also mere news.
    Info,
    /// Warnings and worse.
    Warning,
    /// Critical alerts only.
    Critical,
}

impl From<FailOn> for Severity {
    fn from(fail_on: FailOn) -> Self {
        match fail_on {
            FailOn::Info => Self::Info,
            FailOn::Warning => Self::Warning,
            FailOn::Critical => Self::Critical,
        }
    }
}

/// Refuses a time range that holds nothing.
///
/// # Errors
/// If `from` is not before `to`.
pub fn check_range(from: Option<EventTime>, to: Option<EventTime>) -> Result<(), super::UsageError> {
    match (from, to) {
        (Some(from), Some(to)) if from >= to => Err(super::UsageError(format!(
            "--from {} is not before --to {}; the range is half open, [from, to)",
            from.rfc3339(),
            to.rfc3339()
        ))),
        _ => Ok(()),
    }
}
