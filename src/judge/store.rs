//! Which windows are open, which are due, and what do they add up to?
//!
//! Base windows tumble; windows of higher levels are sums of base windows. A window is looked at twice: when its inputs
//! are complete, and when its labels are. In between its figures are published at fixed ages, as provisional.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lives::Lives;
use crate::event::{EventTime, Span, Window};
use crate::observe::{Layout, Statistic, Sums};
use crate::stats::rate::Tally;

/// How far both streams have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Every inference before this moment has been counted; `None` before the first.
    pub inputs: Option<EventTime>,
    /// Every label before this moment has been counted; `None` before the first, or without labels.
    pub labels: Option<EventTime>,
    /// Nothing will come any more: what waits only for repeats of inferences need not wait.
    pub ended: bool,
}

impl Clock {
    /// Whether every label up to `age` after a window's end has been counted.
    fn has_labels(self, end: EventTime, age: Span) -> bool {
        self.has_inputs(end) && self.labels.is_some_and(|labels| labels >= end + age)
    }

    /// Whether the inputs of a window that ends at `end` are complete.
    fn has_inputs(self, end: EventTime) -> bool {
        self.inputs.is_some_and(|inputs| inputs >= end)
    }
}

/// Why a window is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Occasion {
    /// Its inputs are complete.
    Inputs,
    /// It has reached an age: the number of the revision.
    Age(u32),
    /// Its labels are complete.
    Final,
}

/// A look that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    /// When.
    pub as_of: EventTime,
    /// Why.
    pub occasion: Occasion,
    /// How many base windows it spans.
    pub multiple: u32,
    /// Its first moment.
    pub start: EventTime,
}

/// When windows of a model are due.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Schedule {
    /// Length of a base window.
    pub window: Span,
    /// Levels, from 1.
    pub levels: Vec<u32>,
    /// Ages of revisions.
    pub ages: Vec<Span>,
    /// How long truth may take.
    pub label_window: Span,
    /// How long before its prediction a label may come.
    pub early: Span,
    /// Out-of-orderness of inferences.
    pub inference_disorder: Span,
    /// Out-of-orderness of labels; `None` without labels.
    pub label_disorder: Option<Span>,
}

impl Schedule {
    fn inputs_due(&self, end: EventTime) -> EventTime {
        end + self.inference_disorder
    }

    fn final_due(&self, end: EventTime) -> EventTime {
        self.label_disorder.map_or_else(|| self.inputs_due(end), |disorder| end + self.label_window + disorder)
    }

    fn labels_complete(&self, end: EventTime, clock: Clock) -> bool {
        if self.label_disorder.is_none() {
            return clock.has_inputs(end);
        }
        // Rows close once no repeat of their inference can come; silence counts as negative only then. And a final look
        // names the alerts of its due time, so that inputs due earlier are looked at before.
        let closed = end + self.label_window + self.early;
        let looked_at = self.final_due(end) - self.inference_disorder;
        let settled = clock.ended || clock.inputs.is_some_and(|inputs| inputs >= closed.max(looked_at));
        clock.has_labels(end, self.label_window) && settled
    }
}

#[derive(Clone, Debug)]
struct Open {
    sums: Sums,
    inputs_seen: bool,
    ages_seen: u32,
}

/// The windows of one model and version. Bound: the base windows of `label_window` and two windows a level.
#[derive(Clone, Debug)]
pub(super) struct Store {
    schedule: Schedule,
    windows: BTreeMap<(u32, EventTime), Open>,
    /// Lives of alerts on inputs and predictions.
    pub input_lives: Lives,
    /// Lives of alerts on labels.
    pub label_lives: Lives,
    first_coverage: Tally,
    coverage_until: Option<EventTime>,
    first: Option<EventTime>,
}

impl Store {
    /// No window yet.
    pub(super) fn new(schedule: Schedule) -> Self {
        Self {
            schedule,
            windows: BTreeMap::new(),
            input_lives: Lives::default(),
            label_lives: Lives::default(),
            first_coverage: Tally::default(),
            coverage_until: None,
            first: None,
        }
    }

    /// The window of a level that starts at `start`.
    pub(super) fn window(&self, multiple: u32, start: EventTime) -> Window {
        Window { start, end: start + self.schedule.window.times(i64::from(multiple)) }
    }

    /// The first window that anything was counted in.
    pub(super) const fn first(&self) -> Option<EventTime> {
        self.first
    }

    /// Adds what a task has learnt about a base window.
    pub(super) fn add(&mut self, start: EventTime, sums: &Sums) {
        self.first = Some(self.first.map_or(start, |first| first.min(start)));
        match self.windows.get_mut(&(1, start)) {
            Some(open) => open.sums.merge(sums),
            None => {
                self.windows.insert((1, start), Open { sums: sums.clone(), inputs_seen: false, ages_seen: 0 });
            }
        }
    }

    /// Everything that is due by `clock`, in the order in which it was due.
    pub(super) fn due(&self, clock: Clock) -> Vec<Due> {
        let mut due = Vec::new();
        let starts: Vec<EventTime> = self
            .windows
            .range((1, EventTime::from_micros_unchecked(i64::MIN))..=(1, EventTime::from_micros_unchecked(i64::MAX)))
            .map(|(&(_, start), _)| start)
            .collect();
        for (&(multiple, start), open) in &self.windows {
            self.due_of(multiple, start, open.inputs_seen, open.ages_seen, clock, &mut due);
        }
        // Windows of higher levels come to be when their first base window is looked at; their turn may come at once.
        for &multiple in self.schedule.levels.iter().filter(|&&multiple| multiple > 1) {
            let length = self.schedule.window.times(i64::from(multiple));
            let mut known: Option<EventTime> = None;
            for &start in &starts {
                let outer = Window::holding(start, length).start;
                if known != Some(outer) && !self.windows.contains_key(&(multiple, outer)) {
                    self.due_of(multiple, outer, false, 0, clock, &mut due);
                }
                known = Some(outer);
            }
        }
        due.sort_unstable();
        due
    }

    fn due_of(
        &self,
        multiple: u32,
        start: EventTime,
        inputs_seen: bool,
        ages_seen: u32,
        clock: Clock,
        due: &mut Vec<Due>,
    ) {
        let end = self.window(multiple, start).end;
        let schedule = &self.schedule;
        if !inputs_seen && clock.has_inputs(end) {
            due.push(Due { as_of: schedule.inputs_due(end), occasion: Occasion::Inputs, multiple, start });
        }
        if multiple == 1
            && let Some(disorder) = schedule.label_disorder
        {
            for (number, &age) in schedule.ages.iter().enumerate().skip(ages_seen as usize) {
                // At the end of the input every window is told of once, however far its labels are.
                let last_chance = clock.ended && number == 0 && clock.has_inputs(end);
                if clock.has_labels(end, age) || last_chance {
                    let occasion = Occasion::Age(number as u32);
                    due.push(Due { as_of: end + age + disorder, occasion, multiple, start });
                }
            }
        }
        if schedule.labels_complete(end, clock) {
            due.push(Due { as_of: schedule.final_due(end), occasion: Occasion::Final, multiple, start });
        }
    }

    /// The sums of a window.
    pub(super) fn sums(&self, due: &Due) -> Option<&Sums> {
        self.windows.get(&(due.multiple, due.start)).map(|open| &open.sums)
    }

    /// Fingerprints that are firing when a look is due, sorted; the final looks come in the order of their due times.
    pub(super) fn firing_at(&mut self, due: &Due) -> Vec<String> {
        let mut firing = self.input_lives.firing_at(due.as_of);
        firing.extend(self.label_lives.firing_at(due.as_of));
        if due.occasion == Occasion::Final {
            self.input_lives.forget_before(due.as_of);
            self.label_lives.forget_before(due.as_of);
        }
        firing.into_iter().collect()
    }

    /// Notes that a look has been taken, and hands the window on to the levels above. `layout` is that of the window
    /// above, by its start.
    pub(super) fn seen(&mut self, due: &Due, layout: impl Fn(EventTime) -> Arc<Layout>) {
        match due.occasion {
            Occasion::Inputs => {
                if due.multiple == 1 {
                    self.hand_on(due.start, &layout, Statistic::of_inputs);
                }
                if let Some(open) = self.windows.get_mut(&(due.multiple, due.start)) {
                    open.inputs_seen = true;
                }
            }
            Occasion::Age(number) => {
                if let Some(open) = self.windows.get_mut(&(due.multiple, due.start)) {
                    open.ages_seen = number + 1;
                }
            }
            Occasion::Final => {
                if due.multiple == 1 {
                    self.hand_on(due.start, &layout, |statistic| !statistic.of_inputs());
                }
                self.windows.remove(&(due.multiple, due.start));
            }
        }
    }

    fn hand_on(
        &mut self,
        start: EventTime,
        layout: impl Fn(EventTime) -> Arc<Layout>,
        which: impl Fn(Statistic) -> bool + Copy,
    ) {
        let Some(base) = self.windows.get(&(1, start)).map(|open| open.sums.clone()) else { return };
        for &multiple in self.schedule.levels.iter().filter(|&&multiple| multiple > 1) {
            let outer = Window::holding(start, self.schedule.window.times(i64::from(multiple))).start;
            let open = self.windows.entry((multiple, outer)).or_insert_with(|| Open {
                sums: Sums::new(layout(outer)),
                inputs_seen: false,
                ages_seen: 0,
            });
            open.sums.merge_if(&base, which);
        }
    }

    /// The tally of labelled rows in the first mature windows, once they span `learn`; each mature base window is told
    /// here once, before it is judged.
    pub(super) fn first_coverage(&mut self, window: Window, now: Tally, learn: Span) -> Option<Tally> {
        let until = *self.coverage_until.get_or_insert(window.start + learn);
        if window.start < until {
            self.first_coverage =
                Tally::new(self.first_coverage.hits + now.hits, self.first_coverage.trials + now.trials);
            return None;
        }
        Some(self.first_coverage)
    }

    /// What coverage is compared with; `None` while it is learnt.
    pub(super) fn known_coverage(&self, window: Window) -> Option<Tally> {
        self.coverage_until.filter(|&until| window.start >= until).map(|_| self.first_coverage)
    }

    /// The base windows whose inputs never became complete, with the look that would have been due.
    pub(super) fn never_filled(&self) -> Vec<(Due, Sums)> {
        let open = self.windows.iter().filter(|((multiple, _), open)| *multiple == 1 && !open.inputs_seen);
        open.map(|(&(multiple, start), open)| {
            let as_of = self.schedule.inputs_due(self.window(multiple, start).end);
            (Due { as_of, occasion: Occasion::Inputs, multiple, start }, open.sums.clone())
        })
        .collect()
    }

    /// How many windows are open.
    pub(super) fn len(&self) -> usize {
        self.windows.len()
    }
}
