//! How is a row that a baseline may be learnt from written as bytes?
//!
//! With the names of its features: their numbers mean something to one decoder only.

use crate::baseline::SampleRow;
use crate::event::wire::{
    WireError, put, put_bytes, put_signed, take, take_array, take_byte, take_number, take_signed, take_text,
};
use crate::event::{Arm, EventTime, FeatureNames, Features, RequestKey, Value};
use crate::observe::{Facts, Weight};

/// The most features of one row.
const MOST_FEATURES: u64 = crate::event::MAX_FEATURE_NAMES as u64;

mod tag {
    pub(super) const NULL: u8 = 0;
    pub(super) const NO: u8 = 1;
    pub(super) const YES: u8 = 2;
    pub(super) const INT: u8 = 3;
    pub(super) const FLOAT: u8 = 4;
    pub(super) const TEXT: u8 = 5;
}

/// A truth that may be unknown, as one byte.
pub(super) const fn truth_byte(truth: Option<bool>) -> u8 {
    match truth {
        None => 0,
        Some(false) => 1,
        Some(true) => 2,
    }
}

/// The truth of such a byte.
pub(super) const fn truth_of(byte: u8) -> Result<Option<bool>, WireError> {
    match byte {
        0 => Ok(None),
        1 => Ok(Some(false)),
        2 => Ok(Some(true)),
        found => Err(WireError::Unexpected { what: "a truth", found: found as u64, accepted: 2 }),
    }
}

pub(super) fn put_key(bytes: &mut Vec<u8>, key: RequestKey) {
    bytes.extend_from_slice(&key.bits().to_le_bytes());
}

pub(super) fn take_key(bytes: &mut &[u8]) -> Result<RequestKey, WireError> {
    Ok(RequestKey::from_bits(u128::from_le_bytes(take_array(bytes)?)))
}

pub(super) fn put_row(bytes: &mut Vec<u8>, key: RequestKey, row: &SampleRow, names: &FeatureNames) {
    put_key(bytes, key);
    put_signed(bytes, row.time.micros());
    bytes.extend_from_slice(&row.facts.score.to_bits().to_le_bytes());
    bytes.push(truth_byte(row.facts.decision));
    bytes.push(row.facts.arm as u8);
    bytes.push(row.facts.action.map_or(u8::MAX, |action| action & 15));
    put(bytes, row.facts.weight.bits().into());
    bytes.extend_from_slice(&row.content.to_le_bytes());
    bytes.push(truth_byte(row.positive));
    put(bytes, row.features.pairs.len() as u64);
    for &(slot, value) in &row.features.pairs {
        put_bytes(bytes, names.name(slot).as_bytes());
        match value {
            Value::Null => bytes.push(tag::NULL),
            Value::Bool(false) => bytes.push(tag::NO),
            Value::Bool(true) => bytes.push(tag::YES),
            Value::Int(value) => {
                bytes.push(tag::INT);
                put_signed(bytes, value);
            }
            Value::Float(value) => {
                bytes.push(tag::FLOAT);
                bytes.extend_from_slice(&value.to_bits().to_le_bytes());
            }
            Value::Text { start, length } => {
                bytes.push(tag::TEXT);
                put_bytes(bytes, row.features.text_of(start, length).as_bytes());
            }
        }
    }
}

/// Reads a row; its features get the numbers that `names` has for them, or none where it is full.
pub(super) fn take_row(bytes: &mut &[u8], names: &mut FeatureNames) -> Result<(RequestKey, SampleRow), WireError> {
    let key = take_key(bytes)?;
    let time = EventTime::from_micros_unchecked(take_signed(bytes)?);
    let score = f64::from_bits(u64::from_le_bytes(take_array(bytes)?));
    let decision = truth_of(take_byte(bytes)?)?;
    let arm = take_byte(bytes)?;
    let arm = *Arm::ALL.get(usize::from(arm)).ok_or(WireError::Unexpected {
        what: "an arm",
        found: arm.into(),
        accepted: 3,
    })?;
    let action = Some(take_byte(bytes)?).filter(|&action| action != u8::MAX);
    let weight = Weight::from_bits(take_number(bytes)?);
    let content = u64::from_le_bytes(take_array(bytes)?);
    let positive = truth_of(take_byte(bytes)?)?;
    let count = take(bytes)?;
    if count > MOST_FEATURES {
        return Err(WireError::Unexpected { what: "the number of features", found: count, accepted: MOST_FEATURES });
    }
    let mut features = Features::default();
    for place in 0..count {
        let name = take_text(bytes)?;
        let slot = names.slot(name, place as usize);
        let value = match take_byte(bytes)? {
            tag::NULL => Value::Null,
            tag::NO => Value::Bool(false),
            tag::YES => Value::Bool(true),
            tag::INT => Value::Int(take_signed(bytes)?),
            tag::FLOAT => Value::Float(f64::from_bits(u64::from_le_bytes(take_array(bytes)?))),
            tag::TEXT => {
                let text = take_text(bytes)?;
                if let Some(slot) = slot {
                    features.push_text(slot, text);
                }
                continue;
            }
            found => {
                return Err(WireError::Unexpected { what: "the kind of a value", found: found.into(), accepted: 5 });
            }
        };
        features.pairs.extend(slot.map(|slot| (slot, value)));
    }
    let facts = Facts { score, decision, arm, action, weight };
    Ok((key, SampleRow { time, facts, features, content, positive }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written_though_features_have_other_numbers() {
        let mut names = FeatureNames::default();
        let mut features = Features::default();
        let values = [Value::Null, Value::Bool(true), Value::Int(-5), Value::Float(0.1)];
        for (place, value) in values.into_iter().enumerate() {
            let slot = names.slot(&format!("f{place}"), 0).unwrap();
            features.pairs.push((slot, value));
        }
        let slot = names.slot("text", 0).unwrap();
        features.push_text(slot, "käse");
        let weight = Weight::of(RequestKey::new("r", 3), 7.0, 0.5, 10.0);
        let facts = Facts { score: 0.25, decision: Some(false), arm: Arm::Explore, action: Some(7), weight };
        let time = EventTime::from_micros_unchecked(-77);
        let row = SampleRow { time, facts, features, content: 99, positive: Some(true) };
        let mut bytes = Vec::new();
        put_row(&mut bytes, RequestKey::new("r", 3), &row, &names);

        let mut others = FeatureNames::default();
        others.slot("text", 0);
        let rest = &mut &bytes[..];
        let (key, read) = take_row(rest, &mut others).unwrap();
        assert!(rest.is_empty());
        assert_eq!(key, RequestKey::new("r", 3));
        assert_eq!((read.time, read.facts, read.content, read.positive), (time, facts, 99, Some(true)));
        let named = |names: &FeatureNames, row: &SampleRow| -> Vec<(String, String)> {
            let text = |value: Value| match value {
                Value::Text { start, length } => row.features.text_of(start, length).to_owned(),
                other => format!("{other:?}"),
            };
            row.features.pairs.iter().map(|&(slot, value)| (names.name(slot).to_owned(), text(value))).collect()
        };
        assert_eq!(named(&others, &read), named(&names, &row));
        for length in 0..bytes.len() {
            assert!(take_row(&mut &bytes[..length], &mut others).is_err());
        }
    }
}
