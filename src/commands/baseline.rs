//! `truthline baseline`: what did the data look like when the model was good?

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueHint};

use super::build::Gathered;
use super::{Exit, Output, UsageError, args, control, replay, session};
use crate::baseline;
use crate::config::{self, Config};
use crate::decode::{Decoder, Limits};
use crate::event::EventTime;

/// What to do with baselines.
#[derive(Clone, Debug, Subcommand)]
pub enum BaselineCommand {
    /// Make a baseline from rows, or from predictions and their labels
    Build(BuildArgs),
    /// Print what a baseline holds
    Show(ShowArgs),
    /// Print how two baselines differ
    Diff(DiffArgs),
    /// Not in this release
    #[command(hide = true, disable_help_flag = true)]
    Check(super::LaterArgs),
    /// Compare a model that is watched with another baseline, from a window on
    Accept(AcceptArgs),
}

/// The options of `baseline build`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  truthline baseline build --rows validation.csv --model fraud --version v1 \
                        --out baseline.json")]
pub struct BuildArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Files whose rows hold prediction and label together
    #[arg(
        long, value_name = "SRC", num_args = 1.., value_parser = args::source, value_hint = ValueHint::FilePath,
        required_unless_present = "inferences", conflicts_with_all = ["inferences", "labels"],
    )]
    pub rows: Vec<PathBuf>,
    /// Files with predictions
    #[arg(long, value_name = "SRC", num_args = 1.., value_parser = args::source, value_hint = ValueHint::FilePath, requires = "labels")]
    pub inferences: Vec<PathBuf>,
    /// Files with labels
    #[arg(long, value_name = "SRC", num_args = 1.., value_parser = args::source, value_hint = ValueHint::FilePath, requires = "inferences")]
    pub labels: Vec<PathBuf>,
    /// The model: fills in what rows lack, leaves out rows of others
    #[arg(long, value_name = "M")]
    pub model: Option<String>,
    /// The version: fills in what rows lack, leaves out rows of others
    #[arg(long, value_name = "V")]
    pub version: Option<String>,
    /// The file to write
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: PathBuf,
}

/// The options of `baseline show`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  truthline baseline show baseline.json")]
pub struct ShowArgs {
    /// The baseline
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

/// The options of `baseline diff`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  truthline baseline diff old.json new.json")]
pub struct DiffArgs {
    /// One baseline
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub one: PathBuf,
    /// The other
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub other: PathBuf,
}

/// The options of `baseline accept`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example:\n  truthline baseline accept --baseline new.json --model fraud --from 2026-03-01T00:00:00Z\n\nThe window \
                  has to lie ahead of everything that is read; `truthline control list` says whether it did. The files of \
                  the configuration stay as they are."
)]
pub struct AcceptArgs {
    /// What every request has.
    #[command(flatten)]
    pub ask: control::AskArgs,
    /// The baseline, with profiles of the model
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub baseline: PathBuf,
    /// The model
    #[arg(long, value_name = "M")]
    pub model: String,
    /// The start of the first window that is compared with it
    #[arg(long, value_name = "T", value_parser = args::time)]
    pub from: EventTime,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Works on baselines.
///
/// # Errors
/// If a file cannot be read or written, or a later release's command is asked for.
pub fn run(command: &BaselineCommand, output: &mut Output) -> anyhow::Result<Exit> {
    match command {
        BaselineCommand::Build(args) => make(args, output),
        BaselineCommand::Show(args) => {
            output.text(&baseline::show(&session::read_baseline(&args.file)?))?;
            Ok(Exit::Done)
        }
        BaselineCommand::Diff(args) => {
            let one = session::read_baseline(&args.one)?;
            let other = session::read_baseline(&args.other)?;
            output.text(&baseline::show_diff(&one, &other))?;
            Ok(Exit::Done)
        }
        BaselineCommand::Check(_) => {
            let instead = "`truthline baseline show` prints what a baseline holds";
            Err(UsageError::not_in_this_release("baseline check", instead).into())
        }
        BaselineCommand::Accept(args) => control::accept_baseline(args, output),
    }
}

fn make(args: &BuildArgs, output: &mut Output) -> anyhow::Result<Exit> {
    let config = Config::load(args.config.as_deref(), config::environment())?;
    let mut decoder = Decoder::new(Limits::default());
    decoder.fill_in(args.model.as_deref(), args.version.as_deref());
    let mut gathered = Gathered::new(&config, args.model.as_deref(), args.version.as_deref());
    if args.rows.is_empty() {
        let mut inferences = replay::open(&args.inferences, 0, config.topics.inferences.adapter.mapping())?;
        let mapping = config.topics.labels.as_ref().and_then(|topic| topic.adapter.mapping());
        let mut labels = replay::open(&args.labels, args.inferences.len(), mapping)?;
        gathered.joined(&mut inferences, &mut labels, &mut decoder)?;
    } else {
        for mut source in replay::open(&args.rows, 0, config.topics.baseline.mapping())? {
            gathered.rows(&mut source, &mut decoder)?;
        }
    }
    output.line(&format!("{} records read", gathered.read))?;
    for (reason, (count, first)) in &gathered.rejected {
        output.line(&format!("note: {count} rejected as {reason}; the first: {first}"))?;
    }
    if gathered.filtered > 0 {
        output.line(&format!("note: {} rows of other models or versions were left out", gathered.filtered))?;
    }
    let profiles = gathered.build(&decoder)?;
    for profile in &profiles {
        for remark in baseline::remarks(profile) {
            output.line(&format!("note: model '{}' version '{}': {remark}", profile.model, profile.version))?;
        }
    }
    std::fs::write(&args.out, baseline::write(&profiles))
        .with_context(|| format!("cannot write '{}'", args.out.display()))?;
    let plural = if profiles.len() == 1 { "" } else { "s" };
    output.line(&format!("{} profile{plural} written to {}", profiles.len(), args.out.display()))?;
    Ok(Exit::Done)
}
