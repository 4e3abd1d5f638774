//! How did the figures of the whole move?
//!
//! One card a figure with its curve, and one table with all of them for who cannot or will not look at curves.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::chart::curve::{self, Curve, Point};
use super::series::{Series, maturity, middle};
use super::{number, words};
use crate::finding::{Figure, Maturity, Summary};

/// One figure with its curve.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FigureCard {
    name: String,
    title: String,
    meaning: &'static str,
    value: String,
    interval: Option<String>,
    reference: Option<String>,
    when: String,
    maturity: &'static str,
    estimated: bool,
    svg: String,
}

/// A table: the fallback of charts.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Table {
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// Finds the figures of one layer in a summary.
pub(super) type Pick = fn(&Summary) -> &BTreeMap<String, Figure>;

/// The cards of one layer; `keep` says which names.
pub(super) fn cards(
    series: &Series<'_>,
    pick: Pick,
    keep: impl Fn(&str) -> bool,
    spans: &[(i64, i64)],
) -> Vec<FigureCard> {
    names(series, pick, keep).into_iter().map(|name| card(series, pick, name, spans)).collect()
}

fn names<'a>(series: &Series<'a>, pick: Pick, keep: impl Fn(&str) -> bool) -> Vec<&'a str> {
    let all: std::collections::BTreeSet<&str> = series
        .windows()
        .iter()
        .flat_map(|summary| pick(summary))
        .filter(|(name, figure)| keep(name) && figure.value.is_some())
        .map(|(name, _)| name.as_str())
        .collect();
    let mut names: Vec<&str> = all.into_iter().collect();
    names.sort_by_key(|name| (words::metric(name).rank, *name));
    names
}

fn card(series: &Series<'_>, pick: Pick, name: &str, spans: &[(i64, i64)]) -> FigureCard {
    let words = words::metric(name);
    let unit = words.unit;
    let points: Vec<Point> = series
        .windows()
        .iter()
        .filter_map(|summary| {
            let figure = pick(summary).get(name)?;
            Some(Point {
                at: middle(summary.window),
                value: figure.value,
                interval: figure.interval,
                maturity: figure.maturity,
                estimated: summary.predictions.estimated.get(name).and_then(|estimate| estimate.value),
                tip: tip(summary, name, figure),
            })
        })
        .collect();
    let known = |wanted: &dyn Fn(Maturity) -> bool| {
        series.windows().iter().rev().find_map(|summary| {
            let figure = pick(summary).get(name)?;
            (figure.value.is_some_and(f64::is_finite) && wanted(figure.maturity)).then_some((*summary, figure))
        })
    };
    let shown = known(&|maturity| maturity == Maturity::Mature).or_else(|| known(&|_| true));
    let reference = shown.and_then(|(_, figure)| figure.reference).filter(|r| r.is_finite());
    let value = unit.text(shown.and_then(|(_, figure)| figure.value));
    let label = format!(
        "{} over {} windows; {value} at last{}",
        words.title,
        points.len(),
        reference.map_or(String::new(), |r| format!(", reference {}", unit.text(Some(r))))
    );
    FigureCard {
        name: name.to_owned(),
        title: words.title.to_owned(),
        meaning: words.meaning,
        value,
        interval: shown.and_then(|(_, figure)| unit.interval(figure.interval)),
        reference: reference.map(|r| unit.text(Some(r))),
        when: shown.map_or(String::new(), |(summary, _)| number::window(summary.window.start, summary.window.end)),
        maturity: shown.map_or("", |(_, figure)| words::maturity(figure.maturity)),
        estimated: points.iter().any(|point| point.estimated.is_some()),
        svg: curve::draw(&Curve { label: &label, points: &points, reference, spans, axis: series.axis(), unit }),
    }
}

fn tip(summary: &Summary, name: &str, figure: &Figure) -> String {
    let words = words::metric(name);
    let mut text = format!(
        "{}\n{} {}",
        number::window(summary.window.start, summary.window.end),
        words.title,
        words.unit.text(figure.value)
    );
    if let Some(interval) = words.unit.interval(figure.interval) {
        let _ = write!(text, " ({interval})");
    }
    if let Some(reference) = figure.reference.filter(|r| r.is_finite()) {
        let _ = write!(text, "\nreference {}", words.unit.text(Some(reference)));
    }
    let _ = write!(text, "\n{} events, {}", number::count(figure.n), words::maturity(figure.maturity));
    text
}

/// All figures of the given layers by window, the latest first.
pub(super) fn table(series: &Series<'_>, layers: &[Pick]) -> Table {
    let columns: Vec<(Pick, &str)> =
        layers.iter().flat_map(|pick| names(series, *pick, |_| true).into_iter().map(|name| (*pick, name))).collect();
    let mut head = vec!["window".to_owned(), "predictions".to_owned(), "labels".to_owned()];
    head.extend(columns.iter().map(|(_, name)| words::metric(name).title.to_owned()));
    let rows = series
        .windows()
        .iter()
        .rev()
        .map(|summary| {
            let mut row = vec![
                number::window(summary.window.start, summary.window.end),
                number::count(summary.inputs.n),
                words::maturity(maturity(summary)).to_owned(),
            ];
            row.extend(columns.iter().map(|(pick, name)| {
                words::metric(name).unit.text(pick(summary).get(*name).and_then(|figure| figure.value))
            }));
            row
        })
        .collect();
    Table { head, rows }
}
