//! What do a model's first days teach, where one process reads all of them?
//!
//! The sample lies in the process itself, and each lesson is given by the first record that needs it. That all it stands
//! on has been read by then follows from how far sources may be apart, not from what was closed or committed. Where tasks
//! are spread over processes, `school` gives the same lessons.

use std::collections::BTreeMap;

use super::Disorder;
use super::cohorts::Cohorts;
use super::gather::Gathering;
use super::pupil::Pupil;
use super::sample::{put_row, take_row};
use crate::baseline::{BuildSettings, References, RowSample, SampleRow};
use crate::config::{Config, FeatureKind, ModelConfig};
use crate::event::wire::{WireError, put, put_bytes, put_time, take, take_byte, take_text, take_time};
use crate::event::{EventTime, FeatureNames, RequestKey};

/// The lessons of all models of a crew. Bound: 20,000 rows a model.
#[derive(Debug, Default)]
pub(super) struct Learning {
    pupils: BTreeMap<u16, Pupil<u16>>,
    /// What each task tells somebody else, who learns in our place; `None` where we learn ourselves.
    told: Option<Vec<Gathering>>,
    task: usize,
}

impl Learning {
    /// Lessons that somebody else learns.
    pub(super) fn elsewhere() -> Self {
        Self { told: Some(Vec::new()), ..Self::default() }
    }

    /// What follows comes from this task.
    pub(super) fn turn_to(&mut self, task: usize) {
        self.task = task;
        if let Some(told) = &mut self.told
            && told.len() <= task
        {
            told.resize_with(task + 1, Gathering::default);
        }
    }

    /// A task begins anew.
    pub(super) fn forget_task(&mut self, task: usize) {
        if let Some(gathering) = self.told.as_mut().and_then(|told| told.get_mut(task)) {
            *gathering = Gathering::default();
        }
    }

    /// What a task has to tell.
    pub(super) fn told_by(&mut self, task: usize) -> Option<&mut Gathering> {
        self.told.as_mut()?.get_mut(task)
    }

    /// Nothing is told any more of models that have learnt everything.
    pub(super) fn forget_learnt(&mut self, has_learnt: impl Fn(u16) -> bool) {
        self.told.iter_mut().flatten().for_each(|gathering| gathering.forget(&has_learnt));
    }

    /// Meets a model; `learns` is false where a baseline is given.
    pub(super) fn meet(&mut self, model: u16, learns: bool, settings: &ModelConfig, disorder: Disorder) {
        match (learns, &mut self.told) {
            (false, _) => {}
            (true, Some(told)) => told[self.task].meet(model, settings.window, settings.learn),
            (true, None) => {
                self.pupils.entry(model).or_insert_with(|| Pupil::new(settings, disorder));
            }
        }
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
        if let Some(told) = &mut self.told {
            told[self.task].see(model, cohort, key, time, row);
            return;
        }
        let Some(pupil) = self.pupils.get_mut(&model) else { return };
        if pupil.learnt {
            return;
        }
        pupil.meet(time);
        if pupil.end().is_some_and(|end| time < end) {
            pupil.meet_version(cohort, time);
            pupil.rows.add(key, row);
        }
    }

    /// Learns what is known of a row by now.
    #[inline]
    pub(super) fn label(&mut self, model: u16, key: RequestKey, time: EventTime, truth: Option<bool>) {
        if let Some(told) = &mut self.told {
            told[self.task].label(model, key, time, truth);
            return;
        }
        if let Some(pupil) = self.pupils.get_mut(&model)
            && !pupil.learnt_truth
        {
            pupil.rows.label_at(key, time, truth);
        }
    }

    /// Whether a record of this time needs a lesson that was not given yet.
    #[inline]
    pub(super) fn is_due(&self, model: u16, time: EventTime) -> bool {
        self.pupils.get(&model).is_some_and(|pupil| {
            let reached = |from: Option<EventTime>| from.is_some_and(|from| time >= from);
            (!pupil.learnt && reached(pupil.inputs_from())) || (!pupil.learnt_truth && reached(pupil.truth_from()))
        })
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
        let settings = config.model(name);
        let Some(end) = pupil.end() else { return };
        // The first of its versions in sorted order stands for all: which of them a row had does not matter here.
        let versions = pupil.versions.iter().filter(|(_, earliest)| **earliest < end);
        let version = versions.map(|(&cohort, _)| cohorts.name(cohort).1).min().unwrap_or_default().to_owned();
        if !pupil.learnt
            && let Some((from, profile)) = pupil.teach_inputs(name, &version, names, settings)
        {
            references.learn(name, from, profile);
        }
        if !pupil.learnt_truth
            && pupil.truth_from().is_some_and(|from| time >= from)
            && let Some((from, profile)) = pupil.teach_truth(name, &version, names, settings)
        {
            references.learn_truth(name, from, profile);
        }
    }

    /// Appends everything that was seen as bytes.
    pub(super) fn encode(&self, cohorts: &Cohorts, names: &FeatureNames, bytes: &mut Vec<u8>) {
        put(bytes, self.pupils.len() as u64);
        for (&model, pupil) in &self.pupils {
            put_bytes(bytes, cohorts.model(model).as_bytes());
            put_time(bytes, pupil.first());
            bytes.push(u8::from(pupil.learnt) | u8::from(pupil.learnt_truth) << 1);
            put(bytes, pupil.versions.len() as u64);
            for (&cohort, &earliest) in &pupil.versions {
                put_bytes(bytes, cohorts.name(cohort).1.as_bytes());
                put_time(bytes, Some(earliest));
            }
            put(bytes, pupil.rows.seen());
            put(bytes, pupil.rows.len() as u64);
            pupil.rows.iter().for_each(|(key, row)| put_row(bytes, key, row, names));
        }
    }

    /// Goes on with what another one had seen.
    pub(super) fn restore(
        &mut self,
        cohorts: &mut Cohorts,
        config: &Config,
        names: &mut FeatureNames,
        bytes: &mut &[u8],
    ) -> Result<(), WireError> {
        let no_room = |_| WireError::Truncated("the names of models: there is no room for them");
        for _ in 0..take(bytes)? {
            let name = take_text(bytes)?;
            let model = cohorts.model_of(name).map_err(no_room)?;
            self.meet(model, true, config.model(name), Disorder::of(config));
            let Some(pupil) = self.pupils.get_mut(&model) else { continue };
            if let Some(first) = take_time(bytes)? {
                pupil.meet(first);
            }
            let learnt = take_byte(bytes)?;
            (pupil.learnt, pupil.learnt_truth) = (learnt & 1 != 0, learnt & 2 != 0);
            for _ in 0..take(bytes)? {
                let (_, cohort) = cohorts.of(name, take_text(bytes)?).map_err(no_room)?;
                let earliest = take_time(bytes)?.ok_or(WireError::Truncated("the first time of a version"))?;
                pupil.versions.insert(cohort, earliest);
            }
            if pupil.learnt_truth {
                pupil.rows = RowSample::new(0);
            }
            pupil.rows.add_seen(take(bytes)?);
            for _ in 0..take(bytes)? {
                let (key, row) = take_row(bytes, names)?;
                pupil.rows.insert(key, row);
            }
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
            let from = pupil.inputs_from().map_or_else(String::new, |t| format!(" (inputs from {})", t.rfc3339()));
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
