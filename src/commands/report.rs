//! `truthline report`: what does the output of a replay look like, on one page?

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{Exit, Output};

/// The options.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  truthline report --in out --out report.html")]
pub struct ReportArgs {
    /// The folder that `truthline replay --out` wrote
    #[arg(long = "in", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub input: PathBuf,
    /// The file to write
    #[arg(long, value_name = "FILE.html", value_hint = ValueHint::FilePath)]
    pub out: PathBuf,
}

/// Writes the report.
///
/// # Errors
/// If a file cannot be read or written.
pub fn run(_args: &ReportArgs, _output: &mut Output) -> anyhow::Result<Exit> {
    anyhow::bail!("not wired yet")
}
