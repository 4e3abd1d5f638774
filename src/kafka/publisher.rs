//! How are records sent, each once, without a transaction?
//!
//! An idempotent producer: what is repeated after a lost answer stays one record, and records of one key keep their
//! order. What the client holds until it is written is bounded; a full queue makes the sender wait.

use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _};

use super::serve::{Context, Deliveries, serve};
use super::{KafkaTrouble, settings};
use crate::config::Config;

/// The first record that was not written: its topic, and why.
#[derive(Default)]
struct Failed(Option<(String, KafkaError)>);

impl Deliveries for Failed {
    fn note(&mut self, result: &DeliveryResult<'_>, _: usize) {
        if let Err((error, message)) = result {
            self.0.get_or_insert_with(|| (message.topic().to_owned(), error.clone()));
        }
    }
}

/// Sends records with their keys, by the partitioner of Kafka's own clients.
pub struct Publisher<'a> {
    config: &'a Config,
    producer: BaseProducer<Context<Failed>>,
}

impl<'a> Publisher<'a> {
    /// A publisher to the brokers of a configuration.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn start(config: &'a Config) -> Result<Self, KafkaTrouble> {
        let client = settings::producer(config, None);
        let producer = BaseProducer::from_config_and_context(&client, Context::default());
        let producer = producer.map_err(|error| KafkaTrouble::of(config, "making a producer", &error))?;
        Ok(Self { config, producer })
    }

    /// Sends one record, at the time of now. Waits while too much is unwritten.
    ///
    /// # Errors
    /// When it cannot be sent, or an earlier one was not written.
    pub fn send(&self, topic: &str, key: &[u8], value: Option<&[u8]>) -> Result<(), KafkaTrouble> {
        loop {
            let mut record = BaseRecord::with_opaque_to(topic, 0).key(key);
            if let Some(value) = value {
                record = record.payload(value);
            }
            match self.producer.send(record) {
                Ok(()) => return self.serve(),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    serve(&self.producer, Duration::from_millis(5));
                    self.told()?;
                }
                Err((error, _)) => return Err(KafkaTrouble::of(self.config, &format!("writing to {topic}"), &error)),
            }
        }
    }

    /// Lets the client tell what has been written, without waiting.
    ///
    /// # Errors
    /// When a record was not written.
    pub fn serve(&self) -> Result<(), KafkaTrouble> {
        self.producer.poll(Duration::ZERO);
        self.told()
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// When a record was not.
    pub fn finish(&self) -> Result<(), KafkaTrouble> {
        // The client gives up on a record that cannot be written, so this ends.
        while self.producer.in_flight_count() > 0 {
            serve(&self.producer, Duration::from_millis(1));
            self.told()?;
        }
        self.told()
    }

    fn told(&self) -> Result<(), KafkaTrouble> {
        match self.producer.context().deliveries().0.take() {
            None => Ok(()),
            Some((topic, error)) => Err(KafkaTrouble::of(self.config, &format!("writing to {topic}"), &error)),
        }
    }
}
