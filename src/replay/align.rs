//! In which order are several sources read?
//!
//! Always the one that has come least far in event time: its largest time so far, the waiting record included. So no
//! source runs ahead of another by more than its own disorder, memory stays small, and what is late in the merged stream
//! is exactly what is late in its own source: a source's largest time is never smaller than that of any record taken
//! before, and it was itself taken, so both streams have the same watermark whenever a record is behind it.

use serde::{Deserialize, Serialize};

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

/// Where a source stood at a commit, so that another process can go on from there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Where to go on: the offset in a partition; in any other source the number of records that were read.
    pub place: u64,
    /// The largest event time, in microseconds.
    pub furthest: Option<i64>,
    /// Records that were taken.
    pub records: u64,
    /// Those of them that were rejected.
    pub rejected: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A source with its next record waiting.
pub struct Aligned<R> {
    feed: Box<dyn Feed>,
    waiting: R,
    state: State,
    furthest: Option<EventTime>,
    records: u64,
    rejected: u64,
    /// Bytes before the waiting record, and those of an earlier process.
    bytes_before: u64,
    bytes_earlier: u64,
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
        Self {
            feed,
            waiting: R::default(),
            state: State::Empty,
            furthest: None,
            records: 0,
            rejected: 0,
            bytes_before: 0,
            bytes_earlier: 0,
        }
    }

    /// Where another process has to go on.
    pub fn mark(&self) -> Mark {
        let waiting = self.state == State::Full;
        let records = self.records - u64::from(waiting);
        let place = match self.feed.offsets() {
            None => records,
            Some((before, after)) => (if waiting { before } else { after }) as u64,
        };
        let bytes = if waiting { self.bytes_earlier + self.bytes_before } else { self.bytes() };
        Mark { place, furthest: self.furthest.map(EventTime::micros), records, rejected: self.rejected, bytes }
    }

    /// Goes on where a mark was taken. A source that is read from its beginning is read again up to there; any other
    /// one must have been opened at the place of the mark.
    ///
    /// # Errors
    /// When the source cannot be read, or ends before the mark.
    pub fn resume(&mut self, mark: &Mark, decoder: &mut Decoder) -> Result<(), SourceError> {
        if self.feed.offsets().is_none() {
            for read in 0..mark.place {
                if R::read(self.feed.as_mut(), decoder, &mut self.waiting)? == Step::End {
                    return Err(SourceError::Shorter { path: self.feed.name().to_owned(), records: read });
                }
            }
        } else {
            self.bytes_earlier = mark.bytes;
        }
        self.furthest = mark.furthest.map(EventTime::from_micros_unchecked);
        self.records = mark.records;
        self.rejected = mark.rejected;
        Ok(())
    }

    /// Reads until a record waits or the source has ended; a reject is returned at once, call again.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn fill(&mut self, decoder: &mut Decoder) -> Result<Option<(Reject, Position)>, SourceError> {
        if self.state != State::Empty {
            return Ok(None);
        }
        self.bytes_before = self.feed.bytes_read();
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

    /// The key of the record read last.
    pub fn key_of_record(&self) -> Option<&[u8]> {
        self.feed.key()
    }

    /// Bytes read so far, also by earlier processes.
    pub fn bytes(&self) -> u64 {
        self.bytes_earlier + self.feed.bytes_read()
    }

    /// How far it has come.
    pub fn progress(&self) -> u64 {
        self.feed.progress()
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
            by_partition: self.feed.offsets().is_some(),
            records: self.records,
            rejected: self.rejected,
            bytes: self.bytes(),
        }
    }
}
