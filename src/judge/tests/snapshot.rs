//! Does a judge that was written down and read back say what the first one would have said?

use std::collections::BTreeMap;

use super::stream::{Driver, START, Stream, config, lines};
use super::*;
use crate::baseline::References;
use crate::config::Config;
use crate::finding::{AlertState, Basis, IncidentState};
use crate::judge::piece::Key;
use crate::judge::{Finding, Judge, RestoreError, RestoreProblem};

type Pieces = BTreeMap<Vec<u8>, Vec<u8>>;

fn snapshot(judge: &mut Judge, pieces: &mut Pieces) -> usize {
    let mut told = 0;
    judge.snapshot(|key, value| {
        told += 1;
        match value {
            Some(value) => _ = pieces.insert(key.to_vec(), value.to_vec()),
            None => assert!(pieces.remove(key).is_some(), "gone without having been: {}", String::from_utf8_lossy(key)),
        }
    });
    told
}

/// All of a judge, as if nothing had been written down.
fn whole(judge: &Judge) -> Pieces {
    let mut judge = judge.clone();
    judge.forget_written();
    let mut pieces = Pieces::new();
    snapshot(&mut judge, &mut pieces);
    pieces
}

fn restore(stream: &Stream, pieces: &Pieces) -> Result<Judge, RestoreError> {
    Judge::restore(config(false), stream.references.clone(), true, pieces)
}

fn names(pieces: &Pieces) -> Vec<String> {
    pieces.keys().map(|key| String::from_utf8_lossy(key).into_owned()).collect()
}

#[test]
fn the_stream_has_all_that_the_laws_are_about() {
    for (silence, over) in [(false, false), (true, true)] {
        let stream = Stream::new(1, silence);
        let mut said: BTreeMap<String, usize> = BTreeMap::new();
        let mut note = |what: String| *said.entry(what).or_insert(0) += 1;
        for finding in Driver::new(&stream, config(false), over).run(&stream.deltas).into_iter().flatten() {
            match finding {
                Finding::Alert(alert) => note(format!("{:?} {:?}", alert.basis, alert.state)),
                Finding::Incident(incident) => {
                    note(format!("incident {:?} {:?}", incident.model.is_some(), incident.state));
                }
                Finding::Request(_) => note("request".into()),
                Finding::Summary(summary) => {
                    let days = (summary.window.end - summary.window.start) / Span::DAY.micros();
                    note(format!("summary {} {} {days}", summary.model, summary.version));
                    if summary.late_after_idle > 0 {
                        note(format!("late {} {days}", summary.model));
                    }
                }
            }
        }
        let firing = |basis: Basis| format!("{basis:?} {:?}", AlertState::Firing);
        let mut needed = vec![
            firing(Basis::Inputs),
            firing(Basis::Predictions),
            firing(Basis::Labels),
            firing(Basis::Pipeline),
            format!("{:?} {:?}", Basis::Inputs, AlertState::Resolved),
            format!("incident true {:?}", IncidentState::Open),
            format!("incident false {:?}", IncidentState::Closed),
            format!("incident false {:?}", IncidentState::Open),
        ];
        needed.extend(["request", "summary m v1 7", "summary m v2 1", "summary quiet v1 28"].map(str::to_owned));
        if over {
            needed.extend(["late m 1", "late m 7", "late alone 1", "late quiet 1"].map(str::to_owned));
        }
        for what in needed {
            assert!(said.contains_key(&what), "{what} is not in {said:?}");
        }
    }
}

#[test]
fn a_restored_judge_says_the_rest_to_the_byte() {
    for (seed, silence) in [(1, false), (2, true), (3, true)] {
        let stream = Stream::new(seed, silence);
        let expected = Driver::new(&stream, config(false), silence).run(&stream.deltas);
        let mut chance = Chance(seed);
        for _ in 0..6 {
            let cut = chance.below(stream.deltas.len() as u64) as usize;
            let mut driver = Driver::new(&stream, config(false), silence);
            stream.deltas[..cut].iter().for_each(|delta| _ = driver.take(delta));
            let pieces = whole(&driver.judge);
            driver.judge = restore(&stream, &pieces).unwrap();
            assert_eq!(whole(&driver.judge), pieces, "what is read back is what was written");
            let rest = driver.run(&stream.deltas[cut..]);
            assert!(
                lines(rest.iter().flatten()) == lines(expected[cut..].iter().flatten()),
                "seed {seed}, silence {silence}, restored after {cut} deltas"
            );
        }
    }
}

#[test]
fn pieces_given_since_the_last_time_keep_a_map_that_is_the_judge() {
    for (seed, silence, often) in [(4, false, 0.03), (5, true, 0.05), (6, true, 0.005)] {
        let stream = Stream::new(seed, silence);
        let expected = Driver::new(&stream, config(false), silence).run(&stream.deltas);
        let mut chance = Chance(seed);
        let mut driver = Driver::new(&stream, config(false), silence);
        let (mut pieces, mut said) = (Pieces::new(), Vec::new());
        let (mut told, mut all) = (0, 0);
        for delta in &stream.deltas {
            said.push(driver.take(delta));
            if !chance.hits(often) {
                continue;
            }
            told += snapshot(&mut driver.judge, &mut pieces);
            let full = whole(&driver.judge);
            all += full.len();
            assert_eq!(names(&pieces), names(&full));
            assert!(pieces == full, "pieces are alive that a full snapshot would not have");
            // Nothing happened, so nothing is told.
            assert_eq!(snapshot(&mut driver.judge, &mut pieces), 0);
            // A chain of restarts: what goes on is the judge that was read back.
            driver.judge = restore(&stream, &pieces).unwrap();
            assert_eq!(snapshot(&mut driver.judge, &mut pieces), 0);
        }
        said.push(driver.end());
        assert!(lines(said.iter().flatten()) == lines(expected.iter().flatten()), "seed {seed}, silence {silence}");
        if often > 0.04 {
            assert!(told < all * 4 / 5, "{told} pieces were told of {all}: a snapshot gives what has changed");
        }
    }
}

#[test]
fn a_judge_that_is_never_written_down_keeps_nothing_for_it() {
    let stream = Stream::new(7, false);
    let mut driver = Driver::new(&stream, config(false), false);
    stream.deltas.iter().for_each(|delta| _ = driver.take(delta));
    let mut gone = 0;
    driver.judge.snapshot(|_, value| gone += usize::from(value.is_none()));
    assert_eq!(gone, 0);
}

fn midway(silence: bool) -> (Stream, Pieces) {
    let stream = Stream::new(8, silence);
    let mut driver = Driver::new(&stream, config(false), silence);
    let after = START + 12 * Span::DAY.micros();
    for delta in &stream.deltas {
        driver.take(delta);
        let pieces = if delta.at > after { whole(&driver.judge) } else { Pieces::new() };
        let has = |kind: &&str| names(&pieces).iter().any(|name| name.starts_with(&format!("[\"{kind}\"")));
        if ["clock", "pipeline", "flow", "model", "window", "waiting", "incident"].iter().all(has) {
            return (stream, pieces);
        }
    }
    panic!("a moment at which there are pieces of every kind");
}

#[test]
fn damage_is_an_error_that_names_its_piece() {
    let (stream, pieces) = midway(true);
    let mut chance = Chance(1);
    for (key, value) in &pieces {
        for round in 0..4 {
            let mut damaged = pieces.clone();
            let place = chance.below(value.len() as u64) as usize;
            let bytes = damaged.get_mut(key).unwrap();
            if round == 0 {
                bytes.truncate(place);
            } else {
                bytes[place] ^= 1 << chance.below(8);
            }
            let error = restore(&stream, &damaged).unwrap_err();
            assert_eq!(error.piece, String::from_utf8_lossy(key));
            assert!(matches!(error.problem, RestoreProblem::Damaged | RestoreProblem::Format(_)), "{error}");
        }
    }
    let mut strange = pieces.clone();
    strange.insert(b"[\"else\"]".to_vec(), Vec::new());
    let error = restore(&stream, &strange).unwrap_err();
    assert_eq!((error.piece.as_str(), error.problem), ("[\"else\"]", RestoreProblem::Key));
}

#[test]
fn bytes_that_only_look_sound_are_an_error_or_a_judge_and_never_a_panic() {
    let (stream, pieces) = midway(true);
    let mut chance = Chance(2);
    let mut refused = 0;
    for (key, value) in &pieces {
        for round in 0..6 {
            let mut body = crate::judge::piece::open(key, value).unwrap().to_vec();
            let place = chance.below(body.len() as u64) as usize;
            match round % 3 {
                0 => body.truncate(place),
                1 => body[place] = chance.next() as u8,
                _ => body.insert(place, b'9'),
            }
            let damaged = [(key.clone(), crate::judge::piece::seal(key, &body))];
            let others = pieces.iter().filter(|(other, _)| *other != key).map(|(k, v)| (k.clone(), v.clone()));
            let result =
                Judge::restore(config(false), stream.references.clone(), true, damaged.into_iter().chain(others));
            refused += usize::from(result.is_err());
        }
    }
    assert!(refused > pieces.len() * 3, "{refused} of {}", pieces.len() * 6);
}

#[test]
fn pieces_of_another_configuration_or_baseline_say_so() {
    let (stream, pieces) = midway(false);
    let problem = |config: Arc<Config>, references: References, pieces: &Pieces| {
        Judge::restore(config, references, true, pieces).unwrap_err().problem
    };
    assert_eq!(problem(config(false), References::default(), &pieces), RestoreProblem::NoBaseline);
    let mut other = World::new((0..500).map(|n| Row::new(0.5, n % 2 == 0, vec![("y", Cell::Number(f64::from(n)))])));
    Arc::make_mut(&mut other.profile).model = "m".into();
    let references = References::new([(*other.profile).clone()]);
    assert!(matches!(problem(config(false), references, &pieces), RestoreProblem::Sums(_)));
    let hourly = Config::from_yaml("defaults: {window: 1d, levels: [1, 3]}").unwrap();
    let found = problem(Arc::new(hourly), stream.references.clone(), &pieces);
    assert_eq!(found, RestoreProblem::NoSuchWindow);
    let mut halved = pieces.clone();
    halved.remove(&Key::Model("plain".into(), "v1".into()).bytes());
    let error = Judge::restore(config(false), stream.references, true, &halved).unwrap_err();
    assert_eq!((error.piece.as_str(), error.problem), (r#"["model","plain","v1"]"#, RestoreProblem::NoModel));
}
