//! Does an engine that is written down and restored say what the one that was never interrupted says?
//!
//! At every commit the whole state goes through bytes, as a replay that was killed reads it back: the pieces of the judge,
//! what was learnt, and the rows that are not outlived. Everything that is said is compared, final or not, to the byte.
#![allow(clippy::needless_pass_by_value, clippy::type_complexity, reason = "a test may take the short way")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::collections::BTreeMap;

use support::*;
use truthline::decode::{Decoder, Limits};
use truthline::engine::{Engine, Range, Restoring};
use truthline::join::{Counts, Due};
use truthline::judge::Finding;
use truthline::replay::{Committed, Event, Feed, Replay, Spread};
use truthline::story::{StoryFeed, Written};

const TASKS: u32 = 3;
const COMMIT: u64 = 400;

fn feed(name: &'static str, records: &[(i64, String)]) -> Vec<Box<dyn Feed>> {
    let mut written = Written::default();
    records.iter().for_each(|(_, record)| written.push(record));
    vec![Box::new(StoryFeed::new(name, written))]
}

/// Rows between two checkpoints, and until when they matter.
struct Segment {
    records: Vec<(u32, Vec<u8>)>,
    dues: Vec<(u32, Due)>,
}

/// What a replay would have on its disk.
#[derive(Default)]
struct Disk {
    pieces: BTreeMap<Vec<u8>, Vec<u8>>,
    segments: Vec<Segment>,
    restored: u32,
    most_segments: usize,
}

impl Disk {
    /// Writes the engine down and puts the one that was read back in its place.
    fn pass(&mut self, at: Committed<'_>) {
        let mut records = Vec::new();
        let dues = at.engine.journal(|task, record| records.push((task, record.to_vec())));
        self.segments.push(Segment { records, dues });
        let newest = self.segments.len() - 1;
        let mut place = 0;
        self.segments.retain(|segment| {
            place += 1;
            place > newest || !at.engine.has_outlived(&segment.dues)
        });
        self.most_segments = self.most_segments.max(self.segments.len());
        let pieces = &mut self.pieces;
        at.engine.snapshot(|key, value| match value {
            Some(value) => drop(pieces.insert(key.to_vec(), value.to_vec())),
            None => drop(pieces.remove(key)),
        });
        let lessons = at.engine.lessons(at.decoder.names());
        let setting = (config(TOPICS, MODELS), references());
        let range = Range::default();
        let mut restoring =
            Restoring::begin(setting.0, setting.1, TASKS as usize, true, range, (&lessons, &self.pieces)).unwrap();
        for (task, record) in self.segments.iter().flat_map(|segment| &segment.records) {
            restoring.record(*task, record).unwrap();
        }
        *at.engine = restoring.finish().unwrap();
        assert!(at.engine.lessons(at.decoder.names()) == lessons, "what was learnt is read back as it was");
        self.restored += 1;
    }
}

fn said(log: &Log, mut disk: Option<&mut Disk>) -> (Vec<String>, Counts, Vec<String>) {
    let mut engine = Engine::new(config(TOPICS, MODELS), references(), TASKS as usize, true, Range::default());
    if disk.is_some() {
        engine = engine.with_journals();
    }
    let mut decoder = Decoder::new(Limits::default());
    let mut findings = Vec::new();
    let (inferences, labels) = (feed("inferences", &log.inferences), feed("labels", &log.labels));
    let replay = Replay::new(inferences, labels, Spread::ByKey(TASKS)).committing_every(COMMIT);
    replay
        .run::<std::io::Error>(&mut engine, &mut decoder, |event| {
            match (event, disk.as_deref_mut()) {
                (Event::Finding(finding), _) => findings.push(text(&finding)),
                (Event::Committed(committed), Some(disk)) => disk.pass(committed),
                _ => {}
            }
            Ok(())
        })
        .unwrap();
    (findings, engine.counts(), engine.notes())
}

fn text(finding: &Finding) -> String {
    match finding {
        Finding::Alert(alert) => serde_json::to_string(alert),
        Finding::Incident(incident) => serde_json::to_string(incident),
        Finding::Summary(summary) => serde_json::to_string(summary),
        Finding::Request(request) => serde_json::to_string(request),
    }
    .unwrap()
}

#[test]
fn an_engine_that_is_restored_at_every_commit_says_the_same_to_the_byte() {
    for (seed, unruly) in [(1, true), (2, false)] {
        let log = Log::new(seed, Made { days: 24, unruly });
        let (findings, counts, notes) = said(&log, None);
        let mut disk = Disk::default();
        let (again, counts_again, notes_again) = said(&log, Some(&mut disk));
        if let Some(place) = (0..findings.len().max(again.len())).find(|&place| findings.get(place) != again.get(place))
        {
            let [one, other] = [&findings, &again].map(|all| all.get(place));
            panic!("finding {place} differs:\n{one:?}\n{other:?}");
        }
        assert_eq!(counts, counts_again);
        assert_eq!(notes, notes_again);
        assert!(disk.restored > 10, "{} restores", disk.restored);
        assert!(disk.most_segments < disk.restored as usize / 2, "outlived rows go: {}", disk.most_segments);
    }
}
