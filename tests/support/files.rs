//! How is a log written as Avro containers and as tables of somebody else's columns?

use std::collections::BTreeMap;

use apache_avro::types::Value as Avro;
use apache_avro::{Schema, Writer};

use super::{Row, THRESHOLD, Told};

/// The topics of a configuration that reads the tables.
pub(crate) const MAPPING: &str = "
topics:
  inferences:
    out_of_order: 1h
    adapter: mapped
    mapping: {request_id: id, event_time: at, model: which, version: build, score: p, threshold: cut, weight: w, action_prob: q, time: {unit: us}}
  labels:
    out_of_order: 30m
    adapter: mapped
    mapping: {request_id: id, event_time: known_at, label: y, revision: edition, withdrawn: back, time: {unit: us}}
";

fn container(schema: &str, records: impl Iterator<Item = Vec<(&'static str, Avro)>>) -> Vec<u8> {
    let schema = Schema::parse_str(schema).unwrap();
    let Schema::Record(record) = &schema else { unreachable!("the schemas are records") };
    let mut writer = Writer::new(&schema, Vec::new()).unwrap();
    for given in records {
        let mut given: BTreeMap<&str, Avro> = given.into_iter().collect();
        let fields = record.fields.iter().map(|field| {
            let absent = if field.name == "row" { Avro::Int(0) } else { optional(None) };
            (field.name.clone(), given.remove(field.name.as_str()).unwrap_or(absent))
        });
        writer.append_value(Avro::Record(fields.collect())).unwrap();
    }
    writer.into_inner().unwrap()
}

fn optional(value: Option<(u32, Avro)>) -> Avro {
    let (branch, value) = value.unwrap_or((0, Avro::Null));
    Avro::Union(branch, Box::new(value))
}

/// Predictions as a container of the published schema.
pub(crate) fn inferences(rows: &[Row]) -> Vec<u8> {
    let text = |text: &str| Avro::Union(4, Box::new(Avro::String(text.into())));
    let records = rows.iter().map(|row| {
        let mut features = BTreeMap::from([
            ("tenure".to_owned(), Avro::Union(2, Box::new(Avro::Long(row.tenure)))),
            ("method".to_owned(), text(row.method)),
            ("country".to_owned(), text(row.country)),
        ]);
        if let Some(amount) = row.amount {
            features.insert("amount".to_owned(), Avro::Union(3, Box::new(Avro::Double(amount))));
        }
        vec![
            ("request_id", Avro::String(row.id.clone())),
            ("model", Avro::String(row.model.into())),
            ("version", Avro::String(row.version.into())),
            ("event_time", Avro::TimestampMicros(row.time)),
            ("score", optional(Some((1, Avro::Double(row.score))))),
            ("threshold", optional(Some((1, Avro::Double(THRESHOLD))))),
            ("weight", optional(row.weight().map(|weight| (1, Avro::Double(weight))))),
            ("action_prob", optional(row.action_prob().map(|prob| (1, Avro::Double(prob))))),
            ("features", Avro::Map(features.into_iter().collect())),
        ]
    });
    container(include_str!("../../schemas/inference.avsc"), records)
}

/// Labels as a container of the published schema.
pub(crate) fn labels(told: &[Told]) -> Vec<u8> {
    let records = told.iter().map(|one| {
        vec![
            ("request_id", Avro::String(one.id.clone())),
            ("event_time", Avro::TimestampMicros(one.time)),
            ("label", optional(one.value.map(|value| (2, Avro::Long(value))))),
            ("revision", Avro::Long(one.revision)),
            ("withdrawn", optional(one.value.is_none().then_some((1, Avro::Boolean(true))))),
        ]
    });
    container(include_str!("../../schemas/label.avsc"), records)
}

/// Predictions as a table.
pub(crate) fn inference_table(rows: &[Row]) -> Vec<u8> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table
        .write_record(["method", "id", "at", "which", "build", "p", "cut", "amount", "tenure", "country", "w", "q"])
        .unwrap();
    for row in rows {
        let amount = row.amount.map_or_else(String::new, |amount| amount.to_string());
        let (at, p, cut, tenure) =
            (row.time.to_string(), row.score.to_string(), THRESHOLD.to_string(), row.tenure.to_string());
        let given = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        let (w, q) = (given(row.weight()), given(row.action_prob()));
        let cells = [row.method, &row.id, &at, row.model, row.version, &p, &cut, &amount, &tenure, row.country, &w, &q];
        table.write_record(cells).unwrap();
    }
    table.into_inner().unwrap()
}

/// Labels as a table.
pub(crate) fn label_table(told: &[Told]) -> Vec<u8> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["id", "y", "known_at", "edition", "back"]).unwrap();
    for one in told {
        let label = one.value.map_or_else(String::new, |value| value.to_string());
        let back = if one.value.is_none() { "true" } else { "" };
        table.write_record([&one.id, &label, &one.time.to_string(), &one.revision.to_string(), back]).unwrap();
    }
    table.into_inner().unwrap()
}
