//! `truthline replay`: what would have been said about these files?

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, ValueHint};

use super::args::{self, FailOn};
use super::session::{self, Session};
use super::{Exit, Output, UsageError, validate};
use crate::decode::Mapping;
use crate::engine::Range;
use crate::event::EventTime;
use crate::finding::Severity;
use crate::ingest::Source;
use crate::replay::Feed;

/// Notes that are printed; all of them stand in `run.json`.
const NOTES: usize = 20;

/// The options.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example:\n  truthline replay --inferences predictions.jsonl --labels labels.jsonl --out out\n\nFiles: .jsonl \
                  (one JSON object a line), .csv, both also with .gz or .zst, and .avro; - is JSON on standard input."
)]
pub struct ReplayArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Files with predictions
    #[arg(long, value_name = "SRC", required = true, num_args = 1.., value_parser = args::source, value_hint = ValueHint::FilePath)]
    pub inferences: Vec<PathBuf>,
    /// Files with labels
    #[arg(long, value_name = "SRC", num_args = 1.., value_parser = args::source, value_hint = ValueHint::FilePath)]
    pub labels: Vec<PathBuf>,
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
    /// Spread the records by key over N partitions, as the topics were
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub partitions: u32,
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
    let mapping = config.topics.inferences.adapter.mapping();
    let inferences = open(&args.inferences, 0, mapping)?;
    let label_mapping = config.topics.labels.as_ref().and_then(|topic| topic.adapter.mapping());
    let labels = open(&args.labels, args.inferences.len(), label_mapping)?;
    let total_bytes = inferences.iter().chain(&labels).map(Source::total_bytes).sum();
    let session = Session {
        config,
        references,
        inferences: feeds(inferences),
        labels: feeds(labels),
        partitions: args.partitions,
        range: Range { from: args.from, to: args.to },
        total_bytes,
    };
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

/// Opens sources; the first has the number `from` in the run.
pub(super) fn open(paths: &[PathBuf], from: usize, mapping: Option<&Mapping>) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::with_capacity(paths.len());
    for (place, path) in paths.iter().enumerate() {
        let name = path.to_str().with_context(|| format!("the path {} is not UTF-8", path.display()))?;
        sources.push(Source::open(name, (from + place) as u16, mapping)?);
    }
    Ok(sources)
}

fn feeds(sources: Vec<Source>) -> Vec<Box<dyn Feed>> {
    sources.into_iter().map(|source| -> Box<dyn Feed> { Box::new(source) }).collect()
}
