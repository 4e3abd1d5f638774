//! What does truthline say about itself, and where?
//!
//! On standard error, as text for people or as JSON for machines. Standard output belongs to the data.

use std::io::Write as _;

use clap::ValueEnum;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

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
    // An error means that somebody else has set up logging, as tests do.
    let _ = tracing::subscriber::set_global_default(subscriber(format, level, audience, std::io::stderr));
}

fn subscriber<W>(format: LogFormat, level: LogLevel, audience: Audience, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_writer(writer)
        .with_max_level(LevelFilter::from(level))
        .with_target(false)
        .with_thread_names(audience == Audience::Operator)
        .with_ansi(false);
    match (format, audience) {
        (LogFormat::Text, Audience::Terminal) => Box::new(builder.without_time().finish()),
        (LogFormat::Text, Audience::Operator) => Box::new(builder.finish()),
        (LogFormat::Json, _) => Box::new(builder.json().flatten_event(true).finish()),
    }
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    /// What was logged so far.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, audience: Audience) -> String {
        let lines = Lines::default();
        let to = lines.clone();
        let subscriber = subscriber(format, LogLevel::Info, audience, move || to.clone());
        let work = || {
            tracing::subscriber::with_default(subscriber, || {
                tracing::info!(partition = 3, "restored");
                tracing::debug!("not asked for");
            });
        };
        std::thread::Builder::new().name("lane-2".into()).spawn(work).unwrap().join().unwrap();
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_terminal_gets_bare_lines_and_an_operator_times_and_threads() {
        assert_eq!(logged(LogFormat::Text, Audience::Terminal), " INFO restored partition=3\n");
        let line = logged(LogFormat::Text, Audience::Operator);
        let (time, rest) = line.split_once(' ').unwrap();
        time.parse::<jiff::Timestamp>().unwrap();
        assert_eq!(rest, " INFO lane-2 restored partition=3\n");
    }

    #[test]
    fn a_machine_gets_one_object_a_line() {
        for audience in [Audience::Terminal, Audience::Operator] {
            let line = logged(LogFormat::Json, audience);
            assert_eq!(line.lines().count(), 1);
            let object: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!((&object["level"], &object["message"]), (&"INFO".into(), &"restored".into()));
            object["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
            assert_eq!(object["partition"], 3);
            assert_eq!(object["threadName"] == "lane-2", audience == Audience::Operator);
        }
    }
}
