//! What stories are the tests told with?
//!
//! A fraud model that misses a new payment method while its averages look fine, the same model on a healthy month, the
//! same by the hour, a noisy one with a hundred alerts, and a run that saw nothing.

use std::io;
use std::path::Path;

use serde::Serialize;
use serde_json::json;

use super::{Change, DAY, START, alert, map, run, summary};
use crate::event::value_hash;
use crate::finding::*;
use crate::report::Findings;

/// Fraud that pays with a method the model never saw.
#[expect(clippy::too_many_lines, reason = "a story reads best in one piece")]
pub(in crate::report) fn fraud() -> Findings {
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
pub(in crate::report) fn quiet() -> Findings {
    Findings {
        alerts: Vec::new(),
        incidents: Vec::new(),
        summaries: (0..30).map(|at| summary("v1", at, 0.0, 33)).collect(),
        requests: Vec::new(),
        run: run(120_114),
    }
}

/// Sixteen healthy days by the hour, and by the day above them.
pub(in crate::report) fn hourly() -> Findings {
    let hour = DAY / 24;
    let mut findings = quiet();
    findings.summaries.truncate(16);
    findings.summaries.extend((0..16 * 24).map(|at| {
        let mut one = summary("v1", at, 0.0, at + 12 - (at - 300).max(0) / 6);
        one.window = WindowBounds { start: START + at * hour, end: START + (at + 1) * hour };
        one
    }));
    findings
}

/// Nothing at all: the run saw no record.
pub(in crate::report) fn nothing() -> Findings {
    let mut findings = quiet();
    findings.summaries.clear();
    findings.run.notes.clear();
    findings
}

/// A hundred alerts, several causes, two models, two versions, and a pipeline in trouble.
pub(in crate::report) fn noisy() -> Findings {
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
pub(in crate::report) fn write(findings: &Findings, directory: &Path) -> io::Result<()> {
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
