//! What is a time here? The microsecond at which something happened, as its record says.
//!
//! Wall time has no type in this room, so it cannot be mistaken for event time.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A moment in event time: microseconds since 1970-01-01T00:00:00Z. Written as that integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct EventTime(i64);

/// A length of time in microseconds, never negative. Written as that integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(i64);

/// A time that cannot be an event's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Outside the sane years; `hint` says which unit it looks like.
    #[error("time {value} is outside the years 1980 to 2199{hint}")]
    OutOfRange {
        /// The value as given.
        value: i64,
        /// What it looks like, or nothing.
        hint: &'static str,
    },
    /// Not a time at all.
    #[error("'{0}' is not a time; accepted: RFC 3339 text or integer microseconds since 1970")]
    NotATime(String),
}

/// A text that is not a length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a duration; accepted: a whole number and a unit, as in 90s, 10m, 1h, 7d, 500ms")]
pub struct SpanError(pub String);

const SECOND: i64 = 1_000_000;

impl EventTime {
    /// The first accepted moment, 1980-01-01.
    pub const EARLIEST: Self = Self(315_532_800 * SECOND);
    /// The moment after the last accepted one, 2200-01-01.
    pub const LATEST: Self = Self(7_258_118_400 * SECOND);

    /// A time from microseconds; sane years only.
    pub fn from_micros(micros: i64) -> Result<Self, TimeError> {
        let time = Self(micros);
        if time >= Self::EARLIEST && time < Self::LATEST {
            return Ok(time);
        }
        let sane =
            |factor: i64| micros.checked_mul(factor).is_some_and(|m| (Self::EARLIEST.0..Self::LATEST.0).contains(&m));
        let hint = if sane(SECOND) {
            "; it looks like seconds, microseconds are expected"
        } else if sane(1_000) {
            "; it looks like milliseconds, microseconds are expected"
        } else if (Self::EARLIEST.0..Self::LATEST.0).contains(&(micros / 1_000)) {
            "; it looks like nanoseconds, microseconds are expected"
        } else {
            ""
        };
        Err(TimeError::OutOfRange { value: micros, hint })
    }

    /// A time from RFC 3339 text.
    pub fn from_rfc3339(text: &str) -> Result<Self, TimeError> {
        let stamp: jiff::Timestamp = text.parse().map_err(|_| TimeError::NotATime(shorten(text)))?;
        Self::from_micros(stamp.as_microsecond())
    }

    /// A time from a command line: RFC 3339 text, or microseconds.
    pub fn from_argument(text: &str) -> Result<Self, TimeError> {
        text.parse::<i64>().map_or_else(|_| Self::from_rfc3339(text), Self::from_micros)
    }

    /// A time inside the house, where arithmetic may leave the sane years.
    pub const fn from_micros_unchecked(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// `self - earlier` in microseconds; negative when `earlier` is later.
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// RFC 3339 in UTC, with as many digits as needed.
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_microsecond(self.0).map_or_else(|_| self.0.to_string(), |stamp| stamp.to_string())
    }
}

impl From<EventTime> for i64 {
    fn from(time: EventTime) -> Self {
        time.0
    }
}

/// What was written inside the house may have left the sane years, but not by far: arithmetic must not overflow.
impl TryFrom<i64> for EventTime {
    type Error = TimeError;
    fn try_from(micros: i64) -> Result<Self, TimeError> {
        if micros.unsigned_abs() < 1 << 60 {
            Ok(Self(micros))
        } else {
            Err(TimeError::OutOfRange { value: micros, hint: "" })
        }
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// One hour.
    pub const HOUR: Self = Self(3_600 * SECOND);
    /// One day.
    pub const DAY: Self = Self(86_400 * SECOND);

    /// A span of microseconds; negative ones become zero.
    pub const fn from_micros(micros: i64) -> Self {
        Self(if micros < 0 { 0 } else { micros })
    }

    /// Microseconds.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// `count` times this span.
    #[must_use]
    pub const fn times(self, count: i64) -> Self {
        Self::from_micros(self.0.saturating_mul(count))
    }

    /// Reads `90s`, `10m`, `1h`, `7d`, `2w`, `500ms` or `0`; at most 100 years.
    pub fn parse(text: &str) -> Result<Self, SpanError> {
        let wrong = || SpanError(shorten(text));
        let trimmed = text.trim();
        let digits = trimmed.len() - trimmed.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = trimmed.split_at(digits);
        let number: i64 = number.parse().map_err(|_| wrong())?;
        let factor = match unit {
            "us" => 1,
            "ms" => 1_000,
            "s" => SECOND,
            "m" | "min" => 60 * SECOND,
            "h" => Self::HOUR.0,
            "d" => Self::DAY.0,
            "w" => 7 * Self::DAY.0,
            "" if number == 0 => 1,
            _ => return Err(wrong()),
        };
        let micros = number.checked_mul(factor).ok_or_else(wrong)?;
        if micros > 36_525 * Self::DAY.0 { Err(wrong()) } else { Ok(Self(micros)) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(Self::DAY.0, "d"), (Self::HOUR.0, "h"), (60 * SECOND, "m"), (SECOND, "s"), (1_000, "ms")];
        for (size, unit) in units {
            if self.0 >= size && self.0 % size == 0 {
                return write!(f, "{}{unit}", self.0 / size);
            }
        }
        if self.0 == 0 { f.write_str("0s") } else { write!(f, "{}us", self.0) }
    }
}

impl Add<Span> for EventTime {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for EventTime {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// A tumbling window `[start, end)`, aligned to 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// The first moment inside.
    pub start: EventTime,
    /// The first moment after.
    pub end: EventTime,
}

impl Window {
    /// The window of length `length` that holds `time`.
    ///
    /// # Panics
    /// If `length` is zero.
    pub fn holding(time: EventTime, length: Span) -> Self {
        assert!(length.0 > 0, "a window has a length");
        let start = EventTime(time.0.div_euclid(length.0) * length.0);
        Self { start, end: start + length }
    }

    /// Its length.
    pub const fn length(self) -> Span {
        Span(self.end.0 - self.start.0)
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_another_unit_is_refused_with_the_unit_it_looks_like() {
        for (value, word) in [(1_767_225_600, "seconds"), (1_767_225_600_000, "milliseconds")] {
            let error = EventTime::from_micros(value).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(EventTime::from_micros(1_767_225_600_000_000).is_ok());
        assert!(EventTime::from_rfc3339("9999-01-01T00:00:00Z").is_err());
    }

    #[test]
    fn spans_read_back_what_they_print() {
        for text in ["90s", "10m", "1h", "7d", "500ms", "0s"] {
            let span = Span::parse(text).unwrap();
            assert_eq!(Span::parse(&span.to_string()).unwrap(), span);
        }
        for wrong in ["", "d", "1", "-1h", "1y", "99999999999999999999d", "4000000d"] {
            assert!(Span::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn windows_tile_time_also_before_1970() {
        for micros in [-1, 0, 1, 1_767_225_600_000_001] {
            let time = EventTime::from_micros_unchecked(micros);
            let window = Window::holding(time, Span::HOUR);
            assert!(window.start <= time && time < window.end);
            assert_eq!(window.start.micros().rem_euclid(Span::HOUR.micros()), 0);
        }
    }
}
