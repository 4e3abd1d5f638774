//! What was found lately, for whoever asks?
//!
//! The newest summaries as the texts that were published, the alerts that are open and those that ended lately, the
//! same of incidents. Everything has a bound; the oldest goes first, and what had to go is counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::event::EventTime;
use crate::finding::{Alert, AlertState, Incident, IncidentState, Severity, Summary};

/// How much the board of one judge keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Versions of models.
    pub versions: usize,
    /// Summaries of one version and length of window: so many that are final, and so many that are not.
    pub windows: usize,
    /// Bytes of all summaries together.
    pub bytes: usize,
    /// Alerts that are pending or firing.
    pub alerts: usize,
    /// Incidents that are open.
    pub incidents: usize,
    /// Alerts, and incidents, that have ended.
    pub ended: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { versions: 4_096, windows: 32, bytes: 64 << 20, alerts: 4_096, incidents: 1_024, ended: 256 }
    }
}

/// The newest revision of one window.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) json: Arc<str>,
    pub(super) as_of: i64,
    pub(super) is_final: bool,
    pub(super) capped: bool,
}

/// `(end, start)` of a window.
type Bounds = (i64, i64);

/// The summaries of one version.
#[derive(Clone, Debug, Default)]
pub(super) struct Version {
    pub(super) windows: BTreeMap<Bounds, Entry>,
    /// Ends of the newest windows, whatever is kept of them: by length, of any revision and of final ones.
    newest: BTreeMap<i64, (i64, Option<i64>)>,
    touched: i64,
}

impl Version {
    /// Ends of the newest window of this length and of the newest final one. The shortest length for `None`.
    pub(super) fn newest(&self, length: Option<i64>) -> (Option<i64>, Option<i64>) {
        let found = length.map_or_else(|| self.newest.values().next(), |length| self.newest.get(&length));
        found.map_or((None, None), |&(newest, last_final)| (Some(newest), last_final))
    }

    /// The end of the oldest window of this length that is not final, among those kept.
    pub(super) fn oldest_open(&self, length: i64) -> Option<i64> {
        let (_, last_final) = self.newest(Some(length));
        let mut open = self.windows.iter().filter(|((end, start), entry)| end - start == length && !entry.is_final);
        open.find(|((end, _), _)| last_final.is_none_or(|last| *end > last)).map(|((end, _), _)| *end)
    }
}

/// The board of one judge.
#[derive(Debug)]
pub(super) struct Board {
    limits: Limits,
    pub(super) versions: BTreeMap<(String, String), Version>,
    /// By fingerprint and by whether the basis was final: each has a life of its own.
    pub(super) alerts: BTreeMap<(String, bool), Alert>,
    pub(super) incidents: BTreeMap<String, Incident>,
    /// Both clocks of the judge.
    pub(super) clock: (Option<EventTime>, Option<EventTime>),
    bytes: usize,
    /// What had to go because of a bound, other than by age.
    pub(super) left_out: u64,
}

impl Board {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            versions: BTreeMap::new(),
            alerts: BTreeMap::new(),
            incidents: BTreeMap::new(),
            clock: (None, None),
            bytes: 0,
            left_out: 0,
        }
    }

    /// Keeps a revision of a summary; an older revision than the kept one changes nothing.
    pub(super) fn summary(&mut self, summary: &Summary) {
        let Ok(json) = serde_json::to_string(summary) else {
            // Only a map with keys that are no text could fail, and there is none.
            self.left_out += 1;
            return;
        };
        let key = (summary.model.clone(), summary.version.clone());
        if !self.versions.contains_key(&key) && self.versions.len() >= self.limits.versions {
            self.drop_stalest_version();
        }
        let window = (summary.window.end, summary.window.start);
        let length = window.0 - window.1;
        let entry =
            Entry { json: json.into(), as_of: summary.as_of, is_final: summary.is_final, capped: summary.capped };
        let version = self.versions.entry(key).or_default();
        if version.windows.get(&window).is_some_and(|kept| kept.is_final && !entry.is_final) {
            return;
        }
        version.touched = version.touched.max(entry.as_of);
        let newest = version.newest.entry(length).or_insert((window.0, None));
        newest.0 = newest.0.max(window.0);
        if entry.is_final {
            newest.1 = newest.1.max(Some(window.0));
        }
        let is_final = entry.is_final;
        self.bytes += entry.json.len();
        if let Some(old) = version.windows.insert(window, entry) {
            self.bytes -= old.json.len();
        }
        let same = |(bounds, entry): &(&Bounds, &Entry)| bounds.0 - bounds.1 == length && entry.is_final == is_final;
        if version.windows.iter().filter(same).count() > self.limits.windows {
            let oldest = version.windows.iter().find(same).map(|(bounds, _)| *bounds);
            if let Some(old) = oldest.and_then(|bounds| version.windows.remove(&bounds)) {
                self.bytes -= old.json.len();
            }
        }
        while self.bytes > self.limits.bytes {
            self.drop_oldest_summary();
        }
    }

    fn drop_oldest_summary(&mut self) {
        let all = self
            .versions
            .iter()
            .flat_map(|(key, version)| version.windows.iter().map(move |(bounds, entry)| (entry.as_of, *bounds, key)));
        let Some((bounds, key)) = all.min().map(|(_, bounds, key)| (bounds, key.clone())) else { return };
        if let Some(old) = self.versions.get_mut(&key).and_then(|version| version.windows.remove(&bounds)) {
            self.bytes -= old.json.len();
            self.left_out += 1;
        }
    }

    fn drop_stalest_version(&mut self) {
        let stalest = self.versions.iter().min_by_key(|(_, version)| version.touched).map(|(key, _)| key.clone());
        if let Some(version) = stalest.and_then(|key| self.versions.remove(&key)) {
            self.bytes -= version.windows.values().map(|entry| entry.json.len()).sum::<usize>();
            self.left_out += 1;
        }
    }

    /// Keeps the newest change of an alert.
    pub(super) fn alert(&mut self, alert: &Alert) {
        self.alerts.insert((alert.fingerprint.clone(), alert.basis_final), alert.clone());
        let ended = |alert: &Alert| alert.state == AlertState::Resolved;
        let most = if ended(alert) { self.limits.ended } else { self.limits.alerts };
        let same = self.alerts.iter().filter(|(_, other)| ended(other) == ended(alert));
        if same.clone().count() <= most {
            return;
        }
        // An alert that is kept because it is severe may be older than one that goes.
        let rank = |alert: &Alert| (alert.state == AlertState::Firing, alert.severity, alert.as_of);
        let goes = same.min_by_key(|(_, other)| rank(other)).map(|(key, other)| (key.clone(), !ended(other)));
        if let Some((key, counts)) = goes {
            self.alerts.remove(&key);
            self.left_out += u64::from(counts);
        }
    }

    /// Keeps the newest revision of an incident.
    pub(super) fn incident(&mut self, incident: &Incident) {
        self.incidents.insert(incident.id.clone(), incident.clone());
        let open = |incident: &Incident| incident.state == IncidentState::Open;
        let most = if open(incident) { self.limits.incidents } else { self.limits.ended };
        let same = self.incidents.iter().filter(|(_, other)| open(other) == open(incident));
        if same.clone().count() <= most {
            return;
        }
        let goes = same.min_by_key(|(_, other)| (other.severity, other.as_of));
        let goes = goes.map(|(key, other)| (key.clone(), open(other)));
        if let Some((key, counts)) = goes {
            self.incidents.remove(&key);
            self.left_out += u64::from(counts);
        }
    }

    /// Alerts that fire, by model (`None`: the pipeline) and severity: once for each fingerprint, at its largest.
    pub(super) fn firing(&self) -> BTreeMap<(Option<&str>, Severity), u64> {
        let mut largest: BTreeMap<(Option<&str>, &str), Severity> = BTreeMap::new();
        for alert in self.alerts.values().filter(|alert| alert.state == AlertState::Firing) {
            let severity = largest.entry((alert.model.as_deref(), &alert.fingerprint)).or_insert(alert.severity);
            *severity = (*severity).max(alert.severity);
        }
        let mut counts = BTreeMap::new();
        for ((model, _), severity) in largest {
            *counts.entry((model, severity)).or_default() += 1;
        }
        counts
    }
}
