//! How does a crew go on from what another one has written down?
//!
//! Rows and labels come from the changelog of a task, under the numbers of the process that wrote them; what was learnt
//! comes from a checkpoint.

use super::{Crew, open};
use crate::engine::changelog::{ChangelogError, Named, Stand};
use crate::engine::shared::Shared;
use crate::event::wire::{WireError, put, put_bytes, take, take_text};
use crate::event::{FeatureNames, Window};
use crate::join::{Due, Entries, Entry, NewRow};

impl Crew {
    /// What was learnt, and all names, as bytes.
    pub(in crate::engine) fn encode_lessons(&self, names: &FeatureNames, bytes: &mut Vec<u8>) {
        let cohorts = self.named_cohorts();
        put(bytes, cohorts.len() as u64);
        for (_, model, version) in &cohorts {
            put_bytes(bytes, model.as_bytes());
            put_bytes(bytes, version.as_bytes());
        }
        self.shared.learning.encode(&self.shared.cohorts, names, bytes);
    }

    /// Goes on with what another crew had learnt; before any task is opened. The references hold its lessons already.
    pub(in crate::engine) fn restore_lessons(
        &mut self,
        names: &mut FeatureNames,
        bytes: &mut &[u8],
    ) -> Result<(), WireError> {
        for _ in 0..take(bytes)? {
            let (model, version) = (take_text(bytes)?, take_text(bytes)?);
            let placed = self.shared.cohorts.of(model, version);
            placed.map_err(|_| WireError::Truncated("the names of models: there is no room for them"))?;
        }
        let Shared { learning, cohorts, config, .. } = &mut self.shared;
        learning.restore(cohorts, config, names, bytes)
    }

    /// The numbers of models and versions, with their names.
    pub(in crate::engine) fn named_cohorts(&self) -> Vec<(u16, String, String)> {
        let name = |number: u16| {
            let (model, version) = self.shared.cohorts.name(number);
            (number, model.to_owned(), version.to_owned())
        };
        (0..self.shared.cohorts.len()).map(name).collect()
    }

    /// The numbers of models, with their names.
    pub(in crate::engine) fn named_models(&self) -> Vec<(u16, String)> {
        (0..self.shared.cohorts.models()).map(|number| (number, self.shared.cohorts.model(number).to_owned())).collect()
    }

    /// Keeps again the rows and labels of a changelog, whose numbers have these names.
    pub(in crate::engine) fn restore_entries(
        &mut self,
        partition: usize,
        named: &[Named<'_>],
        entries: &[u8],
    ) -> Result<(), ChangelogError> {
        let mut numbers = Vec::with_capacity(named.len());
        for &(number, model, version) in named {
            let (m, c) = self.shared.cohorts.of(model, version).map_err(|_| ChangelogError::NoRoom)?;
            numbers.push((number, m, c));
        }
        for entry in Entries::new(entries) {
            match entry? {
                Entry::Label(label) => {
                    if !self.task(partition).restore_label(label) {
                        return Err(ChangelogError::NoRoom);
                    }
                }
                Entry::Row(row) => {
                    let known = numbers.iter().find(|(number, ..)| *number == row.cohort);
                    let &(_, model, cohort) = known.ok_or(ChangelogError::NoName(row.cohort))?;
                    self.restore_row(partition, NewRow { model, cohort, ..row })?;
                }
            }
        }
        Ok(())
    }

    fn restore_row(&mut self, partition: usize, row: NewRow<'_>) -> Result<(), ChangelogError> {
        if self.shared.cohorts.is_new_to(partition, row.model) {
            let settings = self.shared.config.model(self.shared.cohorts.model(row.model));
            open(&mut self.tasks, partition).restore_rules(row.model, settings, None);
            self.shared.meet(partition, row.model);
        }
        let settings = self.shared.config.model(self.shared.cohorts.model(row.model));
        let (model, version) = self.shared.cohorts.name(row.cohort);
        let window = Window::holding(row.time, settings.window);
        let profile = self.shared.references.of(model, version, window.start);
        let codes = profile.as_ref().map_or(0, |profile| profile.layout.features());
        if codes != row.codes.len() {
            let (model, version) = (model.to_owned(), version.to_owned());
            return Err(ChangelogError::OtherBaseline { model, version });
        }
        let task = open(&mut self.tasks, partition);
        let layout = profile.as_ref().map_or(0, |profile| task.layout(profile));
        if task.restore_row(NewRow { layout, ..row }) { Ok(()) } else { Err(ChangelogError::NoRoom) }
    }

    /// Ends a restore: the task stands where it stood at the commit.
    ///
    /// # Errors
    /// When there is no room for its models.
    ///
    /// # Panics
    /// If the partition has no task.
    pub fn finish_restore(&mut self, partition: usize, stand: &Stand) -> Result<(), ChangelogError> {
        for &(number, since) in stand.mark.models() {
            let name = stand.models.iter().find(|(known, _)| *known == number).map(|(_, name)| name);
            let name = name.ok_or(ChangelogError::NoName(number))?;
            let model = self.shared.cohorts.model_of(name).map_err(|_| ChangelogError::NoRoom)?;
            if self.shared.cohorts.is_new_to(partition, model) {
                open(&mut self.tasks, partition).restore_rules(model, self.shared.config.model(name), since);
                self.shared.meet(partition, model);
            }
        }
        open(&mut self.tasks, partition).finish_restore(&stand.mark, stand.unknown_labels);
        Ok(())
    }

    /// Whether nothing of what was written down with `due` is needed for a restore of the task any more.
    pub fn has_outlived(&self, partition: usize, due: Due) -> bool {
        self.known(partition).is_some_and(|task| task.has_outlived(due))
    }
}
