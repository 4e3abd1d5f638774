//! When does a reading become an alert, and when does the alert end?
//!
//! | state | begins | ends |
//! |---|---|---|
//! | pending | p at or below the square root of the level | fires, or quiet |
//! | firing | p at or below the level | quiet |
//! | resolved | three quiet windows in a row: under half the floor, see [`Reading::is_quiet`] | – |
//!
//! A window that abstains (too few events) neither raises nor calms. Each level of windows lives its own life. Short
//! windows on a stream with seasons or of few events may not be quiet three times in a row, though nothing is wrong; and
//! three windows of 28 days are long to wait for. So quiet windows in a row of another level end a life as well: three of
//! a longer one, and of a shorter one as many as its own window spans. The published alert of a fingerprint is firing while
//! any of them fires, and resolved when all are quiet. The lives of inputs and of labels depend on their own final
//! windows alone, in the order of their due times.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::reading::Reading;
use super::saved;
use super::trend::Course;
use super::wagers::{Wagers, Won};
use crate::baseline::Profile;
use crate::event::{EventTime, Window};
use crate::finding::{Alert, AlertState, Basis, Severity, Subject, fingerprint};

/// Quiet windows in a row that end an alert.
const QUIET: u8 = 3;
/// An effect of this many floors is critical.
const CRITICAL: f64 = 4.0;

/// Who a reading is about, and when it was due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    /// The model; `None` for the pipeline.
    pub model: Option<&'a str>,
    /// The version.
    pub version: Option<&'a str>,
    /// The window that was judged.
    pub window: Window,
    /// How many base windows it spans.
    pub multiple: u32,
    /// When it was due.
    pub as_of: EventTime,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Life {
    state: AlertState,
    starts_at: EventTime,
    quiet: u8,
    subject: Subject,
    /// Quiet windows of other levels in a row, by the level. Bound: one entry a level.
    #[serde(default, with = "saved::pairs")]
    quiet_elsewhere: BTreeMap<u32, u32>,
}

/// All lives of one model and version, or of the pipeline. Bound: one entry for each subject that is not quiet, and the
/// changes since the last final summary.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Lives {
    #[serde(with = "saved::pairs")]
    by_level: BTreeMap<(String, u32), Life>,
    published: BTreeMap<String, (AlertState, EventTime)>,
    /// What was firing at the last final summary.
    firing: BTreeSet<String>,
    /// What windows say together.
    #[serde(default)]
    wagers: Wagers,
    /// What the metrics of the last windows were.
    #[serde(default)]
    pub(super) course: Course,
    /// Rows, labelled rows and span of the reference they were laid against.
    #[serde(default)]
    against: Option<[i64; 4]>,
    /// What began or ceased to fire after it: when that was due, and which.
    turned: Vec<(EventTime, String, bool)>,
}

impl Lives {
    /// Notes with what the next readings are compared. What was won against another reference is forgotten.
    pub(super) fn compare_with(&mut self, reference: Option<&Profile>) {
        let now = reference.map(|profile| {
            let (from, to) = profile.span.unwrap_or_default();
            [profile.rows as i64, profile.labelled(), from.micros(), to.micros()]
        });
        if self.against != now {
            self.against = now;
            self.wagers.forget();
        }
    }

    /// Takes one reading; the change to publish, if there is one.
    pub(super) fn take(&mut self, reading: &Reading, origin: &Origin<'_>) -> Option<Alert> {
        let won = self.wagers.lay(reading, origin.window);
        match won {
            Some(won) if won.fires && !reading.fires() => self.judge(&together(reading, &won), &won, origin),
            Some(won) => self.judge(reading, &won, origin),
            None => self.judge(reading, &Won::NOTHING, origin),
        }
    }

    fn judge(&mut self, reading: &Reading, won: &Won, origin: &Origin<'_>) -> Option<Alert> {
        let fires = reading.fires() || won.fires;
        if !fires && !reading.speaks {
            return None;
        }
        let suspicious =
            (reading.p_value <= reading.level.sqrt() || won.suspicious) && reading.strength >= 1.0 && reading.speaks;
        // The usual case, and a name costs more than the test.
        if !fires && !suspicious && self.by_level.is_empty() {
            return None;
        }
        let name = fingerprint(reading.indicator.name(), origin.model, origin.version, &reading.subject);
        let key = (name.clone(), origin.multiple);
        let start = if won.fires { won.since } else { origin.window.start };
        let outvoted = self.outvote(&name, origin.multiple, reading, fires);
        match self.by_level.get_mut(&key) {
            None if fires || suspicious => {
                let state = if fires { AlertState::Firing } else { AlertState::Pending };
                let subject = reading.subject.clone();
                let life = Life { state, starts_at: start, quiet: 0, subject, quiet_elsewhere: BTreeMap::new() };
                self.by_level.insert(key, life);
            }
            None if outvoted => {}
            None => return None,
            Some(life) if fires => {
                life.state = AlertState::Firing;
                life.quiet = 0;
            }
            Some(life) if reading.is_quiet() => {
                life.quiet += 1;
                if life.quiet >= QUIET {
                    self.by_level.remove(&key);
                }
            }
            Some(life) => life.quiet = 0,
        }
        self.publish(name, reading, won, origin)
    }

    /// Lets a window of a level have its say on the lives of other levels; whether it ended one.
    fn outvote(&mut self, name: &str, multiple: u32, reading: &Reading, fires: bool) -> bool {
        let is_quiet = !fires && reading.is_quiet();
        let of_name = (name.to_owned(), 0)..=(name.to_owned(), u32::MAX);
        let mut ended = Vec::new();
        for (key, life) in self.by_level.range_mut(of_name).filter(|((_, level), _)| *level != multiple) {
            if fires {
                life.quiet_elsewhere.clear();
            } else if !is_quiet {
                life.quiet_elsewhere.remove(&multiple);
            } else {
                let windows = life.quiet_elsewhere.entry(multiple).or_default();
                *windows += 1;
                // If the effect were still there, each of them would have been as likely to show it as one of its own.
                if *windows >= u32::from(QUIET).max(key.1.div_ceil(multiple)) {
                    ended.push(key.clone());
                }
            }
        }
        ended.iter().for_each(|key| drop(self.by_level.remove(key)));
        !ended.is_empty()
    }

    /// Takes a reading that must not be told of. What was told before is ended, once, so that nobody goes on with it;
    /// when it may speak again it begins anew.
    pub(super) fn hush(&mut self, reading: &Reading, origin: &Origin<'_>) -> Option<Alert> {
        if self.by_level.is_empty() && self.published.is_empty() {
            return None;
        }
        let name = fingerprint(reading.indicator.name(), origin.model, origin.version, &reading.subject);
        self.by_level.retain(|(known, _), _| *known != name);
        let (state, starts_at) = self.published.remove(&name)?;
        if state == AlertState::Firing {
            self.turned.push((origin.as_of, name.clone(), false));
        }
        let mut ended = alert(name, AlertState::Resolved, starts_at, reading, &Won::NOTHING, origin);
        ended.evidence.insert("muted".into(), true.into());
        ended.text = format!("Muted: {}", reading.text);
        Some(ended)
    }

    /// Fingerprints that were firing at a due time. Inputs run ahead of labels, by as much as the labels happen to lag;
    /// what has fired meanwhile was not known then.
    pub(super) fn firing_at(&self, as_of: EventTime) -> BTreeSet<String> {
        let mut firing = self.firing.clone();
        for (_, name, fires) in self.turned.iter().filter(|(at, ..)| *at <= as_of) {
            turn(&mut firing, name, *fires);
        }
        firing
    }

    /// No earlier due time will be asked about.
    pub(super) fn forget_before(&mut self, as_of: EventTime) {
        let firing = &mut self.firing;
        self.turned.retain(|(at, name, fires)| {
            let kept = *at > as_of;
            if !kept {
                turn(firing, name, *fires);
            }
            kept
        });
    }

    /// The alerts there are, by name, with what each is about; one a level.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &Subject)> {
        self.by_level.iter().map(|((name, _), life)| (name.as_str(), &life.subject))
    }

    /// What there is an alert on.
    pub(super) fn subjects(&self) -> Vec<Subject> {
        self.by_level.values().map(|life| life.subject.clone()).collect()
    }

    /// The single values that there is an alert on: every level looks at them, also where they have gone.
    pub(super) fn values(&self) -> Vec<Subject> {
        self.by_level.values().filter(|life| life.subject.value.is_some()).map(|life| life.subject.clone()).collect()
    }

    fn publish(&mut self, name: String, reading: &Reading, won: &Won, origin: &Origin<'_>) -> Option<Alert> {
        let levels = self.by_level.range((name.clone(), 0)..=(name.clone(), u32::MAX));
        let now = levels.fold(None, |now: Option<(AlertState, EventTime)>, (_, life)| {
            let (state, start) = now.unwrap_or((life.state, life.starts_at));
            Some((state.max(life.state), start.min(life.starts_at)))
        });
        let before = self.published.get(&name).copied();
        let (state, starts_at) = match (before, now) {
            (None, Some((state, start))) => (state, start),
            (Some((AlertState::Pending, start)), Some((AlertState::Firing, _))) => (AlertState::Firing, start),
            (Some((_, start)), None) => (AlertState::Resolved, start),
            _ => return None,
        };
        if state != AlertState::Pending {
            self.turned.push((origin.as_of, name.clone(), state == AlertState::Firing));
        }
        if state == AlertState::Resolved {
            self.published.remove(&name);
        } else {
            self.published.insert(name.clone(), (state, starts_at));
        }
        Some(alert(name, state, starts_at, reading, won, origin))
    }
}

/// The reading of all windows that won, where the last of them does not fire alone.
fn together(reading: &Reading, won: &Won) -> Reading {
    let text = format!("Over {} windows together: {}", won.windows, reading.text);
    let mut evidence = reading.evidence.clone();
    evidence.insert("since".into(), won.since.micros().into());
    evidence.insert("together".into(), won.windows.into());
    evidence.insert("last_window".into(), finite(reading.value).into());
    let effect = won.value - reading.reference;
    // What won lies beyond the floor; the mean of windows of unlike size may fall short of it by a hair.
    let strength = won.strength.max(1.0);
    Reading {
        value: won.value,
        effect,
        strength,
        n: won.n,
        interval: None,
        is_share: false,
        evidence,
        text,
        ..reading.clone()
    }
}

fn turn(firing: &mut BTreeSet<String>, name: &str, fires: bool) {
    if fires {
        firing.insert(name.to_owned());
    } else {
        firing.remove(name);
    }
}

fn alert(
    fingerprint: String,
    state: AlertState,
    starts_at: EventTime,
    reading: &Reading,
    won: &Won,
    origin: &Origin<'_>,
) -> Alert {
    let basis = reading.indicator.basis();
    let word = match state {
        AlertState::Pending => "pending",
        AlertState::Firing => "firing",
        AlertState::Resolved => "resolved",
    };
    let id = format!("{fingerprint}-{}-{word}-final", origin.as_of.micros());
    let resolved = state == AlertState::Resolved;
    let mut evidence = reading.evidence.clone();
    evidence.insert("strength".into(), finite(reading.strength).into());
    evidence.insert("windows".into(), origin.multiple.into());
    let text = if resolved { format!("Quiet again: {}", reading.text) } else { reading.text.clone() };
    Alert {
        id,
        fingerprint,
        indicator: reading.indicator.name().to_owned(),
        state,
        severity: severity(reading, basis),
        model: origin.model.map(str::to_owned),
        version: origin.version.map(str::to_owned),
        subject: reading.subject.clone(),
        window: origin.window.into(),
        starts_at: starts_at.micros(),
        ends_at: resolved.then_some(origin.window.end.micros()),
        as_of: origin.as_of.micros(),
        basis,
        basis_final: true,
        value: finite(reading.value),
        reference: Some(finite(reading.reference)),
        effect: Some(finite(reading.effect)),
        floor: Some(finite(reading.floor)),
        interval: reading.interval().filter(|interval| interval.iter().all(|bound| bound.is_finite())),
        n: reading.n,
        effective_n: reading.n as f64 / reading.phi,
        p_value: Some(finite(reading.p_value)),
        log_e: (won.log_e > 0.0).then(|| finite(won.log_e)),
        smallest_detectable: reading.smallest_detectable.filter(|effect| effect.is_finite()),
        evidence,
        text,
    }
}

fn severity(reading: &Reading, basis: Basis) -> Severity {
    // What is wrong with the plumbing does not become a page by its size alone.
    if reading.strength >= CRITICAL && basis != Basis::Pipeline { Severity::Critical } else { Severity::Warning }
}

/// JSON has no other numbers.
fn finite(x: f64) -> f64 {
    if x.is_finite() { x } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Span;
    use crate::finding::Subject;
    use crate::indicator::Indicator;

    fn reading(p_value: f64, strength: f64) -> Reading {
        Reading {
            indicator: Indicator::InputDrift,
            subject: Subject::default(),
            value: 0.1,
            reference: 0.0,
            effect: 0.1,
            floor: 0.05,
            strength,
            interval: None,
            n: 100,
            phi: 1.0,
            is_share: false,
            p_value,
            level: 1e-4,
            smallest_detectable: None,
            evidence: BTreeMap::new(),
            text: "it moved.".into(),
            examples: Vec::new(),
            bet: None,
            speaks: true,
        }
    }

    /// The states of an alert on windows that cannot tell half a floor from none.
    fn states(steps: &[(f64, f64, u32)]) -> Vec<Option<AlertState>> {
        states_seeing(None, steps)
    }

    /// The same on windows that would find an effect of this size.
    fn states_seeing(smallest_detectable: Option<f64>, steps: &[(f64, f64, u32)]) -> Vec<Option<AlertState>> {
        let mut lives = Lives::default();
        let mut states = Vec::new();
        for (place, &(p, strength, multiple)) in steps.iter().enumerate() {
            let time = EventTime::from_micros_unchecked(place as i64 * Span::DAY.micros());
            let window = Window::holding(time, Span::DAY);
            let origin = Origin { model: Some("m"), version: Some("v"), window, multiple, as_of: window.end };
            let reading = Reading { smallest_detectable, ..reading(p, strength) };
            states.push(lives.take(&reading, &origin).map(|alert| alert.state));
        }
        states
    }

    const QUIET_NOW: (f64, f64, u32) = (1.0, 0.1, 1);

    #[test]
    fn an_alert_is_pending_then_firing_then_resolved_after_three_quiet_windows() {
        let steps = [(0.5, 2.0, 1), (5e-3, 2.0, 1), (1e-5, 2.0, 1), QUIET_NOW, QUIET_NOW, QUIET_NOW, QUIET_NOW];
        let expected =
            [None, Some(AlertState::Pending), Some(AlertState::Firing), None, None, Some(AlertState::Resolved), None];
        assert_eq!(states(&steps), expected);
    }

    #[test]
    fn a_window_above_half_the_floor_starts_the_quiet_count_again() {
        let steps = [(1e-5, 2.0, 1), QUIET_NOW, QUIET_NOW, (0.5, 0.6, 1), QUIET_NOW, QUIET_NOW, QUIET_NOW];
        let mut expected = vec![None; 7];
        expected[0] = Some(AlertState::Firing);
        expected[6] = Some(AlertState::Resolved);
        assert_eq!(states_seeing(Some(0.06), &steps), expected);
        // One that could not have found twice the floor is quiet under the floor itself.
        expected.swap(3, 6);
        assert_eq!(states_seeing(Some(0.11), &steps), expected);
        assert_eq!(states(&steps), expected);
    }

    #[test]
    fn three_quiet_days_end_what_restless_hours_keep_alive() {
        let (restless, quiet_day) = ((0.5, 1.5, 1), (1.0, 0.1, 24));
        let steps = [(1e-5, 2.0, 1), restless, quiet_day, restless, quiet_day, restless, quiet_day];
        let mut expected = vec![None; 7];
        (expected[0], expected[6]) = (Some(AlertState::Firing), Some(AlertState::Resolved));
        assert_eq!(states(&steps), expected);
        // A day that is not quiet begins the count anew.
        let steps = [(1e-5, 2.0, 1), quiet_day, quiet_day, (0.5, 1.5, 24), quiet_day, quiet_day];
        assert_eq!(states(&steps)[1..], [None; 5]);
    }

    #[test]
    fn as_many_quiet_days_as_a_week_has_end_what_a_week_has_seen() {
        let mut steps = vec![(1e-5, 2.0, 7)];
        steps.extend([QUIET_NOW; 6]);
        assert_eq!(states(&steps)[1..], [None; 6]);
        steps.push(QUIET_NOW);
        assert_eq!(states(&steps)[7], Some(AlertState::Resolved));
        steps[4] = (0.5, 1.5, 1);
        assert_eq!(states(&steps)[1..], [None; 7]);
    }

    #[test]
    fn two_levels_of_windows_are_one_alert_that_ends_with_the_last_of_them() {
        let quiet_week = (1.0, 0.1, 7);
        let steps =
            [(1e-5, 2.0, 1), (1e-5, 2.0, 7), QUIET_NOW, QUIET_NOW, QUIET_NOW, quiet_week, quiet_week, quiet_week];
        let mut expected = vec![None; 8];
        expected[0] = Some(AlertState::Firing);
        expected[7] = Some(AlertState::Resolved);
        assert_eq!(states(&steps), expected);
    }

    #[test]
    fn what_is_muted_is_ended_once_and_begins_anew_afterwards() {
        let mut lives = Lives::default();
        let at = |day: i64| {
            let window = Window::holding(EventTime::from_micros_unchecked(day * Span::DAY.micros()), Span::DAY);
            Origin { model: Some("m"), version: Some("v"), window, multiple: 1, as_of: window.end }
        };
        let fires = reading(1e-5, 2.0);
        assert_eq!(lives.hush(&fires, &at(0)), None);
        let fired = lives.take(&fires, &at(1)).unwrap();
        let ended = lives.hush(&fires, &at(2)).unwrap();
        assert_eq!(
            (ended.state, ended.fingerprint, ended.starts_at),
            (AlertState::Resolved, fired.fingerprint, fired.starts_at)
        );
        assert_eq!((ended.ends_at, ended.evidence["muted"].clone()), (Some(at(2).window.end.micros()), true.into()));
        assert_eq!(lives.hush(&fires, &at(3)), None);
        assert!(lives.firing_at(at(3).as_of).is_empty());
        let again = lives.take(&fires, &at(4)).unwrap();
        assert_eq!((again.state, again.starts_at), (AlertState::Firing, at(4).window.start.micros()));
    }

    #[test]
    fn an_improbable_effect_under_the_floor_is_no_alert() {
        assert_eq!(states(&[(1e-9, 0.9, 1)]), [None]);
    }
}
