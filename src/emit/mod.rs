//! How do findings reach a folder? One file a kind, one JSON object a line, exactly what topics carry.
//!
//! An edge. While a run goes on its files end in `.part`; when it has ended they take their names, `run.json` last. So a
//! run that fails leaves the results of the one before it as they were. A folder that holds files of these names and no
//! `run.json` is not ours, and is left alone.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::finding::{DeadLetter, RunReport};
use crate::judge::Finding;

const ALERTS: &str = "alerts.jsonl";
const INCIDENTS: &str = "incidents.jsonl";
const SUMMARIES: &str = "summaries.jsonl";
const REQUESTS: &str = "label-requests.jsonl";
const LETTERS: &str = "dead-letters.jsonl";
const RUN: &str = "run.json";

/// The folder cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// The folder holds something that truthline did not write.
    #[error("'{}' holds '{name}' but no finished run of truthline; choose another folder, or remove the file", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// A file in it.
        name: &'static str,
    },
    /// The system said no.
    #[error("cannot write '{}'", path.display())]
    Io {
        /// What could not be written.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The open files of one run.
pub struct Folder {
    path: PathBuf,
    alerts: Lines,
    incidents: Lines,
    summaries: Lines,
    requests: Lines,
    letters: Lines,
}

struct Lines {
    path: PathBuf,
    file: BufWriter<File>,
}

/// The name of a file while it is written.
fn part(path: &Path) -> PathBuf {
    path.with_extension("part")
}

impl Lines {
    fn open(folder: &Path, name: &str) -> Result<Self, EmitError> {
        let path = folder.join(name);
        match File::create(part(&path)) {
            Ok(file) => Ok(Self { path, file: BufWriter::with_capacity(1 << 16, file) }),
            Err(source) => Err(EmitError::Io { path, source }),
        }
    }

    fn write(&mut self, record: &impl Serialize) -> Result<(), EmitError> {
        let written = serde_json::to_writer(&mut self.file, record).map_err(io::Error::from);
        written.and_then(|()| self.file.write_all(b"\n")).map_err(|source| self.failed(source))
    }

    /// Gives the finished file its name.
    fn finish(&mut self) -> Result<(), EmitError> {
        let named = self.file.flush().and_then(|()| std::fs::rename(part(&self.path), &self.path));
        named.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> EmitError {
        EmitError::Io { path: self.path.clone(), source }
    }
}

impl Folder {
    /// Opens a folder, and makes it if it is not there.
    ///
    /// # Errors
    /// When it holds files of the same names that no finished run wrote, or cannot be written.
    pub fn open(path: &Path) -> Result<Self, EmitError> {
        let failed = |source| EmitError::Io { path: path.to_owned(), source };
        std::fs::create_dir_all(path).map_err(failed)?;
        if !path.join(RUN).exists()
            && let Some(name) =
                [ALERTS, INCIDENTS, SUMMARIES, REQUESTS, LETTERS].into_iter().find(|name| path.join(name).exists())
        {
            return Err(EmitError::Foreign { folder: path.to_owned(), name });
        }
        Ok(Self {
            path: path.to_owned(),
            alerts: Lines::open(path, ALERTS)?,
            incidents: Lines::open(path, INCIDENTS)?,
            summaries: Lines::open(path, SUMMARIES)?,
            requests: Lines::open(path, REQUESTS)?,
            letters: Lines::open(path, LETTERS)?,
        })
    }

    /// Writes one finding.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finding(&mut self, finding: &Finding) -> Result<(), EmitError> {
        match finding {
            Finding::Summary(summary) => self.summaries.write(summary),
            Finding::Alert(alert) => self.alerts.write(alert),
            Finding::Incident(incident) => self.incidents.write(incident),
            Finding::Request(request) => self.requests.write(request),
        }
    }

    /// Writes one dead letter.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn letter(&mut self, letter: &DeadLetter) -> Result<(), EmitError> {
        self.letters.write(letter)
    }

    /// Finishes all files and writes the account of the run.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn finish(mut self, report: &RunReport) -> Result<(), EmitError> {
        for lines in [&mut self.alerts, &mut self.incidents, &mut self.summaries, &mut self.requests, &mut self.letters]
        {
            lines.finish()?;
        }
        let path = self.path.join(RUN);
        let mut text = serde_json::to_string_pretty(report).expect("an account has only texts and numbers");
        text.push('\n');
        let written = std::fs::write(part(&path), text).and_then(|()| std::fs::rename(part(&path), &path));
        written.map_err(|source| EmitError::Io { path, source })
    }
}
