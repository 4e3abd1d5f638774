//! How much data does a question need, and how large must an effect be to be worth an alert?
//!
//! The floor is part of the null hypothesis, not a filter after the test: "beyond the floor" is what is tested.

use std::fmt;

use super::Indicator;

/// `input.emerging_value` also asks that the value's share is more than this many times its share on the baseline.
pub const EMERGING_RATIO: f64 = 5.0;
/// `slice.error_rate` passes over a slice with fewer expected errors or positives than this.
pub const SLICE_MIN_EXPECTED: f64 = 5.0;

/// What a floor is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloorUnit {
    /// A difference of two shares in [0, 1]; printed in percentage points.
    Points,
    /// A share of the reference; printed in percent.
    Relative,
    /// The figure's own unit.
    Absolute,
}

/// A floor with its unit, as text.
pub(super) struct FloorText(pub f64, pub FloorUnit);

impl fmt::Display for FloorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Three decimals of a percentage are more than any floor has.
        let percent = (self.0 * 100_000.0).round() / 1_000.0;
        match self.1 {
            FloorUnit::Points if percent.to_bits() == 1.0_f64.to_bits() => f.write_str("1 percentage point"),
            FloorUnit::Points => write!(f, "{percent} percentage points"),
            FloorUnit::Relative => write!(f, "{percent} % of the reference"),
            FloorUnit::Absolute => write!(f, "{}", self.0),
        }
    }
}

impl Indicator {
    /// The smallest effect worth an alert, in [`Indicator::floor_unit`]; 0 for an indicator that is not computed.
    ///
    /// `performance.degradation` has one for each metric ([`super::Metric::floor`]); here stands that of the AUC.
    pub const fn floor(self) -> f64 {
        match self {
            Self::InputMissingRate | Self::InputOutOfRange | Self::InputEmergingValue => 0.005,
            Self::InputUnseenValue | Self::JoinConflict => 0.001,
            Self::InputDrift | Self::PredictionDrift | Self::LabelDelay => 0.05,
            Self::InputLate | Self::JoinOrphans => 0.01,
            Self::LabelCoverage => 0.10,
            Self::DecisionRate | Self::SliceErrorRate => 0.25,
            Self::LabelRate | Self::LabelPriorEstimate | Self::CalibrationIntercept => 0.20,
            Self::CalibrationSlope => 0.12,
            Self::PerformanceDegradation | Self::TemporalTrend => super::Metric::Auc.floor(),
            Self::PerformanceEstimated => super::Metric::Brier.floor(),
            _ => 0.0,
        }
    }

    /// What the floor is measured in.
    pub const fn floor_unit(self) -> FloorUnit {
        match self {
            Self::DecisionRate
            | Self::LabelRate
            | Self::LabelPriorEstimate
            | Self::PerformanceEstimated
            | Self::SliceErrorRate => FloorUnit::Relative,
            Self::CalibrationIntercept
            | Self::CalibrationSlope
            | Self::PerformanceDegradation
            | Self::TemporalTrend => FloorUnit::Absolute,
            _ => FloorUnit::Points,
        }
    }

    /// How many events a window must hold before the indicator speaks; 0 for one that is not computed.
    pub const fn min_n(self) -> u64 {
        match self {
            Self::InputMissingRate
            | Self::InputUnseenValue
            | Self::InputEmergingValue
            | Self::InputOutOfRange
            | Self::InputDrift
            | Self::InputLate
            | Self::PredictionDrift
            | Self::DecisionRate
            | Self::LabelRate
            | Self::LabelCoverage
            | Self::LabelDelay
            | Self::SliceErrorRate
            | Self::JoinConflict
            | Self::JoinOrphans => 50,
            Self::CalibrationIntercept
            | Self::CalibrationSlope
            | Self::PerformanceDegradation
            | Self::TemporalTrend
            | Self::LabelPriorEstimate
            | Self::PerformanceEstimated => 200,
            _ => 0,
        }
    }

    /// How many of those events must be positive labels.
    pub const fn min_positives(self) -> u64 {
        match self {
            Self::CalibrationIntercept
            | Self::CalibrationSlope
            | Self::PerformanceDegradation
            | Self::TemporalTrend => 20,
            _ => 0,
        }
    }
}
