//! Labels that are seen only where the decision was no, and one time in ten where it was yes: do weights mend them, is what
//! they cost told, and do tests keep their level?

use super::*;
use crate::baseline::Restless;
use crate::finding::{Figure, Summary};
use crate::indicator::{Indicator, Metric};
use crate::judge::summary::summary;
use crate::observe::metrics::confusion;
use crate::observe::{flow, truth};
use crate::stats::interval::wilson;
use crate::stats::rate::{Terms, rate_above, rate_below};

/// What a positive decision is worth exploring.
const EXPLORED: f64 = 0.1;

/// A case with its label, whether or not it will be seen. The second one says how many times likelier a positive is.
fn case(chance: &mut Chance, times: f64) -> Row {
    let score = 0.02 + 0.6 * chance.uniform() * chance.uniform();
    let region = if chance.hits(0.3) { "north" } else { "south" };
    let label = chance.hits((score * times).min(1.0));
    let row = Row::new(score, label, vec![("region", text(region))]);
    Row { decision: Some(score >= 0.25), ..row }
}

/// The same as it is seen: without a label, or with the weight that its chance of one asks for.
fn seen(chance: &mut Chance, row: &Row, largest: f64) -> Row {
    let flagged = row.decision == Some(true);
    let label = row.label.filter(|_| !flagged || chance.hits(EXPLORED));
    let key = RequestKey::from_bits(u128::from(chance.next()) << 64);
    let weight = Weight::of(key, 1.0, if flagged { EXPLORED } else { 1.0 }, largest);
    Row { label, weight, ..row.clone() }
}

fn plain(row: &Row) -> Row {
    Row { weight: Weight::ONE, ..row.clone() }
}

fn told(world: &World, sums: &Sums) -> Summary {
    summary(&world.context(sums, &[]), heading())
}

/// Wilson's interval by what the figure says that its rows are worth.
fn interval(figure: &Figure) -> [f64; 2] {
    let interval = wilson(figure.value.unwrap() * figure.effective_n, figure.effective_n, 0.01).unwrap();
    [interval.low, interval.high]
}

/// The share of hits among rows, both asked of every row, seen or not.
fn naive(rows: &[Row], of: impl Fn(&Row) -> bool, hits: impl Fn(&Row) -> bool) -> f64 {
    let of: Vec<&Row> = rows.iter().filter(|row| of(row)).collect();
    of.iter().filter(|row| hits(row)).count() as f64 / of.len() as f64
}

fn blind(summary: &Summary) -> Vec<&str> {
    summary.blind_spots.iter().map(|spot| spot.name.as_str()).collect()
}

#[test]
fn weights_find_the_rate_and_the_recall_that_selective_labels_miss() {
    let mut chance = Chance(71);
    let mut world = World::new((0..20_000).map(|_| case(&mut chance, 1.0)));
    let all: Vec<Row> = (0..20_000).map(|_| case(&mut chance, 1.0)).collect();
    let rows: Vec<Row> = all.iter().map(|row| seen(&mut chance, row, 50.0)).collect();
    let positive = |row: &Row| row.label == Some(true);
    let truths = [
        naive(&all, |_| true, positive),
        naive(&all, positive, |row| row.decision == Some(true)),
        naive(&all, |_| true, |row| row.decision == row.label),
    ];
    let (weighted, unweighted) = (world.count(rows.clone()), world.count(rows.iter().map(plain)));
    let (weighted, unweighted) = (told(&world, &weighted), told(&world, &unweighted));
    let figures = |summary: &Summary| {
        let Summary { truth, .. } = summary;
        [truth.figures["label_rate"].clone(), truth.metrics["recall"].clone(), truth.metrics["accuracy"].clone()]
    };
    let labelled = rows.iter().filter(|row| row.label.is_some()).count() as u64;
    for ((with, without), truth) in figures(&weighted).iter().zip(&figures(&unweighted)).zip(truths) {
        let [low, high] = interval(with);
        assert!(low < truth && truth < high, "{low} {truth} {high}");
        assert!(high - low < 0.2, "an interval that holds everything proves nothing: {low} {high}");
        // Both count the same rows, and weighted ones are worth fewer.
        assert_eq!(with.n, without.n);
        assert!(with.effective_n < 0.7 * with.n as f64, "{with:?}");
        let [low, high] = interval(without);
        assert!((without.effective_n - without.n as f64).abs() < 1e-9 && !(low..high).contains(&truth), "{without:?}");
    }
    assert_eq!(figures(&weighted)[0].n, labelled);
    assert_eq!(weighted.counts, unweighted.counts, "rows are counted as rows");
    assert_eq!(weighted.truth.figures["coverage"].value, unweighted.truth.figures["coverage"].value);
    // Without weights nothing can be said of the rate; with them nothing has to be kept back.
    assert!(blind(&unweighted).contains(&"selective_labels") && !blind(&weighted).contains(&"selective_labels"));
    assert!(!blind(&weighted).contains(&"weights_clipped") && !weighted.counts.contains_key("weights_clipped"));
}

#[test]
fn weighted_labels_raise_nothing_where_nothing_changed_and_find_what_did() {
    let mut chance = Chance(72);
    let mut world = World::new((0..20_000).map(|_| case(&mut chance, 1.0)));
    let mut window = |times: f64| {
        let rows: Vec<Row> = (0..20_000).map(|_| case(&mut chance, times)).collect();
        let rows: Vec<Row> = rows.iter().map(|row| seen(&mut chance, row, 50.0)).collect();
        let sums = world.count(rows);
        names(&world.of_labels(&sums, None))
    };
    for _ in 0..20 {
        assert_eq!(window(1.0), [""; 0]);
    }
    let found = window(1.9);
    assert!(found.contains(&"label.rate") && found.contains(&"calibration.intercept"), "{found:?}");
}

#[test]
fn clipped_weights_are_counted_and_named() {
    let mut chance = Chance(73);
    let mut world = World::new((0..5_000).map(|_| case(&mut chance, 1.0)));
    let all: Vec<Row> = (0..5_000).map(|_| case(&mut chance, 1.0)).collect();
    let rows: Vec<Row> = all.iter().map(|row| seen(&mut chance, row, 5.0)).collect();
    let clipped = rows.iter().filter(|row| row.label.is_some() && row.decision == Some(true)).count() as u64;
    let sums = world.count(rows);
    let summary = told(&world, &sums);
    assert!(clipped > 50 && summary.counts["weights_clipped"] == clipped, "{clipped} {:?}", summary.counts);
    let spot = summary.blind_spots.iter().find(|spot| spot.name == "weights_clipped").unwrap();
    assert!(spot.text.contains(&format!("{clipped} of ")), "{}", spot.text);
    // A hundred rows of which some count for ten say as much as a few.
    let few: Vec<Row> = all[..160].iter().map(|row| seen(&mut chance, row, 50.0)).collect();
    let sums = world.count(few);
    let summary = told(&world, &sums);
    let [effective, ..] = sums.effective_labels();
    assert_eq!(blind(&summary).contains(&"few_effective_labels"), effective < 50.0);
    assert!(effective < 50.0 && sums.labelled_rows() > 50, "{effective}");
}

/// The law: one-sided tests of single windows at a level alarm as often as the level says where the design effect is in
/// their terms, and far more often where it is not.
#[test]
fn tests_of_weighted_windows_keep_their_level_and_would_not_without_the_design_effect() {
    const WINDOWS: usize = 600;
    let (level, mut chance) = (0.05, Chance(74));
    let mut world = World::new((0..3_000).map(|_| case(&mut chance, 1.0)));
    // What is true, from many more rows than all windows have together.
    let all: Vec<Row> = (0..3_000_000).map(|_| case(&mut chance, 1.0)).collect();
    let positive = |row: &Row| row.label == Some(true);
    let truths = [
        naive(&all, |_| true, positive),
        naive(&all, positive, |row| row.decision == Some(true)),
        naive(&all, |_| true, |row| row.decision == row.label),
    ];
    let figures = [Restless::Labels, Restless::Metric(Metric::Recall), Restless::Metric(Metric::Accuracy)];
    let (mut with, mut without) = ([0; 3], [0; 3]);
    for _ in 0..WINDOWS {
        let rows: Vec<Row> = (0..2_000).map(|_| case(&mut chance, 1.0)).collect();
        let rows: Vec<Row> = rows.iter().map(|row| seen(&mut chance, row, 50.0)).collect();
        let sums = world.count(rows);
        let context = world.context(&sums, &[]);
        let table = confusion(&sums);
        let rate = Tally::new(sums.truth(truth::POSITIVE) as u64, sums.truth(truth::N) as u64);
        let tallies = [rate, table.recall_tally(), table.accuracy_tally()];
        for (place, ((tally, truth), figure)) in tallies.into_iter().zip(truths).zip(figures).enumerate() {
            let alarms = |terms: Terms| {
                let above = rate_above(tally, truth, terms).unwrap().p_value <= level;
                let below = rate_below(tally, truth, terms).unwrap().p_value <= level;
                i32::from(above) + i32::from(below)
            };
            with[place] += alarms(context.allowing(Terms::at(level), figure));
            without[place] += alarms(Terms::at(level));
        }
    }
    let expected = 2.0 * level * WINDOWS as f64;
    let most = expected + 3.0 * expected.sqrt();
    for place in 0..figures.len() {
        assert!(f64::from(with[place]) <= most, "{place}: {with:?} of {expected}");
        assert!(f64::from(with[place]) > 0.3 * expected, "{place}: {with:?} of {expected}");
        assert!(f64::from(without[place]) > 2.0 * expected, "{place}: {without:?} of {expected}");
    }
}

#[test]
fn a_window_without_weights_has_a_word_of_none() {
    let mut chance = Chance(75);
    let mut world = World::new((0..3_000).map(|_| case(&mut chance, 1.0)));
    let rows: Vec<Row> = (0..3_000).map(|_| case(&mut chance, 1.0)).collect();
    let sums = world.count(rows);
    assert!(!sums.is_weighted());
    let context = world.context(&sums, &[]);
    for figure in [Restless::Labels, Restless::Offset, Restless::Slice(0, 0, 3)] {
        let effect = context.effect(figure);
        assert_eq!(effect.to_bits(), 1.0_f64.to_bits());
    }
    let summary = told(&world, &sums);
    let json = serde_json::to_string(&summary).unwrap();
    assert!(!json.contains("weights_clipped") && !json.contains("few_effective_labels"), "{json}");
    assert!(summary.truth.metrics.values().all(|figure| (figure.effective_n - figure.n as f64).abs() < 1e-9));
    assert_eq!(summary.counts["labelled"], sums.flow(flow::N) as u64);
    let reading = world.of_labels(&sums, None).into_iter().find(|one| one.indicator == Indicator::LabelRate).unwrap();
    assert_eq!(reading.n, 3_000);
}
