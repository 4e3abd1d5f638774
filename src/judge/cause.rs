//! What probably caused these alerts, what should be done, and would a new model help?
//!
//! Causes are tried in a fixed order and the first match owns the incident; what fits less well stays as evidence. The
//! order puts what makes every other figure meaningless first: broken plumbing and broken inputs, then new kinds of
//! cases, then shifts of the whole. It is an argument from the pattern of alerts, never a proof: `confidence` says how
//! much of the pattern is there.

use crate::finding::{Advice, Alert, Cause, Retrain, Verdict};

/// Labels of a new kind of case that are enough to learn from: as for any metric.
const ENOUGH_LABELS: u64 = 200;
/// Unseen values of which more than this share occur once are slips, not a new category.
const SLIPS: f64 = 0.5;

/// A fall of a metric is the inputs' doing if the scores alone foretell this share of it.
const FORETOLD: f64 = 0.5;

/// What the evidence of alerts says in the first day of a version that came after another one, and of the first one.
pub(super) const NEW_VERSION: &str = "new_version";
pub(super) const AT_LAUNCH: &str = "at_launch";

/// Whether an alert began on the first day of a model: production differs from the baseline, but did not change.
pub(super) fn is_of_launch(alert: &Alert) -> bool {
    says(alert, AT_LAUNCH)
}

fn says(alert: &Alert, what: &str) -> bool {
    alert.evidence.get(what).is_some_and(|said| *said == true)
}

/// The pattern of an incident's alerts.
pub(super) struct Pattern<'a> {
    alerts: Vec<&'a Alert>,
}

/// What follows from a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdicts {
    /// The cause.
    pub cause: Cause,
    /// How much of its pattern is there, from 0 to 1.
    pub confidence: f64,
    /// What to do, first one first.
    pub advice: Vec<Advice>,
    /// Whether a new model would help.
    pub retrain: Retrain,
}

impl<'a> Pattern<'a> {
    /// The pattern of these alerts.
    pub(super) fn new(alerts: impl IntoIterator<Item = &'a Alert>) -> Self {
        Self { alerts: alerts.into_iter().collect() }
    }

    fn all(&self, indicator: &str) -> impl Iterator<Item = &'a Alert> {
        self.alerts.iter().copied().filter(move |alert| alert.indicator == indicator)
    }

    fn has(&self, indicator: &str) -> bool {
        self.all(indicator).next().is_some()
    }

    fn metric_fell(&self, metrics: &[&str]) -> bool {
        self.all("performance.degradation")
            .any(|alert| alert.subject.metric.as_deref().is_some_and(|metric| metrics.contains(&metric)))
    }

    /// The ranking, or how far a score can be trusted, got worse. A slope above the baseline's says that the scores part
    /// the classes even better than they claim: nothing that a changed world does to them.
    fn order_fell(&self) -> bool {
        self.metric_fell(&["auc"]) || self.too_extreme()
    }

    /// The scores claim more than they hold.
    fn too_extreme(&self) -> bool {
        self.all("calibration.slope").any(|alert| alert.effect.is_none_or(|effect| effect < 0.0))
    }

    /// The metrics fell as far as the scores themselves foretell: the cases became harder, their meaning did not change.
    fn foretold(&self) -> bool {
        let shares = self.all("performance.degradation").filter_map(|alert| {
            let expected = alert.evidence.get("expected").and_then(serde_json::Value::as_f64)?;
            let reference = alert.reference?;
            let fell = alert.value - reference;
            (fell != 0.0).then_some((expected - reference) / fell)
        });
        shares.reduce(f64::min).is_some_and(|least| least >= FORETOLD)
    }

    /// Unseen values that are slips of the pen rather than one new category.
    fn slips(&self) -> bool {
        self.all("input.unseen_value").any(|alert| {
            let emerging = self.all("input.emerging_value").any(|other| other.subject.feature == alert.subject.feature);
            let distinct = alert.evidence.get("distinct_share").and_then(serde_json::Value::as_f64);
            !emerging && distinct.is_some_and(|share| share > SLIPS)
        })
    }

    /// The largest number of labels behind any alert on a slice.
    fn slice_labels(&self) -> u64 {
        self.all("slice.error_rate").map(|alert| alert.n).max().unwrap_or(0)
    }

    /// Decides. `unsound` says that another open incident makes the inputs or the labels of the model unfit to learn from.
    pub(super) fn decide(&self, unsound: bool) -> Verdicts {
        let (cause, confidence) = self.cause();
        let mut verdicts = Verdicts { cause, confidence, advice: self.advice(cause), retrain: self.retrain(cause) };
        if unsound && matches!(verdicts.retrain.verdict, Verdict::Retrain | Verdict::RetrainCandidate) {
            let because = "another open incident says that the inputs or the labels are broken; mend those first";
            verdicts.retrain = Retrain { verdict: Verdict::DoNotRetrain, because: because.into() };
            verdicts.advice.retain(|advice| *advice != Advice::Retrain);
            verdicts.advice.push(Advice::DoNotRetrain);
        }
        verdicts
    }

    /// Whether what these alerts show makes inputs or labels unfit to learn from.
    pub(super) fn is_unsound(&self) -> bool {
        matches!(self.cause().0, Cause::BrokenInput | Cause::LabelPipeline)
    }

    fn cause(&self) -> (Cause, f64) {
        let broken = self.has("input.missing_rate") || self.has("input.out_of_range") || self.slips();
        let emerging = self.has("input.emerging_value") || self.has("input.unseen_value");
        let slice = self.has("slice.error_rate");
        let drift = self.has("input.drift");
        let worse = self.has("performance.degradation");
        let offset = self.has("calibration.intercept");
        if self.has("join.orphans") || self.has("join.conflict") || self.has("label.coverage") || self.late("labels") {
            return (Cause::LabelPipeline, 0.8);
        }
        if self.has("label.delay") {
            return (Cause::LabelPipeline, 0.7);
        }
        // One class alone does not come from the world.
        if self.all("label.rate").any(|alert| alert.value <= 0.0 || alert.value >= 1.0) {
            return (Cause::LabelPipeline, 0.7);
        }
        if self.all("input.late").next().is_some() {
            return (Cause::BrokenInput, 0.8);
        }
        // Harm in a new kind of case is worth more than to know that it was there from the first day.
        if self.differs_since_launch() && !(emerging && slice) {
            return (Cause::LaunchGap, 0.8);
        }
        if broken {
            return (Cause::BrokenInput, if worse || slice { 0.9 } else { 0.8 });
        }
        if emerging {
            let whole_chain = self.has("input.emerging_value") && slice;
            return (Cause::EmergingCategory, if whole_chain { 0.95 } else { 0.6 });
        }
        if self.collapsed() {
            return (Cause::DecisionCollapse, 0.7);
        }
        if drift && self.foretold() && !self.too_extreme() {
            return (Cause::CovariateShift, 0.9);
        }
        if self.came_with_a_version() {
            return (Cause::LaunchGap, 0.7);
        }
        // It fires only where no single step says it better.
        if self.has("temporal.trend") && !slice {
            return (Cause::Ageing, if worse { 0.8 } else { 0.7 });
        }
        if self.order_fell() {
            return (Cause::ConceptDrift, if drift { 0.6 } else { 0.8 });
        }
        // What all traffic shares has been taken from the slices: what is left is theirs.
        if slice {
            return (Cause::Subgroup, if offset || drift { 0.6 } else { 0.8 });
        }
        if self.has("calibration.slope") {
            return if drift { (Cause::CovariateShift, 0.7) } else { (Cause::Miscalibration, 0.7) };
        }
        if offset || self.has("label.rate") || self.has("label.prior_estimate") {
            return (if drift { Cause::CovariateShift } else { Cause::LabelShift }, 0.6);
        }
        if drift {
            return (Cause::CovariateShift, if worse { 0.6 } else { 0.8 });
        }
        // Scores moved to where they say less, and no input shows it.
        if self.has("performance.estimated") && !worse {
            return (Cause::CovariateShift, 0.5);
        }
        if worse {
            return (Cause::ConceptDrift, 0.4);
        }
        (Cause::Unexplained, 0.2)
    }

    fn miscalibrated(&self) -> bool {
        self.has("calibration.slope") || self.has("calibration.intercept")
    }

    /// Whether a version that has just begun is worse than the baseline, by its scores or by the truth.
    fn came_with_a_version(&self) -> bool {
        let told = ["performance.degradation", "calibration.slope", "calibration.intercept", "slice.error_rate"];
        self.alerts.iter().any(|alert| told.contains(&alert.indicator.as_str()) && says(alert, NEW_VERSION))
    }

    /// Whether production has differed from the baseline since its first day.
    fn differs_since_launch(&self) -> bool {
        self.alerts.iter().any(|alert| is_of_launch(alert))
    }

    /// Whether records of a stream other than the predictions came too late.
    fn late(&self, source: &str) -> bool {
        self.all("input.late").any(|alert| alert.subject.source.as_deref() == Some(source))
    }

    /// Decisions nearly vanished, or nearly all became positive; or nearly all scores are one score.
    fn collapsed(&self) -> bool {
        let one_score = |alert: &Alert| alert.value > 0.98 && alert.reference.is_some_and(|share| share < 0.5);
        if self.all("prediction.drift").any(one_score) {
            return true;
        }
        self.all("decision.rate").any(|alert| {
            let reference = alert.reference.unwrap_or(alert.value);
            alert.value < reference / 4.0 || (1.0 - alert.value) < (1.0 - reference) / 4.0
        })
    }

    fn advice(&self, cause: Cause) -> Vec<Advice> {
        let worse = self.has("performance.degradation");
        match cause {
            Cause::BrokenInput => vec![Advice::FixInput, Advice::RouteToReview, Advice::DoNotRetrain],
            Cause::LabelPipeline => vec![Advice::FixLabels, Advice::DoNotRetrain],
            Cause::EmergingCategory if self.slice_labels() >= ENOUGH_LABELS => {
                vec![Advice::RouteToReview, Advice::CollectLabels, Advice::Retrain]
            }
            Cause::EmergingCategory => vec![Advice::CollectLabels, Advice::RouteToReview, Advice::Wait],
            Cause::Subgroup => vec![Advice::RouteToReview, Advice::CollectLabels, Advice::Watch],
            Cause::DecisionCollapse => vec![Advice::RollBack, Advice::Rethreshold, Advice::DoNotRetrain],
            Cause::ConceptDrift | Cause::Ageing => vec![Advice::Retrain, Advice::Recalibrate, Advice::Watch],
            Cause::LabelShift => vec![Advice::CorrectPrior, Advice::Rethreshold, Advice::Wait],
            Cause::CovariateShift if worse && self.miscalibrated() => {
                vec![Advice::Recalibrate, Advice::Rethreshold, Advice::Retrain]
            }
            Cause::CovariateShift if worse => vec![Advice::Rethreshold, Advice::Watch, Advice::Retrain],
            Cause::CovariateShift if self.miscalibrated() => vec![Advice::Recalibrate, Advice::Watch],
            Cause::LaunchGap if self.differs_since_launch() => {
                let mend = self.has("input.missing_rate") || self.has("input.out_of_range");
                let mend = mend.then_some(Advice::FixInput);
                let fit = self.miscalibrated().then_some(Advice::Recalibrate);
                let harm = worse || self.has("slice.error_rate") || fit.is_some();
                let harmless = if harm { Advice::RouteToReview } else { Advice::AcceptBaseline };
                mend.into_iter().chain(fit).chain([harmless, Advice::Watch]).collect()
            }
            Cause::LaunchGap => vec![Advice::RollBack, Advice::Watch, Advice::DoNotRetrain],
            Cause::Miscalibration => vec![Advice::Recalibrate, Advice::Rethreshold],
            _ => vec![Advice::Watch, Advice::Wait],
        }
    }

    fn retrain(&self, cause: Cause) -> Retrain {
        let labels = self.slice_labels();
        let (verdict, because) = match cause {
            Cause::BrokenInput => (
                Verdict::DoNotRetrain,
                "a model trained on broken inputs learns the fault; mend the input first".into(),
            ),
            Cause::LabelPipeline => {
                (Verdict::DoNotRetrain, "the labels that it would learn from are incomplete or contradictory".into())
            }
            Cause::EmergingCategory if labels >= ENOUGH_LABELS => (
                Verdict::Retrain,
                format!("harm is confirmed and {labels} labels of the new cases are there to learn from"),
            ),
            Cause::EmergingCategory => (
                Verdict::Wait,
                format!(
                    "only {labels} labels of the new cases were there in the window that alarmed; that few teach a model next to nothing"
                ),
            ),
            Cause::Subgroup => (
                Verdict::Wait,
                "more labels of the subgroup, or a threshold of its own, help more than a new model".into(),
            ),
            Cause::DecisionCollapse => (
                Verdict::DoNotRetrain,
                "decisions collapsed at once, which points at the deployment, not at the world".into(),
            ),
            Cause::ConceptDrift => {
                (Verdict::Retrain, "what the inputs mean has changed, and the labels since then show it".into())
            }
            Cause::LaunchGap if self.differs_since_launch() => (
                Verdict::Wait,
                "nothing has changed since the launch: first find out whether the training sample or what reaches the model \
                 is not what it should be"
                    .into(),
            ),
            Cause::LaunchGap => (
                Verdict::DoNotRetrain,
                "the trouble came with a new version; whatever is wrong lies between its training and its launch".into(),
            ),
            Cause::Ageing => (
                Verdict::Retrain,
                "the model loses a little with every window, and the labels of the newest ones are there to learn from".into(),
            ),
            Cause::LabelShift => {
                (Verdict::Wait, "only the share of positives moved; correcting the offset is enough".into())
            }
            Cause::CovariateShift if self.foretold() => (
                Verdict::RetrainCandidate,
                "the metrics fell about as far as the scores alone foretell: the cases have become harder, and a new \
                 model helps only if it can tell these apart"
                    .into(),
            ),
            Cause::CovariateShift if self.has("performance.degradation") => (
                Verdict::RetrainCandidate,
                "the inputs moved and a metric fell with them; a new threshold may do, a new model needs labels of the new mix"
                    .into(),
            ),
            Cause::Miscalibration => {
                (Verdict::Wait, "only the stated probabilities are off; fitting them anew is enough".into())
            }
            Cause::CovariateShift => (
                Verdict::RetrainCandidate,
                "the inputs moved; whether that harms is not confirmed by the metrics".into(),
            ),
            _ => (Verdict::Wait, "the cause is not known".into()),
        };
        Retrain { verdict, because }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{AlertState, Basis, Severity, Subject, WindowBounds};

    fn alert(indicator: &str, metric: Option<&str>, [value, reference]: [f64; 2], expected: Option<f64>) -> Alert {
        Alert {
            id: String::new(),
            fingerprint: format!("{indicator}{metric:?}"),
            indicator: indicator.to_owned(),
            state: AlertState::Firing,
            severity: Severity::Warning,
            model: None,
            version: None,
            subject: Subject { metric: metric.map(str::to_owned), ..Subject::default() },
            window: WindowBounds { start: 0, end: 1 },
            starts_at: 0,
            ends_at: None,
            as_of: 1,
            basis: Basis::Labels,
            basis_final: true,
            value,
            reference: Some(reference),
            effect: Some(value - reference),
            floor: None,
            interval: None,
            n: 1000,
            effective_n: 1000.0,
            p_value: None,
            log_e: None,
            smallest_detectable: None,
            evidence: expected.map(|expected| ("expected".to_owned(), expected.into())).into_iter().collect(),
            text: String::new(),
        }
    }

    #[test]
    fn a_fall_that_the_scores_foretell_is_the_inputs_doing_and_another_one_is_not() {
        let drift = alert("input.drift", None, [0.4, 0.6], None);
        let cause = |others: &[Alert]| Pattern::new(std::iter::once(&drift).chain(others)).decide(false).cause;
        let brier = |expected| alert("performance.degradation", Some("brier"), [0.07, 0.045], Some(expected));
        let auc = alert("performance.degradation", Some("auc"), [0.90, 0.97], None);
        let slope = |slope| alert("calibration.slope", None, [slope, 1.0], None);
        assert_eq!(cause(&[brier(0.067), auc.clone()]), Cause::CovariateShift);
        assert_eq!(cause(&[brier(0.067), slope(1.2)]), Cause::CovariateShift);
        assert_eq!(cause(&[brier(0.046), auc]), Cause::ConceptDrift);
        assert_eq!(cause(&[brier(0.067), slope(0.7)]), Cause::ConceptDrift);
    }

    #[test]
    fn scores_that_are_too_timid_are_fitted_anew_and_not_replaced() {
        let slope = alert("calibration.slope", None, [1.2, 1.0], None);
        let verdicts = Pattern::new([&slope]).decide(false);
        assert_eq!(verdicts.cause, Cause::Miscalibration);
        assert_eq!(verdicts.advice.first(), Some(&Advice::Recalibrate));
        assert_eq!(verdicts.retrain.verdict, Verdict::Wait);
    }
}
