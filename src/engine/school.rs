//! What do models without a baseline learn, where their first days are spread over tasks?
//!
//! The same as `learn` teaches in one process: the union of what the tasks told is the same sample, and each lesson is
//! built when every task has passed what it stands on. Tasks wait for a lesson before they count the first window that
//! needs it. Up to which window they may go on without asking again is the horizon: a lesson that nobody knows of yet
//! cannot take effect earlier than a model can learn that has not been met.

use std::collections::{BTreeMap, BTreeSet};

use super::Disorder;
use super::gather::{Hear, hear};
use super::pupil::Pupil;
use super::sample::{put_row, take_row};
use crate::baseline::{References, SampleRow, Taught};
use crate::config::Config;
use crate::event::wire::{
    WireError, expect, put, put_bytes, put_signed, put_time, take, take_byte, take_signed, take_text, take_time,
};
use crate::event::{EventTime, FeatureNames, RequestKey};

/// The first format had weights of rows that nothing counted with.
const FORMAT: u8 = 2;
/// Into how many pieces the rows of a model are written.
const BUCKETS: u16 = 256;

/// The models of one judge that learn.
#[derive(Debug, Default)]
pub(super) struct School {
    pupils: BTreeMap<String, Pupil<String>>,
    names: FeatureNames,
    /// Models whose rows have changed since the last snapshot, by bucket.
    changed: BTreeSet<(String, u16)>,
    /// Models whose head has.
    heads: BTreeSet<String>,
}

struct Listener<'a> {
    pupil: &'a mut Pupil<String>,
    names: &'a mut FeatureNames,
    changed: &'a mut BTreeSet<(String, u16)>,
    model: &'a str,
}

impl Listener<'_> {
    fn touch(&mut self, key: RequestKey) {
        self.changed.insert((self.model.to_owned(), bucket(key)));
    }
}

impl Hear for Listener<'_> {
    fn first(&mut self, first: Option<EventTime>, seen: u64) {
        if let Some(first) = first {
            self.pupil.meet(first);
        }
        self.pupil.rows.add_seen(seen);
    }

    fn version(&mut self, version: &str, earliest: EventTime) {
        self.pupil.meet_version(version.to_owned(), earliest);
    }

    fn names(&mut self) -> &mut FeatureNames {
        self.names
    }

    fn row(&mut self, key: RequestKey, row: SampleRow) {
        if !self.pupil.learnt && self.pupil.end().is_none_or(|end| row.time < end) && self.pupil.rows.wants(key) {
            self.touch(key);
            if let Some(gone) = self.pupil.rows.insert(key, row) {
                self.touch(gone);
            }
        }
    }

    fn truth(&mut self, key: RequestKey, time: EventTime, truth: Option<bool>) {
        if !self.pupil.learnt_truth && self.pupil.rows.label_at(key, time, truth) {
            self.touch(key);
        }
    }
}

impl School {
    /// Hears what a task tells of a model.
    pub(super) fn hear(&mut self, model: &str, config: &Config, bytes: &mut &[u8]) -> Result<(), WireError> {
        let Self { pupils, names, changed, heads } = self;
        let pupil =
            pupils.entry(model.to_owned()).or_insert_with(|| Pupil::new(config.model(model), Disorder::of(config)));
        heads.insert(model.to_owned());
        hear(bytes, &mut Listener { pupil, names, changed, model })
    }

    /// Gives every lesson whose ground all tasks have passed.
    pub(super) fn teach(
        &mut self,
        inputs: Option<EventTime>,
        labels: Option<EventTime>,
        config: &Config,
        references: &mut References,
    ) -> Vec<Taught> {
        let mut lessons = Vec::new();
        for (model, pupil) in &mut self.pupils {
            let settings = config.model(model);
            let Some(end) = pupil.end() else { continue };
            let versions = pupil.versions.iter().filter(|(_, earliest)| **earliest < end);
            let version = versions.map(|(version, _)| version).min().cloned().unwrap_or_default();
            let mut given = |pupil: &mut Pupil<String>, with_truth: bool| {
                let names = &self.names;
                let taught = if with_truth {
                    pupil.teach_truth(model, &version, names, settings)
                } else {
                    pupil.teach_inputs(model, &version, names, settings)
                };
                let Some((from, profile)) = taught else { return };
                self.heads.insert(model.clone());
                self.changed.extend((0..BUCKETS).map(|bucket| (model.clone(), bucket)));
                lessons.push(Taught { model: model.clone(), from, profile, with_truth });
            };
            if !pupil.learnt && inputs >= Some(end) {
                given(pupil, false);
            }
            let matured = pupil.matured();
            let heard = inputs >= matured && (config.topics.labels.is_none() || labels >= matured);
            if pupil.learnt && !pupil.learnt_truth && heard {
                given(pupil, true);
            }
        }
        for lesson in &lessons {
            references.take(lesson.clone());
        }
        lessons
    }

    /// The first window that tasks must not count yet, given that every task has passed `inputs`: another lesson may be
    /// needed for it.
    pub(super) fn horizon(&self, inputs: Option<EventTime>, config: &Config) -> Option<EventTime> {
        let settings = config.named_models().map(|(_, model)| model).chain([config.defaults()]);
        let soonest = settings.map(|model| model.learn + Disorder::of(config).larger()).min()?;
        let mut horizon = inputs? + soonest;
        for pupil in self.pupils.values() {
            let wanted = if !pupil.learnt {
                pupil.inputs_from()
            } else if !pupil.learnt_truth {
                pupil.truth_from()
            } else {
                None
            };
            horizon = wanted.map_or(horizon, |wanted| wanted.min(horizon));
        }
        Some(horizon)
    }

    /// A model whose lessons were given and are not among these references.
    pub(super) fn unheard(&self, references: &References) -> Option<&str> {
        let lacks = |model: &str, pupil: &Pupil<String>| {
            let (inputs, truth) = references.lessons_of(model);
            !references.has_file(model) && ((pupil.learnt && !inputs) || (pupil.learnt_truth && !truth))
        };
        self.pupils.iter().find(|(model, pupil)| lacks(model, pupil)).map(|(model, _)| model.as_str())
    }

    /// Tells what has changed since the last call: key, and value or `None` if it is gone.
    pub(super) fn snapshot(&mut self, mut put_piece: impl FnMut(&[u8], Option<&[u8]>)) {
        let mut bytes = Vec::new();
        for model in std::mem::take(&mut self.heads) {
            let Some(pupil) = self.pupils.get(&model) else { continue };
            bytes.clear();
            bytes.push(FORMAT);
            put_time(&mut bytes, pupil.first());
            put(&mut bytes, pupil.rows.seen());
            bytes.push(u8::from(pupil.learnt) | u8::from(pupil.learnt_truth) << 1);
            put(&mut bytes, pupil.versions.len() as u64);
            for (version, earliest) in &pupil.versions {
                put_bytes(&mut bytes, version.as_bytes());
                put_signed(&mut bytes, earliest.micros());
            }
            put_piece(&key_of(&model, None), Some(&bytes));
        }
        for (model, number) in std::mem::take(&mut self.changed) {
            let Some(pupil) = self.pupils.get(&model) else { continue };
            let rows: Vec<_> = pupil.rows.iter().filter(|(key, _)| bucket(*key) == number).collect();
            bytes.clear();
            bytes.push(FORMAT);
            put(&mut bytes, rows.len() as u64);
            for (key, row) in &rows {
                put_row(&mut bytes, *key, row, &self.names);
            }
            put_piece(&key_of(&model, Some(number)), (!rows.is_empty()).then_some(&bytes[..]));
        }
    }

    /// Whether a key of a snapshot is one of ours.
    pub(super) fn owns(key: &[u8]) -> bool {
        key.starts_with(PREFIX)
    }

    /// Takes a piece of a snapshot again.
    pub(super) fn restore(&mut self, mut key: &[u8], mut value: &[u8], config: &Config) -> Result<(), WireError> {
        let (key, bytes) = (&mut key, &mut value);
        *key = key.strip_prefix(PREFIX).ok_or(WireError::Truncated("the key of a pupil"))?;
        let (number, model) = (take(key)?, take_text(key)?);
        expect("the format of a pupil", take_byte(bytes)?.into(), FORMAT.into())?;
        let new = || Pupil::new(config.model(model), Disorder::of(config));
        let pupil = self.pupils.entry(model.to_owned()).or_insert_with(new);
        if number > 0 {
            for _ in 0..take(bytes)? {
                let (key, row) = take_row(bytes, &mut self.names)?;
                pupil.rows.insert(key, row);
            }
            return Ok(());
        }
        if let Some(first) = take_time(bytes)? {
            pupil.meet(first);
        }
        pupil.rows.add_seen(take(bytes)?);
        let flags = take_byte(bytes)?;
        pupil.learnt = flags & 1 != 0;
        pupil.learnt_truth = flags & 2 != 0;
        for _ in 0..take(bytes)? {
            let version = take_text(bytes)?.to_owned();
            pupil.meet_version(version, EventTime::from_micros_unchecked(take_signed(bytes)?));
        }
        Ok(())
    }
}

const PREFIX: &[u8] = b"school/";

/// The key of a model's head, or of one bucket of its rows.
fn key_of(model: &str, bucket: Option<u16>) -> Vec<u8> {
    let mut key = PREFIX.to_vec();
    put(&mut key, bucket.map_or(0, |bucket| u64::from(bucket) + 1));
    put_bytes(&mut key, model.as_bytes());
    key
}

fn bucket(key: RequestKey) -> u16 {
    key.hash64() as u16 % BUCKETS
}
