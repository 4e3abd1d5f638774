//! Has something changed, how sure is that, what probably caused it, and what should be done?
//!
//! The judge folds what tasks have counted, closes windows, compares them with references, and publishes summaries,
//! alerts, incidents and label requests. What it publishes as final depends on the sums of windows and on due times
//! only: not on when or in which pieces the sums arrived.
//!
//! In reading order: `store` (which windows are due), `inputs`, `predictions`, `labels`, `performance`, `calibration`,
//! `subgroups` and `slices`, `plumbing` (the questions), `budget` (the level of each), `lives` (alerts), `incidents` and `cause`,
//! `summary`. The judge does not know Kafka, files, tasks or the wall clock.

mod bounds;
mod budget;
mod calibration;
mod cause;
mod incidents;
mod inputs;
mod labels;
mod lives;
mod naming;
mod performance;
mod plumbing;
mod predictions;
mod reading;
mod slices;
mod store;
mod subgroups;
mod summary;
#[cfg(test)]
mod tests;
mod unknown;
mod words;

pub use budget::{Budget, Family};
pub use performance::{Measured, measure};
pub use plumbing::LabelFlow;
pub use store::Clock;
pub use words::{amount, percent};

use std::collections::BTreeMap;
use std::sync::Arc;

use bounds::UpperBounds;
use incidents::{Incidents, Raised};
use lives::{Lives, Origin};
use reading::{Context, Reading};
use store::{Due, Occasion, Schedule, Store};
use summary::Heading;

use crate::baseline::{Profile, References};
use crate::config::{Config, ModelConfig};
use crate::event::{EventTime, Span, Window};
use crate::finding::{Alert, Incident, LabelRequest, Summary};
use crate::observe::{Coding, Layout, Sums};

/// Something to publish.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// A revision of a summary.
    Summary(Box<Summary>),
    /// A change of an alert.
    Alert(Box<Alert>),
    /// A revision of an incident.
    Incident(Box<Incident>),
    /// A prediction whose truth is worth asking for.
    Request(Box<LabelRequest>),
}

/// Judges all models of a run.
#[derive(Clone, Debug)]
pub struct Judge {
    config: Arc<Config>,
    references: References,
    models: BTreeMap<(String, String), Store>,
    pipeline: BTreeMap<EventTime, LabelFlow>,
    pipeline_lives: Lives,
    first_inference: Option<EventTime>,
    waiting: BTreeMap<EventTime, Vec<Raised>>,
    incidents: Incidents,
    bare: Arc<Layout>,
    bounds: UpperBounds,
    labels: bool,
    capped: bool,
}

/// A look with the model it is about.
type Turn = (EventTime, Occasion, u32, (String, String), EventTime);

impl Judge {
    /// A judge that has seen nothing. `labels` says whether there is a label stream.
    pub fn new(config: Arc<Config>, references: References, labels: bool) -> Self {
        Self {
            config,
            references,
            models: BTreeMap::new(),
            pipeline: BTreeMap::new(),
            pipeline_lives: Lives::default(),
            first_inference: None,
            waiting: BTreeMap::new(),
            incidents: Incidents::default(),
            bare: Arc::new(Layout::new(&Coding::default())),
            bounds: UpperBounds::default(),
            labels,
            capped: false,
        }
    }

    /// The references in force.
    pub const fn references(&self) -> &References {
        &self.references
    }

    /// Changes the references: what a model's first days taught.
    pub const fn references_mut(&mut self) -> &mut References {
        &mut self.references
    }

    /// Notes that a limit was hit, so that equal numbers are no longer promised.
    pub const fn cap(&mut self) {
        self.capped = true;
    }

    /// Folds what a task has counted in a base window of a model and version.
    pub fn fold(&mut self, model: &str, version: &str, start: EventTime, sums: &Sums) {
        let first = self.first_inference.get_or_insert(start);
        *first = start.min(*first);
        let key = (model.to_owned(), version.to_owned());
        if !self.models.contains_key(&key) {
            let store = Store::new(self.schedule(self.config.model(model)));
            self.models.insert(key.clone(), store);
        }
        self.models.get_mut(&key).expect("it was just inserted").add(start, sums);
    }

    /// Folds what a task has counted of labels, in a window of the pipeline.
    pub fn fold_labels(&mut self, start: EventTime, flow: LabelFlow) {
        let sum = self.pipeline.entry(start).or_default();
        sum.read += flow.read;
        sum.orphan += flow.orphan;
        sum.late += flow.late;
    }

    fn schedule(&self, model: &ModelConfig) -> Schedule {
        Schedule {
            window: model.window,
            levels: model.levels.clone(),
            ages: model.ages.clone(),
            label_window: model.label_window,
            // The join waits for the largest of all models.
            early: self.largest(|model| model.early),
            inference_disorder: self.config.topics.inferences.out_of_order,
            label_disorder: self.label_disorder(),
        }
    }

    /// The largest of a setting over all models.
    fn largest(&self, of: impl Fn(&ModelConfig) -> Span) -> Span {
        self.config.named_models().map(|(_, model)| of(model)).fold(of(self.config.defaults()), Span::max)
    }

    fn label_disorder(&self) -> Option<Span> {
        let topic = self.config.topics.labels.as_ref();
        self.labels.then(|| topic.map_or(self.config.topics.inferences.out_of_order, |topic| topic.out_of_order))
    }

    /// Takes every look that is due by `clock`, in the order of due times.
    pub fn advance(&mut self, clock: Clock, findings: &mut Vec<Finding>) {
        // A look can make another one due: the windows of higher levels come to be under it.
        loop {
            let mut turns: Vec<Turn> = Vec::new();
            for (key, store) in &self.models {
                let due = store.due(clock).into_iter();
                turns.extend(due.map(|due| (due.as_of, due.occasion, due.multiple, key.clone(), due.start)));
            }
            turns.sort_unstable();
            if turns.is_empty() {
                break;
            }
            for (as_of, occasion, multiple, key, start) in turns {
                self.look(&key, &Due { as_of, occasion, multiple, start }, findings);
            }
        }
        if clock.ended {
            self.look_at_what_is_open(findings);
        }
        self.look_at_pipeline(clock, findings);
        self.settle(clock, findings);
    }

    fn look(&mut self, key: &(String, String), due: &Due, findings: &mut Vec<Finding>) {
        let (model, version) = key;
        let config = self.config.clone();
        let settings = config.model(model);
        let is_new = self.is_new(key, due.start, settings.window);
        let store = self.models.get_mut(key).expect("a due window has a store");
        let window = store.window(due.multiple, due.start);
        let Some(sums) = store.sums(due).cloned() else { return };
        let profile = self.references.of(model, version, due.start).filter(|profile| profile.layout == *sums.layout());
        let alive = store.input_lives.values(due.multiple);
        let context = Context {
            alive: &alive,
            window,
            multiple: due.multiple,
            sums: &sums,
            profile: profile.as_ref(),
            config: settings,
            budget: Budget::new(settings.false_alarms_per_month, settings.window, settings.levels.len()),
            bounds: &self.bounds,
        };
        let origin =
            Origin { model: Some(model), version: Some(version), window, multiple: due.multiple, as_of: due.as_of };
        let readings = match due.occasion {
            Occasion::Inputs => {
                let mut readings = inputs::readings(&context);
                readings.extend(predictions::readings(&context));
                readings.extend(plumbing::readings(&context));
                readings
            }
            Occasion::Final if self.labels => {
                let coverage = if due.multiple == 1 {
                    store.first_coverage(window, labels::coverage(&context), settings.learn)
                } else {
                    store.known_coverage(window)
                };
                let mut readings = labels::readings(&context, coverage);
                readings.extend(performance::readings(&context));
                readings.extend(calibration::readings(&context));
                readings.extend(slices::readings(&context));
                readings
            }
            Occasion::Age(_) | Occasion::Final => Vec::new(),
        };
        let lives = if due.occasion == Occasion::Inputs { &mut store.input_lives } else { &mut store.label_lives };
        let mut raised = raise(lives, readings, &origin, settings);
        if is_new {
            for one in &mut raised {
                one.alert.evidence.insert("new_version".to_owned(), true.into());
            }
        }
        if due.occasion != Occasion::Inputs {
            let heading = Heading {
                model: model.clone(),
                version: version.clone(),
                revision: revision(due, settings),
                as_of: due.as_of.micros(),
                is_final: due.occasion == Occasion::Final,
                labels: self.labels,
                firing: store.firing_at(due),
                capped: self.capped,
            };
            findings.push(Finding::Summary(Box::new(summary::summary(&context, heading))));
        }
        let references = &self.references;
        let bare = &self.bare;
        store
            .seen(due, |start| references.of(model, version, start).map_or_else(|| bare.clone(), |p| p.layout.clone()));
        self.publish(raised, due.as_of, findings);
    }

    fn publish(&mut self, raised: Vec<Raised>, as_of: EventTime, findings: &mut Vec<Finding>) {
        for one in raised {
            findings.push(Finding::Alert(Box::new(one.alert.clone())));
            self.waiting.entry(as_of).or_default().push(one);
        }
    }

    /// Whether a window lies in the first three of a version that came after another one.
    fn is_new(&self, key: &(String, String), start: EventTime, window: Span) -> bool {
        let Some(first) = self.models.get(key).and_then(Store::first) else { return false };
        let others = self.models.iter().filter(|((model, version), _)| *model == key.0 && *version != key.1);
        let came_later = others.filter_map(|(_, store)| store.first()).any(|other| other < first);
        came_later && start < first + window.times(3)
    }

    /// Nothing more will come: whether records were late or contradictory is known for windows that never fill as well.
    fn look_at_what_is_open(&mut self, findings: &mut Vec<Finding>) {
        let keys: Vec<(String, String)> = self.models.keys().cloned().collect();
        for key in keys {
            let config = self.config.clone();
            let settings = config.model(&key.0);
            let store = self.models.get_mut(&key).expect("the key was just read");
            for (due, sums) in store.never_filled() {
                let window = store.window(due.multiple, due.start);
                let context = Context {
                    window,
                    multiple: due.multiple,
                    sums: &sums,
                    profile: None,
                    config: settings,
                    budget: Budget::new(settings.false_alarms_per_month, settings.window, settings.levels.len()),
                    alive: &[],
                    bounds: &self.bounds,
                };
                let (model, version) = (Some(key.0.as_str()), Some(key.1.as_str()));
                let origin = Origin { model, version, window, multiple: due.multiple, as_of: due.as_of };
                let readings = plumbing::readings(&context);
                let raised = raise(&mut store.input_lives, readings, &origin, settings);
                for one in raised {
                    findings.push(Finding::Alert(Box::new(one.alert.clone())));
                    self.waiting.entry(due.as_of).or_default().push(one);
                }
            }
        }
    }

    /// Orphans belong to no model: one window length and one allowance for all, those of the defaults.
    fn look_at_pipeline(&mut self, clock: Clock, findings: &mut Vec<Finding>) {
        let Some(disorder) = self.label_disorder() else { return };
        let config = self.config.clone();
        let settings = config.defaults();
        let early = self.largest(|model| model.early);
        let wait = self.largest(|model| model.label_window);
        loop {
            let Some((&start, &flow)) = self.pipeline.first_key_value() else { return };
            let window = Window { start, end: start + settings.window };
            let settled = clock.inputs.is_some_and(|inputs| inputs >= window.end + early) || clock.ended;
            let filled = settled && clock.labels.is_some_and(|labels| labels >= window.end);
            if !(filled || clock.ended) {
                return;
            }
            self.pipeline.pop_first();
            let budget = Budget::new(settings.false_alarms_per_month, settings.window, 1);
            let as_of = window.end + early + self.config.topics.inferences.out_of_order.max(disorder);
            let origin = Origin { model: None, version: None, window, multiple: 1, as_of };
            // Labels of predictions from before the first one read are orphans by nature.
            let early_days = self.first_inference.is_none_or(|first| start < first + wait);
            let orphans = if filled && !early_days { plumbing::orphans(flow, budget) } else { None };
            let readings = orphans.into_iter().chain(plumbing::late_labels(flow, budget)).collect();
            let raised = raise(&mut self.pipeline_lives, readings, &origin, settings);
            self.publish(raised, as_of, findings);
        }
    }

    /// Folds the alerts that no later one can precede into incidents.
    fn settle(&mut self, clock: Clock, findings: &mut Vec<Finding>) {
        let inputs = clock.inputs.map(|at| at + self.config.topics.inferences.out_of_order);
        let reached = match self.label_disorder() {
            // A final look at labels also waits until no prediction can come to a label that was early.
            Some(disorder) => {
                let early = self.largest(|model| model.early);
                let closed = clock.inputs.map(|at| at - early + disorder);
                inputs.min(closed).min(clock.labels.map(|at| at + disorder))
            }
            None => inputs,
        };
        let settled = if clock.ended { Some(EventTime::LATEST) } else { reached };
        let Some(settled) = settled else { return };
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() > settled {
                return;
            }
            let (as_of, mut raised) = entry.remove_entry();
            raised.sort_by(|a, b| a.alert.fingerprint.cmp(&b.alert.fingerprint));
            let step = self.incidents.take(as_of, &raised);
            findings.extend(step.incidents.into_iter().map(|incident| Finding::Incident(Box::new(incident))));
            findings.extend(step.requests.into_iter().map(|request| Finding::Request(Box::new(request))));
        }
    }

    /// How many windows are open, over all models.
    pub fn open_windows(&self) -> usize {
        self.models.values().map(Store::len).sum()
    }
}

fn raise(lives: &mut Lives, readings: Vec<Reading>, origin: &Origin<'_>, settings: &ModelConfig) -> Vec<Raised> {
    let mut raised = Vec::new();
    for reading in readings {
        if settings.mutes(reading.indicator.name()) {
            continue;
        }
        if let Some(alert) = lives.take(&reading, origin) {
            raised.push(Raised { alert, examples: reading.examples, window: settings.window });
        }
    }
    raised
}

/// Revisions are numbered by age; the final one comes after all ages.
fn revision(due: &Due, settings: &ModelConfig) -> u32 {
    match due.occasion {
        Occasion::Age(number) => number,
        Occasion::Final if due.multiple == 1 => settings.ages.len() as u32,
        Occasion::Inputs | Occasion::Final => 0,
    }
}

/// The layout that a task counts a window with.
pub fn layout_of(profile: Option<&Arc<Profile>>, bare: &Arc<Layout>) -> Arc<Layout> {
    profile.map_or_else(|| bare.clone(), |profile| profile.layout.clone())
}
