//! How much of the truth has arrived, window by window?
//!
//! One bar a window: its height is the share of predictions with a label; a short line marks what should be there by
//! now. Mature windows are solid, provisional ones lighter, immature ones outlined.

use std::fmt::Write;

use super::escape;
use super::scale::{Linear, TimeAxis, percent};
use crate::finding::Maturity;

/// One window.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    /// First moment inside.
    pub(crate) start: i64,
    /// First moment after.
    pub(crate) end: i64,
    /// Labelled / predicted.
    pub(crate) coverage: Option<f64>,
    /// What it should be by now.
    pub(crate) expected: Option<f64>,
    /// How far the labels are.
    pub(crate) maturity: Maturity,
    /// What a pointer shows.
    pub(crate) tip: String,
}

const HEIGHT: f64 = 150.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 22.0;

/// The chart.
pub(crate) fn draw(windows: &[Window], axis: TimeAxis, label: &str) -> String {
    let scale = Linear::between(0.0, 1.0);
    let y = |value: f64| TOP + (1.0 - scale.fraction(value)) * (HEIGHT - TOP - BOTTOM);
    let mut labels = String::new();
    let mut svg =
        format!(r#"<svg class="area" role="img" aria-label="{}" width="100%" height="{HEIGHT}">"#, escape(label));
    for (value, text) in [(0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")] {
        let y = y(value);
        let _ = write!(svg, r#"<line class="grid" x1="0" x2="100%" y1="{y:.1}" y2="{y:.1}"/>"#);
        let _ = write!(labels, r#"<text x="42" y="{:.1}" text-anchor="end">{text}</text>"#, y + 4.0);
    }
    super::curve::write_time(&mut svg, axis, HEIGHT);
    for window in windows {
        let (from, to) = (axis.fraction(window.start), axis.fraction(window.end));
        let gap = (to - from) * 0.12;
        let (x, width) = (percent(from + gap), percent((to - from - 2.0 * gap).max(0.001)));
        let class = match window.maturity {
            Maturity::Mature => "mature",
            Maturity::Provisional => "provisional",
            Maturity::Immature => "immature",
        };
        if let Some(coverage) = window.coverage.filter(|c| c.is_finite()) {
            let top = y(coverage).min(HEIGHT - BOTTOM - 1.0);
            let _ = write!(
                svg,
                r#"<rect class="pt col {class}" x="{x}" width="{width}" y="{top:.1}" height="{:.1}"><title>{}</title></rect>"#,
                HEIGHT - BOTTOM - top,
                escape(&window.tip)
            );
        }
        if let Some(expected) = window.expected.filter(|e| e.is_finite()) {
            let y = y(expected);
            let _ = write!(
                svg,
                r#"<line class="want" x1="{}" x2="{}" y1="{y:.1}" y2="{y:.1}"/>"#,
                percent(from),
                percent(to)
            );
        }
    }
    svg.push_str("</svg>");
    format!(
        r#"<div class="plot"><svg class="ylab" aria-hidden="true" width="48" height="{HEIGHT}">{labels}</svg>{svg}</div>"#
    )
}
