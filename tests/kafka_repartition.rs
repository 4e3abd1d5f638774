//! What happens when records do not lie where their request ids would put them?
//!
//! It is recognised from the records themselves, and said with the setting that mends it, as a live alert that ends when
//! the trouble does. With `join.repartition` both topics are written anew by request id, and what is said of them is, to the
//! byte, what a replay of their partitions says, also if processes are killed on the way.
//!
//! `TRUTHLINE_SEEDS=5` tries so many streams each instead of one.
#![allow(clippy::print_stderr, clippy::format_push_string, reason = "a test may take the short way")]
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]
#![allow(clippy::disallowed_methods, reason = "a test may wait")]

mod broker;
mod live;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use live::said::{Passed, Said, census};
use live::service::Service;
use live::stream::{Post, Publisher, posts};
use live::{Got, Inputs, Site, read};
use serde_json::Value as Json;
use support::{DAY, HOUR, Log, Made, SECOND, assert_same, baseline_of};
use truthline::event::{murmur2_partition, value_hash};

const OUT_OF_ORDER: [&str; 2] = ["out_of_order: 1h", "out_of_order: 30m"];
/// Nothing is learnt in so short a time, so that no record waits for a lesson.
const MODELS: &str = "defaults: {window: 1d, label_window: 3d, learn: 300d}\nmodels: {risk: {early: 3h}}";
/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A user of whom there are some dozens: equal for a prediction and its label.
fn user(id: &str) -> String {
    format!("user-{}", value_hash(id) % 60)
}

/// A log of some days, without the records that close it.
fn made(seed: u64) -> Vec<Post> {
    let log = Log::new(seed, Made { days: 6, unruly: false });
    let mut posts = posts(&log, 1, DAY);
    posts.truncate(posts.len() - 2);
    posts
}

/// The same records under another key each.
fn keyed(posts: &[Post], key: impl Fn(&Post) -> Option<String>) -> Vec<Post> {
    posts.iter().map(|post| Post { key: key(post), ..post.clone() }).collect()
}

/// Publishes each topic by a publisher of its own.
fn publish(inputs: &Inputs, posts: &[Post], predictions: &Publisher, labels: &Publisher) {
    posts.iter().for_each(|post| if post.label { labels.send(inputs, post) } else { predictions.send(inputs, post) });
    predictions.flush();
    labels.flush();
}

/// The live alerts of a kind, in the order in which they were published.
fn live_alerts(site: &Site, indicator: &str) -> Vec<Json> {
    let alerts =
        read(&site.topic("alerts")).into_iter().map(|got| serde_json::from_slice(&got.value.unwrap()).unwrap());
    let mut alerts: Vec<Json> = alerts.filter(|alert: &Json| alert["indicator"] == indicator).collect();
    alerts.sort_by_key(|alert| alert["as_of"].as_i64());
    for alert in &alerts {
        assert_eq!((&alert["basis_final"], &alert["model"]), (&Json::Bool(false), &Json::Null), "{alert}");
    }
    alerts
}

/// Waits for the newest state of an alert on a topic.
fn wait_for(site: &Site, service: &mut Service, indicator: &str, source: &str, state: &str) -> Json {
    let begun = Instant::now();
    loop {
        service.must_run();
        let mut alerts = live_alerts(site, indicator);
        alerts.retain(|alert| alert["subject"]["source"] == source);
        if let Some(alert) = alerts.last().filter(|alert| alert["state"] == state) {
            return alert.clone();
        }
        assert!(begun.elapsed() < PATIENCE, "no {state} of {indicator} on {source}: {alerts:?}\n{}", service.tail());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn keys_that_are_no_request_ids_are_recognised_and_what_mends_it_ends_the_alert() {
    let inputs = Inputs::new(3);
    let site = Site::new(&inputs, OUT_OF_ORDER, MODELS, 2);
    let posts = made(1);
    let wrong = keyed(&posts, |post| (!post.label).then(|| user(post.key.as_ref().unwrap())));
    let publisher = Publisher::new();
    publish(&inputs, &wrong, &publisher, &publisher);
    let mut service = Service::start(&site, "one", 1);
    service.must_start();
    let begun = Instant::now();
    let labels = wait_for(&site, &mut service, "join.partitioning", "labels", "firing");
    let predictions = wait_for(&site, &mut service, "join.partitioning", "inferences", "firing");
    let recognised = begun.elapsed();
    for alert in [&labels, &predictions] {
        let text = alert["text"].as_str().unwrap();
        assert!(
            text.contains("Let producers send the request id as the key, or set `join.repartition: true`"),
            "{text}"
        );
        assert!(alert["n"].as_u64().unwrap() >= 200 && alert["severity"] == "critical", "{alert}");
        let said = service.log().lines().any(|line| line.contains("ERROR") && line.contains("join.repartition: true"));
        assert!(said, "{}", service.tail());
        let states = read(&site.topic("alert-state"));
        let key = alert["fingerprint"].as_str().map(|fingerprint| fingerprint.as_bytes().to_vec());
        assert_eq!(states.iter().filter(|state| state.key == key).count(), 1);
    }
    // Another process, which has never seen the trouble itself, sees that it has gone.
    service.kill();
    let settled: Vec<Post> = made(2);
    publish(&inputs, &settled, &publisher, &publisher);
    service.again();
    let ended = wait_for(&site, &mut service, "join.partitioning", "labels", "resolved");
    assert_eq!((&ended["fingerprint"], &ended["starts_at"]), (&labels["fingerprint"], &labels["starts_at"]));
    wait_for(&site, &mut service, "join.partitioning", "inferences", "resolved");
    service.stop();
    eprintln!("recognised after {:.1} s", recognised.as_secs_f64());
}

#[test]
fn a_producer_with_its_own_default_partitioner_is_named_with_the_setting_that_mends_it() {
    let inputs = Inputs::new(4);
    let site = Site::new(&inputs, OUT_OF_ORDER, MODELS, 1);
    publish(&inputs, &made(3), &Publisher::new(), &Publisher::careless());
    let mut service = Service::start(&site, "one", 2);
    let alert = wait_for(&site, &mut service, "join.partitioning", "labels", "firing");
    let text = alert["text"].as_str().unwrap();
    assert!(text.contains("set `partitioner=murmur2_random` there, or set `join.repartition: true`"), "{text}");
    assert_eq!(
        (&alert["evidence"]["follows"], &alert["evidence"]["other_topic_follows"]),
        (&"crc32".into(), &"murmur2".into())
    );
    site.settle(|| service.must_run());
    service.stop();
    let alerts = live_alerts(&site, "join.partitioning");
    assert!(alerts.iter().all(|alert| alert["subject"]["source"] == "labels"), "{alerts:?}");
}

#[test]
fn topics_that_agree_are_left_alone_whatever_they_agree_on() {
    let publishers: [(Publisher, bool); 3] =
        [(Publisher::new(), false), (Publisher::careless(), false), (Publisher::new(), true)];
    for (number, (publisher, by_user)) in publishers.iter().enumerate() {
        let inputs = Inputs::new(3);
        let site = Site::new(&inputs, OUT_OF_ORDER, &format!("no_data: null\n{MODELS}"), 1);
        let key = |post: &Post| post.key.as_ref().map(|id| if *by_user { user(id) } else { id.clone() });
        publish(&inputs, &keyed(&made(4), key), publisher, publisher);
        let mut service = Service::start(&site, "one", 1);
        site.settle(|| service.must_run());
        service.stop();
        assert_eq!(live_alerts(&site, "join.partitioning"), Vec::<Json>::new(), "{number}");
    }
}

#[test]
fn a_topic_that_falls_silent_is_told_until_it_speaks() {
    let inputs = Inputs::new(2);
    let site = Site::new(&inputs, OUT_OF_ORDER, &format!("no_data: 4s\n{MODELS}"), 1);
    let publisher = Publisher::new();
    let posts = made(5);
    publish(&inputs, &posts[..200], &publisher, &publisher);
    let mut service = Service::start(&site, "one", 1);
    let fired = wait_for(&site, &mut service, "pipeline.no_data", "inferences", "firing");
    wait_for(&site, &mut service, "pipeline.no_data", "labels", "firing");
    assert!(fired["value"].as_f64().unwrap() >= 4.0 && fired["severity"] == "warning", "{fired}");
    publish(&inputs, &posts[200..], &publisher, &publisher);
    let ended = wait_for(&site, &mut service, "pipeline.no_data", "inferences", "resolved");
    assert_eq!(ended["starts_at"], fired["starts_at"]);
    wait_for(&site, &mut service, "pipeline.no_data", "labels", "resolved");
    service.stop();
}

/// Partitions of predictions and of labels.
const SOURCES: [i32; 2] = [3, 5];
/// The last records come so long after the log that every window which it touches is closed by them.
const TAIL: i64 = 35 * DAY + 7 * HOUR + 13 * 60 * SECOND;

const GIVEN: &str = "
defaults: {window: 1d, label_window: 3d, false_alarms_per_month: 20, baseline: baseline.json}
models:
  fraud: {}
  churn: {labels: implicit_negative}
  risk: {early: 3h}
";
const LEARNT: &str = "
defaults: {window: 1d, label_window: 3d, learn: 5d, false_alarms_per_month: 20}
models:
  fraud: {}
  churn: {labels: implicit_negative}
  risk: {early: 3h}
";

/// A label of no class has a dead letter only if its prediction was there before it.
const UNKNOWN: &str = "unknown_label";

/// A log whose predictions lie by their user and whose labels lie by another rule, without a key. All that is said of a
/// request on one topic lies on one partition, for which of two predictions was first is known within a partition only.
struct Stray {
    posts: Vec<Post>,
    inputs: Inputs,
    end: i64,
}

impl Stray {
    fn new(log: &Log, inputs: Inputs) -> Self {
        let end = log.end + TAIL;
        let mut posts = posts(log, 1, TAIL);
        let [label, prediction] = [posts.pop().unwrap(), posts.pop().unwrap()];
        for post in &mut posts {
            let id = post.key.take().unwrap();
            if post.value.is_none() {
                // It takes back what was said of its key, so it keeps it.
                post.partition = Some((value_hash(&format!("where {id}")) % 5) as i32);
                post.key = Some(id);
            } else if post.label {
                post.partition = Some((value_hash(&format!("where {id}")) % 5) as i32);
            } else {
                post.key = Some(user(&id));
            }
        }
        for (one, partitions) in [(prediction, SOURCES[0]), (label, SOURCES[1])] {
            let id = one.key.clone().unwrap();
            for partition in 0..partitions {
                let new = one.line.as_ref().unwrap().replace(&id, &format!("last-{partition}"));
                posts.push(Post {
                    partition: Some(partition),
                    key: None,
                    value: Some(new.clone().into_bytes()),
                    line: Some(new),
                    ..one.clone()
                });
            }
        }
        for (number, post) in posts.iter_mut().enumerate() {
            post.headers.push(("number", number.to_string().into_bytes()));
        }
        Self { posts, inputs, end }
    }

    fn post(&self, got: &Got) -> &Post {
        &self.posts[got.header("number").unwrap().parse::<usize>().unwrap()]
    }

    /// What a replay says of the partitions as they lie, each a file; and how many records it sets aside.
    fn replay(&self, site: &Site) -> (Said, usize) {
        let mut files: BTreeMap<(bool, i32), String> = BTreeMap::new();
        for (topic, of_labels) in [(&self.inputs.inferences, false), (&self.inputs.labels, true)] {
            for got in read(topic) {
                let line = self.post(&got).line.as_ref().unwrap();
                let _ = writeln!(files.entry((of_labels, got.partition)).or_default(), "{line}");
            }
        }
        assert_eq!(files.len() as i32, SOURCES[0] + SOURCES[1], "a partition is empty");
        let mut command = site.command(&["replay"]);
        for ((of_labels, partition), text) in &files {
            let path = site.path(&format!("{of_labels}-{partition}.jsonl"));
            std::fs::write(&path, text).unwrap();
            command.arg(if *of_labels { "--labels" } else { "--inferences" }).arg(path);
        }
        let out = site.path("replayed");
        let done = command.arg("--out").arg(&out).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let letters = std::fs::read_to_string(out.join("dead-letters.jsonl")).unwrap();
        let reason = |line: &str| serde_json::from_str::<Json>(line).unwrap()["reason"].as_str().unwrap().to_owned();
        (Said::in_folder(&out), letters.lines().filter(|line| reason(line) != UNKNOWN).count())
    }

    /// What a replay says of the topics themselves.
    fn replay_topics(&self, site: &Site) -> Said {
        let out = site.path("replayed-topics");
        let mut command = site.command(&["replay"]);
        command.arg("--inferences").arg(format!("kafka:{}", self.inputs.inferences));
        command.arg("--labels").arg(format!("kafka:{}", self.inputs.labels)).arg("--out").arg(&out);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Said::in_folder(&out)
    }

    /// Every record that can be read was written anew once, where its request id belongs, as it was.
    fn assert_written_anew(&self, site: &Site) {
        let mut undecoded = 0;
        for (topic, end) in [(&self.inputs.inferences, "inferences"), (&self.inputs.labels, "labels")] {
            let mut anew: BTreeMap<(i32, i64), Got> = BTreeMap::new();
            for got in read(&site.topic(end)) {
                if got.header("truthline-watermark").is_some() {
                    continue;
                }
                let origin = got.header("truthline-source").unwrap().split(' ').collect::<Vec<_>>();
                assert_eq!(origin[0], topic);
                let place = (origin[1].parse().unwrap(), origin[2].parse().unwrap());
                assert!(anew.insert(place, got).is_none(), "{topic} {place:?} was written twice");
            }
            for got in read(topic) {
                let Some(new) = anew.remove(&(got.partition, got.offset)) else {
                    undecoded += 1;
                    continue;
                };
                assert_eq!((&new.value, new.millis), (&got.value, got.millis));
                let key = new.key.unwrap();
                assert_eq!(new.partition as u32, murmur2_partition(&key, 5));
                let line: Json = serde_json::from_str(self.post(&got).line.as_ref().unwrap()).unwrap();
                assert_eq!(line["request_id"].as_str().unwrap().as_bytes(), key);
            }
            assert!(anew.is_empty(), "{topic}: from nowhere: {anew:?}");
        }
        let letters = read(&site.topic("dead-letters"));
        let at_first = letters.iter().filter(|got| got.header("__connect.errors.stage") == Some("decode")).count();
        assert_eq!(undecoded, at_first);
    }

    /// Dead letters lead back to records of the inputs, each once; how many there are for reasons that the record alone
    /// gives.
    fn dead_letters(&self, site: &Site) -> usize {
        let mut there: BTreeSet<(String, i32, i64)> = BTreeSet::new();
        for topic in [&self.inputs.inferences, &self.inputs.labels] {
            there.extend(read(topic).into_iter().map(|got| (topic.clone(), got.partition, got.offset)));
        }
        let letters = read(&site.topic("dead-letters"));
        for letter in &letters {
            let header = |name: &str| letter.header(&format!("__connect.errors.{name}")).unwrap();
            let place =
                (header("topic").to_owned(), header("partition").parse().unwrap(), header("offset").parse().unwrap());
            assert!(there.remove(&place), "twice, or no record: {place:?}");
        }
        letters.iter().filter(|got| got.header("__connect.errors.exception.class.name") != Some(UNKNOWN)).count()
    }
}

/// The models' keys with the path of a baseline, if they want one.
fn models(keys: &str) -> String {
    let path = tempfile::tempdir().unwrap().keep().join("baseline.json");
    let profiles = ["fraud", "churn", "risk"].map(baseline_of);
    std::fs::write(&path, truthline::baseline::write(&profiles)).unwrap();
    format!("join: {{repartition: true}}\n{}", keys.replace("baseline.json", path.to_str().unwrap()))
}

/// `processes` work; the first is killed twice, and if there are others also held for so long that it is taken for dead.
fn try_rewriting(seed: u64, keys: &str, processes: usize) {
    let begun = Instant::now();
    let log = Log::new(seed, Made { days: 24, unruly: true });
    let stray = Stray::new(&log, Inputs::uneven(SOURCES[0], SOURCES[1]));
    let site = Site::new(&stray.inputs, OUT_OF_ORDER, &models(keys), 1 + (seed % 2) as u32);
    let mut services: Vec<Service> =
        (0..processes).map(|number| Service::start(&site, &format!("p{number}"), 1 + number as u32 % 2)).collect();
    services.iter_mut().for_each(Service::must_start);
    let publisher = Publisher::new();
    let bursts = 24;
    let mut kills = 0;
    for (burst, posts) in stray.posts.chunks(stray.posts.len().div_ceil(bursts)).enumerate() {
        posts.iter().for_each(|post| publisher.send(&stray.inputs, post));
        std::thread::sleep(Duration::from_millis(300));
        // The first process has the work of writing anew, at least until it dies.
        if [7, 15].contains(&burst) {
            services[0].must_run();
            services[0].kill();
            kills += 1;
        }
        if [8, 19].contains(&burst) {
            services[0].again();
        }
        if burst == 12 && processes > 1 {
            // Longer than its session. What it goes on with then must not be committed a second time.
            services[0].signal("-STOP");
            std::thread::sleep(Duration::from_secs(8));
            services[0].signal("-CONT");
        }
    }
    publisher.flush();
    site.settle_rewritten(|| services.iter_mut().for_each(Service::must_run));
    services.iter_mut().for_each(Service::stop);
    let live = begun.elapsed();
    let passed = Passed { inferences: stray.end, labels: stray.end };
    let said = Said::on_topics(&site).finals(passed);
    let (replayed, rejected) = stray.replay(&site);
    assert_same(
        &replayed.finals(passed),
        &said,
        &format!("seed {seed}: a replay of the partitions and what was written anew"),
    );
    let topics = stray.replay_topics(&site).finals(passed);
    assert_same(&topics, &said, &format!("seed {seed}: a replay of the topics and what was written anew"));
    stray.assert_written_anew(&site);
    assert_eq!(stray.dead_letters(&site), rejected);
    let late: u64 = said.iter().filter(|(key, _)| key.starts_with("summary")).map(|(_, line)| late(line)).sum();
    assert!(late > 0, "nothing is late, so that the order of partitions does not matter");
    let census = census(&said);
    eprintln!(
        "seed {seed}: {} records, {late} times late, {kills} kills, {rejected} dead letters, {census:?} equal; live {:.0} s, all {:.0} s",
        stray.posts.len(),
        live.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
    for (kind, least) in [("alert", 15), ("incident", 3), ("summary", 80)] {
        assert!(census.get(kind).is_some_and(|count| *count >= least), "seed {seed}: too few to compare: {census:?}");
    }
}

/// Late predictions in a window.
fn late(summary: &str) -> u64 {
    serde_json::from_str::<Json>(summary).unwrap()["counts"]["late"].as_u64().unwrap()
}

/// The seeds to try: `first`, or so many from there as `TRUTHLINE_SEEDS` says.
fn seeds(first: u64) -> impl Iterator<Item = u64> {
    let count = std::env::var("TRUTHLINE_SEEDS").map_or(1, |text| text.parse().unwrap());
    (first..).take(count)
}

#[test]
fn topics_written_anew_say_what_a_replay_of_their_partitions_says() {
    seeds(1).for_each(|seed| try_rewriting(seed, GIVEN, 1));
}

#[test]
fn several_processes_learn_from_topics_written_anew_what_a_replay_learns() {
    seeds(2).for_each(|seed| try_rewriting(seed, LEARNT, 2));
}

#[test]
fn a_partition_that_is_always_empty_holds_nothing_back_for_long() {
    let inputs = Inputs::uneven(2, 3);
    let more = format!("join: {{repartition: true}}\n{MODELS}");
    let site = Site::patient(&inputs, OUT_OF_ORDER, &more, 1, "3s");
    // Everything lies on one partition of each topic.
    let mut posts = made(6);
    posts.iter_mut().for_each(|post| post.partition = Some(1));
    let publisher = Publisher::new();
    publish(&inputs, &posts, &publisher, &publisher);
    let mut service = Service::start(&site, "one", 1);
    let begun = Instant::now();
    let last = |topic: &str| {
        let finals = read(topic).into_iter().map(|got| serde_json::from_slice::<Json>(&got.value.unwrap()).unwrap());
        finals.filter(|summary| summary["final"] == true).count()
    };
    while last(&site.topic("summaries")) == 0 {
        service.must_run();
        assert!(begun.elapsed() < PATIENCE, "no window is closed\n{}", service.tail());
        std::thread::sleep(Duration::from_millis(300));
    }
    service.stop();
    for got in read(&site.topic("summaries")) {
        let summary: Json = serde_json::from_slice(&got.value.unwrap()).unwrap();
        assert_eq!(summary["late_after_idle"], 0, "{summary}");
    }
}
