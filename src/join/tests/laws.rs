//! The laws, on small random streams: few keys, times on a coarse grid, so that everything meets everything.

use proptest::prelude::*;

use super::super::oracle::{Asked, Input, Mixed, expected};
use super::super::{NewLabel, Policy, Regime, Rules};
use super::run;
use crate::event::{EventTime, RequestKey, Span, Truth};

/// The start of time in these tests, away from zero.
const START: i64 = 1_700_000_000_000_000;
const MODELS: u16 = 3;

/// A stream in steps of the grid: (advance of the newest time, how far behind it, …).
type Steps<T> = Vec<(u8, u8, T)>;

fn times<T: Copy>(steps: &Steps<T>, unit: i64) -> Vec<(EventTime, T)> {
    let mut newest = 0;
    steps
        .iter()
        .map(|&(advance, behind, rest)| {
            newest += i64::from(advance);
            (EventTime::from_micros_unchecked(START + (newest - i64::from(behind)) * unit), rest)
        })
        .collect()
}

fn rules(unit: i64) -> impl Strategy<Value = Rules> {
    (0..9_i64, 0..5_i64, 0..9_i64, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        move |(window, early, corrections, implicit, first, text)| Rules {
            label_window: Span::from_micros(window * unit),
            early: Span::from_micros(early * unit),
            corrections: Span::from_micros(corrections * unit),
            regime: if implicit { Regime::ImplicitNegative } else { Regime::Explicit },
            policy: if first { Policy::First } else { Policy::Last },
            positive: if text { Truth::Text(7) } else { Truth::Number(1.0) },
        },
    )
}

/// Half of the rows are the first ones of their requests.
fn number_of(row: u8) -> u32 {
    u32::from(row.saturating_sub(2))
}

/// The content of a label says its value, as a hash of it would.
fn label((key, row): (u8, u8), time: EventTime, revision: u8, kind: u8, extra: bool) -> NewLabel {
    let request = RequestKey::from_bits(u128::from(key));
    let all_rows = kind > 8;
    let truth = match kind {
        0 | 1 => Some(Truth::Number(1.0)),
        2 => Some(Truth::Number(0.0)),
        3 => Some(Truth::Text(7)),
        4 => Some(Truth::Number(-1.0)),
        5 => Some(Truth::Number(2.0)),
        _ => None,
    };
    NewLabel {
        key: if all_rows { request } else { request.of_row(number_of(row)) },
        time,
        revision: u32::from(revision),
        // A tombstone may have the content of a withdrawal.
        content: u32::from(if all_rows { 6 } else { kind }) * 2 + u32::from(extra),
        truth,
        all_rows,
    }
}

prop_compose! {
    fn ends(unit: i64)(at in prop::option::of(0..120_i64)) -> Option<EventTime> {
        at.map(|at| EventTime::from_micros_unchecked(START + at * unit))
    }
}

/// Up to three sources in any order, each by so many steps behind the newest, and what some of them say about how far
/// they have come.
fn mixed(unit: i64) -> impl Strategy<Value = (Mixed, Vec<i64>)> {
    let raise = (0..40_usize, any::<u16>(), 0..60_i64);
    (
        1..4_u16,
        prop::collection::vec(any::<u16>(), 40),
        prop::collection::vec(raise, 0..5),
        prop::array::uniform3(0..12),
    )
        .prop_map(move |(declared, of, raises, lags)| {
            let of: Vec<u16> = of.into_iter().map(|source| source % declared).collect();
            let lags = of.iter().map(|&source| i64::from(lags[usize::from(source)]) * unit).collect();
            let at = |step: i64| EventTime::from_micros_unchecked(START + step * unit);
            let raises = raises.into_iter().map(|(place, source, step)| (place, source % declared, at(step))).collect();
            (Mixed { declared, of, raises }, lags)
        })
}

/// The same input, with sources mixed into its partitions.
fn mix(mut input: Input, inferences: (Mixed, Vec<i64>), labels: (Mixed, Vec<i64>)) -> Input {
    let back = |time: EventTime, by: i64| EventTime::from_micros_unchecked(time.micros() - by);
    for (asked, by) in input.inferences.iter_mut().zip(&inferences.1) {
        asked.time = back(asked.time, *by);
    }
    for (label, by) in input.labels.iter_mut().zip(&labels.1) {
        label.time = back(label.time, *by);
    }
    input.inference_sources = inferences.0;
    input.label_sources = labels.0;
    input
}

pub(super) fn mixed_inputs(with_labels: bool) -> impl Strategy<Value = Input> {
    prop_oneof![Just(400_000_i64), Just(45_000_000)].prop_flat_map(move |unit| {
        (inputs_of(unit, with_labels), mixed(unit), mixed(unit))
            .prop_map(|(input, inferences, labels)| mix(input, inferences, labels))
    })
}

fn inputs(with_labels: bool) -> impl Strategy<Value = Input> {
    // Finer and coarser than the narrowest bucket of rows (1 s) and of waiting labels (1 min).
    prop_oneof![Just(400_000_i64), Just(45_000_000)].prop_flat_map(move |unit| inputs_of(unit, with_labels))
}

fn inputs_of(unit: i64, with_labels: bool) -> impl Strategy<Value = Input> {
    let inference = ((0..3_u8, 0..5_u8), 0..MODELS, 0..3_u32);
    let told = ((0..3_u8, 0..5_u8), 0..3_u8, 0..11_u8, any::<bool>());
    let labels = if with_labels { 0..40_usize } else { 0..1 };
    (
        prop::collection::vec((rules(unit), any::<prop::sample::Index>()), usize::from(MODELS)),
        (0..4_i64, 0..4_i64),
        prop::collection::vec((0..3_u8, 0..6_u8, inference), 0..40),
        prop::collection::vec((0..3_u8, 0..6_u8, told), labels),
        (ends(unit), ends(unit)),
    )
        .prop_map(move |(rules, (inference_disorder, label_disorder), inferences, labels, ends)| {
            let inferences: Vec<Asked> = times(&inferences, unit)
                .into_iter()
                .map(|(time, ((key, row), model, content))| Asked {
                    time,
                    model,
                    content,
                    ..Asked::of(u128::from(key), number_of(row))
                })
                .collect();
            let rules = rules
                .into_iter()
                .enumerate()
                .map(|(model, (rules, at))| {
                    // Half of the models are known at the start; the others appear at or before their first use.
                    let first = inferences.iter().position(|asked| usize::from(asked.model) == model);
                    let at = at.index(2 * (first.unwrap_or(0) + 1));
                    (rules, at.saturating_sub(first.unwrap_or(0) + 1))
                })
                .collect();
            Input {
                rules,
                inference_disorder: Span::from_micros(inference_disorder * unit),
                label_disorder: with_labels.then(|| Span::from_micros(label_disorder * unit)),
                inferences,
                labels: times(&labels, unit)
                    .into_iter()
                    .map(|(time, (key, revision, kind, extra))| label(key, time, revision, kind, extra))
                    .collect(),
                inference_sources: Mixed::one(),
                label_sources: Mixed::one(),
                end_of_inferences: ends.0,
                end_of_labels: ends.1.filter(|_| with_labels),
            }
        })
}

pub(super) fn turns() -> impl Strategy<Value = Vec<bool>> {
    prop_oneof![
        prop::collection::vec(any::<bool>(), 80),
        // One of the partitions lags behind for the whole run.
        Just(vec![true; 80]),
        Just(vec![false; 80]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_and_any_moment_of_expiry_gives_what_the_definition_says(
        input in inputs(true),
        turns in turns(),
        expiries in prop::collection::vec(any::<bool>(), 80),
    ) {
        let expected = expected(&input);
        prop_assert_eq!(&run(&input, &turns, &expiries), &expected);
        prop_assert_eq!(&run(&input, &turns, &[]), &expected);
    }

    #[test]
    fn any_sources_mixed_in_any_order_give_what_the_definition_says(
        input in mixed_inputs(true),
        turns in turns(),
        expiries in prop::collection::vec(any::<bool>(), 80),
    ) {
        let expected = expected(&input);
        prop_assert_eq!(&run(&input, &turns, &expiries), &expected);
        prop_assert_eq!(&run(&input, &turns, &[]), &expected);
    }

    #[test]
    fn sources_are_mixed_without_labels_too(
        input in mixed_inputs(false),
        expiries in prop::collection::vec(any::<bool>(), 80),
    ) {
        prop_assert_eq!(&run(&input, &[], &expiries), &expected(&input));
    }

    #[test]
    fn without_labels_it_recognises_duplicates_as_defined(
        input in inputs(false),
        expiries in prop::collection::vec(any::<bool>(), 80),
    ) {
        let expected = expected(&input);
        prop_assert_eq!(&run(&input, &[], &expiries), &expected);
        prop_assert_eq!(&run(&input, &[], &[]), &expected);
    }

    #[test]
    fn any_order_within_the_disorder_gives_the_same(
        input in inputs(true),
        orders in prop::collection::vec((0..4_i64, 0..4_i64), 40),
        turns in turns(),
    ) {
        let mut input = input;
        // A model that appears while running appears at a place of the partition, so order matters to it.
        for (_, at) in &mut input.rules {
            *at = 0;
        }
        let model = input.rules[0].0;
        let reach = (model.label_window + model.early).micros();
        // Requests as they are in truth: the same one has the same content, another one is far away.
        let mut kept: Vec<Asked> = Vec::new();
        for mut asked in std::mem::take(&mut input.inferences) {
            asked.model = 0;
            asked.content = (asked.time.micros() / 100_000 % 1_000) as u32 + asked.key as u32;
            let apart = |row: &Asked| {
                row.key != asked.key || row == &asked || row.time.micros_since(asked.time).abs() > reach
            };
            if kept.iter().all(apart) {
                kept.push(asked);
            }
        }
        kept.sort_by_key(|asked| asked.time);
        input.inferences = kept;
        input.labels.sort_by_key(|label| label.time);
        let in_order = run(&input, &turns, &[]);
        prop_assert_eq!(in_order.counts.inferences.late + in_order.counts.labels.late, 0);
        prop_assert_eq!(in_order.counts.inferences.conflict, 0);

        let shift = |disorder: Span, by: i64| disorder.micros() * by / 3;
        let mut shuffled = input.clone();
        let mut places: Vec<(i64, Asked)> = input.inferences.iter().zip(&orders)
            .map(|(asked, (by, _))| (asked.time.micros() + shift(input.inference_disorder, *by), *asked)).collect();
        places.sort_by_key(|(place, _)| *place);
        shuffled.inferences = places.into_iter().map(|(_, asked)| asked).collect();
        let disorder = input.label_disorder.unwrap();
        let mut places: Vec<(i64, NewLabel)> = input.labels.iter().zip(&orders)
            .map(|(label, (_, by))| (label.time.micros() + shift(disorder, *by), *label)).collect();
        places.sort_by_key(|(place, _)| *place);
        shuffled.labels = places.into_iter().map(|(_, label)| label).collect();
        prop_assert_eq!(run(&shuffled, &turns, &[]), in_order);
    }
}
