//! What is known of a model from a good time?

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::dispersion::{Dispersion, Figures};
use crate::event::{EventTime, value_hash};
use crate::observe::{Coding, Layout, Recalibration, Statistic, Sums, truth};

/// Where a profile comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Built from files.
    Files,
    /// Learnt from the first days of the stream.
    Learnt,
    /// Taken over from another version of the model.
    Inherited {
        /// Which version it describes.
        from: String,
    },
}

/// Values of a feature that were met once, or on one day only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Strangers {
    /// Their rows: values that were never seen are about as frequent as they (Good and Turing).
    pub rows: i64,
    /// The largest share that one of them had on its day; 0 where none had five rows.
    pub largest: f64,
}

/// A feature that is not watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Which.
    pub feature: String,
    /// Why: `id`, `date`, `counter`, `ignored`, `no values`, `too many features`.
    pub reason: String,
}

/// The profile of one model and version.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The model.
    pub model: String,
    /// The version.
    pub version: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Rows that it stands on.
    pub rows: u64,
    /// Rows that were seen; more than `rows` when it is a sample.
    pub seen: u64,
    /// First and last event time of the rows.
    pub span: Option<(EventTime, EventTime)>,
    /// How features become codes.
    pub coding: Coding,
    /// The places of the sums.
    pub layout: Arc<Layout>,
    /// What a score meant.
    pub map: Recalibration,
    /// The sums over the rows.
    pub sums: Sums,
    /// Of each feature, the values that came and went.
    pub strangers: Vec<Strangers>,
    /// Features that are not watched.
    pub left_out: Vec<LeftOut>,
    /// Where the figures of [`Profile::dispersion`] stand.
    pub figures: Figures,
    /// How restless the figures are from window to window, by length of window; empty where the rows do not tell.
    pub dispersion: Vec<Dispersion>,
}

impl Profile {
    /// Labelled rows.
    pub fn labelled(&self) -> i64 {
        self.sums.labelled_rows()
    }

    /// Positive and negative labels, each with the weight of its row.
    pub fn classes(&self) -> (i64, i64) {
        let positive = self.sums.truth(truth::POSITIVE);
        (positive, self.sums.truth(truth::N) - positive)
    }

    /// Score bins of negative and positive labels.
    pub fn truth_bins(&self) -> (&[i64], &[i64]) {
        (self.sums.get(Statistic::Negatives), self.sums.get(Statistic::Positives))
    }

    /// A number for what codes and scores mean by it: equal for profiles whose sums add.
    pub fn meaning(&self) -> u64 {
        let features =
            self.coding.features().iter().map(|feature| format!("{} {:?}\n", feature.name(), feature.kind()));
        let scores = self.map.all().iter().map(|e| format!("{:x}\n", e.to_bits()));
        value_hash(&features.chain(scores).collect::<String>())
    }

    /// The same profile for another version.
    #[must_use]
    pub fn inherited_by(&self, version: &str) -> Self {
        let from = match &self.origin {
            Origin::Inherited { from } => from.clone(),
            Origin::Files | Origin::Learnt => self.version.clone(),
        };
        Self { version: version.to_owned(), origin: Origin::Inherited { from }, ..self.clone() }
    }
}
