//! Which inputs moved, how far, and in which values?
//!
//! Ranked by the distance in the latest window that has one: the largest difference of shares for categories, of
//! cumulative shares for numbers. The lines of all features share one scale.

use serde::Serialize;

use super::alerts::Life;
use super::chart::timeline::severity_class;
use super::chart::{bar, spark};
use super::number::{self, Unit};
use super::series::{Series, middle};
use super::words;
use crate::finding::{AlertState, Basis, Figure, Movement};

/// Features that are seen without unfolding.
const SHOWN: usize = 6;
/// Cells of a feature that are shown.
const CELLS_SHOWN: usize = 4;
/// A distance that fills less than the whole height even if nothing moved more: noise should look like noise.
const CALM: f64 = 0.05;

/// A cell that moved.
#[derive(Clone, Debug, Serialize)]
struct Cell {
    text: String,
    now: String,
    before: String,
    svg: String,
}

/// A figure beside the curve, now and on the baseline.
#[derive(Clone, Debug, Serialize)]
struct Share {
    name: &'static str,
    now: String,
    was: Option<String>,
}

/// One feature.
#[derive(Clone, Debug, Serialize)]
struct Feature {
    name: String,
    distance: String,
    psi: String,
    peak: String,
    spark: String,
    shares: Vec<Share>,
    alert: Option<&'static str>,
    alert_class: &'static str,
    cells: Vec<Cell>,
}

/// All features of a version.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Features {
    window: String,
    alerts: usize,
    first: Vec<Feature>,
    more: Vec<Feature>,
}

impl Features {
    /// The features of the latest window. `None` when none is watched.
    pub(super) fn new(series: &Series<'_>, lives: &[Life<'_>]) -> Option<Self> {
        let latest = series.windows().iter().rev().find(|summary| !summary.inputs.features.is_empty())?;
        let size = |movement: &Movement| movement.distance.or(movement.psi).filter(|d| d.is_finite());
        let most =
            series.windows().iter().flat_map(|summary| &summary.inputs.features).filter_map(size).fold(CALM, f64::max);
        let mut ranked: Vec<&Movement> = latest.inputs.features.iter().collect();
        ranked.sort_by(|a, b| {
            let place = |movement: &Movement| size(movement).unwrap_or(f64::NEG_INFINITY);
            place(b).total_cmp(&place(a)).then(a.feature.cmp(&b.feature))
        });
        let mut first: Vec<Feature> = ranked
            .into_iter()
            .map(|movement| {
                let values: Vec<(i64, Option<f64>)> = series
                    .windows()
                    .iter()
                    .map(|summary| {
                        let same = summary.inputs.features.iter().find(|other| other.feature == movement.feature);
                        (middle(summary.window), same.and_then(size))
                    })
                    .collect();
                let about = |life: &&Life<'_>| {
                    life.last().basis == Basis::Inputs
                        && life.last().state != AlertState::Resolved
                        && life.last().subject.feature.as_ref() == Some(&movement.feature)
                };
                feature(movement, &values, most, series, lives.iter().find(about))
            })
            .collect();
        let alerts = first.iter().filter(|feature| feature.alert.is_some()).count();
        let more = if first.len() > SHOWN + 1 { first.split_off(SHOWN) } else { Vec::new() };
        Some(Self { window: number::window(latest.window.start, latest.window.end), alerts, first, more })
    }
}

fn feature(
    movement: &Movement,
    values: &[(i64, Option<f64>)],
    most: f64,
    series: &Series<'_>,
    life: Option<&Life<'_>>,
) -> Feature {
    let peak = values
        .iter()
        .filter_map(|(at, value)| value.filter(|v| v.is_finite()).map(|value| (*at, value)))
        .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
    let peak = peak
        .map_or(number::NONE.into(), |(at, value)| format!("{} on {}", number::metric(value), number::short_day(at)));
    let share = |name: &'static str, figure: &Figure| Share {
        name,
        now: Unit::Share.text(figure.value),
        was: figure.reference.filter(|r| r.is_finite()).map(number::share),
    };
    let mut shares = vec![share("missing", &movement.missing), share("unfamiliar", &movement.unfamiliar)];
    if let Some(mean) = movement.mean.filter(|m| m.is_finite()) {
        let was = movement.mean_reference.filter(|m| m.is_finite()).map(number::plain);
        shares.push(Share { name: "mean", now: number::plain(mean), was });
    }
    let widest = movement.cells.iter().flat_map(|(_, now, before)| [*now, *before]).filter(|s| s.is_finite());
    let widest = widest.fold(0.0, f64::max);
    let mut cells: Vec<&(String, f64, f64)> = movement.cells.iter().collect();
    cells.sort_by(|a, b| (b.1 - b.2).abs().total_cmp(&(a.1 - a.2).abs()).then(a.0.cmp(&b.0)));
    Feature {
        name: movement.feature.clone(),
        distance: Unit::Metric.text(movement.distance),
        psi: Unit::Metric.text(movement.psi),
        spark: spark::draw(
            values,
            most,
            series.axis(),
            &format!("distance of {} over time, highest {peak}", movement.feature),
        ),
        peak,
        alert: life.map(|life| words::alert_state(life.last().state)),
        alert_class: life.map_or("", |life| severity_class(life.height().severity)),
        shares,
        cells: cells
            .into_iter()
            .take(CELLS_SHOWN)
            .map(|(text, now, before)| Cell {
                text: text.clone(),
                now: number::share(*now),
                before: number::share(*before),
                svg: bar(*now, Some(*before), widest),
            })
            .collect(),
    }
}
