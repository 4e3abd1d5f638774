//! Do the scores mean what they say, and how much of the truth is there?
//!
//! Calibration and the distribution of scores of one window, and the coverage of labels over all.

use serde::Serialize;

use super::chart::calibration::{self, Group};
use super::chart::{bar, coverage};
use super::figures::Table;
use super::number::{self, Unit};
use super::series::{self, Series};
use super::words;
use crate::finding::{Maturity, Summary};

/// One group of scores.
#[derive(Clone, Debug, Serialize)]
struct ScoreRow {
    range: String,
    n: String,
    share: String,
    svg: String,
    stated: String,
    observed: String,
    interval: String,
}

/// Calibration and scores of one window.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Scores {
    window: String,
    maturity: &'static str,
    svg: Option<String>,
    rows: Vec<ScoreRow>,
}

impl Scores {
    /// The best view on calibration. `None` when no window has scores.
    pub(super) fn new(series: &Series<'_>) -> Option<Self> {
        let summary =
            series.truth(|summary| !summary.truth.scores.is_empty() || !summary.predictions.scores.is_empty());
        let summary = summary?;
        let bins = if summary.truth.scores.is_empty() { &summary.predictions.scores } else { &summary.truth.scores };
        let total: u64 = bins.iter().map(|bin| bin.n).fold(0, u64::saturating_add);
        let share = |n: u64| if total == 0 { 0.0 } else { n as f64 / total as f64 };
        let widest = bins.iter().map(|bin| share(bin.n)).fold(0.0, f64::max);
        let groups: Vec<Group> = bins
            .iter()
            .map(|bin| Group {
                stated: bin.stated,
                labelled: bin.labelled,
                positive: bin.positive,
                tip: format!(
                    "scores {} to {}\nstated {}, observed {} of {}",
                    number::metric(bin.low),
                    number::metric(bin.high),
                    number::share(bin.stated),
                    number::count(bin.positive),
                    number::count(bin.labelled)
                ),
            })
            .collect();
        let labelled: u64 = bins.iter().map(|bin| bin.labelled).fold(0, u64::saturating_add);
        let window = number::window(summary.window.start, summary.window.end);
        let label = format!("stated against observed share of positives in {} score groups, {window}", groups.len());
        Some(Self {
            svg: (labelled > 0).then(|| calibration::draw(&groups, &label)),
            maturity: words::maturity(series::maturity(summary)),
            window,
            rows: bins
                .iter()
                .map(|bin| ScoreRow {
                    range: format!("{}–{}", number::plain(bin.low), number::plain(bin.high)),
                    n: number::count(bin.n),
                    share: number::share(share(bin.n)),
                    svg: bar(share(bin.n), None, widest),
                    stated: number::share(bin.stated),
                    observed: if bin.labelled == 0 {
                        number::NONE.into()
                    } else {
                        number::share(bin.positive as f64 / bin.labelled as f64)
                    },
                    interval: Unit::Share
                        .interval(calibration::wilson(bin.positive, bin.labelled))
                        .unwrap_or(number::NONE.into()),
                })
                .collect(),
        })
    }
}

/// The coverage of labels.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Coverage {
    svg: String,
    /// One sentence.
    pub(super) sentence: String,
    table: Table,
}

/// How much truth has arrived for all windows together.
pub(super) struct Arrived {
    /// Labelled / predicted; `None` without a coverage figure.
    pub(super) share: Option<f64>,
    /// End of the last window before the first one that is not mature.
    pub(super) complete_until: Option<i64>,
}

/// Sums the coverage up.
pub(super) fn arrived(series: &Series<'_>) -> Arrived {
    let (mut labelled, mut all) = (0.0, 0.0);
    for summary in series.base() {
        let value = series::coverage(summary).and_then(|figure| figure.value).filter(|v| v.is_finite());
        if let Some(value) = value {
            labelled += value * summary.inputs.n as f64;
            all += summary.inputs.n as f64;
        }
    }
    let mature = series.base().iter().take_while(|summary| series::maturity(summary) == Maturity::Mature);
    Arrived {
        share: (all > 0.0).then(|| labelled / all),
        complete_until: mature.last().map(|summary| summary.window.end),
    }
}

impl Coverage {
    /// The coverage of a version. `None` when no window has a figure of it.
    pub(super) fn new(series: &Series<'_>) -> Option<Self> {
        let windows: Vec<coverage::Window> = series.windows().iter().filter_map(|summary| window(summary)).collect();
        if windows.is_empty() {
            return None;
        }
        let sentence = sentence(&arrived(series));
        let rows = series
            .windows()
            .iter()
            .rev()
            .filter_map(|summary| {
                let figure = series::coverage(summary)?;
                Some(vec![
                    number::window(summary.window.start, summary.window.end),
                    number::count(summary.inputs.n),
                    Unit::Share.text(figure.value),
                    Unit::Share.text(figure.expected_coverage),
                    words::maturity(figure.maturity).to_owned(),
                    (if summary.is_final { "final" } else { "may still change" }).to_owned(),
                ])
            })
            .collect();
        Some(Self {
            svg: coverage::draw(
                &windows,
                series.axis(),
                &format!("share of labelled predictions by window. {sentence}"),
            ),
            sentence,
            table: Table {
                head: ["window", "predictions", "labelled", "expected by now", "labels", "summary"]
                    .map(String::from)
                    .to_vec(),
                rows,
            },
        })
    }
}

/// What has arrived, as a sentence.
pub(super) fn sentence(arrived: &Arrived) -> String {
    let share = match arrived.share {
        Some(share) => format!("Truth has arrived for {} of the predictions", number::share(share)),
        None => "How much of the truth has arrived is not stated".into(),
    };
    match arrived.complete_until {
        Some(until) => format!("{share}; it is complete for predictions made before {}.", number::moment(until)),
        None => format!("{share}; no window is complete yet."),
    }
}

fn window(summary: &Summary) -> Option<coverage::Window> {
    let figure = series::coverage(summary)?;
    let expected = figure.expected_coverage.filter(|e| e.is_finite());
    Some(coverage::Window {
        start: summary.window.start,
        end: summary.window.end,
        coverage: figure.value,
        expected,
        maturity: figure.maturity,
        tip: format!(
            "{}\n{} of {} predictions labelled{}\n{}",
            number::window(summary.window.start, summary.window.end),
            Unit::Share.text(figure.value),
            number::count(summary.inputs.n),
            expected.map_or(String::new(), |e| format!("\n{} expected by now", number::share(e))),
            words::maturity(figure.maturity)
        ),
    })
}
