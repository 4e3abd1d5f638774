//! What stands in one field, before anyone knows whether it fits?
//!
//! JSON, Avro and CSV all end here: from a [`Scalar`] on, the same code decides, so that the three cannot differ.

use super::field::{Field, accepts};
use crate::event::{EventTime, LAST_ROW, Reject, RejectReason, TimeError};

/// A single value as its format gave it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
}

/// How much of a value a reject's sentence shows.
const SHOWN_CHARS: usize = 40;

/// The beginning of a text, marked when cut.
pub(crate) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// A reject of `field`: what is wrong with it, and what would be accepted.
#[cold]
pub(super) fn refuse(reason: RejectReason, field: Field, what: &str) -> Reject {
    Reject::new(reason, format!("{} {what}; accepted: {}", field.name(), field.accepted()))
}

impl Scalar<'_> {
    /// A whole number; from 2^63 on it is kept as the nearest double, as JSON does from 2^64 on.
    pub(super) fn from_u64(value: u64) -> Self {
        i64::try_from(value).map_or(Self::Float(value as f64), Self::Int)
    }

    /// The value as a person would write it, shortened.
    #[cold]
    pub(super) fn shown(self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Text(text) => format!("'{}'", shorten(text)),
        }
    }

    /// Its kind, as a set of one.
    pub(super) const fn kind(self) -> u8 {
        match self {
            Self::Null => accepts::NULL,
            Self::Bool(_) => accepts::BOOL,
            Self::Int(_) | Self::Float(_) => accepts::NUMBER,
            Self::Text(_) => accepts::TEXT,
        }
    }

    #[cold]
    pub(super) fn wrong_type(self, field: Field) -> Reject {
        refuse(RejectReason::WrongType, field, &format!("is {}", self.shown()))
    }

    #[cold]
    pub(super) fn out_of_range(self, field: Field) -> Reject {
        refuse(RejectReason::OutOfRange, field, &format!("is {}", self.shown()))
    }

    /// A number within what `holds` says.
    pub(super) fn number(self, field: Field, holds: impl Fn(f64) -> bool) -> Result<f64, Reject> {
        let number = match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
            _ => return Err(self.wrong_type(field)),
        };
        // Adding zero turns -0.0 into 0.0.
        if holds(number) { Ok(number + 0.0) } else { Err(self.out_of_range(field)) }
    }

    /// A whole number; JSON does not tell 1 from 1.0.
    fn whole(self, field: Field) -> Result<i64, Reject> {
        match self {
            Self::Int(value) => Ok(value),
            // 2^63 as a float is the first that does not fit.
            Self::Float(value) if value.fract() == 0.0 && value.abs() < 9_223_372_036_854_775_808.0 => Ok(value as i64),
            _ => Err(self.wrong_type(field)),
        }
    }

    /// A whole number from 0 to 2^32 - 1.
    pub(super) fn count(self, field: Field) -> Result<u32, Reject> {
        u32::try_from(self.whole(field)?).map_err(|_| self.out_of_range(field))
    }

    /// The number of a row of a request.
    pub(super) fn row(self, field: Field) -> Result<u32, Reject> {
        let row = self.count(field)?;
        if row > LAST_ROW { Err(self.out_of_range(field)) } else { Ok(row) }
    }

    /// True, false, 0 or 1.
    pub(super) fn truth(self, field: Field) -> Result<bool, Reject> {
        match self {
            Self::Bool(value) => Ok(value),
            _ => match self.whole(field)? {
                0 => Ok(false),
                1 => Ok(true),
                _ => Err(self.out_of_range(field)),
            },
        }
    }

    /// Text of at most `limit` bytes.
    pub(super) fn text(&self, field: Field, limit: usize) -> Result<&str, Reject> {
        match self {
            Self::Text(text) if text.len() <= limit => Ok(text),
            Self::Text(text) => Err(too_long(field.name(), text, limit)),
            _ => Err(self.wrong_type(field)),
        }
    }

    /// A moment: microseconds or RFC 3339 text.
    pub(super) fn time(self, field: Field) -> Result<EventTime, Reject> {
        let time = match self {
            Self::Text(text) => EventTime::from_rfc3339(text),
            _ => EventTime::from_micros(self.whole(field)?),
        };
        time.map_err(|error| time_reject(field, &error))
    }
}

/// The reject of a time that cannot be one.
#[cold]
pub(super) fn time_reject(field: Field, error: &TimeError) -> Reject {
    match error {
        TimeError::OutOfRange { .. } => Reject::new(RejectReason::TimeOutOfRange, format!("{}: {error}", field.name())),
        TimeError::NotATime(text) => not_a_time(field, text, field.accepted()),
    }
}

/// The reject of a text that cannot be read as a time. The end of the year 9999, a usual stand-in for "never", is
/// beyond what the parser knows; it is a time all the same, outside the sane years.
#[cold]
pub(super) fn not_a_time(field: Field, text: &str, accepted: &str) -> Reject {
    let year = text.split_once('-').and_then(|(year, _)| year.parse::<u32>().ok());
    if year.is_some_and(|year| year > 2_199) {
        let detail = format!("{} is '{}', outside the years 1980 to 2199", field.name(), shorten(text));
        return Reject::new(RejectReason::TimeOutOfRange, detail);
    }
    let detail = format!("{} is '{}'; accepted: {accepted}", field.name(), shorten(text));
    Reject::new(RejectReason::WrongType, detail)
}

/// The reject of a text above its limit.
#[cold]
pub(super) fn too_long(name: &str, text: &str, limit: usize) -> Reject {
    Reject::new(
        RejectReason::TooLarge,
        format!("{} '{}' has {} bytes; accepted: at most {limit}", shorten(name), shorten(text), text.len()),
    )
}
