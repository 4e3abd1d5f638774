//! How is history replayed?
//!
//! Sources of predictions and of labels are read side by side, aligned in event time, into one engine. One task joins
//! all files; with more partitions records are spread by their key as Kafka's default partitioner would. This room
//! knows files and feeds, and neither the wall clock nor the format of the results.

mod align;
mod feed;

pub use align::Aligned;
pub use feed::Feed;

use crate::decode::Decoder;
use crate::engine::Engine;
use crate::event::{EventTime, Inference, Label, Position, Reject, murmur2_partition};
use crate::finding::DeadLetter;
use crate::ingest::SourceError;
use crate::judge::Finding;

/// Records between two commits.
const COMMIT: u64 = 65_536;

/// What a replay tells while it runs.
pub enum Event {
    /// Something to publish.
    Finding(Finding),
    /// A record that could not be used.
    Letter(DeadLetter),
    /// So many records and bytes have been read.
    Progress {
        /// Records of all sources.
        records: u64,
        /// Bytes of all sources, before decompression.
        bytes: u64,
    },
}

/// What one source gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceCount {
    /// Its name.
    pub name: String,
    /// `inferences` or `labels`.
    pub kind: &'static str,
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

/// Replays all feeds into the engine, to their ends. `listen` hears everything in order.
///
/// # Errors
/// When a source cannot be read, or the listener fails.
pub fn replay<E: std::error::Error + 'static>(
    engine: &mut Engine,
    decoder: &mut Decoder,
    inferences: Vec<Box<dyn Feed>>,
    labels: Vec<Box<dyn Feed>>,
    partitions: u32,
    mut listen: impl FnMut(Event) -> Result<(), E>,
) -> Result<Vec<SourceCount>, ReplayError<E>> {
    let mut inferences: Vec<Aligned<Inference>> = inferences.into_iter().map(Aligned::new).collect();
    let mut labels: Vec<Aligned<Label>> = labels.into_iter().map(Aligned::new).collect();
    let mut findings = Vec::new();
    let mut records = 0_u64;
    let mut uncommitted = 0;
    loop {
        for lane in &mut inferences {
            while let Some((reject, position)) = lane.fill(decoder).map_err(ReplayError::Source)? {
                engine.reject_inference(0);
                listen(letter(lane.name(), position, "decode", reject)).map_err(ReplayError::Listener)?;
            }
        }
        for lane in &mut labels {
            while let Some((reject, position)) = lane.fill(decoder).map_err(ReplayError::Source)? {
                engine.reject_label(0);
                listen(letter(lane.name(), position, "decode", reject)).map_err(ReplayError::Listener)?;
            }
        }
        let next_inference = earliest(&inferences);
        let next_label = earliest(&labels);
        let predicted_first = match (next_inference, next_label) {
            (None, None) => break,
            (Some((prediction, _)), Some((label, _))) => prediction <= label,
            (Some(_), None) => true,
            (None, Some(_)) => false,
        };
        if predicted_first && let Some((_, place)) = next_inference {
            let lane = &mut inferences[place];
            let record = lane.take();
            let partition = partition_of(&record.request_id, partitions);
            if let Err(reject) = engine.inference(partition, record, decoder.names()) {
                let position = lane.position();
                lane.count_rejected();
                listen(letter(lane.name(), position, "join", reject)).map_err(ReplayError::Listener)?;
            }
        } else if let Some((_, place)) = next_label {
            let lane = &mut labels[place];
            let record = lane.take();
            let partition = partition_of(&record.request_id, partitions);
            if let Err(reject) = engine.label(partition, record) {
                let position = lane.position();
                lane.count_rejected();
                listen(letter(lane.name(), position, "join", reject)).map_err(ReplayError::Listener)?;
            }
        }
        records += 1;
        uncommitted += 1;
        if uncommitted == COMMIT {
            uncommitted = 0;
            engine.commit(&mut findings);
            tell(&mut findings, &mut listen)?;
            let bytes = inferences.iter().map(Aligned::bytes).chain(labels.iter().map(Aligned::bytes)).sum();
            listen(Event::Progress { records, bytes }).map_err(ReplayError::Listener)?;
        }
    }
    engine.commit(&mut findings);
    engine.end(&mut findings);
    tell(&mut findings, &mut listen)?;
    let counts = inferences.iter().map(|lane| lane.counts("inferences"));
    Ok(counts.chain(labels.iter().map(|lane| lane.counts("labels"))).collect())
}

fn tell<E: std::error::Error + 'static>(
    findings: &mut Vec<Finding>,
    listen: &mut impl FnMut(Event) -> Result<(), E>,
) -> Result<(), ReplayError<E>> {
    findings.drain(..).try_for_each(|finding| listen(Event::Finding(finding))).map_err(ReplayError::Listener)
}

fn earliest<R: align::Record>(lanes: &[Aligned<R>]) -> Option<(EventTime, usize)> {
    lanes.iter().enumerate().filter_map(|(place, lane)| lane.key().map(|key| (key, place))).min()
}

fn partition_of(request_id: &str, partitions: u32) -> usize {
    if partitions == 1 { 0 } else { murmur2_partition(request_id.as_bytes(), partitions) as usize }
}

fn letter(name: &str, position: Position, stage: &str, reject: Reject) -> Event {
    Event::Letter(DeadLetter {
        topic: name.to_owned(),
        partition: position.partition,
        offset: position.offset,
        stage: stage.to_owned(),
        reason: reject.reason.name().to_owned(),
        detail: reject.detail,
    })
}
