//! Which alerts belong to one trouble?
//!
//! A pure fold over alerts in the order of (due time, fingerprint). An alert joins the open incident of its model that
//! shares a feature with it; else one that began within three base windows of it; an alert on the whole (no feature)
//! joins the latest. Otherwise it opens one. What began on the first day of a model is one incident, and what began later
//! does not join it. An incident is closed when all its alerts are resolved. All changes of one due time are one revision.
//!
//! An incident that somebody accepted is closed for good. Its alerts go on firing. Should one of them end and fire anew,
//! it opens or joins an incident only if it is half as strong again as it was: then it is not what was accepted. With a
//! launch, all that inputs and predictions were like from the first day on is accepted, and each of its indicators of
//! labels, for larger windows tell of the same later.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::cause::{Pattern, Verdicts, is_of_launch};
use super::piece::RestoreProblem;
use super::saved;
use super::tracked::Tracked;
use super::words::{capital, day, open, percent, small};
use crate::control::{Accepted, Mark, Orders};
use crate::event::{EventTime, RequestKey, Span, fnv1a_64};
use crate::finding::{Alert, AlertState, Basis, Cause, Incident, IncidentState, LabelRequest, Severity, Verdict};
use crate::observe::Event;

/// Requests asked for per incident and due time.
const REQUESTS: usize = 25;
/// Requests asked for over the life of an incident.
const REQUESTS_MAX: usize = 500;
/// Base windows within which troubles without a common feature count as one.
const NEAR: i64 = 3;
/// So much stronger than it was when it was accepted is more than what was accepted.
const MORE: f64 = 1.5;
/// Accepted alerts that are remembered; of more, those with the largest fingerprints are forgotten.
const MOST_ACCEPTED: usize = 10_000;

/// An alert with the predictions it is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Raised {
    /// The alert.
    pub alert: Alert,
    /// Predictions whose truth is worth asking for.
    #[serde(with = "saved::examples")]
    pub examples: Vec<(RequestKey, Event)>,
    /// Length of the model's base window.
    pub window: Span,
}

/// What a step of the fold publishes.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    /// Revisions, in the order of their ids.
    pub incidents: Vec<Incident>,
    /// Requests for labels.
    pub requests: Vec<LabelRequest>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Open {
    id: String,
    opened: EventTime,
    began: i64,
    model: Option<String>,
    version: Option<String>,
    revision: u32,
    alerts: BTreeMap<String, Alert>,
    resolved: BTreeSet<String>,
    /// Length of the base window of the alert that opened it.
    #[serde(default)]
    window: Span,
    #[serde(with = "saved::keys")]
    asked: BTreeSet<RequestKey>,
    /// Whether the revision published last knew of another incident that forbids retraining.
    forbidden: bool,
}

/// All open incidents, by their number in the order of opening. Bound: they hold at most the alerts that are not
/// resolved, and those resolved beside them.
#[derive(Clone, Debug, Default)]
pub(super) struct Incidents {
    open: Tracked<u64, Open>,
    next: u64,
    /// How strong each alert was that somebody accepted, by its fingerprint, and each indicator of a launch.
    accepted: BTreeMap<String, f64>,
}

impl Incidents {
    /// Takes all alerts of one due time, sorted by fingerprint.
    pub(super) fn take(&mut self, as_of: EventTime, raised: &[Raised], orders: &Orders) -> Step {
        let mut touched = BTreeSet::new();
        let mut step = Step::default();
        for one in raised {
            let alert = &one.alert;
            if alert.severity == Severity::Info || alert.state == AlertState::Pending || self.is_accepted(alert) {
                continue;
            }
            if let Some(number) = self.place(one, as_of)
                && let Some(open) = self.open.get_mut(&number)
            {
                touched.insert(number);
                if alert.state == AlertState::Resolved {
                    open.resolved.insert(alert.fingerprint.clone());
                } else {
                    open.resolved.remove(&alert.fingerprint);
                    open.alerts.insert(alert.fingerprint.clone(), alert.clone());
                    step.requests.extend(open.ask(one, as_of));
                }
            }
        }
        self.speak(as_of, &touched, orders, &mut step);
        step
    }

    /// The next open incident that was accepted, and the due time at which it is: not before it opened.
    pub(super) fn next_accepted<'a>(&self, orders: &'a Orders) -> Option<(EventTime, &'a Accepted)> {
        let due = |accepted: &'a Accepted| {
            let (_, open) = self.open.iter().find(|(_, open)| open.id == accepted.incident)?;
            Some((accepted.from.max(open.opened), accepted))
        };
        orders.accepted().filter_map(due).min_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.incident.cmp(&b.1.incident)))
    }

    /// Closes an incident that somebody accepted.
    pub(super) fn accept(&mut self, as_of: EventTime, accepted: &Accepted, orders: &Orders) -> Step {
        let mut step = Step::default();
        let found = self.open.iter().find(|(_, open)| open.id == accepted.incident);
        let Some(open) = found.map(|(&number, _)| number).and_then(|number| self.open.remove(&number)) else {
            return step;
        };
        step.incidents.push(open.accepted(as_of, accepted, orders));
        for (fingerprint, alert) in open.alerts {
            if !open.resolved.contains(&fingerprint) {
                let strength = strength(&alert);
                if is_of_launch(&alert) {
                    let most = self.accepted.entry(launch(&alert)).or_default();
                    *most = most.max(strength);
                }
                self.accepted.insert(fingerprint, strength);
            }
        }
        while self.accepted.len() > MOST_ACCEPTED {
            self.accepted.pop_last();
        }
        // It may have forbidden another one to retrain.
        self.speak(as_of, &BTreeSet::new(), orders, &mut step);
        step
    }

    /// Whether an alert that fires is no more than what somebody accepted. What is more is accepted no longer.
    fn is_accepted(&mut self, alert: &Alert) -> bool {
        if alert.state == AlertState::Resolved {
            return false;
        }
        if is_of_launch(alert) && alert.basis != Basis::Labels && self.accepts_launch_of(alert) {
            // No more than what production was like from the first day on; harm is another question.
            return true;
        }
        let as_launch = || is_of_launch(alert).then(|| launch(alert)).filter(|name| self.accepted.contains_key(name));
        let itself = Some(&alert.fingerprint).filter(|name| self.accepted.contains_key(*name)).cloned();
        let Some(name) = itself.or_else(as_launch) else { return false };
        let more = self.accepted.get(&name).is_some_and(|accepted| strength(alert) > accepted * MORE);
        if more {
            self.accepted.remove(&name);
        }
        !more
    }

    /// Whether somebody accepted what the launch of the alert's model brought.
    fn accepts_launch_of(&self, alert: &Alert) -> bool {
        let of_model = launch_of(alert.model.as_deref());
        self.accepted.range(of_model.clone()..).next().is_some_and(|(name, _)| name.starts_with(&of_model))
    }

    /// How strong each accepted alert was.
    pub(super) const fn accepted(&self) -> &BTreeMap<String, f64> {
        &self.accepted
    }

    /// Takes what was accepted as it was written.
    pub(super) fn restore_accepted(&mut self, accepted: BTreeMap<String, f64>) {
        self.accepted = accepted;
    }

    /// Publishes the incidents that were touched, and those whose verdict depends on another one.
    fn speak(&mut self, as_of: EventTime, touched: &BTreeSet<u64>, orders: &Orders, step: &mut Step) {
        let unsound: Vec<(String, Option<String>)> = self
            .open
            .iter()
            .filter(|(_, open)| open.is_unsound())
            .map(|(_, open)| (open.id.clone(), open.model.clone()))
            .collect();
        let numbers: Vec<u64> = self.open.iter().map(|(&number, _)| number).collect();
        for number in numbers {
            let Some(open) = self.open.get(&number) else { continue };
            // What is wrong with the labels of the pipeline is wrong with those of every model.
            let forbids =
                |(id, model): &(String, Option<String>)| *id != open.id && (model.is_none() || *model == open.model);
            let forbidden = unsound.iter().any(forbids);
            let speaks = touched.contains(&number) || (forbidden != open.forbidden && open.would_retrain());
            if speaks && let Some(open) = self.open.get_mut(&number) {
                open.forbidden = forbidden;
                step.incidents.push(open.publish(as_of, orders));
                open.revision += 1;
                if open.is_closed() {
                    self.open.remove(&number);
                }
            }
        }
        step.incidents.sort_by(|a, b| a.id.cmp(&b.id));
    }

    /// Tells what has changed since the last time: the number, and the content or that it is gone.
    pub(super) fn changes(&mut self, mut tell: impl FnMut(u64, Option<Vec<u8>>)) {
        self.open.changes(|&number, open| tell(number, open.map(super::piece::json)));
    }

    /// Takes an incident as it was written.
    pub(super) fn restore(&mut self, number: u64, body: &[u8]) -> Result<(), RestoreProblem> {
        self.open.restore(number, super::piece::parse(body)?);
        self.restore_next(number.saturating_add(1));
        Ok(())
    }

    /// The number of the next incident.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// The next incident has this number or a larger one.
    pub(super) fn restore_next(&mut self, next: u64) {
        self.next = self.next.max(next);
    }

    /// Counts everything as never written down.
    #[cfg(test)]
    pub(super) fn forget_written(&mut self) {
        self.open.forget_written();
    }

    /// The incident that an alert belongs to; opens one for a firing alert without any.
    fn place(&mut self, one: &Raised, as_of: EventTime) -> Option<u64> {
        let alert = &one.alert;
        if let Some((&number, _)) = self.open.iter().find(|(_, open)| open.alerts.contains_key(&alert.fingerprint)) {
            return Some(number);
        }
        if alert.state == AlertState::Resolved {
            return None;
        }
        let features = features(alert);
        let near = one.window.times(NEAR).micros();
        let of_model: Vec<(u64, &Open)> = self
            .open
            .iter()
            .filter(|(_, open)| open.model == alert.model)
            .map(|(&number, open)| (number, open))
            .collect();
        // What differs from the first day on is one matter, and what changes later is another one.
        let of_launch = is_of_launch(alert);
        let of_model: Vec<(u64, &Open)> =
            of_model.into_iter().filter(|(_, open)| open.alerts.values().any(is_of_launch) == of_launch).collect();
        if let (true, Some(&(number, _))) = (of_launch, of_model.last()) {
            return Some(number);
        }
        let shares = of_model.iter().rev().find(|(_, open)| !features.is_disjoint(&open.features()));
        let close = of_model.iter().rev().find(|(_, open)| (alert.starts_at - open.began).abs() <= near);
        let latest = of_model.last().filter(|_| features.is_empty());
        if let Some(&(number, _)) = shares.or(close).or(latest) {
            return Some(number);
        }
        let name = format!("{}|{}|{}", alert.model.as_deref().unwrap_or(""), as_of.micros(), alert.fingerprint);
        let number = self.next;
        self.next += 1;
        self.open.get_or_insert_with(number, || Open {
            id: format!("{:016x}", fnv1a_64(name.as_bytes())),
            opened: as_of,
            began: alert.starts_at,
            model: alert.model.clone(),
            version: alert.version.clone(),
            revision: 0,
            alerts: BTreeMap::new(),
            resolved: BTreeSet::new(),
            window: one.window,
            asked: BTreeSet::new(),
            forbidden: false,
        });
        Some(number)
    }
}

/// The features that an alert is about.
fn features(alert: &Alert) -> BTreeSet<&str> {
    let subject = &alert.subject;
    let slice = subject.slice.iter().flat_map(BTreeMap::keys);
    let pair = subject.features.iter().flatten();
    subject.feature.iter().chain(slice).chain(pair).map(String::as_str).collect()
}

/// Under which name an indicator is accepted for all that a launch brought: larger windows tell of the same later.
fn launch(alert: &Alert) -> String {
    format!("{}{}", launch_of(alert.model.as_deref()), alert.indicator)
}

fn launch_of(model: Option<&str>) -> String {
    format!("launch|{}|", model.unwrap_or_default())
}

fn strength(alert: &Alert) -> f64 {
    alert.evidence.get("strength").and_then(serde_json::Value::as_f64).unwrap_or(0.0)
}

impl Open {
    fn features(&self) -> BTreeSet<&str> {
        self.alerts.values().flat_map(features).collect()
    }

    /// Alerts, the strongest first.
    fn by_strength(&self) -> Vec<&Alert> {
        let mut alerts: Vec<&Alert> = self.alerts.values().collect();
        alerts.sort_by(|a, b| strength(b).total_cmp(&strength(a)).then(a.fingerprint.cmp(&b.fingerprint)));
        alerts
    }

    fn ask(&mut self, one: &Raised, as_of: EventTime) -> Vec<LabelRequest> {
        let alert = &one.alert;
        let worth = matches!(alert.indicator.as_str(), "input.emerging_value" | "slice.error_rate");
        let (Some(model), Some(version), true) = (&alert.model, &alert.version, worth) else { return Vec::new() };
        let mut requests = Vec::new();
        for (key, event) in &one.examples {
            if requests.len() >= REQUESTS || self.asked.len() >= REQUESTS_MAX || !self.asked.insert(*key) {
                continue;
            }
            requests.push(LabelRequest {
                request_id: event.request_id.clone(),
                row: event.row,
                model: model.clone(),
                version: version.clone(),
                event_time: event.time.micros(),
                score: Some(event.score),
                incident: self.id.clone(),
                as_of: as_of.micros(),
                reason: format!("one of the cases behind {}: {}", alert.indicator, about(alert)),
            });
        }
        requests
    }

    fn is_closed(&self) -> bool {
        self.resolved.len() >= self.alerts.len()
    }

    fn is_unsound(&self) -> bool {
        !self.is_closed() && Pattern::new(self.alerts.values()).is_unsound()
    }

    fn would_retrain(&self) -> bool {
        let verdict = Pattern::new(self.alerts.values()).decide(false).retrain.verdict;
        matches!(verdict, Verdict::Retrain | Verdict::RetrainCandidate)
    }

    /// What happened in the world within a base window of the one in which it began, as is known at a due time.
    fn marks<'a>(&self, as_of: EventTime, orders: &'a Orders) -> Vec<&'a Mark> {
        let began = EventTime::from_micros_unchecked(self.began);
        let near = |mark: &&Mark| mark.at >= began - self.window && mark.at < began + self.window.times(2);
        orders.marks(self.model.as_deref(), as_of).filter(near).collect()
    }

    /// Its last revision, once somebody accepted it.
    fn accepted(&self, as_of: EventTime, accepted: &Accepted, orders: &Orders) -> Incident {
        let mut incident = self.publish(as_of, orders);
        incident.state = IncidentState::Accepted;
        incident.closed_as_of = Some(as_of.micros());
        let by = accepted.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        let why = accepted.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        incident.text = format!("{} Accepted{by}{why}.", incident.text);
        let of = serde_json::json!({"by": accepted.by, "reason": accepted.reason});
        incident.evidence.insert("accepted".to_owned(), of);
        incident
    }

    fn publish(&self, as_of: EventTime, orders: &Orders) -> Incident {
        let Verdicts { cause, confidence, advice, retrain } = Pattern::new(self.alerts.values()).decide(self.forbidden);
        let closed = self.is_closed();
        let mut evidence = BTreeMap::new();
        let strongest = self.by_strength();
        let lines: Vec<&str> = strongest.iter().take(8).map(|alert| alert.text.as_str()).collect();
        evidence.insert("because".to_owned(), lines.into());
        let performance = self.alerts.values().any(|alert| alert.indicator == "performance.degradation");
        evidence.insert("overall_metrics_quiet".to_owned(), (!performance).into());
        let features: Vec<&str> = self.features().into_iter().collect();
        evidence.insert("features".to_owned(), features.into());
        let severity = self.alerts.values().map(|alert| alert.severity).max().unwrap_or(Severity::Warning);
        let mut text = self.story(cause, retrain.verdict, performance, closed);
        let marks = self.marks(as_of, orders);
        if !marks.is_empty() {
            let told = |mark: &&Mark| serde_json::json!({"at": mark.at.micros(), "text": mark.text});
            evidence.insert("marks".to_owned(), marks.iter().map(told).collect());
            for mark in &marks {
                text = format!("{text} Marked at {}: {}.", mark.at.rfc3339(), mark.text);
            }
        }
        Incident {
            id: self.id.clone(),
            model: self.model.clone(),
            version: self.version.clone(),
            state: if closed { IncidentState::Closed } else { IncidentState::Open },
            revision: self.revision,
            as_of: as_of.micros(),
            basis_final: true,
            opened_as_of: self.opened.micros(),
            closed_as_of: closed.then_some(as_of.micros()),
            cause,
            confidence,
            severity,
            advice,
            alerts: self.alerts.keys().cloned().collect(),
            evidence,
            retrain,
            text,
        }
    }

    /// Three sentences: what happened and since when, why it matters, what to do.
    fn story(&self, cause: Cause, verdict: Verdict, performance: bool, closed: bool) -> String {
        let strongest = self.by_strength();
        let first = |indicator: &str| strongest.iter().copied().find(|alert| alert.indicator == indicator);
        let heads: &[&str] = match cause {
            Cause::EmergingCategory => &["input.emerging_value", "input.unseen_value"],
            Cause::Subgroup => &["slice.error_rate"],
            Cause::BrokenInput => &["input.late", "input.missing_rate", "input.out_of_range", "input.unseen_value"],
            Cause::LabelPipeline => &["join.orphans", "join.conflict", "label.coverage", "label.rate", "input.late"],
            Cause::LaunchGap => &["performance.degradation", "calibration.slope", "slice.error_rate", "input.drift"],
            Cause::DecisionCollapse => &["decision.rate"],
            Cause::ConceptDrift => &["performance.degradation", "calibration.slope"],
            Cause::Ageing => &["temporal.trend"],
            Cause::LabelShift => &["label.rate", "calibration.intercept"],
            Cause::CovariateShift => &["input.drift"],
            _ => &[],
        };
        let head = heads.iter().find_map(|name| first(name)).or_else(|| strongest.first().copied());
        let Some(head) = head else { return String::new() };
        let began = self.alerts.values().map(|alert| alert.starts_at).min().unwrap_or(head.starts_at);
        let since = day(EventTime::from_micros_unchecked(began));
        let others = match self.alerts.len() {
            1 => String::new(),
            all => format!(", {all} alerts"),
        };
        let alike = |alert: &&&Alert| head.indicator == "input.drift" && alert.indicator == head.indicator;
        let moved: Vec<&str> =
            strongest.iter().filter(alike).filter_map(|alert| alert.subject.feature.as_deref()).skip(1).collect();
        let as_well = if moved.is_empty() { String::new() } else { format!(" Moved as well: {}.", moved.join(", ")) };
        let what = format!("Since {since} (UTC{others}): {}{as_well}", head.text);
        let worse = first("performance.degradation").filter(|alert| alert.fingerprint != head.fingerprint);
        let slice = first("slice.error_rate").filter(|alert| alert.fingerprint != head.fingerprint);
        let quiet = "no metric of the whole model has become worse so far";
        let harm = match (slice, worse) {
            (Some(slice), None) if performance => open(&slice.text).to_owned(),
            (Some(slice), None) => format!("{}, while {quiet}", open(&slice.text)),
            (_, Some(worse)) => open(&worse.text).to_owned(),
            (None, None) if performance => "That is the whole model, not one subgroup".to_owned(),
            (None, None) => capital(quiet),
        };
        let sure = if cause == Cause::EmergingCategory { sure(head) } else { None };
        let harm = sure.map_or_else(|| harm.clone(), |sure| format!("{sure}; {}", small(&harm)));
        let todo = match (closed, self.forbidden) {
            (true, _) => "All of it is quiet again.",
            (false, true) if verdict == Verdict::DoNotRetrain && self.would_retrain() => {
                "Mend the inputs or labels first, as another open incident of this model says; do not retrain before."
            }
            (false, _) if head.indicator == "input.late" => {
                "Bring the records in the order of time, or raise `out_of_order` of their topic; until then figures stand on what was in time."
            }
            (false, _) => todo(cause, verdict, performance),
        };
        format!("{what} {harm}. {todo}")
    }
}

/// How sure the model is where a value is new.
fn sure(alert: &Alert) -> Option<String> {
    let number = |name: &str| alert.evidence.get(name).and_then(serde_json::Value::as_f64);
    let (sure, mean, all) = (number("sure")?, number("mean_score")?, number("mean_score_of_all")?);
    (sure >= 0.5).then(|| {
        format!(
            "The model is sure of itself there ({} of these scores are within 0.05 of 0 or 1; their mean is {}, that of all traffic {})",
            percent(sure),
            super::words::amount(mean),
            super::words::amount(all)
        )
    })
}

/// The subject of an alert in words.
fn about(alert: &Alert) -> String {
    let subject = &alert.subject;
    let slice = subject.slice.iter().flatten().map(|(feature, value)| format!("{feature} = {value}"));
    let value = subject.feature.iter().zip(&subject.value).map(|(feature, value)| format!("{feature} = {value}"));
    slice.chain(value).collect::<Vec<_>>().join(", ")
}

fn todo(cause: Cause, verdict: Verdict, worse: bool) -> &'static str {
    match (cause, verdict) {
        (Cause::BrokenInput, _) => "Mend the input and send these cases to review; do not retrain on them.",
        (Cause::LabelPipeline, _) => "Mend the label stream first: figures and training data both stand on it.",
        (Cause::EmergingCategory, Verdict::Retrain) => {
            "Send the new cases to review until a model is trained that knows them; enough labels of them are there."
        }
        (Cause::EmergingCategory, _) => {
            "Collect labels of exactly these cases (see the label requests) and send them to review; retraining now would be too early."
        }
        (Cause::Subgroup, _) => "Look at this subgroup: review its cases and collect labels there.",
        (Cause::LaunchGap, Verdict::Wait) => {
            "It has been so since the first day: compare how the baseline was drawn with what the model is given; if production \
             is as it should be, accept this incident, or a baseline of production."
        }
        (Cause::LaunchGap, _) => {
            "Roll back to the version before, and compare what it is given with what this one is given."
        }
        (Cause::DecisionCollapse, _) => "Roll back to the last version that decided normally.",
        (Cause::Ageing, _) => {
            "Retrain on the newest labels, and plan to do so again: it is not one change but many small ones."
        }
        (Cause::ConceptDrift, _) => "Retrain on the labels since the change; until then recalibrate.",
        (Cause::LabelShift, _) => "Correct the prior or move the threshold; a new model is not needed for that.",
        (Cause::CovariateShift, _) if worse => {
            "Check whether the threshold still pays on these cases, and try a model trained on labels since the change against this one."
        }
        (Cause::Miscalibration, _) => "Fit the scores anew on fresh labels; a new model is not needed for that.",
        (Cause::CovariateShift, _) => "Watch the metrics of the labels to come; retrain only if they fall.",
        _ => "Look at the alerts of this incident; its cause is not known.",
    }
}
