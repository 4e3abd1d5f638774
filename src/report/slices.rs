//! Where does the model fare worse than the whole explains?
//!
//! Observed positives against those that the scores let expect, for each subgroup that the judge named, ranked by how
//! far they are apart in units of the chance alone, `|O − E| / √E`.

use serde::Serialize;

use super::chart::ratio;
use super::number::{self, Unit};
use super::series::{Series, maturity};
use super::words;
use crate::finding::{SliceFigure, Summary, WindowBounds};

/// Subgroups that are seen without unfolding.
const SHOWN: usize = 8;

/// One subgroup.
#[derive(Clone, Debug, Serialize)]
struct Slice {
    name: String,
    n: String,
    observed: String,
    expected: String,
    ratio: String,
    svg: String,
    error_rate: String,
    fnr: String,
    fpr: String,
    differs: bool,
}

/// The subgroups of one window.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Slices {
    window: String,
    maturity: &'static str,
    first: Vec<Slice>,
    more: Vec<Slice>,
}

/// The summary whose subgroups are shown: that of the judged `window`, if there is one, else the best view.
pub(super) fn summary<'a>(series: &Series<'a>, judged: Option<WindowBounds>) -> Option<&'a Summary> {
    let has = |summary: &Summary| !summary.truth.slices.is_empty();
    judged.and_then(|window| series.at(window)).filter(|summary| has(summary)).or_else(|| series.truth(has))
}

impl Slices {
    /// The subgroups of `summary`; `alerted` says which of them an alert is about. A 95 % interval would point at one
    /// subgroup in twenty on any day.
    pub(super) fn new(summary: &Summary, alerted: impl Fn(&SliceFigure) -> bool) -> Self {
        let mut ranked: Vec<&SliceFigure> = summary.truth.slices.iter().collect();
        ranked.sort_by(|a, b| distance(b).total_cmp(&distance(a)).then_with(|| a.slice.cmp(&b.slice)));
        let mut first: Vec<Slice> = ranked.into_iter().map(|figure| slice(figure, alerted(figure))).collect();
        let more = if first.len() > SHOWN + 1 { first.split_off(SHOWN) } else { Vec::new() };
        Self {
            window: number::window(summary.window.start, summary.window.end),
            maturity: words::maturity(maturity(summary)),
            first,
            more,
        }
    }
}

fn distance(slice: &SliceFigure) -> f64 {
    let gap = (slice.observed as f64 - slice.expected).abs();
    let size = gap / slice.expected.max(1.0).sqrt();
    if size.is_finite() { size } else { 0.0 }
}

fn slice(slice: &SliceFigure, differs: bool) -> Slice {
    let ratio = ratio::of(slice.observed, slice.expected);
    Slice {
        name: words::slice_name(&slice.slice),
        n: number::count(slice.n),
        observed: number::count(slice.observed),
        expected: number::plain((slice.expected * 10.0).round() / 10.0),
        ratio: ratio.map_or(number::NONE.into(), |(ratio, _)| format!("{}×", number::ratio(ratio))),
        svg: ratio::draw(slice.observed, slice.expected, differs),
        error_rate: Unit::Share.text(slice.error_rate),
        fnr: Unit::Share.text(slice.fnr),
        fpr: Unit::Share.text(slice.fpr),
        differs,
    }
}
