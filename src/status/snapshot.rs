//! How is all of it at one moment, as plain data that can be written?
//!
//! Event times are integer microseconds since 1970, as in published records; what the wall clock says is named so.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use crate::finding::{Invariant, Severity};

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
