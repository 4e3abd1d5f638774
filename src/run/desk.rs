//! What happens to one record of a topic?
//!
//! It is decoded, joined and counted; or it is set aside as a dead letter that says where it stood. Either way its
//! partition goes on.

use std::sync::Arc;
use std::time::Instant;

use super::clock;
use super::feed::{Feed, Side};
use super::setup::Setup;
use crate::decode::{Decoder, Limits};
use crate::engine::{Crew, Range};
use crate::event::{EventTime, Inference, Label, Reject};
use crate::exchange::{Raw, Reading, send_letter};
use crate::finding::DeadLetter;
use crate::kafka::{Failure, Message, Transactions};

/// Where records of all feeds of a lane are worked on.
pub(super) struct Desk {
    pub(super) setup: Arc<Setup>,
    pub(super) crew: Crew,
    pub(super) transactions: Transactions,
    reading: Reading,
    decoder: Decoder,
    inference: Inference,
    label: Label,
}

type Refused = (&'static str, Reject);

impl Desk {
    pub(super) fn new(setup: Arc<Setup>, transactions: Transactions, reading: Reading) -> Self {
        let config = setup.config.clone();
        let labels = config.topics.labels.is_some();
        let crew = Crew::new(config, setup.references.clone(), labels, Range::default()).with_journals();
        let decoder = Decoder::new(Limits::default());
        Self { setup, crew, transactions, reading, decoder, inference: Inference::default(), label: Label::default() }
    }

    /// Takes the next record of a feed.
    pub(super) fn take(&mut self, feed: &mut Feed, message: &Message<'_>) -> Result<(), Failure> {
        if message.offset() < feed.next {
            // The client gave records of one partition out of their order; nothing that was counted can be trusted.
            return Err(Failure::Doubt(format!(
                "{} partition {}: offset {} came after {}",
                feed.place.topic,
                feed.place.partition,
                message.offset(),
                feed.next - 1
            )));
        }
        let raw = Raw { key: message.key(), value: message.value(), time: message.time() };
        let taken = match feed.side {
            Side::Inferences => self.take_inference(feed.task as usize, raw),
            Side::Labels => self.take_label(feed.task as usize, raw),
        };
        match taken {
            Ok(time) => feed.furthest = feed.furthest.max(Some(time)),
            Err((stage, reject)) => {
                let letter = DeadLetter {
                    topic: feed.place.topic.clone(),
                    partition: feed.place.partition as u32,
                    offset: message.offset() as u64,
                    stage: stage.to_owned(),
                    reason: reject.reason.name().to_owned(),
                    detail: reject.detail,
                };
                let (to, group) = (&self.setup.names.dead_letters, &self.setup.config.kafka.group);
                send_letter(&mut self.transactions, to, group, &letter, raw.key)?;
            }
        }
        feed.next = message.offset() + 1;
        feed.at_end = false;
        Ok(())
    }

    fn take_inference(&mut self, task: usize, raw: Raw<'_>) -> Result<EventTime, Refused> {
        if let Err(reject) = self.reading.inference(&mut self.decoder, raw, &mut self.inference) {
            self.crew.reject_inference(task);
            return Err(("decode", reject));
        }
        let taken = self.crew.inference(task, &self.inference, self.decoder.names());
        taken.map(|()| self.inference.event_time).map_err(|reject| ("join", reject))
    }

    fn take_label(&mut self, task: usize, raw: Raw<'_>) -> Result<EventTime, Refused> {
        if let Err(reject) = self.reading.label(&mut self.decoder, raw, &mut self.label) {
            self.crew.reject_label(task);
            return Err(("decode", reject));
        }
        let taken = self.crew.label(task, &self.label);
        taken.map(|()| self.label.event_time).map_err(|reject| ("join", reject))
    }
}

impl Feed {
    /// Notes that something was read just now.
    pub(super) fn note_read(&mut self) {
        self.moved = Instant::now();
        self.read = Some(clock::now());
    }
}
