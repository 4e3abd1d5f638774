//! With which properties does each kind of client run?
//!
//! Three layers: defaults that a user may change, the properties of the configuration, and on top those on which the
//! promises depend. The configuration refuses the last ones by name.

use rdkafka::ClientConfig;

use super::log;
use crate::config::Config;

/// The share of `state.memory` that one client may hold in its queues, as a divisor.
const SHARE_OF_MEMORY: u64 = 16;
/// Bounds of what a consumer fetches ahead, in KiB.
const PREFETCH_KIB: (u64, u64) = (1 << 10, 64 << 10);
/// Bounds of what a producer holds until it is written, in KiB.
const UNWRITTEN_KIB: (u64, u64) = (16 << 10, 256 << 10);
/// The largest record that is written, in bytes. The internal topics allow the same.
pub(super) const LARGEST_RECORD: u32 = 8 << 20;

/// A member of the group `group`, known to it as `instance`. It commits nothing by itself, reads committed records
/// only, tells the end of each partition, and takes equal partitions of all its topics.
///
/// A position that is no longer there is an error: a process that silently began elsewhere would lose records.
pub fn consumer(config: &Config, group: &str, instance: &str) -> ClientConfig {
    let mut client = reader(config);
    client.set("group.id", group).set("group.instance.id", instance).set("client.id", client_id(config, instance));
    // Only `range` gives partition p of every topic to the same member. The newer protocol names it on the broker.
    let newer = config.kafka.properties.get("group.protocol").is_some_and(|protocol| protocol == "consumer");
    if newer {
        client.set("group.remote.assignor", "range");
    } else {
        client.set("partition.assignment.strategy", "range");
    }
    client
}

/// The group of the judges, who read what the members of the configured group have counted.
pub fn judges_group(config: &Config) -> String {
    format!("{}.judges", config.kafka.group)
}

/// The group of those who write the inputs anew by request id, where that is asked for.
pub fn rewriters_group(config: &Config) -> String {
    format!("{}.rewrite", config.kafka.group)
}

/// A consumer that belongs to no group and is told what to read: for restores, replays and checks. It never commits.
pub fn reader(config: &Config) -> ClientConfig {
    let mut client = base(config, |client| {
        let kib = (config.state.memory / SHARE_OF_MEMORY / 1024).clamp(PREFETCH_KIB.0, PREFETCH_KIB.1);
        client
            .set("queued.min.messages", "10000")
            .set("queued.max.messages.kbytes", kib.to_string())
            // One answer of a broker may not be larger than all that may wait; and never below the least it accepts.
            .set("fetch.max.bytes", (kib << 10).clamp(1 << 20, 50 << 20).to_string())
            .set("fetch.queue.backoff.ms", "50");
    });
    client
        // The library wants a name even if nobody joins a group; this one needs no right that `run` has not anyway.
        .set("group.id", &*config.kafka.group)
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set("allow.auto.create.topics", "false");
    client
}

/// A reader of many partitions at once: what it fetches ahead is shared out among them, within bounds for each, in KiB.
pub(super) fn stretches(config: &Config, partitions: u32, (least, most): (u64, u64), records: u64) -> ClientConfig {
    let mut client = reader(config);
    let partitions = u64::from(partitions.max(1));
    let all = ((config.state.memory / SHARE_OF_MEMORY) >> 10).clamp(PREFETCH_KIB.0, PREFETCH_KIB.1);
    let kib = (all / partitions).clamp(least, most);
    let records = (records / partitions).clamp(500, 10_000);
    let own = [
        ("queued.max.messages.kbytes", kib.to_string()),
        ("queued.min.messages", records.to_string()),
        ("max.partition.fetch.bytes", ((kib << 10).min(1 << 20)).to_string()),
    ];
    for (name, value) in own {
        if !config.kafka.properties.contains_key(name) {
            client.set(name, value);
        }
    }
    client
}

/// A producer: transactional if it has a transactional id, else only idempotent.
pub fn producer(config: &Config, transactional_id: Option<&str>) -> ClientConfig {
    let mut client = base(config, |client| {
        let kib = (config.state.memory / SHARE_OF_MEMORY / 1024).clamp(UNWRITTEN_KIB.0, UNWRITTEN_KIB.1);
        client
            .set("queue.buffering.max.kbytes", kib.to_string())
            .set("message.max.bytes", LARGEST_RECORD.to_string())
            .set("compression.type", "lz4")
            .set("linger.ms", "5")
            .set("retry.backoff.ms", "20")
            .set("transaction.timeout.ms", "30000")
            // Below the transaction's: a record that cannot be written ends the transaction in time.
            .set("message.timeout.ms", "25000");
    });
    client.set("acks", "all").set("enable.idempotence", "true").set("partitioner", "murmur2_random");
    if let Some(id) = transactional_id {
        client.set("transactional.id", id);
    }
    client
}

/// A client that asks about topics and creates them.
pub fn admin(config: &Config) -> ClientConfig {
    base(config, |_| {})
}

/// The transactional id of one lane, or of whatever else writes: equal after a restart, so that the successor of a
/// dead process ends what it left open.
pub fn transactional_id(config: &Config, instance: &str, part: &str) -> String {
    format!("{}-{instance}-{part}", config.kafka.group)
}

fn client_id(config: &Config, instance: &str) -> String {
    config.kafka.properties.get("client.id").cloned().unwrap_or_else(|| format!("truthline-{instance}"))
}

/// The defaults, then the properties of the user, then the brokers.
fn base(config: &Config, defaults: impl FnOnce(&mut ClientConfig)) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set_log_level(log::level());
    client.set("client.id", "truthline").set("socket.keepalive.enable", "true").set("log.connection.close", "false");
    defaults(&mut client);
    client.extend(config.kafka.properties.iter().map(|(name, value)| (name.clone(), value.clone())));
    client.set("bootstrap.servers", &*config.kafka.brokers);
    client
}

#[cfg(test)]
mod tests {
    use rdkafka::consumer::{BaseConsumer, DefaultConsumerContext};
    use rdkafka::producer::{BaseProducer, DefaultProducerContext};

    use super::*;

    fn config(text: &str) -> Config {
        Config::from_yaml(text).unwrap()
    }

    #[test]
    fn the_library_accepts_every_kind() {
        for text in ["", "state: {memory: 1MiB}", "state: {memory: 900GiB}", "kafka: {properties: {linger.ms: 0}}"] {
            let config = config(text);
            consumer(&config, "g", "i").create_with_context::<_, BaseConsumer<_>>(DefaultConsumerContext).unwrap();
            reader(&config).create_with_context::<_, BaseConsumer<_>>(DefaultConsumerContext).unwrap();
            for id in [None, Some("t")] {
                producer(&config, id).create_with_context::<_, BaseProducer<_>>(DefaultProducerContext).unwrap();
            }
        }
        let config = config("kafka: {properties: {group.protocol: consumer}}");
        consumer(&config, "g", "i").create_with_context::<_, BaseConsumer<_>>(DefaultConsumerContext).unwrap();
        reader(&config).create_with_context::<_, BaseConsumer<_>>(DefaultConsumerContext).unwrap();
    }

    #[test]
    fn the_user_stands_above_defaults_and_below_promises() {
        let mut config = config("kafka: {properties: {linger.ms: 50, client.id: mine, sasl.mechanism: PLAIN}}");
        // Past the configuration, which refuses it.
        config.kafka.properties.insert("isolation.level".into(), "read_uncommitted".into());
        config.kafka.properties.insert("acks".into(), "1".into());
        let (consumer, producer) = (consumer(&config, "g", "i"), producer(&config, Some("t")));
        assert_eq!(producer.get("linger.ms"), Some("50"));
        assert_eq!(consumer.get("client.id"), Some("mine"));
        assert_eq!(admin(&config).get("sasl.mechanism"), Some("PLAIN"));
        assert_eq!(consumer.get("isolation.level"), Some("read_committed"));
        assert_eq!(producer.get("acks"), Some("all"));
        assert_eq!(consumer.get("partition.assignment.strategy"), Some("range"));
    }

    #[test]
    fn what_is_fetched_ahead_follows_the_memory_within_bounds() {
        let kib = |memory: &str| {
            let client = reader(&config(&format!("state: {{memory: {memory}}}")));
            client.get("queued.max.messages.kbytes").unwrap().parse::<u64>().unwrap()
        };
        assert_eq!([kib("1MiB"), kib("512MiB"), kib("1GiB"), kib("64GiB")], [1 << 10, 32 << 10, 64 << 10, 64 << 10]);
    }
}
