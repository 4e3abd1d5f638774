//! What happened, why does it matter, and what is to be done: in three sentences?
//!
//! The worst open incident is told; without one the worst firing alert; without that the quiet is described, with what
//! was watched and how much of the truth is there, because silence alone proves nothing.

use serde::Serialize;

use super::alerts::{Life, capital};
use super::chart::timeline::severity_class;
use super::number::Unit;
use super::series::{Series, maturity};
use super::{incidents, number, truth, words};
use crate::finding::{Advice, Alert, AlertState, Basis, Incident, IncidentState, Maturity, Severity};

/// The top of a model's section.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Story {
    /// `critical`, `warning`, `info` or `quiet`.
    pub(super) tone: &'static str,
    /// The tone in a word.
    pub(super) badge: String,
    /// The news in a few words.
    pub(super) headline: String,
    what: String,
    why: String,
    todo: String,
}

/// What a story is told from.
pub(super) struct Material<'m, 'a> {
    /// The model; `None` for the pipeline.
    pub(super) model: Option<&'m str>,
    /// Its incidents, worst first.
    pub(super) incidents: &'m [&'a Incident],
    /// Its alerts.
    pub(super) lives: &'m [Life<'a>],
    /// The windows of the version that matters.
    pub(super) series: Option<&'m Series<'a>>,
}

impl Story {
    /// Tells it.
    pub(super) fn new(material: &Material<'_, '_>) -> Self {
        let open: Vec<&Incident> =
            material.incidents.iter().filter(|incident| incident.state == IncidentState::Open).copied().collect();
        if let Some(worst) = open.first() {
            return incident(material, worst, open.len());
        }
        let firing = material.lives.iter().filter(|life| life.is_firing());
        match firing.max_by_key(|life| (life.last().severity, std::cmp::Reverse(life.begun()))) {
            Some(worst) if worst.last().severity > Severity::Info => alert(material, worst),
            _ => quiet(material),
        }
    }
}

fn incident(material: &Material<'_, '_>, worst: &Incident, open: usize) -> Story {
    let (headline, meaning) = words::cause(worst.cause);
    let lives: Vec<&Life<'_>> = incidents::of(worst, material.lives).collect();
    let lead = lives.iter().max_by(|a, b| {
        let rank = |life: &Life<'_>| (specific(life.height()), life.height().severity);
        rank(a)
            .cmp(&rank(b))
            .then(a.strength().total_cmp(&b.strength()))
            .then(b.last().fingerprint.cmp(&a.last().fingerprint))
    });
    let begun = number::moment(incidents::begun(worst, material.lives));
    let what = match lead {
        Some(lead) => {
            let lead = lead.height();
            let about = about(lead, &lives).map(|about| format!(": {about}")).unwrap_or_default();
            format!("{headline}{about}, since {begun} ({}).", grown(lead, material))
        }
        None => format!("{headline}, since {begun}."),
    };
    let harm = lives.iter().map(|life| life.height()).filter(|alert| harms(alert)).max_by(|a, b| {
        a.severity.cmp(&b.severity).then(specific(a).cmp(&specific(b))).then(b.fingerprint.cmp(&a.fingerprint))
    });
    let harm = harm.map_or_else(
        || "whether it does harm is not yet known from labels".to_owned(),
        |alert| {
            let subject = words::subject(&crate::finding::Subject { metric: None, ..alert.subject.clone() });
            let place = if subject.is_empty() { String::new() } else { format!("for {subject}, ") };
            format!("{place}{}", harm_text(alert))
        },
    );
    let more = match open {
        1 => String::new(),
        _ => format!(" ({} more below)", number::counted(open as u64 - 1, "open incident")),
    };
    Story {
        tone: severity_class(worst.severity),
        badge: format!("{}, {}", words::severity(worst.severity), number::counted(open as u64, "open incident")),
        headline: lead
            .and_then(|lead| about(lead.height(), &lives))
            .map_or(headline.to_owned(), |subject| format!("{headline}: {subject}")),
        what,
        why: match whole(material) {
            // The harm of a whole is told once.
            whole if whole.ends_with(&harm) => format!("{}: {harm}.", capital(meaning)),
            whole => format!("{}: {harm}; {whole}.", capital(meaning)),
        },
        todo: format!("{}; on retraining: {}{more}.", orders(worst), verdict(worst)),
    }
}

/// The subject of the leading alert, and how many other features show the same.
fn about(lead: &Alert, lives: &[&Life<'_>]) -> Option<String> {
    let subject = words::subject(&lead.subject);
    let alike = lives.iter().map(|life| life.height()).filter(|alert| {
        alert.indicator == lead.indicator
            && alert.subject.value.is_none()
            && alert.subject.feature.is_some()
            && alert.subject.feature != lead.subject.feature
    });
    // A feature that is compared with several references is one feature.
    let alike: std::collections::BTreeSet<_> = alike.map(|alert| &alert.subject.feature).collect();
    let more = if lead.subject.feature.is_some() { alike.len() } else { 0 };
    (!subject.is_empty()).then(|| if more == 0 { subject } else { format!("{subject} and {more} more") })
}

fn orders(incident: &Incident) -> String {
    // What is said on retraining comes after, with its reason.
    let orders: Vec<&str> = incident
        .advice
        .iter()
        .filter(|advice| !matches!(advice, Advice::Retrain | Advice::DoNotRetrain))
        .take(3)
        .map(|advice| words::advice(*advice))
        .collect();
    match orders.split_first() {
        None => "Look at the evidence below".into(),
        Some((first, rest)) => {
            rest.iter().fold((*first).to_owned(), |text, order| format!("{text}, then {}", small(order)))
        }
    }
}

fn verdict(incident: &Incident) -> String {
    let because = incident.retrain.because.trim().trim_end_matches('.');
    let verdict = words::verdict(incident.retrain.verdict);
    if because.is_empty() { verdict.into() } else { format!("{verdict}, because {}", small(because)) }
}

/// The first letter small, unless the word is a name or an abbreviation.
fn small(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

fn alert(material: &Material<'_, '_>, worst: &Life<'_>) -> Story {
    let last = worst.last();
    let subject = words::subject(&last.subject);
    let finding = words::indicator(&last.indicator).0;
    let about = if subject.is_empty() { String::new() } else { format!("{subject}: ") };
    let firing = material.lives.iter().filter(|life| life.is_firing()).count();
    let more = if firing > 1 {
        format!(", the worst of {}", number::counted(firing as u64, "firing alert"))
    } else {
        String::new()
    };
    Story {
        tone: severity_class(last.severity),
        badge: format!("{}, {}", words::severity(last.severity), number::counted(firing as u64, "firing alert")),
        headline: capital(&format!("{about}{finding}")),
        what: format!("{about}{finding}, since {} ({}){more}.", number::moment(worst.begun()), size(last)),
        why: format!("No incident with a cause has been opened for it; {}.", whole(material)),
        todo: "Open the alert below and look at its evidence; do not retrain before a cause is known.".into(),
    }
}

fn quiet(material: &Material<'_, '_>) -> Story {
    let name = material.model.unwrap_or("the pipeline");
    let watched = material.series.map_or_else(
        || "no summary of it was written".to_owned(),
        |series| {
            let total: u64 = series.base().iter().map(|summary| summary.inputs.n).fold(0, u64::saturating_add);
            let latest = series.latest();
            let features = latest.map_or(0, |summary| summary.inputs.features.len());
            let indicators = latest.map_or(0, |summary| summary.active.len());
            let from = series.base().first().map_or(0, |summary| summary.window.start);
            let to = series.base().last().map_or(0, |summary| summary.window.end);
            format!(
                "{} over {} from {} to {} were watched with {} on {}",
                number::counted(total, "prediction"),
                number::counted(series.base().len() as u64, "window"),
                number::moment(from),
                number::moment(to),
                number::counted(indicators as u64, "indicator"),
                number::counted(features as u64, "feature"),
            )
        },
    );
    let state = |state: AlertState| material.lives.iter().filter(|life| life.last().state == state).count() as u64;
    let closed = material.incidents.len() as u64;
    let rest = match (state(AlertState::Pending), state(AlertState::Resolved), closed) {
        (0, 0, 0) => "no alert was raised".to_owned(),
        (pending, resolved, closed) => format!(
            "no alert above news is firing ({} pending, {} resolved, {} closed)",
            number::count(pending),
            number::count(resolved),
            number::counted(closed, "incident")
        ),
    };
    let arrived = material.series.map_or_else(String::new, |series| {
        let text = truth::sentence(&truth::arrived(series));
        format!(" {text}")
    });
    let why = match material.model {
        Some(_) => format!("{}.{arrived}", capital(&whole(material))),
        None => "Records, labels and their join arrive as they should.".into(),
    };
    Story {
        tone: "quiet",
        badge: "All quiet".into(),
        headline: format!("All quiet: nothing needs attention for {name}"),
        what: format!("Nothing happened that needs attention: {watched}, and {rest}."),
        why,
        todo: "Nothing is to be done now; what the streams cannot show is listed under blind spots.".into(),
    }
}

/// How narrowly an alert says what it is about.
fn specific(alert: &Alert) -> u8 {
    let subject = &alert.subject;
    if subject.value.is_some() {
        4
    } else if subject.slice.is_some() {
        3
    } else if subject.feature.is_some() || subject.features.is_some() {
        2
    } else {
        u8::from(subject != &crate::finding::Subject::default())
    }
}

/// Whether an alert shows harm, and not only change.
fn harms(alert: &Alert) -> bool {
    matches!(alert.basis, Basis::Labels | Basis::Business) && alert.state != AlertState::Pending
}

/// `a new value grows: 7.9 % against 0 % before`.
fn size(alert: &Alert) -> String {
    let unit = words::alert_unit(alert);
    // Where a part of a distribution moved, that part is the finding.
    let moved = alert.evidence.get("moved").and_then(serde_json::Value::as_str);
    let plain = words::indicator(&alert.indicator).0;
    let (finding, unit) = match moved {
        Some(moved) if alert.subject.feature.is_some() => (format!("values {moved}"), Unit::Share),
        Some(moved) => (moved.to_owned(), Unit::Share),
        None => (plain.to_owned(), unit),
    };
    let value = unit.text(Some(alert.value));
    match alert.reference.filter(|r| r.is_finite()) {
        Some(reference) => format!("{finding}: {value} against {}", unit.text(Some(reference))),
        None => format!("{finding}: {value}"),
    }
}

/// The same, with the share of the value as the latest window has it: it may have grown since the alert.
fn grown(alert: &Alert, material: &Material<'_, '_>) -> String {
    let now = alert.subject.value.as_ref().zip(alert.subject.feature.as_ref()).and_then(|(value, feature)| {
        let latest = material.series?.latest()?;
        let movement = latest.inputs.features.iter().find(|movement| movement.feature == *feature)?;
        let (_, share, _) = movement.cells.iter().find(|(text, ..)| text == value)?;
        (share.is_finite() && latest.window.start > alert.window.start).then(|| number::share(*share))
    });
    match now {
        Some(now) => format!("{} when it fired, {now} in the latest window", size(alert)),
        None => size(alert),
    }
}

fn harm_text(alert: &Alert) -> String {
    let unit = words::alert_unit(alert);
    let what =
        alert.subject.metric.as_deref().map_or(words::indicator(&alert.indicator).0, |name| words::metric(name).title);
    let value = unit.text(Some(alert.value));
    let what = words::inside(what);
    let verb = match alert.subject.metric.as_deref() {
        None => ":",
        Some("fnr" | "fpr" | "decision_rate") => " are",
        Some(_) => " is",
    };
    match alert.reference.filter(|r| r.is_finite()) {
        Some(reference) => format!("{what}{verb} {value} where {} would be expected", unit.text(Some(reference))),
        None => format!("{what}{verb} {value}"),
    }
}

/// Whether the metrics of the whole show anything.
fn whole(material: &Material<'_, '_>) -> String {
    let bad: Vec<&Alert> = material
        .lives
        .iter()
        .filter(|life| life.is_firing())
        .map(Life::last)
        .filter(|alert| alert.subject.slice.is_none())
        .filter(|alert| alert.indicator.starts_with("performance.") || alert.indicator == "imbalance.recall_collapse")
        .collect();
    if let Some(worst) = bad.iter().max_by_key(|alert| (alert.severity, std::cmp::Reverse(&alert.fingerprint))) {
        return format!("the overall metrics suffer too: {}", harm_text(worst));
    }
    if material.model.is_none() {
        return "the figures of every model stand on these records".into();
    }
    let Some(series) = material.series else { return "no overall metrics are known".into() };
    let mature = series.windows().iter().rev().find(|summary| {
        maturity(summary) == Maturity::Mature && summary.truth.metrics.values().any(|figure| figure.value.is_some())
    });
    let Some(mature) = mature else {
        return "how the model does as a whole is not yet known, for lack of mature labels".into();
    };
    let shown: Vec<String> = ["auc", "accuracy", "log_loss", "rmse", "mae"]
        .into_iter()
        .filter_map(|name| {
            let figure = mature.truth.metrics.get(name)?;
            let value = figure.value.filter(|v| v.is_finite())?;
            let words = words::metric(name);
            let reference = figure.reference.filter(|r| r.is_finite());
            let against = reference.map_or(String::new(), |r| format!(" against {}", words.unit.text(Some(r))));
            Some(format!("{} {}{against}", small(words.title), words.unit.text(Some(value))))
        })
        .take(2)
        .collect();
    let shown = if shown.is_empty() { String::new() } else { format!(" ({})", shown.join(", ")) };
    let news = material.incidents.iter().any(|incident| incident.state == IncidentState::Open);
    if news {
        format!("the overall metrics stay quiet{shown} and do not show it")
    } else {
        format!("the overall metrics are quiet{shown}")
    }
}
