//! How is all of it at one moment, as plain data that can be written?
//!
//! Event times are integer microseconds since 1970, as in published records; what the wall clock says is named so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

use serde::Serialize;
use serde_json::Value as Json;

use super::measure::Distribution;
use super::plan::Progress;
use super::{JudgePart, Lane, Measure, Next, Plan, Reference, Status, Stream, StreamStatus, TaskStatus, lock};
use crate::event::EventTime;
use crate::finding::{Alert, AlertState, Incident, IncidentState, Invariant, Severity};
use crate::join::{Balance, Counts};

/// The process.
#[derive(Clone, Debug, Serialize)]
pub struct ProcessView {
    /// Its name in the consumer group.
    pub instance: String,
    /// Version of the program.
    pub version: String,
    /// Digest of the configuration in force.
    pub configuration: String,
    /// The consumer group.
    pub group: String,
    /// The topic of predictions.
    pub inferences: String,
    /// The topic of labels.
    pub labels: Option<String>,
    /// When it started, by the wall clock; microseconds since 1970.
    pub started_at: i64,
}

/// One lane.
#[derive(Clone, Debug, Serialize)]
pub struct LaneView {
    /// Its number.
    pub lane: u32,
    /// Seconds since its last sign of life.
    pub silent_seconds: f64,
    /// Its partitions.
    pub partitions: Vec<u32>,
    /// Records read, by stream.
    pub records: BTreeMap<&'static str, u64>,
    /// Bytes read, by stream.
    pub bytes: BTreeMap<&'static str, u64>,
    /// Rejects, by stream and reason.
    pub rejects: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// Transactions committed.
    pub commits: u64,
    /// Transactions aborted.
    pub aborts: u64,
    /// Changes of the assignment.
    pub rebalances: u64,
}

/// How far a task has read one stream.
#[derive(Clone, Debug, Serialize)]
pub struct StreamView {
    /// Records that wait on the topic; `None` while unknown.
    pub behind: Option<u64>,
    /// Largest event time less the out-of-orderness.
    pub watermark: Option<i64>,
    /// Seconds from the watermark to the wall clock.
    pub lag_seconds: Option<f64>,
}

/// One task.
#[derive(Clone, Debug, Serialize)]
pub struct TaskView {
    /// Its partition.
    pub partition: u32,
    /// Its lane.
    pub lane: u32,
    /// By stream.
    pub streams: BTreeMap<&'static str, StreamView>,
    /// What became of the predictions.
    pub inferences: BTreeMap<&'static str, u64>,
    /// What became of the labels.
    pub labels: BTreeMap<&'static str, u64>,
    /// Predictions that wait for their labels.
    pub pending_rows: u64,
    /// Labels that wait for their predictions.
    pub buffered_labels: u64,
    /// Bytes of memory that its join holds.
    pub memory_bytes: u64,
    /// Records that a limit of memory turned away.
    pub capped: u64,
    /// The equations, with both sides.
    pub invariants: Vec<Invariant>,
}

/// One judge.
#[derive(Clone, Debug, Serialize)]
pub struct JudgeView {
    /// Its partition.
    pub judge: u32,
    /// Seconds since its last sign of life.
    pub silent_seconds: f64,
    /// Deltas folded.
    pub deltas: u64,
    /// Deltas that had been folded before.
    pub repeats: u64,
    /// Deltas missing in the chain of a task.
    pub gaps: u64,
    /// Windows that are open.
    pub open_windows: u64,
    /// Records for windows that had been closed over an idle partition.
    pub late_after_idle: u64,
    /// What was published, by kind.
    pub published: BTreeMap<&'static str, u64>,
    /// How far each stream has come.
    pub clock: BTreeMap<&'static str, Option<i64>>,
}

/// One measure; published units.
#[derive(Clone, Debug, Serialize)]
pub struct MeasureView {
    /// Values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Half of the values are at most this large; within 1 %, as the others.
    pub p50: f64,
    /// 90 %.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// All of them.
    pub max: f64,
    /// Values above the largest that is told apart.
    pub clipped: u64,
    /// Upper ends of buckets and how many values are at most so large.
    #[serde(skip)]
    pub buckets: Vec<(f64, u64)>,
}

/// One version of a model.
#[derive(Clone, Debug, Default, Serialize)]
pub struct VersionView {
    /// Its name.
    pub version: String,
    /// End of the newest base window that was published.
    pub last_window_end: Option<i64>,
    /// End of the newest base window that is final.
    pub last_final_window_end: Option<i64>,
    /// Summaries that are kept here.
    pub summaries: usize,
    /// Whether a limit was hit in a summary that is kept here.
    pub capped: bool,
}

/// One model.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ModelView {
    /// Its name.
    pub model: String,
    /// `learning`, `waiting` (no window is complete yet) or `watched`.
    pub state: &'static str,
    /// `given`, `learning` or `learnt`; `None` while unknown.
    pub reference: Option<&'static str>,
    /// When what is being learnt takes effect.
    pub learning_until: Option<i64>,
    /// Its base window, as in `1h`.
    pub window: Option<String>,
    /// How long its truth may take.
    pub label_window: Option<String>,
    /// The inputs of the next window are due once the predictions have come this far in event time.
    pub next_inputs: Option<i64>,
    /// The next labelled figures are final once the labels have come this far in event time.
    pub next_labels: Option<i64>,
    /// Its versions, by name.
    pub versions: Vec<VersionView>,
    /// Alerts that fire, by severity; zeros too.
    pub firing: BTreeMap<Severity, u64>,
    /// Incidents that are open.
    pub open_incidents: u64,
}

/// All of it at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    /// Which process.
    pub process: ProcessView,
    /// The moment, by the wall clock; microseconds since 1970.
    pub now: i64,
    /// Whether it can do its work.
    pub ready: bool,
    /// What keeps it from that.
    pub waiting_for: Vec<String>,
    /// Whether its threads are alive.
    pub live: bool,
    /// The threads that are not.
    pub silent: Vec<String>,
    /// Its lanes.
    pub lanes: Vec<LaneView>,
    /// Its tasks, by partition.
    pub tasks: Vec<TaskView>,
    /// Its judges.
    pub judges: Vec<JudgeView>,
    /// Its measures, by name.
    pub measures: BTreeMap<&'static str, MeasureView>,
    /// The models it judges, by name.
    pub models: Vec<ModelView>,
    /// Alerts of the pipeline that fire, by severity; zeros too.
    pub pipeline_firing: BTreeMap<Severity, u64>,
    /// What is not kept here because of a bound.
    pub left_out: u64,
}

impl Status {
    /// All of it. `now` is the moment for signs of life, `wall` the time of day.
    pub fn snapshot(&self, now: Instant, wall: SystemTime) -> Snapshot {
        let lanes: Vec<Arc<Lane>> = lock(&self.lanes).values().cloned().collect();
        let judges: Vec<Arc<JudgePart>> = lock(&self.judges).values().cloned().collect();
        let wall = micros(wall);
        let mut tasks: Vec<TaskView> = lanes
            .iter()
            .flat_map(|lane| lane.tasks().into_iter().map(|task| task_view(lane.number(), &task, wall)))
            .collect();
        tasks.sort_by_key(|task| task.partition);
        let waiting_for = self.waiting_for();
        let silent = self.silent(now);
        let measures = lock(&self.measures);
        let measures = Measure::ALL.map(|one| (one.name(), measure_view(one, measures.distribution(one))));
        let firing = Firing::of(&judges);
        let left_out: u64 = judges.iter().map(|judge| judge.board(|board| board.left_out)).sum();
        Snapshot {
            process: self.process_view(),
            now: wall,
            ready: waiting_for.is_empty(),
            waiting_for,
            live: silent.is_empty(),
            silent,
            lanes: lanes.iter().map(|lane| lane_view(lane, now)).collect(),
            tasks,
            judges: judges.iter().map(|judge| judge_view(judge, now)).collect(),
            measures: BTreeMap::from(measures),
            models: self.models(&judges, &firing),
            pipeline_firing: firing.get(None),
            left_out: left_out + self.left_out.load(Ordering::Relaxed),
        }
    }

    fn process_view(&self) -> ProcessView {
        let process = self.process.clone();
        ProcessView {
            instance: process.instance,
            version: process.version,
            configuration: process.configuration,
            group: process.group,
            inferences: process.inferences,
            labels: process.labels,
            started_at: micros(process.started_at),
        }
    }

    fn models(&self, judges: &[Arc<JudgePart>], firing: &Firing) -> Vec<ModelView> {
        let plans = lock(&self.plans).clone();
        let mut names: BTreeSet<String> = plans.keys().cloned().collect();
        for judge in judges {
            judge.board(|board| {
                names.extend(board.versions.keys().map(|(model, _)| model.clone()));
                names.extend(board.alerts.values().filter_map(|alert| alert.model.clone()));
                names.extend(board.incidents.values().filter_map(|incident| incident.model.clone()));
            });
        }
        names.iter().map(|name| model_view(name, plans.get(name), judges, firing.get(Some(name)))).collect()
    }

    /// The alerts that are kept: what fires first, then by severity, newest first.
    pub fn alerts(&self) -> Vec<Alert> {
        let judges: Vec<Arc<JudgePart>> = lock(&self.judges).values().cloned().collect();
        let mut alerts: Vec<Alert> = Vec::new();
        for judge in judges {
            judge.board(|board| alerts.extend(board.alerts.values().cloned()));
        }
        let order = |alert: &Alert| match alert.state {
            AlertState::Firing => 0,
            AlertState::Pending => 1,
            AlertState::Resolved => 2,
        };
        alerts.sort_by(|one, other| {
            let left = (order(one), std::cmp::Reverse((one.severity, one.as_of)), &one.fingerprint, one.basis_final);
            left.cmp(&(
                order(other),
                std::cmp::Reverse((other.severity, other.as_of)),
                &other.fingerprint,
                other.basis_final,
            ))
        });
        alerts
    }

    /// The incidents that are kept: open ones first, then by severity, newest first.
    pub fn incidents(&self) -> Vec<Incident> {
        let judges: Vec<Arc<JudgePart>> = lock(&self.judges).values().cloned().collect();
        let mut incidents: Vec<Incident> = Vec::new();
        for judge in judges {
            judge.board(|board| incidents.extend(board.incidents.values().cloned()));
        }
        incidents.sort_by(|one, other| {
            let key = |one: &Incident| (one.state != IncidentState::Open, std::cmp::Reverse((one.severity, one.as_of)));
            key(one).cmp(&key(other)).then_with(|| one.id.cmp(&other.id))
        });
        incidents
    }

    /// The summaries of a version as they were published, newest window first; `None` if it is not known.
    pub fn summaries(&self, model: &str, version: &str) -> Option<Vec<Arc<str>>> {
        let judges: Vec<Arc<JudgePart>> = lock(&self.judges).values().cloned().collect();
        let key = (model.to_owned(), version.to_owned());
        judges.iter().find_map(|judge| {
            judge.board(|board| {
                let version = board.versions.get(&key)?;
                Some(version.windows.values().rev().map(|entry| entry.json.clone()).collect())
            })
        })
    }
}

/// Microseconds since 1970 of a wall time.
fn micros(wall: SystemTime) -> i64 {
    wall.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

fn lane_view(lane: &Lane, now: Instant) -> LaneView {
    let [commits, aborts, rebalances] = lane.turns();
    LaneView {
        lane: lane.number(),
        silent_seconds: lane.age(now).as_secs_f64(),
        partitions: lane.partitions(),
        records: Stream::ALL.iter().map(|&stream| (stream.name(), lane.read(stream).0)).collect(),
        bytes: Stream::ALL.iter().map(|&stream| (stream.name(), lane.read(stream).1)).collect(),
        rejects: Stream::ALL.iter().map(|&stream| (stream.name(), lane.rejects(stream))).collect(),
        commits,
        aborts,
        rebalances,
    }
}

fn task_view(lane: u32, task: &TaskStatus, wall: i64) -> TaskView {
    let view = |stream: StreamStatus| {
        let watermark = stream.watermark.map(EventTime::micros);
        let lag = watermark.map(|watermark| (wall - watermark) as f64 / 1e6);
        StreamView { behind: stream.behind, watermark, lag_seconds: lag }
    };
    let inferences = Some((Stream::Inferences.name(), view(task.inferences)));
    let labels = task.labels.map(|labels| (Stream::Labels.name(), view(labels)));
    let [of_inferences, of_labels] = task.counts.invariants();
    let Counts { inferences: counts, labels: label_counts, capped } = task.counts;
    TaskView {
        partition: task.partition,
        lane,
        streams: inferences.into_iter().chain(labels).collect(),
        inferences: outcomes(&of_inferences),
        labels: outcomes(&of_labels),
        pending_rows: natural(counts.pending),
        buffered_labels: natural(label_counts.buffered),
        memory_bytes: task.memory,
        capped: natural(capped),
        invariants: [&of_inferences, &of_labels].map(invariant).into(),
    }
}

fn outcomes(balance: &Balance) -> BTreeMap<&'static str, u64> {
    let name = |name: &'static str| match name {
        "never labelled" => "never_labelled",
        "ignored by policy" => "ignored",
        other => other,
    };
    balance.right.iter().map(|&(outcome, count)| (name(outcome), natural(count))).collect()
}

fn invariant(balance: &Balance) -> Invariant {
    let right: Vec<&str> = balance.right.iter().map(|(name, _)| *name).collect();
    Invariant {
        name: format!("{} = {}", balance.name, right.join(" + ")),
        left: balance.left,
        right: balance.right.iter().map(|(_, count)| count).sum(),
        holds: balance.holds(),
    }
}

/// A count that cannot be negative.
fn natural(count: i64) -> u64 {
    count.try_into().unwrap_or(0)
}

fn judge_view(judge: &JudgePart, now: Instant) -> JudgeView {
    let [deltas, repeats, gaps, open_windows, late_after_idle] = judge.counts();
    let (inputs, labels) = judge.board(|board| board.clock);
    let clock = [(Stream::Inferences.name(), inputs), (Stream::Labels.name(), labels)];
    JudgeView {
        judge: judge.number(),
        silent_seconds: judge.age(now).as_secs_f64(),
        deltas,
        repeats,
        gaps,
        open_windows,
        late_after_idle,
        published: judge.published().collect(),
        clock: clock.map(|(name, time)| (name, time.map(EventTime::micros))).into(),
    }
}

fn measure_view(measure: Measure, distribution: Distribution) -> MeasureView {
    let unit = |raw: u64| raw as f64 / measure.scale();
    let Distribution { count, sum, clipped, cumulative, quantiles } = distribution;
    let [p50, p90, p99, max] = quantiles.map(unit);
    let buckets = measure.buckets().iter().map(|&end| unit(end)).zip(cumulative).collect();
    MeasureView { count, sum: unit(sum), p50, p90, p99, max, clipped, buckets }
}

/// Alerts that fire, by severity, for each model and for the pipeline (`None`).
struct Firing(BTreeMap<(Option<String>, Severity), u64>);

impl Firing {
    fn of(judges: &[Arc<JudgePart>]) -> Self {
        let mut counts = BTreeMap::new();
        for judge in judges {
            judge.board(|board| {
                for ((model, severity), count) in board.firing() {
                    *counts.entry((model.map(str::to_owned), severity)).or_default() += count;
                }
            });
        }
        Self(counts)
    }

    /// Of one model or of the pipeline; zeros too.
    fn get(&self, model: Option<&str>) -> BTreeMap<Severity, u64> {
        let count = |severity| self.0.get(&(model.map(str::to_owned), severity)).copied().unwrap_or(0);
        [Severity::Info, Severity::Warning, Severity::Critical].map(|severity| (severity, count(severity))).into()
    }
}

fn model_view(
    name: &str,
    plan: Option<&Plan>,
    judges: &[Arc<JudgePart>],
    firing: BTreeMap<Severity, u64>,
) -> ModelView {
    let mut versions = Vec::new();
    let mut progress = Progress::default();
    let mut open_incidents = 0;
    for judge in judges {
        judge.board(|board| {
            let of_model =
                |incident: &&Incident| incident.model.as_deref() == Some(name) && incident.state == IncidentState::Open;
            open_incidents += board.incidents.values().filter(of_model).count() as u64;
            let first = (name.to_owned(), String::new());
            let mine = board.versions.range(first..).take_while(|((model, _), _)| model == name);
            for ((_, version), kept) in mine {
                let (newest, newest_final) = kept.newest(plan.map(|plan| plan.window.micros()));
                versions.push(VersionView {
                    version: version.clone(),
                    last_window_end: newest,
                    last_final_window_end: newest_final,
                    summaries: kept.windows.len(),
                    capped: kept.windows.values().any(|entry| entry.capped),
                });
                let time = |micros: Option<i64>| micros.map(EventTime::from_micros_unchecked);
                progress.newest = progress.newest.max(time(newest));
                progress.newest_final = progress.newest_final.max(time(newest_final));
                let open = time(plan.and_then(|plan| kept.oldest_open(plan.window.micros())));
                progress.oldest_open = [progress.oldest_open, open].into_iter().flatten().min();
                progress.inputs = progress.inputs.max(board.clock.0);
                progress.labels = progress.labels.max(board.clock.1);
            }
        });
    }
    if versions.is_empty() {
        // Nobody knows yet which judge it will be; all of them follow the same clocks.
        let clocks = judges.iter().map(|judge| judge.board(|board| board.clock));
        for (inputs, labels) in clocks {
            progress.inputs = progress.inputs.max(inputs);
            progress.labels = progress.labels.max(labels);
        }
    }
    let next = plan.map(|plan| plan.next(progress)).unwrap_or_default();
    let Next { inputs, labels } = next;
    let reference = plan.map(|plan| plan.reference);
    let learning_until = match reference {
        Some(Reference::Learning { until }) => Some(until.micros()),
        _ => None,
    };
    let state = match (learning_until, progress.newest) {
        (Some(_), _) => "learning",
        (None, None) => "waiting",
        (None, Some(_)) => "watched",
    };
    ModelView {
        model: name.to_owned(),
        state,
        reference: reference.map(|reference| match reference {
            Reference::Given => "given",
            Reference::Learning { .. } => "learning",
            Reference::Learnt => "learnt",
        }),
        learning_until,
        window: plan.map(|plan| plan.window.to_string()),
        label_window: plan.and_then(|plan| plan.label_out_of_order.map(|_| plan.label_window.to_string())),
        next_inputs: inputs.map(EventTime::micros),
        next_labels: labels.map(EventTime::micros),
        versions,
        firing,
        open_incidents,
    }
}

impl Snapshot {
    /// The process itself as JSON, without the models: those have places of their own.
    pub fn json(&self) -> Json {
        let mut json = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = json.as_object_mut() {
            fields.remove("models");
        }
        json
    }
}
