//! What is known of one window, in four layers?

use std::collections::BTreeMap;

use super::calibration;
use super::curve::Arrived;
use super::estimated::{self, Estimated};
use super::labels::coverage;
use super::naming::code_name;
use super::provisional::{Estimate, Provisional};
use super::reading::{Context, count};
use super::shown::{shows, shows_early};
use super::subgroups::{self, Sliced};
use super::unknown::{activity, blind_spots};
use crate::baseline::{Profile, Restless};
use crate::finding::{
    DelayBin, Figure, Maturity, Movement, ScoreBin, SliceFigure, Summary, SummaryInputs, SummaryLayers,
};
use crate::indicator::{Indicator, Metric};
use crate::join::Regime;
use crate::observe::looks::{drift_code, drift_counts, score_groups};
use crate::observe::metrics::{confusion, measure};
use crate::observe::{
    CODE_INVALID, CODE_MISSING, CODE_TAIL, CODE_UNDER, CODE_UNKNOWN, DELAY_BINS, FeatureCoding, SCORE_SCALE, Statistic,
    Sums, bin_center, bin_edges, delay_kind, delay_start, flow, truth,
};
use crate::stats::distribution;
use crate::stats::interval::{self, mean as mean_interval};
use crate::stats::pool::equal_mass;
use crate::stats::rate::Tally;

/// Cells listed per feature, slices and score groups listed per summary.
const CELLS: usize = 5;
const SLICES: usize = 20;
const GROUPS: usize = 15;

/// What a summary says beside its figures.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    /// The model.
    pub model: String,
    /// The version.
    pub version: String,
    /// Number of the revision.
    pub revision: u32,
    /// When it was due.
    pub as_of: i64,
    /// Whether it is the last one.
    pub is_final: bool,
    /// Whether there is a label stream.
    pub labels: bool,
    /// Fingerprints that are firing.
    pub firing: Vec<String>,
    /// Records that came after the window was closed over an idle partition.
    pub late: u64,
    /// Whether a limit was hit.
    pub capped: bool,
    /// What of the labels should be in by now; `None` in a final summary, or where no mature window says.
    pub arrived: Option<Arrived>,
    /// With what else the window should be compared and cannot; one sentence each.
    pub lacking: Vec<String>,
}

/// Builds the summary of a window.
pub(super) fn summary(context: &Context<'_>, heading: Heading) -> Summary {
    let labelled = Labelled::of(context, &heading);
    let (active, inactive) = activity(context, heading.labels);
    let predictions = predictions(context);
    let truth = if heading.labels { labelled.layer(context, &predictions.estimated) } else { SummaryLayers::default() };
    Summary {
        inputs: inputs(context),
        predictions,
        truth,
        business: SummaryLayers::default(),
        counts: counts(context.sums),
        active,
        inactive,
        blind_spots: blind_spots(context, &heading),
        model: heading.model,
        version: heading.version,
        window: context.window.into(),
        revision: heading.revision,
        as_of: heading.as_of,
        is_final: heading.is_final,
        alerts: heading.firing,
        late_after_idle: heading.late,
        capped: heading.capped,
    }
}

fn counts(sums: &Sums) -> BTreeMap<String, u64> {
    let of_flow =
        [("inferences", flow::N), ("duplicate", flow::DUPLICATE), ("conflict", flow::CONFLICT), ("late", flow::LATE)];
    let of_truth = [("assumed_negative", truth::ASSUMED), ("never_labelled", truth::NEVER), ("closed", truth::CLOSED)];
    let of_labels = [("labelled", truth::N), ("positive", truth::POSITIVE)];
    let flows = of_flow.into_iter().map(|(name, place)| (name.to_owned(), count(sums.flow(place))));
    let truths = of_truth.into_iter().map(|(name, place)| (name.to_owned(), count(sums.truth(place))));
    let labels = of_labels.into_iter().map(|(name, place)| (name.to_owned(), count(sums.rows(place))));
    let clipped = Some(count(sums.truth(truth::CLIPPED))).filter(|&clipped| clipped > 0);
    flows.chain(truths).chain(labels).chain(clipped.map(|clipped| ("weights_clipped".to_owned(), clipped))).collect()
}

/// A share of counts that no label can change; `phi` is by how much it scatters more than that of independent rows.
fn share(tally: Tally, phi: f64, reference: Option<f64>) -> Figure {
    let interval = interval::share(tally.hits as f64, tally.trials as f64, phi, 0.05);
    Figure {
        value: tally.share(),
        interval: interval.map(|interval| [interval.low, interval.high]),
        n: tally.trials,
        effective_n: tally.trials as f64 / phi,
        maturity: Maturity::Mature,
        coverage: None,
        expected_coverage: None,
        estimator: "complete".to_owned(),
        error_bound: 0.0,
        reference,
    }
}

fn inputs(context: &Context<'_>) -> SummaryInputs {
    let n = count(context.sums.flow(flow::N));
    let Some(profile) = context.profile else { return SummaryInputs { n, features: Vec::new() } };
    let features = profile.coding.features().iter().enumerate();
    SummaryInputs { n, features: features.map(|(place, feature)| movement(context, profile, place, feature)).collect() }
}

fn movement(context: &Context<'_>, profile: &Profile, place: usize, feature: &FeatureCoding) -> Movement {
    let (codes, codes_then) = (context.sums.codes(place), profile.sums.codes(place));
    let (now, then) = (drift_counts(feature, codes), drift_counts(feature, codes_then));
    let missing = |codes: &[i64]| Tally::new(count(codes[usize::from(CODE_MISSING)]), count(codes.iter().sum()));
    let unfamiliar = |codes: &[i64]| {
        let strange: i64 = if feature.is_numeric() {
            codes[usize::from(CODE_INVALID)] + codes[usize::from(CODE_UNDER)] + codes[feature.code_over()]
        } else {
            codes[usize::from(CODE_UNKNOWN)..usize::from(CODE_TAIL)].iter().sum()
        };
        Tally::new(count(strange), count(codes.iter().sum::<i64>() - codes[usize::from(CODE_MISSING)]))
    };
    let distance = if feature.is_numeric() {
        distribution::kolmogorov_smirnov(&now, &then)
    } else {
        distribution::l_infinity(&now, &then)
    };
    let error = feature.is_numeric().then(|| distribution::kolmogorov_smirnov_error(&now, &then)).flatten();
    let mean = |sums: &Sums| {
        let crate::observe::Kind::Numeric { scale, .. } = feature.kind() else { return None };
        let numbers = sums.codes(place)[usize::from(CODE_UNDER)..].iter().sum::<i64>();
        (numbers > 0).then(|| sums.get(Statistic::Numbers)[place] as f64 / scale / numbers as f64)
    };
    Movement {
        feature: feature.name().to_owned(),
        n: now.iter().sum(),
        psi: distribution::psi(&now, &then),
        distance,
        distance_error: error.unwrap_or(0.0),
        missing: share(missing(codes), context.phi(Restless::Missing(place)), missing(codes_then).share()),
        unfamiliar: share(unfamiliar(codes), context.phi(Restless::Odd(place)), unfamiliar(codes_then).share()),
        mean: mean(context.sums),
        mean_reference: mean(&profile.sums),
        cells: moved_cells(context, feature, &now, &then),
    }
}

fn moved_cells(context: &Context<'_>, feature: &FeatureCoding, now: &[u64], then: &[u64]) -> Vec<(String, f64, f64)> {
    let (n, m) = (now.iter().sum::<u64>(), then.iter().sum::<u64>());
    if n == 0 || m == 0 {
        return Vec::new();
    }
    let mut cells: Vec<(usize, f64, f64)> = (0..now.len())
        .map(|place| (place, now[place] as f64 / n as f64, then[place] as f64 / m as f64))
        .filter(|(_, now, then)| (now - then).abs() > 0.0)
        .collect();
    cells.sort_by(|a, b| (b.1 - b.2).abs().total_cmp(&(a.1 - a.2).abs()).then(a.0.cmp(&b.0)));
    cells.truncate(CELLS);
    let name = |place| code_name(context.config, feature, drift_code(feature, place));
    cells.into_iter().map(|(place, now, then)| (name(place), now, then)).collect()
}

fn predictions(context: &Context<'_>) -> SummaryLayers {
    let sums = context.sums;
    let n = count(sums.flow(flow::N));
    let mean = |sums: &Sums| {
        let n = sums.flow(flow::N);
        (n > 0).then(|| sums.flow(flow::SCORE) as f64 / SCORE_SCALE / n as f64)
    };
    let decided = |sums: &Sums| Tally::new(count(sums.flow(flow::POSITIVE)), count(sums.flow(flow::DECIDED)));
    let plain = |value: Option<f64>, reference: Option<f64>| Figure {
        value,
        interval: None,
        ..share(Tally::new(0, n), 1.0, reference)
    };
    let mut figures = BTreeMap::new();
    figures.insert("mean_score".to_owned(), plain(mean(sums), context.profile.and_then(|profile| mean(&profile.sums))));
    let reference = context.profile.and_then(|profile| decided(&profile.sums).share());
    let phi = context.phi(Restless::Decisions);
    figures.insert("decision_rate".to_owned(), share(decided(sums), phi, reference));
    if let Some(profile) = context.profile {
        let (now, then, _) = score_groups(sums, &profile.sums);
        figures.insert("psi".to_owned(), plain(distribution::psi(&now, &then), None));
    }
    SummaryLayers { figures, estimated: estimates(context), scores: score_bins(sums), ..SummaryLayers::default() }
}

/// What the truth would be, if scores still meant what they did. It stands on no label, so none can change it.
fn estimates(context: &Context<'_>) -> BTreeMap<String, Figure> {
    let Some(profile) = context.profile else { return BTreeMap::new() };
    let n = count(context.sums.flow(flow::N));
    if n < Indicator::PerformanceEstimated.min_n() {
        return BTreeMap::new();
    }
    let figure = |estimator: &str, estimate: Estimated, phi: f64| Figure {
        value: Some(estimate.value),
        interval: estimate.interval().map(|interval| [interval.low, interval.high]),
        estimator: estimator.to_owned(),
        ..share(Tally::new(0, n), phi, Some(estimate.reference))
    };
    let metrics = Metric::ALL.into_iter().filter_map(|metric| {
        // There are no labels to go by yet: the window is as large as it has predictions.
        let phis = context.spread(false).of(Restless::Metric(metric));
        let estimate = estimated::estimate(context.sums, profile, metric, phis)?;
        Some((metric.name().to_owned(), figure("recalibrated_scores", estimate, phis.0)))
    });
    let rate = estimated::label_rate(context, profile);
    let rate = rate.map(|(rate, phi)| ("label_rate".to_owned(), figure("share_above_cut", rate, phi)));
    metrics.chain(rate).collect()
}

fn score_bins(sums: &Sums) -> Vec<ScoreBin> {
    let all: Vec<u64> = sums.get(Statistic::Scores).iter().copied().map(count).collect();
    let (negative, positive) = (sums.get(Statistic::Negatives), sums.get(Statistic::Positives));
    equal_mass(&all, GROUPS)
        .into_iter()
        .map(|range| {
            let n: u64 = all[range.clone()].iter().sum();
            let positives: i64 = positive[range.clone()].iter().sum();
            let negatives: i64 = negative[range.clone()].iter().sum();
            let stated: f64 = range.clone().map(|bin| all[bin] as f64 * bin_center(bin)).sum();
            ScoreBin {
                low: bin_edges(range.start).0,
                high: bin_edges(range.end - 1).1,
                n,
                labelled: count(positives + negatives),
                positive: count(positives),
                stated: if n > 0 { stated / n as f64 } else { 0.0 },
            }
        })
        .collect()
}

fn delay_bins(sums: &Sums) -> Vec<DelayBin> {
    let of = |positive, bin: usize| {
        let kinds = [false, true].map(|flagged| delay_kind(positive, flagged));
        count(kinds.iter().map(|&kind| sums.delays(kind)[bin]).sum())
    };
    let bins = (0..DELAY_BINS).map(|bin| DelayBin {
        from_us: delay_start(bin).micros(),
        negative: of(false, bin),
        positive: of(true, bin),
    });
    bins.filter(|bin| bin.negative + bin.positive > 0).collect()
}

/// How far the labels of a window are.
struct Labelled {
    coverage: Option<f64>,
    expected_coverage: Option<f64>,
    maturity: Maturity,
    estimator: &'static str,
    provisional: Option<Provisional>,
    is_final: bool,
}

impl Labelled {
    fn of(context: &Context<'_>, heading: &Heading) -> Self {
        let Heading { is_final, arrived, .. } = heading;
        let predicted = context.sums.flow(flow::N);
        let labelled = context.sums.labelled_rows();
        let coverage = (predicted > 0).then(|| labelled as f64 / predicted as f64);
        // Before the delays are known, "half of what is expected" is half of all.
        let share = arrived.as_ref().map(|arrived| arrived.of_all);
        let maturity = match share.or(coverage) {
            _ if *is_final => Maturity::Mature,
            Some(all) if all >= 0.99 && share.is_some() => Maturity::Mature,
            Some(half) if half >= 0.5 => Maturity::Provisional,
            _ => Maturity::Immature,
        };
        let regime = context.config.labels;
        // Silence that will be taken for an answer is counted by rows: where rows have weights there is no exposure.
        let usable = regime == Regime::Explicit || !context.sums.is_weighted();
        let arrived = arrived.as_ref();
        let provisional = arrived.filter(|_| usable).map(|arrived| Provisional::new(context.sums, arrived, regime));
        let estimator = match (is_final, regime) {
            (true, Regime::ImplicitNegative) => "silence_is_negative",
            (true, Regime::Explicit) => "complete",
            (false, _) => "labels_so_far",
        };
        let expected_coverage = arrived.map(|arrived| arrived.coverage);
        Self { coverage, expected_coverage, maturity, estimator, provisional, is_final: *is_final }
    }

    fn figure(&self, mut figure: Figure) -> Figure {
        figure.maturity = self.maturity;
        figure.coverage = self.coverage;
        figure.expected_coverage = self.expected_coverage;
        self.estimator.clone_into(&mut figure.estimator);
        figure
    }

    /// The same, where an estimate stands for it.
    fn weighted(&self, figure: Figure, estimate: Option<Estimate>) -> Figure {
        let mut figure = self.figure(figure);
        if let (Some(provisional), Some(estimate)) = (&self.provisional, estimate) {
            estimate.in_place_of(&mut figure);
            provisional.estimator().clone_into(&mut figure.estimator);
        }
        figure
    }

    fn layer(&self, context: &Context<'_>, estimates: &BTreeMap<String, Figure>) -> SummaryLayers {
        let sums = context.sums;
        let mut figures = BTreeMap::new();
        let positives = |sums: &Sums| Tally::new(count(sums.truth(truth::POSITIVE)), count(sums.truth(truth::N)));
        let profile = context.profile.filter(|profile| profile.labelled() > 0);
        let reference = profile.and_then(|profile| positives(&profile.sums).share());
        let phi = context.phi(Restless::Labels);
        let rate = self.provisional.as_ref().and_then(|provisional| provisional.label_rate(phi));
        figures.insert("label_rate".to_owned(), self.weighted(share(positives(sums), phi, reference), rate));
        let covered = Tally::new(count(sums.labelled_rows()), count(sums.flow(flow::N)));
        let covered = if covered.hits > covered.trials { coverage(context) } else { covered };
        // Customers whose requests come in bunches have labels in bunches: as the test of coverage has it.
        figures.insert(
            "coverage".to_owned(),
            self.figure(share(covered, context.spread(true).of_rows(Restless::Labels).0, None)),
        );
        self.calibration(context, &mut figures);
        let mut metrics = self.metrics(context);
        super::weighted::tell(context, &mut figures, &mut metrics);
        if self.is_final {
            figures.extend(self.gaps(estimates, &metrics));
        }
        SummaryLayers {
            figures,
            metrics,
            scores: score_bins(sums),
            slices: slice_figures(context),
            delays: delay_bins(sums),
            ..SummaryLayers::default()
        }
    }

    /// By how much each realised metric differs from what scores let expect of it.
    fn gaps(
        &self,
        estimates: &BTreeMap<String, Figure>,
        metrics: &BTreeMap<String, Figure>,
    ) -> BTreeMap<String, Figure> {
        let gap = |(name, estimate): (&String, &Figure)| {
            let realised = metrics.get(name)?;
            let value = realised.value? - estimate.value?;
            let reach = |figure: &Figure| figure.interval.map(|[low, high]| 0.5 * (high - low));
            let reach = reach(realised).zip(reach(estimate)).map(|(one, other)| (one * one + other * other).sqrt());
            let interval = reach.map(|reach| [value - reach, value + reach]);
            let error_bound = realised.error_bound;
            let figure = share(Tally::new(0, realised.n), 1.0, Some(0.0));
            let effective_n = realised.effective_n;
            let figure = Figure { value: Some(value), interval, error_bound, effective_n, ..figure };
            let figure = self.figure(figure);
            Some((format!("gap_{name}"), figure))
        };
        estimates.iter().filter_map(gap).collect()
    }

    /// Offset and slope of the calibration. That classes come at another pace moves the log-odds by a constant.
    fn calibration(&self, context: &Context<'_>, figures: &mut BTreeMap<String, Figure>) {
        let moved = self.provisional.as_ref().map_or(Some(0.0), Provisional::offset);
        let Some(moved) = moved.filter(|&moved| shows(context, moved)) else { return };
        let Some([(offset, error, phi), slope]) = calibration::line(context) else { return };
        let n = count(context.sums.truth(truth::N));
        for (name, (value, error, phi), reference) in
            [("calibration_intercept", (offset + moved, error, phi), 0.0), ("calibration_slope", slope, 1.0)]
        {
            let interval = mean_interval(value, error * phi.sqrt(), 0.05);
            let estimate = interval.map(|interval| Estimate {
                value,
                interval: Some(interval),
                effective_n: n as f64 / phi,
                error_bound: 0.0,
            });
            let figure = Figure {
                value: Some(value),
                interval: interval.map(|interval| [interval.low, interval.high]),
                ..share(Tally::new(0, n), phi, Some(reference))
            };
            figures.insert(name.to_owned(), self.weighted(figure, estimate));
        }
    }

    fn metrics(&self, context: &Context<'_>) -> BTreeMap<String, Figure> {
        let mut metrics = self.plain_metrics(context);
        if let Some(provisional) = &self.provisional
            && shows_early(context, provisional)
        {
            let mut estimates = provisional.metrics(context.sums, &|figure| context.phi(figure));
            for (name, figure) in &mut metrics {
                let estimate = estimates.remove(name.as_str());
                if estimate.is_none() {
                    (figure.value, figure.interval) = (None, None);
                }
                *figure = self.weighted(figure.clone(), estimate);
            }
        }
        metrics
    }

    fn plain_metrics(&self, context: &Context<'_>) -> BTreeMap<String, Figure> {
        let n = count(context.sums.truth(truth::N));
        let moved = self.provisional.as_ref().and_then(Provisional::offset);
        let enough = shows(context, moved.unwrap_or(0.0));
        let mut metrics = BTreeMap::new();
        let mut insert = |name: &str, figure: Figure| metrics.insert(name.to_owned(), self.figure(figure));
        for metric in Metric::ALL {
            let phi = context.phi(Restless::Metric(metric));
            let now = measure(context.sums, metric, phi);
            let then = context.profile.and_then(|profile| measure(&profile.sums, metric, 1.0));
            let reference = then.map(|then| then.value);
            let (n, error_bound) = now.map_or((n, 0.0), |now| (now.n, now.error_bound));
            // A displayed metric abstains below its minimum.
            let shown = now.filter(|_| enough);
            insert(
                metric.name(),
                Figure {
                    value: shown.map(|now| now.value),
                    interval: shown.and_then(|now| now.interval).map(|interval| [interval.low, interval.high]),
                    error_bound,
                    ..share(Tally::new(0, n), phi, reference)
                },
            );
        }
        let (now, then) = (confusion(context.sums), context.profile.map(|profile| confusion(&profile.sums)));
        // Nothing has measured these two; the accuracy's factor is next to theirs.
        let phi = context.phi(Restless::Metric(Metric::Accuracy));
        let specificity = share(now.specificity_tally(), phi, then.and_then(|table| table.specificity()));
        insert("specificity", if enough { specificity } else { Figure { value: None, interval: None, ..specificity } });
        let mcc = share(Tally::new(0, now.total()), phi, then.and_then(|table| table.mcc()));
        insert("mcc", Figure { value: now.mcc().filter(|_| enough), interval: None, ..mcc });
        metrics
    }
}

fn slice_figures(context: &Context<'_>) -> Vec<SliceFigure> {
    let Some(profile) = context.profile else { return Vec::new() };
    if profile.labelled() == 0 {
        return Vec::new();
    }
    let distance = |sliced: &Sliced| {
        let observed = sliced.cell.positive as f64;
        (observed - sliced.expected).abs() / (sliced.expected + 1.0).sqrt()
    };
    let protected = |sliced: &Sliced| {
        let name = profile.coding.features()[sliced.slice.feature].name();
        context.config.slices.protected.iter().any(|listed| listed == name)
    };
    let mut all = subgroups::all(context);
    all.retain(|sliced| sliced.cell.n >= 20 || protected(sliced));
    all.sort_by(|a, b| {
        let order = protected(b).cmp(&protected(a)).then(distance(b).total_cmp(&distance(a)));
        order.then(a.slice.feature.cmp(&b.slice.feature)).then(a.slice.codes.start.cmp(&b.slice.codes.start))
    });
    all.truncate(SLICES);
    all.iter()
        .map(|sliced| {
            let rates = subgroups::errors(&sliced.cell).map(|tallies| tallies.map(Tally::share));
            let [fnr, fpr, error_rate] = rates.unwrap_or([None; 3]);
            let name = profile.coding.features()[sliced.slice.feature].name().to_owned();
            SliceFigure {
                slice: BTreeMap::from([(name, sliced.slice.name.clone())]),
                n: count(sliced.cell.n),
                observed: count(sliced.cell.positive),
                expected: sliced.expected,
                error_rate,
                fnr,
                fpr,
            }
        })
        .collect()
}
