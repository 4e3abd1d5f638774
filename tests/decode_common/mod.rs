//! One made-up record, written in every format by code that shares nothing with the decoder.
#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses a part; a failed unwrap fails the test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use apache_avro::types::Value as Avro;
use apache_avro::{Schema, writer::datum::GenericDatumWriter};
use proptest::prelude::*;
use truthline::decode::{Decoder, Limits, WriterSchema};
use truthline::event::{Arm, FeatureNames, Inference, Value};

pub(crate) const INFERENCE_SCHEMA: &str = include_str!("../../schemas/inference.avsc");
pub(crate) const LABEL_SCHEMA: &str = include_str!("../../schemas/label.avsc");
pub(crate) const BASELINE_SCHEMA: &str = include_str!("../../schemas/baseline-row.avsc");

/// A feature's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Feature {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

/// An inference with every field that is kept.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) request_id: String,
    pub(crate) row: i32,
    pub(crate) model: String,
    pub(crate) version: String,
    pub(crate) event_time: i64,
    pub(crate) score: f64,
    pub(crate) threshold: Option<f64>,
    pub(crate) decision: Option<bool>,
    pub(crate) action: Option<String>,
    pub(crate) action_prob: Option<f64>,
    pub(crate) arm: Option<Arm>,
    pub(crate) weight: Option<f64>,
    pub(crate) features: Vec<(String, Feature)>,
}

pub(crate) fn sample() -> Sample {
    Sample {
        request_id: "r-1".into(),
        row: 0,
        model: "fraud".into(),
        version: "v1".into(),
        event_time: 1_767_225_600_000_001,
        score: 0.1 + 0.2,
        threshold: Some(0.5),
        decision: Some(true),
        action: Some("block".into()),
        action_prob: Some(0.9),
        arm: Some(Arm::Explore),
        weight: Some(2.0),
        features: vec![
            ("amount".into(), Feature::Float(12.3)),
            ("age".into(), Feature::Int(-41)),
            ("country".into(), Feature::Text("Österreich, \"AT\"".into())),
            ("device".into(), Feature::Null),
        ],
    }
}

/// Fields in the order of `order`'s values: any order must do.
pub(crate) fn json(sample: &Sample, order: u64) -> String {
    let text = |value: &str| serde_json::to_string(value).unwrap();
    let mut features: Vec<String> = sample
        .features
        .iter()
        .map(|(name, value)| {
            let value = match value {
                Feature::Null => "null".into(),
                Feature::Bool(value) => value.to_string(),
                Feature::Int(value) => value.to_string(),
                Feature::Float(value) => format!("{value:?}"),
                Feature::Text(value) => text(value),
            };
            format!("{}: {value}", text(name))
        })
        .collect();
    shuffle(&mut features, order);
    let mut fields = vec![
        format!("\"request_id\": {}", text(&sample.request_id)),
        format!("\"row\":{}", sample.row),
        format!("\"model\":{}", text(&sample.model)),
        format!("\"version\":{}", text(&sample.version)),
        format!("\"event_time\":{}", sample.event_time),
        format!("\"score\":{:?}", sample.score),
        format!("\"features\":{{{}}}", features.join(",")),
    ];
    let mut optional = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            fields.push(format!("\"{name}\":{value}"));
        }
    };
    optional("threshold", sample.threshold.map(|value| format!("{value:?}")));
    optional("decision", sample.decision.map(|value| value.to_string()));
    optional("action", sample.action.as_deref().map(text));
    optional("action_prob", sample.action_prob.map(|value| format!("{value:?}")));
    optional("arm", sample.arm.map(|arm| text(arm.name())));
    optional("weight", sample.weight.map(|value| format!("{value:?}")));
    shuffle(&mut fields, order);
    format!("{{{}}}", fields.join(", "))
}

fn shuffle<T>(list: &mut [T], mut order: u64) {
    for place in (1..list.len()).rev() {
        list.swap(place, (order % (place as u64 + 1)) as usize);
        order = order.rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

fn optional(value: Option<Avro>) -> Avro {
    value.map_or_else(|| Avro::Union(0, Box::new(Avro::Null)), |value| Avro::Union(1, Box::new(value)))
}

/// The datum as a value of `apache-avro`.
pub(crate) fn avro_value(sample: &Sample) -> Avro {
    let features = sample.features.iter().map(|(name, value)| {
        let (branch, value) = match value {
            Feature::Null => (0, Avro::Null),
            Feature::Bool(value) => (1, Avro::Boolean(*value)),
            Feature::Int(value) => (2, Avro::Long(*value)),
            Feature::Float(value) => (3, Avro::Double(*value)),
            Feature::Text(value) => (4, Avro::String(value.clone())),
        };
        (name.clone(), Avro::Union(branch, Box::new(value)))
    });
    let given: BTreeMap<&str, Avro> = [
        ("request_id", Avro::String(sample.request_id.clone())),
        ("row", Avro::Int(sample.row)),
        ("model", Avro::String(sample.model.clone())),
        ("version", Avro::String(sample.version.clone())),
        ("event_time", Avro::TimestampMicros(sample.event_time)),
        ("features", Avro::Map(features.collect())),
        ("score", optional(Some(Avro::Double(sample.score)))),
        ("threshold", optional(sample.threshold.map(Avro::Double))),
        ("decision", optional(sample.decision.map(Avro::Boolean))),
        ("action", optional(sample.action.clone().map(Avro::String))),
        ("action_prob", optional(sample.action_prob.map(Avro::Double))),
        ("arm", optional(sample.arm.map(|arm| Avro::String(arm.name().into())))),
        ("weight", optional(sample.weight.map(Avro::Double))),
    ]
    .into();
    let Schema::Record(record) = Schema::parse_str(INFERENCE_SCHEMA).unwrap() else { unreachable!() };
    let fields = record
        .fields
        .iter()
        .map(|field| (field.name.clone(), given.get(field.name.as_str()).cloned().unwrap_or_else(|| optional(None))));
    Avro::Record(fields.collect())
}

pub(crate) fn encode(schema: &str, value: Avro) -> Vec<u8> {
    let schema = Schema::parse_str(schema).unwrap();
    GenericDatumWriter::builder(&schema).build().unwrap().write_value_to_vec(value).unwrap()
}

pub(crate) fn avro(sample: &Sample) -> Vec<u8> {
    encode(INFERENCE_SCHEMA, avro_value(sample))
}

pub(crate) fn inference_schema() -> Arc<WriterSchema> {
    Arc::new(WriterSchema::parse(INFERENCE_SCHEMA).unwrap())
}

pub(crate) fn csv_header(sample: &Sample) -> String {
    let fields = "request_id,row,model,version,event_time,score,threshold,decision,action,action_prob,arm,weight";
    let mut header = vec![fields.to_owned()];
    header.extend(sample.features.iter().map(|(name, _)| cell(name)));
    header.join(",")
}

fn cell(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

pub(crate) fn csv_row(sample: &Sample) -> String {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:?}"));
    let mut cells = vec![
        cell(&sample.request_id),
        sample.row.to_string(),
        cell(&sample.model),
        cell(&sample.version),
        sample.event_time.to_string(),
        number(Some(sample.score)),
        number(sample.threshold),
        sample.decision.map_or_else(String::new, |value| value.to_string()),
        sample.action.as_deref().map_or_else(String::new, cell),
        number(sample.action_prob),
        sample.arm.map_or_else(String::new, |arm| arm.name().to_owned()),
        number(sample.weight),
    ];
    cells.extend(sample.features.iter().map(|(_, value)| match value {
        Feature::Null => "NA".to_owned(),
        Feature::Bool(_) => unreachable!("CSV has no truth values among its features"),
        Feature::Int(value) => value.to_string(),
        Feature::Float(value) => format!("{value:?}"),
        Feature::Text(text) => cell(text),
    }));
    cells.join(",")
}

/// What the decoder should have made of it, content hash aside.
pub(crate) fn assert_holds(sample: &Sample, decoded: &Inference, names: &FeatureNames) {
    assert_eq!(decoded.request_id, sample.request_id);
    assert_eq!(decoded.row, sample.row as u32);
    assert_eq!(decoded.model, sample.model);
    assert_eq!(decoded.version, sample.version);
    assert_eq!(decoded.event_time.micros(), sample.event_time);
    assert_eq!(decoded.score.unwrap().get().to_bits(), sample.score.to_bits());
    assert_eq!(decoded.threshold.map(f64::to_bits), sample.threshold.map(f64::to_bits));
    assert_eq!(decoded.decision, sample.decision);
    assert_eq!(decoded.action, sample.action.as_deref().map(truthline::event::value_hash));
    assert_eq!(decoded.action_prob.map(f64::to_bits), sample.action_prob.map(f64::to_bits));
    assert_eq!(decoded.arm, sample.arm.unwrap_or_default());
    assert_eq!(decoded.weight.map(f64::to_bits), sample.weight.map(f64::to_bits));
    let mut found: Vec<(String, Feature)> = decoded
        .features
        .pairs
        .iter()
        .map(|&(slot, value)| {
            let value = match value {
                Value::Null => Feature::Null,
                Value::Bool(value) => Feature::Bool(value),
                Value::Int(value) => Feature::Int(value),
                Value::Float(value) => Feature::Float(value),
                Value::Text { start, length } => Feature::Text(decoded.features.text_of(start, length).to_owned()),
            };
            (names.name(slot).to_owned(), value)
        })
        .collect();
    let mut expected = sample.features.clone();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(found, expected);
    let bits = |list: &[(String, Feature)]| -> Vec<u64> {
        list.iter()
            .filter_map(|(_, value)| if let Feature::Float(f) = value { Some(f.to_bits()) } else { None })
            .collect()
    };
    assert_eq!(bits(&found), bits(&expected));
}

pub(crate) fn decoder() -> Decoder {
    Decoder::new(Limits::default())
}

/// Texts that no table takes for a number or for nothing.
fn text() -> impl Strategy<Value = String> {
    "x[ -~äß→\n\u{1f600}]{0,20}"
}

/// Any record; `bools`: also with features that are truth values, which CSV does not have.
pub(crate) fn samples(bools: bool) -> impl Strategy<Value = Sample> {
    let finite = prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL;
    let feature = prop_oneof![
        Just(Feature::Null),
        any::<i64>().prop_map(Feature::Int),
        finite.prop_map(Feature::Float),
        text().prop_map(Feature::Text),
        any::<bool>().prop_map(move |value| if bools { Feature::Bool(value) } else { Feature::Null }),
    ];
    let features = prop::collection::btree_map("f[a-zü ._]{0,8}z", feature, 0..12);
    let times = 315_532_800_000_000_i64..7_258_118_400_000_000;
    let head = ("[!-~é]{1,12}", 0..4_096, text(), text(), times, 0.0..=1.0_f64);
    let tail = (
        prop::option::of(finite),
        prop::option::of(any::<bool>()),
        prop::option::of(text()),
        prop::option::of(1e-300..=1.0_f64),
        prop::option::of(prop::sample::select(&Arm::ALL[..])),
        prop::option::of(1e-300..1e300_f64),
    );
    (head, tail, features).prop_map(|(head, tail, features)| Sample {
        // An id that a table would take for nothing is not the matter here.
        request_id: format!("r{}", head.0),
        row: head.1,
        model: head.2,
        version: head.3,
        event_time: head.4,
        score: head.5,
        threshold: tail.0,
        decision: tail.1,
        action: tail.2,
        action_prob: tail.3,
        arm: tail.4,
        weight: tail.5,
        features: features.into_iter().collect(),
    })
}
