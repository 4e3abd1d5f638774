//! Is a real change found as soon as the judge says that it can be, and a trifle never?
//!
//! A few months; `cargo bench --bench proof -- power` tries all indicators, and compares them with the rules that people
//! use. Here these rules are also held to what they are said to be.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod proof;

use proof::power::change::Change;
use proof::power::course::{Begun, settings};
use proof::power::effects::{Effect, Size, all};
use proof::power::quiet::Quiet;
use proof::power::reference::Reference;
use proof::power::rules::{Desk, Rule, ks, psi, watched};
use proof::power::seen::{NUMBERS, POOL_OF_ROWS, Seen};
use proof::worlds::PLAIN;
use truthline::indicator::Indicator;
use truthline::judge::outlook;
use truthline::story::Chance;

const SEEDS: u64 = 3;
/// A change of so many times the smallest that one day would show by the baseline alone (the days of production before it
/// have a say in how much is scatter: by luck they may ask for half as much again)…
const CLEAR: f64 = 3.0;
/// …is found within so many days, when the rows of one of them are unlucky.
const DAYS: f64 = 2.0;
/// Minutes of disorder, in days.
const DISORDER: f64 = 0.01;

fn effect(name: &str) -> Effect {
    all().into_iter().find(|effect| effect.name == name).unwrap()
}

/// A change that moves the figure of an indicator by so much.
fn strength(name: &str, by: f64, begun: &Begun) -> Change {
    let sums = &begun.profile().sums;
    let decided = sums.flow(truthline::observe::flow::POSITIVE) as f64 / sums.flow(truthline::observe::flow::N) as f64;
    match name {
        "input.missing_rate" => Change::Missing(by),
        "input.unseen_value" => Change::Typos(by),
        "decision.rate" => Change::Decisions(1.0 + by / decided),
        "calibration.intercept" => Change::Odds(by),
        other => panic!("no change of '{other}'"),
    }
}

#[test]
fn a_clear_change_is_found_at_once_and_a_trifle_never() {
    let trifles = [
        ("input.missing_rate", Change::Missing(0.002)),
        ("input.unseen_value", Change::Typos(0.000_5)),
        ("decision.rate", Change::Decisions(1.1)),
        ("calibration.intercept", Change::Odds(0.1)),
    ];
    let config = settings(PLAIN);
    std::thread::scope(|scope| {
        for seed in 0..SEEDS {
            let config = &config;
            scope.spawn(move || {
                let begun = Begun::new(PLAIN, seed);
                assert!(begun.before().is_empty(), "seed {seed}: {:?} before anything has changed", begun.before());
                let seen = outlook(config.model("m"), begun.profile(), PLAIN.rows_a_day);
                for (name, trifle) in trifles {
                    let effect = effect(name);
                    let size = |change| Size { text: "tried", change, floors: None };
                    let course = begun.live(&effect, &size(trifle), &Quiet::mute());
                    assert_eq!(course.days, None, "seed {seed}: {trifle:?} is below the floor of {name}");
                    let indicator = Indicator::from_name(effect.indicator).unwrap();
                    let one_day = seen.iter().find(|one| one.indicator == indicator && one.multiple == 1).unwrap();
                    // Of five categories three are short lists, and the middle one of five is the worst of them.
                    let which = if name == "input.unseen_value" { 1 } else { 2 };
                    let smallest = one_day.smallest[which].unwrap();
                    let change = strength(name, CLEAR * smallest, &begun);
                    let course = begun.live(&effect, &size(change), &Quiet::mute());
                    let latest = DAYS + DISORDER + if name.starts_with("calibration") { 1.0 } else { 0.0 };
                    let days = course.days.unwrap_or(f64::INFINITY);
                    println!(
                        "seed {seed}: {name}: one day shows {smallest:.4}; {change:?} was found in {days:.2} days"
                    );
                    assert!(days <= latest, "seed {seed}: {name}: {change:?} was found in {days} days: {course:?}");
                }
            });
        }
    });
}

#[test]
fn psi_and_ks_are_what_they_are_said_to_be() {
    // By hand, with shares of at least 1e-4.
    let (now, then) = ([50, 0, 30, 20], [400, 100, 300, 200]);
    let by_hand = |p: f64, q: f64| (p - q) * libm::log(p / q);
    let wanted = by_hand(0.5, 0.4) + by_hand(1e-4, 0.1) + by_hand(0.3, 0.3) + by_hand(0.2, 0.2);
    assert!((psi(&now, &then) - wanted).abs() < 1e-12);
    // The distance of the vector `ks_binned`, 0.09.
    let (now, then) = ([40, 90, 170, 110, 90], [100, 250, 300, 200, 150]);
    assert!((ks(&now, &then) / (500.0_f64 * 1_000.0 / 1_500.0).sqrt() - 0.09).abs() < 1e-12);
}

/// The distance of Kolmogorov and Smirnov, from the values themselves.
fn naive_ks(now: &[f32], then: &[f32]) -> f64 {
    let share = |values: &[f32], x: f32| values.iter().filter(|&&v| v <= x).count() as f64 / values.len() as f64;
    now.iter().chain(then).map(|&x| (share(now, x) - share(then, x)).abs()).fold(0.0, f64::max)
}

#[test]
fn rules_on_a_grid_say_what_they_say_of_the_values_themselves() {
    let rows = &POOL_OF_ROWS.rows;
    let (baseline, day): (&[Seen], &[Seen]) = (&rows[..2_000], &rows[5_000..5_400]);
    let reference = Reference::new(baseline, day.len(), &mut Chance::new(1));
    let statistics = Desk::default().look(&reference, day, [0; 3]);
    let watched = watched();
    assert_eq!(statistics.len(), watched.len());
    for place in 0..NUMBERS {
        let values =
            |rows: &[Seen]| -> Vec<f32> { rows.iter().map(|row| row.numbers[place]).filter(|x| !x.is_nan()).collect() };
        let (now, then) = (values(day), values(baseline));
        let (n, m) = (now.len() as f64, then.len() as f64);
        let at = watched.iter().position(|one| one.rule == Rule::Ks).unwrap() + place;
        let distance = statistics[at] / (n * m / (n + m)).sqrt();
        let wanted = naive_ks(&now, &then);
        // A cell of the grid holds a thousandth of the rows, and a little more by chance.
        assert!((distance - wanted).abs() < 0.006, "{}: {distance} {wanted}", watched[at].name);
        // Deciles of the baseline, by sorting.
        let mut sorted = then.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        let mut edges: Vec<f32> = (1..10).map(|tenth| sorted[tenth * sorted.len() / 10]).collect();
        edges.dedup();
        let counts = |values: &[f32]| {
            let mut counts = vec![0_u32; edges.len() + 1];
            values.iter().for_each(|x| counts[edges.partition_point(|edge| edge < x)] += 1);
            counts
        };
        let wanted = psi(&counts(&now), &counts(&then));
        assert!((statistics[place] - wanted).abs() < 0.05, "{}: {} {wanted}", watched[place].name, statistics[place]);
    }
}
