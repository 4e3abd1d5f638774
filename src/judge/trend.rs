//! Does a metric get worse little by little?
//!
//! Each mature window of a day (or the base window, if it is longer) leaves its metrics. A line through those of the last
//! months is asked whether its fall or rise over them is worse than the floor of the metric, and whether a single step
//! would say it better: a step has alerts of its own. It needs no baseline, and its error comes from the windows
//! themselves, so it also watches a model whose baseline tells nothing of time.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::budget::Family;
use super::performance::{self, title};
use super::reading::{Context, Reading};
use super::words::amount;
use crate::baseline::Restless;
use crate::event::EventTime;
use crate::finding::Subject;
use crate::indicator::{FloorUnit, Indicator, Metric};
use crate::observe::metrics::measure;
use crate::stats::tails::normal_isf;
use crate::stats::trend::{Point, Trend};

/// Windows that are remembered.
const REMEMBERED: usize = 180;

/// The metrics of one window: of each its value and the events behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Mark {
    start: EventTime,
    metrics: Vec<Option<(f64, u64)>>,
}

/// The metrics of the last windows of a model and version. Bound: [`REMEMBERED`] windows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Course {
    marks: VecDeque<Mark>,
}

impl Course {
    /// Notes a mature window.
    pub(super) fn note(&mut self, context: &Context<'_>) {
        if context.multiple != context.budget.betting() || !performance::speaks(context.sums) {
            return;
        }
        // A window is as sure of its figure as so many rows of weight 1.
        let n =
            |metric: Metric, n: u64| (libm::rint(n as f64 / context.effect(Restless::Metric(metric))) as u64).max(1);
        let figure = |metric: &Metric| measure(context.sums, *metric, 1.0).map(|now| (now.value, n(*metric, now.n)));
        let mark = Mark { start: context.window.start, metrics: Metric::ALL.iter().map(figure).collect() };
        if self.marks.back().is_some_and(|last| last.start >= mark.start) {
            return;
        }
        if self.marks.len() == REMEMBERED {
            self.marks.pop_front();
        }
        self.marks.push_back(mark);
    }

    /// What the windows so far say, after the one of this context.
    pub(super) fn readings(&self, context: &Context<'_>) -> Vec<Reading> {
        if self.marks.back().is_none_or(|last| last.start != context.window.start)
            || context.multiple != context.budget.betting()
        {
            return Vec::new();
        }
        (0..Metric::ALL.len()).filter_map(|place| self.reading(context, place)).collect()
    }

    fn reading(&self, context: &Context<'_>, place: usize) -> Option<Reading> {
        let metric = Metric::ALL[place];
        let length = context.window.length().micros() as f64;
        let first = self.marks.front()?.start;
        let points: Vec<Point> = self
            .marks
            .iter()
            .filter_map(|mark| {
                let (value, n) = mark.metrics.get(place).copied().flatten()?;
                Some(Point { at: mark.start.micros_since(first) as f64 / length, value, weight: n as f64 })
            })
            .collect();
        let trend = Trend::of(&points)?;
        let n: f64 = points.iter().map(|point| point.weight).sum();
        let mean = |of: &dyn Fn(&Point) -> f64| points.iter().map(|p| p.weight * of(p)).sum::<f64>() / n;
        let (value, at) = (mean(&|point| point.value), mean(&|point| point.at));
        let (first, last) = (points.first()?.at, points.last()?.at);
        // The line at both ends.
        let line = |end: f64| value + trend.change * (end - at) / (last - first);
        Some(reading(context, metric, &trend, [line(first), line(last)], (points.len(), n as u64)))
    }
}

/// What a line through `windows` with `n` events in all says, which goes from `begin` to `end`.
fn reading(
    context: &Context<'_>,
    metric: Metric,
    trend: &Trend,
    [begin, end]: [f64; 2],
    (windows, n): (usize, u64),
) -> Reading {
    let floor = match metric.floor_unit() {
        FloorUnit::Relative => metric.floor() * begin,
        FloorUnit::Points | FloorUnit::Absolute => metric.floor(),
    };
    let level = context.budget.level(Family::Trend, Metric::ALL.len(), context.multiple);
    let is_worse = (trend.change < 0.0) == metric.higher_is_better();
    let counts = is_worse && trend.is_gradual;
    let smallest = trend.smallest(floor, level);
    let reach = trend.smallest(0.0, 0.025);
    Reading {
        indicator: Indicator::TemporalTrend,
        subject: Subject { metric: Some(metric.name().to_owned()), ..Subject::default() },
        value: end,
        reference: begin,
        effect: trend.change,
        floor,
        strength: if counts { (libm::fabs(trend.change) / floor).min(1e6) } else { 0.0 },
        interval: Some([end - reach, end + reach]),
        is_share: false,
        n,
        // The scatter of the windows is inside the error of the line.
        phi: 1.0,
        // Every window asks anew of nearly the same windows; each time has its own share of the month.
        p_value: if counts { trend.beyond(floor).max(f64::MIN_POSITIVE) } else { 1.0 },
        level,
        smallest_detectable: Some(if metric.higher_is_better() { -smallest } else { smallest }),
        evidence: [("windows".to_owned(), windows.into())].into(),
        text: format!(
            "{} has gone from {} to {} over {windows} windows, little by little.",
            title(metric),
            amount(begin),
            amount(end)
        ),
        examples: Vec::new(),
        bet: None,
        speaks: true,
    }
}

/// What windows like the one of this context could say in four weeks, if nothing but chance parted them.
pub(super) fn outlook(context: &Context<'_>) -> Vec<Reading> {
    let windows = 28_u32;
    if context.multiple != context.budget.betting() || !performance::speaks(context.sums) {
        return Vec::new();
    }
    let of = |metric: &Metric| {
        let now = measure(context.sums, *metric, 1.0)?;
        let interval = now.interval?;
        // Of 95 in 100, as all intervals of figures.
        let [low, high] = context.widened(Some([interval.low, interval.high]), now.value, Restless::Metric(*metric))?;
        let spread = (high - low) / (2.0 * normal_isf(0.025));
        let count = f64::from(windows);
        let error = spread * (12.0 * (count - 1.0) / (count * (count + 1.0))).sqrt();
        let trend = Trend { change: 0.0, error, degrees: count - 2.0, is_gradual: true };
        let n = now.n * u64::from(windows);
        Some(reading(context, *metric, &trend, [now.value; 2], (windows as usize, n)))
    };
    Metric::ALL.iter().filter_map(of).collect()
}
