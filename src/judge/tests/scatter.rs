//! Do published intervals allow for customers who ask many times?

use std::collections::BTreeMap;

use super::*;
use crate::baseline::Restless;
use crate::finding::{Figure, Summary};
use crate::indicator::Indicator;
use crate::judge::summary::summary;
use crate::stats::interval::share;

/// Rows of a customer, who has one score, one truth and one age; and rows a day.
const BUNCH: usize = 10;
const ROWS: usize = 400;

fn day(chance: &mut Chance) -> Vec<Row> {
    let customer = |_| {
        let score = 0.05 + 0.9 * chance.uniform();
        let age = if chance.hits(0.1) { Cell::Null } else { Cell::Number(chance.uniform()) };
        vec![Row::new(score, chance.hits(score), vec![("age", age)]); BUNCH]
    };
    (0..ROWS / BUNCH).flat_map(customer).collect()
}

fn world(chance: &mut Chance) -> World {
    let days = (0..28).flat_map(|number| {
        let noon = EventTime::from_micros_unchecked(Span::DAY.micros() * number + Span::DAY.micros() / 2);
        day(chance).into_iter().map(move |row| (noon, row))
    });
    World::over(days.collect::<Vec<_>>())
}

fn told(world: &World, sums: &Sums) -> Summary {
    summary(&world.context(sums, &[]), heading())
}

fn figures(summary: &Summary) -> BTreeMap<&str, &Figure> {
    let layers = [&summary.predictions.figures, &summary.truth.figures, &summary.truth.metrics];
    let named = layers.into_iter().flatten().map(|(name, figure)| (name.as_str(), figure));
    named.chain([("missing", &summary.inputs.features[0].missing)]).collect()
}

#[test]
fn intervals_hold_the_truth_though_each_customer_asks_ten_times() {
    // One baseline knows the factor to a quarter, and its intervals share its luck: so there are eight.
    let (baselines, each) = (8, 60);
    // Scores are chances, evenly spread from 0.05 to 0.95.
    let truth = [("missing", 0.1), ("decision_rate", 0.5), ("label_rate", 0.5), ("brier", 0.1825), ("accuracy", 0.725)];
    let mut held = BTreeMap::new();
    for seed in 0..baselines {
        let mut chance = Chance(51 + seed);
        let mut world = world(&mut chance);
        for _ in 0..each {
            let sums = world.count(day(&mut chance));
            let summary = told(&world, &sums);
            let figures = figures(&summary);
            for (name, truth) in truth {
                let figure = figures[name];
                let [low, high] = figure.interval.unwrap();
                let value = figure.value.unwrap();
                // As if rows were independent.
                let reach = 1.96 * (value * (1.0 - value) / figure.n as f64).sqrt();
                let held: &mut [u32; 2] = held.entry(name).or_default();
                held[0] += u32::from(low <= truth && truth <= high);
                held[1] += u32::from(libm::fabs(value - truth) <= reach);
            }
        }
    }
    let windows = (baselines * each) as u32;
    for (name, [allowing, plain]) in held {
        // Three standard errors, that of the baselines' luck among them.
        assert!(f64::from(allowing) > 0.91 * f64::from(windows), "{name}: {allowing}");
        assert!(name == "brier" || f64::from(plain) < 0.65 * f64::from(windows), "{name}: {plain}");
    }
}

#[test]
fn an_interval_is_that_of_counts_over_the_factor_in_figures_and_in_readings() {
    let mut chance = Chance(52);
    let mut world = world(&mut chance);
    let sums = world.count(day(&mut chance));
    let summary = told(&world, &sums);
    let figures = figures(&summary);
    let context = world.context(&sums, &[]);
    let readings = world.all(&sums);
    for (name, figure, indicator) in [
        ("missing", Restless::Missing(0), Indicator::InputMissingRate),
        ("decision_rate", Restless::Decisions, Indicator::DecisionRate),
        ("label_rate", Restless::Labels, Indicator::LabelRate),
    ] {
        let phi = context.phi(figure);
        // The factor for 95 % knows a little less than the estimate says; a test's knows far less.
        assert!((5.0..20.0).contains(&phi), "{name} {phi}");
        assert!(phi < context.allowing(context.terms(crate::judge::budget::Family::Labels, 4), figure).phi);
        let shown = figures[name];
        let (value, n) = (shown.value.unwrap(), shown.n as f64);
        let expected = share(libm::rint(value * n), n, phi, 0.05).unwrap();
        assert_eq!(shown.interval, Some([expected.low, expected.high]), "{name}");
        assert!((shown.effective_n - n / phi).abs() < 1e-9, "{name}");
        let reading = readings.iter().find(|reading| reading.indicator == indicator).unwrap();
        let [low, high] = reading.interval().unwrap();
        assert!((low - expected.low).abs() < 1e-9 && (high - expected.high).abs() < 1e-9, "{name}");
        assert!((reading.phi - phi).abs() < 1e-12);
    }
}
