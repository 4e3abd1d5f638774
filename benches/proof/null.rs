//! How often does the judge cry wolf? Months of worlds in which nothing is wrong, as many as it takes.
//!
//! `null [--cell NAME]... [--months N] [--budget B]... [--out DIR] [--docs] [--table]`; the page is `docs/null.md`.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use crate::proof::cells::{Cell, Source, all};
use crate::proof::lines::{Line, Lines, WORLDS, code};
use crate::proof::loan_data;
use crate::proof::month::live;
use crate::proof::page::page;
use crate::proof::table::{Tally, markdown};
use crate::shared::{THREADS, each, folder, machine, today, write_page};

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

fn wanted(mut words: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let mut wanted =
        Wanted { cells: Vec::new(), months: MONTHS, budgets: Vec::new(), out: folder(), docs: false, table: false };
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
    wanted.cells.retain(|cell| !matches!(cell.source, Source::Loans(..)) || loan_data::is_there());
    if wanted.cells.len() < before {
        eprintln!(
            "without the car loan data {} cells are left out: run tests/fetch-car-loan",
            before - wanted.cells.len()
        );
    }
    if wanted.budgets.is_empty() {
        wanted.budgets = BUDGETS.to_vec();
    }
    Ok(wanted)
}

/// Runs what is asked for and tells it.
pub(crate) fn main(words: impl Iterator<Item = String>) -> Result<(), String> {
    let wanted = wanted(words)?;
    let lines = code(&WORLDS).and_then(|code| Lines::open(&wanted.out, code)).expect("the folder can be written");
    let done = run(&wanted, &lines);
    let (table, kept) = markdown(&wanted.cells, &done, &wanted.budgets);
    if wanted.docs {
        write_page("docs/null.md", &page(&wanted.cells, &done, &wanted.budgets, &today(), &machine()));
    }
    println!("{table}\n{kept} of {} worlds keep the promise; months in {}", wanted.cells.len(), lines.path().display());
    Ok(())
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
    let months = (0..wanted.months).flat_map(|month| wanted.cells.iter().map(move |cell| (cell, month)));
    let missing = months.filter(|&(cell, month)| !wanted.table && !is_known(cell, month));
    let missing: Vec<(&Cell, u64)> = missing.collect();
    let added = Mutex::new(Vec::new());
    each(&missing, THREADS, |&(cell, month)| {
        let start = Instant::now();
        let came_to = live(cell, month, &wanted.budgets);
        let seconds = (start.elapsed().as_secs_f64() * 100.0).round() / 100.0;
        let mut added = added.lock().expect("no thread died");
        added.push(lines.add(cell.name, month, seconds, came_to).expect("the folder can be written"));
        let of_cell = || added.iter().filter(|line| line.cell == cell.name);
        let counts: Vec<String> = wanted
            .budgets
            .iter()
            .map(|&budget| Tally::of(of_cell(), budget))
            .map(|tally| format!("{}/{}", tally.alarms, tally.months))
            .collect();
        let (done, all) = (added.len(), missing.len());
        eprintln!("{done}/{all} {} {month}: {seconds} s, so far {}", cell.name, counts.join(" "));
    });
    let mut lines = known;
    lines.extend(added.into_inner().expect("no thread died"));
    lines.retain(|line| line.month < wanted.months);
    lines
}
