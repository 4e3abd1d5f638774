//! How do findings reach a folder? One file a kind, one JSON object a line, exactly what topics carry.
//!
//! An edge. While a run goes on its files end in `.part`; when it has ended they take their names, `run.json` last. So a
//! run that fails leaves the results of the one before it as they were. A folder that holds files of these names, no
//! `run.json` and no checkpoint is not ours, and is left alone. A run that goes on after another one cuts the files where
//! that one's checkpoint says and appends.

mod keeper;

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use keeper::{Keeper, Kept};

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
    /// A checkpoint is damaged, or the system said no.
    #[error("cannot read '{}'; leave out --resume to begin anew", path.display())]
    Unreadable {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: io::Error,
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

    /// Goes on with a file that had `length` bytes at the checkpoint.
    fn resume(folder: &Path, name: &str, length: u64) -> Result<Self, EmitError> {
        let path = folder.join(name);
        let open = || -> io::Result<File> {
            // A run that was killed while it gave its files their names has taken away the first ones.
            if !part(&path).exists() && path.exists() {
                std::fs::rename(&path, part(&path))?;
            }
            let mut file = File::options().read(true).write(true).open(part(&path))?;
            if file.metadata()?.len() < length {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than the checkpoint says"));
            }
            file.set_len(length)?;
            file.seek(io::SeekFrom::End(0))?;
            Ok(file)
        };
        match open() {
            Ok(file) => Ok(Self { path, file: BufWriter::with_capacity(1 << 16, file) }),
            Err(source) => Err(EmitError::Io { path: part(&path), source }),
        }
    }

    /// Puts everything on the disk; how long the file is.
    fn sync(&mut self) -> Result<u64, EmitError> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_data());
        let length = synced.and_then(|()| self.file.get_ref().metadata());
        length.map(|metadata| metadata.len()).map_err(|source| self.failed(source))
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
        let ours = path.join(RUN).exists() || matches!(Keeper::find(path), Ok((Some(_), _)));
        if !ours
            && let Some(name) =
                [ALERTS, INCIDENTS, SUMMARIES, REQUESTS, LETTERS].into_iter().find(|name| path.join(name).exists())
        {
            return Err(EmitError::Foreign { folder: path.to_owned(), name });
        }
        Keeper::clear(path)?;
        Ok(Self {
            path: path.to_owned(),
            alerts: Lines::open(path, ALERTS)?,
            incidents: Lines::open(path, INCIDENTS)?,
            summaries: Lines::open(path, SUMMARIES)?,
            requests: Lines::open(path, REQUESTS)?,
            letters: Lines::open(path, LETTERS)?,
        })
    }

    /// Goes on with the files of an interrupted run, cut to the lengths of its checkpoint.
    ///
    /// # Errors
    /// When one of them is missing, too short, or cannot be written.
    pub fn resume(path: &Path, lengths: [u64; 5]) -> Result<Self, EmitError> {
        let [alerts, incidents, summaries, requests, letters] = lengths;
        Ok(Self {
            path: path.to_owned(),
            alerts: Lines::resume(path, ALERTS, alerts)?,
            incidents: Lines::resume(path, INCIDENTS, incidents)?,
            summaries: Lines::resume(path, SUMMARIES, summaries)?,
            requests: Lines::resume(path, REQUESTS, requests)?,
            letters: Lines::resume(path, LETTERS, letters)?,
        })
    }

    /// Puts everything written so far on the disk; the lengths of the files, for [`Folder::resume`].
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn sync(&mut self) -> Result<[u64; 5], EmitError> {
        let Self { alerts, incidents, summaries, requests, letters, .. } = self;
        Ok([alerts.sync()?, incidents.sync()?, summaries.sync()?, requests.sync()?, letters.sync()?])
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
        written.map_err(|source| EmitError::Io { path, source })?;
        Keeper::clear(&self.path)
    }
}
