//! How many records a second does the decoder read? One of 20 features, as JSON (about 500 bytes) and as Avro.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a failed unwrap stops the bench")]

use std::hint::black_box;
use std::sync::Arc;

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
            _ if mixed.is_multiple_of(50) => serde_json::Value::Null,
            _ => serde_json::json!(mixed.is_multiple_of(2)),
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

/// The datum, its features in the order of the JSON record: producers repeat their order.
fn avro(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let double = |bytes: &mut Vec<u8>, value: f64| bytes.extend(value.to_le_bytes());
    put_text(&mut bytes, &format!("req-{number:012}"));
    put_long(&mut bytes, 0);
    put_text(&mut bytes, "fraud");
    put_text(&mut bytes, "v1");
    put_long(&mut bytes, 1_767_225_600_000_000 + number as i64);
    put_long(&mut bytes, 1);
    double(&mut bytes, (number % 9_973) as f64 / 9_973.0);
    bytes.extend([0; 3]); // scores, predicted, value
    put_long(&mut bytes, 20);
    for (name, value) in features(number) {
        put_text(&mut bytes, &name);
        match value {
            serde_json::Value::Null => put_long(&mut bytes, 0),
            serde_json::Value::Bool(value) => bytes.extend([2, u8::from(value)]),
            serde_json::Value::Number(value) if value.is_i64() => {
                put_long(&mut bytes, 2);
                put_long(&mut bytes, value.as_i64().unwrap());
            }
            serde_json::Value::Number(value) => {
                put_long(&mut bytes, 3);
                double(&mut bytes, value.as_f64().unwrap());
            }
            other => {
                put_long(&mut bytes, 4);
                put_text(&mut bytes, other.as_str().unwrap());
            }
        }
    }
    put_long(&mut bytes, 0);
    put_long(&mut bytes, 1);
    double(&mut bytes, 0.5);
    bytes.extend([0; 12]); // the optional fields after the threshold
    bytes
}

fn put_long(bytes: &mut Vec<u8>, value: i64) {
    let mut raw = ((value << 1) ^ (value >> 63)) as u64;
    while raw > 0x7f {
        bytes.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    bytes.push(raw as u8);
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_long(bytes, text.len() as i64);
    bytes.extend(text.as_bytes());
}

fn decode(criterion: &mut Criterion) {
    const RECORDS: u64 = 1_000;
    let encodings = [
        ("json", Encoding::Json, (0..RECORDS).map(json).collect::<Vec<_>>()),
        ("avro", Encoding::Avro(Arc::new(WriterSchema::parse(SCHEMA).unwrap())), (0..RECORDS).map(avro).collect()),
    ];
    let contents = encodings.each_ref().map(|(_, encoding, records)| {
        let (mut decoder, mut into) = (Decoder::new(Limits::default()), Inference::default());
        records.iter().fold(0, |sum, record| {
            decoder.inference(encoding, record, &mut into).unwrap();
            into.content ^ sum
        })
    });
    assert_eq!(contents[0], contents[1], "both encodings say the same");
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
