//! How does a whole engine go on in another process?
//!
//! After a commit it is written down in three parts: the pieces of its judge, what was learnt, and the changelog of its
//! tasks, which grows with every commit and of which the oldest parts are outlived one day. An engine made from them does
//! what the first one would have done, to the byte.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::changelog::{ChangelogError, Stand};
use super::crew::Crew;
use super::{Engine, Range};
use crate::baseline::{self, BaselineError, Profile, References};
use crate::config::Config;
use crate::event::FeatureNames;
use crate::event::wire::{WireError, expect, put, put_bytes, put_time, take, take_byte, take_text, take_time};
use crate::join::Due;
use crate::judge::{Judge, RestoreError};

/// The first format had weights of rows that nothing counted with.
const FORMAT: u8 = 2;

/// A checkpoint that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// What was learnt is damaged, or of another release.
    #[error("what was learnt cannot be read: {0}")]
    Wire(#[from] WireError),
    /// A learnt baseline is damaged, or of another release.
    #[error("a learnt baseline cannot be read: {0}")]
    Baseline(#[from] BaselineError),
    /// The judge is damaged, of another release, or of another configuration.
    #[error(transparent)]
    Judge(#[from] RestoreError),
    /// The rows of a task are damaged, of another release, or of another baseline.
    #[error(transparent)]
    Rows(#[from] ChangelogError),
    /// The changelog has no end.
    #[error("the rows of task {0} end nowhere")]
    NoStand(usize),
}

impl Engine {
    /// The same engine, which can be written down. Before the first record.
    #[must_use]
    pub fn with_journals(mut self) -> Self {
        let tasks = self.crew.tasks().count();
        self.crew = self.crew.with_own_journals();
        (0..tasks).for_each(|task| self.crew.open(task));
        self
    }

    /// Tells the changelog of every task since the last commit, and until when each part of it matters.
    pub fn journal(&mut self, mut put_record: impl FnMut(u32, &[u8])) -> Vec<(u32, Due)> {
        let tasks = self.crew.tasks().count();
        let mut dues = Vec::with_capacity(tasks);
        for task in 0..tasks {
            let (records, due) = self.crew.changelog(task, &[]);
            for record in &records {
                put_record(task as u32, record);
            }
            dues.push((task as u32, due));
        }
        dues
    }

    /// Whether nothing of a part of the changelog is needed any more.
    pub fn has_outlived(&self, dues: &[(u32, Due)]) -> bool {
        dues.iter().all(|&(task, due)| self.crew.has_outlived(task as usize, due))
    }

    /// Tells the pieces of the judge that have changed since the last call: key, and value or `None` if it is gone.
    pub fn snapshot(&mut self, put_piece: impl FnMut(&[u8], Option<&[u8]>)) {
        self.judge.snapshot(put_piece);
    }

    /// What was learnt, as bytes. `names` are those of the decoder of its records.
    pub fn lessons(&self, names: &FeatureNames) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        put(&mut bytes, names.len() as u64);
        names.iter().for_each(|name| put_bytes(&mut bytes, name.as_bytes()));
        let learnt: Vec<_> = self.judge.references().learnt().collect();
        put(&mut bytes, learnt.len() as u64);
        for (model, from, profile, truth) in learnt {
            put_bytes(&mut bytes, model.as_bytes());
            put_time(&mut bytes, Some(from));
            put_bytes(&mut bytes, baseline::write(std::slice::from_ref(profile)).as_bytes());
            put_time(&mut bytes, truth.map(|(from, _)| from));
            if let Some((_, profile)) = truth {
                put_bytes(&mut bytes, baseline::write(std::slice::from_ref(profile)).as_bytes());
            }
        }
        self.crew.encode_lessons(names, &mut bytes);
        bytes
    }
}

fn take_profile(bytes: &mut &[u8]) -> Result<Profile, CheckpointError> {
    let one = baseline::read(take_text(bytes)?)?.into_iter().next();
    Ok(one.ok_or(WireError::Truncated("a learnt baseline"))?)
}

/// An engine that is being restored.
pub struct Restoring {
    engine: Engine,
    stands: BTreeMap<usize, Stand>,
}

impl Restoring {
    /// Begins with the judge and with what was learnt; the rest as for [`Engine::new`].
    ///
    /// # Errors
    /// When a part is damaged, of another release, or of another configuration.
    pub fn begin(
        config: Arc<Config>,
        mut references: References,
        partitions: usize,
        labels: bool,
        range: Range,
        (lessons, pieces): (&[u8], &BTreeMap<Vec<u8>, Vec<u8>>),
    ) -> Result<Self, CheckpointError> {
        let bytes = &mut &lessons[..];
        expect("the format of a checkpoint", take_byte(bytes)?.into(), FORMAT.into())?;
        // As the decoder that goes on will have them, in the same order.
        let mut names = FeatureNames::default();
        for place in 0..take(bytes)? {
            names.slot(take_text(bytes)?, place as usize);
        }
        for _ in 0..take(bytes)? {
            let model = take_text(bytes)?;
            let from = take_time(bytes)?.ok_or(WireError::Truncated("the time of a lesson"))?;
            references.learn(model, from, take_profile(bytes)?);
            if let Some(from) = take_time(bytes)? {
                references.learn_truth(model, from, take_profile(bytes)?);
            }
        }
        let judge = Judge::restore(config.clone(), references.clone(), labels, pieces)?;
        let mut crew = Crew::new(config, references, labels, range).with_own_journals();
        crew.restore_lessons(&mut names, bytes)?;
        (0..partitions).for_each(|partition| crew.open(partition));
        Ok(Self { engine: Engine { crew, judge, labels }, stands: BTreeMap::new() })
    }

    /// Takes one record of the changelog, in their order; until when it matters.
    ///
    /// # Errors
    /// When it is damaged, of another release, or of another baseline.
    pub fn record(&mut self, task: u32, record: &[u8]) -> Result<Due, CheckpointError> {
        let task = task as usize;
        if task >= self.engine.crew.tasks().count() {
            return Err(CheckpointError::NoStand(task));
        }
        let (due, stand) = self.engine.crew.restore(task, record)?;
        if let Some(stand) = stand {
            self.stands.insert(task, stand);
        }
        Ok(due)
    }

    /// The engine.
    ///
    /// # Errors
    /// When a task has no records.
    pub fn finish(mut self) -> Result<Engine, CheckpointError> {
        for task in 0..self.engine.crew.tasks().count() {
            let stand = self.stands.remove(&task).ok_or(CheckpointError::NoStand(task))?;
            self.engine.crew.finish_restore(task, &stand)?;
        }
        Ok(self.engine)
    }
}
