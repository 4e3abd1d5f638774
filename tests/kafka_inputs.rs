//! What if the predictions of different models come over different topics?
//!
//! They are read side by side, and whether a record is late is a matter of its own topic and partition. One label topic
//! serves all. The finals equal a replay of the same topics.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]
#![allow(clippy::disallowed_methods, reason = "a test may wait")]

mod broker;
mod live;
mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use live::said::Said;
use live::service::Service;
use live::stream::{Post, Publisher};
use live::{Inputs, Site, read};
use serde_json::Value as Json;

const HOUR: i64 = 3_600_000_000;
/// 2026-01-05T00:00:00Z.
const START: i64 = 1_767_571_200_000_000;
const HOURS: i64 = 12;
/// When the last records come: every window before is closed by them.
const END: i64 = START + 40 * HOUR;
const MODELS: &str = "defaults: {window: 1h, label_window: 2h, early: 0s, learn: 300d, ages: [0s]}";
const PATIENCE: Duration = Duration::from_secs(90);

/// Final summaries of the hours of interest, by model and start.
fn finals(lines: &[String]) -> BTreeMap<(String, i64), String> {
    let mut finals = BTreeMap::new();
    for line in lines {
        let summary: Json = serde_json::from_str(line).unwrap();
        let start = summary["window"]["start"].as_i64().unwrap();
        let hour = summary["window"]["end"].as_i64().unwrap() - start == HOUR;
        if summary["final"] == true && hour && start < START + HOURS * HOUR {
            let key = (summary["model"].as_str().unwrap().to_owned(), start);
            assert!(finals.insert(key, line.clone()).is_none(), "said twice: {line}");
        }
    }
    finals
}

#[test]
fn two_topics_of_predictions_and_one_of_labels_say_what_their_replay_says() {
    let (cards, transfers) = (Inputs::new(2), Inputs::new(2));
    let both = Inputs {
        inferences: format!("[{}, {}]", cards.inferences, transfers.inferences),
        labels: cards.labels.clone(),
        partitions: 2,
    };
    let site = Site::new(&both, ["out_of_order: 10m", "out_of_order: 10m"], MODELS, 1);
    let publisher = Publisher::new();
    let minute = HOUR / 60;
    for (model, inputs) in [("cards", &cards), ("transfers", &transfers)] {
        for number in 0..HOURS * 60 {
            let time = START + number * minute;
            let id = format!("{model}-{number}");
            let row = format!(
                r#"{{"request_id":"{id}","event_time":{time},"model":"{model}","version":"v1","score":0.{:02},"threshold":0.5}}"#,
                10 + number % 80
            );
            publisher.send(inputs, &Post::json(false, time, &row));
            if number % 3 > 0 {
                let told = time + 20 * minute;
                let label = format!(r#"{{"request_id":"{id}","event_time":{told},"label":{}}}"#, number % 2);
                publisher.send(&cards, &Post::json(true, told, &label));
            }
        }
    }
    // On `transfers` alone a record comes that is late there, and would not be if both topics had one watermark.
    let late = format!(
        r#"{{"request_id":"late","event_time":{},"model":"transfers","version":"v1","score":0.5,"threshold":0.5}}"#,
        START + HOUR
    );
    publisher.send(&transfers, &Post::json(false, START + HOURS * HOUR, &late));
    for number in 0..12 {
        for (model, inputs) in [("cards", &cards), ("transfers", &transfers)] {
            let id = format!("{model}-end-{number}");
            let row = format!(
                r#"{{"request_id":"{id}","event_time":{END},"model":"{model}","version":"v1","score":0.5,"threshold":0.5}}"#
            );
            publisher.send(inputs, &Post::json(false, END, &row));
            let label = format!(r#"{{"request_id":"{id}","event_time":{END},"label":0}}"#);
            publisher.send(&cards, &Post::json(true, END, &label));
        }
    }
    publisher.flush();

    let mut service = Service::start(&site, "several", 1);
    let begun = Instant::now();
    let live = loop {
        service.must_run();
        let lines: Vec<String> = read(&site.topic("summaries"))
            .into_iter()
            .map(|got| String::from_utf8(got.value.unwrap()).unwrap())
            .collect();
        let found = finals(&lines);
        if found.len() == 2 * HOURS as usize {
            break found;
        }
        assert!(begun.elapsed() < PATIENCE, "{} of {}\n{}", found.len(), 2 * HOURS, service.tail());
        std::thread::sleep(Duration::from_millis(300));
    };
    service.stop();

    let out = site.path("replayed");
    let mut command = site.command(&["replay"]);
    let topic = |name: &str| format!("kafka:{name}");
    command.args(["--inferences", &topic(&cards.inferences), &topic(&transfers.inferences)]);
    command.args(["--labels", &topic(&cards.labels)]).arg("--out").arg(&out);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(live, finals(&Said::in_folder(&out).summaries));
    let counted: i64 = live
        .iter()
        .filter(|((model, _), _)| model == "transfers")
        .map(|(_, line)| serde_json::from_str::<Json>(line).unwrap()["counts"]["late"].as_i64().unwrap())
        .sum();
    assert_eq!(counted, 1, "the late record is late by its own topic");
}

/// Predictions by hour in the final summaries of a site, as soon as there are `hours` of them.
fn counted(site: &Site, service: &mut Service, hours: usize) -> BTreeMap<i64, i64> {
    let begun = Instant::now();
    loop {
        service.must_run();
        let lines: Vec<String> = read(&site.topic("summaries"))
            .into_iter()
            .map(|got| String::from_utf8(got.value.unwrap()).unwrap())
            .collect();
        let found: BTreeMap<i64, i64> = finals(&lines)
            .into_iter()
            .map(|((_, start), line)| {
                let summary: Json = serde_json::from_str(&line).unwrap();
                ((start - START) / HOUR, summary["counts"]["inferences"].as_i64().unwrap())
            })
            .collect();
        if found.len() >= hours {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{found:?}\n{}", service.tail());
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn a_new_group_begins_where_it_is_told() {
    let inputs = Inputs::new(2);
    let publisher = Publisher::new();
    let minute = HOUR / 60;
    let hour = |which: i64| {
        for number in which * 60..which * 60 + 60 {
            let time = START + number * minute;
            let row = format!(
                r#"{{"request_id":"r{number}","event_time":{time},"model":"m","version":"v1","score":0.5,"threshold":0.5}}"#
            );
            publisher.send(&inputs, &Post::json(false, time, &row));
        }
        publisher.flush();
    };
    hour(0);
    hour(1);
    let site = |start: &str| {
        Site::new(&inputs, ["out_of_order: 1m", "out_of_order: 1m"], &format!("start: {start}\n{MODELS}"), 1)
    };
    // One begins with what comes next, once it is there; one at the second hour.
    let (latest, second) = (site("latest"), site("'2026-01-05T01:00:00Z'"));
    let mut next = Service::start(&latest, "latest", 1);
    let begun = Instant::now();
    while next.log().matches("\"restored\"").count() < 2 {
        next.must_run();
        assert!(begun.elapsed() < PATIENCE, "{}", next.tail());
        std::thread::sleep(Duration::from_millis(100));
    }
    hour(2);
    for number in 0..12 {
        let row = format!(
            r#"{{"request_id":"end-{number}","event_time":{END},"model":"m","version":"v1","score":0.5,"threshold":0.5}}"#
        );
        publisher.send(&inputs, &Post::json(false, END, &row));
        let label = format!(r#"{{"request_id":"end-{number}","event_time":{END},"label":0}}"#);
        publisher.send(&inputs, &Post::json(true, END, &label));
    }
    publisher.flush();
    let mut at = Service::start(&second, "second", 1);
    assert_eq!(counted(&latest, &mut next, 1), BTreeMap::from([(2, 60)]));
    assert_eq!(counted(&second, &mut at, 2), BTreeMap::from([(1, 60), (2, 60)]));
    next.stop();
    at.stop();
}
