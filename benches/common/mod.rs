//! What does the stream of the benches look like?
//!
//! Twenty features, ten numbers and ten categories, in about 500 bytes of JSON; four of the categories are sliced. 95 of
//! 100 predictions get a label. Both streams are in disorder within what is allowed, and merged as `replay` merges them.

#![allow(dead_code, reason = "each bench uses a part")]

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use truthline::baseline::{BuildSettings, Origin, Profile, References, RowSample, SampleRow, build};
use truthline::config::Config;
use truthline::decode::{Decoder, Encoding, Limits, WriterSchema};
use truthline::engine::{Engine, Range};
use truthline::event::{EventTime, Inference, Label, RequestKey};
use truthline::judge::Finding;
use truthline::observe::{Facts, Weight};

pub(crate) const FEATURES: usize = 20;
/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000_000;
const SECOND: i64 = 1_000_000;
const BASELINE_ROWS: u64 = 20_000;
const DISORDER: i64 = 300 * SECOND;
/// Time that this thread has spent on a processor, so that other processes of the machine do not count. The kernel
/// brings its figure up to date every few milliseconds; where it tells none, the clock on the wall is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessorTime;

/// Nanoseconds of [`ProcessorTime`] so far.
pub(crate) fn processor_time() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    static TOLD: LazyLock<bool> = LazyLock::new(|| scheduled().is_some_and(|spent| spent > 0));
    if *TOLD { scheduled().unwrap_or(0) } else { START.elapsed().as_nanos() as u64 }
}

fn scheduled() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

impl Measurement for ProcessorTime {
    type Intermediate = u64;
    type Value = u64;

    fn start(&self) -> u64 {
        processor_time()
    }

    fn end(&self, start: u64) -> u64 {
        processor_time().saturating_sub(start)
    }

    fn add(&self, one: &u64, other: &u64) -> u64 {
        one + other
    }

    fn zero(&self) -> u64 {
        0
    }

    fn to_f64(&self, value: &u64) -> f64 {
        // Criterion divides by it, and a short run may see no update.
        value.max(&1).to_owned() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// Records between two commits, as in `replay`.
pub(crate) const COMMIT: usize = 65_536;

pub(crate) const CONFIG: &str = "
topics:
  inferences: {name: p, out_of_order: 10m}
  labels: {name: l, out_of_order: 10m}
models:
  fraud:
    window: 1h
    label_window: 7d
    threshold: 0.5
    slices: {features: [category_0, category_1, category_2, category_3], pairs: false}
";

/// The finaliser of `SplitMix64`.
pub(crate) const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number in [0, 1), by what it is for.
pub(crate) fn chance(number: u64, purpose: u64) -> f64 {
    (mix(number ^ mix(purpose)) >> 11) as f64 / (1_u64 << 53) as f64
}

enum Cell {
    Whole(i64),
    Real(f64),
    Text(String),
    Missing,
}

fn features(number: u64) -> Vec<(String, Cell)> {
    let mut list = Vec::with_capacity(FEATURES);
    for place in 0..10 {
        let x = chance(number, place);
        let cell = match place % 3 {
            _ if x < 0.01 => Cell::Missing,
            0 => Cell::Real((x * 1e6).round() / 100.0),
            1 => Cell::Whole((x * x * 1_000.0) as i64),
            _ => Cell::Real((x * 1e4).round() / 1e4),
        };
        list.push((format!("number_{place}"), cell));
    }
    for place in 0..10 {
        let x = chance(number, 100 + place);
        // The first four have 8 values, the others 40; the small values are the frequent ones.
        let values = if place < 4 { 8.0 } else { 40.0 };
        list.push((format!("category_{place}"), Cell::Text(format!("value_{}", (x * x * values) as u64))));
    }
    list
}

fn score(number: u64) -> f64 {
    let x = chance(number, 1_000);
    (x * x * x * 1e6).round() / 1e6
}

fn positive(number: u64) -> bool {
    chance(number, 1_001) < score(number)
}

fn id(number: u64) -> String {
    format!("req-{number:012}")
}

fn inference_json(number: u64, time: i64) -> Vec<u8> {
    let fields: Vec<String> = features(number)
        .iter()
        .map(|(name, cell)| match cell {
            Cell::Whole(x) => format!("\"{name}\":{x}"),
            Cell::Real(x) => format!("\"{name}\":{x:?}"),
            Cell::Text(text) => format!("\"{name}\":\"{text}\""),
            Cell::Missing => format!("\"{name}\":null"),
        })
        .collect();
    let (id, score, fields) = (id(number), score(number), fields.join(","));
    format!(
        "{{\"request_id\":\"{id}\",\"model\":\"fraud\",\"version\":\"v1\",\"event_time\":{time},\"score\":{score:?},\"features\":{{{fields}}}}}"
    )
    .into_bytes()
}

fn label_json(number: u64, time: i64) -> Vec<u8> {
    let (id, truth) = (id(number), u8::from(positive(number)));
    format!("{{\"request_id\":\"{id}\",\"label\":{truth},\"event_time\":{time}}}").into_bytes()
}

fn inference_avro(number: u64, time: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_text(&mut bytes, &id(number));
    put_long(&mut bytes, 0);
    put_text(&mut bytes, "fraud");
    put_text(&mut bytes, "v1");
    put_long(&mut bytes, time);
    put_long(&mut bytes, 1);
    bytes.extend(score(number).to_le_bytes());
    bytes.extend([0; 3]); // scores, predicted, value
    put_long(&mut bytes, FEATURES as i64);
    for (name, cell) in features(number) {
        put_text(&mut bytes, &name);
        match cell {
            Cell::Missing => put_long(&mut bytes, 0),
            Cell::Whole(x) => {
                put_long(&mut bytes, 2);
                put_long(&mut bytes, x);
            }
            Cell::Real(x) => {
                put_long(&mut bytes, 3);
                bytes.extend(x.to_le_bytes());
            }
            Cell::Text(text) => {
                put_long(&mut bytes, 4);
                put_text(&mut bytes, &text);
            }
        }
    }
    bytes.extend([0; 14]); // the end of the map, and the optional fields from the threshold on
    bytes
}

fn label_avro(number: u64, time: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_text(&mut bytes, &id(number));
    put_long(&mut bytes, 0);
    put_long(&mut bytes, 2);
    put_long(&mut bytes, i64::from(positive(number)));
    put_long(&mut bytes, time);
    bytes.extend([0; 8]); // outcome time, source, its type, blind, revision 0, final, confidence, value
    bytes.push(0); // withdrawn
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

/// In which form records are prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Avro,
}

/// Records of both streams in the order in which `replay` would read them.
pub(crate) struct Stream {
    bytes: Vec<u8>,
    /// Whether it is a label, and where it ends.
    records: Vec<(bool, usize)>,
    inference: Encoding,
    label: Encoding,
}

impl Stream {
    /// So many inferences over so many hours, each labelled (95 of 100) at an even delay of up to `delay` hours.
    pub(crate) fn new(form: Form, inferences: u64, hours: i64, delay: i64) -> Self {
        let hour = 3_600 * SECOND;
        let step = hours * hour / inferences as i64;
        let mut order: Vec<(i64, i64, bool, u64)> = Vec::new();
        for number in 0..inferences {
            let time = START + number as i64 * step;
            order.push((time + (chance(number, 2_000) * DISORDER as f64) as i64, time, false, number));
            if chance(number, 2_001) < 0.95 {
                let time = time + 60 * SECOND + (chance(number, 2_002) * (delay * hour) as f64) as i64;
                order.push((time + (chance(number, 2_003) * DISORDER as f64) as i64, time, true, number));
            }
        }
        order.sort_unstable();
        let mut bytes = Vec::new();
        let mut records = Vec::with_capacity(order.len());
        for (_, time, is_label, number) in order {
            bytes.extend(match (form, is_label) {
                (Form::Json, false) => inference_json(number, time),
                (Form::Json, true) => label_json(number, time),
                (Form::Avro, false) => inference_avro(number, time),
                (Form::Avro, true) => label_avro(number, time),
            });
            records.push((is_label, bytes.len()));
        }
        let avro =
            |schema| Encoding::Avro(Arc::new(WriterSchema::parse(schema).expect("the published schemas are valid")));
        let (inference, label) = match form {
            Form::Json => (Encoding::Json, Encoding::Json),
            Form::Avro => {
                (avro(include_str!("../../schemas/inference.avsc")), avro(include_str!("../../schemas/label.avsc")))
            }
        };
        Self { bytes, records, inference, label }
    }

    /// So many inferences within ten hours, one by one, as JSON.
    pub(crate) fn inferences(count: u64) -> impl Iterator<Item = Vec<u8>> {
        (0..count).map(move |number| {
            inference_json(
                number,
                START + (i128::from(number) * 36_000 * i128::from(SECOND) / i128::from(count)) as i64,
            )
        })
    }

    /// How many records.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Mean bytes of an inference and of a label.
    pub(crate) fn sizes(&self) -> [usize; 2] {
        let (mut sums, mut counts, mut start) = ([0; 2], [0; 2], 0);
        for &(is_label, end) in &self.records {
            sums[usize::from(is_label)] += end - start;
            counts[usize::from(is_label)] += 1;
            start = end;
        }
        [sums[0] / counts[0].max(1), sums[1] / counts[1].max(1)]
    }

    /// Every record with whether it is a label.
    pub(crate) fn records(&self) -> impl Iterator<Item = (bool, &[u8])> {
        let mut start = 0;
        self.records.iter().map(move |&(is_label, end)| {
            let bytes = &self.bytes[start..end];
            start = end;
            (is_label, bytes)
        })
    }

    /// The encodings of inferences and labels.
    pub(crate) const fn encodings(&self) -> (&Encoding, &Encoding) {
        (&self.inference, &self.label)
    }
}

/// The baseline: rows of another time, with their truth.
pub(crate) fn profile() -> Profile {
    let mut decoder = Decoder::new(Limits::default());
    let mut record = Inference::default();
    let mut sample = RowSample::new(BASELINE_ROWS as usize);
    for number in 0..BASELINE_ROWS {
        // Rows of the baseline are other rows than those of the stream.
        let number = number + (1 << 40);
        let time = START - (1 << 44) + (number as i64 & 0xff_ffff) * SECOND;
        decoder.inference(&Encoding::Json, &inference_json(number, time), &mut record).expect("a good record");
        let score = score(number);
        sample.add(RequestKey::new(&record.request_id, 0), || SampleRow {
            time: EventTime::from_micros_unchecked(time),
            facts: Facts { score, decision: Some(score >= 0.5), arm: record.arm, action: None, weight: Weight::ONE },
            features: record.features.clone(),
            content: record.content,
            positive: Some(positive(number)),
        });
    }
    build("fraud", "v1", Origin::Files, &sample, decoder.names(), &BuildSettings::default())
}

/// An engine that has seen nothing.
pub(crate) fn engine(profile: &Profile) -> Engine {
    let config = Arc::new(Config::from_yaml(CONFIG).expect("the bench's configuration is valid"));
    Engine::new(config, References::new([profile.clone()]), 1, true, Range::default())
}

/// A whole stream on its way through decoder and engine; what `replay` does, without files.
pub(crate) struct Drive {
    pub(crate) decoder: Decoder,
    pub(crate) engine: Engine,
    pub(crate) findings: Vec<Finding>,
    inference: Inference,
    label: Label,
}

impl Drive {
    pub(crate) fn new(profile: &Profile) -> Self {
        Self {
            decoder: Decoder::new(Limits::default()),
            engine: engine(profile),
            findings: Vec::new(),
            inference: Inference::default(),
            label: Label::default(),
        }
    }

    /// One record.
    #[inline]
    pub(crate) fn take(&mut self, encodings: (&Encoding, &Encoding), is_label: bool, bytes: &[u8]) {
        if is_label {
            self.decoder.label(encodings.1, bytes, &mut self.label).expect("a good record");
            self.engine.label(0, &self.label).expect("a label with a place");
        } else {
            self.decoder.inference(encodings.0, bytes, &mut self.inference).expect("a good record");
            self.engine.inference(0, &self.inference, self.decoder.names()).expect("a row with a place");
        }
    }

    /// What `replay` does every [`COMMIT`] records; findings are thrown away.
    pub(crate) fn commit(&mut self) {
        self.engine.commit(&mut self.findings);
        self.findings.clear();
    }
}
