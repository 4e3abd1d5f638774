//! What happens when records do not lie where their request ids would put them?
//!
//! It is recognised from the records themselves, and said with the setting that mends it, as a live alert that ends when
//! the trouble does.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]
#![allow(clippy::disallowed_methods, reason = "a test may wait")]

mod broker;
mod live;
mod support;

use std::time::{Duration, Instant};

use live::service::Service;
use live::stream::{Post, Publisher, posts};
use live::{Inputs, Site, read};
use serde_json::Value as Json;
use support::{Log, Made};
use truthline::event::value_hash;

const OUT_OF_ORDER: [&str; 2] = ["out_of_order: 1h", "out_of_order: 30m"];
/// Nothing is learnt in so short a time, so that no record waits for a lesson.
const MODELS: &str = "defaults: {window: 1d, label_window: 3d, learn: 300d}\nmodels: {risk: {early: 3h}}";
/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A user of whom there are some dozens: equal for a prediction and its label.
fn user(id: &str) -> String {
    format!("user-{}", value_hash(id) % 60)
}

/// A log of some days, without the records that close it.
fn made(seed: u64) -> Vec<Post> {
    let log = Log::new(seed, Made { days: 6, unruly: false });
    let mut posts = posts(&log, 1, support::DAY);
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
