//! Do eight in ten of the cases given 0.8 still occur?
//!
//! Not "is the model calibrated", but "has its calibration moved": scores are first recalibrated on the baseline, and
//! a line `logit P = a + b logit e` is fitted over the score bins of the window. On the baseline itself a is 0 and b is
//! 1, each with an error that is part of the test.

use super::budget::Family;
use super::performance::speaks;
use super::reading::{Context, Reading, count};
use super::words::{amount, many};
use crate::baseline::{Profile, Restless};
use crate::finding::Subject;
use crate::indicator::Indicator;
use crate::observe::metrics::forecasts;
use crate::observe::truth;
use crate::stats::calibration_test::{offset_test, slope_test};
use crate::stats::recalibration::{Recalibration, recalibrate, recalibrate_offset};

/// All readings of the calibration of one mature window.
pub(super) fn readings(context: &Context<'_>) -> Vec<Reading> {
    let Some(profile) = context.profile else { return Vec::new() };
    if !speaks(context.sums) || !speaks(&profile.sums) {
        return Vec::new();
    }
    intercept(context, profile).into_iter().chain(slope(context, profile)).collect()
}

/// The line of a window against the baseline: offset with slope 1, and slope, each with its standard error as if rows were
/// independent and with the factor by which it scatters more.
pub(super) fn line(context: &Context<'_>) -> Option<[(f64, f64, f64); 2]> {
    let profile = context.profile?;
    let bins = forecasts(context.sums, &profile.map);
    let offset = recalibrate_offset(&bins)?;
    let line = recalibrate(&bins)?;
    Some([
        (offset.offset, offset.variance.sqrt(), context.phi(Restless::Offset)),
        (line.slope, line.slope_variance.sqrt(), context.phi(Restless::Slope)),
    ])
}

/// `error` is the standard error of independent rows, `phi` the factor by which the figure scatters more.
fn reading(indicator: Indicator, value: f64, (error, phi): (f64, f64), reference: f64, p_value: f64) -> Reading {
    let floor = indicator.floor();
    let effect = value - reference;
    let reach = 1.959_963_984_540_054 * error * phi.sqrt();
    Reading {
        indicator,
        subject: Subject::default(),
        value,
        reference,
        effect,
        floor,
        strength: effect.abs() / floor,
        interval: Some([value - reach, value + reach]),
        n: 0,
        phi,
        is_share: false,
        p_value,
        level: 0.0,
        smallest_detectable: None,
        evidence: std::collections::BTreeMap::new(),
        text: String::new(),
        examples: Vec::new(),
        bet: None,
        speaks: true,
    }
}

fn intercept(context: &Context<'_>, profile: &Profile) -> Option<Reading> {
    let indicator = Indicator::CalibrationIntercept;
    let terms = context.allowing(context.terms(Family::Calibration, 2), Restless::Offset);
    let bins = forecasts(context.sums, &profile.map);
    let own = recalibrate_offset(&forecasts(&profile.sums, &profile.map))?;
    let test = offset_test(&bins, own.variance.sqrt(), indicator.floor(), terms)?;
    let fitted = recalibrate_offset(&bins)?;
    let phi = context.phi(Restless::Offset);
    let n = count(context.sums.labelled_rows());
    let text = format!(
        "{} of {} labelled predictions are positive; the scores, as the baseline reads them, promised {}.",
        many(test.observed),
        many(n),
        amount(test.expected)
    );
    let reading = Reading {
        n: count(context.sums.truth(truth::N)),
        level: terms.level,
        smallest_detectable: Some(test.smallest_detectable),
        text,
        bet: context.bet_on((Family::Calibration, 2), test.p_value, || Some(test.lasting)),
        ..reading(indicator, fitted.offset, (fitted.variance.sqrt(), phi), 0.0, test.p_value)
    };
    Some(reading.of_rows(n))
}

fn slope(context: &Context<'_>, profile: &Profile) -> Option<Reading> {
    let indicator = Indicator::CalibrationSlope;
    let terms = context.allowing(context.terms(Family::Calibration, 2), Restless::Slope);
    let own: Recalibration = recalibrate(&forecasts(&profile.sums, &profile.map))?;
    let bins = forecasts(context.sums, &profile.map);
    let test = slope_test(&bins, &own, indicator.floor(), terms)?;
    let again = || slope_test(&bins, &own, indicator.floor(), terms.lasting()).map(|test| test.p_value);
    let kind = if test.effect < 0.0 { "more extreme" } else { "more timid" };
    let text = format!(
        "The scores are {kind} than the truth bears out: the calibration slope is {}, on the baseline it was {}.",
        amount(test.window.slope),
        amount(own.slope)
    );
    let error = (test.window.slope_variance.sqrt(), context.phi(Restless::Slope));
    let reading = Reading {
        n: count(context.sums.truth(truth::N)),
        level: terms.level,
        smallest_detectable: Some(test.smallest_detectable),
        text,
        bet: context.bet_on((Family::Calibration, 2), test.p_value, again),
        ..reading(indicator, test.window.slope, error, own.slope, test.p_value)
    };
    Some(reading.of_rows(count(context.sums.labelled_rows())))
}
