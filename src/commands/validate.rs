//! `truthline validate`: is this configuration right, and what of it does nothing here?

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::{Exit, Output};
use crate::config::{self, Config, ConfigError, Problem};

/// The options.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  truthline validate --config truthline.yaml")]
pub struct ValidateArgs {
    /// The configuration; without one, the defaults and the environment
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// Checks a configuration.
///
/// # Errors
/// Every problem, as one [`ConfigError`].
pub fn run(args: &ValidateArgs, output: &mut Output) -> anyhow::Result<Exit> {
    let config = load(args.config.as_deref())?;
    output.line(&format!("ok, digest {}", config.digest()))?;
    for note in config.notes() {
        output.line(&format!("note: {note}"))?;
    }
    Ok(Exit::Done)
}

/// The configuration in force, with every baseline that it names at its place.
pub(super) fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
    let config = Config::load(path, config::environment())?;
    let problems = missing_baselines(&config);
    if problems.is_empty() { Ok(config) } else { Err(ConfigError { file: path.map(Path::to_path_buf), problems }) }
}

/// A problem for each baseline file that is not there.
fn missing_baselines(config: &Config) -> Vec<Problem> {
    let defaults = std::iter::once(("defaults.baseline".to_owned(), config.defaults()));
    let named = config.named_models().map(|(name, model)| (format!("models.{name}.baseline"), model));
    let missing = |(key, model): (String, &config::ModelConfig)| {
        let path = model.baseline.as_ref().filter(|path| !path.is_file())?;
        Some(Problem { key, text: format!("'{}' is not accepted; there is no such file", path.display()) })
    };
    defaults.chain(named).filter_map(missing).collect()
}
