//! Is a window that is compared with something other than the baseline told the truth about?
//!
//! A stream of hours with a strong daily cycle, on which the baseline's scatter is so large that it sees next to nothing;
//! a flat one; and versions side by side.

use std::f64::consts::TAU;

use super::stream::{Driver, HOUR, SILENCE, START, Stream, lines};
use super::*;
use crate::baseline::References;
use crate::config::{Config, Reference};
use crate::finding::{Alert, AlertState, Summary};
use crate::judge::beside::{Beside, readings};
use crate::judge::lives::{self, Lives};
use crate::judge::past::Part;
use crate::judge::{Clock, Finding, Judge};
use crate::observe::{Statistic, truth};
use crate::stats::tails::binomial_upper;

const DAY_HOURS: i64 = 24;
const WEEK_HOURS: i64 = 168;

fn time(hour: i64) -> EventTime {
    EventTime::from_micros_unchecked(START + hour * HOUR)
}

/// What the rows of an hour are drawn from.
#[derive(Clone, Copy, Default)]
struct Kind {
    /// Mean of the number.
    mean: f64,
    /// The share of rows whose number is another one.
    moved: f64,
    /// The share of rows whose score says nothing.
    blind: f64,
}

impl Kind {
    /// A day with a tide of this height.
    fn at(hour: i64, tide: f64) -> Self {
        Self { mean: tide * libm::sin(hour as f64 / 24.0 * TAU), ..Self::default() }
    }
}

fn draw(chance: &mut Chance, kind: Kind) -> Row {
    let x = if chance.hits(kind.moved) { kind.mean - 4.0 } else { kind.mean } + chance.normal();
    let log_odds = 0.8 * chance.normal() - 0.5;
    let logistic = |odds: f64| 1.0 / (1.0 + libm::exp(-odds));
    let label = chance.hits(logistic(2.0 * log_odds));
    let said = if chance.hits(kind.blind) { 0.8 * chance.normal() - 0.5 } else { log_odds };
    let features = vec![("x", Cell::Number(x)), ("method", text(["card", "wallet"][chance.below(2) as usize]))];
    Row::new(logistic(2.0 * said), label, features)
}

/// A baseline of four weeks with hours of such kinds.
fn world(seed: u64, rows: u64, mut kind: impl FnMut(&mut Chance, i64) -> Kind) -> World {
    let mut chance = Chance(seed);
    let mut names = FeatureNames::default();
    let mut sample = RowSample::new(200_000);
    for hour in -4 * WEEK_HOURS..0 {
        let kind = kind(&mut chance, hour);
        for place in 0..rows {
            let row = draw(&mut chance, kind);
            let features = row.features(&mut names);
            let at = time(hour).micros() + place as i64 * (HOUR / rows as i64);
            sample.add(RequestKey::new(&format!("b{hour}-{place}"), 0), || SampleRow {
                time: EventTime::from_micros_unchecked(at),
                facts: row.facts(),
                features,
                content: 0,
                positive: row.label,
            });
        }
    }
    let profile = build("m", "v1", Origin::Files, &sample, &names, &BuildSettings::default());
    let budget = Budget::new(0.1, Span::HOUR, &[1]);
    let config = ModelConfig { window: Span::HOUR, ..ModelConfig::default() };
    World { names, profile: Arc::new(profile), config, budget, multiple: 1, bounds: UpperBounds::default() }
}

fn config(compare_with: &str) -> Arc<Config> {
    let text = format!(
        "topics: {{inferences: {{out_of_order: 0s}}, labels: {{out_of_order: 0s}}}}\n\
         defaults: {{window: 1h, levels: [1, 24], label_window: 2h, early: 0s, ages: [0s], compare_with: {compare_with}}}"
    );
    Arc::new(Config::from_yaml(&text).unwrap())
}

/// One hour of one version.
struct Counted {
    version: &'static str,
    hour: i64,
    sums: Sums,
}

/// The hours of a stream, in their order.
fn hours(
    world: &mut World,
    seed: u64,
    (hours, rows): (i64, usize),
    kinds: impl Fn(i64) -> Vec<(&'static str, Kind)>,
) -> Vec<Counted> {
    let mut chance = Chance(seed);
    let mut counted = Vec::new();
    for hour in 0..hours {
        for (version, kind) in kinds(hour) {
            let mut sums = world.count((0..rows).map(|_| draw(&mut chance, kind)));
            sums.add_truth(truth::CLOSED, rows as i64);
            counted.push(Counted { version, hour, sums });
        }
    }
    counted
}

/// What a judge says that takes its looks whenever the clock has gone on so many hours.
fn judged(world: &World, config: &Arc<Config>, stream: &[Counted], steps: impl FnMut() -> i64) -> Vec<Finding> {
    judged_by(References::new([(*world.profile).clone()]), config, stream, steps)
}

fn judged_by(
    references: References,
    config: &Arc<Config>,
    stream: &[Counted],
    mut steps: impl FnMut() -> i64,
) -> Vec<Finding> {
    let mut judge = Judge::new(config.clone(), references, true);
    let mut findings = Vec::new();
    let last = stream.last().map_or(0, |one| one.hour) + 4;
    let (mut told, mut told_labels, mut clock) = (0, 0, 0);
    while clock < last {
        clock = (clock + steps()).min(last);
        // Features come in their hour, labels two hours later.
        for (from, lag, part) in [(&mut told, 0, true), (&mut told_labels, 2, false)] {
            while let Some(one) = stream.get(*from).filter(|one| one.hour + lag < clock) {
                let mut sums = Sums::new(one.sums.layout().clone());
                sums.merge_if(&one.sums, |statistic| statistic.of_inputs() == part);
                judge.fold("m", one.version, time(one.hour), &sums);
                *from += 1;
            }
        }
        judge.advance(Clock::new(Some(time(clock)), Some(time(clock))), &mut findings);
    }
    judge.advance(Clock::new(Some(time(last)), Some(time(last))).at_the_end(), &mut findings);
    findings
}

fn alerts(findings: &[Finding]) -> Vec<&Alert> {
    let alerts =
        findings.iter().filter_map(|finding| if let Finding::Alert(alert) = finding { Some(alert) } else { None });
    alerts.filter(|alert| alert.basis_final).map(|alert| &**alert).collect()
}

/// Firing alerts against a reference; `None` for the baseline.
fn firing<'a>(findings: &'a [Finding], reference: Option<&str>) -> Vec<&'a Alert> {
    let all = alerts(findings).into_iter();
    all.filter(|alert| alert.state == AlertState::Firing && alert.subject.reference.as_deref() == reference).collect()
}

fn summaries(findings: &[Finding]) -> impl Iterator<Item = &Summary> {
    findings.iter().filter_map(|finding| if let Finding::Summary(summary) = finding { Some(&**summary) } else { None })
}

#[test]
fn an_hour_unlike_itself_is_seen_where_the_baseline_sees_only_tides() {
    let mut world = world(1, 60, |_, hour| Kind::at(hour, 1.5));
    let config = config("[same_hour_of_week]");
    for seed in 0..12 {
        let stream = hours(&mut world, 100 + seed, (5 * WEEK_HOURS, 60), |hour| vec![("v1", Kind::at(hour, 1.5))]);
        let said = judged(&world, &config, &stream, || 1);
        assert!(firing(&said, Some("same_hour_of_week")).is_empty(), "seed {seed}: {:?}", alerts(&said));
        assert!(firing(&said, None).is_empty(), "seed {seed}: {:?}", alerts(&said));
    }
    // From one hour to the next the tide rises, which is no jump.
    let stream = hours(&mut world, 6, (3 * WEEK_HOURS, 60), |hour| vec![("v1", Kind::at(hour, 1.5))]);
    let said = judged(&world, &self::config("[previous]"), &stream, || 1);
    assert!(firing(&said, Some("previous")).is_empty(), "{:?}", alerts(&said));
    // Four in ten rows of one hour of the fourth week.
    let changed = 3 * WEEK_HOURS + 3 * DAY_HOURS + 12;
    let stream = hours(&mut world, 7, (4 * WEEK_HOURS, 200), |hour| {
        vec![("v1", Kind { moved: if hour == changed { 0.4 } else { 0.0 }, ..Kind::at(hour, 1.5) })]
    });
    let said = judged(&world, &config, &stream, || 1);
    let found = firing(&said, Some("same_hour_of_week"));
    assert_eq!(found.len(), 1, "{found:#?}");
    let alert = found[0];
    assert_eq!((alert.window.start, alert.indicator.as_str()), (time(changed).micros(), "input.drift"));
    assert_eq!(alert.subject.feature.as_deref(), Some("x"));
    assert!(alert.text.contains("at this hour in the weeks before"), "{}", alert.text);
    assert!(firing(&said, None).is_empty(), "{:#?}", firing(&said, None));
    // The first two weeks say that there is nothing to compare with yet, and the third one does not.
    let lacks = |summary: &Summary| summary.blind_spots.iter().any(|spot| spot.name == "no_reference");
    for summary in summaries(&said) {
        assert_eq!(lacks(summary), summary.window.start < time(2 * WEEK_HOURS).micros(), "{:?}", summary.window);
    }
}

#[test]
fn a_jump_is_told_by_the_window_in_which_it_happens_and_by_none_after() {
    let mut world = world(2, 60, |_, hour| Kind::at(hour, 0.0));
    let jump = 90;
    let stream = hours(&mut world, 8, (200, 200), |hour| {
        vec![("v1", Kind { moved: if hour < jump { 0.0 } else { 0.4 }, ..Kind::at(hour, 0.0) })]
    });
    let said = judged(&world, &config("[previous]"), &stream, || 1);
    let of_previous: Vec<_> =
        alerts(&said).into_iter().filter(|alert| alert.subject.reference.as_deref() == Some("previous")).collect();
    let hour_long = |alert: &&&Alert| alert.window.end - alert.window.start == HOUR;
    let fired: Vec<_> =
        of_previous.iter().filter(|alert| alert.state == AlertState::Firing).filter(hour_long).collect();
    assert_eq!(fired.len(), 1, "{of_previous:#?}");
    assert_eq!((fired[0].window.start, fired[0].subject.feature.as_deref()), (time(jump).micros(), Some("x")));
    assert!(fired[0].text.contains("in the hour before"), "{}", fired[0].text);
    let last = of_previous.last().unwrap();
    assert_eq!(last.state, AlertState::Resolved, "{of_previous:#?}");
    // The baseline goes on saying so, in an alert of its own and in the same incident.
    let own = firing(&said, None);
    assert!(own.iter().all(|alert| alert.fingerprint != fired[0].fingerprint) && !own.is_empty());
    let together = said.iter().any(|finding| match finding {
        Finding::Incident(incident) => {
            incident.alerts.contains(&fired[0].fingerprint) && incident.alerts.contains(&own[0].fingerprint)
        }
        _ => false,
    });
    assert!(together, "one trouble, whatever it was compared with");
}

#[test]
fn a_version_that_is_worse_than_the_named_one_is_told_apart_from_an_equal_one() {
    let mut world = world(3, 60, |_, hour| Kind::at(hour, 0.0));
    for (blind, seeds) in [(0.0, 0..6), (0.8, 6..7)] {
        for seed in seeds {
            let stream = hours(&mut world, 200 + seed, (240, 150), |hour| {
                let canary = Kind { blind, ..Kind::at(hour, 0.0) };
                vec![("v1", Kind::at(hour, 0.0)), ("v0", canary), ("v2", canary)]
            });
            let said = judged(&world, &config("[{version: v1}]"), &stream, || 1);
            let found = firing(&said, Some("version v1"));
            assert!(found.iter().all(|alert| alert.version.as_deref() != Some("v1")), "{found:#?}");
            if blind <= 0.0 {
                assert!(found.is_empty(), "seed {seed}: {found:#?}");
                continue;
            }
            // Whether a version has its turn before the named one or after it.
            for version in ["v0", "v2"] {
                let auc = found.iter().find(|alert| {
                    alert.version.as_deref() == Some(version) && alert.subject.metric.as_deref() == Some("auc")
                });
                assert!(
                    auc.is_some_and(|alert| alert.text.contains("with version 'v1' in the same window")),
                    "{found:#?}"
                );
            }
        }
    }
}

#[test]
fn an_alert_whose_reference_has_gone_ends() {
    let mut world = world(4, 60, |_, hour| Kind::at(hour, 0.0));
    let gone = 120;
    let stream = hours(&mut world, 9, (240, 200), |hour| {
        let canary = ("v2", Kind { moved: 0.4, ..Kind::at(hour, 0.0) });
        if hour < gone { vec![("v1", Kind::at(hour, 0.0)), canary] } else { vec![canary] }
    });
    let said = judged(&world, &config("[{version: v1}]"), &stream, || 1);
    let of_version: Vec<_> =
        alerts(&said).into_iter().filter(|alert| alert.subject.reference.as_deref() == Some("version v1")).collect();
    let fired = of_version.iter().find(|alert| alert.state == AlertState::Firing);
    let life: Vec<_> =
        of_version.iter().filter(|alert| Some(&alert.fingerprint) == fired.map(|one| &one.fingerprint)).collect();
    let last = life.last().unwrap();
    assert_eq!(last.state, AlertState::Resolved, "{life:#?}");
    assert!(last.as_of >= time(gone).micros() && last.text.contains("nothing with version 'v1'"), "{last:#?}");
    // None of them goes on.
    let names: std::collections::BTreeSet<_> = of_version.iter().map(|alert| &alert.fingerprint).collect();
    let states =
        |name: &String| of_version.iter().rev().find(|alert| alert.fingerprint == *name).map(|alert| alert.state);
    assert!(names.into_iter().all(|name| states(name) == Some(AlertState::Resolved)), "{of_version:#?}");
}

#[test]
fn a_version_with_a_coding_of_its_own_is_compared_by_scores_and_truth_alone() {
    let flat = |hour: i64| Kind::at(hour, 0.0);
    let mut worlds = [13, 14].map(|seed| world(seed, 60, |_, hour| flat(hour)));
    Arc::make_mut(&mut worlds[1].profile).version = "v2".into();
    assert!(worlds[0].profile.coding != worlds[1].profile.coding);
    let canary = Kind { moved: 0.6, blind: 0.8, ..flat(0) };
    let mut stream = hours(&mut worlds[0], 15, (100, 200), |hour| vec![("v1", flat(hour))]);
    stream.extend(hours(&mut worlds[1], 16, (100, 200), |_| vec![("v2", canary)]));
    stream.sort_by_key(|one| one.hour);
    let references = References::new(worlds.iter().map(|world| (*world.profile).clone()));
    let said = judged_by(references, &config("[{version: v1}]"), &stream, || 1);
    let found = firing(&said, Some("version v1"));
    assert!(found.iter().any(|alert| alert.subject.metric.as_deref() == Some("auc")), "{found:#?}");
    assert!(found.iter().all(|alert| alert.subject.feature.is_none()), "{found:#?}");
    assert!(firing(&said, None).iter().any(|alert| alert.subject.feature.as_deref() == Some("x")));
    let lacks = |summary: &Summary| summary.blind_spots.iter().any(|spot| spot.text.contains("codes them otherwise"));
    assert!(summaries(&said).all(|summary| lacks(summary) == (summary.version == "v2")));
}

/// Alerts and final summaries, as sorted bytes: what must not depend on when looks were taken.
fn finals(findings: &[Finding]) -> Vec<String> {
    let is_final = |finding: &&Finding| match finding {
        Finding::Alert(alert) => alert.basis_final,
        Finding::Summary(summary) => summary.is_final,
        Finding::Incident(_) | Finding::Request(_) => true,
    };
    let mut lines = lines(findings.iter().filter(is_final));
    lines.sort_unstable();
    lines
}

#[test]
fn only_windows_that_were_due_are_used_however_the_clock_goes() {
    let mut world = world(5, 40, |_, hour| Kind::at(hour, 1.0));
    let all = config("[same_hour_of_week, previous, {version: v1}]");
    let stream = hours(&mut world, 10, (4 * WEEK_HOURS, 60), |hour| {
        let kind = Kind::at(hour, 1.0);
        let canary = Kind { moved: if hour % 50 < 3 { 0.6 } else { 0.0 }, blind: 0.9, ..kind };
        match hour {
            // A night without a prediction, and a version that comes later.
            300..312 => Vec::new(),
            0..100 => vec![("v1", Kind { moved: if hour == 60 { 0.7 } else { 0.0 }, ..kind })],
            _ => vec![("v0", canary), ("v1", kind), ("v2", canary)],
        }
    });
    let expected = finals(&judged(&world, &all, &stream, || 1));
    for reference in ["same_hour_of_week", "previous", "version v1"] {
        let named = format!("\"reference\":\"{reference}\"");
        assert!(expected.iter().any(|line| line.contains(&named)), "no alert against {reference}");
    }
    for seed in 0..3 {
        let mut chance = Chance(seed);
        let most = [5, 60, 400][seed as usize];
        let said = judged(&world, &all, &stream, || 1 + chance.below(most) as i64);
        assert!(finals(&said) == expected, "steps of up to {most} hours");
    }
}

#[test]
fn nothing_is_kept_said_or_charged_without_the_key() {
    let mut world = world(6, 40, |_, hour| Kind::at(hour, 0.0));
    let stream = hours(&mut world, 11, (80, 60), |hour| {
        vec![("v1", Kind { moved: if hour > 50 { 0.6 } else { 0.0 }, ..Kind::at(hour, 0.0) })]
    });
    let plain = judged(&world, &config("[]"), &stream, || 1);
    assert!(!lines(&plain).iter().any(|line| line.contains("\"reference\":\"") || line.contains("no_reference")));
    // The questions that only the baseline is asked cost what they did; the others share with the further references.
    let with = |compare_with: &str| {
        Budget::of(config(compare_with).model("m"), config(compare_with).model("m").compare_with.len())
    };
    let (none, two) = (with("[]"), with("[previous, same_hour_of_week]"));
    let model = config("[]");
    assert_eq!(none, Budget::new(0.1, Span::HOUR, &model.model("m").levels));
    for (family, share) in [(crate::judge::Family::Drift, 3.0), (crate::judge::Family::Slices, 1.0)] {
        let (before, after) = (none.level(family, 7, 24), two.level(family, 7, 24));
        assert!((before / after - share).abs() < 1e-12, "{family:?}");
    }
}

/// Where a window and its reference are of one kind, p-values fall below a level no more often than it says; also where
/// every hour wanders, as the baseline has shown.
#[test]
fn where_nothing_differs_no_more_readings_pass_a_level_than_it_allows() {
    for wander in [0.0, 0.4] {
        let mean = |chance: &mut Chance| Kind { mean: wander * chance.normal(), ..Kind::default() };
        let mut world = world(7, 60, |chance, _| mean(chance));
        // Next to no floor, so that the null is at its edge.
        let loose = crate::config::FeatureConfig { floor: Some(1e-6), ..Default::default() };
        world.config.features = ["x", "method"].map(|name| (name.to_owned(), loose.clone())).into();
        let most = 0.05;
        let questions = 13.0 * 2.0 * 720.0 * 2.0;
        world.config.false_alarms_per_month = most * questions;
        world.config.levels = vec![1];
        world.budget = Budget::of(&world.config, 1);
        let mut chance = Chance(12);
        for (reference, windows) in [(Reference::Previous, 1), (Reference::SameHourOfWeek, 4)] {
            let groups = 300;
            let mut passed: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
            for _ in 0..groups {
                let mut window = |world: &mut World| {
                    let kind = mean(&mut chance);
                    world.count((0..80).map(|_| draw(&mut chance, kind)))
                };
                let now = window(&mut world);
                let then: Vec<Sums> = (0..windows).map(|_| window(&mut world)).collect();
                let beside = Beside::new(reference.clone(), Span::HOUR, &world.profile, &then, true);
                let besides = [(reference.clone(), beside)];
                let hour = Window::holding(time(0), Span::HOUR);
                let context = Context { window: hour, ..world.context(&now, &[]) };
                let origin =
                    lives::Origin { model: Some("m"), version: Some("v1"), window: hour, multiple: 1, as_of: hour.end };
                let mut found: Vec<Reading> = Vec::new();
                for part in [Part::Inputs, Part::Truth] {
                    found.extend(readings(&context, part, &besides, &Lives::default(), &origin));
                }
                assert!(found.iter().all(|reading| reading.bet.is_none() && reading.subject.reference.is_some()));
                let low = found.iter().filter(|reading| reading.p_value <= reading.level);
                let families: std::collections::BTreeSet<&str> = low.map(|reading| reading.indicator.name()).collect();
                families.into_iter().for_each(|name| *passed.entry(name).or_default() += 1);
            }
            if wander <= 0.0 {
                assert!(passed.contains_key("input.drift"), "a test that never passes proves nothing: {passed:?}");
            }
            for (name, hits) in passed {
                let p = binomial_upper(hits as f64, f64::from(groups), most);
                assert!(p > 1e-4, "{reference}, wandering by {wander}, {name}: {hits} of {groups}");
            }
        }
    }
}

const STREAM: &str = "
topics: {inferences: {out_of_order: 1h}, labels: {out_of_order: 30m}}
defaults: {window: 1d, label_window: 3d, early: 1h, false_alarms_per_month: 500, compare_with: [same_hour_of_week, previous, {version: v1}]}
models: {m: {}, plain: {}, quiet: {labels: implicit_negative}, alone: {}}
";

type Pieces = std::collections::BTreeMap<Vec<u8>, Vec<u8>>;

fn whole(judge: &Judge) -> Pieces {
    let mut judge = judge.clone();
    judge.forget_written();
    let mut pieces = Pieces::new();
    judge.snapshot(|key, value| _ = pieces.insert(key.to_vec(), value.unwrap().to_vec()));
    pieces
}

#[test]
fn a_restored_judge_knows_what_it_compared_with() {
    let config = Arc::new(Config::from_yaml(STREAM).unwrap());
    for (seed, silence) in [(1, false), (2, true)] {
        let stream = Stream::new(seed, silence);
        let expected = Driver::new(&stream, config.clone(), silence).run(&stream.deltas);
        let all = lines(expected.iter().flatten());
        assert!(all.iter().any(|line| line.contains("\"reference\":\"previous\"")));
        assert!(all.iter().any(|line| line.contains("\"reference\":\"same_hour_of_week\"")));
        let mut chance = Chance(seed);
        for _ in 0..5 {
            let cut = chance.below(stream.deltas.len() as u64) as usize;
            let mut driver = Driver::new(&stream, config.clone(), silence);
            stream.deltas[..cut].iter().for_each(|delta| _ = driver.take(delta));
            let pieces = whole(&driver.judge);
            driver.judge = Judge::restore(config.clone(), stream.references.clone(), true, &pieces).unwrap();
            assert_eq!(whole(&driver.judge), pieces);
            let rest = driver.run(&stream.deltas[cut..]);
            assert!(lines(rest.iter().flatten()) == lines(expected[cut..].iter().flatten()), "seed {seed}, cut {cut}");
        }
    }
}

#[test]
fn what_came_after_a_look_is_kept_as_a_replay_keeps_it() {
    let config = Arc::new(Config::from_yaml(STREAM).unwrap());
    let stream = Stream::new(5, true);
    let past = |passes_over: bool| {
        let mut driver = Driver::new(&stream, config.clone(), passes_over);
        stream.deltas.iter().for_each(|delta| _ = driver.take(delta));
        let mut pieces = whole(&driver.judge);
        pieces.retain(|key, _| key.starts_with(b"[\"past\""));
        pieces
    };
    let (live, replayed) = (past(true), past(false));
    let silent = replayed.keys().filter(|key| {
        let key: Vec<serde_json::Value> = serde_json::from_slice(key).unwrap();
        key[4] == 1 && SILENCE.contains(&key[5].as_i64().unwrap())
    });
    assert!(silent.count() > 20);
    let names =
        |pieces: &Pieces| pieces.keys().map(|key| String::from_utf8_lossy(key).into_owned()).collect::<Vec<_>>();
    assert_eq!(names(&live), names(&replayed));
    let unlike: Vec<_> = live.iter().filter(|(key, value)| replayed[*key] != **value).collect();
    assert!(unlike.is_empty(), "{:?}", unlike.iter().map(|(key, _)| String::from_utf8_lossy(key)).collect::<Vec<_>>());
}

#[test]
fn what_was_kept_and_is_damaged_is_an_error_and_never_a_panic() {
    let config = Arc::new(Config::from_yaml(STREAM).unwrap());
    let stream = Stream::new(3, false);
    let mut driver = Driver::new(&stream, config.clone(), false);
    stream.deltas[..stream.deltas.len() / 2].iter().for_each(|delta| _ = driver.take(delta));
    let pieces = whole(&driver.judge);
    let past: Vec<_> = pieces.iter().filter(|(key, _)| key.starts_with(b"[\"past\"")).collect();
    assert!(past.len() > 20);
    // Hundreds of rows, some kilobytes.
    assert!(past.iter().map(|(_, value)| value.len()).sum::<usize>() < 4_096 * past.len());
    let restore =
        |config: &Arc<Config>, pieces: &Pieces| Judge::restore(config.clone(), stream.references.clone(), true, pieces);
    let mut chance = Chance(4);
    let mut refused = 0;
    for (key, value) in &past {
        for round in 0..6 {
            let mut body = crate::judge::piece::open(key, value).unwrap().to_vec();
            let place = chance.below(body.len() as u64) as usize;
            match round % 3 {
                0 => body.truncate(place),
                1 => body[place] = chance.next() as u8,
                _ => body.insert(place, 9),
            }
            let mut damaged = pieces.clone();
            damaged.insert((*key).clone(), crate::judge::piece::seal(key, &body));
            refused += usize::from(restore(&config, &damaged).is_err());
        }
    }
    assert!(refused > past.len() * 3, "{refused} of {}", past.len() * 6);
    // A configuration that keeps nothing has no place for it.
    let without = Config::from_yaml(&STREAM.replace("[same_hour_of_week, previous, {version: v1}]", "[]")).unwrap();
    assert!(restore(&Arc::new(without), &pieces).is_err());
    // Sums that are kept hold no sample and no statistic that nothing reads.
    assert!(!Part::Inputs.has(Statistic::Unseen) && !Part::Truth.has(Statistic::Cells));
}
