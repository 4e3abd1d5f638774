//! Does a partition go on, whatever stands in it, and does each dead letter lead back to what it is about?
//!
//! Good records, written by every codec, some without a key or with a megabyte of headers, stand among everything that
//! is bad on a topic. A process is killed on the way. What is final equals, as bytes, a replay of the good ones alone; and
//! each bad one has one dead letter with its topic, partition, offset and reason.
#![allow(
    clippy::type_complexity,
    clippy::from_iter_instead_of_collect,
    clippy::needless_pass_by_value,
    reason = "a test may take the short way"
)]
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]
#![allow(clippy::disallowed_methods, reason = "a test waits for other processes")]

mod broker;
mod live;
mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use live::avro::Avros;
use live::said::{Passed, Said, census};
use live::service::Service;
use live::stream::{Post, Publisher, files, posts};
use live::{Inputs, Site};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::util::Timeout;
use support::{DAY, HOUR, Log, Made, START, assert_same, baseline_of};
use truthline::event::murmur2_partition;

const PARTITIONS: u32 = 4;
/// The header that says which dead letter a record should get.
const BAD: &str = "bad";

/// Every bad record, with the reason that its dead letter should name.
fn bad(time: i64) -> Vec<(&'static str, bool, Option<Vec<u8>>)> {
    let prediction = |id: &str, time: i64, more: &str| {
        format!(r#"{{"request_id":"{id}","event_time":{time},"model":"fraud","version":"v1","score":0.5{more}}}"#)
    };
    let label = |id: &str, time: i64, more: &str| format!(r#"{{"request_id":"{id}","event_time":{time}{more}}}"#);
    let whole = prediction("x", time, "");
    let avro = Avros::predictions().write(&whole);
    let known = Avros::labels().write(&label("x", time, r#","label":1"#));
    let deep = format!(r#","more":{}{}"#, "[".repeat(200), "]".repeat(200));
    let wide: Vec<String> = (0..1_500).map(|number| format!(r#""f{number}":1"#)).collect();
    let text = |text: String| Some(text.into_bytes());
    vec![
        ("malformed", false, text(whole[..whole.len() - 9].to_owned())),
        ("malformed", false, text(String::new())),
        ("malformed", false, text("nothing".to_owned())),
        ("malformed", false, Some(b"{\"request_id\":\"\xff\xfe\"}".to_vec())),
        ("malformed", false, Some(avro[..avro.len() - 3].to_vec())),
        ("malformed", false, Some(avro[..6].to_vec())),
        ("malformed", false, Some([&avro[..], b"more"].concat())),
        ("malformed", false, Some([&[0xc3, 1, 9, 9, 9, 9, 9, 9, 9, 9][..], b"unknown schema"].concat())),
        ("malformed", false, Some([&[0, 0, 0, 0, 7][..], &avro[10..]].concat())),
        ("missing_field", false, None),
        (
            "missing_field",
            false,
            text(format!(r#"{{"request_id":"x","event_time":{time},"version":"v1","score":0.5}}"#)),
        ),
        ("wrong_type", false, text(prediction("x", time, r#","threshold":"high""#))),
        ("out_of_range", false, text(whole.replace("0.5", "7.5"))),
        ("duplicate_field", false, text(prediction("x", time, r#","score":0.25"#))),
        ("in_the_future", false, text(prediction("x", time + DAY, ""))),
        ("time_out_of_range", false, text(prediction("x", time / 1_000_000, ""))),
        ("time_out_of_range", false, text(prediction("x", time / 1_000, ""))),
        ("too_large", false, text(prediction("x", time, &format!(r#","env":"{}""#, "e".repeat(9 << 20))))),
        ("too_large", false, text(prediction("x", time, &deep))),
        ("limit_reached", false, text(prediction("x", time, &format!(r#","features":{{{}}}"#, wide.join(","))))),
        ("malformed", true, text(r#"{"request_id":"#.to_owned())),
        ("malformed", true, Some(known[..known.len() - 1].to_vec())),
        ("missing_field", true, None),
        ("missing_field", true, text(r#"{"label":1}"#.to_owned())),
        ("missing_field", true, text(label("x", time, ""))),
        ("wrong_type", true, text(label("x", time, r#","label":[1]"#))),
        ("in_the_future", true, text(label("x", time + DAY, r#","label":1"#))),
        ("time_out_of_range", true, text(label("x", time / 1_000_000, r#","label":1"#))),
        ("too_large", true, text(label("x", time, &format!(r#","label":1,"source":"{}""#, "s".repeat(2 << 20))))),
    ]
}

/// The good records with the bad ones among them.
fn mixed(good: &[Post]) -> Vec<Post> {
    let mut all = Vec::new();
    let mut bad = Vec::from_iter((0..PARTITIONS).flat_map(|partition| {
        let places = bad(START).len();
        (0..places).map(move |place| (partition, place))
    }));
    bad.reverse();
    let every = good.len() / bad.len() - 1;
    for (number, post) in good.iter().enumerate() {
        let mut post = post.clone();
        // Keys and headers are the sender's matter; the content says which request it is about.
        if number % 50 == 7 && post.value.is_some() {
            post.partition = Some(murmur2_partition(post.key.take().unwrap().as_bytes(), PARTITIONS) as i32);
        }
        if number % 2_000 == 9 {
            post.headers = vec![("big", vec![b'h'; 1 << 20]), ("odd \u{1f600}", vec![0xff, 0])];
        }
        let millis = post.millis;
        all.push(post);
        if number % every == every - 1
            && let Some((partition, place)) = bad.pop()
        {
            let (reason, label, value) = self::bad(millis * 1_000).swap_remove(place);
            // A label that takes back needs a key; a prediction without a value has one.
            let key = (!label || value.is_some()).then(|| "x".to_owned());
            let headers = vec![(BAD, reason.as_bytes().to_vec())];
            all.push(Post { label, partition: Some(partition as i32), key, value, millis, headers, line: None });
        }
    }
    assert!(bad.is_empty(), "all of them were used");
    all
}

/// Predictions that were never committed: no reader of committed records may see them.
fn abort_some(inputs: &Inputs, millis: i64) {
    let mut client = live::broker().client();
    client.set("transactional.id", broker::unique("aborted"));
    let producer: BaseProducer = client.create().unwrap();
    producer.init_transactions(Duration::from_secs(30)).unwrap();
    producer.begin_transaction().unwrap();
    for number in 0..200 {
        let value = format!(
            r#"{{"request_id":"aborted-{number}","event_time":{},"model":"fraud","version":"v1","score":0.99}}"#,
            millis * 1_000
        );
        let record = BaseRecord::to(&inputs.inferences).partition(number % 4).key("aborted").payload(&value);
        producer.send(record.timestamp(millis)).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();
    producer.abort_transaction(Timeout::Never).unwrap();
}

#[test]
fn bad_records_change_nothing_and_each_has_a_letter_that_leads_back_to_it() {
    let log = Log::new(3, Made { days: 20, unruly: false });
    let good = posts(&log, PARTITIONS, 35 * DAY + 7 * HOUR);
    let passed = Passed::of(&good, PARTITIONS);
    let inputs = Inputs::new(PARTITIONS as i32);
    let folder = tempfile::tempdir().unwrap();
    let baseline = folder.path().join("baseline.json");
    std::fs::write(&baseline, truthline::baseline::write(&["fraud", "churn", "risk"].map(baseline_of))).unwrap();
    let models = format!(
        "defaults: {{window: 1d, label_window: 3d, false_alarms_per_month: 20, baseline: '{}'}}\n\
         models: {{fraud: {{}}, churn: {{labels: implicit_negative}}, risk: {{early: 3h}}}}",
        baseline.display()
    );
    let site = Site::new(&inputs, ["out_of_order: 1h", "out_of_order: 30m"], &models, 1);
    let mut service = Service::start(&site, "one", 2);
    service.must_start();

    let publishers = ["none", "gzip", "snappy", "lz4", "zstd"].map(Publisher::compressed);
    let all = mixed(&good);
    for (number, burst) in all.chunks(500).enumerate() {
        let publisher = &publishers[number % publishers.len()];
        burst.iter().for_each(|post| publisher.send(&inputs, post));
        // The next producer must not overtake this one.
        publisher.flush();
        if number % 7 == 3 {
            abort_some(&inputs, burst[0].millis);
        }
        if number == 12 {
            service.must_run();
            service.kill();
            service.again();
        }
    }
    site.settle(|| service.must_run());
    service.stop();

    let files = files(&good);
    let paths = ["predictions.jsonl", "labels.jsonl"].map(|name| site.path(name));
    paths.iter().zip(&files).for_each(|(path, text)| std::fs::write(path, text).unwrap());
    let mut replay = site.command(&["replay", "--partitions", "4"]);
    replay.arg("--inferences").arg(&paths[0]).arg("--labels").arg(&paths[1]).arg("--out").arg(site.path("out"));
    let done = replay.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let live = Said::on_topics(&site).finals(passed);
    assert_same(&Said::in_folder(&site.path("out")).finals(passed), &live, "good records alone, and among bad ones");
    assert!(census(&live).get("summary").is_some_and(|count| *count > 50), "{:?}", census(&live));

    // Where the bad ones stand, as the broker says.
    let mut expected: BTreeMap<(String, String, String), (String, Option<Vec<u8>>)> = BTreeMap::new();
    for topic in [&inputs.inferences, &inputs.labels] {
        for got in live::read(topic) {
            if let Some(reason) = got.header(BAD) {
                let place = (topic.clone(), got.partition.to_string(), got.offset.to_string());
                expected.insert(place, (reason.to_owned(), got.key.clone()));
            }
        }
    }
    assert_eq!(expected.len(), bad(START).len() * PARTITIONS as usize);
    for letter in live::read(&site.topic("dead-letters")) {
        let header = |name: &str| letter.header(&format!("__connect.errors.{name}")).unwrap().to_owned();
        let place = (header("topic"), header("partition"), header("offset"));
        let Some((reason, key)) = expected.remove(&place) else {
            panic!("a letter about {place:?}, which is good or has one already: {}", header("exception.message"));
        };
        assert_eq!((header("exception.class.name"), letter.key.as_ref()), (reason, key.as_ref()), "{place:?}");
        let said: serde_json::Value = serde_json::from_slice(letter.value.as_ref().unwrap()).unwrap();
        let text = |name: &str| said[name].as_str().map_or_else(|| said[name].to_string(), str::to_owned);
        assert_eq!((text("topic"), text("partition"), text("offset")), place);
        assert_eq!((text("reason"), text("stage")), (header("exception.class.name"), header("stage")));
        assert!(text("detail").len() > 10, "{said}");
    }
    assert!(expected.is_empty(), "without a letter: {expected:?}");
}
