//! How is one model watched?
//!
//! `defaults` hold for every model; `models.NAME` lays its own keys over them. What follows from several keys
//! together (levels, ages, the correction horizon) is worked out here, once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::reader::{Node, as_count};
use super::reference::{self, Reference};
use super::source;
use super::vocabulary::{Policy, Regime};
use crate::event::{LARGEST_WEIGHT, Span, Truth};
use crate::indicator::Indicator;

/// The longest accepted window with all its levels: ten years.
const LONGEST: Span = Span::DAY.times(3_653);
/// How many levels of windows a model may have.
const MOST_LEVELS: usize = 8;
/// How many revisions by age a summary may have.
const MOST_AGES: usize = 16;

/// What kind of question the model answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Task {
    /// By what the records hold; a score means binary.
    #[default]
    Auto,
    /// Two classes.
    Binary,
}

/// How a feature is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureKind {
    /// A number with an order.
    Numeric,
    /// A name, also where it is written as a number.
    Categorical,
}

/// Whether the values of a feature may leave the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValuePolicy {
    /// As they are.
    Allow,
    /// As a hash.
    Hash,
    /// Not at all.
    Drop,
}

/// A rhythm that a feature follows by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cycle {
    /// Over the day.
    Daily,
    /// Over the week.
    Weekly,
}

/// What the user knows about a feature.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureConfig {
    /// Not watched at all.
    pub ignore: bool,
    /// How it is read; `None` for what the baseline says.
    pub kind: Option<FeatureKind>,
    /// Whether its values may be shown; `None` for what the baseline says.
    pub policy: Option<ValuePolicy>,
    /// The smallest drift worth an alert, as a share in (0, 1); `None` for the indicator's own.
    pub floor: Option<f64>,
    /// A rhythm; it is then judged only on windows that cover whole cycles.
    pub cyclic: Option<Cycle>,
}

/// Which subgroups are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slices {
    /// Whether they are found automatically.
    pub auto: bool,
    /// Only these features; `None` for all that fit.
    pub features: Option<Vec<String>>,
    /// Whether pairs of features are looked at, too.
    pub pairs: bool,
    /// Features whose groups are always listed.
    pub protected: Vec<String>,
}

/// For how many rows a labelled row counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// The largest weight; what is larger is cut to it and counted. From 1 to [`LARGEST_WEIGHT`].
    pub largest: f64,
    /// Whether the weight is divided by the probability of the action.
    pub action: bool,
}

impl Default for Weights {
    fn default() -> Self {
        Self { largest: 50.0, action: true }
    }
}

/// What errors cost, in one unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Costs {
    /// A positive that was missed.
    pub false_negative: Option<f64>,
    /// A negative that was flagged.
    pub false_positive: Option<f64>,
    /// A new model.
    pub retraining: Option<f64>,
}

/// A metric claimed at training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Claim {
    /// The claimed value.
    pub value: f64,
    /// On how many rows.
    pub n: Option<u64>,
    /// The best of how many tries.
    pub trials: Option<u64>,
}

/// How one model is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// What kind of question it answers.
    pub task: Task,
    /// Length of the base window.
    pub window: Span,
    /// Levels of windows, as multiples of the base window: increasing from 1.
    pub levels: Vec<u32>,
    /// When figures are revised, after the window's end: increasing, each below `label_window`. The final revision at
    /// `label_window` comes in any case.
    pub ages: Vec<Span>,
    /// How long truth may take.
    pub label_window: Span,
    /// How long before its prediction a label may come.
    pub early: Span,
    /// How long a label may be corrected; at most `label_window`.
    pub correction_window: Span,
    /// What silence means.
    pub labels: Regime,
    /// Which of several labels counts.
    pub label_policy: Policy,
    /// The decision threshold; `None` for that of the records.
    pub threshold: Option<f64>,
    /// The label of the positive class.
    pub positive: Truth,
    /// How many false alerts a month are acceptable.
    pub false_alarms_per_month: f64,
    /// What is known about features.
    pub features: BTreeMap<String, FeatureConfig>,
    /// Which subgroups.
    pub slices: Slices,
    /// For how many rows a labelled row counts.
    pub weights: Weights,
    /// What errors cost.
    pub costs: Costs,
    /// How long a baseline is learnt where none is given.
    pub learn: Span,
    /// The baseline file.
    pub baseline: Option<PathBuf>,
    /// Metrics claimed at training.
    pub claims: BTreeMap<String, Claim>,
    /// Patterns of indicators that stay silent.
    pub mute: Vec<String>,
    /// With what windows are compared beside the baseline: sorted, each once.
    pub compare_with: Vec<Reference>,
}

impl Default for ModelConfig {
    fn default() -> Self {
        let (window, label_window) = (Span::HOUR, Span::DAY.times(7));
        Self {
            task: Task::Auto,
            window,
            levels: default_levels(window),
            ages: default_ages().into_iter().filter(|age| *age < label_window).collect(),
            label_window,
            early: Span::HOUR,
            correction_window: label_window,
            labels: Regime::Explicit,
            label_policy: Policy::Last,
            threshold: None,
            positive: Truth::Number(1.0),
            false_alarms_per_month: 0.1,
            features: BTreeMap::new(),
            slices: Slices { auto: true, features: None, pairs: true, protected: Vec::new() },
            weights: Weights::default(),
            costs: Costs::default(),
            learn: Span::DAY.times(7),
            baseline: None,
            claims: BTreeMap::new(),
            mute: Vec::new(),
            compare_with: Vec::new(),
        }
    }
}

impl ModelConfig {
    /// Whether the indicator of this name stays silent. A `*` in a pattern stands for any text.
    pub fn mutes(&self, indicator: &str) -> bool {
        self.mute.iter().any(|pattern| fits(pattern, indicator))
    }
}

/// `[1, 24, 168]` where several whole windows make up a day, else `[1, 7, 28]`.
fn default_levels(window: Span) -> Vec<u32> {
    let divides_the_day = window < Span::DAY && Span::DAY.micros() % window.micros() == 0;
    if divides_the_day { vec![1, 24, 168] } else { vec![1, 7, 28] }
}

fn default_ages() -> Vec<Span> {
    vec![Span::ZERO, Span::HOUR, Span::DAY, Span::DAY.times(7)]
}

/// Whether a text fits a pattern, in which a `*` stands for any text.
pub fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text
            .strip_prefix(start)
            .is_some_and(|tail| (0..=tail.len()).any(|skip| tail.is_char_boundary(skip) && fits(rest, &tail[skip..]))),
    }
}

/// Lays the keys of `node` over `base`.
pub(super) fn read(node: &Node<'_>, base: &ModelConfig) -> ModelConfig {
    let window = positive_span(&node.child("window"), base.window);
    let label_window = positive_span(&node.child("label_window"), base.label_window);
    ModelConfig {
        task: task(&node.child("task")).unwrap_or(base.task),
        window,
        levels: levels(node, base, window),
        ages: ages(node, base, label_window),
        label_window,
        early: node.child("early").span().unwrap_or(base.early),
        correction_window: correction(node, base, label_window),
        labels: node
            .child("labels")
            .choice(&[("explicit", Regime::Explicit), ("implicit_negative", Regime::ImplicitNegative)])
            .unwrap_or(base.labels),
        label_policy: policy(&node.child("label_policy")).unwrap_or(base.label_policy),
        threshold: node
            .child("threshold")
            .number("a number in [0, 1]", |number| (0.0..=1.0).contains(&number))
            .or(base.threshold),
        positive: positive(node).unwrap_or(base.positive),
        false_alarms_per_month: node
            .child("false_alarms_per_month")
            .number("a number above 0, at most 1000", |number| number > 0.0 && number <= 1_000.0)
            .unwrap_or(base.false_alarms_per_month),
        features: features(&node.child("features"), &base.features),
        slices: slices(&node.child("slices"), &base.slices),
        weights: weights(&node.child("weights"), base.weights),
        costs: costs(&node.child("costs"), base.costs),
        learn: positive_span(&node.child("learn"), base.learn),
        baseline: node
            .child("baseline")
            .text()
            .map(|path| source::beside(node.file(), Path::new(&path)))
            .or_else(|| base.baseline.clone()),
        claims: claims(&node.child("claims"), &base.claims),
        mute: mute(&node.child("mute")).unwrap_or_else(|| base.mute.clone()),
        compare_with: reference::read(&node.child("compare_with"), &base.compare_with, window),
    }
}

fn mute(node: &Node<'_>) -> Option<Vec<String>> {
    let patterns = node.texts("a list of indicator patterns, as in [input.*]")?;
    for pattern in &patterns {
        if !Indicator::ALL.iter().any(|indicator| fits(pattern, indicator.name())) {
            let near = Indicator::nearest(pattern).map_or("`truthline explain` lists them", Indicator::name);
            node.refuse(format_args!("'{pattern}' fits no indicator; try {near}"));
        }
    }
    Some(patterns)
}

fn positive_span(node: &Node<'_>, base: Span) -> Span {
    let span = node.span().unwrap_or(base);
    if span == Span::ZERO || span > LONGEST {
        node.refuse("accepted: a duration above 0s, at most ten years");
        return base;
    }
    span
}

fn task(node: &Node<'_>) -> Option<Task> {
    if let Some("multiclass" | "regression" | "ranking") = node.raw().and_then(Json::as_str) {
        node.refuse("this task is not in this release; accepted: auto, binary");
        return None;
    }
    node.choice(&[("auto", Task::Auto), ("binary", Task::Binary)])
}

fn policy(node: &Node<'_>) -> Option<Policy> {
    if let Some("quorum" | "trusted-source-first") = node.raw().and_then(Json::as_str) {
        node.refuse("this policy is not in this release; accepted: last, first");
        return None;
    }
    node.choice(&[("last", Policy::Last), ("first", Policy::First)])
}

fn levels(node: &Node<'_>, base: &ModelConfig, window: Span) -> Vec<u32> {
    let child = node.child("levels");
    let wanted = child.list("a list of whole numbers, as in [1, 24, 168]", |item| {
        as_count(item).and_then(|count| u32::try_from(count).ok())
    });
    let Some(levels) = wanted else {
        // Levels that the base only derived are derived anew for another window.
        return if base.levels == default_levels(base.window) { default_levels(window) } else { base.levels.clone() };
    };
    let increasing = levels.first() == Some(&1) && levels.is_sorted_by(|one, next| one < next);
    if !increasing || levels.len() > MOST_LEVELS {
        child.refuse(format_args!(
            "accepted: at most {MOST_LEVELS} whole numbers, increasing from 1, as in [1, 24, 168]"
        ));
        return base.levels.clone();
    }
    if levels.last().is_some_and(|&level| window.times(i64::from(level)) > LONGEST) {
        child.refuse("the longest level covers more than ten years");
        return base.levels.clone();
    }
    levels
}

fn ages(node: &Node<'_>, base: &ModelConfig, label_window: Span) -> Vec<Span> {
    let child = node.child("ages");
    let wanted = child.list("a list of durations, as in [0s, 1h, 1d]", |item| match item {
        Json::String(text) => Span::parse(text).ok(),
        other => (other.as_u64() == Some(0)).then_some(Span::ZERO),
    });
    if wanted.as_ref().is_some_and(|ages| ages.is_empty() || ages.len() > MOST_AGES) {
        child.refuse(format_args!("accepted: from 1 to {MOST_AGES} durations"));
    }
    let derived = |config: &ModelConfig| default_ages().into_iter().filter(|age| *age < config.label_window).collect();
    let inherited = || {
        let untouched: Vec<Span> = derived(base);
        if base.ages == untouched { default_ages() } else { base.ages.clone() }
    };
    let mut ages: Vec<Span> = wanted.unwrap_or_else(inherited);
    ages.sort_unstable();
    ages.dedup();
    ages.retain(|age| *age < label_window);
    ages
}

fn correction(node: &Node<'_>, base: &ModelConfig, label_window: Span) -> Span {
    let child = node.child("correction_window");
    match child.span() {
        Some(span) if span <= label_window => span,
        Some(_) => {
            child.refuse(format_args!("accepted: at most `label_window`, which is {label_window}"));
            label_window
        }
        None if base.correction_window == base.label_window => label_window,
        None => base.correction_window.min(label_window),
    }
}

fn positive(node: &Node<'_>) -> Option<Truth> {
    let child = node.child("positive");
    if node.is_null_at("positive") {
        child.refuse("accepted: the label of the positive class, as in 1, true or \"fraud\"");
    }
    match child.raw()? {
        Json::Bool(flag) => Some(Truth::Number(f64::from(u8::from(*flag)))),
        Json::Number(number) => number.as_f64().map(Truth::Number),
        Json::String(text) if !text.trim().is_empty() => Some(Truth::from_text(text)),
        _ => {
            child.refuse("accepted: a number, true, false or a text");
            None
        }
    }
}

fn features(node: &Node<'_>, base: &BTreeMap<String, FeatureConfig>) -> BTreeMap<String, FeatureConfig> {
    let kinds = [("numeric", FeatureKind::Numeric), ("categorical", FeatureKind::Categorical)];
    let policies = [("allow", ValuePolicy::Allow), ("hash", ValuePolicy::Hash), ("drop", ValuePolicy::Drop)];
    let cycles = [("daily", Cycle::Daily), ("weekly", Cycle::Weekly)];
    let mut features = base.clone();
    for (name, child) in node.entries() {
        let known = features.entry(name.to_owned()).or_default();
        known.ignore = child.child("ignore").flag().unwrap_or(known.ignore);
        known.kind = child.child("type").choice(&kinds).or(known.kind);
        known.policy = child.child("policy").choice(&policies).or(known.policy);
        known.floor =
            child.child("floor").number("a share above 0 and below 1", |f| f > 0.0 && f < 1.0).or(known.floor);
        known.cyclic = child.child("cyclic").choice(&cycles).or(known.cyclic);
    }
    features
}

fn slices(node: &Node<'_>, base: &Slices) -> Slices {
    let names = "a list of feature names";
    Slices {
        auto: node.child("auto").flag().unwrap_or(base.auto),
        features: node.child("features").texts(names).or_else(|| base.features.clone()),
        pairs: node.child("pairs").flag().unwrap_or(base.pairs),
        protected: node.child("protected").texts(names).unwrap_or_else(|| base.protected.clone()),
    }
}

fn weights(node: &Node<'_>, base: Weights) -> Weights {
    let range = 1.0..=LARGEST_WEIGHT;
    Weights {
        largest: node
            .child("largest")
            .number("a number from 1 to 100", |largest| range.contains(&largest))
            .unwrap_or(base.largest),
        action: node.child("action").flag().unwrap_or(base.action),
    }
}

fn costs(node: &Node<'_>, base: Costs) -> Costs {
    let cost = |name: &str| node.child(name).number("a number from 0", |cost| cost >= 0.0);
    Costs {
        false_negative: cost("false_negative").or(base.false_negative),
        false_positive: cost("false_positive").or(base.false_positive),
        retraining: cost("retraining").or(base.retraining),
    }
}

fn claims(node: &Node<'_>, base: &BTreeMap<String, Claim>) -> BTreeMap<String, Claim> {
    let mut claims = base.clone();
    for (metric, child) in node.entries() {
        let value = child.child("value");
        if value.raw().is_none() {
            value.refuse("a claim needs its value");
        }
        if let Some(value) = value.number("a number", |_| true) {
            let claim = Claim { value, n: child.child("n").count(), trials: child.child("trials").count() };
            claims.insert(metric.to_owned(), claim);
        }
    }
    claims
}
