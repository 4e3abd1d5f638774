//! Which questions does truthline ask, and what does each of them need?
//!
//! A catalogue: names, limits and explanations, no arithmetic. The judge takes its floors and minimum counts from
//! here, `truthline explain` prints them from here, and `docs/indicators.md` is held equal to it by a test; so the
//! three cannot disagree.

mod explain;
mod inputs;
mod limits;
mod metric;
mod plumbing;
mod predictions;
mod systems;
mod truth;

pub use explain::{Explanation, Status, list, page, table};
pub use limits::{EMERGING_RATIO, FloorUnit, SLICE_MIN_EXPECTED};
pub use metric::Metric;

use crate::finding::Basis;

macro_rules! indicators {
    ($($variant:ident $name:literal,)*) => {
        /// One question, by its published name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the published names say it; `explain` says the rest")]
        pub enum Indicator {
            $($variant,)*
        }

        impl Indicator {
            /// Every indicator, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The published name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

indicators! {
    InputMissingRate "input.missing_rate",
    InputUnseenValue "input.unseen_value",
    InputEmergingValue "input.emerging_value",
    InputOutOfRange "input.out_of_range",
    InputUnseenPair "input.unseen_pair",
    InputDrift "input.drift",
    InputJointDrift "input.joint_drift",
    InputEmbeddingDrift "input.embedding_drift",
    InputType "input.type",
    InputVolume "input.volume",
    InputStaleness "input.staleness",
    InputLate "input.late",
    PredictionDrift "prediction.drift",
    DecisionRate "decision.rate",
    NoveltyRate "novelty.rate",
    NoveltyConfident "novelty.confident",
    ServingLatency "serving.latency",
    LabelRate "label.rate",
    LabelPriorEstimate "label.prior_estimate",
    LabelDelay "label.delay",
    LabelCoverage "label.coverage",
    LabelSourceDisagreement "label.source_disagreement",
    LabelSourceNewHeavy "label.source_new_heavy",
    LabelConflict "label.conflict",
    CalibrationIntercept "calibration.intercept",
    CalibrationSlope "calibration.slope",
    CalibrationEce "calibration.ece",
    CalibrationLocal "calibration.local",
    PerformanceDegradation "performance.degradation",
    PerformanceEstimated "performance.estimated",
    ConceptDrift "concept.drift",
    TemporalTrend "temporal.trend",
    ImbalanceRecallCollapse "imbalance.recall_collapse",
    SliceErrorRate "slice.error_rate",
    BoundaryFlipRate "boundary.flip_rate",
    BoundaryMass "boundary.mass",
    CostAsymmetry "cost.asymmetry",
    BusinessValue "business.value",
    GapGeneralisation "gap.generalisation",
    LeakageLabelBeforePrediction "leakage.label_before_prediction",
    LeakageMiGap "leakage.mi_gap",
    LeakageTooGood "leakage.too_good",
    SpuriousFeature "spurious.feature",
    FeedbackActionEffect "feedback.action_effect",
    FeedbackThresholdJump "feedback.threshold_jump",
    FeedbackLabelCoverage "feedback.label_coverage",
    FeedbackIpwGap "feedback.ipw_gap",
    FeedbackEchoRate "feedback.echo_rate",
    AdversarialBunching "adversarial.bunching",
    AdversarialRetryToPass "adversarial.retry_to_pass",
    PipelineConditionalError "pipeline.conditional_error",
    PipelineAttribution "pipeline.attribution",
    RecommenderNarrowing "recommender.narrowing",
    JoinConflict "join.conflict",
    JoinOrphans "join.orphans",
    JoinPartitioning "join.partitioning",
    PipelineGap "pipeline.gap",
    PipelineNoData "pipeline.no_data",
}

impl Indicator {
    /// The indicator of a published name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|indicator| indicator.name() == name)
    }

    /// The published name most like `name`, if one is like it at all.
    pub fn nearest(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .map(|indicator| (strsim::jaro_winkler(name, indicator.name()), indicator))
            .max_by(|(one, _), (other, _)| one.total_cmp(other))
            .filter(|(likeness, _)| *likeness > 0.8)
            .map(|(_, indicator)| indicator)
    }

    /// Which stream it stands on, and so which clock makes it final.
    pub const fn basis(self) -> Basis {
        match self {
            Self::InputMissingRate
            | Self::InputUnseenValue
            | Self::InputEmergingValue
            | Self::InputOutOfRange
            | Self::InputUnseenPair
            | Self::InputDrift
            | Self::InputJointDrift
            | Self::InputEmbeddingDrift
            | Self::InputType
            | Self::InputVolume
            | Self::InputStaleness
            | Self::InputLate => Basis::Inputs,
            Self::PredictionDrift
            | Self::DecisionRate
            | Self::NoveltyRate
            | Self::NoveltyConfident
            | Self::ServingLatency
            | Self::LabelPriorEstimate
            | Self::PerformanceEstimated
            | Self::BoundaryFlipRate
            | Self::BoundaryMass
            | Self::AdversarialBunching
            | Self::AdversarialRetryToPass
            | Self::RecommenderNarrowing => Basis::Predictions,
            Self::BusinessValue => Basis::Business,
            Self::JoinConflict
            | Self::JoinOrphans
            | Self::JoinPartitioning
            | Self::PipelineGap
            | Self::PipelineNoData => Basis::Pipeline,
            _ => Basis::Labels,
        }
    }

    /// Whether this release computes it.
    pub fn is_active(self) -> bool {
        self.explain().status == Status::Active
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_indicator_has_exactly_one_explanation_and_one_name() {
        let names: std::collections::BTreeSet<&str> = Indicator::ALL.iter().map(|one| one.name()).collect();
        assert_eq!(names.len(), Indicator::ALL.len());
        for &indicator in Indicator::ALL {
            let entries = explain::entries().filter(|entry| entry.indicator == indicator).count();
            assert_eq!(entries, 1, "{}", indicator.name());
            assert_eq!(Indicator::from_name(indicator.name()), Some(indicator));
        }
    }

    #[test]
    fn an_active_indicator_has_a_floor_and_a_minimum() {
        for &indicator in Indicator::ALL {
            let limits = indicator.floor() > 0.0 && indicator.min_n() > 0;
            assert_eq!(limits, indicator.is_active(), "{}", indicator.name());
        }
    }

    #[test]
    fn a_slip_of_the_pen_finds_its_indicator() {
        for (typed, meant) in [
            ("input.missing", Indicator::InputMissingRate),
            ("inputs.drift", Indicator::InputDrift),
            ("slice.eror_rate", Indicator::SliceErrorRate),
            ("calibration.slop", Indicator::CalibrationSlope),
        ] {
            assert_eq!(Indicator::nearest(typed), Some(meant), "{typed}");
        }
        assert_eq!(Indicator::nearest("42"), None);
    }
}
