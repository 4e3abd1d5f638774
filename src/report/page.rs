//! How is the page put together?
//!
//! A section a model, the worst first; inside it a view a version, the newest first; the pipeline and the account of
//! the run at the end. All that the template knows is what these structs say.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::account::{Account, counts};
use super::alerts::{self, Fact, Timeline};
use super::chart::scale::TimeAxis;
use super::features::Features;
use super::figures::{self, FigureCard, Table};
use super::incidents::{self, Card, Requests};
use super::number;
use super::series::Series;
use super::slices::{self, Slices};
use super::story::{Material, Story};
use super::truth::{self, Coverage, Scores};
use super::{Findings, SCRIPT, STYLE, csp, words};
use crate::finding::{
    AlertState, BlindSpot, Inactive, Incident, IncidentState, LabelRequest, Severity, SliceFigure, Summary,
};

/// The whole page.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Page {
    title: String,
    csp: String,
    style: &'static str,
    script: &'static str,
    period: String,
    many: bool,
    sections: Vec<Section>,
    account: Account,
}

/// A figure at the top.
#[derive(Clone, Debug, Serialize)]
struct Tile {
    name: String,
    value: String,
    note: String,
}

/// One model, or the pipeline.
#[derive(Clone, Debug, Serialize)]
struct Section {
    id: String,
    name: String,
    is_pipeline: bool,
    open: bool,
    story: Story,
    tiles: Vec<Tile>,
    incidents: Vec<Card>,
    timeline: Option<Timeline>,
    requests: Option<Requests>,
    versions: Vec<Version>,
    #[serde(skip)]
    rank: (Severity, bool),
}

/// One version of a model.
#[derive(Clone, Debug, Serialize)]
struct Version {
    id: String,
    name: String,
    open: bool,
    windows: String,
    left_out: usize,
    shaded: bool,
    metrics: Vec<FigureCard>,
    predictions: Vec<FigureCard>,
    business: Vec<FigureCard>,
    calibration: Vec<FigureCard>,
    table: Table,
    features: Option<Features>,
    slices: Option<Slices>,
    scores: Option<Scores>,
    coverage: Option<Coverage>,
    counts: Vec<Fact>,
    active: Vec<String>,
    inactive: Vec<Inactive>,
    blind_spots: Vec<BlindSpot>,
    capped: bool,
    late_after_idle: u64,
}

impl Page {
    /// The page over `findings`.
    pub(super) fn new(findings: &Findings) -> Self {
        let mut names: BTreeSet<Option<&str>> = BTreeSet::new();
        names.extend(findings.summaries.iter().map(|summary| Some(summary.model.as_str())));
        names.extend(findings.alerts.iter().map(|alert| alert.model.as_deref()));
        names.extend(findings.incidents.iter().map(|incident| incident.model.as_deref()));
        names.extend(findings.requests.iter().map(|request| Some(request.model.as_str())));
        let mut sections: Vec<Section> =
            names.into_iter().enumerate().map(|(place, name)| section(findings, name, place)).collect();
        // By severity of what is open; a sort that keeps the order of names.
        sections.sort_by_key(|section| (section.is_pipeline, std::cmp::Reverse(section.rank)));
        if let Some(first) = sections.first_mut() {
            first.open = true;
        }
        let many = sections.len() > 1;
        let loud: Vec<&Section> = sections.iter().filter(|section| section.story.tone != "quiet").collect();
        let title = match (sections.first(), loud.as_slice()) {
            (None, _) => "Nothing was watched".into(),
            (Some(first), []) if !many => first.story.headline.clone(),
            (Some(_), []) => format!("All quiet: nothing needs attention for {}", list(&sections)),
            (Some(_), [one]) => format!("{}: {}", one.name, one.story.headline),
            (Some(_), several) => format!("{} need attention: {}", several.len(), list(several.iter().copied())),
        };
        // Windows of higher levels reach back before the first record.
        let length = |summary: &Summary| summary.window.end.saturating_sub(summary.window.start);
        let shortest = findings.summaries.iter().map(length).min();
        let base = findings.summaries.iter().filter(|summary| Some(length(summary)) == shortest);
        let start = base.map(|summary| summary.window.start).min();
        let end = findings.summaries.iter().map(|summary| summary.window.end).max();
        Self {
            title,
            csp: csp::policy(STYLE, Some(SCRIPT)),
            style: STYLE,
            script: SCRIPT,
            period: match start.zip(end) {
                Some((start, end)) => number::window(start, end),
                None => "no windows".into(),
            },
            many,
            sections,
            account: Account::new(&findings.run),
        }
    }
}

/// The first few names.
fn list<'s>(sections: impl IntoIterator<Item = &'s Section>) -> String {
    const NAMES_SHOWN: usize = 4;
    let names: Vec<&str> = sections.into_iter().map(|section| section.name.as_str()).collect();
    let more = names.len().saturating_sub(NAMES_SHOWN);
    let shown = names.into_iter().take(NAMES_SHOWN).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn section(findings: &Findings, model: Option<&str>, place: usize) -> Section {
    let lives = alerts::lives(findings.alerts.iter().filter(|alert| alert.model.as_deref() == model), place);
    let latest = incidents::latest(findings.incidents.iter().filter(|incident| incident.model.as_deref() == model));
    let requests: Vec<&LabelRequest> =
        findings.requests.iter().filter(|request| Some(request.model.as_str()) == model).collect();
    let mut by_version: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for summary in findings.summaries.iter().filter(|summary| Some(summary.model.as_str()) == model) {
        by_version.entry(&summary.version).or_default().push(summary);
    }
    let mut series: Vec<(&str, Series<'_>)> = by_version
        .into_iter()
        .filter_map(|(version, summaries)| Series::new(summaries).map(|series| (version, series)))
        .collect();
    // The newest version first: the one whose traffic began last.
    series.sort_by_key(|(_, series)| std::cmp::Reverse(series.base().first().map(|summary| summary.window.start)));
    let told = latest.first().filter(|incident| incident.state == IncidentState::Open);
    let told = told.and_then(|incident| incident.version.as_deref());
    // The version that the story is about, else the newest.
    let shown = series.iter().position(|(version, _)| Some(*version) == told).unwrap_or(0);
    let main = series.get(shown).map(|(_, series)| series);
    let story = Story::new(&Material { model, incidents: &latest, lives: &lives, series: main });
    let unclaimed: Vec<&LabelRequest> = requests
        .iter()
        .filter(|request| latest.iter().all(|incident| incident.id != request.incident))
        .copied()
        .collect();
    let worst_open = latest.iter().filter(|incident| incident.state == IncidentState::Open).map(|i| i.severity).max();
    let worst_alert = lives.iter().filter(|life| life.is_firing()).map(|life| life.last().severity).max();
    let rank = (worst_open.max(worst_alert).unwrap_or(Severity::Info), worst_open.is_some());
    let versions = series
        .iter()
        .enumerate()
        .map(|(k, (name, series))| version(&format!("v{place}-{k}"), name, series, &latest, &lives, k == shown))
        .collect();
    Section {
        id: format!("m{place}"),
        name: model.unwrap_or("The pipeline").to_owned(),
        is_pipeline: model.is_none(),
        open: false,
        story,
        tiles: main.map_or_else(Vec::new, |series| tiles(series, &lives, requests.len())),
        incidents: latest.iter().map(|incident| Card::new(incident, &lives, &requests)).collect(),
        timeline: timeline(&lives, series.iter().map(|(_, series)| series)),
        requests: Requests::new(unclaimed),
        versions,
        rank,
    }
}

fn timeline<'s, 'a: 's>(lives: &[alerts::Life<'_>], series: impl Iterator<Item = &'s Series<'a>>) -> Option<Timeline> {
    let changes = || lives.iter().flat_map(|life| &life.changes);
    let mut start = changes().map(|change| change.starts_at.min(change.as_of)).min()?;
    let mut end = changes().map(|change| change.as_of).max()?;
    for series in series {
        start = series.base().first().map_or(start, |summary| start.min(summary.window.start));
        end = series.base().last().map_or(end, |summary| end.max(summary.window.end));
    }
    // A little room, so that what changed last can be seen.
    let end = end.saturating_add(end.saturating_sub(start) / 40);
    Some(Timeline::new(lives, TimeAxis::new(start, end), end))
}

fn tiles(series: &Series<'_>, lives: &[alerts::Life<'_>], requests: usize) -> Vec<Tile> {
    let total: u64 = series.base().iter().map(|summary| summary.inputs.n).fold(0, u64::saturating_add);
    let arrived = truth::arrived(series);
    let number = |state: AlertState| lives.iter().filter(|life| life.last().state == state).count() as u64;
    let windows = series.base().len() as u64;
    let mut tiles = vec![
        Tile {
            name: "Predictions".into(),
            value: number::count(total),
            note: format!("in {}", number::counted(windows, "window")),
        },
        Tile {
            name: "Truth arrived".into(),
            value: number::Unit::Share.text(arrived.share),
            note: arrived.complete_until.map_or("no window is complete".into(), |until| {
                format!("complete before {}", number::short_day(until))
            }),
        },
        Tile {
            name: "Alerts firing".into(),
            value: number::count(number(AlertState::Firing)),
            note: format!(
                "{} pending, {} resolved",
                number::count(number(AlertState::Pending)),
                number::count(number(AlertState::Resolved))
            ),
        },
    ];
    let mature = series.windows().iter().rev().find_map(|summary| {
        let (name, figure) = ["auc", "accuracy", "f1", "rmse", "mae"]
            .into_iter()
            .find_map(|name| summary.truth.metrics.get(name).map(|figure| (name, figure)))?;
        let mature = figure.maturity == crate::finding::Maturity::Mature;
        (mature && figure.value.is_some_and(f64::is_finite)).then_some((name, figure))
    });
    if let Some((name, figure)) = mature {
        let words = words::metric(name);
        tiles.push(Tile {
            name: format!("{}, all traffic", words.title),
            value: words.unit.text(figure.value),
            note: match figure.reference {
                Some(reference) => format!("reference {}", words.unit.text(Some(reference))),
                None => "no reference".into(),
            },
        });
    }
    if requests > 0 {
        tiles.push(Tile {
            name: "Label requests".into(),
            value: number::count(requests as u64),
            note: "predictions worth a look".into(),
        });
    }
    tiles
}

fn version(
    id: &str,
    name: &str,
    series: &Series<'_>,
    latest: &[&Incident],
    lives: &[alerts::Life<'_>],
    open: bool,
) -> Version {
    let last = series.windows().last().map_or(i64::MAX, |summary| summary.window.end);
    let spans: Vec<(i64, i64)> = latest
        .iter()
        .filter(|incident| incident.version.as_deref().is_none_or(|version| version == name))
        .map(|incident| (incidents::begun(incident, lives), incident.closed_as_of.unwrap_or(last)))
        .take(20)
        .collect();
    let judged = lives
        .iter()
        .filter(|life| life.height().indicator == "slice.error_rate")
        .filter(|life| life.last().version.as_deref().is_none_or(|version| version == name))
        .max_by_key(|life| (life.is_firing(), life.height().window))
        .map(|life| life.height().window);
    let alerted =
        |figure: &SliceFigure| lives.iter().any(|life| life.height().subject.slice.as_ref() == Some(&figure.slice));
    let latest_summary = series.latest();
    let is_calibration = |name: &str| name.starts_with("calibration");
    let mut joined: BTreeMap<String, u64> = BTreeMap::new();
    for (outcome, count) in series.base().iter().flat_map(|summary| &summary.counts) {
        let sum = joined.entry(outcome.clone()).or_default();
        *sum = sum.saturating_add(*count);
    }
    let mut predictions = figures::cards(series, |summary| &summary.predictions.figures, |_| true, &spans);
    predictions.extend(figures::cards(
        series,
        |summary| &summary.truth.figures,
        |name| !is_calibration(name) && name != "coverage",
        &spans,
    ));
    let mut business = figures::cards(series, |summary| &summary.business.figures, |_| true, &spans);
    business.extend(figures::cards(series, |summary| &summary.business.metrics, |_| true, &spans));
    Version {
        id: id.to_owned(),
        name: name.to_owned(),
        open,
        windows: format!(
            "{} of {}",
            number::counted(series.windows().len() as u64, "window"),
            number::length(series.length())
        ),
        left_out: series.left_out,
        shaded: !spans.is_empty(),
        metrics: figures::cards(series, |summary| &summary.truth.metrics, |_| true, &spans),
        predictions,
        business,
        calibration: figures::cards(series, |summary| &summary.truth.figures, is_calibration, &spans),
        table: figures::table(
            series,
            &[
                |summary| &summary.truth.metrics,
                |summary| &summary.truth.figures,
                |summary| &summary.predictions.figures,
                |summary| &summary.business.figures,
            ],
        ),
        features: Features::new(series, lives),
        slices: slices::summary(series, judged).map(|summary| Slices::new(summary, alerted)),
        scores: Scores::new(series),
        coverage: Coverage::new(series),
        counts: counts(&joined),
        active: latest_summary.map_or_else(Vec::new, |summary| summary.active.clone()),
        inactive: latest_summary.map_or_else(Vec::new, |summary| summary.inactive.clone()),
        blind_spots: latest_summary.map_or_else(Vec::new, |summary| summary.blind_spots.clone()),
        capped: series.base().iter().any(|summary| summary.capped),
        late_after_idle: series.base().iter().map(|summary| summary.late_after_idle).fold(0, u64::saturating_add),
    }
}
