//! How long do the labels of a version take, as its mature windows have shown?
//!
//! Base windows whose labels are complete are added up in blocks of a day, or of one window where that is longer. The last
//! [`KEPT`] blocks are the curve by which provisional figures are weighted. The first ones, over the span in which a
//! baseline is learnt, are what later windows are compared with; when they are over, what is needed of them is written
//! down once and for all. Windows come in the order of their due times, so nothing here depends on when labels arrived.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::curve::Curve;
use super::saved;
use crate::event::{EventTime, Span, Window};
use crate::observe::{DELAY_BINS, DELAY_KINDS, Sums, count, delay_kind, truth};
use crate::stats::dispersion::{Spread, of_share};
use crate::stats::rate::Tally;

/// Blocks that are kept.
pub(super) const KEPT: usize = 28;
/// Blocks that a comparison stands on at least: labels follow the week, and how much blocks differ is hardly known from
/// fewer.
const LEAST: usize = 14;
/// Labels of a class that a comparison stands on at least.
const LABELS_LEAST: u64 = 100;
/// Factors of scatter are kept in thousandths, sums of squares in 1,024ths.
const UNIT: f64 = 1_000.0;
const SQUARES: i128 = 1_024;

/// The mature windows of a day, or one longer window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Block {
    start: EventTime,
    closed: i64,
    /// By kind and bin: see [`crate::observe::delay_kind`].
    #[serde(with = "saved::pairs")]
    labels: BTreeMap<u16, i64>,
}

/// How much the base windows of the first blocks differ in how many of their rows have a label by some delay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Early {
    windows: u32,
    closed: i64,
    /// By bin: labels up to it, and the sum over windows of their square over the window's rows.
    labels: Vec<i64>,
    squares: Vec<i64>,
}

/// A factor of scatter and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Scatter {
    thousandths: u32,
    /// Degrees of freedom.
    pub degrees: u32,
}

impl Scatter {
    fn new(factor: f64, degrees: u32) -> Self {
        Self { thousandths: libm::rint(factor * UNIT).clamp(0.0, f64::from(u32::MAX)) as u32, degrees }
    }

    /// The factor; at least 1 where windows differ by chance alone.
    pub(super) fn factor(self) -> f64 {
        f64::from(self.thousandths) / UNIT
    }
}

/// A delay that a share of the first labels of a class exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    /// Whose labels.
    pub positive: bool,
    /// Labels from this bin on are later than the point.
    pub bin: usize,
    /// The share that was asked for: 0.5 is the median.
    pub quantile: f64,
    /// Labels that were later, and all of them.
    pub late: [u64; 2],
    /// How much blocks differ in that share.
    pub scatter: Scatter,
    /// Labels a block, on average.
    pub usual: f64,
}

/// What the first mature windows have shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct First {
    /// Windows that start here or later are compared with it.
    pub until: EventTime,
    /// Median and 90 % point of each class that had enough labels.
    pub points: Vec<Point>,
    /// Rows.
    closed: i64,
    /// By bin: labels up to it, and how much base windows differ in their share.
    labels: Vec<i64>,
    scatter: Vec<Scatter>,
    /// Rows a base window, on average.
    usual: f64,
}

impl First {
    /// Rows with a label before a bin among all; how much base windows differ in that share, and their usual rows.
    pub(super) fn labelled_before(&self, bin: usize) -> Option<(Tally, Scatter, f64)> {
        let last = bin.checked_sub(1)?;
        let labels = count(*self.labels.get(last)?);
        Some((Tally::new(labels, count(self.closed)), *self.scatter.get(last)?, self.usual))
    }
}

/// The delays of one model and version. Bound: 28 blocks of at most 384 counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Delays {
    blocks: Vec<Block>,
    /// The start of the first block ever.
    from: Option<EventTime>,
    #[serde(default)]
    early: Early,
    first: Option<First>,
}

/// The length of a block of windows of a length.
pub(super) fn block(window: Span) -> Span {
    window.max(Span::DAY)
}

impl Delays {
    /// Adds a mature base window. Each comes once, in the order of their due times; `learn` is the span that comparisons
    /// stand on.
    pub(super) fn add(&mut self, window: Window, sums: &Sums, learn: Span) {
        let length = block(window.length());
        let start = Window::holding(window.start, length).start;
        let from = *self.from.get_or_insert(start);
        let span = learn.min(length.times(KEPT as i64));
        if self.first.is_none() {
            if window.start >= from + span && self.blocks.len() >= LEAST {
                self.first = Some(self.first(window.start));
                self.early = Early::default();
            } else {
                self.early.add(sums);
            }
        }
        if self.blocks.last().is_none_or(|last| last.start != start) {
            self.blocks.push(Block { start, ..Block::default() });
            let excess = self.blocks.len().saturating_sub(KEPT);
            self.blocks.drain(..excess);
        }
        let Some(last) = self.blocks.last_mut() else { return };
        last.closed += sums.truth(truth::CLOSED);
        for kind in 0..DELAY_KINDS {
            for (bin, &labels) in sums.delays(kind).iter().enumerate().filter(|(_, labels)| **labels != 0) {
                *last.labels.entry((kind * DELAY_BINS + bin) as u16).or_default() += labels;
            }
        }
    }

    /// What the first mature windows have shown, once they are over.
    pub(super) const fn learnt(&self) -> Option<&First> {
        self.first.as_ref()
    }

    /// The curve of all blocks that are kept; `None` while no window is mature.
    pub(super) fn curve(&self) -> Option<Curve> {
        Self::curve_of([self])
    }

    /// The curve of the blocks of several versions.
    pub(super) fn curve_of<'a>(all: impl IntoIterator<Item = &'a Self>) -> Option<Curve> {
        let blocks: Vec<&Block> = all.into_iter().flat_map(|delays| &delays.blocks).collect();
        let closed = blocks.iter().map(|block| block.closed).sum();
        let place = |kind: usize, bin: usize| (kind * DELAY_BINS + bin) as u16;
        let labels = |kind, bin| blocks.iter().filter_map(|block| block.labels.get(&place(kind, bin))).sum();
        (closed > 0).then(|| Curve::new(labels, closed))
    }

    fn first(&self, until: EventTime) -> First {
        let Early { windows, closed, .. } = self.early;
        let points = [false, true].into_iter().flat_map(|positive| [0.5, 0.9].map(|quantile| (positive, quantile)));
        First {
            until,
            points: points.filter_map(|(positive, quantile)| self.point(positive, quantile)).collect(),
            closed,
            labels: self.early.labels.clone(),
            scatter: (0..self.early.labels.len()).map(|bin| self.early.scatter(bin)).collect(),
            usual: closed as f64 / f64::from(windows.max(1)),
        }
    }

    /// The first bin edge by which at least a share of the labels of a class had come.
    fn point(&self, positive: bool, quantile: f64) -> Option<Point> {
        let of_block = |block: &Block, bins: std::ops::Range<usize>| -> u64 {
            let kinds = [false, true].map(|flagged| delay_kind(positive, flagged) * DELAY_BINS);
            let range = |first: usize| (first + bins.start) as u16..(first + bins.end) as u16;
            count(kinds.iter().flat_map(|&first| block.labels.range(range(first))).map(|(_, labels)| labels).sum())
        };
        let of_all = |bins: std::ops::Range<usize>| -> u64 {
            self.blocks.iter().map(|block| of_block(block, bins.clone())).sum()
        };
        let all = of_all(0..DELAY_BINS);
        if all < LABELS_LEAST {
            return None;
        }
        let bin = (1..DELAY_BINS).find(|&bin| of_all(0..bin) as f64 >= quantile * all as f64)?;
        let mut spread = Spread::default();
        let mut blocks = 0_u32;
        for block in &self.blocks {
            let labels = of_block(block, 0..DELAY_BINS);
            if labels > 0 {
                spread.add(of_block(block, bin..DELAY_BINS) as f64 / labels as f64, labels as f64);
                blocks += 1;
            }
        }
        let factor = of_share(&[spread]);
        Some(Point {
            positive,
            bin,
            quantile,
            late: [of_all(bin..DELAY_BINS), all],
            scatter: factor.map_or(Scatter::new(1.0, 1), |factor| Scatter::new(factor.value, factor.degrees)),
            usual: all as f64 / f64::from(blocks.max(1)),
        })
    }
}

impl Early {
    fn add(&mut self, sums: &Sums) {
        let rows = sums.truth(truth::CLOSED);
        if rows <= 0 {
            return;
        }
        self.labels.resize(DELAY_BINS, 0);
        self.squares.resize(DELAY_BINS, 0);
        self.windows += 1;
        self.closed += rows;
        let mut labels = 0;
        for bin in 0..DELAY_BINS {
            labels += (0..DELAY_KINDS).map(|kind| sums.delays(kind)[bin]).sum::<i64>();
            self.labels[bin] += labels;
            let square = i128::from(labels) * i128::from(labels) * SQUARES / i128::from(rows);
            self.squares[bin] += i64::try_from(square).unwrap_or(i64::MAX >> 10);
        }
    }

    /// Pearson's factor of the share of rows that have a label by a bin, over windows.
    fn scatter(&self, bin: usize) -> Scatter {
        let degrees = self.windows.saturating_sub(1);
        let (rows, labels) = (self.closed as f64, self.labels[bin] as f64);
        let share = labels / rows;
        let binomial = share * (1.0 - share);
        if degrees == 0 || rows <= 0.0 || binomial <= 0.0 {
            return Scatter::new(1.0, degrees.max(1));
        }
        let squares = self.squares[bin] as f64 / SQUARES as f64;
        Scatter::new((squares - labels * share).max(0.0) / binomial / f64::from(degrees), degrees)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::observe::{Coding, Layout, delay_start};

    const HOUR: i64 = Span::HOUR.micros();

    fn day(number: i64) -> Window {
        Window::holding(EventTime::from_micros_unchecked(number * Span::DAY.micros()), Span::DAY)
    }

    /// A window of 200 rows, 180 of them with a label after `hours` to twice as many hours.
    fn window(hours: i64) -> Sums {
        let mut sums = Sums::new(Arc::new(Layout::new(&Coding::default())));
        sums.add_truth(truth::CLOSED, 200);
        for label in 0..180 {
            sums.delayed(None, hours * HOUR + label * hours * HOUR / 180, label % 3 == 0, 1);
        }
        sums
    }

    #[test]
    fn the_first_days_are_what_later_ones_are_compared_with_and_the_last_ones_are_the_curve() {
        let mut delays = Delays::default();
        assert!(delays.curve().is_none());
        for number in 0..40 {
            delays.add(day(number), &window(if number < 20 { 10 } else { 40 }), Span::DAY.times(7));
            assert_eq!(delays.learnt().is_some(), number >= 14, "{number}");
        }
        let first = delays.learnt().unwrap();
        assert_eq!(first.until, day(14).start);
        let medians: Vec<&Point> = first.points.iter().filter(|point| point.quantile < 0.6).collect();
        assert_eq!(medians.len(), 2);
        for point in medians {
            let [late, all] = point.late;
            assert_eq!(all, if point.positive { 14 * 60 } else { 14 * 120 });
            // Bins end where they end: the share beyond is at most one half.
            assert!(late * 2 <= all && late * 4 >= all, "{point:?}");
            assert!(delay_start(point.bin) > Span::HOUR.times(14) && delay_start(point.bin) < Span::HOUR.times(17));
            assert!(point.scatter.factor() < 0.01 && point.scatter.degrees == 13);
        }
        let (labelled, scatter, usual) = first.labelled_before(DELAY_BINS).unwrap();
        assert_eq!((labelled, scatter.degrees, usual), (Tally::new(14 * 180, 14 * 200), 13, 200.0));
        // 28 blocks: 8 of the fast days, 20 of the slow ones.
        let slow = delays.curve().unwrap().arrived(&[day(0).start], EventTime::from_micros_unchecked(30 * HOUR), true);
        assert!((slow.unwrap().of_all - 8.0 / 28.0).abs() < 1e-9);
    }

    #[test]
    fn days_that_differ_are_known_to_and_what_is_written_down_reads_back() {
        let mut delays = Delays::default();
        for number in 0..15 {
            delays.add(day(number), &window(if number % 2 == 0 { 10 } else { 20 }), Span::DAY.times(7));
        }
        let first = delays.learnt().unwrap();
        assert!(first.points.iter().any(|point| point.scatter.factor() > 20.0), "{first:?}");
        let bin = first.points[0].bin;
        assert!(first.labelled_before(bin).unwrap().1.factor() > 20.0);
        let text = serde_json::to_string(&delays).unwrap();
        assert_eq!(serde_json::from_str::<Delays>(&text).unwrap(), delays);
    }
}
