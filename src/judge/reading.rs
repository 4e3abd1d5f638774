//! What does one look at one window say?
//!
//! A reading is a pure function of a window, a reference and the level at stake. It knows nothing of earlier windows:
//! whether it becomes an alert is decided in `lives`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::bounds::UpperBounds;
use super::budget::{Budget, Family};
use crate::baseline::Profile;
use crate::config::ModelConfig;
use crate::event::{RequestKey, Window};
use crate::finding::Subject;
use crate::indicator::Indicator;
use crate::observe::{Event, Sums};
use crate::stats::distribution::Shift;
use crate::stats::rate::{RateTest, Terms};

/// The outcome of one look.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// Which question.
    pub indicator: Indicator,
    /// About what.
    pub subject: Subject,
    /// The figure.
    pub value: f64,
    /// What it is compared with.
    pub reference: f64,
    /// Figure less reference.
    pub effect: f64,
    /// The smallest effect worth an alert, in the unit of the effect.
    pub floor: f64,
    /// How large the effect is in floors; 1 is just worth an alert. Decides severity, rank and when an alert ends.
    pub strength: f64,
    /// 95 % interval of the figure.
    pub interval: Option<[f64; 2]>,
    /// Events behind it.
    pub n: u64,
    /// Chance of this when nothing changed beyond the floor.
    pub p_value: f64,
    /// The level at which it fires.
    pub level: f64,
    /// The smallest effect that would have fired.
    pub smallest_detectable: Option<f64>,
    /// What supports it.
    pub evidence: BTreeMap<String, Json>,
    /// One sentence.
    pub text: String,
    /// A few of the predictions that it is about, where their truth is worth asking for.
    pub examples: Vec<(RequestKey, Event)>,
}

/// What a look may use.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// The window.
    pub window: Window,
    /// How many base windows it spans.
    pub multiple: u32,
    /// Its sums.
    pub sums: &'a Sums,
    /// The reference, if there is one with the same coding.
    pub profile: Option<&'a Arc<Profile>>,
    /// The model's settings.
    pub config: &'a ModelConfig,
    /// The model's allowance.
    pub budget: Budget,
    /// Single values that have an alert: they are looked at even where they have gone.
    pub alive: &'a [Subject],
    /// Bounds of the baseline's shares.
    pub bounds: &'a UpperBounds,
}

impl Context<'_> {
    /// The terms of one of `keys` tests of a family.
    pub(super) fn terms(&self, family: Family, keys: usize) -> Terms {
        Terms::at(self.budget.level(family, keys, self.multiple))
    }
}

impl Reading {
    /// A reading of a test of shares. `floor` is in the unit of the test's effect.
    pub(super) fn of_rate(
        indicator: Indicator,
        subject: Subject,
        test: &RateTest,
        floor: f64,
        n: u64,
        terms: Terms,
    ) -> Self {
        let interval = crate::stats::interval::wilson(test.value * n as f64, n as f64, 0.05);
        Self {
            indicator,
            subject,
            value: test.value,
            reference: test.reference,
            effect: test.value - test.reference,
            floor,
            strength: if floor > 0.0 { (test.value - test.reference).abs() / floor } else { 0.0 },
            interval: interval.map(|interval| [interval.low, interval.high]),
            n,
            p_value: test.p_value,
            level: terms.level,
            smallest_detectable: test.smallest_detectable,
            evidence: BTreeMap::new(),
            text: String::new(),
            examples: Vec::new(),
        }
    }

    /// A reading of a test of a distribution: its figure is the share that moved most.
    pub(super) fn of_shift(
        indicator: Indicator,
        subject: Subject,
        shift: &Shift,
        floor: f64,
        n: u64,
        terms: Terms,
    ) -> Self {
        let test = RateTest {
            p_value: shift.p_value,
            value: shift.value,
            reference: shift.reference,
            effect: shift.effect,
            smallest_detectable: None,
        };
        Self::of_rate(indicator, subject, &test, floor, n, terms)
    }

    /// The same with its sentence.
    #[must_use]
    pub(super) fn saying(mut self, text: String) -> Self {
        self.text = text;
        self
    }

    /// The same with one more piece of evidence.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.evidence.insert(name.to_owned(), value.into());
        self
    }
}

impl Reading {
    /// Whether it is past its level and worth an alert.
    pub(super) fn fires(&self) -> bool {
        self.p_value <= self.level && self.strength >= 1.0
    }
}

/// An integer count that cannot be negative here.
pub(super) fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
