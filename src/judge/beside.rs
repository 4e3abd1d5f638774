//! How is a window compared with something other than the baseline?
//!
//! A further reference stands in for the sums of the baseline and for nothing else: coding, layout, recalibration and
//! scatter stay the baseline's, and the questions are the same pure functions. Asked are those whose answer lies in the
//! sums of both windows: missing values, range, drift, scores, decisions, rate of labels and metrics. Not asked are those
//! that mean "not on the baseline" (unseen and growing values), that read scores by the baseline's map (calibration,
//! estimates), and subgroups, which would cost most and are compared with the rest of their own window already.
//!
//! Each reference asks every question once more, so its levels are shared (see `budget`). A reference that moves is no
//! fixed limit, so these readings lay no bets on what windows say together. Both sides scatter as windows do.
//!
//! An alert says with what it was compared (`reference` in its subject) and has a life of its own. Where its reference
//! has gone, three windows with nothing to compare with end it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lives::{Lives, Origin};
use super::past::{Part, WEEK, WEEKS};
use super::reading::{Context, Reading};
use super::store::Due;
use super::words::day;
use super::{Judge, inputs, labels, performance, predictions};
use crate::baseline::Profile;
use crate::config::{ModelConfig, Reference};
use crate::event::{EventTime, Span, Window};
use crate::finding::fingerprint;
use crate::indicator::Indicator;
use crate::observe::{Sums, flow};

/// At least so many of the weeks before must have the window: one week alone may have been a holiday.
const WEEKS_LEAST: usize = 2;

/// What is asked of further references.
const ASKED: [Indicator; 7] = [
    Indicator::InputMissingRate,
    Indicator::InputOutOfRange,
    Indicator::InputDrift,
    Indicator::PredictionDrift,
    Indicator::DecisionRate,
    Indicator::LabelRate,
    Indicator::PerformanceDegradation,
];

/// A reference beside the baseline, for one window.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    /// Which.
    pub reference: Reference,
    /// The baseline, with the sums of the reference in place of its own.
    pub profile: Arc<Profile>,
    /// The baseline itself.
    pub baseline: Arc<Profile>,
    /// Whether its features were coded as those of the window were.
    pub coded: bool,
    /// Predictions, and labelled ones, of one of its windows: the mean over rows.
    rows: [f64; 2],
    /// Where it is, as said in a sentence.
    place: String,
}

impl Beside {
    /// The reference that these parts of windows add up to; `None` without a prediction.
    pub(super) fn new(
        reference: Reference,
        length: Span,
        baseline: &Arc<Profile>,
        parts: &[Sums],
        coded: bool,
    ) -> Option<Self> {
        let mut sums = Sums::new(baseline.layout.clone());
        parts.iter().for_each(|part| sums.merge(part));
        if sums.flow(flow::N) <= 0 {
            return None;
        }
        // A row's window: scatter adds up by the squares of what each window brought.
        let usual = |of: &dyn Fn(&Sums) -> i64| {
            let (total, squares) = parts
                .iter()
                .map(|part| of(part) as f64)
                .fold((0.0, 0.0), |(sum, squares), n| (sum + n, squares + n * n));
            if total > 0.0 { squares / total } else { 0.0 }
        };
        let rows = [usual(&|sums| sums.flow(flow::N)), usual(&|sums| libm::rint(sums.effective_labels()[0]) as i64)];
        let place = place(&reference, length);
        let profile = Arc::new(Profile { sums, ..(**baseline).clone() });
        Some(Self { reference, profile, baseline: baseline.clone(), coded, rows, place })
    }

    /// Rows of one window of the reference, or labelled ones.
    pub(super) fn rows(&self, labelled: bool) -> f64 {
        self.rows[usize::from(labelled)]
    }

    /// Whether windows of the same phase of a cycle are compared, so that the cycle itself is no scatter.
    pub(super) fn is_in_phase(&self) -> bool {
        self.reference == Reference::SameHourOfWeek
    }

    /// Where it is, as said in a sentence: "in the hour before".
    pub(super) fn place(&self) -> &str {
        &self.place
    }
}

fn place(reference: &Reference, length: Span) -> String {
    let named = [(Span::HOUR, "hour"), (Span::DAY, "day"), (WEEK, "week")];
    let name = named.into_iter().find(|(span, _)| *span == length).map_or("window", |(_, name)| name);
    match reference {
        Reference::Previous => format!("in the {name} before"),
        Reference::Version(version) => format!("with version '{version}' in the same window"),
        Reference::SameHourOfWeek if length == WEEK => "in the weeks before".to_owned(),
        Reference::SameHourOfWeek if length == Span::DAY => "on this day of the weeks before".to_owned(),
        Reference::SameHourOfWeek if length == Span::HOUR => "at this hour in the weeks before".to_owned(),
        Reference::SameHourOfWeek => "at this time in the weeks before".to_owned(),
    }
}

/// The further references of a version: another version is not compared with itself.
pub(super) fn of_version<'a>(settings: &'a ModelConfig, version: &str) -> impl Iterator<Item = &'a Reference> {
    settings
        .compare_with
        .iter()
        .filter(move |reference| !matches!(reference, Reference::Version(name) if name == version))
}

/// All readings of one look against further references. `lives` are those of the alerts that such readings raise.
pub(super) fn readings(
    context: &Context<'_>,
    part: Part,
    besides: &[(Reference, Option<Beside>)],
    lives: &Lives,
    origin: &Origin<'_>,
) -> Vec<Reading> {
    let mut all = Vec::new();
    for (reference, beside) in besides {
        let Some(beside) = beside else {
            all.extend(quiet(reference, lives, origin));
            continue;
        };
        let context = Context { profile: Some(&beside.profile), beside: Some(beside), ..*context };
        let mut readings = Vec::new();
        match part {
            Part::Inputs => {
                if beside.coded {
                    readings.extend(inputs::readings(&context));
                }
                readings.extend(predictions::readings(&context));
            }
            Part::Truth => {
                readings.extend(labels::readings(&context, None));
                readings.extend(performance::readings(&context));
            }
        }
        for reading in &mut readings {
            reading.subject.reference = Some(reference.to_string());
        }
        all.append(&mut readings);
    }
    all
}

/// Of each alert on a reference that has gone: there is nothing to compare with, which calms it.
fn quiet(reference: &Reference, lives: &Lives, origin: &Origin<'_>) -> Vec<Reading> {
    let named = reference.to_string();
    let living = lives.names().filter(|(_, subject)| subject.reference.as_ref() == Some(&named));
    let readings = living.filter_map(|(name, subject)| {
        let is = |one: &Indicator| fingerprint(one.name(), origin.model, origin.version, subject) == name;
        let indicator = ASKED.into_iter().find(is)?;
        Some(Reading {
            indicator,
            subject: subject.clone(),
            value: 0.0,
            reference: 0.0,
            effect: 0.0,
            floor: indicator.floor(),
            strength: 0.0,
            interval: None,
            n: 0,
            phi: 1.0,
            is_share: false,
            p_value: 1.0,
            level: 0.0,
            smallest_detectable: None,
            evidence: BTreeMap::new(),
            text: format!("there is nothing {} to compare with.", place(reference, origin.window.length())),
            examples: Vec::new(),
            bet: None,
            speaks: true,
        })
    });
    // One reading a question: the levels of an alert share its name.
    let mut readings: Vec<Reading> = readings.collect();
    readings.dedup_by(|one, other| one.indicator == other.indicator && one.subject == other.subject);
    readings
}

impl Judge {
    /// With what else than the baseline a look compares its window; `None` where that is not there. All of it was due when
    /// the look was, or earlier.
    pub(super) fn besides(
        &self,
        key: &(String, String),
        due: &Due,
        settings: &ModelConfig,
    ) -> Vec<(Reference, Option<Beside>)> {
        let part = Part::of(due.occasion).filter(|part| *part == Part::Inputs || self.labels);
        let Some(part) = part else { return Vec::new() };
        let references = of_version(settings, &key.1);
        references.map(|reference| (reference.clone(), self.beside(key, due, part, reference))).collect()
    }

    fn beside(&self, key: &(String, String), due: &Due, part: Part, reference: &Reference) -> Option<Beside> {
        let (model, version) = key;
        let baseline = self.references.of(model, version, due.start)?;
        let store = self.models.get(key)?;
        let length = store.window(due.multiple, due.start).length();
        let before = |span: Span| vec![due.start - span];
        let (store, version, starts) = match reference {
            Reference::Previous => (store, version, before(length)),
            Reference::SameHourOfWeek if !reference.fits(length) => return None,
            Reference::SameHourOfWeek => {
                (store, version, (1..=WEEKS).flat_map(|week| before(WEEK.times(week))).collect())
            }
            Reference::Version(other) => (self.models.get(&(model.clone(), other.clone()))?, other, before(Span::ZERO)),
        };
        let mut coded = true;
        let mut parts = Vec::new();
        for start in starts {
            let Some(kept) = store.part(part, due.multiple, start) else { continue };
            coded &= self.is_coded_as(&baseline, (model, version, start)) && kept.layout() == &baseline.layout;
            let mut own = Sums::new(baseline.layout.clone());
            own.merge_if(&kept, |statistic| part.has(statistic));
            parts.push(own);
        }
        if *reference == Reference::SameHourOfWeek && parts.len() < WEEKS_LEAST {
            return None;
        }
        Beside::new(reference.clone(), length, &baseline, &parts, coded)
    }

    /// Whether the features of a window were coded as a baseline codes them.
    fn is_coded_as(&self, baseline: &Arc<Profile>, (model, version, start): (&str, &str, EventTime)) -> bool {
        let by = self.references.of(model, version, start);
        by.is_some_and(|by| Arc::ptr_eq(&by, baseline) || by.coding == baseline.coding)
    }

    /// With what a window cannot be compared, though it should be; one sentence each. This follows from when versions were
    /// first seen, so that it is the same in each revision of a summary.
    pub(super) fn lacking(&self, key: &(String, String), window: Window, settings: &ModelConfig) -> Vec<String> {
        let (model, version) = key;
        let Some(baseline) = self.references.of(model, version, window.start) else { return Vec::new() };
        let first = |version: &str| self.models.get(&(model.clone(), version.to_owned()))?.first();
        let since = |version: &str| first(version).map_or_else(|| "later".to_owned(), day);
        let began_by = |version: &str, start: EventTime| first(version).is_some_and(|first| first <= start);
        let lacks = |reference: &Reference| match reference {
            Reference::SameHourOfWeek if !reference.fits(window.length()) => {
                Some("Not compared with the weeks before: windows of this length do not divide a week.".to_owned())
            }
            Reference::SameHourOfWeek if !began_by(version, window.start - WEEK.times(WEEKS_LEAST as i64)) => {
                Some(format!(
                    "Not compared with the weeks before: two of them are needed, and this version began on {}.",
                    since(version)
                ))
            }
            Reference::Previous if !began_by(version, window.start - window.length()) => {
                Some("Not compared with the window before: it is the first one of this version.".to_owned())
            }
            Reference::Version(other) if !began_by(other, window.end - Span::from_micros(1)) => {
                Some(format!("Not compared with version '{other}': none of its predictions has been seen by then."))
            }
            Reference::Version(other) if !self.is_coded_as(&baseline, (model, other, window.start)) => {
                Some(format!("Features are not compared with version '{other}': its baseline codes them otherwise."))
            }
            _ => None,
        };
        of_version(settings, version).filter_map(lacks).collect()
    }
}
