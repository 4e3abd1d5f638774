//! `truthline replay`: what would have been said about these files?

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::args::{self, FailOn};
use super::{Exit, Output, UsageError};
use crate::event::EventTime;

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
pub fn run(args: &ReplayArgs, _output: &mut Output) -> anyhow::Result<Exit> {
    if args.emit {
        return Err(UsageError::not_in_this_release("--emit", "the results are in the folder of --out").into());
    }
    if args.resume {
        return Err(UsageError::not_in_this_release("--resume", "run the command again without it").into());
    }
    args::check_range(args.from, args.to)?;
    anyhow::bail!("not wired yet")
}
