//! Which months have been lived through already? One line of JSON each; a run that was killed goes on where it stood.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use truthline::event::fnv1a_64;

use super::cells::FORMAT;
use super::month::Month;

/// One month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub format: u32,
    /// Of the program and of the worlds: see [`code`].
    pub code: String,
    pub cell: String,
    pub month: u64,
    pub seconds: f64,
    #[serde(flatten)]
    pub came_to: Month,
}

/// What a month depends on: the rooms that count and judge, without comments, and the worlds.
pub(crate) fn code() -> io::Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rooms = ["baseline", "control", "engine", "event", "finding", "indicator", "join", "judge", "observe", "stats"];
    let mut folders: Vec<PathBuf> = rooms.iter().map(|room| root.join("src").join(room)).collect();
    let mut files =
        ["worlds.rs", "month.rs", "wire.rs", "loans.rs"].map(|name| root.join("tests/proof").join(name)).to_vec();
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

/// The file of months.
pub(crate) struct Lines {
    path: PathBuf,
    code: String,
}

impl Lines {
    /// The file in a folder, which is made where it is missing.
    pub(crate) fn open(folder: &Path, code: String) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join("months.jsonl");
        // A run that was killed may have left half a line; what comes next begins a new one.
        let text = fs::read(&path).unwrap_or_default();
        if text.last().is_some_and(|&last| last != b'\n') {
            OpenOptions::new().append(true).open(&path)?.write_all(b"\n")?;
        }
        Ok(Self { path, code })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The months that this code has lived through.
    pub(crate) fn known(&self) -> Vec<Line> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let read = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
        read.filter(|line| line.format == FORMAT && line.code == self.code).collect()
    }

    /// Adds a month.
    pub(crate) fn add(&self, cell: &str, month: u64, seconds: f64, came_to: Month) -> io::Result<Line> {
        let line = Line { format: FORMAT, code: self.code.clone(), cell: cell.to_owned(), month, seconds, came_to };
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
    let lines = Lines::open(folder.path(), "this code".into()).expect("it can be written");
    let first = lines.add("plain", 0, 1.0, Month::default()).expect("it can be written");
    let half = r#"{"format":1,"code":"this code","cell":"pla"#;
    let mut file = OpenOptions::new().append(true).open(lines.path()).expect("it is there");
    file.write_all(half.as_bytes()).expect("it can be written");
    let lines = Lines::open(folder.path(), "this code".into()).expect("it can be written");
    let second = lines.add("plain", 1, 1.0, Month::default()).expect("it can be written");
    assert_eq!(lines.known(), [first, second]);
    let other = Lines::open(folder.path(), "other code".into()).expect("it can be written");
    assert_eq!(other.known(), []);
}
