//! How did it end, in one number that a script can act on?

use std::process::ExitCode;

use crate::config::ConfigError;
use crate::engine::DeltaError;
use crate::http::HttpError;
use crate::kafka::{KafkaTrouble, TroubleClass};
use crate::run::RunError;

/// The exit codes. They are part of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All went well.
    Done,
    /// It failed while running.
    Failed,
    /// The command line is wrong.
    Usage,
    /// An alert of the severity of `--fail-on` fired.
    FailOn,
    /// More records were rejected than `--max-rejects` allows.
    Rejects,
    /// The broker or the registry cannot be reached.
    Unreachable,
    /// It was interrupted and can be resumed.
    Interrupted,
    /// A right is missing.
    NotAllowed,
    /// The configuration is wrong.
    Configuration,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::FailOn => 3,
            Self::Rejects => 4,
            Self::Unreachable => 69,
            Self::Interrupted => 75,
            Self::NotAllowed => 77,
            Self::Configuration => 78,
        }
    }

    /// The code that an error ends with: its kind decides, wherever it stands in the chain.
    pub fn of(error: &anyhow::Error) -> Self {
        for cause in error.chain() {
            let address =
                cause.downcast_ref::<HttpError>().is_some_and(|error| matches!(error, HttpError::Address { .. }));
            if cause.is::<ConfigError>() || address {
                return Self::Configuration;
            }
            if cause.is::<UsageError>() {
                return Self::Usage;
            }
            if matches!(cause.downcast_ref(), Some(RunError::Twin { .. } | RunError::Torn(_) | RunError::Meaning(_))) {
                return Self::Configuration;
            }
            if let Some(RunError::Delta { source: DeltaError::OtherBaseline { .. }, .. }) = cause.downcast_ref() {
                return Self::Configuration;
            }
            let run = cause.downcast_ref().and_then(|error| match error {
                RunError::Kafka(trouble) => Some(trouble),
                _ => None,
            });
            if let Some(trouble) = run.or_else(|| cause.downcast_ref::<KafkaTrouble>()) {
                return match trouble.class() {
                    TroubleClass::Unreachable => Self::Unreachable,
                    TroubleClass::NotAllowed => Self::NotAllowed,
                    TroubleClass::Configuration => Self::Configuration,
                    TroubleClass::Failed => Self::Failed,
                };
            }
        }
        Self::Failed
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// A command line that is well formed and cannot be meant: ends with code 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

impl UsageError {
    /// A command or an option that a later release brings.
    pub fn not_in_this_release(what: &str, instead: &str) -> Self {
        Self(format!("{what} is not in this release; {instead}"))
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn the_kind_of_an_error_decides_wherever_it_stands() {
        let wrong = ConfigError { file: None, problems: Vec::new() };
        let error = Err::<(), _>(wrong).context("reading").context("starting").unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Configuration);
        let taken = HttpError::Address { listen: "127.0.0.1:1".into(), reason: "the address is in use".into() };
        assert_eq!(Exit::of(&anyhow::Error::new(taken).context("starting")), Exit::Configuration);
        let error = Err::<(), _>(UsageError("x".into())).context("starting").unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Usage);
        assert_eq!(Exit::of(&anyhow::anyhow!("disk full")), Exit::Failed);
        let unreachable = KafkaTrouble::Unreachable { brokers: "b:1".into(), reason: "no answer".into() };
        let error = Err::<(), _>(unreachable).context("starting").unwrap_err();
        assert_eq!(Exit::of(&error).code(), 69);
    }
}
