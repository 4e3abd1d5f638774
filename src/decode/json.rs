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
        _ => Reject::new(RejectReason::Malformed, format!("{error} in '{}'; accepted: one JSON object", shorten(text))),
    }
}
