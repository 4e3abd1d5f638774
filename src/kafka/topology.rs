//! Which topics does a configuration need, and how must each be set?

use crate::config::Config;

/// What a topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it; `docs/kafka.md` explains each")]
pub enum Role {
    Inferences,
    Labels,
    Alerts,
    AlertState,
    Incidents,
    Summaries,
    LabelRequests,
    DeadLetters,
    Outcomes,
    Control,
    Rows,
    Deltas,
    Windows,
    Baselines,
    /// Predictions written anew by request id; only with `join.repartition`.
    KeyedInferences,
    /// Labels written anew by request id; only with `join.repartition`.
    KeyedLabels,
}

/// Whose a topic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The user's: truthline reads it and never creates it unasked.
    User,
    /// What truthline tells others, or is told by them.
    Output,
    /// What truthline keeps for itself. Nobody else writes here.
    Internal,
}

/// How many partitions a topic has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitions {
    /// As many as the inputs: one a task.
    Inputs,
    /// As many as `judges`.
    Judges,
    /// One, because the order of all its records matters.
    One,
}

impl Partitions {
    /// The number.
    pub fn count(self, inputs: u32, judges: u32) -> u32 {
        match self {
            Self::Inputs => inputs,
            Self::Judges => judges,
            Self::One => 1,
        }
    }
}

/// How long a topic keeps its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    /// The newest of each key, for ever.
    Newest,
    /// This many days.
    Days(u32),
    /// Until truthline removes them, or for ever.
    Always,
}

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// How long an older value of a compacted key stays, so that a restore can still find the one it needs.
const COMPACTION_LAG_MS: u64 = 10 * 60 * 1000;
/// Small enough that what was trimmed or compacted leaves the disk soon.
const SEGMENT_BYTES: u64 = 64 << 20;

/// What one kind of topic is like.
struct Kind {
    role: Role,
    /// Behind the prefix; empty for the inputs.
    suffix: &'static str,
    owner: Owner,
    partitions: Partitions,
    /// Whether truthline relies on that number of partitions.
    exact: bool,
    keep: Keep,
}

const fn kind(role: Role, suffix: &'static str, owner: Owner, partitions: Partitions, exact: bool, keep: Keep) -> Kind {
    Kind { role, suffix, owner, partitions, exact, keep }
}

/// Every kind of topic, in the order of the documentation.
const KINDS: [Kind; 16] = [
    kind(Role::Inferences, "", Owner::User, Partitions::Inputs, false, Keep::Days(7)),
    kind(Role::Labels, "", Owner::User, Partitions::Inputs, false, Keep::Days(7)),
    kind(Role::Alerts, "alerts.v1", Owner::Output, Partitions::Judges, false, Keep::Always),
    kind(Role::AlertState, "alert-state.v1", Owner::Output, Partitions::Judges, false, Keep::Newest),
    kind(Role::Incidents, "incidents.v1", Owner::Output, Partitions::Judges, false, Keep::Always),
    kind(Role::Summaries, "summaries.v1", Owner::Output, Partitions::Judges, false, Keep::Days(400)),
    kind(Role::LabelRequests, "label-requests.v1", Owner::Output, Partitions::Judges, false, Keep::Days(30)),
    kind(Role::DeadLetters, "dead-letters.v1", Owner::Output, Partitions::Inputs, false, Keep::Days(30)),
    kind(Role::Outcomes, "outcomes.v1", Owner::Output, Partitions::Inputs, false, Keep::Days(30)),
    kind(Role::Control, "control.v1", Owner::Output, Partitions::One, true, Keep::Always),
    kind(Role::Rows, "rows.v1", Owner::Internal, Partitions::Inputs, true, Keep::Always),
    kind(Role::Deltas, "deltas.v1", Owner::Internal, Partitions::Judges, true, Keep::Days(7)),
    kind(Role::Windows, "windows.v1", Owner::Internal, Partitions::Judges, true, Keep::Newest),
    kind(Role::Baselines, "baselines.v1", Owner::Internal, Partitions::One, true, Keep::Newest),
    kind(Role::KeyedInferences, "inferences.v1", Owner::Internal, Partitions::Inputs, true, Keep::Days(7)),
    kind(Role::KeyedLabels, "labels.v1", Owner::Internal, Partitions::Inputs, true, Keep::Days(7)),
];

/// The names of the topics of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Predictions.
    pub inferences: String,
    /// Labels; `None` when there are none.
    pub labels: Option<String>,
    /// Each change of an alert.
    pub alerts: String,
    /// The state of each alert now.
    pub alert_state: String,
    /// Each change of an incident.
    pub incidents: String,
    /// Each revision of a window's figures.
    pub summaries: String,
    /// Requests worth a label.
    pub label_requests: String,
    /// Records that could not be used.
    pub dead_letters: String,
    /// Joined records; written only with `outcomes: true`.
    pub outcomes: String,
    /// What people tell truthline.
    pub control: String,
    /// The changelog of pending predictions.
    pub rows: String,
    /// What tasks tell judges.
    pub deltas: String,
    /// What judges remember.
    pub windows: String,
    /// Learnt baselines.
    pub baselines: String,
    /// Predictions written anew by request id; used only with `join.repartition`.
    pub keyed_inferences: String,
    /// Labels written anew by request id; used only with `join.repartition`.
    pub keyed_labels: String,
}

impl Names {
    /// The names that `config` gives.
    pub fn of(config: &Config) -> Self {
        let name = |role| name(config, role).unwrap_or_default();
        Self {
            inferences: name(Role::Inferences),
            labels: config.topics.labels.as_ref().map(|topic| topic.name.clone()),
            alerts: name(Role::Alerts),
            alert_state: name(Role::AlertState),
            incidents: name(Role::Incidents),
            summaries: name(Role::Summaries),
            label_requests: name(Role::LabelRequests),
            dead_letters: name(Role::DeadLetters),
            outcomes: name(Role::Outcomes),
            control: name(Role::Control),
            rows: name(Role::Rows),
            deltas: name(Role::Deltas),
            windows: name(Role::Windows),
            baselines: name(Role::Baselines),
            keyed_inferences: name(Role::KeyedInferences),
            keyed_labels: name(Role::KeyedLabels),
        }
    }
}

/// The name of the topic for `role`; `None` for labels where there are none.
fn name(config: &Config, role: Role) -> Option<String> {
    match role {
        Role::Inferences => Some(config.topics.inferences.name.clone()),
        Role::Labels => config.topics.labels.as_ref().map(|topic| topic.name.clone()),
        _ => {
            let kind = KINDS.iter().find(|kind| kind.role == role)?;
            Some(format!("{}.{}", config.topics.prefix, kind.suffix))
        }
    }
}

/// Whether a configuration uses the topic for `role`.
fn is_used(config: &Config, role: Role) -> bool {
    match role {
        Role::Labels => config.topics.labels.is_some(),
        Role::Outcomes => config.outcomes,
        Role::KeyedInferences => config.join.repartition,
        Role::KeyedLabels => config.join.repartition && config.topics.labels.is_some(),
        _ => true,
    }
}

/// One topic of a configuration, as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// What it is for.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub owner: Owner,
    /// How many partitions.
    pub partitions: Partitions,
    /// Whether truthline relies on that number.
    pub exact: bool,
    /// Its settings, as the broker names them, in order.
    pub settings: Vec<(&'static str, String)>,
}

impl Planned {
    /// Whether truthline reads it.
    pub fn is_read(&self) -> bool {
        self.owner != Owner::Output || matches!(self.role, Role::Control)
    }

    /// Whether truthline writes it.
    pub fn is_written(&self) -> bool {
        self.owner != Owner::User
    }

    /// Whether another value of this setting would lose something or change a result, so that `run` does not start.
    pub fn refuses(&self, setting: &str) -> bool {
        match setting {
            "message.timestamp.type" => self.owner == Owner::User,
            // What was asked of a service must be there for a replay to obey.
            "cleanup.policy" => self.owner == Owner::Internal || self.role == Role::Control,
            "retention.ms" | "retention.bytes" => self.role == Role::Rows,
            _ => false,
        }
    }

    /// The setting of this name.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// Every topic that `config` uses, inputs first. `replication` is the cluster's default, if it is known: from three
/// copies on a write waits for two of them.
pub fn plan(config: &Config, replication: Option<u32>) -> Vec<Planned> {
    let used = KINDS.iter().filter(|kind| is_used(config, kind.role));
    let planned = used.filter_map(|kind| {
        Some(Planned {
            role: kind.role,
            name: name(config, kind.role)?,
            owner: kind.owner,
            partitions: kind.partitions,
            exact: kind.exact,
            settings: settings(kind, replication),
        })
    });
    planned.collect()
}

/// The further input topics of `config`, each planned as the first one of its side.
pub fn others(config: &Config, plan: &[Planned]) -> Vec<Planned> {
    let names = |role| match role {
        Role::Inferences => Some(&config.topics.inferences.others),
        Role::Labels => config.topics.labels.as_ref().map(|labels| &labels.others),
        _ => None,
    };
    let of = |topic: &Planned| {
        let named = |name: &String| Planned { name: name.clone(), ..topic.clone() };
        names(topic.role).into_iter().flatten().map(named).collect::<Vec<_>>()
    };
    plan.iter().flat_map(of).collect()
}

fn settings(kind: &Kind, replication: Option<u32>) -> Vec<(&'static str, String)> {
    let mut settings = Vec::new();
    match kind.keep {
        Keep::Newest => {
            settings.push(("cleanup.policy", "compact".to_owned()));
            settings.push(("min.compaction.lag.ms", COMPACTION_LAG_MS.to_string()));
        }
        Keep::Days(days) => {
            settings.push(("cleanup.policy", "delete".to_owned()));
            settings.push(("retention.ms", (u64::from(days) * DAY_MS).to_string()));
        }
        Keep::Always => {
            settings.push(("cleanup.policy", "delete".to_owned()));
            settings.push(("retention.ms", "-1".to_owned()));
        }
    }
    if kind.owner != Owner::User {
        // A broker's default may cut by size; nothing of ours may go early.
        if kind.keep != Keep::Newest {
            settings.push(("retention.bytes", "-1".to_owned()));
        }
        settings.push(("max.message.bytes", super::settings::LARGEST_RECORD.to_string()));
    }
    if kind.owner == Owner::Internal {
        settings.push(("segment.bytes", SEGMENT_BYTES.to_string()));
    }
    settings.push(("message.timestamp.type", "CreateTime".to_owned()));
    if let Some(copies) = replication {
        settings.push(("min.insync.replicas", if copies >= 3 { "2" } else { "1" }.to_owned()));
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::from_yaml(text).unwrap()
    }

    fn names(text: &str) -> Vec<String> {
        plan(&config(text), None).into_iter().map(|topic| topic.name).collect()
    }

    #[test]
    fn the_plan_holds_what_the_configuration_uses_and_nothing_else() {
        let every = names("topics: {inferences: in, labels: out, prefix: watch}");
        assert_eq!(&every[..3], ["in", "out", "watch.alerts.v1"]);
        assert_eq!(every.len(), 13);
        assert!(every.iter().all(|name| !name.contains("outcomes") && !name.ends_with("inferences.v1")));
        assert_eq!(names("topics: {labels: null}").len(), 12);
        let anew = names("join: {repartition: true}");
        assert!(anew.contains(&"truthline.labels.v1".to_owned()) && anew.len() == 15, "{anew:?}");
    }

    #[test]
    fn names_and_plan_agree() {
        let config = config("join: {repartition: true}\ntopics: {prefix: p}");
        let names = Names::of(&config);
        for topic in plan(&config, None) {
            let known = match topic.role {
                Role::Inferences => &names.inferences,
                Role::Labels => names.labels.as_ref().unwrap(),
                Role::Alerts => &names.alerts,
                Role::AlertState => &names.alert_state,
                Role::Incidents => &names.incidents,
                Role::Summaries => &names.summaries,
                Role::LabelRequests => &names.label_requests,
                Role::DeadLetters => &names.dead_letters,
                Role::Outcomes => &names.outcomes,
                Role::Control => &names.control,
                Role::Rows => &names.rows,
                Role::Deltas => &names.deltas,
                Role::Windows => &names.windows,
                Role::Baselines => &names.baselines,
                Role::KeyedInferences => &names.keyed_inferences,
                Role::KeyedLabels => &names.keyed_labels,
            };
            assert_eq!(*known, topic.name);
        }
    }

    #[test]
    fn what_must_survive_is_never_deleted_by_time_and_always_carries_its_own_time() {
        for topic in plan(&config(""), Some(3)) {
            assert_eq!(topic.setting("message.timestamp.type"), Some("CreateTime"), "{topic:?}");
            assert_eq!(topic.setting("min.insync.replicas"), Some("2"), "{topic:?}");
            let compacted = topic.setting("cleanup.policy") == Some("compact");
            assert_eq!(
                compacted,
                matches!(topic.role, Role::AlertState | Role::Windows | Role::Baselines),
                "{topic:?}"
            );
            if matches!(topic.role, Role::Rows | Role::Control | Role::Alerts | Role::Incidents) {
                assert_eq!(topic.setting("retention.ms"), Some("-1"), "{topic:?}");
            }
        }
        assert!(plan(&config(""), Some(2)).iter().all(|topic| topic.setting("min.insync.replicas") == Some("1")));
        assert!(plan(&config(""), None).iter().all(|topic| topic.setting("min.insync.replicas").is_none()));
    }
}
