//! Which topics are read, and what form do their records have?

use serde_json::Value as Json;

use super::reader::Node;
use super::vocabulary::Mapping;
use crate::event::Span;

/// The form of the records of a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Adapter {
    /// The fields of the contract.
    #[default]
    Native,
    /// Other records, by a list of which field is which.
    Mapped(Box<Mapping>),
}

impl Adapter {
    /// The mapping, if there is one.
    pub fn mapping(&self) -> Option<&Mapping> {
        match self {
            Self::Native => None,
            Self::Mapped(mapping) => Some(mapping),
        }
    }
}

/// One input topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Further topics of the same form, read beside it; each has equally many partitions.
    pub others: Vec<String>,
    /// How far behind the latest event time a record may come and still be on time. Default 10 minutes.
    pub out_of_order: Span,
    /// The form of its records.
    pub adapter: Adapter,
}

impl Topic {
    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.others.iter().map(String::as_str))
    }

    fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            others: Vec::new(),
            out_of_order: Span::from_micros(600_000_000),
            adapter: Adapter::Native,
        }
    }
}

/// What is read, and the names of what is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Topics {
    /// Predictions.
    pub inferences: Topic,
    /// Labels; `None` when there are none and there never will be.
    pub labels: Option<Topic>,
    /// The form of the rows of a baseline file.
    pub baseline: Adapter,
    /// Stands before the name of every output topic.
    pub prefix: String,
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            inferences: Topic::named("inferences"),
            labels: Some(Topic::named("labels")),
            baseline: Adapter::Native,
            prefix: "truthline".into(),
        }
    }
}

pub(super) fn topics(node: &Node<'_>) -> Topics {
    let default = Topics::default();
    let topics = Topics {
        inferences: topic(&node.child("inferences"), default.inferences),
        labels: default.labels.filter(|_| !node.is_null_at("labels")).map(|known| topic(&node.child("labels"), known)),
        baseline: adapter(&node.child("baseline")),
        prefix: node.child("prefix").text().unwrap_or(default.prefix),
    };
    let is_both = |name: &&str| topics.inferences.names().any(|known| known == *name);
    if let Some(both) = topics.labels.as_ref().and_then(|labels| labels.names().find(is_both)) {
        let text = format!("'{both}' is the topic of the predictions too; accepted: two topics, or `labels: null`");
        node.child("labels").refuse_part(".", text);
    }
    topics
}

fn topic(node: &Node<'_>, default: Topic) -> Topic {
    if matches!(node.raw(), Some(Json::String(_))) {
        return Topic { name: node.text().unwrap_or(default.name), ..default };
    }
    let name = node.child("name");
    let mut names = match name.raw() {
        Some(Json::Array(_)) => name.texts("a name, or a list of names").unwrap_or_default(),
        _ => name.text().into_iter().collect(),
    };
    let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
    if distinct.len() < names.len() || names.iter().any(String::is_empty) {
        name.refuse("accepted: a name, or a list of different names");
    }
    let others = names.split_off(names.len().min(1));
    Topic {
        name: names.pop().unwrap_or(default.name),
        others,
        out_of_order: node.child("out_of_order").span().unwrap_or(default.out_of_order),
        adapter: adapter(node),
    }
}

fn adapter(node: &Node<'_>) -> Adapter {
    let kind = node.child("adapter");
    let mapping = node.child("mapping");
    match kind.raw().and_then(Json::as_str) {
        Some("mapped") => {
            if mapping.raw().is_none() {
                kind.refuse("'mapped' also needs `mapping`: which of our fields is which of yours");
            }
            mapping.raw().and_then(|raw| read_mapping(&mapping, raw)).map_or(Adapter::Native, Adapter::Mapped)
        }
        Some("native") | None if kind.raw().is_none_or(Json::is_string) => {
            if mapping.raw().is_some() {
                mapping.refuse("a mapping needs `adapter: mapped` beside it");
            }
            Adapter::Native
        }
        Some("kserve" | "seldon-v2") => {
            kind.refuse("this adapter is not built yet; accepted: native, mapped");
            Adapter::Native
        }
        _ => {
            kind.refuse("accepted: native, mapped");
            Adapter::Native
        }
    }
}

fn read_mapping(node: &Node<'_>, raw: &Json) -> Option<Box<Mapping>> {
    serde_path_to_error::deserialize(raw)
        .map_err(|error| node.refuse_part(&error.path().to_string(), error.inner().to_string()))
        .ok()
}
