//! `truthline explain`: what does an indicator ask, and what can it not tell? (`--budget`: see `allowance`)

use std::path::PathBuf;

use clap::Args;

use super::{Exit, Output, UsageError};
use crate::indicator::{self, Indicator};

/// The options.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example:\n  truthline explain slice.error_rate\n  truthline explain --budget --config truthline.yaml\n  truthline explain --budget --baseline baseline.json --rows 5000"
)]
pub struct ExplainArgs {
    /// The indicator; without one, all are listed
    #[arg(value_name = "INDICATOR")]
    pub indicator: Option<String>,
    /// Print who gets how much of the false alarms a month, and the smallest change that each question can see
    #[arg(long, conflicts_with = "indicator")]
    pub budget: bool,
    /// The configuration file
    #[arg(long, value_name = "FILE", requires = "budget")]
    pub config: Option<PathBuf>,
    /// Baseline files, as `truthline baseline build` writes them
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "budget")]
    pub baseline: Vec<PathBuf>,
    /// Predictions in a base window [default: as many as the baseline's rows had in that time]
    #[arg(long, value_name = "N", requires = "budget")]
    pub rows: Option<u64>,
}

/// Explains one indicator or lists all.
///
/// # Errors
/// If there is no such indicator, with the nearest one.
pub fn run(args: &ExplainArgs, output: &mut Output) -> anyhow::Result<Exit> {
    if args.budget {
        return super::allowance::run(args.config.as_deref(), &args.baseline, args.rows, output);
    }
    let Some(name) = &args.indicator else {
        output.text(&indicator::list())?;
        return Ok(Exit::Done);
    };
    let Some(found) = Indicator::from_name(name) else {
        let near = Indicator::nearest(name).map_or_else(
            || "`truthline explain` lists all of them".to_owned(),
            |near| format!("did you mean `{}`?", near.name()),
        );
        return Err(UsageError(format!("there is no indicator '{name}'; {near}")).into());
    };
    output.text(&indicator::page(found))?;
    Ok(Exit::Done)
}
