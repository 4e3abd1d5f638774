//! What does each field do to the record being filled?
//!
//! One rule a field, whatever the format. Fields that are only checked never come here (see [`Field::loose`]).

use super::content::Content;
use super::field::{Field, Kind};
use super::limits::Limits;
use super::scalar::{Scalar, refuse};
use crate::event::{
    Arm, BaselineRow, EventTime, Features, Inference, Label, Probability, Reject, RejectReason, Split, Truth,
    value_hash,
};

/// A struct that a decoder fills.
pub(crate) trait Target {
    /// Which fields there are.
    const KIND: Kind;
    /// Fields without which the record says nothing.
    const REQUIRED: &'static [Field];

    /// Forgets the last record, keeps the memory.
    fn clear(&mut self);
    /// Puts a value that is not null into its place.
    fn set(&mut self, field: Field, value: Scalar<'_>, limits: &Limits) -> Result<(), Reject>;
    /// Where features go.
    fn features(&mut self) -> Option<&mut Features>;
    /// Checks what spans fields and computes the content hash. `given` is the set of fields that were not null.
    fn finish(&mut self, given: u64, name_hashes: &[u64]) -> Result<(), Reject>;
}

/// Fields of which one must be there in a prediction.
const PREDICTIONS: u64 =
    Field::Score.bit() | Field::Scores.bit() | Field::Predicted.bit() | Field::Value.bit() | Field::Action.bit();

fn put_name(into: &mut String, field: Field, value: Scalar<'_>, limits: &Limits) -> Result<(), Reject> {
    let text = value.text(field, limits.name_bytes)?;
    if text.is_empty() {
        return Err(refuse(RejectReason::OutOfRange, field, "is empty"));
    }
    into.push_str(text);
    Ok(())
}

/// The hash of a name that may also be written as a number or a truth value.
fn name_hash(value: Scalar<'_>, field: Field, limits: &Limits) -> Result<u64, Reject> {
    match value {
        Scalar::Bool(value) => Ok(value_hash(if value { "true" } else { "false" })),
        Scalar::Int(value) => Ok(value_hash(&value.to_string())),
        Scalar::Float(value) => Ok(value_hash(&value.to_string())),
        _ => value.text(field, limits.text_bytes).map(value_hash),
    }
}

fn truth_of(value: Scalar<'_>, limits: &Limits) -> Result<Truth, Reject> {
    match value {
        Scalar::Bool(value) => Ok(Truth::Number(f64::from(u8::from(value)))),
        Scalar::Text(_) => value.text(Field::Label, limits.text_bytes).map(Truth::from_text),
        _ => value.number(Field::Label, f64::is_finite).map(Truth::Number),
    }
}

impl Target for Inference {
    const KIND: Kind = Kind::Inference;
    const REQUIRED: &'static [Field] = &[Field::RequestId, Field::Model, Field::Version, Field::EventTime];

    fn clear(&mut self) {
        self.request_id.clear();
        self.row = 0;
        self.model.clear();
        self.version.clear();
        self.event_time = EventTime::default();
        self.score = None;
        self.threshold = None;
        self.decision = None;
        self.action = None;
        self.action_prob = None;
        self.arm = Arm::default();
        self.weight = None;
        self.features.clear();
        self.content = 0;
    }

    fn set(&mut self, field: Field, value: Scalar<'_>, limits: &Limits) -> Result<(), Reject> {
        match field {
            Field::RequestId => put_name(&mut self.request_id, field, value, limits)?,
            Field::Row => self.row = value.row(field)?,
            Field::Model => put_name(&mut self.model, field, value, limits)?,
            Field::Version => put_name(&mut self.version, field, value, limits)?,
            Field::EventTime => self.event_time = value.time(field)?,
            Field::Score => {
                let score = value.number(field, |_| true)?;
                self.score = Some(Probability::new(score).ok_or_else(|| value.out_of_range(field))?);
            }
            Field::Threshold => self.threshold = Some(value.number(field, f64::is_finite)?),
            Field::Decision => self.decision = Some(value.truth(field)?),
            Field::Action => self.action = Some(name_hash(value, field, limits)?),
            Field::ActionProb => self.action_prob = Some(value.number(field, |p| p > 0.0 && p <= 1.0)?),
            Field::Arm => {
                let name = value.text(field, limits.text_bytes)?;
                self.arm = Arm::from_name(name).ok_or_else(|| value.out_of_range(field))?;
            }
            Field::Weight => self.weight = Some(value.number(field, |w| w > 0.0 && w.is_finite())?),
            _ => {}
        }
        Ok(())
    }

    fn features(&mut self) -> Option<&mut Features> {
        Some(&mut self.features)
    }

    fn finish(&mut self, given: u64, name_hashes: &[u64]) -> Result<(), Reject> {
        if given & PREDICTIONS == 0 {
            return Err(Reject::new(
                RejectReason::MissingField,
                "no prediction; accepted: one of score, scores with predicted, value, action",
            ));
        }
        let mut content = Content::default();
        content.add_text(Field::RequestId, &self.request_id);
        content.add(Field::Row, u64::from(self.row));
        content.add_text(Field::Model, &self.model);
        content.add_text(Field::Version, &self.version);
        content.add(Field::EventTime, self.event_time.micros() as u64);
        content.add(Field::Arm, self.arm as u64);
        let numbers = [
            (Field::Score, self.score.map(Probability::get)),
            (Field::Threshold, self.threshold),
            (Field::ActionProb, self.action_prob),
            (Field::Weight, self.weight),
        ];
        for (field, number) in numbers {
            if let Some(number) = number {
                content.add_number(field, number);
            }
        }
        if let Some(decision) = self.decision {
            content.add(Field::Decision, u64::from(decision));
        }
        if let Some(action) = self.action {
            content.add(Field::Action, action);
        }
        content.add_features(&self.features, name_hashes);
        self.content = content.finish();
        Ok(())
    }
}

impl Target for Label {
    const KIND: Kind = Kind::Label;
    const REQUIRED: &'static [Field] = &[Field::RequestId, Field::EventTime];

    fn clear(&mut self) {
        self.request_id.clear();
        // Absent means the first row; `None`, all rows, is only said by a tombstone, which has no fields.
        self.row = Some(0);
        self.truth = None;
        self.event_time = EventTime::default();
        self.outcome_time = None;
        self.source = None;
        self.revision = 0;
        self.withdrawn = false;
        self.value = None;
        self.content = 0;
    }

    fn set(&mut self, field: Field, value: Scalar<'_>, limits: &Limits) -> Result<(), Reject> {
        match field {
            Field::RequestId => put_name(&mut self.request_id, field, value, limits)?,
            Field::Row => self.row = Some(value.row(field)?),
            Field::Label => self.truth = Some(truth_of(value, limits)?),
            Field::EventTime => self.event_time = value.time(field)?,
            Field::OutcomeTime => self.outcome_time = Some(value.time(field)?),
            Field::Source => self.source = Some(value_hash(value.text(field, limits.text_bytes)?)),
            Field::Revision => self.revision = value.count(field)?,
            Field::Withdrawn => self.withdrawn = value.truth(field)?,
            Field::Value => self.value = Some(value.number(field, f64::is_finite)?),
            _ => {}
        }
        Ok(())
    }

    fn features(&mut self) -> Option<&mut Features> {
        None
    }

    fn finish(&mut self, _given: u64, _name_hashes: &[u64]) -> Result<(), Reject> {
        if self.withdrawn {
            // What is taken back has no value, whatever the record repeats.
            self.truth = None;
        } else if self.truth.is_none() {
            return Err(refuse(RejectReason::MissingField, Field::Label, "is missing and withdrawn is not true"));
        }
        let mut content = Content::default();
        content.add_text(Field::RequestId, &self.request_id);
        content.add(Field::EventTime, self.event_time.micros() as u64);
        content.add(Field::Revision, u64::from(self.revision));
        content.add(Field::Withdrawn, u64::from(self.withdrawn));
        let optional = [
            (Field::Row, self.row.map(u64::from)),
            (Field::Label, self.truth.map(Truth::bits)),
            (Field::OutcomeTime, self.outcome_time.map(|time| time.micros() as u64)),
            (Field::Source, self.source),
            (Field::Value, self.value.map(|value| (value + 0.0).to_bits())),
        ];
        for (field, bits) in optional {
            if let Some(bits) = bits {
                content.add(field, bits);
            }
        }
        self.content = content.finish();
        Ok(())
    }
}

impl Target for BaselineRow {
    const KIND: Kind = Kind::Baseline;
    const REQUIRED: &'static [Field] = Inference::REQUIRED;

    fn clear(&mut self) {
        self.inference.clear();
        self.truth = None;
        self.label_time = None;
        self.split = Split::default();
    }

    fn set(&mut self, field: Field, value: Scalar<'_>, limits: &Limits) -> Result<(), Reject> {
        match field {
            Field::Label => self.truth = Some(truth_of(value, limits)?),
            Field::LabelTime => self.label_time = Some(value.time(field)?),
            // Checked; nothing of a baseline uses it yet.
            Field::OutcomeTime => {
                value.time(field)?;
            }
            Field::Split => {
                self.split = match value.text(field, limits.text_bytes)? {
                    "train" => Split::Train,
                    "validation" => Split::Validation,
                    "test" => Split::Test,
                    _ => return Err(value.out_of_range(field)),
                };
            }
            _ => self.inference.set(field, value, limits)?,
        }
        Ok(())
    }

    fn features(&mut self) -> Option<&mut Features> {
        Some(&mut self.inference.features)
    }

    fn finish(&mut self, given: u64, name_hashes: &[u64]) -> Result<(), Reject> {
        self.inference.finish(given, name_hashes)
    }
}
