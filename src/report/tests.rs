//! What must hold for every page?

use proptest::prelude::*;

use super::*;
use crate::finding::*;

/// The parts of a page that are drawn.
fn drawings(page: &str) -> Vec<&str> {
    page.split("<svg").skip(1).filter_map(|part| part.split_once("</svg>").map(|(svg, _)| svg)).collect()
}

/// Whether a number that is none stands in an attribute or a text of a drawing.
fn broken_numbers(page: &str) -> Option<String> {
    drawings(page)
        .into_iter()
        .find(|svg| {
            let words = svg.split(|c: char| !c.is_ascii_alphabetic());
            words.into_iter().any(|word| matches!(word, "NaN" | "inf" | "Infinity"))
        })
        .map(str::to_owned)
}

fn stories() -> [Findings; 4] {
    [sample::fraud(), sample::quiet(), sample::noisy(), sample::nothing()]
}

#[test]
fn the_same_findings_are_the_same_bytes_in_whatever_order_they_come() {
    for mut findings in stories() {
        let page = render(&findings).unwrap();
        assert_eq!(page, render(&findings).unwrap());
        findings.alerts.reverse();
        findings.incidents.reverse();
        findings.summaries.reverse();
        findings.requests.reverse();
        assert_eq!(page, render(&findings).unwrap());
    }
}

#[test]
fn a_page_loads_nothing() {
    for findings in stories() {
        let page = render(&findings).unwrap();
        assert!(page.contains("default-src 'none'"));
        for loader in
            ["http://", "https://", " src=", "@import", "url(", "<link", "<iframe", "<img", " style=\"", " onclick"]
        {
            assert!(!page.contains(loader), "{loader}");
        }
        assert_eq!(page.matches("<script").count(), 1);
    }
}

#[test]
fn three_sentences_stand_at_the_top_of_every_story() {
    for findings in stories() {
        let page = render(&findings).unwrap();
        let top = page.find("<h1").unwrap();
        let three = page.find("<dl class=\"three\">").unwrap();
        assert!(top < three, "the headline comes first");
        for question in ["What happened", "Why it matters", "What to do"] {
            let (_, rest) = page.split_once(&format!("<dt>{question}</dt><dd>")).unwrap();
            let (sentence, _) = rest.split_once("</dd>").unwrap();
            assert!(sentence.len() > 30, "{question}: {sentence}");
        }
    }
}

#[test]
fn the_fraud_story_says_what_where_since_when_and_what_to_do() {
    let page = render(&sample::fraud()).unwrap();
    let (_, top) = page.split_once("<dl class=\"three\">").unwrap();
    let (top, _) = top.split_once("</dl>").unwrap();
    for words in [
        "payment_method = instant",
        "since 19 Jan 2026",
        "3.8\u{202f}%",
        "missed positives are 93\u{202f}% where 41\u{202f}% would be expected",
        "8.3\u{202f}% in the latest window",
        "overall metrics stay quiet (AUC 0.9",
        "Send these cases to a person",
        "on retraining: prepare it, do not ship it yet, because the harm is confirmed",
    ] {
        assert!(top.contains(words), "{words}\n{top}");
    }
}

#[test]
fn a_quiet_month_says_so_with_what_was_watched_and_how_much_truth_is_there() {
    let page = render(&sample::quiet()).unwrap();
    for words in
        ["All quiet", "30 windows", "8 indicators on 12 features", "no alert was raised", "Truth has arrived for "]
    {
        assert!(page.contains(words), "{words}");
    }
    let page = render(&sample::nothing()).unwrap();
    assert!(page.contains("Nothing was watched"));
}

#[test]
fn trouble_of_the_pipeline_is_not_hidden_behind_a_quiet_model() {
    let mut findings = sample::quiet();
    findings.alerts = sample::noisy().alerts.into_iter().filter(|alert| alert.model.is_none()).collect();
    let page = render(&findings).unwrap();
    let (_, heading) = page.split_once("<h1>").unwrap();
    let (heading, _) = heading.split_once("</h1>").unwrap();
    assert_eq!(heading, "The pipeline: Source labels-2: labels without a prediction");
}

#[test]
fn sums_that_do_not_agree_are_said_at_the_top() {
    for (findings, holds) in [(sample::fraud(), true), (sample::noisy(), false)] {
        let page = render(&findings).unwrap();
        let (top, _) = page.split_once("<dl class=\"three\">").unwrap();
        assert_eq!(!top.contains("Not all sums agree"), holds);
    }
}

#[test]
fn every_alert_and_every_incident_is_on_the_page() {
    for findings in stories() {
        let page = render(&findings).unwrap();
        for alert in &findings.alerts {
            assert!(page.contains(&alert.fingerprint));
        }
        for incident in &findings.incidents {
            assert!(page.contains(&incident.id));
        }
    }
}

#[test]
fn anchors_are_unique_and_links_have_a_target() {
    let page = render(&sample::noisy()).unwrap();
    let ids: Vec<&str> =
        page.split(" id=\"").skip(1).filter_map(|part| part.split_once('"').map(|(id, _)| id)).collect();
    let unique: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len());
    for target in page.split("href=\"#").skip(1).filter_map(|part| part.split_once('"').map(|(id, _)| id)) {
        assert!(unique.contains(target), "{target}");
    }
}

#[test]
fn names_from_records_are_inert() {
    let hostile = "</script></style><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}";
    let mut findings = sample::fraud();
    let h = || hostile.to_owned();
    for alert in &mut findings.alerts {
        (alert.model, alert.version, alert.indicator, alert.text) = (Some(h()), Some(h()), h(), h());
        alert.subject = Subject {
            feature: Some(h()),
            value: Some(h()),
            features: Some([h(), h()]),
            slice: Some([(h(), h())].into()),
            metric: Some(h()),
            source: Some(h()),
            arm: Some(h()),
            reference: Some(h()),
        };
        alert.evidence.insert(h(), serde_json::json!({ hostile: [hostile] }));
        alert.fingerprint = format!("{hostile}{}", alert.fingerprint);
    }
    let names: Vec<String> = findings.alerts.iter().map(|alert| alert.fingerprint.clone()).collect();
    for incident in &mut findings.incidents {
        (incident.id, incident.model, incident.version, incident.text) = (h(), Some(h()), Some(h()), h());
        incident.retrain.because = h();
        incident.alerts.clone_from(&names);
        incident.evidence.insert(h(), serde_json::json!(hostile));
    }
    for request in &mut findings.requests {
        (request.request_id, request.model, request.incident, request.reason) = (h(), h(), h(), h());
    }
    for summary in &mut findings.summaries {
        (summary.model, summary.version) = (h(), h());
        summary.counts.insert(h(), 1);
        for movement in &mut summary.inputs.features {
            movement.feature.push_str(hostile);
            movement.cells[0].0 = h();
        }
        for slice in &mut summary.truth.slices {
            slice.slice.insert(h(), h());
        }
        let auc = summary.truth.metrics["auc"].clone();
        summary.truth.metrics.insert(h(), auc.clone());
        summary.business.figures.insert(h(), auc);
        summary.active.push(h());
        summary.inactive.push(Inactive { indicator: h(), needs: h() });
        summary.blind_spots.push(BlindSpot { name: h(), text: h() });
    }
    let run = &mut findings.run;
    (run.program, run.configuration) = (h(), h());
    (run.notes, run.capped, run.unknown_fields) = (vec![h()], vec![h()], vec![h()]);
    run.invariants[0].name = h();
    run.sources[0].name = h();
    run.watermarks.insert(h(), None);
    run.rejects.insert(h(), 1);
    let page = render(&findings).unwrap();
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("</style").count(), 1);
    assert!(!page.contains("<img"));
    assert!(!page.contains(hostile) && page.contains("&lt;script&gt;"));
    // Not run as a template either.
    assert!(page.contains("{{ 7*7 }}"));
    // No text closes an attribute: a quote of the hostile name is never bare.
    assert!(!page.contains("alert(1)\"") && !page.contains("alert(1)'"));
}

#[test]
fn curves_show_the_finest_windows_that_a_screen_can_tell_apart() {
    let mut findings = sample::hourly();
    let columns = |page: &str| page.matches("class=\"pt col").count();
    let page = render(&findings).unwrap();
    assert_eq!(columns(&page), 16 * 24);
    assert!(page.contains("384 windows of 1 hour"));
    let more: Vec<Summary> = findings.summaries[16..]
        .iter()
        .map(|summary| {
            let shift = 16 * 86_400_000_000;
            let window = WindowBounds { start: summary.window.start + shift, end: summary.window.end + shift };
            Summary { window, ..summary.clone() }
        })
        .collect();
    findings.summaries.extend(more);
    let page = render(&findings).unwrap();
    assert_eq!(columns(&page), 16);
    assert!(page.contains("16 windows of 1 day"));
}

#[test]
fn long_lists_fold() {
    let page = render(&sample::noisy()).unwrap();
    assert!(page.contains("more alerts on inputs"));
    assert!(page.contains("32 more notes"));
    assert!(page.contains("✗ fails"));
    assert!(page.contains("Version v2") && page.contains("credit-limit"));
}

#[test]
fn findings_that_were_written_and_read_back_give_the_same_page() {
    let directory = tempfile::tempdir().unwrap();
    for (name, findings) in [
        ("fraud", sample::fraud()),
        ("quiet", sample::quiet()),
        ("noisy", sample::noisy()),
        ("hourly", sample::hourly()),
        ("nothing", sample::nothing()),
    ] {
        let folder = directory.path().join(name);
        sample::write(&findings, &folder).unwrap();
        let read = read_dir(&folder).unwrap();
        assert!(render(&read).unwrap() == render(&findings).unwrap(), "{name}: the page differs");
    }
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![4 => any::<f64>(), 2 => 0.0..1.0, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 1 => Just(0.0)]
}

fn maturities() -> impl Strategy<Value = Maturity> {
    prop_oneof![Just(Maturity::Mature), Just(Maturity::Provisional), Just(Maturity::Immature)]
}

prop_compose! {
    fn any_figure()(
        value in prop::option::of(number()), low in number(), high in number(), n in any::<u64>(),
        maturity in maturities(), coverage in prop::option::of(number()), reference in prop::option::of(number()),
    ) -> Figure {
        Figure {
            value, interval: Some([low, high]), n, effective_n: low, maturity, coverage,
            expected_coverage: coverage, estimator: "complete".into(), error_bound: 0.0, reference,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn whatever_the_figures_the_page_is_drawn(
        figures in prop::collection::vec(any_figure(), 4),
        numbers in prop::collection::vec(number(), 8),
        times in prop::collection::vec(any::<i64>(), 8),
        n in any::<u64>(),
    ) {
        let mut findings = sample::fraud();
        findings.summaries.truncate(12);
        for (k, summary) in findings.summaries.iter_mut().enumerate() {
            let f = |j: usize| figures[(k + j) % 4].clone();
            let x = |j: usize| numbers[(k + j) % 8];
            for (j, figure) in summary.truth.metrics.values_mut().enumerate() {
                *figure = f(j);
            }
            for (j, figure) in summary.truth.figures.values_mut().enumerate() {
                *figure = f(j + 1);
            }
            for (j, movement) in summary.inputs.features.iter_mut().enumerate() {
                (movement.distance, movement.psi, movement.mean) = (Some(x(j)), Some(x(j + 1)), Some(x(j + 2)));
                movement.cells[0] = ("cell".into(), x(j), x(j + 3));
                movement.missing = f(j);
            }
            for (j, bin) in summary.truth.scores.iter_mut().enumerate() {
                (bin.n, bin.labelled, bin.positive) = (n, n >> j, n);
                (bin.low, bin.high, bin.stated) = (x(j), x(j + 1), x(j + 2));
            }
            for slice in &mut summary.truth.slices {
                (slice.observed, slice.expected, slice.error_rate) = (n, x(k), Some(x(k + 1)));
            }
            summary.inputs.n = n;
            if k % 3 == 0 {
                summary.window = WindowBounds { start: times[k % 8], end: times[(k + 1) % 8] };
            }
        }
        for (k, alert) in findings.alerts.iter_mut().enumerate() {
            (alert.value, alert.reference, alert.interval) = (numbers[k], Some(numbers[k + 1]), Some([numbers[k + 2], numbers[k]]));
            (alert.as_of, alert.starts_at, alert.n, alert.effective_n) = (times[k], times[k + 1], n, numbers[k]);
            alert.p_value = Some(numbers[k]);
        }
        for incident in &mut findings.incidents {
            (incident.confidence, incident.opened_as_of) = (numbers[0], times[0]);
        }
        let page = render(&findings).unwrap();
        prop_assert_eq!(broken_numbers(&page), None);
        prop_assert!(!page.contains("NaN"));
    }
}
