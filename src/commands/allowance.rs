//! `truthline explain --budget`: who gets how much of a model's false alarms, and what can each see?

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;

use super::{Exit, Output, session, validate};
use crate::baseline::Profile;
use crate::config::ModelConfig;
use crate::judge::{Outlook, amount, outlook};

/// Prints a table for each model that has a baseline.
///
/// # Errors
/// If the configuration or a baseline cannot be used, or there is no baseline at all.
pub(super) fn run(
    config: Option<&Path>,
    baselines: &[PathBuf],
    rows: Option<u64>,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    let config = validate::load(config)?;
    let references = session::references(&config, baselines)?;
    let mut profiles: Vec<&Profile> = references.all().collect();
    profiles.sort_by_key(|profile| (profile.model.clone(), profile.version.clone()));
    if profiles.is_empty() {
        bail!(
            "no model has a baseline: what a question can see depends on it; give one with --baseline FILE, or set \
             `baseline` in the configuration"
        );
    }
    for profile in profiles {
        let settings = config.model(&profile.model);
        let rows = rows.or_else(|| usual_rows(profile, settings));
        let Some(rows) = rows.filter(|&rows| rows > 0) else {
            bail!(
                "the rows of the baseline of '{}' have one time only; say --rows N, predictions a window",
                profile.model
            );
        };
        output.text(&page(profile, settings, rows))?;
    }
    Ok(Exit::Done)
}

/// Predictions in a base window, going by the time that the baseline's rows span.
fn usual_rows(profile: &Profile, settings: &ModelConfig) -> Option<u64> {
    let (from, to) = profile.span?;
    let windows = (to.micros() - from.micros()) as f64 / settings.window.micros() as f64;
    (windows > 0.0).then(|| (profile.seen as f64 / windows.max(1.0)).round() as u64)
}

fn page(profile: &Profile, settings: &ModelConfig, rows: u64) -> String {
    let mut text = format!(
        "{} {}: {} false alarms a month at most, windows of {} with {rows} predictions each, a baseline of {} rows\n\n",
        profile.model,
        profile.version,
        amount(settings.false_alarms_per_month),
        settings.window,
        profile.rows,
    );
    let titles = ["windows", "questions", "level of each", "together", "floor", "best", "median", "worst"];
    let _ = writeln!(
        text,
        "{:<26} {:>7} {:>9} {:>13} {:>9} {:>8} {:>8} {:>8} {:>8}",
        "indicator", titles[0], titles[1], titles[2], titles[3], titles[4], titles[5], titles[6], titles[7]
    );
    for one in outlook(settings, &Arc::new(profile.clone()), rows) {
        let Outlook { indicator, multiple, questions, level, together, floor, smallest } = one;
        let effect = |effect: Option<f64>| effect.map_or_else(|| "–".to_owned(), amount);
        let together = together.map_or_else(|| "–".to_owned(), |level| format!("{level:.1e}"));
        let _ = writeln!(
            text,
            "{:<26} {multiple:>7} {questions:>9} {level:>13.1e} {together:>9} {:>8} {:>8} {:>8} {:>8}",
            indicator.name(),
            amount(floor),
            effect(smallest[0]),
            effect(smallest[1]),
            effect(smallest[2]),
        );
    }
    text.push_str(
        "\nwindows: how many base windows are judged as one. level: the chance of a false alarm, a question and window.\n\
         together: the same for what windows of a day say together. floor: a smaller change is no news.\n\
         best, median, worst: the smallest change that one window would show, over the questions; – where none would.\n\
         Questions that would have too few rows are left out; their windows bet together all the same.\n\n",
    );
    text
}
