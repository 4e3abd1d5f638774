//! `truthline report`: what does the output of a replay look like, on one page?

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueHint};

use super::{Exit, Output};
use crate::report;

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
pub fn run(args: &ReportArgs, output: &mut Output) -> anyhow::Result<Exit> {
    write(&args.input, &args.out)?;
    output.line(&format!("report: {}", args.out.display()))?;
    Ok(Exit::Done)
}

/// Writes the report of a folder.
pub(super) fn write(folder: &Path, out: &Path) -> anyhow::Result<()> {
    let findings = report::read_dir(folder)?;
    let page = report::render(&findings).context("the report cannot be drawn")?;
    std::fs::write(out, page).with_context(|| format!("cannot write '{}'", out.display()))
}
