//! A made-up stream as the judge sees it: what the tasks of some partitions have counted from commit to commit.
//!
//! Four models over five weeks: one with a baseline, an emerging value, a drift and a new version; two without a
//! baseline, one of them with silence for an answer; one that lives on a single partition. Labels come early, late and
//! never, and for some days many of them belong to nobody. One partition can be silent for days.

use std::collections::BTreeMap;

use super::*;
use crate::baseline::References;
use crate::config::Config;
use crate::judge::{Clock, Finding, Judge, LabelFlow};
use crate::observe::{Layout, Recalibration, flow, truth};

pub(super) const HOUR: i64 = Span::HOUR.micros();
pub(super) const DAY: i64 = Span::DAY.micros();
/// 2026-01-01T00:00:00Z.
pub(super) const START: i64 = 1_767_225_600_000_000;
const DAYS: i64 = 35;
const PARTITIONS: usize = 4;
/// The partition that can be silent, and when.
const SILENT: usize = 3;
pub(super) const SILENCE: std::ops::Range<i64> = START + 13 * DAY + 7 * HOUR..START + 17 * DAY + 12 * HOUR;
/// Out-of-orderness of both topics, early horizon and label window, as below.
const DISORDER: [i64; 2] = [HOUR, HOUR / 2];
const EARLY: i64 = HOUR;
pub(super) const LABELS: i64 = 3 * DAY;
/// A partition is idle when nothing came for so long.
const IDLE: i64 = 6 * HOUR;

const TOPICS: &str = "topics: {inferences: {out_of_order: 1h}, labels: {out_of_order: 30m}}";
const MODELS: &str = "
defaults: {window: 1d, label_window: 3d, early: 1h, false_alarms_per_month: 20, MUTE}
models:
  m: {}
  plain: {}
  quiet: {labels: implicit_negative}
  alone: {}
";

pub(super) fn config(mute: bool) -> Arc<Config> {
    let mute = if mute { "mute: ['*']" } else { "mute: []" };
    Arc::new(Config::from_yaml(&format!("{TOPICS}{}", MODELS.replace("MUTE", mute))).unwrap())
}

/// What a task hands on at a commit.
#[derive(Clone)]
pub(super) struct Delta {
    pub at: i64,
    pub partition: usize,
    pub sums: Vec<(&'static str, &'static str, EventTime, Sums)>,
    pub flows: Vec<(EventTime, LabelFlow)>,
    pub watermarks: [EventTime; 2],
}

pub(super) struct Stream {
    pub references: References,
    pub deltas: Vec<Delta>,
}

struct Prediction {
    id: String,
    model: &'static str,
    version: &'static str,
    time: i64,
    row: Row,
    /// Codes, once it is counted.
    codes: Vec<u8>,
}

enum Arrival {
    Prediction(usize),
    Label(i64, Option<(usize, bool)>),
}

#[derive(Default)]
struct Task {
    sums: BTreeMap<(&'static str, &'static str, i64), Sums>,
    flows: BTreeMap<i64, LabelFlow>,
    latest: [Option<i64>; 2],
    rows: Vec<(usize, Option<bool>)>,
    orphans: Vec<i64>,
    committed: i64,
}

fn time(micros: i64) -> EventTime {
    EventTime::from_micros_unchecked(micros)
}

fn day_of(micros: i64) -> i64 {
    Window::holding(time(micros), Span::DAY).start.micros()
}

fn draw(chance: &mut Chance, model: &str, day: f64) -> Row {
    let emerged = model == "m" && day >= 9.0 && chance.hits(0.15);
    let moved = if model == "m" && (16.0..22.0).contains(&day) { 1.5 } else { 0.0 };
    let x = chance.normal() + moved;
    let log_odds = -1.0 + 0.7 * x;
    let score = 1.0 / (1.0 + libm::exp(-log_odds));
    let method = if emerged { "instant" } else { ["card", "wallet", "transfer"][chance.below(3) as usize] };
    let sure = if emerged { 0.9 } else { score };
    let label = chance.hits(if day >= 24.0 { 1.0 - sure } else { sure });
    Row::new(score, label, vec![("x", Cell::Number(x)), ("method", text(method))])
}

impl Stream {
    /// The stream of a seed; with `silence` one partition brings nothing for four days, and then all of it.
    pub(super) fn new(seed: u64, silence: bool) -> Self {
        let mut chance = Chance(seed);
        let mut world = World::new((0..3_000).map(|_| draw(&mut chance, "base", -1.0)));
        let mut predictions = Vec::new();
        let mut arrivals: Vec<(i64, usize, Arrival)> = Vec::new();
        for (model, a_day) in [("m", 220), ("plain", 40), ("quiet", 60), ("alone", 12)] {
            for number in 0..DAYS * a_day {
                let at = START + number * (DAY / a_day) + (chance.uniform() * (DAY / a_day) as f64) as i64;
                let day = (at - START) as f64 / DAY as f64;
                let row = draw(&mut chance, model, day);
                let version = if model == "m" && day >= 20.5 && chance.hits(0.4) { "v2" } else { "v1" };
                let partition = if model == "alone" { SILENT } else { chance.below(PARTITIONS as u64) as usize };
                let jitter = |chance: &mut Chance, most: i64| (chance.uniform() * 0.9 * most as f64) as i64;
                let place = predictions.len();
                let id = format!("{model}-{number}");
                if chance.hits(0.9) && (model != "quiet" || row.label == Some(true)) {
                    let delay =
                        if chance.hits(0.1) { -EARLY / 2 } else { (chance.uniform() * 2.9 * DAY as f64) as i64 };
                    let stray = model == "m" && (27.0..29.0).contains(&day) && chance.hits(0.4);
                    let whose = row.label.filter(|_| !stray).map(|label| (place, label));
                    let arrival = (at + delay).max(START) + jitter(&mut chance, DISORDER[1]);
                    arrivals.push((arrival, partition, Arrival::Label((at + delay).max(START), whose)));
                }
                arrivals.push((at + jitter(&mut chance, DISORDER[0]), partition, Arrival::Prediction(place)));
                predictions.push(Prediction { id, model, version, time: at, row, codes: Vec::new() });
            }
        }
        arrivals.sort_by_key(|(arrival, partition, _)| (*arrival, *partition));
        for (arrival, partition, _) in &mut arrivals {
            if silence && *partition == SILENT && SILENCE.contains(arrival) {
                *arrival = SILENCE.end;
            }
        }
        // Stable, so that a partition's order is what it was.
        arrivals.sort_by_key(|(arrival, partition, _)| (*arrival, *partition));
        Self::count(&mut world, &mut chance, &mut predictions, arrivals)
    }

    fn count(
        world: &mut World,
        chance: &mut Chance,
        predictions: &mut [Prediction],
        arrivals: Vec<(i64, usize, Arrival)>,
    ) -> Self {
        let (names, profile) = (&mut world.names, world.profile.clone());
        let references = References::new([(*profile).clone()]);
        let bare = Arc::new(Layout::new(&crate::observe::Coding::default()));
        let identity = Recalibration::identity();
        let layout = |model: &str| if model == "m" { profile.layout.clone() } else { bare.clone() };
        let map = |model: &str| if model == "m" { &profile.map } else { &identity };
        let mut tasks: Vec<Task> = (0..PARTITIONS).map(|_| Task::default()).collect();
        let mut deltas = Vec::new();
        let (mut mapping, mut coded) = (Mapping::default(), CodedRow::default());
        // Labels that came before their prediction.
        let mut early: BTreeMap<usize, bool> = BTreeMap::new();
        let mut seen: Vec<bool> = vec![false; predictions.len()];
        for (at, partition, what) in arrivals {
            let task = &mut tasks[partition];
            match what {
                Arrival::Prediction(place) => {
                    let prediction = &mut predictions[place];
                    coded.clear();
                    let features = prediction.row.features(names);
                    if prediction.model == "m" {
                        profile.coding.code(&features, names, &mut mapping, &mut coded);
                    }
                    prediction.codes.clone_from(&coded.codes);
                    let sums = task.window(prediction, &layout);
                    sums.predicted(&prediction.row.facts(), &coded);
                    let key = RequestKey::new(&prediction.id, 0);
                    sums.sampled(key, &prediction.id, 0, time(prediction.time), prediction.row.score, &coded);
                    let told = early.remove(&place);
                    if let Some(label) = told {
                        sums.labelled(&prediction.row.facts(), &prediction.codes, map(prediction.model), label, 1);
                    }
                    seen[place] = true;
                    task.rows.push((place, told));
                    task.latest[0] = task.latest[0].max(Some(prediction.time));
                }
                Arrival::Label(when, whose) => {
                    task.flows.entry(day_of(when)).or_default().read += 1;
                    task.latest[1] = task.latest[1].max(Some(when));
                    match whose {
                        None => task.orphans.push(when),
                        Some((place, label)) if seen[place] => {
                            let prediction = &predictions[place];
                            let sums = task.window(prediction, &layout);
                            sums.labelled(&prediction.row.facts(), &prediction.codes, map(prediction.model), label, 1);
                            if let Some(row) = task.rows.iter_mut().find(|(row, _)| *row == place) {
                                row.1 = Some(label);
                            }
                        }
                        Some((place, label)) => _ = early.insert(place, label),
                    }
                }
            }
            if chance.hits(0.03) || at > task.committed + 2 * HOUR {
                task.committed = at;
                task.close(predictions, &layout, &map);
                deltas.extend(task.take(at, partition));
            }
        }
        for (partition, task) in tasks.iter_mut().enumerate() {
            task.close(predictions, &layout, &map);
            deltas.extend(task.take(START + (DAYS + 4) * DAY, partition));
        }
        Self { references, deltas }
    }
}

impl Task {
    fn window(&mut self, prediction: &Prediction, layout: &impl Fn(&str) -> Arc<Layout>) -> &mut Sums {
        let key = (prediction.model, prediction.version, day_of(prediction.time));
        self.sums.entry(key).or_insert_with(|| Sums::new(layout(prediction.model)))
    }

    fn watermarks(&self) -> Option<[i64; 2]> {
        Some([self.latest[0]? - DISORDER[0], self.latest[1]? - DISORDER[1]])
    }

    /// Closes what both watermarks have passed.
    fn close<'a>(
        &mut self,
        predictions: &[Prediction],
        layout: &impl Fn(&str) -> Arc<Layout>,
        map: &impl Fn(&str) -> &'a Recalibration,
    ) {
        let Some([inputs, labels]) = self.watermarks() else { return };
        let closes = |at: i64| labels >= at + LABELS && inputs >= at + LABELS + EARLY;
        let (done, open) =
            std::mem::take(&mut self.rows).into_iter().partition(|(row, _)| closes(predictions[*row].time));
        self.rows = open;
        let done: Vec<(usize, Option<bool>)> = done;
        for (place, told) in done {
            let prediction = &predictions[place];
            let assumed = told.is_none() && prediction.model == "quiet";
            let sums = self.window(prediction, layout);
            sums.add_truth(truth::CLOSED, 1);
            sums.add_truth(truth::NEVER, i64::from(told.is_none() && !assumed));
            sums.add_truth(truth::ASSUMED, i64::from(assumed));
            if assumed {
                sums.labelled(&prediction.row.facts(), &prediction.codes, map(prediction.model), false, 1);
            }
        }
        let (gone, waiting): (Vec<i64>, _) = self.orphans.iter().partition(|when| inputs >= **when + EARLY);
        self.orphans = waiting;
        for when in gone {
            self.flows.entry(day_of(when)).or_default().orphan += 1;
        }
    }

    fn take(&mut self, at: i64, partition: usize) -> Option<Delta> {
        let watermarks = self.watermarks()?.map(time);
        let sums = std::mem::take(&mut self.sums).into_iter();
        let flows = std::mem::take(&mut self.flows).into_iter();
        Some(Delta {
            at,
            partition,
            sums: sums.map(|((model, version, start), sums)| (model, version, time(start), sums)).collect(),
            flows: flows.map(|(start, flow)| (time(start), flow)).collect(),
            watermarks,
        })
    }
}

/// What one delta adds of predictions and of labels that are no silence.
pub(super) fn records(sums: &Sums) -> (u64, u64) {
    let labels = sums.truth(truth::N) - sums.truth(truth::ASSUMED);
    (sums.flow(flow::N) as u64, labels as u64)
}

/// Who drives a judge: keeps what each partition has reached, and may pass over those that are silent.
#[derive(Clone)]
pub(super) struct Driver {
    pub judge: Judge,
    pub clock: Clock,
    passes_over: bool,
    of: fn(&str) -> bool,
    reached: [Option<(i64, [EventTime; 2])>; PARTITIONS],
}

impl Driver {
    pub(super) fn new(stream: &Stream, config: Arc<Config>, passes_over: bool) -> Self {
        let judge = Judge::new(config, stream.references.clone(), true);
        Self { judge, clock: Clock::default(), passes_over, of: |_| true, reached: [None; PARTITIONS] }
    }

    /// The same for the models that `of` says.
    pub(super) fn of(self, of: fn(&str) -> bool) -> Self {
        Self { of, ..self }
    }

    fn smallest(&self, which: usize, keep: impl Fn(i64) -> bool) -> Option<EventTime> {
        let all = self.reached.iter().map(|one| one.map(|(at, marks)| (at, marks[which])));
        all.filter(|one| one.is_none_or(|(at, _)| keep(at))).map(|one| one.map(|(_, mark)| mark)).min().flatten()
    }

    pub(super) fn take(&mut self, delta: &Delta) -> Vec<Finding> {
        self.reached[delta.partition] = Some((delta.at, delta.watermarks));
        let live = |at: i64| !self.passes_over || at + IDLE > delta.at;
        let sound = [0, 1].map(|which| self.smallest(which, |_| true));
        let passed = [0, 1].map(|which| self.smallest(which, live));
        self.clock = Clock::new(passed[0], passed[1]).with_sound(sound[0], sound[1]);
        for (model, version, start, sums) in delta.sums.iter().filter(|(model, ..)| (self.of)(model)) {
            self.judge.fold(model, version, *start, sums);
        }
        for (start, flow) in &delta.flows {
            self.judge.fold_labels(*start, *flow);
        }
        let mut findings = Vec::new();
        self.judge.advance(self.clock, &mut findings);
        findings
    }

    pub(super) fn end(&mut self) -> Vec<Finding> {
        let last = |which: usize| self.reached.iter().filter_map(|one| one.map(|(_, marks)| marks[which])).max();
        let mut findings = Vec::new();
        self.judge.advance(Clock::new(last(0), last(1)).at_the_end(), &mut findings);
        findings
    }

    /// Everything that is said, delta by delta; the last entry is the end.
    pub(super) fn run(mut self, deltas: &[Delta]) -> Vec<Vec<Finding>> {
        let mut said: Vec<Vec<Finding>> = deltas.iter().map(|delta| self.take(delta)).collect();
        said.push(self.end());
        said
    }
}

/// A finding as its bytes.
pub(super) fn line(finding: &Finding) -> String {
    match finding {
        Finding::Summary(summary) => serde_json::to_string(summary),
        Finding::Alert(alert) => serde_json::to_string(alert),
        Finding::Incident(incident) => serde_json::to_string(incident),
        Finding::Request(request) => serde_json::to_string(request),
    }
    .unwrap()
}

pub(super) fn lines<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<String> {
    findings.into_iter().map(line).collect()
}
