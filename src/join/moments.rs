//! How do times and rows of requests lie in the bytes of a journal and of a mark?
//!
//! Times as eight bytes, lowest first, because almost all of them are large; everything else as in [`crate::event::wire`].
//! A time that is read is near enough for adding any span to it.

use crate::event::wire::{WireError, take_array, take_byte, take_number};
use crate::event::{EventTime, LAST_ROW};

/// In microseconds. Records lie within 220 years; watermarks and floors differ from them by spans of a century.
const FARTHEST: u64 = 100_000 * 366 * 86_400 * 1_000_000;

/// 0, or 1 and the time.
pub(super) fn put_time(bytes: &mut Vec<u8>, time: Option<EventTime>) {
    bytes.push(u8::from(time.is_some()));
    if let Some(time) = time {
        bytes.extend_from_slice(&time.micros().to_le_bytes());
    }
}

pub(super) fn take_moment(bytes: &mut &[u8]) -> Result<EventTime, WireError> {
    let micros = i64::from_le_bytes(take_array(bytes)?);
    let found = micros.unsigned_abs();
    if found > FARTHEST {
        return Err(WireError::Unexpected { what: "a time, in microseconds from 1970,", found, accepted: FARTHEST });
    }
    Ok(EventTime::from_micros_unchecked(micros))
}

pub(super) fn take_time(bytes: &mut &[u8]) -> Result<Option<EventTime>, WireError> {
    match take_byte(bytes)? {
        0 => Ok(None),
        1 => take_moment(bytes).map(Some),
        found => Err(WireError::Unexpected { what: "whether a time follows", found: found.into(), accepted: 1 }),
    }
}

/// The number of a row of a request.
pub(super) fn take_row(bytes: &mut &[u8]) -> Result<u32, WireError> {
    let row = take_number(bytes)?;
    let (found, accepted) = (u64::from(row), u64::from(LAST_ROW));
    if row > LAST_ROW { Err(WireError::Unexpected { what: "a row of a request", found, accepted }) } else { Ok(row) }
}
