//! Which fields may a record have, and what kind of value may stand in each?
//!
//! The names are those of the record contract. A field that a kind of record does not know is unknown there: it is
//! ignored and its name remembered once.

/// The three kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A prediction.
    Inference,
    /// A truth.
    Label,
    /// Both in one.
    Baseline,
}

/// One field of a record. The order is part of the content hash: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Field {
    RequestId,
    Row,
    Model,
    Version,
    EventTime,
    Score,
    Threshold,
    Decision,
    Action,
    ActionProb,
    Arm,
    Weight,
    Features,
    Scores,
    Predicted,
    Value,
    EntityId,
    Parents,
    Env,
    Segments,
    Embedding,
    LatencyMs,
    Interval,
    Label,
    LabelTime,
    OutcomeTime,
    Source,
    SourceType,
    Blind,
    Revision,
    Final,
    Confidence,
    Withdrawn,
    Split,
    /// No field of the contract. Stands last.
    Unknown,
}

use Field as F;

impl Field {
    /// How many fields there are, `Unknown` included.
    pub(super) const COUNT: usize = F::Unknown as usize + 1;

    /// Every field, by number.
    pub(super) const ALL: [Self; Self::COUNT] = [
        F::RequestId,
        F::Row,
        F::Model,
        F::Version,
        F::EventTime,
        F::Score,
        F::Threshold,
        F::Decision,
        F::Action,
        F::ActionProb,
        F::Arm,
        F::Weight,
        F::Features,
        F::Scores,
        F::Predicted,
        F::Value,
        F::EntityId,
        F::Parents,
        F::Env,
        F::Segments,
        F::Embedding,
        F::LatencyMs,
        F::Interval,
        F::Label,
        F::LabelTime,
        F::OutcomeTime,
        F::Source,
        F::SourceType,
        F::Blind,
        F::Revision,
        F::Final,
        F::Confidence,
        F::Withdrawn,
        F::Split,
        F::Unknown,
    ];

    /// The name in the contract; empty for `Unknown`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            F::RequestId => "request_id",
            F::Row => "row",
            F::Model => "model",
            F::Version => "version",
            F::EventTime => "event_time",
            F::Score => "score",
            F::Threshold => "threshold",
            F::Decision => "decision",
            F::Action => "action",
            F::ActionProb => "action_prob",
            F::Arm => "arm",
            F::Weight => "weight",
            F::Features => "features",
            F::Scores => "scores",
            F::Predicted => "predicted",
            F::Value => "value",
            F::EntityId => "entity_id",
            F::Parents => "parents",
            F::Env => "env",
            F::Segments => "segments",
            F::Embedding => "embedding",
            F::LatencyMs => "latency_ms",
            F::Interval => "interval",
            F::Label => "label",
            F::LabelTime => "label_time",
            F::OutcomeTime => "outcome_time",
            F::Source => "source",
            F::SourceType => "source_type",
            F::Blind => "blind",
            F::Revision => "revision",
            F::Final => "final",
            F::Confidence => "confidence",
            F::Withdrawn => "withdrawn",
            F::Split => "split",
            F::Unknown => "",
        }
    }

    /// The field of a name, in records of any kind.
    pub(super) fn from_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|field| field.name() == name && *field != F::Unknown).unwrap_or(F::Unknown)
    }

    /// Its place in a set of fields.
    pub(super) const fn bit(self) -> u64 {
        1 << self as u8
    }

    /// Whether records of this kind know the field.
    pub(super) const fn belongs_to(self, kind: Kind) -> bool {
        let inference = (self as u8) <= F::Interval as u8;
        match kind {
            Kind::Inference => inference,
            Kind::Label => matches!(
                self,
                F::RequestId
                    | F::Row
                    | F::Label
                    | F::EventTime
                    | F::OutcomeTime
                    | F::Source
                    | F::SourceType
                    | F::Blind
                    | F::Revision
                    | F::Final
                    | F::Confidence
                    | F::Value
                    | F::Withdrawn
            ),
            Kind::Baseline => {
                inference || matches!(self, F::Label | F::LabelTime | F::OutcomeTime | F::Source | F::Split)
            }
        }
    }

    /// What is accepted, in words.
    pub(super) const fn accepted(self) -> &'static str {
        match self {
            F::RequestId | F::Model | F::Version => "text that is not empty",
            F::Row | F::Revision => "a whole number from 0 to 4294967295",
            F::EventTime | F::LabelTime | F::OutcomeTime => "integer microseconds since 1970 or RFC 3339 text",
            F::Score => "a number from 0 to 1",
            F::Threshold | F::Value => "a finite number",
            F::Decision => "true, false, 0 or 1",
            F::ActionProb => "a number above 0, at most 1",
            F::Arm => "policy, explore, holdout or shadow",
            F::Weight => "a finite number above 0",
            F::Features => "an object of names and values",
            F::Scores => "an object or a list of numbers",
            F::Action | F::Predicted => "text, a number, true or false",
            F::Label => "a finite number, text, true or false",
            F::EntityId => "text or a whole number",
            F::Parents => "a list of texts",
            F::Env | F::Source | F::SourceType => "text",
            F::Segments => "an object of names and texts",
            F::Embedding | F::Interval => "a list of numbers",
            F::LatencyMs | F::Confidence => "a number",
            F::Blind | F::Final | F::Withdrawn => "true or false",
            F::Split => "train, validation or test",
            F::Unknown => "anything",
        }
    }

    /// For a field that is checked and not kept: which kinds of value it and its elements may have.
    pub(super) const fn loose(self, kind: Kind) -> Option<Loose> {
        use accepts::{ANY, BOOL, LIST, MAP, NUMBER, TEXT};
        let (outer, inner) = match self {
            F::Unknown => (ANY, ANY),
            F::Scores => (LIST | MAP, NUMBER),
            F::Predicted => (TEXT | NUMBER | BOOL, 0),
            F::EntityId => (TEXT | NUMBER, 0),
            F::Parents => (LIST, TEXT),
            F::Env | F::SourceType => (TEXT, 0),
            F::Segments => (MAP, TEXT),
            F::Embedding | F::Interval => (LIST, NUMBER),
            F::LatencyMs | F::Confidence => (NUMBER, 0),
            F::Blind | F::Final => (BOOL | NUMBER, 0),
            F::Value if !matches!(kind, Kind::Label) => (NUMBER, 0),
            F::Source if matches!(kind, Kind::Baseline) => (TEXT, 0),
            _ => return None,
        };
        Some(Loose { outer, inner })
    }
}

/// Sets of kinds of values.
pub(super) mod accepts {
    pub(in super::super) const NULL: u8 = 1;
    pub(in super::super) const BOOL: u8 = 2;
    pub(in super::super) const NUMBER: u8 = 4;
    pub(in super::super) const TEXT: u8 = 8;
    pub(in super::super) const LIST: u8 = 16;
    pub(in super::super) const MAP: u8 = 32;
    pub(in super::super) const BYTES: u8 = 64;
    pub(in super::super) const ANY: u8 = 127;
}

/// What a field that is not kept may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loose {
    /// Kinds of the value itself; null is always one of them.
    pub(super) outer: u8,
    /// Kinds of the elements of a list or an object.
    pub(super) inner: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree() {
        for (number, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(field as usize, number);
            assert_eq!(Field::from_name(field.name()), field);
        }
    }
}
