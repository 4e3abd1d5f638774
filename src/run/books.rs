//! What does a lane remember of a task between two commits?

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::join::Due;

/// Where a task stands, and what of its changelog is still needed.
pub(super) struct Books {
    /// Next offset of each input, as committed.
    pub(super) next: Vec<i64>,
    /// When the judges last heard of the task; `None` before the first time.
    pub(super) said: Option<Instant>,
    /// Records of the changelog that may still be needed: the first offset of a commit, and until when it matters.
    blocks: VecDeque<(i64, Due)>,
}

impl Books {
    pub(super) fn new(next: Vec<i64>) -> Self {
        Self { next, said: None, blocks: VecDeque::new() }
    }

    /// Whether the task stands where these committed offsets are.
    pub(super) fn is_at(&self, committed: &[Option<i64>]) -> bool {
        self.next.iter().zip(committed).all(|(next, committed)| Some(*next) == *committed)
    }

    /// Whether the judges should hear of the task again although nothing was read.
    pub(super) fn is_due(&self, now: Instant, every: Duration) -> bool {
        self.said.is_none_or(|said| now.duration_since(said) >= every)
    }

    /// Notes that a commit has ended well: what stands in the changelog from `offset` on matters until `due`.
    pub(super) fn commit(&mut self, next: Vec<i64>, block: Option<(i64, Due)>) {
        self.next = next;
        self.blocks.extend(block);
    }

    /// Forgets the oldest parts of the changelog that no longer matter; the first offset that still does, if it has
    /// moved. The newest commit always matters: it says where the task stands.
    pub(super) fn trim(&mut self, outlived: impl Fn(Due) -> bool) -> Option<i64> {
        let before = self.blocks.len();
        while self.blocks.len() > 1 && self.blocks.front().is_some_and(|(_, due)| outlived(*due)) {
            self.blocks.pop_front();
        }
        (self.blocks.len() < before).then(|| self.blocks.front().map(|(offset, _)| *offset)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventTime;

    fn due(micros: i64) -> Due {
        Due { rows: Some(EventTime::from_micros_unchecked(micros)), ..Due::default() }
    }

    #[test]
    fn the_changelog_is_trimmed_from_its_old_end_and_never_to_nothing() {
        let mut books = Books::new(vec![0]);
        for (offset, until) in [(10, 5), (20, 9), (30, 7), (40, 8)] {
            books.commit(vec![offset], Some((offset, due(until))));
        }
        let past = |moment: i64| move |due: Due| due.rows < Some(EventTime::from_micros_unchecked(moment));
        assert_eq!(books.trim(past(5)), None);
        assert_eq!(books.trim(past(8)), Some(20), "the second one still holds back the third");
        assert_eq!(books.trim(past(100)), Some(40));
        assert_eq!(books.trim(past(1000)), None, "the newest one says where the task stands");
    }

    #[test]
    fn a_task_is_where_it_was_committed() {
        let books = Books::new(vec![3, 5]);
        assert!(books.is_at(&[Some(3), Some(5)]));
        assert!(!books.is_at(&[Some(3), None]) && !books.is_at(&[Some(3), Some(6)]));
    }
}
