//! What can be asked of truthline on the command line?
//!
//! One file a command: its options and what it does. Only this room and `ingest` touch files, only this room reads
//! the wall clock (for the progress bar), and nothing here decides anything about a model. Data goes to standard
//! output, everything else to standard error.

mod allowance;
pub mod args;
pub mod baseline;
mod build;
mod checkpoint;
pub mod completions;
pub mod control;
pub mod demo;
mod exit;
pub mod explain;
mod output;
mod progress;
mod publish;
pub mod replay;
pub mod report;
pub mod run;
mod session;
pub mod topics;
pub mod validate;

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

pub use exit::{Exit, UsageError};
pub use output::{Color, Output};
pub use progress::{Pace, Progress, Way};

use crate::config;
use crate::telemetry::{LogFormat, LogLevel};

/// The command line.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "truthline",
    version,
    about = "Watches machine-learning models in production: joins predictions with late truth, says what changed, \
             where, and what to do.",
    after_help = "Start with:\n  truthline demo\n\nExit codes: 0 done, 1 failed, 2 wrong command line, 3 --fail-on was met, \
                  4 too many rejects, 69 no broker, 75 interrupted, 77 not allowed, 78 wrong configuration.",
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Clone, Copy, Debug, Args)]
#[expect(clippy::doc_markdown, reason = "the comments are the help texts, which are not Markdown")]
pub struct GlobalArgs {
    /// The form of the log on standard error
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", help_heading = "Everywhere")]
    pub log_format: LogFormat,
    /// The least severe line that is logged
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn", help_heading = "Everywhere")]
    pub log_level: LogLevel,
    /// When to use colours; auto: on a terminal, unless the variable NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Everywhere")]
    pub color: Color,
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Play the story of a model that fails silently
    Demo(demo::DemoArgs),
    /// Judge files of predictions and labels
    Replay(replay::ReplayArgs),
    /// Make and compare baselines
    #[command(after_help = "Example:\n  truthline baseline build --rows validation.csv --out baseline.json")]
    Baseline {
        /// What to do.
        #[command(subcommand)]
        command: baseline::BaselineCommand,
    },
    /// Make a page to look at from the output of a replay
    Report(report::ReportArgs),
    /// Check a configuration
    Validate(validate::ValidateArgs),
    /// Create and check the topics of truthline
    #[command(after_help = "Example:\n  truthline topics create --config truthline.yaml --dry-run")]
    Topics {
        /// What to do.
        #[command(subcommand)]
        command: topics::TopicsCommand,
    },
    /// Say what an indicator asks, needs and cannot tell
    Explain(explain::ExplainArgs),
    /// Print the completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Watch topics, day and night
    Run(run::RunArgs),
    /// Ask something of a service that runs: mutes, acceptances, marks, changes
    #[command(after_help = "Example:\n  truthline control mute --model fraud --indicator 'input.*' --for 7d")]
    Control {
        /// What to ask for.
        #[command(subcommand)]
        command: control::ControlCommand,
    },
    /// Not in this release
    #[command(hide = true, disable_help_flag = true)]
    Schemas(LaterArgs),
}

/// Whatever follows a command that a later release brings.
#[derive(Clone, Debug, Args)]
pub struct LaterArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<OsString>,
}

/// Does what the command line asks.
///
/// # Errors
/// Whatever ends the command early; [`Exit::of`] knows its exit code.
pub fn run(cli: &Cli) -> anyhow::Result<Exit> {
    let no_color = config::environment().any(|(name, value)| name == "NO_COLOR" && !value.is_empty());
    let output = &mut Output::new(cli.global.color, no_color);
    match &cli.command {
        Command::Demo(args) => demo::run(args, output),
        Command::Replay(args) => replay::run(args, output),
        Command::Baseline { command } => baseline::run(command, output),
        Command::Report(args) => report::run(args, output),
        Command::Validate(args) => validate::run(args, output),
        Command::Topics { command } => topics::run(command, output),
        Command::Explain(args) => explain::run(args, output),
        Command::Completions(args) => completions::run(args, output),
        Command::Run(args) => run::run(args),
        Command::Control { command } => control::run(command, output),
        Command::Schemas(_) => later("schemas", "docs/records.md describes the records"),
    }
}

fn later(name: &str, instead: &str) -> anyhow::Result<Exit> {
    Err(UsageError::not_in_this_release(name, instead).into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn visible(command: &clap::Command) -> Vec<&clap::Command> {
        command.get_subcommands().filter(|sub| !sub.is_hide_set()).collect()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        let mut pending = vec![Cli::command()];
        while let Some(command) = pending.pop() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let shows = help.contains("Example:\n  truthline ") || help.contains("Start with:\n  truthline ");
            assert!(shows, "{} has no example", command.get_name());
            pending.extend(visible(&command).into_iter().cloned());
        }
    }

    #[test]
    fn every_example_parses() {
        let mut pending = vec![Cli::command()];
        while let Some(command) = pending.pop() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in help.lines().filter_map(|line| line.strip_prefix("  truthline ")) {
                let line = line.split('>').next().unwrap();
                let words = std::iter::once("truthline").chain(line.split_whitespace());
                Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
            }
            pending.extend(visible(&command).into_iter().cloned());
        }
    }

    #[test]
    fn wrong_command_lines_are_refused() {
        for line in [
            "replay --out o",
            "replay --inferences kafka: --out o",
            "replay --inferences a.jsonl --out o --from yesterday",
            "replay --inferences a.jsonl --out o --partitions 0",
            "replay --inferences a.jsonl --out o --fail-on loud",
            "baseline build --out o",
            "baseline build --rows a --inferences b --labels c --out o",
            "baseline build --inferences b --out o",
            "demo --story x --list",
            "demo --rate 5",
            "demo --publish --rate 0",
            "topics create --inputs",
            "topics create --inputs --partitions 0",
            "topics create --partitions 3",
            "control mute --model fraud",
            "control mute --indicator input.* --for 7d --until 2026-01-01T00:00:00Z",
            "control accept",
            "control mark",
            "dmeo",
        ] {
            let words = std::iter::once("truthline").chain(line.split_whitespace());
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }

    #[test]
    fn what_a_later_release_brings_says_so_with_code_2() {
        for line in ["schemas list", "baseline check x"] {
            let words = std::iter::once("truthline").chain(line.split_whitespace());
            let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
            let error = run(&cli).unwrap_err();
            assert_eq!(Exit::of(&error), Exit::Usage, "{line}");
            assert!(error.to_string().contains("not in this release"), "{line}: {error}");
        }
    }
}
