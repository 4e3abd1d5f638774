//! `truthline replay`: what would have been said about these files?

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, ValueHint};

use super::args::{self, FailOn, Origin};
use super::progress::Way;
use super::run::listen_to_signals;
use super::session::{self, Session};
use super::{Exit, Output, UsageError, validate};
use crate::backfill::{Plan, Planned, TopicFeed};
use crate::config::Config;
use crate::decode::Mapping;
use crate::engine::Range;
use crate::event::EventTime;
use crate::finding::Severity;
use crate::ingest::Source;
use crate::replay::{Feed, Spread};
use crate::run::Stop;

/// Notes that are printed; all of them stand in `run.json`.
const NOTES: usize = 20;

/// The options.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example:\n  truthline replay --inferences predictions.jsonl --labels labels.jsonl --out out\n  truthline replay --config \
                  truthline.yaml --inferences kafka:predictions --labels kafka:outcomes --out out\n\nFiles: .jsonl (one JSON object \
                  a line), .csv, both also with .gz or .zst, and .avro; - is JSON on standard input. Topics: kafka:TOPIC, at the \
                  brokers of the configuration, up to the last record that is committed when it begins; sources are all \
                  files or all topics."
)]
pub struct ReplayArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Files or topics with predictions
    #[arg(long, value_name = "SRC", required = true, num_args = 1.., value_parser = args::origin, value_hint = ValueHint::FilePath)]
    pub inferences: Vec<Origin>,
    /// Files or topics with labels
    #[arg(long, value_name = "SRC", num_args = 1.., value_parser = args::origin, value_hint = ValueHint::FilePath)]
    pub labels: Vec<Origin>,
    /// Baseline files, as `truthline baseline build` writes them
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = ValueHint::FilePath)]
    pub baseline: Vec<PathBuf>,
    /// Leave out what was predicted before: RFC 3339, or microseconds since 1970
    #[arg(long, value_name = "T", value_parser = args::time)]
    pub from: Option<EventTime>,
    /// Leave out what was predicted at this time or later
    #[arg(long, value_name = "T", value_parser = args::time)]
    pub to: Option<EventTime>,
    /// The folder to write
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: PathBuf,
    /// Also write a report to look at
    #[arg(long, value_name = "FILE.html", value_hint = ValueHint::FilePath)]
    pub report: Option<PathBuf>,
    /// Spread the records of files by key over N partitions, as the topics were [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub partitions: Option<u32>,
    /// End with code 3 if an alert of this severity or worse fires
    #[arg(long, value_name = "SEVERITY")]
    pub fail_on: Option<FailOn>,
    /// End with code 4 if more records than this are rejected
    #[arg(long, value_name = "N")]
    pub max_rejects: Option<u64>,
    #[arg(long, hide = true)]
    emit: bool,
    #[arg(long, hide = true)]
    resume: bool,
}

/// Replays files.
///
/// # Errors
/// If the configuration is wrong, a file cannot be read or written, or a later release's option is asked for.
pub fn run(args: &ReplayArgs, output: &mut Output) -> anyhow::Result<Exit> {
    if args.emit {
        return Err(UsageError::not_in_this_release("--emit", "the results are in the folder of --out").into());
    }
    if args.resume {
        return Err(UsageError::not_in_this_release("--resume", "run the command again without it").into());
    }
    args::check_range(args.from, args.to)?;
    let config = Arc::new(validate::load(args.config.as_deref())?);
    let references = session::references(&config, &args.baseline)?;
    let range = Range { from: args.from, to: args.to };
    let stop = Stop::default();
    listen_to_signals(stop.clone())?;
    let Opened { inferences, labels, spread, way } = match sources(args)? {
        Sources::Files { inferences, labels } => files(&config, &inferences, &labels, args.partitions.unwrap_or(1))?,
        Sources::Topics { inferences, labels } => topics(&config, &inferences, &labels, range, &stop)?,
    };
    let session = Session { config, references, inferences, labels, spread, range, way };
    let ended = session.run(&args.out, |_, _| {})?;
    let report = &ended.report;
    let alerts = ended.worst.map_or("nothing fired", |_| "alerts fired; see alerts.jsonl and incidents.jsonl");
    let records: u64 = report.sources.iter().map(|source| source.records).sum();
    output.line(&format!("{records} records in {:.1} s into {}: {alerts}", ended.pace.seconds, args.out.display()))?;
    let read: u64 = report.inferences.get("in").copied().unwrap_or(0);
    let counted: u64 =
        ["labelled", "pending", "never_labelled"].iter().filter_map(|name| report.inferences.get(*name)).sum();
    let nothing = counted == 0;
    if nothing {
        output.line(&format!("nothing was watched: of {read} predictions none could be counted"))?;
    }
    for note in report.notes.iter().take(NOTES) {
        output.line(&format!("note: {note}"))?;
    }
    if report.notes.len() > NOTES {
        output.line(&format!("note: {} more stand in run.json", report.notes.len() - NOTES))?;
    }
    for limit in &report.capped {
        output.line(&format!("limit: {limit}; the promise of equal numbers does not hold for this run"))?;
    }
    if let Some(broken) = report.invariants.iter().find(|invariant| !invariant.holds) {
        anyhow::bail!("records are not accounted for: {}", broken.name);
    }
    if let Some(path) = &args.report {
        super::report::write(&args.out, path)?;
        output.line(&format!("report: {}", path.display()))?;
    }
    let rejected: u64 = report.sources.iter().map(|source| source.rejected).sum();
    if args.max_rejects.is_some_and(|most| rejected > most) {
        output.line(&format!("{rejected} records were rejected, more than --max-rejects"))?;
        return Ok(Exit::Rejects);
    }
    let limit = args.fail_on.map(Severity::from);
    // What was not watched cannot be said to be quiet.
    if limit.is_some_and(|limit| nothing || ended.worst.is_some_and(|worst| worst >= limit)) {
        return Ok(Exit::FailOn);
    }
    Ok(Exit::Done)
}

/// What the command line names.
enum Sources {
    Files { inferences: Vec<PathBuf>, labels: Vec<PathBuf> },
    Topics { inferences: Vec<String>, labels: Vec<String> },
}

/// The sources, which are all files or all topics: files have no partitions by which they could be joined with topics.
fn sources(args: &ReplayArgs) -> Result<Sources, UsageError> {
    let split = |origins: &[Origin]| {
        let (mut files, mut topics) = (Vec::new(), Vec::new());
        for origin in origins {
            match origin {
                Origin::File(path) => files.push(path.clone()),
                Origin::Topic(topic) => topics.push(topic.clone()),
            }
        }
        (files, topics)
    };
    let (files, topics) = split(&args.inferences);
    let (label_files, label_topics) = split(&args.labels);
    let has_files = !files.is_empty() || !label_files.is_empty();
    let has_topics = !topics.is_empty() || !label_topics.is_empty();
    if has_files && has_topics {
        return Err(UsageError(
            "files and topics cannot be replayed together; give only files, or only kafka:TOPIC".to_owned(),
        ));
    }
    if has_topics && args.partitions.is_some() {
        return Err(UsageError(
            "--partitions spreads the records of files; topics have their own partitions, leave it out".to_owned(),
        ));
    }
    let all: Vec<&String> = topics.iter().chain(&label_topics).collect();
    if let Some((place, twice)) = all.iter().enumerate().find(|(place, topic)| all[..*place].contains(topic)) {
        let _ = place;
        return Err(UsageError(format!("the topic {twice} is named twice; name each topic once")));
    }
    Ok(if has_topics {
        Sources::Topics { inferences: topics, labels: label_topics }
    } else {
        Sources::Files { inferences: files, labels: label_files }
    })
}

/// Sources that are ready to be read.
struct Opened {
    inferences: Vec<Box<dyn Feed>>,
    labels: Vec<Box<dyn Feed>>,
    spread: Spread,
    way: Way,
}

fn files(config: &Config, inferences: &[PathBuf], labels: &[PathBuf], partitions: u32) -> anyhow::Result<Opened> {
    let first_label = inferences.len();
    let inferences = open(inferences, 0, config.topics.inferences.adapter.mapping())?;
    let mapping = config.topics.labels.as_ref().and_then(|topic| topic.adapter.mapping());
    let labels = open(labels, first_label, mapping)?;
    let bytes = inferences.iter().chain(&labels).map(Source::total_bytes).sum();
    let feeds = |sources: Vec<Source>| -> Vec<Box<dyn Feed>> {
        sources.into_iter().map(|source| -> Box<dyn Feed> { Box::new(source) }).collect()
    };
    Ok(Opened {
        inferences: feeds(inferences),
        labels: feeds(labels),
        spread: Spread::ByKey(partitions),
        way: Way::Bytes(bytes),
    })
}

fn topics(
    config: &Arc<Config>,
    inferences: &[String],
    labels: &[String],
    range: Range,
    stop: &Stop,
) -> anyhow::Result<Opened> {
    let plan = Plan::of(config, inferences, labels, range)?;
    if let Some(since) = plan.since {
        tracing::info!("reading begins with records written at {}", since.rfc3339());
    }
    let planned: Vec<Planned> = plan.all().cloned().collect();
    let stop = stop.clone();
    let feeds = TopicFeed::open(config, &planned, move || stop.is_wanted())?;
    let mut inferences: Vec<Box<dyn Feed>> =
        feeds.into_iter().map(|feed| -> Box<dyn Feed> { Box::new(feed) }).collect();
    let labels = inferences.split_off(plan.inferences.len());
    Ok(Opened { inferences, labels, spread: Spread::AsRead(plan.partitions), way: Way::Offsets(plan.offsets()) })
}

/// Opens sources; the first has the number `from` in the run.
pub(super) fn open(paths: &[PathBuf], from: usize, mapping: Option<&Mapping>) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::with_capacity(paths.len());
    for (place, path) in paths.iter().enumerate() {
        let name = path.to_str().with_context(|| format!("the path {} is not UTF-8", path.display()))?;
        sources.push(Source::open(name, (from + place) as u16, mapping)?);
    }
    Ok(sources)
}
