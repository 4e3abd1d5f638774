//! Do bunches show as scatter where they are, and nowhere else?

use super::*;
use crate::baseline::{BuildSettings, Origin, Profile, RowSample, SampleRow, build};
use crate::event::{Arm, EventTime, FeatureNames, Features, RequestKey, Value};
use crate::observe::{CodedRow, Facts, Mapping, Sums, Weight};

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

/// The sums of each day of the same rows.
fn days(profile: &Profile, days: i64, seed: u64) -> Vec<Sums> {
    let (names, sample) = rows(days, seed, |_| Weight::ONE);
    let mut all: Vec<Sums> = (0..days).map(|_| Sums::new(profile.layout.clone())).collect();
    let (mut mapping, mut coded) = (Mapping::default(), CodedRow::default());
    for (_, row) in sample.iter() {
        profile.coding.code(&row.features, &names, &mut mapping, &mut coded);
        let day = (row.time.micros() - START) / Span::DAY.micros();
        all[day as usize].predicted(&row.facts, &coded);
    }
    all
}

fn profile(days: i64, seed: u64) -> Profile {
    weighted(days, seed, |_| Weight::ONE)
}

/// `days` of 600 rows. `still` is one of four values at random; `bunch` is the same one of four for 20 rows in a row;
/// `night` is `yes` in half of the hours.
fn weighted(days: i64, seed: u64, weight: impl Fn(RequestKey) -> Weight) -> Profile {
    let (names, sample) = rows(days, seed, weight);
    build("m", "v1", Origin::Files, &sample, &names, &BuildSettings::default())
}

fn rows(days: i64, seed: u64, weight: impl Fn(RequestKey) -> Weight) -> (FeatureNames, RowSample) {
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
        let key = RequestKey::new(&number.to_string(), 0);
        let weight = weight(key);
        let facts = Facts { score, decision: Some(score > 0.3), arm: Arm::Policy, action: None, weight };
        let positive = Some(chance.uniform() < score);
        sample.add(key, || SampleRow { time, facts, features, content: 0, positive });
    }
    (names, sample)
}

fn factor(profile: &Profile, length: Span, rows: f64, figure: Restless) -> (f64, f64) {
    let size = Size { length, rows, labelled: figure.is_labelled(), in_phase: false };
    // As it was measured: nothing is added for not knowing it better.
    judged(&profile.dispersion, None, size)
        .unwrap()
        .factors(&profile.figures, &profile.layout, figure, |shown| 1.0 + (shown.windows.factor - 1.0) * shown.scale)
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

/// `days` of twenty customers who ask twenty times each and have one truth; one customer in a hundred is positive.
fn rare(days: i64, seed: u64) -> Profile {
    let mut chance = Chance(seed);
    let (names, mut sample) = (FeatureNames::default(), RowSample::new(100_000));
    let mut positive = false;
    for number in 0..days * 400 {
        if number % 20 == 0 {
            positive = chance.uniform() < 0.01;
        }
        let score = if chance.uniform() < 0.5 { 0.005 } else { 0.015 };
        let facts = Facts { score, decision: None, arm: Arm::Policy, action: None, weight: Weight::ONE };
        sample.add(RequestKey::new(&number.to_string(), 0), || SampleRow {
            time: EventTime::from_micros_unchecked(START + number * (Span::DAY.micros() / 400)),
            facts,
            features: Features::default(),
            content: 0,
            positive: Some(positive),
        });
    }
    build("m", "v1", Origin::Files, &sample, &names, &BuildSettings::default())
}

#[test]
fn days_without_a_positive_are_part_of_how_restless_positives_are() {
    // Four in five days have none; an offset cannot be fitted to them.
    let factors: Vec<f64> = (0..20).map(|seed| factor(&rare(84, seed), Span::DAY, 400.0, Restless::Offset).0).collect();
    let mean = factors.iter().sum::<f64>() / 20.0;
    assert!((14.0..26.0).contains(&mean), "{factors:?}");
}

#[test]
fn weights_are_no_scatter() {
    // A tenth of the rows has a weight of 20: labels vary as if there were seven times fewer, and windows no more than that.
    let heavy = |key: RequestKey| if key.chance() < 0.1 { Weight::of(key, 20.0, 1.0, 50.0) } else { Weight::ONE };
    let profile = weighted(28, 7, heavy);
    for figure in [
        Restless::Labels,
        Restless::Offset,
        Restless::Slope,
        Restless::Metric(Metric::Auc),
        Restless::Metric(Metric::Recall),
        Restless::Metric(Metric::Brier),
    ] {
        let (window, reference) = factor(&profile, Span::DAY, 90.0, figure);
        assert!((1.0..2.3).contains(&window) && (1.0..2.3).contains(&reference), "{figure:?} {window}");
        let effect = design_effect(&profile.sums, Some(&profile.map), figure);
        assert!((8.0..20.0).contains(&effect), "{figure:?} {effect}");
    }
    let slice = Restless::Slice(place(&profile, "still"), 19, 20);
    let effect = design_effect(&profile.sums, Some(&profile.map), slice);
    assert!((8.0..20.0).contains(&effect), "{effect}");
    assert!(factor(&profile, Span::DAY, 90.0, slice).0 < 2.3);
    // A file keeps all of it; one of a release that ignored weights reads as if there were none.
    let text = crate::baseline::write(std::slice::from_ref(&profile));
    assert_eq!(crate::baseline::read(&text).unwrap(), std::slice::from_ref(&profile));
    let plain = self::profile(7, 8);
    let text = crate::baseline::write(std::slice::from_ref(&plain));
    let mut old: serde_json::Value = serde_json::from_str(&text).unwrap();
    let sums = old["profiles"][0]["sums"].as_object_mut().unwrap();
    assert!(!sums.contains_key("squares") && !sums.contains_key("cell_squares"));
    sums["truth"].as_array_mut().unwrap().truncate(13);
    assert_eq!(crate::baseline::read(&old.to_string()).unwrap(), std::slice::from_ref(&plain));
    old["profiles"][0]["sums"]["truth"].as_array_mut().unwrap().truncate(12);
    let error = crate::baseline::read(&old.to_string()).unwrap_err().to_string();
    assert!(error.contains("'truth' has 12 numbers; accepted: 24"), "{error}");
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
    assert!(judged(&[], None, Size { length: Span::DAY, rows: 1.0, labelled: false, in_phase: false }).is_none());
    let few: Vec<Dispersion> = profile.dispersion.iter().filter(|one| one.windows < ENOUGH).cloned().collect();
    assert_eq!(few.len(), 1);
    assert!(judged(&few, None, Size { length: Span::DAY, rows: 1.0, labelled: false, in_phase: false }).is_none());
}

/// A world of 600 rows a day is learnt from its days, one by one; the baseline's rows are all of one moment.
#[test]
fn production_teaches_what_a_baseline_of_one_moment_cannot_tell() {
    let world = profile(40, 8);
    let still = Restless::Feature(place(&world, "still"), Part::Cell(1));
    let bunch = Restless::Feature(place(&world, "bunch"), Part::Cell(1));
    let mut learnt = Learnt::default();
    learnt.compare_with(&world);
    let size = Size { length: Span::DAY, rows: 600.0, labelled: false, in_phase: false };
    let of = |learnt: &Learnt, figure| {
        let raise = |shown| crate::stats::dispersion::effective(shown, 1e-5);
        judged(&[], Some(learnt), size).unwrap().factors(&world.figures, &world.layout, figure, raise)
    };
    // Nothing is known: anything is possible.
    assert!(of(&learnt, still).0 > 100.0);
    let mut last = f64::INFINITY;
    for (day, sums) in days(&world, 40, 8).into_iter().enumerate() {
        let took = learnt.note(&world, Span::DAY, &sums, false);
        assert_eq!(took, day < 28, "only the first days teach");
        if [6, 13, 27].contains(&day) {
            let now = of(&learnt, still).0;
            assert!(now < last, "day {day}: {now} after {last}");
            last = now;
        }
    }
    assert!(last < 3.0, "{last}");
    assert!((10.0..120.0).contains(&of(&learnt, bunch).0), "{}", of(&learnt, bunch).0);
    // Another baseline has other figures.
    let mut other = world.clone();
    other.rows += 1;
    learnt.compare_with(&other);
    assert!(of(&learnt, still).0 > 100.0);
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
        let facts = Facts { score: 0.5, decision: None, arm: Arm::Policy, action: None, weight: Weight::ONE };
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
