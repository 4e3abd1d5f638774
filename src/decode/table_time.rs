//! When is `2026-01-01 00:00:00`, written in somebody's table?

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt::strtime};

use super::field::Field;
use super::mapping::{MappingError, TimeMapping, TimeUnit};
use super::scalar::{Scalar, not_a_time, shorten};
use crate::event::Reject;

/// Reads the times of one table.
#[derive(Clone, Debug)]
pub(super) struct TableTime {
    unit: TimeUnit,
    zone: TimeZone,
    format: Option<String>,
}

impl TableTime {
    pub(super) fn new(mapping: &TimeMapping) -> Result<Self, MappingError> {
        let zone = zone(&mapping.zone).ok_or_else(|| MappingError::Time {
            key: "zone",
            value: shorten(&mapping.zone),
            accepted: "UTC, an offset such as +02:00, or a name of this machine's time zone database",
        })?;
        if let Some(format) = &mapping.format {
            let wrong = || MappingError::Time {
                key: "format",
                value: shorten(format),
                accepted: "a strptime format with a date, such as '%d.%m.%Y %H:%M:%S'",
            };
            // A format that cannot print a moment cannot read one.
            strtime::format(format, Timestamp::UNIX_EPOCH).map_err(|_| wrong())?;
        }
        Ok(Self { unit: mapping.unit, zone, format: mapping.format.clone() })
    }

    /// The moment that `cell` says, in microseconds.
    pub(super) fn read(&self, field: Field, cell: &str) -> Result<Scalar<'static>, Reject> {
        let (micros, accepted) = match self.unit {
            TimeUnit::Auto => (
                if self.format.is_none() { scaled(cell, 1, 1).or_else(|| self.text(cell)) } else { self.text(cell) },
                "text as the mapping's `time` says, or integer microseconds",
            ),
            TimeUnit::Text => (self.text(cell), "text as the mapping's `time` says"),
            TimeUnit::S => (scaled(cell, 1_000_000, 1), "seconds since 1970 (time.unit is s)"),
            TimeUnit::Ms => (scaled(cell, 1_000, 1), "milliseconds since 1970 (time.unit is ms)"),
            TimeUnit::Us => (scaled(cell, 1, 1), "microseconds since 1970 (time.unit is us)"),
            TimeUnit::Ns => (scaled(cell, 1, 1_000), "nanoseconds since 1970 (time.unit is ns)"),
        };
        micros.map(Scalar::Int).ok_or_else(|| not_a_time(field, cell, accepted))
    }

    fn text(&self, cell: &str) -> Option<i64> {
        if let Some(format) = &self.format {
            let parts = BrokenDownTime::parse(format, cell).ok()?;
            if let Ok(stamp) = parts.to_timestamp() {
                return Some(stamp.as_microsecond());
            }
            return self.civil(parts.to_datetime().ok()?);
        }
        if let Ok(stamp) = cell.parse::<Timestamp>() {
            return Some(stamp.as_microsecond());
        }
        self.civil(cell.parse::<DateTime>().ok()?)
    }

    fn civil(&self, time: DateTime) -> Option<i64> {
        self.zone.to_timestamp(time).ok().map(Timestamp::as_microsecond)
    }
}

fn zone(name: &str) -> Option<TimeZone> {
    if matches!(name, "UTC" | "Z" | "utc") {
        return Some(TimeZone::UTC);
    }
    if let Some(offset) = BrokenDownTime::parse("%:z", name).ok().and_then(|parts| parts.offset()) {
        return Some(TimeZone::fixed(offset));
    }
    TimeZone::get(name).ok()
}

/// A number times `factor` over `divisor`, rounded to a whole one.
fn scaled(cell: &str, factor: i64, divisor: i64) -> Option<i64> {
    if let Ok(whole) = cell.parse::<i64>() {
        return Some(whole.saturating_mul(factor).div_euclid(divisor));
    }
    let float = cell.parse::<f64>().ok().filter(|float| float.is_finite())?;
    // Casting saturates; what does not fit is out of every accepted year.
    Some((float * factor as f64 / divisor as f64).round() as i64)
}
