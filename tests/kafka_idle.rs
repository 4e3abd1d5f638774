//! What happens when a partition, or a whole topic, falls silent?
//!
//! Windows are closed without it once it is caught up and has been silent for long enough. If a record comes after all,
//! its window is told anew, and at the end it says what a replay says, but for the count of such records.
#![allow(clippy::format_push_string, reason = "a test may take the short way")]
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
use truthline::event::murmur2_partition;

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
/// 2026-01-05T00:00:00Z.
const START: i64 = 1_767_571_200_000_000;
const OUT_OF_ORDER: [&str; 2] = ["out_of_order: 1m", "out_of_order: 1m"];
/// Alerts of windows that were told anew are not computed again, so they have no part in this.
const MODELS: &str = "defaults: {window: 1h, label_window: 2h, early: 0s, learn: 300d, ages: [0s], mute: ['*']}";
const PATIENCE: Duration = Duration::from_secs(90);

fn prediction(number: i64, time: i64) -> (i64, String) {
    let text = format!(
        r#"{{"request_id":"r{number}","event_time":{time},"model":"m","version":"v1","score":0.{:02},"threshold":0.5}}"#,
        10 + number % 80
    );
    (time, text)
}

fn label(id: &str, time: i64) -> String {
    format!(r#"{{"request_id":"{id}","event_time":{time},"label":1}}"#)
}

fn partition(number: i64) -> u32 {
    murmur2_partition(format!("r{number}").as_bytes(), 2)
}

/// The newest final summary of each window, by its start, and how often each was published.
fn finals(site: &Site) -> BTreeMap<i64, (Json, usize)> {
    let mut finals: BTreeMap<i64, (Json, usize)> = BTreeMap::new();
    for got in read(&site.topic("summaries")) {
        let summary: Json = serde_json::from_slice(&got.value.unwrap()).unwrap();
        let length = summary["window"]["end"].as_i64().unwrap() - summary["window"]["start"].as_i64().unwrap();
        if summary["final"] == true && length == HOUR {
            let entry = finals.entry(summary["window"]["start"].as_i64().unwrap()).or_insert((Json::Null, 0));
            *entry = (summary, entry.1 + 1);
        }
    }
    finals
}

/// Waits until the finals are as wanted.
fn wait(
    site: &Site,
    service: &mut Service,
    what: &str,
    wanted: impl Fn(&BTreeMap<i64, (Json, usize)>) -> bool,
) -> BTreeMap<i64, (Json, usize)> {
    let begun = Instant::now();
    loop {
        service.must_run();
        let found = finals(site);
        if wanted(&found) {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: {found:?}\n{}", service.tail());
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn count(summary: &Json, name: &str) -> i64 {
    summary["counts"][name].as_i64().unwrap()
}

#[test]
fn a_silent_partition_is_passed_over_and_what_comes_late_is_told_anew_as_a_replay_has_it() {
    let inputs = Inputs::new(2);
    let site = Site::patient(&inputs, OUT_OF_ORDER, MODELS, 1, "2s");
    let publisher = Publisher::new();
    let mut lines = [String::new(), String::new()];
    let mut send = |is_label: bool, time: i64, text: &str| {
        publisher.send(&inputs, &Post::json(is_label, time, text));
        lines[usize::from(is_label)].push_str(&format!("{text}\n"));
    };
    // Predictions of six hours on both partitions; labels only for those of partition 0.
    for number in 0..360 {
        let (time, text) = prediction(number, START + number * MINUTE);
        send(false, time, &text);
    }
    for number in (0..360).filter(|&number| partition(number) == 0) {
        let time = START + number * MINUTE + 5 * MINUTE;
        send(true, time, &label(&format!("r{number}"), time));
    }
    publisher.flush();
    let mut service = Service::start(&site, "idle", 1);
    let before =
        wait(&site, &mut service, "all six windows are closed over the silent partition", |found| found.len() == 6);
    let first = &before[&START].0;
    let labelled = (0..60).filter(|&number| partition(number) == 0).count() as i64;
    assert_eq!((count(first, "inferences"), count(first, "labelled")), (60, labelled));
    assert_eq!(first["late_after_idle"], 0);

    // A label of the silent partition, in time by the order of its own partition.
    let late = (10..60).find(|&number| partition(number) == 1).unwrap();
    let time = START + late * MINUTE + 30 * MINUTE;
    send(true, time, &label(&format!("r{late}"), time));
    publisher.flush();
    let after = wait(&site, &mut service, "the window is told anew", |found| found[&START].1 == 2);
    let again = &after[&START].0;
    assert_eq!(count(again, "labelled"), labelled + 1);
    assert_eq!(again["late_after_idle"], 1);
    assert_eq!([&again["revision"], &again["as_of"]], [&first["revision"], &first["as_of"]]);
    assert!(after.iter().all(|(start, (_, times))| *start == START || *times == 1), "no other window is told anew");

    // The last records of both partitions: what waited can come no more, and a replay knows as much.
    let end = START + 72 * HOUR;
    for number in [1_000, 1_001, 1_002, 1_003, 1_004, 1_005] {
        let (time, text) = prediction(number, end);
        send(false, time, &text);
        send(true, time, &label(&format!("r{number}"), time));
    }
    publisher.flush();
    assert!((1_000..1_006).any(|number| partition(number) == 0) && (1_000..1_006).any(|number| partition(number) == 1));
    let paths = ["predictions", "labels"].map(|side| site.path(&format!("{side}.jsonl")));
    paths.iter().zip(&lines).for_each(|(path, text)| std::fs::write(path, text).unwrap());
    let out = site.path("replayed");
    let mut command = site.command(&["replay", "--partitions", "2"]);
    command.arg("--inferences").arg(&paths[0]).arg("--labels").arg(&paths[1]).arg("--out").arg(&out);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let replayed: Vec<Json> =
        Said::in_folder(&out).summaries.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let same = |found: &BTreeMap<i64, (Json, usize)>| {
        (0..6).all(|hour| {
            let start = START + hour * HOUR;
            let wanted = replayed.iter().find(|summary| {
                summary["final"] == true
                    && summary["window"]["start"] == start
                    && summary["window"]["end"] == start + HOUR
            });
            let mut live = found[&start].0.clone();
            live["late_after_idle"] = 0.into();
            Some(&live) == wanted
        })
    };
    wait(&site, &mut service, "every window says what a replay says", same);
    service.stop();
}

#[test]
fn windows_are_closed_though_a_label_topic_is_silent_for_hours() {
    let inputs = Inputs::new(2);
    let site = Site::patient(&inputs, OUT_OF_ORDER, MODELS, 1, "2s");
    let publisher = Publisher::new();
    for number in 0..120 {
        let (time, text) = prediction(number, START + number * MINUTE);
        publisher.send(&inputs, &Post::json(false, time, &text));
    }
    publisher.flush();
    let mut service = Service::start(&site, "unlabelled", 1);
    let found = wait(&site, &mut service, "both windows are closed", |found| found.len() == 2);
    for (summary, times) in found.values() {
        assert_eq!((count(summary, "inferences"), count(summary, "labelled"), *times), (60, 0, 1));
    }
    service.stop();
}
