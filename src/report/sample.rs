//! What stories are the tests told with?
//!
//! Three made-up runs: a fraud model that misses a new payment method while its averages look fine, the same model on
//! a healthy month, and a noisy one with a hundred alerts. Noise comes from hashes, so every run is the same.

#![expect(clippy::too_many_lines, reason = "a story reads best in one piece")]

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Serialize;
use serde_json::json;

use super::Findings;
use crate::event::value_hash;
use crate::finding::*;

pub(super) const DAY: i64 = 86_400_000_000;
/// 1 January 2026.
pub(super) const START: i64 = 1_767_225_600_000_000;
/// How long labels take.
const W: i64 = 10 * DAY;

/// Noise in [-1, 1] with a triangular shape.
fn noise(name: &str, day: i64) -> f64 {
    let unit = |salt: &str| (value_hash(&format!("{name}/{day}/{salt}")) >> 11) as f64 / (1_u64 << 53) as f64;
    unit("a") - unit("b")
}

fn map<const N: usize, V>(pairs: [(&str, V); N]) -> BTreeMap<String, V> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn day(day: i64) -> WindowBounds {
    WindowBounds { start: START + day * DAY, end: START + (day + 1) * DAY }
}

fn due(window: WindowBounds, basis: Basis) -> i64 {
    window.end + 600_000_000 + if basis == Basis::Labels { W } else { 0 }
}

fn figure(value: f64, half: f64, n: u64, maturity: Maturity, coverage: f64, reference: f64) -> Figure {
    let immature = maturity == Maturity::Immature;
    let half = if maturity == Maturity::Mature { half } else { half * 1.8 };
    Figure {
        value: (!immature || coverage > 0.1).then_some(value),
        interval: (!immature).then_some([value - half, value + half]),
        n,
        effective_n: n as f64,
        maturity,
        coverage: Some(coverage),
        expected_coverage: Some((coverage * 1.03).min(0.985)),
        estimator: "complete".into(),
        error_bound: 0.0,
        reference: Some(reference),
    }
}

fn exact(value: f64, n: u64, reference: f64) -> Figure {
    let half = 1.96 * (value * (1.0 - value) / n as f64).max(0.0).sqrt();
    figure(value, half, n, Maturity::Mature, 1.0, reference)
}

const FEATURES: [(&str, bool); 12] = [
    ("payment_method", false),
    ("amount", true),
    ("country", false),
    ("merchant_category", false),
    ("hour", true),
    ("account_age_days", true),
    ("device", false),
    ("channel", false),
    ("transactions_24h", true),
    ("distance_km", true),
    ("is_weekend", false),
    ("email_domain", false),
];

fn movement(name: &str, numeric: bool, at: i64, instant: f64) -> Movement {
    let n = 4_000 + (noise("n", at) * 300.0) as u64;
    let quiet = 0.006 + 0.004 * noise(name, at).abs();
    let (distance, psi, cells, unfamiliar) = if name == "payment_method" {
        let left = 1.0 - instant;
        let cells = vec![
            ("instant".to_owned(), instant, 0.0),
            ("card".to_owned(), 0.62 * left, 0.62),
            ("transfer".to_owned(), 0.21 * left, 0.21),
            ("wallet".to_owned(), 0.17 * left, 0.17),
        ];
        (quiet.max(instant), 0.002 + instant * 2.4, cells, instant)
    } else if name == "amount" {
        let cells = vec![
            ("[0, 12.5)".to_owned(), 0.11 - instant / 3.0, 0.11),
            ("[180, 420)".to_owned(), 0.13 + instant / 3.0, 0.13),
        ];
        (quiet + instant / 3.0, 0.004 + instant / 4.0, cells, 0.0002)
    } else {
        let cells = if numeric {
            vec![("[3, 7)".to_owned(), 0.12 + quiet, 0.12), ("[21, 24)".to_owned(), 0.09 - quiet / 2.0, 0.09)]
        } else {
            vec![("DE".to_owned(), 0.31 + quiet, 0.31), ("FR".to_owned(), 0.22 - quiet, 0.22)]
        };
        (quiet, 0.002 + quiet / 10.0, cells, 0.0001)
    };
    Movement {
        feature: name.into(),
        n,
        psi: Some(psi),
        distance: Some(distance),
        missing: exact(0.01 + 0.002 * noise(&format!("{name} missing"), at), n, 0.01),
        unfamiliar: exact(unfamiliar, n, 0.0),
        mean: numeric.then(|| 64.0 + instant * 90.0 + noise(name, at)),
        mean_reference: numeric.then_some(64.0),
        cells,
    }
}

fn scores(n: u64, coverage: f64, missed: u64, at: i64) -> Vec<ScoreBin> {
    let groups = [
        (0.0, 0.01, 0.55, 0.004),
        (0.01, 0.03, 0.20, 0.018),
        (0.03, 0.08, 0.12, 0.05),
        (0.08, 0.2, 0.07, 0.13),
        (0.2, 0.4, 0.03, 0.29),
        (0.4, 0.7, 0.018, 0.55),
        (0.7, 0.9, 0.008, 0.81),
        (0.9, 1.0, 0.004, 0.95),
    ];
    let mut bins: Vec<ScoreBin> = groups
        .into_iter()
        .map(|(low, high, share, stated)| {
            let n = (n as f64 * share) as u64;
            let labelled = (n as f64 * coverage) as u64;
            let observed = stated * (1.0 + 0.12 * noise(&format!("{low}"), at));
            ScoreBin { low, high, n, labelled, positive: (labelled as f64 * observed.min(1.0)).round() as u64, stated }
        })
        .collect();
    bins[0].positive += missed;
    bins
}

fn slice(pairs: &[(&str, &str)], n: u64, observed: u64, expected: f64, rates: [f64; 3]) -> SliceFigure {
    SliceFigure {
        slice: pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        n,
        observed,
        expected,
        error_rate: Some(rates[0]),
        fnr: Some(rates[1]),
        fpr: Some(rates[2]),
    }
}

/// One day of the model; `instant` is the share of the new payment method, `seen` how many days of labels there are.
fn summary(version: &str, at: i64, instant: f64, seen: i64) -> Summary {
    let n = 4_000 + (noise("n", at) * 300.0) as u64;
    let age = seen - at;
    let (coverage, maturity) = match age {
        a if a > 10 => (0.982 + 0.004 * noise("c", at), Maturity::Mature),
        a if a >= 5 => (0.55 + 0.085 * (a - 5) as f64, Maturity::Provisional),
        a => (0.06 + 0.1 * a.max(0) as f64, Maturity::Immature),
    };
    let labelled = (n as f64 * coverage) as u64;
    let dip = instant * 0.05;
    let one = |name: &str, value: f64, spread: f64, half: f64, reference: f64| {
        (name.to_owned(), figure(value + spread * noise(name, at), half, labelled, maturity, coverage, reference))
    };
    let metrics = BTreeMap::from([
        one("auc", 0.914 - dip, 0.006, 0.013, 0.915),
        one("log_loss", 0.118 + dip, 0.004, 0.009, 0.117),
        one("brier", 0.031 + dip / 3.0, 0.001, 0.003, 0.031),
        one("accuracy", 0.967 - dip / 4.0, 0.002, 0.005, 0.967),
        one("precision", 0.71, 0.03, 0.07, 0.71),
        one("recall", 0.58 - dip, 0.03, 0.07, 0.585),
        one("f1", 0.64 - dip, 0.025, 0.06, 0.64),
    ]);
    let estimated = BTreeMap::from([
        ("auc".to_owned(), exact(0.915 + 0.003 * noise("e", at), n, 0.915)),
        ("log_loss".to_owned(), exact(0.117 + 0.002 * noise("e2", at), n, 0.117)),
    ]);
    let in_slice = (labelled as f64 * instant) as u64;
    let missed = (in_slice as f64 * 0.14) as u64;
    let mut slices = vec![
        slice(&[("country", "DE")], labelled / 3, 41, 43.2, [0.031, 0.41, 0.012]),
        slice(&[("country", "FR")], labelled / 5, 29, 27.9, [0.034, 0.43, 0.013]),
        slice(&[("device", "ios")], labelled / 4, 35, 33.1, [0.033, 0.39, 0.011]),
        slice(&[("merchant_category", "travel")], labelled / 12, 22, 17.5, [0.052, 0.44, 0.02]),
        slice(&[("amount", "[180, 420)"), ("channel", "web")], labelled / 20, 11, 8.6, [0.041, 0.45, 0.015]),
    ];
    if in_slice > 0 {
        slices.insert(0, slice(&[("payment_method", "instant")], in_slice, missed + 2, 3.1, [0.142, 0.93, 0.004]));
    }
    let window = day(at);
    Summary {
        model: "fraud".into(),
        version: version.into(),
        window,
        revision: if age > 10 { 3 } else { 1 },
        as_of: window.end + age.clamp(0, 10) * DAY,
        is_final: age > 10,
        counts: map([
            ("labelled", labelled),
            ("pending", if age > 10 { 0 } else { n - labelled }),
            ("never_labelled", if age > 10 { n - labelled } else { 0 }),
        ]),
        inputs: SummaryInputs {
            n,
            features: FEATURES.iter().map(|(name, numeric)| movement(name, *numeric, at, instant)).collect(),
        },
        predictions: SummaryLayers {
            figures: map([
                ("mean_score", exact(0.041 + 0.001 * noise("mean", at), n, 0.041)),
                ("decision_rate", exact(0.03 + 0.002 * noise("decision", at), n, 0.03)),
            ]),
            estimated,
            ..SummaryLayers::default()
        },
        truth: SummaryLayers {
            figures: map([
                (
                    "label_rate",
                    figure(
                        0.041 + instant * 0.1 + 0.002 * noise("rate", at),
                        0.006,
                        labelled,
                        maturity,
                        coverage,
                        0.041,
                    ),
                ),
                ("coverage", figure(coverage, 0.004, n, maturity, coverage, 0.985)),
                (
                    "calibration_intercept",
                    figure(instant * 2.0 + 0.03 * noise("ci", at), 0.11, labelled, maturity, coverage, 0.0),
                ),
                (
                    "calibration_slope",
                    figure(1.0 - instant + 0.03 * noise("cs", at), 0.09, labelled, maturity, coverage, 1.0),
                ),
            ]),
            metrics,
            scores: scores(n, coverage, missed, at),
            slices,
            ..SummaryLayers::default()
        },
        business: SummaryLayers::default(),
        active: [
            "input.drift",
            "input.emerging_value",
            "input.missing_rate",
            "input.unseen_value",
            "prediction.drift",
            "slice.error_rate",
            "performance.degradation",
            "calibration.slope",
        ]
        .map(String::from)
        .to_vec(),
        inactive: vec![
            Inactive { indicator: "feedback.action_effect".into(), needs: "arm or action_prob".into() },
            Inactive { indicator: "adversarial.retry_to_pass".into(), needs: "entity_id".into() },
            Inactive { indicator: "serving.latency".into(), needs: "latency_ms".into() },
        ],
        blind_spots: vec![
            BlindSpot {
                name: "refused requests".into(),
                text: "What would have become of refused payments is not known: they have no label.".into(),
            },
            BlindSpot {
                name: "attributes that are not logged".into(),
                text: "A subgroup by a field that no record carries cannot be seen.".into(),
            },
        ],
        alerts: Vec::new(),
        late_after_idle: 0,
        capped: false,
    }
}

#[derive(Clone, Copy)]
struct Change<'a> {
    indicator: &'a str,
    day: i64,
    state: AlertState,
    severity: Severity,
    basis: Basis,
    begun: i64,
    value: f64,
    reference: f64,
    text: &'a str,
}

fn alert(subject: &Subject, change: Change<'_>) -> Alert {
    let Change { indicator, day: at, state, severity, basis, begun, value, reference, text } = change;
    let window = day(at);
    let name = fingerprint(indicator, Some("fraud"), Some("v1"), subject);
    Alert {
        id: format!("{name}-{at}"),
        fingerprint: name,
        indicator: indicator.into(),
        state,
        severity,
        model: Some("fraud".into()),
        version: Some("v1".into()),
        subject: subject.clone(),
        window,
        starts_at: START + begun * DAY,
        ends_at: (state == AlertState::Resolved).then_some(window.end),
        as_of: due(window, basis),
        basis,
        basis_final: true,
        value,
        reference: Some(reference),
        effect: Some(value - reference),
        floor: Some(0.005),
        interval: Some([value * 0.85, value * 1.16]),
        n: 4_012,
        effective_n: 4_012.0,
        p_value: Some(3.2e-9),
        log_e: None,
        smallest_detectable: Some(0.004),
        evidence: BTreeMap::from([("strength".into(), json!(value * 100.0)), ("windows".into(), json!(3))]),
        text: text.into(),
    }
}

fn run(n: u64) -> RunReport {
    RunReport {
        program: "0.1.0".into(),
        configuration: "9f2c61d07be34a18".into(),
        sources: vec![
            SourceReport { name: "inferences.jsonl".into(), kind: "inferences".into(), records: n, rejected: 3, bytes: 48_211_030 },
            SourceReport { name: "labels.jsonl".into(), kind: "labels".into(), records: n - 2_400, rejected: 0, bytes: 9_120_400 },
            SourceReport { name: "baseline.json".into(), kind: "baseline".into(), records: 1, rejected: 0, bytes: 212_000 },
        ],
        inferences: map([("labelled", n - 2_500), ("never_labelled", 2_200), ("pending", 297), ("rejected", 3), ("duplicate", 0), ("conflict", 0)]),
        labels: map([("joined", n - 2_500), ("orphan", 88), ("corrected", 12)]),
        rejects: map([("missing_field", 2), ("bad_time", 1)]),
        unknown_fields: vec!["trace_id".into()],
        invariants: vec![
            Invariant { name: "inferences in = rejected + duplicate + conflict + late + unsampled + labelled + pending + never labelled".into(), left: n as i64, right: n as i64, holds: true },
            Invariant { name: "labels in = rejected + joined + duplicate + corrected + withdrawn + ignored by policy + late + orphan + unsampled + buffered".into(), left: n as i64 - 2_400, right: n as i64 - 2_400, holds: true },
        ],
        watermarks: map([("inferences", Some(START + 40 * DAY - 600_000_000)), ("labels", Some(START + 50 * DAY))]),
        capped: Vec::new(),
        notes: vec!["feature customer_id looks like an id and is left out".into(), "labels of the last 10 days are still arriving".into()],
        records_per_second: Some(412_000.0),
        seconds: Some(0.58),
    }
}

/// Fraud that pays with a method the model never saw.
pub(super) fn fraud() -> Findings {
    use AlertState::{Firing, Pending};
    use Severity::{Critical, Warning};
    let share = |day: i64| if day < 18 { 0.0 } else { 0.012 + 0.0065 * (day - 18) as f64 };
    let value = Subject { feature: Some("payment_method".into()), value: Some("instant".into()), ..Subject::default() };
    let unseen = Subject { feature: Some("payment_method".into()), ..Subject::default() };
    let bad = Subject {
        slice: Some(map([("payment_method", "instant".to_owned())])),
        metric: Some("fnr".into()),
        ..Subject::default()
    };
    let amount = Subject { feature: Some("amount".into()), ..Subject::default() };
    let change = |indicator, day, state, severity, basis, begun, value, reference, text| Change {
        indicator,
        day,
        state,
        severity,
        basis,
        begun,
        value,
        reference,
        text,
    };
    let alerts = vec![
        alert(
            &unseen,
            change(
                "input.unseen_value",
                18,
                Firing,
                Warning,
                Basis::Inputs,
                18,
                0.012,
                0.0,
                "payment_method takes values that the baseline never had: 1.2 % of predictions since 19 Jan.",
            ),
        ),
        alert(
            &value,
            change(
                "input.emerging_value",
                20,
                Pending,
                Warning,
                Basis::Inputs,
                18,
                0.025,
                0.0,
                "The new value instant of payment_method grows.",
            ),
        ),
        alert(
            &value,
            change(
                "input.emerging_value",
                22,
                Firing,
                Warning,
                Basis::Inputs,
                18,
                0.038,
                0.0,
                "The new value instant of payment_method grows: 3.8 % of predictions, none in the baseline.",
            ),
        ),
        alert(
            &amount,
            change(
                "input.drift",
                25,
                Pending,
                Warning,
                Basis::Inputs,
                25,
                0.034,
                0.0,
                "amount begins to move with the new payment method.",
            ),
        ),
        alert(
            &bad,
            change(
                "slice.error_rate",
                26,
                Firing,
                Critical,
                Basis::Labels,
                21,
                0.93,
                0.41,
                "For payment_method = instant the model misses 93 % of the frauds; 41 % is what the whole would explain.",
            ),
        ),
    ];
    let mut names: Vec<String> = [&alerts[0], &alerts[2], &alerts[4]].map(|alert| alert.fingerprint.clone()).to_vec();
    names.sort();
    let incident = |revision: u32, of: &Alert, severity, confidence, verdict, because: &str, text: &str| Incident {
        id: "inc-5b0e31c2".into(),
        model: Some("fraud".into()),
        version: Some("v1".into()),
        state: IncidentState::Open,
        revision,
        as_of: of.as_of,
        basis_final: true,
        opened_as_of: alerts[0].as_of,
        closed_as_of: None,
        cause: Cause::EmergingCategory,
        confidence,
        severity,
        advice: vec![Advice::RouteToReview, Advice::CollectLabels, Advice::Retrain],
        alerts: names.clone(),
        evidence: map([
            ("feature", json!("payment_method")),
            ("value", json!("instant")),
            ("share_now", json!(0.0835)),
            ("observed_positives", json!(47)),
            ("expected_positives", json!(3.1)),
            ("overall_auc", json!(0.911)),
        ]),
        retrain: Retrain { verdict, because: because.into() },
        text: text.into(),
    };
    let incidents = vec![
        incident(
            0,
            &alerts[0],
            Warning,
            0.55,
            Verdict::Wait,
            "No labels of the new value have matured.",
            "payment_method takes a value that the baseline never had.",
        ),
        incident(
            1,
            &alerts[4],
            Critical,
            0.93,
            Verdict::RetrainCandidate,
            "The harm is confirmed, but only 214 labels of the new value are there; about 800 are needed.",
            "A new payment method, instant, appeared on 19 January and is now 8 % of the traffic. The model takes it for a harmless transfer: it misses 93 % of the frauds there. Overall metrics do not show it, because nine in ten predictions are untouched.",
        ),
    ];
    let requests = (0..60_i64)
        .map(|k| LabelRequest {
            request_id: format!("tx-{:08x}", value_hash(&format!("request {k}")) as u32),
            row: 0,
            model: "fraud".into(),
            version: "v1".into(),
            event_time: START + 27 * DAY + k * 3_000_000_000,
            score: Some(0.004 + 0.0003 * k as f64),
            incident: "inc-5b0e31c2".into(),
            as_of: alerts[4].as_of,
            reason: "payment_method = instant, score far below the threshold".into(),
        })
        .collect();
    Findings {
        summaries: (0..30).map(|at| summary("v1", at, share(at), 37)).collect(),
        alerts,
        incidents,
        requests,
        run: run(119_842),
    }
}

/// A healthy month.
pub(super) fn quiet() -> Findings {
    Findings {
        alerts: Vec::new(),
        incidents: Vec::new(),
        summaries: (0..30).map(|at| summary("v1", at, 0.0, 33)).collect(),
        requests: Vec::new(),
        run: run(120_114),
    }
}

/// Nothing at all: the run saw no record.
pub(super) fn nothing() -> Findings {
    let mut findings = quiet();
    findings.summaries.clear();
    findings.run.notes.clear();
    findings
}

/// A hundred alerts, several causes, two models, two versions, and a pipeline in trouble.
pub(super) fn noisy() -> Findings {
    let mut findings = fraud();
    let indicators = [
        ("input.drift", Basis::Inputs),
        ("input.missing_rate", Basis::Inputs),
        ("input.out_of_range", Basis::Inputs),
        ("prediction.drift", Basis::Predictions),
        ("concept.drift", Basis::Labels),
        ("label.source_disagreement", Basis::Labels),
    ];
    for k in 0..100_i64 {
        let (indicator, basis) = indicators[(k % 6) as usize];
        let subject = Subject {
            feature: Some(format!("feature_{k:03}")),
            source: (indicator == "label.source_disagreement").then(|| format!("desk {k}")),
            ..Subject::default()
        };
        let begun = 2 + (value_hash(&format!("begun {k}")) % 24) as i64;
        let severity = [Severity::Info, Severity::Warning, Severity::Warning, Severity::Critical][(k % 4) as usize];
        let mut states = vec![(begun + 1, AlertState::Pending)];
        if k % 3 != 0 {
            states.push((begun + 2, AlertState::Firing));
        }
        if k % 5 == 0 {
            states.push((begun + 6, AlertState::Resolved));
        }
        for (at, state) in states {
            findings.alerts.push(alert(
                &subject,
                Change {
                    indicator,
                    day: at,
                    state,
                    severity,
                    basis,
                    begun,
                    value: 0.02 + 0.001 * k as f64,
                    reference: 0.01,
                    text: "A made-up alert among many.",
                },
            ));
        }
    }
    let mut second = findings.incidents[1].clone();
    second.id = "inc-77aa".into();
    second.cause = Cause::BrokenInput;
    second.severity = Severity::Warning;
    second.state = IncidentState::Closed;
    second.closed_as_of = Some(START + 25 * DAY);
    second.opened_as_of = START + 12 * DAY;
    second.alerts = findings.alerts[5..80].iter().map(|alert| alert.fingerprint.clone()).collect();
    second.alerts.sort();
    second.alerts.dedup();
    second.advice = vec![Advice::FixInput, Advice::DoNotRetrain];
    second.retrain = Retrain { verdict: Verdict::DoNotRetrain, because: "The inputs are wrong, not the model.".into() };
    second.text = "Many features went missing at once after a deployment upstream.".into();
    findings.incidents.push(second);
    let mut pipeline = alert(
        &Subject { source: Some("labels-2".into()), ..Subject::default() },
        Change {
            indicator: "join.orphans",
            day: 14,
            state: AlertState::Firing,
            severity: Severity::Warning,
            basis: Basis::Pipeline,
            begun: 14,
            value: 0.08,
            reference: 0.001,
            text: "Eight in a hundred labels find no prediction.",
        },
    );
    pipeline.model = None;
    pipeline.version = None;
    findings.alerts.push(pipeline);
    findings.summaries.extend((20..30).map(|at| summary("v2", at, 0.0, 37)));
    findings.summaries.extend((0..30).map(|at| {
        let mut other = summary("2026-01", at, 0.0, 37);
        other.model = "credit-limit".into();
        other
    }));
    findings.run.capped = vec!["fraud: slices".into()];
    findings.run.notes = (0..40).map(|k| format!("note {k}: feature_{k:03} has more values than are kept")).collect();
    findings.run.invariants[1].right -= 4;
    findings.run.invariants[1].holds = false;
    findings
}

/// The files of a replay.
pub(super) fn write(findings: &Findings, directory: &Path) -> io::Result<()> {
    fn lines<T: Serialize>(all: &[T]) -> String {
        all.iter().map(|one| serde_json::to_string(one).unwrap() + "\n").collect()
    }
    std::fs::create_dir_all(directory)?;
    std::fs::write(directory.join("alerts.jsonl"), lines(&findings.alerts))?;
    std::fs::write(directory.join("incidents.jsonl"), lines(&findings.incidents))?;
    std::fs::write(directory.join("summaries.jsonl"), lines(&findings.summaries))?;
    std::fs::write(directory.join("label-requests.jsonl"), lines(&findings.requests))?;
    std::fs::write(directory.join("run.json"), serde_json::to_string(&findings.run).unwrap())
}
