//! What does a decoder remember between records, and within one?
//!
//! Between records: feature names, unknown field names, the order in which fields came. Within one: which fields and
//! features were met, and why the record is refused. All of it is reused, so a warm decoder allocates nothing, except
//! for a reject, a text with JSON escapes, or a JSON number of more than 19 digits (buffers of `serde_json`).

#![expect(clippy::inline_always, reason = "once a feature: a call that hands its result over in memory costs more")]

use std::collections::BTreeSet;

use super::field::{Field, accepts};
use super::limits::Limits;
use super::scalar::{Scalar, refuse, shorten, too_long};
use super::target::Target;
use crate::event::{FeatureNames, Features, Reject, RejectReason, Slot, Value, value_hash};

#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) limits: Limits,
    pub(super) names: FeatureNames,
    /// The hash of each name, by slot.
    hashes: Vec<u64>,
    /// The number of the record that last had the slot's feature.
    stamps: Vec<u64>,
    stamp: u64,
    pub(super) unknown: BTreeSet<Box<str>>,
    /// Which field followed each field last time.
    next: [Field; Field::COUNT],
    /// Fields met, and fields met with a value that is not null.
    met: u64,
    given: u64,
    /// The slot expected for the next feature.
    hint: usize,
    /// Features met, also those without a slot.
    count: usize,
    /// Why the record is refused: serde's errors carry only text.
    pub(super) reject: Option<Reject>,
    /// A buffer for names of mapped fields.
    pub(super) key: String,
    /// What is put where a record says nothing.
    pub(super) fill_in: Vec<(Field, String)>,
}

impl Scratch {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits: Limits { depth: limits.depth.min(Limits::MAX_DEPTH), ..limits },
            names: FeatureNames::default(),
            hashes: Vec::new(),
            stamps: Vec::new(),
            stamp: 0,
            unknown: BTreeSet::new(),
            next: [Field::Unknown; Field::COUNT],
            met: 0,
            given: 0,
            hint: 0,
            count: 0,
            reject: None,
            key: String::new(),
            fill_in: Vec::new(),
        }
    }

    /// Starts a record.
    pub(super) fn begin<T: Target>(&mut self, into: &mut T) {
        into.clear();
        self.stamp += 1;
        self.met = 0;
        self.given = 0;
        self.hint = 0;
        self.count = 0;
        self.reject = None;
    }

    /// Ends a record: what must be there, what spans fields, the content hash.
    pub(super) fn finish<T: Target>(&mut self, into: &mut T) -> Result<(), Reject> {
        for place in 0..self.fill_in.len() {
            let (field, text) = &self.fill_in[place];
            if self.given & field.bit() == 0 && field.belongs_to(T::KIND) {
                into.set(*field, Scalar::Text(text), &self.limits)?;
                self.given |= field.bit();
            }
        }
        for &field in T::REQUIRED {
            if self.given & field.bit() == 0 {
                return Err(refuse(RejectReason::MissingField, field, "is missing"));
            }
        }
        into.finish(self.given, &self.hashes)
    }

    /// The field named `name` in records of `T`, coming after `previous`. Records repeat their order.
    pub(super) fn field<T: Target>(&mut self, name: &str, previous: Field) -> Field {
        let likely = self.next[previous as usize];
        if likely != Field::Unknown && likely.name() == name && likely.belongs_to(T::KIND) {
            return likely;
        }
        let field = Field::from_name(name);
        if field == Field::Unknown || !field.belongs_to(T::KIND) {
            self.remember_unknown(name);
            return Field::Unknown;
        }
        self.next[previous as usize] = field;
        field
    }

    pub(super) fn remember_unknown(&mut self, name: &str) {
        if self.unknown.len() < self.limits.unknown_fields
            && name.len() <= self.limits.name_bytes
            && !self.unknown.contains(name)
        {
            self.unknown.insert(name.into());
        }
    }

    /// Gives a feature name its slot before any record has it.
    pub(super) fn remember_name(&mut self, name: &str) {
        let known = self.names.len();
        if self.names.slot(name, known).is_some_and(|slot| usize::from(slot.0) == known) {
            self.stamps.push(0);
            self.hashes.push(value_hash(name));
        }
    }

    /// Notes that `field` stands in the record; twice is an error.
    pub(super) fn meet(&mut self, field: Field) -> Result<(), Reject> {
        if field == Field::Unknown {
            return Ok(());
        }
        if self.met & field.bit() != 0 {
            return Err(Reject::new(
                RejectReason::DuplicateField,
                format!("{} stands twice; accepted: each field once", field.name()),
            ));
        }
        self.met |= field.bit();
        Ok(())
    }

    /// Notes that `field` has a value.
    pub(super) fn give(&mut self, field: Field) {
        self.given |= field.bit();
    }

    /// Puts a single value where `field` says. Null is the same as absent.
    pub(super) fn put<T: Target>(&mut self, into: &mut T, field: Field, value: Scalar<'_>) -> Result<(), Reject> {
        if value == Scalar::Null {
            return Ok(());
        }
        if let Some(loose) = field.loose(T::KIND) {
            if loose.outer & value.kind() == 0 {
                return Err(value.wrong_type(field));
            }
        } else {
            into.set(field, value, &self.limits)?;
        }
        self.give(field);
        Ok(())
    }

    /// The slot of a feature, checked for being there once. `None`: the list of names is full.
    #[inline(always)]
    pub(super) fn feature(&mut self, name: &[u8]) -> Result<Option<Slot>, Reject> {
        let place = self.hint;
        if self.names.is(place, name)
            && self.count < self.limits.features
            && let Some(stamp) = self.stamps.get_mut(place)
            && *stamp != self.stamp
        {
            *stamp = self.stamp;
            self.count += 1;
            self.hint += 1;
            return Ok(Some(Slot(place as u16)));
        }
        self.other_feature(name)
    }

    /// The same of a feature that does not stand where it did in the last record, or should not stand here.
    fn other_feature(&mut self, name: &[u8]) -> Result<Option<Slot>, Reject> {
        self.count += 1;
        if self.count > self.limits.features {
            return Err(Reject::new(
                RejectReason::LimitReached,
                format!("more than {0} features; accepted: at most {0} in a record", self.limits.features),
            ));
        }
        let Some(slot) = self.search(name)? else { return Ok(None) };
        let place = usize::from(slot.0);
        self.hint = place + 1;
        if place >= self.stamps.len() {
            // A new name has the next slot.
            self.stamps.push(0);
            self.hashes.push(value_hash(self.names.name(slot)));
        }
        if self.stamps[place] == self.stamp {
            return Err(Reject::new(
                RejectReason::DuplicateField,
                format!("the feature '{}' stands twice; accepted: each name once", shorten(self.names.name(slot))),
            ));
        }
        self.stamps[place] = self.stamp;
        Ok(Some(slot))
    }

    fn search(&mut self, name: &[u8]) -> Result<Option<Slot>, Reject> {
        let Ok(name) = std::str::from_utf8(name) else {
            return Err(Reject::new(RejectReason::Malformed, "a feature's name is not UTF-8; accepted: UTF-8"));
        };
        if name.len() > self.limits.name_bytes {
            return Err(too_long("the feature name", name, self.limits.name_bytes));
        }
        let slot = self.names.slot(name, self.hint);
        if slot.is_none() {
            self.remember_unknown(name);
        }
        Ok(slot)
    }

    /// Keeps a feature's value. A number that is none becomes null.
    #[inline(always)]
    pub(super) fn put_feature(&self, into: &mut Features, slot: Slot, value: Scalar<'_>) -> Result<(), Reject> {
        let value = match value {
            Scalar::Bool(value) => Value::Bool(value),
            Scalar::Int(value) => Value::Int(value),
            Scalar::Float(value) if value.is_finite() => Value::Float(value),
            Scalar::Float(_) | Scalar::Null => Value::Null,
            Scalar::Text(text) => {
                if text.len() > self.limits.text_bytes {
                    return Err(too_long(self.names.name(slot), text, self.limits.text_bytes));
                }
                into.push_text(slot, text);
                return Ok(());
            }
        };
        into.pairs.push((slot, value));
        Ok(())
    }
}

/// The reject of a list, an object or bytes where a single value belongs.
#[cold]
pub(super) fn compound(name: &str, kind: u8, accepted: &str) -> Reject {
    let what = match kind {
        accepts::LIST => "a list",
        accepts::MAP => "an object",
        _ => "bytes",
    };
    Reject::new(RejectReason::WrongType, format!("{} is {what}; accepted: {accepted}", shorten(name)))
}
