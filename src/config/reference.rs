//! With what is a window compared beside the baseline?
//!
//! The baseline, given or learnt, always is: the coding of features comes from it. `compare_with` names further
//! references. Each asks its questions once more, at levels divided by their number.

use std::fmt::{self, Display, Formatter};

use serde_json::Value as Json;

use super::reader::{Node, shown};
use crate::event::Span;

/// How many further references a model may have.
const MOST: usize = 4;
const ACCEPTED: &str = "a list of same_hour_of_week, previous and {version: NAME}";
const WEEK: Span = Span::DAY.times(7);

/// A reference beside the baseline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// The windows at the same place of the weeks before.
    SameHourOfWeek,
    /// The window before, of the same length.
    Previous,
    /// The same window of another version of the model.
    Version(String),
}

impl Display for Reference {
    /// As it is published: `same_hour_of_week`, `previous`, `version NAME`.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameHourOfWeek => formatter.write_str("same_hour_of_week"),
            Self::Previous => formatter.write_str("previous"),
            Self::Version(name) => write!(formatter, "version {name}"),
        }
    }
}

impl Reference {
    /// Whether there is such a reference for windows of a length: those of the same hour of the week need a length that
    /// divides a week.
    pub const fn fits(&self, length: Span) -> bool {
        !matches!(self, Self::SameHourOfWeek) || WEEK.micros() % length.micros() == 0
    }

    fn read(item: &Json) -> Option<Self> {
        let version = |name: &str| (!name.trim().is_empty()).then(|| Self::Version(name.trim().to_owned()));
        match item {
            Json::String(text) => match text.as_str() {
                "same_hour_of_week" => Some(Self::SameHourOfWeek),
                "previous" => Some(Self::Previous),
                // The environment has texts only.
                text => text.strip_prefix("version:").and_then(version),
            },
            Json::Object(parts) if parts.len() == 1 => match parts.get("version")? {
                Json::String(name) => version(name),
                Json::Number(number) => version(&number.to_string()),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The further references of a model with base windows of this length, sorted; `base` where the key says nothing.
pub(super) fn read(node: &Node<'_>, base: &[Reference], window: Span) -> Vec<Reference> {
    // Told by name, because an error on the whole list would not say which of its entries is wrong.
    if let Some(Json::Array(items)) = node.raw()
        && let Some(wrong) = items.iter().find(|item| Reference::read(item).is_none())
    {
        let text = if wrong.as_str() == Some("baseline") {
            format!("'baseline' need not be named: every window is compared with it. Accepted: {ACCEPTED}")
        } else {
            format!("{} is no reference. Accepted: {ACCEPTED}", shown(wrong))
        };
        node.refuse_part(".", text);
        return base.to_vec();
    }
    let mut references = node.list(ACCEPTED, Reference::read).unwrap_or_else(|| base.to_vec());
    references.sort_unstable();
    references.dedup();
    if references.len() > MOST {
        node.refuse(format_args!("accepted: at most {MOST} references"));
    }
    if references.iter().any(|reference| !reference.fits(window)) {
        node.refuse(format_args!("same_hour_of_week needs a `window` that divides a week; it is {window}"));
    }
    references
}
