//! Does a configuration mean what its author wrote, and does a wrong one say so?

use std::path::Path;

use proptest::strategy::Strategy as _;

use super::*;
use crate::event::{Span, Truth};

fn refused(text: &str) -> String {
    Config::from_yaml(text).expect_err(text).to_string()
}

fn with_environment(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("truthline.yaml");
    std::fs::write(&path, text).unwrap();
    Config::load(Some(&path), variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn nothing_said_is_the_default_in_every_format() {
    assert_eq!(Config::load(None, std::iter::empty()).unwrap(), Config::default());
    assert_eq!(Config::from_yaml("").unwrap(), Config::default());
    assert_eq!(Config::from_yaml("# only a remark\n").unwrap(), Config::default());
    assert_eq!(Config::from_yaml("defaults:\nmodels: {}\n").unwrap(), Config::default());
}

#[test]
fn each_default_of_the_table_is_the_default_of_the_code() {
    // Writing out any default, alone, changes neither the meaning nor the digest.
    for key in KEYS.iter().filter(|key| !key.path.contains('*') && key.default != "null") {
        let text = nested(key.path, key.default);
        let config = Config::from_yaml(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(Config { notes: Vec::new(), ..config.clone() }, Config::default(), "{text}");
        assert_eq!(config.digest(), Config::default().digest(), "{text}");
    }
}

#[test]
fn each_example_of_the_table_is_accepted() {
    for key in KEYS {
        // What a key needs beside it.
        let beside = if key.path.ends_with(".mapping") { ", adapter: mapped" } else { "" };
        let text = match (key.path, key.example) {
            (path, "mapped") => nested(&path.replace(".adapter", ""), "{adapter: mapped, mapping: {}}"),
            (path, example) if !beside.is_empty() => {
                nested(&path.replace(".mapping", ""), &format!("{{mapping: {example}{beside}}}"))
            }
            (path, example) if path.ends_with("claims.*.n") || path.ends_with("claims.*.trials") => {
                let (parent, last) = path.rsplit_once('.').unwrap();
                nested(parent, &format!("{{value: 1, {last}: {example}}}"))
            }
            (path, example) => nested(path, example),
        };
        Config::from_yaml(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

fn nested(path: &str, value: &str) -> String {
    let path = path.replace('*', "some");
    path.rsplit('.').fold(value.to_owned(), |inner, name| format!("{{{name}: {inner}}}"))
}

#[test]
fn a_named_model_lays_its_keys_over_the_defaults() {
    let config = Config::from_yaml(
        "defaults: {label_window: 3d, features: {Age: {type: numeric}}}\n\
         models: {fraud: {window: 1d, features: {Age: {floor: 0.1}, a.b: {ignore: true}}}}",
    )
    .unwrap();
    let fraud = config.model("fraud");
    assert_eq!((fraud.window, fraud.label_window), (Span::DAY, Span::DAY.times(3)));
    assert_eq!(fraud.levels, [1, 7, 28], "levels follow the model's own window");
    assert_eq!(fraud.ages, [Span::ZERO, Span::HOUR, Span::DAY]);
    assert_eq!(fraud.correction_window, Span::DAY.times(3));
    let age = &fraud.features["Age"];
    assert_eq!((age.kind, age.floor), (Some(FeatureKind::Numeric), Some(0.1)), "names keep their case");
    assert!(fraud.features["a.b"].ignore, "a dot in a name is part of the name");
    assert_eq!(config.model("other").levels, [1, 24, 168]);
    assert_eq!(config.named_models().map(|(name, _)| name).collect::<Vec<_>>(), ["fraud"]);
}

#[test]
fn ages_come_back_when_a_model_waits_longer_than_the_defaults() {
    let config = Config::from_yaml("defaults: {label_window: 1h}\nmodels: {slow: {label_window: 60d}}").unwrap();
    assert_eq!(config.model("fast").ages, [Span::ZERO]);
    assert_eq!(config.model("slow").ages, [Span::ZERO, Span::HOUR, Span::DAY, Span::DAY.times(7)]);
}

#[test]
fn an_unknown_key_is_named_in_full_with_the_nearest_known_one() {
    for (text, key, near) in [
        ("defualts: {}", "defualts", "defaults"),
        ("models: {fraud: {windw: 1d}}", "models.fraud.windw", "window"),
        ("defaults: {slices: {autoo: true}}", "defaults.slices.autoo", "auto"),
        ("defaults: {features: {age: {polcy: hash}}}", "defaults.features.age.polcy", "policy"),
        ("topics: {labels: {out_of_ordr: 1h}}", "topics.labels.out_of_ordr", "out_of_order"),
    ] {
        let error = refused(text);
        assert!(error.contains(&format!("{key}: ")) && error.contains(&format!("`{near}`")), "{error}");
    }
    assert!(!refused("xyzzy: 1").contains("did you mean"));
}

#[test]
fn all_problems_are_reported_at_once_with_key_value_and_what_is_accepted() {
    let error = Config::from_yaml("defaults: {window: 1 hour, threshold: 1.5, labels: none}\nwhat: 1").unwrap_err();
    let keys: Vec<&str> = error.problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["what", "defaults.window", "defaults.labels", "defaults.threshold"]);
    let text = error.to_string();
    for part in ["'1 hour'", "1.5", "[0, 1]", "'none'", "explicit, implicit_negative"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn further_references_are_read_in_every_form_and_wrong_ones_are_named() {
    let of = |text: &str| Config::from_yaml(text).unwrap().model("fraud").compare_with.clone();
    let all = [Reference::SameHourOfWeek, Reference::Previous, Reference::Version("v1".into())];
    assert_eq!(of(""), []);
    assert_eq!(of("models: {fraud: {compare_with: [{version: v1}, previous, same_hour_of_week, previous]}}"), all);
    assert_eq!(of("defaults: {compare_with: 'same_hour_of_week, previous, version:v1'}"), all);
    assert_eq!(of("defaults: {compare_with: [{version: 3}]}"), [Reference::Version("3".into())]);
    assert_eq!(of("defaults: {compare_with: [previous]}\nmodels: {fraud: {compare_with: []}}"), []);
    let names: Vec<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["same_hour_of_week", "previous", "version v1"]);
    for (text, parts) in [
        ("defaults: {compare_with: [previous, yesterday]}", ["'yesterday'", "{version: NAME}"]),
        ("defaults: {compare_with: [baseline]}", ["'baseline'", "same_hour_of_week"]),
        ("defaults: {compare_with: [{version: ''}]}", ["version", "Accepted"]),
        ("defaults: {compare_with: [{versions: v1}]}", ["versions", "Accepted"]),
        ("defaults: {compare_with: 7}", ["7", "{version: NAME}"]),
        ("defaults: {window: 5h, compare_with: [same_hour_of_week]}", ["divides a week", "5h"]),
        (
            "defaults: {compare_with: [same_hour_of_week]}\nmodels: {fraud: {window: 10d}}",
            ["models.fraud.compare_with", "10d"],
        ),
        ("defaults: {compare_with: 'version:a,version:b,version:c,version:d,previous'}", ["at most 4", "compare_with"]),
    ] {
        let error = refused(text);
        assert!(error.contains("compare_with") && parts.iter().all(|part| error.contains(part)), "{text}: {error}");
    }
    let changed = Config::from_yaml("defaults: {compare_with: [previous]}").unwrap();
    assert_ne!(changed.digest(), Config::default().digest());
}

#[test]
fn values_outside_their_range_are_refused() {
    for (text, part) in [
        ("defaults: {window: 0s}", "above 0s"),
        ("defaults: {levels: [2, 4]}", "increasing from 1"),
        ("defaults: {levels: [1, 7, 7]}", "increasing from 1"),
        ("defaults: {levels: [1, 1.5]}", "whole numbers"),
        ("defaults: {levels: []}", "increasing from 1"),
        ("defaults: {window: 1d, levels: [1, 5000]}", "ten years"),
        ("defaults: {correction_window: 8d}", "label_window"),
        ("defaults: {false_alarms_per_month: 0}", "above 0"),
        ("defaults: {false_alarms_per_month: inf}", "above 0"),
        ("defaults: {positive: null}", "positive class"),
        ("defaults: {threshold: -0.1}", "[0, 1]"),
        ("defaults: {threshold: nan}", "[0, 1]"),
        ("defaults: {ages: 7d ago}", "durations"),
        ("defaults: {features: {age: {floor: 0}}}", "above 0"),
        ("defaults: {mute: [input.drft]}", "input.drift"),
        ("commit: {interval: 0s}", "above 0s"),
        ("no_data: 0s", "above 0s"),
        ("http: {listen: 9464}", "host and port"),
        ("state: {memory: lots}", "512MiB"),
        ("start: yesterday", "earliest"),
        ("kafka: {properties: {enable.auto.commit: true}}", "sets this property itself"),
        ("defaults: 7", "a section with keys"),
        ("models: {fraud: 1d}", "a section with keys"),
        ("models: [fraud]", "names with their settings"),
    ] {
        let error = refused(text);
        assert!(error.contains(part), "{part} is not in {error}");
    }
}

#[test]
fn what_this_release_cannot_do_is_refused_or_noted_never_ignored() {
    for text in [
        "defaults: {label_policy: quorum}",
        "defaults: {label_policy: trusted-source-first}",
        "defaults: {task: multiclass}",
        "defaults: {task: regression}",
        "models: {m: {task: ranking}}",
        "state: {sampling: 0.1}",
        "outcomes: true",
        "topics: {inferences: {adapter: kserve}}",
    ] {
        let error = refused(text);
        assert!(error.contains("not in this release") || error.contains("not built yet"), "{error}");
        assert!(error.contains("accepted: "), "{error}");
    }
    let config =
        Config::from_yaml("defaults: {slices: {pairs: true}}\nmodels: {m: {claims: {auc: {value: 0.9}}}}").unwrap();
    let notes = config.notes();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].starts_with("defaults.slices.pairs: ") && notes[1].starts_with("models.m.claims: "), "{notes:?}");
}

#[test]
fn the_environment_stands_above_the_file_and_its_unknown_names_are_ignored() {
    let config = with_environment(
        "kafka: {brokers: file:1}\ntopics: {inferences: short}\ndefaults: {positive: '007'}\n",
        &[
            ("TRUTHLINE_KAFKA__BROKERS", "env:1"),
            ("TRUTHLINE_KAFKA__PROPERTIES__SASL_PASSWORD", "007"),
            ("TRUTHLINE_TOPICS__INFERENCES__OUT_OF_ORDER", "1h"),
            ("TRUTHLINE_TOPICS__LABELS", "outcomes"),
            ("TRUTHLINE_DEFAULTS__LEVELS", "1, 24"),
            ("TRUTHLINE_DEFAULTS__SLICES__AUTO", "false"),
            ("TRUTHLINE_SERVICE_HOST", "10.0.0.1"),
            ("TRUTHLINE_PORT", "tcp://10.0.0.1:9464"),
            ("TRUTHLINE_DEFAULTS__NO_SUCH_KEY", "1"),
            ("OTHER_KAFKA__BROKERS", "wrong:1"),
        ],
    )
    .unwrap();
    assert_eq!(config.kafka.brokers, "env:1");
    assert_eq!(config.kafka.properties["sasl.password"], "007", "a password is not a number");
    assert_eq!(config.topics.inferences.name, "short");
    assert_eq!(config.topics.inferences.out_of_order, Span::HOUR);
    assert_eq!(config.topics.labels.as_ref().map(|topic| topic.name.as_str()), Some("outcomes"));
    assert_eq!(config.model("any").levels, [1, 24]);
    assert!(!config.model("any").slices.auto);
    let error = with_environment("", &[("TRUTHLINE_DEFAULTS__WINDOW", "soon")]).unwrap_err().to_string();
    assert!(error.contains("defaults.window") && error.contains("truthline.yaml"), "{error}");
    assert!(error.contains("(set by the environment: TRUTHLINE_DEFAULTS__WINDOW)"), "{error}");
    let error = with_environment("idle: soon", &[("TRUTHLINE_DEFAULTS__WINDOW", "1h")]).unwrap_err().to_string();
    assert!(!error.contains("environment"), "what stands in the file is not blamed on others: {error}");
}

#[test]
fn one_topic_cannot_hold_both_predictions_and_labels() {
    for text in
        ["{inferences: labels}", "{inferences: a, labels: a}", "{inferences: {name: [a, b]}, labels: {name: b}}"]
    {
        let error = Config::from_yaml(&format!("topics: {text}")).unwrap_err().to_string();
        assert!(error.contains("topics.labels: '") && error.contains("`labels: null`"), "{error}");
    }
}

#[test]
fn positive_labels_have_one_normal_form() {
    for text in ["1", "1.0", "true", "'1'", "'true'"] {
        let config = Config::from_yaml(&format!("defaults: {{positive: {text}}}")).unwrap();
        assert_eq!(config.model("m").positive, Truth::Number(1.0), "{text}");
    }
}

#[test]
fn no_labels_and_topics_by_name() {
    let config = Config::from_yaml("topics: {inferences: a, labels: null}").unwrap();
    assert_eq!(config.topics.inferences.name, "a");
    assert_eq!(config.topics.labels, None);
}

#[test]
fn null_says_that_silence_is_never_worth_an_alert() {
    let no_data = |text: &str| Config::from_yaml(text).unwrap().no_data;
    assert_eq!(no_data("no_data: null"), None);
    assert_eq!(no_data(""), Some(Span::HOUR));
    assert_eq!(no_data("no_data: 2d"), Some(Span::DAY.times(2)));
}

#[test]
fn the_digest_follows_the_meaning_and_nothing_else() {
    let yaml = "models:\n  fraud: {window: 1d, label_window: 10d}\n  risk: {threshold: 0.5}\ndefaults: {early: 2h}\n";
    let toml = "[defaults]\nearly = '120m'\nlearn = '7d'\n[models.risk]\nthreshold = 0.5\nwindow = '1h'\n\
                [models.fraud]\nlabel_window = '240h'\nwindow = '24h'\n[kafka]\nbrokers = 'elsewhere:9092'\n";
    let folder = tempfile::tempdir().unwrap();
    let digest_of = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Config::load(Some(&path), std::iter::empty()).unwrap().digest()
    };
    let digest = digest_of("a.yaml", yaml);
    assert_eq!(digest.len(), 16);
    assert_eq!(digest, digest_of("b.toml", toml));
    for other in [yaml.replace("10d", "11d"), yaml.replace("fraud", "fraud2"), yaml.replace("2h", "3h")] {
        assert_ne!(digest, digest_of("c.yaml", &other));
    }
}

#[test]
fn a_file_that_is_none_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("broken.yaml", "defaults: {window: [1h\n"),
        ("broken.toml", "[defaults\n"),
        ("list.yaml", "- 1\n"),
        ("twice.yaml", "start: latest\nstart: earliest\n"),
        ("twice.toml", "start = 'latest'\nstart = 'earliest'\n"),
        ("other.ini", "a=1"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let error = Config::load(Some(&path), std::iter::empty()).expect_err(name);
        assert!(error.to_string().contains(name), "{error}");
    }
    let missing = folder.path().join("no.yaml");
    assert!(Config::load(Some(&missing), std::iter::empty()).is_err());
}

#[test]
fn a_baseline_is_looked_for_beside_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.yaml");
    std::fs::write(folder.path().join("here.json"), "{}").unwrap();
    std::fs::write(&path, "defaults: {baseline: here.json}\nmodels: {m: {baseline: there.json}}").unwrap();
    let config = Config::load(Some(&path), std::iter::empty()).unwrap();
    assert_eq!(config.model("any").baseline, Some(folder.path().join("here.json")));
    assert_eq!(config.model("m").baseline.as_deref(), Some(Path::new("there.json")));
}

#[test]
fn a_star_in_a_mute_pattern_stands_for_any_text() {
    let config = Config::from_yaml("defaults: {mute: ['input.*', '*.orphans', label.rate]}").unwrap();
    let model = config.model("m");
    for (indicator, muted) in [
        ("input.drift", true),
        ("join.orphans", true),
        ("label.rate", true),
        ("label.rates", false),
        ("prediction.drift", false),
    ] {
        assert_eq!(model.mutes(indicator), muted, "{indicator}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic_and_every_refusal_says_something(
        text in "((defaults|models|topics|kafka|window|levels|mute|'x'|[-:{}\\[\\],#&*!|>%@\"' \n0-9a-z.])[ :\n]?){0,24}",
    ) {
        if let Err(error) = Config::from_yaml(&text) {
            proptest::prop_assert!(!error.problems.is_empty());
            proptest::prop_assert!(error.problems.iter().all(|problem| !problem.text.is_empty()));
        }
    }

    #[test]
    fn the_order_of_the_environment_does_not_matter(order in proptest::sample::subsequence((0..6).collect::<Vec<_>>(), 6).prop_shuffle()) {
        let variables = [
            ("TRUTHLINE_TOPICS__INFERENCES", "a"),
            ("TRUTHLINE_TOPICS__INFERENCES__OUT_OF_ORDER", "1h"),
            ("TRUTHLINE_TOPICS__LABELS__NAME", "b"),
            ("TRUTHLINE_DEFAULTS__WINDOW", "1d"),
            ("TRUTHLINE_DEFAULTS__LABEL_WINDOW", "3d"),
            ("TRUTHLINE_DEFAULTS__CORRECTION_WINDOW", "2d"),
        ];
        let load = |order: &[usize]| {
            Config::load(None, order.iter().map(|&at| (variables[at].0.to_owned(), variables[at].1.to_owned()))).unwrap()
        };
        proptest::prop_assert_eq!(load(&order), load(&[0, 1, 2, 3, 4, 5]));
    }
}
