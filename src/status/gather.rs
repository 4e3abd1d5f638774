//! How are the parts put together to one moment?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

use super::measure::Distribution;
use super::models::{Firing, model_view};
use super::snapshot::{JudgeView, LaneView, MeasureView, ModelView, ProcessView, Snapshot, StreamView, TaskView};
use super::{JudgePart, Lane, Measure, Status, Stream, StreamStatus, TaskStatus, lock};
use crate::event::EventTime;
use crate::finding::{Alert, AlertState, Incident, IncidentState, Invariant};
use crate::join::{Balance, Counts};

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
