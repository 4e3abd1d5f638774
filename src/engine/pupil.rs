//! What does a model without a baseline learn from its first days, and when may it be used?
//!
//! A sample by hash of the rows of its first `learn` span of event time. The span begins with the window of the model's
//! earliest row that is not late. Two lessons, each at a time that follows from event times alone:
//!
//! - features and scores, for windows from `learn end + G + one window` on;
//! - the truth of the same rows, for windows from `learn end + W + E + G + one window` on, when every label of them has
//!   been read. Until then scores are taken at their word and metrics have no reference.

use std::collections::BTreeMap;

use super::Disorder;
use super::learn::build_settings;
use crate::baseline::{LEARNT_ROWS, Origin, Profile, RowSample, build};
use crate::config::ModelConfig;
use crate::event::{EventTime, FeatureNames, Span, Window};
use crate::join::Regime;

/// What is known of one model. `V` is how its versions are named. Bound: 20,000 rows.
#[derive(Clone, Debug)]
pub(super) struct Pupil<V> {
    learn: Span,
    window: Span,
    label_window: Span,
    after_inputs: Span,
    after_truth: Span,
    first: Option<EventTime>,
    /// The earliest row of each version.
    pub(super) versions: BTreeMap<V, EventTime>,
    pub(super) rows: RowSample,
    pub(super) learnt: bool,
    pub(super) learnt_truth: bool,
}

impl<V: Ord> Pupil<V> {
    pub(super) fn new(settings: &ModelConfig, disorder: Disorder) -> Self {
        let after_inputs = disorder.larger();
        Self {
            learn: settings.learn,
            window: settings.window,
            label_window: settings.label_window,
            after_inputs,
            after_truth: after_inputs + settings.label_window + settings.early,
            first: None,
            versions: BTreeMap::new(),
            rows: RowSample::new(LEARNT_ROWS),
            learnt: false,
            learnt_truth: false,
        }
    }

    /// The earliest row.
    pub(super) const fn first(&self) -> Option<EventTime> {
        self.first
    }

    /// Notes a row that is not late.
    pub(super) fn meet(&mut self, time: EventTime) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
    }

    /// Notes a row of a version that lies in the span.
    pub(super) fn meet_version(&mut self, version: V, time: EventTime) {
        let earliest = self.versions.entry(version).or_insert(time);
        *earliest = time.min(*earliest);
    }

    /// The end of the span that is learnt from.
    pub(super) fn end(&self) -> Option<EventTime> {
        self.first.map(|first| Window::holding(first, self.window).start + self.learn)
    }

    /// The moment from which all labels of the span have been read.
    pub(super) fn matured(&self) -> Option<EventTime> {
        self.end().map(|end| end + self.label_window)
    }

    /// The first window that starts after `learn end + wait`.
    fn effective(&self, wait: Span) -> Option<EventTime> {
        self.end().map(|end| Window::holding(end + wait + self.window, self.window).end)
    }

    /// The first window that the features and scores are used for.
    pub(super) fn inputs_from(&self) -> Option<EventTime> {
        self.effective(self.after_inputs)
    }

    /// The first window that the truth is used for.
    pub(super) fn truth_from(&self) -> Option<EventTime> {
        self.effective(self.after_truth)
    }

    /// Gives the first lesson: from when on, and what.
    pub(super) fn teach_inputs(
        &mut self,
        model: &str,
        version: &str,
        names: &FeatureNames,
        settings: &ModelConfig,
    ) -> Option<(EventTime, Profile)> {
        let (end, from) = (self.end()?, self.inputs_from()?);
        // Rows that were seen before the start was known may lie behind the end.
        self.rows.keep_before(end);
        let rows = self.rows.without_truth();
        self.learnt = true;
        Some((from, build(model, version, Origin::Learnt, &rows, names, &build_settings(settings))))
    }

    /// Gives the second lesson: from when on, and what.
    pub(super) fn teach_truth(
        &mut self,
        model: &str,
        version: &str,
        names: &FeatureNames,
        settings: &ModelConfig,
    ) -> Option<(EventTime, Profile)> {
        let from = self.truth_from()?;
        if settings.labels == Regime::ImplicitNegative {
            self.rows.assume_negative();
        }
        let profile = build(model, version, Origin::Learnt, &self.rows, names, &build_settings(settings));
        self.learnt_truth = true;
        self.rows = RowSample::new(0);
        Some((from, profile))
    }
}
