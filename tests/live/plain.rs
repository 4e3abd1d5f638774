//! A plain stream: one prediction a minute of one model, each with its label some minutes later.

use super::stream::{Post, Publisher};
use super::{Inputs, broker};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use std::collections::BTreeMap;
use std::time::Duration;
use truthline::event::murmur2_partition;

pub(crate) const MINUTE: i64 = 60_000_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
/// 2026-01-05T00:00:00Z.
pub(crate) const START: i64 = 1_767_571_200_000_000;

/// When the prediction of this number was made.
pub(crate) fn time_of(number: i64) -> i64 {
    START + number * MINUTE
}

/// A prediction of the model `m`.
pub(crate) fn prediction(id: &str, number: i64, time: i64) -> Post {
    let text = format!(
        r#"{{"request_id":"{id}","event_time":{time},"model":"m","version":"v1","score":0.{:02},"threshold":0.5}}"#,
        10 + number * 7 % 80
    );
    Post::json(false, time, &text)
}

/// What turned out to be true: positive as often as the score says.
pub(crate) fn label(id: &str, number: i64, time: i64) -> Post {
    let positive = number * 37 % 100 < 10 + number * 7 % 80;
    let text = format!(r#"{{"request_id":"{id}","event_time":{time},"label":{}}}"#, i64::from(positive));
    Post::json(true, time, &text)
}

/// Predictions of these numbers, and each label `delay` later, in the order of time.
pub(crate) fn minutes(numbers: std::ops::Range<i64>, delay: i64) -> Vec<Post> {
    let mut posts = Vec::new();
    for number in numbers {
        let id = format!("r{number}");
        posts.push((time_of(number), prediction(&id, number, time_of(number))));
        let told = time_of(number) + delay;
        posts.push((told, label(&id, number, told)));
    }
    posts.sort_by_key(|(time, _)| *time);
    posts.into_iter().map(|(_, post)| post).collect()
}

/// One prediction and one label on every partition, so late that all before is closed by them.
pub(crate) fn tail(partitions: u32, time: i64) -> Vec<Post> {
    let mut posts = Vec::new();
    for partition in 0..partitions {
        let id = id_on(partition, partitions, "tail");
        posts.push(prediction(&id, 0, time));
        posts.push(label(&id, 0, time));
    }
    posts
}

/// An id that lies on this partition.
pub(crate) fn id_on(partition: u32, partitions: u32, start: &str) -> String {
    let mut ids = (0..).map(|number| format!("{start}-{number}"));
    ids.find(|id| murmur2_partition(id.as_bytes(), partitions) == partition).unwrap()
}

pub(crate) fn publish(inputs: &Inputs, posts: &[Post]) {
    let publisher = Publisher::new();
    posts.iter().for_each(|post| publisher.send(inputs, post));
    publisher.flush();
}

/// The offset after the last record of each partition of some topics, as the broker says.
pub(crate) fn ends(topics: &[&str], partitions: i32) -> BTreeMap<(String, i32), i64> {
    let client: BaseConsumer = broker().client().create().unwrap();
    let mut ends = BTreeMap::new();
    for topic in topics {
        for partition in 0..partitions {
            let (_, end) = client.fetch_watermarks(topic, partition, Duration::from_secs(20)).unwrap();
            ends.insert(((*topic).to_owned(), partition), end);
        }
    }
    ends
}
