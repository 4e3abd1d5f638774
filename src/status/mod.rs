//! How is this process doing, and what has it said lately?
//!
//! One [`Status`] is shared by all threads of a running process. Lanes and judges write into their own part of it,
//! once a commit and never once a record; whoever serves a page reads a [`Snapshot`]. Nothing here reads a clock: each
//! sign of life brings its moment along, and each question its own. Every part has a stated bound; what is left out
//! because of one is counted.
//!
//! In reading order: `worker` (is a thread alive?), `lane` and `task` (what was read and joined), `measure` (how long
//! things take), `judge` and `board` (what was found), `plan` (when does each layer speak next?), `snapshot`,
//! `gather` and `models` (all of it at one moment).

mod board;
mod gather;
mod judge;
mod lane;
mod measure;
mod models;
mod plan;
mod snapshot;
mod task;
#[cfg(test)]
mod tests;
mod worker;

pub use board::Limits;
pub use judge::JudgePart;
pub use lane::Lane;
pub use measure::{Measure, Recorder};
pub use plan::{Next, Plan, Reference};
pub use snapshot::{
    JudgeView, LaneView, MeasureView, ModelView, ProcessView, Snapshot, StreamView, TaskView, VersionView,
};
pub use task::{StreamStatus, TaskStatus};

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use measure::Measures;

/// At most so many things are waited for by name; more are counted.
pub const MAX_WAITING: usize = 1_024;
/// At most so many models have a plan; more are counted.
pub const MAX_PLANS: usize = 1_024;

/// Which of the two input streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// What was predicted.
    Inferences,
    /// What turned out to be true.
    Labels,
}

impl Stream {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Inferences, Self::Labels];

    /// The published name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inferences => "inferences",
            Self::Labels => "labels",
        }
    }
}

/// Which process this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its name in the consumer group.
    pub instance: String,
    /// Version of the program.
    pub version: String,
    /// Digest of the configuration in force.
    pub configuration: String,
    /// The consumer group.
    pub group: String,
    /// The topic of predictions.
    pub inferences: String,
    /// The topic of labels; `None` where there is none.
    pub labels: Option<String>,
    /// When it started, by the wall clock.
    pub started_at: SystemTime,
}

/// How a process is doing. Shared by all its threads.
#[derive(Debug)]
pub struct Status {
    process: Process,
    /// The origin of all signs of life.
    origin: Instant,
    patience: Duration,
    limits: Limits,
    stopping: AtomicBool,
    waiting: Mutex<BTreeMap<String, String>>,
    left_out: AtomicU64,
    lanes: Mutex<BTreeMap<u32, Arc<Lane>>>,
    judges: Mutex<BTreeMap<u32, Arc<JudgePart>>>,
    plans: Mutex<BTreeMap<String, Plan>>,
    measures: Mutex<Measures>,
}

impl Status {
    /// What is waited for until the first call of [`Status::started`].
    const START: &'static str = "start";

    /// The status of a process that has just begun: alive and not ready.
    ///
    /// `now` is the origin of all later moments; a lane or a judge that gives no sign of life for longer than
    /// `patience` is held for dead.
    pub fn new(process: Process, now: Instant, patience: Duration, limits: Limits) -> Self {
        let start = (Self::START.to_owned(), "the start of the program".to_owned());
        Self {
            process,
            origin: now,
            patience,
            limits,
            stopping: AtomicBool::new(false),
            waiting: Mutex::new(BTreeMap::from([start])),
            left_out: AtomicU64::new(0),
            lanes: Mutex::default(),
            judges: Mutex::default(),
            plans: Mutex::default(),
            measures: Mutex::default(),
        }
    }

    /// The start is over: from now on only what was said to [`Status::wait_for`] keeps the process from being ready.
    pub fn started(&self) {
        self.no_longer(Self::START);
    }

    /// Says what keeps the process from being ready, or says it anew: under `key`, in the words of `text`, as in
    /// `restore-3` and `restore of partition 3: 41 %`.
    pub fn wait_for(&self, key: &str, text: impl Into<String>) {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= MAX_WAITING && !waiting.contains_key(key) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.insert(key.to_owned(), text.into());
    }

    /// What stood under `key` has come.
    pub fn no_longer(&self, key: &str) {
        lock(&self.waiting).remove(key);
    }

    /// What is waited for, in the order of keys; empty when the process is ready.
    pub fn waiting_for(&self) -> Vec<String> {
        let stopping = self.stopping.load(Ordering::Relaxed).then(|| "nothing: the program is stopping".to_owned());
        stopping.into_iter().chain(lock(&self.waiting).values().cloned()).collect()
    }

    /// The process is about to end: alive and no longer ready.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// The part of lane `number`; the same one for the same number. `now` is its first sign of life.
    pub fn lane(&self, number: u32, now: Instant) -> Arc<Lane> {
        let mut lanes = lock(&self.lanes);
        let lane = lanes.entry(number).or_insert_with(|| Arc::new(Lane::new(number, self.origin)));
        lane.beat(now);
        lane.clone()
    }

    /// The part of the judge of partition `number`; the same one for the same number. `now` is its first sign of life.
    pub fn judge(&self, number: u32, now: Instant) -> Arc<JudgePart> {
        let mut judges = lock(&self.judges);
        let judge = judges.entry(number).or_insert_with(|| Arc::new(JudgePart::new(number, self.origin, self.limits)));
        judge.beat(now);
        judge.clone()
    }

    /// A judge that has moved elsewhere: what it found is shown there from now on.
    pub fn drop_judge(&self, number: u32) {
        lock(&self.judges).remove(&number);
    }

    /// A lane that has ended as it should.
    pub fn drop_lane(&self, number: u32) {
        lock(&self.lanes).remove(&number);
    }

    /// How a model is watched; said again when it changes.
    pub fn plan(&self, model: &str, plan: Plan) {
        let mut plans = lock(&self.plans);
        if plans.len() >= MAX_PLANS && !plans.contains_key(model) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        plans.insert(model.to_owned(), plan);
    }

    /// Adds what a thread has measured since its last call, and empties its recorder.
    pub fn measured(&self, recorder: &mut Recorder) {
        lock(&self.measures).take(recorder);
    }

    /// The threads that gave no sign of life for too long, one sentence each; empty when the process is alive.
    pub fn silent(&self, now: Instant) -> Vec<String> {
        let mut silent = Vec::new();
        let mut look = |name: String, age: Duration| {
            if age > self.patience {
                let (age, most) = (age.as_secs(), self.patience.as_secs());
                silent.push(format!("{name}: no sign of life for {age} s, at most {most} s are accepted"));
            }
        };
        for lane in lock(&self.lanes).values() {
            look(lane.name(), lane.age(now));
        }
        for judge in lock(&self.judges).values() {
            look(judge.name(), judge.age(now));
        }
        silent
    }
}

/// A lock that a panic elsewhere cannot take away: every part is consistent between two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
