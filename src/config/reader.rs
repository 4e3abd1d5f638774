//! How does one raw value become a value of its type, and who remembers what was wrong?
//!
//! A [`Node`] is one place in the tree together with its full key. Its readers return `None` for a value that is
//! absent or null, and also for a wrong one, after noting the problem; the caller falls back to the default and the
//! whole configuration is refused at the end. So all problems are found in one pass.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::error::{ConfigError, Problem};
use crate::event::Span;

/// Collects the problems of one configuration.
pub(super) struct Reader {
    file: Option<PathBuf>,
    problems: RefCell<Vec<Problem>>,
}

/// One place in the tree.
#[derive(Clone)]
pub(super) struct Node<'a> {
    reader: &'a Reader,
    value: Option<&'a Json>,
    key: String,
}

impl Reader {
    pub(super) fn new(file: Option<&Path>) -> Self {
        Self { file: file.map(Path::to_owned), problems: RefCell::new(Vec::new()) }
    }

    pub(super) fn root<'a>(&'a self, tree: &'a Json) -> Node<'a> {
        Node { reader: self, value: Some(tree), key: String::new() }
    }

    pub(super) fn note(&self, key: impl Into<String>, text: impl Into<String>) {
        self.problems.borrow_mut().push(Problem { key: key.into(), text: text.into() });
    }

    /// `value`, if nothing was wrong.
    pub(super) fn finish<T>(self, value: T) -> Result<T, ConfigError> {
        let problems = self.problems.into_inner();
        if problems.is_empty() { Ok(value) } else { Err(ConfigError { file: self.file, problems }) }
    }
}

impl<'a> Node<'a> {
    pub(super) fn child(&self, name: &str) -> Node<'a> {
        let value = self.value.and_then(|value| value.get(name)).filter(|value| !value.is_null());
        let key = if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) };
        Node { reader: self.reader, value, key }
    }

    /// The full path of this place.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The value as it stands in the tree.
    pub(super) fn raw(&self) -> Option<&'a Json> {
        self.value
    }

    /// Whether the key stands in the file with null as its value.
    pub(super) fn is_null_at(&self, name: &str) -> bool {
        self.value.and_then(|value| value.get(name)).is_some_and(Json::is_null)
    }

    /// The configuration file, if there is one.
    pub(super) fn file(&self) -> Option<&'a Path> {
        self.reader.file.as_deref()
    }

    pub(super) fn refuse(&self, accepted: impl std::fmt::Display) {
        let value = self.value.map_or_else(|| "nothing".into(), shown);
        self.reader.note(&*self.key, format!("{value} is not accepted; {accepted}"));
    }

    /// Notes a problem of a part of this value that another deserializer read; `part` is its path below this key.
    pub(super) fn refuse_part(&self, part: &str, text: impl Into<String>) {
        let key = if part == "." { self.key.clone() } else { format!("{}.{part}", self.key) };
        self.reader.note(key, text);
    }

    fn read<T>(&self, accepted: &str, parse: impl FnOnce(&'a Json) -> Option<T>) -> Option<T> {
        let value = self.value?;
        let parsed = parse(value);
        if parsed.is_none() {
            self.refuse(format_args!("accepted: {accepted}"));
        }
        parsed
    }

    /// The names under this key, in order.
    pub(super) fn entries(&self) -> Vec<(&'a str, Node<'a>)> {
        self.read("names with their settings", Json::as_object)
            .into_iter()
            .flatten()
            .map(|(name, _)| (name.as_str(), self.child(name)))
            .collect()
    }

    pub(super) fn text(&self) -> Option<String> {
        self.read("a text that is not empty", |value| match value {
            Json::String(text) if !text.trim().is_empty() => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        })
    }

    pub(super) fn flag(&self) -> Option<bool> {
        self.read("true or false", |value| match value {
            Json::Bool(flag) => Some(*flag),
            Json::String(text) if text == "true" => Some(true),
            Json::String(text) if text == "false" => Some(false),
            _ => None,
        })
    }

    pub(super) fn span(&self) -> Option<Span> {
        match self.value? {
            Json::String(text) => match Span::parse(text) {
                Ok(span) => Some(span),
                Err(error) => {
                    self.reader.note(&*self.key, error.to_string());
                    None
                }
            },
            Json::Number(number) if number.as_u64() == Some(0) => Some(Span::ZERO),
            _ => {
                self.refuse("accepted: a whole number and a unit, as in 90s, 10m, 1h, 7d");
                None
            }
        }
    }

    /// A finite number for which `accept` holds.
    pub(super) fn number(&self, accepted: &str, accept: impl Fn(f64) -> bool) -> Option<f64> {
        self.read(accepted, |value| as_number(value).filter(|&number| number.is_finite() && accept(number)))
    }

    /// A whole number from 1.
    pub(super) fn count(&self) -> Option<u64> {
        self.read("a whole number from 1", |value| as_count(value).filter(|&count| count > 0))
    }

    /// One of several names.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        self.read(&names.join(", "), |value| {
            let text = value.as_str()?;
            choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice)
        })
    }

    /// A list; a text is split at its commas, because the environment has nothing else.
    pub(super) fn list<T>(&self, accepted: &str, parse: impl Fn(&Json) -> Option<T>) -> Option<Vec<T>> {
        self.read(accepted, |value| match value {
            Json::Array(items) => items.iter().map(&parse).collect(),
            Json::String(text) if text.trim().is_empty() => Some(Vec::new()),
            Json::String(text) => text.split(',').map(|item| parse(&Json::String(item.trim().to_owned()))).collect(),
            _ => None,
        })
    }

    /// A list of texts.
    pub(super) fn texts(&self, accepted: &str) -> Option<Vec<String>> {
        self.list(accepted, |item| item.as_str().map(str::to_owned))
    }
}

pub(super) fn as_number(value: &Json) -> Option<f64> {
    match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

pub(super) fn as_count(value: &Json) -> Option<u64> {
    match value {
        Json::Number(number) => number.as_u64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The value as its author wrote it, at most 60 characters.
pub(super) fn shown(value: &Json) -> String {
    let text = match value {
        Json::String(text) => format!("'{text}'"),
        other => other.to_string(),
    };
    if text.chars().count() <= 60 { text } else { text.chars().take(59).chain(['…']).collect() }
}
