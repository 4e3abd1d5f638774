//! How is an object of somebody else's fields read as a record?
//!
//! As a table's row is: a mapping says which top-level field is which field of the contract. The object's own types
//! count: a number stays a number, a text among the features stays text. What is nested is passed over, unless the
//! mapping names it. Fields may be absent from some objects, so a name that never occurs is not an error at the
//! start; the records then miss the field it should have held.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::field::{Field, Kind, accepts};
use super::mapped::cell_value;
use super::mapping::{Column, Mapping, MappingError};
use super::scalar::Scalar;
use super::scratch::{Scratch, compound};
use super::table_time::TableTime;
use super::target::Target;
use super::visit::{Skip, stop};
use crate::event::Reject;

/// What a top-level field of the object is.
#[derive(Clone, Debug, Default)]
struct Use {
    fields: Vec<Field>,
    feature: bool,
}

/// A mapping made ready for objects (JSON or Avro).
#[derive(Clone, Debug)]
pub struct ObjectMapping {
    uses: BTreeMap<String, Use>,
    constants: Vec<(Field, String)>,
    /// What a field without an entry is.
    others: Use,
    nulls: Vec<String>,
    time: TableTime,
}

impl ObjectMapping {
    /// Makes `mapping` ready.
    pub fn new(mapping: &Mapping) -> Result<Self, MappingError> {
        let mut uses: BTreeMap<String, Use> = BTreeMap::new();
        let mut constants = Vec::new();
        for (field, column) in mapping.entries() {
            match column {
                Column::Name(name) => uses.entry(name.clone()).or_default().fields.push(field),
                Column::Constant(constant) => constants.push((field, constant.value.clone())),
            }
        }
        for name in &mapping.ignore {
            uses.entry(name.clone()).or_default();
        }
        for name in mapping.features.iter().flatten() {
            uses.entry(name.clone()).or_default().feature = true;
        }
        let others = Use { fields: Vec::new(), feature: mapping.features.is_none() };
        Ok(Self { uses, constants, others, nulls: mapping.nulls.clone(), time: TableTime::new(&mapping.time)? })
    }

    /// Whether the fields without which such records say nothing have an entry.
    pub(crate) fn check<T: Target>(&self, filled_in: u64) -> Result<(), MappingError> {
        let gives = |field: Field| {
            self.constants.iter().any(|(known, _)| *known == field)
                || self.uses.values().any(|used| used.fields.contains(&field))
        };
        let needed = T::REQUIRED.iter().copied().find(|&field| !gives(field) && filled_in & field.bit() == 0);
        let label = T::KIND == Kind::Label && !gives(Field::Label) && !gives(Field::Withdrawn);
        needed
            .or(label.then_some(Field::Label))
            .map_or(Ok(()), |field| Err(MappingError::NoColumnFor { field: field.name() }))
    }

    fn is_null(&self, value: Scalar<'_>) -> bool {
        match value {
            Scalar::Null => true,
            Scalar::Text(text) => self.nulls.iter().any(|null| null == text.trim()),
            _ => false,
        }
    }

    /// Puts a value that is not null where `field` says.
    fn put<T: Target>(
        &self,
        scratch: &mut Scratch,
        into: &mut T,
        field: Field,
        value: Scalar<'_>,
    ) -> Result<(), Reject> {
        if !field.belongs_to(T::KIND) {
            return Ok(());
        }
        match value {
            Scalar::Text(cell) => {
                let value = cell_value(&self.time, field, cell)?;
                scratch.put(into, field, value)
            }
            Scalar::Int(_) | Scalar::Float(_)
                if matches!(field, Field::EventTime | Field::LabelTime | Field::OutcomeTime) =>
            {
                let value = self.time.read(field, &value.shown())?;
                scratch.put(into, field, value)
            }
            // Ids and versions are often written as numbers.
            Scalar::Int(number)
                if matches!(field, Field::RequestId | Field::Model | Field::Version | Field::Source) =>
            {
                scratch.put(into, field, Scalar::Text(&number.to_string()))
            }
            _ => scratch.put(into, field, value),
        }
    }

    /// Reads an object's fields.
    pub(super) fn visit<'de, T: Target, A: MapAccess<'de>>(
        &self,
        scratch: &mut Scratch,
        into: &mut T,
        mut map: A,
    ) -> Result<(), A::Error> {
        for (field, cell) in &self.constants {
            self.put(scratch, into, *field, Scalar::Text(cell)).map_err(|reject| stop(scratch, reject))?;
        }
        let mut name = std::mem::take(&mut scratch.key);
        while map.next_key_seed(Key(&mut name))?.is_some() {
            let used = self.uses.get(&name).unwrap_or(&self.others);
            for &field in &used.fields {
                if field.belongs_to(T::KIND) {
                    scratch.meet(field).map_err(|reject| stop(scratch, reject))?;
                }
            }
            map.next_value_seed(Mapped { mapping: self, scratch, into, name: &name, used })?;
        }
        scratch.key = name;
        Ok(())
    }
}

/// Reads a name into a buffer.
struct Key<'s>(&'s mut String);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        self.0.clear();
        self.0.push_str(name);
        Ok(())
    }
}

/// Reads one top-level value.
struct Mapped<'s, T> {
    mapping: &'s ObjectMapping,
    scratch: &'s mut Scratch,
    into: &'s mut T,
    name: &'s str,
    used: &'s Use,
}

impl<T: Target> Mapped<'_, T> {
    fn take<E: Error>(self, value: Scalar<'_>) -> Result<(), E> {
        let Self { mapping, scratch, into, name, used } = self;
        let null = mapping.is_null(value);
        for &field in &used.fields {
            if !null {
                mapping.put(scratch, into, field, value).map_err(|reject| stop(scratch, reject))?;
            }
        }
        if used.feature
            && let Some(features) = into.features()
        {
            let slot = scratch.feature(name.as_bytes()).map_err(|reject| stop(scratch, reject))?;
            if let Some(slot) = slot {
                let value = if null { Scalar::Null } else { value };
                scratch.put_feature(features, slot, value).map_err(|reject| stop(scratch, reject))?;
            }
        }
        Ok(())
    }

    /// What is nested is passed over, unless the mapping names it.
    fn nested<E: Error>(&mut self, kind: u8) -> Result<Skip<'_>, E> {
        let named = self.mapping.uses.get(self.name);
        if named.is_some_and(|used| used.feature || used.fields.iter().any(|field| field.belongs_to(T::KIND))) {
            return Err(stop(self.scratch, compound(self.name, kind, "null, true, false, a number or text")));
        }
        if named.is_none() {
            self.scratch.remember_unknown(self.name);
        }
        Ok(Skip { scratch: self.scratch, field: Field::Unknown, depth: 2, accepted: accepts::ANY, inner: accepts::ANY })
    }
}

impl<'de, T: Target> DeserializeSeed<'de> for Mapped<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Target> Visitor<'de> for Mapped<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.take(Scalar::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.take(Scalar::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.take(Scalar::from_u64(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.take(Scalar::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.take(Scalar::Text(value))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.take(Scalar::Null)
    }

    fn visit_bytes<E: Error>(mut self, value: &[u8]) -> Result<(), E> {
        self.nested(accepts::BYTES)?.visit_bytes(value).map(drop)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, list: A) -> Result<(), A::Error> {
        self.nested(accepts::LIST)?.visit_seq(list).map(drop)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        self.nested(accepts::MAP)?.visit_map(map).map(drop)
    }
}
