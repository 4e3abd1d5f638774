//! How does a record reach its struct without a tree of values in between?
//!
//! One serde visitor for JSON and Avro. The parser calls it with each name and value in the record's order; it puts
//! them where they belong. It recurses only through values that are skipped, and only to the stated depth.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::field::{Field, accepts};
use super::objects::ObjectMapping;
use super::scalar::Scalar;
use super::scratch::{Scratch, compound};
use super::target::Target;
use crate::event::{Features, Reject, RejectReason, Slot};

/// Reads one record into `into`.
pub(super) struct Record<'s, T> {
    pub(super) scratch: &'s mut Scratch,
    pub(super) into: &'s mut T,
    /// How somebody else's fields are to be read.
    pub(super) mapping: Option<&'s ObjectMapping>,
}

/// Sets the reject aside and stops the parser.
#[cold]
pub(super) fn stop<E: Error>(scratch: &mut Scratch, reject: Reject) -> E {
    scratch.reject = Some(reject);
    E::custom("the record is refused")
}

impl<'de, T: Target> DeserializeSeed<'de> for Record<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Target> Visitor<'de> for Record<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the fields of a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { scratch, into, mapping } = self;
        if let Some(mapping) = mapping {
            return mapping.visit(scratch, into, map);
        }
        let mut previous = Field::Unknown;
        while let Some(field) =
            map.next_key_seed(FieldName::<T> { scratch, previous, target: std::marker::PhantomData })?
        {
            scratch.meet(field).map_err(|reject| stop(scratch, reject))?;
            read_field(scratch, into, field, &mut map)?;
            previous = field;
        }
        Ok(())
    }
}

/// Reads the value of a field that was just named.
pub(super) fn read_field<'de, T: Target, A: MapAccess<'de>>(
    scratch: &mut Scratch,
    into: &mut T,
    field: Field,
    map: &mut A,
) -> Result<(), A::Error> {
    if field == Field::Features
        && let Some(features) = into.features()
    {
        map.next_value_seed(FeatureMap { scratch, into: features })
    } else if let Some(loose) = field.loose(T::KIND) {
        let seed = Skip { scratch, field, depth: 2, accepted: loose.outer, inner: loose.inner };
        if map.next_value_seed(seed)? != accepts::NULL {
            scratch.give(field);
        }
        Ok(())
    } else {
        map.next_value_seed(Single(FieldValue { scratch, into, field }))
    }
}

/// Reads a field's name.
struct FieldName<'s, T> {
    scratch: &'s mut Scratch,
    previous: Field,
    target: std::marker::PhantomData<T>,
}

impl<'de, T: Target> DeserializeSeed<'de> for FieldName<'_, T> {
    type Value = Field;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T: Target> Visitor<'_> for FieldName<'_, T> {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Field, E> {
        Ok(self.scratch.field::<T>(name, self.previous))
    }
}

/// Where a single value goes.
trait Sink: Sized {
    fn take<E: Error>(self, value: Scalar<'_>) -> Result<(), E>;
    fn refuse<E: Error>(self, kind: u8) -> E;
}

struct FieldValue<'s, T> {
    scratch: &'s mut Scratch,
    into: &'s mut T,
    field: Field,
}

impl<T: Target> Sink for FieldValue<'_, T> {
    fn take<E: Error>(self, value: Scalar<'_>) -> Result<(), E> {
        self.scratch.put(self.into, self.field, value).map_err(|reject| stop(self.scratch, reject))
    }

    fn refuse<E: Error>(self, kind: u8) -> E {
        stop(self.scratch, compound(self.field.name(), kind, self.field.accepted()))
    }
}

struct FeatureValue<'s> {
    scratch: &'s mut Scratch,
    into: &'s mut Features,
    slot: Option<Slot>,
}

impl Sink for FeatureValue<'_> {
    fn take<E: Error>(self, value: Scalar<'_>) -> Result<(), E> {
        let Some(slot) = self.slot else { return Ok(()) };
        self.scratch.put_feature(self.into, slot, value).map_err(|reject| stop(self.scratch, reject))
    }

    fn refuse<E: Error>(self, kind: u8) -> E {
        let name = self.slot.map_or("", |slot| self.scratch.names.name(slot));
        let reject = compound(&format!("features.{name}"), kind, "null, true, false, a number or text");
        stop(self.scratch, reject)
    }
}

/// Reads a value that is not a list or an object.
struct Single<S>(S);

impl<'de, S: Sink> DeserializeSeed<'de> for Single<S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for Single<S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a single value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.0.take(Scalar::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.0.take(Scalar::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.0.take(Scalar::from_u64(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.0.take(Scalar::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.0.take(Scalar::Text(value))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.take(Scalar::Null)
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<(), E> {
        Err(self.0.refuse(accepts::BYTES))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.0.refuse(accepts::LIST))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.0.refuse(accepts::MAP))
    }
}

/// Reads the object of features.
struct FeatureMap<'s> {
    scratch: &'s mut Scratch,
    into: &'s mut Features,
}

impl FeatureMap<'_> {
    fn wrong<T, E: Error>(self, value: Scalar<'_>) -> Result<T, E> {
        Err(stop(self.scratch, value.wrong_type(Field::Features)))
    }
}

impl<'de> DeserializeSeed<'de> for FeatureMap<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FeatureMap<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of features")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { scratch, into } = self;
        while let Some(slot) = map.next_key_seed(FeatureName(scratch))? {
            read_feature(scratch, into, slot, &mut map)?;
        }
        scratch.give(Field::Features);
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.wrong(Scalar::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.wrong(Scalar::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.wrong(Scalar::Float(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.wrong(Scalar::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.wrong(Scalar::Text(value))
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<(), E> {
        Err(stop(self.scratch, compound("features", accepts::BYTES, Field::Features.accepted())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(stop(self.scratch, compound("features", accepts::LIST, Field::Features.accepted())))
    }
}

/// Reads the value of a feature that was just named.
pub(super) fn read_feature<'de, A: MapAccess<'de>>(
    scratch: &mut Scratch,
    into: &mut Features,
    slot: Option<Slot>,
    map: &mut A,
) -> Result<(), A::Error> {
    map.next_value_seed(Single(FeatureValue { scratch, into, slot }))
}

/// Reads a feature's name.
struct FeatureName<'s>(&'s mut Scratch);

impl<'de> DeserializeSeed<'de> for FeatureName<'_> {
    type Value = Option<Slot>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FeatureName<'_> {
    type Value = Option<Slot>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a feature name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        self.visit_bytes(name.as_bytes())
    }

    fn visit_bytes<E: Error>(self, name: &[u8]) -> Result<Self::Value, E> {
        self.0.feature(name).map_err(|reject| stop(self.0, reject))
    }
}

/// Passes over a value, checking its kind and its depth; says what kind it was.
pub(super) struct Skip<'s> {
    pub(super) scratch: &'s mut Scratch,
    pub(super) field: Field,
    /// How deep the value stands.
    pub(super) depth: usize,
    /// The accepted kinds.
    pub(super) accepted: u8,
    /// The accepted kinds of its elements.
    pub(super) inner: u8,
}

impl Skip<'_> {
    fn is<E: Error>(self, kind: u8, shown: Scalar<'_>) -> Result<u8, E> {
        if self.accepted & kind != 0 || kind == accepts::NULL {
            return Ok(kind);
        }
        let reject = match kind {
            accepts::BYTES => compound(self.field.name(), kind, self.field.accepted()),
            _ => shown.wrong_type(self.field),
        };
        Err(stop(self.scratch, reject))
    }

    /// Whether a list or an object may stand here.
    fn enter<E: Error>(&mut self, kind: u8) -> Result<(), E> {
        if self.depth > self.scratch.limits.depth {
            let reject = Reject::new(
                RejectReason::TooLarge,
                format!("nested more than {0} deep; accepted: at most {0}", self.scratch.limits.depth),
            );
            return Err(stop(self.scratch, reject));
        }
        if self.accepted & kind == 0 {
            return Err(stop(self.scratch, compound(self.field.name(), kind, self.field.accepted())));
        }
        Ok(())
    }

    fn element(&mut self) -> Skip<'_> {
        let inner = if self.inner == accepts::ANY { accepts::ANY } else { 0 };
        Skip { scratch: self.scratch, field: self.field, depth: self.depth + 1, accepted: self.inner, inner }
    }
}

impl<'de> DeserializeSeed<'de> for Skip<'_> {
    type Value = u8;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u8, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skip<'_> {
    type Value = u8;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<u8, E> {
        self.is(accepts::BOOL, Scalar::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<u8, E> {
        self.is(accepts::NUMBER, Scalar::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<u8, E> {
        self.is(accepts::NUMBER, Scalar::Float(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<u8, E> {
        self.is(accepts::NUMBER, Scalar::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<u8, E> {
        self.is(accepts::TEXT, Scalar::Text(value))
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<u8, E> {
        self.is(accepts::BYTES, Scalar::Null)
    }

    fn visit_unit<E: Error>(self) -> Result<u8, E> {
        Ok(accepts::NULL)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<u8, A::Error> {
        self.enter(accepts::LIST)?;
        while list.next_element_seed(self.element())?.is_some() {}
        Ok(accepts::LIST)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<u8, A::Error> {
        self.enter(accepts::MAP)?;
        while map.next_key::<serde::de::IgnoredAny>()?.is_some() {
            map.next_value_seed(self.element())?;
        }
        Ok(accepts::MAP)
    }
}
