//! Which settings may change while a service runs, and how do two configurations that differ in them become one?
//!
//! The terms of a model say how its readings are judged: how many false alarms are acceptable, and what stays silent. No
//! task counts by them and no window is laid out by them, so they can change from one look to the next. All other
//! settings decide what is counted, or in which windows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Config, ModelConfig};

/// The terms of one model, or of every model without its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelTerms {
    /// How many false alerts a month are acceptable.
    pub false_alarms_per_month: f64,
    /// Patterns of indicators that stay silent.
    pub mute: Vec<String>,
}

/// The terms of all models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Those of every model without its own.
    pub defaults: ModelTerms,
    /// Those of the models with settings of their own.
    pub models: BTreeMap<String, ModelTerms>,
}

impl Terms {
    /// The keys, below `defaults` or `models.NAME`, that are terms.
    pub const KEYS: [&'static str; 2] = ["false_alarms_per_month", "mute"];

    /// Whether a key of [`Config::meaning`] is one of them.
    pub fn owns(key: &str) -> bool {
        let name = match key.strip_prefix("models.") {
            // The name of a model may hold dots; no term does.
            Some(rest) => rest.rsplit_once('.').map_or(rest, |(_, name)| name),
            None => key.strip_prefix("defaults.").unwrap_or(""),
        };
        Self::KEYS.contains(&name)
    }
}

fn of(model: &ModelConfig) -> ModelTerms {
    ModelTerms { false_alarms_per_month: model.false_alarms_per_month, mute: model.mute.clone() }
}

fn lay(terms: &ModelTerms, over: &mut ModelConfig) {
    over.false_alarms_per_month = terms.false_alarms_per_month;
    over.mute.clone_from(&terms.mute);
}

impl Config {
    /// The terms of all models.
    pub fn terms(&self) -> Terms {
        let models = self.models.iter().map(|(name, model)| (name.clone(), of(model)));
        Terms { defaults: of(&self.defaults), models: models.collect() }
    }

    /// The same configuration under other terms.
    #[must_use]
    pub fn under(&self, terms: &Terms) -> Self {
        let mut config = self.clone();
        // A model that only the terms name has the settings for every model besides.
        for name in terms.models.keys().filter(|name| !self.models.contains_key(*name)) {
            config.models.insert(name.clone(), self.defaults.clone());
        }
        for (name, model) in &mut config.models {
            lay(terms.models.get(name).unwrap_or(&terms.defaults), model);
        }
        lay(&terms.defaults, &mut config.defaults);
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "defaults: {false_alarms_per_month: 0.5}\nmodels: {fraud: {window: 1d, mute: [input.late]}, a.b: {mute: ['label.*']}}";
    const NEW: &str =
        "defaults: {false_alarms_per_month: 2}\nmodels: {fraud: {window: 1d}, churn: {false_alarms_per_month: 9}}";

    #[test]
    fn a_configuration_under_the_terms_of_another_one_differs_from_it_in_nothing_that_is_a_term() {
        let (old, new) = (Config::from_yaml(OLD).unwrap(), Config::from_yaml(NEW).unwrap());
        for (one, other) in [(&old, &new), (&new, &old)] {
            let laid = one.under(&other.terms());
            for model in ["fraud", "churn", "a.b", "another"] {
                let (laid, other) = (laid.model(model), other.model(model));
                assert_eq!(of(laid), of(other), "{model}");
                assert_eq!(laid.window, one.model(model).window, "{model}");
            }
            assert_eq!(of(laid.defaults()), of(other.defaults()));
            assert_eq!(one.under(&one.terms()).meaning(), one.meaning());
        }
    }

    #[test]
    fn only_terms_are_owned_whatever_a_model_is_called() {
        let meaning = Config::from_yaml(OLD).unwrap().meaning();
        let owned: Vec<&str> = meaning.keys().map(String::as_str).filter(|key| Terms::owns(key)).collect();
        assert_eq!(owned, ["defaults.false_alarms_per_month", "models.a.b.mute", "models.fraud.mute"]);
        let others: Vec<&str> = meaning.keys().map(String::as_str).filter(|key| !Terms::owns(key)).collect();
        assert!(others.contains(&"models.fraud.window"), "{others:?}");
    }
}
