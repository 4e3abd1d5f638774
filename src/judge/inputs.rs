//! Do the inputs still look as they did?
//!
//! Per feature: missing values, values never seen, single values that grow, numbers out of range, and the distribution
//! as a whole. All are counts of codes in the window against counts of codes on the baseline, tested exactly.

use super::budget::Family;
use super::naming::{code_name, quoted, spoken, spoken_top, value_name};
use super::predictions;
use super::reading::{Context, Reading, count, tested};
use super::words::{amount, before, capital, many, none_or, out_of, percent};
use crate::baseline::{Profile, Restless, VOCABULARY_COUNT};
use crate::event::{RequestKey, value_hash};
use crate::finding::Subject;
use crate::indicator::{EMERGING_RATIO, Indicator};
use crate::observe::looks::{drift_code, drift_counts, is_open};
use crate::observe::{
    BottomK, CODE_INVALID, CODE_MISSING, CODE_TAIL, CODE_UNDER, CODE_UNKNOWN, Event, FeatureCoding, SCORE_SCALE,
    UNKNOWN_CELLS, flow,
};
use crate::stats::distribution::{self, Part};
use crate::stats::rate::{Floor, RateTest, Side, Tally, rate_above};

/// All readings of the inputs of one window.
pub(super) fn readings(context: &Context<'_>) -> Vec<Reading> {
    let Some(profile) = context.profile else { return Vec::new() };
    let mut readings = Vec::new();
    for (place, feature) in profile.coding.features().iter().enumerate() {
        let look = Look { context, profile, place, feature };
        readings.extend(look.missing());
        // Another reference has no say in which values are new.
        let against_baseline = context.beside.is_none();
        if against_baseline {
            readings.extend(look.unseen());
        }
        readings.extend(look.out_of_range());
        readings.extend(look.drift());
        if against_baseline {
            readings.extend(look.emerging());
        }
    }
    readings
}

/// A vocabulary of this many values is full: which values have a code then depends on chance.
const FULL_VOCABULARY: usize = 200;

/// What the test of drift compares: as [`drift_counts`], less what choosing the vocabulary by its counts has bent.
/// Values that stand just above the choice were lucky; by Good and Turing the rare ones hold as much more as the values
/// that were seen just often enough (count times number). Where the vocabulary is full that number is not known, and the
/// rare group is left out.
fn compared(feature: &FeatureCoding, now: &[i64], then: &[i64]) -> (Vec<u64>, Vec<u64>, usize) {
    let (now, mut then) = (drift_counts(feature, now), drift_counts(feature, then));
    if !is_open(feature) {
        return (now, then, 0);
    }
    if then.len() > FULL_VOCABULARY {
        return (now[1..].to_vec(), then[1..].to_vec(), 1);
    }
    let least = count(VOCABULARY_COUNT);
    then[0] += least * then[1..].iter().filter(|&&hits| hits == least).count() as u64;
    (now, then, 0)
}

struct Look<'a> {
    context: &'a Context<'a>,
    profile: &'a Profile,
    place: usize,
    feature: &'a FeatureCoding,
}

impl Look<'_> {
    fn now(&self) -> &[i64] {
        self.context.sums.codes(self.place)
    }

    fn then(&self) -> &[i64] {
        self.profile.sums.codes(self.place)
    }

    fn subject(&self) -> Subject {
        Subject { feature: Some(self.feature.name().to_owned()), ..Subject::default() }
    }

    fn features(&self) -> usize {
        self.profile.coding.features().len()
    }

    /// Rows with a value, now and on the baseline.
    fn filled(&self) -> (u64, u64) {
        let filled = |codes: &[i64]| count(codes.iter().sum::<i64>() - codes[usize::from(CODE_MISSING)]);
        (filled(self.now()), filled(self.then()))
    }

    fn share(
        &self,
        indicator: Indicator,
        family: Family,
        now: Tally,
        then: Tally,
        figure: Restless,
    ) -> Option<Reading> {
        let floor = indicator.floor();
        let share = (family, self.features());
        let terms = self.context.allowing(self.context.terms(share.0, share.1), figure);
        let speaks = now.trials >= indicator.min_n();
        let test = tested(now, then, Side::Higher, Floor::Difference(floor), terms, speaks)?;
        let bet = self.context.bet(share, now, then, Side::Higher, Floor::Difference(floor), terms);
        let counted = (now.trials, self.context.phi(figure));
        let reading = Reading::of_rate(indicator, self.subject(), &test, floor, counted, terms);
        Some(reading.betting(bet, speaks))
    }

    fn missing(&self) -> Option<Reading> {
        let tally = |codes: &[i64]| Tally::new(count(codes[usize::from(CODE_MISSING)]), count(codes.iter().sum()));
        let (now, then) = (tally(self.now()), tally(self.then()));
        let figure = Restless::Missing(self.place);
        let reading = self.share(Indicator::InputMissingRate, Family::Missing, now, then, figure)?;
        let text = format!(
            "'{}' is missing in {} rows; {} {}.",
            self.feature.name(),
            out_of(reading.value, reading.n),
            self.context.place(),
            if reading.reference > 0.0 {
                format!("it was missing in {}", percent(reading.reference))
            } else {
                "it never was".to_owned()
            }
        );
        Some(reading.saying(text))
    }

    fn unseen(&self) -> Option<Reading> {
        if self.feature.is_numeric() {
            return None;
        }
        let unknown = self.now()[usize::from(CODE_UNKNOWN)..usize::from(CODE_TAIL)].iter().sum();
        let (filled, baseline) = self.filled();
        // Good and Turing: what the baseline left unseen is about as frequent as what it saw once, or on one day only. That
        // estimate has up to twice the variance of a share of independent rows: it counts as one of half as many.
        let once = count(self.profile.strangers[self.place].rows).min(baseline);
        let then = if once == 0 { Tally::new(0, baseline) } else { Tally::new(once.div_ceil(2), baseline.div_ceil(2)) };
        let (now, figure) = (Tally::new(count(unknown), filled), Restless::Odd(self.place));
        let reading = self.share(Indicator::InputUnseenValue, Family::Unseen, now, then, figure)?;
        let names = self.names();
        let shown: Vec<String> = names.iter().take(3).map(|name| quoted(name)).collect();
        let text = format!(
            "{} of {} values of '{}' ({}) never occurred on the baseline{}; {} to be expected.",
            many(count(unknown)),
            many(filled),
            self.feature.name(),
            percent(reading.value),
            if shown.is_empty() { String::new() } else { format!(", for example {}", shown.join(", ")) },
            if once > 0 { format!("{} was", percent(reading.reference)) } else { "none was".to_owned() }
        );
        let sample = self.context.sums.named(self.place);
        let distinct = sample.map_or(0.0, |sample| by_frequency(sample).len() as f64 / sample.len().max(1) as f64);
        Some(reading.saying(text).with("examples", names).with("distinct_share", distinct))
    }

    /// Up to five names of unseen values, the most frequent in the sample first.
    fn names(&self) -> Vec<String> {
        let names = self.context.sums.named(self.place).map(by_frequency).unwrap_or_default();
        let mut shown: Vec<String> =
            names.iter().take(5).map(|(_, text)| value_name(self.context.config, self.feature, text)).collect();
        shown.dedup();
        shown
    }

    fn out_of_range(&self) -> Option<Reading> {
        if !self.feature.is_numeric() {
            return None;
        }
        let over = self.feature.code_over();
        let outside = |codes: &[i64]| codes[usize::from(CODE_INVALID)] + codes[usize::from(CODE_UNDER)] + codes[over];
        let (filled, baseline) = self.filled();
        let then = Tally::new(count(outside(self.then())), baseline);
        // The range is the baseline's own: the next value lies outside of m earlier ones with chance 2 / (m + 1).
        let then =
            if self.context.beside.is_none() { Tally::new((then.hits + 2).min(baseline), baseline) } else { then };
        let now = Tally::new(count(outside(self.now())), filled);
        let figure = Restless::Odd(self.place);
        let reading = self.share(Indicator::InputOutOfRange, Family::Range, now, then, figure)?;
        let parts = [("below it", CODE_UNDER.into()), ("above it", over), ("no numbers at all", CODE_INVALID.into())];
        let parts = parts.map(|(word, code): (&str, usize)| (word, count(self.now()[code])));
        let parts: Vec<String> =
            parts.iter().filter(|(_, hits)| *hits > 0).map(|(word, hits)| format!("{} {word}", many(*hits))).collect();
        let text = format!(
            "{} of {} values of '{}' ({}) lie outside the range of the baseline{}{}.",
            many(now.hits),
            many(filled),
            self.feature.name(),
            percent(reading.value),
            if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) },
            self.context.beside.map_or_else(String::new, |beside| {
                format!("; {} {} did", beside.place(), none_or(reading.reference))
            })
        );
        Some(reading.saying(text))
    }

    fn drift(&self) -> Option<Reading> {
        let indicator = Indicator::InputDrift;
        let (now, then, skipped) = if self.context.beside.is_none() {
            compared(self.feature, self.now(), self.then())
        } else {
            // The vocabulary was chosen by the baseline's counts, not by these.
            (drift_counts(self.feature, self.now()), drift_counts(self.feature, self.then()), 0)
        };
        let n: u64 = now.iter().sum();
        if n < indicator.min_n() {
            return None;
        }
        let settings = self.context.config.features.get(self.feature.name());
        let floor = settings.and_then(|settings| settings.floor).unwrap_or_else(|| indicator.floor());
        let terms = self.context.terms(Family::Drift, self.features());
        let looks = distribution::looks(now.len(), self.feature.is_numeric());
        let scatter = self.context.scatter(terms.shared(2.0 * looks as f64), false);
        let phis = |part: Part| scatter.of(Restless::Feature(self.place, part.later_by(skipped)));
        let shift = distribution::restless_shift_test(&now, &then, self.feature.is_numeric(), floor, terms, phis)?;
        let psi = distribution::psi(&now, &then).unwrap_or(0.0);
        let what = match shift.part {
            Part::Cell(place) => {
                let code = drift_code(self.feature, place + skipped);
                spoken(self.context.config, self.feature, code..code + 1)
            }
            Part::UpTo(place) => {
                format!("at most {}", spoken_top(self.feature, drift_code(self.feature, place + skipped)))
            }
        };
        let text = format!(
            "The distribution of '{}' has moved: {} values are {what}, {} (PSI {}).",
            self.feature.name(),
            out_of(shift.value, n),
            before(self.context.place(), shift.reference, "were"),
            amount(psi)
        );
        let phi = self.context.phi(Restless::Feature(self.place, shift.part.later_by(skipped)));
        let reading = Reading::of_shift(indicator, self.subject(), &shift, floor, (n, phi), terms);
        let again = || {
            let looked = &(now.as_slice(), then.as_slice(), self.feature.is_numeric(), floor);
            predictions::lasting(looked, terms, phis)
        };
        let bet = self.context.bet_on((Family::Drift, self.features()), shift.p_value, again);
        Some(reading.saying(text).with("psi", psi).with("moved", what).betting(bet, true))
    }

    /// Single values whose share has grown beyond all proportion.
    fn emerging(&self) -> Vec<Reading> {
        let (n, m) = self.filled();
        if self.feature.is_numeric() || n == 0 || m == 0 {
            return Vec::new();
        }
        let mut readings = Vec::new();
        for code in usize::from(CODE_TAIL) + 1..self.feature.codes() {
            let text = code_name(self.context.config, self.feature, code);
            let grown = self.grown(&text, count(self.now()[code]), count(self.then()[code]), Some(code));
            readings.extend(grown.map(|reading| self.exemplified(reading, code, None)));
        }
        for (name, text, hits) in self.heavy_unseen() {
            let code = usize::from(CODE_UNKNOWN) + (value_hash(&text) % u64::from(UNKNOWN_CELLS)) as usize;
            readings
                .extend(self.grown(&name, hits, 0, None).map(|reading| self.exemplified(reading, code, Some(&text))));
        }
        // An alert on a value that has gone would never end.
        let here = self.feature.name();
        for subject in self.context.alive.iter().filter(|subject| subject.feature.as_deref() == Some(here)) {
            if let Some(name) = &subject.value
                && readings.iter().all(|reading| reading.subject.value.as_ref() != Some(name))
            {
                readings.extend(self.grown(name, 0, 0, None));
            }
        }
        readings
    }

    /// `code` is that of the value, where it has one of its own.
    fn grown(&self, name: &str, hits: u64, before: u64, code: Option<usize>) -> Option<Reading> {
        let indicator = Indicator::InputEmergingValue;
        let (n, m) = self.filled();
        // One look a value: those of the vocabulary, and at most as many unseen ones as there are cells.
        let keys: usize =
            self.profile.coding.features().iter().filter(|f| !f.is_numeric()).map(FeatureCoding::codes).sum();
        let figure = code.map_or(Restless::Odd(self.place), |code| {
            Restless::Feature(self.place, Part::Cell(code - usize::from(CODE_TAIL)))
        });
        let terms = self.context.allowing(self.context.terms(Family::Emerging, keys), figure);
        let known = self.context.bounds.of(before, m, terms)?;
        // Where values come and go in bunches, a new one is news beyond all that a bunch was.
        let largest = self.profile.strangers[self.place].largest;
        let limit = (EMERGING_RATIO * known.max(largest)).max(indicator.floor()).min(1.0);
        let (now, speaks) = (Tally::new(hits.min(n), n), n >= indicator.min_n());
        let bet = self.context.bet_above((Family::Emerging, keys), now, limit, terms);
        // Most values of most windows are where they were: their bet is all that counts, and costs a tenth of the rest.
        let is_idle = self.context.living.is_some() && now.share()? < limit && !self.is_alive(name);
        let (test, phi) = if is_idle {
            let (value, reference) = (now.share()?, limit);
            (RateTest { p_value: 1.0, value, reference, effect: 0.0, smallest_detectable: None }, 1.0)
        } else {
            (rate_above(now, limit, terms)?, self.context.phi(figure))
        };
        let then = before as f64 / m as f64;
        let subject = Subject { value: Some(name.to_owned()), ..self.subject() };
        let counted = (n, phi);
        let reading = Reading::of_rate(indicator, subject, &test, indicator.floor(), counted, terms);
        let past = if before == 0 { "it never occurred".to_owned() } else { format!("it made up {}", percent(then)) };
        let (value, feature) = (capital(&quoted(name)), self.feature.name());
        let text = if hits == 0 {
            format!("{value} does not occur among {} values of '{feature}'; on the baseline {past}.", many(n))
        } else {
            let share = percent(test.value);
            let (hits, n) = (many(hits.min(n)), many(n));
            format!("{value} makes up {share} of '{feature}' ({hits} of {n} values); on the baseline {past}.")
        };
        Some(Reading {
            reference: then,
            effect: test.value - then,
            strength: test.value / limit,
            smallest_detectable: test.smallest_detectable.map(|beyond| beyond + limit - then),
            p_value: (test.p_value + terms.gamma).min(1.0),
            bet,
            speaks,
            text,
            ..reading
        })
    }

    fn is_alive(&self, name: &str) -> bool {
        let subjects = self.context.alive.iter();
        subjects
            .filter(|subject| subject.feature.as_deref() == Some(self.feature.name()))
            .any(|subject| subject.value.as_deref() == Some(name))
    }

    /// What the model makes of the value, and a few predictions to ask the truth of: only for readings that fire.
    fn exemplified(&self, mut reading: Reading, code: usize, unseen: Option<&str>) -> Reading {
        if !reading.fires() {
            return reading;
        }
        let sums = self.context.sums;
        let n = self.now()[code].max(1) as f64;
        let [score, positive, sure] = sums.slice(self.place, code);
        let whole = sums.flow(flow::N).max(1) as f64;
        reading.examples = if let Some(text) = unseen {
            sums.named(self.place).map_or_else(Vec::new, |sample| {
                sample.iter().filter(|(_, event)| event.value == text).map(owned).collect()
            })
        } else {
            let of_code = |event: &Event| event.codes.get(self.place).is_some_and(|&c| usize::from(c) == code);
            sums.kept().iter().filter(|(_, event)| of_code(event)).map(owned).collect()
        };
        reading
            .with("mean_score", score as f64 / SCORE_SCALE / n)
            .with("mean_score_of_all", sums.flow(flow::SCORE) as f64 / SCORE_SCALE / whole)
            .with("sure", sure as f64 / n)
            .with("positive_decisions", positive as f64 / n)
            .with("positive_decisions_of_all", sums.flow(flow::POSITIVE) as f64 / whole)
            .with("rows", self.now()[code])
    }

    /// Unseen values that stand at least three times in the sample, or have an alert, with a count that errs upwards by
    /// the sketch only: published name, text, count.
    fn heavy_unseen(&self) -> Vec<(String, String, u64)> {
        let sums = self.context.sums;
        let Some(sample) = sums.named(self.place) else { return Vec::new() };
        let unknown: i64 = self.now()[usize::from(CODE_UNKNOWN)..usize::from(CODE_TAIL)].iter().sum();
        by_frequency(sample)
            .into_iter()
            .map(|(times, text)| (times, value_name(self.context.config, self.feature, &text), text))
            .filter(|(times, name, _)| *times >= 3 || self.is_alive(name))
            .filter_map(|(times, name, text)| {
                let hash = value_hash(&text);
                let sketched = sums.unseen_count(self.place, hash);
                let sampled = unknown as f64 * times as f64 / sample.len() as f64;
                // When light values crowd the sketch it says too much; the sample then says less.
                let hits = if sketched as f64 > 2.0 * sampled { sampled as u64 } else { count(sketched) };
                (hits > 0).then_some((name, text, hits))
            })
            .collect()
    }
}

fn owned((key, event): (RequestKey, &Event)) -> (RequestKey, Event) {
    (key, event.clone())
}

/// The values of a sample by how often they stand in it, then by name.
pub(super) fn by_frequency(sample: &BottomK) -> Vec<(usize, String)> {
    let mut times: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for (_, event) in sample.iter() {
        *times.entry(&event.value).or_insert(0) += 1;
    }
    let mut list: Vec<(usize, String)> = times.into_iter().map(|(text, times)| (times, text.to_owned())).collect();
    list.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    list
}
