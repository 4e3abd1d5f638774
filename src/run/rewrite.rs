//! How are topics of any keys and partitions written anew, so that a prediction and its label lie together?
//!
//! A rewriter reads all partitions of both inputs, aligned in event time, and writes each record unchanged under its
//! request id, with where it stood. In the same transaction go its own progress and, for every partition that it writes
//! to, how far each source has come. So whoever takes over needs no memory but the offsets and the notes beside them.
//!
//! A lane that waits for what a model learns can read nothing behind the record that waits. So before a record is
//! written, every partition was told of every source that it has come as far, less one base window; a source that is
//! silent holds the others until it is idle. That takes one who sees all sources: one rewriter of all processes works at
//! a time. The group gives the work to one member by giving it the one partition of a topic that nobody reads here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clock;
use super::error::RunError;
use super::feed::Side;
use super::origin::{ORIGIN, Standing, WATERMARK, put_standings};
use super::setup::Setup;
use super::source::{Note, Source};
use super::stop::Stop;
use super::turn::{Failed, Rounds, Worker};
use crate::config::Start;
use crate::decode::{Decoder, Limits};
use crate::engine::Crew;
use crate::event::{EventTime, Inference, Label, Reject, Span, murmur2_partition};
use crate::exchange::{Raw, Reading, send_letter};
use crate::finding::DeadLetter;
use crate::kafka::{Failure, Incoming, Member, Message, Record, TopicPartition, Transactions};
use crate::status::{self, Stream};

/// Records written before the client may speak.
const BATCH: usize = 4_096;
/// How long to wait for the offsets that a dead process left open.
const PATIENCE: Duration = Duration::from_secs(45);
/// Under which name a process says that it waits for the group.
const WAITS: &str = "rewrite";

/// The thread that writes the inputs anew.
pub(super) struct Rewriter {
    setup: Arc<Setup>,
    member: Member,
    transactions: Transactions,
    pen: Pen,
    sources: Vec<Source>,
    /// Next offsets and notes as committed, in the order of the sources.
    at: Vec<Option<(i64, String)>>,
    /// By how much a source may run ahead of another one: one base window of any model.
    slack: Span,
    /// Whether the work is ours.
    active: bool,
    committed: Instant,
    status: Arc<status::Lane>,
    number: u32,
    stop: Stop,
}

/// What reads and writes records, apart from the sources.
struct Pen {
    reading: Reading,
    decoder: Decoder,
    inference: Inference,
    label: Label,
    text: String,
    bytes: Vec<u8>,
}

impl Rewriter {
    /// A rewriter that has joined its group. `number` is the one under which the page shows it, behind the lanes.
    pub(super) fn start(setup: Arc<Setup>, number: u32, stop: Stop) -> Result<Self, RunError> {
        let config = setup.config.clone();
        let transactions = Transactions::start(config.clone(), setup.transactional_id("rewrite"))?;
        let group = setup.rewriters_group();
        let member = Member::join(
            config.clone(),
            &group,
            &format!("{}-rewrite", setup.instance),
            &[setup.names.baselines.as_str()],
        )?;
        let status = setup.status.lane(number, Instant::now());
        setup.status.wait_for(WAITS, "the group of the stage that writes the inputs anew");
        let pen = Pen {
            reading: Reading::new(&config)?,
            decoder: Decoder::new(Limits::default()),
            inference: Inference::default(),
            label: Label::default(),
            text: String::new(),
            bytes: Vec::new(),
        };
        let windows = config.named_models().map(|(_, model)| model.window);
        let slack = windows.fold(config.defaults().window, Span::min);
        Ok(Self {
            setup,
            slack,
            member,
            transactions,
            pen,
            sources: Vec::new(),
            at: Vec::new(),
            active: false,
            committed: Instant::now(),
            status,
            number,
            stop,
        })
    }

    /// Every partition of both inputs.
    fn places(&self) -> Vec<(TopicPartition, Side)> {
        let [inferences, labels] = self.setup.sources.unwrap_or_default();
        let of = |side, count: u16| {
            let topic = self.setup.input(side).to_owned();
            (0..count)
                .map(move |partition| (TopicPartition { topic: topic.clone(), partition: partition.into() }, side))
        };
        of(Side::Inferences, inferences).chain(of(Side::Labels, labels)).collect()
    }

    /// Where a partition begins that was never committed.
    fn beginning(&self, place: &TopicPartition) -> Result<i64, RunError> {
        let (first, last) = self.member.bounds(place)?;
        Ok(match self.setup.config.start {
            Start::Earliest => first,
            Start::Latest => last,
            Start::At(time) => self.member.offset_at(place, time)?.unwrap_or(last),
        })
    }

    /// Of the sources of a side where a record waits, the one that has come least far.
    fn next_of(&self, side: Side) -> Option<usize> {
        let full = self.sources.iter().enumerate().filter(|(_, source)| source.is_full && source.side == side);
        full.min_by_key(|(_, source)| source.key()).map(|(place, _)| place)
    }

    /// Whether the record that waits at a source may be written now. Labels wait for nobody, and no lane waits with one.
    fn may_go(&mut self, place: usize, now: Instant, outside: EventTime) -> Result<bool, Failure> {
        let (patience, slack) = (self.setup.idle, self.slack);
        let Source { side: Side::Inferences, waiting, .. } = &self.sources[place] else { return Ok(true) };
        let Some(time) = waiting.time else { return Ok(true) };
        let others = || {
            let others = self.sources.iter().enumerate().filter(move |(other, _)| *other != place);
            others.map(|(_, other)| other).filter(|other| other.side == Side::Inferences)
        };
        if others().any(|other| !other.reach(patience, now, outside).allows(time, slack)) {
            return Ok(false);
        }
        if others().any(|other| !other.told_reach().allows(time, slack)) {
            self.tell(now, outside, true)?;
        }
        Ok(true)
    }

    /// Tells every partition that is written to how far the sources have come, where that has changed; with `at_once`
    /// also by how much the clock went on where they are idle.
    fn tell(&mut self, now: Instant, outside: EventTime, at_once: bool) -> Result<(), Failure> {
        for side in [Side::Inferences, Side::Labels] {
            let disorder = self.setup.disorder(side);
            let standings: Vec<Standing> = self
                .sources
                .iter_mut()
                .filter(|source| source.side == side)
                .filter_map(|source| {
                    let reach = source.news(source.reach(self.setup.idle, now, outside), now, at_once)?;
                    Some(source.tell(reach, disorder, now))
                })
                .collect();
            if standings.is_empty() {
                continue;
            }
            put_standings(&mut self.pen.bytes, &standings);
            for partition in 0..self.setup.partitions {
                // Its own time is now: so the topic's age limit never counts the old records around it as old.
                self.transactions.send(&Record {
                    topic: target(&self.setup, side),
                    partition: Some(partition as i32),
                    value: Some(&self.pen.bytes),
                    headers: &[(WATERMARK, b"1")],
                    ..Record::default()
                })?;
            }
        }
        Ok(())
    }

    /// Reads the next record of a source, unless one waits already. What cannot be used is set aside.
    fn fill(&mut self, place: usize) -> Result<(), Failure> {
        let Self { setup, member, transactions, pen, sources, status, .. } = self;
        let source = &mut sources[place];
        while !source.is_full {
            let message = match member.next(&source.queue).map_err(Failure::Trouble)? {
                None => return Ok(()),
                Some(Incoming::End(_)) => {
                    source.at_end = true;
                    return Ok(());
                }
                Some(Incoming::Record(message)) => message,
            };
            if message.offset() < source.next {
                let (topic, partition) = (&source.place.topic, source.place.partition);
                let (found, last) = (message.offset(), source.next - 1);
                return Err(Failure::Doubt(format!("{topic} partition {partition}: offset {found} came after {last}")));
            }
            match pen.read(source.side, &message) {
                Ok((id, time)) => {
                    source.waiting.keep(&message, id, time);
                    source.is_full = true;
                }
                Err(reject) => {
                    status.add_rejects(Stream::ALL[source.side as usize], reject.reason, 1);
                    set_aside(transactions, setup, &message, reject)?;
                    source.next = message.offset() + 1;
                }
            }
            source.read();
        }
        Ok(())
    }

    /// Writes the record that waits at a source.
    fn send(&mut self, place: usize) -> Result<(), Failure> {
        let Self { setup, transactions, pen, sources, .. } = self;
        let source = &mut sources[place];
        source.origin().write(&source.place.topic, &mut pen.text);
        let waiting = &source.waiting;
        let id = waiting.id.as_bytes();
        transactions.send(&Record {
            topic: target(setup, source.side),
            partition: Some(murmur2_partition(id, setup.partitions) as i32),
            key: Some(id),
            value: waiting.value(),
            headers: &[(ORIGIN, pen.text.as_bytes())],
            millis: waiting.millis,
            ..Record::default()
        })?;
        source.written();
        Ok(())
    }
}

impl Worker for Rewriter {
    const COMMITS: &'static str = "rewritten records";

    type Part = i32;

    fn setup(&self) -> &Setup {
        &self.setup
    }

    fn member(&self) -> &Member {
        &self.member
    }

    /// Makes what was written visible, with how far every source has come.
    fn commit(&mut self) -> Result<(), Failed> {
        let now = Instant::now();
        self.committed = now;
        if !self.active {
            return Ok(());
        }
        self.tell(now, clock::now(), false)?;
        let stand = |source: &Source| (source.next, source.note(self.setup.idle, now).write());
        let stands: Vec<(i64, String)> = self.sources.iter().map(stand).collect();
        let changed = || {
            let all = self.sources.iter().zip(&stands).zip(&self.at);
            all.filter(|((_, stand), at)| Some(*stand) != at.as_ref())
        };
        if changed().next().is_none() && !self.transactions.is_open() {
            return Ok(());
        }
        let offsets = changed().map(|((source, (next, note)), _)| (&source.place, *next, note.as_str()));
        self.transactions.commit_with_notes(&self.member, offsets)?;
        self.at = stands.into_iter().map(Some).collect();
        self.status.committed();
        Ok(())
    }

    fn forget(&mut self) -> Result<(), RunError> {
        self.sources.clear();
        self.transactions.restart()?;
        Ok(())
    }

    fn release(&mut self) {
        self.sources.clear();
        self.active = false;
    }

    fn parts(&self) -> Vec<i32> {
        self.active.then_some(0).into_iter().collect()
    }

    /// The one partition of a topic that nobody reads here, or none.
    fn parts_of(&self, places: &[TopicPartition]) -> Result<Vec<i32>, RunError> {
        tracing::info!(active = !places.is_empty(), "assigned to write the inputs anew");
        Ok(places.iter().map(|place| place.partition).collect())
    }

    fn begin(&mut self, parts: &[i32]) -> Result<(), RunError> {
        self.sources.clear();
        self.active = !parts.is_empty();
        self.setup.status.no_longer(WAITS);
        if !self.active {
            return Ok(self.member.take(std::iter::empty())?);
        }
        let places = self.places();
        let all: Vec<TopicPartition> = places.iter().map(|(place, _)| place.clone()).collect();
        self.at = self.member.committed_with_notes(&all, PATIENCE)?;
        let mut starts = Vec::with_capacity(all.len());
        for (place, committed) in all.iter().zip(&self.at) {
            starts.push(match committed {
                Some((next, _)) => *next,
                None => self.beginning(place)?,
            });
        }
        self.member.take(all.iter().zip(starts.iter().copied()))?;
        for (number, ((place, side), next)) in places.into_iter().zip(starts).enumerate() {
            let queue = self.member.split(&place)?;
            let note = self.at[number].as_ref().map_or_else(Note::default, |(_, note)| Note::parse(note));
            self.sources.push(Source::new(place, side, queue, next, &note));
        }
        Ok(())
    }

    fn aborted(&self) {
        self.status.aborted();
    }
}

impl Rounds for Rewriter {
    fn stop(&self) -> &Stop {
        &self.stop
    }

    fn status(&self) -> &status::Lane {
        &self.status
    }

    fn number(&self) -> u32 {
        self.number
    }

    /// Records come by the queues of their own; one that does not was fetched before it had one.
    fn listen(&mut self, nap: Duration) -> Result<(), Failed> {
        while let Some(incoming) = self.member.poll(nap)? {
            if let Incoming::Record(message) = incoming {
                let (topic, partition) = (message.topic(), message.partition());
                return Err(Failure::Doubt(format!("{topic} partition {partition} came by the wrong way")).into());
            }
        }
        Ok(())
    }

    /// Writes what is there, always of the source that has come least far.
    fn turn(&mut self) -> Result<usize, Failed> {
        for place in 0..self.sources.len() {
            self.fill(place)?;
        }
        let (now, outside) = (Instant::now(), clock::now());
        let mut wrote = 0;
        while wrote < BATCH {
            let mut next = [Side::Inferences, Side::Labels].map(|side| self.next_of(side));
            next.sort_by_key(|next| next.map(|place| self.sources[place].key()));
            let mut allowed = None;
            for place in next.into_iter().flatten() {
                if self.may_go(place, now, outside)? {
                    allowed = Some(place);
                    break;
                }
            }
            let Some(place) = allowed else { break };
            self.send(place)?;
            wrote += 1;
            self.fill(place)?;
        }
        self.transactions.serve();
        Ok(wrote)
    }

    fn is_due(&self) -> bool {
        self.committed.elapsed() >= self.setup.interval
    }
}

impl Pen {
    /// The request id of a record, and its event time if it moves the watermark of its source.
    fn read(&mut self, side: Side, message: &Message<'_>) -> Result<(&str, Option<EventTime>), Reject> {
        let raw = Raw { key: message.key(), value: message.value(), time: message.time() };
        match side {
            Side::Inferences => {
                self.reading.inference(&mut self.decoder, raw, &mut self.inference)?;
                let moves = Crew::moves(&self.inference);
                Ok((&self.inference.request_id, moves.then_some(self.inference.event_time)))
            }
            Side::Labels => {
                self.reading.label(&mut self.decoder, raw, &mut self.label)?;
                Ok((&self.label.request_id, Some(self.label.event_time)))
            }
        }
    }
}

/// The topic into which a side is written.
fn target(setup: &Setup, side: Side) -> &str {
    match side {
        Side::Inferences => &setup.names.keyed_inferences,
        Side::Labels => &setup.names.keyed_labels,
    }
}

/// Sends a record whose request nobody knows to the dead letters.
fn set_aside(
    transactions: &mut Transactions,
    setup: &Setup,
    message: &Message<'_>,
    reject: Reject,
) -> Result<(), Failure> {
    let letter = DeadLetter {
        topic: message.topic().to_owned(),
        partition: message.partition() as u32,
        offset: message.offset() as u64,
        stage: "decode".to_owned(),
        reason: reject.reason.name().to_owned(),
        detail: reject.detail,
    };
    send_letter(transactions, &setup.names.dead_letters, &setup.config.kafka.group, &letter, message.key())
}
