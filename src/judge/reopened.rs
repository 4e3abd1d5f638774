//! What if a record comes to a window that was closed over an idle partition?
//!
//! A window that was looked at by a clock that had passed over a silent partition is kept, sums and all, until every
//! partition has passed it. What comes meanwhile is added, also to the windows above, and the final summary is published
//! anew under the same revision and due time: it is then what a replay gives, but for two fields. `late_after_idle` says
//! how many predictions and labels came after the look that they belong to, and is zero in a replay; `alerts` says what
//! was firing when the summary was first published. The lives of alerts are not gone through again: a look that has been
//! taken stays taken, and a window that comes to be after its turn is told of without being judged.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::past::Part;
use super::store::{Due, Occasion, Store};
use crate::event::{EventTime, Window};
use crate::observe::{Layout, Statistic, Sums, flow, truth};

/// Told windows that are kept at least, however short the label window is.
pub(super) const KEPT_LEAST: i64 = 64;

/// Whether the inputs of a window have been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Seen {
    /// Not yet.
    NotYet,
    /// When every partition had passed its end.
    Sound,
    /// While a silent partition was passed over.
    PassedOver,
}

/// A window that is not forgotten.
#[derive(Clone, Debug)]
pub(super) struct Open {
    /// Its sums.
    pub sums: Sums,
    /// Whether its inputs have been looked at.
    pub inputs: Seen,
    /// How many revisions have been published.
    pub ages_seen: u32,
    /// What was firing at the final look, once it has been taken.
    pub told: Option<Vec<String>>,
    /// Whether anything came after the final look that has not been told of.
    pub again: bool,
    /// Predictions and labels that came after the look they belong to.
    pub late: u64,
}

impl Open {
    /// A window that nobody has looked at.
    pub(super) const fn new(sums: Sums) -> Self {
        Self { sums, inputs: Seen::NotYet, ages_seen: 0, told: None, again: false, late: 0 }
    }

    /// Counts what of `delta` came too late for a look that has been taken.
    fn count(&mut self, delta: &Sums) -> u64 {
        let late = match (&self.told, self.inputs) {
            (Some(_), _) => {
                self.again = true;
                predictions(delta) + labels(delta)
            }
            (None, Seen::PassedOver) => predictions(delta),
            (None, Seen::NotYet | Seen::Sound) => 0,
        };
        self.late += late;
        late
    }
}

fn predictions(delta: &Sums) -> u64 {
    delta.flow(flow::N).unsigned_abs()
}

/// Silence that was taken for an answer is no record.
fn labels(delta: &Sums) -> u64 {
    (delta.labelled_rows() - delta.truth(truth::ASSUMED)).unsigned_abs()
}

/// What became of sums that were folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// They were added; so many records of them came after a look.
    Late(u64),
    /// Their window was let go for want of room: so many records are in no summary.
    Forgotten(u64),
}

impl Store {
    /// Adds what a task has learnt about a base window. `reached` is the clock of the last looks; `layout` is that of a
    /// window above, by its start.
    pub(super) fn add(
        &mut self,
        start: EventTime,
        sums: &Sums,
        reached: Clock,
        layout: impl Fn(EventTime) -> Arc<Layout>,
    ) -> Added {
        if self.forgotten.is_some_and(|forgotten| start < forgotten) {
            return Added::Forgotten(predictions(sums) + labels(sums));
        }
        if self.first.is_none_or(|first| start < first) {
            self.first = Some(start);
            self.changed = true;
        }
        if let Some(open) = self.windows.get_mut(&(1, start)) {
            open.sums.merge(sums);
        } else {
            let open = self.born(1, start, sums.clone(), reached);
            self.windows.get_or_insert_with((1, start), || open);
        }
        let Some(open) = self.windows.get_mut(&(1, start)) else { return Added::Late(0) };
        let late = open.count(sums);
        let (told, inputs) = (open.told.is_some(), open.inputs);
        self.remember_late(1, start, sums);
        // What has been handed on to the levels above lacks this.
        match (told, inputs) {
            (true, _) => self.hand_up(start, sums, reached, layout, |_| true),
            (false, Seen::PassedOver) => self.hand_up(start, sums, reached, layout, Statistic::of_inputs),
            (false, Seen::NotYet | Seen::Sound) => {}
        }
        Added::Late(late)
    }

    /// A window that comes to be now. Where its turn has come and gone over a silent partition it is not judged.
    fn born(&self, multiple: u32, start: EventTime, sums: Sums, reached: Clock) -> Open {
        let end = self.window(multiple, start).end;
        let sound = reached.sound();
        let mut open = Open::new(sums);
        let told = self.schedule.labels_complete(end, reached) && !self.schedule.labels_complete(end, sound);
        if told || (reached.has_inputs(end) && !sound.has_inputs(end)) {
            open.inputs = Seen::PassedOver;
        }
        if told {
            open.told = Some(self.firing(self.schedule.final_due(end)));
        }
        open
    }

    fn hand_up(
        &mut self,
        start: EventTime,
        delta: &Sums,
        reached: Clock,
        layout: impl Fn(EventTime) -> Arc<Layout>,
        which: impl Fn(Statistic) -> bool + Copy,
    ) {
        for multiple in self.schedule.levels.clone().into_iter().filter(|&multiple| multiple > 1) {
            let outer = Window::holding(start, self.schedule.window.times(i64::from(multiple))).start;
            if !self.windows.contains(&(multiple, outer)) {
                let open = self.born(multiple, outer, Sums::new(layout(outer)), reached);
                self.windows.get_or_insert_with((multiple, outer), || open);
            }
            if let Some(open) = self.windows.get_mut(&(multiple, outer)) {
                open.sums.merge_if(delta, which);
                open.count(delta);
            }
            self.remember_late(multiple, outer, delta);
        }
    }

    /// Adds what came to a window after a look to what is kept of it.
    fn remember_late(&mut self, multiple: u32, start: EventTime, delta: &Sums) {
        let Some(open) = self.windows.get(&(multiple, start)) else { return };
        let (told, inputs) = (open.told.is_some(), open.inputs);
        if told || inputs == Seen::PassedOver {
            self.remember_more(Part::Inputs, multiple, start, delta);
        }
        if told {
            self.remember_more(Part::Truth, multiple, start, delta);
        }
    }

    /// The final looks that are to be told of anew, because something came after them.
    pub(super) fn to_tell_again(&self) -> Vec<Due> {
        let again = self.windows.iter().filter(|(_, open)| open.again);
        again
            .map(|(&(multiple, start), _)| {
                let as_of = self.schedule.final_due(self.window(multiple, start).end);
                Due { as_of, occasion: Occasion::Final, multiple, start }
            })
            .collect()
    }

    /// What was firing at the final look of a window that is told of anew.
    pub(super) fn told_again(&mut self, due: &Due) -> Vec<String> {
        let open = self.windows.get_mut(&(due.multiple, due.start));
        open.map_or_else(Vec::new, |open| {
            open.again = false;
            open.told.clone().unwrap_or_default()
        })
    }

    /// How many records came after a look at a window.
    pub(super) fn late(&self, due: &Due) -> u64 {
        self.windows.get(&(due.multiple, due.start)).map_or(0, |open| open.late)
    }

    /// Lets go of the windows that have been told of and that every partition has passed. A partition may be silent for
    /// ever: of the base windows that wait for it, no more are kept than the label window holds (at least 64); the oldest
    /// go first, and what still comes to them is refused and counted.
    pub(super) fn let_go(&mut self, clock: Clock) {
        let told: Vec<(u32, EventTime)> =
            self.windows.iter().filter(|(_, open)| open.told.is_some()).map(|(&key, _)| key).collect();
        if told.is_empty() {
            return;
        }
        let (passed, mut kept): (Vec<_>, Vec<_>) = told.into_iter().partition(|&(multiple, start)| {
            let end = self.window(multiple, start).end;
            clock.ended || self.schedule.labels_complete(end, clock.sound())
        });
        let bases = kept.iter().filter(|(multiple, _)| *multiple == 1).count();
        let most =
            (self.schedule.label_window.micros() / self.schedule.window.micros().max(1)).max(KEPT_LEAST) as usize;
        if let Some(excess) = bases.checked_sub(most).filter(|excess| *excess > 0) {
            // Sorted by level, then by start.
            let forgotten = self.window(1, kept[excess - 1].1).end;
            self.forgotten = Some(self.forgotten.map_or(forgotten, |before| before.max(forgotten)));
            self.changed = true;
            kept.retain(|&(multiple, start)| self.window(multiple, start).end <= forgotten);
        } else {
            kept.clear();
        }
        for key in passed.into_iter().chain(kept) {
            self.windows.remove(&key);
        }
    }
}
