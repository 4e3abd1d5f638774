//! How is a replay interrupted, and gone on with?
//!
//! Every half minute, after a commit, it writes down where the sources stand, how long the files of its folder are, and
//! its engine. `--resume` begins there. Records and commits come as before, so the files end as they would have.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::backfill::{Emitter, Planned};
use crate::baseline::References;
use crate::config::Config;
use crate::decode::Decoder;
use crate::emit::{EmitError, Folder, Keeper, Kept};
use crate::engine::{CheckpointError, Engine, Range, Restoring};
use crate::event::wire::{put, put_bytes, take, take_bytes};
use crate::finding::{RunReport, Severity};
use crate::join::Due;
use crate::kafka::KafkaTrouble;
use crate::replay::{Committed, Mark};
use crate::run::Stop;

/// Time between two checkpoints.
pub(super) const EVERY: Duration = Duration::from_secs(30);
/// The form of a checkpoint.
const FORM: u32 = 1;

/// What a checkpoint says besides the engine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Head {
    form: u32,
    /// Which command this was; another one cannot go on.
    identity: String,
    /// Which run of it.
    pub(super) run: String,
    sequence: u64,
    pub(super) records: u64,
    pub(super) marks: Vec<Mark>,
    /// The partitions and where reading ends; empty for files.
    pub(super) plan: Vec<(String, i32, i64, i64)>,
    lengths: [u64; 5],
    pub(super) worst: Option<Severity>,
    pub(super) rejects: BTreeMap<String, u64>,
    names: Vec<String>,
    unknown_fields: Vec<String>,
    /// The files of rows.
    rows: Vec<u64>,
    /// The account of a replay that has ended; only the files have to take their names.
    pub(super) ended: Option<RunReport>,
}

/// A file of rows and until when it matters.
struct Segment {
    number: u64,
    dues: Vec<(u32, Due)>,
}

/// Why a replay does not go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Halt {
    /// A file cannot be written.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// Findings cannot be published.
    #[error(transparent)]
    Kafka(#[from] KafkaTrouble),
    /// Somebody asked to stop.
    #[error("interrupted")]
    Stopped,
}

/// A checkpoint that was found.
pub(super) struct Found {
    pub(super) head: Head,
    body: Vec<u8>,
}

/// What is there to go on from. Nothing is an answer, too.
pub(super) fn find(
    folder: &Path,
    identity: &str,
    emitter: impl FnOnce(&str) -> anyhow::Result<Option<Emitter>>,
) -> anyhow::Result<(Option<Found>, Option<Emitter>)> {
    let (last, next) = Keeper::find(folder)?;
    let (last, next) = (last.map(open).transpose()?, next.and_then(|kept| open(kept).ok()));
    let Some(run) = last.as_ref().or(next.as_ref()).map(|found| found.head.run.clone()) else {
        return Ok((None, None));
    };
    for found in last.iter().chain(&next) {
        if found.head.identity != identity {
            bail!(super::UsageError(format!(
                "'{}' holds an interrupted replay of another command, configuration or baseline; give the same ones again, \
                 or leave out --resume to begin anew",
                folder.display()
            )));
        }
    }
    let emitter = emitter(&run)?;
    // A prepared checkpoint counts once its findings are visible. Without topics it is as good as the one before.
    let published = match &emitter {
        None => None,
        Some(emitter) => emitter.marker()?.filter(|marker| marker.run == run).map(|marker| marker.sequence),
    };
    let next = next.filter(|next| published == Some(next.head.sequence) && next.head.run == run);
    if next.is_some() {
        Keeper::open(folder, u64::MAX)?.adopt()?;
    }
    Ok((next.or(last), emitter))
}

fn open(kept: Kept) -> anyhow::Result<Found> {
    let head: Head = serde_json::from_str(&kept.head).context("the checkpoint cannot be read")?;
    if head.form != FORM {
        bail!("the checkpoint has the form {}; this release reads {FORM}; leave out --resume to begin anew", head.form);
    }
    Ok(Found { head, body: kept.body })
}

impl Found {
    /// Gives the files of a replay that has ended their names.
    pub(super) fn finish(self, folder: &Path, report: &RunReport) -> Result<(), EmitError> {
        Folder::resume(folder, self.head.lengths)?.finish(report)
    }

    /// The partitions as they were planned, each beginning where it has to go on.
    pub(super) fn planned(&self) -> Vec<Planned> {
        let marks = self.head.marks.iter();
        let place = |((topic, partition, _, to), mark): (&(String, i32, i64, i64), &Mark)| Planned {
            place: crate::kafka::TopicPartition { topic: topic.clone(), partition: *partition },
            from: mark.place as i64,
            to: *to,
        };
        self.head.plan.iter().zip(marks).map(place).collect()
    }
}

/// What a replay writes down while it runs.
pub(super) struct Checkpoints {
    keeper: Keeper,
    head: Head,
    pieces: BTreeMap<Vec<u8>, Vec<u8>>,
    segments: Vec<Segment>,
    /// What belongs to the file of rows that grows.
    growing: Vec<(u32, Due)>,
    pub(super) emitter: Option<Emitter>,
    pub(super) stop: Stop,
    written: Duration,
    /// Records after which a checkpoint is due besides the time, for tests.
    every: Option<u64>,
    written_at: u64,
}

/// What a checkpoint needs to know of a replay.
pub(super) struct Now<'a> {
    pub(super) elapsed: Duration,
    pub(super) worst: Option<Severity>,
    pub(super) rejects: &'a BTreeMap<String, u64>,
}

impl Checkpoints {
    /// Checkpoints of a replay that begins.
    pub(super) fn begin(
        folder: &Path,
        (identity, run): (String, String),
        plan: &[Planned],
        emitter: Option<Emitter>,
        (stop, every): (Stop, Option<u64>),
    ) -> Result<Self, EmitError> {
        let plan = plan
            .iter()
            .map(|planned| (planned.place.topic.clone(), planned.place.partition, planned.from, planned.to))
            .collect();
        let head = Head { form: FORM, identity, run, plan, ..Head::default() };
        Ok(Self {
            keeper: Keeper::open(folder, 0)?,
            head,
            pieces: BTreeMap::new(),
            segments: Vec::new(),
            growing: Vec::new(),
            emitter,
            stop,
            written: Duration::ZERO,
            every,
            written_at: 0,
        })
    }

    /// Goes on from a checkpoint: the folder, the engine, and the checkpoints to come.
    pub(super) fn resume(
        folder: &Path,
        found: Found,
        engine: (Arc<Config>, References, usize, bool, Range),
        decoder: &mut Decoder,
        emitter: Option<Emitter>,
        (stop, every): (Stop, Option<u64>),
    ) -> anyhow::Result<(Folder, Engine, Self)> {
        let Found { head, body } = found;
        let files = Folder::resume(folder, head.lengths)?;
        let keeper = Keeper::open(folder, head.rows.last().map_or(0, |last| last + 1))?;
        let (lessons, pieces) = parts(&body).context("the checkpoint is damaged; leave out --resume to begin anew")?;
        let (config, references, tasks, labels, range) = engine;
        let mut restoring = Restoring::begin(config, references, tasks, labels, range, (lessons, &pieces))?;
        let mut segments = Vec::with_capacity(head.rows.len());
        for &number in &head.rows {
            let mut dues: BTreeMap<u32, Due> = BTreeMap::new();
            keeper.read_rows(number, |task, record| -> anyhow::Result<()> {
                let due = restoring.record(task, record)?;
                let known = dues.entry(task).or_default();
                *known = known.and(due);
                Ok(())
            })?;
            segments.push(Segment { number, dues: dues.into_iter().collect() });
        }
        let engine = restoring.finish()?;
        decoder.remember(head.names.iter().map(String::as_str), head.unknown_fields.iter().map(String::as_str));
        let written_at = head.records;
        let checkpoints = Self {
            keeper,
            head,
            pieces,
            segments,
            growing: Vec::new(),
            emitter,
            stop,
            written: Duration::ZERO,
            every,
            written_at,
        };
        Ok((files, engine, checkpoints))
    }

    /// Writes down what a commit leaves behind, and a checkpoint if it is time for one.
    pub(super) fn committed(&mut self, at: Committed<'_>, folder: &mut Folder, now: &Now<'_>) -> Result<(), Halt> {
        let keeper = &mut self.keeper;
        let mut failed = None;
        let dues = at.engine.journal(|task, record| {
            if failed.is_none() {
                failed = keeper.row(task, record).err();
            }
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        self.growing.extend(dues);
        let stopping = self.stop.is_wanted();
        let full = self.emitter.as_ref().is_some_and(Emitter::is_full);
        let many = self.every.is_some_and(|every| at.records - self.written_at >= every);
        if !(stopping || full || many || now.elapsed.saturating_sub(self.written) >= EVERY) {
            return Ok(());
        }
        self.written = now.elapsed;
        self.written_at = at.records;
        self.write(at, folder, now)?;
        if stopping { Err(Halt::Stopped) } else { Ok(()) }
    }

    fn write(&mut self, at: Committed<'_>, folder: &mut Folder, now: &Now<'_>) -> Result<(), Halt> {
        if let Some(number) = self.keeper.end_rows()? {
            let mut dues: BTreeMap<u32, Due> = BTreeMap::new();
            for (task, due) in self.growing.drain(..) {
                let known = dues.entry(task).or_default();
                *known = known.and(due);
            }
            self.segments.push(Segment { number, dues: dues.into_iter().collect() });
        }
        // The newest one stays: it says where each task stands.
        let newest = self.segments.len().saturating_sub(1);
        let outlived = |(place, segment): (usize, &Segment)| {
            (place < newest && at.engine.has_outlived(&segment.dues)).then_some(segment.number)
        };
        let outlived: Vec<u64> = self.segments.iter().enumerate().filter_map(outlived).collect();
        self.segments.retain(|segment| !outlived.contains(&segment.number));
        let pieces = &mut self.pieces;
        at.engine.snapshot(|key, value| match value {
            Some(value) => drop(pieces.insert(key.to_vec(), value.to_vec())),
            None => drop(pieces.remove(key)),
        });
        let mut body = Vec::new();
        put_bytes(&mut body, &at.engine.lessons(at.decoder.names()));
        put(&mut body, self.pieces.len() as u64);
        for (key, value) in &self.pieces {
            put_bytes(&mut body, key);
            put_bytes(&mut body, value);
        }
        self.head = Head {
            sequence: self.head.sequence + 1,
            records: at.records,
            marks: at.marks,
            lengths: folder.sync()?,
            worst: now.worst,
            rejects: now.rejects.clone(),
            names: at.decoder.names().iter().map(str::to_owned).collect(),
            unknown_fields: at.decoder.unknown_fields().map(str::to_owned).collect(),
            rows: self.segments.iter().map(|segment| segment.number).collect(),
            ..std::mem::take(&mut self.head)
        };
        self.settle(&body)?;
        outlived.into_iter().try_for_each(|number| self.keeper.forget_rows(number))?;
        Ok(())
    }

    /// The replay has ended: what is left becomes visible, and nothing of it will again.
    pub(super) fn ended(&mut self, report: &RunReport, folder: &mut Folder) -> Result<(), Halt> {
        if self.emitter.is_none() {
            return Ok(());
        }
        self.head.sequence += 1;
        self.head.lengths = folder.sync()?;
        self.head.ended = Some(report.clone());
        self.settle(&[])
    }

    /// Puts the checkpoint on the disk, publishes what belongs to it, and lets it stand.
    fn settle(&mut self, body: &[u8]) -> Result<(), Halt> {
        let head = serde_json::to_string(&self.head).unwrap_or_default();
        self.keeper.prepare(&head, body)?;
        if let Some(emitter) = &mut self.emitter {
            emitter.publish(self.head.sequence)?;
        }
        self.keeper.adopt()?;
        Ok(())
    }
}

/// The pieces of a judge by their keys.
type Pieces = BTreeMap<Vec<u8>, Vec<u8>>;

fn parts(body: &[u8]) -> Result<(&[u8], Pieces), CheckpointError> {
    let rest = &mut &body[..];
    let lessons = take_bytes(rest)?;
    let mut pieces = BTreeMap::new();
    for _ in 0..take(rest)? {
        pieces.insert(take_bytes(rest)?.to_vec(), take_bytes(rest)?.to_vec());
    }
    Ok((lessons, pieces))
}
