//! What does a task tell the judges at a commit?
//!
//! A delta: the inputs that it covers, how far the task has come, and what it counted since the last one, by model,
//! version and base window. Deltas add. Each judge gets the windows of its own models and, like every other judge, the
//! label flows of the pipeline and how far the task has come. A large delta goes as several records; it takes effect
//! with the last of them.
//!
//! Format 2: the head, then pieces (a tag, then its content), ended by the tag 0. Statistics carry their own numbers and
//! versions (`observe::Sums`); a number that is not known is an error, not a guess.

use std::sync::Arc;

use crate::event::wire::{
    WireError, expect, put, put_bytes, put_signed, put_time, take, take_array, take_byte, take_bytes, take_signed,
    take_text, take_time,
};
use crate::event::{EventTime, murmur2_partition};
use crate::judge::LabelFlow;
use crate::observe::{Layout, Sums};

/// The first format had weights of rows that nothing counted with.
const FORMAT: u8 = 2;
const END: u8 = 0;
const WINDOW: u8 = 1;
const FLOW: u8 = 2;
const LESSON: u8 = 3;
const READY: u8 = 4;

/// Bytes after which a record is full; one piece may go beyond, by the size of one window.
const FULL: usize = 400 << 10;
/// The most inputs a task can have, over both sides.
const MAX_INPUTS: u64 = 64;
/// The most tasks that a topic can have.
const MAX_TASKS: u64 = 100_000;

/// How far one side of a task has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Its watermark; `None` before the first record.
    pub watermark: Option<EventTime>,
    /// The time on the clock, less the out-of-orderness, at which the side was caught up and had been silent for longer
    /// than is worth waiting; `None` while it is not.
    pub idle: Option<EventTime>,
    /// When its last record was read, by the clock; `None` before the first.
    pub read: Option<EventTime>,
}

/// Which task a delta is from, what it covers and how far the task has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// How many tasks there are: the partitions of the inputs.
    pub tasks: u32,
    /// Which of them this is.
    pub task: u32,
    /// Next offset of each input before.
    pub from: Vec<i64>,
    /// Next offset of each input after.
    pub to: Vec<i64>,
    /// Predictions.
    pub inputs: Reach,
    /// Labels.
    pub labels: Reach,
    /// The earliest window that the task has counted a prediction in, ever.
    pub first: Option<EventTime>,
    /// Whether a limit was hit.
    pub capped: bool,
}

/// The judge that a model belongs to.
pub fn judge_of(model: &str, judges: u32) -> u32 {
    murmur2_partition(model.as_bytes(), judges)
}

/// The records of one delta for one judge, while they are written.
pub(super) struct Writer<'a> {
    head: &'a Head,
    full: Vec<Vec<u8>>,
    bytes: Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(head: &'a Head) -> Self {
        Self { head, full: Vec::new(), bytes: Vec::new() }
    }

    fn room(&mut self) -> &mut Vec<u8> {
        if self.bytes.len() >= FULL {
            let bytes = std::mem::take(&mut self.bytes);
            self.close(&bytes, false);
        }
        &mut self.bytes
    }

    fn close(&mut self, pieces: &[u8], last: bool) {
        let mut record = Vec::with_capacity(pieces.len() + 128);
        put_head(&mut record, self.head, self.full.len() as u64, last);
        record.extend_from_slice(pieces);
        record.push(END);
        self.full.push(record);
    }

    pub(super) fn window(&mut self, model: &str, version: &str, start: EventTime, meaning: u64, sums: &Sums) {
        let bytes = self.room();
        bytes.push(WINDOW);
        put_bytes(bytes, model.as_bytes());
        put_bytes(bytes, version.as_bytes());
        put_signed(bytes, start.micros());
        bytes.extend_from_slice(&meaning.to_le_bytes());
        sums.encode(bytes);
    }

    pub(super) fn flow(&mut self, start: EventTime, flow: LabelFlow) {
        let bytes = self.room();
        bytes.push(FLOW);
        put_signed(bytes, start.micros());
        for count in [flow.read, flow.orphan, flow.late] {
            put_signed(bytes, count);
        }
    }

    pub(super) fn lesson(&mut self, model: &str, told: &[u8]) {
        let bytes = self.room();
        bytes.push(LESSON);
        put_bytes(bytes, model.as_bytes());
        put_bytes(bytes, told);
    }

    /// Whether the task can follow a change of baselines, by the offset of the request.
    pub(super) fn ready(&mut self, request: i64, ready: bool) {
        let bytes = self.room();
        bytes.push(READY);
        put_signed(bytes, request);
        bytes.push(u8::from(ready));
    }

    pub(super) fn finish(mut self) -> Vec<Vec<u8>> {
        let bytes = std::mem::take(&mut self.bytes);
        self.close(&bytes, true);
        self.full
    }
}

fn put_head(bytes: &mut Vec<u8>, head: &Head, part: u64, last: bool) {
    bytes.push(FORMAT);
    put(bytes, head.tasks.into());
    put(bytes, head.task.into());
    put(bytes, part);
    bytes.push(u8::from(last));
    bytes.push(u8::from(head.capped));
    put(bytes, head.from.len() as u64);
    for (&from, &to) in head.from.iter().zip(&head.to) {
        put_signed(bytes, from);
        put_signed(bytes, to.wrapping_sub(from));
    }
    for reach in [head.inputs, head.labels] {
        put_time(bytes, reach.watermark);
        put_time(bytes, reach.idle);
        put_time(bytes, reach.read);
    }
    put_time(bytes, head.first);
}

/// A record of a delta, while it is read.
pub(super) struct Reader<'a> {
    pub(super) head: Head,
    /// Which record of the delta this is, from 0.
    pub(super) part: u64,
    /// Whether it is the last one.
    pub(super) last: bool,
    bytes: &'a [u8],
}

/// A piece of a delta.
pub(super) enum Piece<'a> {
    /// The head of the sums of a base window; [`Reader::sums`] has to follow.
    Window { model: &'a str, version: &'a str, start: EventTime, meaning: u64 },
    /// What was counted of labels.
    Flow { start: EventTime, flow: LabelFlow },
    /// What a model may learn from: see `gather`.
    Lesson { model: &'a str, told: &'a [u8] },
    /// Whether the task can follow a change of baselines.
    Ready { request: i64, ready: bool },
}

impl<'a> Reader<'a> {
    pub(super) fn new(record: &'a [u8]) -> Result<Self, WireError> {
        let bytes = &mut &record[..];
        expect("the format of a delta", take_byte(bytes)?.into(), FORMAT.into())?;
        let mut head = Head { tasks: bounded(bytes, "the number of tasks", MAX_TASKS)? as u32, ..Head::default() };
        head.task = bounded(bytes, "the number of a task", MAX_TASKS)? as u32;
        let part = take(bytes)?;
        let last = take_byte(bytes)? != 0;
        head.capped = take_byte(bytes)? != 0;
        for _ in 0..bounded(bytes, "the number of inputs", MAX_INPUTS)? {
            let from = take_signed(bytes)?;
            head.from.push(from);
            head.to.push(from.wrapping_add(take_signed(bytes)?));
        }
        for reach in [&mut head.inputs, &mut head.labels] {
            *reach = Reach { watermark: take_time(bytes)?, idle: take_time(bytes)?, read: take_time(bytes)? };
        }
        head.first = take_time(bytes)?;
        Ok(Self { head, part, last, bytes })
    }

    /// The next piece; `None` at the end.
    pub(super) fn piece(&mut self) -> Result<Option<Piece<'a>>, WireError> {
        let bytes = &mut self.bytes;
        match take_byte(bytes)? {
            END => expect("what follows a delta", bytes.len() as u64, 0).map(|()| None),
            WINDOW => {
                let (model, version) = (take_text(bytes)?, take_text(bytes)?);
                let start = EventTime::from_micros_unchecked(take_signed(bytes)?);
                let meaning = u64::from_le_bytes(take_array(bytes)?);
                Ok(Some(Piece::Window { model, version, start, meaning }))
            }
            FLOW => {
                let start = EventTime::from_micros_unchecked(take_signed(bytes)?);
                let flow =
                    LabelFlow { read: take_signed(bytes)?, orphan: take_signed(bytes)?, late: take_signed(bytes)? };
                Ok(Some(Piece::Flow { start, flow }))
            }
            LESSON => Ok(Some(Piece::Lesson { model: take_text(bytes)?, told: take_bytes(bytes)? })),
            READY => Ok(Some(Piece::Ready { request: take_signed(bytes)?, ready: take_byte(bytes)? != 0 })),
            found => Err(WireError::Unexpected { what: "the tag of a piece", found: found.into(), accepted: 4 }),
        }
    }

    /// The sums of the window whose head was just read.
    pub(super) fn sums(&mut self, layout: &Arc<Layout>) -> Result<Sums, WireError> {
        Sums::decode(&mut self.bytes, layout)
    }
}

fn bounded(bytes: &mut &[u8], what: &'static str, most: u64) -> Result<u64, WireError> {
    let found = take(bytes)?;
    if found <= most { Ok(found) } else { Err(WireError::Unexpected { what, found, accepted: most }) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head() -> Head {
        let time = |micros| Some(EventTime::from_micros_unchecked(micros));
        Head {
            tasks: 4,
            task: 3,
            from: vec![10, -1],
            to: vec![25, 7],
            inputs: Reach { watermark: time(5), idle: None, read: time(9) },
            labels: Reach { watermark: None, idle: time(-3), read: None },
            first: time(1),
            capped: true,
        }
    }

    #[test]
    fn a_delta_is_read_as_it_was_written() {
        let head = head();
        let flow = LabelFlow { read: 5, orphan: -1, late: 2 };
        let mut writer = Writer::new(&head);
        writer.flow(EventTime::from_micros_unchecked(7), flow);
        let records = writer.finish();
        let mut reader = Reader::new(&records[0]).expect("it was written");
        assert_eq!((&reader.head, reader.part, reader.last), (&head, 0, true));
        let piece = reader.piece().expect("it was written");
        assert!(matches!(piece, Some(Piece::Flow { start, flow: read }) if start.micros() == 7 && read == flow));
        assert!(reader.piece().expect("it was written").is_none());
    }

    #[test]
    fn a_large_delta_goes_as_several_records_of_which_only_the_last_says_so() {
        let head = head();
        let mut writer = Writer::new(&head);
        let (start, flow) =
            (EventTime::from_micros_unchecked(i64::MAX / 4), LabelFlow { read: 1, ..LabelFlow::default() });
        for _ in 0..100_000 {
            writer.flow(start, flow);
        }
        let records = writer.finish();
        assert!(records.len() > 1);
        let mut read = 0;
        for (place, record) in records.iter().enumerate() {
            let mut reader = Reader::new(record).expect("it was written");
            assert_eq!((reader.part, reader.last), (place as u64, place + 1 == records.len()));
            while reader.piece().expect("it was written").is_some() {
                read += 1;
            }
        }
        assert_eq!(read, 100_000);
    }

    proptest! {
        #[test]
        fn damaged_bytes_are_an_error_and_no_panic(bytes: Vec<u8>) {
            if let Ok(mut reader) = Reader::new(&bytes) {
                while let Ok(Some(_)) = reader.piece() {}
            }
        }
    }
}
