//! `truthline explain`: what does an indicator ask, and what can it not tell?

use std::path::PathBuf;

use clap::Args;

use super::{Exit, Output, UsageError};
use crate::indicator::{self, Indicator};

/// The options.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  truthline explain slice.error_rate")]
pub struct ExplainArgs {
    /// The indicator; without one, all are listed
    #[arg(value_name = "INDICATOR")]
    pub indicator: Option<String>,
    #[arg(long, hide = true)]
    budget: bool,
    #[arg(long, hide = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Explains one indicator or lists all.
///
/// # Errors
/// If there is no such indicator, with the nearest one.
pub fn run(args: &ExplainArgs, output: &mut Output) -> anyhow::Result<Exit> {
    if args.budget || args.config.is_some() {
        let instead = "docs/configuration.md says what false_alarms_per_month does";
        return Err(UsageError::not_in_this_release("explain --budget", instead).into());
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
