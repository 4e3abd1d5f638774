//! Which questions could not be asked of a window, and what stays unknown?

use super::labels::selective;
use super::reading::{Context, count};
use super::summary::Heading;
use super::words::percent;
use crate::baseline::Profile;
use crate::finding::{BlindSpot, Inactive};
use crate::indicator::Indicator;
use crate::observe::{Statistic, flow, truth};

/// Which indicators ran, and what the others need.
pub(super) fn activity(context: &Context<'_>, labels: bool) -> (Vec<String>, Vec<Inactive>) {
    let decided = context.sums.flow(flow::DECIDED) > 0;
    let has_truth = context.profile.is_some_and(|profile| profile.labelled() > 0);
    let mut active = Vec::new();
    let mut inactive = Vec::new();
    // What a later release will compute is no matter of this window.
    for &indicator in Indicator::ALL.iter().filter(|indicator| indicator.is_active()) {
        let name = indicator.name().to_owned();
        let own = matches!(indicator, Indicator::InputLate | Indicator::JoinConflict | Indicator::JoinOrphans);
        let estimated = matches!(indicator, Indicator::LabelPriorEstimate | Indicator::PerformanceEstimated);
        // Compared with earlier windows of the stream.
        let learnt = matches!(indicator, Indicator::LabelCoverage | Indicator::LabelDelay | Indicator::TemporalTrend);
        let needs = if context.config.mutes(indicator.name()) {
            Some("to be unmuted in the configuration")
        } else if context.profile.is_none() && !own && !learnt {
            Some("a baseline (one is being learnt, or was learnt after this window)")
        } else if indicator.basis() == crate::finding::Basis::Labels && !labels {
            Some("a label stream")
        } else if !has_truth && !learnt && (indicator.basis() == crate::finding::Basis::Labels || estimated) {
            Some("labels on the baseline")
        } else if indicator == Indicator::DecisionRate && !decided {
            Some("`decision`, or a threshold")
        } else {
            None
        };
        match needs {
            Some(needs) => inactive.push(Inactive { indicator: name, needs: needs.to_owned() }),
            None => active.push(name),
        }
    }
    (active, inactive)
}

/// What stays unknown of a window.
pub(super) fn blind_spots(context: &Context<'_>, heading: &Heading) -> Vec<BlindSpot> {
    let mut spots = Vec::new();
    let mut spot = |name: &str, text: String| spots.push(BlindSpot { name: name.to_owned(), text });
    let sums = context.sums;
    if heading.is_final
        && let Some([yes, no]) = selective(context)
    {
        spot(
            "selective_labels",
            format!(
                "{} of the positive and {} of the negative decisions have a label, unlike on the baseline; rates and metrics \
                 of the labelled ones say nothing of the others and are not judged.",
                percent(yes),
                percent(no)
            ),
        );
    }
    if heading.labels {
        let predicted = count(sums.flow(flow::N));
        let labelled = count(sums.labelled_rows());
        if labelled < predicted {
            let missing = predicted - labelled;
            let word = if heading.is_final { "never got" } else { "have not got yet" };
            spot(
                "unlabelled",
                format!("{missing} of {predicted} predictions {word} a label; nothing is known of them."),
            );
        }
        match &heading.arrived {
            _ if heading.is_final => {}
            None => spot(
                "delay_unknown",
                "How long labels take is not known yet: no window of this version has all its labels, or too few of a \
                 class. Figures stand on the labels so far and are not weighted."
                    .into(),
            ),
            Some(arrived) if arrived.depends_on_decision => spot(
                "delay_follows_decision",
                "Labels of one class come at another pace where the decision was positive: metrics of scores are not shown \
                 before all labels are there."
                    .into(),
            ),
            Some(_) => {}
        }
        super::weighted::blind_spots(context, &mut spot);
        if heading.is_final && labelled > 0 && sums.rows(truth::POSITIVE) == 0 {
            spot(
                "one_class",
                "No label is positive: metrics of the positive class have no value. Check `positive`.".into(),
            );
        }
    } else {
        spot("no_labels", "There is no label stream: a change of what inputs mean cannot be seen.".into());
    }
    if sums.flow(flow::DECIDED) == 0 {
        spot(
            "no_decisions",
            "No decision and no threshold is known: accuracy, precision and recall have no value.".into(),
        );
    }
    match context.profile {
        None => spot("no_baseline", "There is no baseline for this window: nothing is compared.".into()),
        Some(profile) => of_baseline(context, profile, &mut spot),
    }
    for text in &heading.lacking {
        spot("no_reference", text.clone());
    }
    if sums.flow(flow::N) > 0 && sums.get(Statistic::Arms)[1..3].iter().sum::<i64>() == 0 {
        spot(
            "no_exploration",
            "No prediction was explored or held out: effects of the action itself cannot be told apart.".into(),
        );
    }
    spots
}

/// What the baseline leaves unknown.
fn of_baseline(context: &Context<'_>, profile: &Profile, mut spot: impl FnMut(&str, String)) {
    let (positive, negative) = profile.classes();
    if positive + negative == 0 {
        spot("baseline_without_labels", "The baseline has no labels: metrics have no reference.".into());
    } else if !super::performance::speaks(&profile.sums) {
        spot(
            "baseline_with_few_labels",
            format!(
                "The baseline has {positive} positive and {negative} negative labels: metrics, calibration and \
                 subgroups have no reference."
            ),
        );
    }
    if profile.rows < Indicator::InputDrift.min_n() {
        spot(
            "baseline_too_small",
            format!("The baseline has only {} rows: next to nothing can be told apart from chance.", profile.rows),
        );
    }
    if let crate::baseline::Origin::Inherited { from } = &profile.origin {
        spot("inherited_baseline", format!("This version has no baseline of its own; that of '{from}' is used."));
    }
    if !context.knows_scatter() {
        spot(
            "scatter_unknown",
            "The rows of the baseline span too little time to tell how much windows differ from each other. The first \
             windows of production teach it; until then only what no bunch of requests could explain raises an alert."
                .into(),
        );
    }
    if !profile.left_out.is_empty() {
        let names: Vec<&str> = profile.left_out.iter().map(|left| left.feature.as_str()).take(10).collect();
        spot("features_left_out", format!("Not watched: {}.", names.join(", ")));
    }
}
