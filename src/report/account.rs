//! What went in, what became of it, and do the sums agree?

use std::collections::BTreeMap;

use serde::Serialize;

use super::alerts::{Fact, cut};
use super::number;
use crate::finding::RunReport;

/// Notes that are seen without unfolding.
const NOTES_SHOWN: usize = 8;
/// Notes, limits and names that are written at all.
const NOTES_MAX: usize = 500;

#[derive(Clone, Debug, Serialize)]
struct Equation {
    name: String,
    left: String,
    right: String,
    holds: bool,
}

#[derive(Clone, Debug, Serialize)]
struct Source {
    name: String,
    kind: String,
    records: String,
    rejected: String,
    size: String,
}

/// The account of the run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Account {
    program: String,
    configuration: String,
    sources: Vec<Source>,
    inferences: Vec<Fact>,
    labels: Vec<Fact>,
    rejects: Vec<Fact>,
    watermarks: Vec<Fact>,
    invariants: Vec<Equation>,
    sound: bool,
    capped: Vec<String>,
    unknown: Vec<String>,
    notes: Vec<String>,
    more_notes: Vec<String>,
    notes_left_out: usize,
    speed: Option<String>,
}

impl Account {
    /// The account of `run`.
    pub(super) fn new(run: &RunReport) -> Self {
        let mut notes = texts(&run.notes);
        let more_notes = if notes.len() > NOTES_SHOWN + 1 { notes.split_off(NOTES_SHOWN) } else { Vec::new() };
        let speed = run.records_per_second.zip(run.seconds).filter(|(rate, time)| rate.is_finite() && time.is_finite());
        Self {
            program: run.program.clone(),
            configuration: run.configuration.clone(),
            sources: run
                .sources
                .iter()
                .map(|source| Source {
                    name: source.name.clone(),
                    kind: source.kind.clone(),
                    records: number::count(source.records),
                    rejected: number::count(source.rejected),
                    size: bytes(source.bytes),
                })
                .collect(),
            inferences: counts(&run.inferences),
            labels: counts(&run.labels),
            rejects: counts(&run.rejects),
            watermarks: run
                .watermarks
                .iter()
                .map(|(name, time)| Fact::new(name.clone(), time.map_or("no record yet".into(), number::moment)))
                .collect(),
            invariants: run
                .invariants
                .iter()
                .map(|equation| Equation {
                    name: equation.name.clone(),
                    left: signed(equation.left),
                    right: signed(equation.right),
                    holds: equation.holds,
                })
                .collect(),
            sound: run.invariants.iter().all(|equation| equation.holds),
            capped: texts(&run.capped),
            unknown: texts(&run.unknown_fields),
            notes,
            more_notes,
            notes_left_out: run.notes.len().saturating_sub(NOTES_MAX),
            speed: speed.map(|(rate, seconds)| {
                format!("{} records a second, {} seconds", number::plain(rate.round()), number::plain(seconds))
            }),
        }
    }
}

fn texts(all: &[String]) -> Vec<String> {
    all.iter().take(NOTES_MAX).map(|text| cut(text.clone(), 400)).collect()
}

/// Counts by name as facts.
pub(super) fn counts(counts: &BTreeMap<String, u64>) -> Vec<Fact> {
    counts.iter().map(|(name, count)| Fact::new(name.replace('_', " "), number::count(*count))).collect()
}

fn signed(value: i64) -> String {
    let sign = if value < 0 { "−" } else { "" };
    format!("{sign}{}", number::count(value.unsigned_abs()))
}

fn bytes(size: u64) -> String {
    let mut value = size as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1_000.0 {
            return format!("{} {unit}", number::plain((value * 10.0).round() / 10.0));
        }
        value /= 1_000.0;
    }
    format!("{} TB", number::plain((value * 10.0).round() / 10.0))
}
