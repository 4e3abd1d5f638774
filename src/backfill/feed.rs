//! How is one partition read as a feed?
//!
//! Record by record, from one offset to another. A feed waits for its own partition only: each has a queue of its own,
//! and the client fetches for all of them meanwhile. Values are decoded where the client has put them; of a record only
//! the key is kept, because a dead letter carries it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::plan::Planned;
use crate::config::Config;
use crate::decode::Decoder;
use crate::event::{Inference, Label, Position, Reject};
use crate::exchange::{Raw, Reading};
use crate::ingest::{SourceError, Step};
use crate::kafka::{Incoming, KafkaTrouble, Message, Stretch, Stretches, TopicPartition};
use crate::replay::Feed;

/// How long a partition is waited for before anything else has its turn.
const WAIT: Duration = Duration::from_millis(100);
/// After so many waits without a record the broker counts as gone: a minute.
const SILENCE: u32 = 600;
/// Records of one partition after which the client may speak.
const SPEAK: u64 = 4_096;

/// What all feeds of a replay share.
struct Shared {
    stretches: Stretches,
    reading: Reading,
    /// Whether somebody asked to stop.
    stop: Box<dyn Fn() -> bool>,
}

/// One partition as a feed.
pub struct TopicFeed {
    shared: Rc<Shared>,
    queue: Stretch,
    place: TopicPartition,
    index: u16,
    from: i64,
    to: i64,
    /// The offset of the record that was given last.
    given: i64,
    /// The offset that comes next.
    next: i64,
    bytes: u64,
    records: u64,
    key: Option<Vec<u8>>,
    ended: bool,
}

impl TopicFeed {
    /// Feeds of these partitions, in their order. `stop` is asked while a partition is waited for.
    ///
    /// # Errors
    /// When the client cannot be made, or a mapping of the configuration cannot be used.
    pub fn open(
        config: &Arc<Config>,
        planned: &[Planned],
        stop: impl Fn() -> bool + 'static,
    ) -> Result<Vec<Self>, KafkaTrouble> {
        let stretches = Stretches::open(config.clone(), planned.len() as u32)?;
        let starts: Vec<(TopicPartition, i64)> =
            planned.iter().map(|planned| (planned.place.clone(), planned.from)).collect();
        let queues = stretches.begin(&starts)?;
        let shared = Rc::new(Shared { stretches, reading: Reading::new(config)?, stop: Box::new(stop) });
        let mut topics: Vec<&str> = Vec::new();
        let mut feeds = Vec::with_capacity(planned.len());
        for (planned, queue) in planned.iter().zip(queues) {
            let topic = planned.place.topic.as_str();
            let index = topics.iter().position(|known| *known == topic).unwrap_or_else(|| {
                topics.push(topic);
                topics.len() - 1
            });
            feeds.push(Self {
                shared: shared.clone(),
                queue,
                place: planned.place.clone(),
                index: index as u16,
                from: planned.from,
                to: planned.to,
                given: planned.from,
                next: planned.from,
                bytes: 0,
                records: 0,
                key: None,
                ended: planned.from >= planned.to,
            });
        }
        Ok(feeds)
    }

    fn read(&mut self, decode: impl FnOnce(&Reading, Raw<'_>) -> Result<(), Reject>) -> Result<Step, SourceError> {
        if self.ended {
            return Ok(Step::End);
        }
        self.records += 1;
        let shared = &*self.shared;
        let topic =
            |source: KafkaTrouble| SourceError::Topic { topic: self.place.topic.clone(), source: source.into() };
        if self.records.is_multiple_of(SPEAK) {
            shared.stretches.listen().map_err(topic)?;
        }
        let Some(message) = pull(shared, &self.queue, &self.place, self.next)? else {
            self.ended = true;
            return Ok(Step::End);
        };
        if message.offset() >= self.to {
            self.ended = true;
            return Ok(Step::End);
        }
        self.given = message.offset();
        self.next = self.given + 1;
        self.ended = self.next >= self.to;
        let raw = Raw { key: message.key(), value: message.value(), time: message.time() };
        self.bytes += raw.value.map_or(0, |value| value.len() as u64);
        keep(&mut self.key, raw.key);
        Ok(decode(&shared.reading, raw).map_or_else(Step::Rejected, |()| Step::Record))
    }
}

/// Keeps a key in the memory of the one before.
fn keep(kept: &mut Option<Vec<u8>>, key: Option<&[u8]>) {
    match (key, kept.as_mut()) {
        (Some(key), Some(kept)) => key.clone_into(kept),
        (key, _) => *kept = key.map(<[u8]>::to_vec),
    }
}

/// Waits for the next record of a partition; `None` at the end of what is committed.
fn pull<'a>(
    shared: &Shared,
    queue: &'a Stretch,
    place: &TopicPartition,
    next: i64,
) -> Result<Option<Message<'a>>, SourceError> {
    let failed = |source: KafkaTrouble| SourceError::Topic { topic: place.topic.clone(), source: source.into() };
    for _ in 0..SILENCE {
        match shared.stretches.next(queue, WAIT).map_err(failed)? {
            Some(Incoming::End(_)) => return Ok(None),
            Some(Incoming::Record(message)) if message.offset() >= next => return Ok(Some(message)),
            // The client may give a record again after it has lost its broker.
            Some(Incoming::Record(_)) => {}
            None => {
                shared.stretches.listen().map_err(failed)?;
                if (shared.stop)() {
                    return Err(SourceError::Interrupted { path: place.topic.clone() });
                }
            }
        }
    }
    Err(failed(KafkaTrouble::Failed {
        doing: format!("reading {} partition {} from offset {next}", place.topic, place.partition),
        reason: format!("nothing came for {} s", WAIT.as_secs_f64() * f64::from(SILENCE)),
    }))
}

impl Feed for TopicFeed {
    fn next_inference(&mut self, decoder: &mut Decoder, into: &mut Inference) -> Result<Step, SourceError> {
        self.read(|reading, raw| reading.inference(decoder, raw, into))
    }

    fn next_label(&mut self, decoder: &mut Decoder, into: &mut Label) -> Result<Step, SourceError> {
        self.read(|reading, raw| reading.label(decoder, raw, into))
    }

    fn position(&self) -> Position {
        Position { source: self.index, partition: self.place.partition as u32, offset: self.given as u64 }
    }

    fn name(&self) -> &str {
        &self.place.topic
    }

    fn bytes_read(&self) -> u64 {
        self.bytes
    }

    fn progress(&self) -> u64 {
        (if self.ended { self.to } else { self.next } - self.from).max(0) as u64
    }

    fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    fn offsets(&self) -> Option<(i64, i64)> {
        Some((self.given, self.next))
    }
}
