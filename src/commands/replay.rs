//! `truthline replay`: what would have been said about these files, or these topics?

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, ValueHint};

use super::args::{self, FailOn, Origin};
use super::checkpoint::{self, Found};
use super::progress::{Pace, Way};
use super::run::listen_to_signals;
use super::session::{self, Ended, Keep, Session};
use super::{Exit, Output, UsageError, validate};
use crate::backfill::{Emitter, Plan, Planned, TopicFeed};
use crate::baseline;
use crate::config::Config;
use crate::control::{Controls, Record};
use crate::decode::Mapping;
use crate::engine::Range;
use crate::event::EventTime;
use crate::event::fnv1a_64;
use crate::finding::Severity;
use crate::ingest::Source;
use crate::kafka::{Admin, Found as Topic, Names, Reader};
use crate::replay::{Feed, Spread};
use crate::run::{Stop, meaning_of, read_controls};

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
    /// Obey the records of this file, one JSON object a line, instead of the control topic
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub control: Option<PathBuf>,
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
    /// Also publish the findings, to the topics of the prefix `PREFIX-replay`
    #[arg(long)]
    pub emit: bool,
    /// Go on where an interrupted replay into the same folder stopped; begin anew if there is none
    #[arg(long)]
    pub resume: bool,
    /// For tests: records between two commits, each with a checkpoint
    #[arg(long, hide = true, value_name = "N")]
    checkpoint_records: Option<u64>,
}

/// Replays files or topics.
///
/// # Errors
/// If the configuration is wrong, a source cannot be read, or the results cannot be written.
pub fn run(args: &ReplayArgs, output: &mut Output) -> anyhow::Result<Exit> {
    args::check_range(args.from, args.to)?;
    let sources = sources(args)?;
    let config = Arc::new(validate::load(args.config.as_deref())?);
    let mut references = session::references(&config, &args.baseline)?;
    let controls = controls(args, &config, &sources)?;
    let range = Range { from: args.from, to: args.to };
    let stop = Stop::default();
    let mut keep = if sources.are_piped() { None } else { Some(keep(args, &config, (&sources, &controls), &stop)?) };
    if let Some(Keep { found: Some(Found { head, .. }), .. }) = &keep {
        output.line(&format!("going on after {} records", head.records))?;
        if let Some(report) = head.ended.clone() {
            let worst = head.worst;
            keep.and_then(|keep| keep.found).context("the checkpoint was there")?.finish(&args.out, &report)?;
            return conclude(args, &Ended { report, worst, pace: Pace::none() }, output);
        }
    }
    if keep.is_some() {
        listen_to_signals(stop.clone())?;
    }
    let Opened { inferences, labels, spread, way } = match &sources {
        Sources::Files { inferences, labels } => files(&config, inferences, labels, args.partitions.unwrap_or(1))?,
        Sources::Topics { inferences, labels } => {
            let planned = match keep.as_mut() {
                Some(Keep { found: Some(found), plan, .. }) => {
                    *plan = found.planned();
                    plan.clone()
                }
                Some(Keep { plan, .. }) => {
                    *plan = partitions_of(&config, inferences, labels, range)?;
                    plan.clone()
                }
                None => partitions_of(&config, inferences, labels, range)?,
            };
            topics(&config, &planned, inferences, &stop)?
        }
    };
    let settings = meaning_of(&config, &references).settings;
    let orders = Arc::new(controls.orders_of_all(&config, &settings));
    let notes = remarks(&controls, &settings);
    for asked in controls.baselines().filter(|asked| asked.holds != Some(false)) {
        let profiles = baseline::read(asked.baseline);
        let profiles = profiles.with_context(|| format!("the baseline at offset {} cannot be used", asked.offset))?;
        references.accept(asked.model, asked.from, &profiles.into_iter().map(Arc::new).collect::<Vec<_>>());
    }
    let session = Session { config, references, orders, notes, inferences, labels, spread, range, way, keep };
    let Some(ended) = session.run(&args.out, |_, _| {})? else {
        output.line("interrupted; the same command with --resume goes on where it stopped")?;
        return Ok(Exit::Interrupted);
    };
    conclude(args, &ended, output)
}

/// Says how it ended, and finds the exit code.
fn conclude(args: &ReplayArgs, ended: &Ended, output: &mut Output) -> anyhow::Result<Exit> {
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

impl Sources {
    /// Whether a source can be read only once.
    fn are_piped(&self) -> bool {
        match self {
            Self::Files { inferences, labels } => inferences
                .iter()
                .chain(labels)
                .any(|path| path.as_os_str() == "-" || (path.exists() && !path.is_file())),
            Self::Topics { .. } => false,
        }
    }
}

/// What makes this replay one that can be gone on with, and what there is to go on from.
fn keep(
    args: &ReplayArgs,
    config: &Arc<Config>,
    (sources, controls): (&Sources, &Controls),
    stop: &Stop,
) -> anyhow::Result<Keep> {
    let identity = identity(args, config, sources, controls)?;
    let emitter = |run: &str| -> anyhow::Result<Option<Emitter>> {
        Ok(if args.emit { Some(Emitter::start(config.clone(), run.to_owned())?) } else { None })
    };
    let (found, resumed) = if args.resume { checkpoint::find(&args.out, &identity, emitter)? } else { (None, None) };
    let (run, emitter) = if let Some(found) = &found {
        (found.head.run.clone(), resumed)
    } else {
        // An emitter under the name of a run of which nothing is left has to go first.
        drop(resumed);
        let run = new_run();
        let emitter = emitter(&run)?;
        (run, emitter)
    };
    Ok(Keep { identity, run, plan: Vec::new(), found, emitter, stop: stop.clone(), every: args.checkpoint_records })
}

/// What people have asked for: of the service that watches the topics, or in a file.
fn controls(args: &ReplayArgs, config: &Arc<Config>, sources: &Sources) -> anyhow::Result<Controls> {
    if let Some(path) = &args.control {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read '{}'", path.display()))?;
        let mut controls = Controls::default();
        for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |why| UsageError(format!("{} line {}: {why}", path.display(), place + 1));
            if let Ok(Record::Applied { .. }) = Record::read(line.as_bytes()) {
                let why = "an answer of a judge counts on its topic alone; leave it out, and name an 'event_time' in the request";
                return Err(wrong(why.to_owned()).into());
            }
            controls.take(place as i64, Some(line.as_bytes())).map_err(wrong)?;
        }
        return Ok(controls);
    }
    if matches!(sources, Sources::Files { .. }) {
        return Ok(Controls::default());
    }
    let names = Names::of(config);
    // Topics that nobody watches have none.
    if Admin::connect(config)?.find(&names.control)? == Topic::Missing {
        return Ok(Controls::default());
    }
    Ok(read_controls(&Reader::new(config.clone())?, &names)?)
}

/// What a reader should know of them.
fn remarks(controls: &Controls, settings: &BTreeMap<String, String>) -> Vec<String> {
    let mut remarks = Vec::new();
    let asked = controls.requests().count();
    if asked > 0 {
        remarks.push(format!("{asked} requests of `truthline control` were obeyed"));
    }
    let meanings = controls.meanings();
    if !meanings.is_empty() && meanings.iter().all(|meaning| meaning.settings != *settings) {
        remarks.push(
            "the configuration or a baseline is another one than `run` has under this prefix: results differ from its"
                .to_owned(),
        );
    }
    let (refused, _) = controls.refused();
    if refused > 0 {
        remarks.push(format!("{refused} records of the control topic could not be used"));
    }
    remarks
}

/// Everything that a result depends on, as a text.
fn identity(args: &ReplayArgs, config: &Config, sources: &Sources, controls: &Controls) -> anyhow::Result<String> {
    let mut baselines = Vec::new();
    for path in session::baselines(config, &args.baseline) {
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read the baseline '{}'", path.display()))?;
        baselines.push(format!("{:016x}", fnv1a_64(&bytes)));
    }
    let (brokers, inferences, labels) = match sources {
        Sources::Files { inferences, labels } => {
            let paths = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
            (None, paths(inferences), paths(labels))
        }
        Sources::Topics { inferences, labels } => (Some(&config.kafka.brokers), inferences.clone(), labels.clone()),
    };
    let identity = serde_json::json!({
        "program": env!("CARGO_PKG_VERSION"),
        "configuration": config.digest(),
        "baselines": baselines,
        "control": controls.digest(),
        "brokers": brokers,
        "inferences": inferences,
        "labels": labels,
        "partitions": args.partitions,
        "from": args.from,
        "to": args.to,
        "emit": args.emit.then(|| Emitter::prefix(config)),
    });
    Ok(identity.to_string())
}

/// A text that no other run has.
#[expect(clippy::disallowed_methods, reason = "a name, on which no result depends")]
fn new_run() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}", now.as_micros(), std::process::id())
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
    if let Some((_, twice)) = all.iter().enumerate().find(|(place, topic)| all[..*place].contains(topic)) {
        return Err(UsageError(format!("the topic {twice} is named twice; name each topic once")));
    }
    if args.emit && !has_topics {
        return Err(UsageError(
            "--emit publishes what a replay of topics found; for files the results are in the folder of --out"
                .to_owned(),
        ));
    }
    let piped = |path: &PathBuf| path.as_os_str() == "-";
    if args.resume && files.iter().chain(&label_files).any(piped) {
        return Err(UsageError("standard input can be read only once; --resume needs files or topics".to_owned()));
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

/// The partitions of the topics, and what of them is read.
fn partitions_of(
    config: &Arc<Config>,
    inferences: &[String],
    labels: &[String],
    range: Range,
) -> anyhow::Result<Vec<Planned>> {
    let plan = Plan::of(config, inferences, labels, range)?;
    if let Some(since) = plan.since {
        tracing::info!("reading begins with records written at {}", since.rfc3339());
    }
    Ok(plan.all().cloned().collect())
}

fn topics(config: &Arc<Config>, planned: &[Planned], inferences: &[String], stop: &Stop) -> anyhow::Result<Opened> {
    let stop = stop.clone();
    let feeds = TopicFeed::open(config, planned, move || stop.is_wanted())?;
    let of_inferences = planned.iter().filter(|planned| inferences.contains(&planned.place.topic)).count();
    let partitions = planned.iter().map(|planned| planned.place.partition as u32 + 1).max().unwrap_or(1);
    let mut inferences: Vec<Box<dyn Feed>> =
        feeds.into_iter().map(|feed| -> Box<dyn Feed> { Box::new(feed) }).collect();
    let labels = inferences.split_off(of_inferences);
    let offsets = planned.iter().map(|planned| (planned.to - planned.from).max(0) as u64).sum();
    // Where the request id says what belongs together, one task sees all; each partition keeps its own order.
    let spread = if config.join.repartition { Spread::ByKey(1) } else { Spread::AsRead(partitions) };
    Ok(Opened { inferences, labels, spread, way: Way::Offsets(offsets) })
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
