//! Is what scores let expect what comes, where only inputs or the mix of classes moved; and is a gap left where more did?

use super::*;
use crate::indicator::{Indicator, Metric};
use crate::judge::estimated::{estimate, label_rate};
use crate::judge::summary::summary;
use crate::observe::metrics::measure;

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// A case whose log-odds lie around `centre`. The score states half of its log-odds: it has to be read by the baseline.
fn case(chance: &mut Chance, centre: f64) -> Row {
    let log_odds = centre + 1.5 * chance.normal();
    let label = chance.hits(logistic(log_odds));
    Row::new(logistic(0.5 * log_odds), label, vec![("x", Cell::Number(log_odds))])
}

/// Cases of the usual kind, with another share of positives.
fn mixed(chance: &mut Chance, n: usize, positives: f64) -> Vec<Row> {
    let wanted = (n as f64 * positives) as usize;
    let (mut yes, mut no) = (Vec::new(), Vec::new());
    while yes.len() < wanted || no.len() < n - wanted {
        let row = case(chance, -2.0);
        if row.label == Some(true) { yes.push(row) } else { no.push(row) }
    }
    yes.truncate(wanted);
    no.truncate(n - wanted);
    yes.into_iter().chain(no).collect()
}

fn world(chance: &mut Chance) -> World {
    World::new((0..20_000).map(|_| case(chance, -2.0)).collect::<Vec<_>>())
}

fn of(world: &World, sums: &Sums, indicator: Indicator, metric: Option<&str>) -> Reading {
    let readings = world.of_inputs(sums);
    let found = |r: &&Reading| r.indicator == indicator && r.subject.metric.as_deref() == metric;
    readings.iter().find(found).unwrap().clone()
}

#[test]
fn metrics_are_foretold_where_only_the_inputs_moved() {
    let mut chance = Chance(31);
    let mut world = world(&mut chance);
    for centre in [-2.0, -1.0, -3.0] {
        let sums = world.count((0..20_000).map(|_| case(&mut chance, centre)).collect::<Vec<_>>());
        for metric in Metric::ALL {
            let estimate = estimate(&sums, &world.profile, metric, (1.0, 1.0)).unwrap();
            let realised = measure(&sums, metric, 1.0).unwrap().value;
            let apart = libm::fabs(estimate.value - realised);
            assert!(
                estimate.error > 0.0 && apart < 4.0 * estimate.error + 0.006,
                "{centre} {metric:?} {estimate:?} {realised}"
            );
        }
    }
}

#[test]
fn a_naive_sum_over_rows_says_the_same() {
    let mut chance = Chance(32);
    let mut world = world(&mut chance);
    let rows: Vec<Row> = (0..3_000).map(|_| case(&mut chance, -1.5)).collect();
    let sums = world.count(rows.clone());
    let map = &world.profile.map;
    let e = |row: &Row| map.expected(crate::observe::bin_of(row.score));
    let naive: f64 =
        rows.iter().map(|row| e(row) * (1.0 - row.score).powi(2) + (1.0 - e(row)) * row.score.powi(2)).sum();
    let found = estimate(&sums, &world.profile, Metric::Brier, (1.0, 1.0)).unwrap().value;
    // Bins keep the middle of a score.
    assert!((found - naive / 3_000.0).abs() < 0.002, "{found}");
    let hits: f64 = rows.iter().filter(|row| row.decision == Some(true)).map(e).sum();
    let positives: f64 = rows.iter().map(e).sum();
    let recall = estimate(&sums, &world.profile, Metric::Recall, (1.0, 1.0)).unwrap().value;
    assert!((recall - hits / positives).abs() < 0.01, "{recall}");
}

#[test]
fn harder_cases_raise_what_is_estimated_and_the_same_cases_do_not() {
    let mut chance = Chance(33);
    let mut world = world(&mut chance);
    let same = world.count((0..20_000).map(|_| case(&mut chance, -2.0)).collect::<Vec<_>>());
    for metric in ["brier", "log_loss"] {
        assert!(!of(&world, &same, Indicator::PerformanceEstimated, Some(metric)).fires());
    }
    assert!(!of(&world, &same, Indicator::LabelPriorEstimate, None).fires());
    let harder = world.count((0..20_000).map(|_| case(&mut chance, -0.8)).collect::<Vec<_>>());
    for metric in ["brier", "log_loss"] {
        let reading = of(&world, &harder, Indicator::PerformanceEstimated, Some(metric));
        assert!(reading.fires() && reading.effect > reading.floor, "{reading:?}");
        assert!(reading.smallest_detectable.unwrap() < reading.effect);
    }
    // Easier ones are no trouble.
    let easier = world.count((0..20_000).map(|_| case(&mut chance, -4.0)).collect::<Vec<_>>());
    assert!(!of(&world, &easier, Indicator::PerformanceEstimated, Some("brier")).fires());
    // A hundred rows say nothing alone.
    let few = world.count((0..100).map(|_| case(&mut chance, 0.0)).collect::<Vec<_>>());
    assert!(!of(&world, &few, Indicator::PerformanceEstimated, Some("brier")).speaks);
    assert!(!of(&world, &few, Indicator::LabelPriorEstimate, None).speaks);
}

#[test]
fn another_mix_of_classes_is_estimated_without_a_label() {
    let mut chance = Chance(34);
    let mut world = world(&mut chance);
    let usual = world.profile.classes().0 as f64 / 20_000.0;
    for (factor, fires) in [(1.0, false), (1.1, false), (2.0, true), (0.4, true)] {
        let rows: Vec<Row> = mixed(&mut chance, 20_000, usual * factor);
        let sums = world.count(rows.into_iter().map(|row| Row { label: None, ..row }).collect::<Vec<_>>());
        let (estimate, _) = label_rate(&world.context(&sums, &[]), &world.profile).unwrap();
        assert!(libm::fabs(estimate.value - usual * factor) < 4.0 * estimate.error, "{factor} {estimate:?}");
        let reading = of(&world, &sums, Indicator::LabelPriorEstimate, None);
        assert_eq!(reading.fires(), fires, "{factor}: {reading:?}");
        let [low, high] = reading.interval().unwrap();
        assert!(low < usual * factor && usual * factor < high || factor > 1.0, "{factor} {low} {high}");
    }
}

#[test]
fn a_changed_relation_leaves_a_gap_between_estimate_and_truth() {
    let mut chance = Chance(35);
    let mut world = world(&mut chance);
    for changed in [false, true] {
        let rows = (0..20_000).map(|_| {
            let row = case(&mut chance, -2.0);
            if changed && chance.hits(0.3) { Row { label: Some(chance.hits(0.5)), ..row } } else { row }
        });
        let rows: Vec<Row> = rows.collect();
        let sums = world.count(rows);
        let told = summary(&world.context(&sums, &[]), heading());
        let estimated = &told.predictions.estimated["brier"];
        let realised = &told.truth.metrics["brier"];
        let gap = &told.truth.figures["gap_brier"];
        assert!((gap.value.unwrap() - realised.value.unwrap() + estimated.value.unwrap()).abs() < 1e-12);
        let [low, high] = gap.interval.unwrap();
        assert_eq!(low > 0.0, changed, "{low} {high}");
        assert!(low < high && estimated.reference.is_some() && estimated.estimator == "recalibrated_scores");
        assert!(told.predictions.estimated.contains_key("label_rate"));
    }
}
