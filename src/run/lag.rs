//! How far do those partitions reach that were not read to their ends, and do the brokers answer at all?
//!
//! A client tells of an end when it meets it, and of what lies beyond only as far as it fetches ahead: a lane that is held
//! back would seem to be nearly done. So the brokers are asked, by a thread of its own, for the partitions that lanes say
//! they are behind on. While all is read it asks for one end only: a process whose brokers do not answer is not ready.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::RunError;
use super::setup::Setup;
use super::stop::Stop;
use crate::kafka::{Reader, TopicPartition};

/// What readiness waits for.
const BROKERS: &str = "brokers";
/// How old an end may become.
const ROUND: Duration = Duration::from_secs(5);
/// How soon one is asked for that is not known.
const SOON: Duration = Duration::from_secs(1);
/// How often the thread looks whether there is something to do.
const LOOK: Duration = Duration::from_millis(200);

/// The ends, shared by all lanes. Bound: one entry for each partition that they read.
#[derive(Clone, Debug, Default)]
pub(super) struct Lag {
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    wanted: BTreeSet<TopicPartition>,
    ends: BTreeMap<TopicPartition, i64>,
}

impl Lag {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ends of these partitions are asked for in the next round.
    pub(super) fn want<'a>(&self, places: impl Iterator<Item = &'a TopicPartition>) {
        self.known().wanted.extend(places.cloned());
    }

    /// The offset after the last committed record of a partition, some seconds old; `None` while unknown.
    pub(super) fn end_of(&self, place: &TopicPartition) -> Option<i64> {
        self.known().ends.get(place).copied()
    }

    /// What to ask for now. What nobody wants any more is forgotten.
    fn round(&self, since: Duration) -> Vec<TopicPartition> {
        let mut known = self.known();
        let Known { wanted, ends } = &mut *known;
        let news = wanted.iter().any(|place| !ends.contains_key(place));
        if since < ROUND && !(news && since >= SOON) {
            return Vec::new();
        }
        let wanted = std::mem::take(wanted);
        ends.retain(|place, _| wanted.contains(place));
        wanted.into_iter().collect()
    }

    /// An end that is not told is not known.
    fn told(&self, asked: &[TopicPartition], ends: BTreeMap<TopicPartition, i64>) {
        let mut known = self.known();
        known.ends.retain(|place, _| !asked.contains(place));
        known.ends.extend(ends);
    }
}

/// Works until it is asked to stop.
pub(super) fn work(setup: &Setup, lag: &Lag, stop: &Stop) -> Result<(), RunError> {
    let reader = Reader::new(setup.config.clone())?;
    let sign = [TopicPartition { topic: setup.names.deltas.clone(), partition: 0 }];
    let mut last = Instant::now();
    while !stop.is_wanted() {
        std::thread::sleep(LOOK);
        let asked = lag.round(last.elapsed());
        if asked.is_empty() && last.elapsed() < ROUND {
            continue;
        }
        let ends = reader.ends(if asked.is_empty() { &sign } else { &asked });
        last = Instant::now();
        match &ends {
            Ok(_) => setup.status.no_longer(BROKERS),
            // Whether to go on is decided by those who cannot do without them.
            Err(error) => setup.status.wait_for(BROKERS, format!("an answer of the brokers ({error})")),
        }
        lag.told(&asked, ends.unwrap_or_default());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(partition: i32) -> TopicPartition {
        TopicPartition { topic: "t".to_owned(), partition }
    }

    #[test]
    fn only_what_is_wanted_is_asked_for_and_an_old_end_goes() {
        let lag = Lag::default();
        assert_eq!(lag.round(ROUND), []);
        lag.want([place(1), place(2)].iter());
        assert_eq!(lag.round(Duration::ZERO), [], "not yet");
        let asked = lag.round(SOON);
        assert_eq!(asked, [place(1), place(2)], "nothing is known of them");
        lag.told(&asked, BTreeMap::from([(place(1), 7), (place(2), 9)]));
        lag.want([place(1)].iter());
        assert_eq!(lag.round(SOON), [], "it is known, and new enough");
        assert_eq!(lag.round(ROUND), [place(1)]);
        assert_eq!((lag.end_of(&place(1)), lag.end_of(&place(2))), (Some(7), None));
        lag.told(&[place(1)], BTreeMap::new());
        assert_eq!(lag.end_of(&place(1)), None, "nobody answered");
    }
}
