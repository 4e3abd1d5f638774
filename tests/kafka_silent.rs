//! What if the labels' topic is silent for days, while predictions go on?
//!
//! The silence is told by the clock on the wall. Predictions wait, a killed process finds them again, and when labels come
//! after all, what is final equals a replay, as bytes: nothing was closed, nothing was lost.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]
#![allow(clippy::disallowed_methods, reason = "a test waits for other processes")]

mod broker;
mod live;
mod support;

use std::time::{Duration, Instant};

use live::plain::{DAY, HOUR, MINUTE, START, label, prediction, publish, tail};
use live::said::{Passed, Said, census};
use live::service::Service;
use live::stream::Post;
use live::{Inputs, Site, read};
use serde_json::Value as Json;
use support::assert_same;

const OUT_OF_ORDER: [&str; 2] = ["out_of_order: 10m", "out_of_order: 10m"];
/// Between two predictions: as many a day as make a test quick.
const STEP: i64 = 10 * MINUTE;
const PER_DAY: i64 = DAY / STEP;
const DELAY: i64 = 3 * HOUR;
const LABEL_WINDOW: i64 = 2 * DAY;
const MODELS: &str = "defaults: {window: 6h, label_window: 2d, early: 0s, learn: 300d}\nno_data: 3s";
const PATIENCE: Duration = Duration::from_secs(90);

/// Predictions of some days.
fn predictions(days: std::ops::Range<i64>) -> Vec<Post> {
    let numbers = days.start * PER_DAY..days.end * PER_DAY;
    numbers.map(|number| prediction(&format!("r{number}"), number, START + number * STEP)).collect()
}

/// Labels that tell of the predictions of these days, in the order of their own times.
fn labels(days: std::ops::Range<i64>) -> Vec<Post> {
    let numbers = days.start * PER_DAY..days.end * PER_DAY;
    numbers.map(|number| label(&format!("r{number}"), number, START + number * STEP + DELAY)).collect()
}

fn lines(site: &Site, end: &str) -> Vec<Json> {
    read(&site.topic(end)).into_iter().map(|got| serde_json::from_slice(&got.value.unwrap()).unwrap()).collect()
}

/// The states that an alert of silence of a topic went through.
fn silence(site: &Site, topic: &str) -> Vec<String> {
    let alerts = lines(site, "alerts").into_iter();
    let about = |alert: &Json| alert["indicator"] == "pipeline.no_data" && alert["subject"]["source"] == topic;
    alerts.filter(about).map(|alert| alert["state"].as_str().unwrap().to_owned()).collect()
}

fn wait(service: &mut Service, what: &str, mut look: impl FnMut(&Service) -> bool) {
    let begun = Instant::now();
    while !look(service) {
        service.must_run();
        assert!(begun.elapsed() < PATIENCE, "{what}:\n{}", service.tail());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Rows that wait for labels, over all partitions.
fn waiting(service: &Service) -> i64 {
    let Some(page) = service.page("/api/v1/status") else { return -1 };
    let status: Json = serde_json::from_str(&page).unwrap();
    status["tasks"].as_array().unwrap().iter().map(|task| task["pending_rows"].as_i64().unwrap()).sum()
}

/// The end of the last window that is final.
fn closed(site: &Site) -> Option<i64> {
    let finals = lines(site, "summaries").into_iter().filter(|summary| summary["final"] == true);
    finals.map(|summary| summary["window"]["end"].as_i64().unwrap()).max()
}

#[test]
fn predictions_wait_for_labels_that_are_silent_for_days_and_in_the_end_a_replay_says_the_same() {
    let inputs = Inputs::new(2);
    let site = Site::new(&inputs, OUT_OF_ORDER, MODELS, 1);
    let mut posts = Vec::new();
    let mut send = |some: Vec<Post>| {
        publish(&inputs, &some);
        posts.extend(some);
    };
    let mut service = Service::start(&site, "patient", 2);
    // Three days as they should be.
    for day in 0..3 {
        send(predictions(day..day + 1));
        send(labels(day..day + 1));
    }
    site.settle(|| service.must_run());
    // What the labels have passed by their window: for want of labels nothing else may be closed.
    let last = START + 3 * DAY + DELAY - LABEL_WINDOW;
    wait(&mut service, "the first day has all its labels", |_| closed(&site).is_some());

    // Five days of predictions alone; the process is killed among them.
    for half_day in 0..10 {
        let first = 3 * PER_DAY + half_day * PER_DAY / 2;
        let numbers = first..first + PER_DAY / 2;
        send(numbers.map(|number| prediction(&format!("r{number}"), number, START + number * STEP)).collect());
        std::thread::sleep(Duration::from_millis(500));
        if half_day == 5 {
            service.must_run();
            service.kill();
            service.again();
        }
    }
    wait(&mut service, "the silence of labels is told", |_| {
        silence(&site, "labels").last().is_some_and(|it| it == "firing")
    });
    let told = lines(&site, "alerts").into_iter().filter(|it| it["indicator"] == "pipeline.no_data");
    for alert in told {
        assert_eq!(
            (&alert["basis_final"], &alert["model"], &alert["basis"]),
            (&false.into(), &Json::Null, &"pipeline".into())
        );
    }
    site.settle(|| service.must_run());
    wait(&mut service, "all predictions of the silent days wait", |service| waiting(service) == 5 * PER_DAY);
    assert!(closed(&site) <= Some(last), "nothing was closed without its labels");

    // The labels of the last days come, in time by their own order; those of the first silent days never do.
    send(labels(6..8));
    wait(&mut service, "labels come again", |_| silence(&site, "labels").last().is_some_and(|it| it == "resolved"));
    send(predictions(8..10));
    send(labels(8..10));
    send(tail(2, START + 60 * DAY + 7 * MINUTE));
    site.settle(|| service.must_run());
    service.stop();

    let said = Said::on_topics(&site);
    let passed = Passed::of(&posts, 2);
    let live = said.finals(passed);
    let out = site.path("replayed");
    let sources = [&inputs.inferences, &inputs.labels].map(|topic| format!("kafka:{topic}"));
    let mut command = site.command(&["replay", "--inferences", &sources[0], "--labels", &sources[1]]);
    let done = command.arg("--out").arg(&out).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_same(&Said::in_folder(&out).finals(passed), &live, "a replay, and a process whose labels were silent");
    assert!(census(&live)["summary"] >= 40, "{:?}", census(&live));

    // What every reader can count: who had a label within the label window, and that nobody was forgotten.
    let (mut counted, mut labelled) = (0, 0);
    for summary in lines(&site, "summaries").iter().filter(|summary| summary["final"] == true) {
        assert_eq!(summary["late_after_idle"], 0);
        let length = summary["window"]["end"].as_i64().unwrap() - summary["window"]["start"].as_i64().unwrap();
        if length == 6 * HOUR && summary["window"]["start"].as_i64().unwrap() < START + 10 * DAY {
            counted += summary["counts"]["inferences"].as_i64().unwrap();
            labelled += summary["counts"]["labelled"].as_i64().unwrap();
        }
    }
    assert_eq!((counted, labelled), (10 * PER_DAY, 7 * PER_DAY));
}
