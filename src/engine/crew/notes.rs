//! What should a reader of the results know that no figure says?

use super::Crew;
use crate::baseline::Profile;
use crate::engine::shared::Shared;
use crate::engine::task::Task;
use crate::event::Span;

impl Crew {
    /// What a reader of the results should know.
    pub(in crate::engine) fn notes(&self) -> Vec<String> {
        let mut notes = self.shared.learning.notes(&self.shared.cohorts);
        notes.extend(self.unused());
        notes.extend(self.unlabelled());
        for profile in self.shared.references.all() {
            if !profile.left_out.is_empty() {
                let listed: Vec<String> =
                    profile.left_out.iter().map(|left| format!("{} ({})", left.feature, left.reason)).collect();
                notes.push(format!(
                    "model '{}' version '{}': not watched are {}",
                    profile.model,
                    profile.version,
                    listed.join(", ")
                ));
            }
        }
        let unknown = self.tasks().map(Task::unknown_labels).sum::<u64>();
        if unknown > 0 {
            notes.push(format!("{unknown} labels that had waited were neither the positive nor a negative class"));
        }
        notes
    }

    /// What was given and belongs to nothing that was read: most often a slip in a name.
    fn unused(&self) -> Vec<String> {
        let Shared { cohorts, references, config, .. } = &self.shared;
        let met = cohorts.all_models();
        let list = if met.is_empty() { "none".to_owned() } else { met.join(", ") };
        let mut notes = Vec::new();
        for profile in references.all().filter(|profile| !met.contains(&profile.model.as_str())) {
            let (model, version) = (&profile.model, &profile.version);
            notes
                .push(format!("the baseline of model '{model}' version '{version}' was not used; models read: {list}"));
        }
        for (name, _) in config.named_models().filter(|(name, _)| !met.contains(name)) {
            notes.push(format!("the settings of models.{name} were not used; models read: {list}"));
        }
        for model in met {
            let settings = config.model(model);
            let asked = settings.features.keys().chain(settings.slices.features.iter().flatten());
            let known: Vec<&str> =
                references.all().filter(|profile| profile.model == model).flat_map(known_features).collect();
            for name in asked.filter(|name| !known.is_empty() && !known.contains(&name.as_str())) {
                notes.push(format!(
                    "the settings of feature '{name}' were not used: model '{model}' has no such feature"
                ));
            }
        }
        notes
    }

    /// Whether the labels end long before the predictions.
    fn unlabelled(&self) -> Option<String> {
        let inputs = self.tasks().filter_map(Task::inferences).max()?;
        if !self.labels {
            return None;
        }
        let Some(labels) = self.tasks().filter_map(Task::labels).max() else {
            return Some("no label was read: nothing is known of how good the predictions were".to_owned());
        };
        let gap = Span::from_micros(inputs.micros_since(labels));
        (gap > Span::DAY).then(|| {
            format!(
                "labels end at {}, predictions at {}: figures of the last windows stand on few labels or none",
                labels.rfc3339(),
                inputs.rfc3339()
            )
        })
    }
}

/// The features that a reference knows, watched or left out.
fn known_features(profile: &Profile) -> Vec<&str> {
    let watched = profile.coding.features().iter().map(crate::observe::FeatureCoding::name);
    watched.chain(profile.left_out.iter().map(|left| left.feature.as_str())).collect()
}
