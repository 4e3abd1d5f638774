//! What does a task tell of a model's first days, where somebody else learns from them?
//!
//! The rows with the smallest hashes that it has seen so far, and what became known of their truth. It may tell more than
//! is needed, never less: the span that is learnt from begins with the earliest row of all tasks, so it ends no later than
//! a task believes; and the sample of all tasks is among the samples of each. So nothing here has to survive a process.

use std::collections::{BTreeMap, BTreeSet};

use super::cohorts::Cohorts;
use super::sample::{put_key, put_row, take_key, take_row, truth_byte, truth_of};
use crate::baseline::{LEARNT_ROWS, SampleRow};
use crate::event::wire::{
    WireError, put, put_bytes, put_signed, put_time, take, take_byte, take_signed, take_text, take_time,
};
use crate::event::{EventTime, FeatureNames, RequestKey, Span, Window};

/// What one task has to tell. Bound: what one commit interval brings, and 20,000 hashes a model.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    models: BTreeMap<u16, Local>,
}

#[derive(Debug)]
struct Local {
    window: Span,
    learn: Span,
    first: Option<EventTime>,
    versions: BTreeMap<u16, EventTime>,
    /// The smallest hashes of rows seen so far.
    kept: BTreeSet<(u64, RequestKey)>,
    seen: u64,
    rows: Vec<(RequestKey, SampleRow)>,
    truths: Vec<(RequestKey, EventTime, Option<bool>)>,
    changed: bool,
}

impl Local {
    fn end(&self) -> Option<EventTime> {
        self.first.map(|first| Window::holding(first, self.window).start + self.learn)
    }

    fn wants(&self, key: RequestKey) -> bool {
        self.kept.len() < LEARNT_ROWS || self.kept.last().is_some_and(|&last| (key.hash64(), key) <= last)
    }
}

impl Gathering {
    pub(super) fn meet(&mut self, model: u16, window: Span, learn: Span) {
        self.models.entry(model).or_insert_with(|| Local {
            window,
            learn,
            first: None,
            versions: BTreeMap::new(),
            kept: BTreeSet::new(),
            seen: 0,
            rows: Vec::new(),
            truths: Vec::new(),
            changed: false,
        });
    }

    /// Nothing is told any more of models that have learnt everything.
    pub(super) fn forget(&mut self, has_learnt: impl Fn(u16) -> bool) {
        self.models.retain(|&model, _| !has_learnt(model));
    }

    pub(super) fn see(
        &mut self,
        model: u16,
        cohort: u16,
        key: RequestKey,
        time: EventTime,
        row: impl FnOnce() -> SampleRow,
    ) {
        let Some(local) = self.models.get_mut(&model) else { return };
        if local.first.is_none_or(|first| time < first) {
            local.first = Some(time);
            local.changed = true;
        }
        if local.end().is_none_or(|end| time >= end) {
            return;
        }
        local.seen += 1;
        local.changed = true;
        let earliest = local.versions.entry(cohort).or_insert(time);
        *earliest = time.min(*earliest);
        if local.wants(key) {
            local.kept.insert((key.hash64(), key));
            if local.kept.len() > LEARNT_ROWS {
                local.kept.pop_last();
            }
            local.rows.push((key, row()));
        }
    }

    #[inline]
    pub(super) fn label(&mut self, model: u16, key: RequestKey, time: EventTime, truth: Option<bool>) {
        if let Some(local) = self.models.get_mut(&model)
            && local.wants(key)
            && local.end().is_none_or(|end| time < end)
        {
            local.truths.push((key, time, truth));
            local.changed = true;
        }
    }

    /// Tells what there is of each model, as bytes, and begins anew.
    pub(super) fn take(&mut self, cohorts: &Cohorts, names: &FeatureNames, mut tell: impl FnMut(&str, &[u8])) {
        let mut bytes = Vec::new();
        for (&model, local) in &mut self.models {
            if !std::mem::take(&mut local.changed) {
                continue;
            }
            bytes.clear();
            put_time(&mut bytes, local.first);
            put(&mut bytes, std::mem::take(&mut local.seen));
            put(&mut bytes, local.versions.len() as u64);
            for (&cohort, earliest) in &local.versions {
                put_bytes(&mut bytes, cohorts.name(cohort).1.as_bytes());
                put_signed(&mut bytes, earliest.micros());
            }
            put(&mut bytes, local.rows.len() as u64);
            for (key, row) in local.rows.drain(..) {
                put_row(&mut bytes, key, &row, names);
            }
            put(&mut bytes, local.truths.len() as u64);
            for (key, time, truth) in local.truths.drain(..) {
                put_key(&mut bytes, key);
                put_signed(&mut bytes, time.micros());
                bytes.push(truth_byte(truth));
            }
            tell(cohorts.model(model), &bytes);
        }
    }
}

/// What a task told of one model.
pub(super) trait Hear {
    /// The earliest row that is not late, and how many rows lay in the span.
    fn first(&mut self, first: Option<EventTime>, seen: u64);
    /// A version, and its earliest row in the span.
    fn version(&mut self, version: &str, earliest: EventTime);
    /// The names that features have here.
    fn names(&mut self) -> &mut FeatureNames;
    /// A row.
    fn row(&mut self, key: RequestKey, row: SampleRow);
    /// What became known of a row.
    fn truth(&mut self, key: RequestKey, time: EventTime, truth: Option<bool>);
}

/// Reads what was told.
pub(super) fn hear(bytes: &mut &[u8], to: &mut impl Hear) -> Result<(), WireError> {
    let first = take_time(bytes)?;
    to.first(first, take(bytes)?);
    for _ in 0..take(bytes)? {
        let version = take_text(bytes)?;
        let earliest = EventTime::from_micros_unchecked(take_signed(bytes)?);
        to.version(version, earliest);
    }
    for _ in 0..take(bytes)? {
        let (key, row) = take_row(bytes, to.names())?;
        to.row(key, row);
    }
    for _ in 0..take(bytes)? {
        let key = take_key(bytes)?;
        let time = EventTime::from_micros_unchecked(take_signed(bytes)?);
        to.truth(key, time, truth_of(take_byte(bytes)?)?);
    }
    Ok(())
}
