//! `truthline completions`: how does a shell complete the command line?

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, Exit, Output};

/// The options.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  truthline completions bash > ~/.local/share/bash-completion/completions/truthline")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Prints the script for a shell.
///
/// # Errors
/// If standard output cannot be written to.
pub fn run(args: &CompletionsArgs, output: &mut Output) -> anyhow::Result<Exit> {
    // Into memory first: the generator panics when its reader has gone.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "truthline", &mut script);
    output.text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
