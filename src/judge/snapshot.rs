//! How is the judge written down, piece by piece, and read back?
//!
//! A snapshot is a set of small pieces, each under a key of its own, made for a compacted topic: a call gives only what
//! has changed since the call before, and says what has gone. The pieces that are then alive are the judge; restored from
//! them, and given what was folded later, it publishes what the first one would have published, to the byte.
//!
//! Sums are written as the codec of `observe` writes them. Their places come from the reference of model, version and
//! window, so the references, also those that were learnt, must be given as they were.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Judge;
use super::clock::Clock;
use super::delays::Delays;
use super::lives::Lives;
use super::past::Kept;
use super::piece::{Key, RestoreError, RestoreProblem, json, open, parse, seal};
use super::reopened::{Open, Seen};
use super::store::{Store, Taught};
use crate::baseline::{Learnt, References};
use crate::config::Config;
use crate::event::{EventTime, Window};
use crate::observe::{Layout, Sums};
use crate::stats::rate::Tally;

/// The small pieces as they were written last.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    clock: Vec<u8>,
    pipeline: Vec<u8>,
}

/// How far the judge has come.
#[derive(Serialize, Deserialize)]
struct Progress {
    reached: Clock,
    capped: bool,
    late_after_idle: u64,
    next_incident: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    accepted: BTreeMap<String, f64>,
}

/// What a version of a model has beside its windows.
#[derive(Serialize, Deserialize)]
struct Figures {
    input_lives: Lives,
    label_lives: Lives,
    first_coverage: [u64; 2],
    coverage_until: Option<EventTime>,
    first: Option<EventTime>,
    forgotten: Option<EventTime>,
    /// Absent in snapshots of releases that did not look at it.
    #[serde(default)]
    early_lives: Lives,
    #[serde(default)]
    delays: Delays,
}

/// What stands before the sums of a window: as many bytes as a little-endian u32 says.
#[derive(Serialize, Deserialize)]
struct Head {
    coded: bool,
    inputs: Seen,
    ages_seen: u32,
    told: Option<Vec<String>>,
    again: bool,
    late: u64,
}

/// Where pieces go.
struct Pieces<F> {
    put: F,
}

impl<F: FnMut(&[u8], Option<&[u8]>)> Pieces<F> {
    fn put(&mut self, key: &Key, body: Option<&[u8]>) {
        let key = key.bytes();
        match body {
            Some(body) => (self.put)(&key, Some(&seal(&key, body))),
            None => (self.put)(&key, None),
        }
    }

    fn put_if_new(&mut self, key: &Key, body: Vec<u8>, last: &mut Vec<u8>) {
        if body != *last {
            self.put(key, Some(&body));
            *last = body;
        }
    }
}

impl Judge {
    /// Writes down what has changed since the last call: each piece as its key and its value, `None` for a piece that has
    /// gone. The first call of a new judge writes all of it.
    ///
    /// What was put counts as written. If it is lost, restore a judge from what was not.
    pub fn snapshot(&mut self, put: impl FnMut(&[u8], Option<&[u8]>)) {
        let mut pieces = Pieces { put };
        for ((model, version), store) in &mut self.models {
            let window = |multiple, start| Key::Window(model.clone(), version.clone(), multiple, start);
            let bare = &self.bare;
            store.windows.changes(|&(multiple, start), open| {
                let body = open.map(|open| written(open, **bare != **open.sums.layout()));
                pieces.put(&window(multiple, start), body.as_deref());
            });
            if store.scatter.changed && !store.scatter.is_empty() {
                store.scatter.changed = false;
                let key = Key::Scatter(model.clone(), version.clone());
                pieces.put(&key, Some(&json(&(&store.scatter.predictions, &store.scatter.labels))));
            }
            store.past.kept.changes(|&(part, multiple, start), kept| {
                let coded = |kept: &Kept| u8::from(**bare != **kept.layout());
                let body = kept.map(|kept| [&[coded(kept)], kept.bytes()].concat());
                pieces.put(&Key::Past(model.clone(), version.clone(), part, multiple, start), body.as_deref());
            });
            if store.changed {
                store.changed = false;
                pieces.put(&Key::Model(model.clone(), version.clone()), Some(&json(&figures(store))));
            }
        }
        self.pipeline.flows.changes(|&start, flow| pieces.put(&Key::Flow(start), flow.map(json).as_deref()));
        self.waiting.changes(|&as_of, raised| pieces.put(&Key::Waiting(as_of), raised.map(json).as_deref()));
        self.incidents.changes(|number, body| pieces.put(&Key::Incident(number), body.as_deref()));
        pieces.put_if_new(&Key::Pipeline, json(&self.pipeline.save()), &mut self.written.pipeline);
        let progress = Progress {
            reached: Clock { ended: false, ..self.reached },
            capped: self.capped,
            late_after_idle: self.late_after_idle,
            next_incident: self.incidents.next(),
            accepted: self.incidents.accepted().clone(),
        };
        pieces.put_if_new(&Key::Clock, json(&progress), &mut self.written.clock);
    }

    /// The judge that these pieces are, in any order. `config`, `references` and `labels` are those that it had.
    ///
    /// # Errors
    /// The first piece that is damaged, of another release, or not of this configuration and these references.
    pub fn restore<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        config: Arc<Config>,
        references: References,
        labels: bool,
        pieces: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, RestoreError> {
        let mut judge = Self::new(config, references, labels);
        let mut models = BTreeSet::new();
        for (key, value) in pieces {
            let (bytes, value) = (key.as_ref(), value.as_ref());
            let key = Key::read(bytes).map_err(|problem| problem.of(bytes))?;
            if let Key::Model(model, version) = &key {
                models.insert((model.clone(), version.clone()));
            }
            open(bytes, value).and_then(|body| judge.take(key, body)).map_err(|problem| problem.of(bytes))?;
        }
        if let Some(orphan) = judge.models.keys().find(|key| !models.contains(*key)) {
            let (model, version) = orphan.clone();
            return Err(RestoreProblem::NoModel.of(&Key::Model(model, version).bytes()));
        }
        Ok(judge)
    }

    fn take(&mut self, key: Key, body: &[u8]) -> Result<(), RestoreProblem> {
        match key {
            Key::Clock => {
                let Progress { reached, capped, late_after_idle, next_incident, accepted } = parse(body)?;
                self.reached = reached;
                self.capped = capped;
                self.late_after_idle = late_after_idle;
                self.incidents.restore_next(next_incident);
                self.incidents.restore_accepted(accepted);
                body.clone_into(&mut self.written.clock);
            }
            Key::Pipeline => {
                self.pipeline.restore(parse(body)?);
                body.clone_into(&mut self.written.pipeline);
            }
            Key::Flow(start) => self.pipeline.flows.restore(start, parse(body)?),
            Key::Waiting(as_of) => self.waiting.restore(as_of, parse(body)?),
            Key::Incident(number) => self.incidents.restore(number, body)?,
            Key::Model(model, version) => {
                let figures: Figures = parse(body)?;
                let store = self.store(model, version);
                store.input_lives = figures.input_lives;
                store.label_lives = figures.label_lives;
                store.first_coverage = Tally::new(figures.first_coverage[0], figures.first_coverage[1]);
                store.coverage_until = figures.coverage_until;
                store.first = figures.first;
                store.forgotten = figures.forgotten;
                store.early_lives = figures.early_lives;
                store.delays = figures.delays;
            }
            Key::Scatter(model, version) => {
                let (predictions, labels): (Learnt, Learnt) = parse(body)?;
                if !(predictions.is_sound() && labels.is_sound()) {
                    return Err(RestoreProblem::OtherBaseline);
                }
                self.store(model, version).scatter = Taught { predictions, labels, changed: false };
            }
            Key::Window(model, version, multiple, start) => {
                let open = self.read(&model, &version, start, body)?;
                let ages = self.config.model(&model).ages.len();
                let store = self.store(model, version);
                if !is_window(store, multiple, start) || open.ages_seen as usize > ages {
                    return Err(RestoreProblem::NoSuchWindow);
                }
                store.windows.restore((multiple, start), open);
            }
            Key::Past(model, version, part, multiple, start) => {
                let (&coded, bytes) = body.split_first().ok_or(RestoreProblem::Damaged)?;
                let layout = self.layout(coded == 1, &model, &version, start)?;
                let kept = Kept::read(bytes, &layout)
                    .map_err(|problem| problem.map_or(RestoreProblem::Damaged, RestoreProblem::Sums))?;
                let store = self.store(model, version);
                if !is_window(store, multiple, start) || !store.keeps(multiple) {
                    return Err(RestoreProblem::NoSuchWindow);
                }
                store.past.kept.restore((part, multiple, start), kept);
            }
        }
        Ok(())
    }

    fn store(&mut self, model: String, version: String) -> &mut Store {
        let mut store = Store::new(self.schedule(&model, &version));
        store.changed = false;
        self.models.entry((model, version)).or_insert(store)
    }

    fn read(&self, model: &str, version: &str, start: EventTime, body: &[u8]) -> Result<Open, RestoreProblem> {
        let (length, rest) = body.split_first_chunk().ok_or(RestoreProblem::Damaged)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (head, mut sums) = rest.split_at_checked(length).ok_or(RestoreProblem::Damaged)?;
        let Head { coded, inputs, ages_seen, told, again, late } = parse(head)?;
        let layout = self.layout(coded, model, version, start)?;
        let read = Sums::decode(&mut sums, &layout).map_err(RestoreProblem::Sums)?;
        if !sums.is_empty() {
            return Err(RestoreProblem::Damaged);
        }
        Ok(Open { sums: read, inputs, ages_seen, told, again, late })
    }

    /// The places of a window's sums.
    fn layout(&self, coded: bool, model: &str, version: &str, start: EventTime) -> Result<Arc<Layout>, RestoreProblem> {
        if !coded {
            return Ok(self.bare.clone());
        }
        let profile = self.references.of(model, version, start).ok_or(RestoreProblem::NoBaseline)?;
        Ok(profile.layout.clone())
    }

    /// Counts everything as never written down, so that the next snapshot is a full one.
    #[cfg(test)]
    pub(super) fn forget_written(&mut self) {
        for store in self.models.values_mut() {
            store.windows.forget_written();
            store.past.kept.forget_written();
            store.changed = true;
            store.scatter.changed = true;
        }
        self.pipeline.flows.forget_written();
        self.waiting.forget_written();
        self.incidents.forget_written();
        self.written = Written::default();
    }
}

/// Whether the store has windows of this level that begin so.
fn is_window(store: &Store, multiple: u32, start: EventTime) -> bool {
    let length = store.schedule.window.times(i64::from(multiple));
    let known = multiple == 1 || store.schedule.levels.contains(&multiple);
    known && Window::holding(start, length).start == start
}

fn figures(store: &Store) -> Figures {
    Figures {
        input_lives: store.input_lives.clone(),
        label_lives: store.label_lives.clone(),
        first_coverage: [store.first_coverage.hits, store.first_coverage.trials],
        coverage_until: store.coverage_until,
        first: store.first,
        forgotten: store.forgotten,
        early_lives: store.early_lives.clone(),
        delays: store.delays.clone(),
    }
}

fn written(open: &Open, coded: bool) -> Vec<u8> {
    let Open { sums, inputs, ages_seen, told, again, late } = open;
    let (inputs, ages_seen, told, again, late) = (*inputs, *ages_seen, told.clone(), *again, *late);
    let head = json(&Head { coded, inputs, ages_seen, told, again, late });
    let mut body = (head.len() as u32).to_le_bytes().to_vec();
    body.extend_from_slice(&head);
    sums.encode(&mut body);
    body
}
