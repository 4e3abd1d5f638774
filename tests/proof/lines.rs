//! What has been tried already? One line of JSON each; a run that was killed goes on where it stood.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use truthline::event::fnv1a_64;

use super::cells::FORMAT;
use super::month::Month;

/// What a trial may come to.
pub(crate) trait Kept: Serialize + DeserializeOwned {
    /// Raised when a trial comes out otherwise for the same code.
    const FORMAT: u32;
    /// The file of the lines.
    const FILE: &'static str;
}

impl Kept for Month {
    const FORMAT: u32 = FORMAT;
    const FILE: &'static str = "months.jsonl";
}

/// The sources of worlds and months, beside the program.
pub(crate) const WORLDS: [&str; 4] = ["worlds.rs", "month.rs", "wire.rs", "loans.rs"];

/// One trial: a month of a cell, or whatever else has a name and a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line<T = Month> {
    pub format: u32,
    /// Of the program and of the worlds: see [`code`].
    pub code: String,
    pub cell: String,
    pub month: u64,
    pub seconds: f64,
    #[serde(flatten)]
    pub came_to: T,
}

/// What a trial depends on: the rooms that count and judge, without comments, and these files of the proof.
pub(crate) fn code(own: &[&str]) -> io::Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rooms = ["baseline", "control", "engine", "event", "finding", "indicator", "join", "judge", "observe", "stats"];
    let mut folders: Vec<PathBuf> = rooms.iter().map(|room| root.join("src").join(room)).collect();
    let mut files: Vec<PathBuf> = own.iter().map(|name| root.join("tests/proof").join(name)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut code = String::new();
    for file in files {
        let text = fs::read_to_string(file)?;
        let program = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        code.extend(program.lines().map(str::trim).filter(|line| !line.starts_with("//")));
    }
    Ok(format!("{}-{:016x}", env!("CARGO_PKG_VERSION"), fnv1a_64(code.as_bytes())))
}

/// The file of the lines.
pub(crate) struct Lines<T = Month> {
    path: PathBuf,
    code: String,
    of: PhantomData<fn() -> T>,
}

impl<T: Kept> Lines<T> {
    /// The file in a folder, which is made where it is missing.
    pub(crate) fn open(folder: &Path, code: String) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(T::FILE);
        // A run that was killed may have left half a line; what comes next begins a new one.
        let text = fs::read(&path).unwrap_or_default();
        if text.last().is_some_and(|&last| last != b'\n') {
            OpenOptions::new().append(true).open(&path)?.write_all(b"\n")?;
        }
        Ok(Self { path, code, of: PhantomData })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What this code has tried.
    pub(crate) fn known(&self) -> Vec<Line<T>> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let read = text.lines().filter_map(|line| serde_json::from_str::<Line<T>>(line).ok());
        read.filter(|line| line.format == T::FORMAT && line.code == self.code).collect()
    }

    /// Adds a trial.
    pub(crate) fn add(&self, cell: &str, month: u64, seconds: f64, came_to: T) -> io::Result<Line<T>> {
        let line = Line { format: T::FORMAT, code: self.code.clone(), cell: cell.to_owned(), month, seconds, came_to };
        let mut text = serde_json::to_string(&line).map_err(io::Error::other)?;
        text.push('\n');
        let mut file: File = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.write_all(text.as_bytes())?;
        Ok(line)
    }
}

#[test]
fn a_run_goes_on_after_half_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = Lines::<Month>::open(folder.path(), "this code".into()).expect("it can be written");
    let first = lines.add("plain", 0, 1.0, Month::default()).expect("it can be written");
    let half = r#"{"format":1,"code":"this code","cell":"pla"#;
    let mut file = OpenOptions::new().append(true).open(lines.path()).expect("it is there");
    file.write_all(half.as_bytes()).expect("it can be written");
    let lines = Lines::<Month>::open(folder.path(), "this code".into()).expect("it can be written");
    let second = lines.add("plain", 1, 1.0, Month::default()).expect("it can be written");
    assert_eq!(lines.known(), [first, second]);
    let other = Lines::<Month>::open(folder.path(), "other code".into()).expect("it can be written");
    assert!(other.known().is_empty());
}
