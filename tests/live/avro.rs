//! A JSON record of the contract as Avro in single-object encoding, written by `apache-avro`.

use apache_avro::rabin::Rabin;
use apache_avro::types::Value as Avro;
use apache_avro::{Schema, writer::datum::GenericDatumWriter};
use serde_json::Value as Json;

/// Writes the records of one topic.
pub(crate) struct Avros {
    schema: Schema,
    head: Vec<u8>,
}

impl Avros {
    pub(crate) fn predictions() -> Self {
        Self::of(include_str!("../../schemas/inference.avsc"))
    }

    pub(crate) fn labels() -> Self {
        Self::of(include_str!("../../schemas/label.avsc"))
    }

    fn of(text: &str) -> Self {
        let schema = Schema::parse_str(text).unwrap();
        // The marker, its version and the fingerprint of the schema.
        let head = [&[0xc3, 0x01][..], &schema.fingerprint::<Rabin>().bytes].concat();
        Self { schema, head }
    }

    /// The record that a line of JSON holds.
    pub(crate) fn write(&self, line: &str) -> Vec<u8> {
        let read: Json = serde_json::from_str(line).unwrap();
        let Schema::Record(record) = &self.schema else { unreachable!("the schemas are records") };
        let known = |name: &String| record.fields.iter().any(|field| field.name == *name);
        assert!(read.as_object().unwrap().keys().all(known), "a field is in no schema: {line}");
        let fields = record.fields.iter().map(|field| {
            let given = read.get(&field.name);
            let value = match (field.name.as_str(), given) {
                ("row" | "revision", None) => number(&Json::from(0), field.name == "row"),
                ("row", Some(value)) => number(value, true),
                ("revision", Some(value)) => number(value, false),
                ("event_time", Some(value)) => Avro::TimestampMicros(value.as_i64().unwrap()),
                ("request_id" | "model" | "version", Some(value)) => Avro::String(value.as_str().unwrap().to_owned()),
                ("features", given) => {
                    let pairs = given.and_then(Json::as_object).into_iter().flatten();
                    Avro::Map(pairs.map(|(name, value)| (name.clone(), any(value))).collect())
                }
                ("label", given) => any(given.unwrap_or(&Json::Null)),
                (_, None) => branch(0, Avro::Null),
                (_, Some(Json::Number(value))) => branch(1, Avro::Double(value.as_f64().unwrap())),
                (_, Some(Json::Bool(value))) => branch(1, Avro::Boolean(*value)),
                (_, Some(Json::String(value))) => branch(1, Avro::String(value.clone())),
                (name, Some(value)) => unreachable!("no test writes {name}: {value}"),
            };
            (field.name.clone(), value)
        });
        let datum = Avro::Record(fields.collect());
        let writer = GenericDatumWriter::builder(&self.schema).build().unwrap();
        [self.head.clone(), writer.write_value_to_vec(datum).unwrap()].concat()
    }
}

fn number(value: &Json, short: bool) -> Avro {
    let value = value.as_i64().unwrap();
    if short { Avro::Int(i32::try_from(value).unwrap()) } else { Avro::Long(value) }
}

/// One of null, truth value, whole number, number, text.
fn any(value: &Json) -> Avro {
    match value {
        Json::Null => branch(0, Avro::Null),
        Json::Bool(value) => branch(1, Avro::Boolean(*value)),
        Json::Number(value) if value.is_i64() => branch(2, Avro::Long(value.as_i64().unwrap())),
        Json::Number(value) => branch(3, Avro::Double(value.as_f64().unwrap())),
        Json::String(value) => branch(4, Avro::String(value.clone())),
        Json::Array(_) | Json::Object(_) => unreachable!("no feature is {value}"),
    }
}

fn branch(number: u32, value: Avro) -> Avro {
    Avro::Union(number, Box::new(value))
}
