//! Who gets how much of a model's allowance, and what could each question see at the model's traffic?
//!
//! Nothing is computed apart: a window is made up that looks like the baseline and has as many rows as a window of
//! production, and the judge takes its usual look at it. Each reading then says its level and the smallest effect that
//! it would have found.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bounds::UpperBounds;
use super::budget::Budget;
use super::delays::Delays;
use super::reading::{Context, Lessons, Reading};
use super::{calibration, inputs, labels, lateness, performance, plumbing, predictions, slices, trend};
use crate::baseline::Profile;
use crate::config::ModelConfig;
use crate::event::{EventTime, Span, Window};
use crate::indicator::Indicator;
use crate::observe::{Coding, Layout, Sums, truth};

/// One indicator at one level of windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// Which.
    pub indicator: Indicator,
    /// Base windows a window.
    pub multiple: u32,
    /// Questions that could be asked.
    pub questions: usize,
    /// The level of each.
    pub level: f64,
    /// The level, a window, of what windows say together; `None` where they do not bet.
    pub together: Option<f64>,
    /// The smallest floor of them, as a difference.
    pub floor: f64,
    /// The smallest effects that would be found: of the best question, of the median one, of the worst; `None` where one
    /// would find nothing, however large.
    pub smallest: [Option<f64>; 3],
}

/// What each indicator could see in windows of a model with `rows` predictions a base window.
pub fn outlook(config: &ModelConfig, profile: &Arc<Profile>, rows: u64) -> Vec<Outlook> {
    let bounds = UpperBounds::default();
    let mut found = Vec::new();
    let (delays, learnt_until) = first_windows(config, profile, rows);
    for &multiple in &config.levels {
        let factor = rows as f64 * f64::from(multiple) / (profile.rows.max(1)) as f64;
        let mut sums = profile.sums.scaled(factor);
        delayed(&mut sums);
        let start = EventTime::default() + learnt_until;
        let context = Context {
            window: Window { start, end: start + config.window.times(i64::from(multiple)) },
            multiple,
            sums: &sums,
            profile: Some(profile),
            config,
            budget: Budget::of(config, config.compare_with.len()),
            alive: &[],
            living: None,
            bounds: &bounds,
            learnt: Lessons::None,
            beside: None,
        };
        let mut readings = inputs::readings(&context);
        readings.extend(predictions::readings(&context));
        readings.extend(plumbing::readings(&context));
        readings.extend(labels::readings(&context, Some(labels::coverage(&context))));
        readings.extend(delays.learnt().and_then(|first| lateness::delay(&context, first)));
        readings.extend(performance::readings(&context));
        readings.extend(calibration::readings(&context));
        readings.extend(slices::readings(&context));
        readings.extend(trend::outlook(&context));
        let mut by_indicator: BTreeMap<Indicator, Vec<Reading>> = BTreeMap::new();
        for reading in readings.into_iter().filter(|reading| reading.speaks) {
            by_indicator.entry(reading.indicator).or_default().push(reading);
        }
        found.extend(by_indicator.into_iter().map(|(indicator, readings)| of(indicator, multiple, &readings)));
    }
    found.sort_by_key(|one| (one.indicator, one.multiple));
    found
}

/// Labels that come after a day: which delays there are has no say in what could be seen.
fn delayed(sums: &mut Sums) {
    // How long a label took is counted by rows.
    let (labelled, positives) = (sums.labelled_rows(), sums.rows(truth::POSITIVE));
    for (positive, labels) in [(true, positives), (false, labelled - positives)] {
        // Half of them a day later, a tenth of them two.
        for (share, days) in [(0.5, 1), (0.4, 2), (0.1, 3)] {
            let labels = libm::rint(labels as f64 * share) as i64;
            sums.delayed(None, Span::DAY.times(days).micros(), positive, labels);
        }
    }
}

/// The first mature windows of a stream with so many predictions a base window, and how long they last.
fn first_windows(config: &ModelConfig, profile: &Profile, rows: u64) -> (Delays, Span) {
    let factor = rows as f64 / profile.rows.max(1) as f64;
    let mut sums = Sums::new(Arc::new(Layout::new(&Coding::default())));
    for place in [truth::N, truth::POSITIVE, truth::EXTRA + truth::N, truth::EXTRA + truth::POSITIVE] {
        sums.add_truth(place, libm::rint(profile.sums.truth(place) as f64 * factor) as i64);
    }
    sums.add_truth(truth::CLOSED, rows as i64);
    delayed(&mut sums);
    let mut delays = Delays::default();
    let mut at = Span::ZERO;
    while delays.learnt().is_none() && at < Span::DAY.times(10_000) {
        let start = EventTime::default() + at;
        delays.add(Window { start, end: start + config.window }, &sums, config.learn);
        at = at + config.window;
    }
    (delays, at)
}

fn of(indicator: Indicator, multiple: u32, readings: &[Reading]) -> Outlook {
    let mut effects: Vec<f64> =
        readings.iter().map(|reading| reading.smallest_detectable.map_or(f64::INFINITY, f64::abs)).collect();
    effects.sort_by(f64::total_cmp);
    let at = |place: usize| effects.get(place).copied().filter(|effect| effect.is_finite());
    let last = readings.len().saturating_sub(1);
    let least = |of: &dyn Fn(&Reading) -> f64| readings.iter().map(of).fold(f64::INFINITY, f64::min);
    Outlook {
        indicator,
        multiple,
        questions: readings.len(),
        level: least(&|reading| reading.level),
        together: readings.iter().find_map(|reading| reading.bet).map(|bet| bet.level),
        floor: least(&|reading| reading.floor),
        smallest: [at(0), at(last / 2), at(last)],
    }
}
