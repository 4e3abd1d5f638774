//! What did the user ask for?
//!
//! Four layers: the defaults, one file (YAML or TOML), the environment (`TRUTHLINE_SECTION__KEY`), and the flags of
//! a command, which the command lays on top itself. The raw values are converted once into types that cannot hold
//! nonsense, so no other room checks a setting. Every problem is reported, not only the first, with its key, its
//! value and what would be accepted. The file is strict: an unknown key is an error that names the nearest known
//! one. The environment is not: other programs' variables are none of our business.
//!
//! `docs/configuration.md` is held equal to the table [`KEYS`] by a test.

mod digest;
mod document;
mod error;
mod keys;
mod model;
mod notes;
mod reader;
mod reference;
mod service;
mod source;
mod terms;
#[cfg(test)]
mod tests;
mod topics;
mod unknown;
mod vocabulary;

use std::collections::BTreeMap;
use std::path::Path;

pub use document::table;
pub use error::{ConfigError, Problem};
pub use keys::{KEYS, Key};
pub use model::{Claim, Costs, Cycle, FeatureConfig, FeatureKind, ModelConfig, Slices, Task, ValuePolicy, fits};
pub use reference::Reference;
pub use service::{Commit, Http, Join, Kafka, Restore, Start, State};
pub use terms::{ModelTerms, Terms};
pub use topics::{Adapter, Topic, Topics};

use crate::event::Span;
use reader::Reader;

/// The configuration in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The brokers.
    pub kafka: Kafka,
    /// Input topics, the form of their records, and the prefix of the output topics.
    pub topics: Topics,
    /// Where a new consumer group begins.
    pub start: Start,
    /// How often and how safely progress is stored.
    pub commit: Commit,
    /// Where pending predictions live.
    pub state: State,
    /// The join's own settings.
    pub join: Join,
    /// The page and the metrics.
    pub http: Http,
    /// Whether joined records are published.
    pub outcomes: bool,
    /// The name of this process in its group.
    pub instance: Option<String>,
    /// Into how many parts the models are spread, each judged by one judge; from 1.
    pub judges: u32,
    /// Threads that read, join and count.
    pub lanes: u32,
    /// Silence after which a caught-up partition is passed over.
    pub idle: Span,
    /// Silence of a topic that is worth an alert; `None` for never.
    pub no_data: Option<Span>,
    defaults: ModelConfig,
    models: BTreeMap<String, ModelConfig>,
    notes: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kafka: Kafka::default(),
            topics: Topics::default(),
            start: Start::Earliest,
            commit: Commit::default(),
            state: State::default(),
            join: Join::default(),
            http: Http::default(),
            outcomes: false,
            instance: None,
            judges: 1,
            lanes: 1,
            idle: service::IDLE,
            no_data: Some(service::NO_DATA),
            defaults: ModelConfig::default(),
            models: BTreeMap::new(),
            notes: Vec::new(),
        }
    }
}

impl Config {
    /// Reads the file, if one is given, lays the variables of `environment` over it, and checks everything.
    ///
    /// # Errors
    /// Every problem found; a file that cannot be read or parsed is one. The exit code is 78.
    pub fn load(path: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let variables: Vec<(String, String)> = environment.collect();
        let mut tree = path.map_or_else(|| Ok(source::empty()), source::read)?;
        source::overlay(&mut tree, variables.iter().cloned());
        let names: Vec<&str> = variables.iter().map(|(name, _)| &**name).collect();
        Self::from_tree(&tree, path).map_err(|error| error.naming_variables(&names))
    }

    /// Reads settings from text in YAML, as if they stood in a file.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_yaml(text: &str) -> Result<Self, ConfigError> {
        Self::from_tree(&source::parse(text, source::Format::Yaml, "the configuration")?, None)
    }

    fn from_tree(tree: &serde_json::Value, path: Option<&Path>) -> Result<Self, ConfigError> {
        let reader = Reader::new(path);
        unknown::refuse(&reader, tree);
        let root = reader.root(tree);
        let defaults = model::read(&root.child("defaults"), &ModelConfig::default());
        let models = root
            .child("models")
            .entries()
            .into_iter()
            .map(|(name, node)| (name.to_owned(), model::read(&node, &defaults)))
            .collect();
        let config = Self {
            kafka: service::kafka(&root.child("kafka")),
            topics: topics::topics(&root.child("topics")),
            start: service::start(&root.child("start")),
            commit: service::commit(&root.child("commit")),
            state: service::state(&root.child("state")),
            join: service::join(&root.child("join")),
            http: service::http(&root.child("http")),
            outcomes: service::outcomes(&root.child("outcomes")),
            instance: root.child("instance").text(),
            judges: service::judges(&root.child("judges")),
            lanes: service::lanes(&root.child("lanes")),
            idle: root.child("idle").span().unwrap_or(service::IDLE),
            no_data: service::no_data(&root),
            defaults,
            models,
            notes: notes::collect(&root),
        };
        reader.finish(config)
    }

    /// The settings of the model `name`: its own, or those for every model.
    pub fn model(&self, name: &str) -> &ModelConfig {
        self.models.get(name).unwrap_or(&self.defaults)
    }

    /// The settings for every model that has none of its own.
    pub fn defaults(&self) -> &ModelConfig {
        &self.defaults
    }

    /// The models with settings of their own, by name.
    pub fn named_models(&self) -> impl Iterator<Item = (&str, &ModelConfig)> {
        self.models.iter().map(|(name, model)| (name.as_str(), model))
    }

    /// What was accepted and does nothing in this release; one sentence each.
    pub fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    /// 16 hex digits over what the settings mean: equal for any order of keys, format, and for defaults written out.
    ///
    /// Settings that cannot change a result (brokers, commits, memory, addresses) do not count.
    pub fn digest(&self) -> String {
        digest::digest(self)
    }

    /// What the digest stands for: each setting that can change a result and is not the default, by its key.
    pub fn meaning(&self) -> BTreeMap<String, String> {
        digest::meaning(self)
    }
}

/// The variables of this process.
#[expect(clippy::disallowed_methods, reason = "the one place in the house that reads the environment")]
pub fn environment() -> impl Iterator<Item = (String, String)> {
    // A variable that is not Unicode cannot be ours.
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
