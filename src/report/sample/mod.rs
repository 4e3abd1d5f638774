//! What is a made-up run made of?
//!
//! Summaries, alerts and an account of a fraud model, to tell the `stories` with. Noise comes from hashes, so every
//! run is the same.

mod stories;

pub(super) use stories::{fraud, hourly, noisy, nothing, quiet, write};

use std::collections::BTreeMap;

use serde_json::json;

use crate::event::value_hash;
use crate::finding::*;

const DAY: i64 = 86_400_000_000;
/// 1 January 2026.
const START: i64 = 1_767_225_600_000_000;
/// How long labels take.
const W: i64 = 10 * DAY;

/// Noise in [-1, 1] with a triangular shape.
fn noise(name: &str, day: i64) -> f64 {
    let unit = |salt: &str| (value_hash(&format!("{name}/{day}/{salt}")) >> 11) as f64 / (1_u64 << 53) as f64;
    unit("a") - unit("b")
}

fn map<const N: usize, V>(pairs: [(&str, V); N]) -> BTreeMap<String, V> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn day(day: i64) -> WindowBounds {
    WindowBounds { start: START + day * DAY, end: START + (day + 1) * DAY }
}

fn due(window: WindowBounds, basis: Basis) -> i64 {
    window.end + 600_000_000 + if basis == Basis::Labels { W } else { 0 }
}

fn figure(value: f64, half: f64, n: u64, maturity: Maturity, coverage: f64, reference: f64) -> Figure {
    let immature = maturity == Maturity::Immature;
    let half = if maturity == Maturity::Mature { half } else { half * 1.8 };
    Figure {
        value: (!immature || coverage > 0.1).then_some(value),
        interval: (!immature).then_some([value - half, value + half]),
        n,
        effective_n: n as f64,
        maturity,
        coverage: Some(coverage),
        expected_coverage: Some((coverage * 1.03).min(0.985)),
        estimator: "complete".into(),
        error_bound: 0.0,
        reference: Some(reference),
    }
}

fn exact(value: f64, n: u64, reference: f64) -> Figure {
    let half = 1.96 * (value * (1.0 - value) / n as f64).max(0.0).sqrt();
    figure(value, half, n, Maturity::Mature, 1.0, reference)
}

const FEATURES: [(&str, bool); 12] = [
    ("payment_method", false),
    ("amount", true),
    ("country", false),
    ("merchant_category", false),
    ("hour", true),
    ("account_age_days", true),
    ("device", false),
    ("channel", false),
    ("transactions_24h", true),
    ("distance_km", true),
    ("is_weekend", false),
    ("email_domain", false),
];

fn movement(name: &str, numeric: bool, at: i64, instant: f64) -> Movement {
    let n = 4_000 + (noise("n", at) * 300.0) as u64;
    let quiet = 0.006 + 0.004 * noise(name, at).abs();
    let (distance, psi, cells, unfamiliar) = if name == "payment_method" {
        let left = 1.0 - instant;
        let cells = vec![
            ("instant".to_owned(), instant, 0.0),
            ("card".to_owned(), 0.62 * left, 0.62),
            ("transfer".to_owned(), 0.21 * left, 0.21),
            ("wallet".to_owned(), 0.17 * left, 0.17),
        ];
        (quiet.max(instant), 0.002 + instant * 2.4, cells, instant)
    } else if name == "amount" {
        let cells = vec![
            ("[0, 12.5)".to_owned(), 0.11 - instant / 3.0, 0.11),
            ("[180, 420)".to_owned(), 0.13 + instant / 3.0, 0.13),
        ];
        (quiet + instant / 3.0, 0.004 + instant / 4.0, cells, 0.0002)
    } else {
        let cells = if numeric {
            vec![("[3, 7)".to_owned(), 0.12 + quiet, 0.12), ("[21, 24)".to_owned(), 0.09 - quiet / 2.0, 0.09)]
        } else {
            vec![("DE".to_owned(), 0.31 + quiet, 0.31), ("FR".to_owned(), 0.22 - quiet, 0.22)]
        };
        (quiet, 0.002 + quiet / 10.0, cells, 0.0001)
    };
    Movement {
        feature: name.into(),
        n,
        psi: Some(psi),
        distance: Some(distance),
        distance_error: if numeric { 0.01 } else { 0.0 },
        missing: exact(0.01 + 0.002 * noise(&format!("{name} missing"), at), n, 0.01),
        unfamiliar: exact(unfamiliar, n, 0.0),
        mean: numeric.then(|| 64.0 + instant * 90.0 + noise(name, at)),
        mean_reference: numeric.then_some(64.0),
        cells,
    }
}

fn scores(n: u64, coverage: f64, missed: u64, at: i64) -> Vec<ScoreBin> {
    let groups = [
        (0.0, 0.01, 0.55, 0.004),
        (0.01, 0.03, 0.20, 0.018),
        (0.03, 0.08, 0.12, 0.05),
        (0.08, 0.2, 0.07, 0.13),
        (0.2, 0.4, 0.03, 0.29),
        (0.4, 0.7, 0.018, 0.55),
        (0.7, 0.9, 0.008, 0.81),
        (0.9, 1.0, 0.004, 0.95),
    ];
    let mut bins: Vec<ScoreBin> = groups
        .into_iter()
        .map(|(low, high, share, stated)| {
            let n = (n as f64 * share) as u64;
            let labelled = (n as f64 * coverage) as u64;
            let observed = stated * (1.0 + 0.12 * noise(&format!("{low}"), at));
            ScoreBin { low, high, n, labelled, positive: (labelled as f64 * observed.min(1.0)).round() as u64, stated }
        })
        .collect();
    bins[0].positive += missed;
    bins
}

fn slice(pairs: &[(&str, &str)], n: u64, observed: u64, expected: f64, rates: [f64; 3]) -> SliceFigure {
    SliceFigure {
        slice: pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        n,
        observed,
        expected,
        error_rate: Some(rates[0]),
        fnr: Some(rates[1]),
        fpr: Some(rates[2]),
    }
}

/// One day of the model; `instant` is the share of the new payment method, `seen` how many days of labels there are.
#[expect(clippy::too_many_lines, reason = "one record reads best in one piece")]
fn summary(version: &str, at: i64, instant: f64, seen: i64) -> Summary {
    let n = 4_000 + (noise("n", at) * 300.0) as u64;
    let age = seen - at;
    let (coverage, maturity) = match age {
        a if a > 10 => (0.982 + 0.004 * noise("c", at), Maturity::Mature),
        a if a >= 5 => (0.55 + 0.085 * (a - 5) as f64, Maturity::Provisional),
        a => (0.06 + 0.1 * a.max(0) as f64, Maturity::Immature),
    };
    let labelled = (n as f64 * coverage) as u64;
    let dip = instant * 0.05;
    let one = |name: &str, value: f64, spread: f64, half: f64, reference: f64| {
        (name.to_owned(), figure(value + spread * noise(name, at), half, labelled, maturity, coverage, reference))
    };
    let metrics = BTreeMap::from([
        one("auc", 0.914 - dip, 0.006, 0.013, 0.915),
        one("log_loss", 0.118 + dip, 0.004, 0.009, 0.117),
        one("brier", 0.031 + dip / 3.0, 0.001, 0.003, 0.031),
        one("accuracy", 0.967 - dip / 4.0, 0.002, 0.005, 0.967),
        one("precision", 0.71, 0.03, 0.07, 0.71),
        one("recall", 0.58 - dip, 0.03, 0.07, 0.585),
        one("f1", 0.64 - dip, 0.025, 0.06, 0.64),
    ]);
    let estimated = BTreeMap::from([
        ("auc".to_owned(), exact(0.915 + 0.003 * noise("e", at), n, 0.915)),
        ("log_loss".to_owned(), exact(0.117 + 0.002 * noise("e2", at), n, 0.117)),
    ]);
    let in_slice = (labelled as f64 * instant) as u64;
    let missed = (in_slice as f64 * 0.14) as u64;
    let mut slices = vec![
        slice(&[("country", "DE")], labelled / 3, 41, 43.2, [0.031, 0.41, 0.012]),
        slice(&[("country", "FR")], labelled / 5, 29, 27.9, [0.034, 0.43, 0.013]),
        slice(&[("device", "ios")], labelled / 4, 35, 33.1, [0.033, 0.39, 0.011]),
        slice(&[("merchant_category", "travel")], labelled / 12, 22, 17.5, [0.052, 0.44, 0.02]),
        slice(&[("amount", "[180, 420)"), ("channel", "web")], labelled / 20, 11, 8.6, [0.041, 0.45, 0.015]),
    ];
    if in_slice > 0 {
        slices.insert(0, slice(&[("payment_method", "instant")], in_slice, missed + 2, 3.1, [0.142, 0.93, 0.004]));
    }
    let window = day(at);
    Summary {
        model: "fraud".into(),
        version: version.into(),
        window,
        revision: if age > 10 { 3 } else { 1 },
        as_of: window.end + age.clamp(0, 10) * DAY,
        is_final: age > 10,
        counts: map([
            ("labelled", labelled),
            ("pending", if age > 10 { 0 } else { n - labelled }),
            ("never_labelled", if age > 10 { n - labelled } else { 0 }),
        ]),
        inputs: SummaryInputs {
            n,
            features: FEATURES.iter().map(|(name, numeric)| movement(name, *numeric, at, instant)).collect(),
        },
        predictions: SummaryLayers {
            figures: map([
                ("mean_score", exact(0.041 + 0.001 * noise("mean", at), n, 0.041)),
                ("decision_rate", exact(0.03 + 0.002 * noise("decision", at), n, 0.03)),
            ]),
            estimated,
            ..SummaryLayers::default()
        },
        truth: SummaryLayers {
            figures: map([
                (
                    "label_rate",
                    figure(
                        0.041 + instant * 0.1 + 0.002 * noise("rate", at),
                        0.006,
                        labelled,
                        maturity,
                        coverage,
                        0.041,
                    ),
                ),
                ("coverage", Figure { value: Some(coverage), ..figure(coverage, 0.004, n, maturity, coverage, 0.985) }),
                (
                    "calibration_intercept",
                    figure(instant * 2.0 + 0.03 * noise("ci", at), 0.11, labelled, maturity, coverage, 0.0),
                ),
                (
                    "calibration_slope",
                    figure(1.0 - instant + 0.03 * noise("cs", at), 0.09, labelled, maturity, coverage, 1.0),
                ),
            ]),
            metrics,
            scores: scores(n, coverage, missed, at),
            slices,
            ..SummaryLayers::default()
        },
        business: SummaryLayers::default(),
        active: [
            "input.drift",
            "input.emerging_value",
            "input.missing_rate",
            "input.unseen_value",
            "prediction.drift",
            "slice.error_rate",
            "performance.degradation",
            "calibration.slope",
        ]
        .map(String::from)
        .to_vec(),
        inactive: vec![
            Inactive { indicator: "feedback.action_effect".into(), needs: "arm or action_prob".into() },
            Inactive { indicator: "adversarial.retry_to_pass".into(), needs: "entity_id".into() },
            Inactive { indicator: "serving.latency".into(), needs: "latency_ms".into() },
        ],
        blind_spots: vec![
            BlindSpot {
                name: "refused requests".into(),
                text: "What would have become of refused payments is not known: they have no label.".into(),
            },
            BlindSpot {
                name: "attributes that are not logged".into(),
                text: "A subgroup by a field that no record carries cannot be seen.".into(),
            },
        ],
        alerts: Vec::new(),
        late_after_idle: 0,
        capped: false,
    }
}

#[derive(Clone, Copy)]
struct Change<'a> {
    indicator: &'a str,
    day: i64,
    state: AlertState,
    severity: Severity,
    basis: Basis,
    begun: i64,
    value: f64,
    reference: f64,
    text: &'a str,
}

fn alert(subject: &Subject, change: Change<'_>) -> Alert {
    let Change { indicator, day: at, state, severity, basis, begun, value, reference, text } = change;
    let window = day(at);
    let name = fingerprint(indicator, Some("fraud"), Some("v1"), subject);
    Alert {
        id: format!("{name}-{at}"),
        fingerprint: name,
        indicator: indicator.into(),
        state,
        severity,
        model: Some("fraud".into()),
        version: Some("v1".into()),
        subject: subject.clone(),
        window,
        starts_at: START + begun * DAY,
        ends_at: (state == AlertState::Resolved).then_some(window.end),
        as_of: due(window, basis),
        basis,
        basis_final: true,
        value,
        reference: Some(reference),
        effect: Some(value - reference),
        floor: Some(0.005),
        interval: Some([value * 0.85, value * 1.16]),
        n: 4_012,
        effective_n: 4_012.0,
        p_value: Some(3.2e-9),
        log_e: None,
        smallest_detectable: Some(0.004),
        evidence: BTreeMap::from([("strength".into(), json!(value * 100.0)), ("windows".into(), json!(3))]),
        text: text.into(),
    }
}

fn run(n: u64) -> RunReport {
    RunReport {
        program: "0.1.0".into(),
        configuration: "9f2c61d07be34a18".into(),
        sources: vec![
            SourceReport { name: "inferences.jsonl".into(), kind: "inferences".into(), records: n, rejected: 3, bytes: 48_211_030 },
            SourceReport { name: "labels.jsonl".into(), kind: "labels".into(), records: n - 2_400, rejected: 0, bytes: 9_120_400 },
            SourceReport { name: "baseline.json".into(), kind: "baseline".into(), records: 1, rejected: 0, bytes: 212_000 },
        ],
        inferences: map([("labelled", n - 2_500), ("never_labelled", 2_200), ("pending", 297), ("rejected", 3), ("duplicate", 0), ("conflict", 0)]),
        labels: map([("joined", n - 2_500), ("orphan", 88), ("corrected", 12)]),
        rejects: map([("missing_field", 2), ("bad_time", 1)]),
        unknown_fields: vec!["trace_id".into()],
        invariants: vec![
            Invariant { name: "inferences in = rejected + duplicate + conflict + late + unsampled + labelled + pending + never labelled".into(), left: n as i64, right: n as i64, holds: true },
            Invariant { name: "labels in = rejected + joined + duplicate + corrected + withdrawn + ignored by policy + late + orphan + unsampled + buffered".into(), left: n as i64 - 2_400, right: n as i64 - 2_400, holds: true },
        ],
        watermarks: map([("inferences", Some(START + 40 * DAY - 600_000_000)), ("labels", Some(START + 50 * DAY))]),
        capped: Vec::new(),
        notes: vec!["feature customer_id looks like an id and is left out".into(), "labels of the last 10 days are still arriving".into()],
        records_per_second: Some(412_000.0),
        seconds: Some(0.58),
    }
}
