//! Which alerts were there, and what became of each?
//!
//! Changes are gathered by fingerprint into one row, rows by layer. The worst stand first; past [`SHOWN`] rows a layer
//! folds the rest away, past [`ROWS_MAX`] it only says how many there are.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::chart::scale::TimeAxis;
use super::chart::timeline::{self, Stretch};
use super::number::{self, Unit};
use super::words;
use crate::finding::{Alert, AlertState, Basis};

/// Rows of a layer that are seen without unfolding.
const SHOWN: usize = 12;
/// Rows of a layer that are written at all; the worst are.
const ROWS_MAX: usize = 1_000;

/// A name and its value.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Fact {
    /// What.
    pub(super) name: String,
    /// The text.
    pub(super) value: String,
}

impl Fact {
    /// A fact.
    pub(super) fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// The life of one alert.
pub(super) struct Life<'a> {
    /// Its changes, earliest first; never empty.
    pub(super) changes: Vec<&'a Alert>,
    /// The anchor on the page.
    pub(super) anchor: String,
}

impl<'a> Life<'a> {
    /// The last change.
    pub(super) fn last(&self) -> &'a Alert {
        self.changes.last().expect("a life has at least one change")
    }

    /// The last change that was more than suspicious and not the end, else the last one.
    pub(super) fn height(&self) -> &'a Alert {
        self.changes.iter().rev().find(|change| change.state == AlertState::Firing).copied().unwrap_or(self.last())
    }

    /// When it began.
    pub(super) fn begun(&self) -> i64 {
        self.changes.iter().map(|change| change.starts_at).min().unwrap_or_default()
    }

    /// Whether it is firing at the end of the run.
    pub(super) fn is_firing(&self) -> bool {
        self.last().state == AlertState::Firing
    }

    /// What ranks alerts of one severity.
    pub(super) fn strength(&self) -> f64 {
        let strength = self.height().evidence.get("strength").and_then(Json::as_f64);
        strength.filter(|s| s.is_finite()).unwrap_or(0.0)
    }
}

/// Gathers changes into lives, the worst first.
pub(super) fn lives<'a>(alerts: impl IntoIterator<Item = &'a Alert>, section: usize) -> Vec<Life<'a>> {
    let mut by_name: BTreeMap<&str, Vec<&Alert>> = BTreeMap::new();
    for alert in alerts {
        by_name.entry(&alert.fingerprint).or_default().push(alert);
    }
    let mut lives: Vec<Life<'_>> = by_name
        .into_values()
        .map(|mut changes| {
            changes.sort_by_key(|change| (change.as_of, change.basis_final, change.state, &change.id));
            Life { changes, anchor: String::new() }
        })
        .collect();
    lives.sort_by(|a, b| {
        (b.is_firing(), b.height().severity, a.last().state == AlertState::Resolved)
            .cmp(&(a.is_firing(), a.height().severity, b.last().state == AlertState::Resolved))
            .then(a.begun().cmp(&b.begun()))
            .then(b.strength().total_cmp(&a.strength()))
            .then(a.last().fingerprint.cmp(&b.last().fingerprint))
    });
    for (place, life) in lives.iter_mut().enumerate() {
        life.anchor = format!("a{section}-{place}");
    }
    lives
}

/// One row of the time line.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    anchor: String,
    fingerprint: String,
    indicator: String,
    finding: String,
    subject: String,
    state: &'static str,
    severity: &'static str,
    severity_class: &'static str,
    since: String,
    span: String,
    svg: String,
    text: String,
    facts: Vec<Fact>,
    changes: Vec<Change>,
}

/// One change in a row.
#[derive(Clone, Debug, Serialize)]
struct Change {
    when: String,
    state: &'static str,
    severity: &'static str,
    value: String,
    basis: &'static str,
}

/// One layer.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Layer {
    name: &'static str,
    meaning: &'static str,
    rows: Vec<Row>,
    more: Vec<Row>,
    left_out: usize,
}

/// The time line of a model.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Timeline {
    axis: String,
    layers: Vec<Layer>,
    total: usize,
    firing: usize,
    pending: usize,
    resolved: usize,
}

impl Timeline {
    /// The rows of `lives` on `axis`, which ends at `end`.
    pub(super) fn new(lives: &[Life<'_>], axis: TimeAxis, end: i64) -> Self {
        let mut layers: BTreeMap<Basis, Vec<&Life<'_>>> = BTreeMap::new();
        for life in lives {
            layers.entry(life.last().basis).or_default().push(life);
        }
        let number = |state: AlertState| lives.iter().filter(|life| life.last().state == state).count();
        Self {
            axis: timeline::axis(axis),
            layers: layers
                .into_iter()
                .map(|(basis, lives)| {
                    let left_out = lives.len().saturating_sub(ROWS_MAX);
                    let mut rows: Vec<Row> =
                        lives.into_iter().take(ROWS_MAX).map(|life| row(life, axis, end)).collect();
                    let (name, meaning) = words::layer(basis);
                    // One row more costs less room than the fold.
                    let more = if rows.len() > SHOWN + 1 { rows.split_off(SHOWN) } else { Vec::new() };
                    Layer { name, meaning, rows, more, left_out }
                })
                .collect(),
            total: lives.len(),
            firing: number(AlertState::Firing),
            pending: number(AlertState::Pending),
            resolved: number(AlertState::Resolved),
        }
    }
}

fn row(life: &Life<'_>, axis: TimeAxis, end: i64) -> Row {
    let (last, height) = (life.last(), life.height());
    let next = life.changes.iter().skip(1).map(|change| change.as_of).chain([end]);
    let stretches: Vec<Stretch> = life
        .changes
        .iter()
        .zip(next)
        .map(|(change, to)| Stretch { from: change.as_of, to, state: change.state, severity: change.severity })
        .collect();
    let subject = words::subject(&height.subject);
    Row {
        anchor: life.anchor.clone(),
        fingerprint: last.fingerprint.clone(),
        indicator: last.indicator.clone(),
        finding: capital(words::indicator(&last.indicator).0),
        subject: if subject.is_empty() { "the model as a whole".into() } else { subject },
        state: words::alert_state(last.state),
        severity: words::severity(height.severity),
        severity_class: timeline::severity_class(height.severity),
        since: number::moment(life.begun()),
        span: match last.ends_at {
            Some(ends) => format!("{} to {}", number::moment(life.begun()), number::moment(ends)),
            None => format!("since {}", number::moment(life.begun())),
        },
        svg: timeline::row(life.begun(), &stretches, axis),
        text: height.text.clone(),
        facts: facts(height),
        changes: life
            .changes
            .iter()
            .map(|change| Change {
                when: number::moment(change.as_of),
                state: words::alert_state(change.state),
                severity: words::severity(change.severity),
                value: words::alert_unit(change).text(Some(change.value)),
                basis: if change.basis_final { "final" } else { "provisional" },
            })
            .collect(),
    }
}

/// The figures of one change.
fn facts(alert: &Alert) -> Vec<Fact> {
    let unit = words::alert_unit(alert);
    let mut facts = vec![Fact::new("value", unit.text(Some(alert.value)))];
    let figure = |name: &str, value: Option<f64>| {
        value.filter(|v| v.is_finite()).map(|value| Fact::new(name, unit.text(Some(value))))
    };
    facts.extend(unit.interval(alert.interval).map(|text| Fact::new("95 % interval", text)));
    facts.extend(figure("compared with", alert.reference));
    facts.extend(figure("difference", alert.effect));
    facts.extend(figure("smallest worth an alert", alert.floor));
    facts.extend(figure("smallest that could be seen", alert.smallest_detectable));
    facts.push(Fact::new("window", number::window(alert.window.start, alert.window.end)));
    facts.push(Fact::new("events", number::count(alert.n)));
    if (alert.effective_n - alert.n as f64).abs() > 0.5 {
        facts.push(Fact::new("worth so many independent events", number::plain(alert.effective_n)));
    }
    facts.extend(alert.p_value.map(|p| Fact::new("chance of it by luck", number::p_value(p))));
    facts.extend(alert.log_e.map(|log_e| Fact::new("log e-value", Unit::Plain.text(Some(log_e)))));
    facts.extend(alert.version.as_ref().map(|version| Fact::new("version", version.clone())));
    facts.extend(evidence(&alert.evidence));
    facts
}

/// The longest text of one piece of evidence, in characters.
const EVIDENCE_MAX: usize = 200;

/// Evidence as facts.
pub(super) fn evidence(evidence: &BTreeMap<String, Json>) -> Vec<Fact> {
    evidence
        .iter()
        .map(|(name, value)| {
            let text = match value {
                Json::Null => number::NONE.into(),
                Json::Bool(yes) => (if *yes { "yes" } else { "no" }).into(),
                Json::Number(figure) => match (figure.as_u64(), figure.as_f64()) {
                    (Some(whole), _) => number::count(whole),
                    (None, Some(other)) => number::plain(other),
                    (None, None) => figure.to_string(),
                },
                Json::String(text) => text.clone(),
                Json::Array(all) if all.iter().all(Json::is_string) => {
                    all.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(", ")
                }
                other => other.to_string(),
            };
            Fact::new(name.replace('_', " "), cut(text, EVIDENCE_MAX))
        })
        .collect()
}

/// A text of at most `most` characters.
pub(super) fn cut(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((place, _)) => format!("{}…", &text[..place]),
        None => text,
    }
}

/// A text with a capital first letter.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
