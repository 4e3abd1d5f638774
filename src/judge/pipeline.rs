//! What became of the labels, whoever's they are?
//!
//! Until it meets its prediction a label belongs to no model. Its windows are those of the defaults, in the label's own
//! event time, and their alerts have no model.

use serde::{Deserialize, Serialize};

use super::budget::Budget;
use super::clock::Clock;
use super::lives::{Lives, Origin};
use super::plumbing::{self, LabelFlow};
use super::reading::Reading;
use super::tracked::Tracked;
use crate::event::{EventTime, Span, Window};

/// When windows of the pipeline are due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Their length.
    pub window: Span,
    /// The largest early horizon of all models: how long a label waits for its prediction.
    pub early: Span,
    /// The largest label window of all models.
    pub wait: Span,
    /// The larger out-of-orderness of both topics; `None` without labels.
    pub disorder: Option<Span>,
}

impl Terms {
    fn is_settled(&self, end: EventTime, clock: Clock) -> bool {
        clock.inputs.is_some_and(|inputs| inputs >= end + self.early) || clock.ended
    }

    fn is_filled(&self, end: EventTime, clock: Clock) -> bool {
        self.is_settled(end, clock) && clock.labels.is_some_and(|labels| labels >= end)
    }
}

/// Labels by window, and the alerts on them. Bound: the windows between the two clocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Pipeline {
    /// What was counted in the windows that have not been looked at.
    pub flows: Tracked<EventTime, LabelFlow>,
    /// Lives of the alerts.
    pub lives: Lives,
    /// The start of the earliest base window of any model.
    pub first_inference: Option<EventTime>,
}

/// What is written down of it, beside its windows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    lives: Lives,
    first_inference: Option<EventTime>,
}

impl Pipeline {
    /// Notes the start of a base window of any model.
    pub(super) fn note_first_inference(&mut self, start: EventTime) {
        let first = self.first_inference.get_or_insert(start);
        *first = start.min(*first);
    }

    /// Adds what a task has counted. Nothing is added to a window that was looked at over an idle partition; then the
    /// orphans and late labels that are left out are returned.
    pub(super) fn add(&mut self, start: EventTime, flow: LabelFlow, reached: Clock, terms: &Terms) -> u64 {
        let end = start + terms.window;
        if terms.is_filled(end, reached) && !terms.is_filled(end, reached.sound()) {
            return (flow.orphan + flow.late).unsigned_abs();
        }
        let sum = self.flows.get_or_insert_with(start, LabelFlow::default);
        sum.read += flow.read;
        sum.orphan += flow.orphan;
        sum.late += flow.late;
        0
    }

    /// Takes the next window that is due by `clock`, with what is to be said of it. The allowance is that of its due time.
    pub(super) fn next(
        &mut self,
        clock: Clock,
        terms: &Terms,
        false_alarms_per_month: impl Fn(EventTime) -> f64,
    ) -> Option<(Origin<'static>, Vec<Reading>)> {
        let disorder = terms.disorder?;
        let (&start, &flow) = self.flows.first()?;
        let window = Window { start, end: start + terms.window };
        let filled = terms.is_filled(window.end, clock);
        if !(filled || clock.ended) {
            return None;
        }
        self.flows.remove(&start);
        let as_of = window.end + terms.early + disorder;
        let budget = Budget::new(false_alarms_per_month(as_of), terms.window, &[1]);
        let origin = Origin { model: None, version: None, window, multiple: 1, as_of };
        // Labels of predictions from before the first one read are orphans by nature.
        let early_days = self.first_inference.is_none_or(|first| start < first + terms.wait);
        let orphans = if filled && !early_days { plumbing::orphans(flow, budget) } else { None };
        Some((origin, orphans.into_iter().chain(plumbing::late_labels(flow, budget)).collect()))
    }

    /// What is written down beside the windows.
    pub(super) fn save(&self) -> Saved {
        Saved { lives: self.lives.clone(), first_inference: self.first_inference }
    }

    /// Takes what was written down.
    pub(super) fn restore(&mut self, saved: Saved) {
        self.lives = saved.lives;
        self.first_inference = saved.first_inference;
    }
}
