//! How do rows become a profile?
//!
//! Twice over the same rows: first each feature's kind, bins and vocabulary are found, then the rows are counted by the
//! code that counts production. Names are looked at in sorted order and rows in the order of their hashes, so the
//! result does not depend on how the rows came.
//!
//! - A feature is numeric when at least 95 % of its values are numbers (and settings do not say otherwise).
//! - Numeric bins hold about a 32nd of the rows each, at least 20 rows; a value with more is a bin of its own.
//! - The vocabulary of a category are its (at most) 200 most frequent values that occurred at least five times, and not
//!   on one day only; up to 65,536 further ones are known by hash.
//! - Ids, dates and counters say nothing about a row's likeness to others and are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::dispersion::{self, ENOUGH, Figures};
use super::profile::{LeftOut, Origin, Profile, Strangers};
use super::rows::{RowSample, SampleRow};
use crate::event::{EventTime, FeatureNames, Slot, Span, Value, value_hash};
use crate::observe::{
    CodedRow, Coding, FeatureCoding, Kind, Layout, MAX_FEATURES, Mapping, Recalibration, Statistic, Sums,
    canonical_text,
};

const BINS: usize = 32;
const BIN_ROWS: usize = 20;
const VOCABULARY: usize = 200;
/// A value of the vocabulary occurred at least this often.
pub const VOCABULARY_COUNT: i64 = 5;
const TAIL: usize = 65_536;
const NUMERIC_SHARE: f64 = 0.95;

/// What the user decided about features.
#[derive(Clone, Debug, Default)]
pub struct BuildSettings {
    /// Features to leave out.
    pub ignore: BTreeSet<String>,
    /// Features whose kind is given: numeric, or not.
    pub numeric: BTreeMap<String, bool>,
}

/// Builds the profile of one model and version.
pub fn build(
    model: &str,
    version: &str,
    origin: Origin,
    sample: &RowSample,
    names: &FeatureNames,
    settings: &BuildSettings,
) -> Profile {
    let mut features = Vec::new();
    let mut strangers = BTreeMap::new();
    let mut left_out = Vec::new();
    for (name, column) in columns(sample, names, unit(sample)) {
        match learn(&name, &column, settings) {
            Ok(_) if features.len() == MAX_FEATURES => {
                left_out.push(LeftOut { feature: name, reason: "too many features".into() });
            }
            Ok((kind, found)) => {
                strangers.insert(name.clone(), found);
                features.push(FeatureCoding::new(name, kind));
            }
            Err(reason) => left_out.push(LeftOut { feature: name, reason: reason.into() }),
        }
    }
    let coding = Coding::new(features);
    let layout = Arc::new(Layout::new(&coding));
    let map = meaning_of_scores(sample, &layout);
    let sums = count(sample, names, &coding, &layout, &map);
    let times = || sample.iter().map(|(_, row)| row.time);
    let figures = Figures::new(&coding, &layout, &sums);
    let dispersion = dispersion::measure(sample, names, &coding, &map, &sums, &figures);
    Profile {
        model: model.to_owned(),
        version: version.to_owned(),
        origin,
        rows: sample.len() as u64,
        seen: sample.seen(),
        span: times().min().zip(times().max()),
        strangers: coding.features().iter().map(|feature| strangers[feature.name()]).collect(),
        figures,
        coding,
        layout,
        map,
        sums,
        left_out,
        dispersion,
    }
}

/// One feature's values, with the time of their row.
#[derive(Default)]
struct Column {
    numbers: Vec<(EventTime, f64)>,
    whole: bool,
    texts: BTreeMap<String, Met>,
    /// Rows of each stretch of time.
    stretches: BTreeMap<i64, i64>,
    unit: Span,
    dates: usize,
    others: usize,
}

/// How often a value was met, and when.
struct Met {
    count: i64,
    /// The stretch of time of its first row.
    stretch: i64,
    /// Whether it was met in another one as well.
    again: bool,
}

/// Values that come and go are told apart from those that stay by stretches of this length: days, where there are enough
/// of them, else hours. With fewer than that of both, all rows are one stretch and nothing is said of it.
fn unit(sample: &RowSample) -> Span {
    let stretches = |unit: Span| {
        let all: BTreeSet<i64> = sample.iter().map(|(_, row)| row.time.micros().div_euclid(unit.micros())).collect();
        all.len() >= ENOUGH as usize
    };
    if stretches(Span::DAY) { Span::DAY } else { Span::HOUR }
}

fn columns(sample: &RowSample, names: &FeatureNames, unit: Span) -> BTreeMap<String, Column> {
    let mut by_slot: BTreeMap<Slot, Column> = BTreeMap::new();
    for (_, row) in sample.iter() {
        for &(slot, value) in &row.features.pairs {
            let column = by_slot.entry(slot).or_insert_with(|| Column { whole: true, unit, ..Column::default() });
            column.add(row, value);
        }
    }
    by_slot.into_iter().map(|(slot, column)| (names.name(slot).to_owned(), column)).collect()
}

impl Column {
    fn add(&mut self, row: &SampleRow, value: Value) {
        match value {
            Value::Null => return,
            Value::Int(x) => self.numbers.push((row.time, x as f64)),
            Value::Float(x) => {
                self.whole &= libm::floor(x).total_cmp(&x).is_eq();
                self.numbers.push((row.time, x));
            }
            Value::Bool(_) => self.others += 1,
            Value::Text { start, length } => {
                self.others += 1;
                let text = row.features.text_of(start, length);
                self.dates += usize::from(looks_like_a_date(text));
            }
        }
        if let Some(text) = canonical_text(value, &row.features) {
            let stretch = row.time.micros().div_euclid(self.unit.micros());
            *self.stretches.entry(stretch).or_insert(0) += 1;
            let met = self.texts.entry(text).or_insert(Met { count: 0, stretch, again: false });
            met.count += 1;
            met.again |= met.stretch != stretch;
        }
    }

    fn len(&self) -> usize {
        self.numbers.len() + self.others
    }

    /// Whether there are enough stretches of time to tell values that stay from those that come and go.
    fn has_time(&self) -> bool {
        self.stretches.len() >= ENOUGH as usize
    }

    /// Whether a value was met on one stretch only.
    fn is_stranger(&self, met: &Met) -> bool {
        met.count == 1 || (self.has_time() && !met.again)
    }

    /// What the values were that came and went. Where rows come in bunches, it is bunches that are independent, so values
    /// are counted that were met in one stretch, however often.
    fn strangers(&self) -> Strangers {
        let met = self.texts.values().filter(|met| self.is_stranger(met));
        let rows = met.clone().map(|met| met.count).sum();
        // Fewer rows than a value of the vocabulary has are no bunch.
        let bunches = met.filter(|met| met.count >= VOCABULARY_COUNT);
        let share = |met: &Met| met.count as f64 / self.stretches[&met.stretch] as f64;
        Strangers { rows, largest: bunches.map(share).fold(0.0, f64::max) }
    }
}

fn learn(name: &str, column: &Column, settings: &BuildSettings) -> Result<(Kind, Strangers), &'static str> {
    if settings.ignore.contains(name) {
        return Err("ignored");
    }
    if column.len() == 0 {
        return Err("no values");
    }
    let wanted = settings.numeric.get(name).copied();
    let share = column.numbers.len() as f64 / column.len() as f64;
    let numeric = wanted.unwrap_or(share >= NUMERIC_SHARE) && !column.numbers.is_empty();
    if wanted.is_none()
        && let Some(reason) = says_nothing(column, numeric)
    {
        return Err(reason);
    }
    let kind = if numeric { numeric_kind(column) } else { categorical_kind(column) };
    Ok((kind, column.strangers()))
}

/// Ids, dates and counters. The limits are rules of thumb; each left-out feature is listed, and a stated `type` in the
/// settings keeps it.
fn says_nothing(column: &Column, numeric: bool) -> Option<&'static str> {
    let n = column.len();
    if n < 100 {
        return None;
    }
    let distinct = column.texts.len();
    if numeric {
        let mut in_time = column.numbers.clone();
        in_time.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let steps = in_time.windows(2).filter(|pair| pair[0].0 < pair[1].0).count();
        let up = in_time.windows(2).filter(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1).count();
        if column.whole && distinct == n && steps * 2 > n && up * 100 > steps * 99 {
            return Some("counter");
        }
        if column.numbers.iter().all(|&(_, x)| looks_like_a_time(x)) && distinct * 2 > n {
            return Some("date");
        }
        let almost_all_differ = distinct * 1_000 > n * 999;
        return (column.whole && almost_all_differ && n >= 1_000).then_some("id");
    }
    if column.dates * 100 > n * 95 && distinct * 2 > n {
        return Some("date");
    }
    (distinct * 2 > n).then_some("id")
}

fn looks_like_a_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 10
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[..10].iter().enumerate().all(|(place, byte)| place == 4 || place == 7 || byte.is_ascii_digit())
}

/// Seconds, milliseconds, microseconds or nanoseconds of the years 2001 to 2100.
fn looks_like_a_time(x: f64) -> bool {
    [1.0, 1e3, 1e6, 1e9].iter().any(|unit| (1e9..4.1e9).contains(&(x / unit)))
}

fn numeric_kind(column: &Column) -> Kind {
    let mut values: Vec<f64> = column.numbers.iter().map(|&(_, x)| x + 0.0).collect();
    values.sort_by(f64::total_cmp);
    let (min, max) = (values[0], values[values.len() - 1]);
    let span = (max - min).max(min.abs().max(max.abs()) * 1e-3);
    let clamp = [(min - span).max(-f64::MAX), (max + span).min(f64::MAX)];
    let reach = clamp[0].abs().max(clamp[1].abs()).max(f64::MIN_POSITIVE);
    // The largest power of two with reach * scale <= 2^30; kept within what a double can hold.
    let (_, exponent) = libm::frexp(reach);
    let scale = libm::ldexp(1.0, (30 - exponent).clamp(-1_000, 1_000));
    Kind::Numeric { edges: edges(&values), scale, clamp }
}

/// Edges of bins of about equal mass over sorted values; heavy values stand alone. Between two values the edge is the
/// number with the fewest digits, since people read it.
fn edges(sorted: &[f64]) -> Vec<f64> {
    let wanted = (sorted.len() / BINS).max(BIN_ROWS);
    let mut edges = vec![sorted[0]];
    let mut in_bin = 0;
    let mut before = sorted[0];
    for run in sorted.chunk_by(|a, b| a.total_cmp(b).is_eq()) {
        let value = run[0];
        let heavy = run.len() >= wanted;
        if (heavy || in_bin >= wanted) && in_bin > 0 {
            edges.push(if heavy { value } else { shortest_between(before, value) });
            in_bin = 0;
        }
        in_bin += run.len();
        if heavy {
            edges.push(value.next_up());
            in_bin = 0;
        }
        before = value;
    }
    let end = sorted[sorted.len() - 1].next_up();
    if edges.last().is_some_and(|&last| last < end) {
        edges.push(end);
    }
    edges
}

/// The number with the fewest digits above `low` and at most `high`.
fn shortest_between(low: f64, high: f64) -> f64 {
    for digits in 0..17 {
        let rounded = format!("{high:.digits$e}").parse().unwrap_or(high);
        if low < rounded && rounded <= high {
            return rounded;
        }
    }
    high
}

fn categorical_kind(column: &Column) -> Kind {
    // Those that came and went stand behind all others.
    let rank = |met: &Met| if column.is_stranger(met) { 0 } else { met.count };
    let mut by_count: Vec<(&String, i64)> = column.texts.iter().map(|(text, met)| (text, rank(met))).collect();
    by_count.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let own = by_count.iter().take(VOCABULARY).take_while(|(_, count)| *count >= VOCABULARY_COUNT).count();
    let mut values: Vec<String> = by_count[..own].iter().map(|(text, _)| (*text).clone()).collect();
    values.sort();
    let mut tail: Vec<u64> = by_count[own..].iter().map(|(text, _)| value_hash(text)).collect();
    tail.sort_unstable();
    tail.truncate(TAIL);
    Kind::Categorical { values, tail }
}

fn meaning_of_scores(sample: &RowSample, layout: &Arc<Layout>) -> Recalibration {
    let mut sums = Sums::new(layout.clone());
    let identity = Recalibration::identity();
    for (_, row) in sample.iter() {
        if let Some(positive) = row.positive {
            sums.labelled(&row.facts, &[], &identity, positive, 1);
        }
    }
    Recalibration::fit(sums.get(Statistic::Negatives), sums.get(Statistic::Positives))
}

fn count(sample: &RowSample, names: &FeatureNames, coding: &Coding, layout: &Arc<Layout>, map: &Recalibration) -> Sums {
    let mut sums = Sums::new(layout.clone());
    let mut mapping = Mapping::default();
    let mut coded = CodedRow::default();
    for (_, row) in sample.iter() {
        coding.code(&row.features, names, &mut mapping, &mut coded);
        // Every value of the sample is known by construction, except those beyond the tail's bound.
        sums.predicted(&row.facts, &coded);
        if let Some(positive) = row.positive {
            sums.labelled(&row.facts, &coded.codes, map, positive, 1);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Arm, Features, RequestKey};
    use crate::observe::{CODE_VOCABULARY, Facts, Weight, flow};

    fn sample(n: usize, features: impl Fn(usize, &mut FeatureNames, &mut Features)) -> (RowSample, FeatureNames) {
        let mut names = FeatureNames::default();
        let mut rows = RowSample::new(10_000);
        for i in 0..n {
            let mut row = Features::default();
            features(i, &mut names, &mut row);
            let facts = Facts {
                score: (i % 100) as f64 / 100.0,
                decision: Some(i % 2 == 0),
                arm: Arm::Policy,
                action: None,
                weight: Weight::ONE,
            };
            let time = EventTime::from_micros_unchecked(1_700_000_000_000_000 + i as i64);
            let positive = Some(i % 100 > 70);
            rows.add(RequestKey::new(&i.to_string(), 0), || SampleRow {
                time,
                facts,
                features: row,
                content: 0,
                positive,
            });
        }
        (rows, names)
    }

    fn profile(n: usize, features: impl Fn(usize, &mut FeatureNames, &mut Features)) -> Profile {
        let (rows, names) = sample(n, features);
        build("m", "v1", Origin::Files, &rows, &names, &BuildSettings::default())
    }

    #[test]
    fn heavy_values_stand_alone_and_the_rest_shares_bins_evenly() {
        let built = profile(10_000, |i, names, row| {
            let x = if i % 4 == 0 { 0.0 } else { (i * 7_919 % 10_000) as f64 + 0.5 };
            row.pairs.push((names.slot("x", 0).unwrap(), Value::Float(x)));
        });
        let feature = &built.coding.features()[0];
        assert!(feature.is_numeric());
        let counts = built.sums.codes(0);
        let zero = (0..feature.codes()).find(|&code| feature.describe(code) == "0").unwrap();
        assert_eq!(counts[zero], 2_500);
        let wanted = 10_000 / 32;
        for (code, &count) in counts.iter().enumerate().filter(|&(code, _)| code != zero) {
            assert!(count <= 2 * wanted, "{} holds {count}", feature.describe(code));
        }
        assert_eq!(counts[..3], [0, 0, 0], "nothing missing, invalid or under");
        assert_eq!(counts[feature.code_over()], 0);
    }

    #[test]
    fn ids_dates_and_counters_are_left_out_and_said_so() {
        let built = profile(2_000, |i, names, row| {
            row.push_text(names.slot("uuid", 0).unwrap(), &format!("u-{i}"));
            row.push_text(names.slot("day", 1).unwrap(), &format!("{:04}-01-01T00:00:00Z", 1000 + i));
            row.pairs.push((names.slot("counter", 2).unwrap(), Value::Int(10 + i as i64)));
            row.pairs.push((names.slot("account", 3).unwrap(), Value::Int((i as i64 * 611_953) % 1_000_003)));
            row.pairs.push((names.slot("empty", 4).unwrap(), Value::Null));
            row.push_text(names.slot("method", 5).unwrap(), ["card", "cash", "wire"][i % 3]);
        });
        let left: Vec<(&str, &str)> = built.left_out.iter().map(|l| (l.feature.as_str(), l.reason.as_str())).collect();
        let expected =
            [("account", "id"), ("counter", "counter"), ("day", "date"), ("empty", "no values"), ("uuid", "id")];
        assert_eq!(left, expected);
        assert_eq!(built.coding.features().len(), 1);
        assert_eq!(built.sums.codes(0)[usize::from(CODE_VOCABULARY)..], [667, 667, 666]);
    }

    #[test]
    fn the_order_of_rows_and_of_names_changes_nothing() {
        let put = |i: usize, names: &mut FeatureNames, row: &mut Features, order: [&str; 2]| {
            for name in order {
                let slot = names.slot(name, 0).unwrap();
                row.pairs.push((slot, Value::Int((i * name.len()) as i64 % 50)));
            }
        };
        let one = profile(1_000, |i, names, row| put(i, names, row, ["a", "bcd"]));
        let other = profile(1_000, |i, names, row| put(i, names, row, ["bcd", "a"]));
        assert_eq!(one, other);
        assert_eq!(one.sums.flow(flow::N), 1_000);
        assert_eq!(one.classes(), (290, 710));
    }

    #[test]
    fn an_edge_has_as_few_digits_as_its_neighbours_allow() {
        let cases = [
            (0.238, 0.2412, 0.24),
            (62.579_999, 62.580_1, 62.58),
            (-3.0, 1.5, 1.5),
            (-0.2, 0.0, 0.0),
            (999.0, 1_001.0, 1_000.0),
        ];
        for (low, high, edge) in cases {
            let found = shortest_between(low, high);
            assert!(low < found && found <= high);
            assert!((found - edge).abs() < 1e-12, "{low} {high}: {found}");
        }
        let (low, high) = (0.1, 0.1_f64.next_up());
        assert_eq!(shortest_between(low, high).to_bits(), high.to_bits());
    }

    #[test]
    fn extreme_numbers_do_not_break_the_fixed_point() {
        let built = profile(200, |i, names, row| {
            let x = [f64::MAX, -f64::MAX, f64::MIN_POSITIVE, 0.0, -0.0][i % 5];
            row.pairs.push((names.slot("x", 0).unwrap(), Value::Float(x)));
        });
        assert_eq!(built.sums.codes(0).iter().sum::<i64>(), 200);
        assert_eq!(built.sums.codes(0)[1], 0);
    }
}
