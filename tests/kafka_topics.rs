//! Does truthline create the topics it needs, and say at once what is wrong with brokers, topics and rights?

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]
#![allow(clippy::disallowed_methods, reason = "how long a check takes is part of what is tested")]

mod broker;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use broker::{ADMIN, Broker, SaslAcl, closed_port, login, unique};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use truthline::config::Config;
use truthline::kafka::{self, TroubleClass};

/// The broker of all tests that need no users. It dies with this program.
fn shared() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(Broker::start)
}

struct Ended {
    code: i32,
    out: String,
    err: String,
}

/// Runs the program with a configuration; it must end within 30 s, whatever happens.
fn truthline(words: &str, config: &str) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("truthline.yaml");
    std::fs::write(&file, config).unwrap();
    let begun = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_truthline"));
    let output = command.args(words.split_whitespace()).arg("--config").arg(&file).output().unwrap();
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(30), "{words} took {took:?}");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ended { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// A configuration with topics and a group of its own.
struct Setting {
    id: String,
    bootstrap: String,
    more: String,
}

impl Setting {
    fn new(broker: &Broker) -> Self {
        Self { id: unique("t"), bootstrap: broker.bootstrap().into(), more: String::new() }
    }

    fn topic(&self, end: &str) -> String {
        format!("{}.{end}", self.id)
    }

    fn yaml(&self) -> String {
        self.with("{}")
    }

    fn with(&self, properties: &str) -> String {
        let Self { id, bootstrap, more } = self;
        format!(
            "kafka: {{brokers: '{bootstrap}', group: {id}, properties: {properties}}}\n\
             topics: {{inferences: {id}.in, labels: {id}.la, prefix: {id}}}\n{more}"
        )
    }

    /// Creates both inputs.
    fn inputs(&self, broker: &Broker, inferences: i32, labels: i32) {
        broker.create_topic(&self.topic("in"), inferences, &[]);
        broker.create_topic(&self.topic("la"), labels, &[]);
    }

    fn created(&self) {
        let ended = truthline("topics create", &self.yaml());
        assert_eq!(ended.code, 0, "{}", ended.err);
    }
}

fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{part}' is not in:\n{text}");
    }
}

/// The first words of the lines that start so.
fn said(out: &str, verb: &str) -> BTreeSet<String> {
    let lines = out.lines().filter_map(|line| line.strip_prefix(verb)?.strip_prefix(' '));
    lines.map(|line| line.split([',', ':']).next().unwrap().to_owned()).collect()
}

#[test]
fn a_dry_run_plans_a_run_creates_and_a_second_run_finds_all_there() {
    let mut setting = Setting::new(shared());
    setting.more = "judges: 2\n".into();
    setting.inputs(shared(), 3, 3);
    let planned = truthline("topics create --dry-run", &setting.yaml());
    assert_eq!(planned.code, 0, "{}", planned.err);
    let wanted = said(&planned.out, "would create");
    assert_eq!(wanted.len(), 11, "{}", planned.out);
    assert_eq!(truthline("topics check", &setting.yaml()).code, 78, "a dry run created something");

    let made = truthline("topics create", &setting.yaml());
    assert_eq!((made.code, said(&made.out, "created")), (0, wanted.clone()), "{}{}", made.out, made.err);
    let again = truthline("topics create", &setting.yaml());
    let inputs = BTreeSet::from([setting.topic("in"), setting.topic("la")]);
    let there: BTreeSet<String> = wanted.union(&inputs).cloned().collect();
    assert_eq!((again.code, said(&again.out, "there")), (0, there), "{}{}", again.out, again.err);

    let checked = truthline("topics check", &setting.yaml());
    assert_eq!((checked.code, checked.err.as_str()), (0, ""));
    assert_eq!(checked.out, "ok, 3 tasks, 2 judges\n");
    let count = |topic: &str| {
        let client: BaseConsumer = shared().client().create().unwrap();
        let metadata = client.fetch_metadata(Some(topic), Duration::from_secs(10)).unwrap();
        metadata.topics()[0].partitions().len()
    };
    let counts = ["rows.v1", "deltas.v1", "windows.v1", "control.v1"].map(|end| count(&setting.topic(end)));
    assert_eq!(counts, [3, 2, 2, 1]);
}

#[test]
fn inputs_are_created_only_when_asked_for() {
    let setting = Setting::new(shared());
    for words in ["topics create", "topics create --dry-run", "topics check"] {
        let ended = truthline(words, &setting.yaml());
        assert_eq!(ended.code, 78, "{words}");
        holds(&ended.err, &[&setting.topic("in"), &setting.topic("la"), "`topics.inferences`"]);
    }
    let ended = truthline("topics create --inputs --partitions 2", &setting.yaml());
    assert_eq!(ended.code, 0, "{}", ended.err);
    holds(&ended.out, &[&format!("created {}, 2 partitions", setting.topic("in"))]);
    assert_eq!(truthline("topics check", &setting.yaml()).out, "ok, 2 tasks, 1 judges\n");
}

#[test]
fn every_topic_of_a_list_is_created_and_each_is_checked() {
    let setting = Setting::new(shared());
    let yaml = setting.yaml().replace(
        &format!("labels: {}", setting.topic("la")),
        &format!("labels: {{name: [{}, {}]}}", setting.topic("la"), setting.topic("more")),
    );
    let yaml = yaml.replace(
        &format!("inferences: {}", setting.topic("in")),
        &format!("inferences: {{name: [{}, {}]}}", setting.topic("in"), setting.topic("cards")),
    );
    let inputs = ["in", "la", "cards", "more"].map(|end| setting.topic(end));
    let names: Vec<&str> = inputs.iter().map(String::as_str).collect();
    for words in ["topics create", "topics create --dry-run"] {
        let ended = truthline(words, &yaml);
        assert_eq!(ended.code, 78, "{words}");
        holds(&ended.err, &names);
    }
    let planned = truthline("topics create --inputs --partitions 2 --dry-run", &yaml);
    let made = truthline("topics create --inputs --partitions 2", &yaml);
    assert_eq!(made.code, 0, "{}", made.err);
    let created = said(&made.out, "created");
    assert_eq!(created, said(&planned.out, "would create"));
    assert!(inputs.iter().all(|name| created.contains(name)), "{}", made.out);
    assert_eq!(truthline("topics check", &yaml).out, "ok, 2 tasks, 1 judges\n");
    assert_eq!(said(&truthline("topics create", &yaml).out, "there"), created);

    // One of them with another number of partitions, and one that stamps on arrival.
    shared().create_topic(&setting.topic("three"), 3, &[]);
    shared().create_topic(&setting.topic("stamped"), 2, &[("message.timestamp.type", "LogAppendTime")]);
    for (end, part) in [("three", "has 3 partitions, the other inputs have 2"), ("stamped", "LogAppendTime")] {
        let yaml = yaml.replace(&setting.topic("more"), &setting.topic(end));
        for words in ["topics create", "topics check"] {
            let ended = truthline(words, &yaml);
            assert_eq!(ended.code, 78, "{words}: {}", ended.out);
            holds(&ended.err, &[&setting.topic(end), part]);
        }
    }
}

#[test]
fn missing_topics_are_all_listed_with_the_remedy() {
    let setting = Setting::new(shared());
    setting.inputs(shared(), 1, 1);
    let ended = truthline("topics check", &setting.yaml());
    assert_eq!(ended.code, 78);
    holds(&ended.err, &[&setting.topic("rows.v1"), &setting.topic("alerts.v1"), "`truthline topics create`"]);
}

#[test]
fn unequal_partition_counts_are_refused_with_both_counts_and_a_way_out() {
    let mut setting = Setting::new(shared());
    setting.inputs(shared(), 4, 3);
    for words in ["topics create --dry-run", "topics create"] {
        let ended = truthline(words, &setting.yaml());
        assert_eq!((ended.code, ended.out.as_str()), (78, ""), "{words}");
        holds(&ended.err, &["has 4 partitions", "has 3", "`join.repartition: true`"]);
    }
    setting.more = "join: {repartition: true}\n".into();
    setting.created();
    assert_eq!(truthline("topics check", &setting.yaml()).out, "ok, 4 tasks, 1 judges\n");
    // Without the way out, the check at start says the same as the creation.
    setting.more = String::new();
    let ended = truthline("topics check", &setting.yaml());
    assert_eq!(ended.code, 78);
    holds(&ended.err, &["has 4 partitions", "has 3", "`join.repartition: true`"]);
}

#[test]
fn an_input_that_stamps_on_arrival_is_refused() {
    let setting = Setting::new(shared());
    setting.inputs(shared(), 1, 1);
    setting.created();
    let late = Setting { id: setting.id.clone(), ..Setting::new(shared()) };
    shared().create_topic(&late.topic("stamped"), 1, &[("message.timestamp.type", "LogAppendTime")]);
    let yaml = late.yaml().replace(&late.topic("la"), &late.topic("stamped"));
    for words in ["topics create --dry-run", "topics check"] {
        let ended = truthline(words, &yaml);
        assert_eq!(ended.code, 78, "{words}");
        holds(&ended.err, &[&late.topic("stamped"), "LogAppendTime", "message.timestamp.type=CreateTime"]);
    }
}

#[test]
fn topics_that_are_set_otherwise_are_told_and_left_alone() {
    let setting = Setting::new(shared());
    setting.inputs(shared(), 2, 2);
    let broken = [("cleanup.policy", "compact")];
    shared().create_topic(&setting.topic("rows.v1"), 2, &broken);
    shared().create_topic(&setting.topic("deltas.v1"), 3, &[]);
    shared().create_topic(&setting.topic("summaries.v1"), 1, &[("retention.ms", "1000")]);
    for _ in 0..2 {
        let ended = truthline("topics create", &setting.yaml());
        assert_eq!(ended.code, 78, "{}", ended.out);
        let differs = said(&ended.out, "differs");
        let expected = ["rows.v1", "deltas.v1", "summaries.v1"].map(|end| setting.topic(end));
        assert_eq!(differs, BTreeSet::from(expected), "{}", ended.out);
        holds(&ended.out, &["cleanup.policy is compact, wanted delete", "retention.ms is 1000, wanted 34560000000"]);
        holds(&ended.err, &["cleanup.policy=delete", "has 3 partitions", "`judges: 3`"]);
        assert!(!ended.err.contains("summaries"), "a shorter memory of an output is its owner's wish: {}", ended.err);
    }
}

#[test]
fn a_growing_input_is_noticed() {
    let setting = Setting::new(shared());
    setting.inputs(shared(), 2, 2);
    setting.created();
    let yaml = setting.yaml().replace(&setting.topic("in"), &setting.topic("in6"));
    shared().create_topic(&setting.topic("in6"), 6, &[]);
    let yaml = yaml.replace(&setting.topic("la"), &setting.topic("la6"));
    shared().create_topic(&setting.topic("la6"), 6, &[]);
    let ended = truthline("topics check", &yaml);
    assert_eq!(ended.code, 78);
    holds(&ended.err, &[&setting.topic("rows.v1"), "has 2 partitions", "the inputs have 6", "`topics.prefix`"]);
}

#[test]
fn no_broker_is_told_within_the_time() {
    let yaml = format!("kafka: {{brokers: '127.0.0.1:{}'}}\n", closed_port());
    for words in ["topics create", "topics create --dry-run", "topics check"] {
        let ended = truthline(words, &yaml);
        assert_eq!((ended.code, ended.out.as_str()), (69, ""), "{words}: {}", ended.err);
        holds(&ended.err, &["no broker can be reached at 127.0.0.1:", "refused", "`kafka.brokers`"]);
        assert_eq!(ended.err.lines().count(), 1, "the client's own words are not for people: {}", ended.err);
    }
    let ended = truthline("topics check", "kafka: {brokers: 'no-such-host.invalid:9092'}\n");
    assert_eq!(ended.code, 69, "{}", ended.err);
    holds(&ended.err, &["no-such-host.invalid", "resolve"]);
}

#[test]
fn a_wrong_property_of_the_client_is_told() {
    let setting = Setting::new(shared());
    for (property, part) in [("{linger.ms: soon}", "'soon'"), ("{no.such.property: 1}", "no.such.property")] {
        let ended = truthline("topics check", &setting.with(property));
        assert_eq!(ended.code, 78, "{}", ended.err);
        holds(&ended.err, &["kafka.properties", part]);
    }
}

#[test]
fn a_check_leaves_no_record_and_no_offset_behind() {
    let setting = Setting::new(shared());
    setting.inputs(shared(), 1, 1);
    setting.created();
    let config = Config::from_yaml(&setting.yaml()).unwrap();
    for _ in 0..3 {
        let topology = kafka::check(&config, "one").unwrap();
        assert_eq!((topology.partitions, topology.inferences, topology.labels, topology.judges), (1, 1, Some(1), 1));
        assert_eq!(topology.notes, Vec::<String>::new());
    }
    let topics: Vec<String> = kafka::plan(&config, None).into_iter().map(|topic| topic.name).collect();
    let mut client = shared().client();
    client.set("group.id", &setting.id).set("isolation.level", "read_uncommitted").set("enable.auto.commit", "false");
    let reader: BaseConsumer = client.set("enable.partition.eof", "true").create().unwrap();
    let mut places = TopicPartitionList::new();
    for topic in &topics {
        places.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    }
    reader.assign(&places).unwrap();
    let (mut ends, begun) = (0, Instant::now());
    while ends < topics.len() {
        match reader.poll(Duration::from_millis(200)) {
            Some(Ok(_)) => panic!("a record was left behind"),
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => ends += 1,
            _ => assert!(begun.elapsed() < Duration::from_mins(1), "only {ends} of {} ends came", topics.len()),
        }
    }
    let committed = reader.committed_offsets(places, Duration::from_secs(10)).unwrap();
    assert!(committed.elements().iter().all(|element| element.offset() == Offset::Invalid), "{committed:?}");
}

#[test]
fn a_check_does_not_disturb_a_running_group() {
    let setting = Setting::new(shared());
    setting.inputs(shared(), 2, 2);
    setting.created();
    let config = Config::from_yaml(&setting.yaml()).unwrap();
    let member: BaseConsumer = kafka::consumer(&config, &config.kafka.group, "member").create().unwrap();
    let (inferences, labels) = (setting.topic("in"), setting.topic("la"));
    member.subscribe(&[&inferences, &labels]).unwrap();
    let begun = Instant::now();
    while member.assignment().unwrap().count() < 4 {
        member.poll(Duration::from_millis(100));
        assert!(begun.elapsed() < Duration::from_mins(1), "the group did not form");
    }
    let mut position = TopicPartitionList::new();
    position.add_partition_offset(&inferences, 0, Offset::Offset(7)).unwrap();
    member.commit(&position, rdkafka::consumer::CommitMode::Sync).unwrap();
    for _ in 0..3 {
        kafka::check(&config, "other").unwrap();
        let committed = member.committed_offsets(position.clone(), Duration::from_secs(10)).unwrap();
        assert_eq!(committed.elements()[0].offset(), Offset::Offset(7));
        member.poll(Duration::from_millis(100));
        assert_eq!(member.assignment().unwrap().count(), 4, "the group was disturbed");
    }
}

#[test]
fn missing_rights_are_named_and_those_that_are_listed_suffice() {
    let broker = Broker::start_with(&SaslAcl { users: vec![("watcher", "w-secret")] });
    let setting = Setting::new(&broker);
    let properties = |user: &str, password: &str| {
        let lines: Vec<String> =
            login(user, password).into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{{{}}}", lines.join(", "))
    };
    let watcher = setting.with(&properties("watcher", "w-secret"));
    setting.inputs(&broker, 2, 2);
    let ended = truthline("topics create", &setting.with(&properties(ADMIN.0, ADMIN.1)));
    assert_eq!(ended.code, 0, "{}", ended.err);

    let ended = truthline("topics check", &setting.with(&properties("watcher", "wrong")));
    assert_eq!(ended.code, 77, "{}", ended.err);
    holds(&ended.err, &["User:watcher", "`sasl.password`"]);
    assert!(!ended.err.contains("wrong\n") && !ended.err.contains("w-secret"), "{}", ended.err);

    // No rights at all: every topic is named, with what is needed there.
    for (words, right) in [("topics check", "Read on topic "), ("topics create --dry-run", "Describe on topic ")] {
        let ended = truthline(words, &watcher);
        assert_eq!(ended.code, 77, "{words}: {}", ended.err);
        holds(
            &ended.err,
            &["User:watcher lacks", &format!("{right}{}", setting.topic("in")), &setting.topic("rows.v1")],
        );
    }

    // What docs/kafka.md lists, and nothing else.
    let id = &setting.id;
    let principal = "--add --allow-principal User:watcher";
    broker.acl(&format!("{principal} --operation Read --topic {id}.in --topic {id}.la"));
    broker.acl(&format!("{principal} --operation Read --group {id} --resource-pattern-type prefixed"));
    broker
        .acl(&format!("{principal} --operation Read --operation Write --topic {id}. --resource-pattern-type prefixed"));
    broker.acl(&format!("{principal} --operation Write --transactional-id {id}- --resource-pattern-type prefixed"));
    let ended = truthline("topics check", &watcher);
    assert_eq!(ended.code, 77, "{}", ended.err);
    holds(&ended.err, &[&format!("lacks a right\n  Delete on topic {id}.rows.v1\n")]);
    broker.acl(&format!("{principal} --operation Delete --topic {id}.rows.v1"));
    let ended = truthline("topics check", &watcher);
    assert_eq!(ended.code, 0, "{}", ended.err);
    holds(&ended.out, &["were not checked: this needs DescribeConfigs", "ok, 2 tasks, 1 judges"]);

    // One right less, of each kind, and all at once.
    let denied = "--add --deny-principal User:watcher";
    broker.acl(&format!("{denied} --operation Write --topic {id}.alerts.v1 --topic {id}.windows.v1"));
    broker.acl(&format!("{denied} --operation Read --topic {id}.in --topic {id}.la --group {id} --group {id}.judges"));
    let config = Config::from_yaml(&watcher).unwrap();
    let trouble = kafka::check(&config, "two").unwrap_err();
    assert_eq!(trouble.class(), TroubleClass::NotAllowed, "{trouble}");
    let text = trouble.to_string();
    for right in [
        "Write on topic {}.alerts.v1",
        "Write on topic {}.windows.v1",
        "Read on topic {}.la",
        "Read on group {}\n",
        "Read on group {}.judges",
    ] {
        holds(&text, &[&right.replace("{}", id)]);
    }
    assert!(!text.contains("rows.v1") && !text.contains("incidents.v1"), "only what is missing: {text}");
    broker.acl(&format!("{denied} --operation Write --transactional-id {id}- --resource-pattern-type prefixed"));
    let ended = truthline("topics check", &watcher);
    assert_eq!(ended.code, 77, "{}", ended.err);
    holds(&ended.err, &[&format!("Write on transactional id {id}-topics-check")]);
}
