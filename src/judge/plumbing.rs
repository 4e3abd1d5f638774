//! Is what arrives sound: in time, without contradictions, and do labels find their predictions?
//!
//! These questions need no baseline: their null hypothesis is "no more than the floor".

use serde::{Deserialize, Serialize};

use super::budget::{Budget, Family};
use super::reading::{Context, Reading, count};
use super::words::{capital, out_of};
use crate::finding::Subject;
use crate::indicator::Indicator;
use crate::observe::flow;
use crate::stats::rate::{Tally, Terms, rate_above};

const KEYS: usize = 2;

/// Late and contradictory inferences of one window of a model.
pub(super) fn readings(context: &Context<'_>) -> Vec<Reading> {
    let terms = context.terms(Family::Plumbing, KEYS);
    let accepted = count(context.sums.flow(flow::N));
    let late = count(context.sums.flow(flow::LATE));
    let conflict = count(context.sums.flow(flow::CONFLICT));
    let mut readings = Vec::new();
    if let Some(reading) = above(Indicator::InputLate, Tally::new(late, accepted + late), terms) {
        let text = format!(
            "{} inferences came later than `out_of_order` allows and were not counted.",
            capital(&out_of(reading.value, reading.n))
        );
        readings.push(reading.saying(text));
    }
    if let Some(reading) = above(Indicator::JoinConflict, Tally::new(conflict, accepted + conflict), terms) {
        let text = format!(
            "{} inferences repeat the id of another one with a different content; the first one counts.",
            capital(&out_of(reading.value, reading.n))
        );
        readings.push(reading.saying(text));
    }
    readings
}

/// What the pipeline counts of labels in one window of their own event time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelFlow {
    /// Labels read in time.
    pub read: i64,
    /// Labels that never met a prediction.
    pub orphan: i64,
    /// Labels behind the watermark of their own partition, counted where the partition stood.
    pub late: i64,
}

/// Labels without a prediction, in one window of the pipeline.
pub(super) fn orphans(flow: LabelFlow, budget: Budget) -> Option<Reading> {
    let terms = Terms::at(budget.level(Family::Plumbing, KEYS, 1));
    let reading = above(Indicator::JoinOrphans, Tally::new(count(flow.orphan), count(flow.read)), terms)?;
    let text = format!(
        "{} labels belong to no prediction that was counted: ids may differ, or predictions may be late or missing.",
        capital(&out_of(reading.value, reading.n))
    );
    Some(reading.saying(text))
}

/// Labels that came too late to be counted, in one window of the pipeline.
pub(super) fn late_labels(flow: LabelFlow, budget: Budget) -> Option<Reading> {
    let terms = Terms::at(budget.level(Family::Plumbing, KEYS, 1));
    let reading = above(Indicator::InputLate, Tally::new(count(flow.late), count(flow.read + flow.late)), terms)?;
    let text = format!(
        "{} labels came later than `out_of_order` of their topic allows and were not counted.",
        capital(&out_of(reading.value, reading.n))
    );
    let subject = Subject { source: Some("labels".to_owned()), ..Subject::default() };
    Some(Reading { subject, ..reading.saying(text) })
}

fn above(indicator: Indicator, tally: Tally, terms: Terms) -> Option<Reading> {
    if tally.trials < indicator.min_n() {
        return None;
    }
    let test = rate_above(tally, indicator.floor(), terms)?;
    // How restless the plumbing is, nothing has measured.
    let reading = Reading::of_rate(indicator, Subject::default(), &test, indicator.floor(), (tally.trials, 1.0), terms);
    // The reference is that there be none, and the limit is the floor itself.
    let limit = indicator.floor();
    Some(Reading {
        reference: 0.0,
        effect: test.value,
        strength: test.value / limit,
        smallest_detectable: test.smallest_detectable.map(|beyond| beyond + limit),
        ..reading
    })
}
