//! When do two configurations mean the same?
//!
//! The settings that can change a result are written one a line, in a fixed order, and only where they differ from
//! the default (for a model: from the settings for every model). So neither the order of keys, nor the format of
//! the file, nor a default written out, nor a key added in a later release moves the digest.

use std::collections::BTreeMap;

use super::model::{Claim, FeatureConfig};
use super::topics::{Adapter, Topic};
use super::{Config, ModelConfig};
use crate::event::value_hash;

type Lines = BTreeMap<String, String>;

pub(super) fn digest(config: &Config) -> String {
    let text: Vec<String> = lines(config).iter().map(|(key, value)| format!("{key}\u{1f}{value}\n")).collect();
    format!("{:016x}", value_hash(&text.concat()))
}

/// The same settings for people: keys as in a file, and what they are where that is not the default.
pub(super) fn meaning(config: &Config) -> BTreeMap<String, String> {
    let shown = |(key, value): (String, String)| {
        let key = key.replace('\u{1f}', ".");
        let whole = key.starts_with("topics.") || key.starts_with("models.");
        (if whole { key } else { format!("defaults.{key}") }, value.replace("\u{1f}gone", "null"))
    };
    lines(config).into_iter().map(shown).collect()
}

fn lines(config: &Config) -> Lines {
    let default = Config::default();
    let mut lines = different(process(config), &process(&default));
    let defaults = model(&config.defaults);
    lines.extend(different(defaults.clone(), &model(&default.defaults)));
    for (name, own) in config.named_models() {
        for (key, value) in different(model(own), &defaults) {
            lines.insert(format!("models\u{1f}{name}\u{1f}{key}"), value);
        }
    }
    lines
}

/// What is in `lines` and not the same in `other`; what only `other` has is marked as gone.
fn different(lines: Lines, other: &Lines) -> Lines {
    let gone = other.keys().filter(|key| !lines.contains_key(*key)).map(|key| (key.clone(), "\u{1f}gone".to_owned()));
    let gone: Vec<_> = gone.collect();
    lines.into_iter().filter(|(key, value)| other.get(key) != Some(value)).chain(gone).collect()
}

fn process(config: &Config) -> Lines {
    let mut lines = Lines::new();
    let mut topic = |name: &str, topic: &Topic| {
        lines.insert(format!("topics.{name}.out_of_order"), topic.out_of_order.to_string());
        lines.insert(format!("topics.{name}.adapter"), adapter(&topic.adapter));
    };
    topic("inferences", &config.topics.inferences);
    if let Some(labels) = &config.topics.labels {
        topic("labels", labels);
    }
    lines.insert("topics.baseline.adapter".into(), adapter(&config.topics.baseline));
    lines
}

fn adapter(adapter: &Adapter) -> String {
    match adapter {
        Adapter::Native => "native".into(),
        // Its derived text is a function of its content.
        Adapter::Mapped(mapping) => format!("{mapping:?}"),
    }
}

fn model(model: &ModelConfig) -> Lines {
    let ModelConfig {
        task,
        window,
        levels,
        ages,
        label_window,
        early,
        correction_window,
        labels,
        label_policy,
        threshold,
        positive,
        false_alarms_per_month,
        features,
        slices,
        weights,
        costs,
        learn,
        baseline,
        claims,
        mute,
        compare_with,
    } = model;
    let mut lines = Lines::from([
        ("task".to_owned(), format!("{task:?}")),
        ("window".to_owned(), window.to_string()),
        ("levels".to_owned(), format!("{levels:?}")),
        ("ages".to_owned(), format!("{ages:?}")),
        ("label_window".to_owned(), label_window.to_string()),
        ("early".to_owned(), early.to_string()),
        ("correction_window".to_owned(), correction_window.to_string()),
        ("labels".to_owned(), format!("{labels:?}")),
        ("label_policy".to_owned(), format!("{label_policy:?}")),
        ("threshold".to_owned(), format!("{threshold:?}")),
        ("positive".to_owned(), format!("{:016x}", positive.bits())),
        ("false_alarms_per_month".to_owned(), false_alarms_per_month.to_string()),
        ("slices".to_owned(), format!("{slices:?}")),
        ("weights".to_owned(), format!("{weights:?}")),
        ("costs".to_owned(), format!("{costs:?}")),
        ("learn".to_owned(), learn.to_string()),
        // Where the file lies does not matter; its name stands for its content.
        ("baseline".to_owned(), format!("{:?}", baseline.as_ref().and_then(|path| path.file_name()))),
        ("mute".to_owned(), format!("{mute:?}")),
        ("compare_with".to_owned(), format!("{compare_with:?}")),
    ]);
    for (name, feature) in features.iter().filter(|(_, feature)| **feature != FeatureConfig::default()) {
        lines.insert(format!("features\u{1f}{name}"), format!("{feature:?}"));
    }
    for (name, Claim { value, n, trials }) in claims {
        lines.insert(format!("claims\u{1f}{name}"), format!("{value} {n:?} {trials:?}"));
    }
    lines
}
