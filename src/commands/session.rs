//! How does a replay become a folder? Shared by `replay` and `demo`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use super::checkpoint::{Checkpoints, Found, Halt, Now};
use super::progress::{Pace, Progress, Way};
use crate::backfill::{Emitter, Planned};
use crate::baseline::{self, Profile, References};
use crate::config::Config;
use crate::control::Orders;
use crate::decode::{Decoder, Limits};
use crate::emit::Folder;
use crate::engine::{Engine, Range};
use crate::event::EventTime;
use crate::finding::{AlertState, Invariant, RunReport, Severity, SourceReport};
use crate::ingest::SourceError;
use crate::join::Counts;
use crate::judge::Finding;
use crate::replay::{Event, Feed, Replay, ReplayError, SourceCount, Spread};
use crate::run::Stop;

/// What is replayed, and how.
pub(super) struct Session {
    pub(super) config: Arc<Config>,
    pub(super) references: References,
    /// What people asked for.
    pub(super) orders: Arc<Orders>,
    /// What a reader of the results should know besides.
    pub(super) notes: Vec<String>,
    pub(super) inferences: Vec<Box<dyn Feed>>,
    pub(super) labels: Vec<Box<dyn Feed>>,
    pub(super) spread: Spread,
    pub(super) range: Range,
    pub(super) way: Way,
    pub(super) keep: Option<Keep>,
}

/// What makes a replay one that can be interrupted and gone on with.
pub(super) struct Keep {
    /// Which command it is.
    pub(super) identity: String,
    /// Which run of it.
    pub(super) run: String,
    /// The partitions that are read.
    pub(super) plan: Vec<Planned>,
    /// Where an earlier run stopped.
    pub(super) found: Option<Found>,
    /// Where findings are published.
    pub(super) emitter: Option<Emitter>,
    pub(super) stop: Stop,
    /// For tests: records between two commits, each with a checkpoint.
    pub(super) every: Option<u64>,
}

/// How a replay ended.
pub(super) struct Ended {
    pub(super) report: RunReport,
    /// The worst severity that fired.
    pub(super) worst: Option<Severity>,
    pub(super) pace: Pace,
}

/// What the listener of a replay works with.
struct Desk<'a, F> {
    folder: Folder,
    checkpoints: Option<Checkpoints>,
    progress: Progress,
    worst: Option<Severity>,
    rejects: BTreeMap<String, u64>,
    hear: &'a mut F,
}

impl<F: FnMut(&Finding, &Progress)> Desk<'_, F> {
    fn listen(&mut self, event: Event<'_>) -> Result<(), Halt> {
        match event {
            Event::Finding(finding) => {
                if let Finding::Alert(alert) = &finding
                    && alert.state == AlertState::Firing
                    && alert.basis_final
                {
                    self.worst = self.worst.max(Some(alert.severity));
                }
                (self.hear)(&finding, &self.progress);
                if let Some(emitter) = self.emitter() {
                    emitter.finding(&finding);
                }
                Ok(self.folder.finding(&finding)?)
            }
            Event::Letter(letter, key) => {
                *self.rejects.entry(letter.reason.clone()).or_insert(0) += 1;
                if let Some(emitter) = self.emitter() {
                    emitter.letter(&letter, key);
                }
                Ok(self.folder.letter(&letter)?)
            }
            Event::Committed(committed) => {
                self.progress.update(committed.records, committed.progress);
                let Some(checkpoints) = &mut self.checkpoints else { return Ok(()) };
                let now = Now { elapsed: self.progress.elapsed(), worst: self.worst, rejects: &self.rejects };
                checkpoints.committed(committed, &mut self.folder, &now)
            }
        }
    }

    fn emitter(&mut self) -> Option<&mut Emitter> {
        self.checkpoints.as_mut()?.emitter.as_mut()
    }
}

impl Session {
    /// Replays everything into a folder; `None` if it was interrupted. `hear` is told each finding as it comes.
    pub(super) fn run(self, out: &Path, mut hear: impl FnMut(&Finding, &Progress)) -> anyhow::Result<Option<Ended>> {
        let Self { config, references, orders, notes, inferences, labels, spread, range, way, keep } = self;
        let (tasks, labelled) = (spread.tasks() as usize, !labels.is_empty());
        let mut decoder = Decoder::new(Limits::default());
        let mut replay = Replay::new(inferences, labels, spread);
        if let Some(every) = keep.as_ref().and_then(|keep| keep.every) {
            replay = replay.committing_every(every);
        }
        let (mut worst, mut rejects) = (None, BTreeMap::new());
        let (folder, mut engine, checkpoints) = match keep {
            None => (Folder::open(out)?, Engine::new(config.clone(), references, tasks, labelled, range), None),
            Some(Keep { found: Some(found), emitter, stop, every, .. }) => {
                let head = found.head.clone();
                let parts = (config.clone(), references, tasks, labelled, range);
                let (folder, engine, checkpoints) =
                    Checkpoints::resume(out, found, parts, &mut decoder, emitter, (stop, every))?;
                replay.resume(&head.marks, head.records, &mut decoder)?;
                (worst, rejects) = (head.worst, head.rejects);
                (folder, engine, Some(checkpoints))
            }
            Some(Keep { identity, run, plan, found: None, emitter, stop, every }) => {
                let folder = Folder::open(out)?;
                let engine = Engine::new(config.clone(), references, tasks, labelled, range).with_journals();
                let checkpoints = Checkpoints::begin(out, (identity, run), &plan, emitter, (stop, every))?;
                (folder, engine, Some(checkpoints))
            }
        };
        engine.set_orders(orders);
        let mut desk = Desk { folder, checkpoints, progress: Progress::start(way), worst, rejects, hear: &mut hear };
        let sources = match replay.run(&mut engine, &mut decoder, |event| desk.listen(event)) {
            Err(ReplayError::Listener(Halt::Stopped) | ReplayError::Source(SourceError::Interrupted { .. })) => {
                return Ok(None);
            }
            sources => whole(sources?),
        };
        let Desk { mut folder, checkpoints, progress, worst, rejects, .. } = desk;
        let records = sources.iter().map(|source| source.records).sum();
        let pace = progress.finish(records);
        let mut report = account(&config, &engine, &decoder, sources, rejects, pace);
        report.notes.extend(notes);
        if let Some(mut checkpoints) = checkpoints {
            checkpoints.ended(&report, &mut folder)?;
        }
        folder.finish(&report)?;
        Ok(Some(Ended { report, worst, pace }))
    }
}

/// One count a source: the partitions of a topic are one.
fn whole(sources: Vec<SourceCount>) -> Vec<SourceCount> {
    let mut whole: Vec<SourceCount> = Vec::new();
    for source in sources {
        match whole
            .iter_mut()
            .find(|known| source.by_partition && (&known.name, known.kind) == (&source.name, source.kind))
        {
            None => whole.push(source),
            Some(known) => {
                known.records += source.records;
                known.rejected += source.rejected;
                known.bytes += source.bytes;
            }
        }
    }
    whole
}

fn account(
    config: &Config,
    engine: &Engine,
    decoder: &Decoder,
    sources: Vec<SourceCount>,
    rejects: BTreeMap<String, u64>,
    pace: Pace,
) -> RunReport {
    let counts = engine.counts();
    let (inferences, labels) = engine.watermarks();
    let watermarks = [("inferences", inferences), ("labels", labels)];
    let mut notes = config.notes();
    notes.extend(engine.notes());
    notes.extend(remarks(&counts));
    RunReport {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        configuration: config.digest(),
        sources: sources
            .into_iter()
            .map(|source| SourceReport {
                name: source.name,
                kind: source.kind.to_owned(),
                records: source.records,
                rejected: source.rejected,
                bytes: source.bytes,
            })
            .collect(),
        inferences: outcomes(&counts, 0),
        labels: outcomes(&counts, 1),
        rejects,
        unknown_fields: decoder.unknown_fields().map(str::to_owned).collect(),
        invariants: counts
            .invariants()
            .iter()
            .map(|balance| Invariant {
                name: balance.to_string(),
                left: balance.left,
                right: balance.right.iter().map(|(_, count)| count).sum(),
                holds: balance.holds(),
            })
            .collect(),
        watermarks: watermarks.map(|(name, time)| (name.to_owned(), time.map(EventTime::micros))).into(),
        capped: engine.capped(),
        notes,
        records_per_second: pace.records_per_second,
        seconds: Some(pace.seconds),
    }
}

fn outcomes(counts: &Counts, side: usize) -> BTreeMap<String, u64> {
    let balance = &counts.invariants()[side];
    let positive = |count: i64| u64::try_from(count).unwrap_or(0);
    let mut outcomes: BTreeMap<String, u64> =
        balance.right.iter().map(|&(name, count)| (name.replace(' ', "_"), positive(count))).collect();
    outcomes.insert("in".to_owned(), positive(balance.left));
    if side == 0 {
        outcomes.insert("assumed_negative".to_owned(), positive(counts.inferences.assumed_negative));
    }
    outcomes
}

/// What should not pass in silence.
fn remarks(counts: &Counts) -> Vec<String> {
    let (inferences, labels) = (&counts.inferences, &counts.labels);
    let mut remarks = Vec::new();
    let mut remark = |count: i64, of: i64, text: &str| {
        if count > 0 {
            remarks.push(format!("{count} of {of} {text}"));
        }
    };
    remark(inferences.rejected, inferences.read, "predictions could not be used; dead-letters.jsonl says why");
    remark(
        inferences.late,
        inferences.read,
        "predictions came later than out_of_order allows and were not counted; sort the file by event_time, or raise topics.inferences.out_of_order",
    );
    remark(inferences.conflict, inferences.read, "predictions repeat an id with another content; the first stays");
    remark(labels.rejected, labels.read, "labels could not be used; dead-letters.jsonl says why");
    remark(
        labels.late,
        labels.read,
        "labels came later than out_of_order allows and were not counted; sort the file by event_time, or raise topics.labels.out_of_order",
    );
    remark(labels.orphan, labels.read, "labels belong to no prediction that was counted, or came after label_window");
    remarks
}

/// The baselines of a run: those named on the command line, and those of the configuration.
pub(super) fn references(config: &Config, files: &[PathBuf]) -> anyhow::Result<References> {
    let mut profiles = Vec::new();
    for path in baselines(config, files) {
        profiles.extend(read_baseline(&path)?);
    }
    Ok(References::new(profiles))
}

/// The files of the baselines of a run.
pub(super) fn baselines(config: &Config, files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut paths: BTreeSet<PathBuf> = files.iter().cloned().collect();
    let settings = config.named_models().map(|(_, model)| model).chain([config.defaults()]);
    paths.extend(settings.filter_map(|model| model.baseline.clone()));
    paths
}

/// The profiles of a baseline file.
pub(super) fn read_baseline(path: &Path) -> anyhow::Result<Vec<Profile>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the baseline '{}'", path.display()))?;
    baseline::read(&text).with_context(|| format!("the baseline '{}' cannot be used", path.display()))
}
