//! Has something changed, how sure is that, what probably caused it, and what should be done?
//!
//! The judge folds what tasks have counted, closes windows, compares them with references, and publishes summaries,
//! alerts, incidents and label requests. What it publishes as final depends on the sums of windows and on due times
//! only: not on when or in which pieces the sums arrived.
//!
//! In reading order: `clock`, `store` (which windows are due) and `reopened` (what comes after), `inputs`, `predictions`,
//! `estimated`, `labels`, `performance`, `calibration`, `subgroups` and `slices`, `plumbing` (the questions), `past` and
//! `beside` (references beside the baseline), `delays`, `curve`, `lateness`, `provisional` and `early` (truth that comes
//! late), `budget` (the level of each), `wagers` (what windows say together), `lives` (alerts), `pipeline`, `incidents` and
//! `cause`, `shown`, `weighted`, `summary`, `outlook`;
//! `snapshot`, `piece`, `saved` and `tracked` write all of it down. `live` says what the running process sees. The judge
//! does not know Kafka, files, tasks or the wall clock.

mod beside;
mod bounds;
mod budget;
mod calibration;
mod cause;
mod clock;
mod curve;
mod delays;
mod early;
mod estimated;
mod incidents;
mod inputs;
mod labels;
mod lateness;
mod live;
mod lives;
mod naming;
mod outlook;
mod past;
mod performance;
mod piece;
mod pipeline;
mod plumbing;
mod predictions;
mod provisional;
mod reading;
mod reopened;
mod saved;
mod shown;
mod slice_levels;
mod slices;
mod snapshot;
mod store;
mod subgroups;
mod summary;
#[cfg(test)]
mod tests;
mod tracked;
mod trend;
mod unknown;
mod wagers;
mod weighted;
mod words;

pub use budget::{Budget, Family};
pub use clock::Clock;
pub use live::{Gap, Live, Partitioner, Placement, Topic, WallTime};
pub use outlook::{Outlook, outlook};
pub use piece::{RestoreError, RestoreProblem};
pub use plumbing::LabelFlow;
pub use words::{amount, percent};

use std::collections::BTreeMap;
use std::sync::Arc;

use bounds::UpperBounds;
use cause::{AT_LAUNCH, NEW_VERSION};
use curve::Curve;
use delays::Delays;
use incidents::{Incidents, Raised};
use lives::{Lives, Origin};
use past::{Keep, Part};
use pipeline::Pipeline;
use reading::{Context, Lessons, Reading};
use reopened::Added;
use snapshot::Written;
use store::{Due, Occasion, Schedule, Store};
use summary::Heading;
use tracked::Tracked;

use crate::baseline::{Profile, References};
use crate::config::{Config, ModelConfig};
use crate::control::Orders;
use crate::event::{EventTime, Span};
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

/// Judges the models whose sums it is given.
#[derive(Clone, Debug)]
pub struct Judge {
    config: Arc<Config>,
    references: References,
    models: BTreeMap<(String, String), Store>,
    pipeline: Pipeline,
    publishes_pipeline: bool,
    waiting: Tracked<EventTime, Vec<Raised>>,
    incidents: Incidents,
    bare: Arc<Layout>,
    bounds: UpperBounds,
    labels: bool,
    capped: bool,
    /// The clock of the last looks.
    reached: Clock,
    late_after_idle: u64,
    orders: Arc<Orders>,
    written: Written,
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
            pipeline: Pipeline::default(),
            publishes_pipeline: true,
            waiting: Tracked::default(),
            incidents: Incidents::default(),
            bare: Arc::new(Layout::new(&Coding::default())),
            bounds: UpperBounds::default(),
            labels,
            capped: false,
            reached: Clock::default(),
            late_after_idle: 0,
            orders: Arc::default(),
            written: Written::default(),
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

    /// Changes what people asked for. Nothing in it may hold before [`Judge::next_look`] that did not hold before.
    pub fn set_orders(&mut self, orders: Arc<Orders>) {
        self.orders = orders;
    }

    /// A due time after every look that was taken, at models and, if so asked, at the pipeline; `None` before the first.
    pub fn next_look(&self, at_pipeline: bool) -> Option<EventTime> {
        let inputs = self.config.topics.inferences.out_of_order;
        let labels = self.label_disorder().unwrap_or(inputs);
        let wait = if at_pipeline { inputs.max(labels) } else { inputs };
        let models = self.reached.inputs.map(|at| at + wait).max(self.reached.labels.map(|at| at + labels));
        models.map(|last| last + Span::from_micros(1))
    }

    /// The configuration by which readings of a model, or of the pipeline, are judged at a due time.
    fn config_at(&self, model: Option<&str>, as_of: EventTime) -> Arc<Config> {
        self.orders.config(model, as_of).unwrap_or(&self.config).clone()
    }

    /// Notes that a limit was hit, so that equal numbers are no longer promised.
    pub const fn cap(&mut self) {
        self.capped = true;
    }

    /// Folds what a task has counted in a base window of a model and version.
    pub fn fold(&mut self, model: &str, version: &str, start: EventTime, sums: &Sums) {
        self.note_first_inference(start);
        let key = (model.to_owned(), version.to_owned());
        if !self.models.contains_key(&key) {
            let store = Store::new(self.schedule(model, version));
            self.models.insert(key.clone(), store);
        }
        let store = self.models.get_mut(&key).expect("it was just inserted");
        let (references, bare) = (&self.references, &self.bare);
        let layout = |start| layout_of(references.of(model, version, start).as_ref(), bare);
        match store.add(start, sums, self.reached, layout) {
            Added::Late(records) => self.late_after_idle += records,
            Added::Forgotten(records) => {
                self.late_after_idle += records;
                self.capped = true;
            }
        }
    }

    /// Folds what a task has counted of labels, in a window of the pipeline. What comes to a window that was looked at
    /// over an idle partition is not judged.
    pub fn fold_labels(&mut self, start: EventTime, flow: LabelFlow) {
        let terms = self.pipeline_terms();
        self.late_after_idle += self.pipeline.add(start, flow, self.reached, &terms);
    }

    /// Notes the start of the earliest base window of any model, also of those that other judges own: labels of
    /// predictions from before it are no orphans.
    pub fn note_first_inference(&mut self, start: EventTime) {
        self.pipeline.note_first_inference(start);
    }

    /// Whether this judge publishes what is wrong with the pipeline (`model: null`); at first it does. Several judges that
    /// share the models all need what tasks have counted of labels, because an unsound pipeline bears on the incidents of
    /// every model; one of them publishes it.
    pub const fn set_publishes_pipeline(&mut self, publishes: bool) {
        self.publishes_pipeline = publishes;
    }

    /// Records that came after their window was looked at over an idle partition, over all base windows, and orphans and
    /// late labels of such windows of the pipeline.
    pub const fn late_after_idle(&self) -> u64 {
        self.late_after_idle
    }

    fn schedule(&self, model: &str, version: &str) -> Schedule {
        let model = self.config.model(model);
        Schedule {
            keep: Keep::new(&model.compare_with, version),
            window: model.window,
            levels: model.levels.clone(),
            ages: model.ages.clone(),
            label_window: model.label_window,
            // The join waits for the largest of all models.
            early: self.largest(|model| model.early),
            inference_disorder: self.config.topics.inferences.out_of_order,
            label_disorder: self.label_disorder(),
            patience: store::patience(model),
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

    /// Takes every look that is due by `clock`, in the order of due times. First it tells anew of the windows that
    /// something came to after their final look.
    pub fn advance(&mut self, clock: Clock, findings: &mut Vec<Finding>) {
        self.tell_again(findings);
        // A partition that wakes up does not turn the clock back: what was looked at stays looked at.
        let clock = self.reached.later(clock);
        self.reached = clock;
        // A look can make another one due: the windows of higher levels come to be under it.
        loop {
            let turns = self.turns(|store| store.due(clock));
            if turns.is_empty() {
                break;
            }
            for (as_of, occasion, multiple, key, start) in turns {
                self.look(&key, &Due { as_of, occasion, multiple, start }, clock, findings);
            }
        }
        self.models.values_mut().for_each(|store| store.let_go(clock));
        if clock.ended {
            self.look_at_what_is_open(findings);
        }
        self.look_at_pipeline(clock, findings);
        self.settle(clock, findings);
    }

    /// Looks of all models, in the order of their due times.
    fn turns(&self, of: impl Fn(&Store) -> Vec<Due>) -> Vec<Turn> {
        let mut turns: Vec<Turn> = Vec::new();
        for (key, store) in &self.models {
            let due = of(store).into_iter();
            turns.extend(due.map(|due| (due.as_of, due.occasion, due.multiple, key.clone(), due.start)));
        }
        turns.sort_unstable();
        turns
    }

    /// Publishes anew the final summaries of windows that something came to.
    fn tell_again(&mut self, findings: &mut Vec<Finding>) {
        for (as_of, occasion, multiple, key, start) in self.turns(Store::to_tell_again) {
            let due = Due { as_of, occasion, multiple, start };
            let config = self.config_at(Some(&key.0), as_of);
            let settings = config.model(&key.0);
            let store = self.models.get_mut(&key).expect("a told window has a store");
            let firing = store.told_again(&due);
            let window = store.window(multiple, start);
            let lacking = self.lacking(&key, window, settings);
            let Some(store) = self.models.get(&key) else { continue };
            let Some(sums) = store.sums(&due) else { continue };
            let profile = self.references.of(&key.0, &key.1, start).filter(|profile| profile.layout == *sums.layout());
            let context = Context {
                window,
                multiple,
                sums,
                profile: profile.as_ref(),
                config: settings,
                budget: Budget::of(settings, 0),
                alive: &[],
                living: None,
                bounds: &self.bounds,
                learnt: Lessons::None,
                beside: None,
            };
            let heading = Heading {
                model: key.0.clone(),
                version: key.1.clone(),
                revision: revision(&due, settings),
                as_of: as_of.micros(),
                is_final: true,
                labels: self.labels,
                firing,
                late: store.late(&due),
                capped: self.capped,
                arrived: None,
                lacking,
            };
            findings.push(Finding::Summary(Box::new(summary::summary(&context, heading))));
        }
    }

    fn look(&mut self, key: &(String, String), due: &Due, clock: Clock, findings: &mut Vec<Finding>) {
        let (model, version) = key;
        let config = self.config_at(Some(model), due.as_of);
        let settings = config.model(model);
        let launch = self.launch(key, settings.window);
        let of_model = matches!(due.occasion, Occasion::Age(_)).then(|| self.delays_of(model)).flatten();
        let besides = self.besides(key, due, settings);
        let budget = Budget::of(settings, beside::of_version(settings, version).count());
        let Some(window) = self.models.get(key).map(|store| store.window(due.multiple, due.start)) else { return };
        let lacking = self.lacking(key, window, settings);
        let store = self.models.get_mut(key).expect("a due window has a store");
        let Some(sums) = store.sums(due).cloned() else { return };
        let profile = self.references.of(model, version, due.start).filter(|profile| profile.layout == *sums.layout());
        let mut learnt = store.scatter.by(due.occasion).map(std::mem::take).unwrap_or_default();
        if let Some(profile) = profile.as_deref().filter(|_| !matches!(due.occasion, Occasion::Age(_))) {
            store.scatter.changed |= learnt.compare_with(profile);
        }
        let alive = store.input_lives.values();
        let living = store.label_lives.subjects();
        let context = Context {
            alive: &alive,
            living: Some(&living),
            window,
            multiple: due.multiple,
            sums: &sums,
            profile: profile.as_ref(),
            config: settings,
            budget,
            bounds: &self.bounds,
            learnt: match due.occasion {
                Occasion::Inputs => Lessons::Predictions(&learnt),
                Occasion::Final => Lessons::Labels(&learnt),
                Occasion::Age(_) => Lessons::None,
            },
            beside: None,
        };
        let origin =
            Origin { model: Some(model), version: Some(version), window, multiple: due.multiple, as_of: due.as_of };
        let readings = match due.occasion {
            Occasion::Inputs => {
                let mut readings = inputs::readings(&context);
                readings.extend(predictions::readings(&context));
                readings.extend(plumbing::readings(&context));
                readings.extend(beside::readings(&context, Part::Inputs, &besides, &store.input_lives, &origin));
                readings
            }
            Occasion::Final if self.labels && store.may_judge(due, clock) => {
                let mut readings = of_labels(&context, store);
                readings.extend(beside::readings(&context, Part::Truth, &besides, &store.label_lives, &origin));
                readings
            }
            Occasion::Age(_) => early::readings(&context, store, clock, &origin),
            Occasion::Final => Vec::new(),
        };
        let is_early = matches!(due.occasion, Occasion::Age(_));
        let lives = match due.occasion {
            Occasion::Inputs => &mut store.input_lives,
            Occasion::Age(_) => &mut store.early_lives,
            Occasion::Final => &mut store.label_lives,
        };
        if !is_early {
            lives.compare_with(profile.as_deref());
        }
        let is_quiet = !readings.iter().any(Reading::fires);
        let mut raised = raise(lives, readings, &origin, settings, &self.orders);
        if let Some((until, name)) = launch {
            began_at_launch(&mut raised, until, name);
        }
        let firing = if due.occasion == Occasion::Inputs { Vec::new() } else { store.firing_at(due) };
        if due.occasion != Occasion::Inputs {
            let heading = Heading {
                model: model.clone(),
                version: version.clone(),
                revision: revision(due, settings),
                as_of: due.as_of.micros(),
                is_final: due.occasion == Occasion::Final,
                labels: self.labels,
                firing: firing.clone(),
                late: store.late(due),
                capped: self.capped,
                arrived: if is_early { early::arrived(&context, store, clock, of_model.as_ref()) } else { None },
                lacking,
            };
            findings.push(Finding::Summary(Box::new(summary::summary(&context, heading))));
        }
        // A window teaches what the next ones are judged by, never itself.
        let labels = due.occasion == Occasion::Final;
        let lesson = profile.as_deref().filter(|_| is_quiet && !is_early && (!labels || store.may_judge(due, clock)));
        if let Some(profile) = lesson {
            store.scatter.changed |= learnt.note(profile, window.length(), &sums, labels);
        }
        if let Some(known) = store.scatter.by(due.occasion) {
            *known = learnt;
        }
        let (references, bare) = (&self.references, &self.bare);
        store.seen(due, clock, firing, |start| layout_of(references.of(model, version, start).as_ref(), bare));
        if is_early {
            findings.extend(raised.into_iter().map(|one| Finding::Alert(Box::new(early::provisional(one.alert)))));
        } else {
            self.publish(raised, due.as_of, findings);
        }
    }

    fn publish(&mut self, raised: Vec<Raised>, as_of: EventTime, findings: &mut Vec<Finding>) {
        for one in raised {
            if one.alert.model.is_some() || self.publishes_pipeline {
                findings.push(Finding::Alert(Box::new(one.alert.clone())));
            }
            self.waiting.get_or_insert_with(as_of, Vec::new).push(one);
        }
    }

    /// How the labels of a model come in, over all versions.
    fn delays_of(&self, model: &str) -> Option<Curve> {
        let stores = self.models.iter().filter(|((name, _), _)| name == model);
        Delays::curve_of(stores.map(|(_, store)| &store.delays))
    }

    /// Until when a version is new, and what its alerts say then: that it came after another one, or that it is the first
    /// one that was seen, so that what differs has differed since the first day.
    fn launch(&self, key: &(String, String), window: Span) -> Option<(EventTime, &'static str)> {
        let first = self.models.get(key)?.first()?;
        let others = self.models.iter().filter(|((model, version), _)| *model == key.0 && *version != key.1);
        let came_later = others.filter_map(|(_, store)| store.first()).any(|other| other < first);
        let until = first + Span::DAY.max(window.times(3));
        Some((until, if came_later { NEW_VERSION } else { AT_LAUNCH }))
    }

    /// Nothing more will come: whether records were late or contradictory is known for windows that never fill as well.
    fn look_at_what_is_open(&mut self, findings: &mut Vec<Finding>) {
        let keys: Vec<(String, String)> = self.models.keys().cloned().collect();
        for key in keys {
            let looks = self.models.get(&key).map(Store::never_filled).unwrap_or_default();
            for (due, sums) in looks {
                let config = self.config_at(Some(&key.0), due.as_of);
                let settings = config.model(&key.0);
                let store = self.models.get_mut(&key).expect("the key was just read");
                let window = store.window(due.multiple, due.start);
                let context = Context {
                    window,
                    multiple: due.multiple,
                    sums: &sums,
                    profile: None,
                    config: settings,
                    budget: Budget::of(settings, 0),
                    alive: &[],
                    living: None,
                    bounds: &self.bounds,
                    learnt: Lessons::None,
                    beside: None,
                };
                let (model, version) = (Some(key.0.as_str()), Some(key.1.as_str()));
                let origin = Origin { model, version, window, multiple: due.multiple, as_of: due.as_of };
                let readings = plumbing::readings(&context);
                let raised = raise(&mut store.input_lives, readings, &origin, settings, &self.orders);
                store.changed = true;
                for one in raised {
                    findings.push(Finding::Alert(Box::new(one.alert.clone())));
                    self.waiting.get_or_insert_with(due.as_of, Vec::new).push(one);
                }
            }
        }
    }

    fn pipeline_terms(&self) -> pipeline::Terms {
        pipeline::Terms {
            window: self.config.defaults().window,
            early: self.largest(|model| model.early),
            wait: self.largest(|model| model.label_window),
            disorder: self.label_disorder().map(|labels| self.config.topics.inferences.out_of_order.max(labels)),
        }
    }

    /// Orphans belong to no model: one window length and one allowance for all, those of the defaults.
    fn look_at_pipeline(&mut self, clock: Clock, findings: &mut Vec<Finding>) {
        let terms = self.pipeline_terms();
        let (orders, own) = (self.orders.clone(), self.config.clone());
        let judged_by = |as_of| orders.config(None, as_of).unwrap_or(&own);
        let allowed = |as_of| judged_by(as_of).defaults().false_alarms_per_month;
        while let Some((origin, readings)) = self.pipeline.next(clock, &terms, allowed) {
            let settings = judged_by(origin.as_of).defaults();
            let raised = raise(&mut self.pipeline.lives, readings, &origin, settings, &orders);
            self.publish(raised, origin.as_of, findings);
        }
    }

    /// Folds the alerts that no later one can precede into incidents.
    fn settle(&mut self, clock: Clock, findings: &mut Vec<Finding>) {
        // A final look that waits for a silent partition names alerts of its own due time.
        let clock = if self.labels { clock.held(self.largest(store::patience)) } else { clock };
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
        let orders = self.orders.clone();
        // At the end of the input the time has come as far as its last record, and no further.
        let obeyed = if clock.ended { self.next_look(true).unwrap_or(settled) } else { settled };
        loop {
            let raised = self.waiting.first().map(|(&as_of, _)| as_of).filter(|as_of| *as_of <= settled);
            let accepted = self.incidents.next_accepted(&orders).filter(|(at, _)| *at <= obeyed);
            let step = match (raised, accepted) {
                (raised, Some((as_of, accepted))) if raised.is_none_or(|raised| as_of <= raised) => {
                    self.incidents.accept(as_of, accepted, &orders)
                }
                (Some(as_of), _) => {
                    let mut raised = self.waiting.remove(&as_of).unwrap_or_default();
                    raised.sort_by(|a, b| a.alert.fingerprint.cmp(&b.alert.fingerprint));
                    self.incidents.take(as_of, &raised, &orders)
                }
                (None, _) => break,
            };
            let published = |incident: &Incident| incident.model.is_some() || self.publishes_pipeline;
            let incidents = step.incidents.into_iter().filter(published);
            findings.extend(incidents.map(|incident| Finding::Incident(Box::new(incident))));
            findings.extend(step.requests.into_iter().map(|request| Finding::Request(Box::new(request))));
        }
    }

    /// How many windows are open, over all models.
    pub fn open_windows(&self) -> usize {
        self.models.values().map(Store::len).sum()
    }
}

/// The readings of the labels of a mature window against the baseline, and against the first windows of the stream.
fn of_labels(context: &Context<'_>, store: &mut Store) -> Vec<Reading> {
    let (window, learn) = (context.window, context.config.learn);
    let coverage = if context.multiple == 1 {
        store.first_coverage(window, labels::coverage(context), learn)
    } else {
        store.known_coverage(window)
    };
    if context.multiple == 1 {
        store.delays.add(window, context.sums, learn);
    }
    let mut readings = labels::readings(context, coverage);
    readings.extend(store.delays.learnt().and_then(|first| lateness::delay(context, first)));
    readings.extend(performance::readings(context));
    readings.extend(calibration::readings(context));
    readings.extend(slices::readings(context));
    store.label_lives.course.note(context);
    readings.extend(store.label_lives.course.readings(context));
    readings
}

fn raise(
    lives: &mut Lives,
    readings: Vec<Reading>,
    origin: &Origin<'_>,
    settings: &ModelConfig,
    orders: &Orders,
) -> Vec<Raised> {
    let mut raised = Vec::new();
    for reading in readings {
        let name = reading.indicator.name();
        let muted = settings.mutes(name) || orders.mutes(origin.model, name, origin.as_of);
        let change = if muted { lives.hush(&reading, origin) } else { lives.take(&reading, origin) };
        if let Some(alert) = change {
            raised.push(Raised { alert, examples: reading.examples, window: settings.window });
        }
    }
    raised
}

/// Says of what began before a version was old that it began with it.
fn began_at_launch(raised: &mut [Raised], until: EventTime, name: &str) {
    let since_launch = |alert: &Alert| match alert.subject.reference.as_deref() {
        None => true,
        // What another version does not show came with this one. What moves against its own past has changed.
        Some(reference) => name == NEW_VERSION && reference.starts_with("version "),
    };
    let of_launch = |alert: &Alert| alert.starts_at < until.micros() && since_launch(alert);
    for one in raised.iter_mut().filter(|one| of_launch(&one.alert)) {
        one.alert.evidence.insert(name.to_owned(), true.into());
    }
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
