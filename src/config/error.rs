//! What is wrong with a configuration, in words that let its author fix it?

use std::fmt::{self, Write as _};
use std::path::PathBuf;

/// One problem: which key, and what would be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The full path of the key, as in `models.fraud.window`; empty when it is the file itself.
    pub key: String,
    /// The value, shortened, and what would be accepted.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() { f.write_str(&self.text) } else { write!(f, "{}: {}", self.key, self.text) }
    }
}

/// A configuration that cannot be used. Ends with exit code 78.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, if there was one.
    pub file: Option<PathBuf>,
    /// Every problem, at least one.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    /// Says of each problem that a variable of the environment has brought which one it was.
    #[must_use]
    pub(super) fn naming_variables(mut self, names: &[&str]) -> Self {
        for problem in &mut self.problems {
            let name = names.iter().find(|name| super::source::key_of(name).as_deref() == Some(&*problem.key));
            if let Some(name) = name {
                let _ = write!(problem.text, " (set by the environment: {name})");
            }
        }
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "wrong configuration in {}", file.display())?,
            None => f.write_str("wrong configuration")?,
        }
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
