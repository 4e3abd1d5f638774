//! What has one lane read, and how did its commits go?

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::worker::Beat;
use super::{Stream, TaskStatus, lock};
use crate::event::RejectReason;

/// What was read of one stream.
#[derive(Debug, Default)]
struct Intake {
    records: AtomicU64,
    bytes: AtomicU64,
    /// In the order of [`RejectReason::ALL`].
    rejects: [AtomicU64; RejectReason::ALL.len()],
}

/// The part of one lane. Its counts begin at zero when the process starts.
#[derive(Debug)]
pub struct Lane {
    number: u32,
    beat: Beat,
    intake: [Intake; 2],
    commits: AtomicU64,
    aborts: AtomicU64,
    rebalances: AtomicU64,
    tasks: Mutex<BTreeMap<u32, Option<TaskStatus>>>,
}

impl Lane {
    pub(super) fn new(number: u32, origin: Instant) -> Self {
        Self {
            number,
            beat: Beat::new(origin),
            intake: <[Intake; 2]>::default(),
            commits: AtomicU64::new(0),
            aborts: AtomicU64::new(0),
            rebalances: AtomicU64::new(0),
            tasks: Mutex::default(),
        }
    }

    /// Its number.
    pub const fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn name(&self) -> String {
        format!("lane {}", self.number)
    }

    /// A sign of life.
    pub fn beat(&self, now: Instant) {
        self.beat.give(now);
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        self.beat.age(now)
    }

    /// So many more records, of so many bytes, were read.
    pub fn add_records(&self, stream: Stream, records: u64, bytes: u64) {
        let intake = &self.intake[stream as usize];
        intake.records.fetch_add(records, Ordering::Relaxed);
        intake.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many more records were rejected for this reason.
    pub fn add_rejects(&self, stream: Stream, reason: RejectReason, count: u64) {
        self.intake[stream as usize].rejects[place(reason)].fetch_add(count, Ordering::Relaxed);
    }

    /// A transaction was committed.
    pub fn committed(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// A transaction was aborted; its records are read again.
    pub fn aborted(&self) {
        self.aborts.fetch_add(1, Ordering::Relaxed);
    }

    /// The partitions of this lane after a rebalance. What is known of tasks that stay is kept, of others forgotten.
    pub fn assign(&self, partitions: &[u32]) {
        self.rebalances.fetch_add(1, Ordering::Relaxed);
        let mut tasks = lock(&self.tasks);
        let mut before = std::mem::take(&mut *tasks);
        tasks.extend(partitions.iter().map(|&partition| (partition, before.remove(&partition).flatten())));
    }

    /// How a task of this lane is doing. Ignored where its partition is not assigned.
    pub fn task(&self, status: TaskStatus) {
        if let Some(place) = lock(&self.tasks).get_mut(&status.partition) {
            *place = Some(status);
        }
    }

    pub(super) fn partitions(&self) -> Vec<u32> {
        lock(&self.tasks).keys().copied().collect()
    }

    pub(super) fn tasks(&self) -> Vec<TaskStatus> {
        lock(&self.tasks).values().flatten().cloned().collect()
    }

    /// Records and bytes.
    pub(super) fn read(&self, stream: Stream) -> (u64, u64) {
        let intake = &self.intake[stream as usize];
        (intake.records.load(Ordering::Relaxed), intake.bytes.load(Ordering::Relaxed))
    }

    /// Rejects by the name of their reason, zeros too.
    pub(super) fn rejects(&self, stream: Stream) -> BTreeMap<&'static str, u64> {
        let counts = self.intake[stream as usize].rejects.iter().map(|count| count.load(Ordering::Relaxed));
        RejectReason::ALL.iter().map(|reason| reason.name()).zip(counts).collect()
    }

    /// Commits, aborts and rebalances.
    pub(super) fn turns(&self) -> [u64; 3] {
        [&self.commits, &self.aborts, &self.rebalances].map(|count| count.load(Ordering::Relaxed))
    }
}

fn place(reason: RejectReason) -> usize {
    RejectReason::ALL.iter().position(|one| *one == reason).expect("the list holds every reason")
}
