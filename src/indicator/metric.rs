//! Which metrics does `performance.degradation` compare, and how much worse is worse?

use super::FloorUnit;

/// A realised metric of a binary model that is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the published names say it")]
pub enum Metric {
    Auc,
    LogLoss,
    Brier,
    Accuracy,
    Precision,
    Recall,
    F1,
}

impl Metric {
    /// Every judged metric.
    pub const ALL: [Self; 7] =
        [Self::Auc, Self::LogLoss, Self::Brier, Self::Accuracy, Self::Precision, Self::Recall, Self::F1];

    /// The published name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auc => "auc",
            Self::LogLoss => "log_loss",
            Self::Brier => "brier",
            Self::Accuracy => "accuracy",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::F1 => "f1",
        }
    }

    /// The metric of a published name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// Whether a larger figure is a better one.
    pub const fn higher_is_better(self) -> bool {
        !matches!(self, Self::LogLoss | Self::Brier)
    }

    /// The smallest change for the worse that is worth an alert, in [`Metric::floor_unit`].
    pub const fn floor(self) -> f64 {
        match self {
            Self::Auc => 0.02,
            Self::LogLoss | Self::Brier => 0.10,
            Self::Accuracy => 0.01,
            Self::Precision | Self::Recall | Self::F1 => 0.08,
        }
    }

    /// What the floor is measured in.
    pub const fn floor_unit(self) -> FloorUnit {
        match self {
            Self::LogLoss | Self::Brier => FloorUnit::Relative,
            _ => FloorUnit::Absolute,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_known_by_their_names() {
        for metric in Metric::ALL {
            assert_eq!(Metric::from_name(metric.name()), Some(metric));
        }
    }
}
