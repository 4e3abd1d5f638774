//! Does the house stand as `ARCHITECTURE.md` draws it? Imports point downwards, files are small and open with the
//! question they answer, and nothing below the commands reads a clock or the environment.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each room and its floor. A room imports only from lower floors.
const FLOORS: [(&str, u8); 26] = [
    ("event", 0),
    ("telemetry", 0),
    ("decode", 1),
    ("finding", 1),
    ("join", 1),
    ("stats", 1),
    ("indicator", 2),
    ("ingest", 2),
    ("status", 2),
    ("config", 3),
    ("observe", 3),
    ("baseline", 4),
    ("control", 4),
    ("kafka", 4),
    ("judge", 5),
    ("engine", 6),
    ("emit", 7),
    ("exchange", 7),
    ("replay", 7),
    ("report", 7),
    ("backfill", 8),
    ("http", 8),
    ("run", 8),
    ("story", 8),
    ("commands", 9),
    ("main", 10),
];

/// A file may not be longer.
const MOST_LINES: usize = 800;

/// Calls that only these rooms may make.
const FENCED: [(&str, &[&str]); 6] = [
    ("Instant::now", &["commands", "http", "kafka", "run"]),
    ("SystemTime::now", &["commands", "http", "run"]),
    ("env::var", &["config"]),
    ("env::vars", &["config"]),
    ("std::fs", &["commands", "config", "emit", "ingest", "report"]),
    ("std::thread", &["commands", "engine", "http", "ingest", "kafka", "run"]),
];

struct Source {
    /// As in `src/join/mod.rs`.
    path: String,
    room: String,
    text: String,
}

impl Source {
    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap();
        self.path.contains("/tests/") || matches!(name, "tests.rs" | "oracle.rs" | "sample.rs")
    }

    /// The lines that are code of the program: no comments, no tests.
    fn code(&self) -> String {
        let program = self.text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = program.lines().map(|line| line.split("//").next().unwrap());
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                let room = path.split('/').nth(1).unwrap().trim_end_matches(".rs").to_owned();
                sources.push(Source { path, room, text });
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

/// The rooms that a text imports: `crate::room` and `crate::{room::…, other}`; in `main.rs` by the crate's name.
fn imports(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for start in ["crate::", "truthline::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
                continue;
            }
            let rest = &code[at + start.len()..];
            let Some(inner) = rest.strip_prefix('{') else {
                rooms.extend(first_name(rest));
                continue;
            };
            let mut depth = 0;
            let mut expects_name = true;
            for (place, c) in inner.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => expects_name = true,
                    c if expects_name && !c.is_whitespace() => {
                        rooms.extend(first_name(&inner[place..]));
                        expects_name = false;
                    }
                    _ => {}
                }
            }
        }
    }
    rooms
}

fn first_name(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    name.starts_with(|c: char| c.is_lowercase()).then_some(name)
}

#[test]
fn imports_are_read_from_every_form() {
    let code = "use crate::event::{A, B};\nuse crate::{stats, join::{self, row}, finding::X};\nlet a = crate::decode::f();\n$crate::no";
    let found = imports(code);
    let expected = ["decode", "event", "finding", "join", "stats"].map(str::to_owned);
    assert_eq!(found, BTreeSet::from(expected));
}

#[test]
fn a_room_imports_only_from_lower_floors() {
    let floors = BTreeMap::from(FLOORS);
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.room != "lib" && !source.is_test()) {
        let Some(floor) = floors.get(source.room.as_str()) else {
            wrong.push(format!("{}: room `{}` has no floor in tests/house.rs", source.path, source.room));
            continue;
        };
        for import in imports(&source.code()).iter().filter(|import| **import != source.room) {
            match floors.get(import.as_str()) {
                Some(below) if below < floor => {}
                Some(below) => {
                    wrong.push(format!("{} (floor {floor}) imports `{import}` (floor {below})", source.path));
                }
                None => wrong.push(format!("{} imports `{import}`, which has no floor", source.path)),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_is_about_and_is_short() {
    let mut wrong = Vec::new();
    for source in sources() {
        if !source.text.starts_with("//! ") {
            wrong.push(format!("{} does not open with //!", source.path));
        }
        let lines = source.text.lines().count();
        if lines > MOST_LINES {
            wrong.push(format!("{} has {lines} lines, at most {MOST_LINES}", source.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_edges_touch_clocks_files_threads_and_the_environment() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        let code = source.code();
        for (call, rooms) in FENCED {
            if code.contains(call) && !rooms.contains(&source.room.as_str()) {
                wrong.push(format!("{} uses {call}; only these rooms may: {}", source.path, rooms.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_is_on_the_map() {
    let map = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    for source in sources() {
        let room = source.room;
        assert!(
            room == "lib" || room == "main" || map.contains(&format!("`{room}`")),
            "ARCHITECTURE.md lacks `{room}`"
        );
    }
}
