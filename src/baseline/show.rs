//! What does a baseline hold, in words?

use std::fmt::Write as _;

use super::diff::{FeatureDiff, diff};
use super::profile::{Origin, Profile};
use crate::observe::{CODE_MISSING, FeatureCoding, Kind, SCORE_SCALE, flow};

/// What a user should know before relying on a profile.
pub fn remarks(profile: &Profile) -> Vec<String> {
    let mut remarks = Vec::new();
    let (positive, negative) = profile.classes();
    if profile.rows < 500 {
        remarks.push(format!("only {} rows: small changes will not be seen", profile.rows));
    }
    if positive + negative == 0 {
        remarks.push("no row has a label: metrics, calibration and slices have no reference".to_owned());
    } else if positive == 0 || negative == 0 {
        remarks.push("all labels are of one class: metrics have no reference; check `positive`".to_owned());
    } else if positive.min(negative) < 20 {
        remarks.push(format!("only {} labels of the rarer class: metrics have no reference", positive.min(negative)));
    }
    if profile.sums.flow(flow::DECIDED) == 0 {
        remarks.push("no decision and no threshold: accuracy, precision and recall have no reference".to_owned());
    }
    if profile.dispersion.is_empty() {
        remarks.push(
            "its rows span too little time to tell how much hours and days differ from each other: they are taken as \
             independent"
                .to_owned(),
        );
    }
    let constant = |(place, feature): (usize, &FeatureCoding)| {
        let used = profile.sums.codes(place).iter().filter(|&&rows| rows > 0).count();
        (used == 1).then(|| format!("'{}'", feature.name()))
    };
    let constant: Vec<String> = profile.coding.features().iter().enumerate().filter_map(constant).collect();
    if !constant.is_empty() && profile.rows > 1 {
        remarks.push(format!("one and the same value in all rows: {}; any other will be new", constant.join(", ")));
    }
    if profile.coding.features().is_empty() {
        remarks.push("no feature is watched".to_owned());
    }
    if profile.seen > profile.rows {
        remarks.push(format!("{} rows were sampled by hash to {}", profile.seen, profile.rows));
    }
    for left in &profile.left_out {
        remarks.push(format!("feature '{}' is not watched: {}", left.feature, left.reason));
    }
    remarks
}

/// The profiles of a file.
pub fn show(profiles: &[Profile]) -> String {
    let mut text = String::new();
    for profile in profiles {
        one(&mut text, profile).expect("writing to a string does not fail");
    }
    text
}

fn one(text: &mut String, profile: &Profile) -> std::fmt::Result {
    let (positive, negative) = profile.classes();
    writeln!(text, "model '{}' version '{}'", profile.model, profile.version)?;
    let origin = match &profile.origin {
        Origin::Files => "built from files".to_owned(),
        Origin::Learnt => "learnt from the stream".to_owned(),
        Origin::Inherited { from } => format!("inherited from version '{from}'"),
    };
    writeln!(text, "  {origin}: {} rows, {} labelled, {positive} positive", profile.rows, positive + negative)?;
    if let Some((from, to)) = profile.span {
        writeln!(text, "  from {} to {}", from.rfc3339(), to.rfc3339())?;
    }
    let n = profile.sums.flow(flow::N).max(1) as f64;
    let decided = profile.sums.flow(flow::DECIDED).max(1) as f64;
    let mean = profile.sums.flow(flow::SCORE) as f64 / SCORE_SCALE / n;
    let flagged = profile.sums.flow(flow::POSITIVE) as f64 / decided;
    writeln!(text, "  mean score {mean:.4}, share of positive decisions {flagged:.4}")?;
    for (place, feature) in profile.coding.features().iter().enumerate() {
        let counts = profile.sums.codes(place);
        let missing = counts[usize::from(CODE_MISSING)] as f64 / n;
        let kind = match feature.kind() {
            Kind::Numeric { edges, .. } => {
                let (low, high) = (edges[0], edges[edges.len() - 1].next_down());
                format!("numeric, {low} to {high} in {} bins", edges.len() - 1)
            }
            Kind::Categorical { values, tail } => {
                format!("categorical, {} values and {} rare ones", values.len(), tail.len())
            }
        };
        writeln!(text, "  {}: {kind}; missing {:.2} %", feature.name(), missing * 100.0)?;
    }
    for remark in remarks(profile) {
        writeln!(text, "  note: {remark}")?;
    }
    Ok(())
}

/// How two files differ, model by model.
pub fn show_diff(one: &[Profile], other: &[Profile]) -> String {
    let mut text = String::new();
    differ(&mut text, one, other).expect("writing to a string does not fail");
    text
}

fn differ(text: &mut String, one: &[Profile], other: &[Profile]) -> std::fmt::Result {
    let mut matched = Vec::new();
    for first in one {
        let same_version = |p: &&Profile| p.model == first.model && p.version == first.version;
        let same_model = |p: &&Profile| p.model == first.model;
        let Some(second) = other.iter().find(same_version).or_else(|| other.iter().find(same_model)) else {
            writeln!(text, "model '{}' version '{}': only in the first", first.model, first.version)?;
            continue;
        };
        matched.push((&second.model, &second.version));
        writeln!(text, "model '{}', version '{}' against '{}'", first.model, first.version, second.version)?;
        let rate = |p: &Profile| {
            let (positive, negative) = p.classes();
            positive as f64 / (positive + negative).max(1) as f64
        };
        writeln!(
            text,
            "  rows {} and {}, share of positives {:.4} and {:.4}",
            first.rows,
            second.rows,
            rate(first),
            rate(second)
        )?;
        for (name, how) in diff(first, second) {
            match how {
                FeatureDiff::Gone => writeln!(text, "  {name}: only in the first")?,
                FeatureDiff::New => writeln!(text, "  {name}: only in the second")?,
                FeatureDiff::Recoded { distance } => {
                    writeln!(text, "  {name}: other bins or values; largest difference of shares about {distance:.4}")?;
                }
                FeatureDiff::Same { psi, missing } => writeln!(
                    text,
                    "  {name}: PSI {psi:.4}, missing {:.2} % and {:.2} %",
                    missing[0] * 100.0,
                    missing[1] * 100.0
                )?,
            }
        }
    }
    for second in other.iter().filter(|second| !matched.contains(&(&second.model, &second.version))) {
        writeln!(text, "model '{}' version '{}': only in the second", second.model, second.version)?;
    }
    Ok(())
}
