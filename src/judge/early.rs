//! What is said of a window before its labels are complete?
//!
//! Such a look sees the labels that have come by then, in whatever pieces; it is no part of what is final. Its summary is
//! weighted by the delays of mature windows. One question is asked of it: have as many rows a label as the first windows
//! had at that age? Its alerts have a life of their own, and stand back while a final one on the same is firing.

use super::clock::Clock;
use super::curve::{Arrived, Curve};
use super::lateness::early_coverage;
use super::lives::{Lives, Origin};
use super::reading::{Context, Reading};
use super::store::Store;
use crate::event::{EventTime, Span};
use crate::finding::{Alert, Subject, fingerprint};
use crate::indicator::Indicator;
use crate::join::Regime;

/// Moments that stand for the rows of a window of which none was kept.
const MOMENTS: i64 = 16;

/// The readings of a look at a young window.
pub(super) fn readings(context: &Context<'_>, store: &mut Store, clock: Clock, origin: &Origin<'_>) -> Vec<Reading> {
    let name = fingerprint(Indicator::LabelCoverage.name(), origin.model, origin.version, &Subject::default());
    if store.label_lives.firing_at(EventTime::LATEST).contains(&name) {
        store.early_lives = Lives::default();
        return Vec::new();
    }
    // Labels of a silent partition may be missing.
    let labels = if clock.ended { clock.labels } else { clock.sound().labels };
    let first = store.delays.learnt().zip(labels);
    first.and_then(|(first, labels)| early_coverage(context, first, labels)).into_iter().collect()
}

/// What of the labels of a young window should be in. Where the version has no mature window yet, the others of its model
/// speak for it: labels seldom know which version scored.
pub(super) fn arrived(context: &Context<'_>, store: &Store, clock: Clock, of_model: Option<&Curve>) -> Option<Arrived> {
    let disorder = store.schedule.label_disorder?;
    // A watermark lies behind the last label that was seen.
    let last = if clock.ended { clock.labels? } else { clock.labels? + disorder };
    let rows: Vec<EventTime> = context.sums.kept().iter().map(|(_, event)| event.time).collect();
    let step = Span::from_micros(context.window.length().micros() / MOMENTS);
    let evenly = || (0..MOMENTS).map(|moment| context.window.start + step.times(moment)).collect();
    let rows = if rows.is_empty() { evenly() } else { rows };
    let arrived = |curve: &Curve| curve.arrived(&rows, last, context.config.labels == Regime::Explicit);
    store.delays.curve().and_then(|own| arrived(&own)).or_else(|| of_model.and_then(arrived))
}

/// An alert that a final one may contradict.
pub(super) fn provisional(alert: Alert) -> Alert {
    let id = alert.id.trim_end_matches("-final");
    Alert { id: format!("{id}-provisional"), basis_final: false, ..alert }
}
