//! How does a task come back after its process has gone?
//!
//! From its partition of the rows topic: every change that was committed and may still matter, and with each commit where
//! the task stood. That has to be where the group's offsets are. If it is not, a transaction was torn or somebody moved
//! the offsets, and nothing is guessed: the process says so and ends.

use std::time::{Duration, Instant};

use super::books::Books;
use super::error::RunError;
use super::setup::Setup;
use crate::engine::{ChangelogError, Crew, Stand};
use crate::join::Due;
use crate::kafka::{Reader, TopicPartition};

/// How long the changelog may take to show what the offsets say: a reader sees nothing behind a transaction that a dead
/// process left open, until the broker ends it.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long a lesson that was given elsewhere may take to be heard of.
const HEARSAY: Duration = Duration::from_secs(30);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Rebuilds a task whose inputs have these committed offsets. `None` if it was never committed; it is open and empty
/// then. `learn` brings the crew what models have learnt meanwhile.
pub(super) fn restore(
    setup: &Setup,
    reader: &Reader,
    crew: &mut Crew,
    task: u32,
    committed: &[Option<i64>],
    mut learn: impl FnMut(&mut Crew),
) -> Result<Option<Books>, RunError> {
    let place = TopicPartition { topic: setup.names.rows.clone(), partition: task as i32 };
    let begun = Instant::now();
    loop {
        learn(crew);
        let found = match once(reader, crew, task, &place)? {
            Ok(found) => found,
            // Another process counted by a lesson that ours has not heard of yet.
            Err(ChangelogError::OtherBaseline { .. }) if begun.elapsed() < HEARSAY => {
                std::thread::sleep(PAUSE);
                continue;
            }
            Err(error) => return Err(torn(&place, &error.to_string())),
        };
        let stands = found.as_ref().map(|(stand, _)| stand.offsets.as_slice());
        let offsets: Option<Vec<i64>> = committed.iter().copied().collect();
        match (stands, offsets) {
            (None, None) if committed.iter().all(Option::is_none) => return Ok(None),
            (Some(stands), Some(offsets)) if stands == offsets => {
                let (stand, blocks) = found.unwrap_or_default();
                crew.finish_restore(task as usize, &stand).map_err(|error| torn(&place, &error.to_string()))?;
                let mut books = Books::new(stand.offsets);
                for block in blocks {
                    let next = books.next.clone();
                    books.commit(next, Some(block));
                }
                return Ok(Some(books));
            }
            _ if begun.elapsed() < PATIENCE && !ahead(stands, committed) => std::thread::sleep(PAUSE),
            _ => return Err(disagree(setup, &place, stands, committed)),
        }
    }
}

/// Whether the changelog is already further than the offsets: waiting cannot help.
fn ahead(stands: Option<&[i64]>, committed: &[Option<i64>]) -> bool {
    stands.is_some_and(|stands| stands.iter().zip(committed).any(|(stands, committed)| Some(*stands) > *committed))
}

type Found = (Stand, Vec<(i64, Due)>);

/// Reads the whole changelog of a task into the crew.
fn once(
    reader: &Reader,
    crew: &mut Crew,
    task: u32,
    place: &TopicPartition,
) -> Result<Result<Option<Found>, ChangelogError>, RunError> {
    crew.open(task as usize);
    let mut found: Option<Found> = None;
    let mut blocks = Vec::new();
    let mut begun = None;
    let mut trouble = None;
    reader.read(place, None, |stored| {
        let Some(record) = stored.value else { return true };
        let first = *begun.get_or_insert(stored.offset);
        match crew.restore(task as usize, record) {
            Ok((due, stand)) => {
                blocks.push((first, due));
                if let Some(stand) = stand {
                    found = Some((stand, Vec::new()));
                    begun = None;
                }
                true
            }
            Err(error) => {
                trouble = Some(error);
                false
            }
        }
    })?;
    Ok(trouble.map_or_else(|| Ok(found.map(|(stand, _)| (stand, blocks))), Err))
}

fn torn(place: &TopicPartition, why: &str) -> RunError {
    RunError::Torn(format!("{} partition {} cannot be used: {why}", place.topic, place.partition))
}

fn disagree(setup: &Setup, place: &TopicPartition, stands: Option<&[i64]>, committed: &[Option<i64>]) -> RunError {
    let group = &setup.config.kafka.group;
    let shown = |offsets: &[Option<i64>]| -> String {
        let each: Vec<String> = offsets
            .iter()
            .map(|offset| offset.map_or_else(|| "none".to_owned(), |offset| offset.to_string()))
            .collect();
        each.join(", ")
    };
    let stands = stands.map_or_else(
        || "says nothing of what was read".to_owned(),
        |stands| {
            let stands: Vec<Option<i64>> = stands.iter().copied().map(Some).collect();
            format!("says that the inputs were read up to {}", shown(&stands))
        },
    );
    RunError::Torn(format!(
        "{} partition {} {stands}; the offsets of group '{group}' say {}. A new `topics.prefix` with the former \
         `kafka.group`, offsets that were reset by hand, or topics that were made anew, look like this. To begin from \
         scratch, choose another `kafka.group` and another `topics.prefix`, or delete the group and the internal topics",
        place.topic,
        place.partition,
        shown(committed)
    ))
}
