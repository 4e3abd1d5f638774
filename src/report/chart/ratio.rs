//! Did a subgroup have more positives than the model let expect?
//!
//! Observed over expected on a doubling scale from a sixteenth to sixteenfold; the middle line is "as expected". The
//! interval is Byar's approximation to the exact one of a Poisson count (Breslow and Day 1987, p. 69).

use std::fmt::Write;

use super::scale::{Linear, percent};

/// Observed / expected and its 95 % interval.
pub(crate) fn of(observed: u64, expected: f64) -> Option<(f64, [f64; 2])> {
    if !expected.is_finite() || expected <= 0.0 {
        return None;
    }
    let z = 1.959_963_984_540_054;
    let count = observed as f64;
    let cube = |x: f64| x.max(0.0) * x.max(0.0) * x.max(0.0);
    let low = if observed == 0 { 0.0 } else { count * cube(1.0 - 1.0 / (9.0 * count) - z / (3.0 * count.sqrt())) };
    let more = count + 1.0;
    let high = more * cube(1.0 - 1.0 / (9.0 * more) + z / (3.0 * more.sqrt()));
    let ratio = count / expected;
    [ratio, low / expected, high / expected]
        .iter()
        .all(|x| x.is_finite())
        .then_some((ratio, [low / expected, high / expected]))
}

/// The dot with its interval, marked where an alert is about it.
pub(crate) fn draw(observed: u64, expected: f64, marked: bool) -> String {
    let scale = Linear::between(-4.0, 4.0);
    let x = |ratio: f64| percent(if ratio > 0.0 { scale.fraction(libm::log2(ratio)) } else { 0.0 });
    let mut svg = r#"<svg class="ratio" width="100%" height="20" aria-hidden="true">"#.to_owned();
    for power in [-3.0, -2.0, -1.0, 1.0, 2.0, 3.0] {
        let at = percent(scale.fraction(power));
        let _ = write!(svg, r#"<line class="grid" x1="{at}" x2="{at}" y1="3" y2="17"/>"#);
    }
    svg.push_str(r#"<line class="was" x1="50%" x2="50%" y1="0" y2="20"/>"#);
    if let Some((ratio, [low, high])) = of(observed, expected) {
        let class = if marked { "off" } else { "on" };
        let _ = write!(
            svg,
            r#"<line class="whisker {class}" x1="{}" x2="{}" y1="10" y2="10"/><circle class="dot {class}" cx="{}" cy="10" r="4.5"/>"#,
            x(low),
            x(high),
            x(ratio)
        );
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_agrees_with_exact_poisson_limits() {
        // Exact 95 % limits of a Poisson count: 10 gives 4.795 to 18.39, 100 gives 81.36 to 121.63. Byar's are within 1 %.
        for (observed, low, high) in [(10, 4.795, 18.39), (100, 81.36, 121.63)] {
            let (_, [a, b]) = of(observed, 1.0).unwrap();
            assert!((a / low - 1.0).abs() < 0.01 && (b / high - 1.0).abs() < 0.01, "{a} {b}");
        }
        assert_eq!(of(3, 0.0), None);
    }
}
