//! What does the control topic say, from its first record to the last one read?

use std::collections::BTreeMap;
use std::sync::Arc;

use super::meaning::Meaning;
use super::orders::{Acks, Orders, Part};
use super::record::Record;
use crate::config::Config;
use crate::event::{EventTime, murmur2_partition, value_hash};

/// The most requests that are kept; later ones are refused, and counted.
const MOST_REQUESTS: usize = 10_000;
/// The most bytes of baselines that are kept; later ones are refused, and counted.
const MOST_BASELINES: usize = 256 << 20;
/// The most refused records whose reason is kept.
const MOST_REASONS: usize = 100;

/// A record that asks for something.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Its offset.
    pub offset: i64,
    /// The record.
    pub record: Record,
}

/// A request that a judge has not obeyed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// The offset of the request.
    pub offset: i64,
    /// The first due time that was asked for.
    pub from: Option<EventTime>,
    /// Whether tasks have to say first that they can follow: it changes how windows are counted.
    pub is_of_tasks: bool,
    /// Whether alerts of the pipeline depend on it.
    pub bears_on_pipeline: bool,
}

/// A baseline that was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked<'a> {
    /// The offset of the request.
    pub offset: i64,
    /// Which model.
    pub model: &'a str,
    /// The start of the first window.
    pub from: EventTime,
    /// The baseline file.
    pub baseline: &'a str,
    /// What its judge said: `None` for nothing yet, else whether it holds.
    pub holds: Option<bool>,
}

/// The records of the control topic, folded in order. Bound: 10,000 requests with 256 MiB of baselines, and
/// an answer of each judge to each.
#[derive(Clone, Debug, Default)]
pub struct Controls {
    requests: BTreeMap<i64, Record>,
    meaning: Option<Meaning>,
    applied: BTreeMap<(i64, u32), Option<EventTime>>,
    judges: u32,
    /// Bytes of baselines.
    bytes: usize,
    next: i64,
    refused: Vec<(i64, String)>,
    refusals: u64,
}

impl Controls {
    /// Takes the next record. One that was taken before changes nothing; one that cannot be read is refused, and the
    /// reason is kept and given back.
    pub fn take(&mut self, offset: i64, value: Option<&[u8]>) -> Result<(), String> {
        if offset < self.next {
            return Ok(());
        }
        self.next = offset + 1;
        let taken = self.fold(offset, value);
        if let Err(why) = &taken {
            self.refusals += 1;
            if self.refused.len() < MOST_REASONS {
                self.refused.push((offset, why.clone()));
            }
        }
        taken
    }

    fn fold(&mut self, offset: i64, value: Option<&[u8]>) -> Result<(), String> {
        let value = value.ok_or("the record has no value; accepted: a JSON object with a 'type'")?;
        match Record::read(value).map_err(|error| error.to_string())? {
            Record::Applied { offset, judge, judges, event_time } => {
                if !self.requests.contains_key(&offset) {
                    return Err(format!("no request stands at offset {offset}"));
                }
                self.judges = judges;
                // A judge answers once.
                self.applied.entry((offset, judge)).or_insert(event_time);
            }
            // The first one stands: processes that start together all write one.
            Record::Meaning { digest, settings, terms } => {
                self.meaning.get_or_insert(Meaning { digest, settings, terms });
            }
            Record::Baseline { baseline, .. } if self.bytes + baseline.len() > MOST_BASELINES => {
                return Err(format!("baselines of {} bytes are kept already; accepted: {MOST_BASELINES}", self.bytes));
            }
            record if self.requests.len() < MOST_REQUESTS => {
                if let Record::Baseline { baseline, .. } = &record {
                    self.bytes += baseline.len();
                }
                self.requests.insert(offset, record);
            }
            _ => return Err(format!("there are {MOST_REQUESTS} requests already")),
        }
        Ok(())
    }

    /// The offset after the last record.
    pub const fn next(&self) -> i64 {
        self.next
    }

    /// All requests, in order.
    pub fn requests(&self) -> impl Iterator<Item = Request> {
        self.requests.iter().map(|(&offset, record)| Request { offset, record: record.clone() })
    }

    /// From when on judges obey a request; empty while none has answered.
    pub fn applied(&self, offset: i64) -> impl Iterator<Item = (u32, Option<EventTime>)> {
        self.applied.range((offset, 0)..=(offset, u32::MAX)).map(|(&(_, judge), &from)| (judge, from))
    }

    /// All baselines that were asked for, in order.
    pub fn baselines(&self) -> impl Iterator<Item = Asked<'_>> {
        self.requests.iter().filter_map(|(&offset, record)| match record {
            Record::Baseline { event_time, model, baseline, .. } => {
                let holds = self.applied(offset).next().map(|(_, from)| from.is_some());
                Some(Asked { offset, model, from: *event_time, baseline, holds })
            }
            _ => None,
        })
    }

    /// Records that could not be used: how many, and why the first of them.
    pub fn refused(&self) -> (u64, &[(i64, String)]) {
        (self.refusals, &self.refused)
    }

    /// A number for all that a replay obeys.
    pub fn digest(&self) -> String {
        let records = self.requests.iter().map(|(offset, record)| format!("{offset} {record:?}\n"));
        let answers = self.applied.iter().map(|((offset, judge), from)| format!("{offset} {judge} {from:?}\n"));
        let meaning = self.meaning.iter().map(|meaning| format!("{meaning:?}\n"));
        format!("{:016x}", value_hash(&records.chain(answers).chain(meaning).collect::<String>()))
    }

    /// What configurations have meant so far, the newest last.
    pub fn meanings(&self) -> Vec<Meaning> {
        let set = self.requests.values().filter_map(|record| match record {
            Record::Set { digest, settings, terms, .. } => {
                Some(Meaning { digest: digest.clone(), settings: settings.clone(), terms: terms.clone() })
            }
            _ => None,
        });
        self.meaning.iter().cloned().chain(set).collect()
    }

    /// The requests that a judge has not answered, in order.
    pub fn unanswered(&self, judge: u32, judges: u32, acks: &Acks) -> Vec<Command> {
        let open = self.requests.iter().filter(|(offset, record)| {
            !acks.contains_key(*offset) && concerns(record).is_none_or(|model| part_of(model, judges) == judge)
        });
        open.map(|(&offset, record)| Command {
            offset,
            from: asked(record),
            is_of_tasks: matches!(record, Record::Baseline { .. }),
            bears_on_pipeline: concerns(record).is_none(),
        })
        .collect()
    }

    /// What a judge obeys, given from when on it obeys what. `config` is the configuration of its process.
    pub fn orders(&self, config: &Arc<Config>, acks: &Acks) -> Orders {
        Orders::new(vec![self.part(Some(config), |offset, _| acks.get(&offset).copied().flatten())])
    }

    /// What a replay obeys: what the judges said they did, and what was asked of them where they have said nothing. It
    /// judges by the meanings of the topic if `settings`, what `config` means, is one of them; else by `config` alone.
    pub fn orders_of_all(&self, config: &Arc<Config>, settings: &BTreeMap<String, String>) -> Orders {
        let known = self.meanings().iter().any(|meaning| meaning.settings == *settings);
        let base = known.then_some(config);
        let judges = self.judges.max(1);
        let part = |judge: u32| {
            self.part(base, |offset, record| {
                let ours = concerns(record).is_none_or(|model| part_of(model, judges) == judge);
                if !ours {
                    return None;
                }
                match self.applied.get(&(offset, judge)) {
                    Some(said) => *said,
                    None => Some(asked(record).unwrap_or(EventTime::EARLIEST)),
                }
            })
        };
        Orders::new((0..judges).map(part).collect())
    }

    fn part(&self, base: Option<&Arc<Config>>, from: impl Fn(i64, &Record) -> Option<EventTime>) -> Part {
        let mut part = Part::default();
        if let (Some(base), Some(meaning)) = (base, &self.meaning) {
            part.judge_by(EventTime::EARLIEST, base, &meaning.terms);
        }
        for (&offset, record) in &self.requests {
            let Some(from) = from(offset, record) else { continue };
            match (record, base) {
                (Record::Set { terms, .. }, Some(base)) => part.judge_by(from, base, terms),
                _ => part.take(from, record),
            }
        }
        part
    }
}

/// The model whose judge alone a request concerns; `None` for all judges.
fn concerns(record: &Record) -> Option<&str> {
    match record {
        Record::Mute { model, .. }
        | Record::Unmute { model, .. }
        | Record::Accept { model, .. }
        | Record::Mark { model, .. } => model.as_deref(),
        Record::Baseline { model, .. } => Some(model),
        Record::Meaning { .. } | Record::Set { .. } | Record::Applied { .. } => None,
    }
}

/// The first due time that a request asks for.
fn asked(record: &Record) -> Option<EventTime> {
    match record {
        Record::Mute { event_time, .. }
        | Record::Unmute { event_time, .. }
        | Record::Accept { event_time, .. }
        | Record::Set { event_time, .. } => *event_time,
        Record::Baseline { event_time, .. } => Some(*event_time),
        // When something happened in the world says nothing about when that is told.
        Record::Mark { .. } | Record::Meaning { .. } | Record::Applied { .. } => None,
    }
}

/// The judge that a model belongs to.
pub(super) fn part_of(model: &str, judges: u32) -> u32 {
    murmur2_partition(model.as_bytes(), judges)
}
