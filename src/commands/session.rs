//! How does a replay become a folder? Shared by `replay` and `demo`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use super::progress::{Pace, Progress, Way};
use crate::baseline::{self, Profile, References};
use crate::config::Config;
use crate::decode::{Decoder, Limits};
use crate::emit::{EmitError, Folder};
use crate::engine::{Engine, Range};
use crate::event::EventTime;
use crate::finding::{AlertState, Invariant, RunReport, Severity, SourceReport};
use crate::join::Counts;
use crate::judge::Finding;
use crate::replay::{Event, Feed, Replay, SourceCount, Spread};

/// What is replayed, and how.
pub(super) struct Session {
    pub(super) config: Arc<Config>,
    pub(super) references: References,
    pub(super) inferences: Vec<Box<dyn Feed>>,
    pub(super) labels: Vec<Box<dyn Feed>>,
    pub(super) spread: Spread,
    pub(super) range: Range,
    pub(super) way: Way,
}

/// How a replay ended.
pub(super) struct Ended {
    pub(super) report: RunReport,
    /// The worst severity that fired.
    pub(super) worst: Option<Severity>,
    pub(super) pace: Pace,
}

impl Session {
    /// Replays everything into a folder. `hear` is told each finding as it comes.
    pub(super) fn run(self, out: &Path, mut hear: impl FnMut(&Finding, &Progress)) -> anyhow::Result<Ended> {
        let mut folder = Folder::open(out)?;
        let mut engine = Engine::new(
            self.config.clone(),
            self.references,
            self.spread.tasks() as usize,
            !self.labels.is_empty(),
            self.range,
        );
        let mut decoder = Decoder::new(Limits::default());
        let mut progress = Progress::start(self.way);
        let mut worst = None;
        let mut rejects: BTreeMap<String, u64> = BTreeMap::new();
        let listen = |event: Event<'_>| -> Result<(), EmitError> {
            match event {
                Event::Finding(finding) => {
                    if let Finding::Alert(alert) = &finding
                        && alert.state == AlertState::Firing
                    {
                        worst = worst.max(Some(alert.severity));
                    }
                    hear(&finding, &progress);
                    folder.finding(&finding)
                }
                Event::Letter(letter, _) => {
                    *rejects.entry(letter.reason.clone()).or_insert(0) += 1;
                    folder.letter(&letter)
                }
                Event::Committed(committed) => {
                    progress.update(committed.records, committed.progress);
                    Ok(())
                }
            }
        };
        let replay = Replay::new(self.inferences, self.labels, self.spread);
        let sources = whole(replay.run(&mut engine, &mut decoder, listen)?);
        let records = sources.iter().map(|source| source.records).sum();
        let pace = progress.finish(records);
        let report = account(&self.config, &engine, &decoder, sources, rejects, pace);
        folder.finish(&report)?;
        Ok(Ended { report, worst, pace })
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
    let mut paths: BTreeSet<PathBuf> = files.iter().cloned().collect();
    let settings = config.named_models().map(|(_, model)| model).chain([config.defaults()]);
    paths.extend(settings.filter_map(|model| model.baseline.clone()));
    let mut profiles = Vec::new();
    for path in paths {
        profiles.extend(read_baseline(&path)?);
    }
    Ok(References::new(profiles))
}

/// The profiles of a baseline file.
pub(super) fn read_baseline(path: &Path) -> anyhow::Result<Vec<Profile>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the baseline '{}'", path.display()))?;
    baseline::read(&text).with_context(|| format!("the baseline '{}' cannot be used", path.display()))
}
