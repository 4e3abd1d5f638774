//! Does a running service say what is wrong with its own plumbing: a lost delta, lag, a second process of its name?
//!
//! The real program on a real broker. What is torn is torn with a broker's own means, as an operator or a retention would.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]
#![allow(clippy::disallowed_methods, reason = "a test waits for other processes")]

mod broker;
mod live;
mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use live::plain::{DAY, HOUR, MINUTE, START, ends, id_on, label, minutes, prediction, publish, tail};
use live::said::{Passed, Said, census};
use live::service::Service;
use live::{Inputs, Site, read};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value as Json;
use support::assert_same;

const OUT_OF_ORDER: [&str; 2] = ["out_of_order: 1m", "out_of_order: 1m"];
const MODELS: &str = "defaults: {window: 1h, label_window: 2h, early: 0s, learn: 300d, ages: [0s]}";
const DELAY: i64 = 20 * MINUTE;
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until `look` gives something.
fn wait<T>(service: &mut Service, what: &str, mut look: impl FnMut(&Service) -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        service.must_run();
        match look(service) {
            Ok(found) => return found,
            Err(found) => assert!(begun.elapsed() < PATIENCE, "{what}: {found}\n{}", service.tail()),
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What an operator does with the tools of a broker.
struct Operator {
    admin: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
}

impl Operator {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { admin: live::broker().client().create().unwrap(), runtime }
    }

    /// Removes all records of a partition.
    fn empty(&self, topic: &str, partition: i32) {
        let mut all = TopicPartitionList::new();
        all.add_partition_offset(topic, partition, Offset::End).unwrap();
        let done = self.runtime.block_on(self.admin.delete_records(&all, &AdminOptions::new())).unwrap();
        done.elements().iter().for_each(|element| element.error().unwrap());
    }

    /// Removes a group, as soon as its members have been missed.
    fn forget(&self, group: &str) {
        let begun = Instant::now();
        while let Err(error) =
            self.runtime.block_on(self.admin.delete_groups(&[group], &AdminOptions::new())).unwrap().remove(0)
        {
            assert!(begun.elapsed() < PATIENCE, "{group}: {error:?}");
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    fn remove(&self, topics: &[&str]) {
        let done = self.runtime.block_on(self.admin.delete_topics(topics, &AdminOptions::new())).unwrap();
        done.into_iter().for_each(|one| drop(one.unwrap()));
    }
}

/// All alerts of a gap, in their order.
fn gaps(site: &Site) -> Vec<Json> {
    let alerts = read(&site.topic("alerts")).into_iter();
    let alerts = alerts.map(|got| serde_json::from_slice::<Json>(&got.value.unwrap()).unwrap());
    alerts.filter(|alert| alert["indicator"] == "pipeline.gap").collect()
}

/// How often the judge was written down.
fn written(site: &Site) -> usize {
    read(&site.topic("windows")).iter().filter(|got| got.key.as_deref() == Some(b"offset")).count()
}

/// The newest final summary of each window.
fn newest(lines: &[String]) -> BTreeMap<String, String> {
    let mut newest = BTreeMap::new();
    for line in lines {
        let read: Json = serde_json::from_str(line).unwrap();
        if read["final"] == true && read["as_of"].as_i64().unwrap() < START + 2 * DAY {
            newest.insert(read["window"].to_string(), line.clone());
        }
    }
    newest
}

fn replay(site: &Site, name: &str) -> Said {
    let out = site.path(name);
    let sources = [&site.inputs.inferences, &site.inputs.labels].map(|topic| format!("kafka:{topic}"));
    let mut command = site.command(&["replay", "--inferences", &sources[0], "--labels", &sources[1]]);
    let done = command.arg("--out").arg(&out).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Said::in_folder(&out)
}

/// A critical alert of the pipeline, of this moment, whose text is about one of the gaps in its evidence.
fn names_one_of_its_gaps(alert: &Json) {
    assert_eq!((&alert["state"], &alert["severity"]), (&"firing".into(), &"critical".into()), "{alert}");
    assert_eq!((&alert["model"], &alert["basis_final"]), (&Json::Null, &false.into()), "{alert}");
    assert!(alert["id"].as_str().unwrap().ends_with("-live"), "{alert}");
    let gaps = alert["evidence"]["gaps"].as_array().unwrap();
    let told = alert["text"].as_str().unwrap();
    let names = |gap: &Json| {
        let place = format!("Partition {} of the topic {}", gap["partition"], gap["topic"].as_str().unwrap());
        told.starts_with(&place) && told.contains(&format!("{} where {} was expected", gap["found"], gap["expected"]))
    };
    assert_eq!(gaps.iter().filter(|gap| names(gap)).count(), 1, "{alert}");
}

#[test]
fn a_lost_delta_is_an_alert_with_its_offsets_until_all_is_built_anew() {
    let inputs = Inputs::new(2);
    let topics = [inputs.inferences.as_str(), inputs.labels.as_str()];
    let site = Site::new(&inputs, OUT_OF_ORDER, MODELS, 1);
    let operator = Operator::new();
    let mut service = Service::start(&site, "torn", 1);
    publish(&inputs, &minutes(0..240, DELAY));
    site.settle(|| service.must_run());

    // A judge is written down at its end, and every half a minute: between the two its deltas are all there is.
    let mut number = 240;
    let summaries = || Said::on_topics(&site).summaries;
    let (expected, found, forgotten) = loop {
        service.stop();
        let (before, snapshots, said) = (ends(&topics, 2), written(&site), summaries().len());
        service.again();
        publish(&inputs, &minutes(number..number + 240, DELAY));
        number += 240;
        site.settle(|| service.must_run());
        service.kill();
        if written(&site) == snapshots {
            break (before, ends(&topics, 2), said..summaries().len());
        }
    };
    let judges = format!("{}.judges", site.id);
    operator.empty(&site.topic("deltas"), 0);
    service.again();
    assert_eq!(service.code(), 78, "{}", service.tail());
    let told = service.log();
    assert!(told.contains(&format!("{} partition 0", site.topic("deltas"))), "{}", service.tail());

    // Who insists takes the group away, and is told what that means.
    operator.forget(&judges);
    service.again();
    publish(&inputs, &minutes(number..number + 240, DELAY));
    number += 240;
    let alerts = wait(&mut service, "the gap of each partition is told", |_| {
        let alerts = gaps(&site);
        if alerts.len() == 4 { Ok(alerts) } else { Err(format!("{alerts:?}")) }
    });
    alerts.iter().for_each(names_one_of_its_gaps);
    let told: BTreeMap<(String, i32), (i64, i64)> = alerts[3]["evidence"]["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| {
            let number = |name: &str| gap[name].as_i64().unwrap();
            let place = (gap["topic"].as_str().unwrap().to_owned(), number("partition") as i32);
            (place, (number("expected"), number("found")))
        })
        .collect();
    let wanted: BTreeMap<_, _> =
        expected.iter().map(|(place, expected)| (place.clone(), (*expected, found[place]))).collect();
    assert_eq!(told, wanted);
    let page = service.page("/metrics").unwrap();
    assert!(page.contains("truthline_delta_gaps_total{judge=\"0\"} 2\n"), "{page}");

    // It goes on, and counts everything but what lay in the gap.
    publish(&inputs, &tail(2, START + 40 * HOUR));
    site.settle(|| service.must_run());
    let missing: i64 = (0..2).map(|partition| told[&(inputs.inferences.clone(), partition)]).map(|(e, f)| f - e).sum();
    let counted = |said: &[String]| -> i64 {
        let hours = newest(said).into_values().map(|line| serde_json::from_str::<Json>(&line).unwrap());
        let hours = hours
            .filter(|read| read["window"]["end"].as_i64().unwrap() - read["window"]["start"].as_i64().unwrap() == HOUR);
        hours.map(|read| read["inputs"]["n"].as_i64().unwrap()).sum()
    };
    let mut said = summaries();
    // What was said of lost deltas before they were lost.
    drop(said.drain(forgotten));
    assert_eq!((missing, counted(&said)), (240, number - 240));
    service.stop();
    // A restart says nothing new, and does not take it back.
    service.again();
    service.must_start();
    site.settle(|| service.must_run());
    service.stop();
    assert_eq!(gaps(&site), alerts);

    // The way out that the manual names.
    operator.forget(&site.id);
    operator.forget(&judges);
    let internal = ["rows", "deltas", "windows", "baselines"].map(|end| site.topic(end));
    operator.remove(&internal.each_ref().map(String::as_str));
    let begun = Instant::now();
    while !site.command(&["topics", "create"]).output().unwrap().status.success()
        || !site.command(&["topics", "check"]).output().unwrap().status.success()
    {
        assert!(begun.elapsed() < PATIENCE, "the topics were not made anew");
    }
    service.again();
    let ended = wait(&mut service, "the gap is over", |_| {
        let alerts = gaps(&site);
        alerts.get(4).cloned().ok_or_else(|| format!("{alerts:?}"))
    });
    assert_eq!((&ended["state"], &ended["fingerprint"]), (&"resolved".into(), &alerts[0]["fingerprint"]), "{ended}");
    assert_eq!(ended["starts_at"], alerts[0]["starts_at"]);
    site.settle(|| service.must_run());
    service.stop();
    let replayed = newest(&replay(&site, "replayed").summaries);
    assert_same(&replayed, &newest(&Said::on_topics(&site).summaries), "a replay, and what was built anew");
    assert!(replayed.len() >= 12, "{}", replayed.len());
}

/// Lag by partition and stream: as the metrics say it, and as the status does.
fn lag(service: &Service, partition: u32, stream: &str) -> Result<i64, String> {
    let page = service.page("/metrics").ok_or("no answer")?;
    let series = format!("truthline_lag_records{{partition=\"{partition}\",stream=\"{stream}\"}} ");
    let metric = page.lines().find_map(|line| line.strip_prefix(&series)).ok_or("no such series")?;
    let metric: f64 = metric.parse().map_err(|_| metric.to_owned())?;
    let status: Json = serde_json::from_str(&service.page("/api/v1/status").unwrap()).unwrap();
    let tasks = status["tasks"].as_array().unwrap();
    let task = tasks.iter().find(|task| task["partition"] == partition).ok_or("no such task")?;
    let behind = task["streams"][stream]["behind"].as_i64();
    if behind == Some(metric as i64) { Ok(metric as i64) } else { Err(format!("{metric} and {behind:?}")) }
}

/// What a stranger would say: the end of the partition less what the group has committed.
fn distance(site: &Site, topic: &str, partition: i32) -> i64 {
    let client: BaseConsumer = live::broker().client().set("group.id", &site.id).create().unwrap();
    let mut place = TopicPartitionList::new();
    place.add_partition(topic, partition);
    let committed = client.committed_offsets(place, Duration::from_secs(20)).unwrap().elements()[0].offset();
    let (first, end) = client.fetch_watermarks(topic, partition, Duration::from_secs(20)).unwrap();
    end - committed.to_raw().filter(|offset| *offset >= 0).unwrap_or(first)
}

#[test]
fn lag_is_what_lies_between_the_position_and_the_end_and_none_when_all_is_read() {
    let inputs = Inputs::new(2);
    // A model that learns: nobody may go further ahead of the slowest partition than it learns from.
    let models = MODELS.replace("learn: 300d", "learn: 1d");
    let site = Site::new(&inputs, OUT_OF_ORDER, &models, 1);
    let on = |partition: u32, number: i64| id_on(partition, 2, &format!("p{number}"));
    let hourly = |partition: u32, hours: std::ops::Range<i64>| -> Vec<_> {
        let row = |hour: i64| prediction(&on(partition, hour), hour, START + hour * HOUR);
        hours.map(row).collect()
    };
    publish(&inputs, &hourly(1, 0..1));
    publish(&inputs, &hourly(0, 0..72));
    publish(&inputs, &(0..72).map(|hour| label(&on(0, hour), hour, START + hour * HOUR)).collect::<Vec<_>>());
    let mut service = Service::start(&site, "behind", 1);
    let agree = |what: &str, service: &mut Service, stream: &str, among: std::ops::Range<i64>| {
        let topic = if stream == "labels" { &inputs.labels } else { &inputs.inferences };
        let mut last = -1;
        wait(service, what, |service| {
            let (said, wanted) = (lag(service, 0, stream)?, distance(&site, topic, 0));
            // It stands still, so that both were asked at one position.
            let steady = std::mem::replace(&mut last, wanted) == wanted;
            if steady && said == wanted && among.contains(&said) {
                Ok(said)
            } else {
                Err(format!("{said} of {wanted}"))
            }
        })
    };
    let first = agree("the lane is held on the second day", &mut service, "inferences", 40..60);
    agree("nobody holds the labels", &mut service, "labels", 0..72);
    assert_eq!(lag(&service, 1, "inferences"), Ok(0));

    // More than the client fetches ahead: what it has not seen counts, too.
    publish(&inputs, &(0..30_000).map(|number| prediction(&on(0, 71), number, START + 71 * HOUR)).collect::<Vec<_>>());
    agree("what was published is behind", &mut service, "inferences", first + 30_000..first + 30_001);

    publish(&inputs, &hourly(1, 1..72));
    publish(&inputs, &tail(2, START + 73 * HOUR));
    site.settle(|| service.must_run());
    wait(&mut service, "all is read", |service| {
        for partition in 0..2 {
            for stream in ["inferences", "labels"] {
                let behind = lag(service, partition, stream)?;
                if behind != 0 {
                    return Err(format!("{stream} {partition}: {behind}"));
                }
            }
        }
        Ok(())
    });
    service.stop();
}

#[test]
fn of_two_processes_with_one_name_one_ends_and_says_why_and_nothing_is_counted_twice() {
    const TWINS: usize = 4;
    let inputs = Inputs::new(2);
    let site = Site::new(&inputs, OUT_OF_ORDER, MODELS, 1);
    let hours = (TWINS as i64 + 1) * 2;
    let mut posts = minutes(0..hours * 60, DELAY);
    posts.extend(tail(2, START + 60 * HOUR));
    let share = posts.len() / (TWINS + 1);
    publish(&inputs, &posts[..share]);
    let mut services = vec![Service::start_twin(&site, "first", "same", 2)];
    services[0].must_start();
    for (twin, burst) in posts[share..].chunks(share.max(1)).enumerate().take(TWINS) {
        services.push(Service::start_twin(&site, &format!("twin-{twin}"), "same", 2));
        let last = if twin + 1 == TWINS { &posts[share * TWINS..] } else { burst };
        for some in last.chunks(40) {
            publish(&inputs, some);
            std::thread::sleep(Duration::from_millis(100));
        }
        let begun = Instant::now();
        let ended = loop {
            if let Some(ended) = services.iter_mut().position(|service| service.has_ended().is_some()) {
                break ended;
            }
            assert!(begun.elapsed() < PATIENCE, "both go on:\n{}\n{}", services[0].tail(), services[1].tail());
            std::thread::sleep(Duration::from_millis(50));
        };
        let mut gone = services.remove(ended);
        assert_eq!(gone.code(), 78, "{}", gone.tail());
        for part in [
            &format!("another process runs as instance 'same' in the group '{}'", site.id),
            "give each process its own `instance`",
        ] {
            assert!(gone.log().contains(part), "'{part}' is not in:\n{}", gone.tail());
        }
        services[0].must_start();
    }
    let mut left = services.pop().unwrap();
    site.settle(|| left.must_run());
    left.stop();
    let passed = Passed::of(&posts, 2);
    let live = Said::on_topics(&site).finals(passed);
    assert_same(&replay(&site, "replayed").finals(passed), &live, "a replay, and processes with one name");
    assert!(census(&live)["summary"] >= hours as usize, "{:?}", census(&live));
}

#[test]
fn a_process_that_stood_still_longer_than_its_transactions_may_last_goes_on() {
    let inputs = Inputs::new(2);
    let mut site = Site::new(&inputs, OUT_OF_ORDER, MODELS, 1);
    site.change("properties: {", "properties: {transaction.timeout.ms: '4000', message.timeout.ms: '3000', ");
    let mut posts = minutes(0..8 * 60, DELAY);
    posts.extend(tail(2, START + 60 * HOUR));
    let mut service = Service::start(&site, "frozen", 2);
    service.must_start();
    for (number, burst) in posts.chunks(posts.len().div_ceil(16)).enumerate() {
        publish(&inputs, burst);
        std::thread::sleep(Duration::from_millis(300));
        if number == 5 || number == 10 {
            // The broker looks for transactions that are too old every ten seconds.
            service.signal("-STOP");
            std::thread::sleep(Duration::from_secs(16));
            service.signal("-CONT");
        }
    }
    site.settle(|| service.must_run());
    service.stop();
    let passed = Passed::of(&posts, 2);
    let live = Said::on_topics(&site).finals(passed);
    assert_same(&replay(&site, "replayed").finals(passed), &live, "a replay, and a process that stood still");
    assert!(census(&live)["summary"] >= 8, "{:?}", census(&live));
}
