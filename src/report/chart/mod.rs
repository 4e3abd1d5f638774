//! How are figures drawn?
//!
//! As inline SVG with positions in per cent, so that one drawing fits a phone and a wall, its text keeps its size, and
//! no script is needed to read it. One chart a file; `scale` says where things stand. Colours come from the style
//! sheet by class; no colour carries a meaning alone. Same input, same bytes.

use std::fmt::Write;

pub(super) mod calibration;
pub(super) mod coverage;
pub(super) mod curve;
pub(super) mod ratio;
pub(super) mod scale;
pub(super) mod spark;
pub(super) mod timeline;

/// Text inside of SVG or an attribute. Everything from records goes through here or through the template.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#x27;"),
            '/' => safe.push_str("&#x2f;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A horizontal bar of a share, 8 pixels high; a line marks what it is compared with.
pub(super) fn bar(share: f64, reference: Option<f64>, most: f64) -> String {
    let scale = scale::Linear::between(0.0, if most > 0.0 { most } else { 1.0 });
    let mut svg = format!(
        r#"<svg class="bar" width="100%" height="12" aria-hidden="true"><rect class="rail" y="2" width="100%" height="8" rx="2"/><rect class="fill" y="2" width="{}" height="8" rx="2"/>"#,
        scale::percent(scale.fraction(share))
    );
    if let Some(reference) = reference.filter(|r| r.is_finite()) {
        let x = scale::percent(scale.fraction(reference));
        let _ = write!(svg, r#"<line class="was" x1="{x}" x2="{x}" y1="0" y2="12"/>"#);
    }
    svg.push_str("</svg>");
    svg
}
