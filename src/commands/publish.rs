//! `truthline demo --publish`: how does a story reach the topics that `run` watches?
//!
//! Its predictions and labels are sent in the order in which a serving system and a back office would have published
//! them, keyed by request id. Records carry the time at which they are sent, not that of their story: a broker removes
//! records that are older than the retention of their topic, and the story plays in the past. Event times stand in the
//! records. Beside it a folder gets the baseline and a configuration, so that `run` can begin at once.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

use super::demo::DemoArgs;
use super::progress::{Progress, Way};
use super::{Exit, Output, build, validate};
use crate::baseline;
use crate::config::{Adapter, Config, ConfigError, Problem};
use crate::kafka::{self, Names, Publisher};
use crate::story::{Fraud, Written};

/// Records between two looks at the clock.
const BATCH: u64 = 64;
/// Records between two movements of the bar.
const SHOWN: u64 = 4_096;

#[derive(Deserialize)]
struct Keyed<'a> {
    #[serde(borrow)]
    request_id: &'a str,
}

/// Sends a story, and writes what `run` needs to judge it.
///
/// # Errors
/// If the configuration is wrong, no broker answers, the inputs are missing, or a file cannot be written.
pub(super) fn run(args: &DemoArgs, story: &Fraud, output: &mut Output) -> anyhow::Result<Exit> {
    let config = validate::load(args.config.as_deref())?;
    let labels = labels_topic(&config, args.config.as_deref())?;
    let (partitions, _) = kafka::inputs(&config)?;
    let written = prepare(args, &config, &labels, story)?;
    let inferences = &config.topics.inferences.name;
    output.line(&format!(
        "Sending {} predictions to {inferences} and {} labels to {labels}, {partitions} partitions each, at {}",
        story.inferences.len(),
        story.labels.len(),
        config.kafka.brokers
    ))?;
    let seconds = send(&config, (inferences, &story.inferences), (&labels, &story.labels), args.rate)?;
    let (alerts, brokers) = (Names::of(&config).alerts, &config.kafka.brokers);
    output.line(&format!("{} records in {seconds:.1} s. Watch them:", story.inferences.len() + story.labels.len()))?;
    output.line(&format!("  truthline run --config {}", written.display()))?;
    output.line("and read the alerts in another terminal:")?;
    output
        .line(&format!("  kafka-console-consumer.sh --bootstrap-server {brokers} --topic {alerts} --from-beginning"))?;
    Ok(Exit::Done)
}

/// The topic of the labels; the story has some, and its records are those of the contract.
fn labels_topic(config: &Config, file: Option<&Path>) -> Result<String, ConfigError> {
    let wrong = |key: &str, text: &str| ConfigError {
        file: file.map(Path::to_path_buf),
        problems: vec![Problem { key: key.to_owned(), text: text.to_owned() }],
    };
    let native = |adapter: &Adapter| *adapter == Adapter::Native;
    if !native(&config.topics.inferences.adapter) {
        return Err(wrong("topics.inferences.adapter", "the demo publishes native records; accepted here: native"));
    }
    match &config.topics.labels {
        Some(topic) if native(&topic.adapter) => Ok(topic.name.clone()),
        Some(_) => Err(wrong("topics.labels.adapter", "the demo publishes native records; accepted here: native")),
        None => {
            Err(wrong("topics.labels", "is null, but the demo publishes labels; accepted here: the name of a topic"))
        }
    }
}

/// Writes the baseline and the configuration; the path of the latter.
fn prepare(args: &DemoArgs, config: &Config, labels: &str, story: &Fraud) -> anyhow::Result<std::path::PathBuf> {
    let folder = &args.out;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder '{}'", folder.display()))?;
    let profiles = build::from_lines(&Config::from_yaml(Fraud::config())?, story.baseline.bytes())?;
    let write = |name: &str, text: String| -> anyhow::Result<std::path::PathBuf> {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write '{}'", path.display()))?;
        Ok(path)
    };
    write("baseline.json", baseline::write(&profiles))?;
    write("truthline.yaml", configuration(config, labels))
}

/// The configuration with which `run` judges the story. Texts are quoted as JSON, which YAML includes.
fn configuration(config: &Config, labels: &str) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let more = if config.kafka.properties.is_empty() {
        ""
    } else {
        "  # Properties may hold secrets and were not copied from the configuration of `demo`: add them here.\n  properties: {}\n"
    };
    format!(
        "# Written by `truthline demo --publish`.\nkafka:\n  brokers: {}\n  group: {}\n{more}topics:\n  \
         inferences: {{name: {}, out_of_order: 10m}}\n  labels: {{name: {}, out_of_order: 10m}}\n  prefix: {}\n\
         models:\n  fraud:\n    window: 1d\n    label_window: 5d\n    baseline: baseline.json\n",
        quoted(&config.kafka.brokers),
        quoted(&config.kafka.group),
        quoted(&config.topics.inferences.name),
        quoted(labels),
        quoted(&config.topics.prefix),
    )
}

/// Sends both streams, the earlier record first; the seconds that it took.
fn send(
    config: &Config,
    (inferences, predictions): (&str, &Written),
    (labels, truths): (&str, &Written),
    rate: Option<u64>,
) -> anyhow::Result<f64> {
    let publisher = Publisher::start(config)?;
    let mut progress = Progress::start(Way::Bytes(Some((predictions.bytes().len() + truths.bytes().len()) as u64)));
    let (mut sent, mut bytes) = (0_u64, 0_u64);
    let mut predictions = predictions.records().peekable();
    let mut truths = truths.records().peekable();
    loop {
        let predicted_first = match (predictions.peek(), truths.peek()) {
            (None, None) => break,
            (Some((prediction, _)), Some((truth, _))) => prediction <= truth,
            (prediction, _) => prediction.is_some(),
        };
        let (topic, next) = if predicted_first { (inferences, predictions.next()) } else { (labels, truths.next()) };
        let Some((_, record)) = next else { break };
        let key: Keyed<'_> = serde_json::from_slice(record).context("a record of the story has no request id")?;
        publisher.send(topic, key.request_id.as_bytes(), Some(record))?;
        sent += 1;
        bytes += record.len() as u64 + 1;
        if let Some(rate) = rate
            && (sent.is_multiple_of(BATCH) || rate < BATCH)
        {
            pause(&publisher, &progress, sent, rate)?;
        }
        if sent.is_multiple_of(SHOWN) {
            progress.update(sent, bytes);
        }
    }
    publisher.finish()?;
    Ok(progress.finish(sent).seconds)
}

/// Waits until it is time for more.
fn pause(publisher: &Publisher<'_>, progress: &Progress, sent: u64, rate: u64) -> anyhow::Result<()> {
    let due = Duration::from_secs_f64(sent as f64 / rate as f64);
    while let Some(early) = due.checked_sub(progress.elapsed()).filter(|early| !early.is_zero()) {
        publisher.serve()?;
        std::thread::sleep(early.min(Duration::from_millis(100)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_configuration_judges_the_story_as_the_demo_does() {
        let user = Config::from_yaml(
            "kafka: {brokers: 'a:1,b:2', group: \"g'1\"}\ntopics: {inferences: p, labels: l, prefix: x}",
        );
        let text = configuration(&user.unwrap(), "l");
        let read = Config::from_yaml(&text).unwrap();
        assert_eq!((read.kafka.brokers.as_str(), read.kafka.group.as_str()), ("a:1,b:2", "g'1"));
        let topics = &read.topics;
        assert_eq!((topics.inferences.name.as_str(), topics.prefix.as_str()), ("p", "x"));
        assert_eq!(topics.labels.as_ref().map(|topic| topic.name.as_str()), Some("l"));
        let story = Config::from_yaml(Fraud::config()).unwrap();
        let (mut one, other) = (read.model("fraud").clone(), story.model("fraud"));
        assert!(one.baseline.take().is_some());
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        assert_eq!(topics.inferences.out_of_order, story.topics.inferences.out_of_order);
    }

    #[test]
    fn a_story_is_published_in_the_order_of_its_times_and_completely() {
        let story = Fraud::new(1);
        for written in [&story.inferences, &story.labels] {
            let times: Vec<i64> = written.records().map(|(time, _)| time).collect();
            assert!(times.is_sorted());
            let bytes: usize = written.records().map(|(_, record)| record.len() + 1).sum();
            assert_eq!((times.len(), bytes), (written.len(), written.bytes().len()));
        }
    }
}
