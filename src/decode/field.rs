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

impl Kind {
    /// The fields that such records know.
    const fn fields(self) -> u64 {
        // All up to `Interval`.
        const INFERENCE: u64 = (F::Interval.bit() << 1) - 1;
        match self {
            Self::Inference => INFERENCE,
            Self::Label => {
                F::RequestId.bit()
                    | F::Row.bit()
                    | F::Label.bit()
                    | F::EventTime.bit()
                    | F::OutcomeTime.bit()
                    | F::Source.bit()
                    | F::SourceType.bit()
                    | F::Blind.bit()
                    | F::Revision.bit()
                    | F::Final.bit()
                    | F::Confidence.bit()
                    | F::Value.bit()
                    | F::Withdrawn.bit()
            }
            Self::Baseline => {
                INFERENCE
                    | F::Label.bit()
                    | F::LabelTime.bit()
                    | F::OutcomeTime.bit()
                    | F::Source.bit()
                    | F::Split.bit()
            }
        }
    }
}

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

    /// The names, by number.
    const NAMES: [&'static str; Self::COUNT] = [
        "request_id",
        "row",
        "model",
        "version",
        "event_time",
        "score",
        "threshold",
        "decision",
        "action",
        "action_prob",
        "arm",
        "weight",
        "features",
        "scores",
        "predicted",
        "value",
        "entity_id",
        "parents",
        "env",
        "segments",
        "embedding",
        "latency_ms",
        "interval",
        "label",
        "label_time",
        "outcome_time",
        "source",
        "source_type",
        "blind",
        "revision",
        "final",
        "confidence",
        "withdrawn",
        "split",
        "",
    ];

    /// The name in the contract; empty for `Unknown`.
    pub(super) const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
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
        kind.fields() & self.bit() != 0
    }

    /// Whether its value is kept, and is a single one.
    pub(super) const fn is_kept(self, kind: Kind) -> bool {
        !matches!(self, F::Features) && self.loose(kind).is_none()
    }

    /// What is accepted, in words.
    pub(super) const fn accepted(self) -> &'static str {
        match self {
            F::RequestId | F::Model | F::Version => "text that is not empty",
            F::Row => "a whole number from 0 to 4095",
            F::Revision => "a whole number from 0 to 4294967295",
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
