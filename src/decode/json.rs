//! How is a JSON object read as a record?

use serde::de::DeserializeSeed;
use serde_json::error::Category;

use super::objects::ObjectMapping;
use super::scalar::shorten;
use super::scratch::Scratch;
use super::target::Target;
use super::visit::Record;
use crate::event::{Reject, RejectReason};

/// Reads the one object that `bytes` are.
pub(super) fn read<T: Target>(
    scratch: &mut Scratch,
    mapping: Option<&ObjectMapping>,
    bytes: &[u8],
    into: &mut T,
) -> Result<(), Reject> {
    // One check for the whole record is cheaper than one a text.
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Reject::new(
            RejectReason::Malformed,
            format!("invalid UTF-8 after {} bytes; accepted: JSON in UTF-8", error.valid_up_to()),
        )
    })?;
    let mut json = serde_json::Deserializer::from_str(text);
    Record { scratch, into, mapping }
        .deserialize(&mut json)
        .and_then(|()| json.end())
        .map_err(|error| scratch.reject.take().unwrap_or_else(|| explain(&error, text)))
}

#[cold]
fn explain(error: &serde_json::Error, text: &str) -> Reject {
    match error.classify() {
        Category::Data => Reject::new(
            RejectReason::WrongType,
            format!("the record is '{}'; accepted: one JSON object with the fields of a record", shorten(text)),
        ),
        _ if error.to_string().starts_with("number out of range") => {
            Reject::new(RejectReason::OutOfRange, format!("{error}; accepted: numbers that a double can hold"))
        }
        _ => {
            let found = shorten(text);
            let accepted = if stands_for_no_number(error, text) {
                "one JSON object, which has no NaN and no infinity; write null where there is no number"
            } else {
                "one JSON object"
            };
            Reject::new(RejectReason::Malformed, format!("{error} in '{found}'; accepted: {accepted}"))
        }
    }
}

/// Whether the text stops being JSON at a word by which some writers of JSON mean that there is no number.
fn stands_for_no_number(error: &serde_json::Error, text: &str) -> bool {
    // The column counts bytes of the line; the one that could not be read may be the one before it.
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let places = [error.column().saturating_sub(2), error.column().saturating_sub(1)];
    let words = ["NaN", "Infinity", "-Infinity"];
    places.iter().any(|&place| line.get(place..).is_some_and(|rest| words.iter().any(|word| rest.starts_with(word))))
}
