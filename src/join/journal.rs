//! Which changes of a join have to be written down, so that another process can go on from them?
//!
//! Every row that was new and every label that was kept, in the order of arrival: nothing else changes what is kept.
//! Lateness, repeats and rejects are only counted, and the counts stand in the [`super::Mark`]. A [`Journal`] gathers
//! the entries of one commit as bytes; [`Entries`] reads them back.
//!
//! A row is 56 bytes and its codes, a label 30 to 42 bytes. Models, cohorts and layouts are written as given: their
//! numbers mean something to the process that wrote them, and the reader maps them.

use super::moments::{take_moment, take_row};
use super::{NewLabel, NewRow};
use crate::event::wire::{WireError, put, put_bytes, take_array, take_byte, take_bytes, take_number};
use crate::event::{EventTime, RequestKey, Truth};

/// Until when entries of a journal matter. Once [`super::Join::has_outlived`] says so, a restore can do without them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The last moment of a label of one of the rows, or of the rows that the labels met.
    pub rows: Option<EventTime>,
    /// The last event time of the labels that wait: their rows are not known yet.
    pub labels: Option<EventTime>,
}

impl Due {
    /// Until when both matter.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { rows: self.rows.max(other.rows), labels: self.labels.max(other.labels) }
    }
}

/// What one join took since the last commit, as bytes. It grows until it is cleared; its owner commits when
/// [`Journal::len`] reaches its budget.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    bytes: Vec<u8>,
    due: Due,
}

/// About as many bytes has a row without its codes.
const ROW: usize = 58;
/// The entry is a label; else it is a row.
const LABEL: u8 = 1;
/// The label's value is a number.
const NUMBER: u8 = 1 << 1;
/// The label's value is the hash of a text.
const TEXT: u8 = 1 << 2;
/// The label is a tombstone.
const ALL: u8 = 1 << 3;
/// The largest kind of an entry.
const MOST: u64 = (LABEL | ALL) as u64;

impl Journal {
    /// Writes down a row that was [`super::Placed::New`]; `due` is [`super::Join::last_due`] after it.
    pub fn row(&mut self, row: &NewRow<'_>, due: Due) {
        let bytes = &mut self.bytes;
        bytes.reserve(ROW + row.codes.len());
        bytes.push(0);
        bytes.extend_from_slice(&row.key.bits().to_le_bytes());
        bytes.extend_from_slice(&row.time.micros().to_le_bytes());
        bytes.extend_from_slice(&row.score.to_bits().to_le_bytes());
        bytes.extend_from_slice(&row.content.to_le_bytes());
        bytes.extend_from_slice(&row.model.to_le_bytes());
        bytes.extend_from_slice(&row.cohort.to_le_bytes());
        bytes.extend_from_slice(&row.layout.to_le_bytes());
        bytes.extend_from_slice(&[row.bits, row.arm, row.action]);
        bytes.extend_from_slice(&row.action_prob.to_bits().to_le_bytes());
        bytes.extend_from_slice(&row.weight.to_le_bytes());
        put(bytes, u64::from(row.row));
        put_bytes(bytes, row.codes);
        self.due = self.due.and(due);
    }

    /// Writes down a label that was [`super::LabelPlaced::Met`] or [`super::LabelPlaced::Buffered`]; `due` is
    /// [`super::Join::last_due`] after it.
    pub fn label(&mut self, label: &NewLabel, due: Due) {
        let (kind, value) = match label.truth {
            _ if label.all_rows => (ALL, 0),
            None => (0, 0),
            Some(Truth::Number(number)) => (NUMBER, number.to_bits()),
            Some(Truth::Text(hash)) => (TEXT, hash),
        };
        let bytes = &mut self.bytes;
        bytes.push(LABEL | kind);
        bytes.extend_from_slice(&label.key.bits().to_le_bytes());
        bytes.extend_from_slice(&label.time.micros().to_le_bytes());
        bytes.extend_from_slice(&label.content.to_le_bytes());
        put(bytes, u64::from(label.revision));
        if kind & (NUMBER | TEXT) != 0 {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        self.due = self.due.and(due);
    }

    /// The entries as bytes, to be read by [`Entries`].
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written down.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Until when its entries matter.
    pub const fn due(&self) -> Due {
        self.due
    }

    /// Begins anew and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.due = Due::default();
    }
}

/// One entry of a journal, as it was written down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Entry<'a> {
    /// A row.
    Row(NewRow<'a>),
    /// A label.
    Label(NewLabel),
}

impl Entry<'_> {
    /// Which row of which request it is about; the first row, if it is about all of them.
    pub const fn key(&self) -> RequestKey {
        match self {
            Self::Row(row) => row.key,
            Self::Label(label) => label.key,
        }
    }
}

/// The entries of a journal's bytes, in the order of arrival. Damaged bytes are one error, and the last item.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    /// Reads from the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = take_entry(&mut self.rest);
        if entry.is_err() {
            self.rest = &[];
        }
        Some(entry)
    }
}

fn take_entry<'a>(bytes: &mut &'a [u8]) -> Result<Entry<'a>, WireError> {
    let kind = take_byte(bytes)?;
    let key = RequestKey::from_bits(u128::from_le_bytes(take_array(bytes)?));
    let time = take_moment(bytes)?;
    if kind == 0 {
        let score = f64::from_bits(u64::from_le_bytes(take_array(bytes)?));
        let content = u32::from_le_bytes(take_array(bytes)?);
        let model = u16::from_le_bytes(take_array(bytes)?);
        let cohort = u16::from_le_bytes(take_array(bytes)?);
        let layout = u16::from_le_bytes(take_array(bytes)?);
        let [bits, arm, action] = take_array(bytes)?;
        let action_prob = f32::from_bits(u32::from_le_bytes(take_array(bytes)?));
        let weight = u32::from_le_bytes(take_array(bytes)?);
        let number = take_row(bytes)?;
        let codes = take_bytes(bytes)?;
        return Ok(Entry::Row(NewRow {
            key,
            row: number,
            time,
            model,
            cohort,
            score,
            bits,
            arm,
            action,
            action_prob,
            weight,
            content,
            codes,
            layout,
        }));
    }
    let content = u32::from_le_bytes(take_array(bytes)?);
    let revision = take_number(bytes)?;
    let truth = match kind {
        LABEL => None,
        _ if kind == LABEL | ALL => None,
        _ if kind == LABEL | NUMBER => Some(Truth::Number(f64::from_bits(u64::from_le_bytes(take_array(bytes)?)))),
        _ if kind == LABEL | TEXT => Some(Truth::Text(u64::from_le_bytes(take_array(bytes)?))),
        found => {
            return Err(WireError::Unexpected { what: "the kind of an entry", found: found.into(), accepted: MOST });
        }
    };
    Ok(Entry::Label(NewLabel { key, time, revision, content, truth, all_rows: kind & ALL != 0 }))
}
