//! Do the alerts of one trouble become one incident, with the cause, the advice and the verdict that its pattern asks for?

use crate::control::Orders;
use crate::event::{EventTime, Span, Window};
use crate::finding::{
    Advice, Alert, AlertState, Basis, Cause, Incident, IncidentState, Severity, Subject, Verdict, fingerprint,
};
use crate::judge::incidents::{Incidents, Raised};

const DAY: i64 = Span::DAY.micros();

pub(super) fn at(days: i64) -> EventTime {
    EventTime::from_micros_unchecked(1_767_225_600_000_000 + days * DAY)
}

/// An alert that says no more than what decides: `metric`, `feature` or `feature=value` may follow the indicator.
pub(super) fn alert(model: Option<&str>, what: &str, day: i64) -> Alert {
    let (indicator, about) = what.split_once(' ').unwrap_or((what, ""));
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let mut subject = Subject::default();
    match (indicator, about.split_once('=')) {
        ("slice.error_rate", Some((feature, value))) => {
            subject.slice = Some([(feature.to_owned(), value.to_owned())].into());
            subject.metric = Some("residual".into());
        }
        (_, Some((feature, value))) => {
            subject.feature = Some(feature.into());
            subject.value = Some(value.into());
        }
        ("performance.degradation", None) => subject.metric = some(about),
        (_, None) => subject.feature = some(about),
    }
    let fingerprint = fingerprint(indicator, model, Some("v1"), &subject);
    let window = Window { start: at(day), end: at(day + 1) };
    Alert {
        id: format!("{fingerprint}-{day}"),
        fingerprint,
        indicator: indicator.into(),
        state: AlertState::Firing,
        severity: Severity::Warning,
        model: model.map(str::to_owned),
        version: Some("v1".into()),
        subject,
        window: window.into(),
        starts_at: window.start.micros(),
        ends_at: None,
        as_of: window.end.micros(),
        basis: Basis::Inputs,
        basis_final: true,
        value: 0.2,
        reference: Some(0.1),
        effect: Some(0.1),
        floor: Some(0.05),
        interval: None,
        n: 100,
        effective_n: 100.0,
        p_value: Some(1e-9),
        log_e: None,
        smallest_detectable: None,
        evidence: [("strength".to_owned(), 2.0.into())].into(),
        text: format!("{indicator} of '{about}' was seen."),
    }
}

pub(super) fn resolved(mut alert: Alert, day: i64) -> Alert {
    alert.state = AlertState::Resolved;
    alert.as_of = at(day + 1).micros();
    alert
}

pub(super) fn raised(alerts: Vec<Alert>) -> Vec<Raised> {
    let mut raised: Vec<Raised> =
        alerts.into_iter().map(|alert| Raised { alert, examples: Vec::new(), window: Span::DAY }).collect();
    raised.sort_by(|a, b| a.alert.fingerprint.cmp(&b.alert.fingerprint));
    raised
}

fn take(incidents: &mut Incidents, day: i64, alerts: Vec<Alert>) -> Vec<Incident> {
    incidents.take(at(day + 1), &raised(alerts), &Orders::default()).incidents
}

/// The one incident that alerts of one day make.
fn incident(alerts: &[&str]) -> Incident {
    let mut incidents = Incidents::default();
    let step = take(&mut incidents, 0, alerts.iter().map(|what| alert(Some("m"), what, 0)).collect());
    assert_eq!(step.len(), 1, "{alerts:?}");
    step.into_iter().next().unwrap()
}

#[test]
fn each_pattern_has_its_cause_its_first_advice_and_its_verdict() {
    use Advice::{CollectLabels, CorrectPrior, FixInput, FixLabels, RollBack, RouteToReview, Watch};
    let table: &[(&[&str], Cause, Advice, Verdict)] = &[
        (&["input.missing_rate age"], Cause::BrokenInput, FixInput, Verdict::DoNotRetrain),
        (&["input.out_of_range age", "input.drift age"], Cause::BrokenInput, FixInput, Verdict::DoNotRetrain),
        (
            &["input.missing_rate age", "performance.degradation auc", "calibration.slope"],
            Cause::BrokenInput,
            FixInput,
            Verdict::DoNotRetrain,
        ),
        (
            &["input.missing_rate age", "input.emerging_value age=new", "slice.error_rate age=new"],
            Cause::BrokenInput,
            FixInput,
            Verdict::DoNotRetrain,
        ),
        (&["label.coverage", "performance.degradation auc"], Cause::LabelPipeline, FixLabels, Verdict::DoNotRetrain),
        (&["join.conflict", "input.missing_rate age"], Cause::LabelPipeline, FixLabels, Verdict::DoNotRetrain),
        (&["join.orphans"], Cause::LabelPipeline, FixLabels, Verdict::DoNotRetrain),
        (&["input.emerging_value kind=new"], Cause::EmergingCategory, CollectLabels, Verdict::Wait),
        (
            &[
                "input.emerging_value kind=new",
                "input.unseen_value kind",
                "slice.error_rate kind=new",
                "input.drift kind",
            ],
            Cause::EmergingCategory,
            CollectLabels,
            Verdict::Wait,
        ),
        (&["slice.error_rate kind=new"], Cause::Subgroup, RouteToReview, Verdict::Wait),
        (&["slice.error_rate kind=new", "calibration.intercept"], Cause::Subgroup, RouteToReview, Verdict::Wait),
        (
            &["performance.degradation auc", "slice.error_rate age=1"],
            Cause::ConceptDrift,
            Advice::Retrain,
            Verdict::Retrain,
        ),
        (&["calibration.slope"], Cause::Miscalibration, Advice::Recalibrate, Verdict::Wait),
        (&["performance.degradation auc", "calibration.slope"], Cause::ConceptDrift, Advice::Retrain, Verdict::Retrain),
        (&["label.rate"], Cause::LabelShift, CorrectPrior, Verdict::Wait),
        (
            &["label.rate", "calibration.intercept", "performance.degradation precision"],
            Cause::LabelShift,
            CorrectPrior,
            Verdict::Wait,
        ),
        (&["input.drift age"], Cause::CovariateShift, Watch, Verdict::RetrainCandidate),
        (&["input.drift age", "prediction.drift"], Cause::CovariateShift, Watch, Verdict::RetrainCandidate),
        (&["prediction.drift"], Cause::Unexplained, Watch, Verdict::Wait),
        (&["decision.rate"], Cause::Unexplained, Watch, Verdict::Wait),
    ];
    for (alerts, cause, first, verdict) in table {
        let found = incident(alerts);
        assert_eq!((found.cause, found.advice[0], found.retrain.verdict), (*cause, *first, *verdict), "{alerts:?}");
        assert!(found.confidence > 0.0 && found.confidence <= 1.0);
    }
    // Decisions that all but vanish.
    let mut collapse = alert(Some("m"), "decision.rate", 0);
    (collapse.value, collapse.reference) = (0.01, Some(0.1));
    let found = take(&mut Incidents::default(), 0, vec![collapse]).remove(0);
    assert_eq!(
        (found.cause, found.advice[0], found.retrain.verdict),
        (Cause::DecisionCollapse, RollBack, Verdict::DoNotRetrain)
    );
    // Many different slips are no new category.
    let mut slips = alert(Some("m"), "input.unseen_value name", 0);
    slips.evidence.insert("distinct_share".into(), 0.9.into());
    assert_eq!(take(&mut Incidents::default(), 0, vec![slips]).remove(0).cause, Cause::BrokenInput);
    // With labels enough the new category can be learnt.
    let mut slice = alert(Some("m"), "slice.error_rate kind=new", 0);
    slice.n = 500;
    let found =
        take(&mut Incidents::default(), 0, vec![alert(Some("m"), "input.emerging_value kind=new", 0), slice]).remove(0);
    assert_eq!((found.cause, found.retrain.verdict), (Cause::EmergingCategory, Verdict::Retrain));
}

#[test]
fn with_broken_inputs_or_unsound_labels_no_pattern_says_retrain() {
    const ALL: [&str; 17] = [
        "input.missing_rate age",
        "input.unseen_value kind",
        "input.emerging_value kind=new",
        "input.out_of_range age",
        "input.drift age",
        "prediction.drift",
        "decision.rate",
        "label.rate",
        "label.coverage",
        "performance.degradation auc",
        "performance.degradation recall",
        "calibration.intercept",
        "calibration.slope",
        "slice.error_rate kind=new",
        "join.conflict",
        "join.orphans",
        "input.late",
    ];
    let unsound =
        ["input.missing_rate age", "input.out_of_range age", "label.coverage", "join.conflict", "join.orphans"];
    for set in 1..1_u32 << ALL.len() {
        let here = |place: usize| set >> place & 1 == 1;
        if !(0..ALL.len()).any(|place| here(place) && unsound.contains(&ALL[place])) {
            continue;
        }
        let alerts: Vec<Alert> =
            (0..ALL.len()).filter(|&place| here(place)).map(|place| alert(None, ALL[place], 0)).collect();
        let decided = crate::judge::cause::Pattern::new(&alerts).decide(false);
        assert_eq!(decided.retrain.verdict, Verdict::DoNotRetrain);
        assert!(decided.advice.contains(&Advice::DoNotRetrain) && !decided.advice.contains(&Advice::Retrain));
    }
}

#[test]
fn another_open_incident_of_broken_inputs_or_labels_forbids_retraining() {
    let mut incidents = Incidents::default();
    let drift = take(&mut incidents, 0, vec![alert(Some("m"), "performance.degradation auc", 0)]).remove(0);
    assert_eq!(drift.retrain.verdict, Verdict::Retrain);
    // The labels of the pipeline belong to every model: the verdict is taken back.
    let orphans = alert(None, "join.orphans", 20);
    let step = take(&mut incidents, 20, vec![orphans.clone()]);
    assert_eq!(step.len(), 2);
    let again = step.iter().find(|incident| incident.id == drift.id).unwrap();
    assert_eq!((again.revision, again.retrain.verdict), (1, Verdict::DoNotRetrain));
    assert!(again.advice.contains(&Advice::DoNotRetrain) && !again.advice.contains(&Advice::Retrain));
    assert!(again.text.contains("do not retrain"), "{}", again.text);
    // And given back when they are sound again.
    let step = take(&mut incidents, 24, vec![resolved(orphans, 24)]);
    let again = step.iter().find(|incident| incident.id == drift.id).unwrap();
    assert_eq!((again.revision, again.retrain.verdict), (2, Verdict::Retrain));
    // Broken inputs of another model change nothing.
    let step = take(&mut incidents, 30, vec![alert(Some("other"), "input.missing_rate age", 30)]);
    assert_eq!(step.len(), 1);
}

#[test]
fn alerts_join_by_feature_by_time_or_as_the_whole_and_models_never_share() {
    let mut incidents = Incidents::default();
    let first = take(&mut incidents, 0, vec![alert(Some("m"), "input.drift age", 0)]).remove(0);
    assert_eq!((first.revision, first.state), (0, IncidentState::Open));
    // Three days later, another feature: near.
    let near = take(&mut incidents, 3, vec![alert(Some("m"), "input.drift pay", 3)]).remove(0);
    assert_eq!((&near.id, near.revision, near.alerts.len()), (&first.id, 1, 2));
    // Weeks later: its own feature joins, the whole joins, a strange feature does not.
    let slice = take(&mut incidents, 30, vec![alert(Some("m"), "slice.error_rate age=1", 30)]).remove(0);
    assert_eq!((&slice.id, slice.revision), (&first.id, 2));
    let whole = take(&mut incidents, 40, vec![alert(Some("m"), "label.rate", 40)]).remove(0);
    assert_eq!((&whole.id, whole.revision), (&first.id, 3));
    let strange = take(&mut incidents, 50, vec![alert(Some("m"), "input.drift town", 50)]).remove(0);
    assert_ne!(strange.id, first.id);
    assert_eq!(strange.revision, 0);
    // Another model on the same day with the same feature is another incident.
    let other = take(&mut incidents, 50, vec![alert(Some("n"), "input.drift town", 50)]).remove(0);
    assert_ne!(other.id, strange.id);
    assert_eq!(other.model.as_deref(), Some("n"));
    // An alert that is only pending, and one that ends without having been in any, change nothing.
    let mut pending = alert(Some("m"), "input.drift soon", 51);
    pending.state = AlertState::Pending;
    assert!(take(&mut incidents, 51, vec![pending.clone()]).is_empty());
    assert!(take(&mut incidents, 52, vec![resolved(pending, 52)]).is_empty());
}

#[test]
fn an_incident_closes_with_its_last_alert_and_a_later_alert_opens_another() {
    let mut incidents = Incidents::default();
    let (age, pay) = (alert(Some("m"), "input.drift age", 0), alert(Some("m"), "input.drift pay", 0));
    let opened = take(&mut incidents, 0, vec![age.clone(), pay.clone()]).remove(0);
    let half = take(&mut incidents, 4, vec![resolved(age.clone(), 4)]).remove(0);
    assert_eq!((half.state, half.revision, half.closed_as_of), (IncidentState::Open, 1, None));
    // One comes back before the other has gone.
    let back = take(&mut incidents, 5, vec![alert(Some("m"), "input.drift age", 5)]).remove(0);
    assert_eq!((back.state, &back.id), (IncidentState::Open, &opened.id));
    let closed = take(&mut incidents, 9, vec![resolved(age, 9), resolved(pay, 9)]).remove(0);
    assert_eq!((closed.state, closed.revision), (IncidentState::Closed, 3));
    assert_eq!(closed.closed_as_of, Some(at(10).micros()));
    assert!(closed.text.ends_with("All of it is quiet again."));
    let again = take(&mut incidents, 20, vec![alert(Some("m"), "input.drift age", 20)]).remove(0);
    assert_ne!(again.id, opened.id);
    assert_eq!(again.revision, 0);
}

#[test]
fn the_text_is_three_sentences_what_and_since_when_why_and_what_to_do() {
    let mut grown = alert(Some("m"), "input.emerging_value kind=new", 16);
    grown.text = "'new' makes up 1.06 % of 'kind' (85 of 8,000 values); on the baseline it never occurred.".into();
    for (name, x) in [("sure", 0.99), ("mean_score", 0.0057), ("mean_score_of_all", 0.03)] {
        grown.evidence.insert(name.into(), x.into());
    }
    let mut slice = alert(Some("m"), "slice.error_rate kind=new", 16);
    slice.text = "Where 'kind' is 'new', 10 of 82 labelled predictions are positive; the scores promised 0.511.".into();
    let found = take(&mut Incidents::default(), 16, vec![grown, slice]).remove(0);
    assert_eq!(
        found.text,
        "Since 17 Jan 2026 (UTC, 2 alerts): 'new' makes up 1.06 % of 'kind' (85 of 8,000 values); on the baseline it never \
         occurred. The model is sure of itself there (99 % of these scores are within 0.05 of 0 or 1; their mean is 0.0057, \
         that of all traffic 0.03); where 'kind' is 'new', 10 of 82 labelled predictions are positive; the scores promised \
         0.511, while no metric of the whole model has become worse so far. Collect labels of exactly these cases (see the \
         label requests) and send them to review; retraining now would be too early."
    );
    let alone = incident(&["input.drift age"]);
    assert_eq!(
        alone.text,
        "Since 1 Jan 2026 (UTC): input.drift of 'age' was seen. No metric of the whole model has become worse so far. \
         Watch the metrics of the labels to come; retrain only if they fall."
    );
}

#[test]
fn what_differs_from_the_first_day_on_is_one_launch_gap_and_what_changes_later_is_another_matter() {
    let of_launch = |what: &str, day: i64| {
        let mut alert = alert(Some("m"), what, day);
        alert.evidence.insert("at_launch".to_owned(), true.into());
        alert
    };
    let mut incidents = Incidents::default();
    let first = take(&mut incidents, 0, vec![of_launch("input.drift age", 0), of_launch("prediction.drift", 0)]);
    assert_eq!((first.len(), first[0].cause, first[0].advice[0]), (1, Cause::LaunchGap, Advice::AcceptBaseline));
    assert_eq!(first[0].retrain.verdict, Verdict::Wait);
    assert!(first[0].text.contains("since the first day") && first[0].text.contains("accept"), "{}", first[0].text);
    // Found ten days later, in what windows since the first day say together; no feature in common.
    let mut late = of_launch("input.drift income", 0);
    late.as_of = at(10).micros();
    let second = take(&mut incidents, 10, vec![late]);
    assert_eq!((second.len(), &second[0].id), (1, &first[0].id));
    // A change of the same feature on a later day has nothing to do with the launch.
    let other = take(&mut incidents, 12, vec![alert(Some("m"), "input.missing_rate age", 12)]);
    assert_eq!((other.len(), other[0].cause), (1, Cause::BrokenInput));
    assert_ne!(other[0].id, first[0].id);
    // Harm is heard before all: nobody is told to accept it.
    let harm = take(&mut incidents, 13, vec![of_launch("performance.degradation auc", 0)]);
    assert_eq!(
        (&harm[0].id, harm[0].cause, harm[0].advice[0]),
        (&first[0].id, Cause::LaunchGap, Advice::RouteToReview)
    );
}

#[test]
fn harm_in_a_new_kind_of_case_is_no_launch_gap() {
    let mut incidents = Incidents::default();
    let alerts = ["input.emerging_value kind=new", "slice.error_rate kind=new"].map(|what| {
        let mut alert = alert(Some("m"), what, 0);
        alert.evidence.insert("at_launch".to_owned(), true.into());
        alert
    });
    let found = take(&mut incidents, 0, alerts.to_vec());
    assert_eq!((found[0].cause, found[0].advice[0]), (Cause::EmergingCategory, Advice::CollectLabels));
}
