//! `truthline topics`: which topics are needed, which are there, and is each set as it should be?

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::{Exit, Output, UsageError, validate};
use crate::config::Config;
use crate::kafka::{self, Admin, Found, KafkaTrouble, Owner, Planned, Role};

/// The most partitions that `--partitions` takes.
const MOST_PARTITIONS: i64 = 10_000;

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum TopicsCommand {
    /// Create the topics of truthline that are missing
    Create(CreateArgs),
    /// Check brokers, topics, settings and rights as `run` does when it starts
    Check(CheckArgs),
}

/// The options of `create`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example:\n  truthline topics create --config truthline.yaml --dry-run\n  truthline topics create --config \
                  truthline.yaml"
)]
pub struct CreateArgs {
    /// The configuration; without one, the defaults and the environment
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Say what would be done and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Also create the input topics, for trying things out
    #[arg(long, requires = "partitions")]
    pub inputs: bool,
    /// The number of partitions of input topics that are created
    #[arg(long, value_name = "N", requires = "inputs", value_parser = clap::value_parser!(u32).range(1..=MOST_PARTITIONS))]
    pub partitions: Option<u32>,
}

/// The options of `check`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  truthline topics check --config truthline.yaml")]
pub struct CheckArgs {
    /// The configuration; without one, the defaults and the environment
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// Does what is asked.
///
/// # Errors
/// A wrong configuration, or the trouble with the brokers.
pub fn run(command: &TopicsCommand, output: &mut Output) -> anyhow::Result<Exit> {
    match command {
        TopicsCommand::Create(args) => create(args, output),
        TopicsCommand::Check(args) => check(args, output),
    }
}

fn check(args: &CheckArgs, output: &mut Output) -> anyhow::Result<Exit> {
    let config = validate::load(args.config.as_deref())?;
    // Not the name of a running process: its transactions must not be ended by a check from outside.
    let topology = kafka::check(&config, "topics")?;
    for note in &topology.notes {
        output.line(&format!("note: {note}"))?;
    }
    output.line(&format!("ok, {} tasks, {} judges", topology.partitions, topology.judges))?;
    Ok(Exit::Done)
}

/// One topic, what it should be and what it is.
struct State {
    planned: Planned,
    partitions: u32,
    found: Option<u32>,
}

fn create(args: &CreateArgs, output: &mut Output) -> anyhow::Result<Exit> {
    let config = validate::load(args.config.as_deref())?;
    let admin = Admin::connect(&config)?;
    let topics = kafka::plan(&config, admin.default_replication()?);
    let mut counts = BTreeMap::new();
    let mut hidden = Vec::new();
    for topic in &topics {
        match admin.find(&topic.name)? {
            Found::There { partitions } => {
                counts.insert(topic.role, partitions);
            }
            Found::Missing => {}
            Found::Hidden => hidden.push(topic),
        }
    }
    let others = kafka::others(&config, &topics);
    let mut with_count = Vec::new();
    for topic in &others {
        match admin.find(&topic.name)? {
            Found::There { partitions } => with_count.push((topic.clone(), Some(partitions))),
            Found::Missing => with_count.push((topic.clone(), None)),
            Found::Hidden => hidden.push(topic),
        }
    }
    if !hidden.is_empty() {
        return Err(kafka::not_allowed(&config, hidden.into_iter(), "Describe").into());
    }
    let there = counts.clone();
    inputs(args, &config, &mut counts, &with_count)?;
    let tasks = kafka::tasks(&config, &topics, &counts);
    let mut refused = kafka::inputs_differ(&config, &topics, &counts);
    let differs = |(topic, found): &(Planned, Option<u32>)| kafka::other_differs(&topic.name, (*found)?, tasks);
    refused.extend(with_count.iter().filter_map(differs));
    if !refused.is_empty() {
        return Err(KafkaTrouble::Wrong { problems: refused }.into());
    }
    let first = topics.into_iter().map(|planned| {
        let found = there.get(&planned.role).copied();
        (planned, found)
    });
    for (planned, found) in first.chain(with_count) {
        let partitions = match planned.owner {
            Owner::User => args.partitions.unwrap_or_default(),
            _ => planned.partitions.count(tasks, config.judges),
        };
        let state = State { planned, partitions, found };
        refused.extend(settle(&state, &admin, &config, (args.dry_run, tasks), output)?);
    }
    if refused.is_empty() { Ok(Exit::Done) } else { Err(KafkaTrouble::Wrong { problems: refused }.into()) }
}

/// Adds the partitions of inputs that are to be created; refuses those that are missing otherwise.
fn inputs(
    args: &CreateArgs,
    config: &Config,
    counts: &mut BTreeMap<Role, u32>,
    others: &[(Planned, Option<u32>)],
) -> anyhow::Result<()> {
    let names = kafka::Names::of(config);
    let wanted = [(Role::Inferences, Some(names.inferences)), (Role::Labels, names.labels)];
    let missing: Vec<(Role, String)> = wanted
        .into_iter()
        .filter(|(role, _)| !counts.contains_key(role))
        .filter_map(|(role, name)| Some((role, name?)))
        .collect();
    let others = others.iter().filter(|(_, found)| found.is_none()).map(|(topic, _)| topic.name.clone());
    let names: Vec<String> = missing.iter().map(|(_, name)| name.clone()).chain(others).collect();
    if names.is_empty() {
        return Ok(());
    }
    if !args.inputs {
        return Err(KafkaTrouble::Missing { inputs: names, own: Vec::new() }.into());
    }
    let Some(partitions) = args.partitions else {
        return Err(UsageError("--inputs needs --partitions".into()).into());
    };
    counts.extend(missing.into_iter().map(|(role, _)| (role, partitions)));
    Ok(())
}

/// Creates a topic that is missing, or says how one that is there differs. Gives what `run` would refuse.
fn settle(
    state: &State,
    admin: &Admin<'_>,
    config: &Config,
    (dry_run, tasks): (bool, u32),
    output: &mut Output,
) -> anyhow::Result<Vec<String>> {
    let State { planned, partitions, found } = state;
    let Some(found) = *found else {
        let settings: Vec<String> = planned.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let made = dry_run || admin.create(planned, *partitions)?;
        let verb = match (dry_run, made) {
            (true, _) => "would create",
            (false, true) => "created",
            (false, false) => "there",
        };
        output.line(&format!("{verb} {}, {}: {}", planned.name, counted(*partitions), settings.join(" ")))?;
        return Ok(Vec::new());
    };
    let Some(settings) = admin.settings(&planned.name)? else {
        output.line(&format!("there {}, {}; this user may not see its settings", planned.name, counted(found)))?;
        return Ok(kafka::wrong_partitions(planned, found, tasks, config).into_iter().collect());
    };
    let mut differences: Vec<String> = kafka::differences(planned, &settings).map(|it| it.to_string()).collect();
    let mut refused: Vec<String> = kafka::refused(planned, &settings).collect();
    if let Some(wrong) = kafka::wrong_partitions(planned, found, tasks, config) {
        differences.insert(0, format!("{}, wanted {partitions}", counted(found)));
        refused.insert(0, wrong);
    }
    if differences.is_empty() {
        output.line(&format!("there {}, {}", planned.name, counted(found)))?;
    } else {
        output.line(&format!("differs {}: {}; not changed", planned.name, differences.join("; ")))?;
    }
    Ok(refused)
}

fn counted(partitions: u32) -> String {
    if partitions == 1 { "1 partition".into() } else { format!("{partitions} partitions") }
}
