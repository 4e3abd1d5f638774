//! How does a producer tell what it has written while somebody waits for it?
//!
//! The client's own waiting asks the clock over and over, a whole processor long. So we sleep and then ask once.

use std::time::Duration;

use rdkafka::producer::{BaseProducer, ProducerContext};

/// Waits a while, and lets the producer tell what has been written meanwhile.
pub(super) fn serve<C: ProducerContext>(producer: &BaseProducer<C>, wait: Duration) {
    std::thread::sleep(wait);
    producer.poll(Duration::ZERO);
}
