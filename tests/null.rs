//! Where nothing is wrong, do alarms stay within what the user allows?
//!
//! A few months of a few worlds; `cargo bench --bench proof -- null` lives through many of many. And the ways in which
//! worlds are counted say the same.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod proof;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use proof::cells::{Cell, Way, all};
use proof::month::{Alarms, live};
use truthline::stats::tails::binomial_upper;

fn cell(name: &str) -> Cell {
    all().into_iter().find(|cell| cell.name == name).unwrap()
}

/// Allowances a month: at the first, a few disturbed months refute the promise.
const BUDGETS: [f64; 2] = [0.01, 1.0];
const MONTHS: u64 = 5;
/// A wrong refutation of a promise that holds is as improbable as this.
const IMPROBABLE: f64 = 1e-6;

#[test]
fn in_no_world_are_more_months_disturbed_than_chance_allows() {
    let cells =
        ["plain", "events-50", "baseline-500", "wandering-days", "customers", "week-cycle", "disorder", "replaced"];
    let cells = cells.map(cell);
    let months: Vec<(&Cell, u64)> = (0..MONTHS).flat_map(|month| cells.iter().map(move |cell| (cell, month))).collect();
    let (next, lived) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(&(cell, month)) = months.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let alarms = live(cell, month, &BUDGETS).alarms;
                    lived.lock().unwrap().push((cell.name, alarms));
                }
            });
        }
    });
    let lived: Vec<(&str, Alarms)> = lived.into_inner().unwrap();
    let mut refuted = Vec::new();
    for budget in BUDGETS {
        // A month with an alarm is no more probable than alarms are expected in it, however they cluster.
        let mut worlds: BTreeMap<&str, (u64, u64, Vec<&str>)> = BTreeMap::new();
        for (name, alarms) in &lived {
            let alarms = &alarms[&budget.to_string()];
            for key in [*name, "all together"] {
                let (disturbed, months, texts) = worlds.entry(key).or_default();
                *disturbed += u64::from(!alarms.is_empty());
                *months += 1;
                texts.extend(alarms.iter().map(|alarm| alarm.text.as_str()));
            }
        }
        for (name, (disturbed, months, texts)) in worlds {
            let p = binomial_upper(disturbed as f64, months as f64, budget.min(1.0));
            println!("{name} at {budget}: {disturbed} of {months} months disturbed, p = {p:.2e}");
            if p <= IMPROBABLE {
                refuted.push(format!("{name} at {budget}: {disturbed} of {months} months:\n  {}", texts.join("\n  ")));
            }
        }
    }
    assert!(refuted.is_empty(), "{}", refuted.join("\n"));
}

/// So large an allowance that chance alone makes alarms, by which to tell two ways apart.
const LOUD: f64 = 1_000.0;

fn agree(cell: &Cell, other: Way) {
    let one = live(cell, 0, &[LOUD]);
    let two = live(&Cell { way: other, ..*cell }, 0, &[LOUD]);
    assert!(!one.alarms[&LOUD.to_string()].is_empty(), "{}: there is something to compare", cell.name);
    assert_eq!(one, two, "{}", cell.name);
}

#[test]
fn the_engine_says_of_records_what_a_count_of_the_same_rows_says() {
    let engine = Way::Engine { repeats: 0.03, disorder: true, late_truth: true };
    agree(&cell("plain"), engine);
    agree(&cell("wandering-days"), engine);
}

#[test]
fn sums_of_blocks_say_what_their_rows_say() {
    for name in ["plain-blocks", "slices-50"] {
        let cell = Cell { way: Way::Blocks(100), ..cell(name) };
        agree(&cell, Way::Redrawn(100));
    }
}

#[test]
fn labels_of_one_decision_alone_are_a_blind_spot_and_no_alarm() {
    for month in 0..2 {
        let month = live(&cell("labels-selective"), month, &[1.0]);
        assert!(month.blind.contains("selective_labels"), "{:?}", month.blind);
        assert_eq!(month.alarms["1"], []);
    }
    assert!(!live(&cell("labels-half"), 0, &[1.0]).blind.contains("selective_labels"));
}
