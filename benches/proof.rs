//! How often does the judge cry wolf? Months of worlds in which nothing is wrong, as many as it takes.
//!
//! `cargo bench --bench proof -- null [--cell NAME]... [--months N] [--budget B]... [--out DIR] [--docs] [--table]`
//!
//! Every month has its own seed, so it comes out the same whatever else is run. Each finished month is a line in DIR;
//! a run that was killed goes on where it stood. `--docs` writes `docs/null.md` at the end; with `--table` nothing is run, and
//! what is there is told.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench talks to a person")]
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock and its arguments")]

#[path = "../tests/proof/mod.rs"]
mod proof;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use truthline::event::EventTime;

use proof::cells::{Cell, Source, all};
use proof::lines::{Line, Lines, code};
use proof::month::live;
use proof::page::page;
use proof::table::{Tally, markdown};

const THREADS: usize = 2;
const MONTHS: u64 = 45;
/// The allowance of the defaults, and one at which calibration shows.
const BUDGETS: [f64; 2] = [0.1, 3.0];

struct Wanted {
    cells: Vec<Cell>,
    months: u64,
    budgets: Vec<f64>,
    out: PathBuf,
    docs: bool,
    table: bool,
}

fn wanted() -> Result<Option<Wanted>, String> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let mut wanted = Wanted {
        cells: Vec::new(),
        months: MONTHS,
        budgets: Vec::new(),
        out: target.join("proof"),
        docs: false,
        table: false,
    };
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    match words.next().as_deref() {
        Some("null") => {}
        None => return Ok(None),
        Some(other) => return Err(format!("unknown program '{other}'; accepted: null")),
    }
    while let Some(word) = words.next() {
        if let Some(flag) = match word.as_str() {
            "--docs" => Some(&mut wanted.docs),
            "--table" => Some(&mut wanted.table),
            _ => None,
        } {
            *flag = true;
            continue;
        }
        let value = words.next().ok_or(format!("{word} needs a value"))?;
        match word.as_str() {
            "--cell" => {
                let found = all().into_iter().find(|cell| cell.name == value);
                wanted.cells.push(found.ok_or(format!("no cell is called '{value}'"))?);
            }
            "--months" => wanted.months = value.parse().map_err(|_| format!("'{value}' is no number of months"))?,
            "--budget" => wanted.budgets.push(value.parse().map_err(|_| format!("'{value}' is no number of alarms"))?),
            "--out" => wanted.out = value.into(),
            _ => return Err(format!("unknown option '{word}'")),
        }
    }
    if wanted.cells.is_empty() {
        wanted.cells = all();
    }
    let before = wanted.cells.len();
    wanted.cells.retain(|cell| !matches!(cell.source, Source::Loans(..)) || proof::loan_data::is_there());
    if wanted.cells.len() < before {
        eprintln!(
            "without the car loan data {} cells are left out: run tests/fetch-car-loan",
            before - wanted.cells.len()
        );
    }
    if wanted.budgets.is_empty() {
        wanted.budgets = BUDGETS.to_vec();
    }
    Ok(Some(wanted))
}

fn main() {
    let wanted = match wanted() {
        Ok(Some(wanted)) => wanted,
        Ok(None) => {
            println!("say what to prove: cargo bench --bench proof -- null");
            return;
        }
        Err(problem) => {
            eprintln!("{problem}");
            std::process::exit(2);
        }
    };
    let lines = code().and_then(|code| Lines::open(&wanted.out, code)).expect("the folder can be written");
    let done = run(&wanted, &lines);
    let (table, kept) = markdown(&wanted.cells, &done, &wanted.budgets);
    if wanted.docs {
        let page = page(&wanted.cells, &done, &wanted.budgets, &today(), &machine());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/null.md");
        std::fs::write(&path, page).expect("the page can be written");
    }
    println!("{table}\n{kept} of {} worlds keep the promise; months in {}", wanted.cells.len(), lines.path().display());
}

fn today() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = EventTime::from_micros_unchecked(since.as_micros() as i64).rfc3339();
    now.chars().take(10).collect()
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = told.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    format!("{cores} cores of {}", name.map_or("an unknown processor", str::trim))
}

/// Lives through the months that are missing: all worlds' first months first, so that an early look shows all.
fn run(wanted: &Wanted, lines: &Lines) -> Vec<Line> {
    let known = lines.known();
    let is_known = |cell: &Cell, month: u64| {
        let fits = |line: &&Line| line.cell == cell.name && line.month == month;
        let whole =
            |line: &Line| wanted.budgets.iter().all(|budget| line.came_to.alarms.contains_key(&budget.to_string()));
        known.iter().filter(fits).any(whole)
    };
    let each = (0..wanted.months).flat_map(|month| wanted.cells.iter().map(move |cell| (cell, month)));
    let missing = each.filter(|&(cell, month)| !wanted.table && !is_known(cell, month));
    let missing: Vec<(&Cell, u64)> = missing.collect();
    let (next, added) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(&(cell, month)) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let start = Instant::now();
                    let came_to = live(cell, month, &wanted.budgets);
                    let seconds = (start.elapsed().as_secs_f64() * 100.0).round() / 100.0;
                    let mut added = added.lock().expect("no thread died");
                    let line = lines.add(cell.name, month, seconds, came_to).expect("the folder can be written");
                    added.push(line);
                    let of_cell = || added.iter().filter(|line| line.cell == cell.name);
                    let counts: Vec<String> = wanted
                        .budgets
                        .iter()
                        .map(|&budget| Tally::of(of_cell(), budget))
                        .map(|tally| format!("{}/{}", tally.alarms, tally.months))
                        .collect();
                    eprintln!(
                        "{}/{} {} {month}: {seconds} s, so far {}",
                        added.len(),
                        missing.len(),
                        cell.name,
                        counts.join(" ")
                    );
                }
            });
        }
    });
    let mut lines = known;
    lines.extend(added.into_inner().expect("no thread died"));
    let wanted_line = |line: &Line| line.month < wanted.months;
    lines.retain(wanted_line);
    lines
}
