//! Does a replay of topics say what a replay of the same records in files says? Also after it was killed, for a part of
//! the time, with records that cannot be used, and published.
#![allow(
    clippy::drop_non_drop,
    clippy::case_sensitive_file_extension_comparisons,
    clippy::zombie_processes,
    clippy::semicolon_if_nothing_returned,
    reason = "a test may take the short way"
)]
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]
#![allow(clippy::disallowed_methods, reason = "tests wait for other processes and kill them")]

mod broker;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use broker::{Broker, unique};
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Headers as _;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value as Json;
use truthline::story::{Chance, Fraud, Written};

const PARTITIONS: i32 = 4;
const DAY: i64 = 86_400_000_000;
/// The story's first day, and how many of its days are played here.
const START: i64 = 1_767_225_600_000_000;
const DAYS: i64 = 9;
const FILES: [&str; 5] =
    ["alerts.jsonl", "incidents.jsonl", "summaries.jsonl", "label-requests.jsonl", "dead-letters.jsonl"];

fn shared() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(Broker::start)
}

/// One record: its time in microseconds and its bytes.
type Line = (i64, Vec<u8>);

/// The first days of the story, once for all tests.
fn story() -> &'static (Vec<Line>, Vec<Line>, Vec<u8>) {
    static STORY: OnceLock<(Vec<Line>, Vec<Line>, Vec<u8>)> = OnceLock::new();
    STORY.get_or_init(|| {
        let story = Fraud::new(7);
        let days = |written: &Written| -> Vec<Line> {
            let early = written.records().take_while(|(time, _)| *time < START + DAYS * DAY);
            early.map(|(time, record)| (time, record.to_vec())).collect()
        };
        (days(&story.inferences), days(&story.labels), story.baseline.bytes().to_vec())
    })
}

fn key(record: &[u8]) -> String {
    let json: Json = serde_json::from_slice(record).unwrap();
    json["request_id"].as_str().unwrap().to_owned()
}

/// A folder with the story as files and a configuration, and the same on topics.
struct Stage {
    folder: tempfile::TempDir,
    id: String,
}

impl Stage {
    /// `more` is added to the configuration; records carry their own times if `timed`.
    fn new(more: &str, timed: bool) -> Self {
        let stage = Self { folder: tempfile::tempdir().unwrap(), id: unique("replay") };
        let (inferences, labels, baseline) = story();
        let file = |lines: &[Line]| lines.iter().flat_map(|(_, line)| [&line[..], b"\n"].concat()).collect::<Vec<u8>>();
        std::fs::write(stage.path("i.jsonl"), file(inferences)).unwrap();
        std::fs::write(stage.path("l.jsonl"), file(labels)).unwrap();
        std::fs::write(stage.path("rows.jsonl"), baseline).unwrap();
        let id = &stage.id;
        let text = format!(
            "kafka: {{brokers: '{}', group: {id}}}\ntopics:\n  inferences: {{name: {id}.in, out_of_order: 10m}}\n  \
             labels: {{name: {id}.la, out_of_order: 10m}}\n  prefix: {id}\ndefaults: {{label_window: 3d}}\nmodels:\n  fraud:\n    window: 6h\n    \
             label_window: 3d\n{more}",
            shared().bootstrap()
        );
        std::fs::write(stage.path("truthline.yaml"), text).unwrap();
        for (end, lines) in [("in", inferences), ("la", labels)] {
            let topic = format!("{id}.{end}");
            shared().create_topic(&topic, PARTITIONS, &[("retention.ms", "-1")]);
            let keyed = lines
                .iter()
                .map(|(time, line)| (timed.then_some(time / 1_000), Some(key(line)), Some(line.clone()), None));
            publish(&topic, keyed);
        }
        stage
    }

    /// The same with a baseline built from the story's rows.
    fn with_baseline(timed: bool) -> Self {
        let stage = Self::new("    baseline: baseline.json\n", timed);
        let rows = stage.path("rows.jsonl");
        let built = Command::new(env!("CARGO_BIN_EXE_truthline"))
            .args(["baseline", "build", "--rows", rows.to_str().unwrap(), "--out"])
            .arg(stage.path("baseline.json"))
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A replay into the folder `out`: of the files, or of the topics.
    fn replay(&self, of_topics: bool, out: &str, more: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_truthline"));
        command.arg("replay").arg("--config").arg(self.path("truthline.yaml")).arg("--out").arg(self.path(out));
        if of_topics {
            command.args(["--inferences", &format!("kafka:{}.in", self.id)]);
            command.args(["--labels", &format!("kafka:{}.la", self.id)]);
        } else {
            command.arg("--inferences").arg(self.path("i.jsonl")).arg("--labels").arg(self.path("l.jsonl"));
            command.args(["--partitions", &PARTITIONS.to_string()]);
        }
        command.args(more.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn replayed(&self, of_topics: bool, out: &str, more: &str) -> Json {
        let ended = self.replay(of_topics, out, more).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        serde_json::from_slice(&std::fs::read(self.path(out).join("run.json")).unwrap()).unwrap()
    }

    /// The lines of a file that are promised to be equal, sorted.
    fn finals(&self, out: &str, file: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(out).join(file)).unwrap();
        let is_final = |line: &&str| {
            let json: Json = serde_json::from_str(line).unwrap();
            json["final"] == true || json["basis_final"] == true
        };
        let mut lines: Vec<String> = text.lines().filter(is_final).map(str::to_owned).collect();
        lines.sort();
        lines
    }

    fn same_finals(&self, one: &str, other: &str) {
        for file in ["summaries.jsonl", "alerts.jsonl", "incidents.jsonl"] {
            assert_eq!(self.finals(one, file), self.finals(other, file), "{file} of {one} and {other}");
        }
        assert!(self.finals(one, "summaries.jsonl").len() > 10);
    }

    fn same_bytes(&self, one: &str, other: &str) {
        for file in FILES {
            let [a, b] = [one, other].map(|out| std::fs::read(self.path(out).join(file)).unwrap());
            assert!(a == b, "{file} of {one} and {other} differ: {} and {} bytes", a.len(), b.len());
        }
        let left: Vec<String> = std::fs::read_dir(self.path(other))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".part"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Time in milliseconds, key, value, partition.
type Sent = (Option<i64>, Option<String>, Option<Vec<u8>>, Option<i32>);

fn publish(topic: &str, records: impl Iterator<Item = Sent>) {
    let mut client = shared().client();
    client.set("partitioner", "murmur2_random").set("enable.idempotence", "true").set("linger.ms", "5");
    let producer: BaseProducer = client.create().unwrap();
    for (time, key, value, partition) in records {
        loop {
            let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic);
            record.key = key.as_ref().map(String::as_bytes);
            record.payload = value.as_deref();
            record.timestamp = time;
            record.partition = partition;
            match producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(_), _)) => {
                    producer.poll(Duration::from_millis(5));
                }
                Err((error, _)) => panic!("{error}"),
            }
        }
    }
    producer.flush(Duration::from_mins(1)).unwrap();
}

/// Every committed record of a topic: key, value, headers.
fn consumed(topic: &str) -> Vec<(Option<String>, String, BTreeMap<String, String>)> {
    let mut client = shared().client();
    client.set("group.id", "reader").set("isolation.level", "read_committed").set("enable.partition.eof", "true");
    let consumer: BaseConsumer = client.create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).unwrap();
    let partitions = metadata.topics()[0].partitions().len();
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition as i32, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (mut records, mut ends) = (Vec::new(), 0);
    while ends < partitions {
        match consumer.poll(Duration::from_secs(20)).expect("the topic can be read") {
            Err(KafkaError::PartitionEOF(_)) => ends += 1,
            Err(error) => panic!("{error}"),
            Ok(message) => {
                let headers = message.headers().map_or_else(BTreeMap::new, |headers| {
                    headers.iter().map(|header| (header.key.to_owned(), text(header.value.unwrap()))).collect()
                });
                records.push((message.key().map(text), text(message.payload().unwrap()), headers));
            }
        }
    }
    records
}

fn kill(child: &Child, signal: &str) {
    Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
}

/// Kills a replay again and again, at random moments, until one run ends. How often it was killed.
fn murdered(stage: &Stage, of_topics: bool, out: &str, more: &str, seed: u64) -> u32 {
    let mut chance = Chance::new(seed);
    let mut killed = 0;
    loop {
        let resume = if killed == 0 { String::new() } else { "--resume".to_owned() };
        let mut child = stage.replay(of_topics, out, &format!("{more} {resume}")).spawn().unwrap();
        // Longer each time, so that it ends one day on a slow machine, too.
        let patience = 150.0 + chance.uniform() * 700.0 * f64::from(1 + killed);
        std::thread::sleep(Duration::from_millis(patience as u64));
        if child.try_wait().unwrap().is_none() && killed < 12 {
            // Some by surprise, some as an operator would.
            let gently = chance.happens(0.3);
            kill(&child, if gently { "-TERM" } else { "-KILL" });
            let status = child.wait().unwrap();
            match status.code() {
                Some(0) => return killed,
                Some(code) => assert_eq!(code, 75, "{:?}", child.wait_with_output()),
                None => {}
            }
            killed += 1;
            continue;
        }
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        return killed;
    }
}

#[test]
fn topics_and_files_say_the_same() {
    let stage = Stage::with_baseline(false);
    let files = stage.replayed(false, "files", "");
    let topics = stage.replayed(true, "topics", "");
    stage.same_finals("files", "topics");
    assert_eq!(files["inferences"], topics["inferences"]);
    assert_eq!(files["labels"], topics["labels"]);
    assert_eq!(topics["sources"][0]["name"], format!("{}.in", stage.id));
    assert_eq!(topics["sources"].as_array().unwrap().len(), 2);
    assert_eq!(files["sources"][0]["records"], topics["sources"][0]["records"]);
}

#[test]
fn a_part_of_the_time_is_read_from_its_offset_on_and_judged_as_in_files() {
    let stage = Stage::with_baseline(true);
    let range = "--from 2026-01-05T12:00:00Z --to 2026-01-06T12:00:00Z";
    let files = stage.replayed(false, "files", range);
    let topics = stage.replayed(true, "topics", range);
    for file in ["summaries.jsonl", "alerts.jsonl", "incidents.jsonl"] {
        assert_eq!(stage.finals("files", file), stage.finals("topics", file), "{file}");
    }
    assert_eq!(stage.finals("files", "summaries.jsonl").len(), 4, "a day of windows of six hours");
    let records = |run: &Json| run["sources"][0]["records"].as_u64().unwrap();
    // A label window of three days, an hour, and the disorder before the fifth of January at noon.
    assert!(records(&topics) < records(&files) * 9 / 10, "{} of {}", records(&topics), records(&files));
}

#[test]
fn a_killed_replay_of_files_goes_on_to_the_same_bytes() {
    let stage = Stage::with_baseline(false);
    let more = "--checkpoint-records 4000";
    stage.replayed(false, "whole", more);
    let mut times = 0;
    // On a fast machine a replay may be over before it is killed.
    for seed in 1..=20 {
        let out = format!("killed-{seed}");
        times += murdered(&stage, false, &out, more, seed);
        stage.same_bytes("whole", &out);
        if times > 1 && seed > 1 {
            break;
        }
    }
    assert!(times > 1, "killed {times} times");
}

#[test]
fn a_killed_replay_of_topics_goes_on_to_the_same_bytes_also_while_it_learns() {
    let stage = Stage::new("    learn: 1d\n", false);
    let more = "--checkpoint-records 3000";
    stage.replayed(true, "whole", more);
    let mut times = 0;
    for seed in 1..=2 {
        let out = format!("killed-{seed}");
        times += murdered(&stage, true, &out, more, seed);
        stage.same_bytes("whole", &out);
    }
    assert!(times > 1, "killed {times} times");
    // A log that has grown meanwhile is read to where it ended when the replay began.
    let out = "grown";
    let mut child = stage.replay(true, out, more).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1_500));
    kill(&child, "-TERM");
    let code = child.wait().unwrap().code();
    publish(&format!("{}.in", stage.id), (0..100).map(|n| (None, Some(format!("n-{n}")), Some(b"{}".to_vec()), None)));
    if code == Some(75) {
        stage.replayed(true, out, &format!("{more} --resume"));
        stage.same_bytes("whole", out);
    }
}

#[test]
fn another_command_does_not_go_on_with_an_interrupted_one() {
    let stage = Stage::with_baseline(false);
    let mut child = stage.replay(false, "out", "--checkpoint-records 1000").spawn().unwrap();
    let mark = stage.path("out").join("checkpoint.part");
    while !mark.exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    kill(&child, "-KILL");
    child.wait().unwrap();
    assert!(mark.exists());
    let other = stage.replay(false, "out", "--checkpoint-records 1000 --resume --to 2026-01-05T00:00:00Z");
    let ended = { other }.output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("another command"));
    // Without --resume it begins anew.
    stage.replayed(false, "out", "");
    assert!(!mark.exists());
}

#[test]
fn what_a_killed_replay_publishes_is_there_once() {
    let stage = Stage::with_baseline(false);
    let prefix = format!("{}-replay", stage.id);
    let refused = stage.replay(true, "out", "--emit").output().unwrap();
    assert_eq!(refused.status.code(), Some(78));
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.contains(&format!("TRUTHLINE_TOPICS__PREFIX={prefix} truthline topics create")), "{text}");
    let created = Command::new(env!("CARGO_BIN_EXE_truthline"))
        .args(["topics", "create", "--config"])
        .arg(stage.path("truthline.yaml"))
        .env("TRUTHLINE_TOPICS__PREFIX", &prefix)
        .output()
        .unwrap();
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    publish(&format!("{}.la", stage.id), std::iter::once((None, Some("broken".into()), Some(b"{".to_vec()), Some(2))));
    let killed = murdered(&stage, true, "out", "--checkpoint-records 4000 --emit", 5);
    assert!(killed > 0, "it ended before it could be killed");
    let lines = |file: &str| -> Vec<String> {
        let text = std::fs::read_to_string(stage.path("out").join(file)).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    for (file, topic) in [
        ("alerts.jsonl", "alerts"),
        ("alerts.jsonl", "alert-state"),
        ("incidents.jsonl", "incidents"),
        ("summaries.jsonl", "summaries"),
        ("label-requests.jsonl", "label-requests"),
        ("dead-letters.jsonl", "dead-letters"),
    ] {
        let records = consumed(&format!("{prefix}.{topic}.v1"));
        let values: Vec<String> = records.iter().map(|(_, value, _)| value.clone()).collect();
        assert_eq!(values, lines(file), "{topic}");
        for (_, value, headers) in &records {
            if topic == "dead-letters" {
                assert_eq!(headers["__connect.errors.partition"], "2", "{value}");
            } else {
                assert_eq!(headers["ce_source"], format!("truthline/{}", stage.id));
            }
        }
    }
    let letters = consumed(&format!("{prefix}.dead-letters.v1"));
    assert_eq!(letters[0].0.as_deref(), Some("broken"));
    assert!(!lines("summaries.jsonl").is_empty() && letters.len() == 1);
}

#[test]
fn records_that_cannot_be_used_are_set_aside_with_their_place() {
    let id = unique("hostile");
    let broker = shared();
    broker.create_topic(&format!("{id}.in"), 2, &[]);
    broker.create_topic(&format!("{id}.la"), 2, &[]);
    let now = 1_767_225_600_000_i64;
    let inference = |request: &str, micros: i64| {
        let text = format!(
            r#"{{"request_id":"{request}","event_time":{micros},"model":"m","version":"v","score":0.5,"features":{{"a":1}}}}"#
        );
        Some(text.into_bytes())
    };
    let at = |n: i64| (Some(now + n * 1_000), (now + n * 1_000) * 1_000);
    let mut records: Vec<Sent> = vec![
        (at(0).0, Some("a".into()), inference("a", at(0).1), Some(0)),
        (at(1).0, Some("a".into()), None, Some(0)),
        (at(2).0, Some("b".into()), Some(vec![0, 0, 0, 0, 1, 2]), Some(0)),
        (at(3).0, Some("c".into()), inference("c", at(3).1 + 301_000_000), Some(1)),
        (at(4).0, None, Some(b"[1]".to_vec()), Some(1)),
        (at(5).0, Some("d".into()), Some(b"\xc3\x01nothing".to_vec()), Some(1)),
        (at(6).0, Some("e".into()), inference("e", at(6).1), Some(1)),
    ];
    publish(&format!("{id}.in"), records.drain(..));
    let label = |request: &str, micros: i64| {
        Some(format!(r#"{{"request_id":"{request}","label":1,"event_time":{micros}}}"#).into_bytes())
    };
    let mut records: Vec<Sent> = vec![
        (at(10).0, Some("a".into()), label("a", at(10).1), Some(0)),
        // Everything said of the request is taken back.
        (at(11).0, Some("a".into()), None, Some(0)),
        (at(12).0, None, None, Some(0)),
        (at(13).0, Some("e".into()), label("e", at(13).1), Some(1)),
    ];
    publish(&format!("{id}.la"), records.drain(..));
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("truthline.yaml");
    std::fs::write(&config, format!("kafka: {{brokers: '{}'}}", broker.bootstrap())).unwrap();
    let out = folder.path().join("out");
    let run = |more: &str| {
        Command::new(env!("CARGO_BIN_EXE_truthline"))
            .args(["replay", "--inferences", &format!("kafka:{id}.in"), "--labels", &format!("kafka:{id}.la")])
            .arg("--config")
            .arg(&config)
            .arg("--out")
            .arg(&out)
            .args(more.split_whitespace())
            .output()
            .unwrap()
    };
    let ended = run("--max-rejects 5");
    assert_eq!(ended.status.code(), Some(4), "{}", String::from_utf8_lossy(&ended.stderr));
    let letters = std::fs::read_to_string(out.join("dead-letters.jsonl")).unwrap();
    let mut places: Vec<(String, u64, u64, String)> = letters
        .lines()
        .map(|line| {
            let json: Json = serde_json::from_str(line).unwrap();
            let text = |name: &str| json[name].as_str().unwrap().to_owned();
            let number = |name: &str| json[name].as_u64().unwrap();
            (
                text("topic").rsplit('.').next().unwrap().to_owned(),
                number("partition"),
                number("offset"),
                text("reason"),
            )
        })
        .collect();
    places.sort();
    let place = |topic: &str, partition, offset, reason: &str| (topic.to_owned(), partition, offset, reason.to_owned());
    assert_eq!(
        places,
        [
            place("in", 0, 1, "missing_field"),
            place("in", 0, 2, "malformed"),
            place("in", 1, 0, "in_the_future"),
            place("in", 1, 1, "wrong_type"),
            place("in", 1, 2, "malformed"),
            place("la", 0, 2, "missing_field"),
        ]
    );
    let run_json: Json = serde_json::from_slice(&std::fs::read(out.join("run.json")).unwrap()).unwrap();
    assert_eq!(run_json["labels"]["withdrawn"], 1);
    assert_eq!(run_json["inferences"]["in"], 7);
}

#[test]
fn what_cannot_be_replayed_is_refused_with_the_reason() {
    let broker = shared();
    let id = unique("wrong");
    broker.create_topic(&format!("{id}.in"), 2, &[]);
    broker.create_topic(&format!("{id}.la"), 3, &[]);
    let folder = tempfile::tempdir().unwrap();
    let run = |brokers: &str, words: &str| {
        let config = folder.path().join("truthline.yaml");
        std::fs::write(&config, format!("kafka: {{brokers: '{brokers}'}}")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_truthline"));
        command.arg("replay").arg("--config").arg(config).arg("--out").arg(folder.path().join("out"));
        let ended = command.args(words.split_whitespace()).output().unwrap();
        (ended.status.code().unwrap(), String::from_utf8(ended.stderr).unwrap())
    };
    let here = broker.bootstrap();
    let nowhere = format!("127.0.0.1:{}", broker::closed_port());
    let file: &Path = &folder.path().join("i.jsonl");
    std::fs::write(file, "").unwrap();
    let file = file.display();
    for (brokers, words, code, says) in [
        (here, format!("--inferences kafka:{id}.in --labels kafka:{id}.la"), 78, "has 2 partitions and topic"),
        (here, format!("--inferences kafka:{id}.no"), 78, "there is no topic"),
        (here, format!("--inferences kafka:{id}.in --labels {file}"), 2, "only files, or only kafka:TOPIC"),
        (here, format!("--inferences kafka:{id}.in --partitions 2"), 2, "leave it out"),
        (here, format!("--inferences kafka:{id}.in kafka:{id}.in"), 2, "named twice"),
        (here, format!("--inferences {file} --emit"), 2, "--emit publishes"),
        (nowhere.as_str(), format!("--inferences kafka:{id}.in"), 69, "no broker can be reached"),
    ] {
        let (found, text) = run(brokers, &words);
        assert_eq!(found, code, "{words}: {text}");
        assert!(text.contains(says), "{words}: {text}");
    }
}
