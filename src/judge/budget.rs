//! At which level must one test be passed, so that a model raises no more false alarms a month than its user allows?
//!
//! The allowance is divided, each time equally: over families of indicators; within a family in two halves, one for single
//! windows, one for what windows say together; over the keys of the family (features, values, slices, metrics), and once
//! more over the references where a family is asked about several; and the first half over the levels of windows. What is left is divided over the windows of a month of 30 days. Every test is valid at its level whatever the others do, so the expected number of false alarms adds up to
//! the allowance at most. More features make each test stricter, never the model louder.

use crate::config::ModelConfig;
use crate::event::Span;

/// Kinds of question that share the allowance equally.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Missing values.
    Missing,
    /// Unseen values.
    Unseen,
    /// Single values that grow.
    Emerging,
    /// Numbers outside the baseline's range.
    Range,
    /// Distributions of features.
    Drift,
    /// Scores and decisions.
    Predictions,
    /// What the truth would be, if scores meant what they did.
    Estimates,
    /// Rate, coverage and delay of labels.
    Labels,
    /// Metrics.
    Performance,
    /// Calibration.
    Calibration,
    /// Subgroups.
    Slices,
    /// Metrics over many windows.
    Trend,
    /// Late and contradictory records.
    Plumbing,
}

impl Family {
    /// Whether its questions are asked of references beside the baseline as well.
    const fn is_asked_of_all(self) -> bool {
        match self {
            Self::Missing | Self::Range | Self::Drift | Self::Predictions | Self::Labels | Self::Performance => true,
            Self::Unseen
            | Self::Emerging
            | Self::Estimates
            | Self::Calibration
            | Self::Slices
            | Self::Trend
            | Self::Plumbing => false,
        }
    }
}

/// Number of families.
const FAMILIES: f64 = 13.0;
const MONTH: Span = Span::DAY.times(30);

/// A model's allowance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    alarms_per_month: f64,
    window: Span,
    levels: usize,
    betting: u32,
    references: usize,
}

impl Budget {
    /// `alarms_per_month` for a model with base windows of length `window` and these levels of them.
    pub fn new(alarms_per_month: f64, window: Span, levels: &[u32]) -> Self {
        // Hours follow each other: ten of one night are alike. Bets need windows that are as good as independent.
        let whole_days = levels.iter().copied().find(|&multiple| window.times(i64::from(multiple)) >= Span::DAY);
        let betting = whole_days.or_else(|| levels.last().copied()).unwrap_or(1);
        Self { alarms_per_month, window, levels: levels.len(), betting, references: 1 }
    }

    /// That of a model with its settings, for windows that are compared with so many references beside the baseline.
    pub fn of(settings: &ModelConfig, beside: usize) -> Self {
        let budget = Self::new(settings.false_alarms_per_month, settings.window, &settings.levels);
        Self { references: 1 + beside, ..budget }
    }

    /// How many base windows the windows span that bet: at least a day, where there are such.
    pub const fn betting(&self) -> u32 {
        self.betting
    }

    /// The level of one test of a family with `keys` tests in each window of `multiple` base windows.
    ///
    /// A window longer than a month counts as one a month.
    pub fn level(&self, family: Family, keys: usize, multiple: u32) -> f64 {
        self.half(family, keys) / (self.levels.max(1) as f64 * self.windows(multiple))
    }

    /// The level, a betting window, of what windows say together on one of `keys` questions; and its share of a month.
    pub fn lasting(&self, family: Family, keys: usize) -> (f64, f64) {
        let half = self.half(family, keys);
        (half / self.windows(self.betting), half)
    }

    /// Half of the month's share of one question.
    fn half(&self, family: Family, keys: usize) -> f64 {
        let references = if family.is_asked_of_all() { self.references } else { 1 };
        0.5 * self.alarms_per_month / (FAMILIES * keys.max(1) as f64 * references as f64)
    }

    /// Windows in a month.
    fn windows(&self, multiple: u32) -> f64 {
        (MONTH.micros() as f64 / (self.window.micros() as f64 * f64::from(multiple))).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_levels_of_all_tests_of_a_month_add_up_to_the_allowance() {
        let budget = Budget::new(0.1, Span::DAY, &[1, 7, 28]);
        let keys = [20, 20, 300, 20, 20, 2, 3, 4, 7, 2, 900, 7, 2];
        let mut sum = 0.0;
        for keys in keys {
            for multiple in [1, 7, 28] {
                let windows = 30.0 / f64::from(multiple);
                sum += budget.level(Family::Drift, keys, multiple) * keys as f64 * windows;
            }
            let (level, month) = budget.lasting(Family::Drift, keys);
            sum += level * keys as f64 * 30.0;
            assert!((month - 30.0 * level).abs() < 1e-15);
        }
        assert!((sum - 0.1).abs() < 1e-12, "{sum}");
    }
}
