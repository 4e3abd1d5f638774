//! How does a producer tell what it has written while somebody waits for it?
//!
//! It tells it to the context of its client, which keeps it until it is asked for. Its words go into our log.
//!
//! The client's own waiting asks the clock over and over, a whole processor long. So we sleep in short steps and let it
//! speak in between: for a moment, because it tells one thing at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, DeliveryResult, ProducerContext};

use super::log::client_line;

/// How long we sleep at a time.
const STEP: Duration = Duration::from_millis(2);
/// How long the client may speak after each step.
const SPEECH: Duration = Duration::from_micros(50);

/// What is kept of the records that a producer was given.
pub(super) trait Deliveries: Default + Send + 'static {
    /// One was written, or was not. `ticket` is the number that it was sent with.
    fn note(&mut self, result: &DeliveryResult<'_>, ticket: usize);
}

/// The context of the client of a producer.
#[derive(Default)]
pub(super) struct Context<D> {
    deliveries: Mutex<D>,
}

impl<D> Context<D> {
    /// What has become of the records so far.
    pub(super) fn deliveries(&self) -> MutexGuard<'_, D> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Deliveries> ClientContext for Context<D> {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        client_line(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!("kafka client: {error}: {reason}");
    }

    fn stats_raw(&self, _: &[u8]) {}
}

impl<D: Deliveries> ProducerContext for Context<D> {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: usize) {
        self.deliveries().note(result, ticket);
    }
}

/// Waits a while, and lets the producer tell what has been written meanwhile.
pub(super) fn serve<C: ProducerContext>(producer: &BaseProducer<C>, wait: Duration) {
    let mut left = wait;
    while !left.is_zero() {
        let step = left.min(STEP);
        std::thread::sleep(step);
        producer.poll(SPEECH);
        left -= step;
    }
}
