//! Which model and version is number seven?
//!
//! Names become small numbers once, so that rows need not hold them. The numbers depend on the order of arrival; nothing
//! published may. Bounds: 256 models, 4,096 versions in all; what comes beyond is rejected and the run is capped.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::event::{Reject, RejectReason};

/// The most models of one run.
pub const MAX_MODELS: usize = 256;
/// The most versions of one run, over all models.
pub const MAX_COHORTS: usize = 4_096;

/// The models and versions met so far.
#[derive(Debug, Default)]
pub(super) struct Cohorts {
    models: Vec<String>,
    model_of: FxHashMap<String, u16>,
    versions: Vec<(u16, String)>,
    /// By model, then by version.
    cohort_of: Vec<FxHashMap<String, u16>>,
    last: Option<(u16, u16)>,
    known: BTreeSet<(usize, u16)>,
    last_known: Option<(usize, u16)>,
    full: bool,
}

impl Cohorts {
    /// The numbers of a model and of its version. No allocation for names that are known.
    pub(super) fn of(&mut self, model: &str, version: &str) -> Result<(u16, u16), Reject> {
        if let Some((m, c)) = self.last
            && self.models[usize::from(m)] == model
            && self.versions[usize::from(c)].1 == version
        {
            return Ok((m, c));
        }
        let m = self.model_of(model)?;
        let c = match self.cohort_of[usize::from(m)].get(version) {
            Some(&c) => c,
            None if self.versions.len() >= MAX_COHORTS => return Err(self.refuse("version", version, MAX_COHORTS)),
            None => {
                let c = self.versions.len() as u16;
                self.versions.push((m, version.to_owned()));
                self.cohort_of[usize::from(m)].insert(version.to_owned(), c);
                c
            }
        };
        self.last = Some((m, c));
        Ok((m, c))
    }

    /// The number of a model.
    pub(super) fn model_of(&mut self, model: &str) -> Result<u16, Reject> {
        match self.model_of.get(model) {
            Some(&m) => Ok(m),
            None if self.models.len() >= MAX_MODELS => Err(self.refuse("model", model, MAX_MODELS)),
            None => {
                let m = self.models.len() as u16;
                self.models.push(model.to_owned());
                self.cohort_of.push(FxHashMap::default());
                self.model_of.insert(model.to_owned(), m);
                Ok(m)
            }
        }
    }

    /// How many models and versions there are.
    pub(super) const fn len(&self) -> u16 {
        self.versions.len() as u16
    }

    /// How many models there are.
    pub(super) const fn models(&self) -> u16 {
        self.models.len() as u16
    }

    fn refuse(&mut self, what: &str, name: &str, most: usize) -> Reject {
        self.full = true;
        let name: String = name.chars().take(40).collect();
        Reject::new(RejectReason::LimitReached, format!("'{what}' is '{name}', one more than the {most} that are kept"))
    }

    /// Whether a task meets a model for the first time.
    pub(super) fn is_new_to(&mut self, task: usize, model: u16) -> bool {
        if self.last_known == Some((task, model)) {
            return false;
        }
        self.last_known = Some((task, model));
        self.known.insert((task, model))
    }

    /// A task begins anew and has met no model yet.
    pub(super) fn forget_task(&mut self, task: usize) {
        self.known.retain(|&(other, _)| other != task);
        self.last_known = None;
    }

    /// The names behind a number.
    pub(super) fn name(&self, cohort: u16) -> (&str, &str) {
        let (model, version) = &self.versions[usize::from(cohort)];
        (&self.models[usize::from(*model)], version)
    }

    /// The name of a model.
    pub(super) fn model(&self, model: u16) -> &str {
        &self.models[usize::from(model)]
    }

    /// All models met, sorted by name.
    pub(super) fn all_models(&self) -> Vec<&str> {
        let mut models: Vec<&str> = self.models.iter().map(String::as_str).collect();
        models.sort_unstable();
        models
    }

    /// Whether a limit was hit.
    pub(super) const fn is_full(&self) -> bool {
        self.full
    }
}
