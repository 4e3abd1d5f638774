//! What does truthline say about itself, and where?
//!
//! On standard error, as text for people or as JSON for machines. Standard output belongs to the data.

use std::io::Write as _;

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The least severe line that is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the usual names")]
pub enum LogLevel {
    Off,
    Error,
    #[default]
    Warn,
    Info,
    Debug,
    Trace,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Off => Self::OFF,
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

/// Who reads the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Somebody who waits for a command to end: lines of text bear no time.
    Terminal,
    /// Somebody who looks later at a process with many threads: each line bears its time and its thread (`lane-0`,
    /// `judge-2`, `http`).
    Operator,
}

/// Starts logging; a second call changes nothing.
pub fn init(format: LogFormat, level: LogLevel, audience: Audience) {
    let is_service = audience == Audience::Operator;
    let builder = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(LevelFilter::from(level))
        .with_target(false)
        .with_thread_names(is_service)
        .with_ansi(false);
    // An error means that somebody else has set up logging, as tests do.
    let _ = match format {
        LogFormat::Text if is_service => builder.try_init(),
        LogFormat::Text => builder.without_time().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

/// Says why the program ends, in the form of the log. Not subject to the log level: the last word is always said.
pub fn last_word(format: LogFormat, error: &anyhow::Error) {
    let text = match format {
        LogFormat::Text => format!("error: {error:#}"),
        LogFormat::Json => serde_json::json!({ "level": "ERROR", "message": format!("{error:#}") }).to_string(),
    };
    // Nobody is left to hear that standard error is gone.
    let _ = writeln!(std::io::stderr(), "{text}");
}
