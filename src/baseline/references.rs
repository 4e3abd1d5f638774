//! With what is a window compared?
//!
//! With the baseline of its version; without one, with the newest baseline of its model, marked as inherited; without
//! any, with what the model's first days taught. The window's start alone decides, never the moment of arrival. What was
//! learnt has two lessons: features and scores first, the truth when the labels of those days are mature. A baseline that
//! was accepted while the model was watched stands in place of all of these, from the window on that was named with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Profile;
use crate::event::EventTime;

/// What a model's first days taught.
#[derive(Clone, Debug)]
struct Learnt {
    from: EventTime,
    profile: Arc<Profile>,
    truth_from: Option<EventTime>,
    with_truth: Option<Arc<Profile>>,
}

/// One lesson of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Taught {
    /// The model.
    pub model: String,
    /// The first window that it is used for.
    pub from: EventTime,
    /// What was learnt.
    pub profile: Profile,
    /// Whether it is the second lesson, with the truth.
    pub with_truth: bool,
}

/// The baselines of a model that were accepted together.
#[derive(Clone, Debug)]
struct Dated {
    from: EventTime,
    versions: BTreeMap<String, Arc<Profile>>,
    newest: Arc<Profile>,
}

/// All references. Cheap to clone; tasks and judge hold the same ones.
#[derive(Clone, Debug, Default)]
pub struct References {
    files: BTreeMap<String, BTreeMap<String, Arc<Profile>>>,
    newest: BTreeMap<String, Arc<Profile>>,
    learnt: BTreeMap<String, Learnt>,
    /// By model, in the order of their first windows.
    accepted: BTreeMap<String, Vec<Dated>>,
}

impl References {
    /// References from baselines of files.
    pub fn new(profiles: impl IntoIterator<Item = Profile>) -> Self {
        let mut references = Self::default();
        for profile in profiles {
            let profile = Arc::new(profile);
            let newest = references.newest.entry(profile.model.clone()).or_insert_with(|| profile.clone());
            let age = |profile: &Profile| (profile.span.map(|(_, to)| to), profile.version.clone());
            if age(&profile) > age(newest) {
                *newest = profile.clone();
            }
            let versions = references.files.entry(profile.model.clone()).or_default();
            versions.insert(profile.version.clone(), profile);
        }
        references
    }

    /// Compares the windows of a model that start at `from` or later with these baselines of it. Of several that begin with
    /// the same window the last one stands.
    pub fn accept(&mut self, model: &str, from: EventTime, profiles: &[Arc<Profile>]) {
        let age = |profile: &Profile| (profile.span.map(|(_, to)| to), profile.version.clone());
        let Some(newest) = profiles.iter().max_by_key(|profile| age(profile)).cloned() else { return };
        let versions = profiles.iter().map(|profile| (profile.version.clone(), profile.clone())).collect();
        let dated = self.accepted.entry(model.to_owned()).or_default();
        dated.retain(|known| known.from != from);
        let place = dated.partition_point(|known| known.from < from);
        dated.insert(place, Dated { from, versions, newest });
    }

    /// Whether the model has a baseline from a file.
    pub fn has_file(&self, model: &str) -> bool {
        self.files.contains_key(model)
    }

    /// The first lesson: features and scores, for windows that start at `from` or later.
    pub fn learn(&mut self, model: &str, from: EventTime, profile: Profile) {
        let profile = Arc::new(profile);
        self.learnt.insert(model.to_owned(), Learnt { from, profile, truth_from: None, with_truth: None });
    }

    /// The second lesson: the truth, for windows that start at `from` or later.
    ///
    /// # Panics
    /// If there was no first lesson, or it had other features.
    pub fn learn_truth(&mut self, model: &str, from: EventTime, profile: Profile) {
        let learnt = self.learnt.get_mut(model).expect("the truth is learnt after the features");
        assert!(learnt.profile.layout == profile.layout, "both lessons have the same features");
        learnt.truth_from = Some(from);
        learnt.with_truth = Some(Arc::new(profile));
    }

    /// Takes what a model has learnt, once; a lesson that is known already changes nothing.
    pub fn take(&mut self, lesson: Taught) {
        let Taught { model, from, profile, with_truth } = lesson;
        let known = self.lessons_of(&model);
        match with_truth {
            false if !known.0 => self.learn(&model, from, profile),
            true if known.0 && !known.1 => self.learn_truth(&model, from, profile),
            _ => {}
        }
    }

    /// Which lessons a model has had: features and scores, truth.
    pub fn lessons_of(&self, model: &str) -> (bool, bool) {
        self.learnt.get(model).map_or((false, false), |learnt| (true, learnt.with_truth.is_some()))
    }

    /// The reference of a window that starts at `start`.
    pub fn of(&self, model: &str, version: &str, start: EventTime) -> Option<Arc<Profile>> {
        let accepted = self.accepted.get(model).and_then(|dated| dated.iter().rev().find(|dated| dated.from <= start));
        if let Some(dated) = accepted {
            return Some(dated.versions.get(version).unwrap_or(&dated.newest).clone());
        }
        if let Some(versions) = self.files.get(model) {
            let own = versions.get(version);
            return own.or_else(|| self.newest.get(model)).cloned();
        }
        let learnt = self.learnt.get(model)?;
        match (&learnt.with_truth, learnt.truth_from) {
            (Some(profile), Some(from)) if start >= from => Some(profile.clone()),
            _ => (start >= learnt.from).then(|| learnt.profile.clone()),
        }
    }

    /// What was learnt: the model, from when on its first lesson holds and what it was, and the same of the second.
    pub fn learnt(&self) -> impl Iterator<Item = (&str, EventTime, &Profile, Option<(EventTime, &Profile)>)> {
        self.learnt.iter().map(|(model, learnt)| {
            let truth = learnt.truth_from.zip(learnt.with_truth.as_deref());
            (model.as_str(), learnt.from, &*learnt.profile, truth)
        })
    }

    /// Every profile in force at the end, for reports: model, version, profile.
    pub fn all(&self) -> impl Iterator<Item = &Profile> {
        let files = self.files.values().flat_map(BTreeMap::values);
        let learnt = self.learnt.values().map(|learnt| learnt.with_truth.as_ref().unwrap_or(&learnt.profile));
        let accepted = self.accepted.values().flatten().flat_map(|dated| dated.versions.values());
        files.chain(learnt).chain(accepted).map(AsRef::as_ref)
    }
}
