//! Do tasks and judges that only exchange bytes say the same as one engine?
//!
//! The service without Kafka: lanes, judges, and between them lists of records that stand for topics. Lanes read their
//! partitions in any order and at any pace, commit when they like, die and are rebuilt from their changelog; judges fold
//! when they like, die and are rebuilt from their last snapshot; lessons are learnt by judges and waited for by lanes.
//! What is final equals a replay, byte for byte.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use support::*;
use truthline::baseline::{self, References, Taught};
use truthline::config::Config;
use truthline::control::Controls;
use truthline::decode::{Decoder, Encoding, Limits};
use truthline::engine::{Court, CourtError, Crew, Folded, Head, Range, judge_of};
use truthline::event::{EventTime, Inference, Label, murmur2_partition};
use truthline::join::Due;
use truthline::judge::Finding;
use truthline::story::Chance;

const TASKS: u32 = 3;
const JUDGES: u32 = 2;
/// Long after everything else: what moves the watermarks past all windows of interest.
const TAIL: i64 = 40 * DAY;

/// One partition of both topics.
#[derive(Default)]
struct Partition {
    inferences: Vec<String>,
    labels: Vec<String>,
}

/// What lies on the topics.
struct Topics {
    partitions: Vec<Partition>,
    /// By task: the changelog, and the committed offsets.
    rows: Vec<Vec<(Due, Vec<u8>)>>,
    trimmed: usize,
    offsets: Vec<Option<Vec<i64>>>,
    /// By judge: deltas, what was remembered with the offset of it, and the committed offset.
    deltas: Vec<Vec<Vec<u8>>>,
    memory: Vec<BTreeMap<Vec<u8>, Vec<u8>>>,
    remembered: Vec<usize>,
    folded: Vec<usize>,
    references: References,
    horizons: Vec<Option<EventTime>>,
    findings: Vec<Finding>,
}

/// The last records of every partition.
fn tail(log: &mut Log) {
    let mut found = 0_u32;
    for number in 0..1_000 {
        let id = format!("tail-{number}");
        if murmur2_partition(id.as_bytes(), TASKS) != found % TASKS {
            continue;
        }
        found += 1;
        // The second round moves what the first one left open.
        let time = log.end + TAIL + if found > TASKS { 20 * DAY } else { 0 };
        let row = format!(
            r#"{{"request_id":"{id}","event_time":{time},"model":"fraud","version":"v1","score":0.5,"threshold":{THRESHOLD},"features":{{"tenure":3,"method":"card","country":"DE"}}}}"#
        );
        log.inferences.push((time, row));
        log.labels.push((time, format!(r#"{{"request_id":"{id}","event_time":{time},"label":0,"revision":0}}"#)));
        if found == 2 * TASKS {
            return;
        }
    }
    panic!("no id for every partition");
}

fn id_of(record: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(record).ok()?;
    Some(json.get("request_id")?.as_str()?.to_owned())
}

fn topics(log: &Log) -> Topics {
    let mut partitions: Vec<Partition> = (0..TASKS).map(|_| Partition::default()).collect();
    // What has no id lies on the first partition, as the replay counts it.
    let of = |record: &str| id_of(record).map_or(0, |id| murmur2_partition(id.as_bytes(), TASKS) as usize);
    for (_, record) in &log.inferences {
        partitions[of(record)].inferences.push(record.clone());
    }
    for (_, record) in &log.labels {
        partitions[of(record)].labels.push(record.clone());
    }
    let (tasks, judges) = (TASKS as usize, JUDGES as usize);
    Topics {
        partitions,
        rows: vec![Vec::new(); tasks],
        trimmed: 0,
        offsets: vec![None; tasks],
        deltas: vec![Vec::new(); judges],
        memory: vec![BTreeMap::new(); judges],
        remembered: vec![0; judges],
        folded: vec![0; judges],
        references: references(),
        horizons: vec![None; judges],
        findings: Vec::new(),
    }
}

/// One thread that joins and counts.
struct Lane {
    crew: Crew,
    decoder: Decoder,
    tasks: Vec<usize>,
    /// Next offsets by task, read and not committed yet.
    next: BTreeMap<usize, Vec<i64>>,
}

impl Lane {
    /// A lane that takes over these tasks where they were committed.
    fn start(config: &Arc<Config>, topics: &Topics, tasks: Vec<usize>) -> Self {
        let crew = Crew::new(config.clone(), topics.references.clone(), true, Range::default());
        let crew = crew.with_journals().among_others();
        let mut lane =
            Self { crew, decoder: Decoder::new(Limits::default()), tasks: tasks.clone(), next: BTreeMap::new() };
        for task in tasks {
            lane.crew.open(task);
            let mut stands = None;
            for (_, record) in &topics.rows[task] {
                stands = lane.crew.restore(task, record).unwrap().1.or(stands);
            }
            assert_eq!(stands.as_ref().map(|stand| stand.offsets.clone()), topics.offsets[task]);
            if let Some(stand) = stands {
                lane.crew.finish_restore(task, &stand).unwrap();
            }
            lane.next.insert(task, topics.offsets[task].clone().unwrap_or(vec![0, 0]));
        }
        lane
    }

    /// Reads some records of one side of one task; whether there was one.
    fn read(&mut self, topics: &Topics, task: usize, labels: bool, count: usize) -> bool {
        let (mut inference, mut label) = (Inference::default(), Label::default());
        let partition = &topics.partitions[task];
        let mut any = false;
        for _ in 0..count {
            let next = &mut self.next.get_mut(&task).unwrap()[usize::from(labels)];
            let records = if labels { &partition.labels } else { &partition.inferences };
            let Some(record) = records.get(*next as usize) else { break };
            if labels {
                if self.decoder.label(&Encoding::Json, record.as_bytes(), &mut label).is_ok() {
                    let _ = self.crew.label(task, &label);
                } else {
                    self.crew.reject_label(task);
                }
            } else if self.decoder.inference(&Encoding::Json, record.as_bytes(), &mut inference).is_ok() {
                if self.crew.must_wait(task, &inference) {
                    break;
                }
                let _ = self.crew.inference(task, &inference, self.decoder.names());
            } else {
                self.crew.reject_inference(task);
            }
            *next += 1;
            any = true;
        }
        any
    }

    /// Commits: deltas, changelog and offsets appear together.
    fn commit(&mut self, topics: &mut Topics) {
        for &task in &self.tasks {
            let next = self.next[&task].clone();
            let from = topics.offsets[task].clone().unwrap_or(vec![0, 0]);
            let mut head = Head { tasks: TASKS, task: task as u32, from, to: next.clone(), ..Head::default() };
            let deltas = self.crew.delta(task, JUDGES, self.decoder.names(), &mut head);
            for (judge, records) in deltas.into_iter().enumerate() {
                topics.deltas[judge].extend(records);
            }
            let (records, due) = self.crew.changelog(task, &next);
            topics.rows[task].extend(records.into_iter().map(|record| (due, record)));
            // What is outlived may go, from the old end: a restore does without it.
            let newest = topics.rows[task].len() - 1;
            let gone = topics.rows[task][..newest].iter().take_while(|(due, _)| self.crew.has_outlived(task, *due));
            let gone = gone.count();
            topics.rows[task].drain(..gone);
            topics.trimmed += gone;
            topics.offsets[task] = Some(next);
        }
    }
}

/// One judge's thread.
struct Seat {
    judge: usize,
    court: Court,
    next: usize,
    found: Vec<Finding>,
    taught: Vec<Taught>,
}

impl Seat {
    fn start(config: &Arc<Config>, topics: &Topics, judge: usize) -> Self {
        let memory = &topics.memory[judge];
        let mut court =
            Court::restore(config.clone(), topics.references.clone(), true, memory, &Controls::default()).unwrap();
        court.judge_mut().set_publishes_pipeline(judge == 0);
        let mut said_before = Vec::new();
        for record in &topics.deltas[judge][topics.remembered[judge]..topics.folded[judge]] {
            assert_eq!(court.fold(record, &mut said_before).unwrap(), Folded::Counted);
        }
        court.lessons();
        Self { judge, court, next: topics.folded[judge], found: Vec::new(), taught: Vec::new() }
    }

    fn fold(&mut self, topics: &Topics, count: usize) {
        let deltas = &topics.deltas[self.judge];
        for record in deltas.iter().skip(self.next).take(count) {
            assert_eq!(self.court.fold(record, &mut self.found).unwrap(), Folded::Counted);
            self.taught.extend(self.court.lessons());
            self.next += 1;
        }
    }

    fn commit(&mut self, topics: &mut Topics, remember: bool) {
        topics.findings.append(&mut self.found);
        for lesson in self.taught.drain(..) {
            // As it goes over the topic.
            let text = baseline::write(std::slice::from_ref(&lesson.profile));
            let profile = baseline::read(&text).unwrap().remove(0);
            assert_eq!(profile, lesson.profile);
            topics.references.take(Taught { profile, ..lesson });
        }
        topics.folded[self.judge] = self.next;
        topics.horizons[self.judge] = self.court.horizon();
        if remember {
            let memory = &mut topics.memory[self.judge];
            self.court.snapshot(|key, value| {
                match value {
                    Some(value) => memory.insert(key.to_vec(), value.to_vec()),
                    None => memory.remove(key),
                };
            });
            topics.remembered[self.judge] = self.next;
        }
    }
}

/// Runs the service over a log by the dice of a seed.
fn live(log: &Log, models: &str, seed: u64, deaths: f64) -> (Vec<Finding>, References) {
    let config = config(TOPICS, models);
    let mut chance = Chance::new(seed);
    let mut topics = topics(log);
    let spread = |chance: &mut Chance| -> Vec<Vec<usize>> {
        let mut lanes = vec![Vec::new(); 2];
        (0..TASKS as usize).for_each(|task| lanes[usize::from(chance.happens(0.5))].push(task));
        lanes
    };
    let mut lanes: Vec<Lane> =
        spread(&mut chance).into_iter().map(|tasks| Lane::start(&config, &topics, tasks)).collect();
    let mut seats: Vec<Seat> = (0..JUDGES as usize).map(|judge| Seat::start(&config, &topics, judge)).collect();
    let mut quiet = 0;
    while quiet < 6 {
        let mut any = false;
        for lane in &mut lanes {
            lane.crew.take_lessons(topics.references.clone(), topics.horizons.clone());
            for _ in 0..6 {
                let Some(&task) = lane.tasks.get((chance.uniform() * lane.tasks.len() as f64) as usize) else {
                    continue;
                };
                // Neither side runs far ahead: labels would wait for predictions that are not read yet.
                let labels = chance.happens(0.5);
                let count = 1 + (chance.uniform() * 120.0) as usize;
                any |= lane.read(&topics, task, labels, count);
            }
            if chance.happens(0.7) {
                lane.commit(&mut topics);
            }
        }
        for seat in &mut seats {
            seat.fold(&topics, (chance.uniform() * 8.0) as usize);
            if chance.happens(0.6) {
                seat.commit(&mut topics, chance.happens(0.3));
            }
            any |= seat.next < topics.deltas[seat.judge].len();
        }
        if chance.happens(deaths) {
            // All lanes go, with what they had not committed, and the tasks are spread anew.
            lanes = spread(&mut chance).into_iter().map(|tasks| Lane::start(&config, &topics, tasks)).collect();
        }
        if chance.happens(deaths) {
            let judge = usize::from(chance.happens(0.5));
            seats[judge] = Seat::start(&config, &topics, judge);
        }
        quiet = if any { 0 } else { quiet + 1 };
        if quiet > 0 {
            lanes.iter_mut().for_each(|lane| lane.commit(&mut topics));
            for seat in &mut seats {
                seat.fold(&topics, usize::MAX);
                seat.commit(&mut topics, true);
            }
        }
    }
    for (task, partition) in topics.partitions.iter().enumerate() {
        let all = vec![partition.inferences.len() as i64, partition.labels.len() as i64];
        assert_eq!(topics.offsets[task], Some(all), "everything was read");
    }
    assert!(topics.trimmed > 10, "changelogs are trimmed while the service runs: {}", topics.trimmed);
    // A judge that goes by a lesson does not go on where nobody has heard of it yet.
    let unheard = |memory| {
        let restored = Court::restore(config.clone(), references(), true, memory, &Controls::default());
        matches!(restored, Err(CourtError::NoLesson(_)))
    };
    let learnt = topics.references.learnt().next().is_some();
    assert_eq!(topics.memory.iter().any(unheard), learnt, "lessons that a judge has given and that are not known");
    let (findings, references) = (topics.findings, topics.references);
    (findings, references)
}

/// The final findings of everything before the tail.
fn of_interest(findings: &[Finding], log: &Log) -> BTreeMap<String, String> {
    let until = log.end + TAIL / 2;
    let wanted = |finding: &&Finding| match finding {
        Finding::Summary(summary) => summary.window.end <= until,
        Finding::Alert(alert) => alert.as_of <= until,
        Finding::Incident(incident) => incident.as_of <= until,
        Finding::Request(request) => request.as_of <= until,
    };
    finals(&findings.iter().filter(wanted).cloned().collect::<Vec<_>>())
}

fn compare(made: Made, models: &str, seed: u64, deaths: f64) {
    let mut log = Log::new(seed, made);
    tail(&mut log);
    let mut drive = Drive::new(&log);
    (drive.partitions, drive.models) = (TASKS as usize, models);
    drive.order = log.plain_order();
    let replayed = of_interest(&drive.run(|number| number % 997 == 0).findings, &log);
    assert!(replayed.len() > 60, "there is something to compare: {}", replayed.len());
    let (findings, references) = live(&log, models, seed ^ 0x5eed, deaths);
    if models.contains("churn") {
        assert_eq!(references.lessons_of("churn"), (true, true));
    }
    assert_same(&of_interest(&findings, &log), &replayed, &format!("seed {seed}"));
}

const ORDERLY: Made = Made { days: 20, unruly: false };
const UNRULY: Made = Made { days: 20, unruly: true };

#[test]
fn lanes_and_judges_say_what_one_engine_says() {
    compare(ORDERLY, MODELS, 1, 0.0);
}

#[test]
fn so_they_do_when_they_die_again_and_again() {
    for seed in 2..5 {
        compare(ORDERLY, MODELS, seed, 0.08);
    }
}

#[test]
fn so_they_do_on_an_unruly_log() {
    for seed in 5..7 {
        compare(UNRULY, MODELS, seed, 0.05);
    }
}

#[test]
fn a_model_is_judged_by_one_judge_and_both_have_work() {
    let judges: Vec<u32> = ["fraud", "churn", "risk"].iter().map(|model| judge_of(model, JUDGES)).collect();
    assert!(judges.contains(&0) && judges.contains(&1), "{judges:?}");
}
