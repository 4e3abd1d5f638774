//! What has one judge folded, and what did it find?

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::board::{Board, Limits};
use super::lock;
use super::worker::Beat;
use crate::event::EventTime;
use crate::finding::{Alert, Incident, Summary};

/// The part of one judge. Its counts begin at zero when the process starts.
#[derive(Debug)]
pub struct JudgePart {
    number: u32,
    beat: Beat,
    deltas: AtomicU64,
    repeats: AtomicU64,
    gaps: AtomicU64,
    open_windows: AtomicU64,
    late_after_idle: AtomicU64,
    /// Summaries, alerts, incidents, label requests.
    published: [AtomicU64; 4],
    board: Mutex<Board>,
}

impl JudgePart {
    /// The published names of what a judge publishes.
    pub(super) const KINDS: [&'static str; 4] = ["summaries", "alerts", "incidents", "label_requests"];

    pub(super) fn new(number: u32, origin: Instant, limits: Limits) -> Self {
        Self {
            number,
            beat: Beat::new(origin),
            deltas: AtomicU64::new(0),
            repeats: AtomicU64::new(0),
            gaps: AtomicU64::new(0),
            open_windows: AtomicU64::new(0),
            late_after_idle: AtomicU64::new(0),
            published: <[AtomicU64; 4]>::default(),
            board: Mutex::new(Board::new(limits)),
        }
    }

    /// The partition it judges.
    pub const fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn name(&self) -> String {
        format!("judge {}", self.number)
    }

    /// A sign of life.
    pub fn beat(&self, now: Instant) {
        self.beat.give(now);
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        self.beat.age(now)
    }

    /// So many more deltas were folded; so many were dropped because they had been folded before.
    pub fn add_deltas(&self, folded: u64, repeats: u64) {
        self.deltas.fetch_add(folded, Ordering::Relaxed);
        self.repeats.fetch_add(repeats, Ordering::Relaxed);
    }

    /// A delta is missing in the chain of a task.
    pub fn add_gaps(&self, gaps: u64) {
        self.gaps.fetch_add(gaps, Ordering::Relaxed);
    }

    /// So many more records came for windows that had been closed over an idle partition.
    pub fn add_late_after_idle(&self, records: u64) {
        self.late_after_idle.fetch_add(records, Ordering::Relaxed);
    }

    /// How many windows are open now.
    pub fn set_open_windows(&self, windows: u64) {
        self.open_windows.store(windows, Ordering::Relaxed);
    }

    /// How far both streams have come, by the deltas.
    pub fn set_clock(&self, inputs: Option<EventTime>, labels: Option<EventTime>) {
        lock(&self.board).clock = (inputs, labels);
    }

    /// A summary was published.
    pub fn summary(&self, summary: &Summary) {
        self.published[0].fetch_add(1, Ordering::Relaxed);
        self.restored_summary(summary);
    }

    /// A change of an alert was published.
    pub fn alert(&self, alert: &Alert) {
        self.published[1].fetch_add(1, Ordering::Relaxed);
        self.restored_alert(alert);
    }

    /// A revision of an incident was published.
    pub fn incident(&self, incident: &Incident) {
        self.published[2].fetch_add(1, Ordering::Relaxed);
        self.restored_incident(incident);
    }

    /// So many label requests were published.
    pub fn add_requests(&self, requests: u64) {
        self.published[3].fetch_add(requests, Ordering::Relaxed);
    }

    /// A summary that was published before a restart: shown, not counted.
    pub fn restored_summary(&self, summary: &Summary) {
        lock(&self.board).summary(summary);
    }

    /// An alert that was published before a restart: shown, not counted.
    pub fn restored_alert(&self, alert: &Alert) {
        lock(&self.board).alert(alert);
    }

    /// An incident that was published before a restart: shown, not counted.
    pub fn restored_incident(&self, incident: &Incident) {
        lock(&self.board).incident(incident);
    }

    /// Reads the board.
    pub(super) fn board<T>(&self, read: impl FnOnce(&Board) -> T) -> T {
        read(&lock(&self.board))
    }

    /// Folded, repeated, missing; windows open; records late after idle.
    pub(super) fn counts(&self) -> [u64; 5] {
        [&self.deltas, &self.repeats, &self.gaps, &self.open_windows, &self.late_after_idle]
            .map(|count| count.load(Ordering::Relaxed))
    }

    pub(super) fn published(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Self::KINDS.into_iter().zip(self.published.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}
