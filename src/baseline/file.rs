//! How is a baseline kept in a file?
//!
//! As one JSON document with a list of profiles: readable, exact (numbers read back to the same bits), and without any
//! row of the data. Reading checks every length and every count, so that a damaged file is an error at start.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::dispersion::{Dispersion, Figures};
use super::profile::{LeftOut, Origin, Profile, Strangers};
use crate::event::EventTime;
use crate::observe::{BINS, Coding, FeatureCoding, Kind, Layout, Recalibration, Statistic, Sums, flow};

const FORMAT: &str = "truthline-baseline";
const VERSION: u32 = 1;

/// A document that is no baseline.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// Not JSON, or not these fields.
    #[error("not a baseline file: {0}")]
    Json(#[from] serde_json::Error),
    /// Another format or version.
    #[error("the file says format '{format}' version {version}; accepted: '{FORMAT}' version {VERSION}")]
    Format {
        /// Its format.
        format: String,
        /// Its version.
        version: u32,
    },
    /// The right fields with impossible content.
    #[error("the profile of model '{model}' version '{version}' is damaged: {what}")]
    Damaged {
        /// Which model.
        model: String,
        /// Which version.
        version: String,
        /// What is wrong.
        what: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    version: u32,
    profiles: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    model: String,
    version: String,
    origin: Origin,
    rows: u64,
    seen: u64,
    span: Option<[i64; 2]>,
    features: Vec<Feature>,
    left_out: Vec<LeftOut>,
    expected: Vec<f64>,
    sums: BTreeMap<String, Vec<i64>>,
    /// Absent in files of releases that did not look at it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dispersion: Vec<Dispersion>,
}

#[derive(Serialize, Deserialize)]
struct Feature {
    name: String,
    #[serde(flatten)]
    kind: Kind,
    singletons: i64,
    /// Absent in files of releases that did not look at it.
    #[serde(default, skip_serializing_if = "is_zero")]
    largest_stranger: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(share: &f64) -> bool {
    *share <= 0.0
}

/// The document for these profiles, ending in a newline.
pub fn write(profiles: &[Profile]) -> String {
    let entries = profiles.iter().map(entry).collect();
    let document = Document { format: FORMAT.into(), version: VERSION, profiles: entries };
    let mut text = serde_json::to_string(&document).expect("a baseline has only texts and finite numbers");
    text.push('\n');
    text
}

/// The profiles of a document.
pub fn read(text: &str) -> Result<Vec<Profile>, BaselineError> {
    let document: Document = serde_json::from_str(text)?;
    if document.format != FORMAT || document.version != VERSION {
        return Err(BaselineError::Format { format: document.format, version: document.version });
    }
    document.profiles.into_iter().map(profile).collect()
}

fn entry(profile: &Profile) -> Entry {
    let features = profile.coding.features().iter().zip(&profile.strangers);
    Entry {
        model: profile.model.clone(),
        version: profile.version.clone(),
        origin: profile.origin.clone(),
        rows: profile.rows,
        seen: profile.seen,
        span: profile.span.map(|(from, to)| [from.micros(), to.micros()]),
        features: features
            .map(|(feature, strangers)| Feature {
                name: feature.name().to_owned(),
                kind: feature.kind().clone(),
                singletons: strangers.rows,
                largest_stranger: strangers.largest,
            })
            .collect(),
        left_out: profile.left_out.clone(),
        expected: profile.map.all().to_vec(),
        sums: Statistic::ALL
            .into_iter()
            .filter(|statistic| statistic.of_baseline())
            .filter(|&statistic| !statistic.of_weights() || profile.sums.is_weighted())
            .map(|statistic| (statistic.name().to_owned(), profile.sums.get(statistic).to_vec()))
            .collect(),
        dispersion: profile.dispersion.clone(),
    }
}

fn profile(entry: Entry) -> Result<Profile, BaselineError> {
    let (model, version) = (entry.model.clone(), entry.version.clone());
    let damaged = move |what: String| BaselineError::Damaged { model: model.clone(), version: version.clone(), what };
    let strangers = entry.features.iter().map(|feature| {
        (feature.name.clone(), Strangers { rows: feature.singletons, largest: feature.largest_stranger })
    });
    let strangers: BTreeMap<String, Strangers> = strangers.collect();
    if strangers.len() != entry.features.len() {
        return Err(damaged("a feature stands twice".into()));
    }
    let mut features = Vec::with_capacity(entry.features.len());
    for feature in entry.features {
        check_kind(&feature.kind).map_err(|what| damaged(format!("feature '{}': {what}", feature.name)))?;
        features.push(FeatureCoding::new(feature.name, feature.kind));
    }
    let coding = Coding::new(features);
    let layout = Arc::new(Layout::new(&coding));
    if entry.expected.len() != BINS || entry.expected.iter().any(|e| !(0.0..=1.0).contains(e)) {
        return Err(damaged(format!("'expected' needs {BINS} numbers in [0, 1]")));
    }
    let mut sums = Sums::new(layout.clone());
    for statistic in Statistic::ALL {
        if let Some(values) = entry.sums.get(statistic.name()) {
            // Files of releases that ignored weights have fewer integers of labels; the others were nothing.
            let mut values = values.clone();
            if statistic.older(1) == Some(values.len()) {
                values.resize(layout.block(statistic).length, 0);
            }
            sums.set(statistic, &values).map_err(|error| damaged(error.to_string()))?;
        } else if statistic.of_baseline() && !statistic.of_weights() {
            return Err(damaged(format!("the sums '{}' are missing", statistic.name())));
        }
    }
    let counts = [Statistic::Scores, Statistic::Codes, Statistic::Negatives, Statistic::Positives];
    if counts.iter().any(|&statistic| sums.get(statistic).iter().any(|&count| count < 0)) {
        return Err(damaged("a count is negative".into()));
    }
    for (place, feature) in coding.features().iter().enumerate() {
        let total: i64 = sums.codes(place).iter().sum();
        if total != sums.flow(flow::CODED) {
            let coded = sums.flow(flow::CODED);
            return Err(damaged(format!("feature '{}' counts {total} of {coded} rows", feature.name())));
        }
    }
    let figures = Figures::new(&coding, &layout, &sums);
    if let Some(what) = entry.dispersion.iter().find_map(|one| one.fault(&figures)) {
        return Err(damaged(what));
    }
    Ok(Profile {
        model: entry.model,
        version: entry.version,
        origin: entry.origin,
        rows: entry.rows,
        seen: entry.seen,
        span: entry
            .span
            .map(|[from, to]| (EventTime::from_micros_unchecked(from), EventTime::from_micros_unchecked(to))),
        strangers: coding.features().iter().map(|feature| strangers[feature.name()]).collect(),
        figures,
        coding,
        layout,
        map: Recalibration::from_expected(entry.expected),
        sums,
        left_out: entry.left_out,
        dispersion: entry.dispersion,
    })
}

fn check_kind(kind: &Kind) -> Result<(), String> {
    match kind {
        Kind::Numeric { edges, scale, clamp } => {
            let sorted = edges.windows(2).all(|pair| pair[0] < pair[1]) && edges.iter().all(|edge| edge.is_finite());
            if edges.is_empty() || edges.len() > 200 || !sorted {
                return Err("1 to 200 rising, finite edges are expected".into());
            }
            if !(scale.is_finite() && *scale > 0.0 && clamp[0] <= clamp[1]) {
                return Err("scale or clamp is not a positive number and a range".into());
            }
        }
        Kind::Categorical { values, tail } => {
            if values.len() > 200 || tail.windows(2).any(|pair| pair[0] >= pair[1]) {
                return Err("at most 200 values and a sorted tail are expected".into());
            }
        }
    }
    Ok(())
}
