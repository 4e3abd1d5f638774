//! Does the broker of the tests behave: keep its data over a crash, and leave nothing when it goes?

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod broker;

use std::path::Path;
use std::time::Duration;

use broker::{Broker, unique};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

/// The number of records in partition 0 of a topic.
fn records(broker: &Broker, topic: &str) -> i64 {
    let client: BaseConsumer = broker.client().create().unwrap();
    let (low, high) = client.fetch_watermarks(topic, 0, Duration::from_secs(20)).unwrap();
    high - low
}

#[test]
fn a_crash_keeps_the_data_and_the_end_leaves_nothing() {
    let mut broker = Broker::start();
    let topic = unique("topic");
    broker.create_topic(&topic, 1, &[]);
    let producer: BaseProducer = broker.client().create().unwrap();
    for _ in 0..10 {
        producer.send(BaseRecord::<(), _>::to(&topic).payload("x")).unwrap();
    }
    producer.flush(Duration::from_secs(20)).unwrap();
    let address = broker.bootstrap().to_owned();
    for crash in [true, false] {
        if crash {
            broker.kill();
        } else {
            broker.stop();
        }
        let client: BaseConsumer = broker.client().create().unwrap();
        assert!(client.fetch_metadata(Some(&topic), Duration::from_millis(500)).is_err(), "it still answers");
        broker.restart();
        assert_eq!((records(&broker, &topic), broker.bootstrap()), (10, &*address));
    }
    let folder = broker.folder().to_owned();
    let pid = std::fs::read_to_string(folder.join("pid")).unwrap();
    drop(broker);
    assert!(!folder.exists(), "{} is left", folder.display());
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "process {pid} is left");
}
