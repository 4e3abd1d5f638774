//! What do all threads of a service know from the start?

use std::sync::Arc;
use std::time::Duration;

use super::error::RunError;
use super::feed::Side;
use crate::baseline::References;
use crate::config::Config;
use crate::control::Controls;
use crate::event::Span;
use crate::kafka::{Names, judges_group, rewriters_group, transactional_id};
use crate::status::Status;

/// What never changes while a service runs.
pub struct Setup {
    /// The configuration.
    pub config: Arc<Config>,
    /// The baselines of its files.
    pub references: References,
    /// What people have asked for, as it was when the service started.
    pub controls: Controls,
    /// The names of its topics.
    pub names: Names,
    /// The name of this process in its group.
    pub instance: String,
    /// Partitions of the inputs: one task each.
    pub partitions: u32,
    /// Partitions of the deltas: one judge each.
    pub judges: u32,
    /// Time between two commits.
    pub interval: Duration,
    /// How the process is doing, for the page.
    pub status: Arc<Status>,
    /// Silence after which a caught-up partition is passed over.
    pub idle: Duration,
    /// Where both inputs are written anew by request id: partitions of the predictions and of the labels, each a source
    /// with an order of its own.
    pub sources: Option<[u16; 2]>,
    /// Silence of a topic that is worth an alert; `None` for never.
    pub no_data: Option<Span>,
}

impl Setup {
    /// The transactional id of a part of this process.
    pub(super) fn transactional_id(&self, part: &str) -> String {
        transactional_id(&self.config, &self.instance, part)
    }

    /// The name of a lane in its group.
    pub(super) fn member(&self, lane: u32) -> String {
        format!("{}-{lane}", self.instance)
    }

    /// The group of the judges.
    pub(super) fn judges_group(&self) -> String {
        judges_group(&self.config)
    }

    /// The out-of-orderness of a side.
    pub(super) fn disorder(&self, side: Side) -> Span {
        let inferences = self.config.topics.inferences.out_of_order;
        match side {
            Side::Inferences => inferences,
            Side::Labels => self.config.topics.labels.as_ref().map_or(inferences, |topic| topic.out_of_order),
        }
    }

    /// The topic of a side, as its user knows it.
    pub(super) fn input(&self, side: Side) -> &str {
        let inferences = &self.config.topics.inferences.name;
        match side {
            Side::Inferences => inferences,
            Side::Labels => self.config.topics.labels.as_ref().map_or(inferences, |topic| &topic.name),
        }
    }

    /// The group of the stage that writes the inputs anew.
    pub(super) fn rewriters_group(&self) -> String {
        rewriters_group(&self.config)
    }

    /// Whether records have to lie where their request ids put them, so that a prediction and its label meet.
    pub(super) fn looks_at_placement(&self) -> bool {
        self.names.labels.is_some() && self.partitions > 1 && self.sources.is_none()
    }

    /// Another process has this one's name.
    pub(super) fn twin(&self) -> RunError {
        RunError::Twin { instance: self.instance.clone(), group: self.config.kafka.group.clone() }
    }
}
