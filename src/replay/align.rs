//! In which order are several sources read?
//!
//! Always the one that has come least far in event time: its largest time so far, the waiting record included. So no
//! source runs ahead of another by more than its own disorder, memory stays small, and what is late in the merged stream
//! is exactly what is late in its own source: a source's largest time is never smaller than that of any record taken
//! before, and it was itself taken, so both streams have the same watermark whenever a record is behind it.

use super::SourceCount;
use super::feed::Feed;
use crate::decode::Decoder;
use crate::event::{EventTime, Inference, Label, Position, Reject};
use crate::ingest::{SourceError, Step};

/// A kind of record that a feed gives.
pub trait Record: Default {
    /// Reads the next one.
    ///
    /// # Errors
    /// When the source cannot be read.
    fn read(feed: &mut dyn Feed, decoder: &mut Decoder, into: &mut Self) -> Result<Step, SourceError>;

    /// Its event time.
    fn time(&self) -> EventTime;
}

impl Record for Inference {
    fn read(feed: &mut dyn Feed, decoder: &mut Decoder, into: &mut Self) -> Result<Step, SourceError> {
        feed.next_inference(decoder, into)
    }

    fn time(&self) -> EventTime {
        self.event_time
    }
}

impl Record for Label {
    fn read(feed: &mut dyn Feed, decoder: &mut Decoder, into: &mut Self) -> Result<Step, SourceError> {
        feed.next_label(decoder, into)
    }

    fn time(&self) -> EventTime {
        self.event_time
    }
}

/// A source with its next record waiting.
pub struct Aligned<R> {
    feed: Box<dyn Feed>,
    waiting: R,
    state: State,
    furthest: Option<EventTime>,
    records: u64,
    rejected: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Empty,
    Full,
    Ended,
}

impl<R: Record> Aligned<R> {
    /// A source of which nothing was read.
    pub fn new(feed: Box<dyn Feed>) -> Self {
        Self { feed, waiting: R::default(), state: State::Empty, furthest: None, records: 0, rejected: 0 }
    }

    /// Reads until a record waits or the source has ended; a reject is returned at once, call again.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn fill(&mut self, decoder: &mut Decoder) -> Result<Option<(Reject, Position)>, SourceError> {
        if self.state != State::Empty {
            return Ok(None);
        }
        match R::read(self.feed.as_mut(), decoder, &mut self.waiting)? {
            Step::Record => {
                self.records += 1;
                self.furthest = self.furthest.max(Some(self.waiting.time()));
                self.state = State::Full;
                Ok(None)
            }
            Step::Rejected(reject) => {
                self.records += 1;
                self.rejected += 1;
                Ok(Some((reject, self.feed.position())))
            }
            Step::End => {
                self.state = State::Ended;
                Ok(None)
            }
        }
    }

    /// How far the source has come, if a record waits.
    pub fn key(&self) -> Option<EventTime> {
        if self.state == State::Full { self.furthest } else { None }
    }

    /// The waiting record; the next [`Aligned::fill`] reads another one.
    pub const fn take(&mut self) -> &R {
        self.state = State::Empty;
        &self.waiting
    }

    /// Where the record just taken stands.
    pub fn position(&self) -> Position {
        self.feed.position()
    }

    /// The name of the source.
    pub fn name(&self) -> &str {
        self.feed.name()
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.feed.bytes_read()
    }

    /// Counts the record just taken as rejected.
    pub const fn count_rejected(&mut self) {
        self.rejected += 1;
    }

    /// What it gave.
    pub fn counts(&self, kind: &'static str) -> SourceCount {
        SourceCount {
            name: self.feed.name().to_owned(),
            kind,
            records: self.records,
            rejected: self.rejected,
            bytes: self.bytes(),
        }
    }
}
