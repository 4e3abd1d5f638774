//! Does everything that `run` needs hold, before it reads the first record?

use std::collections::BTreeMap;

use super::admin::{Admin, Found};
use super::error::{KafkaTrouble, Right};
use super::principal::principal;
use super::topology::{Owner, Planned, Role, others, plan};
use super::{probe, settings};
use crate::config::Config;

/// The topics as they were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// How many tasks there are: the partitions of the rows topic, and of the inputs unless they are written anew.
    pub partitions: u32,
    /// Partitions of the predictions.
    pub inferences: u32,
    /// Partitions of the labels; `None` when there are none.
    pub labels: Option<u32>,
    /// Partitions of the deltas.
    pub judges: u32,
    /// What is unusual and no reason to stop, or could not be checked; one sentence each.
    pub notes: Vec<String>,
}

/// Checks brokers, topics, their settings, and the rights of this user. `instance` is the name of this process.
///
/// It takes about a second where all is well, and ten where no broker answers.
///
/// # Errors
/// The first kind of trouble, in full: no broker, then rights to see topics, missing topics, wrong partitions and
/// settings, then other rights.
pub fn check(config: &Config, instance: &str) -> Result<Topology, KafkaTrouble> {
    let admin = Admin::connect(config)?;
    let topics = plan(config, None);
    let counts = counts(&admin, config, &topics)?;
    let tasks = tasks(config, &topics, &counts);
    let mut problems = inputs_differ(config, &topics, &counts);
    problems.extend(others_differ(&admin, config, &topics, tasks)?);
    let mut notes = Vec::new();
    for topic in &topics {
        let found = counts.get(&topic.role).copied().unwrap_or_default();
        problems.extend(wrong_partitions(topic, found, tasks, config));
        match admin.settings(&topic.name)? {
            None => notes.push(format!(
                "the settings of the topic {} were not checked: this needs DescribeConfigs on the topic",
                topic.name
            )),
            Some(found) => {
                problems.extend(refused(topic, &found));
                notes.extend(differences(topic, &found).map(|it| format!("topic {}: {it}", topic.name)));
            }
        }
    }
    if !problems.is_empty() {
        return Err(KafkaTrouble::Wrong { problems });
    }
    let missing = rights(&admin, config, instance, &topics)?;
    if !missing.is_empty() {
        return Err(KafkaTrouble::NotAllowed { missing, principal: principal(config) });
    }
    let count = |role| counts.get(&role).copied();
    Ok(Topology {
        partitions: tasks,
        inferences: count(Role::Inferences).unwrap_or_default(),
        labels: count(Role::Labels),
        judges: count(Role::Deltas).unwrap_or(config.judges),
        notes,
    })
}

/// The partitions of the inputs alone: of the predictions, and of the labels where there are any. For whatever reads or
/// writes the inputs and needs no other topic.
///
/// # Errors
/// When no broker answers, an input is missing or hidden, or both have different numbers of partitions.
pub fn inputs(config: &Config) -> Result<(u32, Option<u32>), KafkaTrouble> {
    let admin = Admin::connect(config)?;
    let topics: Vec<Planned> = plan(config, None).into_iter().filter(|topic| topic.owner == Owner::User).collect();
    let counts = counts(&admin, config, &topics)?;
    let problems = inputs_differ(config, &topics, &counts);
    if !problems.is_empty() {
        return Err(KafkaTrouble::Wrong { problems });
    }
    let count = |role| counts.get(&role).copied();
    Ok((count(Role::Inferences).unwrap_or_default(), count(Role::Labels)))
}

/// What is wrong with the further topics of a side.
fn others_differ(
    admin: &Admin<'_>,
    config: &Config,
    topics: &[Planned],
    tasks: u32,
) -> Result<Vec<String>, KafkaTrouble> {
    let mut problems = Vec::new();
    for topic in others(config, topics) {
        let name = &topic.name;
        match admin.find(name)? {
            Found::There { partitions } => problems.extend(other_differs(name, partitions, tasks)),
            Found::Hidden => {
                let missing = vec![Right::new("Read", "topic", name)];
                return Err(KafkaTrouble::NotAllowed { missing, principal: principal(config) });
            }
            Found::Missing => return Err(KafkaTrouble::Missing { inputs: vec![name.clone()], own: Vec::new() }),
        }
        if let Some(found) = admin.settings(name)? {
            problems.extend(refused(&topic, &found));
        }
        if config.join.repartition {
            problems.push(format!(
                "topic {name}: `join.repartition` rewrites one topic of predictions and one of labels; several of a side \
                 are not in this release"
            ));
        }
        if problems.is_empty()
            && let Some(right) = probe::reading(admin, config, name)?
        {
            return Err(KafkaTrouble::NotAllowed { missing: vec![right], principal: principal(config) });
        }
    }
    Ok(problems)
}

/// The trouble of a further topic of a side with another number of partitions than there are tasks.
pub fn other_differs(name: &str, partitions: u32, tasks: u32) -> Option<String> {
    (partitions != tasks).then(|| {
        format!(
            "topic {name} has {partitions} partitions, the other inputs have {tasks}: a prediction and its label would \
             not meet; give all of them the same number of partitions and the same partitioner"
        )
    })
}

/// The number of partitions of each topic; all of them must be there.
fn counts(admin: &Admin<'_>, config: &Config, topics: &[Planned]) -> Result<BTreeMap<Role, u32>, KafkaTrouble> {
    let mut counts = BTreeMap::new();
    let (mut hidden, mut inputs, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for topic in topics {
        match admin.find(&topic.name)? {
            Found::There { partitions } => {
                counts.insert(topic.role, partitions);
            }
            Found::Hidden => hidden.extend(needed(topic)),
            Found::Missing if topic.owner == Owner::User => inputs.push(topic.name.clone()),
            Found::Missing => own.push(topic.name.clone()),
        }
    }
    if !hidden.is_empty() {
        return Err(KafkaTrouble::NotAllowed { missing: hidden, principal: principal(config) });
    }
    if inputs.is_empty() && own.is_empty() { Ok(counts) } else { Err(KafkaTrouble::Missing { inputs, own }) }
}

/// The rights that a topic needs; each of them includes the right to see it.
pub(super) fn needed(topic: &Planned) -> impl Iterator<Item = Right> {
    let read = topic.is_read().then(|| Right::new("Read", "topic", &topic.name));
    let write = topic.is_written().then(|| Right::new("Write", "topic", &topic.name));
    read.into_iter().chain(write)
}

/// The trouble of a user who lacks one right on each of `topics`.
pub fn not_allowed<'a>(
    config: &Config,
    topics: impl Iterator<Item = &'a Planned>,
    operation: &'static str,
) -> KafkaTrouble {
    let missing = topics.map(|topic| Right::new(operation, "topic", &topic.name)).collect();
    KafkaTrouble::NotAllowed { missing, principal: principal(config) }
}

/// The trouble of a user who may not read these topics.
pub fn unreadable(config: &Config, topics: &[&str]) -> KafkaTrouble {
    let missing = topics.iter().map(|topic| Right::new("Read", "topic", topic)).collect();
    KafkaTrouble::NotAllowed { missing, principal: principal(config) }
}

/// How many tasks the inputs make: their partitions, or those of the topics into which they are written anew.
pub fn tasks(config: &Config, topics: &[Planned], counts: &BTreeMap<Role, u32>) -> u32 {
    let count = |role| counts.get(&role).copied();
    let inputs = count(Role::Inferences).max(count(Role::Labels)).unwrap_or_default();
    if config.join.repartition && topics.iter().any(|topic| topic.role == Role::KeyedInferences) {
        return count(Role::KeyedInferences).or_else(|| count(Role::Rows)).unwrap_or(inputs);
    }
    inputs
}

/// The trouble of inputs with different partition counts, unless they are written anew.
pub fn inputs_differ(config: &Config, topics: &[Planned], counts: &BTreeMap<Role, u32>) -> Vec<String> {
    let of = |role: Role| {
        let topic = topics.iter().find(|topic| topic.role == role)?;
        Some((&topic.name, *counts.get(&role)?))
    };
    match (of(Role::Inferences), of(Role::Labels)) {
        (Some((inferences, one)), Some((labels, other))) if one != other && !config.join.repartition => {
            vec![format!(
                "topic {inferences} has {one} partitions and topic {labels} has {other}: a prediction and its label would \
                 not meet; give both topics the same number of partitions and the same partitioner, or set \
                 `join.repartition: true`, which writes both anew by request id"
            )]
        }
        _ => Vec::new(),
    }
}

/// The trouble of a topic of ours with another number of partitions than truthline relies on.
pub fn wrong_partitions(topic: &Planned, found: u32, tasks: u32, config: &Config) -> Option<String> {
    let wanted = topic.partitions.count(tasks, config.judges);
    if !topic.exact || found == wanted {
        return None;
    }
    let because = match topic.partitions {
        super::Partitions::Inputs => format!(
            "the inputs have {wanted}; was an input given more partitions? Predictions that wait for their labels would be \
             looked for in other partitions than before: choose a new `topics.prefix` and `kafka.group` and read again \
             from `start`"
        ),
        super::Partitions::Judges => format!(
            "`judges` is {wanted}; set `judges: {found}`, or choose a new `topics.prefix` and `kafka.group` and read again \
             from `start`"
        ),
        super::Partitions::One => "it needs one, because the order of all its records matters; choose a new \
             `topics.prefix` and `kafka.group` and read again from `start`"
            .to_owned(),
    };
    Some(format!("topic {} has {found} partitions, but {because}", topic.name))
}

/// Settings with which `run` does not start, one sentence each.
pub fn refused<'a>(topic: &'a Planned, found: &'a BTreeMap<String, String>) -> impl Iterator<Item = String> + 'a {
    let judged = differences(topic, found);
    judged.filter(|difference| topic.refuses(difference.name)).map(|difference| {
        let why = match difference.name {
            "message.timestamp.type" => "it stamps records when they arrive, so a replay would see other times",
            "cleanup.policy" => "truthline could not restore its state from it",
            _ => "what is still needed would be deleted",
        };
        format!(
            "topic {}: {difference}; {why}. Set it: kafka-configs.sh --alter --topic {} --add-config {}={}",
            topic.name, topic.name, difference.name, difference.wanted
        )
    })
}

/// A setting that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The setting, as the broker names it.
    pub name: &'static str,
    /// What it is.
    pub found: String,
    /// What it should be.
    pub wanted: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is {}, wanted {}", self.name, self.found, self.wanted)
    }
}

/// The settings of a topic that are not as planned. Of an input only its times matter; the rest is its owner's.
pub fn differences<'a>(
    topic: &'a Planned,
    found: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = Difference> + 'a {
    let judged =
        topic.settings.iter().filter(|(name, _)| topic.owner != Owner::User || *name == "message.timestamp.type");
    judged.filter_map(|(name, wanted)| {
        let found = found.get(*name).filter(|found| *found != wanted)?;
        Some(Difference { name, found: found.clone(), wanted: wanted.clone() })
    })
}

/// The rights that are missing.
fn rights(admin: &Admin<'_>, config: &Config, instance: &str, topics: &[Planned]) -> Result<Vec<Right>, KafkaTrouble> {
    let mut missing = Vec::new();
    for topic in topics.iter().filter(|topic| topic.is_read()) {
        missing.extend(probe::reading(admin, config, &topic.name)?);
    }
    let written: Vec<&str> =
        topics.iter().filter(|topic| topic.is_written()).map(|topic| topic.name.as_str()).collect();
    let id = settings::transactional_id(config, instance, "check");
    missing.extend(probe::writing(config, &id, &written)?);
    if let Some(rows) = topics.iter().find(|topic| topic.role == Role::Rows)
        && !missing.iter().any(|right| right.resource.ends_with(&rows.name))
        && !admin.may_trim(&rows.name)?
    {
        missing.push(Right::new("Delete", "topic", &rows.name));
    }
    missing.sort();
    missing.dedup();
    Ok(missing)
}
