//! How many records a second does the decoder read? One of 20 features, as JSON (about 500 bytes) and as Avro.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a failed unwrap stops the bench")]

use std::hint::black_box;
use std::sync::Arc;

use apache_avro::types::Value as Avro;
use apache_avro::{Schema, writer::datum::GenericDatumWriter};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use truthline::decode::{Decoder, Encoding, Limits, WriterSchema};
use truthline::event::Inference;

const SCHEMA: &str = include_str!("../schemas/inference.avsc");

/// Twenty features as models have them: amounts, counts, ratios, flags, categories, a missing one.
fn features(number: u64) -> Vec<(String, serde_json::Value)> {
    let mut list = Vec::new();
    for place in 0..20_u64 {
        let mixed = (number * 31 + place * 17) % 1_000;
        let value = match place % 5 {
            0 => serde_json::json!(mixed as f64 * 1.37 + 0.01),
            1 => serde_json::json!(mixed),
            2 => serde_json::json!(mixed as f64 / 1_000.0),
            3 => serde_json::json!(["card", "transfer", "cash", "wallet"][(mixed % 4) as usize]),
            _ if mixed % 50 == 0 => serde_json::Value::Null,
            _ => serde_json::json!(mixed % 2 == 0),
        };
        list.push((format!("feature_{place:02}"), value));
    }
    list
}

fn json(number: u64) -> Vec<u8> {
    let fields: Vec<String> = features(number).iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!(
        "{{\"request_id\":\"req-{number:012}\",\"model\":\"fraud\",\"version\":\"v1\",\"event_time\":{},\"score\":{:?},\"threshold\":0.5,\"features\":{{{}}}}}",
        1_767_225_600_000_000 + number,
        (number % 9_973) as f64 / 9_973.0,
        fields.join(",")
    )
    .into_bytes()
}

fn avro(number: u64, schema: &Schema) -> Vec<u8> {
    let Schema::Record(record) = schema else { unreachable!("the schema describes a record") };
    let some = |value| Avro::Union(1, Box::new(value));
    let fields = record.fields.iter().map(|field| {
        let value = match field.name.as_str() {
            "request_id" => Avro::String(format!("req-{number:012}")),
            "row" => Avro::Int(0),
            "model" => Avro::String("fraud".into()),
            "version" => Avro::String("v1".into()),
            "event_time" => Avro::TimestampMicros(1_767_225_600_000_000 + number as i64),
            "score" => some(Avro::Double((number % 9_973) as f64 / 9_973.0)),
            "threshold" => some(Avro::Double(0.5)),
            "features" => Avro::Map(
                features(number)
                    .into_iter()
                    .map(|(name, value)| {
                        let (branch, value) = match value {
                            serde_json::Value::Null => (0, Avro::Null),
                            serde_json::Value::Bool(value) => (1, Avro::Boolean(value)),
                            serde_json::Value::Number(value) if value.is_i64() => {
                                (2, Avro::Long(value.as_i64().unwrap()))
                            }
                            serde_json::Value::Number(value) => (3, Avro::Double(value.as_f64().unwrap())),
                            other => (4, Avro::String(other.as_str().unwrap().to_owned())),
                        };
                        (name, Avro::Union(branch, Box::new(value)))
                    })
                    .collect(),
            ),
            _ => Avro::Union(0, Box::new(Avro::Null)),
        };
        (field.name.clone(), value)
    });
    GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(Avro::Record(fields.collect())).unwrap()
}

fn decode(criterion: &mut Criterion) {
    const RECORDS: u64 = 1_000;
    let schema = Schema::parse_str(SCHEMA).unwrap();
    let encodings = [
        ("json", Encoding::Json, (0..RECORDS).map(json).collect::<Vec<_>>()),
        (
            "avro",
            Encoding::Avro(Arc::new(WriterSchema::parse(SCHEMA).unwrap())),
            (0..RECORDS).map(|number| avro(number, &schema)).collect(),
        ),
    ];
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(RECORDS));
    for (name, encoding, records) in &encodings {
        let bytes: usize = records.iter().map(Vec::len).sum();
        let (mut decoder, mut into) = (Decoder::new(Limits::default()), Inference::default());
        group.bench_function(format!("{name}, 20 features, {} B", bytes / records.len()), |bencher| {
            bencher.iter(|| {
                for record in records {
                    decoder.inference(encoding, black_box(record), &mut into).unwrap();
                }
                into.content
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
