//! Truth that comes late: is a young cohort weighted without bias, do quiet delays raise nothing, and are slow ones found?
//!
//! A stream whose positives come after a day and whose negatives after four, on average, told to a judge in commits. The
//! oracle knows every row.

use std::collections::BTreeMap;

use super::*;
use crate::baseline::References;
use crate::config::Config;
use crate::finding::{Alert, Figure, Maturity, Summary};
use crate::judge::{Clock, Finding, Judge};
use crate::observe::{Coding, Layout, Recalibration, truth};

const DAY: i64 = Span::DAY.micros();
const HOUR: i64 = Span::HOUR.micros();
const LABEL_WINDOW: i64 = 12 * DAY;
const DISORDER: i64 = HOUR / 6;

/// What one run draws from.
#[derive(Clone, Copy)]
struct Nature {
    days: i64,
    a_day: i64,
    /// Mean delays of negatives and of positives, in days.
    delays: [f64; 2],
    /// From this day on delays are so many times as long.
    slower: Option<(i64, f64)>,
    regime: &'static str,
    /// How long a positive decision makes its labels take, as a factor.
    flagged: f64,
}

const QUIET: Nature =
    Nature { days: 34, a_day: 500, delays: [4.0, 1.0], slower: None, regime: "explicit", flagged: 1.0 };

#[derive(Clone, Copy)]
struct Case {
    time: i64,
    facts: Facts,
    positive: bool,
    /// When its label comes; `None` where it never does.
    label: Option<i64>,
}

fn cases(nature: Nature, seed: u64) -> Vec<Case> {
    let mut chance = Chance(seed);
    let mut cases = Vec::new();
    for number in 0..nature.days * nature.a_day {
        let time = number * (DAY / nature.a_day) + (chance.uniform() * (DAY / nature.a_day) as f64) as i64;
        let positive = chance.hits(0.1);
        let score = 1.0 / (1.0 + libm::exp(-(chance.normal() + if positive { 0.5 } else { -2.0 })));
        let decision = Some(score >= 0.4);
        let slower = nature.slower.filter(|(from, _)| time >= from * DAY).map_or(1.0, |(_, factor)| factor);
        let flagged = if decision == Some(true) { nature.flagged } else { 1.0 };
        let mean = nature.delays[usize::from(positive)] * slower * flagged;
        let silent = nature.regime == "implicit_negative" && !positive;
        let delay = (-libm::log(1.0 - chance.uniform()) * mean * DAY as f64) as i64;
        let label = (!silent && delay <= LABEL_WINDOW).then_some(time + delay);
        cases.push(Case {
            time,
            facts: Facts { score, decision, arm: Arm::Policy, action: None, weight: Weight::ONE },
            positive,
            label,
        });
    }
    cases
}

/// Everything that a judge says of a stream that is committed every so often.
fn said(nature: Nature, seed: u64, commit: i64) -> Vec<Finding> {
    let text = format!(
        "defaults: {{window: 1d, label_window: 12d, early: 1h, ages: [1d, 3d], learn: 7d, labels: {}}}",
        nature.regime
    );
    let config = Arc::new(Config::from_yaml(&text).unwrap());
    let mut judge = Judge::new(config, References::default(), true);
    let (layout, map) = (Arc::new(Layout::new(&Coding::default())), Recalibration::identity());
    let cases = cases(nature, seed);
    let mut events: Vec<(i64, usize, bool)> = Vec::new();
    for (place, case) in cases.iter().enumerate() {
        events.push((case.time, place, false));
        events.extend(case.label.map(|label| (label, place, true)));
    }
    events.sort_unstable();
    let mut sums: BTreeMap<i64, Sums> = BTreeMap::new();
    let (mut closed, mut next) = (0, commit);
    let mut findings = Vec::new();
    let day = |time: i64| time.div_euclid(DAY) * DAY;
    let end = nature.days * DAY;
    for (at, place, is_label) in events.into_iter().filter(|(at, ..)| *at < end) {
        if at >= next {
            let passed = next - DISORDER;
            while cases[closed].time + LABEL_WINDOW + HOUR <= passed {
                let case = &cases[closed];
                let sums = sums.entry(day(case.time)).or_insert_with(|| Sums::new(layout.clone()));
                sums.add_truth(truth::CLOSED, 1);
                sums.add_truth(truth::NEVER, i64::from(case.label.is_none() && nature.regime == "explicit"));
                if case.label.is_none() && nature.regime != "explicit" {
                    sums.add_truth(truth::ASSUMED, 1);
                    sums.labelled(&case.facts, &[], &map, false, 1);
                }
                closed += 1;
            }
            for (start, sums) in std::mem::take(&mut sums) {
                judge.fold("m", "v1", EventTime::from_micros_unchecked(start), &sums);
            }
            let passed = Some(EventTime::from_micros_unchecked(passed));
            judge.advance(Clock::new(passed, passed), &mut findings);
            next = at.div_euclid(commit) * commit + commit;
        }
        let case = &cases[place];
        let sums = sums.entry(day(case.time)).or_insert_with(|| Sums::new(layout.clone()));
        if is_label {
            sums.labelled(&case.facts, &[], &map, case.positive, 1);
            sums.delayed(case.facts.decision, at - case.time, case.positive, 1);
        } else {
            sums.predicted(&case.facts, &CodedRow::default());
            let id = place.to_string();
            let time = EventTime::from_micros_unchecked(case.time);
            sums.sampled(RequestKey::new(&id, 0), &id, 0, time, case.facts.score, &CodedRow::default());
        }
    }
    findings
}

fn summaries(findings: &[Finding]) -> Vec<&Summary> {
    let summaries = findings.iter().filter_map(|finding| match finding {
        Finding::Summary(summary) => Some(&**summary),
        _ => None,
    });
    summaries.collect()
}

fn alerts(findings: &[Finding]) -> Vec<&Alert> {
    let alerts = findings.iter().filter_map(|finding| match finding {
        Finding::Alert(alert) => Some(&**alert),
        _ => None,
    });
    alerts.collect()
}

/// What the cohort of a summary will have in the end: its cases with a label.
fn cohort<'a>(cases: &'a [Case], summary: &Summary) -> impl Iterator<Item = &'a Case> {
    let window = summary.window.start..summary.window.end;
    cases.iter().filter(move |case| window.contains(&case.time) && case.label.is_some())
}

/// Naive, marginal and class-conditional estimates of the share of positives over cohorts of mixed ages, and the truth.
fn pooled(summaries: &[&Summary], cases: &[Case]) -> [f64; 4] {
    let (mut naive, mut marginal, mut weighted, mut oracle) = ([0.0; 2], [0.0; 2], [0.0; 2], [0.0; 2]);
    for summary in summaries {
        let figure = &summary.truth.figures["label_rate"];
        let labels = summary.counts["labelled"] as f64;
        let positives = summary.counts["positive"] as f64;
        let expected = cohort(cases, summary).count() as f64;
        let share = figure.expected_coverage.unwrap() / 0.97;
        for (sum, value) in naive.iter_mut().zip([positives, labels]) {
            *sum += value;
        }
        for (sum, value) in marginal.iter_mut().zip([positives / share, labels / share]) {
            *sum += value;
        }
        for (sum, value) in weighted.iter_mut().zip([figure.value.unwrap() * expected, expected]) {
            *sum += value;
        }
        oracle[0] += cohort(cases, summary).filter(|case| case.positive).count() as f64;
        oracle[1] += expected;
    }
    [naive, marginal, weighted, oracle].map(|[positives, all]| positives / all)
}

#[test]
fn weights_by_class_find_the_rate_that_labels_so_far_and_one_weight_for_all_miss() {
    let cases = cases(QUIET, 3);
    let findings = said(QUIET, 3, HOUR);
    let all = summaries(&findings);
    let young = |summary: &&&Summary| !summary.is_final && summary.truth.figures["label_rate"].estimator == "ipw";
    let weighted: Vec<&Summary> = all.iter().filter(young).copied().collect();
    assert!(weighted.len() > 25, "{}", weighted.len());
    let [naive, marginal, by_class, oracle] = pooled(&weighted, &cases);
    assert!((oracle - 0.1).abs() < 0.02, "{oracle}");
    assert!(naive > 1.4 * oracle, "{naive} {oracle}");
    assert!(marginal > naive, "one weight for all makes it worse: {marginal} {naive}");
    assert!((by_class / oracle - 1.0).abs() < 0.04, "{by_class} {oracle}");
    // What the metrics will be is what they are said to become.
    let finals: BTreeMap<i64, &Summary> =
        all.iter().filter(|summary| summary.is_final).map(|summary| (summary.window.start, *summary)).collect();
    let mut sums: BTreeMap<&str, [f64; 3]> = BTreeMap::new();
    for summary in &weighted {
        let Some(last) = finals.get(&summary.window.start) else { continue };
        for name in ["accuracy", "precision", "recall", "brier", "log_loss", "auc", "f1"] {
            let value = |summary: &Summary| summary.truth.metrics[name].value;
            if let (Some(then), Some(now)) = (value(last), value(summary)) {
                let sum = sums.entry(name).or_default();
                *sum = [sum[0] + now, sum[1] + then, sum[2] + 1.0];
            }
        }
    }
    for (name, [now, then, n]) in sums {
        assert!(n > 10.0 && (now / then - 1.0).abs() < 0.04, "{name}: {now} {then} over {n}");
    }
}

#[test]
fn figures_say_how_far_their_labels_are() {
    let findings = said(QUIET, 3, HOUR);
    let all = summaries(&findings);
    let first = all.iter().find(|summary| !summary.is_final).unwrap();
    let figure = &first.truth.figures["label_rate"];
    assert_eq!((figure.estimator.as_str(), figure.expected_coverage), ("labels_so_far", None));
    assert!(first.blind_spots.iter().any(|spot| spot.name == "delay_unknown"));
    let weighted = |revision: u32| -> Vec<&Figure> {
        let those = all.iter().filter(|summary| !summary.is_final && summary.revision == revision);
        those.map(|one| &one.truth.figures["label_rate"]).filter(|figure| figure.estimator == "ipw").collect()
    };
    for (revision, maturity) in [(0, Maturity::Immature), (1, Maturity::Provisional)] {
        let figures = weighted(revision);
        assert!(figures.len() > 10);
        for figure in figures {
            let (coverage, expected) = (figure.coverage.unwrap(), figure.expected_coverage.unwrap());
            assert!((coverage - expected).abs() < 0.1, "{coverage} {expected}");
            assert_eq!(figure.maturity, maturity, "{expected}");
            assert!(figure.effective_n < figure.n as f64 && figure.effective_n > 20.0);
            let [low, high] = figure.interval.unwrap();
            assert!(low < figure.value.unwrap() && figure.value.unwrap() < high);
        }
    }
    let last = all.iter().rev().find(|summary| summary.is_final).unwrap();
    let figure = &last.truth.figures["label_rate"];
    assert_eq!((figure.estimator.as_str(), figure.maturity), ("complete", Maturity::Mature));
    let delays: u64 = last.truth.delays.iter().map(|bin| bin.negative + bin.positive).sum();
    assert_eq!(delays, last.counts["labelled"]);
}

#[test]
fn intervals_hold_the_rate_that_the_cohort_comes_to() {
    let (mut held, mut all) = (0, 0);
    for seed in 10..16 {
        let cases = cases(QUIET, seed);
        let findings = said(QUIET, seed, HOUR);
        for summary in summaries(&findings).into_iter().filter(|summary| !summary.is_final) {
            let figure = &summary.truth.figures["label_rate"];
            if figure.estimator == "ipw" {
                let labelled: Vec<&Case> = cohort(&cases, summary).collect();
                let rate = labelled.iter().filter(|case| case.positive).count() as f64 / labelled.len() as f64;
                let [low, high] = figure.interval.unwrap();
                held += i32::from(low <= rate && rate <= high);
                all += 1;
            }
        }
    }
    // Two looks at a cohort, and one curve for many: a loose bound. The interval is of the rate behind the cohort.
    assert!(f64::from(held) > 0.93 * f64::from(all), "{held} of {all}");
}

#[test]
fn where_silence_means_negative_positives_are_laid_against_their_exposure() {
    let nature = Nature { regime: "implicit_negative", delays: [1.0, 3.0], ..QUIET };
    let cases = cases(nature, 5);
    let findings = said(nature, 5, HOUR);
    let young = |summary: &&&Summary| !summary.is_final && summary.truth.figures["label_rate"].estimator == "exposure";
    let (mut estimate, mut naive, mut truth, mut precision) = (0.0, 0.0, 0.0, [0.0; 2]);
    let all = summaries(&findings);
    for summary in all.iter().filter(young) {
        let figure = &summary.truth.figures["label_rate"];
        estimate += figure.value.unwrap() * summary.counts["inferences"] as f64;
        naive += summary.counts["positive"] as f64;
        truth += cohort(&cases, summary).filter(|case| case.positive).count() as f64;
        let precise = |cases: Vec<&Case>| {
            let hits = cases.iter().filter(|case| case.positive).count();
            hits as f64 / cases.len() as f64
        };
        if let Some(value) = summary.truth.metrics["precision"].value {
            let window = summary.window.start..summary.window.end;
            let flagged = |case: &&Case| window.contains(&case.time) && case.facts.decision == Some(true);
            precision[0] += value;
            // A positive whose label never comes is taken for a negative.
            let known = |case: &Case| Case { positive: case.positive && case.label.is_some(), ..*case };
            let known: Vec<Case> = cases.iter().map(known).collect();
            precision[1] += precise(known.iter().filter(flagged).collect());
        }
    }
    assert!(precision[1] > 5.0 && (precision[0] / precision[1] - 1.0).abs() < 0.08, "{precision:?}");
    assert!(truth > 300.0 && naive < 0.8 * truth, "{naive} {truth}");
    assert!((estimate / truth - 1.0).abs() < 0.06, "{estimate} {truth}");
}

#[test]
fn positives_that_come_early_and_negatives_that_come_late_raise_nothing() {
    let nature = Nature { days: 40, ..QUIET };
    for seed in [3, 4, 5, 6] {
        let findings = said(nature, seed, HOUR);
        let finals = summaries(&findings).into_iter().filter(|summary| summary.is_final).count();
        assert!(finals >= 25, "{finals}");
        let said: Vec<&str> = alerts(&findings).iter().map(|alert| alert.text.as_str()).collect();
        assert_eq!(said, Vec::<&str>::new());
    }
}

#[test]
fn delays_that_double_are_found_early_by_coverage_and_at_maturity_by_delay() {
    let nature = Nature { days: 44, a_day: 2_000, slower: Some((26, 2.0)), ..QUIET };
    let findings = said(nature, 7, HOUR);
    let firing = |indicator: &str| {
        let fires = |alert: &&&Alert| alert.indicator == indicator && alert.state == crate::finding::AlertState::Firing;
        alerts(&findings).iter().find(fires).map(|alert| (*alert).clone())
    };
    let delay = firing("label.delay").unwrap();
    assert!(delay.basis_final && delay.window.start >= 26 * DAY && delay.effect.unwrap() > 0.05, "{delay:?}");
    let early = firing("label.coverage").unwrap();
    assert!(!early.basis_final && early.id.ends_with("-provisional"), "{early:?}");
    assert!(early.window.start >= 26 * DAY && early.as_of < delay.as_of - 7 * DAY, "{early:?}");
    assert!(early.text.contains("in the first windows"), "{}", early.text);
    // What is provisional is in no incident.
    let named = findings.iter().filter_map(|finding| match finding {
        Finding::Incident(incident) => Some(incident.as_of),
        _ => None,
    });
    assert!(named.min().is_none_or(|first| first >= delay.as_of));
}

#[test]
fn a_pace_that_follows_the_decision_is_named_and_weighted_by_decision() {
    let nature = Nature { a_day: 1_500, flagged: 0.2, delays: [4.0, 3.0], ..QUIET };
    let cases = cases(nature, 9);
    let findings = said(nature, 9, HOUR);
    let all = summaries(&findings);
    let young: Vec<&&Summary> = all
        .iter()
        .filter(|summary| {
            !summary.is_final && summary.blind_spots.iter().any(|one| one.name == "delay_follows_decision")
        })
        .collect();
    assert!(young.len() > 20);
    let (mut recall, mut naive, mut truth) = (0.0, 0.0, 0.0);
    for summary in young {
        assert!(summary.truth.metrics["auc"].value.is_none());
        let seen = |case: &&Case| case.label.is_some_and(|label| label < summary.as_of);
        let share = |cases: Vec<&Case>| {
            let hits = cases.iter().filter(|case| case.facts.decision == Some(true)).count();
            hits as f64 / cases.len() as f64
        };
        if let Some(value) = summary.truth.metrics["recall"].value {
            recall += value;
            naive += share(cohort(&cases, summary).filter(|case| case.positive).filter(seen).collect());
            truth += share(cohort(&cases, summary).filter(|case| case.positive).collect());
        }
    }
    assert!(naive > 1.05 * truth, "{naive} {truth}");
    assert!((recall / truth - 1.0).abs() < 0.03, "{recall} {truth}");
}

#[test]
fn what_is_final_does_not_depend_on_how_the_stream_is_cut() {
    let nature = Nature { days: 44, a_day: 2_000, slower: Some((26, 2.0)), ..QUIET };
    let finals = |commit: i64| -> Vec<String> {
        let findings = said(nature, 7, commit);
        let is_final = |finding: &&Finding| match finding {
            Finding::Summary(summary) => summary.is_final,
            Finding::Alert(alert) => alert.basis_final,
            _ => false,
        };
        let mut lines = stream::lines(findings.iter().filter(is_final));
        lines.sort();
        lines
    };
    let hourly = finals(HOUR);
    assert!(hourly.iter().any(|line| line.contains("\"indicator\":\"label.delay\"")));
    for commit in [HOUR / 4, 7 * HOUR, DAY] {
        let other = finals(commit);
        assert!(other.len() > 30 && other.len() + 4 >= hourly.len(), "{} {}", other.len(), hourly.len());
        let known: std::collections::BTreeSet<&String> = hourly.iter().collect();
        // A coarser cut ends a little earlier.
        let strange: Vec<&String> = other.iter().filter(|line| !known.contains(line)).collect();
        assert_eq!(strange, Vec::<&String>::new());
    }
}
