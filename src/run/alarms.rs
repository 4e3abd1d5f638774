//! What is wrong with the streams now, as this process sees it, and who tells?
//!
//! All threads of a process share one life cycle of live alerts. Whoever sees something says it here; the next thread that
//! commits publishes what has changed, in its own transaction. An alert that could not be committed is sent again by the
//! same thread; its id is the same, so that a consumer can drop a repeat.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::clock;
use super::feed::Side;
use super::inputs::Inputs;
use super::placement::{Meetings, Placements, Tally};
use super::setup::Setup;
use crate::event::{EventTime, Span};
use crate::exchange::send;
use crate::finding::{Alert, AlertState};
use crate::judge::{Finding, Gap, Live, Topic, WallTime};
use crate::kafka::{Failure, TopicPartition, Transactions};

/// Alerts that wait for somebody to publish or to show them; older ones go first. There are a handful of kinds, so that
/// more can only wait while nothing at all is committed.
const MOST: usize = 256;

/// The live alerts of a process. Shared by all of its threads.
#[derive(Clone)]
pub(super) struct Alarms {
    state: Arc<Mutex<State>>,
}

struct State {
    live: Live,
    placements: Placements,
    unsent: Vec<Alert>,
    unshown: Vec<Alert>,
}

impl Alarms {
    /// Nothing is wrong.
    pub(super) fn new(setup: &Setup) -> Self {
        let placements = Placements::new(setup.partitions);
        let state = State { live: Live::new(), placements, unsent: Vec::new(), unshown: Vec::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lane has looked at records of both topics, and knows what became of labels meanwhile.
    pub(super) fn placed(&self, tallies: [Tally; 2], labels: Meetings) {
        if tallies.iter().all(|tally| tally.records == 0) && labels == Meetings::default() {
            return;
        }
        let state = &mut *self.state();
        state.placements.add(tallies, labels);
        state.judge_placement();
    }

    /// The last record of a topic was read at `last`.
    pub(super) fn silence(&self, side: Side, last: EventTime, limit: Span) {
        let state = &mut *self.state();
        let change = state.live.silence(topic(side), WallTime(last.micros()), now(), limit);
        state.say(change);
    }

    /// A delta does not continue the chain of its task: offsets of each of its inputs, in their order.
    pub(super) fn gap(&self, inputs: &Inputs, task: u32, expected: &[i64], found: &[i64]) {
        let state = &mut *self.state();
        for (place, (&expected, &found)) in inputs.of_task(task).into_iter().zip(expected.iter().zip(found)) {
            if expected != found {
                let TopicPartition { topic, partition } = place;
                let change = state.live.gap(Gap { topic, partition, expected, found }, now());
                state.say(change);
            }
        }
    }

    /// The judges have begun from nothing.
    pub(super) fn mended(&self) {
        let state = &mut *self.state();
        let change = state.live.mended(now());
        state.say(change);
    }

    /// An alert that an earlier process or another one has published, in their order.
    pub(super) fn remember(&self, alert: Alert) {
        self.state().live.remember(alert);
    }

    /// Everything that was published before is remembered: lanes may have seen already that some of it is over.
    pub(super) fn reconsider(&self) {
        self.state().judge_placement();
    }

    /// Published alerts that the page has not shown yet.
    pub(super) fn to_show(&self) -> Vec<Alert> {
        std::mem::take(&mut self.state().unshown)
    }
}

impl State {
    fn judge_placement(&mut self) {
        let now = now();
        for (topic, verdict) in [Topic::Inferences, Topic::Labels].into_iter().zip(self.placements.verdicts()) {
            let change = verdict.and_then(|verdict| self.live.placement(topic, verdict, now));
            self.say(change);
        }
    }

    fn say(&mut self, change: Option<Alert>) {
        let Some(alert) = change else { return };
        if alert.state == AlertState::Firing {
            tracing::error!(indicator = alert.indicator, source = alert.subject.source, "firing: {}", alert.text);
        } else {
            tracing::info!(indicator = alert.indicator, source = alert.subject.source, "resolved: {}", alert.text);
        }
        keep(&mut self.unsent, alert);
    }
}

fn keep(alerts: &mut Vec<Alert>, alert: Alert) {
    if alerts.len() >= MOST {
        alerts.remove(0);
    }
    alerts.push(alert);
}

fn topic(side: Side) -> Topic {
    match side {
        Side::Inferences => Topic::Inferences,
        Side::Labels => Topic::Labels,
    }
}

fn now() -> WallTime {
    WallTime(clock::now().micros())
}

/// The alerts that one thread publishes.
pub(super) struct Herald {
    alarms: Alarms,
    /// Taken and not known to be committed.
    taken: Vec<Alert>,
}

impl Herald {
    /// Somebody who has taken nothing yet.
    pub(super) fn new(alarms: Alarms) -> Self {
        Self { alarms, taken: Vec::new() }
    }

    /// Sends what has changed into the open transaction, and what an earlier transaction lost.
    pub(super) fn send(&mut self, transactions: &mut Transactions, setup: &Setup) -> Result<(), Failure> {
        self.taken.append(&mut self.alarms.state().unsent);
        for alert in &self.taken {
            send(transactions, &setup.names, &setup.config.topics.prefix, &Finding::Alert(Box::new(alert.clone())))?;
        }
        Ok(())
    }

    /// What was sent is committed.
    pub(super) fn committed(&mut self) {
        if !self.taken.is_empty() {
            let state = &mut *self.alarms.state();
            self.taken.drain(..).for_each(|alert| keep(&mut state.unshown, alert));
        }
    }
}
