//! What do the statistics cost for an inference and for a label, without decoder and join?
//!
//! 20 features. "One window": everything goes into the same sums, which stay in the cache. "168 windows": each row goes
//! into the sums of a random one of 168 windows, 18 MB in all, as the labels of a week do.

#![allow(missing_docs, clippy::disallowed_methods)]

mod common;

use std::hint::black_box;

use common::{Form, ProcessorTime, Stream, mix};
use criterion::Criterion;
use truthline::decode::{Decoder, Limits};
use truthline::event::{FeatureNames, Inference, RequestKey};
use truthline::observe::{CodedRow, Facts, Mapping, Sums, Weight};

/// Few enough to stay in the cache, as a row fresh from the decoder does.
const ROWS: usize = 1_024;

struct Row {
    record: Inference,
    key: RequestKey,
    facts: Facts,
    coded: CodedRow,
    positive: bool,
}

fn rows(coding: &truthline::observe::Coding) -> (Vec<Row>, FeatureNames) {
    let stream = Stream::new(Form::Json, ROWS as u64, 10, 6);
    let mut decoder = Decoder::new(Limits::default());
    let mut mapping = Mapping::default();
    let mut rows = Vec::new();
    for (_, bytes) in stream.records().filter(|(is_label, _)| !is_label) {
        let mut record = Inference::default();
        decoder.inference(stream.encodings().0, bytes, &mut record).expect("a good record");
        let score = record.score.expect("records have a score").get();
        let mut coded = CodedRow::default();
        coding.code(&record.features, decoder.names(), &mut mapping, &mut coded);
        let facts = Facts { score, decision: Some(score >= 0.5), arm: record.arm, action: None, weight: Weight::ONE };
        let key = RequestKey::new(&record.request_id, 0);
        let positive = mix(rows.len() as u64) as f64 / u64::MAX as f64 <= score;
        rows.push(Row { record, key, facts, coded, positive });
    }
    (rows, decoder.names().clone())
}

fn main() {
    let profile = common::profile();
    let (rows, names) = rows(&profile.coding);
    let mut criterion = Criterion::default().with_measurement(ProcessorTime).configure_from_args();
    let mut group = criterion.benchmark_group("statistics");
    let mut place = 0;
    let mut next = || {
        place = (place + 1) % ROWS;
        place
    };
    let (mut mapping, mut coded) = (Mapping::default(), CodedRow::default());
    group.bench_function("code 20 features", |bencher| {
        bencher.iter(|| {
            let row = &rows[next()];
            profile.coding.code(black_box(&row.record.features), &names, &mut mapping, &mut coded);
        });
    });
    for windows in [1, 168] {
        let mut open: Vec<Sums> = (0..windows).map(|_| Sums::new(profile.layout.clone())).collect();
        // Samples are full after the first rows of a window; what a row costs is asked after that.
        for (number, row) in rows.iter().cycle().take(windows * 512).enumerate() {
            let sums = &mut open[number % windows];
            sums.sampled(row.key, &row.record.request_id, 0, row.record.event_time, row.facts.score, &row.coded);
        }
        let mut turn = 0_u64;
        let mut window = || {
            turn += 1;
            (mix(turn) % windows as u64) as usize
        };
        let name = |what: &str| format!("{what}, {windows} window{}", if windows == 1 { "" } else { "s" });
        group.bench_function(name("count an inference"), |bencher| {
            bencher.iter(|| {
                let row = &rows[next()];
                let sums = &mut open[window()];
                sums.predicted(black_box(&row.facts), &row.coded);
                sums.sampled(row.key, &row.record.request_id, 0, row.record.event_time, row.facts.score, &row.coded);
            });
        });
        group.bench_function(name("code and count an inference"), |bencher| {
            bencher.iter(|| {
                let row = &rows[next()];
                let sums = &mut open[window()];
                profile.coding.code(black_box(&row.record.features), &names, &mut mapping, &mut coded);
                sums.predicted(&row.facts, &coded);
                sums.sampled(row.key, &row.record.request_id, 0, row.record.event_time, row.facts.score, &coded);
            });
        });
        group.bench_function(name("count a label"), |bencher| {
            bencher.iter(|| {
                let row = &rows[next()];
                let sums = &mut open[window()];
                sums.labelled(black_box(&row.facts), &row.coded.codes, &profile.map, row.positive, 1);
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
