//! How does a table of somebody else's columns become records?
//!
//! By a declared mapping: for each field of the contract the column that holds it, or a constant. Strict: an unknown
//! key or a column that is not there is an error at the start, not a reject a row.

use serde::Deserialize;

use super::field::Field;

/// Which column holds which field. Fields without an entry are absent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// The request's id.
    pub request_id: Option<Column>,
    /// The row of the request; default 0.
    pub row: Option<Column>,
    /// The model's name; often a constant.
    pub model: Option<Column>,
    /// The model's version; often a constant.
    pub version: Option<Column>,
    /// When it was predicted or, in labels, when the truth became known.
    pub event_time: Option<Column>,
    /// The probability of the positive class.
    pub score: Option<Column>,
    /// The threshold in force.
    pub threshold: Option<Column>,
    /// The decision.
    pub decision: Option<Column>,
    /// What was done.
    pub action: Option<Column>,
    /// With what probability it was done.
    pub action_prob: Option<Column>,
    /// Which traffic: policy, explore, holdout or shadow.
    pub arm: Option<Column>,
    /// How many requests the row stands for.
    pub weight: Option<Column>,
    /// The predicted class, where there is no score. Checked, not yet judged.
    pub predicted: Option<Column>,
    /// Whom the request is about. Checked, not kept.
    pub entity_id: Option<Column>,
    /// The truth.
    pub label: Option<Column>,
    /// In a baseline: when the truth became known.
    pub label_time: Option<Column>,
    /// When the thing itself happened.
    pub outcome_time: Option<Column>,
    /// Who says what is true.
    pub source: Option<Column>,
    /// The revision of a label.
    pub revision: Option<Column>,
    /// Whether a label is taken back.
    pub withdrawn: Option<Column>,
    /// The value of a request; in a prediction the predicted value.
    pub value: Option<Column>,
    /// In a baseline: train, validation or test.
    pub split: Option<Column>,
    /// How times are written.
    pub time: TimeMapping,
    /// The columns that are features. Absent: every column that nothing else uses.
    pub features: Option<Vec<String>>,
    /// Columns that are no features.
    pub ignore: Vec<String>,
    /// Cells that mean "no value", compared without blanks around them.
    pub nulls: Vec<String>,
}

/// The cells that mean "no value" unless the mapping says otherwise.
const NULLS: [&str; 11] = ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "null", "NULL", "None"];

impl Default for Mapping {
    fn default() -> Self {
        Self {
            request_id: None,
            row: None,
            model: None,
            version: None,
            event_time: None,
            score: None,
            threshold: None,
            decision: None,
            action: None,
            action_prob: None,
            arm: None,
            weight: None,
            predicted: None,
            entity_id: None,
            label: None,
            label_time: None,
            outcome_time: None,
            source: None,
            revision: None,
            withdrawn: None,
            value: None,
            split: None,
            time: TimeMapping::default(),
            features: None,
            ignore: Vec::new(),
            nulls: NULLS.map(str::to_owned).to_vec(),
        }
    }
}

impl Mapping {
    /// The fields that the mapping gives.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Field, &Column)> {
        [
            (Field::RequestId, &self.request_id),
            (Field::Row, &self.row),
            (Field::Model, &self.model),
            (Field::Version, &self.version),
            (Field::EventTime, &self.event_time),
            (Field::Score, &self.score),
            (Field::Threshold, &self.threshold),
            (Field::Decision, &self.decision),
            (Field::Action, &self.action),
            (Field::ActionProb, &self.action_prob),
            (Field::Arm, &self.arm),
            (Field::Weight, &self.weight),
            (Field::Predicted, &self.predicted),
            (Field::EntityId, &self.entity_id),
            (Field::Label, &self.label),
            (Field::LabelTime, &self.label_time),
            (Field::OutcomeTime, &self.outcome_time),
            (Field::Source, &self.source),
            (Field::Revision, &self.revision),
            (Field::Withdrawn, &self.withdrawn),
            (Field::Value, &self.value),
            (Field::Split, &self.split),
        ]
        .into_iter()
        .filter_map(|(field, column)| Some((field, column.as_ref()?)))
    }
}

/// Where a field's value comes from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a column's name, or {value: CONSTANT}")]
pub enum Column {
    /// The column of this name.
    Name(String),
    /// The same value in every row.
    Constant(Constant),
}

/// A value that every row has.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// The value, as a cell would hold it.
    #[serde(deserialize_with = "cell_text")]
    pub value: String,
}

/// Text, a number or a truth value, as text.
fn cell_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected text, a number, true or false")]
    enum Raw {
        Bool(bool),
        Int(i64),
        Float(f64),
        Text(String),
    }
    Ok(match Raw::deserialize(deserializer)? {
        Raw::Bool(value) => value.to_string(),
        Raw::Int(value) => value.to_string(),
        Raw::Float(value) => value.to_string(),
        Raw::Text(text) => text,
    })
}

/// How times are written in the table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimeMapping {
    /// Text or which unit of numbers.
    pub unit: TimeUnit,
    /// The time zone of texts that name none: `UTC`, an offset such as `+02:00`, or an IANA name such as
    /// `Europe/Berlin` (read from the machine's time zone database). Where clocks go back, the earlier moment counts.
    pub zone: String,
    /// The form of texts, as in strptime: `%d.%m.%Y %H:%M`. Absent: RFC 3339, or `YYYY-MM-DD HH:MM:SS[.fff]`.
    pub format: Option<String>,
}

impl Default for TimeMapping {
    fn default() -> Self {
        Self { unit: TimeUnit::Auto, zone: "UTC".to_owned(), format: None }
    }
}

/// What a time is counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Text, or microseconds if it is a whole number. A number that looks like another unit is refused by that name.
    #[default]
    Auto,
    /// Only text.
    Text,
    /// Seconds since 1970, also with a fraction.
    S,
    /// Milliseconds since 1970.
    Ms,
    /// Microseconds since 1970.
    Us,
    /// Nanoseconds since 1970.
    Ns,
}

/// A mapping that does not fit its table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// A column that the table does not have.
    #[error("{key}: there is no column '{column}'{}; accepted: a column of the header", nearest_text(.nearest.as_ref()))]
    NoSuchColumn {
        /// The mapping's key.
        key: &'static str,
        /// The column it names.
        column: String,
        /// The most similar column there is.
        nearest: Option<String>,
    },
    /// A column that is used stands twice in the header.
    #[error("the column '{column}' stands twice in the header; accepted: a header whose used names differ")]
    ColumnTwice {
        /// Its name.
        column: String,
    },
    /// A field that the records need and the mapping does not give.
    #[error("no column holds `{field}`; accepted: a mapping with `{field}: COLUMN` or `{field}: {{value: CONSTANT}}`")]
    NoColumnFor {
        /// The field.
        field: &'static str,
    },
    /// A setting of `time` that cannot be used.
    #[error("time.{key}: '{value}' cannot be used; accepted: {accepted}")]
    Time {
        /// Which setting.
        key: &'static str,
        /// Its value.
        value: String,
        /// What would be accepted.
        accepted: &'static str,
    },
}

fn nearest_text(nearest: Option<&String>) -> String {
    nearest.map_or_else(String::new, |name| format!(", the nearest is '{name}'"))
}
