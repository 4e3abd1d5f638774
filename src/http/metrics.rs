//! What does Prometheus read?
//!
//! The text format 0.0.4. Names begin with `truthline_`, units are seconds and bytes, counters end in `_total`. The
//! number of series is bounded: by the partitions and threads of this process, and by 256 models.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};

use super::Shared;
use super::answer::answer;
use crate::finding::Severity;
use crate::status::{Measure, Snapshot, Stream, StreamView, TaskView};

/// The version of the format is part of its name.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Models with series of their own; the rest is counted in `truthline_models_left_out`.
const MOST_MODELS: usize = 256;

/// Answers a scrape.
pub(super) async fn metrics(State(shared): State<Shared>) -> Response<Body> {
    answer(StatusCode::OK, FORMAT, exposition(&shared.snapshot()))
}

/// All metrics as text.
pub(super) fn exposition(status: &Snapshot) -> String {
    let mut text = Text::default();
    process(&mut text, status);
    lanes(&mut text, status);
    tasks(&mut text, status);
    judges(&mut text, status);
    models(&mut text, status);
    for measure in Measure::ALL {
        histogram(&mut text, measure, status);
    }
    text.0
}

/// The text so far.
#[derive(Default)]
struct Text(String);

/// The kind of a metric.
#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Text {
    /// Begins a metric; its samples follow at once.
    fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let _ = write!(self.0, "# HELP truthline_{name} {help}.\n# TYPE truthline_{name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let _ = write!(self.0, "truthline_{name}");
        for (place, (label, text)) in labels.iter().enumerate() {
            self.0.push_str(if place == 0 { "{" } else { "," });
            self.0.push_str(label);
            self.0.push_str("=\"");
            self.escaped(text);
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    /// As the format asks: backslash, quote and line feed.
    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                c => self.0.push(c),
            }
        }
    }

    /// A metric with one figure for each part.
    fn each<T>(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        label: &str,
        parts: &Named<'_, T>,
        figure: impl Fn(&T) -> u64,
    ) {
        self.family(name, kind, help);
        for (part, view) in parts {
            self.sample(name, &[(label, part)], figure(view) as f64);
        }
    }

    /// A metric with a figure for each part and stream, where it is known.
    fn by_stream<T>(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        label: &str,
        parts: &Named<'_, T>,
        figures: impl Fn(&T) -> Vec<(&'static str, f64)>,
    ) {
        self.family(name, kind, help);
        for (part, view) in parts {
            for (stream, figure) in figures(view) {
                self.sample(name, &[(label, part), ("stream", stream)], figure);
            }
        }
    }

    /// A metric without labels.
    fn single(&mut self, name: &str, kind: Kind, help: &str, value: f64) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }
}

/// Seconds since 1970 of event time or wall time.
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn process(text: &mut Text, status: &Snapshot) {
    let process = &status.process;
    text.family("build_info", Kind::Gauge, "Always 1; which program runs with which configuration");
    let labels = [
        ("version", process.version.as_str()),
        ("configuration", &process.configuration),
        ("instance_name", &process.instance),
    ];
    text.sample("build_info", &labels, 1.0);
    let started = seconds(process.started_at);
    text.single("start_time_seconds", Kind::Gauge, "When the process started, since 1970", started);
    text.single("ready", Kind::Gauge, "1 if the process can do its work", flag(status.ready));
    text.single("live", Kind::Gauge, "1 if every thread gave a sign of life lately", flag(status.live));
    let waiting = status.waiting_for.len() as f64;
    text.single("waiting_reasons", Kind::Gauge, "What keeps the process from being ready", waiting);
    let help = "What the status page left out because of a bound";
    text.single("status_left_out_total", Kind::Counter, help, status.left_out as f64);
    text.family("heartbeat_age_seconds", Kind::Gauge, "Wall time since a thread's last sign of life");
    for lane in &status.lanes {
        text.sample("heartbeat_age_seconds", &[("thread", &format!("lane-{}", lane.lane))], lane.silent_seconds);
    }
    for judge in &status.judges {
        text.sample("heartbeat_age_seconds", &[("thread", &format!("judge-{}", judge.judge))], judge.silent_seconds);
    }
}

/// The parts of one kind, each with the name that its series bear.
type Named<'a, T> = [(String, &'a T)];

fn lanes(text: &mut Text, status: &Snapshot) {
    let lanes: Vec<_> = status.lanes.iter().map(|lane| (lane.lane.to_string(), lane)).collect();
    let help = "Partitions that a lane owns";
    text.each("assigned_partitions", Kind::Gauge, help, "lane", &lanes, |lane| lane.partitions.len() as u64);
    let help = "Records read from the input topics";
    text.by_stream("records_total", Kind::Counter, help, "lane", &lanes, |lane| pairs(&lane.records));
    let help = "Bytes of keys and values read from the input topics";
    text.by_stream("received_bytes_total", Kind::Counter, help, "lane", &lanes, |lane| pairs(&lane.bytes));
    text.family("rejects_total", Kind::Counter, "Records that could not be used, by reason");
    for (name, lane) in &lanes {
        for (stream, reasons) in &lane.rejects {
            for (reason, count) in reasons {
                let labels = [("lane", name.as_str()), ("stream", stream), ("reason", reason)];
                text.sample("rejects_total", &labels, *count as f64);
            }
        }
    }
    text.each("commits_total", Kind::Counter, "Transactions committed", "lane", &lanes, |lane| lane.commits);
    let help = "Transactions aborted, whose records are read again";
    text.each("aborts_total", Kind::Counter, help, "lane", &lanes, |lane| lane.aborts);
    text.each("rebalances_total", Kind::Counter, "Changes of a lane's partitions", "lane", &lanes, |lane| {
        lane.rebalances
    });
}

/// The counts of a map as figures.
fn pairs(counts: &BTreeMap<&'static str, u64>) -> Vec<(&'static str, f64)> {
    counts.iter().map(|(name, count)| (*name, *count as f64)).collect()
}

/// One figure of each stream of a task, where it is known.
fn streams(task: &TaskView, figure: impl Fn(&StreamView) -> Option<f64>) -> Vec<(&'static str, f64)> {
    task.streams.iter().filter_map(|(name, view)| Some((*name, figure(view)?))).collect()
}

fn tasks(text: &mut Text, status: &Snapshot) {
    let tasks: Vec<_> = status.tasks.iter().map(|task| (task.partition.to_string(), task)).collect();
    let label = "partition";
    let help = "Records of a partition that were not read yet";
    text.by_stream("lag_records", Kind::Gauge, help, label, &tasks, |task| {
        streams(task, |view| view.behind.map(|behind| behind as f64))
    });
    let help = "Largest event time of a partition less its out-of-orderness, since 1970";
    text.by_stream("watermark_timestamp_seconds", Kind::Gauge, help, label, &tasks, |task| {
        streams(task, |view| view.watermark.map(seconds))
    });
    let help = "From the watermark of a partition to the wall clock";
    text.by_stream("watermark_lag_seconds", Kind::Gauge, help, label, &tasks, |task| {
        streams(task, |view| view.lag_seconds)
    });
    text.family("inferences", Kind::Gauge, "Predictions of a partition by what has become of them so far");
    for (name, task) in &tasks {
        for (outcome, count) in &task.inferences {
            text.sample("inferences", &[(label, name), ("outcome", outcome)], *count as f64);
        }
    }
    text.family("labels", Kind::Gauge, "Labels of a partition by what has become of them so far");
    for (name, task) in &tasks {
        for (outcome, count) in &task.labels {
            text.sample("labels", &[(label, name), ("outcome", outcome)], *count as f64);
        }
    }
    let help = "Records that came after the watermark of their partition";
    text.by_stream("late_records_total", Kind::Counter, help, label, &tasks, |task| {
        vec![("inferences", outcome(&task.inferences, "late")), ("labels", outcome(&task.labels, "late"))]
    });
    let help = "Labels whose prediction never came";
    text.each("orphan_labels_total", Kind::Counter, help, label, &tasks, |task| outcome(&task.labels, "orphan") as u64);
    let help = "Records that a limit of memory turned away";
    text.each("capped_records_total", Kind::Counter, help, label, &tasks, |task| task.capped);
    let help = "Predictions that wait for their labels";
    text.each("pending_rows", Kind::Gauge, help, label, &tasks, |task| task.pending_rows);
    let help = "Labels that wait for their predictions";
    text.each("buffered_labels", Kind::Gauge, help, label, &tasks, |task| task.buffered_labels);
    let help = "Memory of the rows and labels of a partition";
    text.each("join_memory_bytes", Kind::Gauge, help, label, &tasks, |task| task.memory_bytes);
    let help = "1 if every record of a partition is accounted for exactly once";
    text.by_stream("invariant_holds", Kind::Gauge, help, label, &tasks, |task| {
        let holds = task.invariants.iter().map(|invariant| flag(invariant.holds));
        Stream::ALL.iter().map(|stream| stream.name()).zip(holds).collect()
    });
}

fn outcome(counts: &BTreeMap<&'static str, u64>, name: &str) -> f64 {
    counts.get(name).map_or(0.0, |count| *count as f64)
}

fn judges(text: &mut Text, status: &Snapshot) {
    let judges: Vec<_> = status.judges.iter().map(|judge| (judge.judge.to_string(), judge)).collect();
    let label = "judge";
    text.each("deltas_total", Kind::Counter, "Deltas that a judge folded", label, &judges, |judge| judge.deltas);
    let help = "Deltas dropped because they had been folded";
    text.each("repeated_deltas_total", Kind::Counter, help, label, &judges, |judge| judge.repeats);
    let help = "Deltas missing in the chain of a task";
    text.each("delta_gaps_total", Kind::Counter, help, label, &judges, |judge| judge.gaps);
    let help = "Windows that are not final yet";
    text.each("open_windows", Kind::Gauge, help, label, &judges, |judge| judge.open_windows);
    let help = "Records for windows that had been closed over an idle partition";
    text.each("late_after_idle_records_total", Kind::Counter, help, label, &judges, |judge| judge.late_after_idle);
    text.family("findings_total", Kind::Counter, "Records published, by kind");
    for (name, judge) in &judges {
        for (kind, count) in &judge.published {
            text.sample("findings_total", &[("judge", name), ("kind", kind)], *count as f64);
        }
    }
    let help = "Event time up to which a judge has counted everything, since 1970";
    text.by_stream("judge_clock_timestamp_seconds", Kind::Gauge, help, label, &judges, |judge| {
        judge.clock.iter().filter_map(|(stream, clock)| Some((*stream, seconds((*clock)?)))).collect()
    });
}

fn models(text: &mut Text, status: &Snapshot) {
    let models = &status.models[..status.models.len().min(MOST_MODELS)];
    let left_out = (status.models.len() - models.len()) as f64;
    text.single("models_left_out", Kind::Gauge, "Models beyond 256, which have no series of their own", left_out);
    text.family("firing_alerts", Kind::Gauge, "Alerts that fire; without a model those of the pipeline");
    let pipeline = std::iter::once(("", &status.pipeline_firing));
    for (model, counts) in pipeline.chain(models.iter().map(|model| (model.model.as_str(), &model.firing))) {
        for (severity, count) in counts {
            let severity = match severity {
                Severity::Info => "info",
                Severity::Warning => "warning",
                Severity::Critical => "critical",
            };
            text.sample("firing_alerts", &[("model", model), ("severity", severity)], *count as f64);
        }
    }
    text.family("open_incidents", Kind::Gauge, "Incidents that are open");
    for model in models {
        text.sample("open_incidents", &[("model", &model.model)], model.open_incidents as f64);
    }
    text.family("learning", Kind::Gauge, "1 while the first days of a model are being learnt as its baseline");
    for model in models {
        text.sample("learning", &[("model", &model.model)], flag(model.state == "learning"));
    }
    text.family("last_window_end_timestamp_seconds", Kind::Gauge, "End of the newest window published, since 1970");
    for model in models {
        if let Some(end) = model.versions.iter().filter_map(|version| version.last_window_end).max() {
            text.sample("last_window_end_timestamp_seconds", &[("model", &model.model)], seconds(end));
        }
    }
    text.family("last_final_window_end_timestamp_seconds", Kind::Gauge, "End of the newest final window, since 1970");
    for model in models {
        if let Some(end) = model.versions.iter().filter_map(|version| version.last_final_window_end).max() {
            text.sample("last_final_window_end_timestamp_seconds", &[("model", &model.model)], seconds(end));
        }
    }
}

fn histogram(text: &mut Text, measure: Measure, status: &Snapshot) {
    let name = measure.name();
    let Some(view) = status.measures.get(name) else { return };
    text.family(name, Kind::Histogram, measure.meaning());
    let bucket = format!("{name}_bucket");
    for (end, count) in &view.buckets {
        text.sample(&bucket, &[("le", &end.to_string())], *count as f64);
    }
    text.sample(&bucket, &[("le", "+Inf")], view.count as f64);
    text.sample(&format!("{name}_sum"), &[], view.sum);
    text.sample(&format!("{name}_count"), &[], view.count as f64);
}
