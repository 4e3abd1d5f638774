//! How does one thread turn deltas into findings, each published once?
//!
//! A bench is a member of the second group and seats a court for each partition of the deltas that it was given. What
//! the courts find, the offsets of the deltas, and now and then what the courts remember, become visible in one
//! transaction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::alarms::{Alarms, Herald};
use super::control::Told;
use super::error::RunError;
use super::feed::Side;
use super::inputs::Inputs;
use super::lessons::Lessons;
use super::setup::Setup;
use super::stop::Stop;
use super::turn::{Failed, Worker};
use super::{clock, control, lessons, memory, show};
use crate::engine::{Court, Folded};
use crate::event::EventTime;
use crate::exchange::{fires, send};
use crate::judge::Finding;
use crate::kafka::{Failure, Incoming, Member, Message, Reader, TopicPartition, Transactions};
use crate::status::JudgePart;

/// How long a bench waits when there is nothing to fold.
const NAP: Duration = Duration::from_millis(20);
/// How long it waits for the offsets that a dead process left open.
const PATIENCE: Duration = Duration::from_secs(45);
/// How often the courts are written down.
const SNAPSHOT: Duration = Duration::from_secs(30);
/// How long a bench that was asked to stop waits for what the lanes committed last. That it stood at the end before says
/// nothing: the broker shows a transaction a moment after it was committed, and tells of an end only once.
const FIRST: Duration = Duration::from_secs(1);
/// How long a bench that was asked to stop goes on folding what the lanes committed last.
const LAST: Duration = Duration::from_secs(10);

/// Under which name a process says that it waits for the judges.
const WAITS: &str = "judges";

struct Seat {
    court: Court,
    /// The offset of the next delta.
    next: i64,
    committed: Option<i64>,
    written: Instant,
    /// The next delta when the court was written down last.
    written_at: Option<i64>,
    at_end: bool,
    status: Arc<JudgePart>,
    /// When it began here, by the wall clock.
    since: EventTime,
    /// Up to which window tasks may go on, as they were told last.
    horizon: Option<EventTime>,
    /// How much of what people asked for the court has heard.
    heard: u64,
}

/// One thread's judges.
pub(super) struct Bench {
    setup: Arc<Setup>,
    /// What the tasks read, for the names in a gap.
    inputs: Inputs,
    member: Member,
    transactions: Transactions,
    seats: BTreeMap<i32, Seat>,
    findings: Vec<Finding>,
    committed: Instant,
    lessons: Lessons,
    told: Told,
    alarms: Alarms,
    herald: Herald,
    stop: Stop,
}

impl Bench {
    /// A bench that has joined its group and has no partitions yet.
    pub(super) fn start(
        setup: Arc<Setup>,
        (lessons, told): (Lessons, Told),
        alarms: Alarms,
        stop: Stop,
    ) -> Result<Self, RunError> {
        let config = setup.config.clone();
        let transactions = Transactions::start(config.clone(), setup.transactional_id("judges"))?;
        let member =
            Member::join(config.clone(), &setup.judges_group(), &setup.instance, &[setup.names.deltas.as_str()])?;
        setup.status.wait_for(WAITS, "partitions for the judges");
        Ok(Self {
            inputs: Inputs::of(&setup),
            setup,
            member,
            transactions,
            seats: BTreeMap::new(),
            findings: Vec::new(),
            committed: Instant::now(),
            lessons,
            told,
            herald: Herald::new(alarms.clone()),
            alarms,
            stop,
        })
    }

    /// Works until it is asked to stop, and then until it has folded what the lanes committed last.
    pub(super) fn work(mut self) -> Result<(), RunError> {
        let mut asked: Option<Instant> = None;
        loop {
            if self.stop.is_wanted() {
                let since = *asked.get_or_insert_with(Instant::now);
                let ended = since.elapsed() > FIRST && self.seats.values().all(|seat| seat.at_end);
                if ended || since.elapsed() > LAST {
                    break;
                }
            }
            self.step()?;
        }
        let ended = self.commit();
        self.may_keep(ended)?;
        Ok(())
    }

    fn step(&mut self) -> Result<(), RunError> {
        let now = Instant::now();
        self.seats.values().for_each(|seat| seat.status.beat(now));
        let read = self.read();
        self.settle(read)?;
        self.hear()?;
        if self.committed.elapsed() >= self.setup.interval {
            let ended = self.publish(false);
            self.settle(ended)?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), Failed> {
        // A bounded number of records, so that news and commits have their turn.
        for _ in 0..256 {
            let Some(incoming) = self.member.poll(NAP)? else { return Ok(()) };
            match incoming {
                Incoming::Record(message) => {
                    let mut hands = Hands {
                        setup: &self.setup,
                        inputs: &self.inputs,
                        transactions: &mut self.transactions,
                        findings: &mut self.findings,
                        alarms: &self.alarms,
                    };
                    take(&mut hands, &mut self.seats, &message)?;
                }
                Incoming::End(partition) => {
                    if let Some(seat) = self.seats.get_mut(&partition) {
                        seat.at_end = true;
                    }
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Makes what was found since the last commit visible, with the offsets; `whole` also writes the courts down.
    fn publish(&mut self, whole: bool) -> Result<(), Failed> {
        self.committed = Instant::now();
        self.look_for_silence();
        self.herald.send(&mut self.transactions, &self.setup)?;
        let mut offsets = Vec::new();
        for (&judge, seat) in &mut self.seats {
            let moved = Some(seat.next) != seat.committed;
            if let Some(horizon) = seat.court.horizon().filter(|&horizon| Some(horizon) != seat.horizon) {
                lessons::publish_horizon(&mut self.transactions, &self.setup, judge, horizon)?;
                seat.horizon = Some(horizon);
            }
            let news = self.told.since(&mut seat.heard);
            let asked = news.or_else(|| seat.court.has_answers().then(|| self.told.now()));
            let judges = self.setup.judges;
            let obeyed = asked.map_or_else(Vec::new, |asked| seat.court.obey(&asked, judge as u32, judges));
            for &obeyed in &obeyed {
                control::publish(&mut self.transactions, &self.setup, judge, obeyed)?;
                tracing::info!(
                    judge,
                    offset = obeyed.0,
                    from = obeyed.1.map(EventTime::rfc3339),
                    "obeying what was asked"
                );
            }
            let due = (whole || seat.written.elapsed() >= SNAPSHOT) && seat.written_at != Some(seat.next);
            // What a court obeys must survive it together with its saying so.
            let due = due || !obeyed.is_empty();
            if due {
                memory::write(&mut self.transactions, &self.setup, judge, &mut seat.court, seat.next)?;
                seat.written = Instant::now();
                seat.written_at = Some(seat.next);
            }
            if moved || due {
                let place = TopicPartition { topic: self.setup.names.deltas.clone(), partition: judge };
                offsets.push((place, seat.next));
            }
        }
        if offsets.is_empty() && !self.transactions.is_open() {
            return Ok(());
        }
        self.transactions.commit(&self.member, &offsets)?;
        self.herald.committed();
        for seat in self.seats.values_mut() {
            seat.committed = Some(seat.next);
            let (inputs, labels) = seat.court.watermarks();
            seat.status.set_clock(inputs, labels);
            seat.status.set_open_windows(seat.court.judge().open_windows() as u64);
        }
        if let Some(seat) = self.seats.values().next() {
            self.alarms.to_show().iter().for_each(|alert| seat.status.alert(alert));
        }
        Ok(())
    }

    /// Says how long both topics have been silent. One judge of all processes does: all of them hear the same of it.
    fn look_for_silence(&self) {
        let (Some(limit), Some(seat)) = (self.setup.no_data, self.seats.get(&0)) else { return };
        let (inferences, labels) = seat.court.last_read();
        // While nobody ran, nobody was silent.
        let last = |read: Option<EventTime>| read.unwrap_or(seat.since).max(seat.since);
        self.alarms.silence(Side::Inferences, last(inferences), limit);
        if self.setup.names.labels.is_some() {
            self.alarms.silence(Side::Labels, last(labels), limit);
        }
    }
}

impl Worker for Bench {
    const COMMITS: &'static str = "findings";

    type Part = i32;

    fn setup(&self) -> &Setup {
        &self.setup
    }

    fn member(&self) -> &Member {
        &self.member
    }

    fn commit(&mut self) -> Result<(), Failed> {
        self.publish(true)
    }

    fn forget(&mut self) -> Result<(), RunError> {
        self.seats.clear();
        self.transactions.restart()?;
        Ok(())
    }

    /// The seats stay: a judge that comes back, and whom nobody else had meanwhile, goes on.
    fn release(&mut self) {}

    fn parts(&self) -> Vec<i32> {
        self.seats.keys().copied().collect()
    }

    fn parts_of(&self, places: &[TopicPartition]) -> Result<Vec<i32>, RunError> {
        let judges: Vec<i32> = places.iter().map(|place| place.partition).collect();
        tracing::info!(?judges, "assigned to judge");
        Ok(judges)
    }

    fn begin(&mut self, judges: &[i32]) -> Result<(), RunError> {
        for gone in self.seats.keys().filter(|judge| !judges.contains(judge)) {
            self.setup.status.drop_judge(*gone as u32);
        }
        self.seats.retain(|judge, _| judges.contains(judge));
        let place = |&partition: &i32| TopicPartition { topic: self.setup.names.deltas.clone(), partition };
        let places: Vec<TopicPartition> = judges.iter().map(place).collect();
        let committed = self.member.committed(&places, PATIENCE)?;
        let reader = Reader::new(self.setup.config.clone())?;
        let controls = self.told.catch_up(&reader)?;
        let mut new = Vec::new();
        let mut anew = false;
        for (place, committed) in places.iter().zip(committed) {
            let judge = place.partition;
            if self.seats.get(&judge).is_some_and(|seat| seat.committed == committed && committed == Some(seat.next)) {
                continue;
            }
            let begun = Instant::now();
            let court = memory::restore(&self.setup, &reader, &self.lessons, &controls, judge, committed)?;
            let next = match committed {
                Some(next) => next,
                None => self.member.bounds(place)?.0,
            };
            anew |= committed.is_none() && !court.has_heard();
            tracing::info!(
                judge,
                windows = court.judge().open_windows(),
                seconds = begun.elapsed().as_secs_f64(),
                "judge restored"
            );
            let status = self.setup.status.judge(judge as u32, Instant::now());
            new.push((judge, status.clone()));
            let seat = Seat {
                court,
                next,
                committed,
                written: begun,
                written_at: None,
                at_end: false,
                status,
                since: clock::now(),
                horizon: None,
                heard: 0,
            };
            self.seats.insert(judge, seat);
        }
        if !new.is_empty() {
            // The outputs need no right to be read; without it the page begins empty.
            if let Err(error) = show::restore(&self.setup, &reader, &new, &self.alarms) {
                tracing::info!("what was published before is not shown: {error}");
            }
            if anew {
                self.alarms.mended();
            }
        }
        let starts: Vec<(TopicPartition, i64)> =
            places.into_iter().map(|place| (place.clone(), self.seats[&place.partition].next)).collect();
        self.member.take(starts.iter().map(|(place, next)| (place, *next)))?;
        self.setup.status.no_longer(WAITS);
        Ok(())
    }

    fn aborted(&self) {}
}

/// What folding needs besides the court.
struct Hands<'a> {
    setup: &'a Setup,
    inputs: &'a Inputs,
    transactions: &'a mut Transactions,
    findings: &'a mut Vec<Finding>,
    alarms: &'a Alarms,
}

/// Folds one delta and sends what was found.
fn take(hands: &mut Hands<'_>, seats: &mut BTreeMap<i32, Seat>, message: &Message<'_>) -> Result<(), Failed> {
    let Hands { setup, inputs, transactions, findings, alarms } = hands;
    let judge = message.partition();
    let Some(seat) = seats.get_mut(&judge) else { return Ok(()) };
    if message.offset() < seat.next {
        return Err(Failure::Doubt(format!("delta {} came after {}", message.offset(), seat.next - 1)).into());
    }
    seat.at_end = false;
    seat.next = message.offset() + 1;
    let Some(record) = message.value() else { return Ok(()) };
    let folded = seat.court.fold(record, findings).map_err(|source| {
        let topic = message.topic().to_owned();
        Failed::Run(RunError::Delta { topic, partition: judge, offset: message.offset(), source })
    })?;
    seat.status.add_deltas(u64::from(folded != Folded::Repeated), u64::from(folded == Folded::Repeated));
    if let Folded::Gap { task, expected, found } = folded {
        seat.status.add_gaps(1);
        tracing::error!(judge, task, ?expected, ?found, "a delta is missing: sums no longer stand for the whole log");
        alarms.gap(inputs, task, &expected, &found);
    }
    for lesson in seat.court.lessons() {
        lessons::publish(transactions, setup, &lesson)?;
    }
    for finding in findings.drain(..) {
        if let Some(alert) = fires(&finding) {
            tracing::info!(model = alert.model, indicator = alert.indicator, "firing: {}", alert.text);
        }
        send(transactions, &setup.names, &setup.config.topics.prefix, &finding)?;
        show::show(&seat.status, setup, &finding);
    }
    Ok(())
}
