//! How many events a second go from bytes to sums and findings, on one core?
//!
//! Two streams, each as JSON and as Avro. `wide`: 200,000 predictions over 14 days with labels over seven, so that 168
//! hourly windows are open and every commit touches all of them. `dense`: the same number within ten hours, labels
//! within six. A table first splits one pass into records (decode, join, observe) and commits (closing rows, handing
//! sums on, judging); then criterion measures whole passes.

#![allow(missing_docs, clippy::disallowed_methods, clippy::print_stdout)]

mod common;

use std::hint::black_box;

use common::{COMMIT, Drive, FEATURES, Form, ProcessorTime, Stream, processor_time};
use criterion::{Criterion, Throughput};
use truthline::baseline::Profile;
use truthline::decode::{Decoder, Encoding, Limits};
use truthline::event::{Inference, Label};

const INFERENCES: u64 = 200_000;
const PASSES: usize = 5;
const PENDING: u64 = 2_000_000;

/// One pass: nanoseconds in records and in commits.
fn pass(stream: &Stream, profile: &Profile) -> (u64, u64, Drive) {
    let mut drive = Drive::new(profile);
    let encodings = stream.encodings();
    let (mut records, mut commits) = (0, 0);
    let mut start = processor_time();
    for (place, (is_label, bytes)) in stream.records().enumerate() {
        drive.take(encodings, is_label, bytes);
        if (place + 1) % COMMIT == 0 {
            let end = processor_time();
            drive.commit();
            records += end - start;
            start = processor_time();
            commits += start - end;
        }
    }
    records += processor_time() - start;
    (records, commits, drive)
}

/// Nanoseconds in the decoder alone.
fn decoding(stream: &Stream) -> u64 {
    let mut decoder = Decoder::new(Limits::default());
    let (mut inference, mut label) = (Inference::default(), Label::default());
    let encodings = stream.encodings();
    let start = processor_time();
    for (is_label, bytes) in stream.records() {
        let read = if is_label {
            decoder.label(encodings.1, bytes, &mut label)
        } else {
            decoder.inference(encodings.0, bytes, &mut inference)
        };
        black_box(read).expect("a good record");
    }
    processor_time() - start
}

fn split(name: &str, stream: &Stream, profile: &Profile) {
    let mut spent = [const { Vec::new() }; 3];
    for _ in 0..PASSES {
        spent[0].push(decoding(stream));
        let (records, commits, drive) = pass(stream, profile);
        let counts = drive.engine.counts();
        assert_eq!(counts.inferences.read, INFERENCES as i64, "every prediction was taken");
        assert_eq!(counts.labels.joined, counts.labels.read, "every label met its prediction");
        spent[1].push(records);
        spent[2].push(commits);
    }
    let [inference, label] = stream.sizes();
    println!("{name}: {} events, {inference} B an inference, {label} B a label", stream.len());
    println!("  processor time an event: median (least) of {PASSES} passes");
    for (what, mut spent) in ["decode alone", "decode, join, observe", "commits and judge"].into_iter().zip(spent) {
        spent.sort_unstable();
        let each = |spent: u64| spent as f64 / stream.len() as f64;
        let (least, median) = (each(spent[0]), each(spent[PASSES / 2]));
        println!("  {what:22} {median:6.0} ({least:5.0}) ns = {:8.0} ({:8.0}) events/s", 1e9 / median, 1e9 / least);
    }
}

/// Resident bytes of this process; zero where the system does not tell.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).map_or(0, |pages| pages * 4_096)
}

/// What the process grows by for each prediction that waits for its label, all included.
fn report_memory(profile: &Profile) {
    let mut drive = Drive::new(profile);
    let before = resident();
    for (place, bytes) in Stream::inferences(PENDING).enumerate() {
        drive.take((&Encoding::Json, &Encoding::Json), false, &bytes);
        if (place + 1) % COMMIT == 0 {
            drive.commit();
        }
    }
    let pending = drive.engine.counts().inferences.pending;
    let each = resident().saturating_sub(before) as f64 / pending as f64;
    println!("{pending} pending predictions of {FEATURES} features: resident growth {each:.1} bytes each");
}

fn main() {
    let profile = common::profile();
    report_memory(&profile);
    let mut criterion = Criterion::default().with_measurement(ProcessorTime).configure_from_args().sample_size(10);
    for (shape, hours, delay) in [("wide", 14 * 24, 167), ("dense", 10, 6)] {
        for form in [Form::Json, Form::Avro] {
            let stream = Stream::new(form, INFERENCES, hours, delay);
            let name = format!("{shape} {form:?}");
            split(&name, &stream, &profile);
            let mut group = criterion.benchmark_group("engine");
            group.throughput(Throughput::Elements(stream.len() as u64));
            group.bench_function(&name, |bencher| {
                bencher.iter_custom(|count| {
                    let passes = (0..count).map(|_| pass(&stream, &profile));
                    passes.map(|(records, commits, _)| records + commits).sum()
                });
            });
            group.finish();
        }
    }
    criterion.final_summary();
}
