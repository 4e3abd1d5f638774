//! What do several commands take in the same form: sources, times, severities?

use std::path::PathBuf;

use clap::ValueEnum;

use crate::event::EventTime;
use crate::finding::Severity;

/// A source: a file, or `-` for standard input.
///
/// # Errors
/// For a topic.
pub fn source(text: &str) -> Result<PathBuf, String> {
    if text.starts_with("kafka:") {
        return Err("topics cannot be read here; accepted: a file, or - for standard input".into());
    }
    if text.is_empty() {
        return Err("accepted: a file, or - for standard input".into());
    }
    Ok(PathBuf::from(text))
}

/// What a replay reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file, or `-` for standard input.
    File(PathBuf),
    /// A topic.
    Topic(String),
}

/// A source of a replay: a file, `-` for standard input, or `kafka:` and the name of a topic.
///
/// # Errors
/// If it is none of these.
pub fn origin(text: &str) -> Result<Origin, String> {
    match text.strip_prefix("kafka:") {
        None => source(text).map(Origin::File),
        Some("") => Err("the name of the topic is missing; accepted: kafka:TOPIC".into()),
        Some(topic) => Ok(Origin::Topic(topic.to_owned())),
    }
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
