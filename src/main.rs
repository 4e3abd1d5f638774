//! Starts truthline and turns its end into an exit code.

use std::process::ExitCode;

use clap::Parser as _;
use truthline::commands::{self, Cli, Command, Exit};
use truthline::telemetry::{self, Audience};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let audience = if matches!(cli.command, Command::Run(_)) { Audience::Operator } else { Audience::Terminal };
    telemetry::init(cli.global.log_format, cli.global.log_level, audience);
    let exit = commands::run(&cli).unwrap_or_else(|error| {
        telemetry::last_word(cli.global.log_format, &error);
        Exit::of(&error)
    });
    exit.into()
}
