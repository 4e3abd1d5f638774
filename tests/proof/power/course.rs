//! What does a month come to in which something changes? When the judge alarms, and when fixed rules do.
//!
//! A seed is a baseline and a month of rows. Its first days are lived through once; from the change on every size of every
//! effect lives on with its own copy of the judge, on the same rows, changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use truthline::baseline::{Profile, References, RowSample};
use truthline::config::Config;
use truthline::event::{EventTime, FeatureNames, fnv1a_64};
use truthline::finding::{Alert, AlertState, Severity};
use truthline::judge::{Clock, Finding, Judge, LabelFlow};
use truthline::observe::{Layout, Sums, flow, truth};
use truthline::story::Chance;

use super::change::{Change, Fate};
use super::effects::{Effect, Size};
use super::quiet::{Quiet, matched_name};
use super::reference::Reference;
use super::rules::{Desk, Rule, SHIPPED, Watched, watched};
use super::seen::{POOL_OF_ROWS, Seen};
use crate::proof::cells::{Cell, Source, Story, Way};
use crate::proof::lines::Kept;
use crate::proof::month::{BASELINE_DAYS, Counter, DAYS, FIRST_DAY, MODEL, keep, profile};
use crate::proof::worlds::{DAY, Law, Row, SECOND, World};

/// The day of the month that brings the change; days before it are quiet.
pub(crate) const CHANGE: i64 = 8;
/// Days of the month after it.
pub(crate) const AFTER: i64 = DAYS - CHANGE;
/// The allowance of the defaults.
pub(crate) const BUDGET: f64 = 0.1;
/// How long labels take, in days.
pub(crate) const LABEL_WINDOW: f64 = 1.0;
/// How much disorder is waited for, in days.
const DISORDER: f64 = (600 * SECOND) as f64 / DAY as f64;

/// What became of one size of an effect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Course {
    /// Indicators that alarmed on windows that ended before the change.
    pub before: Vec<String>,
    /// Days from the change until the indicator's alarm about the right thing was due.
    pub days: Option<f64>,
    /// How many days its window spans.
    pub window: i64,
    /// How many windows said it together; 0 where one said it alone.
    pub together: i64,
    /// Days until the first alarm of each indicator, about whatever it was.
    pub any: BTreeMap<String, f64>,
    /// Days until each rule fired on what is charted of the change: as shipped, and matched.
    pub rules: BTreeMap<String, Option<f64>>,
}

impl Kept for Course {
    const FORMAT: u32 = 1;
    const FILE: &'static str = "power.jsonl";
}

/// A month up to the change.
pub(crate) struct Begun {
    law: Law,
    seed: u64,
    names: FeatureNames,
    profile: Arc<Profile>,
    reference: Reference,
    judge: Judge,
    before: Vec<String>,
    /// The rows of each day from the change on.
    rows: Vec<Vec<Row>>,
}

/// Alarms as they come.
#[derive(Default)]
struct Heard {
    alerts: Vec<Alert>,
}

impl Heard {
    /// Advances the judge to the end of a day.
    fn advance(&mut self, judge: &mut Judge, day_end: i64) {
        let reached = Some(EventTime::from_micros_unchecked(day_end * DAY));
        let mut found = Vec::new();
        judge.advance(Clock::new(reached, reached), &mut found);
        let last = (FIRST_DAY + DAYS) * DAY;
        self.alerts.extend(found.into_iter().filter_map(|finding| match finding {
            Finding::Alert(alert)
                if alert.state == AlertState::Firing
                    && alert.basis_final
                    && alert.severity != Severity::Info
                    && alert.window.end <= last =>
            {
                Some(*alert)
            }
            _ => None,
        }));
    }
}

/// Daily windows, labels within a day, everything else as it is by default.
pub(crate) fn settings(law: Law) -> Arc<Config> {
    let (source, way, story) = (Source::Made(law), Way::Rows, Story::Nothing);
    Cell { name: "power", what: "", source, way, hourly: false, story }.config(BUDGET)
}

/// What the judge of a month is given beside its rows.
#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    late: u32,
    conflict: u32,
    orphans: u32,
}

fn fold(judge: &mut Judge, day: i64, sums: &mut Sums, flow: Flow) {
    let start = EventTime::from_micros_unchecked(day * DAY);
    sums.add_flow(flow::LATE, flow.late.into());
    sums.add_flow(flow::CONFLICT, flow.conflict.into());
    judge.fold(MODEL, "v1", start, sums);
    let read = sums.truth(truth::N) + i64::from(flow.orphans);
    judge.fold_labels(start, LabelFlow { read, orphan: flow.orphans.into(), ..LabelFlow::default() });
}

impl Begun {
    /// A baseline, and the days before the change.
    pub(crate) fn new(law: Law, seed: u64) -> Self {
        let seed = Chance::new(fnv1a_64(b"power") ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).next();
        let mut world = World::new(law, seed);
        let names = world.names().clone();
        let (mut sample, mut seen) = (RowSample::new(law.baseline_rows), Vec::new());
        let a_day = (law.baseline_rows as u64).div_ceil(BASELINE_DAYS as u64);
        for day in FIRST_DAY - BASELINE_DAYS..FIRST_DAY {
            world.day(day, a_day, true, |row| {
                keep(&mut sample, row);
                seen.push(POOL_OF_ROWS.grid.see(row));
            });
        }
        let profile = Arc::new(profile(&sample, &names));
        let reference = Reference::new(&seen, law.rows_a_day as usize, &mut Chance::new(seed ^ 1));
        let mut judge = Judge::new(settings(law), References::new([(*profile).clone()]), true);
        let (mut heard, mut counter) = (Heard::default(), Counter::new(DAY));
        for day in FIRST_DAY..FIRST_DAY + CHANGE {
            world.day(day, law.rows_a_day, false, |row| counter.count(&profile, &names, "v1", row));
            if let Some(mut sums) = counter.take() {
                fold(&mut judge, day, &mut sums, Flow::default());
            }
            heard.advance(&mut judge, day + 1);
        }
        let rows = (FIRST_DAY + CHANGE..FIRST_DAY + DAYS).map(|day| {
            let mut rows = Vec::with_capacity(law.rows_a_day as usize);
            world.day(day, law.rows_a_day, false, |row| rows.push(row.clone()));
            rows
        });
        let rows = rows.collect();
        let before = heard.alerts.iter().map(|alert| alert.indicator.clone()).collect();
        Self { law, seed, names, profile, reference, judge, before, rows }
    }

    /// What the days before the change alarmed on.
    pub(crate) fn before(&self) -> &[String] {
        &self.before
    }

    pub(crate) const fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// The rows of a day after the change, before anything has happened to them. A change that thins rows out gets a day of
    /// its own, with rows enough.
    fn day(&self, number: usize, change: Change) -> Vec<Row> {
        let Some(odds) = change.thins() else { return self.rows[number].clone() };
        let mut world = World::new(self.law, self.seed ^ 0x7415 ^ number as u64);
        world.begin(self.seed ^ 0x7415 ^ number as u64, (number as u64 + 1) << 32);
        let mut rows = Vec::new();
        let wanted = (self.law.rows_a_day as f64 * odds) as u64;
        world.day(FIRST_DAY + CHANGE + number as i64, wanted, false, |row| rows.push(row.clone()));
        rows
    }

    /// Lives on with a change of one size.
    pub(crate) fn live(&self, effect: &Effect, size: &Size, quiet: &Quiet) -> Course {
        let ready = size.change.ready();
        let mut dice = Chance::new(self.seed ^ fnv1a_64(effect.key(size).as_bytes()));
        let (mut judge, mut heard) = (self.judge.clone(), Heard::default());
        let (mut counter, mut desk, mut seen) = (Counter::new(DAY), Desk::default(), Vec::<Seen>::new());
        let mut first = Firsts::new(effect, quiet);
        for number in 0..AFTER {
            let day = FIRST_DAY + CHANGE + number;
            let mut flow = Flow::default();
            seen.clear();
            for mut row in self.day(number as usize, size.change) {
                let fate = ready.apply(&mut row, number, &mut dice);
                if fate == Fate::Left || seen.len() == self.law.rows_a_day as usize {
                    continue;
                }
                if fate == Fate::Late {
                    flow.late += 1;
                    flow.orphans += u32::from(row.label.is_some());
                    continue;
                }
                flow.conflict += u32::from(fate == Fate::Conflict);
                flow.orphans += u32::from(fate == Fate::Orphan);
                counter.count(&self.profile, &self.names, "v1", &row);
                seen.push(POOL_OF_ROWS.grid.see(&row));
            }
            let mut sums = counter.take().unwrap_or_else(|| empty(self.profile.layout.clone()));
            fold(&mut judge, day, &mut sums, flow);
            heard.advance(&mut judge, day + 1);
            first.look(number, &desk.look(&self.reference, &seen, [flow.late, flow.conflict, flow.orphans]));
        }
        heard.advance(&mut judge, FIRST_DAY + DAYS + 2);
        self.told(effect, &heard.alerts, first.days)
    }

    fn told(&self, effect: &Effect, alerts: &[Alert], rules: BTreeMap<String, Option<f64>>) -> Course {
        let change = (FIRST_DAY + CHANGE) * DAY;
        let mut course = Course { before: self.before.clone(), rules, ..Course::default() };
        for alert in alerts {
            let days = (alert.as_of - change) as f64 / DAY as f64;
            if alert.window.end <= change {
                course.before.push(alert.indicator.clone());
                continue;
            }
            let first = course.any.entry(alert.indicator.clone()).or_insert(days);
            *first = first.min(days);
            let meant = alert.indicator == effect.indicator && effect.about.is(&alert.subject);
            if meant && course.days.is_none_or(|known| days < known) {
                course.days = Some(days);
                course.window = (alert.window.end - alert.window.start) / DAY;
                course.together = alert.evidence.get("together").and_then(serde_json::Value::as_i64).unwrap_or(0);
            }
        }
        course
    }
}

fn empty(layout: Arc<Layout>) -> Sums {
    Sums::new(layout)
}

/// When each rule first fired on what is charted.
struct Firsts<'a> {
    quiet: &'a Quiet,
    charted: Vec<(usize, Watched)>,
    days: BTreeMap<String, Option<f64>>,
}

impl<'a> Firsts<'a> {
    fn new(effect: &Effect, quiet: &'a Quiet) -> Self {
        let is_charted =
            |one: &Watched| effect.charted.iter().any(|&(rule, name)| rule == one.rule && name == one.name);
        let charted: Vec<(usize, Watched)> =
            watched().into_iter().enumerate().filter(|(_, one)| is_charted(one)).collect();
        assert_eq!(charted.len(), effect.charted.len(), "{}: what is charted has a name", effect.name);
        let names = |rule: Rule| {
            let shipped = SHIPPED.iter().filter(move |shipped| shipped.rule == rule).map(|shipped| shipped.name);
            shipped.chain([matched_name(rule)])
        };
        let days = charted.iter().flat_map(|(_, one)| names(one.rule)).map(|name| (name.to_owned(), None)).collect();
        Self { quiet, charted, days }
    }

    fn look(&mut self, number: i64, statistics: &[f64]) {
        for (place, one) in &self.charted {
            let x = statistics[*place];
            let due = (number + 1) as f64 + DISORDER + if one.labelled { LABEL_WINDOW } else { 0.0 };
            let shipped = SHIPPED.iter().filter(|shipped| shipped.rule == one.rule);
            let lines = shipped.map(|shipped| (shipped.name, shipped.threshold));
            for (name, threshold) in lines.chain([(matched_name(one.rule), self.quiet.thresholds[*place])]) {
                let first = self.days.get_mut(name).expect("it was entered");
                if x > threshold {
                    *first = Some(first.map_or(due, |known| known.min(due)));
                }
            }
        }
    }
}
