//! What does a user say about the labels of a model?

use serde::Deserialize;

use crate::event::{Span, Truth};

/// What silence means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// Every class arrives as a label; a row without one is never labelled.
    #[default]
    Explicit,
    /// Only positives arrive; a row without a label at the end of its label window is negative.
    ImplicitNegative,
}

/// Which of several labels of a row stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The greatest by (revision, event time, content).
    #[default]
    Last,
    /// The smallest by the same order.
    First,
}

/// The rules of one model. They hold for as long as the model has rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// How long after its prediction a label may come (W).
    pub label_window: Span,
    /// How long before its prediction a label may come (E).
    pub early: Span,
    /// How long after the prediction labels may still correct each other (C); beyond W it changes nothing.
    pub corrections: Span,
    /// What silence means.
    pub regime: Regime,
    /// Which of several labels stands.
    pub policy: Policy,
    /// The value that means yes.
    pub positive: Truth,
}

impl Rules {
    /// Whether a label's value means yes; `None` when it is neither the positive nor a negative class.
    ///
    /// Where the positive class is the number 1, only 0 and -1 are negative: a 2 is then a mistake rather than a no.
    /// Where it is anything else, every other value is negative.
    pub fn truth(&self, value: Truth) -> Option<bool> {
        let is = |other: Truth| value.bits() == other.bits();
        if is(self.positive) {
            return Some(true);
        }
        let plain = self.positive.bits() == Truth::Number(1.0).bits();
        let negative = !plain || is(Truth::Number(0.0)) || is(Truth::Number(-1.0));
        negative.then_some(false)
    }
}
