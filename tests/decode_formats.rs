//! Do JSON, Avro and CSV of the same content give the same record, to the bit?
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod decode_common;

use std::sync::Arc;

use apache_avro::types::Value as Avro;
use apache_avro::{Codec, DeflateSettings, Schema, Writer};
use decode_common::*;
use proptest::prelude::*;
use truthline::decode::{Encoding, SchemaStore, WriterSchema};
use truthline::event::{BaselineRow, EventTime, Inference, Label, Split, Truth, value_hash};
use truthline::ingest::{Source, Step};

fn by_json(sample: &Sample, order: u64) -> Inference {
    let (mut decoder, mut into) = (decoder(), Inference::default());
    decoder.inference(&Encoding::Json, json(sample, order).as_bytes(), &mut into).unwrap();
    assert_holds(sample, &into, decoder.names());
    into
}

fn by_avro(sample: &Sample) -> Inference {
    let (mut decoder, mut into) = (decoder(), Inference::default());
    decoder.inference(&Encoding::Avro(inference_schema()), &avro(sample), &mut into).unwrap();
    assert_holds(sample, &into, decoder.names());
    into
}

fn by_file(extension: &str, bytes: &[u8], sample: &Sample) -> Inference {
    let file = tempfile::Builder::new().suffix(extension).tempfile().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let mut source = Source::open(file.path().to_str().unwrap(), 0, None).unwrap();
    let (mut decoder, mut into) = (decoder(), Inference::default());
    assert_eq!(source.next_inference(&mut decoder, &mut into).unwrap(), Step::Record);
    assert_holds(sample, &into, decoder.names());
    let mut rest = Inference::default();
    assert_eq!(source.next_inference(&mut decoder, &mut rest).unwrap(), Step::End);
    into
}

proptest! {
    #[test]
    fn json_avro_and_csv_of_one_content_are_one_record(sample in samples(false), order in any::<u64>()) {
        let expected = by_json(&sample, 0).content;
        prop_assert_eq!(by_json(&sample, order).content, expected);
        prop_assert_eq!(by_avro(&sample).content, expected);
        let table = format!("{}\n{}\n", csv_header(&sample), csv_row(&sample));
        prop_assert_eq!(by_file(".csv", table.as_bytes(), &sample).content, expected);
    }

    #[test]
    fn what_apache_avro_writes_is_read_as_json_is(sample in samples(true), order in any::<u64>()) {
        let expected = by_json(&sample, order).content;
        prop_assert_eq!(by_avro(&sample).content, expected);
        let schema = Schema::parse_str(INFERENCE_SCHEMA).unwrap();
        let mut writer =
            Writer::with_codec(&schema, Vec::new(), Codec::Deflate(DeflateSettings::default())).unwrap();
        writer.append_value(avro_value(&sample)).unwrap();
        prop_assert_eq!(by_file(".avro", &writer.into_inner().unwrap(), &sample).content, expected);
    }

    #[test]
    fn changing_one_field_changes_the_content(sample in samples(true), which in 0..6) {
        let mut other = sample.clone();
        match which {
            0 => other.request_id.push('x'),
            1 => other.event_time ^= 1,
            2 => other.score = if sample.score < 0.25 { 0.5 } else { sample.score / 2.0 },
            3 => other.decision = sample.decision.map_or(Some(true), |_| None),
            4 => other.features.push(("new".into(), Feature::Null)),
            _ => std::mem::swap(&mut other.request_id, &mut other.model),
        }
        prop_assume!(sample.request_id != sample.model || which != 5);
        prop_assert_ne!(by_json(&sample, 0).content, by_json(&other, 0).content);
    }
}

#[test]
fn a_decoder_that_saw_other_names_first_gives_the_same_content() {
    let (mut warm, mut into) = (decoder(), Inference::default());
    let other =
        Sample { features: vec![("zzz".into(), Feature::Int(1)), ("device".into(), Feature::Null)], ..sample() };
    warm.inference(&Encoding::Json, json(&other, 3).as_bytes(), &mut into).unwrap();
    warm.inference(&Encoding::Json, json(&sample(), 0).as_bytes(), &mut into).unwrap();
    assert_holds(&sample(), &into, warm.names());
    assert_eq!(into.content, by_json(&sample(), 0).content);
}

#[test]
fn a_whole_number_is_the_same_content_however_it_is_written() {
    let with = |value: Feature| by_json(&Sample { features: vec![("a".into(), value)], ..sample() }, 0).content;
    assert_eq!(with(Feature::Int(3)), with(Feature::Float(3.0)));
    assert_eq!(with(Feature::Int(0)), with(Feature::Float(-0.0)));
    assert_eq!(with(Feature::Int(1 << 53)), with(Feature::Float(9_007_199_254_740_992.0)));
    // 2^53 + 1 is no double: the nearest one is another number.
    assert_ne!(with(Feature::Int((1 << 53) + 1)), with(Feature::Float(9_007_199_254_740_992.0)));
    assert_ne!(with(Feature::Int(1)), with(Feature::Text("1".into())));
    assert_ne!(with(Feature::Int(1)), with(Feature::Bool(true)));
}

#[test]
fn single_object_encoding_finds_its_schema_by_fingerprint() {
    let (mut decoder, mut into) = (decoder(), Inference::default());
    let mut store = SchemaStore::default();
    store.insert(Arc::new(WriterSchema::parse(LABEL_SCHEMA).unwrap()));
    // The marker and the fingerprint as `apache-avro` computes it.
    let schema = Schema::parse_str(INFERENCE_SCHEMA).unwrap();
    let mut bytes = vec![0xc3, 0x01];
    bytes.extend(schema.fingerprint::<apache_avro::rabin::Rabin>().bytes);
    bytes.extend(avro(&sample()));
    let unknown = decoder.inference(&Encoding::AvroSingleObject(store.clone()), &bytes, &mut into).unwrap_err();
    assert!(unknown.detail.contains("no schema with fingerprint"), "{unknown}");
    store.insert(inference_schema());
    let encoding = Encoding::AvroSingleObject(store);
    decoder.inference(&encoding, &bytes, &mut into).unwrap();
    assert_holds(&sample(), &into, decoder.names());
    for cut in 0..10 {
        assert!(decoder.inference(&encoding, &bytes[..cut], &mut into).is_err());
    }
}

#[test]
fn the_label_schema_is_read_as_its_json() {
    let null = || Avro::Union(0, Box::new(Avro::Null));
    let some = |value| Avro::Union(1, Box::new(value));
    let record = |label: Avro| {
        Avro::Record(vec![
            ("request_id".into(), Avro::String("r-1".into())),
            ("row".into(), Avro::Int(2)),
            ("label".into(), label),
            ("event_time".into(), Avro::TimestampMicros(1_767_225_600_000_000)),
            ("outcome_time".into(), some(Avro::TimestampMicros(1_767_225_500_000_000))),
            ("source".into(), some(Avro::String("desk".into()))),
            ("source_type".into(), null()),
            ("blind".into(), some(Avro::Boolean(true))),
            ("revision".into(), Avro::Long(3)),
            ("final".into(), null()),
            ("confidence".into(), some(Avro::Double(0.5))),
            ("value".into(), some(Avro::Double(-12.5))),
            ("withdrawn".into(), null()),
        ])
    };
    let (mut decoder, mut into) = (decoder(), Label::default());
    let avro = Encoding::Avro(Arc::new(WriterSchema::parse(LABEL_SCHEMA).unwrap()));
    let ones = [
        Avro::Union(1, Box::new(Avro::Boolean(true))),
        Avro::Union(2, Box::new(Avro::Long(1))),
        Avro::Union(3, Box::new(Avro::Double(1.0))),
        Avro::Union(4, Box::new(Avro::String(" TRUE ".into()))),
    ];
    let text = r#"{"value":-12.5,"request_id":"r-1","row":2,"label":"1.0","event_time":"2026-01-01T00:00:00Z",
        "outcome_time":"2025-12-31T23:58:20Z","source":"desk","blind":1,"revision":3,"confidence":0.5}"#;
    decoder.label(&Encoding::Json, text.as_bytes(), &mut into).unwrap();
    let content = into.content;
    for one in ones {
        decoder.label(&avro, &encode(LABEL_SCHEMA, record(one)), &mut into).unwrap();
        assert_eq!(into.content, content);
        assert_eq!((into.request_id.as_str(), into.row, into.truth), ("r-1", Some(2), Some(Truth::Number(1.0))));
        assert_eq!(into.event_time, EventTime::from_rfc3339("2026-01-01T00:00:00Z").unwrap());
        assert_eq!(into.outcome_time.unwrap().micros(), 1_767_225_500_000_000);
        assert_eq!((into.source, into.revision, into.value), (Some(value_hash("desk")), 3, Some(-12.5)));
        assert!(!into.withdrawn);
    }
    let no_label = decoder.label(&avro, &encode(LABEL_SCHEMA, record(null())), &mut into).unwrap_err();
    assert!(no_label.detail.contains("label"), "{no_label}");
}

#[test]
fn the_baseline_schema_is_read_as_its_json() {
    let Avro::Record(mut fields) = avro_value(&sample()) else { unreachable!() };
    let null = || Avro::Union(0, Box::new(Avro::Null));
    fields.extend([
        ("label".into(), Avro::Union(4, Box::new(Avro::String("genuine".into())))),
        ("label_time".into(), Avro::Union(1, Box::new(Avro::TimestampMicros(1_767_312_000_000_000)))),
        ("outcome_time".into(), null()),
        ("source".into(), null()),
        ("split".into(), Avro::Union(1, Box::new(Avro::String("validation".into())))),
    ]);
    let (mut decoder, mut into) = (decoder(), BaselineRow::default());
    let avro = Encoding::Avro(Arc::new(WriterSchema::parse(BASELINE_SCHEMA).unwrap()));
    decoder.baseline(&avro, &encode(BASELINE_SCHEMA, Avro::Record(fields)), &mut into).unwrap();
    let check = |row: &BaselineRow, decoder: &truthline::decode::Decoder| {
        assert_holds(&sample(), &row.inference, decoder.names());
        assert_eq!(row.truth, Some(Truth::Text(value_hash("genuine"))));
        assert_eq!(row.label_time.unwrap().micros(), 1_767_312_000_000_000);
        assert_eq!(row.split, Split::Validation);
    };
    check(&into, &decoder);
    let text = json(&sample(), 0);
    let added = r#","label":"genuine","label_time":"2026-01-02T00:00:00Z","source":"desk","split":"validation"}"#;
    let text = text.strip_suffix('}').unwrap().to_owned() + added;
    decoder.baseline(&Encoding::Json, text.as_bytes(), &mut into).unwrap();
    check(&into, &decoder);
}

#[test]
fn every_width_of_avro_number_is_a_feature() {
    let schema = r#"{"type":"record","name":"r","namespace":"a","fields":[
        {"name":"request_id","type":{"type":"fixed","name":"id","size":16,"logicalType":"uuid"}},
        {"name":"model","type":{"type":"enum","name":"models","symbols":["risk","fraud"]}},
        {"name":"version","type":"string"},
        {"name":"event_time","type":{"type":"long","logicalType":"timestamp-millis"}},
        {"name":"score","type":"float"},
        {"name":"features","type":{"type":"record","name":"f","fields":[
            {"name":"a","type":"int"}, {"name":"b","type":["int","null"]}, {"name":"c","type":"float"},
            {"name":"d","type":"double"}, {"name":"e","type":"models"}, {"name":"g","type":"boolean"}]}},
        {"name":"other","type":{"type":"array","items":{"type":"map","values":"bytes"}}}]}"#;
    let bytes = encode(
        schema,
        Avro::Record(vec![
            ("request_id".into(), Avro::Uuid("01020304-0506-0708-090a-0b0c0d0e0f10".parse().unwrap())),
            ("model".into(), Avro::Enum(1, "fraud".into())),
            ("version".into(), Avro::String("v1".into())),
            ("event_time".into(), Avro::TimestampMillis(1_767_225_600_123)),
            ("score".into(), Avro::Float(0.25)),
            (
                "features".into(),
                Avro::Record(vec![
                    ("a".into(), Avro::Int(-7)),
                    ("b".into(), Avro::Union(1, Box::new(Avro::Null))),
                    ("c".into(), Avro::Float(0.1)),
                    ("d".into(), Avro::Double(f64::NAN)),
                    ("e".into(), Avro::Enum(0, "risk".into())),
                    ("g".into(), Avro::Boolean(true)),
                ]),
            ),
            (
                "other".into(),
                Avro::Array(vec![Avro::Map([("k".to_owned(), Avro::Bytes(vec![0xff]))].into_iter().collect())]),
            ),
        ]),
    );
    let (mut decoder, mut into) = (decoder(), Inference::default());
    let encoding = Encoding::Avro(Arc::new(WriterSchema::parse(schema).unwrap()));
    decoder.inference(&encoding, &bytes, &mut into).unwrap();
    let expected = Sample {
        request_id: "01020304-0506-0708-090a-0b0c0d0e0f10".into(),
        event_time: 1_767_225_600_123_000,
        score: 0.25,
        threshold: None,
        decision: None,
        action: None,
        action_prob: None,
        arm: None,
        weight: None,
        features: vec![
            ("a".into(), Feature::Int(-7)),
            ("b".into(), Feature::Null),
            ("c".into(), Feature::Float(f64::from(0.1_f32))),
            ("d".into(), Feature::Null),
            ("e".into(), Feature::Text("risk".into())),
            ("g".into(), Feature::Bool(true)),
        ],
        ..sample()
    };
    assert_holds(&expected, &into, decoder.names());
    assert_eq!(decoder.unknown_fields().collect::<Vec<_>>(), ["other"]);
    for cut in 0..bytes.len() {
        assert!(decoder.inference(&encoding, &bytes[..cut], &mut into).is_err(), "cut at {cut}");
    }
}
