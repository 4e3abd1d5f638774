//! Has this feature moved before, or only now?
//!
//! A small line over the same time axis as the other charts. All of one page share one scale, so that a quiet feature
//! looks quiet beside a loud one.

use std::fmt::Write;

use super::escape;
use super::scale::{Linear, TimeAxis, percent};

const HEIGHT: f64 = 44.0;

/// The line through `values` (moment and value) on a scale from 0 to `most`.
pub(crate) fn draw(values: &[(i64, Option<f64>)], most: f64, axis: TimeAxis, label: &str) -> String {
    let scale = Linear::between(0.0, most);
    let y = |value: f64| 3.0 + (1.0 - scale.fraction(value)) * (HEIGHT - 6.0);
    let mut line = String::new();
    let mut open = false;
    let mut last = None;
    for &(at, value) in values {
        if let Some(value) = value.filter(|v| v.is_finite()) {
            let step = if open { 'L' } else { 'M' };
            let _ = write!(line, "{step}{:.1} {:.1}", axis.fraction(at) * 1_000.0, y(value));
            open = true;
            last = Some((at, value));
        } else {
            open = false;
        }
    }
    let mut svg = format!(
        r#"<svg class="spark" role="img" aria-label="{}" width="100%" height="{HEIGHT}"><line class="grid" x1="0" x2="100%" y1="{b}" y2="{b}"/><svg width="100%" height="{HEIGHT}" viewBox="0 0 1000 {HEIGHT}" preserveAspectRatio="none"><path class="line" d="{line}"/></svg>"#,
        escape(label),
        b = HEIGHT - 3.0,
    );
    if let Some((at, value)) = last {
        let _ = write!(
            svg,
            r#"<circle class="pt mature" cx="{}" cy="{:.1}" r="2.6"/>"#,
            percent(axis.fraction(at)),
            y(value)
        );
    }
    svg.push_str("</svg>");
    svg
}
