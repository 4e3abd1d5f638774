//! Which windows does a chart show?
//!
//! The last revision of each, at the finest level that has at most [`POINTS_MAX`] windows; more points than that are
//! more than a screen can tell apart.

use std::collections::BTreeMap;

use super::chart::scale::TimeAxis;
use crate::finding::{Figure, Maturity, Summary, WindowBounds};

/// The most windows a curve shows.
pub(super) const POINTS_MAX: usize = 400;

/// The summaries of one model and version.
pub(super) struct Series<'a> {
    /// By length in microseconds, then in order of time; last revisions only.
    levels: BTreeMap<i64, Vec<&'a Summary>>,
    /// The length that curves are drawn at.
    chosen: i64,
    /// How many older windows are left out.
    pub(super) left_out: usize,
}

impl<'a> Series<'a> {
    /// Sorts out the summaries of one model and version. `None` when there is no window of any length.
    pub(super) fn new(summaries: impl IntoIterator<Item = &'a Summary>) -> Option<Self> {
        let mut last: BTreeMap<WindowBounds, &Summary> = BTreeMap::new();
        for summary in summaries {
            let known = last.entry(summary.window).or_insert(summary);
            if summary.revision >= known.revision {
                *known = summary;
            }
        }
        let mut levels: BTreeMap<i64, Vec<&Summary>> = BTreeMap::new();
        for (window, summary) in last {
            let length = window.end.saturating_sub(window.start);
            if length > 0 {
                levels.entry(length).or_default().push(summary);
            }
        }
        let (&chosen, windows) =
            levels.iter().find(|(_, windows)| windows.len() <= POINTS_MAX).or_else(|| levels.iter().next_back())?;
        let left_out = windows.len().saturating_sub(POINTS_MAX);
        Some(Self { levels, chosen, left_out })
    }

    /// The windows of the curves.
    pub(super) fn windows(&self) -> &[&'a Summary] {
        let windows = self.levels.get(&self.chosen).map_or(&[][..], Vec::as_slice);
        &windows[self.left_out..]
    }

    /// The windows of the finest level.
    pub(super) fn base(&self) -> &[&'a Summary] {
        self.levels.values().next().map_or(&[][..], Vec::as_slice)
    }

    /// The length of the windows of the curves, in microseconds.
    pub(super) const fn length(&self) -> i64 {
        self.chosen
    }

    /// The summary of exactly this window.
    pub(super) fn at(&self, window: WindowBounds) -> Option<&'a Summary> {
        let level = self.levels.get(&window.end.saturating_sub(window.start))?;
        level.iter().find(|summary| summary.window == window).copied()
    }

    /// The latest summary of the curves.
    pub(super) fn latest(&self) -> Option<&'a Summary> {
        self.windows().last().copied()
    }

    /// The best view on what labels say: the latest of the longest windows, up to 24 of the curves' long (a day of
    /// hours, a week of days), that `has` it and is mature and not older than its own length; else the latest that has it at all.
    pub(super) fn truth(&self, has: impl Fn(&Summary) -> bool) -> Option<&'a Summary> {
        let latest_mature = |windows: &[&'a Summary]| {
            windows.iter().rev().find(|summary| has(summary) && maturity(summary) == Maturity::Mature).copied()
        };
        let newest = latest_mature(self.windows()).map(|summary| summary.window.end);
        let fresh = self
            .levels
            .range(self.chosen..=self.chosen.saturating_mul(24))
            .rev()
            .filter_map(|(&length, windows)| latest_mature(windows).map(|summary| (length, summary)))
            .find(|(length, summary)| newest.is_none_or(|newest| newest.saturating_sub(summary.window.end) < *length));
        fresh.map(|(_, summary)| summary).or_else(|| self.windows().iter().rev().find(|summary| has(summary)).copied())
    }

    /// The axis that holds all windows.
    pub(super) fn axis(&self) -> TimeAxis {
        let windows = self.windows();
        let start = windows.first().map_or(0, |summary| summary.window.start);
        let end = windows.last().map_or(start, |summary| summary.window.end);
        TimeAxis::new(start, end)
    }
}

/// The middle of a window.
pub(super) fn middle(window: WindowBounds) -> i64 {
    window.start.saturating_add(window.end.saturating_sub(window.start) / 2)
}

/// How far the labels of a summary are: those of its coverage, else those of any metric.
pub(super) fn maturity(summary: &Summary) -> Maturity {
    coverage(summary)
        .or_else(|| summary.truth.metrics.values().next())
        .or_else(|| summary.truth.figures.values().next())
        .map_or(Maturity::Immature, |figure| figure.maturity)
}

/// The coverage of a summary.
pub(super) fn coverage(summary: &Summary) -> Option<&Figure> {
    summary.truth.figures.get("coverage")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_last_revision_counts_whatever_the_order() {
        let mut findings = sample::fraud();
        let mut newer = findings.summaries[0].clone();
        newer.revision = 9;
        findings.summaries.insert(0, newer);
        let series = Series::new(&findings.summaries).unwrap();
        let first = series.base().first().unwrap();
        assert_eq!(first.revision, 9);
        assert_eq!(series.base().len(), 30);
    }

    #[test]
    fn a_long_run_is_drawn_at_a_coarser_level() {
        let day = sample::quiet().summaries[0].clone();
        let hour = 3_600_000_000;
        let at = |k: i64, hours: i64| {
            let mut one = day.clone();
            one.window = WindowBounds { start: k * hours * hour, end: (k + 1) * hours * hour };
            one
        };
        let mut all: Vec<Summary> = (0..720).map(|k| at(k, 1)).collect();
        all.extend((0..30).map(|k| at(k, 24)));
        let series = Series::new(&all).unwrap();
        assert_eq!((series.base().len(), series.windows().len(), series.length()), (720, 30, 24 * hour));
        all.truncate(720);
        let series = Series::new(&all).unwrap();
        assert_eq!((series.windows().len(), series.left_out), (POINTS_MAX, 320));
    }
}
