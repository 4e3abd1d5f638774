//! Where did a join stand at a commit, besides what it keeps?
//!
//! Watermarks, what has been closed and given up so far, and the counts. With it and the entries of the journals that
//! are not outlived, another join goes on as if it had never stopped.

use super::bytes::{Damaged, Reader, put_signed, put_time, put_varint, row_number};
use super::{Counts, InferenceCounts, LabelCounts};
use crate::event::EventTime;

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
            put_varint(bytes, sources.len() as u64);
            for mark in sources {
                put_time(bytes, *mark);
            }
        }
        for time in [self.floor, self.closed_to, self.given_up_to] {
            put_time(bytes, time);
        }
        put_varint(bytes, self.models.len() as u64);
        for (model, since) in &self.models {
            put_varint(bytes, u64::from(*model));
            put_time(bytes, *since);
        }
        put_varint(bytes, u64::from(self.last_row));
        for count in numbers(&self.counts) {
            put_signed(bytes, count);
        }
    }

    /// Reads the bytes of one mark.
    ///
    /// # Errors
    /// If they are not exactly that.
    pub fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut reader = Reader::new(bytes);
        let start = reader;
        if reader.byte()? != VERSION {
            return Err(start.damaged("another version of a mark than 1"));
        }
        let inferences = sources(&mut reader)?;
        let labels = sources(&mut reader)?;
        let [floor, closed_to, given_up_to] = [reader.time()?, reader.time()?, reader.time()?];
        let mut models = Vec::new();
        for _ in 0..reader.varint()? {
            models.push((reader.number()?, reader.time()?));
        }
        let last_row = row_number(&mut reader)?;
        let mut counts = [0; COUNTS];
        for count in &mut counts {
            *count = reader.signed()?;
        }
        if !reader.is_empty() {
            return Err(reader.damaged("more bytes than one mark has"));
        }
        Ok(Self { inferences, labels, floor, closed_to, given_up_to, models, last_row, counts: from_numbers(counts) })
    }
}

fn sources(reader: &mut Reader<'_>) -> Result<Vec<Option<EventTime>>, Damaged> {
    let start = *reader;
    let count = reader.varint()?;
    if count == 0 || count > u64::from(u16::MAX) {
        return Err(start.damaged("a side with no source or with more than 65,535"));
    }
    (0..count).map(|_| reader.time()).collect()
}

const COUNTS: usize = 22;

/// Every count, in the order of the bytes. A new one comes last, with a new version.
const fn numbers(counts: &Counts) -> [i64; COUNTS] {
    let InferenceCounts {
        read,
        rejected,
        duplicate,
        conflict,
        late,
        unsampled,
        labelled,
        pending,
        never_labelled,
        assumed_negative,
    } = counts.inferences;
    let l = &counts.labels;
    [
        read,
        rejected,
        duplicate,
        conflict,
        late,
        unsampled,
        labelled,
        pending,
        never_labelled,
        assumed_negative,
        l.read,
        l.rejected,
        l.joined,
        l.duplicate,
        l.corrected,
        l.withdrawn,
        l.ignored,
        l.late,
        l.orphan,
        l.unsampled,
        l.buffered,
        counts.capped,
    ]
}

const fn from_numbers(numbers: [i64; COUNTS]) -> Counts {
    let [
        read,
        rejected,
        duplicate,
        conflict,
        late,
        unsampled,
        labelled,
        pending,
        never_labelled,
        assumed_negative,
        labels @ ..,
    ] = numbers;
    let [
        labels_read,
        labels_rejected,
        joined,
        labels_duplicate,
        corrected,
        withdrawn,
        ignored,
        labels_late,
        orphan,
        labels_unsampled,
        buffered,
        capped,
    ] = labels;
    Counts {
        inferences: InferenceCounts {
            read,
            rejected,
            duplicate,
            conflict,
            late,
            unsampled,
            labelled,
            pending,
            never_labelled,
            assumed_negative,
        },
        labels: LabelCounts {
            read: labels_read,
            rejected: labels_rejected,
            joined,
            duplicate: labels_duplicate,
            corrected,
            withdrawn,
            ignored,
            late: labels_late,
            orphan,
            unsampled: labels_unsampled,
            buffered,
        },
        capped,
    }
}
