//! What does a judge remember, and how does it come back?
//!
//! Its court is written down piece by piece on a compacted topic, together with the offset of the deltas that it had
//! folded. To restore it, the pieces are read and the deltas after them folded again. Folding is a pure function of the
//! deltas in their order, so the court is then what it was; what it finds on the way was published before.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::error::RunError;
use super::lessons::Lessons;
use super::setup::Setup;
use crate::control::Controls;
use crate::engine::{Court, CourtError};
use crate::event::wire::{put_signed, take_signed};
use crate::kafka::{Failure, Reader, Record, TopicPartition, Transactions};

/// The key of the piece that says up to where deltas were folded.
const OFFSET: &[u8] = b"offset";

/// How long a lesson that was given may take to be heard of.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Writes what has changed since the last time into the open transaction. `next` is the offset of the next delta.
pub(super) fn write(
    transactions: &mut Transactions,
    setup: &Setup,
    judge: i32,
    court: &mut Court,
    next: i64,
) -> Result<(), Failure> {
    let topic = setup.names.windows.as_str();
    let mut failed = None;
    let mut send = |key: &[u8], value: Option<&[u8]>| {
        if failed.is_none() {
            let record = Record { topic, partition: Some(judge), key: Some(key), value, ..Record::default() };
            failed = transactions.send(&record).err();
        }
    };
    court.snapshot(&mut send);
    let mut offset = Vec::new();
    put_signed(&mut offset, next);
    send(OFFSET, Some(&offset));
    failed.map_or(Ok(()), Err)
}

/// The court of a judge as it was at `committed`, the next offset of its deltas; `None` if nothing was committed.
pub(super) fn restore(
    setup: &Setup,
    reader: &Reader,
    lessons: &Lessons,
    controls: &Controls,
    judge: i32,
    committed: Option<i64>,
) -> Result<Court, RunError> {
    let place = TopicPartition { topic: setup.names.windows.clone(), partition: judge };
    let mut pieces: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    reader.read(&place, None, |stored| {
        match (stored.key, stored.value) {
            (Some(key), Some(value)) => drop(pieces.insert(key.to_vec(), value.to_vec())),
            (Some(key), None) => drop(pieces.remove(key)),
            (None, _) => {}
        }
        true
    })?;
    let labels = setup.config.topics.labels.is_some();
    let folded = pieces.remove(OFFSET).and_then(|bytes| take_signed(&mut &bytes[..]).ok());
    let begun = Instant::now();
    let mut court = loop {
        match Court::restore(setup.config.clone(), lessons.references(), labels, &pieces, controls) {
            Ok(court) => break court,
            // Another process gave a lesson a moment ago, and ours has not heard of it yet.
            Err(CourtError::NoLesson(_)) if begun.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            Err(source) => return Err(RunError::Snapshot { topic: place.topic, partition: judge, source }),
        }
    };
    court.judge_mut().set_publishes_pipeline(judge == 0);
    let Some(committed) = committed else { return Ok(court) };
    if folded.is_some_and(|folded| folded >= committed) {
        return Ok(court);
    }
    let deltas = TopicPartition { topic: setup.names.deltas.clone(), partition: judge };
    let mut findings = Vec::new();
    let mut trouble = None;
    reader.read(&deltas, folded, |stored| {
        if stored.offset >= committed {
            return false;
        }
        findings.clear();
        let Some(record) = stored.value else { return true };
        match court.fold(record, &mut findings) {
            Ok(_) => stored.offset + 1 < committed,
            Err(source) => {
                let (topic, offset) = (deltas.topic.clone(), stored.offset);
                trouble = Some(RunError::Delta { topic, partition: judge, offset, source });
                false
            }
        }
    })?;
    // They were published when they were found.
    court.lessons();
    trouble.map_or(Ok(court), Err)
}
