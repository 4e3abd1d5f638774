//! How does a label change the row that it belongs to?
//!
//! It joins the row's other labels; together they settle what stands. The row is written, its labels are counted anew,
//! and the observer is told what has changed.

use super::engine::Join;
use super::interval::{Held, held};
use super::journal::Due;
use super::row::{Labels, Row};
use super::settle::{MAX_LABELS_PER_ROW, Settled, Told, settle};
use super::store::{Number, Store};
use super::{LabelPlaced, NewLabel, NewRow, Watch};
use crate::event::{EventTime, RequestKey};

/// The row that owns a label, if it is here. There is at most one.
#[inline]
pub(super) fn owner<'a>(
    rows: &'a Store<Row>,
    rules: &[Option<Held>],
    key: RequestKey,
    time: EventTime,
) -> Option<(Number, &'a Row)> {
    rows.find(key).find(|(_, row)| held(rules, row.model()).owns(row.time(), time))
}

/// What a row made of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It is one of its labels now.
    New,
    /// It was already.
    Known,
    /// The row has as many labels as are kept.
    Full,
}

impl Join {
    /// Gives a new row the labels that have waited for it.
    pub(super) fn meet_waiting(&mut self, number: Number, new: &NewRow<'_>, watch: &mut impl Watch) {
        if self.waiting.is_empty() && self.tombstones.is_empty() {
            return;
        }
        let row = self.rows.get(number);
        let (time, model) = (row.time(), row.model());
        let rules = held(&self.rules, model);
        let mut found = std::mem::take(&mut self.found);
        found.extend(
            self.waiting
                .find(new.key)
                .filter(|(_, label)| rules.owns(time, label.time()))
                .map(|(place, label)| (place, label.label())),
        );
        let tombstones = self.tombstones_of(new.key.of_first_row(new.row));
        found.extend(tombstones.filter(|(_, label)| rules.owns(time, label.time)));
        // The index gives them in no order; the observer shall be told in one.
        found.sort_unstable_by_key(|(_, label)| (label.revision, label.time, label.content, label.all_rows));
        for (place, label) in found.drain(..) {
            if label.all_rows {
                self.meet_tombstone(number, place, &label, watch);
                continue;
            }
            self.waiting.remove(place);
            self.counts.labels.buffered -= 1;
            if self.meet(number, &label, watch).is_none() {
                watch.unknown_label(&label, model);
            }
        }
        self.found = found;
    }

    /// Adds a label to its row. `None`: the value is no class of the model; counted as rejected.
    pub(super) fn meet(&mut self, number: Number, label: &NewLabel, watch: &mut impl Watch) -> Option<LabelPlaced> {
        let rules = held(&self.rules, self.rows.get(number).model()).rules;
        let truth = match label.truth.map(|value| rules.truth(value)) {
            None => None,
            Some(Some(truth)) => Some(truth),
            Some(None) => {
                self.counts.labels.rejected += 1;
                return None;
            }
        };
        let NewLabel { time, revision, content, .. } = *label;
        Some(match self.tell(number, Told { time, revision, content, truth, all_rows: false }, watch) {
            Heard::New => LabelPlaced::Met,
            Heard::Known => {
                self.counts.labels.duplicate += 1;
                LabelPlaced::Duplicate
            }
            Heard::Full => {
                self.counts.labels.ignored += 1;
                LabelPlaced::Ignored
            }
        })
    }

    /// Adds a label to a row's labels and tells what follows. What is not added is counted by the caller.
    pub(super) fn tell(&mut self, number: Number, told: Told, watch: &mut impl Watch) -> Heard {
        let row = *self.rows.get(number);
        let held = held(&self.rules, row.model());
        let (rules, due) = (held.rules, held.last_label(row.time()));
        let one;
        let known: &[Told] = match row.labels() {
            Labels::None => &[],
            Labels::One(only) => {
                one = [only];
                &one
            }
            Labels::Many => self.lists.of(number),
        };
        if known.iter().any(|other| other.order() == told.order()) {
            return Heard::Known;
        }
        if known.len() >= MAX_LABELS_PER_ROW {
            self.counts.capped += 1;
            return Heard::Full;
        }
        let horizon = row.time() + rules.corrections;
        // Most labels are the only one of their row.
        let before = if known.is_empty() { Settled::default() } else { settle(known, horizon, rules.policy) };
        let after = match row.labels() {
            Labels::None => {
                self.rows.get_mut(number).set_only_label(&told);
                settle(&[told], horizon, rules.policy)
            }
            Labels::One(only) => {
                self.rows.get_mut(number).set_many_labels();
                settle(self.lists.add(number, Some(only), told), horizon, rules.policy)
            }
            Labels::Many => settle(self.lists.add(number, None, told), horizon, rules.policy),
        };
        self.count_labels(&before, &after);
        self.stand(number, &before, &after, watch);
        self.last_due = Due { rows: Some(due), labels: None };
        Heard::New
    }

    fn count_labels(&mut self, before: &Settled, after: &Settled) {
        let labels = &mut self.counts.labels;
        labels.joined += after.joined - before.joined;
        labels.corrected += after.corrected - before.corrected;
        labels.withdrawn += after.withdrawn - before.withdrawn;
        labels.ignored += after.ignored - before.ignored;
    }

    /// Writes what now stands into the row, counts it and tells the observer.
    fn stand(&mut self, number: Number, before: &Settled, after: &Settled, watch: &mut impl Watch) {
        if before.standing == after.standing {
            return;
        }
        self.rows.get_mut(number).set_standing(after.standing);
        let turned = i64::from(after.standing.is_some()) - i64::from(before.standing.is_some());
        self.counts.inferences.labelled += turned;
        self.counts.inferences.pending -= turned;

        let (codes, layout) = self.rows.codes(number);
        let view = self.rows.get(number).view(codes, layout);
        let truth = |settled: &Settled| settled.standing.map(|(truth, _)| truth);
        if truth(before) != truth(after) {
            watch.truth(&view, truth(before), truth(after));
        }
        watch.standing(&view, before.standing, after.standing);
    }
}
