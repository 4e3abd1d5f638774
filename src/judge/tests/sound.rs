//! Is every number that leaves the judge a number, whatever the window holds?

use proptest::prelude::*;

use super::*;
use crate::event::Window;
use crate::judge::curve::Arrived;
use crate::judge::lives::{Lives, Origin};
use crate::judge::summary::summary;

fn row() -> impl Strategy<Value = Row> {
    let number = prop_oneof![
        Just(Cell::Null),
        (-2.0..12.0_f64).prop_map(Cell::Number),
        Just(Cell::Number(f64::MAX)),
        Just(text("word"))
    ];
    let method = prop_oneof![Just(Cell::Null), (0..40_u8).prop_map(|k| text(format!("m{k}")))];
    let score = prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0_f64];
    let weight = prop_oneof![3 => Just(2), 1 => any::<u32>()].prop_map(Weight::from_bits);
    (number, method, score, any::<Option<bool>>(), any::<Option<bool>>(), weight).prop_map(
        |(number, method, score, decision, label, weight)| Row {
            features: vec![("x", number), ("method", method)],
            score,
            decision,
            label,
            weight,
        },
    )
}

/// Rows of one kind, repeated: one class, no decision, all missing come up often.
fn rows(most: usize) -> impl Strategy<Value = Vec<Row>> {
    prop_oneof![
        proptest::collection::vec(row(), 0..most),
        (row(), 0..3 * most).prop_map(|(row, times)| vec![row; times])
    ]
}

/// `serde_json` writes what is not finite as null: only fields that may be absent may be null.
fn check(json: &serde_json::Value, allowed: &[&str], name: &str) {
    match json {
        serde_json::Value::Null => assert!(allowed.contains(&name), "{name} is null"),
        serde_json::Value::Array(list) => list.iter().for_each(|item| check(item, allowed, "item")),
        serde_json::Value::Object(map) => map.iter().for_each(|(name, item)| check(item, allowed, name)),
        serde_json::Value::String(text) => assert!(!text.contains("NaN") && !text.contains("inf "), "{text}"),
        serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

/// What of the labels should be in: a tenth of the negatives, half of the positives.
fn arrived() -> Arrived {
    let shares = [(0.1, 40), (0.1, 40), (0.5, 40), (0.5, 40)];
    Arrived { shares, of_all: 0.2, coverage: 0.15, depends_on_decision: false }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn every_published_number_is_finite_and_every_test_a_chance(then in rows(300), now in rows(300), level in 1e-9..1.0_f64) {
        let mut world = World::new(then);
        world.budget = Budget::new(level * 330.0, Span::DAY, &[1]);
        let sums = world.count(now);
        let mut lives = Lives::default();
        let window = Window::holding(EventTime::default(), Span::DAY);
        let origin = Origin { model: Some("m"), version: Some("v"), window, multiple: 1, as_of: window.end };
        let mut readings = world.of_inputs(&sums);
        readings.extend(world.of_labels(&sums, Some(Tally::new(90, 100))));
        for mut reading in readings {
            for (name, x) in [
                ("value", reading.value),
                ("reference", reading.reference),
                ("effect", reading.effect),
                ("floor", reading.floor),
                ("strength", reading.strength),
                ("level", reading.level),
            ] {
                prop_assert!(x.is_finite(), "{} {name}: {reading:?}", reading.indicator.name());
            }
            prop_assert!(reading.p_value > 0.0 && reading.p_value <= 1.0, "{reading:?}");
            prop_assert!(reading.floor > 0.0 && reading.strength >= 0.0, "{reading:?}");
            prop_assert!(reading.interval().is_none_or(|[low, high]| low.is_finite() && high.is_finite() && low <= high), "{reading:?}");
            prop_assert!(reading.smallest_detectable.is_none_or(f64::is_finite), "{reading:?}");
            (reading.p_value, reading.strength, reading.speaks) = (0.0, 9.0, true);
            let alert = lives.take(&reading, &origin).unwrap();
            let json = serde_json::to_value(&alert).unwrap();
            check(&json, &["ends_at", "log_e", "interval", "smallest_detectable", "feature", "value"], "alert");
            prop_assert!(json["value"].is_number());
        }
        for (is_final, labels) in [(true, true), (false, true), (true, false)] {
            let arrived = (!is_final).then(arrived);
            let heading = Heading { is_final, labels, arrived, ..heading() };
            let json = serde_json::to_value(summary(&world.context(&sums, &[]), heading)).unwrap();
            let optional = [
                "value", "interval", "coverage", "expected_coverage", "reference", "psi", "distance", "mean",
                "mean_reference", "error_rate", "fnr", "fpr",
            ];
            check(&json, &optional, "summary");
        }
    }
}
