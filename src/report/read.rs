//! How are the files of a replay read back?
//!
//! The one place of this room that touches the disk. Five files stand in the directory that `replay --out` wrote; each
//! must be there, also when it is empty. Of the revisions of a summary only the last is kept: a report shows no other,
//! so memory is bounded by the number of windows. A line may be [`LINE_MAX`] bytes long.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::Findings;
use crate::finding::Summary;

/// The longest line that is read, in bytes.
pub const LINE_MAX: u64 = 64 << 20;

/// Why the files could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file is not there.
    #[error(
        "{path} is missing; a directory written by `truthline replay --out` holds alerts.jsonl, incidents.jsonl, summaries.jsonl, label-requests.jsonl and run.json",
        path = .0.display()
    )]
    Missing(PathBuf),
    /// A file cannot be read.
    #[error("{path} cannot be read", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The trouble.
        #[source]
        source: std::io::Error,
    },
    /// A line is not what it should be.
    #[error("{path}, line {line}: {reason}", path = path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// Which field, and what is wrong with it.
        reason: String,
    },
}

/// Reads what `replay --out` wrote into `directory`.
///
/// # Errors
/// A file that is missing or unreadable, or a line that is not a record of that file; each names the file, and the line.
pub fn read_dir(directory: &Path) -> Result<Findings, ReadError> {
    let mut summaries: BTreeMap<_, Summary> = BTreeMap::new();
    each_line(&directory.join("summaries.jsonl"), |summary: Summary| {
        let key = (summary.model.clone(), summary.version.clone(), summary.window);
        if summaries.get(&key).is_none_or(|known| known.revision <= summary.revision) {
            summaries.insert(key, summary);
        }
    })?;
    Ok(Findings {
        alerts: lines(&directory.join("alerts.jsonl"))?,
        incidents: lines(&directory.join("incidents.jsonl"))?,
        summaries: summaries.into_values().collect(),
        requests: lines(&directory.join("label-requests.jsonl"))?,
        run: whole(&directory.join("run.json"))?,
    })
}

fn open(path: &Path) -> Result<File, ReadError> {
    File::open(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => ReadError::Missing(path.into()),
        _ => ReadError::Io { path: path.into(), source },
    })
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, ReadError> {
    let mut all = Vec::new();
    each_line(path, |one| all.push(one))?;
    Ok(all)
}

fn each_line<T: DeserializeOwned>(path: &Path, mut take: impl FnMut(T)) -> Result<(), ReadError> {
    let mut reader = BufReader::new(open(path)?);
    let mut buffer = Vec::new();
    for line in 1.. {
        buffer.clear();
        let wrong = |reason: String| ReadError::Line { path: path.into(), line, reason };
        let length = (&mut reader)
            .take(LINE_MAX)
            .read_until(b'\n', &mut buffer)
            .map_err(|source| ReadError::Io { path: path.into(), source })?;
        if length == 0 {
            break;
        }
        if length as u64 == LINE_MAX && buffer.last() != Some(&b'\n') {
            return Err(wrong(format!("longer than {LINE_MAX} bytes")));
        }
        if !buffer.trim_ascii().is_empty() {
            take(record(&buffer).map_err(wrong)?);
        }
    }
    Ok(())
}

fn whole<T: DeserializeOwned>(path: &Path) -> Result<T, ReadError> {
    let mut bytes = Vec::new();
    open(path)?.take(LINE_MAX).read_to_end(&mut bytes).map_err(|source| ReadError::Io { path: path.into(), source })?;
    let mut decoder = serde_json::Deserializer::from_slice(&bytes);
    serde_path_to_error::deserialize(&mut decoder).map_err(|error| ReadError::Line {
        path: path.into(),
        line: error.inner().line() as u64,
        reason: error.to_string(),
    })
}

fn record<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let mut decoder = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut decoder).map_err(|error| {
        // The position inside the line is of use, the line number of the parser (always 1) is not.
        let (field, inner) = (error.path().to_string(), error.inner());
        let text = inner.to_string();
        let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
        format!("field {field}, column {}: {text}", inner.column())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn write(findings: &Findings, directory: &Path) {
        sample::write(findings, directory).unwrap();
    }

    #[test]
    fn what_was_written_is_read_back() {
        let findings = sample::fraud();
        let directory = tempfile::tempdir().unwrap();
        write(&findings, directory.path());
        let read = read_dir(directory.path()).unwrap();
        assert_eq!(read.alerts, findings.alerts);
        assert_eq!(read.incidents, findings.incidents);
        assert_eq!(read.requests, findings.requests);
        assert_eq!(read.run, findings.run);
        assert_eq!(crate::report::render(&read).unwrap(), crate::report::render(&findings).unwrap());
    }

    #[test]
    fn a_missing_file_is_named_with_what_is_expected() {
        let directory = tempfile::tempdir().unwrap();
        write(&sample::quiet(), directory.path());
        std::fs::remove_file(directory.path().join("incidents.jsonl")).unwrap();
        let error = read_dir(directory.path()).unwrap_err().to_string();
        assert!(error.contains("incidents.jsonl is missing") && error.contains("replay --out"), "{error}");
    }

    #[test]
    fn a_bad_line_is_named_with_file_line_and_field() {
        let directory = tempfile::tempdir().unwrap();
        write(&sample::fraud(), directory.path());
        let path = directory.path().join("alerts.jsonl");
        let text = std::fs::read_to_string(&path).unwrap();
        let broken: Vec<String> = text
            .lines()
            .enumerate()
            .map(|(k, line)| if k == 2 { line.replace("\"n\":", "\"n\":-") } else { line.into() })
            .collect();
        std::fs::write(&path, broken.join("\n")).unwrap();
        let error = read_dir(directory.path()).unwrap_err().to_string();
        assert!(error.contains("alerts.jsonl, line 3: field n"), "{error}");
    }
}
