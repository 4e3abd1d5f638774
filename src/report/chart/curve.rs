//! How did a figure move over time, how sure is it, and is its truth complete?
//!
//! A line with its 95 % band, the reference as a dashed line, mature points solid and others hollow, what was estimated
//! before the labels as a dotted line, and the span of an incident as a shaded ground. Immature figures do not stretch
//! the scale: a share of three labels says nothing about how high the chart should be.

use std::fmt::Write;

use super::escape;
use super::scale::{Linear, TimeAxis, percent};
use crate::finding::Maturity;
use crate::report::number::Unit;

/// One window's figure.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    /// The middle of the window.
    pub(crate) at: i64,
    /// The figure.
    pub(crate) value: Option<f64>,
    /// Its 95 % interval.
    pub(crate) interval: Option<[f64; 2]>,
    /// How far its labels are.
    pub(crate) maturity: Maturity,
    /// The same figure, estimated before labels.
    pub(crate) estimated: Option<f64>,
    /// What a pointer shows.
    pub(crate) tip: String,
}

/// What a curve is drawn from.
pub(crate) struct Curve<'a> {
    /// What a screen reader says.
    pub(crate) label: &'a str,
    /// The windows, in order.
    pub(crate) points: &'a [Point],
    /// What the figure is compared with.
    pub(crate) reference: Option<f64>,
    /// Spans to shade.
    pub(crate) spans: &'a [(i64, i64)],
    /// The common time axis.
    pub(crate) axis: TimeAxis,
    /// How values are written.
    pub(crate) unit: Unit,
}

/// More points than this are drawn finer.
const MANY: usize = 90;

const HEIGHT: f64 = 168.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 22.0;

/// The chart: labels of the scale on the left, the plot on the right.
pub(crate) fn draw(curve: &Curve<'_>) -> String {
    let scale = Linear::holding(
        curve
            .points
            .iter()
            .filter(|point| point.maturity != Maturity::Immature)
            .flat_map(|point| {
                let ends = point.interval.filter(|_| point.maturity == Maturity::Mature);
                [point.value, point.estimated, ends.map(|ends| ends[0]), ends.map(|ends| ends[1])]
            })
            .chain([curve.reference])
            .flatten(),
    );
    let y = |value: f64| TOP + (1.0 - scale.fraction(value)) * (HEIGHT - TOP - BOTTOM);
    let mut labels = String::new();
    let mut svg =
        format!(r#"<svg class="area" role="img" aria-label="{}" width="100%" height="{HEIGHT}">"#, escape(curve.label));
    for &(start, end) in curve.spans {
        let (from, to) = (curve.axis.fraction(start), curve.axis.fraction(end));
        let _ = write!(
            svg,
            r#"<rect class="span" x="{}" width="{}" y="{TOP}" height="{}"/>"#,
            percent(from),
            percent((to - from).max(0.0)),
            HEIGHT - TOP - BOTTOM
        );
    }
    for tick in scale.ticks(4) {
        let y = y(tick);
        let _ = write!(svg, r#"<line class="grid" x1="0" x2="100%" y1="{y:.1}" y2="{y:.1}"/>"#);
        let text = escape(&curve.unit.text(Some(tick)));
        let _ = write!(labels, r#"<text x="42" y="{:.1}" text-anchor="end">{text}</text>"#, y + 4.0);
    }
    write_time(&mut svg, curve.axis, HEIGHT);
    if let Some(reference) = curve.reference.filter(|r| r.is_finite()) {
        let y = y(reference);
        let _ = write!(svg, r#"<line class="ref" x1="0" x2="100%" y1="{y:.1}" y2="{y:.1}"/>"#);
    }
    let _ = write!(
        svg,
        r#"<svg width="100%" height="{HEIGHT}" viewBox="0 0 1000 {HEIGHT}" preserveAspectRatio="none">{}{}{}</svg>"#,
        bands(curve, y),
        lines(curve, y),
        estimates(curve, y)
    );
    write_dots(&mut svg, curve, y);
    svg.push_str("</svg>");
    format!(
        r#"<div class="plot"><svg class="ylab" aria-hidden="true" width="48" height="{HEIGHT}">{labels}</svg>{svg}</div>"#
    )
}

/// The marks of the time axis along the bottom.
pub(super) fn write_time(svg: &mut String, axis: TimeAxis, height: f64) {
    for (place, tick) in axis.ticks().into_iter().enumerate() {
        let anchor = match tick.fraction {
            f if f < 0.07 => "start",
            f if f > 0.93 => "end",
            _ => "middle",
        };
        let _ = write!(
            svg,
            r#"<text class="{}" x="{}" y="{:.1}" text-anchor="{anchor}">{}</text>"#,
            if place % 2 == 1 { "odd" } else { "even" },
            percent(tick.fraction),
            height - 6.0,
            escape(&tick.text)
        );
    }
}

fn x(curve: &Curve<'_>, at: i64) -> f64 {
    curve.axis.fraction(at) * 1_000.0
}

fn bands(curve: &Curve<'_>, y: impl Fn(f64) -> f64) -> String {
    let ends = |point: &Point| point.interval.filter(|ends| ends.iter().all(|end| end.is_finite()));
    let mut paths = String::new();
    let mut done = 0;
    for run in curve.points.chunk_by(|a, b| ends(a).is_some() == ends(b).is_some() && a.maturity == b.maturity) {
        let start = done;
        done += run.len();
        let Some(first) = run.first().filter(|first| ends(first).is_some()) else { continue };
        // A run goes on where the one before it ended, so that no gap suggests missing windows.
        let joined = start > 0 && ends(&curve.points[start - 1]).is_some();
        let run = &curve.points[start - usize::from(joined)..done];
        let upper = run.iter().map(|point| (point, 1));
        let lower = run.iter().rev().map(|point| (point, 0));
        let mut path = String::new();
        for (place, (point, end)) in upper.chain(lower).enumerate() {
            let value = ends(point).map_or(0.0, |ends| ends[end]);
            let _ = write!(path, "{}{:.1} {:.1}", if place == 0 { 'M' } else { 'L' }, x(curve, point.at), y(value));
        }
        let _ = match (run.len(), first.maturity) {
            (1, _) => write!(paths, r#"<path class="whisker" d="{path}"/>"#),
            (_, Maturity::Mature) => write!(paths, r#"<path class="band" d="{path}Z"/>"#),
            _ => write!(paths, r#"<path class="band soft" d="{path}Z"/>"#),
        };
    }
    paths
}

fn lines(curve: &Curve<'_>, y: impl Fn(f64) -> f64) -> String {
    let value = |point: &Point| point.value.filter(|v| v.is_finite());
    let (mut solid, mut soft) = (String::new(), String::new());
    for pair in curve.points.windows(2) {
        let (Some(one), Some(other)) = (value(&pair[0]), value(&pair[1])) else { continue };
        let mature = pair.iter().all(|point| point.maturity == Maturity::Mature);
        let _ = write!(
            if mature { &mut solid } else { &mut soft },
            "M{:.1} {:.1}L{:.1} {:.1}",
            x(curve, pair[0].at),
            y(one),
            x(curve, pair[1].at),
            y(other)
        );
    }
    if curve.points.len() > MANY {
        path("line thin", &solid) + &path("line thin soft", &soft)
    } else {
        path("line", &solid) + &path("line soft", &soft)
    }
}

fn estimates(curve: &Curve<'_>, y: impl Fn(f64) -> f64) -> String {
    let mut dotted = String::new();
    let mut open = false;
    for point in curve.points {
        match point.estimated.filter(|v| v.is_finite()) {
            Some(value) => {
                let _ = write!(dotted, "{}{:.1} {:.1}", if open { 'L' } else { 'M' }, x(curve, point.at), y(value));
                open = true;
            }
            None => open = false,
        }
    }
    path("estimate", &dotted)
}

fn path(class: &str, d: &str) -> String {
    if d.is_empty() { String::new() } else { format!(r#"<path class="{class}" d="{d}"/>"#) }
}

fn write_dots(svg: &mut String, curve: &Curve<'_>, y: impl Fn(f64) -> f64) {
    let many = curve.points.len() > MANY;
    for point in curve.points {
        let Some(value) = point.value.filter(|v| v.is_finite()) else { continue };
        let (class, radius) = match point.maturity {
            Maturity::Mature => ("pt mature", if many { "1.2" } else { "2.6" }),
            Maturity::Provisional => ("pt provisional", if many { "1.8" } else { "3" }),
            Maturity::Immature => ("pt immature", if many { "1.5" } else { "2.4" }),
        };
        let _ = write!(
            svg,
            r#"<circle class="{class}" cx="{}" cy="{:.1}" r="{radius}"><title>{}</title></circle>"#,
            percent(curve.axis.fraction(point.at)),
            y(value),
            escape(&point.tip)
        );
    }
}
