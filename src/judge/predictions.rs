//! Do the scores and decisions still look as they did? No label is needed to ask.

use super::budget::Family;
use super::estimated;
use super::reading::{Context, Reading, count, tested};
use super::words::{amount, before, bound, capital, out_of};
use crate::baseline::{Profile, Restless};
use crate::finding::Subject;
use crate::indicator::Indicator;
use crate::observe::looks::score_groups;
use crate::observe::{Sums, flow};
use crate::stats::distribution::{self, Part};
use crate::stats::rate::{Floor, Side, Tally, Terms};

/// Both tests of drift share one allowance.
const KEYS: usize = 2;

/// All readings of the predictions of one window.
pub(super) fn readings(context: &Context<'_>) -> Vec<Reading> {
    let Some(profile) = context.profile else { return Vec::new() };
    // What the truth would be is read by the baseline's own map and classes.
    let estimates = if context.beside.is_none() { estimated::readings(context) } else { Vec::new() };
    drift(context, profile).into_iter().chain(decisions(context, profile)).chain(estimates).collect()
}

fn drift(context: &Context<'_>, profile: &Profile) -> Option<Reading> {
    let indicator = Indicator::PredictionDrift;
    let (now, then, tops) = match context.beside {
        None => score_groups(context.sums, &profile.sums),
        // The scatter of groups is known of the baseline's.
        Some(beside) => {
            let (now, _, tops) = score_groups(context.sums, &beside.baseline.sums);
            (now, score_groups(&profile.sums, &beside.baseline.sums).0, tops)
        }
    };
    let n: u64 = now.iter().sum();
    if n < indicator.min_n() {
        return None;
    }
    let floor = indicator.floor();
    let terms = context.terms(Family::Predictions, KEYS);
    let looks = distribution::looks(now.len(), true);
    let scatter = context.scatter(terms.shared(2.0 * looks as f64), false);
    let phis = |part| scatter.of(Restless::Scores(part));
    let shift = distribution::restless_shift_test(&now, &then, true, floor, terms, phis)?;
    let psi = distribution::psi(&now, &then).unwrap_or(0.0);
    let what = match shift.part {
        Part::Cell(place) => {
            let low = if place == 0 { 0.0 } else { tops[place - 1] };
            format!("from {} to {}", bound(low), bound(tops[place]))
        }
        Part::UpTo(place) => format!("at most {}", bound(tops[place])),
    };
    let text = format!(
        "The distribution of the scores has moved: {} scores are {what}, {} (PSI {}).",
        out_of(shift.value, n),
        before(context.place(), shift.reference, "were"),
        amount(psi)
    );
    let phi = context.phi(Restless::Scores(shift.part));
    let reading = Reading::of_shift(indicator, Subject::default(), &shift, floor, (n, phi), terms);
    let again = || lasting(&(now.as_slice(), then.as_slice(), true, floor), terms, phis);
    let bet = context.bet_on((Family::Predictions, KEYS), shift.p_value, again);
    Some(reading.saying(text).with("psi", psi).with("moved", what).betting(bet, true))
}

fn decisions(context: &Context<'_>, profile: &Profile) -> Option<Reading> {
    let indicator = Indicator::DecisionRate;
    let tally = |sums: &Sums| Tally::new(count(sums.flow(flow::POSITIVE)), count(sums.flow(flow::DECIDED)));
    let (now, then) = (tally(context.sums), tally(&profile.sums));
    if then.trials < indicator.min_n() {
        return None;
    }
    let speaks = now.trials >= indicator.min_n();
    let terms = context.allowing(context.terms(Family::Predictions, KEYS), Restless::Decisions);
    let floor = Floor::Ratio(1.0 + indicator.floor());
    let test = tested(now, then, Side::Either, floor, terms, speaks)?;
    let bet = context.bet((Family::Predictions, KEYS), now, then, Side::Either, floor, terms);
    let text = format!(
        "{} decisions are positive; {}.",
        capital(&out_of(test.value, now.trials)),
        before(context.place(), test.reference, "were")
    );
    let counted = (now.trials, context.phi(Restless::Decisions));
    Some(relative(indicator, &test, counted, then, terms).saying(text).betting(bet, speaks))
}

/// The p-value of a shift that holds together with those of other windows. Looked at: counts now and then, whether their
/// cells are ordered, the floor.
pub(super) fn lasting(
    looked: &(&[u64], &[u64], bool, f64),
    terms: Terms,
    phis: impl Fn(Part) -> (f64, f64),
) -> Option<f64> {
    let &(now, then, ordered, floor) = looked;
    distribution::restless_shift_test(now, then, ordered, floor, terms.lasting(), phis).map(|shift| shift.p_value)
}

/// A reading of a test with a ratio for a floor. Effect and floor are told as differences, like those of every alert;
/// down by a factor counts as much as up by it. `counted` are the events and the factor of their interval.
pub(super) fn relative(
    indicator: Indicator,
    test: &crate::stats::rate::RateTest,
    counted: (u64, f64),
    then: Tally,
    terms: Terms,
) -> Reading {
    let factor = 1.0 + indicator.floor();
    // As the test has it: half a hit more, so that there is a ratio to nothing.
    let reference = (then.hits as f64 + 0.5) / (then.trials as f64 + 1.0);
    let floor = difference(reference, factor, test.value < test.reference);
    let reading = Reading::of_rate(indicator, Subject::default(), test, floor, counted, terms);
    let ratio = test.effect.max(f64::MIN_POSITIVE);
    let strength = libm::fabs(libm::log(ratio)) / libm::log(factor);
    let smallest_detectable = test.smallest_detectable.map(|ratio| ratio * reference - test.reference);
    Reading { strength: strength.min(1e6), smallest_detectable, ..reading }
}

/// A factor as a difference from a reference, up or down.
pub(super) fn difference(reference: f64, factor: f64, down: bool) -> f64 {
    if down { reference - reference / factor } else { reference * factor - reference }
}
