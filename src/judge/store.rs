//! Which windows are open, which are due, and what do they add up to?
//!
//! Base windows tumble; windows of higher levels are sums of base windows. A window is looked at twice: when its inputs
//! are complete, and when its labels are. In between its figures are published at fixed ages, as provisional. What comes
//! to a window that was closed over an idle partition is told in `reopened`.

use std::sync::Arc;

use super::clock::Clock;
use super::delays::Delays;
use super::lives::Lives;
use super::past::{Keep, Part, Past};
use super::reopened::{KEPT_LEAST, Open, Seen};
use super::tracked::Tracked;
use crate::baseline::Learnt;
use crate::config::ModelConfig;
use crate::event::{EventTime, Span, Window};
use crate::join::Regime;
use crate::observe::{Layout, Statistic, Sums};
use crate::stats::rate::Tally;

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
    /// How long a final look waits for a silent partition.
    pub patience: Span,
    /// What is kept of windows that are gone.
    pub keep: Keep,
}

/// How long final looks at a model wait for a silent partition: not at all where silence means nothing. Where it means
/// negative a row has no truth before the watermarks of its own partition have passed it; a look over a silent partition
/// would see the positives alone. So it waits for as long as windows that were told of are kept.
pub(super) fn patience(model: &ModelConfig) -> Span {
    match model.labels {
        Regime::Explicit => Span::ZERO,
        Regime::ImplicitNegative => model.label_window.max(model.window.times(KEPT_LEAST)),
    }
}

impl Schedule {
    pub(super) fn inputs_due(&self, end: EventTime) -> EventTime {
        end + self.inference_disorder
    }

    pub(super) fn final_due(&self, end: EventTime) -> EventTime {
        self.label_disorder.map_or_else(|| self.inputs_due(end), |disorder| end + self.label_window + disorder)
    }

    pub(super) fn labels_complete(&self, end: EventTime, clock: Clock) -> bool {
        if self.label_disorder.is_none() {
            return clock.has_inputs(end);
        }
        let clock = clock.held(self.patience);
        // Rows close once no repeat of their inference can come; silence counts as negative only then. And a final look
        // names the alerts of its due time, so that inputs due earlier are looked at before.
        let closed = end + self.label_window + self.early;
        let looked_at = self.final_due(end) - self.inference_disorder;
        let settled = clock.ended || clock.inputs.is_some_and(|inputs| inputs >= closed.max(looked_at));
        clock.has_labels(end, self.label_window) && settled
    }
}

/// What its windows have taught, and whether that has changed since it was written down.
#[derive(Clone, Debug, Default)]
pub(super) struct Taught {
    /// By predictions.
    pub(super) predictions: Learnt,
    /// By labels.
    pub(super) labels: Learnt,
    pub(super) changed: bool,
}

impl Taught {
    /// What looks of a kind know and teach; looks before labels are complete do neither.
    pub(super) const fn by(&mut self, occasion: Occasion) -> Option<&mut Learnt> {
        match occasion {
            Occasion::Inputs => Some(&mut self.predictions),
            Occasion::Final => Some(&mut self.labels),
            Occasion::Age(_) => None,
        }
    }

    /// Whether nothing was noted yet.
    pub(super) const fn is_empty(&self) -> bool {
        self.predictions.is_empty() && self.labels.is_empty()
    }
}

/// The windows of one model and version. Bound: the base windows of `label_window` and two windows a level; as many
/// again that were told of over idle partitions, see [`Store::let_go`]; and those whose final look has [`patience`].
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub(super) schedule: Schedule,
    /// By level and start.
    pub(super) windows: Tracked<(u32, EventTime), Open>,
    /// What later windows are compared with.
    pub(super) past: Past,
    /// Lives of alerts on inputs and predictions.
    pub input_lives: Lives,
    /// Lives of alerts on labels.
    pub label_lives: Lives,
    /// Lives of alerts on windows whose labels are not complete.
    pub early_lives: Lives,
    /// How restless its windows have been.
    pub(super) scatter: Taught,
    /// How long labels take.
    pub(super) delays: Delays,
    pub(super) first_coverage: Tally,
    pub(super) coverage_until: Option<EventTime>,
    pub(super) first: Option<EventTime>,
    /// The end of the last window that was let go for want of room while a partition was silent.
    pub(super) forgotten: Option<EventTime>,
    /// Whether anything but a window has changed since it was written down.
    pub(super) changed: bool,
}

impl Store {
    /// No window yet.
    pub(super) fn new(schedule: Schedule) -> Self {
        Self {
            schedule,
            windows: Tracked::default(),
            past: Past::default(),
            input_lives: Lives::default(),
            label_lives: Lives::default(),
            early_lives: Lives::default(),
            scatter: Taught::default(),
            delays: Delays::default(),
            first_coverage: Tally::default(),
            coverage_until: None,
            first: None,
            forgotten: None,
            changed: true,
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

    /// Everything that is due by `clock`, in the order in which it was due.
    pub(super) fn due(&self, clock: Clock) -> Vec<Due> {
        let mut due = Vec::new();
        let starts: Vec<EventTime> =
            self.windows.iter().take_while(|((multiple, _), _)| *multiple == 1).map(|(&(_, start), _)| start).collect();
        for (&(multiple, start), open) in self.windows.iter().filter(|(_, open)| open.told.is_none()) {
            self.due_of(multiple, start, open.inputs != Seen::NotYet, open.ages_seen, clock, &mut due);
        }
        // Windows of higher levels come to be when their first base window is looked at; their turn may come at once.
        for &multiple in self.schedule.levels.iter().filter(|&&multiple| multiple > 1) {
            let length = self.schedule.window.times(i64::from(multiple));
            let mut known: Option<EventTime> = None;
            for &start in &starts {
                let outer = Window::holding(start, length).start;
                if known != Some(outer) && !self.windows.contains(&(multiple, outer)) {
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

    /// Fingerprints that were firing at a due time, sorted.
    pub(super) fn firing(&self, as_of: EventTime) -> Vec<String> {
        let mut firing = self.input_lives.firing_at(as_of);
        firing.extend(self.label_lives.firing_at(as_of));
        firing.into_iter().collect()
    }

    /// The same for a look that is taken; the final looks come in the order of their due times.
    pub(super) fn firing_at(&mut self, due: &Due) -> Vec<String> {
        let firing = self.firing(due.as_of);
        if due.occasion == Occasion::Final {
            self.input_lives.forget_before(due.as_of);
            self.label_lives.forget_before(due.as_of);
        }
        firing
    }

    /// Whether a final look may judge: every row has the truth that it will have, or none is needed of those without.
    pub(super) fn may_judge(&self, due: &Due, clock: Clock) -> bool {
        let end = self.window(due.multiple, due.start).end;
        self.schedule.patience == Span::ZERO || clock.ended || self.schedule.labels_complete(end, clock.sound())
    }

    /// Notes that a look has been taken by `clock`, and hands the window on to the levels above. `layout` is that of the
    /// window above, by its start; `firing` is what its summary said was firing.
    pub(super) fn seen(
        &mut self,
        due: &Due,
        clock: Clock,
        firing: Vec<String>,
        layout: impl Fn(EventTime) -> Arc<Layout>,
    ) {
        self.changed = true;
        if let Some(part) = Part::of(due.occasion) {
            self.remember(part, due.multiple, due.start);
        }
        let end = self.window(due.multiple, due.start).end;
        match due.occasion {
            Occasion::Inputs => {
                if due.multiple == 1 {
                    self.hand_on(due.start, &layout, Statistic::of_inputs);
                }
                if let Some(open) = self.windows.get_mut(&(due.multiple, due.start)) {
                    open.inputs = if clock.sound().has_inputs(end) { Seen::Sound } else { Seen::PassedOver };
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
                if clock.ended || self.schedule.labels_complete(end, clock.sound()) {
                    self.windows.remove(&(due.multiple, due.start));
                } else if let Some(open) = self.windows.get_mut(&(due.multiple, due.start)) {
                    open.told = Some(firing);
                }
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
            let open = self.windows.get_or_insert_with((multiple, outer), || Open::new(Sums::new(layout(outer))));
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
        let open = self.windows.iter().filter(|((multiple, _), open)| *multiple == 1 && open.inputs == Seen::NotYet);
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
