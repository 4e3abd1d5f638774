//! Does a running service do what people ask of it, from one due time on, and does a replay of its topics say the same?
//!
//! The real program on a real broker. Requests are made while the stream goes on and a process is killed in between. What
//! was said is compared, as bytes, with a replay of the topics, which reads the control topic too.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]
#![allow(clippy::disallowed_methods, reason = "a test may wait")]

mod broker;
mod live;
mod support;

use std::time::{Duration, Instant};

use live::said::{Passed, Said};
use live::service::Service;
use live::stream::{Post, Publisher, posts};
use live::{Inputs, Site};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::Value as Json;
use support::{DAY, HOUR, Log, Made, START, assert_same, baseline_of};

const PARTITIONS: u32 = 2;
const JUDGES: u32 = 2;
/// As in `kafka_main`: closes every window that the log touches.
const TAIL: i64 = 35 * DAY + 7 * HOUR + 13 * 60 * support::SECOND;
const OUT_OF_ORDER: [&str; 2] = ["out_of_order: 1h", "out_of_order: 30m"];
const MODELS: &str = "
defaults: {window: 1d, label_window: 3d, false_alarms_per_month: 20, baseline: baseline.json}
models:
  fraud: {}
  churn: {labels: implicit_negative}
  risk: {early: 3h}
";
/// How long judges may take to obey.
const PATIENCE: Duration = Duration::from_mins(1);

fn site(inputs: &Inputs, judges: u32) -> Site {
    let path = tempfile::tempdir().unwrap().keep().join("baseline.json");
    std::fs::write(&path, truthline::baseline::write(&["fraud", "churn", "risk"].map(baseline_of))).unwrap();
    Site::new(inputs, OUT_OF_ORDER, &MODELS.replace("baseline.json", path.to_str().unwrap()), judges)
}

struct Ended {
    code: i32,
    out: String,
    err: String,
}

/// Runs a command with the site's configuration.
fn command(site: &Site, words: &[&str]) -> Ended {
    let output = site.command(words).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ended { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
}

fn done(site: &Site, words: &[&str]) -> String {
    let ended = command(site, words);
    assert_eq!(ended.code, 0, "{words:?}: {}{}", ended.out, ended.err);
    ended.out
}

fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{part}' is not in:\n{text}");
    }
}

fn records(site: &Site) -> Vec<(i64, Json)> {
    let read = live::read(&site.topic("control")).into_iter();
    read.map(|got| (got.offset, serde_json::from_slice(&got.value.unwrap()).unwrap())).collect()
}

/// From when on each judge obeys the last request of a type, once `count` judges have said so.
fn obeyed(site: &Site, kind: &str, count: usize) -> Vec<i64> {
    let begun = Instant::now();
    loop {
        let records = records(site);
        let asked = records.iter().rev().find(|(_, record)| record["type"] == kind).map(|(offset, _)| *offset).unwrap();
        let answers = records.iter().filter(|(_, record)| record["type"] == "applied" && record["offset"] == asked);
        let from: Vec<i64> = answers.map(|(_, answer)| answer["event_time"].as_i64().unwrap()).collect();
        if from.len() >= count {
            assert_eq!(from.len(), count, "each judge answers once");
            return from;
        }
        assert!(begun.elapsed() < PATIENCE, "{kind} at {asked} is not obeyed: {records:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn lines(lines: &[String]) -> Vec<Json> {
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn replay(site: &Site, name: &str, more: &[&str]) -> Said {
    let out = site.path(name);
    let (predictions, labels) = (format!("kafka:{}", site.inputs.inferences), format!("kafka:{}", site.inputs.labels));
    let mut words = vec!["replay", "--inferences", &predictions, "--labels", &labels, "--out", out.to_str().unwrap()];
    words.extend(more);
    done(site, &words);
    Said::in_folder(&out)
}

/// A log, cut where its records were published before a day.
fn cut(posts: Vec<Post>, days: &[i64]) -> Vec<Vec<Post>> {
    let mut parts: Vec<Vec<Post>> = Vec::new();
    let mut rest = posts;
    for day in days {
        let late = rest.iter().position(|post| post.millis * 1_000 >= START + day * DAY).unwrap();
        let after = rest.split_off(late);
        parts.push(std::mem::replace(&mut rest, after));
    }
    parts.push(rest);
    parts
}

/// Writes a record to the control topic as somebody else's tool would.
fn publish(site: &Site, record: &str) {
    let producer: BaseProducer = live::broker().client().create().unwrap();
    let topic = site.topic("control");
    producer.send(BaseRecord::<str, str>::to(&topic).payload(record)).map_err(|(error, _)| error).unwrap();
    producer.flush(Duration::from_secs(10)).unwrap();
}

fn send(site: &Site, posts: &[Post]) {
    let publisher = Publisher::new();
    posts.iter().for_each(|post| publisher.send(&site.inputs, post));
    publisher.flush();
}

#[test]
fn what_is_asked_holds_from_where_judges_say_and_a_replay_says_the_same() {
    let log = Log::new(5, Made { days: 24, unruly: false });
    let all = posts(&log, PARTITIONS, TAIL);
    let passed = Passed::of(&all, PARTITIONS);
    let parts = cut(all, &[9, 14, 18]);
    let inputs = Inputs::new(PARTITIONS as i32);
    let site = site(&inputs, JUDGES);
    let mut service = Service::start(&site, "a", 1);
    service.must_start();
    send(&site, &parts[0]);
    site.settle(|| {});

    // Silence for two models: the owner of one answers for it, all judges answer for what concerns all.
    done(&site, &["control", "mute", "--model", "fraud", "--indicator", "*", "--reason", "trying", "--by", "ann"]);
    let muted = obeyed(&site, "mute", 1)[0];
    let marked = START + 14 * DAY + 5 * HOUR;
    done(&site, &["control", "mark", "--text", "new pricing", "--at", &marked.to_string()]);
    obeyed(&site, "mark", JUDGES as usize);
    let before = Said::on_topics(&site);
    let latest = lines(&before.summaries).iter().map(|summary| summary["as_of"].as_i64().unwrap()).max().unwrap();
    assert!(muted > latest, "what was published stays as it is");
    let late = command(&site, &["control", "mute", "--indicator", "input.*", "--from", &latest.to_string()]);
    assert_eq!(late.code, 2);
    holds(&late.err, &["are published and stay as they are", "leave --from out"]);

    // A process dies with what it obeys and comes back with it.
    service.kill();
    service.again();
    send(&site, &parts[1]);
    site.settle(|| {});
    done(&site, &["control", "unmute", "--model", "fraud", "--indicator", "*"]);
    let unmuted = obeyed(&site, "unmute", 1)[0];
    send(&site, &parts[2]);
    site.settle(|| {});
    let said = Said::on_topics(&site);
    let incidents = lines(&said.incidents);
    let open = |incident: &&Json| {
        let newest = incidents.iter().rev().find(|other| other["id"] == incident["id"]).unwrap();
        newest["state"] == "open" && incident["model"] != Json::Null
    };
    let accepted = incidents.iter().find(open).expect("an incident is open")["id"].as_str().unwrap().to_owned();
    done(&site, &["control", "accept", "--incident", &accepted, "--reason", "so be it"]);
    let accepted_from = obeyed(&site, "accept", 1)[0];
    send(&site, &parts[3]);
    site.settle(|| {});
    let list = done(&site, &["control", "list"]);
    holds(&list, &["mute * of model fraud (ann: trying): obeyed from", "mark new pricing", &accepted]);
    let twice = command(&site, &["control", "accept", "--incident", &accepted]);
    assert_eq!(twice.code, 2, "{}", twice.out);
    holds(&twice.err, &["is accepted already"]);
    service.stop();

    let said = Said::on_topics(&site);
    let alerts = lines(&said.alerts);
    let of_fraud: Vec<&Json> = alerts.iter().filter(|alert| alert["model"] == "fraud").collect();
    let as_of = |alert: &Json| alert["as_of"].as_i64().unwrap();
    for alert in &of_fraud {
        let silent = (muted..unmuted).contains(&as_of(alert));
        assert!(!silent || alert["evidence"]["muted"] == true && alert["state"] == "resolved", "{alert}");
    }
    let fires = |after: i64| of_fraud.iter().any(|alert| alert["state"] == "firing" && as_of(alert) >= after);
    assert!(fires(unmuted), "an unmuted model speaks again");
    let last = lines(&said.incidents).into_iter().rfind(|incident| incident["id"] == accepted.as_str()).unwrap();
    assert_eq!((last["state"].as_str(), last["as_of"].as_i64()), (Some("accepted"), Some(accepted_from)));
    holds(last["text"].as_str().unwrap(), &["so be it"]);
    let near = |incident: &Json| incident["evidence"]["marks"][0]["text"] == "new pricing";
    assert!(lines(&said.incidents).iter().any(near), "an incident that began near a mark names it");

    let live = said.finals(passed);
    assert_same(&replay(&site, "replayed", &[]).finals(passed), &live, "a replay that reads the control topic");
    // The requests matter.
    let path = site.path("control.jsonl");
    std::fs::write(&path, "").unwrap();
    let unasked = replay(&site, "unasked", &["--control", path.to_str().unwrap()]);
    let loud = lines(&unasked.alerts);
    let silenced = |alert: &&Json| alert["model"] == "fraud" && (muted..unmuted).contains(&as_of(alert));
    assert!(loud.iter().filter(silenced).any(|alert| alert["state"] == "firing"), "there was something to mute");
}

#[test]
fn a_changed_configuration_is_refused_until_it_is_set_and_then_holds_from_one_due_time_on() {
    let log = Log::new(7, Made { days: 24, unruly: false });
    let all = posts(&log, PARTITIONS, TAIL);
    let passed = Passed::of(&all, PARTITIONS);
    let parts = cut(all, &[12]);
    let inputs = Inputs::new(PARTITIONS as i32);
    let mut site = site(&inputs, JUDGES);
    let unused = command(&site, &["control", "set"]);
    assert_eq!(unused.code, 2, "{}", unused.out);
    let mut service = Service::start(&site, "a", 1);
    service.must_start();
    send(&site, &parts[0]);
    site.settle(|| {});
    service.stop();

    // What decides what is counted cannot change.
    site.change("label_window: 3d", "label_window: 4d");
    let ended = command(&site, &["run"]);
    assert_eq!(ended.code, 78, "{}", ended.err);
    holds(&ended.err, &["`defaults.label_window` was 3d, is 4d", "`topics.prefix`", "`kafka.group`"]);
    let ended = command(&site, &["control", "set"]);
    assert_eq!(ended.code, 78, "{}", ended.out);
    holds(&ended.err, &["cannot change", "`defaults.label_window` was 3d, is 4d"]);
    site.change("label_window: 4d", "label_window: 3d");

    // How it is judged can, once it is said.
    site.change("fraud: {}", "fraud: {false_alarms_per_month: 0.01, mute: ['label.*', 'slice.*']}");
    let ended = command(&site, &["run"]);
    assert_eq!(ended.code, 78, "{}", ended.err);
    holds(&ended.err, &["`models.fraud.false_alarms_per_month` was the default, is 0.01", "truthline control set"]);
    let out = done(&site, &["control", "set", "--reason", "too loud"]);
    holds(&out, &["`models.fraud.mute` was the default", "give every process the new file"]);
    assert!(done(&site, &["control", "set"]).contains("nothing changes"));
    let mut service = Service::start(&site, "a", 1);
    service.must_start();
    let from = obeyed(&site, "set", JUDGES as usize);
    send(&site, &parts[1]);
    site.settle(|| {});
    service.stop();

    let said = Said::on_topics(&site);
    let live = said.finals(passed);
    assert_same(&replay(&site, "replayed", &[]).finals(passed), &live, "a replay by both meanings");
    let indicators = |after: bool| {
        let summaries = lines(&said.summaries).into_iter().filter(|summary| summary["model"] == "fraud");
        let chosen = summaries.filter(|summary| (summary["as_of"].as_i64() >= from.iter().max().copied()) == after);
        chosen.filter(|summary| summary["inactive"].to_string().contains("slice.error_rate")).count()
    };
    assert!(indicators(true) > 0 && indicators(false) == 0, "a mute of the configuration is told in summaries");
    // A replay by the file alone says something else of the time before.
    std::fs::write(site.path("none"), "").unwrap();
    let other = replay(&site, "other", &["--control", site.path("none").to_str().unwrap()]).finals(passed);
    assert_ne!(other, live);
}

#[test]
fn a_baseline_takes_over_from_a_window_that_nobody_has_counted_and_a_replay_says_the_same() {
    let log = Log::new(11, Made { days: 24, unruly: false });
    let all = posts(&log, PARTITIONS, TAIL);
    let passed = Passed::of(&all, PARTITIONS);
    let parts = cut(all, &[8, 13]);
    let inputs = Inputs::new(PARTITIONS as i32);
    let mut site = site(&inputs, JUDGES);
    let mut service = Service::start(&site, "a", 2);
    service.must_start();
    send(&site, &parts[0]);
    site.settle(|| {});

    // The first days as they were are the new reference of one model.
    let files = live::stream::files(&parts[0]);
    let [predictions, outcomes, made] = ["predictions", "outcomes", "new.json"].map(|name| site.path(name));
    std::fs::write(predictions.with_extension("jsonl"), &files[0]).unwrap();
    std::fs::write(outcomes.with_extension("jsonl"), &files[1]).unwrap();
    let (predictions, outcomes) = (predictions.with_extension("jsonl"), outcomes.with_extension("jsonl"));
    let [predictions, outcomes, new] = [&predictions, &outcomes, &made].map(|path| path.to_str().unwrap());
    done(&site, &["baseline", "build", "--inferences", predictions, "--labels", outcomes, "--out", new]);
    let accept = |site: &Site, day: i64, more: i64| {
        let from = (START + day * DAY + more).to_string();
        command(site, &["baseline", "accept", "--baseline", new, "--model", "fraud", "--from", &from])
    };
    let crooked = accept(&site, 20, HOUR);
    assert_eq!(crooked.code, 2, "{}", crooked.out);
    holds(&crooked.err, &["is not the start of a window"]);
    assert_eq!(accept(&site, 2, 0).code, 2, "what is published stays");

    // Asked for by somebody else's tool, in windows that tasks have counted: it is refused, and nothing changes.
    let mut profiles = truthline::baseline::read(&std::fs::read_to_string(new).unwrap()).unwrap();
    profiles.retain(|profile| profile.model == "fraud");
    let baseline = truthline::baseline::write(&profiles);
    let late = serde_json::json!({
        "type": "baseline", "model": "fraud", "event_time": START + 5 * DAY, "baseline": baseline,
    });
    publish(&site, &late.to_string());
    let begun = Instant::now();
    while !done(&site, &["control", "list"]).contains("never: it came too late") {
        assert!(begun.elapsed() < PATIENCE, "{}", done(&site, &["control", "list"]));
        std::thread::sleep(Duration::from_millis(100));
    }
    // What cannot be read is left out by all alike.
    publish(&site, r#"{"type":"mute","indicator":"*"}"#);
    // One that lies ahead, while the process dies and comes back.
    let from = START + 13 * DAY;
    let ended = accept(&site, 13, 0);
    assert_eq!(ended.code, 0, "{}", ended.err);
    service.kill();
    send(&site, &parts[1]);
    service.again();
    assert_eq!(obeyed(&site, "baseline", 1), [from]);
    send(&site, &parts[2]);
    site.settle(|| {});
    // The state of windows and rows that were counted by it comes back, too.
    service.kill();
    service.again();
    site.settle(|| {});
    service.stop();
    assert_eq!(service.log().matches("panicked").count(), 0);

    let live = Said::on_topics(&site).finals(passed);
    assert_same(&replay(&site, "replayed", &[]).finals(passed), &live, "a replay by both baselines");
    std::fs::write(site.path("none"), "").unwrap();
    let other = replay(&site, "other", &["--control", site.path("none").to_str().unwrap()]).finals(passed);
    let end = |line: &String| serde_json::from_str::<Json>(line).unwrap()["window"]["end"].as_i64().unwrap_or(0);
    let of_fraud = |key: &&String| key.starts_with("summary \"fraud\"");
    let differ: Vec<i64> = live
        .iter()
        .filter(|(key, line)| of_fraud(key) && other.get(*key) != Some(line))
        .map(|(_, line)| end(line))
        .collect();
    assert!(!differ.is_empty() && differ.iter().all(|end| *end > from), "{differ:?}");
    let rest = |said: &std::collections::BTreeMap<String, String>| {
        let rest = said.iter().filter(|(key, _)| key.starts_with("summary") && !of_fraud(key));
        rest.map(|(key, line)| (key.clone(), line.clone())).collect::<std::collections::BTreeMap<_, _>>()
    };
    assert_same(&rest(&other), &rest(&live), "models that it does not concern");

    holds(&done(&site, &["control", "list"]), &["note: 1 records cannot be used; the first", "indicator"]);
    // The files of the configuration stay; another one is refused with the way to it.
    let old = site.baseline();
    site.change(&old, new);
    let ended = command(&site, &["run"]);
    assert_eq!(ended.code, 78, "{}", ended.err);
    holds(&ended.err, &["the baseline of model 'fraud'", "`truthline baseline accept`"]);
}
