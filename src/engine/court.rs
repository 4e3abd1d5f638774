//! How do deltas become findings, each counted once?
//!
//! A court is a judge together with what is known of the tasks that report to it. It is a pure fold over the records of
//! one partition of the deltas topic: the same records in the same order give the same state and the same findings. A
//! delta counts only if it continues the offsets of its task. One that was counted is dropped; one that is missing is
//! told as a gap, for then the sums no longer stand for the whole log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::delta::{Head, Piece, Reach, Reader};
use super::school::School;
use crate::baseline::{self, Profile, References, Taught};
use crate::config::Config;
use crate::control::{Acks, Controls};
use crate::event::EventTime;
use crate::event::wire::{
    WireError, expect, put, put_bytes, put_signed, put_time, take, take_byte, take_bytes, take_signed, take_time,
};
use crate::judge::{Clock, Finding, Judge, RestoreError, layout_of};
use crate::observe::{Coding, Layout};

const FORMAT: u8 = 1;
/// The key of the piece of a snapshot that belongs to the court itself.
const CHAINS: &[u8] = b"court";
/// The key of the piece that says what the court obeys.
const ACKS: &[u8] = b"acks";

/// A record that cannot be folded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeltaError {
    /// The bytes are no delta of this release.
    #[error("the record is no delta that this release reads: {0}")]
    Wire(#[from] WireError),
    /// The task counted with another baseline.
    #[error(
        "a task counted model '{model}' version '{version}' with another baseline than this process has; give every process the same configuration and baseline files"
    )]
    OtherBaseline {
        /// The model.
        model: String,
        /// The version.
        version: String,
    },
}

/// A snapshot that cannot be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CourtError {
    /// What is known of the tasks is damaged, or of another release.
    #[error("what is known of the tasks cannot be read: {0}")]
    Tasks(#[from] WireError),
    /// What the judge remembers is damaged, of another release, or of another configuration.
    #[error(transparent)]
    Judge(#[from] RestoreError),
    /// The judge goes by a baseline that was learnt and that is not among the references: it has not been heard of yet.
    #[error("the baseline that model '{0}' has learnt is not known here")]
    NoLesson(String),
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folded {
    /// It was counted.
    Counted,
    /// It had been counted before.
    Repeated,
    /// It was counted, and something before it is missing.
    Gap {
        /// Which task.
        task: u32,
        /// The next offsets that should have followed.
        expected: Vec<i64>,
        /// Where the delta begins.
        found: Vec<i64>,
    },
}

/// What is known of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Chain {
    /// Next offset of each input.
    next: Vec<i64>,
    /// Records of a delta whose last one has not come: where it leads, and which part comes next.
    pending: Option<(Vec<i64>, u64)>,
    inputs: Reach,
    labels: Reach,
}

/// Which tasks can follow a change of baselines, by the offset of the request.
type Ready = BTreeMap<i64, BTreeMap<u32, bool>>;

/// A judge and the tasks that report to it.
pub struct Court {
    judge: Judge,
    tasks: u32,
    chains: BTreeMap<u32, Chain>,
    passed: (Option<EventTime>, Option<EventTime>),
    bare: Arc<Layout>,
    meanings: BTreeMap<usize, (Arc<Profile>, u64)>,
    /// Deltas that were counted.
    counted: u64,
    config: Arc<Config>,
    school: School,
    taught: Vec<Taught>,
    /// From which due time on this court obeys which request. Bound: the requests of [`Controls`].
    acks: Acks,
    /// Which tasks can follow a change of baselines that is not decided, by the offset of the request.
    ready: Ready,
    /// The changes of baselines that have been followed.
    followed: BTreeSet<i64>,
}

impl Court {
    /// A court that has heard nothing. `labels` says whether there is a label stream.
    pub fn new(config: Arc<Config>, references: References, labels: bool) -> Self {
        let judge = Judge::new(config.clone(), references, labels);
        Self::around(config, judge)
    }

    fn around(config: Arc<Config>, judge: Judge) -> Self {
        Self {
            judge,
            tasks: 0,
            chains: BTreeMap::new(),
            passed: (None, None),
            bare: Arc::new(Layout::new(&Coding::default())),
            meanings: BTreeMap::new(),
            counted: 0,
            config,
            school: School::default(),
            taught: Vec::new(),
            acks: Acks::new(),
            ready: Ready::new(),
            followed: BTreeSet::new(),
        }
    }

    /// Obeys what it said it would, and nothing else yet: what was asked stands in `controls`.
    pub fn recall(&mut self, controls: &Controls) {
        follow_baselines(controls, &self.acks, &mut self.followed, self.judge.references_mut());
        self.judge.set_orders(Arc::new(controls.orders(&self.config, &self.acks)));
    }

    /// Whether some task has said that it can, or cannot, follow a change that is not decided.
    pub fn has_answers(&self) -> bool {
        !self.ready.is_empty()
    }

    /// What is to be said of a change of baselines: `None` while some task has said nothing.
    fn decide(&self, controls: &Controls, offset: i64) -> Option<bool> {
        let asked = controls.baselines().find(|asked| asked.offset == offset)?;
        let sound =
            |profiles: Vec<Profile>| !profiles.is_empty() && profiles.iter().all(|one| one.model == asked.model);
        if !baseline::read(asked.baseline).is_ok_and(sound) {
            return Some(false);
        }
        let ready = self.ready.get(&offset)?;
        if ready.values().any(|ready| !ready) {
            return Some(false);
        }
        (self.tasks > 0 && ready.len() >= self.tasks as usize).then_some(true)
    }

    /// Obeys what was asked since: each request from the due time that it names, but after every look that was taken. A
    /// change of baselines waits until every task has said that it has counted nothing in the windows that it changes; if
    /// one has, it is refused. Tells from which due times on, or `None` for never; they must be published, and the court written down, before anything is folded that
    /// is published in another transaction.
    pub fn obey(&mut self, controls: &Controls, judge: u32, judges: u32) -> Vec<(i64, Option<EventTime>)> {
        let mut told = Vec::new();
        for command in controls.unanswered(judge, judges, &self.acks) {
            let from = if command.is_of_tasks {
                let Some(holds) = self.decide(controls, command.offset) else { continue };
                self.ready.remove(&command.offset);
                command.from.filter(|_| holds)
            } else {
                let next = self.judge.next_look(command.bears_on_pipeline).unwrap_or(EventTime::EARLIEST);
                Some(command.from.map_or(next, |asked| asked.max(next)))
            };
            self.acks.insert(command.offset, from);
            told.push((command.offset, from));
        }
        if !told.is_empty() {
            self.recall(controls);
        }
        told
    }

    /// What models have learnt since the last call. Tasks need it before they can go on.
    pub fn lessons(&mut self) -> Vec<Taught> {
        std::mem::take(&mut self.taught)
    }

    /// The first window of our models that tasks must not count yet; `None` while some task has said nothing.
    pub fn horizon(&self) -> Option<EventTime> {
        self.school.horizon(self.passed.0, &self.config)
    }

    /// The judge.
    pub const fn judge(&self) -> &Judge {
        &self.judge
    }

    /// The judge, to be told what it cannot see.
    pub const fn judge_mut(&mut self) -> &mut Judge {
        &mut self.judge
    }

    /// Folds one record and takes what is due.
    ///
    /// # Errors
    /// When the record is damaged, of another release, or was counted with another baseline. Nothing of it was counted
    /// then, or a part: the court must not be used any more.
    pub fn fold(&mut self, record: &[u8], findings: &mut Vec<Finding>) -> Result<Folded, DeltaError> {
        let mut reader = Reader::new(record)?;
        let folded = self.follow(&reader);
        if folded == Folded::Repeated {
            return Ok(folded);
        }
        while let Some(piece) = reader.piece()? {
            match piece {
                Piece::Flow { start, flow } => self.judge.fold_labels(start, flow),
                // The first word of a task stands: it keeps out of those windows since.
                Piece::Ready { request, ready } if !self.acks.contains_key(&request) => {
                    self.ready.entry(request).or_default().entry(reader.head.task).or_insert(ready);
                }
                Piece::Ready { .. } => {}
                Piece::Lesson { model, mut told } => self.school.hear(model, &self.config, &mut told)?,
                Piece::Window { model, version, start, meaning } => {
                    let profile = self.judge.references().of(model, version, start);
                    if self.meaning(profile.as_ref()) != meaning {
                        return Err(DeltaError::OtherBaseline { model: model.to_owned(), version: version.to_owned() });
                    }
                    let sums = reader.sums(&layout_of(profile.as_ref(), &self.bare))?;
                    self.judge.fold(model, version, start, &sums);
                }
            }
        }
        if reader.last {
            self.reached(&reader.head);
            self.counted += 1;
            let clock = self.clock();
            let taught = self.school.teach(clock.inputs, clock.labels, &self.config, self.judge.references_mut());
            self.taught.extend(taught);
            self.judge.advance(clock, findings);
        }
        Ok(folded)
    }

    /// Whether the record continues its task's chain; notes how far the chain goes with it.
    fn follow(&mut self, reader: &Reader<'_>) -> Folded {
        let head = &reader.head;
        let known = self.chains.contains_key(&head.task);
        let chain = self.chains.entry(head.task).or_default();
        if !known {
            chain.next.clone_from(&head.from);
        }
        let begun = chain.pending.as_ref().is_some_and(|(to, part)| *to == head.to && *part == reader.part);
        let continues = if reader.part == 0 { head.from == chain.next && chain.pending.is_none() } else { begun };
        let behind =
            |next: &[i64]| head.to.iter().zip(next).all(|(to, next)| to <= next) && head.to.len() == next.len();
        // A delta that covers nothing only says how far the task has come; repeating it changes nothing.
        if !continues && chain.pending.is_none() && behind(&chain.next) && head.to != head.from {
            return Folded::Repeated;
        }
        let expected = chain.next.clone();
        if reader.last {
            chain.next.clone_from(&head.to);
            chain.pending = None;
        } else {
            chain.pending = Some((head.to.clone(), reader.part + 1));
        }
        if continues { Folded::Counted } else { Folded::Gap { task: head.task, expected, found: head.from.clone() } }
    }

    fn reached(&mut self, head: &Head) {
        self.tasks = head.tasks.max(self.tasks);
        let chain = self.chains.entry(head.task).or_default();
        chain.inputs = later(chain.inputs, head.inputs);
        chain.labels = later(chain.labels, head.labels);
        if let Some(first) = head.first {
            self.judge.note_first_inference(first);
        }
        if head.capped {
            self.judge.cap();
        }
    }

    fn clock(&mut self) -> Clock {
        let all = self.chains.len() >= self.tasks as usize && self.tasks > 0;
        let side = |of: fn(&Chain) -> Reach| -> (Option<EventTime>, Option<EventTime>) {
            if !all {
                return (None, None);
            }
            let reaches: Vec<Reach> = self.chains.values().map(of).collect();
            (reaches.iter().map(|reach| reach.watermark).min().flatten(), passed(&reaches))
        };
        let (sound_inputs, inputs) = side(|chain| chain.inputs);
        let (sound_labels, labels) = side(|chain| chain.labels);
        self.passed = (self.passed.0.max(inputs), self.passed.1.max(labels));
        Clock::new(self.passed.0, self.passed.1).with_sound(sound_inputs, sound_labels)
    }

    /// How far the windows of this court have come: the clocks of predictions and of labels.
    pub const fn watermarks(&self) -> (Option<EventTime>, Option<EventTime>) {
        self.passed
    }

    /// When a record was read last, by the clock of whoever read it: predictions, labels.
    pub fn last_read(&self) -> (Option<EventTime>, Option<EventTime>) {
        let chains = self.chains.values();
        (chains.clone().filter_map(|chain| chain.inputs.read).max(), chains.filter_map(|chain| chain.labels.read).max())
    }

    /// Whether any task has ever reported to it.
    pub fn has_heard(&self) -> bool {
        !self.chains.is_empty()
    }

    /// Deltas counted so far.
    pub const fn counted(&self) -> u64 {
        self.counted
    }

    fn meaning(&mut self, profile: Option<&Arc<Profile>>) -> u64 {
        meaning(&mut self.meanings, profile)
    }

    /// Tells the pieces of the state that have changed since the last call: key, and value or `None` if it is gone.
    pub fn snapshot(&mut self, mut put_piece: impl FnMut(&[u8], Option<&[u8]>)) {
        let mut bytes = vec![FORMAT];
        put(&mut bytes, self.tasks.into());
        put(&mut bytes, self.counted);
        put_time(&mut bytes, self.passed.0);
        put_time(&mut bytes, self.passed.1);
        put(&mut bytes, self.chains.len() as u64);
        for (&task, chain) in &self.chains {
            put(&mut bytes, task.into());
            put_offsets(&mut bytes, &chain.next);
            let (to, part) = chain.pending.clone().unwrap_or_default();
            put_offsets(&mut bytes, &to);
            put(&mut bytes, part);
            for reach in [chain.inputs, chain.labels] {
                for time in [reach.watermark, reach.idle, reach.read] {
                    put_time(&mut bytes, time);
                }
            }
        }
        put_piece(CHAINS, Some(&bytes));
        let mut bytes = vec![FORMAT];
        put(&mut bytes, self.acks.len() as u64);
        for (&offset, from) in &self.acks {
            put_signed(&mut bytes, offset);
            put_time(&mut bytes, *from);
        }
        put(&mut bytes, self.ready.values().map(BTreeMap::len).sum::<usize>() as u64);
        for (&offset, tasks) in &self.ready {
            for (&task, &ready) in tasks {
                put_signed(&mut bytes, offset);
                put(&mut bytes, task.into());
                bytes.push(u8::from(ready));
            }
        }
        put_piece(ACKS, Some(&bytes));
        self.school.snapshot(&mut put_piece);
        self.judge.snapshot(put_piece);
    }

    /// The court whose snapshot these pieces are, obeying what it said it would of what stands in `controls`.
    ///
    /// # Errors
    /// When a piece is damaged or of another release, or when the references lack a lesson that the judge had given.
    pub fn restore(
        config: Arc<Config>,
        mut references: References,
        labels: bool,
        pieces: &BTreeMap<Vec<u8>, Vec<u8>>,
        controls: &Controls,
    ) -> Result<Self, CourtError> {
        let (acks, ready) = pieces.get(ACKS).map_or_else(|| Ok(Default::default()), |bytes| take_acks(bytes))?;
        let mut followed = BTreeSet::new();
        follow_baselines(controls, &acks, &mut followed, &mut references);
        let mut school = School::default();
        for (key, value) in pieces.iter().filter(|(key, _)| School::owns(key)) {
            school.restore(key, value, &config)?;
        }
        // Before the judge: its windows can be read only with the references they were counted by.
        if let Some(model) = school.unheard(&references) {
            return Err(CourtError::NoLesson(model.to_owned()));
        }
        let others = pieces.iter().filter(|(key, _)| *key != CHAINS && *key != ACKS && !School::owns(key));
        let judge = Judge::restore(config.clone(), references, labels, others)?;
        let mut court = Self { school, ..Self::around(config, judge) };
        if let Some(bytes) = pieces.get(CHAINS) {
            court.take_chains(bytes)?;
        }
        (court.acks, court.ready, court.followed) = (acks, ready, followed);
        court.recall(controls);
        Ok(court)
    }

    fn take_chains(&mut self, mut bytes: &[u8]) -> Result<(), WireError> {
        let bytes = &mut bytes;
        expect("the format of a court", take_byte(bytes)?.into(), FORMAT.into())?;
        self.tasks = take(bytes)? as u32;
        self.counted = take(bytes)?;
        self.passed = (take_time(bytes)?, take_time(bytes)?);
        for _ in 0..take(bytes)? {
            let task = take(bytes)? as u32;
            let next = take_offsets(bytes)?;
            let (to, part) = (take_offsets(bytes)?, take(bytes)?);
            let mut reach = || -> Result<Reach, WireError> {
                Ok(Reach { watermark: take_time(bytes)?, idle: take_time(bytes)?, read: take_time(bytes)? })
            };
            let (inputs, labels) = (reach()?, reach()?);
            let pending = (part > 0).then_some((to, part));
            self.chains.insert(task, Chain { next, pending, inputs, labels });
        }
        Ok(())
    }
}

/// Compares with the baselines of the changes that hold.
fn follow_baselines(controls: &Controls, acks: &Acks, followed: &mut BTreeSet<i64>, references: &mut References) {
    for asked in controls.baselines() {
        let holds = acks.get(&asked.offset).is_some_and(Option::is_some);
        if holds
            && followed.insert(asked.offset)
            && let Ok(profiles) = baseline::read(asked.baseline)
        {
            let profiles: Vec<Arc<Profile>> = profiles.into_iter().map(Arc::new).collect();
            references.accept(asked.model, asked.from, &profiles);
        }
    }
}

fn take_acks(mut bytes: &[u8]) -> Result<(Acks, Ready), WireError> {
    let bytes = &mut bytes;
    expect("the format of what a court obeys", take_byte(bytes)?.into(), FORMAT.into())?;
    let mut acks = Acks::new();
    for _ in 0..take(bytes)? {
        acks.insert(take_signed(bytes)?, take_time(bytes)?);
    }
    let mut ready = Ready::new();
    for _ in 0..take(bytes)? {
        let (offset, task) = (take_signed(bytes)?, take(bytes)? as u32);
        ready.entry(offset).or_default().insert(task, take_byte(bytes)? != 0);
    }
    Ok((acks, ready))
}

/// A watermark never goes back, not even after a task was rebuilt from less than it had.
fn later(before: Reach, now: Reach) -> Reach {
    Reach { watermark: before.watermark.max(now.watermark), read: before.read.max(now.read), ..now }
}

/// The time that all partitions of a side have passed, where those that are idle follow the others.
fn passed(reaches: &[Reach]) -> Option<EventTime> {
    let live = reaches.iter().filter(|reach| reach.idle.is_none()).map(|reach| reach.watermark).min();
    // A live partition without a record holds everything back.
    if live == Some(None) {
        return None;
    }
    let live = live.flatten();
    let each = reaches.iter().map(|reach| match reach.idle {
        None => reach.watermark,
        Some(idle) => reach.watermark.max(Some(live.map_or(idle, |live| live.min(idle)))),
    });
    each.min().flatten()
}

/// A number for what the codes of a profile mean; 0 where there is none.
pub(super) fn meaning(known: &mut BTreeMap<usize, (Arc<Profile>, u64)>, profile: Option<&Arc<Profile>>) -> u64 {
    let Some(profile) = profile else { return 0 };
    let entry = known.entry(Arc::as_ptr(profile).addr());
    entry.or_insert_with(|| (profile.clone(), profile.meaning())).1
}

fn put_offsets(bytes: &mut Vec<u8>, offsets: &[i64]) {
    let mut part = Vec::with_capacity(offsets.len() * 4);
    for &offset in offsets {
        put_signed(&mut part, offset);
    }
    put_bytes(bytes, &part);
}

fn take_offsets(bytes: &mut &[u8]) -> Result<Vec<i64>, WireError> {
    let mut part = take_bytes(bytes)?;
    let mut offsets = Vec::new();
    while !part.is_empty() {
        offsets.push(take_signed(&mut part)?);
    }
    Ok(offsets)
}
