//! What takes back the labels of all rows of a request?
//!
//! A tombstone: a label that names the request and no row. It belongs to every row of its request that owns its time,
//! as a withdrawal, and orders among their labels as any other. Nobody knows how many rows will come, so it stays
//! until the floor has passed it, whether it has met rows or not; a row that comes later meets it then.
//!
//! **It counts once**, however many rows it meets: *withdrawn* if at least one, *duplicate* if the same tombstone
//! (revision, time, content) is there already, *buffered* as long as it has met none, and *orphan* when none can come
//! any more. The label counts of its rows leave it out.
//!
//! Cost: a tombstone looks for as many keys as the largest row number so far, at most 4,096. Without tombstones rows pay
//! one comparison.

use super::engine::Join;
use super::journal::Due;
use super::meet::{Heard, owner};
use super::row::Waiting;
use super::settle::Told;
use super::store::Number;
use super::{LabelPlaced, NewLabel, Watch};
use crate::event::{Reject, RequestKey};

impl Told {
    /// A tombstone among the labels of a row.
    pub(super) const fn tombstone(label: &NewLabel) -> Self {
        Self { time: label.time, revision: label.revision, content: label.content, truth: None, all_rows: true }
    }
}

impl Join {
    /// Takes a tombstone that is in time.
    pub(super) fn take_tombstone(&mut self, label: &NewLabel, watch: &mut impl Watch) -> Result<LabelPlaced, Reject> {
        // What was given up is exactly what no later row can own, and goes with the next expiry.
        let stays = Some(label.time) >= self.given_up_to;
        if stays && !self.has_room_to_wait() {
            return Err(self.refuse_to_wait());
        }
        let met = self.meet_rows(label, watch);
        match met {
            Some(Heard::Known) => {
                self.counts.labels.duplicate += 1;
                return Ok(LabelPlaced::Duplicate);
            }
            Some(_) => self.counts.labels.withdrawn += 1,
            None if Some(label.time) < self.floor => {
                self.counts.labels.orphan += 1;
                watch.orphan(label.time);
                return Ok(LabelPlaced::Orphan);
            }
            None => self.counts.labels.buffered += 1,
        }
        if stays {
            self.insert_tombstone(label, met.is_some());
            self.last_due.labels = Some(label.time);
        }
        Ok(if met.is_some() { LabelPlaced::Met } else { LabelPlaced::Buffered })
    }

    /// Gives a tombstone to the rows that own it. `None`: there is none; `Known`: all of them know it.
    pub(super) fn meet_rows(&mut self, label: &NewLabel, watch: &mut impl Watch) -> Option<Heard> {
        let mut met = None;
        let mut due = Due::default();
        for row in 0..=self.last_row {
            let key = label.key.of_row(row);
            let Some((number, _)) = owner(&self.rows, &self.rules, key, label.time) else { continue };
            let heard = self.tell(number, Told::tombstone(label), watch);
            if heard == Heard::New {
                due = due.and(self.last_due);
            }
            met = if heard == Heard::Known { met.or(Some(heard)) } else { Some(heard) };
        }
        self.last_due = due;
        met
    }

    /// Keeps a tombstone for rows to come. Returns whether there was room.
    pub(super) fn insert_tombstone(&mut self, label: &NewLabel, met: bool) -> bool {
        let width = self.waiting_width();
        self.tombstones.insert(Waiting::tombstone(label, met), label.time, width, &[], 0).is_some()
    }

    /// Whether a tombstone of this request is kept, and their places and labels.
    pub(super) fn tombstones_of(&self, first: RequestKey) -> impl Iterator<Item = (Number, NewLabel)> {
        self.tombstones.find(first).map(|(place, waiting)| (place, waiting.label()))
    }

    /// Gives a new row a tombstone that was kept for it.
    pub(super) fn meet_tombstone(&mut self, number: Number, place: Number, label: &NewLabel, watch: &mut impl Watch) {
        let heard = self.tell(number, Told::tombstone(label), watch);
        let waiting = self.tombstones.get_mut(place);
        if waiting.has_met() {
            return;
        }
        waiting.set_met();
        self.counts.labels.buffered -= 1;
        if heard == Heard::Known {
            self.counts.labels.duplicate += 1;
        } else {
            self.counts.labels.withdrawn += 1;
        }
    }
}
