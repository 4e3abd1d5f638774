//! Is a thread still alive?

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The last sign of life of a thread.
#[derive(Debug)]
pub(super) struct Beat {
    origin: Instant,
    /// Microseconds since the origin.
    last: AtomicU64,
}

impl Beat {
    pub(super) const fn new(origin: Instant) -> Self {
        Self { origin, last: AtomicU64::new(0) }
    }

    /// A sign of life at `now`; an older one than the last changes nothing.
    pub(super) fn give(&self, now: Instant) {
        let micros = now.saturating_duration_since(self.origin).as_micros() as u64;
        self.last.fetch_max(micros, Ordering::Relaxed);
    }

    /// How long ago the last sign was.
    pub(super) fn age(&self, now: Instant) -> Duration {
        let last = self.origin + Duration::from_micros(self.last.load(Ordering::Relaxed));
        now.saturating_duration_since(last)
    }
}
