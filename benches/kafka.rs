//! What does a record cost when it goes from a topic to a committed delta, against merely reading it?
//!
//! Starts a broker of its own (`TRUTHLINE_KAFKA_LIBS`, see `tests/fetch-kafka`), fills topics, and runs two processes on
//! them in turn: a bare reader with the same client (`poll`, nothing done with the records), and `truthline run`, exactly
//! once with commits of one second. Both say how much processor time they took; the table gives records per
//! processor-second and their ratio. Then latency at half the load, and two lanes against one.
//!
//! `cargo bench --bench kafka` takes some minutes. Rounds alternate, so that a busy machine slows both.

#![allow(missing_docs, dead_code, clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout)]

#[path = "../tests/broker/mod.rs"]
mod broker;
mod common;

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use broker::{Broker, unique};
use common::{Form, Stream};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use truthline::baseline;
use truthline::event::murmur2_partition;

const PARTITIONS: u32 = 4;
const ROUNDS: usize = 5;
/// Predictions of the small and of the large kind.
const SMALL: u64 = 1_500_000;
const LARGE: u64 = 1_500_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == "raw") {
        raw(&arguments[place + 1], &arguments[place + 2], &arguments[place + 3]);
        return;
    }
    let only = std::env::var("TRUTHLINE_BENCH_ONLY").unwrap_or_default();
    let broker = Broker::start();
    let folder = std::env::temp_dir().join(unique("truthline-bench"));
    std::fs::create_dir_all(&folder).unwrap();
    let profile = common::profile();
    std::fs::write(folder.join("baseline.json"), baseline::write(std::slice::from_ref(&profile))).unwrap();
    small_baseline(&folder);
    println!("records per second of processor time, {ROUNDS} rounds: the middle one (smallest to largest)");
    println!("| records | bare read | run, one lane | ratio | asked |");
    println!("|---|---|---|---|---|");
    for (name, asked, stream) in streams().into_iter().filter(|(name, ..)| name.starts_with(&only)) {
        let topics = fill(&broker, &stream);
        let (mut bare, mut full) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bare.push(bare_read(&broker, &topics));
            full.push(Service::start(&broker, &folder, &topics, 1).read_all(topics.records));
        }
        let rate =
            |seconds: &[f64]| seconds.iter().map(|seconds| topics.records as f64 / seconds).collect::<Vec<f64>>();
        let (bare_rates, full_rates) = (rate(&bare), rate(&full));
        let ratio: Vec<f64> = bare.iter().zip(&full).map(|(bare, full)| bare / full).collect();
        let span = |values: &[f64], digits: usize| {
            let mut values = values.to_vec();
            values.sort_by(f64::total_cmp);
            format!("{:.digits$} ({:.digits$} to {:.digits$})", values[ROUNDS / 2], values[0], values[ROUNDS - 1])
        };
        println!("| {name} | {} | {} | {} | {asked} |", span(&bare_rates, 0), span(&full_rates, 0), span(&ratio, 2));
        if name.starts_with("JSON, 20") {
            // In turn, like everything that is compared here.
            let mut lanes = Vec::new();
            for _ in 0..ROUNDS {
                let one = Service::start(&broker, &folder, &topics, 1).read_all(topics.records);
                let two = Service::start(&broker, &folder, &topics, 2).read_all(topics.records);
                lanes.push(two / one);
            }
            println!("two lanes: {} times the processor time of one", span(&lanes, 2));
            let one = full.iter().copied().fold(f64::MAX, f64::min);
            latency(&broker, &folder, topics.records as f64 / one / 2.0);
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// The kinds of records: what they are, the ratio asked for, and the records with whether they are labels.
fn streams() -> Vec<(&'static str, f64, Records)> {
    vec![
        ("JSON, 120 B", 0.4, small()),
        ("JSON, 20 features, 500 B", 0.2, large(Form::Json, DENSE)),
        ("Avro, the same", 0.3, large(Form::Avro, DENSE)),
        ("JSON, over 14 days with labels over 7", f64::NAN, large(Form::Json, WIDE)),
    ]
}

type Records = Vec<(bool, String, Vec<u8>)>;

fn small() -> Records {
    let start = 1_767_225_600_000_000_i64;
    let mut records = Vec::new();
    for number in 0..SMALL {
        let time = start + number as i64 * 24_000;
        let id = format!("r{number:09}");
        let score = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1_u64 << 53) as f64;
        let prediction = format!(
            r#"{{"request_id":"{id}","model":"m","version":"v1","event_time":{time},"score":{score:.6},"threshold":0.5}}"#
        );
        records.push((false, id.clone(), prediction.into_bytes()));
        if number % 2 == 0 {
            let label = format!(r#"{{"request_id":"{id}","label":{},"event_time":{time}}}"#, number % 3 / 2);
            records.push((true, id, label.into_bytes()));
        }
    }
    records
}

/// A baseline of the small kind: scores and truth, no features.
fn small_baseline(folder: &Path) {
    let mut rows = String::new();
    for number in 0..20_000_u64 {
        let score = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1_u64 << 53) as f64;
        let time = 1_767_000_000_000_000_i64 + number as i64 * 1_000_000;
        let _ = writeln!(
            rows,
            r#"{{"request_id":"b{number}","model":"m","version":"v1","event_time":{time},"score":{score:.6},"threshold":0.5,"label":{}}}"#,
            number % 3 / 2
        );
    }
    let path = folder.join("small.jsonl");
    std::fs::write(&path, rows).unwrap();
    let built = Command::new(env!("CARGO_BIN_EXE_truthline"))
        .args(["baseline", "build", "--rows"])
        .arg(&path)
        .arg("--out")
        .arg(folder.join("small.json"))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

/// Hours of predictions and of label delays: within a day, as a service sees them, or over many windows, as one that
/// catches up does.
const DENSE: (i64, i64) = (10, 6);
const WIDE: (i64, i64) = (24 * 14, 24 * 7);

fn large(form: Form, (hours, delay): (i64, i64)) -> Records {
    // The ids stand in the JSON form of the same stream.
    let ids = Stream::new(Form::Json, LARGE, hours, delay);
    let stream = Stream::new(form, LARGE, hours, delay);
    let id = |bytes: &[u8]| {
        let json: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        json["request_id"].as_str().unwrap().to_owned()
    };
    let framed = |is_label: bool, bytes: &[u8]| match form {
        Form::Json => bytes.to_vec(),
        Form::Avro => [&[0xc3, 0x01][..], &fingerprint(is_label), bytes].concat(),
    };
    ids.records()
        .zip(stream.records())
        .map(|((_, json), (is_label, bytes))| (is_label, id(json), framed(is_label, bytes)))
        .collect()
}

fn fingerprint(is_label: bool) -> [u8; 8] {
    let text = if is_label { include_str!("../schemas/label.avsc") } else { include_str!("../schemas/inference.avsc") };
    truthline::decode::WriterSchema::parse(text).unwrap().fingerprint()
}

struct Topics {
    inferences: String,
    labels: String,
    prefix: String,
    records: u64,
}

fn fill(broker: &Broker, records: &Records) -> Topics {
    let topics = Topics {
        inferences: unique("inferences"),
        labels: unique("labels"),
        prefix: unique("truthline"),
        records: records.len() as u64,
    };
    for topic in [&topics.inferences, &topics.labels] {
        broker.create_topic(topic, PARTITIONS as i32, &[]);
    }
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap())
        .set("linger.ms", "50")
        .set("batch.size", "500000")
        .set("queue.buffering.max.kbytes", "200000")
        .create()
        .unwrap();
    for (is_label, id, value) in records {
        let topic = if *is_label { &topics.labels } else { &topics.inferences };
        let partition = murmur2_partition(id.as_bytes(), PARTITIONS) as i32;
        let mut record = BaseRecord::to(topic).partition(partition).key(id).payload(value);
        while let Err((error, back)) = producer.send(record) {
            assert!(matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)), "{error}");
            record = back;
            producer.poll(Duration::from_millis(20));
        }
    }
    producer.flush(Duration::from_mins(2)).unwrap();
    topics
}

/// Processor time of a process so far, in seconds.
fn processor_seconds(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 / 100.0
}

/// The child that only reads.
fn raw(brokers: &str, topics: &str, records: &str) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "raw")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for topic in topics.split(',') {
        for partition in 0..PARTITIONS {
            list.add_partition_offset(topic, partition as i32, Offset::Beginning).unwrap();
        }
    }
    consumer.assign(&list).unwrap();
    let records: u64 = records.parse().unwrap();
    let mut read = 0;
    while read < records {
        if let Some(Ok(_)) = consumer.poll(Duration::from_millis(100)) {
            read += 1;
        }
    }
    println!("{}", processor_seconds("self"));
}

fn bare_read(broker: &Broker, topics: &Topics) -> f64 {
    let list = format!("{},{}", topics.inferences, topics.labels);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["raw", broker.bootstrap(), &list, &topics.records.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().lines().last().unwrap().parse().unwrap()
}

/// `truthline run` on some topics.
struct Service {
    child: Child,
    page: String,
}

impl Service {
    fn start(broker: &Broker, folder: &Path, topics: &Topics, lanes: u32) -> Self {
        let page = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let prefix = format!("{}-{}", topics.prefix, unique("r"));
        let config = config(broker, folder, topics, &prefix, lanes, &page);
        let binary = env!("CARGO_BIN_EXE_truthline");
        let created = Command::new(binary).args(["topics", "create", "--config"]).arg(&config).output().unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
        // `TRUTHLINE_BENCH_PERF=FILE` writes a profile of the last process.
        let mut command = match std::env::var("TRUTHLINE_BENCH_PERF") {
            Ok(file) => {
                let mut command = Command::new("perf");
                command.args(["record", "-F", "999", "-g", "-o", &file, "--", binary]);
                command
            }
            Err(_) => Command::new(binary),
        };
        let child = command
            .args(["run", "--config"])
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self { child, page }
    }

    /// Processor time of the process until it has read so many records.
    fn read_all(mut self, records: u64) -> f64 {
        let begun = Instant::now();
        while self.metric("truthline_records_total") < records as f64 {
            assert!(begun.elapsed() < Duration::from_mins(5), "the service does not come on");
            std::thread::sleep(Duration::from_millis(50));
        }
        let seconds = processor_seconds(&self.child.id().to_string());
        self.stop();
        seconds
    }

    fn stop(&mut self) {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        self.child.wait().unwrap();
    }

    fn page(&self) -> String {
        let Ok(mut stream) = TcpStream::connect(&self.page) else { return String::new() };
        let mut text = String::new();
        let asked = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        if asked.is_ok() {
            let _ = stream.read_to_string(&mut text);
        }
        text
    }

    /// The sum of a metric over its labels.
    fn metric(&self, name: &str) -> f64 {
        let text = self.page();
        let lines = text.lines().filter(|line| line.starts_with(name) && !line.starts_with('#'));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

fn config(broker: &Broker, folder: &Path, topics: &Topics, prefix: &str, lanes: u32, page: &str) -> PathBuf {
    let path = folder.join(format!("{prefix}.yaml"));
    let text = format!(
        "kafka: {{brokers: \"{}\", group: {prefix}}}\n\
         topics: {{inferences: {}, labels: {}, prefix: {prefix}}}\n\
         http: {{listen: \"{page}\"}}\nlanes: {lanes}\nidle: 1h\n\
         defaults: {{window: 1h, label_window: 7d, learn: 400d}}\n\
         models:\n  fraud: {{baseline: {}}}\n  m: {{baseline: {}}}\n",
        broker.bootstrap(),
        topics.inferences,
        topics.labels,
        folder.join("baseline.json").display(),
        folder.join("small.json").display()
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// Records are published at an even rate; how long until what they changed is committed?
fn latency(broker: &Broker, folder: &Path, rate: f64) {
    let topics =
        Topics { inferences: unique("inferences"), labels: unique("labels"), prefix: unique("truthline"), records: 0 };
    for topic in [&topics.inferences, &topics.labels] {
        broker.create_topic(topic, PARTITIONS as i32, &[]);
    }
    let mut service = Service::start(broker, folder, &topics, 1);
    std::thread::sleep(Duration::from_secs(4));
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", broker.bootstrap()).set("linger.ms", "5").create().unwrap();
    let records = large(Form::Json, DENSE);
    let begun = Instant::now();
    let seconds = 15.0;
    let mut sent = 0_usize;
    while begun.elapsed().as_secs_f64() < seconds && sent < records.len() {
        let due = (begun.elapsed().as_secs_f64() * rate) as usize;
        while sent < due.min(records.len()) {
            let (is_label, id, value) = &records[sent];
            let topic = if *is_label { &topics.labels } else { &topics.inferences };
            let partition = murmur2_partition(id.as_bytes(), PARTITIONS) as i32;
            let record = BaseRecord::to(topic).partition(partition).key(id).payload(value);
            if producer.send(record).is_err() {
                break;
            }
            sent += 1;
        }
        producer.poll(Duration::from_millis(1));
    }
    producer.flush(Duration::from_secs(30)).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let text = service.page();
    let bucket = |line: &str| -> Option<(f64, f64)> {
        let rest = line.strip_prefix("truthline_record_to_commit_seconds_bucket{le=\"")?;
        let (end, count) = rest.split_once("\"} ")?;
        Some((end.parse().unwrap_or(f64::INFINITY), count.parse().ok()?))
    };
    let buckets: Vec<(f64, f64)> = text.lines().filter_map(bucket).collect();
    let all = buckets.last().map_or(0.0, |(_, count)| *count);
    let within = buckets.iter().find(|(_, count)| *count >= 0.99 * all).map_or(f64::NAN, |(end, _)| *end);
    println!("{sent} records at {rate:.0} a second: 99 of 100 committed within {within} s of being read");
    service.stop();
}
