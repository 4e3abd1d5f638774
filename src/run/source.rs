//! What of one partition of an input waits to be written anew, and how far has the partition come?
//!
//! One record is read ahead, so that of several sources the one that has come least far can go first: in the order in
//! which a replay aligns them. The memory of the record before is used again.

use std::time::{Duration, Instant};

use super::feed::Side;
use super::origin::{Origin, Standing};
use crate::event::{EventTime, Span};
use crate::kafka::{Message, Queue, TopicPartition};

/// How often a source that is idle says so again.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Beside a committed offset: the source was idle there.
const IDLE: &str = "idle";

/// A record that was read and not written yet.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) id: String,
    /// Its event time; `None` if it moves no watermark.
    pub(super) time: Option<EventTime>,
    pub(super) offset: i64,
    pub(super) millis: Option<i64>,
    value: Vec<u8>,
    is_null: bool,
}

impl Waiting {
    pub(super) fn value(&self) -> Option<&[u8]> {
        (!self.is_null).then_some(&*self.value)
    }

    /// Keeps what was read of a record.
    pub(super) fn keep(&mut self, message: &Message<'_>, id: &str, time: Option<EventTime>) {
        id.clone_into(&mut self.id);
        self.time = time;
        self.offset = message.offset();
        self.millis = message.time().map(|time| time.micros().div_euclid(1_000));
        self.value.clear();
        self.value.extend_from_slice(message.value().unwrap_or_default());
        self.is_null = message.value().is_none();
    }
}

/// What is known at some moment of how far a source has come, whatever it brings next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// The largest event time, that of a waiting record included: what comes after it is late by that.
    pub(super) furthest: Option<EventTime>,
    /// The time on the clock, if it is idle.
    pub(super) idle: Option<EventTime>,
}

impl Reach {
    /// Whether a record that is so far may go before whatever comes from this source.
    pub(super) fn allows(self, time: EventTime, slack: Span) -> bool {
        self.furthest.max(self.idle).is_some_and(|reach| time <= reach + slack)
    }
}

/// How far a source has come, as it is kept beside the offset that belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) furthest: Option<EventTime>,
    pub(super) idle: bool,
}

impl Note {
    pub(super) fn write(&self) -> String {
        let furthest = self.furthest.map_or_else(|| "-".to_owned(), |time| time.micros().to_string());
        if self.idle { format!("{furthest} {IDLE}") } else { furthest }
    }

    /// Reads one. Whoever moves offsets by hand leaves none; nothing is known of the source then.
    pub(super) fn parse(text: &str) -> Self {
        let mut words = text.split(' ');
        let furthest = words.next().and_then(|word| word.parse().ok()).map(EventTime::from_micros_unchecked);
        Self { furthest, idle: words.next() == Some(IDLE) }
    }
}

/// What every partition of the target was told last.
#[derive(Clone, Copy)]
struct Told {
    reach: Reach,
    at: Instant,
}

/// One partition of an input.
pub(super) struct Source {
    pub(super) place: TopicPartition,
    pub(super) side: Side,
    pub(super) queue: Queue,
    /// The offset that comes next: after the last record that was written, or set aside.
    pub(super) next: i64,
    /// The largest event time of what was written.
    furthest: Option<EventTime>,
    pub(super) waiting: Waiting,
    /// Whether a record waits.
    pub(super) is_full: bool,
    /// Whether everything that is committed has been read.
    pub(super) at_end: bool,
    /// When anything was read last, or it was begun with.
    moved: Instant,
    /// Whether it was idle when somebody else worked on it, and nothing came since.
    was_idle: bool,
    told: Option<Told>,
}

impl Source {
    /// A source at an offset, with what is known of what lies before it.
    pub(super) fn new(place: TopicPartition, side: Side, queue: Queue, next: i64, note: &Note) -> Self {
        Self {
            place,
            side,
            queue,
            next,
            furthest: note.furthest,
            waiting: Waiting::default(),
            is_full: false,
            at_end: false,
            moved: Instant::now(),
            was_idle: note.idle,
            told: None,
        }
    }

    /// Its number.
    pub(super) fn number(&self) -> u16 {
        self.place.partition as u16
    }

    /// How far it has come, with the record that waits.
    pub(super) fn key(&self) -> Option<EventTime> {
        if self.is_full { self.furthest.max(self.waiting.time) } else { self.furthest }
    }

    /// How far it has come, or the clock without it. `outside` is the time on the clock.
    pub(super) fn reach(&self, patience: Duration, now: Instant, outside: EventTime) -> Reach {
        Reach { furthest: self.key(), idle: self.is_idle(patience, now).then_some(outside) }
    }

    /// What every partition of the target was told.
    pub(super) fn told_reach(&self) -> Reach {
        self.told.map_or_else(Reach::default, |told| told.reach)
    }

    /// Where the record that waits stands.
    pub(super) fn origin(&self) -> Origin {
        Origin { partition: self.number(), offset: self.waiting.offset, before: self.furthest }
    }

    /// A record was read just now.
    pub(super) fn read(&mut self) {
        self.moved = Instant::now();
        self.at_end = false;
        self.was_idle = false;
    }

    /// The record that waited is written.
    pub(super) fn written(&mut self) {
        self.furthest = self.key();
        self.next = self.waiting.offset + 1;
        self.is_full = false;
    }

    fn is_idle(&self, patience: Duration, now: Instant) -> bool {
        self.at_end && !self.is_full && (self.was_idle || now.duration_since(self.moved) >= patience)
    }

    /// What is kept beside its offset.
    pub(super) fn note(&self, patience: Duration, now: Instant) -> Note {
        Note { furthest: self.furthest, idle: self.is_idle(patience, now) }
    }

    /// What the targets must be told of it now, if anything, given how far it is: what has changed, and now and then, or
    /// at once, that it is idle still.
    pub(super) fn news(&self, reach: Reach, now: Instant, at_once: bool) -> Option<Reach> {
        let Some(told) = self.told else { return (reach != Reach::default()).then_some(reach) };
        let changed = told.reach.furthest != reach.furthest || told.reach.idle.is_some() != reach.idle.is_some();
        let again = reach.idle.is_some() && (at_once || now.duration_since(told.at) >= HEARTBEAT);
        (changed || again).then_some(reach)
    }

    /// They are told.
    pub(super) fn tell(&mut self, reach: Reach, disorder: Span, at: Instant) -> Standing {
        self.told = Some(Told { reach, at });
        Standing { source: self.number(), furthest: reach.furthest, idle: reach.idle.map(|idle| idle - disorder) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> EventTime {
        EventTime::from_micros_unchecked(micros)
    }

    #[test]
    fn a_note_is_read_as_it_was_written_and_nothing_is_known_without_one() {
        for furthest in [None, Some(at(-5)), Some(at(1_767_225_600_000_000))] {
            for idle in [false, true] {
                let note = Note { furthest, idle };
                assert_eq!(Note::parse(&note.write()), note);
            }
        }
        assert_eq!(Note::parse(""), Note::default());
        assert_eq!(Note::parse("by hand"), Note::default());
    }

    #[test]
    fn a_source_lets_others_go_ahead_by_the_slack_or_by_the_clock_while_it_is_idle() {
        let slack = Span::from_micros(10);
        let reach = |furthest: Option<i64>, idle: Option<i64>| Reach { furthest: furthest.map(at), idle: idle.map(at) };
        assert!(reach(Some(100), None).allows(at(110), slack) && !reach(Some(100), None).allows(at(111), slack));
        assert!(reach(Some(100), Some(500)).allows(at(510), slack));
        assert!(!reach(None, None).allows(at(0), slack), "nobody knows what it brings");
        assert!(reach(None, Some(0)).allows(at(10), slack));
    }
}
