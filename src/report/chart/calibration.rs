//! Of the cases given 20 per cent, did two in ten occur?
//!
//! Stated against observed share of positives, one dot a score group, with the 95 % interval of Wilson (1927). Both
//! axes are square roots: most scores of a rare class lie close to nought, and the diagonal stays straight.

use std::fmt::Write;

use super::escape;

/// One score group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Mean score, as stated.
    pub(crate) stated: f64,
    /// Labelled predictions.
    pub(crate) labelled: u64,
    /// Positive labels.
    pub(crate) positive: u64,
    /// What a pointer shows.
    pub(crate) tip: String,
}

const LEFT: f64 = 44.0;
const SIDE: f64 = 276.0;
const TOP: f64 = 10.0;

/// Wilson's 95 % interval of a share.
pub(crate) fn wilson(positive: u64, labelled: u64) -> Option<[f64; 2]> {
    if labelled == 0 || positive > labelled {
        return None;
    }
    let z = 1.959_963_984_540_054;
    let n = labelled as f64;
    let p = positive as f64 / n;
    let middle = p + z * z / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let all = 1.0 + z * z / n;
    Some([((middle - half) / all).max(0.0), ((middle + half) / all).min(1.0)])
}

/// The chart.
pub(crate) fn draw(groups: &[Group], label: &str) -> String {
    let place = |share: f64| if share.is_finite() { share.clamp(0.0, 1.0).sqrt() } else { 0.0 };
    let x = |share: f64| LEFT + place(share) * SIDE;
    let y = |share: f64| TOP + (1.0 - place(share)) * SIDE;
    let mut svg = format!(r#"<svg class="square" role="img" aria-label="{}" viewBox="0 0 332 332">"#, escape(label));
    for (share, text) in [(0.0, "0 %"), (0.05, "5 %"), (0.2, "20 %"), (0.5, "50 %"), (1.0, "100 %")] {
        let (gx, gy) = (x(share), y(share));
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{gy:.1}" y2="{gy:.1}"/><line class="grid" x1="{gx:.1}" x2="{gx:.1}" y1="{TOP}" y2="{:.1}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{text}</text><text x="{gx:.1}" y="{:.1}" text-anchor="middle">{text}</text>"#,
            LEFT + SIDE,
            TOP + SIDE,
            LEFT - 6.0,
            gy + 4.0,
            TOP + SIDE + 16.0
        );
    }
    let _ = write!(
        svg,
        r#"<text class="name" x="{:.1}" y="{:.1}" text-anchor="middle">stated by the model</text><text class="name" x="{:.1}" y="{:.1}">observed</text>"#,
        LEFT + SIDE / 2.0,
        TOP + SIDE + 34.0,
        LEFT + 6.0,
        TOP + 14.0
    );
    let _ = write!(
        svg,
        r#"<line class="ref" x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}"/>"#,
        x(0.0),
        y(0.0),
        x(1.0),
        y(1.0)
    );
    let most = groups.iter().map(|group| group.labelled).max().unwrap_or(1).max(1) as f64;
    for group in groups {
        let Some([low, high]) = wilson(group.positive, group.labelled) else { continue };
        let observed = group.positive as f64 / group.labelled as f64;
        let at = x(group.stated);
        let radius = 3.0 + 4.0 * (group.labelled as f64 / most).sqrt();
        let _ = write!(
            svg,
            r#"<line class="whisker" x1="{at:.1}" x2="{at:.1}" y1="{:.1}" y2="{:.1}"/><circle class="pt mature" cx="{at:.1}" cy="{:.1}" r="{radius:.1}"><title>{}</title></circle>"#,
            y(low),
            y(high),
            y(observed),
            escape(&group.tip)
        );
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_agrees_with_published_values() {
        // Newcombe (1998), Statistics in Medicine 17, table I, method 3: 81/263, 15/148, 0/20.
        for (positive, labelled, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)]
        {
            let [a, b] = wilson(positive, labelled).unwrap();
            assert!((a - low).abs() < 6e-5 && (b - high).abs() < 6e-5, "{a} {b}");
        }
        assert_eq!(wilson(0, 0), None);
    }
}
