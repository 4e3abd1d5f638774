//! Which settings differ between two configurations, and may they change while a prefix lives?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::config::{Config, Terms};

/// What a configuration means: what can change a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    /// The digest of the configuration.
    pub digest: String,
    /// Every setting that can change a result and is not the default.
    pub settings: BTreeMap<String, String>,
    /// How readings are judged.
    pub terms: Terms,
}

impl Meaning {
    /// The meaning of a configuration.
    pub fn of(config: &Config) -> Self {
        Self { digest: config.digest(), settings: config.meaning(), terms: config.terms() }
    }
}

/// One setting that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its key.
    pub key: String,
    /// What it was; none for the default.
    pub was: Option<String>,
    /// What it is now.
    pub now: Option<String>,
}

impl Change {
    /// Whether it may change while a prefix lives: no task counts by it.
    pub fn is_of_terms(&self) -> bool {
        Terms::owns(&self.key)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "the default".to_owned());
        write!(f, "`{}` was {}, is {}", self.key, text(&self.was), text(&self.now))
    }
}

/// The settings that differ, by key.
pub fn changes(was: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<Change> {
    let keys: BTreeSet<&String> = was.keys().chain(now.keys()).collect();
    let differs = keys.into_iter().filter(|key| was.get(*key) != now.get(*key));
    differs.map(|key| Change { key: key.clone(), was: was.get(key).cloned(), now: now.get(key).cloned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(one: &str, other: &str) -> Vec<Change> {
        let meaning = |text: &str| Config::from_yaml(text).unwrap().meaning();
        changes(&meaning(one), &meaning(other))
    }

    #[test]
    fn each_change_is_named_with_both_values_and_only_terms_may_change() {
        let one = "defaults: {window: 1d}\nmodels: {fraud: {label_window: 10d, false_alarms_per_month: 2}}";
        assert_eq!(changed(one, one), []);
        let other = "defaults: {window: 1d}\nmodels: {fraud: {label_window: 11d, false_alarms_per_month: 3}}";
        let found = changed(one, other);
        let named: Vec<(&str, bool)> = found.iter().map(|it| (it.key.as_str(), it.is_of_terms())).collect();
        let wanted = [
            ("models.fraud.correction_window", false),
            ("models.fraud.false_alarms_per_month", true),
            ("models.fraud.label_window", false),
        ];
        assert_eq!(named, wanted);
        assert_eq!(found[2].to_string(), "`models.fraud.label_window` was 10d, is 11d");
        let back = changed("defaults: {early: 2h}", "");
        assert_eq!(back[0].to_string(), "`defaults.early` was 2h, is the default");
    }
}
