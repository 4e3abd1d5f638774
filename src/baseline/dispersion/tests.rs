//! Do bunches show as scatter where they are, and nowhere else?

use super::*;
use crate::baseline::{BuildSettings, Origin, Profile, RowSample, SampleRow, build};
use crate::event::{Arm, EventTime, FeatureNames, Features, RequestKey, Value};
use crate::observe::Facts;

const START: i64 = 1_767_225_600_000_000;

/// Numbers that depend on the seed alone (splitmix64), in [0, 1).
struct Chance(u64);

impl Chance {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// `days` of 600 rows. `still` is one of four values at random; `bunch` is the same one of four for 20 rows in a row;
/// `night` is `yes` in half of the hours.
fn profile(days: i64, seed: u64) -> Profile {
    let mut chance = Chance(seed);
    let mut names = FeatureNames::default();
    let mut sample = RowSample::new(100_000);
    let mut bunch = 0;
    for number in 0..days * 600 {
        let time = EventTime::from_micros_unchecked(START + number * (Span::DAY.micros() / 600));
        if number % 20 == 0 {
            bunch = (chance.uniform() * 4.0) as usize;
        }
        let still = (chance.uniform() * 4.0) as usize;
        let night = (time.micros() / Span::HOUR.micros()) % 24 < 12;
        let mut features = Features::default();
        for (place, (name, text)) in [
            ("still", ["a", "b", "c", "d"][still]),
            ("bunch", ["a", "b", "c", "d"][bunch]),
            ("night", if night { "yes" } else { "no" }),
        ]
        .into_iter()
        .enumerate()
        {
            features.push_text(names.slot(name, place).unwrap(), text);
        }
        features.pairs.push((names.slot("x", 3).unwrap(), Value::Float(chance.uniform())));
        let score = 0.05 + 0.4 * chance.uniform();
        let facts = Facts { score, decision: Some(score > 0.3), arm: Arm::Policy, action: None };
        let positive = Some(chance.uniform() < score);
        sample.add(RequestKey::new(&number.to_string(), 0), || SampleRow {
            time,
            facts,
            features,
            content: 0,
            positive,
        });
    }
    build("m", "v1", Origin::Files, &sample, &names, &BuildSettings::default())
}

fn factor(profile: &Profile, length: Span, rows: f64, figure: Restless) -> (f64, f64) {
    let size = Size { length, rows, labelled: figure.is_labelled() };
    // As it was measured: nothing is added for not knowing it better.
    judged(&profile.dispersion, size)
        .unwrap()
        .factors(&profile.figures, &profile.layout, figure, |shown| 1.0 + (shown.factor - 1.0) * shown.scale)
}

fn place(profile: &Profile, name: &str) -> usize {
    profile.coding.features().iter().position(|feature| feature.name() == name).unwrap()
}

#[test]
fn bunches_scatter_by_their_size_and_independent_rows_do_not() {
    let profile = profile(28, 1);
    let of = |name: &str| factor(&profile, Span::DAY, 600.0, Restless::Feature(place(&profile, name), Part::Cell(1))).0;
    // Twenty rows that are one: the variance of a share is twenty times the binomial one; 27 degrees of freedom are known
    // to about a quarter, and all four values together to an eighth.
    assert!((10.0..40.0).contains(&of("bunch")), "{}", of("bunch"));
    assert!((1.0..2.0).contains(&of("still")), "{}", of("still"));
    for figure in
        [Restless::Decisions, Restless::Labels, Restless::Offset, Restless::Slope, Restless::Metric(Metric::Auc)]
    {
        let (window, reference) = factor(&profile, Span::DAY, 600.0, figure);
        assert!((1.0..2.3).contains(&window) && (1.0..2.3).contains(&reference), "{figure:?} {window}");
    }
}

#[test]
fn a_cycle_scatters_single_hours_and_not_whole_days() {
    let profile = profile(28, 2);
    let night = Restless::Feature(place(&profile, "night"), Part::Cell(1));
    assert!(factor(&profile, Span::HOUR, 25.0, night).0 > 10.0);
    // Days are known as such; weeks, of which there are four, by the days of one weekday.
    assert!(factor(&profile, Span::DAY, 600.0, night).0 < 2.0);
    assert!(factor(&profile, Span::DAY.times(7), 4_200.0, night).0 < 2.0);
    // Eight days are too few to be known by themselves: the hours within one hour of the day speak for them.
    let short = self::profile(8, 3);
    let night = Restless::Feature(place(&short, "night"), Part::Cell(1));
    // The few days themselves are asked too: seven degrees of freedom exceed 3.5 once in a thousand.
    assert!(factor(&short, Span::DAY, 600.0, night).0 < 3.5);
    assert!(factor(&short, Span::HOUR.times(6), 150.0, night).0 > 10.0, "a quarter of a day is no whole cycle");
}

#[test]
fn more_rows_a_window_show_more_of_the_excess_and_fewer_no_less() {
    let profile = profile(28, 4);
    let bunch = Restless::Feature(place(&profile, "bunch"), Part::Cell(1));
    let (usual, reference) = factor(&profile, Span::DAY, 600.0, bunch);
    let (many, same) = factor(&profile, Span::DAY, 6_000.0, bunch);
    assert!(((many - 1.0) / (usual - 1.0) - 10.0).abs() < 1e-6 && (same - reference).abs() < 1e-12);
    assert!((factor(&profile, Span::DAY, 60.0, bunch).0 - usual).abs() < 1e-12);
}

#[test]
fn rows_of_one_moment_tell_nothing() {
    let profile = profile(28, 5);
    assert!(judged(&[], Size { length: Span::DAY, rows: 1.0, labelled: false }).is_none());
    let few: Vec<Dispersion> = profile.dispersion.iter().filter(|one| one.windows < ENOUGH).cloned().collect();
    assert_eq!(few.len(), 1);
    assert!(judged(&few, Size { length: Span::DAY, rows: 1.0, labelled: false }).is_none());
}

#[test]
fn a_file_keeps_it_to_the_last_digit_and_refuses_what_does_not_fit() {
    let profile = profile(21, 6);
    let text = crate::baseline::write(std::slice::from_ref(&profile));
    assert_eq!(crate::baseline::read(&text).unwrap(), std::slice::from_ref(&profile));
    let wrong = text.replacen("\"plain\":[", "\"plain\":[7,", 1);
    let error = crate::baseline::read(&wrong).unwrap_err().to_string();
    assert!(error.contains("'dispersion' has"), "{error}");
}

#[test]
fn a_value_that_came_and_went_is_no_vocabulary() {
    let mut names = FeatureNames::default();
    let mut sample = RowSample::new(100_000);
    for number in 0..28 * 600_i64 {
        let time = EventTime::from_micros_unchecked(START + number * (Span::DAY.micros() / 600));
        let mut features = Features::default();
        // Each day has a guest of its own, for a tenth of its rows.
        let day = number / 600;
        let text = if number % 10 == 0 { format!("guest{day}") } else { format!("host{}", number % 3) };
        features.push_text(names.slot("who", 0).unwrap(), &text);
        let facts = Facts { score: 0.5, decision: None, arm: Arm::Policy, action: None };
        let key = RequestKey::new(&number.to_string(), 0);
        sample.add(key, || SampleRow { time, facts, features, content: 0, positive: None });
    }
    let profile = build("m", "v1", Origin::Files, &sample, &names, &BuildSettings::default());
    let crate::observe::Kind::Categorical { values, tail } = profile.coding.features()[0].kind() else { panic!() };
    assert_eq!((values.len(), tail.len()), (3, 28));
    let strangers = profile.strangers[0];
    assert_eq!(strangers.rows, 28 * 60);
    assert!((strangers.largest - 0.1).abs() < 1e-12);
}
