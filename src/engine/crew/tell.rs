//! What has a crew counted since the last commit, and how is it handed on?
//!
//! In a replay straight to the judge; in a service as the records of a delta for each judge.

use super::{Crew, Expected, open};
use crate::engine::court::meaning;
use crate::engine::delta::{Head, Writer, judge_of};
use crate::engine::largest_early;
use crate::event::{EventTime, FeatureNames};
use crate::judge::LabelFlow;
use crate::observe::Sums;

/// What a task has counted since the last commit, piece by piece.
pub(in crate::engine) enum Counted<'a> {
    /// In a base window of a model and version.
    Sums { model: &'a str, version: &'a str, start: EventTime, sums: &'a Sums },
    /// Of labels, in a window of the pipeline.
    Labels { start: EventTime, flow: LabelFlow },
}

impl Crew {
    /// Closes the rows of every task that can change no more.
    pub(in crate::engine) fn expire(&mut self) {
        for (partition, task) in self.tasks.iter_mut().enumerate() {
            let Some(task) = task else { continue };
            self.shared.learning.turn_to(partition);
            task.expire(&mut self.shared);
        }
    }

    /// No record will come any more: all tasks stand where the last of them does.
    pub(in crate::engine) fn end(&mut self, inputs: Option<EventTime>, labels: Option<EventTime>) {
        let early = largest_early(&self.shared.config);
        for task in self.tasks.iter_mut().flatten() {
            task.end(inputs.max(labels).map(|last| last + early), labels);
        }
    }

    /// Tells what every task has counted since the last commit, and begins anew.
    pub(in crate::engine) fn take(&mut self, mut tell: impl FnMut(Counted<'_>)) {
        for partition in 0..self.tasks.len() {
            self.take_of(partition, &mut tell);
        }
    }

    /// The same of one task; nothing if the partition has none.
    fn take_of(&mut self, partition: usize, tell: &mut impl FnMut(Counted<'_>)) {
        let Self { tasks, shared, .. } = self;
        let Some(task) = tasks.get_mut(partition).and_then(Option::as_mut) else { return };
        task.take(|cohort, start, sums| {
            let (model, version) = shared.cohorts.name(cohort);
            tell(Counted::Sums { model, version, start, sums });
        });
        for (start, flow) in task.take_labels() {
            tell(Counted::Labels { start, flow });
        }
    }

    /// What a task has counted since the last commit, as the records of its delta for each of so many judges.
    ///
    /// `head` says what the delta covers; how far the task has come in event time is filled in here. `names` are those of
    /// the features of the records. Closes the rows of the task that can change no more.
    ///
    /// # Panics
    /// If the partition has no task.
    pub fn delta(&mut self, partition: usize, judges: u32, names: &FeatureNames, head: &mut Head) -> Vec<Vec<Vec<u8>>> {
        self.shared.learning.turn_to(partition);
        let task = open(&mut self.tasks, partition);
        task.expire(&mut self.shared);
        head.inputs.watermark = task.inferences();
        head.labels.watermark = task.labels();
        head.first = task.first_window();
        head.capped = self.shared.cohorts.is_full() || task.counts().capped > 0;
        let mut meanings = std::mem::take(&mut self.meanings);
        let references = self.shared.references.clone();
        let mut writers: Vec<Writer<'_>> = (0..judges).map(|_| Writer::new(head)).collect();
        self.take_of(partition, &mut |counted| match counted {
            Counted::Sums { model, version, start, sums } => {
                let profile = references.of(model, version, start);
                let meaning = meaning(&mut meanings, profile.as_ref());
                writers[judge_of(model, judges) as usize].window(model, version, start, meaning, sums);
            }
            Counted::Labels { start, flow } => writers.iter_mut().for_each(|writer| writer.flow(start, flow)),
        });
        self.meanings = meanings;
        let furthest = self.furthest(partition).0;
        for Expected { request, model, from } in &self.expected {
            // No record of any model has come so far: none of this one has.
            let ready = furthest.is_none_or(|furthest| furthest < *from);
            writers[judge_of(model, judges) as usize].ready(*request, ready);
        }
        if let Some(gathering) = self.shared.learning.told_by(partition) {
            gathering.take(&self.shared.cohorts, names, |model, bytes| {
                writers[judge_of(model, judges) as usize].lesson(model, bytes);
            });
        }
        writers.into_iter().map(Writer::finish).collect()
    }
}
