//! What do a model's first days teach?
//!
//! A model without a baseline learns one: from a sample by hash of the rows of its first `learn` span of event time. The
//! span begins with the window of the model's earliest row that is not late. Two lessons, each at a time that follows
//! from event times alone:
//!
//! - features and scores, for windows from `learn end + G + one window` on;
//! - the truth of the same rows, for windows from `learn end + W + E + G + one window` on, when every label of them has
//!   been read. Until then scores are taken at their word and metrics have no reference.
//!
//! Both are given by the first record that needs them. That all they stand on has been read by then follows from how far
//! sources may be apart, not from what was closed or committed.

use std::collections::BTreeMap;

use super::Disorder;
use super::cohorts::Cohorts;
use crate::baseline::{BuildSettings, LEARNT_ROWS, Origin, References, RowSample, SampleRow, build};
use crate::config::{Config, FeatureKind, ModelConfig};
use crate::event::wire::{WireError, put, put_bytes, put_time, take, take_byte, take_text, take_time};
use crate::event::{EventTime, FeatureNames, RequestKey, Span, Window};
use crate::join::Regime;

/// The lessons of all models of a run. Bound: 20,000 rows a model.
#[derive(Debug, Default)]
pub(super) struct Learning {
    pupils: BTreeMap<u16, Pupil>,
}

#[derive(Debug)]
struct Pupil {
    learn: Span,
    window: Span,
    after_inputs: Span,
    after_truth: Span,
    first: Option<EventTime>,
    /// The earliest row of each version.
    versions: BTreeMap<u16, EventTime>,
    rows: RowSample,
    learnt: bool,
    learnt_truth: bool,
}

impl Pupil {
    /// The end of the span that is learnt from.
    fn end(&self) -> Option<EventTime> {
        self.first.map(|first| Window::holding(first, self.window).start + self.learn)
    }

    /// The first window that starts after `learn end + wait`.
    fn effective(&self, wait: Span) -> Option<EventTime> {
        self.end().map(|end| Window::holding(end + wait + self.window, self.window).end)
    }

    fn due(&self, time: EventTime) -> bool {
        let reached = |wait| self.effective(wait).is_some_and(|from| time >= from);
        (!self.learnt && reached(self.after_inputs)) || (!self.learnt_truth && reached(self.after_truth))
    }
}

impl Learning {
    /// Meets a model; `learns` is false where a baseline is given.
    pub(super) fn meet(&mut self, model: u16, learns: bool, settings: &ModelConfig, disorder: Disorder) {
        if !learns || self.pupils.contains_key(&model) {
            return;
        }
        let after_inputs = disorder.larger();
        let pupil = Pupil {
            learn: settings.learn,
            window: settings.window,
            after_inputs,
            after_truth: after_inputs + settings.label_window + settings.early,
            first: None,
            versions: BTreeMap::new(),
            rows: RowSample::new(LEARNT_ROWS),
            learnt: false,
            learnt_truth: false,
        };
        self.pupils.insert(model, pupil);
    }

    /// Looks at a row that is not late; `row` is called only if it is kept.
    pub(super) fn see(
        &mut self,
        model: u16,
        cohort: u16,
        key: RequestKey,
        time: EventTime,
        row: impl FnOnce() -> SampleRow,
    ) {
        let Some(pupil) = self.pupils.get_mut(&model) else { return };
        if pupil.learnt {
            return;
        }
        pupil.first = Some(pupil.first.map_or(time, |first| first.min(time)));
        if pupil.end().is_some_and(|end| time < end) {
            let earliest = pupil.versions.entry(cohort).or_insert(time);
            *earliest = time.min(*earliest);
            pupil.rows.add(key, row);
        }
    }

    /// Learns what is known of a row by now.
    #[inline]
    pub(super) fn label(&mut self, model: u16, key: RequestKey, time: EventTime, truth: Option<bool>) {
        if let Some(pupil) = self.pupils.get_mut(&model)
            && !pupil.learnt_truth
        {
            pupil.rows.label_at(key, time, truth);
        }
    }

    /// Whether a record of this time needs a lesson that was not given yet.
    #[inline]
    pub(super) fn is_due(&self, model: u16, time: EventTime) -> bool {
        self.pupils.get(&model).is_some_and(|pupil| pupil.due(time))
    }

    /// Gives the lessons that are due.
    pub(super) fn learn(
        &mut self,
        model: u16,
        time: EventTime,
        names: &FeatureNames,
        cohorts: &Cohorts,
        config: &Config,
        references: &mut References,
    ) {
        let Some(pupil) = self.pupils.get_mut(&model) else { return };
        let name = cohorts.model(model);
        let settings = build_settings(config.model(name));
        let Some(end) = pupil.end() else { return };
        // The first of its versions in sorted order stands for all: which of them a row had does not matter here.
        let versions = pupil.versions.iter().filter(|(_, earliest)| **earliest < end);
        let version = versions.map(|(&cohort, _)| cohorts.name(cohort).1).min().unwrap_or_default().to_owned();
        if !pupil.learnt
            && let Some(from) = pupil.effective(pupil.after_inputs)
        {
            // Rows that were seen before the start was known may lie behind the end.
            pupil.rows.keep_before(end);
            let profile = build(name, &version, Origin::Learnt, &pupil.rows.without_truth(), names, &settings);
            references.learn(name, from, profile);
            pupil.learnt = true;
        }
        if !pupil.learnt_truth
            && let Some(from) = pupil.effective(pupil.after_truth).filter(|&from| time >= from)
        {
            if config.model(name).labels == Regime::ImplicitNegative {
                pupil.rows.assume_negative();
            }
            let profile = build(name, &version, Origin::Learnt, &pupil.rows, names, &settings);
            references.learn_truth(name, from, profile);
            pupil.learnt_truth = true;
            pupil.rows = RowSample::new(0);
        }
    }

    /// Appends everything that was seen as bytes.
    pub(super) fn encode(&self, cohorts: &Cohorts, bytes: &mut Vec<u8>) {
        put(bytes, self.pupils.len() as u64);
        for (&model, pupil) in &self.pupils {
            put_bytes(bytes, cohorts.model(model).as_bytes());
            put_time(bytes, pupil.first);
            bytes.push(u8::from(pupil.learnt) | u8::from(pupil.learnt_truth) << 1);
            put(bytes, pupil.versions.len() as u64);
            for (&cohort, &earliest) in &pupil.versions {
                put_bytes(bytes, cohorts.name(cohort).1.as_bytes());
                put_time(bytes, Some(earliest));
            }
            pupil.rows.encode(bytes);
        }
    }

    /// Goes on with what another one had seen.
    pub(super) fn restore(
        &mut self,
        cohorts: &mut Cohorts,
        config: &Config,
        disorder: Disorder,
        bytes: &mut &[u8],
    ) -> Result<(), WireError> {
        let no_room = |_| WireError::Truncated("the names of models: there is no room for them");
        for _ in 0..take(bytes)? {
            let name = take_text(bytes)?;
            let model = cohorts.model_of(name).map_err(no_room)?;
            self.meet(model, true, config.model(name), disorder);
            let Some(pupil) = self.pupils.get_mut(&model) else { continue };
            pupil.first = take_time(bytes)?;
            let learnt = take_byte(bytes)?;
            (pupil.learnt, pupil.learnt_truth) = (learnt & 1 != 0, learnt & 2 != 0);
            for _ in 0..take(bytes)? {
                let (_, cohort) = cohorts.of(name, take_text(bytes)?).map_err(no_room)?;
                let earliest = take_time(bytes)?.ok_or(WireError::Truncated("the first time of a version"))?;
                pupil.versions.insert(cohort, earliest);
            }
            pupil.rows = RowSample::decode(bytes)?;
        }
        Ok(())
    }

    /// Which models have not learnt everything yet.
    pub(super) fn notes(&self, cohorts: &Cohorts) -> Vec<String> {
        let lines = self.pupils.iter().filter_map(|(&model, pupil)| {
            let what = match (pupil.learnt, pupil.learnt_truth) {
                (false, _) => "has no baseline and is still learning one: nothing was compared",
                (true, false) => "has learnt its inputs; its labels were not mature in time to be a reference",
                (true, true) => return None,
            };
            let from = pupil
                .effective(pupil.after_inputs)
                .map_or_else(String::new, |t| format!(" (inputs from {})", t.rfc3339()));
            Some(format!("model '{}' {what}{from}", cohorts.model(model)))
        });
        lines.collect()
    }
}

/// What the user decided about features.
pub(crate) fn build_settings(model: &ModelConfig) -> BuildSettings {
    let mut settings = BuildSettings::default();
    for (name, feature) in &model.features {
        if feature.ignore {
            settings.ignore.insert(name.clone());
        }
        if let Some(kind) = feature.kind {
            settings.numeric.insert(name.clone(), kind == FeatureKind::Numeric);
        }
    }
    settings
}
