//! Where do the client library's own words go?
//!
//! Into our log, never straight to standard error. What it says while a check runs is also kept, because the reason
//! of a failed call often stands only there.

use std::sync::{Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tracing::level_filters::LevelFilter;

/// How many of its words are kept; older ones go first.
const KEPT: usize = 64;

/// The level at which the library speaks: ours, and at least errors, which checks need.
pub(super) fn level() -> RDKafkaLogLevel {
    match LevelFilter::current() {
        LevelFilter::TRACE | LevelFilter::DEBUG => RDKafkaLogLevel::Debug,
        LevelFilter::INFO => RDKafkaLogLevel::Info,
        LevelFilter::WARN => RDKafkaLogLevel::Warning,
        _ => RDKafkaLogLevel::Error,
    }
}

/// Puts one line of the library into our log. For contexts of other rooms.
pub fn client_line(level: RDKafkaLogLevel, facility: &str, text: &str) {
    // One set of properties serves consumers and producers; each warns of those that are meant for the other.
    if facility == "CONFWARN" {
        tracing::debug!(facility, "kafka client: {text}");
        return;
    }
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
            tracing::error!(facility, "kafka client: {text}");
        }
        RDKafkaLogLevel::Warning => tracing::warn!(facility, "kafka client: {text}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => tracing::info!(facility, "kafka client: {text}"),
        RDKafkaLogLevel::Debug => tracing::debug!(facility, "kafka client: {text}"),
    }
}

/// One thing that the library said beside the answers to calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Its class, where it gave one.
    pub(super) code: Option<RDKafkaErrorCode>,
    /// Its text.
    pub(super) text: String,
}

/// The context of short-lived clients: keeps the last errors that the library mentions. Checks report the trouble
/// themselves, so here the lines reach the log at debug level only.
#[derive(Debug, Default)]
pub struct Heard {
    words: Mutex<Vec<Word>>,
}

impl Heard {
    fn keep(&self, code: Option<RDKafkaErrorCode>, text: &str) {
        let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        if words.len() == KEPT {
            words.remove(0);
        }
        words.push(Word { code, text: text.to_owned() });
    }

    /// What was heard so far, oldest first; forgets it.
    pub(super) fn take(&self) -> Vec<Word> {
        std::mem::take(&mut *self.words.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for Heard {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        if (level as i32) <= RDKafkaLogLevel::Error as i32 {
            self.keep(None, text);
        }
        tracing::debug!(facility, "kafka client: {text}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
            return;
        }
        self.keep(error.rdkafka_error_code(), reason);
        tracing::debug!("kafka client: {error}: {reason}");
    }

    fn stats_raw(&self, _: &[u8]) {}
}

impl ConsumerContext for Heard {}

impl ProducerContext for Heard {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            tracing::debug!("kafka client: a record was not written: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_errors_are_kept() {
        let heard = Heard::default();
        heard.log(RDKafkaLogLevel::Warning, "FAIL", "not an error");
        for at in 0..KEPT + 3 {
            heard.error(KafkaError::Global(RDKafkaErrorCode::Authentication), &at.to_string());
        }
        let words = heard.take();
        assert_eq!(words.len(), KEPT);
        assert_eq!((words[0].code, words[0].text.as_str()), (Some(RDKafkaErrorCode::Authentication), "3"));
        assert_eq!(heard.take(), []);
    }
}
