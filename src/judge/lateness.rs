//! Do labels come later than they did at first?
//!
//! Two questions. Of a window whose labels are complete: how many of them took longer than the delay that half, or nine in
//! ten, of the first labels of their class had not exceeded? Classes are asked apart, so that more positives are no delay.
//! Of a window that is still young: have as many of its rows a label as the first windows had at that age? Both are exact
//! tests of counts against counts, and allow for the scatter that the first windows showed.

use super::budget::Family;
use super::delays::{First, Point, Scatter, block};
use super::labels::KEYS;
use super::reading::{Context, MISSED, Reading, count, tested};
use super::words::{amount, capital, out_of, percent};
use crate::event::{EventTime, Span};
use crate::finding::Subject;
use crate::indicator::Indicator;
use crate::join::Regime;
use crate::observe::{DELAY_KINDS, Sums, delay_bin, delay_kind, delay_start, flow};
use crate::stats::dispersion::{Shown, Windows};
use crate::stats::rate::{Floor, Side, Tally, Terms, rate_p_value};

/// Both points of both classes.
const LOOKS: f64 = 4.0;
/// A share of rows with a label below this is not worth comparing yet.
const EXPECTED_LEAST: f64 = 0.05;

/// The terms of a test of `now` rows where windows of `usual` rows have shown a scatter.
fn allowing(context: &Context<'_>, terms: Terms, scatter: Scatter, now: u64, usual: f64) -> Terms {
    let (window, first) = phis(context, terms.level, scatter, now, usual);
    terms.with_phis(window, first)
}

/// The factors of the window and of the first ones, for a bound that may fail with the chance of `level`.
fn phis(context: &Context<'_>, level: f64, scatter: Scatter, now: u64, usual: f64) -> (f64, f64) {
    // A scatter that hides behind few rows shows with many.
    let scale = if usual > 0.0 { (now as f64 / usual).max(1.0) } else { 1.0 };
    let windows = Windows { factor: scatter.factor(), degrees: scatter.degrees };
    let of = |scale| context.bounds.scatter(Shown { windows, again: None, calm: 0.5, scale }, level);
    (of(scale), of(1.0))
}

/// How much later the labels of one mature window came. Windows shorter than a block are not asked: their labels follow
/// the time of day.
pub(super) fn delay(context: &Context<'_>, first: &First) -> Option<Reading> {
    let indicator = Indicator::LabelDelay;
    let blocks = context.window.length().micros() / block(context.base_length()).micros();
    if blocks < 1 || context.window.start < first.until {
        return None;
    }
    let share = (Family::Labels, KEYS);
    let terms_of = |point: &Point, now: Tally| {
        let terms = context.terms(share.0, share.1).shared(LOOKS);
        allowing(context, terms, point.scatter, now.trials / blocks.unsigned_abs(), point.usual)
    };
    let floor = Floor::Difference(indicator.floor());
    let mut worst: Option<(Reading, &Point)> = None;
    for point in &first.points {
        let (now, then) = (later(context.sums, point), Tally::new(point.late[0], point.late[1]));
        let speaks = now.trials >= indicator.min_n();
        let terms = terms_of(point, now);
        let Some(test) = tested(now, then, Side::Higher, floor, terms, speaks) else { continue };
        let (phi, _) = phis(context, MISSED, point.scatter, now.trials / blocks.unsigned_abs(), point.usual);
        let counted = (now.trials, phi);
        let reading = Reading::of_rate(indicator, Subject::default(), &test, indicator.floor(), counted, terms);
        let reading = Reading {
            p_value: (test.p_value * LOOKS).min(1.0),
            level: terms.level * LOOKS,
            // Earlier is no trouble.
            strength: if reading.effect > 0.0 { reading.strength } else { 0.0 },
            speaks,
            ..reading
        };
        let rank = |reading: &Reading| (!reading.speaks, reading.p_value, -reading.strength);
        if worst.as_ref().is_none_or(|(other, _)| rank(&reading) < rank(other)) {
            worst = Some((reading, point));
        }
    }
    let (reading, point) = worst?;
    // The smallest of the four, that holds together with those of other windows.
    let lasting = || {
        let of = |point: &Point| {
            let (now, then) = (later(context.sums, point), Tally::new(point.late[0], point.late[1]));
            (now.trials >= indicator.min_n())
                .then(|| rate_p_value(now, then, Side::Higher, floor, terms_of(point, now).lasting()))?
        };
        first.points.iter().filter_map(of).reduce(f64::min).map(|p_value| (p_value * LOOKS).min(1.0))
    };
    let p_value = if reading.speaks { reading.p_value } else { 1.0 };
    let (bet, speaks) = (context.bet_on(share, p_value, lasting), reading.speaks);
    Some(told(reading, point).betting(bet, speaks))
}

/// Labels of a point's class that came later than it.
fn later(sums: &Sums, point: &Point) -> Tally {
    let of = |from: usize| -> u64 {
        let kinds = [false, true].map(|flagged| delay_kind(point.positive, flagged));
        count(kinds.iter().flat_map(|&kind| &sums.delays(kind)[from..]).sum())
    };
    Tally::new(of(point.bin), of(0))
}

fn told(reading: Reading, point: &Point) -> Reading {
    let class = if point.positive { "positive" } else { "negative" };
    let than = delay_start(point.bin);
    let text = format!(
        "{} {class} labels came later than {} after their prediction; in the first windows {} did.",
        capital(&out_of(reading.value, reading.n)),
        long(than),
        percent(reading.reference)
    );
    reading.with("class", class).with("quantile", point.quantile).with("later_than_us", than.micros()).saying(text)
}

/// A delay without more digits than a person wants.
fn long(delay: Span) -> String {
    let minute = 60_000_000;
    let units =
        [("days", Span::DAY.micros()), ("hours", Span::HOUR.micros()), ("minutes", minute), ("seconds", 1_000_000)];
    let (name, unit) = units.into_iter().find(|(_, unit)| delay.micros() >= 2 * unit).unwrap_or(units[3]);
    format!("{} {name}", amount(delay.micros() as f64 / unit as f64))
}

/// Whether a window of which every label up to `labels` is in has as many as the first ones had at its age. Provisional.
pub(super) fn early_coverage(context: &Context<'_>, first: &First, labels: EventTime) -> Option<Reading> {
    let indicator = Indicator::LabelCoverage;
    let age = labels.micros_since(context.window.end);
    if context.config.labels == Regime::ImplicitNegative || context.window.start < first.until || age <= 0 {
        return None;
    }
    // Every row of the window is older than the bins before this one.
    let bin = delay_bin(age);
    let (then, scatter, usual) = first.labelled_before(bin)?;
    let labelled = (0..DELAY_KINDS).flat_map(|kind| &context.sums.delays(kind)[..bin]).sum();
    let now = Tally::new(count(labelled), count(context.sums.flow(flow::N)));
    if then.share()? < EXPECTED_LEAST || now.trials < indicator.min_n() || now.hits > now.trials {
        return None;
    }
    let floor = indicator.floor();
    // Each age of a window is a look of its own.
    let looks = context.config.ages.len().max(1) as f64;
    let terms = context.terms(Family::Labels, KEYS).shared(looks);
    let terms = allowing(context, terms, scatter, now.trials, usual);
    let test = tested(now, then, Side::Lower, Floor::Difference(floor), terms, true)?;
    let text = format!(
        "{} predictions had a label within {}; in the first windows {} had one by then.",
        capital(&out_of(test.value, now.trials)),
        long(delay_start(bin)),
        percent(test.reference)
    );
    let counted = (now.trials, phis(context, MISSED, scatter, now.trials, usual).0);
    let reading = Reading::of_rate(indicator, Subject::default(), &test, floor, counted, terms);
    let strength = if reading.effect < 0.0 { reading.strength } else { 0.0 };
    Some(Reading { strength, ..reading }.with("within_us", delay_start(bin).micros()).saying(text))
}
