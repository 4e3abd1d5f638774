//! What does one record of the control topic say?
//!
//! One JSON object with a `type`. Times are microseconds since 1970 or RFC 3339 text. A field that is not known is an
//! error: what it asks for would be left undone in silence.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::config::Terms;
use crate::event::{EventTime, Span};

/// A record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not one of our records.
    #[error("{0}")]
    Json(String),
    /// The right fields with impossible content.
    #[error("'{field}' is {value}; accepted: {accepted}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What it says.
        value: String,
        /// What would be accepted.
        accepted: &'static str,
    },
}

/// One record. `by` says who asks, and `reason` why; both are for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Record {
    /// Indicators stay silent.
    Mute {
        /// The first due time; none for the first look that is not taken yet.
        #[serde(default, deserialize_with = "time")]
        event_time: Option<EventTime>,
        /// Of which model; none for every model and the pipeline.
        #[serde(default)]
        model: Option<String>,
        /// Which indicators; a `*` stands for any text.
        pattern: String,
        /// The first due time at which they may speak again; none for never.
        #[serde(default, deserialize_with = "time", skip_serializing_if = "Option::is_none")]
        until: Option<EventTime>,
        /// The same, counted from the due time at which it begins, as in `7d`.
        #[serde(
            default,
            rename = "for",
            deserialize_with = "span",
            serialize_with = "text",
            skip_serializing_if = "Option::is_none"
        )]
        lasts: Option<Span>,
        /// Who.
        #[serde(default)]
        by: Option<String>,
        /// Why.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Indicators may speak again: ends every earlier mute of the model whose pattern fits this one.
    Unmute {
        /// The first due time; none for the first look that is not taken yet.
        #[serde(default, deserialize_with = "time")]
        event_time: Option<EventTime>,
        /// Of which model; none for mutes that name none.
        #[serde(default)]
        model: Option<String>,
        /// Which mutes, by their pattern.
        pattern: String,
        /// Who.
        #[serde(default)]
        by: Option<String>,
        /// Why.
        #[serde(default)]
        reason: Option<String>,
    },
    /// An incident is how things are now: it closes, and its alerts at their present size open no new one.
    Accept {
        /// The first due time; none for the first look that is not taken yet.
        #[serde(default, deserialize_with = "time")]
        event_time: Option<EventTime>,
        /// The model of the incident; none for the pipeline's.
        #[serde(default)]
        model: Option<String>,
        /// Its id.
        incident: String,
        /// Who.
        #[serde(default)]
        by: Option<String>,
        /// Why.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Something happened in the world.
    Mark {
        /// When.
        #[serde(deserialize_with = "moment")]
        event_time: EventTime,
        /// Which model it touches; none for all.
        #[serde(default)]
        model: Option<String>,
        /// What.
        text: String,
        /// Who.
        #[serde(default)]
        by: Option<String>,
    },
    /// What the configuration means; the first process of a prefix says so.
    Meaning {
        /// The digest of the configuration.
        digest: String,
        /// Every setting that can change a result and is not the default.
        settings: BTreeMap<String, String>,
        /// How readings are judged.
        terms: Terms,
    },
    /// The configuration means something else from now on.
    Set {
        /// The first due time; none for the first look that is not taken yet.
        #[serde(default, deserialize_with = "time")]
        event_time: Option<EventTime>,
        /// The digest of the new configuration.
        digest: String,
        /// Its settings.
        settings: BTreeMap<String, String>,
        /// How readings are judged.
        terms: Terms,
        /// Who.
        #[serde(default)]
        by: Option<String>,
        /// Why.
        #[serde(default)]
        reason: Option<String>,
    },
    /// A model is compared with another baseline.
    Baseline {
        /// The start of the first window.
        #[serde(deserialize_with = "moment")]
        event_time: EventTime,
        /// Which model.
        model: String,
        /// The baseline file: profiles of the model's versions.
        baseline: String,
        /// Who.
        #[serde(default)]
        by: Option<String>,
        /// Why.
        #[serde(default)]
        reason: Option<String>,
    },
    /// A judge says from when on it obeys a record. Only truthline itself writes it.
    Applied {
        /// The offset of the record.
        offset: i64,
        /// Which judge.
        judge: u32,
        /// How many there are.
        judges: u32,
        /// The first due time, or the start of the first window; none for never, because it came too late.
        #[serde(default, deserialize_with = "time")]
        event_time: Option<EventTime>,
    },
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// If it is no JSON, or not of these fields; with the place and what would be accepted.
    pub fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: Self = serde_json::from_slice(bytes).map_err(|error| RecordError::Json(error.to_string()))?;
        record.check()?;
        Ok(record)
    }

    /// The record as it is published.
    pub fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The key under which it is published: its type and model.
    pub fn key(&self) -> String {
        let (kind, model) = match self {
            Self::Mute { model, .. } => ("mute", model.as_deref()),
            Self::Unmute { model, .. } => ("unmute", model.as_deref()),
            Self::Accept { model, .. } => ("accept", model.as_deref()),
            Self::Mark { model, .. } => ("mark", model.as_deref()),
            Self::Baseline { model, .. } => ("baseline", Some(model.as_str())),
            Self::Meaning { .. } => ("meaning", None),
            Self::Set { .. } => ("set", None),
            Self::Applied { .. } => ("applied", None),
        };
        model.map_or_else(|| kind.to_owned(), |model| format!("{kind}/{model}"))
    }

    fn check(&self) -> Result<(), RecordError> {
        let wrong = |field, value: &str, accepted| Err(RecordError::Field { field, value: value.into(), accepted });
        match self {
            Self::Mute { until: Some(until), lasts: Some(_), .. } => {
                wrong("until", &until.rfc3339(), "either 'until' or 'for', not both")
            }
            Self::Mute { event_time: Some(from), until: Some(until), .. } if until <= from => {
                wrong("until", &until.rfc3339(), "a time after 'event_time'")
            }
            Self::Mute { pattern, .. } | Self::Unmute { pattern, .. } if pattern.is_empty() => {
                wrong("pattern", "empty", "a pattern of indicators, as in input.*")
            }
            Self::Applied { judge, judges, .. } if judge >= judges => {
                wrong("judge", &judge.to_string(), "a number below 'judges'")
            }
            _ => Ok(()),
        }
    }
}

/// A time, as an integer or as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Micros(i64),
    Text(String),
}

impl Written {
    fn read<E: serde::de::Error>(self) -> Result<EventTime, E> {
        match self {
            Self::Micros(micros) => EventTime::from_micros(micros),
            Self::Text(text) => EventTime::from_rfc3339(&text),
        }
        .map_err(E::custom)
    }
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<EventTime>, D::Error> {
    Option::<Written>::deserialize(from)?.map(Written::read).transpose()
}

fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<EventTime, D::Error> {
    Written::deserialize(from)?.read()
}

fn span<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Span>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| Span::parse(&text).map_err(serde::de::Error::custom)).transpose()
}

#[expect(clippy::ref_option, reason = "the form that the macro calls")]
fn text<S: serde::Serializer>(span: &Option<Span>, to: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => to.collect_str(span),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn all() -> Vec<Record> {
        let time = EventTime::from_micros(1_767_225_600_000_000).unwrap();
        let (by, reason) = (Some("ann".to_owned()), Some("the holiday".to_owned()));
        let model = Some("fraud".to_owned());
        let config = Config::from_yaml("models: {fraud: {window: 1d, mute: [input.late]}}").unwrap();
        let (digest, settings, terms) = (config.digest(), config.meaning(), config.terms());
        vec![
            Record::Mute {
                event_time: Some(time),
                model: model.clone(),
                pattern: "input.*".into(),
                until: Some(time + Span::DAY),
                lasts: None,
                by: by.clone(),
                reason: reason.clone(),
            },
            Record::Mute {
                event_time: None,
                model: None,
                pattern: "*".into(),
                until: None,
                lasts: Some(Span::DAY.times(7)),
                by: None,
                reason: None,
            },
            Record::Unmute {
                event_time: None,
                model: model.clone(),
                pattern: "input.*".into(),
                by: by.clone(),
                reason: None,
            },
            Record::Accept {
                event_time: None,
                model: model.clone(),
                incident: "0123456789abcdef".into(),
                by: by.clone(),
                reason: reason.clone(),
            },
            Record::Mark { event_time: time, model, text: "new pricing".into(), by: by.clone() },
            Record::Meaning { digest: digest.clone(), settings: settings.clone(), terms: terms.clone() },
            Record::Set { event_time: Some(time), digest, settings, terms, by: by.clone(), reason: reason.clone() },
            Record::Baseline { event_time: time, model: "fraud".into(), baseline: "{}".into(), by, reason },
            Record::Applied { offset: 7, judge: 1, judges: 2, event_time: Some(time) },
        ]
    }

    #[test]
    fn every_record_is_read_as_it_was_written() {
        for record in all() {
            assert_eq!(Record::read(&record.write()), Ok(record));
        }
    }

    #[test]
    fn the_schema_knows_exactly_the_fields_of_each_record_and_which_must_be_there() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../schemas/control.schema.json")).unwrap();
        let kinds = schema["oneOf"].as_array().unwrap();
        let mut met = std::collections::BTreeSet::new();
        for record in all() {
            let json: serde_json::Value = serde_json::from_slice(&record.write()).unwrap();
            let json = json.as_object().unwrap();
            let kind = kinds.iter().find(|kind| kind["properties"]["type"]["const"] == json["type"]).unwrap();
            met.insert(json["type"].as_str().unwrap().to_owned());
            let known = kind["properties"].as_object().unwrap();
            assert!(json.keys().all(|key| known.contains_key(key)), "{json:?}");
            assert_eq!(kind["additionalProperties"], false);
            // Without a field that must be there it is refused, without any other one it is read.
            let required: Vec<&str> =
                kind["required"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
            for key in json.keys() {
                let mut less = json.clone();
                less.remove(key);
                let read = Record::read(&serde_json::to_vec(&less).unwrap());
                assert_eq!(read.is_err(), required.contains(&key.as_str()), "{key} of {json:?}");
            }
        }
        assert_eq!(met.len(), kinds.len());
    }

    #[test]
    fn times_may_be_text_and_what_is_wrong_is_named() {
        let read = |text: &str| Record::read(text.as_bytes());
        let mark = read(r#"{"type":"mark","event_time":"2026-01-01T00:00:00Z","text":"x"}"#).unwrap();
        assert!(matches!(mark, Record::Mark { event_time, .. } if event_time.micros() == 1_767_225_600_000_000));
        for (text, part) in [
            ("", "EOF"),
            ("{}", "type"),
            (r#"{"type":"mutate"}"#, "mutate"),
            (r#"{"type":"mark","text":"x"}"#, "event_time"),
            (r#"{"type":"mark","event_time":1767225600,"text":"x"}"#, "it looks like seconds"),
            (r#"{"type":"mute","pattern":"input.*","untl":1}"#, "untl"),
            (r#"{"type":"mute","pattern":""}"#, "as in input.*"),
            (r#"{"type":"mute","pattern":"*","for":"7 days"}"#, "90s, 10m"),
            (r#"{"type":"mute","pattern":"*","for":"7d","until":1767225600000000}"#, "not both"),
            (
                r#"{"type":"mute","pattern":"*","event_time":1767225600000000,"until":1767225600000000}"#,
                "after 'event_time'",
            ),
            (r#"{"type":"applied","offset":1,"judge":1,"judges":1,"event_time":1767225600000000}"#, "below 'judges'"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
