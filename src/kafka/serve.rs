//! How does a producer tell what it has written while somebody waits for it?
//!
//! The client's own waiting asks the clock over and over, a whole processor long. So we sleep in short steps and let it
//! speak in between: for a moment, because it tells one thing at a time.

use std::time::Duration;

use rdkafka::producer::{BaseProducer, ProducerContext};

/// How long we sleep at a time.
const STEP: Duration = Duration::from_millis(2);
/// How long the client may speak after each step.
const SPEECH: Duration = Duration::from_micros(50);

/// Waits a while, and lets the producer tell what has been written meanwhile.
pub(super) fn serve<C: ProducerContext>(producer: &BaseProducer<C>, wait: Duration) {
    let mut left = wait;
    while !left.is_zero() {
        let step = left.min(STEP);
        std::thread::sleep(step);
        producer.poll(SPEECH);
        left -= step;
    }
}
