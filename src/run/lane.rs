//! How does one thread turn partitions into deltas, each record counted once?
//!
//! A lane is a member of the group, a crew of tasks, and a producer. It reads what its feeds have, lets the crew join and
//! count, and commits once an interval: deltas, the changelog of rows, dead letters and the offsets in one transaction.
//! What cannot be committed is forgotten: the tasks are rebuilt from what is committed and read on from there.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::alarms::{Alarms, Herald};
use super::books::Books;
use super::changelog;
use super::control::Told;
use super::desk::Desk;
use super::error::RunError;
use super::feed::{Feed, Inbox, Known, Side};
use super::inputs::Inputs;
use super::janitor::Rubbish;
use super::lag::Lag;
use super::lessons::{Heard, Lessons};
use super::placement::{Meetings, Sampler};
use super::setup::Setup;
use super::stop::Stop;
use super::turn::{Failed, Rounds, Worker};
use crate::engine::{Crew, Head};
use crate::event::Span;
use crate::exchange::Reading;
use crate::kafka::{Committed, Failure, Incoming, Member, Reader, Record, TopicPartition, Transactions};
use crate::status::{self, Measure, Recorder, Stream, StreamStatus, TaskStatus};

/// Records read from one feed before another one has its turn.
const BATCH: usize = 512;
/// Records taken from the client before the first of them is looked at, so that their rows are read side by side.
const AHEAD: usize = 64;
/// How long a lane waits for the offsets that a dead process left open: longer than its transaction can last.
const PATIENCE: Duration = Duration::from_secs(45);
/// How often an idle task says how far it is.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How often the changelogs are looked through for what is not needed any more.
const TRIM: Duration = Duration::from_secs(10);
/// Bytes of changes after which a lane commits before its interval is over.
const LARGE: usize = 32 << 20;

/// One thread's work.
pub(super) struct Lane {
    setup: Arc<Setup>,
    number: u32,
    member: Member,
    desk: Desk,
    inbox: Inbox,
    books: BTreeMap<u32, Books>,
    inputs: Inputs,
    order: Vec<usize>,
    committed: Instant,
    drift: Span,
    lessons: Lessons,
    told: Told,
    /// How much of the lessons the crew has.
    taught: u64,
    rubbish: Rubbish,
    lag: Lag,
    alarms: Alarms,
    herald: Herald,
    /// What had become of the labels of each task at the last commit.
    met: BTreeMap<u32, Meetings>,
    trimmed: Instant,
    status: Arc<status::Lane>,
    recorder: Recorder,
    stop: Stop,
}

impl Lane {
    /// A lane that has joined its group and has no partitions yet.
    pub(super) fn start(
        setup: Arc<Setup>,
        number: u32,
        shared: (Lessons, Told, Rubbish, Lag, Alarms),
        stop: Stop,
    ) -> Result<Self, RunError> {
        let (lessons, told, rubbish, lag, alarms) = shared;
        let config = setup.config.clone();
        let transactions = Transactions::start(config.clone(), setup.transactional_id(&format!("lane-{number}")))?;
        let inputs = Inputs::of(&setup);
        let member = Member::join(config.clone(), &config.kafka.group, &setup.member(number), &inputs.topics())?;
        let reading = Reading::new(&config)?;
        let status = setup.status.lane(number, Instant::now());
        setup.status.wait_for(&waits(number), format!("partitions for lane {number}"));
        let drift = setup.disorder(Side::Labels).max(setup.disorder(Side::Inferences)).times(2) + Span::HOUR;
        Ok(Self {
            desk: Desk::new(setup.clone(), transactions, reading),
            setup,
            number,
            member,
            inbox: Inbox::default(),
            books: BTreeMap::new(),
            inputs,
            order: Vec::new(),
            committed: Instant::now(),
            drift,
            lessons,
            told,
            taught: 0,
            rubbish,
            lag,
            herald: Herald::new(alarms.clone()),
            alarms,
            met: BTreeMap::new(),
            trimmed: Instant::now(),
            status,
            recorder: Recorder::default(),
            stop,
        })
    }

    /// Takes what models have learnt meanwhile.
    fn learn(&mut self) {
        learn(&self.lessons, &mut self.taught, &mut self.desk.crew);
    }

    fn open_feeds(&mut self, tasks: &[u32]) -> Result<(), RunError> {
        self.inbox.clear();
        for &task in tasks {
            let next = &self.books[&task].next;
            for (input, place) in self.inputs.of_task(task).into_iter().enumerate() {
                self.inbox.queues.push(self.member.split(&place)?);
                let side = self.inputs.side(input);
                let known = self.known(task, side);
                let (inferences, labels) = self.desk.crew.furthest(task as usize);
                self.inbox.feeds.push(Feed {
                    place,
                    side,
                    task,
                    input,
                    number: self.inputs.number(input),
                    next: next[input],
                    furthest: if side == Side::Inferences { inferences } else { labels },
                    known,
                    at_end: false,
                    held: None,
                    behind: VecDeque::new(),
                    moved: Instant::now(),
                    read: None,
                });
            }
        }
        Ok(())
    }

    /// What a task knows of the sources of a side that was written anew.
    fn known(&self, task: u32, side: Side) -> Vec<Known> {
        if self.setup.sources.is_none() {
            return Vec::new();
        }
        let disorder = self.setup.disorder(side);
        let sources = self.desk.crew.sources_of(task as usize, side.of_join()).iter();
        sources.map(|mark| Known { furthest: mark.map(|mark| mark + disorder), idle: None }).collect()
    }

    /// Rebuilds a task from its changelog, or begins it.
    fn rebuild(&mut self, reader: &Reader, task: u32, committed: &[Option<i64>]) -> Result<Books, RunError> {
        let begun = Instant::now();
        self.status.beat(begun);
        self.setup.status.wait_for(&waits(self.number), format!("restore of partition {task}"));
        let (lessons, taught) = (self.lessons.clone(), &mut self.taught);
        let learn = |crew: &mut Crew| learn(&lessons, taught, crew);
        let books = match changelog::restore(&self.setup, reader, &mut self.desk.crew, task, committed, learn)? {
            Some(books) => books,
            None => Books::new(self.inputs.beginning(&self.setup, &self.member, task)?),
        };
        let rows = self.desk.crew.rows_of(task as usize);
        self.recorder.record(Measure::RestoreDuration, micros(begun.elapsed()));
        tracing::info!(lane = self.number, task, rows, seconds = begun.elapsed().as_secs_f64(), "restored");
        Ok(books)
    }

    /// Reads what one feed has, up to a limit.
    fn read_from(&mut self, place: usize) -> Result<usize, Failure> {
        let Inbox { feeds, queues } = &mut self.inbox;
        let (feed, queue) = (&mut feeds[place], &queues[place]);
        let (mut read, mut of_users) = (0, 0);
        let mut messages = Vec::with_capacity(AHEAD);
        let mut ended = false;
        while read < BATCH && !ended {
            if feed.held.is_some() {
                if !self.desk.go_on(feed)? {
                    break;
                }
                read += 1;
                of_users += 1;
                continue;
            }
            if let Some(behind) = feed.behind.pop_front() {
                match behind {
                    Some(message) => of_users += u64::from(self.desk.take(feed, &message)?),
                    None => feed.at_end = true,
                }
                read += 1;
                continue;
            }
            let mut at_end = false;
            while messages.len() < AHEAD && !ended {
                match self.member.next(queue).map_err(Failure::Trouble)? {
                    None => ended = true,
                    Some(Incoming::End(_)) => (ended, at_end) = (true, true),
                    Some(Incoming::Record(message)) => messages.push(message),
                }
            }
            self.desk.warm(feed, &messages);
            let mut messages = messages.drain(..);
            for message in messages.by_ref() {
                of_users += u64::from(self.desk.take(feed, &message)?);
                read += 1;
                if feed.held.is_some() {
                    break;
                }
            }
            feed.behind.extend(messages.map(|message| Some(message.kept())));
            // The client tells of an end once.
            match feed.held {
                Some(_) if at_end => feed.behind.push_back(None),
                _ => feed.at_end |= at_end,
            }
        }
        if of_users > 0 {
            feed.note_read();
            self.desk.seen.batches.push((feed.moved, of_users));
        }
        Ok(read)
    }

    /// Hands on what was seen of where records lie, and what became of labels since the last time.
    fn look_at_placement(&mut self) {
        let Some(samplers) = &mut self.desk.samplers else { return };
        let tallies = samplers.each_mut().map(Sampler::take);
        let mut before = std::mem::take(&mut self.met);
        let mut since = Meetings::default();
        for &task in self.books.keys() {
            let labels = self.desk.crew.counts_of(task as usize).labels;
            let now = Meetings {
                met: labels.joined + labels.duplicate + labels.corrected + labels.withdrawn + labels.ignored,
                missed: labels.orphan,
            };
            // A task that has just come was counted elsewhere.
            let new = before.remove(&task).map_or_else(Meetings::default, |before| now.since(before));
            since = Meetings { met: since.met + new.met, missed: since.missed + new.missed };
            self.met.insert(task, now);
        }
        self.alarms.placed(tallies, since);
    }

    /// Says how the lane is doing.
    fn tell(&mut self, begun: Instant, committed: &Committed) {
        let seen = &mut self.desk.seen;
        for (stream, (records, bytes)) in Stream::ALL.into_iter().zip(std::mem::take(&mut seen.records)) {
            self.status.add_records(stream, records, bytes);
        }
        for (side, reason) in seen.rejects.drain(..) {
            self.status.add_rejects(Stream::ALL[side as usize], reason, 1);
        }
        self.status.committed();
        let done = Instant::now();
        self.recorder.record(Measure::CommitDuration, micros(done.duration_since(begun)));
        self.recorder.record(Measure::TransactionSize, committed.bytes);
        for (read, count) in seen.batches.drain(..) {
            self.recorder.record_n(Measure::RecordToCommit, micros(done.duration_since(read)), count);
        }
        self.setup.status.measured(&mut self.recorder);
        if let Some(measures) = self.desk.crew.measures() {
            self.setup.status.measured(measures);
        }
        self.lag.want(self.inbox.feeds.iter().filter(|feed| !feed.at_end).map(|feed| &feed.place));
        for &task in self.books.keys() {
            let (inferences, labels) = self.desk.crew.watermarks_of(task as usize);
            let stream = |side, watermark| StreamStatus {
                behind: self.inbox.behind(task, side, |place| self.lag.end_of(place)),
                watermark,
            };
            self.status.task(TaskStatus {
                partition: task,
                inferences: stream(Side::Inferences, inferences),
                labels: self.setup.names.labels.as_ref().map(|_| stream(Side::Labels, labels)),
                counts: self.desk.crew.counts_of(task as usize),
                memory: self.desk.crew.memory_of(task as usize) as u64,
            });
        }
    }

    /// Says up to where the changelogs are not needed any more.
    fn trim(&mut self) {
        for (&task, books) in &mut self.books {
            if let Some(before) = books.trim(|due| self.desk.crew.has_outlived(task as usize, due)) {
                self.rubbish.put(task, before);
            }
        }
    }
}

impl Worker for Lane {
    const COMMITS: &'static str = "deltas";

    type Part = u32;

    fn setup(&self) -> &Setup {
        &self.setup
    }

    fn member(&self) -> &Member {
        &self.member
    }

    fn commit(&mut self) -> Result<(), Failed> {
        let now = Instant::now();
        self.committed = now;
        self.look_at_placement();
        self.herald.send(&mut self.desk.transactions, &self.setup)?;
        let mut covered = Vec::new();
        let mut logged = Vec::new();
        for (&task, books) in &mut self.books {
            let next = self.inbox.next(task, &books.next);
            let moved = next != books.next;
            if !moved && !books.is_due(now, HEARTBEAT) {
                continue;
            }
            let reach = |side| self.inbox.reach(task, side, self.setup.idle, now, self.setup.disorder(side));
            let mut head = Head {
                tasks: self.setup.partitions,
                task,
                from: books.next.clone(),
                to: next.clone(),
                inputs: reach(Side::Inferences),
                labels: reach(Side::Labels),
                ..Head::default()
            };
            let desk = &mut self.desk;
            let deltas = desk.delta(task, &mut head);
            for (judge, records) in deltas.iter().enumerate() {
                for value in records {
                    desk.transactions.send(&Record {
                        topic: &self.setup.names.deltas,
                        partition: Some(judge as i32),
                        value: Some(value),
                        ..Record::default()
                    })?;
                }
            }
            // Where nothing was read, the task stands where its newest record says.
            let (records, due) = if moved || books.said.is_none() {
                desk.crew.changelog(task as usize, &next)
            } else {
                Default::default()
            };
            for value in &records {
                logged.push(task);
                desk.transactions.send(&Record {
                    topic: &self.setup.names.rows,
                    partition: Some(task as i32),
                    value: Some(value),
                    ticket: logged.len(),
                    ..Record::default()
                })?;
            }
            books.said = Some(now);
            covered.push((task, next, due));
        }
        if covered.is_empty() && !self.desk.transactions.is_open() {
            return Ok(());
        }
        let offsets: Vec<(u32, Vec<i64>)> = covered.iter().map(|(task, next, _)| (*task, next.clone())).collect();
        let committed = self.desk.transactions.commit(&self.member, &self.inputs.offsets(&offsets))?;
        self.herald.committed();
        for (task, next, due) in covered {
            let mine = committed.offsets.iter().filter(|(ticket, _)| logged[ticket - 1] == task);
            let first = mine.map(|&(_, offset)| offset).min();
            if let Some(books) = self.books.get_mut(&task) {
                books.commit(next, first.map(|first| (first, due)));
            }
        }
        self.tell(now, &committed);
        if now.duration_since(self.trimmed) >= TRIM {
            self.trimmed = now;
            self.trim();
        }
        Ok(())
    }

    fn forget(&mut self) -> Result<(), RunError> {
        self.inbox.clear();
        for task in std::mem::take(&mut self.books).into_keys() {
            self.desk.crew.close(task as usize);
        }
        self.desk.transactions.restart()?;
        Ok(())
    }

    fn release(&mut self) {
        self.inbox.clear();
    }

    fn parts(&self) -> Vec<u32> {
        self.books.keys().copied().collect()
    }

    fn parts_of(&self, places: &[TopicPartition]) -> Result<Vec<u32>, RunError> {
        let tasks = self.inputs.tasks(places)?;
        tracing::info!(lane = self.number, ?tasks, "assigned");
        Ok(tasks)
    }

    /// Tasks that are here as they were committed go on, the others are rebuilt.
    fn begin(&mut self, tasks: &[u32]) -> Result<(), RunError> {
        let gone: Vec<u32> = self.books.keys().copied().filter(|task| !tasks.contains(task)).collect();
        for task in gone {
            self.books.remove(&task);
            self.desk.crew.close(task as usize);
        }
        let places: Vec<_> = tasks.iter().flat_map(|&task| self.inputs.of_task(task)).collect();
        let committed = self.member.committed(&places, PATIENCE)?;
        let reader = Reader::new(self.setup.config.clone())?;
        // Who had a task before us may have promised to keep out of windows whose baseline changes.
        self.told.catch_up(&reader)?;
        self.learn();
        for (&task, committed) in tasks.iter().zip(committed.chunks(self.inputs.len())) {
            if !self.books.get(&task).is_some_and(|books| books.is_at(committed)) {
                match self.rebuild(&reader, task, committed) {
                    Ok(books) => drop(self.books.insert(task, books)),
                    // Somebody else has gone on with it meanwhile; the group says in a moment what comes instead.
                    Err(RunError::Torn(why)) if self.member.is_lost() => {
                        tracing::warn!(lane = self.number, task, "lost while it was restored: {why}");
                        self.desk.crew.close(task as usize);
                        return self.forget();
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        let starts = self.inputs.starts(&self.books);
        self.member.take(starts.iter().map(|(place, offset)| (place, *offset)))?;
        self.status.assign(tasks);
        self.setup.status.no_longer(&waits(self.number));
        self.open_feeds(tasks)
    }

    fn aborted(&self) {
        self.status.aborted();
    }
}

impl Rounds for Lane {
    fn stop(&self) -> &Stop {
        &self.stop
    }

    fn status(&self) -> &status::Lane {
        &self.status
    }

    fn number(&self) -> u32 {
        self.number
    }

    /// A record comes here only if it was fetched before its partition had a queue of its own.
    fn listen(&mut self, nap: Duration) -> Result<(), Failed> {
        while let Some(incoming) = self.member.poll(nap)? {
            // The end of a partition is told by its own queue.
            let Incoming::Record(message) = incoming else { continue };
            let here =
                |feed: &&mut Feed| feed.place.topic == message.topic() && feed.place.partition == message.partition();
            if let Some(feed) = self.inbox.feeds.iter_mut().find(here)
                && self.desk.take(feed, &message)?
            {
                feed.note_read();
            }
        }
        Ok(())
    }

    /// Reads from the feeds that are furthest behind.
    fn turn(&mut self) -> Result<usize, Failed> {
        self.learn();
        let mut order = std::mem::take(&mut self.order);
        self.inbox.order(self.drift, &mut order);
        let mut read = 0;
        for &place in &order {
            read += self.read_from(place)?;
            if read >= BATCH {
                break;
            }
        }
        self.order = order;
        Ok(read)
    }

    fn is_due(&self) -> bool {
        self.committed.elapsed() >= self.setup.interval || self.desk.crew.journal_bytes() > LARGE
    }
}

/// Under which name a process says that it waits for a lane.
fn waits(lane: u32) -> String {
    format!("lane-{lane}")
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Brings a crew what models have learnt, and which baselines have changed or may change, since it heard of them last.
fn learn(lessons: &Lessons, taught: &mut u64, crew: &mut Crew) {
    if let Some(Heard { references, horizons, expected, .. }) = lessons.since(taught) {
        crew.take_lessons(references, horizons);
        crew.expect(expected);
    }
}
