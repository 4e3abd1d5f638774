//! What has to be written down of a task, so that another process can go on from it?
//!
//! One or more records a commit: the rows and labels that the join kept since the last one, and with the last record
//! where the task stands. Numbers of models and versions mean something to one process only, so their names stand beside
//! them. The meaning of codes follows from the window's reference, which every process has.
//!
//! A restore reads the records in order, keeps everything again, and takes the stand of the last commit.

use super::crew::Crew;
use crate::event::wire::{
    WireError, expect, put, put_bytes, put_signed, put_time, take, take_byte, take_bytes, take_number, take_signed,
    take_text, take_time,
};
use crate::join::{Due, Journal, Mark};

/// The first format had weights of rows that nothing counted with.
const FORMAT: u8 = 2;
/// Bytes of entries after which a record is full.
pub(super) const FULL: usize = 400 << 10;

/// A record of the changelog that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangelogError {
    /// The bytes are no record of this release.
    #[error("the record is no changelog that this release reads: {0}")]
    Wire(#[from] WireError),
    /// A number of a model or version has no name.
    #[error("the record names no model or version {0}")]
    NoName(u16),
    /// The codes of a row are not those of its window's reference.
    #[error(
        "rows of model '{model}' version '{version}' were kept with another baseline than this process has; give every process the same configuration and baseline files"
    )]
    OtherBaseline {
        /// The model.
        model: String,
        /// The version.
        version: String,
    },
    /// There is no room for another row, label, model or version.
    #[error("there is no room for what the changelog holds")]
    NoRoom,
}

/// Where a task stood at a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stand {
    /// Next offset of each input.
    pub offsets: Vec<i64>,
    pub(super) mark: Mark,
    /// Names of the models of the mark.
    pub(super) models: Vec<(u16, String)>,
    pub(super) unknown_labels: u64,
}

/// A number of a model and version with its names.
pub(super) type Named<'a> = (u16, &'a str, &'a str);

/// Writes one record: the entries of a journal, and with the last one where the task stands.
pub(super) fn write(journal: &Journal, cohorts: &[Named<'_>], stand: Option<&Stand>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(journal.len() + 256);
    bytes.push(FORMAT);
    bytes.push(u8::from(stand.is_some()));
    let due = journal.due();
    put_time(&mut bytes, due.rows);
    put_time(&mut bytes, due.labels);
    let named = if journal.is_empty() { &[] } else { cohorts };
    put(&mut bytes, named.len() as u64);
    for &(number, model, version) in named {
        put(&mut bytes, number.into());
        put_bytes(&mut bytes, model.as_bytes());
        put_bytes(&mut bytes, version.as_bytes());
    }
    put_bytes(&mut bytes, journal.bytes());
    if let Some(stand) = stand {
        put(&mut bytes, stand.offsets.len() as u64);
        stand.offsets.iter().for_each(|&offset| put_signed(&mut bytes, offset));
        put(&mut bytes, stand.unknown_labels);
        put(&mut bytes, stand.models.len() as u64);
        for (number, model) in &stand.models {
            put(&mut bytes, (*number).into());
            put_bytes(&mut bytes, model.as_bytes());
        }
        stand.mark.encode(&mut bytes);
    }
    bytes
}

/// One record, as it was read.
pub(super) struct Read<'a> {
    pub(super) due: Due,
    pub(super) cohorts: Vec<Named<'a>>,
    pub(super) entries: &'a [u8],
    pub(super) stand: Option<Stand>,
}

pub(super) fn read(record: &[u8]) -> Result<Read<'_>, ChangelogError> {
    let bytes = &mut &record[..];
    expect("the format of a changelog", take_byte(bytes)?.into(), FORMAT.into())?;
    let last = take_byte(bytes)? != 0;
    let due = Due { rows: take_time(bytes)?, labels: take_time(bytes)? };
    let mut cohorts = Vec::new();
    for _ in 0..take(bytes)? {
        cohorts.push((take_number(bytes)?, take_text(bytes)?, take_text(bytes)?));
    }
    let entries = take_bytes(bytes)?;
    let stand = if last { Some(read_stand(bytes)?) } else { None };
    Ok(Read { due, cohorts, entries, stand })
}

fn read_stand(bytes: &mut &[u8]) -> Result<Stand, ChangelogError> {
    let mut stand = Stand::default();
    for _ in 0..take(bytes)? {
        stand.offsets.push(take_signed(bytes)?);
    }
    stand.unknown_labels = take(bytes)?;
    for _ in 0..take(bytes)? {
        stand.models.push((take_number(bytes)?, take_text(bytes)?.to_owned()));
    }
    stand.mark = Mark::decode(bytes)?;
    Ok(stand)
}

impl Crew {
    /// What has to be written down of a task since the last commit, given the next offset of each input; and until when
    /// it matters.
    ///
    /// # Panics
    /// If the partition has no task.
    pub fn changelog(&mut self, partition: usize, offsets: &[i64]) -> (Vec<Vec<u8>>, Due) {
        let cohorts = self.named_cohorts();
        let models = self.named_models();
        let task = self.task(partition);
        let mark = task.mark();
        let mine = |number: u16| mark.models().iter().any(|&(known, _)| known == number);
        let models = models.into_iter().filter(|(number, _)| mine(*number)).collect();
        let stand = Stand { offsets: offsets.to_vec(), unknown_labels: task.unknown_labels(), models, mark };
        let cohorts: Vec<Named<'_>> =
            cohorts.iter().map(|(number, model, version)| (*number, model.as_str(), version.as_str())).collect();
        let mut due = Due::default();
        let journals = task.journals();
        let last = journals.len() - 1;
        let record = |(place, journal): (usize, &Journal)| {
            due = due.and(journal.due());
            write(journal, &cohorts, (place == last).then_some(&stand))
        };
        let records = journals.iter().enumerate().map(record).collect();
        task.clear_journals();
        (records, due)
    }

    /// Keeps again what a record of the changelog holds; until when that matters, and where the task stood if this was
    /// the last record of a commit. Records come in their order; then [`Crew::finish_restore`] ends it.
    ///
    /// # Errors
    /// When the record is damaged, of another release or another baseline. The task cannot be used then.
    ///
    /// # Panics
    /// If the partition has no task.
    pub fn restore(&mut self, partition: usize, record: &[u8]) -> Result<(Due, Option<Stand>), ChangelogError> {
        let Read { due, cohorts, entries, stand } = read(record)?;
        self.restore_entries(partition, &cohorts, entries)?;
        Ok((due, stand))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Span;
    use crate::join::{Join, Limits};

    proptest! {
        #[test]
        fn damaged_bytes_are_an_error_and_no_panic(mut bytes: Vec<u8>) {
            let _ = read(&bytes);
            bytes.insert(0, FORMAT);
            let _ = read(&bytes);
        }
    }

    #[test]
    fn a_stand_is_read_as_it_was_written() {
        let stand = Stand {
            offsets: vec![7, -1],
            mark: Join::new(Span::HOUR, Span::HOUR, Limits::default()).mark(),
            models: vec![(3, "fraud".to_owned())],
            unknown_labels: 9,
        };
        let record = write(&Journal::default(), &[(1, "fraud", "v1")], Some(&stand));
        let back = read(&record).unwrap();
        assert_eq!(back.stand, Some(stand));
        assert!(back.cohorts.is_empty() && back.entries.is_empty());
    }
}
