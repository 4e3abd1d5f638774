//! Does each indicator fire on its own trouble, stay silent below its floor, abstain below its minimum, and count right?

use super::*;
use crate::indicator::Indicator;
use crate::observe::flow;

/// Row `i` of a world in which every share is exact: 20 rows are one round. A tenth are positive, a tenth is flagged,
/// half of the flagged are hits. Scores of 0.8 and 0.05 are calibrated on neither.
fn exact(i: usize) -> Row {
    let flagged = i.is_multiple_of(10);
    let label = i.is_multiple_of(20) || i % 20 == 5;
    let score = if flagged { 0.8 } else { 0.02 + 0.002 * (i % 7) as f64 };
    Row::new(
        score,
        label,
        vec![
            ("age", if i % 100 == 7 { Cell::Null } else { Cell::Number(20.0 + (i * 7_919 % 10_007) as f64 / 200.0) }),
            ("method", text(["card", "cash", "wire"][i % 3])),
        ],
    )
}

fn baseline() -> World {
    World::new((0..6_000).map(exact))
}

fn of<'a>(readings: &'a [Reading], indicator: Indicator, metric: Option<&str>) -> &'a Reading {
    readings
        .iter()
        .find(|r| r.indicator == indicator && metric.is_none_or(|metric| r.subject.metric.as_deref() == Some(metric)))
        .unwrap_or_else(|| panic!("no reading of {}", indicator.name()))
}

fn is(x: f64, expected: f64) -> bool {
    (x - expected).abs() < 1e-12
}

/// Every reading that can become an alert is consistent in itself.
fn check(reading: &Reading) {
    let name = reading.indicator.name();
    assert!(is(reading.effect, reading.value - reading.reference), "{name}: effect is figure less reference");
    assert!(reading.floor > 0.0 && reading.strength >= 0.0, "{name}: {} {}", reading.floor, reading.strength);
    assert!((0.0..=1.0).contains(&reading.p_value), "{name}: {}", reading.p_value);
    if let Some([low, high]) = reading.interval() {
        assert!(low <= reading.value + 1e-9 && reading.value <= high + 1e-9, "{name}: {low} {} {high}", reading.value);
    }
    if reading.fires() {
        assert!(reading.effect.abs() > 0.99 * reading.floor, "{name}: {} under {}", reading.effect, reading.floor);
        if let Some(least) = reading.smallest_detectable {
            assert!(
                reading.effect.abs() > 0.8 * least.abs(),
                "{name}: fired at {}, though only {least} could be seen",
                reading.effect
            );
        }
    }
    let sentence = &reading.text;
    assert!(sentence.ends_with('.') && !sentence.contains("..") && !sentence.contains("  "), "{sentence}");
    let first = sentence.chars().next().unwrap();
    assert!(first.is_uppercase() || first.is_ascii_digit() || first == '\'', "{sentence}");
    let long = sentence.split(|c: char| !(c.is_ascii_digit() || c == '.')).any(|number| number.len() > 9);
    assert!(!long, "a raw number: {sentence}");
    for wrong in ["NaN", " inf ", "-inf", " 0 % ", " 0 %.", " 0 %,"] {
        assert!(!format!(" {sentence} ").contains(wrong), "{sentence}");
    }
}

#[test]
fn nothing_fires_on_the_baseline_itself_even_a_thousand_times_over() {
    let mut world = baseline();
    let once = world.count((0..6_000).map(exact));
    let mut many = once.clone();
    // 1,536,000 rows.
    for _ in 0..8 {
        let half = many.clone();
        many.merge(&half);
    }
    assert_eq!(many.flow(flow::N), 6_000 * 256);
    for sums in [&once, &many] {
        let readings = world.all(sums);
        assert_eq!(firing(&readings), []);
        readings.iter().for_each(check);
    }
    let readings = world.all(&once);
    let missing = of(&readings, Indicator::InputMissingRate, None);
    assert!(is(missing.value, 0.01) && is(missing.reference, 0.01) && missing.n == 6_000);
    let decisions = of(&readings, Indicator::DecisionRate, None);
    assert!(is(decisions.value, 0.1) && decisions.n == 6_000);
    for (metric, value, n) in
        [("precision", 0.5, 600), ("recall", 0.5, 600), ("accuracy", 0.9, 6_000), ("f1", 0.5, 6_000)]
    {
        let reading = of(&readings, Indicator::PerformanceDegradation, Some(metric));
        assert!(is(reading.value, value) && is(reading.reference, value) && reading.n == n, "{metric}: {reading:?}");
    }
}

#[test]
fn missing_values_are_counted_and_said() {
    let mut world = baseline();
    let gap = |i: usize, every: usize| {
        let mut row = exact(i);
        if i.is_multiple_of(every) {
            row.features[0].1 = Cell::Null;
        }
        row
    };
    let sums = world.count((0..4_000).map(|i| gap(i, 20)));
    let readings = world.of_inputs(&sums);
    let reading = of(&readings, Indicator::InputMissingRate, None);
    // 200 from here, 40 of the baseline's own: none is both, since 20 does not divide 100 k + 7.
    assert!(is(reading.value, 240.0 / 4_000.0) && is(reading.reference, 0.01) && is(reading.floor, 0.005));
    assert!(reading.fires());
    assert_eq!(reading.subject, Subject { feature: Some("age".into()), ..Subject::default() });
    assert_eq!(reading.text, "'age' is missing in 6 % of 4,000 rows; on the baseline it was missing in 1 %.");
    check(reading);
    // 0.4 points more than the baseline: under the floor, however many rows.
    let sums = world.count((0..100_000).map(|i| gap(i, 250)));
    assert!(!of(&world.of_inputs(&sums), Indicator::InputMissingRate, None).fires());
    // 49 rows say nothing.
    let sums = world.count((0..49).map(|i| gap(i, 1)));
    assert!(world.of_inputs(&sums).iter().all(|reading| !reading.speaks));
}

#[test]
fn new_values_are_counted_named_and_exemplified() {
    let mut world = baseline();
    let new = |i: usize, every: usize| {
        let mut row = exact(i);
        if i.is_multiple_of(every) {
            row.features[1].1 = text("instant");
        }
        row
    };
    let sums = world.count((0..4_000).map(|i| new(i, 40)));
    let readings = world.of_inputs(&sums);
    let unseen = of(&readings, Indicator::InputUnseenValue, None);
    assert!(unseen.fires() && is(unseen.value, 0.025) && is(unseen.reference, 0.0) && is(unseen.floor, 0.001));
    assert_eq!(
        unseen.text,
        "100 of 4,000 values of 'method' (2.5 %) never occurred on the baseline, for example 'instant'; none was to be expected."
    );
    let emerging = readings.iter().find(|r| r.subject.value.as_deref() == Some("instant")).unwrap();
    assert!(emerging.fires() && is(emerging.value, 0.025) && emerging.n == 4_000);
    assert_eq!(
        emerging.text,
        "'instant' makes up 2.5 % of 'method' (100 of 4,000 values); on the baseline it never occurred."
    );
    assert!(!emerging.examples.is_empty() && emerging.examples.iter().all(|(_, event)| event.value == "instant"));
    assert_eq!(emerging.evidence["rows"], 100);
    readings.iter().for_each(check);
    // A new value of 0.05 % of a million rows is under both floors.
    let sums = world.count((0..4_000).map(|i| new(i, 2_000)));
    let mut many = sums.clone();
    for _ in 0..8 {
        let half = many.clone();
        many.merge(&half);
    }
    assert_eq!(firing(&world.of_inputs(&many)), []);
}

#[test]
fn a_value_that_has_gone_is_looked_at_while_it_has_an_alert() {
    let mut world = baseline();
    let sums = world.count((0..4_000).map(exact));
    let alive = [Subject { feature: Some("method".into()), value: Some("instant".into()), ..Subject::default() }];
    let gone = inputs::readings(&world.context(&sums, &alive));
    let reading = gone.iter().find(|r| r.subject == alive[0]).unwrap();
    assert!(is(reading.value, 0.0) && is(reading.strength, 0.0) && !reading.fires());
    assert!(inputs::readings(&world.context(&sums, &[])).iter().all(|r| r.subject != alive[0]));
}

#[test]
fn numbers_out_of_range_are_told_by_side() {
    let mut world = baseline();
    let far = |i: usize| {
        let mut row = exact(i);
        if i % 20 == 3 {
            row.features[0].1 = Cell::Number(1e6);
        }
        if i % 100 == 4 {
            row.features[0].1 = Cell::Number(-5.0);
        }
        row
    };
    let sums = world.count((0..4_000).map(far));
    let readings = world.of_inputs(&sums);
    let reading = of(&readings, Indicator::InputOutOfRange, None);
    assert!(reading.fires());
    assert_eq!(
        reading.text,
        "240 of 3,960 values of 'age' (6.06 %) lie outside the range of the baseline: 40 below it, 200 above it."
    );
    readings.iter().for_each(check);
}

#[test]
fn late_and_contradictory_records_fire_beyond_their_limit_only() {
    let mut world = baseline();
    let mut sums = world.count((0..4_000).map(exact));
    sums.add_flow(flow::LATE, 30);
    sums.add_flow(flow::CONFLICT, 2);
    assert_eq!(names(&world.of_inputs(&sums)), Vec::<&str>::new());
    sums.add_flow(flow::LATE, 170);
    sums.add_flow(flow::CONFLICT, 198);
    let readings = world.of_inputs(&sums);
    assert_eq!(names(&readings), ["input.late", "join.conflict"]);
    let late = of(&readings, Indicator::InputLate, None);
    assert!(is(late.value, 200.0 / 4_200.0) && late.n == 4_200 && is(late.reference, 0.0) && is(late.floor, 0.01));
    readings.iter().for_each(check);
}

#[test]
fn fewer_labels_than_at_first_fire_and_silence_that_means_no_does_not() {
    let mut world = baseline();
    let mut sums = world.count((0..1_000).map(|i| Row { label: exact(i).label.filter(|_| i % 2 == 0), ..exact(i) }));
    sums.add_truth(crate::observe::truth::CLOSED, 1_000);
    sums.add_truth(crate::observe::truth::NEVER, 500);
    let first = Some(Tally::new(4_900, 5_000));
    let readings = world.of_labels(&sums, first);
    let reading = of(&readings, Indicator::LabelCoverage, None);
    assert!(reading.fires() && is(reading.value, 0.5) && is(reading.reference, 0.98) && reading.n == 1_000);
    check(reading);
    world.config.labels = crate::join::Regime::ImplicitNegative;
    assert!(world.of_labels(&sums, first).iter().all(|r| r.indicator != Indicator::LabelCoverage));
}

#[test]
fn a_label_rate_and_a_decision_rate_fire_up_and_down_by_a_quarter_and_not_by_less() {
    let mut world = baseline();
    let with = |i: usize, positive: usize, flagged: usize| Row {
        label: Some(i % 1_000 < positive),
        decision: Some(i * 7 % 1_000 < flagged),
        ..exact(i)
    };
    for (positive, flagged, fires) in [(180, 180, true), (50, 50, true), (105, 110, false), (95, 92, false)] {
        let sums = world.count((0..10_000).map(|i| with(i, positive, flagged)));
        let readings = world.all(&sums);
        for (indicator, share) in [(Indicator::LabelRate, positive), (Indicator::DecisionRate, flagged)] {
            let reading = of(&readings, indicator, None);
            assert_eq!(reading.fires(), fires, "{reading:?}");
            assert!(is(reading.value, share as f64 / 1_000.0) && is(reading.reference, 0.1) && reading.n == 10_000);
            check(reading);
            let least = reading.smallest_detectable.unwrap();
            assert!(least.abs() > 0.01 && least.abs() < 0.08, "a difference of shares: {least}");
        }
    }
}

#[test]
fn a_metric_that_falls_fires_alone_and_one_that_rises_never() {
    let mut world = baseline();
    // Half of the hits are lost: precision and recall fall, and nothing else can be read from decisions.
    let worse = world.count((0..10_000).map(|i| Row { decision: Some(i % 10 == 0 && i % 40 != 0), ..exact(i) }));
    let readings = world.of_labels(&worse, None);
    let recall = of(&readings, Indicator::PerformanceDegradation, Some("recall"));
    assert!(recall.fires() && is(recall.value, 0.25) && recall.n == 1_000 && recall.effect < 0.0);
    assert_eq!(recall.text, "The recall is 0.25 over 1,000 positives; on the baseline it was 0.5.");
    readings.iter().for_each(check);
    let better = world.count((0..10_000).map(|i| Row { decision: exact(i).label, ..exact(i) }));
    let readings = world.of_labels(&better, None);
    assert!(readings.iter().filter(|r| r.indicator == Indicator::PerformanceDegradation).all(|r| !r.fires()));
    // Nineteen positives do not make a metric.
    let few = world.count((0..5_000).map(|i| Row { label: Some(i < 19), ..exact(i) }));
    let judged = |r: &Reading| matches!(r.indicator, Indicator::PerformanceDegradation | Indicator::CalibrationSlope);
    let speaks = |r: &Reading| r.speaks && judged(r);
    assert!(!world.of_labels(&few, None).iter().any(speaks));
}

#[test]
fn a_slice_is_named_counted_and_resolves_on_its_own() {
    let mut world = baseline();
    // Every second wire is positive.
    let sums = world.count((0..6_000).map(|i| {
        let row = exact(i);
        if i % 3 == 2 { Row { label: Some(i % 2 == 0), ..row } } else { row }
    }));
    let readings = world.of_labels(&sums, None);
    let wire = |r: &&Reading| r.subject.slice.as_ref().is_some_and(|slice| slice["method"] == "wire");
    let residual = readings
        .iter()
        .filter(|r| r.subject.slice.as_ref().is_some_and(|slice| slice.contains_key("method")))
        .filter(wire)
        .find(|r| r.subject.metric.as_deref() == Some("residual"))
        .unwrap();
    assert!(residual.fires(), "{residual:?}");
    assert!(is(residual.value, 0.5) && residual.n == 2_000);
    assert!(residual.text.starts_with("Where 'method' is 'wire', 1,000 of 2,000 labelled predictions are positive;"));
    assert!(!residual.examples.is_empty());
    readings.iter().for_each(check);
}

#[test]
fn a_muted_indicator_is_silent_and_listed() {
    let config = crate::config::Config::from_yaml("defaults: {mute: ['input.*', slice.error_rate]}").unwrap();
    assert!(config.defaults().mutes("input.drift") && config.defaults().mutes("slice.error_rate"));
    assert!(!config.defaults().mutes("label.rate"));
}
