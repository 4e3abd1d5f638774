//! What belongs together, what caused it, and what helps?
//!
//! One card an incident, from its last revision; open ones first, the worst of them on top.

use std::collections::BTreeMap;

use serde::Serialize;

use super::alerts::{Fact, Life, cut, evidence};
use super::chart::timeline::severity_class;
use super::{number, words};
use crate::finding::{Incident, IncidentState, LabelRequest};

/// Label requests that are listed.
const REQUESTS_SHOWN: usize = 5;
/// Alerts of an incident that are seen without unfolding.
const ALERTS_SHOWN: usize = 8;

/// The last revision of each incident, open and worst first.
pub(super) fn latest<'a>(incidents: impl IntoIterator<Item = &'a Incident>) -> Vec<&'a Incident> {
    let mut last: BTreeMap<&str, &Incident> = BTreeMap::new();
    for incident in incidents {
        let known = last.entry(&incident.id).or_insert(incident);
        if (incident.revision, incident.as_of, incident.basis_final) >= (known.revision, known.as_of, known.basis_final)
        {
            *known = incident;
        }
    }
    let mut latest: Vec<&Incident> = last.into_values().collect();
    latest.sort_by(|a, b| {
        (a.state != IncidentState::Open, b.severity, a.opened_as_of, &a.id).cmp(&(
            b.state != IncidentState::Open,
            a.severity,
            b.opened_as_of,
            &b.id,
        ))
    });
    latest
}

/// A pointer to an alert's row.
#[derive(Clone, Debug, Serialize)]
struct Link {
    anchor: String,
    finding: String,
    subject: String,
    state: &'static str,
    severity_class: &'static str,
}

/// One request for a label.
#[derive(Clone, Debug, Serialize)]
struct Request {
    id: String,
    when: String,
    score: String,
    reason: String,
}

/// The requests of one incident.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Requests {
    count: String,
    first: Vec<Request>,
    left_out: usize,
}

impl Requests {
    /// The first few, and how many there are. `None` when there are none.
    pub(super) fn new(mut requests: Vec<&LabelRequest>) -> Option<Self> {
        if requests.is_empty() {
            return None;
        }
        requests.sort_by_key(|request| (request.as_of, request.event_time, &request.request_id, request.row));
        Some(Self {
            count: number::counted(requests.len() as u64, "label request"),
            left_out: requests.len().saturating_sub(REQUESTS_SHOWN),
            first: requests
                .into_iter()
                .take(REQUESTS_SHOWN)
                .map(|request| Request {
                    id: if request.row == 0 {
                        request.request_id.clone()
                    } else {
                        format!("{}, row {}", request.request_id, request.row)
                    },
                    when: number::moment(request.event_time),
                    score: number::Unit::Metric.text(request.score),
                    reason: cut(request.reason.clone(), 200),
                })
                .collect(),
        })
    }
}

/// One incident as a card.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Card {
    id: String,
    headline: &'static str,
    meaning: &'static str,
    state: &'static str,
    severity: &'static str,
    severity_class: &'static str,
    confidence: String,
    opened: String,
    closed: Option<String>,
    version: Option<String>,
    basis: &'static str,
    revision: u32,
    advice: Vec<&'static str>,
    verdict: &'static str,
    because: String,
    text: String,
    evidence: Vec<Fact>,
    alerts: Vec<Link>,
    more_alerts: Vec<Link>,
    requests: Option<Requests>,
}

impl Card {
    /// The card of `incident`, with the alerts and requests that name it.
    pub(super) fn new(incident: &Incident, lives: &[Life<'_>], requests: &[&LabelRequest]) -> Self {
        let (headline, meaning) = words::cause(incident.cause);
        let mut alerts: Vec<Link> = of(incident, lives).map(link).collect();
        let more_alerts = if alerts.len() > ALERTS_SHOWN { alerts.split_off(ALERTS_SHOWN) } else { Vec::new() };
        Self {
            id: incident.id.clone(),
            headline,
            meaning,
            state: words::incident_state(incident.state),
            severity: words::severity(incident.severity),
            severity_class: severity_class(incident.severity),
            confidence: number::share(incident.confidence),
            opened: number::moment(incident.opened_as_of),
            closed: incident.closed_as_of.map(number::moment),
            version: incident.version.clone(),
            basis: if incident.basis_final { "final" } else { "provisional" },
            revision: incident.revision,
            advice: incident.advice.iter().map(|advice| words::advice(*advice)).collect(),
            verdict: words::verdict(incident.retrain.verdict),
            because: incident.retrain.because.clone(),
            text: incident.text.clone(),
            evidence: evidence(&incident.evidence),
            alerts,
            more_alerts,
            requests: Requests::new(
                requests.iter().filter(|request| request.incident == incident.id).copied().collect(),
            ),
        }
    }
}

/// The lives of an incident's alerts, the worst first.
pub(super) fn of<'l, 'a>(incident: &'l Incident, lives: &'l [Life<'a>]) -> impl Iterator<Item = &'l Life<'a>> {
    lives.iter().filter(|life| incident.alerts.contains(&life.last().fingerprint))
}

/// When the trouble behind an incident began: before it was opened.
pub(super) fn begun(incident: &Incident, lives: &[Life<'_>]) -> i64 {
    of(incident, lives).map(Life::begun).min().unwrap_or(incident.opened_as_of)
}

fn link(life: &Life<'_>) -> Link {
    let height = life.height();
    Link {
        anchor: life.anchor.clone(),
        finding: super::alerts::capital(words::indicator(&height.indicator).0),
        subject: words::subject(&height.subject),
        state: words::alert_state(life.last().state),
        severity_class: severity_class(height.severity),
    }
}
