//! What time is it outside?
//!
//! The one place of the service that reads the wall clock. Only what is live (silence, lag, heartbeats) asks for it;
//! nothing final does.

use std::time::SystemTime;

use crate::event::EventTime;

/// Now.
#[expect(clippy::disallowed_methods, reason = "live matters need the wall clock; nothing final does")]
pub(super) fn now() -> EventTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    EventTime::from_micros_unchecked(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
