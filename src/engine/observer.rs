//! What does the join tell, and where is it counted?

use rustc_hash::FxHashMap;

use super::shared::Shared;
use super::windows::Windows;
use crate::event::{Arm, EventTime, Window};
use crate::join::{NewLabel, RowView, Watch};
use crate::judge::LabelFlow;
use crate::observe::{Facts, Sums, Weight, flow, truth};
use crate::status::Measure;

/// The flags of a pending row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits(pub(super) u8);

const DECIDED: u8 = 1;
const POSITIVE: u8 = 2;
const OUTSIDE: u8 = 4;
const ACTED: u8 = 8;

impl Bits {
    pub(super) fn new(decision: Option<bool>, inside: bool, acted: bool) -> Self {
        let decision = match decision {
            None => 0,
            Some(false) => DECIDED,
            Some(true) => DECIDED | POSITIVE,
        };
        Self(decision | if inside { 0 } else { OUTSIDE } | if acted { ACTED } else { 0 })
    }

    const fn decision(self) -> Option<bool> {
        if self.0 & DECIDED == 0 { None } else { Some(self.0 & POSITIVE != 0) }
    }

    const fn inside(self) -> bool {
        self.0 & OUTSIDE == 0
    }
}

/// What a task has counted: in its windows and of its labels since the last commit.
pub(super) struct Tally {
    pub(super) windows: Windows,
    pub(super) labels: FxHashMap<EventTime, LabelFlow>,
    /// Labels that had waited and were of no class, since the start.
    pub(super) unknown_labels: u64,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self { windows: Windows::new(), labels: FxHashMap::default(), unknown_labels: 0 }
    }

    /// Listens to a join; `furthest` is the largest event time of the task's predictions.
    pub(super) const fn listen<'a>(&'a mut self, shared: &'a mut Shared, furthest: Option<EventTime>) -> Observer<'a> {
        Observer { tally: self, shared, told: None, furthest }
    }
}

/// Counts what the join tells, in the windows of its task.
pub(super) struct Observer<'a> {
    tally: &'a mut Tally,
    shared: &'a mut Shared,
    /// The truth that was told last.
    pub(super) told: Option<bool>,
    /// The largest event time of the task's predictions.
    furthest: Option<EventTime>,
}

impl Observer<'_> {
    /// The sums of the window of a cohort that holds a moment.
    fn sums(&mut self, cohort: u16, time: EventTime) -> &mut Sums {
        let place = self.tally.windows.place(cohort, time, self.shared);
        &mut self.tally.windows.at(place).0.sums
    }

    fn count(&mut self, cohort: u16, time: EventTime, place: usize) {
        if self.shared.range.holds(time) {
            self.sums(cohort, time).add_flow(place, 1);
        }
    }
}

fn facts(row: &RowView<'_>) -> Facts {
    let bits = Bits(row.bits);
    Facts {
        score: row.score,
        decision: bits.decision(),
        arm: Arm::ALL[usize::from(row.arm & 3)],
        action: (bits.0 & ACTED != 0).then_some(row.action),
        weight: Weight::from_bits(row.weight),
    }
}

impl Watch for Observer<'_> {
    fn truth(&mut self, row: &RowView<'_>, before: Option<bool>, after: Option<bool>) {
        if !Bits(row.bits).inside() {
            return;
        }
        self.told = after;
        self.shared.learning.label(row.model, row.key, row.time, after);
        let windows = &mut self.tally.windows;
        let place = windows.place(row.cohort, row.time, self.shared);
        let (open, identity) = windows.at(place);
        // The cohort's window chooses the meaning of scores, never the moment of arrival.
        let map = open.profile.as_ref().map_or(identity, |profile| &profile.map);
        let facts = facts(row);
        if let Some(positive) = before {
            open.sums.labelled(&facts, row.codes, map, positive, -1);
        }
        if let Some(positive) = after {
            open.sums.labelled(&facts, row.codes, map, positive, 1);
        }
    }

    fn standing(&mut self, row: &RowView<'_>, before: Option<(bool, EventTime)>, after: Option<(bool, EventTime)>) {
        let bits = Bits(row.bits);
        if bits.inside() {
            let sums = self.sums(row.cohort, row.time);
            if let Some((positive, label)) = before {
                sums.delayed(bits.decision(), label.micros_since(row.time), positive, -1);
            }
            if let Some((positive, label)) = after {
                sums.delayed(bits.decision(), label.micros_since(row.time), positive, 1);
            }
        }
        let (Some(measures), Some((_, label)), None) = (&mut self.shared.measures, after, before) else { return };
        let since = |moment: EventTime| moment.micros_since(row.time).max(0).unsigned_abs();
        measures.record(Measure::LabelDelay, since(label));
        if let Some(furthest) = self.furthest {
            measures.record(Measure::JoinWait, since(furthest));
        }
    }

    fn closed(&mut self, row: &RowView<'_>, ended: Option<bool>, assumed: bool) {
        if !Bits(row.bits).inside() {
            return;
        }
        let sums = self.sums(row.cohort, row.time);
        sums.add_truth(truth::CLOSED, 1);
        sums.add_truth(truth::NEVER, i64::from(ended.is_none()));
        sums.add_truth(truth::ASSUMED, i64::from(assumed));
    }

    fn orphan(&mut self, label_time: EventTime) {
        if !self.shared.range.holds(label_time) {
            return;
        }
        let start = Window::holding(label_time, self.shared.config.defaults().window).start;
        self.tally.labels.entry(start).or_default().orphan += 1;
    }

    fn unknown_label(&mut self, _label: &NewLabel, _model: u16) {
        self.tally.unknown_labels += 1;
    }

    fn duplicate(&mut self, _model: u16, cohort: u16, time: EventTime) {
        self.count(cohort, time, flow::DUPLICATE);
    }

    fn conflict(&mut self, _model: u16, cohort: u16, time: EventTime) {
        self.count(cohort, time, flow::CONFLICT);
    }

    fn late_inference(&mut self, _model: u16, cohort: u16, watermark: EventTime) {
        self.count(cohort, watermark, flow::LATE);
    }
}
