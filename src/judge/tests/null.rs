//! Where nothing changes, do alerts stay within the allowance; and are real changes found?
//!
//! Windows that share a baseline share its luck, so alarms come in clusters. A group is a fresh baseline with its
//! windows; by the union bound it holds an alarm of one family with a chance of at most windows times the family's
//! level, and groups are independent: their number with an alarm is below a binomial one.

use std::collections::BTreeMap;

use super::*;
use crate::judge::budget::Family;
use crate::stats::tails::binomial_upper;

/// What one run draws from.
#[derive(Clone, Copy, Default)]
struct Change {
    odds: f64,
    noise: f64,
    steep: f64,
    missing: f64,
    new_value: f64,
    slice: f64,
}

const STILL: Change = Change { odds: 0.0, noise: 0.0, steep: 1.0, missing: 0.01, new_value: 0.0, slice: 1.0 };
/// Logit of the mean case; with the spread below some 5 % are positive.
const CENTRE: f64 = -3.8;

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// Ten features: closed and open categories, flat and steep ones, numbers with a heavy tail, a heavy value, few values,
/// and gaps. One rare value has more positives than the scores say, on the baseline as well.
fn draw(chance: &mut Chance, change: Change) -> Row {
    let z = chance.normal() * 1.2;
    let truth = CENTRE + change.steep * z + change.odds;
    let region = chance.below(4);
    let rare = chance.hits(0.02);
    let mut p = logistic(truth) * if rare { 1.7 } else { 1.0 };
    if region == 3 {
        p *= change.slice;
    }
    let label = chance.hits(p.min(1.0));
    let score = logistic(CENTRE + z + change.noise * chance.normal());
    let zipf = libm::floor(libm::exp(chance.uniform() * libm::log(20_000.0)));
    let features = vec![
        ("amount", Cell::Number(libm::exp(2.0 * chance.normal()))),
        ("z", Cell::Number(z + chance.normal())),
        ("sparse", Cell::Number(if chance.hits(0.7) { 0.0 } else { chance.uniform() })),
        ("few", Cell::Number(chance.below(5) as f64)),
        ("gaps", if chance.hits(change.missing) { Cell::Null } else { Cell::Number(chance.uniform()) }),
        ("region", text(["north", "south", "east", "west"][region as usize])),
        (
            "kind",
            text(if chance.hits(change.new_value) {
                "brand-new"
            } else if rare {
                "rare"
            } else {
                "usual"
            }),
        ),
        ("flat", text(format!("f{}", chance.below(1_000)))),
        ("steep", text(format!("s{zipf}"))),
        ("two", text(if chance.hits(0.003) { "yes" } else { "no" })),
    ];
    let decision = score >= 0.2;
    Row { features, score, decision: Some(decision), label: Some(label), weight: Weight::ONE }
}

fn rows(chance: &mut Chance, n: usize, change: Change) -> Vec<Row> {
    (0..n).map(|_| draw(chance, change)).collect()
}

fn family(indicator: &str) -> Family {
    match indicator {
        "input.missing_rate" => Family::Missing,
        "input.unseen_value" => Family::Unseen,
        "input.emerging_value" => Family::Emerging,
        "input.out_of_range" => Family::Range,
        "input.drift" => Family::Drift,
        "prediction.drift" | "decision.rate" => Family::Predictions,
        "label.rate" | "label.coverage" | "label.delay" => Family::Labels,
        "label.prior_estimate" | "performance.estimated" => Family::Estimates,
        "performance.degradation" => Family::Performance,
        "calibration.intercept" | "calibration.slope" => Family::Calibration,
        "slice.error_rate" => Family::Slices,
        _ => Family::Plumbing,
    }
}

#[test]
fn where_nothing_changes_no_family_spends_more_than_its_allowance() {
    let mut chance = Chance(20_260_117);
    for (n, groups, windows) in [(50, 25, 8), (500, 25, 8), (5_000, 15, 5), (40_000, 10, 1)] {
        let mut alarmed: BTreeMap<(u32, Family), Vec<String>> = BTreeMap::new();
        let mut groups_with: BTreeMap<(u32, Family), u64> = BTreeMap::new();
        for _ in 0..groups {
            let mut world = World::new(rows(&mut chance, 5_000, STILL));
            let mut here: std::collections::BTreeSet<(u32, Family)> = std::collections::BTreeSet::new();
            for _ in 0..windows {
                let sums = world.count(rows(&mut chance, n, STILL));
                for monthly in [3, 30] {
                    world.budget = Budget::new(f64::from(monthly), Span::DAY, &[1]);
                    for reading in world.all(&sums).iter().filter(|reading| reading.fires()) {
                        let key = (monthly, family(reading.indicator.name()));
                        here.insert(key);
                        alarmed.entry(key).or_default().push(reading.text.clone());
                    }
                }
            }
            for key in here {
                *groups_with.entry(key).or_default() += 1;
            }
        }
        for ((monthly, family), hits) in groups_with {
            // One family's share of the allowance, a window.
            let level = f64::from(monthly) / 30.0 / 12.0;
            let most = (level * f64::from(windows)).min(1.0);
            let p = binomial_upper(hits as f64, f64::from(groups), most);
            assert!(
                p > 1e-6,
                "{n} rows, {monthly} a month, {family:?}: {hits} of {groups} groups: {:?}",
                alarmed[&(monthly, family)]
            );
        }
    }
}

/// How many of a week's windows find a change at the default allowance; 100 more if the week as a whole does.
fn found(seed: u64, change: Change, wanted: impl Fn(&Reading) -> bool) -> usize {
    let mut chance = Chance(seed);
    let mut world = World::new(rows(&mut chance, 20_000, STILL));
    let mut week = world.count(Vec::new());
    let mut hits = 0;
    for _ in 0..7 {
        let sums = world.count(rows(&mut chance, 5_000, change));
        hits += usize::from(world.all(&sums).iter().any(|reading| reading.fires() && wanted(reading)));
        week.merge(&sums);
    }
    world.multiple = 7;
    hits + if world.all(&week).iter().any(|reading| reading.fires() && wanted(reading)) { 100 } else { 0 }
}

#[test]
fn changes_of_a_size_that_matters_are_found_within_a_week() {
    let is = |name: &'static str| move |reading: &Reading| reading.indicator.name() == name;
    assert_eq!(found(1, Change { new_value: 0.01, ..STILL }, is("input.unseen_value")), 107);
    assert!(found(2, Change { new_value: 0.015, ..STILL }, is("input.emerging_value")) >= 1);
    assert!(
        found(3, Change { missing: 0.03, ..STILL }, |reading: &Reading| {
            reading.indicator.name() == "input.missing_rate" && reading.subject.feature.as_deref() == Some("gaps")
        }) >= 1
    );
    assert!(found(4, Change { odds: 0.7, ..STILL }, is("label.rate")) >= 1);
    assert!(found(5, Change { odds: 0.7, ..STILL }, is("calibration.intercept")) >= 1);
    assert!(
        found(6, Change { noise: 2.0, ..STILL }, |reading: &Reading| {
            reading.indicator.name() == "performance.degradation" && reading.subject.metric.as_deref() == Some("auc")
        }) >= 1
    );
    assert!(found(7, Change { steep: 0.3, odds: 0.7, ..STILL }, is("calibration.slope")) >= 1);
    let west = |reading: &Reading| {
        let slice = reading.subject.slice.as_ref();
        slice.is_some_and(|slice| slice.get("region").is_some_and(|value| value == "west"))
    };
    assert!(found(8, Change { slice: 3.0, ..STILL }, west) >= 1);
}

#[test]
fn a_shift_of_the_whole_is_not_blamed_on_its_slices() {
    let mut chance = Chance(9);
    let mut world = World::new(rows(&mut chance, 20_000, STILL));
    for _ in 0..5 {
        let sums = world.count(rows(&mut chance, 5_000, Change { odds: 1.0, ..STILL }));
        let readings = world.all(&sums);
        assert!(names(&readings).contains(&"label.rate"));
        assert!(!names(&readings).contains(&"slice.error_rate"), "{:?}", firing(&readings));
    }
}
