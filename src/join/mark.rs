//! Where did a join stand at a commit, besides what it keeps?
//!
//! Watermarks, what has been closed and given up so far, and the counts. With it and the entries of the journals that
//! are not outlived, another join goes on as if it had never stopped.

use super::Counts;
use super::moments::{put_time, take_row, take_time};
use crate::event::EventTime;
use crate::event::wire::{WireError, expect, put, put_signed, take, take_byte, take_number, take_signed};

/// The form of the bytes. Another one is refused.
const VERSION: u8 = 1;

/// Where a join stood: [`super::Join::mark`] takes it, [`super::Join::finish_restore`] goes on from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    pub(super) inferences: Vec<Option<EventTime>>,
    pub(super) labels: Vec<Option<EventTime>>,
    pub(super) floor: Option<EventTime>,
    /// Rows that fall due before this are closed, all others are open.
    pub(super) closed_to: Option<EventTime>,
    /// Labels that waited and are before this were given up.
    pub(super) given_up_to: Option<EventTime>,
    pub(super) models: Vec<(u16, Option<EventTime>)>,
    pub(super) last_row: u32,
    pub(super) counts: Counts,
}

impl Mark {
    /// The models that had rules, and since when: what [`super::Join::restore_rules`] needs for each of them.
    pub fn models(&self) -> &[(u16, Option<EventTime>)] {
        &self.models
    }

    /// What had become of every record.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The watermarks of the sources of the inferences, and of the labels.
    pub fn sources(&self) -> (&[Option<EventTime>], &[Option<EventTime>]) {
        (&self.inferences, &self.labels)
    }

    /// Appends it as bytes: about a hundred, 9 more for each model and source.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.push(VERSION);
        for sources in [&self.inferences, &self.labels] {
            put(bytes, sources.len() as u64);
            for mark in sources {
                put_time(bytes, *mark);
            }
        }
        for time in [self.floor, self.closed_to, self.given_up_to] {
            put_time(bytes, time);
        }
        put(bytes, self.models.len() as u64);
        for (model, since) in &self.models {
            put(bytes, u64::from(*model));
            put_time(bytes, *since);
        }
        put(bytes, u64::from(self.last_row));
        let mut counts = self.counts;
        for count in counts.all_mut() {
            put_signed(bytes, *count);
        }
    }

    /// Reads the bytes of one mark.
    ///
    /// # Errors
    /// If they are not exactly that.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, WireError> {
        let bytes = &mut bytes;
        expect("the version of a mark", take_byte(bytes)?.into(), VERSION.into())?;
        let inferences = take_sources(bytes)?;
        let labels = take_sources(bytes)?;
        let [floor, closed_to, given_up_to] = [take_time(bytes)?, take_time(bytes)?, take_time(bytes)?];
        let mut models = Vec::new();
        for _ in 0..take(bytes)? {
            models.push((take_number(bytes)?, take_time(bytes)?));
        }
        let last_row = take_row(bytes)?;
        let mut counts = Counts::default();
        for count in counts.all_mut() {
            *count = take_signed(bytes)?;
        }
        expect("the number of bytes after a mark", bytes.len() as u64, 0)?;
        Ok(Self { inferences, labels, floor, closed_to, given_up_to, models, last_row, counts })
    }
}

fn take_sources(bytes: &mut &[u8]) -> Result<Vec<Option<EventTime>>, WireError> {
    let found = take(bytes)?;
    let accepted = u64::from(u16::MAX);
    if found == 0 || found > accepted {
        return Err(WireError::Unexpected { what: "the number of sources of a side", found, accepted });
    }
    (0..found).map(|_| take_time(bytes)).collect()
}
