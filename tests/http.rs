//! Does a running process answer what it is asked by HTTP, whatever models are called?
//!
//! A filled status, served at a free port, is asked by a client that is written out here. `promtool` (package
//! `prometheus`) reads the metrics, a browser the page; `tests/run` installs both.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value as Json, json};
use truthline::event::{EventTime, RejectReason, Span};
use truthline::finding::{
    Advice, Alert, AlertState, Basis, Cause, Incident, IncidentState, Retrain, Severity, Subject, Summary,
    SummaryInputs, SummaryLayers, Verdict, WindowBounds, fingerprint,
};
use truthline::http::{self, HttpError, Server};
use truthline::join::{Counts, InferenceCounts, LabelCounts};
use truthline::status::{
    Limits, Measure, Plan, Process, Recorder, Reference, Status, Stream, StreamStatus, TaskStatus,
};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// 2026-03-01.
const START: i64 = 1_772_323_200_000_000;
/// A name that breaks whatever pastes texts together.
const HOSTILE: &str = "a\"b\\c\n<script>alert(1)</script>&/ü?#%";

#[expect(clippy::disallowed_methods, reason = "a server answers at the wall clock's time")]
fn now() -> Instant {
    Instant::now()
}

fn empty() -> Arc<Status> {
    let process = Process {
        instance: "truthline-0".into(),
        version: "0.1.0".into(),
        configuration: "0123456789abcdef".into(),
        group: "truthline".into(),
        inferences: "inferences".into(),
        labels: Some("labels".into()),
        started_at: SystemTime::UNIX_EPOCH + Duration::from_micros(START as u64),
    };
    Arc::new(Status::new(process, now(), Duration::from_mins(1), Limits::default()))
}

fn summary(model: &str, version: &str, start: i64, is_final: bool) -> Summary {
    Summary {
        model: model.into(),
        version: version.into(),
        window: WindowBounds { start, end: start + DAY },
        revision: u32::from(is_final),
        as_of: start + DAY + if is_final { 10 * DAY } else { HOUR / 6 },
        is_final,
        counts: BTreeMap::from([("labelled".into(), 812), ("pending".into(), 190)]),
        inputs: SummaryInputs { n: 1_002, features: Vec::new() },
        predictions: SummaryLayers::default(),
        truth: SummaryLayers::default(),
        business: SummaryLayers::default(),
        active: vec!["input.drift".into()],
        inactive: Vec::new(),
        blind_spots: Vec::new(),
        alerts: Vec::new(),
        late_after_idle: 0,
        capped: false,
    }
}

fn alert(model: Option<&str>, indicator: &str, feature: Option<&str>, severity: Severity, text: &str) -> Alert {
    let subject = Subject { feature: feature.map(str::to_owned), ..Subject::default() };
    let version = model.map(|_| "v1");
    Alert {
        id: format!("{indicator}-{severity:?}"),
        fingerprint: fingerprint(indicator, model, version, &subject),
        indicator: indicator.into(),
        state: AlertState::Firing,
        severity,
        model: model.map(str::to_owned),
        version: version.map(str::to_owned),
        subject,
        window: WindowBounds { start: START + 20 * DAY, end: START + 21 * DAY },
        starts_at: START + 19 * DAY,
        ends_at: None,
        as_of: START + 21 * DAY + HOUR / 6,
        basis: Basis::Inputs,
        basis_final: true,
        value: 0.31,
        reference: Some(0.04),
        effect: Some(0.27),
        floor: Some(0.02),
        interval: Some([0.28, 0.34]),
        n: 1_002,
        effective_n: 1_002.0,
        p_value: Some(1e-12),
        log_e: None,
        smallest_detectable: Some(0.03),
        evidence: BTreeMap::from([("strength".into(), json!(12.5))]),
        text: text.into(),
    }
}

fn incident(model: &str, alerts: &[&Alert]) -> Incident {
    Incident {
        id: format!("incident-of-{model}"),
        model: Some(model.into()),
        version: Some("v1".into()),
        state: IncidentState::Open,
        revision: 2,
        as_of: START + 21 * DAY,
        basis_final: true,
        opened_as_of: START + 20 * DAY,
        closed_as_of: None,
        cause: Cause::BrokenInput,
        confidence: 0.9,
        severity: Severity::Critical,
        advice: vec![Advice::FixInput, Advice::DoNotRetrain],
        alerts: alerts.iter().map(|alert| alert.fingerprint.clone()).collect(),
        evidence: BTreeMap::new(),
        retrain: Retrain {
            verdict: Verdict::DoNotRetrain,
            because: "The input is broken; a new model would learn the breakage.".into(),
        },
        text: "31 % of the values of age are missing, 4 % were. Every prediction since 20 March stands on them.".into(),
    }
}

/// A process with two lanes, a judge, models in every state, and something wrong with one of them.
fn filled() -> Arc<Status> {
    let status = empty();
    let at = |micros: i64| EventTime::from_micros_unchecked(micros);
    for number in 0..2_u32 {
        let lane = status.lane(number, now());
        let partitions = [number * 2, number * 2 + 1];
        lane.assign(&partitions);
        lane.add_records(Stream::Inferences, 120_400, 120_400 * 310);
        lane.add_records(Stream::Labels, 98_000, 98_000 * 96);
        lane.add_rejects(Stream::Inferences, RejectReason::MissingField, 12);
        lane.committed();
        for partition in partitions {
            let newest = START + 21 * DAY + HOUR + i64::from(partition) * 60_000_000;
            lane.task(TaskStatus {
                partition,
                inferences: StreamStatus { behind: Some(u64::from(partition)), watermark: Some(at(newest)) },
                labels: Some(StreamStatus { behind: Some(0), watermark: Some(at(newest - HOUR)) }),
                counts: Counts {
                    inferences: InferenceCounts {
                        read: 60_000,
                        rejected: 6,
                        late: 4,
                        labelled: 49_000,
                        pending: 10_990,
                        ..InferenceCounts::default()
                    },
                    labels: LabelCounts { read: 49_020, joined: 49_000, orphan: 20, ..LabelCounts::default() },
                    capped: 0,
                },
                memory: 1 << 20,
            });
        }
    }
    let judge = status.judge(0, now());
    judge.add_deltas(4_000, 1);
    judge.set_open_windows(33);
    judge.set_clock(Some(at(START + 21 * DAY + HOUR)), Some(at(START + 21 * DAY)));
    let plan = |reference| Plan {
        window: Span::DAY,
        label_window: Span::DAY.times(10),
        out_of_order: Span::from_micros(HOUR / 6),
        label_out_of_order: Some(Span::from_micros(HOUR / 6)),
        reference,
    };
    status.plan("fraud", plan(Reference::Given));
    status.plan("churn", plan(Reference::Learning { until: at(START + 27 * DAY) }));
    status.plan("credit", plan(Reference::Given));
    status.plan(HOSTILE, plan(Reference::Learnt));
    for day in 0..21 {
        judge.summary(&summary("fraud", "v1", START + day * DAY, day < 11));
    }
    judge.summary(&summary(HOSTILE, "v\"1", START, false));
    let missing = alert(
        Some("fraud"),
        "input.missing_rate",
        Some("age"),
        Severity::Critical,
        "31 % of the values of age are missing, 4 % were in the baseline: somebody stopped sending it.",
    );
    let drift =
        alert(Some("fraud"), "input.drift", Some("amount"), Severity::Warning, "The values of amount have moved.");
    let mut provisional = missing.clone();
    provisional.basis_final = false;
    let mut over = alert(Some("fraud"), "decision.rate", None, Severity::Warning, "It was high.");
    over.state = AlertState::Resolved;
    let orphans = alert(None, "join.orphans", None, Severity::Warning, "2 % of labels find no prediction.");
    let hostile = alert(Some(HOSTILE), "input.drift", Some(HOSTILE), Severity::Info, "<img src=x onerror=alert(1)>");
    for one in [&missing, &provisional, &drift, &over, &orphans, &hostile] {
        judge.alert(one);
    }
    judge.incident(&incident("fraud", &[&missing, &drift]));
    let mut recorder = Recorder::default();
    for number in 0..1_000_u64 {
        recorder.record(Measure::LabelDelay, number * 600_000_000);
        recorder.record(Measure::JoinWait, number * 500_000_000);
        recorder.record(Measure::CommitDuration, 3_000 + number * 20);
        recorder.record(Measure::RecordToCommit, 300_000 + number * 900);
        recorder.record(Measure::TransactionSize, 2_000 + number * 300);
    }
    recorder.record(Measure::RestoreDuration, 1_250_000);
    status.measured(&mut recorder);
    status.started();
    status
}

struct Reply {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Reply {
    fn json(&self) -> Json {
        assert_eq!(self.headers["content-type"], "application/json");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

fn ask(address: SocketAddr, method: &str, path: &str) -> Reply {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers =
        lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Reply { status, headers: headers.collect(), body: body.to_owned() }
}

fn get(server: &Server, path: &str) -> Reply {
    ask(server.address(), "GET", path)
}

fn serve(status: Arc<Status>) -> Server {
    http::serve("127.0.0.1:0", status).unwrap()
}

/// A text as one segment of a path.
fn segment(text: &str) -> String {
    text.bytes().fold(String::new(), |path, byte| path + &format!("%{byte:02X}"))
}

#[test]
fn it_is_ready_once_nothing_is_waited_for_and_says_for_what() {
    let status = empty();
    let server = serve(status.clone());
    let reply = get(&server, "/readyz");
    assert_eq!((reply.status, reply.body.as_str()), (503, "the start of the program\n"));
    status.wait_for("restore-3", "restore of partition 3: 41 %");
    status.wait_for("assignment", "an assignment\nof partitions");
    status.started();
    let reply = get(&server, "/readyz");
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (503, "an assignment of partitions\nrestore of partition 3: 41 %\n")
    );
    status.no_longer("restore-3");
    status.no_longer("assignment");
    let reply = get(&server, "/readyz");
    assert_eq!((reply.status, reply.body.as_str()), (200, "ready\n"));
    assert_eq!(reply.headers["content-type"], "text/plain; charset=utf-8");
    status.stop();
    assert_eq!(get(&server, "/readyz").status, 503);
    assert_eq!(get(&server, "/livez").status, 200, "a process that stops is alive");
}

#[test]
fn it_is_alive_while_every_thread_gives_signs_of_life() {
    let process = |patience| {
        let process = Process {
            instance: "x".into(),
            version: "0".into(),
            configuration: "d".into(),
            group: "g".into(),
            inferences: "i".into(),
            labels: None,
            started_at: SystemTime::UNIX_EPOCH,
        };
        Arc::new(Status::new(process, now(), patience, Limits::default()))
    };
    let status = process(Duration::from_hours(1));
    status.lane(0, now());
    let server = serve(status);
    let reply = get(&server, "/livez");
    assert_eq!((reply.status, reply.body.as_str()), (200, "live\n"));
    let status = process(Duration::ZERO);
    status.lane(0, now());
    let server = serve(status);
    let reply = get(&server, "/livez");
    assert_eq!(reply.status, 503);
    assert!(reply.body.starts_with("lane 0: no sign of life for "), "{}", reply.body);
    assert!(get(&server, "/").body.contains("A thread gives no sign of life"));
}

#[test]
fn the_api_gives_what_was_published_byte_for_byte() {
    let server = serve(filled());
    let published = serde_json::to_string(&summary("fraud", "v1", START + 20 * DAY, false)).unwrap();
    let reply = get(&server, "/api/v1/models/fraud/versions/v1/summaries");
    assert_eq!(reply.status, 200);
    assert!(reply.body.starts_with(&format!("{{\"summaries\":[{published}")), "{}", &reply.body[..300]);
    assert_eq!(reply.json()["summaries"].as_array().unwrap().len(), 21);

    let alerts: Vec<Alert> = serde_json::from_value(get(&server, "/api/v1/alerts").json()["alerts"].take()).unwrap();
    assert_eq!(alerts.len(), 6);
    assert_eq!(alerts[0].severity, Severity::Critical);
    assert_eq!(alerts[5].state, AlertState::Resolved, "what ended comes last");
    assert!(alerts.contains(&alert(
        None,
        "join.orphans",
        None,
        Severity::Warning,
        "2 % of labels find no prediction."
    )));
    let incidents = get(&server, "/api/v1/incidents").json();
    let incidents: Vec<Incident> = serde_json::from_value(incidents["incidents"].clone()).unwrap();
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0].cause, Cause::BrokenInput);

    let models = get(&server, "/api/v1/models").json();
    let of = |name: &str| {
        let models = models["models"].as_array().unwrap();
        models.iter().find(|model| model["model"] == name).unwrap_or_else(|| panic!("{name}")).clone()
    };
    assert_eq!(of("fraud")["state"], "watched");
    assert_eq!(of("fraud")["firing"], json!({ "info": 0, "warning": 1, "critical": 1 }));
    assert_eq!(of("fraud")["next_inputs"], START + 22 * DAY + HOUR / 6);
    assert_eq!(of("fraud")["next_labels"], START + 22 * DAY + HOUR / 6, "the twelfth day and the label window");
    assert_eq!(of("churn")["state"], "learning");
    assert_eq!(of("churn")["learning_until"], START + 27 * DAY);
    assert_eq!(of("credit")["state"], "waiting");
    let one = get(&server, "/api/v1/models/fraud").json();
    assert_eq!(one["model"], of("fraud"));
    assert_eq!((one["alerts"].as_array().unwrap().len(), one["incidents"].as_array().unwrap().len()), (4, 1));

    let status = get(&server, "/api/v1/status").json();
    assert_eq!(status["ready"], true);
    assert_eq!(status["tasks"].as_array().unwrap().len(), 4);
    assert_eq!(status["tasks"][3]["streams"]["inferences"]["behind"], 3);
    assert_eq!(status["tasks"][0]["invariants"][0]["holds"], true);
    assert_eq!(status["lanes"][0]["rejects"]["inferences"]["missing_field"], 12);
    assert_eq!(status["measures"]["label_delay_seconds"]["count"], 1_000);
    assert_eq!(status["process"]["instance"], "truthline-0");
}

#[test]
fn a_hostile_name_is_found_and_harms_nothing() {
    let server = serve(filled());
    let reply = get(&server, &format!("/api/v1/models/{}", segment(HOSTILE)));
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.json()["model"]["model"], HOSTILE);
    let path = format!("/api/v1/models/{}/versions/{}/summaries", segment(HOSTILE), segment("v\"1"));
    assert_eq!(get(&server, &path).json()["summaries"][0]["model"], HOSTILE);

    let page = get(&server, "/").body;
    assert!(page.contains("&lt;script&gt;alert(1)"), "the name is shown");
    for element in ["<script", "<img"] {
        assert!(!page.contains(element), "{element} stands in the page");
    }
    let metrics = get(&server, "/metrics").body;
    let escaped = HOSTILE.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let sample = format!("truthline_firing_alerts{{model=\"{escaped}\",severity=\"info\"}} 1");
    assert!(metrics.lines().any(|line| line == sample), "{sample}");
}

#[test]
fn what_is_not_there_is_404_and_nothing_can_be_changed() {
    let server = serve(filled());
    for path in ["/api/v1/models/none", "/api/v1/models/fraud/versions/v9/summaries", "/api/v2", "/api/v1/models/x/y"] {
        let reply = get(&server, path);
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.json()["error"].as_str().unwrap().contains("known: "), "{path}: {}", reply.body);
    }
    let reply = get(&server, "/api/v1/models/%FF");
    assert_eq!(reply.status, 400);
    assert!(reply.json()["error"].is_string());
    assert_eq!(get(&server, "/favicon.ico").status, 404);
    for method in ["POST", "PUT", "DELETE"] {
        let reply = ask(server.address(), method, "/api/v1/alerts");
        assert_eq!(reply.status, 405, "{method}");
        assert_eq!(reply.json()["error"], "accepted: GET and HEAD");
        assert_eq!(reply.headers["allow"], "GET,HEAD");
        assert_eq!(ask(server.address(), method, "/metrics").status, 405);
    }
    for path in ["/", "/livez", "/readyz", "/metrics", "/api/v1/status", "/api/v1/alerts"] {
        let reply = ask(server.address(), "HEAD", path);
        assert_eq!((reply.status, reply.body.as_str()), (200, ""), "{path}");
        assert!(reply.headers["content-length"].parse::<usize>().unwrap() > 0, "{path}");
        assert_eq!(reply.headers["cache-control"], "no-store");
    }
}

#[test]
fn promtool_finds_nothing_to_say_about_the_metrics() {
    for status in [empty(), filled()] {
        let server = serve(status);
        let reply = get(&server, "/metrics");
        assert_eq!(reply.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        let child = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child =
            child.unwrap_or_else(|error| panic!("promtool: {error}; use tests/run, or install the package prometheus"));
        child.stdin.take().unwrap().write_all(reply.body.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}\n{}", reply.body);
    }
}

#[test]
fn the_metrics_agree_with_what_was_told() {
    let server = serve(filled());
    let text = get(&server, "/metrics").body;
    let value = |sample: &str| -> String {
        let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{sample} is missing")).to_owned()
    };
    let delays: u64 = (0..1_000).map(|number| number * 600).sum();
    for (sample, expected) in [
        ("truthline_ready", 1),
        ("truthline_records_total{lane=\"1\",stream=\"labels\"}", 98_000),
        ("truthline_rejects_total{lane=\"0\",stream=\"inferences\",reason=\"missing_field\"}", 12),
        ("truthline_lag_records{partition=\"3\",stream=\"inferences\"}", 3),
        ("truthline_inferences{partition=\"0\",outcome=\"pending\"}", 10_990),
        ("truthline_orphan_labels_total{partition=\"2\"}", 20),
        ("truthline_invariant_holds{partition=\"2\",stream=\"labels\"}", 1),
        ("truthline_firing_alerts{model=\"fraud\",severity=\"critical\"}", 1),
        ("truthline_firing_alerts{model=\"\",severity=\"warning\"}", 1),
        ("truthline_last_final_window_end_timestamp_seconds{model=\"fraud\"}", (START + 11 * DAY) as u64 / 1_000_000),
        // The delays are 0, 600, 1200, … seconds: 7 of them are at most an hour.
        ("truthline_label_delay_seconds_bucket{le=\"3600\"}", 7),
        ("truthline_label_delay_seconds_bucket{le=\"+Inf\"}", 1_000),
        ("truthline_label_delay_seconds_sum", delays),
    ] {
        assert_eq!(value(sample), expected.to_string(), "{sample}");
    }
    // Equal names stand together, and no series stands twice.
    let series: Vec<&str> =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap().0).collect();
    let mut distinct = series.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), series.len());
}

#[test]
fn every_metric_is_explained() {
    let text = get(&serve(filled()), "/metrics").body;
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")).unwrap();
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(names.len() > 30, "{}", names.len());
    for name in &names {
        assert!(page.contains(&format!("| `{name}` |")), "docs/operations.md lacks `{name}`");
    }
    // No name on the page is one that is not there; those of the alerts are checked with their expressions.
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    for (at, _) in page.match_indices("truthline_") {
        let name: String = page[at..].chars().take_while(|&c| is_name(c)).collect();
        assert!(names.contains(&name.as_str()), "docs/operations.md names {name}, which is not there");
    }
}

#[test]
fn what_to_alert_on_can_be_given_to_prometheus() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")).unwrap();
    let table = page.split("## What to alert on").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rules: Vec<Json> = rows
        .enumerate()
        .map(|(place, (expression, rest))| {
            let wait = rest.split(" | ").next().unwrap().replace(' ', "");
            json!({ "alert": format!("Rule{place}"), "expr": expression, "for": wait })
        })
        .collect();
    assert!(rules.len() >= 10, "{}", rules.len());
    let count = rules.len();
    let mut file = tempfile::Builder::new().suffix(".yml").tempfile().unwrap();
    // JSON is YAML.
    write!(file, "{}", json!({ "groups": [{ "name": "truthline", "rules": rules }] })).unwrap();
    let output = Command::new("promtool").args(["check", "rules"]).arg(file.path()).output();
    let output = output.unwrap_or_else(|error| panic!("promtool: {error}; use tests/run, or install prometheus"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains(&format!("{count} rules found")), "{said}");
}

#[test]
fn the_page_says_what_fires_what_is_watched_and_when_it_speaks() {
    let server = serve(filled());
    let reply = get(&server, "/");
    assert_eq!(reply.headers["content-type"], "text/html; charset=utf-8");
    let policy = &reply.headers["content-security-policy"];
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.contains("script-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for text in [
        // A final and a provisional life of one alert are one alert; news is none.
        "<h1>3 alerts fire now</h1>",
        "somebody stopped sending it",
        "2 % of labels find no prediction.",
        "learning until 28 Mar 2026",
        "waiting for its first window",
        "22 Mar 2026",
        "All sums agree",
    ] {
        assert!(reply.body.contains(text), "the page lacks {text}");
    }
    assert!(!reply.body.contains("It was high."), "a resolved alert does not fire");

    let status = empty();
    status.wait_for("broker", "the broker localhost:9092");
    let page = get(&serve(status), "/").body;
    assert!(page.contains("Not ready yet") && page.contains("the broker localhost:9092"), "{page}");
}

#[test]
fn an_address_that_cannot_be_used_is_a_clear_error() {
    let server = serve(empty());
    let listen = server.address().to_string();
    let error = http::serve(&listen, empty()).unwrap_err();
    assert!(matches!(error, HttpError::Address { .. }));
    let text = error.to_string();
    assert!(text.contains(&format!("http.listen: {listen}: the address is in use")), "{text}");
    for wrong in ["127.0.0.1", "127.0.0.1:99999", "192.0.2.1:0"] {
        let error = http::serve(wrong, empty()).unwrap_err();
        assert!(error.to_string().starts_with(&format!("http.listen: {wrong}: ")), "{error}");
    }
    // Once it has stopped, the port is free.
    server.stop();
    let again = http::serve(&listen, empty()).unwrap();
    assert_eq!(get(&again, "/livez").status, 200);
}

#[test]
fn it_stops_at_once_although_a_connection_is_open() {
    let server = serve(empty());
    let mut idle = TcpStream::connect(server.address()).unwrap();
    write!(idle, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut first = [0; 15];
    idle.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    let mut half = TcpStream::connect(server.address()).unwrap();
    write!(half, "GET /livez HTT").unwrap();
    let begun = now();
    server.stop();
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[test]
fn more_connections_than_there_are_places_wait_their_turn() {
    let server = serve(empty());
    let mut silent: Vec<TcpStream> = (0..64).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    // Each of them holds its place once it has been answered.
    for stream in &mut silent {
        write!(stream, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut first = [0; 15];
        stream.read_exact(&mut first).unwrap();
    }
    let address = server.address();
    let waiting = std::thread::spawn(move || ask(address, "GET", "/livez").status);
    std::thread::sleep(Duration::from_millis(300));
    assert!(!waiting.is_finished(), "a 65th connection was answered at once");
    silent.pop();
    assert_eq!(waiting.join().unwrap(), 200);
}

#[test]
#[ignore = "needs a browser: tests/run installs it and asks for this test"]
fn the_page_reads_well_in_a_browser() {
    let server = serve(filled());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/page.sh");
    let url = format!("http://{}/", server.address());
    let output = Command::new(script).args([&url, "3 alerts fire now"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
