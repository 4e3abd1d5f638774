//! Where do raw settings come from, and how do they become one tree?
//!
//! The file is parsed by the `config` crate and taken as it is: its typed getters would turn `007` into 7 and 1.5
//! into 2. Keys keep their case, because feature and model names have one. Of the environment only the names that
//! stand in [`KEYS`](super::KEYS) are taken; values stay texts and are read by the type of their key.

use std::path::{Path, PathBuf};

use config::{File, FileFormat, Source as _, Value, ValueKind};
use serde_json::{Map, Value as Json};

use super::error::{ConfigError, Problem};
use super::keys::KEYS;

const PREFIX: &str = "TRUTHLINE_";

/// The two accepted formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Yaml,
    Toml,
}

/// A tree without any setting.
pub(super) fn empty() -> Json {
    Json::Object(Map::new())
}

/// Reads and parses a file; its ending decides the format.
pub(super) fn read(path: &Path) -> Result<Json, ConfigError> {
    let fail = |text: String| ConfigError {
        file: Some(path.to_owned()),
        problems: vec![Problem { key: String::new(), text }],
    };
    let format = match path.extension().and_then(|ending| ending.to_str()) {
        Some("yaml" | "yml") => Format::Yaml,
        Some("toml") => Format::Toml,
        _ => return Err(fail("the name of the file must end in .yaml, .yml or .toml".into())),
    };
    let text = std::fs::read_to_string(path).map_err(|error| fail(format!("cannot be read: {error}")))?;
    parse(&text, format, &path.display().to_string()).map_err(|mut error| {
        error.file = Some(path.to_owned());
        error
    })
}

/// Parses text; `name` stands in the error.
pub(super) fn parse(text: &str, format: Format, name: &str) -> Result<Json, ConfigError> {
    let fail = |text: String| ConfigError { file: None, problems: vec![Problem { key: String::new(), text }] };
    if text.trim().is_empty() {
        return Ok(empty());
    }
    let format = match format {
        Format::Yaml => FileFormat::Yaml,
        Format::Toml => FileFormat::Toml,
    };
    let table = File::from_str(text, format).collect().map_err(|error| fail(format!("{name}: {error}")))?;
    Ok(Json::Object(table.into_iter().map(|(key, value)| (key, to_json(value))).collect()))
}

fn to_json(value: Value) -> Json {
    match value.kind {
        ValueKind::Nil => Json::Null,
        ValueKind::Boolean(flag) => Json::Bool(flag),
        ValueKind::I64(number) => number.into(),
        ValueKind::U64(number) => number.into(),
        // Larger than any setting may be; the text lets the reader say so.
        ValueKind::I128(number) => Json::String(number.to_string()),
        ValueKind::U128(number) => Json::String(number.to_string()),
        ValueKind::Float(number) => {
            serde_json::Number::from_f64(number).map_or_else(|| Json::String(number.to_string()), Json::Number)
        }
        ValueKind::String(text) => Json::String(text),
        ValueKind::Array(items) => Json::Array(items.into_iter().map(to_json).collect()),
        ValueKind::Table(table) => Json::Object(table.into_iter().map(|(key, value)| (key, to_json(value))).collect()),
    }
}

/// Lays the variables over the tree. `TRUTHLINE_KAFKA__BROKERS` sets `kafka.brokers`; a variable that names no known
/// key is left alone. `TRUTHLINE_KAFKA__PROPERTIES__SSL_CA_LOCATION` sets the property `ssl.ca.location`.
pub(super) fn overlay(tree: &mut Json, environment: impl Iterator<Item = (String, String)>) {
    let mut variables: Vec<(Vec<String>, String)> =
        environment.filter_map(|(name, value)| Some((known_path(name.strip_prefix(PREFIX)?)?, value))).collect();
    // The order of the environment must not matter: shorter paths first, so that deeper ones refine them.
    variables.sort();
    for (path, value) in variables {
        insert(tree, &path, value);
    }
}

/// The key that a variable sets, if it sets one.
pub(super) fn key_of(name: &str) -> Option<String> {
    Some(known_path(name.strip_prefix(PREFIX)?)?.join("."))
}

fn known_path(name: &str) -> Option<Vec<String>> {
    let lower = name.to_ascii_lowercase();
    if let Some(property) = lower.strip_prefix("kafka__properties__") {
        return Some(vec!["kafka".into(), "properties".into(), property.replace('_', ".")]);
    }
    let path = lower.replace("__", ".");
    // A topic may be given by its name alone.
    if matches!(path.as_str(), "topics.inferences" | "topics.labels") {
        return Some(path.split('.').chain(["name"]).map(Into::into).collect());
    }
    let key = KEYS.iter().find(|key| key.path == path && !key.is_open())?;
    Some(key.path.split('.').map(Into::into).collect())
}

fn insert(tree: &mut Json, path: &[String], value: String) {
    let Some((last, parents)) = path.split_last() else { return };
    let mut place = tree;
    for name in parents {
        place = as_section(place).entry(name.clone()).or_insert(Json::Null);
    }
    as_section(place).insert(last.clone(), Json::String(value));
}

/// The names under `place`. A topic that was written as its name alone keeps that name.
fn as_section(place: &mut Json) -> &mut Map<String, Json> {
    if !place.is_object() {
        let name = place.as_str().map(|short| ("name".to_owned(), Json::String(short.to_owned())));
        *place = Json::Object(name.into_iter().collect());
    }
    place.as_object_mut().expect("it was just made an object")
}

/// A path in the file, looked for beside the file first and then where the program runs.
pub(super) fn beside(file: Option<&Path>, path: &Path) -> PathBuf {
    let candidate = file.and_then(Path::parent).map(|folder| folder.join(path));
    candidate.filter(|candidate| candidate.exists()).unwrap_or_else(|| path.to_owned())
}
