//! `truthline demo`: what does a model that fails silently look like, from the first alert to the incident?

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{Exit, Output, UsageError};

/// The folder that is written where none is named.
pub const DEFAULT_OUT: &str = "truthline-demo";

/// The options.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  truthline demo --out /tmp/demo --open")]
pub struct DemoArgs {
    /// Which story to play
    #[arg(long, value_name = "NAME", conflicts_with = "list")]
    pub story: Option<String>,
    /// List the stories and stop
    #[arg(long)]
    pub list: bool,
    /// The seed of the story; equal seeds give equal files
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The folder to write
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT, value_hint = ValueHint::DirPath)]
    pub out: PathBuf,
    /// Open the report when it is written
    #[arg(long)]
    pub open: bool,
    #[arg(long, hide = true)]
    publish: bool,
    #[arg(long, hide = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[arg(long, hide = true, value_name = "N")]
    rate: Option<u64>,
}

/// Plays a story.
///
/// # Errors
/// If a file cannot be written, or a later release's option is asked for.
pub fn run(args: &DemoArgs, _output: &mut Output) -> anyhow::Result<Exit> {
    if args.publish || args.config.is_some() || args.rate.is_some() {
        return Err(UsageError::not_in_this_release("--publish", "the demo writes files: see --out").into());
    }
    anyhow::bail!("not wired yet")
}
