//! How does a join go on where another one stopped?
//!
//! It takes the rules, then the journals' entries in the order in which they were written, then the mark of the last
//! commit. What was kept is kept again, by the same steps: late records, repeats and rejects were not written down,
//! and nothing is told, since everything was told before.
//!
//! ```text
//! new join, sources declared, wait_for as before → restore_rules of each model of the mark
//!   → restore_row, restore_label of each entry → finish_restore
//! ```
//!
//! Entries of rows that are closed may be there or not: their labels find no row, wait, and go at the end, because a
//! label of a closed row is before the floor.

use super::engine::Join;
use super::interval::held;
use super::journal::Due;
use super::meet::owner;
use super::row::{Row, Waiting};
use super::sources::Sources;
use super::{Mark, NewLabel, NewRow, RowView, Rules, Watch};
use crate::event::EventTime;

/// The observer of what was told before.
struct Nobody;

impl Watch for Nobody {
    fn truth(&mut self, _: &RowView<'_>, _: Option<bool>, _: Option<bool>) {}
    fn closed(&mut self, _: &RowView<'_>, _: Option<bool>, _: bool) {}
    fn orphan(&mut self, _: EventTime) {}
    fn unknown_label(&mut self, _: &NewLabel, _: u16) {}
    fn duplicate(&mut self, _: u16, _: u16, _: EventTime) {}
    fn conflict(&mut self, _: u16, _: u16, _: EventTime) {}
    fn late_inference(&mut self, _: u16, _: u16, _: EventTime) {}
}

impl Join {
    /// Until when the record that was kept last matters: an inference that is [`super::Placed::New`], a label that is
    /// [`super::LabelPlaced::Met`] or [`super::LabelPlaced::Buffered`].
    pub const fn last_due(&self) -> Due {
        self.last_due
    }

    /// Whether nothing of what was written down with `due` is kept any more: a restore from this moment's mark, or from
    /// a later one, gives the same without it.
    pub fn has_outlived(&self, due: Due) -> bool {
        let reach = self.largest_early + self.largest_window;
        due.rows.is_none_or(|at| Some(at) < self.closed_to)
            && due.labels.is_none_or(|at| Some(at + reach) < self.closed_to)
    }

    /// Where the join stands, besides what it keeps.
    pub fn mark(&self) -> Mark {
        let models = self.rules.iter().enumerate();
        Mark {
            inferences: self.inferences.marks().to_vec(),
            labels: self.labels.marks().to_vec(),
            floor: self.floor,
            closed_to: self.closed_to,
            given_up_to: self.given_up_to,
            last_row: self.last_row,
            models: models.filter_map(|(model, held)| held.map(|held| (model as u16, held.since))).collect(),
            counts: self.counts,
        }
    }

    /// Sets the rules of a model of a mark, with the moment that the mark gives; before its first row. Returns whether
    /// they were taken, as [`Join::set_rules`] does.
    pub fn restore_rules(&mut self, model: u16, rules: Rules, since: Option<EventTime>) -> bool {
        self.hold(model, rules, since)
    }

    /// Whether a row was closed when the mark was taken. It may be left out.
    ///
    /// # Panics
    /// If its model has no rules.
    pub fn is_past(&self, mark: &Mark, row: &NewRow<'_>) -> bool {
        Some(held(&self.rules, row.model).last_label(row.time)) < mark.closed_to
    }

    /// Keeps a row again. Returns whether there was room; the limits do not count here, only the four billion numbers.
    ///
    /// # Panics
    /// If its model has no rules, or its layout has another number of codes than before.
    pub fn restore_row(&mut self, row: NewRow<'_>) -> bool {
        let Some(number) = self.insert_row(&row) else { return false };
        self.meet_waiting(number, &row, &mut Nobody);
        true
    }

    /// Keeps a label again. Returns whether there was room; the limits do not count here, only the four billion
    /// numbers.
    pub fn restore_label(&mut self, label: NewLabel) -> bool {
        if label.all_rows {
            let met = self.meet_rows(&label, &mut Nobody).is_some();
            return self.insert_tombstone(&label, met);
        }
        if let Some((number, _)) = owner(&self.rows, &self.rules, label.key, label.time) {
            self.meet(number, &label, &mut Nobody);
            return true;
        }
        self.insert_label(&label)
    }

    /// Goes on from the mark: what was closed or given up goes, without telling anybody, and the watermarks and counts
    /// are the mark's. Sources that are declared and that the mark does not know begin where their side stands.
    pub fn finish_restore(&mut self, mark: &Mark) {
        if let Some(bound) = mark.given_up_to {
            self.waiting.sweep(bound, Waiting::time, |_, _, _, _| {});
            self.tombstones.sweep(bound, Waiting::time, |_, _, _, _| {});
        }
        if let Some(bound) = mark.closed_to {
            let Self { rules, rows, lists, .. } = self;
            let due = |row: &Row| held(rules, row.model()).last_label(row.time());
            rows.sweep(bound, due, |number, row, _, _| lists.give_back(number, row));
        }
        let side = |declared: &Sources, marks: &[Option<EventTime>]| {
            let mut sources = Sources::restored(marks.to_vec());
            sources.declare(declared.marks().len() as u16);
            sources
        };
        self.inferences = side(&self.inferences, &mark.inferences);
        self.labels = side(&self.labels, &mark.labels);
        self.floor = mark.floor;
        self.last_row = mark.last_row;
        self.closed_to = mark.closed_to;
        self.given_up_to = mark.given_up_to;
        self.counts = mark.counts;
    }
}
