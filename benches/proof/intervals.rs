//! Do the published intervals hold the truth as often as they say?
//!
//! `intervals [--windows N] [--out DIR] [--docs] [--table]`; the page is `docs/intervals.md`.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use crate::proof::intervals::law::LAWS;
use crate::proof::intervals::page::page;
use crate::proof::intervals::table::markdown;
use crate::proof::intervals::trial::{Case, Coverage, cover};
use crate::proof::lines::{Line, Lines, WORLDS, code};
use crate::shared::{THREADS, each, folder, machine, today, write_page};

/// Windows a cell: the standard error of a coverage of 95 % is then 0.5 points.
const WINDOWS: u64 = 2_000;
/// Rows that a cell may count: large windows are fewer.
const MOST_ROWS: u64 = 50_000_000;
const ROWS: [u64; 5] = [50, 200, 1_000, 10_000, 100_000];
const POSITIVE: [f64; 7] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
const OWN: [&str; 2] = ["intervals/law.rs", "intervals/trial.rs"];

struct Wanted {
    windows: u64,
    out: PathBuf,
    docs: bool,
    table: bool,
}

fn wanted(mut words: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let mut wanted = Wanted { windows: WINDOWS, out: folder(), docs: false, table: false };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--docs" => wanted.docs = true,
            "--table" => wanted.table = true,
            "--out" => wanted.out = value()?.into(),
            "--windows" => {
                let number = value()?;
                wanted.windows = number.parse().map_err(|_| format!("'{number}' is no number of windows"))?;
            }
            _ => return Err(format!("unknown option '{word}'")),
        }
    }
    Ok(wanted)
}

/// Runs what is asked for and tells it.
pub(crate) fn main(words: impl Iterator<Item = String>) -> Result<(), String> {
    let wanted = wanted(words)?;
    let code = code(&[&WORLDS[..], &OWN].concat()).expect("the sources can be read");
    let lines = Lines::<Coverage>::open(&wanted.out, code).expect("the folder can be written");
    let done = run(&wanted, &lines);
    if wanted.docs {
        write_page("docs/intervals.md", &page(&ROWS, &POSITIVE, &done, &today(), &machine()));
    }
    for law in LAWS {
        let (table, promised, short) = markdown(law, &ROWS, &POSITIVE, &done);
        println!("{}: {} of {promised} cells fall short\n\n{table}", law.name, short.len());
    }
    println!("coverages in {}", lines.path().display());
    Ok(())
}

fn run(wanted: &Wanted, lines: &Lines<Coverage>) -> Vec<Line<Coverage>> {
    let known = lines.known();
    let mut missing: Vec<(Case, u64)> = Vec::new();
    for law in LAWS {
        for n in ROWS {
            for prevalence in POSITIVE {
                let case = Case { law, n, prevalence };
                let windows = wanted.windows.min(MOST_ROWS / n);
                let is_known = known.iter().any(|line| line.cell == case.key() && line.month == windows);
                if !is_known && !wanted.table {
                    missing.push((case, windows));
                }
            }
        }
    }
    let added = Mutex::new(Vec::new());
    each(&missing, THREADS, |&(case, windows)| {
        let start = Instant::now();
        let coverage = cover(case, windows);
        let seconds = (start.elapsed().as_secs_f64() * 100.0).round() / 100.0;
        let line = lines.add(&case.key(), windows, seconds, coverage).expect("the folder can be written");
        let mut added = added.lock().expect("no thread died");
        added.push(line);
        eprintln!("{}/{} {}: {seconds} s", added.len(), missing.len(), case.key());
    });
    let mut all = known;
    // What was tried with the most windows comes first.
    all.extend(added.into_inner().expect("no thread died"));
    all.sort_by(|a, b| a.cell.cmp(&b.cell).then(b.month.cmp(&a.month)));
    all
}
