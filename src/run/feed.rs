//! How far has one partition of one input been read, and which one comes next?

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::clock;
use super::origin::Origin;
use crate::engine::Reach;
use crate::event::{EventTime, Inference, Span};
use crate::kafka::{Message, Queue, TopicPartition};

/// What the records of an input are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Predictions.
    Inferences,
    /// Labels.
    Labels,
}

impl Side {
    /// The same in the words of the join.
    pub(super) const fn of_join(self) -> crate::join::Side {
        match self {
            Self::Inferences => crate::join::Side::Inferences,
            Self::Labels => crate::join::Side::Labels,
        }
    }
}

/// What is known of a source: a partition that is read, or one whose records were written anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Its largest event time.
    pub(super) furthest: Option<EventTime>,
    /// The time on the clock, less the out-of-orderness, if it is idle.
    pub(super) idle: Option<EventTime>,
}

/// One partition of an input, while it is read.
pub(super) struct Feed {
    pub(super) place: TopicPartition,
    pub(super) side: Side,
    pub(super) task: u32,
    /// Which input of its task this is.
    pub(super) input: usize,
    /// Which of the topics of its side: the number of its source, unless records say another one.
    pub(super) number: u16,
    /// The offset that comes next.
    pub(super) next: i64,
    /// The largest event time read.
    pub(super) furthest: Option<EventTime>,
    /// The sources whose records were written anew into it, by their numbers; empty where it is the source.
    pub(super) known: Vec<Known>,
    /// Whether everything that is committed has been read.
    pub(super) at_end: bool,
    /// A prediction that waits for what its model learns elsewhere; nothing behind it is read.
    pub(super) held: Option<Box<Held>>,
    /// What had been taken from the client together with it: fewer records than are taken ahead, and the end (`None`).
    pub(super) behind: VecDeque<Option<Message<'static>>>,
    /// When anything was read last, or the feed was opened.
    pub(super) moved: Instant,
    /// The same by the wall clock; `None` before the first record.
    pub(super) read: Option<EventTime>,
}

impl Feed {
    /// Whether the partition is caught up and has been silent for so long.
    fn is_idle(&self, patience: Duration, now: Instant) -> bool {
        self.at_end && now.duration_since(self.moved) >= patience
    }

    /// Its sources. One that is written anew is idle where the stage that reads it says so.
    fn sources(&self, patience: Duration, now: Instant, outside: EventTime) -> impl Iterator<Item = Known> {
        let idle = self.is_idle(patience, now).then_some(outside);
        let itself = self.known.is_empty().then_some(Known { furthest: self.furthest, idle });
        itself.into_iter().chain(self.known.iter().copied())
    }

    /// The source of this number.
    pub(super) fn source(&mut self, source: u16) -> &mut Known {
        let source = usize::from(source);
        if source >= self.known.len() {
            // Bounded by the numbers of sources: 65,536.
            self.known.resize(source + 1, Known::default());
        }
        &mut self.known[source]
    }
}

/// A record that waits.
pub(super) struct Held {
    pub(super) record: Inference,
    pub(super) offset: i64,
    pub(super) bytes: usize,
    pub(super) origin: Option<Origin>,
}

/// The feeds of a lane.
#[derive(Default)]
pub(super) struct Inbox {
    pub(super) feeds: Vec<Feed>,
    /// The queue of each feed: apart, so that a record of it and the feed can be used together.
    pub(super) queues: Vec<Queue>,
}

impl Inbox {
    /// Nothing is read any more. The client closes only when its queues have gone.
    pub(super) fn clear(&mut self) {
        self.feeds.clear();
        self.queues.clear();
    }

    /// Which feeds to try, and in which order.
    ///
    /// The one that has come least far in event time comes first, so that rows and labels that wait for each other stay
    /// few. One that has more to come holds back those that are more than `drift` ahead of it; one that has not told its
    /// time yet holds back nobody, for it may be empty.
    pub(super) fn order(&self, drift: Span, order: &mut Vec<usize>) {
        let behind = self.feeds.iter().filter(|feed| !feed.at_end).filter_map(|feed| feed.furthest).min();
        let limit = behind.map(|behind| behind + drift);
        let allowed = |feed: &Feed| limit.is_none_or(|limit| feed.furthest.is_none_or(|at| at <= limit));
        order.clear();
        order.extend((0..self.feeds.len()).filter(|&place| allowed(&self.feeds[place])));
        order.sort_by_key(|&place| self.feeds[place].furthest);
    }

    /// The next offsets of a task, given those that are committed.
    pub(super) fn next(&self, task: u32, committed: &[i64]) -> Vec<i64> {
        let mut next = committed.to_vec();
        for feed in self.feeds.iter().filter(|feed| feed.task == task) {
            next[feed.input] = feed.next;
        }
        next
    }

    /// How many offsets of a side of a task are still to be read, by the ends that `end_of` knows: none where the end was
    /// met since it read last; `None` while that is not known of all its partitions.
    pub(super) fn behind(&self, task: u32, side: Side, end_of: impl Fn(&TopicPartition) -> Option<i64>) -> Option<u64> {
        let feeds = self.feeds.iter().filter(|feed| feed.task == task && feed.side == side);
        let behind = |feed: &Feed| {
            let to_go = |end: i64| u64::try_from(end - feed.next).unwrap_or(0);
            if feed.at_end { Some(0) } else { end_of(&feed.place).map(to_go) }
        };
        feeds.map(behind).sum()
    }

    /// How far a side of a task has come by the clock outside; its watermark is filled in by who knows it.
    ///
    /// A side is idle as far as its idle sources go; those that are not idle hold it where their records are.
    pub(super) fn reach(&self, task: u32, side: Side, patience: Duration, now: Instant, disorder: Span) -> Reach {
        let outside = clock::now() - disorder;
        let feeds = || self.feeds.iter().filter(move |feed| feed.task == task && feed.side == side);
        let sources = || feeds().flat_map(move |feed| feed.sources(patience, now, outside));
        let live = sources().filter(|source| source.idle.is_none()).map(|source| source.furthest).min();
        let idle = sources().filter_map(|source| source.idle).min().and_then(|outside| match live {
            None => Some(outside),
            Some(live) => live.map(|live| outside.min(live - disorder)),
        });
        Reach { watermark: None, idle, read: feeds().filter_map(|feed| feed.read).max() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> EventTime {
        EventTime::from_micros_unchecked(second * 1_000_000)
    }

    fn feed(known: Vec<Known>) -> Feed {
        Feed {
            place: TopicPartition { topic: "t".to_owned(), partition: 0 },
            side: Side::Inferences,
            task: 0,
            input: 0,
            number: 0,
            next: 0,
            furthest: None,
            known,
            at_end: false,
            held: None,
            behind: VecDeque::new(),
            moved: Instant::now(),
            read: None,
        }
    }

    fn idle_of(known: &[(Option<i64>, Option<i64>)]) -> Option<EventTime> {
        let known = known.iter().map(|(furthest, idle)| Known { furthest: furthest.map(at), idle: idle.map(at) });
        let inbox = Inbox { feeds: vec![feed(known.collect())], queues: Vec::new() };
        let disorder = Span::from_micros(10_000_000);
        inbox.reach(0, Side::Inferences, Duration::ZERO, Instant::now(), disorder).idle
    }

    #[test]
    fn sources_written_anew_are_idle_where_their_stage_says_so_and_live_ones_hold_the_side() {
        assert_eq!(idle_of(&[(Some(50), None), (Some(90), None)]), None);
        assert_eq!(idle_of(&[(Some(50), Some(200)), (None, Some(190))]), Some(at(190)), "the slower clock");
        assert_eq!(idle_of(&[(Some(50), Some(200)), (Some(90), None)]), Some(at(80)));
        assert_eq!(idle_of(&[(Some(50), Some(70)), (Some(90), None)]), Some(at(70)));
        assert_eq!(idle_of(&[(Some(50), Some(200)), (None, None)]), None, "a live source without a record holds all");
    }

    #[test]
    fn a_source_that_was_not_there_at_the_start_gets_a_place() {
        let mut feed = feed(vec![Known::default()]);
        feed.source(3).furthest = Some(at(1));
        assert_eq!((feed.known.len(), feed.known[3].furthest, feed.known[2]), (4, Some(at(1)), Known::default()));
    }
}
