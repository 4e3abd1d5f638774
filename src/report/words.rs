//! What do the published names mean to somebody who never saw the product?
//!
//! Causes, advice, verdicts, indicators and metrics in plain words. An unknown name stands for itself.

use super::number::Unit;
use crate::finding::{Advice, Alert, AlertState, Basis, Cause, IncidentState, Maturity, Severity, Subject, Verdict};

/// A cause as a headline, and what it means.
pub(crate) const fn cause(cause: Cause) -> (&'static str, &'static str) {
    match cause {
        Cause::BrokenInput => ("An input is broken", "a field reaches the model missing, mistyped or in another unit"),
        Cause::CovariateShift => ("The inputs have shifted", "the model now sees other cases than it learnt from"),
        Cause::LabelShift => {
            ("Positives have become more or less common", "the cases look the same, their share moved")
        }
        Cause::ConceptDrift => ("The rules have changed", "equal inputs now lead to other outcomes"),
        Cause::Ageing => ("The model is ageing", "it gets worse little by little, with no single step"),
        Cause::EmergingCategory => {
            ("A new kind of case has appeared", "the model never learnt from it and treats it like something it knows")
        }
        Cause::Subgroup => ("One subgroup fares worse", "the whole looks well and hides it"),
        Cause::Miscalibration => ("Stated probabilities are off", "cases given 20 % do not happen 20 % of the time"),
        Cause::DecisionCollapse => ("The decisions have collapsed", "nearly all cases now get the same answer"),
        Cause::BoundaryInstability => ("Decisions flip near the threshold", "equal cases get different answers"),
        Cause::ActionEffect => ("The action changes the outcome", "acting on a prediction makes it come out otherwise"),
        Cause::CensoredLabels => ("Truth is known for some decisions only", "what is measured is not the whole"),
        Cause::Gaming => ("Somebody tries out the threshold", "refused cases come back just below it"),
        Cause::UpstreamError => ("A model upstream is wrong", "its errors arrive here as inputs"),
        Cause::LabelPoisoning => ("A source of labels cannot be trusted", "it labels unlike all others"),
        Cause::Leakage => ("The model was told the answer", "an input knows what only the future can know"),
        Cause::Shortcut => ("The model leans on a shortcut", "a link that held in training does not hold here"),
        Cause::Narrowing => ("Exposure is narrowing", "the model shows more and more of what it already shows"),
        Cause::NovelInputs => ("Unfamiliar inputs arrive", "combinations that the model never saw"),
        Cause::LabelPipeline => ("The labels are not arriving as they should", "late, missing or contradictory"),
        Cause::LaunchGap => ("Production differs from training", "from the first day on, not by a change since"),
        Cause::Unexplained => ("Something changed, the cause is not clear", "no known pattern fits the alerts"),
    }
}

/// One piece of advice as an order, without a final stop.
pub(crate) const fn advice(advice: Advice) -> &'static str {
    match advice {
        Advice::FixInput => "Fix the pipeline that fills this input",
        Advice::FixUpstream => "Fix the model or service upstream",
        Advice::FixLabels => "Fix the label pipeline",
        Advice::RollBack => "Roll back to the version before",
        Advice::Recalibrate => "Recalibrate the scores on fresh labels",
        Advice::Rethreshold => "Choose the decision threshold anew",
        Advice::CorrectPrior => "Correct the scores for the new share of positives",
        Advice::CollectLabels => "Collect labels for the requests listed under this incident",
        Advice::RouteToReview => "Send these cases to a person until the model knows them",
        Advice::QuarantineSources => "Set the labels of these sources aside",
        Advice::Explore => "Let a small share of cases through at random, to learn their outcome",
        Advice::HideThreshold => "Stop showing, or vary, the threshold",
        Advice::RebuildWithoutFeature => "Rebuild the model without this feature",
        Advice::AcceptBaseline => "If this is how it should be, accept it as the new baseline",
        Advice::Watch => "Keep watching",
        Advice::Wait => "Wait for more truth to arrive",
        Advice::Retrain => "Retrain the model",
        Advice::DoNotRetrain => "Do not retrain on these data",
    }
}

/// A verdict on retraining.
pub(crate) const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Retrain => "retrain",
        Verdict::RetrainCandidate => "prepare it, do not ship it yet",
        Verdict::Wait => "wait",
        Verdict::DoNotRetrain => "do not retrain",
    }
}

/// A severity.
pub(crate) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "Info",
        Severity::Warning => "Warning",
        Severity::Critical => "Critical",
    }
}

/// The state of an alert.
pub(super) const fn alert_state(state: AlertState) -> &'static str {
    match state {
        AlertState::Pending => "pending",
        AlertState::Firing => "firing",
        AlertState::Resolved => "resolved",
    }
}

/// The state of an incident.
pub(crate) const fn incident_state(state: IncidentState) -> &'static str {
    match state {
        IncidentState::Open => "open",
        IncidentState::Closed => "closed",
        IncidentState::Recovered => "recovered",
        IncidentState::Accepted => "accepted",
    }
}

/// How far labels are.
pub(super) const fn maturity(maturity: Maturity) -> &'static str {
    match maturity {
        Maturity::Mature => "mature",
        Maturity::Provisional => "provisional",
        Maturity::Immature => "immature",
    }
}

/// The layer of an alert, and what stands in it.
pub(super) const fn layer(basis: Basis) -> (&'static str, &'static str) {
    match basis {
        Basis::Inputs => ("Inputs", "what the model is given"),
        Basis::Predictions => ("Predictions", "what the model says"),
        Basis::Labels => ("Truth", "what turned out to be the case"),
        Basis::Business => ("Business", "what it is worth"),
        Basis::Pipeline => ("Pipeline", "whether the data arrive as they should"),
    }
}

/// An indicator: what it found, and how its figure is written.
pub(super) fn indicator(name: &str) -> (&str, Unit) {
    use Unit::{Metric, Plain, Share};
    match name {
        "input.missing_rate" => ("values are missing", Share),
        "input.unseen_value" => ("values that the baseline never had", Share),
        "input.emerging_value" => ("a new value grows", Share),
        "input.out_of_range" => ("numbers outside the known range", Share),
        "input.unseen_pair" => ("combinations that never occurred together", Share),
        "input.drift" => ("the distribution has moved", Metric),
        "input.joint_drift" => ("the features have moved together", Metric),
        "input.embedding_drift" => ("the embedding has moved", Metric),
        "input.type" => ("values of another type", Share),
        "input.volume" => ("unusual traffic", Plain),
        "input.staleness" => ("values have stopped changing", Plain),
        "input.late" => ("records arrive late", Share),
        "prediction.drift" => ("the scores have moved", Metric),
        "decision.rate" => ("the share of positive decisions has moved", Share),
        "novelty.rate" => ("unfamiliar inputs", Share),
        "novelty.confident" => ("unfamiliar inputs, and the model is sure of them", Share),
        "serving.latency" => ("the model has become slow", Plain),
        "label.rate" => ("the share of positives has moved", Share),
        "label.prior_estimate" => ("the share of positives seems to have moved", Share),
        "label.delay" => ("labels are slower than expected", Plain),
        "label.coverage" => ("labels are fewer than expected", Share),
        "label.source_disagreement" => ("a source labels unlike the others", Share),
        "label.source_new_heavy" => ("a new source of labels has weight", Share),
        "label.conflict" => ("labels contradict each other", Share),
        "calibration.intercept" => ("scores are too high or too low overall", Metric),
        "calibration.slope" => ("scores are too sure or not sure enough", Metric),
        "calibration.ece" => ("stated and observed shares differ", Metric),
        "calibration.local" => ("stated and observed shares differ in one region of scores", Metric),
        "performance.degradation" => ("the metric is worse than the reference", Metric),
        "performance.estimated" => ("the metric is probably worse than the reference", Metric),
        "concept.drift" => ("equal inputs lead to other outcomes", Metric),
        "temporal.trend" => ("slow decline", Metric),
        "imbalance.recall_collapse" => ("the rare class is given up", Share),
        "slice.error_rate" => ("a subgroup fares worse than the whole explains", Share),
        "boundary.flip_rate" => ("equal cases, different decisions", Share),
        "boundary.mass" => ("many scores at the threshold", Share),
        "cost.asymmetry" => ("errors cost more than they did", Plain),
        "business.value" => ("value per request has fallen", Plain),
        "gap.generalisation" => ("worse than claimed at training", Metric),
        "leakage.label_before_prediction" => ("the outcome was known before the prediction", Share),
        "leakage.mi_gap" | "leakage.too_good" => ("too good to be true", Metric),
        "spurious.feature" => ("tied to the label in training and not here", Metric),
        "feedback.action_effect" => ("the action changes the label", Metric),
        "feedback.threshold_jump" => ("outcomes jump at the threshold", Metric),
        "feedback.label_coverage" => ("labels exist for some decisions only", Share),
        "feedback.ipw_gap" => ("weighting changes the metric", Metric),
        "feedback.echo_rate" => ("labels repeat the decision", Share),
        "adversarial.bunching" => ("scores crowd just under the threshold", Share),
        "adversarial.retry_to_pass" => ("refused requests come back", Share),
        "pipeline.conditional_error" => ("errors follow those of an upstream model", Plain),
        "pipeline.attribution" => ("share of errors from upstream", Share),
        "recommender.narrowing" => ("exposure concentrates", Metric),
        "join.conflict" => ("one request id, different contents", Share),
        "join.orphans" => ("labels without a prediction", Share),
        "join.partitioning" => ("records lie on the wrong partition", Share),
        "pipeline.gap" => ("a part of the stream is missing", Plain),
        "pipeline.no_data" => ("no data arrive", Plain),
        other => (other, Plain),
    }
}

/// How an alert's figure is written.
pub(super) fn alert_unit(alert: &Alert) -> Unit {
    match alert.subject.metric.as_deref() {
        Some(name) => metric(name).unit,
        None => indicator(&alert.indicator).1,
    }
}

/// What an alert is about: `payment_method = instant`.
pub(crate) fn subject(subject: &Subject) -> String {
    let mut parts = Vec::new();
    match (&subject.feature, &subject.value) {
        (Some(feature), Some(value)) => parts.push(format!("{feature} = {value}")),
        (Some(feature), None) => parts.push(feature.clone()),
        (None, Some(value)) => parts.push(format!("value {value}")),
        (None, None) => {}
    }
    if let Some([one, other]) = &subject.features {
        parts.push(format!("{one} with {other}"));
    }
    if let Some(slice) = &subject.slice {
        parts.push(slice_name(slice));
    }
    for (noun, text) in [("source", &subject.source), ("arm", &subject.arm)] {
        parts.extend(text.as_ref().map(|text| format!("{noun} {text}")));
    }
    if let Some(name) = &subject.metric {
        parts.push(inside(metric(name).title));
    }
    parts.extend(subject.reference.as_deref().map(against));
    parts.join(", ")
}

/// With what an alert's figure was compared, where that is not the baseline.
fn against(reference: &str) -> String {
    match reference {
        "previous" => "against the window before".to_owned(),
        "same_hour_of_week" => "against the weeks before".to_owned(),
        version => format!("against {version}"),
    }
}

/// A title inside a sentence: names keep their capital.
pub(super) fn inside(title: &str) -> String {
    let mut letters = title.chars();
    let first = letters.next().unwrap_or_default();
    let named = title.starts_with("Brier") || title.starts_with("Matthews");
    let short = title.chars().nth(1).is_some_and(|second| second.is_uppercase() || second.is_ascii_digit());
    if named || short { title.to_owned() } else { first.to_lowercase().chain(letters).collect() }
}

/// A subgroup: `payment_method = instant and country = DE`.
pub(super) fn slice_name(slice: &std::collections::BTreeMap<String, String>) -> String {
    slice.iter().map(|(feature, value)| format!("{feature} = {value}")).collect::<Vec<_>>().join(" and ")
}

/// A metric or figure in words.
pub(super) struct MetricWords<'a> {
    /// Its name for people.
    pub(super) title: &'a str,
    /// What it says.
    pub(super) meaning: &'static str,
    /// How it is written.
    pub(super) unit: Unit,
    /// Its place on the page; unknown ones come last, by name.
    pub(super) rank: u8,
}

/// The words for a figure's name.
pub(super) fn metric(name: &str) -> MetricWords<'_> {
    use Unit::{Metric, Plain, Share};
    let (rank, title, meaning, unit) = match name {
        "auc" => (0, "AUC", "how well positives are ranked above negatives; 0.5 is chance, 1 is perfect", Metric),
        "log_loss" => (1, "Log loss", "how surprised the model is by the truth; lower is better", Metric),
        "brier" => (2, "Brier score", "mean squared error of the stated probability; lower is better", Metric),
        "accuracy" => (3, "Accuracy", "share of right decisions; easily high when positives are rare", Share),
        "precision" => (4, "Precision", "of the flagged cases, the share that was right", Share),
        "recall" => (5, "Recall", "of the positives, the share that was found", Share),
        "f1" => (6, "F1", "precision and recall in one number", Metric),
        "specificity" => (7, "Specificity", "of the negatives, the share left alone", Share),
        "mcc" => (8, "Matthews correlation", "agreement of decision and truth; 0 is chance", Metric),
        "average_precision" => (9, "Average precision", "precision over all thresholds", Metric),
        "mae" => (11, "Mean absolute error", "how far predictions are off, on average", Plain),
        "rmse" => (12, "Root mean squared error", "the same, with large errors counted more", Plain),
        "bias" => (13, "Bias", "prediction less truth, on average; 0 is right", Plain),
        "r2" => (14, "R squared", "share of the variation that is explained; 1 is perfect", Metric),
        "ece" => (10, "Calibration error", "mean gap of stated and observed share", Metric),
        "label_rate" => (20, "Share of positives", "among labelled predictions", Share),
        "mean_score" => (21, "Mean score", "the average stated probability", Share),
        "decision_rate" => (22, "Positive decisions", "share of cases flagged", Share),
        "psi" => (23, "Score stability", "population stability index of the scores", Metric),
        "calibration_intercept" => (24, "Calibration offset", "0 is right; above, the model states too little", Metric),
        "calibration_slope" => (25, "Calibration slope", "1 is right; below, the model is too sure", Metric),
        "error_rate" => (30, "Error rate", "share of wrong decisions", Share),
        "fnr" => (31, "Missed positives", "of the positives, the share that was missed", Share),
        "fpr" => (32, "False alarms", "of the negatives, the share that was flagged", Share),
        "residual" => (33, "Share of positives", "observed positives against those that the scores let expect", Share),
        "coverage" => (34, "Coverage", "share of predictions with a label", Share),
        other => (99, other, "", Plain),
    };
    MetricWords { title, meaning, unit, rank }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_indicator_has_words() {
        let names = "input.missing_rate input.unseen_value input.emerging_value input.out_of_range input.unseen_pair
            input.drift input.joint_drift input.embedding_drift input.type input.volume input.staleness input.late
            prediction.drift decision.rate novelty.rate novelty.confident serving.latency label.rate
            label.prior_estimate label.delay label.coverage label.source_disagreement label.source_new_heavy
            label.conflict calibration.intercept calibration.slope calibration.ece calibration.local
            performance.degradation performance.estimated concept.drift temporal.trend imbalance.recall_collapse
            slice.error_rate boundary.flip_rate boundary.mass cost.asymmetry business.value gap.generalisation
            leakage.label_before_prediction leakage.mi_gap leakage.too_good spurious.feature feedback.action_effect
            feedback.threshold_jump feedback.label_coverage feedback.ipw_gap feedback.echo_rate adversarial.bunching
            adversarial.retry_to_pass pipeline.conditional_error pipeline.attribution recommender.narrowing
            join.conflict join.orphans join.partitioning pipeline.gap pipeline.no_data";
        for name in names.split_whitespace() {
            assert!(indicator(name).0 != name && !indicator(name).0.contains('.'), "{name}");
        }
        assert_eq!(indicator("new.one").0, "new.one");
    }
}
