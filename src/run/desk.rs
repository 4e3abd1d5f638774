//! What happens to one record of a topic?
//!
//! It is decoded, joined and counted; or it is set aside as a dead letter that says where it stood. Either way its
//! partition goes on.

use std::sync::Arc;
use std::time::Instant;

use super::clock;
use super::feed::{Feed, Held, Side};
use super::origin::{self, Origin};
use super::placement::Sampler;
use super::setup::Setup;
use crate::decode::{Decoder, Limits};
use crate::engine::{Crew, Head, Range};
use crate::event::{EventTime, Inference, Label, Reject, RejectReason, RequestKey};
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
    /// Of the records to come; emptied for each batch of them.
    keys: Vec<RequestKey>,
    pub(super) seen: Seen,
    /// Of predictions and of labels, while it is looked at where they lie.
    pub(super) samplers: Option<[Sampler; 2]>,
}

/// What went over the desk since the last commit.
#[derive(Default)]
pub(super) struct Seen {
    /// Records and bytes of each side.
    pub(super) records: [(u64, u64); 2],
    /// Why records were rejected.
    pub(super) rejects: Vec<(Side, RejectReason)>,
    /// When records were read, and how many.
    pub(super) batches: Vec<(Instant, u64)>,
}

type Refused = (&'static str, Reject);

impl Desk {
    pub(super) fn new(setup: Arc<Setup>, transactions: Transactions, reading: Reading) -> Self {
        let config = setup.config.clone();
        let labels = config.topics.labels.is_some();
        let crew = Crew::new(config, setup.references.clone(), labels, Range::default());
        let mut crew = crew.with_journals().among_others();
        let topics = [Some(&setup.config.topics.inferences), setup.config.topics.labels.as_ref()];
        let several = topics.map(|topic| topic.map_or(1, |topic| topic.names().count() as u16));
        let [inferences, labels] = setup.sources.unwrap_or(several);
        crew = crew.with_sources(inferences, labels);
        let decoder = Decoder::new(Limits::default());
        let samplers = setup.looks_at_placement().then(Default::default);
        Self {
            setup,
            crew,
            transactions,
            reading,
            decoder,
            inference: Inference::default(),
            label: Label::default(),
            keys: Vec::new(),
            seen: Seen::default(),
            samplers,
        }
    }

    /// Reads ahead the rows that these records will look for, by their keys, which are mostly the ids of their requests.
    /// Changes nothing.
    pub(super) fn warm(&mut self, feed: &Feed, messages: &[Message<'_>]) {
        let ids = messages.iter().filter_map(|message| std::str::from_utf8(message.key()?).ok());
        self.keys.clear();
        self.keys.extend(ids.map(|id| RequestKey::new(id, 0)));
        self.crew.warm(feed.task as usize, &self.keys);
    }

    /// Takes the next record of a feed; whether it was one of the user.
    pub(super) fn take(&mut self, feed: &mut Feed, message: &Message<'_>) -> Result<bool, Failure> {
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
        let mut origin = None;
        if self.setup.sources.is_some() {
            if message.header(origin::WATERMARK).is_some() {
                self.hear(feed, message);
                feed.next = message.offset() + 1;
                feed.at_end = false;
                return Ok(false);
            }
            origin = message.header(origin::ORIGIN).and_then(Origin::parse);
        }
        let source = origin.map_or(feed.number, |origin| origin.partition);
        if let Some(origin) = origin {
            let known = feed.source(source);
            (known.furthest, known.idle) = (known.furthest.max(origin.before), None);
            if let Some(before) = origin.before {
                self.raise(feed, source, before);
            }
        }
        let taken = match feed.side {
            _ if origin.is_none() && self.setup.sources.is_some() => Err(self.refuse_stranger(feed)),
            Side::Inferences => match self.read_inference(feed, raw) {
                Ok(()) if self.crew.must_wait_from(feed.task as usize, source, &self.inference) => {
                    // Nothing of it is counted yet, but how far its partition has come is known.
                    feed.come_to(source, self.inference.event_time);
                    let bytes = raw.value.map_or(0, <[u8]>::len);
                    let record = self.inference.clone();
                    feed.held = Some(Box::new(Held { record, offset: message.offset(), bytes, origin }));
                    return Ok(true);
                }
                Ok(()) => self.count_inference(feed.task as usize, source),
                Err(refused) => Err(refused),
            },
            Side::Labels => self.take_label(feed, source, raw),
        };
        let (records, bytes) = &mut self.seen.records[feed.side as usize];
        *records += 1;
        *bytes += raw.value.map_or(0, |value| value.len() as u64);
        match taken {
            Ok(time) => feed.come_to(source, time),
            Err((stage, reject)) => {
                self.set_aside(feed, (message.offset(), origin), raw.key, stage, reject)?;
            }
        }
        feed.next = message.offset() + 1;
        feed.at_end = false;
        Ok(true)
    }

    /// Hears how far the sources of a feed have come.
    fn hear(&mut self, feed: &mut Feed, message: &Message<'_>) {
        let heard = origin::take_standings(message.value().unwrap_or_default(), |standing| {
            let known = feed.source(standing.source);
            (known.furthest, known.idle) = (known.furthest.max(standing.furthest), standing.idle);
            if let Some(furthest) = standing.furthest {
                self.raise(feed, standing.source, furthest);
            }
        });
        if let Err(error) = heard {
            // The sources stand still then until the next one: nothing is lost, windows close later.
            let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
            tracing::error!(topic, partition, offset, "a watermark record cannot be read: {error}");
        }
    }

    /// The largest event time of a source is this one.
    fn raise(&mut self, feed: &Feed, source: u16, furthest: EventTime) {
        let watermark = furthest - self.setup.disorder(feed.side);
        self.crew.raise_source(feed.task as usize, feed.side.of_join(), source, watermark);
    }

    /// A record on a topic of ours that nobody of us has written.
    fn refuse_stranger(&mut self, feed: &Feed) -> Refused {
        match feed.side {
            Side::Inferences => self.crew.reject_inference(feed.task as usize),
            Side::Labels => self.crew.reject_label(feed.task as usize),
        }
        let detail = format!(
            "the record has no header '{}' that says where it came from; only truthline may write to this topic",
            origin::ORIGIN
        );
        ("read", Reject::new(RejectReason::Malformed, detail))
    }

    /// Sends a record that could not be used to the dead letters.
    fn set_aside(
        &mut self,
        feed: &Feed,
        (offset, origin): (i64, Option<Origin>),
        key: Option<&[u8]>,
        stage: &str,
        reject: Reject,
    ) -> Result<(), Failure> {
        self.seen.rejects.push((feed.side, reject.reason));
        // What was written anew leads back to where its user can find it.
        let (topic, partition, offset) = match origin {
            Some(origin) => (self.setup.input(feed.side), u32::from(origin.partition), origin.offset),
            None => (&*feed.place.topic, feed.place.partition as u32, offset),
        };
        let letter = DeadLetter {
            topic: topic.to_owned(),
            partition,
            offset: offset as u64,
            stage: stage.to_owned(),
            reason: reject.reason.name().to_owned(),
            detail: reject.detail,
        };
        let (to, group) = (&self.setup.names.dead_letters, &self.setup.config.kafka.group);
        send_letter(&mut self.transactions, to, group, &letter, key)
    }

    /// Goes on with the prediction that a feed had to hold back; whether it need not wait any more.
    pub(super) fn go_on(&mut self, feed: &mut Feed) -> Result<bool, Failure> {
        let task = feed.task as usize;
        let number = feed.number;
        let source = |held: &Held| held.origin.map_or(number, |origin| origin.partition);
        let Some(held) = feed.held.take_if(|held| !self.crew.must_wait_from(task, source(held), &held.record)) else {
            return Ok(false);
        };
        let source = source(&held);
        let Held { record, offset, bytes, origin } = *held;
        self.inference = record;
        let (records, read) = &mut self.seen.records[feed.side as usize];
        *records += 1;
        *read += bytes as u64;
        if let Err((stage, reject)) = self.count_inference(task, source) {
            let key = self.inference.request_id.clone();
            self.set_aside(feed, (offset, origin), Some(key.as_bytes()), stage, reject)?;
        }
        feed.next = offset + 1;
        Ok(true)
    }

    /// What a task tells the judges since its last commit.
    pub(super) fn delta(&mut self, task: u32, head: &mut Head) -> Vec<Vec<Vec<u8>>> {
        self.crew.delta(task as usize, self.setup.judges, self.decoder.names(), head)
    }

    fn read_inference(&mut self, feed: &Feed, raw: Raw<'_>) -> Result<(), Refused> {
        self.reading.inference(&mut self.decoder, raw, &mut self.inference).map_err(|reject| {
            self.crew.reject_inference(feed.task as usize);
            ("decode", reject)
        })?;
        self.look(feed, raw);
        Ok(())
    }

    /// Looks where the record just read lies, if it is one of the sample.
    #[inline]
    fn look(&mut self, feed: &Feed, raw: Raw<'_>) {
        let Some(samplers) = &mut self.samplers else { return };
        let sampler = &mut samplers[feed.side as usize];
        // A label without a value has its id from the key, which thus says nothing.
        if raw.value.is_some() && sampler.wants() {
            let id = match feed.side {
                Side::Inferences => &self.inference.request_id,
                Side::Labels => &self.label.request_id,
            };
            sampler.see(raw.key, id, feed.place.partition as u32, self.setup.partitions);
        }
    }

    fn count_inference(&mut self, task: usize, source: u16) -> Result<EventTime, Refused> {
        let taken = self.crew.inference_from(task, source, &self.inference, self.decoder.names());
        taken.map(|()| self.inference.event_time).map_err(|reject| ("join", reject))
    }

    fn take_label(&mut self, feed: &Feed, source: u16, raw: Raw<'_>) -> Result<EventTime, Refused> {
        let task = feed.task as usize;
        if let Err(reject) = self.reading.label(&mut self.decoder, raw, &mut self.label) {
            self.crew.reject_label(task);
            return Err(("decode", reject));
        }
        self.look(feed, raw);
        let taken = self.crew.label_from(task, source, &self.label);
        taken.map(|()| self.label.event_time).map_err(|reject| ("join", reject))
    }
}

impl Feed {
    /// A record of a source has this time.
    fn come_to(&mut self, source: u16, time: EventTime) {
        self.furthest = self.furthest.max(Some(time));
        if !self.known.is_empty() {
            let known = self.source(source);
            known.furthest = known.furthest.max(Some(time));
        }
    }

    /// Notes that something was read just now.
    pub(super) fn note_read(&mut self) {
        self.moved = Instant::now();
        self.read = Some(clock::now());
    }
}
