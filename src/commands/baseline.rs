//! `truthline baseline`: what did the data look like when the model was good?

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::args;
use super::{Exit, Output, UsageError};

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
    /// Not in this release
    #[command(hide = true, disable_help_flag = true)]
    Accept(super::LaterArgs),
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

/// Works on baselines.
///
/// # Errors
/// If a file cannot be read or written, or a later release's command is asked for.
pub fn run(command: &BaselineCommand, _output: &mut Output) -> anyhow::Result<Exit> {
    match command {
        BaselineCommand::Build(_) | BaselineCommand::Show(_) | BaselineCommand::Diff(_) => {
            anyhow::bail!("not wired yet")
        }
        BaselineCommand::Check(_) => {
            let instead = "`truthline baseline show` prints what a baseline holds";
            Err(UsageError::not_in_this_release("baseline check", instead).into())
        }
        BaselineCommand::Accept(_) => {
            let instead = "give the accepted file to `truthline replay --baseline`";
            Err(UsageError::not_in_this_release("baseline accept", instead).into())
        }
    }
}
