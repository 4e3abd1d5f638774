//! Starts truthline and turns its end into an exit code.

use std::process::ExitCode;

use clap::Parser as _;
use truthline::commands::{self, Cli, Exit};
use truthline::telemetry;

fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry::init(cli.global.log_format, cli.global.log_level);
    let exit = commands::run(&cli).unwrap_or_else(|error| {
        telemetry::last_word(cli.global.log_format, &error);
        Exit::of(&error)
    });
    exit.into()
}
