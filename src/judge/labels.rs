//! Does the truth still come as often, and say yes as often, as it did?

use super::budget::Family;
use super::predictions::relative;
use super::reading::{Context, Reading, count};
use super::words::{before, capital, out_of, percent};
use crate::finding::Subject;
use crate::indicator::Indicator;
use crate::join::Regime;
use crate::observe::truth;
use crate::stats::rate::{Floor, Side, Tally, rate_test};

/// Both tests of this room share one allowance.
const KEYS: usize = 2;

/// All readings of the labels of one mature window. `coverage` is the tally of labelled among closed rows in the first
/// mature windows of the stream, once they span the time that a baseline is learnt in.
pub(super) fn readings(context: &Context<'_>, coverage: Option<Tally>) -> Vec<Reading> {
    rate(context).into_iter().chain(coverage.and_then(|first| covered(context, first))).collect()
}

fn rate(context: &Context<'_>) -> Option<Reading> {
    let indicator = Indicator::LabelRate;
    let profile = context.profile?;
    let (positive, negative) = profile.classes();
    let then = Tally::new(count(positive), count(positive + negative));
    let now = Tally::new(count(context.sums.truth(truth::POSITIVE)), count(context.sums.truth(truth::N)));
    if now.trials < indicator.min_n() || then.trials < indicator.min_n() {
        return None;
    }
    let terms = context.terms(Family::Labels, KEYS);
    let test = rate_test(now, then, Side::Either, Floor::Ratio(1.0 + indicator.floor()), terms)?;
    let text = format!(
        "{} labels are positive; {}.",
        capital(&out_of(test.value, now.trials)),
        before(test.reference, "were")
    );
    Some(relative(indicator, &test, now.trials, then, terms).saying(text))
}

/// The tally of labelled among closed rows.
pub(super) fn coverage(context: &Context<'_>) -> Tally {
    let closed = count(context.sums.truth(truth::CLOSED));
    Tally::new(closed.saturating_sub(count(context.sums.truth(truth::NEVER))), closed)
}

fn covered(context: &Context<'_>, first: Tally) -> Option<Reading> {
    let indicator = Indicator::LabelCoverage;
    let now = coverage(context);
    // Where silence means no, nothing is ever missing.
    if context.config.labels == Regime::ImplicitNegative || now.trials < indicator.min_n() {
        return None;
    }
    let floor = indicator.floor();
    let terms = context.terms(Family::Labels, KEYS);
    let test = rate_test(now, first, Side::Lower, Floor::Difference(floor), terms)?;
    let text = format!(
        "{} predictions have a label although their label window has passed; in the first windows {} had one.",
        capital(&out_of(test.value, now.trials)),
        percent(test.reference)
    );
    Some(Reading::of_rate(indicator, Subject::default(), &test, floor, now.trials, terms).saying(text))
}
