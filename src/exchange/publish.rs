//! Where does a finding go, and under which key?
//!
//! The value is the same JSON that a replay writes into its files. Headers carry the attributes of `CloudEvents`. Ids are
//! made from what a finding is about, so that a consumer can drop repeats.

use serde::Serialize;

use crate::finding::{Alert, Summary};
use crate::judge::Finding;
use crate::kafka::{Failure, Names, Record, Transactions};

/// Sends one into the open transaction. `prefix` is that of the service, which is the source of the finding.
///
/// # Errors
/// When it cannot be sent.
pub fn send(transactions: &mut Transactions, names: &Names, prefix: &str, finding: &Finding) -> Result<(), Failure> {
    let mut out = |topic: &str, key: Option<&str>, kind: &str, id: &str, value: &[u8]| {
        let source = format!("truthline/{prefix}");
        let kind = format!("truthline.{kind}.v1");
        let headers: [(&str, &[u8]); 5] = [
            ("ce_specversion", b"1.0"),
            ("ce_id", id.as_bytes()),
            ("ce_source", source.as_bytes()),
            ("ce_type", kind.as_bytes()),
            ("content-type", b"application/json"),
        ];
        let key = key.map(str::as_bytes);
        transactions.send(&Record { topic, key, value: Some(value), headers: &headers, ..Record::default() })
    };
    match finding {
        Finding::Alert(alert) => {
            let value = json(alert);
            out(&names.alerts, alert.model.as_deref(), "alert", &alert.id, &value)?;
            out(&names.alert_state, Some(&alert.fingerprint), "alert-state", &alert.id, &value)
        }
        Finding::Incident(incident) => {
            let id = format!("{}-{}", incident.id, incident.revision);
            out(&names.incidents, Some(&incident.id), "incident", &id, &json(incident))
        }
        Finding::Summary(summary) => {
            let key = summary_key(summary);
            let id = format!("{key}-{}", summary.revision);
            out(&names.summaries, Some(&key), "summary", &id, &json(summary))
        }
        Finding::Request(request) => {
            let id = format!("{}-{}-{}", request.incident, request.request_id, request.row);
            out(&names.label_requests, Some(&request.request_id), "label-request", &id, &json(request))
        }
    }
}

/// Model, version and window: what a revision replaces.
fn summary_key(summary: &Summary) -> String {
    serde_json::json!([summary.model, summary.version, summary.window.start, summary.window.end]).to_string()
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Whether a finding is an alert that fires now.
pub fn fires(finding: &Finding) -> Option<&Alert> {
    match finding {
        Finding::Alert(alert) if alert.state == crate::finding::AlertState::Firing => Some(alert),
        _ => None,
    }
}
