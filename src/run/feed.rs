//! How far has one partition of one input been read, and which one comes next?

use std::time::{Duration, Instant};

use super::clock;
use crate::engine::Reach;
use crate::event::{EventTime, Inference, Span};
use crate::kafka::{Queue, TopicPartition};

/// What the records of an input are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Predictions.
    Inferences,
    /// Labels.
    Labels,
}

/// One partition of an input, while it is read.
pub(super) struct Feed {
    pub(super) place: TopicPartition,
    pub(super) side: Side,
    pub(super) task: u32,
    /// Which input of its task this is.
    pub(super) input: usize,
    /// The offset that comes next.
    pub(super) next: i64,
    /// The largest event time read.
    pub(super) furthest: Option<EventTime>,
    /// Whether everything that is committed has been read.
    pub(super) at_end: bool,
    /// A prediction that waits for what its model learns elsewhere; nothing behind it is read.
    pub(super) held: Option<Box<Held>>,
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
}

/// A record that waits.
pub(super) struct Held {
    pub(super) record: Inference,
    pub(super) offset: i64,
    pub(super) bytes: usize,
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

    /// How many records of a side of a task are still to be read: none when it has met the end since it read last;
    /// `None` while that is not known.
    pub(super) fn behind(&self, task: u32, side: Side) -> Option<u64> {
        let mut feeds = self.feeds.iter().filter(|feed| feed.task == task && feed.side == side);
        feeds.all(|feed| feed.at_end).then_some(0)
    }

    /// How far a side of a task has come by the clock outside; its watermark is filled in by who knows it.
    ///
    /// A side is idle as far as its idle inputs go; those that are not idle hold it where their records are.
    pub(super) fn reach(&self, task: u32, side: Side, patience: Duration, now: Instant, disorder: Span) -> Reach {
        let feeds = || self.feeds.iter().filter(move |feed| feed.task == task && feed.side == side);
        let idle = feeds().any(|feed| feed.is_idle(patience, now));
        let live = feeds().filter(|feed| !feed.is_idle(patience, now)).map(|feed| feed.furthest).min();
        let outside = clock::now() - disorder;
        let idle = match live {
            _ if !idle => None,
            None => Some(outside),
            Some(live) => live.map(|live| outside.min(live - disorder)),
        };
        Reach { watermark: None, idle, read: feeds().filter_map(|feed| feed.read).max() }
    }
}
