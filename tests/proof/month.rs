//! What does a judge say in one month of a world in which nothing is wrong?
//!
//! A fresh baseline over the 28 days before, 30 days of windows, and the two days after, in which the last labels mature.
//! Only windows that end within the month are counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use truthline::baseline::{BuildSettings, Origin, Profile, References, RowSample, SampleRow, build};
use truthline::config::Config;
use truthline::event::{Arm, EventTime, FeatureNames, RequestKey, fnv1a_64};
use truthline::finding::{Alert, AlertState, Severity};
use truthline::judge::{Clock, Finding, Judge, LabelFlow};
use truthline::observe::{CodedRow, Facts, Mapping, Sums, Weight, truth};
use truthline::story::Chance;

use super::cells::{Cell, Source, Story, Way};
use super::loans::Loans;
use super::wire;
use super::worlds::{Customers, DAY, HOUR, Law, Row, START, World};

/// Days of a month, of a baseline, and before a baseline is accepted.
pub(crate) const DAYS: i64 = 30;
/// The first day of the month, since 1970.
pub(crate) const FIRST_DAY: i64 = START / DAY;
pub(crate) const BASELINE_DAYS: i64 = 28;
const LAUNCH_DAYS: i64 = 14;
/// The first day of the second version.
const SECOND_VERSION: i64 = 10;
pub(crate) const MODEL: &str = "m";
const BLOCK: u64 = 250;
/// By how many logits the cases differ from the baseline after a launch.
const LAUNCH: f64 = 0.8;

/// An alert that began to fire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Alarm {
    pub indicator: String,
    /// What it is about.
    pub about: String,
    /// The day of the month in which its window began.
    pub day: i64,
    /// Base windows that its window spans.
    pub windows: i64,
    pub n: u64,
    pub p: f64,
    pub text: String,
}

/// The alarms of one month, by how many are allowed a month.
pub(crate) type Alarms = BTreeMap<String, Vec<Alarm>>;

/// What a month came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Month {
    pub alarms: Alarms,
    /// What the final summaries named as unknown.
    pub blind: BTreeSet<String>,
}

/// Rows as they come, whoever makes them.
pub(crate) enum Traffic {
    Made(Box<World>),
    Loans(Loans),
}

impl Traffic {
    fn new(source: Source, seed: u64) -> Self {
        match source {
            Source::Made(law) => Self::Made(Box::new(World::new(law, seed))),
            Source::Loans(draw, ..) => Self::Loans(Loans::new(draw, seed)),
        }
    }

    pub(crate) fn names(&self) -> &FeatureNames {
        match self {
            Self::Made(world) => world.names(),
            Self::Loans(_) => Loans::names(),
        }
    }

    pub(crate) fn day(&mut self, day: i64, rows: u64, on_baseline: bool, each: impl FnMut(&Row)) {
        match self {
            Self::Made(world) => world.day(day, rows, on_baseline, each),
            Self::Loans(loans) => loans.day(day, rows, each),
        }
    }
}

impl Cell {
    pub(crate) fn rows_a_day(&self) -> u64 {
        match self.source {
            Source::Made(law) => law.rows_a_day,
            Source::Loans(_, rows, _) => rows,
        }
    }

    fn baseline_rows(&self) -> usize {
        match self.source {
            Source::Made(law) => law.baseline_rows,
            Source::Loans(_, _, rows) => rows,
        }
    }

    /// Rows a day that the baseline is drawn from. Independent rows need no more than are kept; customers need all.
    fn baseline_traffic(&self) -> u64 {
        let kept = (self.baseline_rows() as u64).div_ceil(BASELINE_DAYS as u64);
        match self.source {
            Source::Made(Law { customers: Some(Customers { .. }), rows_a_day, .. }) => kept.max(rows_a_day),
            _ => kept,
        }
    }

    pub(crate) fn version(&self, day: i64, serial: u64) -> &'static str {
        let second = match self.story {
            Story::EqualVersion => serial.is_multiple_of(2),
            Story::Replaced => true,
            Story::Nothing | Story::Accepted => false,
        };
        if second && day >= FIRST_DAY + SECOND_VERSION { "v2" } else { "v1" }
    }

    /// The settings of the model at an allowance.
    pub(crate) fn config(&self, budget: f64) -> Arc<Config> {
        let slices = match self.source {
            Source::Made(Law { sliced: Some((columns, _)), .. }) => {
                let names: Vec<String> = (0..columns).map(|column| format!("group_{column}")).collect();
                format!("slices: {{features: [{}]}}, ", names.join(", "))
            }
            _ => String::new(),
        };
        let window = if self.hourly { "1h" } else { "1d" };
        // Only counting through the join makes labels late.
        let label_window = if matches!(self.way, Way::Engine { .. }) { "3d" } else { "1d" };
        let text = format!(
            "topics: {{inferences: {{name: p, out_of_order: 10m}}, labels: {{name: l, out_of_order: 10m}}}}\n\
             defaults: {{window: {window}, label_window: {label_window}, ages: [9d], {slices}false_alarms_per_month: {budget}}}\n"
        );
        Arc::new(Config::from_yaml(&text).expect("the settings are right"))
    }
}

pub(crate) const fn facts(row: &Row) -> Facts {
    Facts { score: row.score, decision: Some(row.decision), arm: Arm::Policy, action: None, weight: Weight::ONE }
}

const fn moment(micros: i64) -> EventTime {
    EventTime::from_micros_unchecked(micros)
}

pub(crate) fn id_of(row: &Row) -> String {
    format!("r{}", row.serial)
}

pub(crate) fn keep(sample: &mut RowSample, row: &Row) {
    let key = RequestKey::new(&id_of(row), 0);
    sample.add(key, || SampleRow {
        time: moment(row.time),
        facts: facts(row),
        features: row.features.clone(),
        content: row.serial,
        positive: row.label,
    });
}

pub(crate) fn profile(sample: &RowSample, names: &FeatureNames) -> Profile {
    build(MODEL, "v1", Origin::Files, sample, names, &BuildSettings::default())
}

/// The judges of one month: the same sums, another allowance each.
pub(crate) struct Bench {
    judges: Vec<(String, Judge)>,
    alarms: BTreeMap<String, BTreeMap<String, Alarm>>,
    blind: BTreeSet<String>,
    from: i64,
    to: i64,
    hourly: bool,
}

impl Bench {
    fn new(cell: &Cell, references: &References, budgets: &[f64]) -> Self {
        let judges = budgets
            .iter()
            .map(|&budget| (budget.to_string(), Judge::new(cell.config(budget), references.clone(), true)));
        Self { judges: judges.collect(), ..Self::empty(cell, budgets) }
    }

    pub(crate) fn empty(cell: &Cell, budgets: &[f64]) -> Self {
        let from = FIRST_DAY * DAY;
        let alarms = budgets.iter().map(|budget| (budget.to_string(), BTreeMap::new())).collect();
        Self { judges: Vec::new(), alarms, blind: BTreeSet::new(), from, to: from + DAYS * DAY, hourly: cell.hourly }
    }

    fn fold(&mut self, version: &str, start: i64, sums: &Sums) {
        for (_, judge) in &mut self.judges {
            judge.fold(MODEL, version, moment(start), sums);
            let read = sums.truth(truth::N);
            judge.fold_labels(moment(start), LabelFlow { read, ..LabelFlow::default() });
        }
    }

    fn advance(&mut self, reached: i64) {
        let mut found = Vec::new();
        let clock = Clock::new(Some(moment(reached)), Some(moment(reached)));
        let mut judges = std::mem::take(&mut self.judges);
        for (budget, judge) in &mut judges {
            judge.advance(clock, &mut found);
            self.take(budget, found.drain(..));
        }
        self.judges = judges;
    }

    /// Notes the alerts that began to fire: each thing once a month.
    pub(crate) fn take(&mut self, budget: &str, found: impl Iterator<Item = Finding>) {
        for finding in found {
            let alert = match finding {
                Finding::Alert(alert) => alert,
                Finding::Summary(summary) => {
                    let spots = summary.blind_spots.into_iter().filter(|_| summary.is_final);
                    self.blind.extend(spots.map(|spot| spot.name));
                    continue;
                }
                Finding::Incident(_) | Finding::Request(_) => continue,
            };
            let counted = alert.state == AlertState::Firing && alert.basis_final && alert.severity != Severity::Info;
            if counted && alert.window.start >= self.from && alert.window.end <= self.to {
                let of_budget = self.alarms.entry(budget.to_owned()).or_default();
                of_budget.entry(alert.fingerprint.clone()).or_insert_with(|| alarm(&alert, self.from, self.hourly));
            }
        }
    }

    pub(crate) fn done(self) -> Month {
        let each = self.alarms.into_iter();
        let alarms = each.map(|(budget, alarms)| (budget, alarms.into_values().collect())).collect();
        Month { alarms, blind: self.blind }
    }
}

fn alarm(alert: &Alert, month: i64, hourly: bool) -> Alarm {
    let about = serde_json::to_string(&alert.subject).expect("a subject is JSON");
    Alarm {
        indicator: alert.indicator.clone(),
        about: if alert.model.is_none() { format!("pipeline {about}") } else { about },
        day: (alert.window.start - month).div_euclid(DAY),
        windows: (alert.window.end - alert.window.start) / if hourly { HOUR } else { DAY },
        n: alert.n,
        p: alert.p_value.unwrap_or(1.0),
        text: alert.text.clone(),
    }
}

/// The sums of open windows, by version and start.
pub(crate) struct Counter {
    open: BTreeMap<(&'static str, i64), Sums>,
    length: i64,
    mapping: Mapping,
    coded: CodedRow,
}

impl Counter {
    pub(crate) fn new(length: i64) -> Self {
        Self { open: BTreeMap::new(), length, mapping: Mapping::default(), coded: CodedRow::default() }
    }

    pub(crate) fn count(&mut self, profile: &Profile, names: &FeatureNames, version: &'static str, row: &Row) {
        let start = row.time.div_euclid(self.length) * self.length;
        let sums = self.open.entry((version, start)).or_insert_with(|| Sums::new(profile.layout.clone()));
        profile.coding.code(&row.features, names, &mut self.mapping, &mut self.coded);
        let facts = facts(row);
        sums.predicted(&facts, &self.coded);
        let id = id_of(row);
        sums.sampled(RequestKey::new(&id, 0), &id, 0, moment(row.time), row.score, &self.coded);
        if let Some(positive) = row.label {
            sums.labelled(&facts, &self.coded.codes, &profile.map, positive, 1);
        }
        sums.add_truth(truth::CLOSED, 1);
        sums.add_truth(truth::NEVER, i64::from(row.label.is_none()));
    }

    /// The sums of the first open window, which is closed.
    pub(crate) fn take(&mut self) -> Option<Sums> {
        self.open.pop_first().map(|(_, sums)| sums)
    }
}

/// The seed of a month of a cell.
fn seed_of(cell: &Cell, month: u64) -> u64 {
    Chance::new(fnv1a_64(cell.name.as_bytes()) ^ month.wrapping_mul(0x9e37_79b9_7f4a_7c15)).next()
}

/// Lives through a month of a cell, once, under several allowances.
pub(crate) fn live(cell: &Cell, month: u64, budgets: &[f64]) -> Month {
    let seed = seed_of(cell, month);
    match (cell.way, cell.source) {
        (Way::Blocks(pool), _) => by_blocks(cell, pool, false, seed, budgets),
        (Way::Redrawn(pool), _) => by_blocks(cell, pool, true, seed, budgets),
        (Way::Engine { .. }, _) => {
            let mut traffic = Traffic::new(cell.source, seed);
            let profile = baseline(cell, &mut traffic, FIRST_DAY);
            wire::by_engine(cell, &mut traffic, &profile, seed, budgets)
        }
        _ => by_rows(cell, seed, budgets),
    }
}

fn baseline(cell: &Cell, traffic: &mut Traffic, end: i64) -> Profile {
    let mut sample = RowSample::new(cell.baseline_rows());
    for day in end - BASELINE_DAYS..end {
        traffic.day(day, cell.baseline_traffic(), true, |row| keep(&mut sample, row));
    }
    profile(&sample, traffic.names())
}

fn by_rows(cell: &Cell, seed: u64, budgets: &[f64]) -> Month {
    let mut traffic = Traffic::new(cell.source, seed);
    let first = FIRST_DAY;
    let launch = if cell.story == Story::Accepted { LAUNCH_DAYS } else { 0 };
    let before = Arc::new(baseline(cell, &mut traffic, first - launch));
    let mut bench = Bench::new(cell, &References::new([(*before).clone()]), budgets);
    let mut counter = Counter::new(if cell.hourly { HOUR } else { DAY });
    let mut in_force = before;
    let mut accepted = RowSample::new(cell.baseline_rows());
    if let (Traffic::Made(world), true) = (&mut traffic, launch > 0) {
        world.move_by(LAUNCH);
    }
    let names = traffic.names().clone();
    for day in first - launch..first + DAYS {
        if day == first && launch > 0 {
            in_force = Arc::new(profile(&accepted, &names));
            for (_, judge) in &mut bench.judges {
                judge.references_mut().accept(MODEL, moment(day * DAY), std::slice::from_ref(&in_force));
            }
        }
        traffic.day(day, cell.rows_a_day(), false, |row| {
            counter.count(&in_force, &names, cell.version(day, row.serial), row);
            if day < first {
                keep(&mut accepted, row);
            }
        });
        for ((version, start), sums) in std::mem::take(&mut counter.open) {
            bench.fold(version, start, &sums);
        }
        bench.advance((day + 1) * DAY);
    }
    bench.advance((first + DAYS + 2) * DAY);
    bench.done()
}

/// A pool of blocks of rows: the law is that of the pool, and its blocks are what the baseline and the windows are made of.
struct Pool {
    world: World,
    seed: u64,
    blocks: u64,
}

impl Pool {
    fn draw(&self, chance: &mut Chance) -> u64 {
        (chance.uniform() * self.blocks as f64) as u64
    }

    /// The rows of a block, always the same, on a day.
    fn rows(&mut self, block: u64, day: i64, each: impl FnMut(&Row)) {
        self.world.begin(self.seed ^ block, block * BLOCK);
        self.world.day(day, BLOCK, true, each);
    }
}

/// A month of windows that are sums of blocks. Blocks are counted once and added, or counted anew each time they are drawn:
/// it must come to the same.
fn by_blocks(cell: &Cell, blocks: u64, anew: bool, seed: u64, budgets: &[f64]) -> Month {
    let Source::Made(law) = cell.source else { return Month::default() };
    let mut chance = Chance::new(seed);
    let mut pool = Pool { world: World::new(law, seed), seed: fnv1a_64(cell.name.as_bytes()), blocks };
    let first = FIRST_DAY;
    let mut sample = RowSample::new(usize::MAX);
    let mut serial = 0;
    let a_day = (law.baseline_rows as u64).div_ceil(BASELINE_DAYS as u64 * BLOCK).max(1);
    for day in first - BASELINE_DAYS..first {
        for _ in 0..a_day {
            let block = pool.draw(&mut chance);
            pool.rows(block, day, |row| {
                // A block that is drawn twice is not a repeated row.
                keep(&mut sample, &Row { serial, ..row.clone() });
                serial += 1;
            });
        }
    }
    let profile = profile(&sample, pool.world.names());
    drop(sample);
    let names = pool.world.names().clone();
    let mut counter = Counter::new(DAY);
    let counted_before = if anew { 0 } else { blocks };
    let known: Vec<Sums> = (0..counted_before)
        .map(|block| {
            pool.rows(block, first, |row| counter.count(&profile, &names, "v1", row));
            counter.take().expect("a block has rows")
        })
        .collect();
    let mut bench = Bench::new(cell, &References::new([profile.clone()]), budgets);
    let mut sums = Sums::new(profile.layout.clone());
    for day in first..first + DAYS {
        sums.clear();
        for _ in 0..law.rows_a_day / BLOCK {
            let block = pool.draw(&mut chance);
            match known.get(block as usize) {
                Some(known) => sums.merge(known),
                None => pool.rows(block, day, |row| counter.count(&profile, &names, "v1", row)),
            }
        }
        let window = counter.take();
        bench.fold("v1", day * DAY, window.as_ref().unwrap_or(&sums));
        bench.advance((day + 1) * DAY);
    }
    bench.advance((first + DAYS + 2) * DAY);
    bench.done()
}
