//! What stands on the page, in words?

use std::collections::BTreeMap;

use serde::Serialize;

use super::units::{rough, second, size};
use crate::finding::{Alert, AlertState, Incident, IncidentState, Severity};
use crate::report::{number, words};
use crate::status::{Measure, ModelView, Snapshot, Stream, TaskView};

/// At most so many alerts and incidents are written out; more are counted, and all stand in the API.
const MOST_FINDINGS: usize = 50;
/// The same of models and of partitions.
const MOST_ROWS: usize = 200;

/// All that the template knows.
#[derive(Debug, Serialize)]
pub(super) struct Page<'a> {
    style: String,
    instance: &'a str,
    version: &'a str,
    configuration: &'a str,
    topics: Vec<&'a String>,
    group: &'a str,
    now: String,
    uptime: String,
    headline: String,
    tone: &'static str,
    waiting_for: &'a [String],
    silent: &'a [String],
    broken: Vec<String>,
    tiles: Vec<Tile>,
    incidents: Vec<IncidentCard>,
    alerts: Vec<AlertCard>,
    left_out: usize,
    models: Vec<ModelRow<'a>>,
    more_models: usize,
    streams: Vec<StreamRow>,
    tasks: Vec<TaskRow>,
    more_tasks: usize,
    outcomes: Vec<Fact>,
    labels: Vec<Fact>,
    rejects: Vec<Fact>,
    measures: Vec<MeasureRow>,
    not_kept: u64,
}

/// A name and what stands behind it.
#[derive(Debug, Serialize)]
struct Fact {
    name: String,
    value: String,
}

/// A figure at the top.
#[derive(Debug, Serialize)]
struct Tile {
    name: &'static str,
    value: String,
    note: String,
}

/// An alert that fires.
#[derive(Debug, Serialize)]
struct AlertCard {
    severity: &'static str,
    class: &'static str,
    who: String,
    subject: String,
    indicator: String,
    text: String,
    since: String,
    as_of: String,
    provisional: bool,
}

/// An incident that is open.
#[derive(Debug, Serialize)]
struct IncidentCard {
    severity: &'static str,
    class: &'static str,
    who: String,
    headline: &'static str,
    text: String,
    advice: Vec<&'static str>,
    verdict: &'static str,
    because: String,
    since: String,
}

/// A model.
#[derive(Debug, Serialize)]
struct ModelRow<'a> {
    name: &'a str,
    state: String,
    class: &'static str,
    versions: String,
    last: String,
    last_final: String,
    next_inputs: String,
    next_labels: String,
    firing: String,
}

/// A stream over all partitions of this process.
#[derive(Debug, Serialize)]
struct StreamRow {
    name: &'static str,
    watermark: String,
    lag: String,
    behind: String,
}

/// A partition.
#[derive(Debug, Serialize)]
struct TaskRow {
    partition: u32,
    lane: u32,
    watermarks: Vec<String>,
    behind: Vec<String>,
    pending: String,
    buffered: String,
}

/// A measure.
#[derive(Debug, Serialize)]
struct MeasureRow {
    meaning: &'static str,
    count: String,
    p50: String,
    p99: String,
    max: String,
}

impl<'a> Page<'a> {
    pub(super) fn new(style: String, status: &'a Snapshot, alerts: &[Alert], incidents: &[Incident]) -> Self {
        let firing = firing(alerts);
        let open: Vec<&Incident> = incidents.iter().filter(|incident| incident.state == IncidentState::Open).collect();
        let (headline, tone) = headline(status, &firing);
        // What fires comes first; a sort that keeps the order of names.
        let mut models: Vec<&ModelView> = status.models.iter().collect();
        models.sort_by_key(|model| std::cmp::Reverse(worst(model)));
        let shown = firing.len().min(MOST_FINDINGS);
        let broken = status.tasks.iter().flat_map(|task| {
            task.invariants
                .iter()
                .filter(|one| !one.holds)
                .map(move |one| format!("partition {}: {} ({} ≠ {})", task.partition, one.name, one.left, one.right))
        });
        let process = &status.process;
        Self {
            style,
            instance: &process.instance,
            version: &process.version,
            configuration: &process.configuration,
            topics: [Some(&process.inferences), process.labels.as_ref()].into_iter().flatten().collect(),
            group: &process.group,
            now: second(status.now),
            uptime: rough(status.now - process.started_at),
            headline,
            tone,
            waiting_for: &status.waiting_for,
            silent: &status.silent,
            broken: broken.take(MOST_FINDINGS).collect(),
            tiles: tiles(status, &firing, open.len()),
            incidents: open.iter().take(MOST_FINDINGS).map(|incident| incident_card(incident)).collect(),
            left_out: firing.len() - shown + open.len().saturating_sub(MOST_FINDINGS),
            alerts: firing.iter().take(shown).map(|alert| alert_card(alert)).collect(),
            models: models.iter().take(MOST_ROWS).map(|model| model_row(model, status)).collect(),
            more_models: status.models.len().saturating_sub(MOST_ROWS),
            streams: streams(status),
            tasks: status.tasks.iter().take(MOST_ROWS).map(task_row).collect(),
            more_tasks: status.tasks.len().saturating_sub(MOST_ROWS),
            outcomes: sum(status.tasks.iter().map(|task| &task.inferences)),
            labels: sum(status.tasks.iter().map(|task| &task.labels)),
            rejects: rejects(status),
            measures: Measure::ALL.iter().filter_map(|&measure| measure_row(measure, status)).collect(),
            not_kept: status.left_out,
        }
    }
}

/// The alerts that fire, one a fingerprint: of a final and a provisional life the one with the final basis.
fn firing(alerts: &[Alert]) -> Vec<&Alert> {
    let mut best: BTreeMap<&str, &Alert> = BTreeMap::new();
    for alert in alerts.iter().filter(|alert| alert.state == AlertState::Firing) {
        let kept = best.entry(&alert.fingerprint).or_insert(alert);
        if (alert.basis_final, alert.as_of) > (kept.basis_final, kept.as_of) {
            *kept = alert;
        }
    }
    let mut firing: Vec<&Alert> = best.into_values().collect();
    firing.sort_by_key(|alert| (std::cmp::Reverse((alert.severity, alert.starts_at)), alert.fingerprint.as_str()));
    firing
}

fn headline(status: &Snapshot, firing: &[&Alert]) -> (String, &'static str) {
    let loud = firing.iter().filter(|alert| alert.severity > Severity::Info).count() as u64;
    let worst = firing.iter().map(|alert| alert.severity).max();
    if !status.live {
        return ("A thread gives no sign of life".into(), "critical");
    }
    if loud > 0 {
        let verb = if loud == 1 { "fires" } else { "fire" };
        return (format!("{} {verb} now", number::counted(loud, "alert")), class(worst.unwrap_or(Severity::Warning)));
    }
    if !status.ready {
        return ("Not ready yet".into(), "warning");
    }
    if status.models.is_empty() {
        return ("No model has been seen yet".into(), "info");
    }
    ("Nothing fires".into(), "quiet")
}

fn tiles(status: &Snapshot, firing: &[&Alert], open: usize) -> Vec<Tile> {
    let news = firing.iter().filter(|alert| alert.severity == Severity::Info).count();
    let learning = status.models.iter().filter(|model| model.state == "learning").count();
    let waiting = status.models.iter().filter(|model| model.state == "waiting").count();
    let records: u64 = status.lanes.iter().flat_map(|lane| lane.records.values()).sum();
    let pending: u64 = status.tasks.iter().map(|task| task.pending_rows).sum();
    vec![
        Tile {
            name: "Models",
            value: number::count(status.models.len() as u64),
            note: format!("{learning} learning, {waiting} waiting for a first window"),
        },
        Tile {
            name: "Firing",
            value: number::count((firing.len() - news) as u64),
            note: format!("and {news} of news; {} open", number::counted(open as u64, "incident")),
        },
        Tile {
            name: "Partitions",
            value: number::count(status.tasks.len() as u64),
            note: format!("on {}", number::counted(status.lanes.len() as u64, "lane")),
        },
        Tile { name: "Records", value: number::count(records), note: "read since the start".into() },
        Tile { name: "Pending", value: number::count(pending), note: "predictions that wait for labels".into() },
    ]
}

fn who(model: Option<&str>, version: Option<&str>) -> String {
    match (model, version) {
        (None, _) => "pipeline".into(),
        (Some(model), None) => model.into(),
        (Some(model), Some(version)) => format!("{model}, version {version}"),
    }
}

fn alert_card(alert: &Alert) -> AlertCard {
    AlertCard {
        severity: words::severity(alert.severity),
        class: class(alert.severity),
        who: who(alert.model.as_deref(), alert.version.as_deref()),
        subject: words::subject(&alert.subject),
        indicator: alert.indicator.clone(),
        text: alert.text.clone(),
        since: number::moment(alert.starts_at),
        as_of: number::moment(alert.as_of),
        provisional: !alert.basis_final,
    }
}

fn incident_card(incident: &Incident) -> IncidentCard {
    IncidentCard {
        severity: words::severity(incident.severity),
        class: class(incident.severity),
        who: who(incident.model.as_deref(), incident.version.as_deref()),
        headline: words::cause(incident.cause).0,
        text: incident.text.clone(),
        advice: incident.advice.iter().map(|&advice| words::advice(advice)).collect(),
        verdict: words::verdict(incident.retrain.verdict),
        because: incident.retrain.because.clone(),
        since: number::moment(incident.opened_as_of),
    }
}

fn model_row<'a>(model: &'a ModelView, status: &Snapshot) -> ModelRow<'a> {
    let (state, class) = match model.state {
        "learning" => {
            let until = model.learning_until.map_or(number::NONE.into(), number::moment);
            (format!("learning until {until}"), "info")
        }
        "waiting" => ("waiting for its first window".into(), "info"),
        _ if model.reference == Some("learnt") => ("watched against what it learnt".into(), "quiet"),
        _ => ("watched".into(), "quiet"),
    };
    let moment = |micros: Option<i64>| micros.map_or(number::NONE.into(), number::moment);
    let newest = model.versions.iter().filter_map(|version| version.last_window_end).max();
    let newest_final = model.versions.iter().filter_map(|version| version.last_final_window_end).max();
    let names: Vec<&str> = model.versions.iter().map(|version| version.version.as_str()).take(4).collect();
    let more = model.versions.len().saturating_sub(names.len());
    let versions = match (names.is_empty(), more) {
        (true, _) => number::NONE.into(),
        (false, 0) => names.join(", "),
        (false, more) => format!("{} and {more} more", names.join(", ")),
    };
    let counts = model.firing.iter().rev().filter(|(_, count)| **count > 0);
    let firing: Vec<String> =
        counts.map(|(severity, count)| format!("{count} {}", words::severity(*severity))).collect();
    ModelRow {
        name: &model.model,
        state,
        class: worst(model).map_or(class, self::class),
        versions,
        last: moment(newest),
        last_final: moment(newest_final),
        next_inputs: due(model.next_inputs, status.now),
        next_labels: due(model.next_labels, status.now),
        firing: if firing.is_empty() { "nothing".into() } else { firing.join(", ") },
    }
}

fn worst(model: &ModelView) -> Option<Severity> {
    model.firing.iter().rev().find(|(severity, count)| **count > 0 && **severity > Severity::Info).map(|(one, _)| *one)
}

/// A moment of event time: how far ahead of the wall clock it is, or that the stream should have been there.
fn due(time: Option<i64>, now: i64) -> String {
    let Some(time) = time else { return number::NONE.into() };
    let moment = number::moment(time);
    if time > now { format!("{moment}, in {}", rough(time - now)) } else { format!("{moment}, the stream is behind") }
}

fn streams(status: &Snapshot) -> Vec<StreamRow> {
    let rows = Stream::ALL.map(|stream| {
        let views: Vec<_> = status.tasks.iter().filter_map(|task| task.streams.get(stream.name())).collect();
        if views.is_empty() {
            return None;
        }
        // One partition without a record holds its whole stream back.
        let watermark = views.iter().map(|view| view.watermark).min().flatten();
        let behind = views.iter().map(|view| view.behind).try_fold(0_u64, |sum, behind| Some(sum + behind?));
        Some(StreamRow {
            name: stream.name(),
            watermark: watermark.map_or("nothing on some partition yet".into(), second),
            lag: watermark.map_or(number::NONE.into(), |watermark| rough(status.now - watermark)),
            behind: behind.map_or("unknown".into(), number::count),
        })
    });
    rows.into_iter().flatten().collect()
}

fn task_row(task: &TaskView) -> TaskRow {
    let views = || Stream::ALL.iter().map(|stream| task.streams.get(stream.name()));
    let text = |value: Option<String>| value.unwrap_or_else(|| number::NONE.into());
    TaskRow {
        partition: task.partition,
        lane: task.lane,
        watermarks: views().map(|view| text(view.and_then(|view| view.watermark).map(second))).collect(),
        behind: views().map(|view| text(view.and_then(|view| view.behind).map(number::count))).collect(),
        pending: number::count(task.pending_rows),
        buffered: number::count(task.buffered_labels),
    }
}

fn sum<'a>(tasks: impl Iterator<Item = &'a BTreeMap<&'static str, u64>>) -> Vec<Fact> {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for (outcome, count) in tasks.flatten() {
        *sums.entry(outcome).or_default() += count;
    }
    let facts = sums.into_iter().filter(|(_, count)| *count > 0);
    facts.map(|(name, count)| Fact { name: name.replace('_', " "), value: number::count(count) }).collect()
}

fn rejects(status: &Snapshot) -> Vec<Fact> {
    let mut sums: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (stream, reasons) in status.lanes.iter().flat_map(|lane| &lane.rejects) {
        for (reason, count) in reasons.iter().filter(|(_, count)| **count > 0) {
            *sums.entry((stream, reason)).or_default() += count;
        }
    }
    let name = |(stream, reason): (&str, &str)| format!("{stream}: {}", reason.replace('_', " "));
    sums.into_iter().map(|(key, count)| Fact { name: name(key), value: number::count(count) }).collect()
}

fn measure_row(measure: Measure, status: &Snapshot) -> Option<MeasureRow> {
    let view = status.measures.get(measure.name()).filter(|view| view.count > 0)?;
    let text = |value: f64| match measure {
        Measure::TransactionSize => size(value),
        _ => rough((value * 1e6) as i64),
    };
    Some(MeasureRow {
        meaning: measure.meaning(),
        count: number::count(view.count),
        p50: text(view.p50),
        p99: text(view.p99),
        max: text(view.max),
    })
}

/// The name of a severity in the style sheet.
const fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}
