//! How do threads learn that it is time to stop?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that every thread looks at between two steps.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    wanted: Arc<AtomicBool>,
}

impl Stop {
    /// Asks all to stop.
    pub fn ask(&self) {
        self.wanted.store(true, Ordering::Release);
    }

    /// Whether it was asked.
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }
}
