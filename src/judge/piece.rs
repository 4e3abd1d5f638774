//! What is one piece of a snapshot, as bytes?
//!
//! A key is a JSON list that begins with the kind of the piece, so that a reader of the topic knows what it looks at:
//! `["window","fraud","v1",1,1767225600000000]`. A value is a format byte, a checksum of key and body, and the body.
//! Damaged bytes, and a value under a key that is not its own, are therefore seen before anything is made of them.

use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Serialize};
use serde_json::Value as Json;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::past::Part;
use crate::event::EventTime;
use crate::observe::CodecError;

const FORMAT: u8 = 1;
/// Format byte and checksum.
const HEAD: usize = 9;
/// Keys in messages are cut here.
const SHOWN: usize = 200;

/// What a piece is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// How far the judge has come.
    Clock,
    /// Lives of the pipeline's alerts.
    Pipeline,
    /// Labels of one window of the pipeline.
    Flow(EventTime),
    /// Lives and first figures of a model's version.
    Model(String, String),
    /// What the windows of a model's version have taught.
    Scatter(String, String),
    /// One open window: model, version, level, start.
    Window(String, String, u32, EventTime),
    /// What is kept of a window: model, version, part, level, start.
    Past(String, String, Part, u32, EventTime),
    /// Alerts of one due time that are not in an incident yet.
    Waiting(EventTime),
    /// One open incident, by its number in the order of opening.
    Incident(u64),
}

/// A snapshot that cannot be restored, and the piece that is to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the piece {piece} of the judge's snapshot cannot be used: {problem}")]
pub struct RestoreError {
    /// The key, as text.
    pub piece: String,
    /// What is wrong with it.
    pub problem: RestoreProblem,
}

/// What is wrong with a piece.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreProblem {
    /// The key is none of a piece.
    #[error(
        "its key is no key of a piece; accepted: a list that begins with clock, pipeline, flow, model, scatter, window, past, waiting or incident"
    )]
    Key,
    /// Written by another release.
    #[error("its format is {0}; accepted: {FORMAT}")]
    Format(u8),
    /// The bytes are not those that were written.
    #[error("its checksum does not match: the bytes were damaged, or belong to another key")]
    Damaged,
    /// The JSON says something else.
    #[error("{0}")]
    Json(String),
    /// The sums are none of this layout: most often another baseline.
    #[error("its sums do not fit the baseline in force: {0}")]
    Sums(CodecError),
    /// It was counted by a baseline that is not there.
    #[error("it was counted by a baseline, and none is given for this model, version and window")]
    NoBaseline,
    /// A level that the configuration does not have, or a start that is none of a window.
    #[error("the configuration has no such window; were `window` or `levels` changed?")]
    NoSuchWindow,
    /// What was learnt of a model by figures that the baseline in force does not have.
    #[error("it was learnt by another baseline than the one in force")]
    OtherBaseline,
    /// A window without its model.
    #[error("the piece of its model and version is missing")]
    NoModel,
}

impl RestoreProblem {
    /// The same, of a piece.
    pub(super) fn of(self, key: &[u8]) -> RestoreError {
        RestoreError { piece: String::from_utf8_lossy(key).chars().take(SHOWN).collect(), problem: self }
    }
}

impl Key {
    /// Its bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Clock => json(&("clock",)),
            Self::Pipeline => json(&("pipeline",)),
            Self::Flow(start) => json(&("flow", start)),
            Self::Model(model, version) => json(&("model", model, version)),
            Self::Scatter(model, version) => json(&("scatter", model, version)),
            Self::Window(model, version, multiple, start) => json(&("window", model, version, multiple, start)),
            Self::Past(model, version, part, multiple, start) => json(&("past", model, version, part, multiple, start)),
            Self::Waiting(as_of) => json(&("waiting", as_of)),
            Self::Incident(number) => json(&("incident", number)),
        }
    }

    /// The key of these bytes.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, RestoreProblem> {
        let parts: Vec<Json> = serde_json::from_slice(bytes).map_err(|_| RestoreProblem::Key)?;
        let time =
            |part: &Json| part.as_i64().and_then(|micros| EventTime::try_from(micros).ok()).ok_or(RestoreProblem::Key);
        let text = |part: &Json| part.as_str().map(str::to_owned).ok_or(RestoreProblem::Key);
        let level =
            |part: &Json| part.as_u64().and_then(|multiple| u32::try_from(multiple).ok()).ok_or(RestoreProblem::Key);
        let (kind, parts) = parts.split_first().ok_or(RestoreProblem::Key)?;
        match (kind.as_str().unwrap_or_default(), parts) {
            ("clock", []) => Ok(Self::Clock),
            ("pipeline", []) => Ok(Self::Pipeline),
            ("flow", [start]) => Ok(Self::Flow(time(start)?)),
            ("model", [model, version]) => Ok(Self::Model(text(model)?, text(version)?)),
            ("scatter", [model, version]) => Ok(Self::Scatter(text(model)?, text(version)?)),
            ("window", [model, version, multiple, start]) => {
                Ok(Self::Window(text(model)?, text(version)?, level(multiple)?, time(start)?))
            }
            ("past", [model, version, part, multiple, start]) => {
                let part = Part::deserialize(part).map_err(|_| RestoreProblem::Key)?;
                Ok(Self::Past(text(model)?, text(version)?, part, level(multiple)?, time(start)?))
            }
            ("waiting", [as_of]) => Ok(Self::Waiting(time(as_of)?)),
            ("incident", [number]) => Ok(Self::Incident(number.as_u64().ok_or(RestoreProblem::Key)?)),
            _ => Err(RestoreProblem::Key),
        }
    }
}

/// The JSON of a value of the judge's own making.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("the judge's state has no maps with keys that are no texts")
}

/// What JSON says.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, RestoreProblem> {
    serde_json::from_slice(body).map_err(|error| RestoreProblem::Json(error.to_string()))
}

/// The value of a piece with this body.
pub(super) fn seal(key: &[u8], body: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEAD + body.len());
    value.push(FORMAT);
    value.extend_from_slice(&checksum(key, body).to_le_bytes());
    value.extend_from_slice(body);
    value
}

/// The body of a piece's value.
pub(super) fn open<'a>(key: &[u8], value: &'a [u8]) -> Result<&'a [u8], RestoreProblem> {
    let (&format, rest) = value.split_first().ok_or(RestoreProblem::Damaged)?;
    if format != FORMAT {
        return Err(RestoreProblem::Format(format));
    }
    let (sum, body) = rest.split_first_chunk().ok_or(RestoreProblem::Damaged)?;
    if u64::from_le_bytes(*sum) == checksum(key, body) { Ok(body) } else { Err(RestoreProblem::Damaged) }
}

fn checksum(key: &[u8], body: &[u8]) -> u64 {
    xxh3_64_with_seed(body, xxh3_64_with_seed(key, u64::from(FORMAT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Vec<Key> {
        let time = EventTime::from_micros_unchecked(1_767_225_600_000_000);
        let odd = "a\",\"b\u{0}\n".to_owned();
        vec![
            Key::Clock,
            Key::Pipeline,
            Key::Flow(time),
            Key::Model(odd.clone(), String::new()),
            Key::Scatter(odd.clone(), "v1".into()),
            Key::Window("fraud".into(), odd.clone(), 28, time),
            Key::Past(odd, "v1".into(), Part::Inputs, 1, time),
            Key::Past("fraud".into(), "v1".into(), Part::Truth, 28, time),
            Key::Waiting(time),
            Key::Incident(12),
        ]
    }

    #[test]
    fn keys_read_back_and_say_what_they_are() {
        for key in keys() {
            assert_eq!(Key::read(&key.bytes()), Ok(key));
        }
        let time = EventTime::from_micros_unchecked(1_767_225_600_000_000);
        let window = Key::Window("fraud".into(), "v1".into(), 1, time).bytes();
        assert_eq!(window, br#"["window","fraud","v1",1,1767225600000000]"#);
        for wrong in [&b""[..], b"[]", b"{}", b"[1]", b"[\"window\"]", b"[\"flow\",1e300]", b"[\"clock\",1]", b"\xff"] {
            assert_eq!(Key::read(wrong), Err(RestoreProblem::Key), "{}", String::from_utf8_lossy(wrong));
        }
    }

    #[test]
    fn every_damaged_bit_and_every_other_key_is_seen() {
        let key = Key::Waiting(EventTime::from_micros_unchecked(7)).bytes();
        let value = seal(&key, b"[1,2,3]");
        assert_eq!(open(&key, &value), Ok(&b"[1,2,3]"[..]));
        for bit in 0..value.len() * 8 {
            let mut damaged = value.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&key, &damaged).is_err(), "bit {bit}");
        }
        for length in 0..value.len() {
            assert!(open(&key, &value[..length]).is_err(), "{length} bytes");
        }
        assert_eq!(open(&Key::Clock.bytes(), &value), Err(RestoreProblem::Damaged));
    }
}
