//! How is history replayed?
//!
//! Sources of predictions and of labels are read side by side, aligned in event time, into one engine. Files are joined
//! by one task, or their records are spread by key as Kafka's default partitioner would; partitions of topics have a task
//! each, as in a running service. This room knows feeds, and neither the wall clock nor the format of the results.
//!
//! The order of records, and the records between two commits, follow from the sources alone. So a replay that goes on
//! from a commit of an earlier one does what that one would have done.

mod align;
mod feed;

pub use align::{Aligned, Mark};
pub use feed::Feed;

use crate::decode::Decoder;
use crate::engine::Engine;
use crate::event::{EventTime, Inference, Label, Position, Reject, murmur2_partition};
use crate::finding::DeadLetter;
use crate::ingest::SourceError;
use crate::judge::Finding;

/// Records between two commits.
const COMMIT: u64 = 65_536;

/// Which task works on a record?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// One of so many, by the request id, as Kafka's default partitioner would choose.
    ByKey(u32),
    /// One of so many: that of the partition where the record stands.
    AsRead(u32),
}

impl Spread {
    /// How many tasks there are.
    pub const fn tasks(self) -> u32 {
        match self {
            Self::ByKey(tasks) | Self::AsRead(tasks) => tasks,
        }
    }

    fn task(self, request_id: &str, position: Position) -> usize {
        match self {
            Self::ByKey(1) => 0,
            Self::ByKey(tasks) => murmur2_partition(request_id.as_bytes(), tasks) as usize,
            Self::AsRead(_) => position.partition as usize,
        }
    }

    /// The task that counts a record whose id cannot be read.
    const fn task_of_reject(self, position: Position) -> usize {
        match self {
            Self::ByKey(_) => 0,
            Self::AsRead(_) => position.partition as usize,
        }
    }
}

/// What a replay tells while it runs.
pub enum Event<'a> {
    /// Something to publish.
    Finding(Finding),
    /// A record that could not be used, and its key where it has one of its own.
    Letter(DeadLetter, Option<&'a [u8]>),
    /// Everything read so far is counted, and what is due was told.
    Committed(Committed<'a>),
}

/// A replay at a commit.
pub struct Committed<'a> {
    /// Records of all sources, also those that earlier processes took.
    pub records: u64,
    /// How far the sources have come together, as [`Feed::progress`] measures it.
    pub progress: u64,
    /// The engine.
    pub engine: &'a mut Engine,
    /// The decoder.
    pub decoder: &'a Decoder,
    /// Where the sources stand: predictions, then labels.
    pub marks: Vec<Mark>,
}

/// What one source gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceCount {
    /// Its name.
    pub name: String,
    /// `inferences` or `labels`.
    pub kind: &'static str,
    /// Whether this is one partition of a topic.
    pub by_partition: bool,
    /// Records read.
    pub records: u64,
    /// Records rejected.
    pub rejected: u64,
    /// Bytes read.
    pub bytes: u64,
}

/// A replay that failed: a source could not be read, or whoever listens could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError<E: std::error::Error + 'static> {
    /// A source could not be read.
    #[error(transparent)]
    Source(SourceError),
    /// The listener failed.
    #[error(transparent)]
    Listener(E),
}

/// Replays all feeds into the engine, to their ends; records are spread by key over so many partitions. `listen` hears
/// everything in order.
///
/// # Errors
/// When a source cannot be read, or the listener fails.
pub fn replay<E: std::error::Error + 'static>(
    engine: &mut Engine,
    decoder: &mut Decoder,
    inferences: Vec<Box<dyn Feed>>,
    labels: Vec<Box<dyn Feed>>,
    partitions: u32,
    listen: impl FnMut(Event<'_>) -> Result<(), E>,
) -> Result<Vec<SourceCount>, ReplayError<E>> {
    Replay::new(inferences, labels, Spread::ByKey(partitions)).run(engine, decoder, listen)
}

/// Sources side by side.
pub struct Replay {
    inferences: Vec<Aligned<Inference>>,
    labels: Vec<Aligned<Label>>,
    spread: Spread,
    records: u64,
    commit: u64,
}

impl Replay {
    /// A replay of sources of which nothing was read.
    pub fn new(inferences: Vec<Box<dyn Feed>>, labels: Vec<Box<dyn Feed>>, spread: Spread) -> Self {
        let inferences = inferences.into_iter().map(Aligned::new).collect();
        Self { inferences, labels: labels.into_iter().map(Aligned::new).collect(), spread, records: 0, commit: COMMIT }
    }

    /// The same with another number of records between two commits; for tests. At least one.
    #[must_use]
    pub fn committing_every(mut self, records: u64) -> Self {
        self.commit = records.max(1);
        self
    }

    /// Goes on where `marks` were taken, after `records` records. The engine must be the one of that commit.
    ///
    /// # Errors
    /// When a source cannot be read up to its mark.
    pub fn resume(&mut self, marks: &[Mark], records: u64, decoder: &mut Decoder) -> Result<(), SourceError> {
        let (inferences, labels) = marks.split_at(self.inferences.len().min(marks.len()));
        for (lane, mark) in self.inferences.iter_mut().zip(inferences) {
            lane.resume(mark, decoder)?;
        }
        for (lane, mark) in self.labels.iter_mut().zip(labels) {
            lane.resume(mark, decoder)?;
        }
        self.records = records;
        Ok(())
    }

    /// Replays to the ends of all sources. `listen` hears everything in order.
    ///
    /// # Errors
    /// When a source cannot be read, or the listener fails.
    pub fn run<E: std::error::Error + 'static>(
        mut self,
        engine: &mut Engine,
        decoder: &mut Decoder,
        mut listen: impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<Vec<SourceCount>, ReplayError<E>> {
        let mut findings = Vec::new();
        let mut uncommitted = 0;
        while self.step(engine, decoder, &mut listen)? {
            self.records += 1;
            uncommitted += 1;
            if uncommitted == self.commit {
                uncommitted = 0;
                engine.commit(&mut findings);
                tell(&mut findings, &mut listen)?;
                let committed = Committed {
                    records: self.records,
                    progress: self.progress(),
                    engine: &mut *engine,
                    decoder: &*decoder,
                    marks: self.marks(),
                };
                listen(Event::Committed(committed)).map_err(ReplayError::Listener)?;
            }
        }
        engine.commit(&mut findings);
        engine.end(&mut findings);
        tell(&mut findings, &mut listen)?;
        let counts = self.inferences.iter().map(|lane| lane.counts("inferences"));
        Ok(counts.chain(self.labels.iter().map(|lane| lane.counts("labels"))).collect())
    }

    /// Takes one record; false if there is none left.
    fn step<E: std::error::Error + 'static>(
        &mut self,
        engine: &mut Engine,
        decoder: &mut Decoder,
        listen: &mut impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<bool, ReplayError<E>> {
        let spread = self.spread;
        for lane in &mut self.inferences {
            while let Some((reject, position)) = lane.fill(decoder).map_err(ReplayError::Source)? {
                engine.reject_inference(spread.task_of_reject(position));
                tell_letter(lane, position, "decode", reject, listen)?;
            }
        }
        for lane in &mut self.labels {
            while let Some((reject, position)) = lane.fill(decoder).map_err(ReplayError::Source)? {
                engine.reject_label(spread.task_of_reject(position));
                tell_letter(lane, position, "decode", reject, listen)?;
            }
        }
        let next_inference = earliest(&self.inferences);
        let next_label = earliest(&self.labels);
        let predicted_first = match (next_inference, next_label) {
            (None, None) => return Ok(false),
            (Some((prediction, _)), Some((label, _))) => prediction <= label,
            (Some(_), None) => true,
            (None, Some(_)) => false,
        };
        if predicted_first && let Some((_, place)) = next_inference {
            let lane = &mut self.inferences[place];
            let position = lane.position();
            let record = lane.take();
            let task = spread.task(&record.request_id, position);
            if let Err(reject) = engine.inference(task, record, decoder.names()) {
                lane.count_rejected();
                tell_letter(lane, position, "join", reject, listen)?;
            }
        } else if let Some((_, place)) = next_label {
            let lane = &mut self.labels[place];
            let position = lane.position();
            let record = lane.take();
            let task = spread.task(&record.request_id, position);
            if let Err(reject) = engine.label(task, record) {
                lane.count_rejected();
                tell_letter(lane, position, "join", reject, listen)?;
            }
        }
        Ok(true)
    }

    fn marks(&self) -> Vec<Mark> {
        self.inferences.iter().map(Aligned::mark).chain(self.labels.iter().map(Aligned::mark)).collect()
    }

    fn progress(&self) -> u64 {
        self.inferences.iter().map(Aligned::progress).chain(self.labels.iter().map(Aligned::progress)).sum()
    }
}

fn tell<E: std::error::Error + 'static>(
    findings: &mut Vec<Finding>,
    listen: &mut impl FnMut(Event<'_>) -> Result<(), E>,
) -> Result<(), ReplayError<E>> {
    findings.drain(..).try_for_each(|finding| listen(Event::Finding(finding))).map_err(ReplayError::Listener)
}

fn tell_letter<R: align::Record, E: std::error::Error + 'static>(
    lane: &Aligned<R>,
    position: Position,
    stage: &str,
    reject: Reject,
    listen: &mut impl FnMut(Event<'_>) -> Result<(), E>,
) -> Result<(), ReplayError<E>> {
    let letter = DeadLetter {
        topic: lane.name().to_owned(),
        partition: position.partition,
        offset: position.offset,
        stage: stage.to_owned(),
        reason: reject.reason.name().to_owned(),
        detail: reject.detail,
    };
    listen(Event::Letter(letter, lane.key_of_record())).map_err(ReplayError::Listener)
}

fn earliest<R: align::Record>(lanes: &[Aligned<R>]) -> Option<(EventTime, usize)> {
    lanes.iter().enumerate().filter_map(|(place, lane)| lane.key().map(|key| (key, place))).min()
}
