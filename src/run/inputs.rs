//! Which partitions of which topics make up one task?
//!
//! Partition p of every input: the predictions first, then the labels, always in this order. The group gives equal
//! partitions of all topics to one member; anything else is refused, for then rows and labels would miss each other.

use std::collections::{BTreeMap, BTreeSet};

use super::books::Books;
use super::error::RunError;
use super::feed::Side;
use super::setup::Setup;
use crate::config::Start;
use crate::kafka::{KafkaTrouble, Member, Names, TopicPartition};

/// The topics that are read, in order.
pub(super) struct Inputs {
    topics: Vec<(String, Side)>,
}

impl Inputs {
    pub(super) fn of(setup: &Setup) -> Self {
        let Names { inferences, labels, keyed_inferences, keyed_labels, .. } = &setup.names;
        let anew = setup.sources.is_some();
        let mut topics = vec![(if anew { keyed_inferences } else { inferences }.clone(), Side::Inferences)];
        let configured = &setup.config.topics;
        topics.extend(configured.inferences.others.iter().map(|other| (other.clone(), Side::Inferences)));
        topics.extend(labels.as_ref().map(|labels| (if anew { keyed_labels } else { labels }.clone(), Side::Labels)));
        let others = configured.labels.iter().flat_map(|topic| &topic.others);
        topics.extend(others.map(|other| (other.clone(), Side::Labels)));
        Self { topics }
    }

    /// Which of the topics of its side an input is.
    pub(super) fn number(&self, input: usize) -> u16 {
        let side = self.side(input);
        self.topics[..input].iter().filter(|(_, other)| *other == side).count() as u16
    }

    pub(super) fn topics(&self) -> Vec<&str> {
        self.topics.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.topics.len()
    }

    pub(super) fn side(&self, input: usize) -> Side {
        self.topics[input].1
    }

    /// The partitions of a task, one for each input.
    pub(super) fn of_task(&self, task: u32) -> Vec<TopicPartition> {
        let place = |(name, _): &(String, Side)| TopicPartition { topic: name.clone(), partition: task as i32 };
        self.topics.iter().map(place).collect()
    }

    /// The tasks that an assignment amounts to, in order.
    pub(super) fn tasks(&self, assigned: &[TopicPartition]) -> Result<Vec<u32>, RunError> {
        let tasks: BTreeSet<i32> = assigned.iter().map(|place| place.partition).collect();
        let whole = tasks.len() * self.len() == assigned.len();
        if !whole {
            let problem = "the group gave this process a partition of one input without the same partition of the other; \
                           every member has to use the assignor `range`, and all inputs need equally many partitions";
            return Err(KafkaTrouble::Wrong { problems: vec![problem.to_owned()] }.into());
        }
        Ok(tasks.into_iter().map(|task| task as u32).collect())
    }

    /// The next offsets of some tasks, as a transaction takes them.
    pub(super) fn offsets(&self, tasks: &[(u32, Vec<i64>)]) -> Vec<(TopicPartition, i64)> {
        let of = |(task, next): &(u32, Vec<i64>)| self.of_task(*task).into_iter().zip(next.clone()).collect::<Vec<_>>();
        tasks.iter().flat_map(of).collect()
    }

    /// The next offsets of the tasks that are here.
    pub(super) fn starts(&self, books: &BTreeMap<u32, Books>) -> Vec<(TopicPartition, i64)> {
        let tasks: Vec<(u32, Vec<i64>)> = books.iter().map(|(&task, books)| (task, books.next.clone())).collect();
        self.offsets(&tasks)
    }

    /// Where a task begins that was never committed.
    pub(super) fn beginning(&self, setup: &Setup, member: &Member, task: u32) -> Result<Vec<i64>, RunError> {
        let mut next = Vec::with_capacity(self.len());
        for place in self.of_task(task) {
            let (first, last) = member.bounds(&place)?;
            next.push(match setup.config.start {
                // What was written anew begins where the inputs were begun.
                _ if setup.sources.is_some() => first,
                Start::Earliest => first,
                Start::Latest => last,
                Start::At(time) => member.offset_at(&place, time)?.unwrap_or(last),
            });
        }
        Ok(next)
    }
}
