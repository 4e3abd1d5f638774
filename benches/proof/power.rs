//! How long does a real change go unnoticed, by the judge and by fixed rules?
//!
//! `power [--effect NAME]... [--seeds N] [--out DIR] [--docs] [--table]`; the page is `docs/power.md`.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use crate::proof::lines::{Line, Lines, WORLDS, code};
use crate::proof::power::course::{BUDGET, Begun, Course};
use crate::proof::power::effects::{Effect, FULL, SMALL, Size, all};
use crate::proof::power::page::page;
use crate::proof::power::quiet::{Quiet, quiet};
use crate::proof::power::restless::{Raised, WORLDS as WORLDS_OF_RULES, raised};
use crate::proof::power::table::{false_alarms, matched, restless};
use crate::proof::worlds::{Law, PLAIN};
use crate::shared::{THREADS, each, folder, machine, today, write_page};

const SEEDS: u64 = 20;
/// Quiet months for the thresholds of the rules; as many again count their false alarms.
const QUIET: u64 = 2_000;
/// Months of each world that is less still.
const RESTLESS: u64 = 100;
/// What a course depends on beside the worlds and the program.
const OWN: [&str; 8] = [
    "power/change.rs",
    "power/course.rs",
    "power/figures.rs",
    "power/quiet.rs",
    "power/reference.rs",
    "power/restless.rs",
    "power/rules.rs",
    "power/seen.rs",
];

struct Wanted {
    effects: Vec<Effect>,
    seeds: u64,
    out: PathBuf,
    docs: bool,
    table: bool,
}

fn wanted(mut words: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let mut wanted = Wanted { effects: Vec::new(), seeds: SEEDS, out: folder(), docs: false, table: false };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--docs" => wanted.docs = true,
            "--table" => wanted.table = true,
            _ => {
                let value = words.next().ok_or(format!("{word} needs a value"))?;
                match word.as_str() {
                    "--effect" => {
                        let found = all().into_iter().find(|effect| effect.name == value);
                        wanted.effects.push(found.ok_or(format!("no effect is called '{value}'"))?);
                    }
                    "--seeds" => {
                        wanted.seeds = value.parse().map_err(|_| format!("'{value}' is no number of seeds"))?;
                    }
                    "--out" => wanted.out = value.into(),
                    _ => return Err(format!("unknown option '{word}'")),
                }
            }
        }
    }
    if wanted.effects.is_empty() {
        wanted.effects = all();
    }
    Ok(wanted)
}

/// Runs what is asked for and tells it.
pub(crate) fn main(words: impl Iterator<Item = String>) -> Result<(), String> {
    let wanted = wanted(words)?;
    let code = code(&[&WORLDS[..], &OWN].concat()).expect("the sources can be read");
    let quiets = Lines::<Quiet>::open(&wanted.out, code.clone()).expect("the folder can be written");
    let raised = Lines::<Raised>::open(&wanted.out, code.clone()).expect("the folder can be written");
    let courses = Lines::<Course>::open(&wanted.out, code).expect("the folder can be written");
    let quiets = quiet_months(&wanted, &quiets);
    let worlds = restless_months(&wanted, &raised, &quiets);
    let done = run(&wanted, &courses, &quiets);
    if wanted.docs {
        write_page("docs/power.md", &page(&wanted.effects, &done, &quiets, &worlds, &today(), &machine()));
    }
    let (table, rows, slower) = matched(&wanted.effects, &done);
    println!(
        "{table}\n{}\n{}\nin {slower} of {rows} rows a rule was faster; courses in {}",
        false_alarms(&quiets),
        restless(&worlds),
        courses.path().display()
    );
    Ok(())
}

/// Whether two laws are one, as far as they differ here.
fn is_same(one: Law, other: Law) -> bool {
    (one.rows_a_day, one.baseline_rows) == (other.rows_a_day, other.baseline_rows)
}

/// The quiet months of each law.
fn quiet_months(wanted: &Wanted, lines: &Lines<Quiet>) -> Vec<(Law, Quiet)> {
    let known = lines.known();
    let of = |law: Law| {
        let name = format!("{} rows a day, a baseline of {}", law.rows_a_day, law.baseline_rows);
        let line = known.iter().find(|line| line.cell == name && line.month == QUIET).cloned();
        let line = line.or_else(|| {
            let start = Instant::now();
            let came_to = (!wanted.table).then(|| quiet(law, QUIET, BUDGET, THREADS))?;
            let seconds = start.elapsed().as_secs_f64();
            eprintln!("{name}: {} quiet months in {seconds:.1} s", 2 * QUIET);
            Some(lines.add(&name, QUIET, seconds, came_to).expect("the folder can be written"))
        });
        line.map(|line| (law, line.came_to))
    };
    let laws = [PLAIN, SMALL, FULL].into_iter();
    let asked = |law: &Law| wanted.effects.iter().any(|effect| is_same(effect.law, *law));
    laws.filter(asked).filter_map(of).collect()
}

/// What the rules of the plain law raise in worlds that are less still.
fn restless_months(wanted: &Wanted, lines: &Lines<Raised>, quiets: &[(Law, Quiet)]) -> Vec<(&'static str, Raised)> {
    let known = lines.known();
    let Some((_, quiet)) = quiets.iter().find(|(law, _)| is_same(*law, PLAIN)) else { return Vec::new() };
    let of = |world: &'static str| {
        let line = known.iter().find(|line| line.cell == world && line.month == RESTLESS).cloned();
        let line = line.or_else(|| {
            let start = Instant::now();
            let came_to = (!wanted.table).then(|| raised(world, RESTLESS, quiet, THREADS))?;
            let seconds = start.elapsed().as_secs_f64();
            eprintln!("{world}: {RESTLESS} months in {seconds:.1} s");
            Some(lines.add(world, RESTLESS, seconds, came_to).expect("the folder can be written"))
        });
        line.map(|line| (world, line.came_to))
    };
    WORLDS_OF_RULES.into_iter().filter_map(of).collect()
}

/// A seed, the thresholds of its law, and what is to be tried.
type Work<'a> = (u64, &'a Quiet, Vec<(&'a Effect, &'a Size)>);

/// Lives through what is missing, seed by seed: the days before the change are the same for all effects of a seed.
fn run(wanted: &Wanted, lines: &Lines<Course>, quiets: &[(Law, Quiet)]) -> Vec<Line<Course>> {
    let known = lines.known();
    let mut work: Vec<Work<'_>> = Vec::new();
    for seed in 0..wanted.seeds {
        for (law, quiet) in quiets {
            let of_law = wanted.effects.iter().filter(|effect| is_same(effect.law, *law));
            let sizes = of_law.flat_map(|effect| effect.sizes.iter().map(move |size| (effect, size)));
            let is_known = |effect: &Effect, size: &Size| {
                let key = effect.key(size);
                known.iter().any(|line| line.month == seed && line.cell == key)
            };
            let missing: Vec<_> = sizes.filter(|(effect, size)| !is_known(effect, size)).collect();
            if !missing.is_empty() && !wanted.table {
                work.push((seed, quiet, missing));
            }
        }
    }
    let added = Mutex::new(Vec::new());
    each(&work, THREADS, |(seed, quiet, missing)| {
        let start = Instant::now();
        let begun = Begun::new(missing[0].0.law, *seed);
        for (effect, size) in missing {
            let start = Instant::now();
            let course = begun.live(effect, size, quiet);
            let seconds = (start.elapsed().as_secs_f64() * 1_000.0).round() / 1_000.0;
            let line = lines.add(&effect.key(size), *seed, seconds, course).expect("the folder can be written");
            added.lock().expect("no thread died").push(line);
        }
        eprintln!("seed {seed}: {} courses in {:.1} s", missing.len(), start.elapsed().as_secs_f64());
    });
    let mut all = known;
    all.extend(added.into_inner().expect("no thread died"));
    all.retain(|line| line.month < wanted.seeds);
    // The table reads them in any order; this one is the same for every run.
    all.sort_by(|a, b| a.cell.cmp(&b.cell).then(a.month.cmp(&b.month)));
    all
}
