//! Do the statistics agree with the libraries others trust? Each vector names its source (library, version, call).
//!
//! Every vector of the file must be answered; an answer must name figures the vector holds and meet each within the
//! vector's own relative tolerance.

#![allow(clippy::unwrap_used, reason = "a vector that cannot be read fails the test")]

use serde_json::Value as Json;
use truthline::stats::calibration_error as error;
use truthline::stats::concentration::concentration;
use truthline::stats::confusion::{Confusion, macro_f1, multiclass_mcc};
use truthline::stats::discrimination::{ScoreBin, auc, average_precision, separation};
use truthline::stats::forecast::{ForecastBin, grouped};
use truthline::stats::loss::{Sample, Sums};
use truthline::stats::recalibration::{recalibrate, recalibrate_offset};
use truthline::stats::{distribution, evidence, interval, tails};

/// Figures by their place in the vector's `expected`, as a JSON pointer.
type Answer = Vec<(String, f64)>;

fn answer(figures: &[(&str, f64)]) -> Answer {
    figures.iter().map(|&(place, value)| (format!("/{place}"), value)).collect()
}

fn listed(place: &str, values: impl IntoIterator<Item = f64>) -> Answer {
    values.into_iter().enumerate().map(|(at, value)| (format!("/{place}/{at}"), value)).collect()
}

fn floats(value: &Json) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn counts(value: &Json) -> Vec<u64> {
    floats(value).into_iter().map(|v| v.round() as u64).collect()
}

fn number(value: &Json) -> f64 {
    value.as_f64().unwrap()
}

/// Labelled scores in ascending order, one bin for each distinct score.
fn forecasts(inputs: &Json) -> Vec<ForecastBin> {
    let mut bins: Vec<ForecastBin> = Vec::new();
    for (score, label) in floats(&inputs["s"]).into_iter().zip(counts(&inputs["y"])) {
        match bins.last_mut() {
            Some(last) if last.score >= score => {
                last.cases += 1;
                last.positives += label;
            }
            _ => bins.push(ForecastBin::new(1, label, score).unwrap()),
        }
    }
    bins
}

fn score_bins(inputs: &Json) -> Vec<ScoreBin> {
    forecasts(inputs)
        .iter()
        .map(|bin| ScoreBin { negatives: bin.cases - bin.positives, positives: bin.positives })
        .collect()
}

/// Mean and variance of a loss of each case, through sums in steps of 1e-12.
fn loss(inputs: &Json, of: impl Fn(f64, bool) -> f64) -> Sample {
    let scale = 1e12;
    let mut sums = Sums::default();
    for (score, label) in floats(&inputs["s"]).into_iter().zip(counts(&inputs["y"])) {
        let steps = (of(score, label == 1) * scale).round() as i128;
        sums.n += 1;
        sums.sum += steps;
        sums.squares += steps * steps;
    }
    sums.sample(scale).unwrap()
}

fn drift(id: &str, inputs: &Json) -> Option<Answer> {
    let sides = || (counts(&inputs["current_counts"]), counts(&inputs["reference_counts"]));
    let hundredths = |key: &str| floats(&inputs[key]).iter().map(|p| (p * 100.0).round() as u64).collect::<Vec<_>>();
    Some(match id {
        "psi_half_smoothed" | "psi_zero_cell" => {
            let (window, reference) = sides();
            answer(&[("psi", distribution::psi(&window, &reference)?)])
        }
        _ if id.starts_with("psi_test_tolerance") => {
            let (window, reference) = sides();
            answer(&[("p_value", distribution::psi_p_value(&window, &reference, number(&inputs["delta0"]))?)])
        }
        "ncx2_sf_grid" => {
            let points = inputs["points"].as_array()?.iter().map(floats);
            listed("sf", points.map(|point| tails::chi_square_noncentral_sf(point[0], point[1], point[2])))
        }
        "jensen_shannon" => {
            let distance = distribution::jensen_shannon(&hundredths("p"), &hundredths("q"))?;
            answer(&[("distance_base2", distance), ("divergence_base2", distance * distance)])
        }
        "hellinger_tv_linf" => {
            let (p, q) = (hundredths("p"), hundredths("q"));
            answer(&[
                ("hellinger", distribution::hellinger(&p, &q)?),
                ("total_variation", distribution::total_variation(&p, &q)?),
                ("l_infinity", distribution::l_infinity(&p, &q)?),
            ])
        }
        "ks_binned" => {
            let (window, reference) = sides();
            answer(&[("d", distribution::kolmogorov_smirnov(&window, &reference)?)])
        }
        "wasserstein_1" => {
            let side = |key: &str| {
                let mut values = floats(&inputs[key]);
                values.sort_by(f64::total_cmp);
                values.into_iter().map(|value| (value, 1)).collect::<Vec<_>>()
            };
            answer(&[("w1", distribution::wasserstein(&side("y"), &side("x"))?)])
        }
        "wasserstein_1_bins" => {
            let side = |means: &str, of: &str| -> Vec<(f64, u64)> {
                floats(&inputs[means]).into_iter().zip(counts(&inputs[of])).collect()
            };
            let (window, reference) =
                (side("current_means", "current_counts"), side("reference_means", "reference_counts"));
            answer(&[("w1", distribution::wasserstein(&window, &reference)?)])
        }
        "chi_square_g_cramers_v" => {
            let found = distribution::chi_square(&counts(&inputs["table"][1]), &counts(&inputs["table"][0]))?;
            answer(&[
                ("chi2", found.statistic),
                ("dof", found.degrees),
                ("p", found.p_value),
                ("g", found.g),
                ("g_p", found.g_p_value),
                ("cramers_v", found.cramers_v),
                ("cramers_v_bias_corrected", found.cramers_v_corrected),
            ])
        }
        "entropy" => answer(&[("nats", concentration(&counts(&inputs["counts"]))?.entropy)]),
        "exposure_concentration" => {
            let found = concentration(&counts(&inputs["counts"]))?;
            answer(&[
                ("hhi", found.herfindahl),
                ("effective_number_exp_entropy", found.effective_number),
                ("gini", found.gini),
                ("top1_share", found.top_share),
                ("simpson_unbiased", found.simpson?),
            ])
        }
        _ => return None,
    })
}

fn evidence_and_intervals(id: &str, inputs: &Json) -> Option<Answer> {
    Some(match id {
        "log_e_dirichlet_multinomial" => {
            let (counts, null) = (counts(&inputs["counts"]), floats(&inputs["p0"]));
            answer(&[("log_e", evidence::log_e_shares(&counts, &null, number(&inputs["concentration"]))?)])
        }
        "log_e_beta_binomial" => {
            let [k, n] = ["successes", "trials"].map(|key| number(&inputs[key]) as u64);
            let [null, a, b] = ["p0", "a", "b"].map(|key| number(&inputs[key]));
            answer(&[("log_e", evidence::log_e_rate(k, n, null, a, b)?)])
        }
        "log_e_rate_increase" => {
            let [null, a, b] = ["p1", "a", "b"].map(|key| number(&inputs[key]));
            let cases = inputs["cases"].as_array()?.iter().map(counts);
            listed("log_e", cases.map(|case| evidence::log_e_rate_increase(case[0], case[1], null, a, b).unwrap()))
        }
        "e_detector" => {
            let p_values = floats(&inputs["p_values"]);
            let log_e: Vec<f64> = p_values.iter().map(|&p| evidence::log_e_of_p(p).unwrap()).collect();
            let run = |step: fn(f64, f64) -> f64| {
                let mut state = f64::NEG_INFINITY;
                log_e
                    .iter()
                    .map(|&e| {
                        state = step(state, e);
                        libm::exp(state)
                    })
                    .collect::<Vec<_>>()
            };
            let halves = p_values.iter().map(|&p| libm::exp(evidence::log_e_of_p_half(p).unwrap()));
            [
                listed("e_vovk_wang", log_e.iter().map(|&e| libm::exp(e))),
                listed("e_half", halves),
                listed("cusum", run(evidence::cusum)),
                listed("shiryaev_roberts", run(evidence::shiryaev_roberts)),
            ]
            .concat()
        }
        "e_bh" => {
            let logs: Vec<f64> = floats(&inputs["e_values"]).iter().map(|&e| libm::log(e)).collect();
            let named = evidence::e_bh(&logs, number(&inputs["q"]));
            let mut found = listed("rejected_indices", named.iter().map(|&at| at as f64));
            found.push(("/k".to_owned(), named.len() as f64));
            found
        }
        _ if id.starts_with("proportion_ci") => {
            let of = match id {
                "proportion_ci_wilson" => interval::wilson,
                "proportion_ci_jeffreys" => interval::jeffreys,
                _ => interval::clopper_pearson,
            };
            let mut found = Answer::new();
            for (at, case) in inputs["cases"].as_array()?.iter().map(floats).enumerate() {
                let around = of(case[0], case[1], number(&inputs["alpha"]))?;
                // Jeffreys' lower end without a hit is 0 here by definition, in the source it is the quantile.
                if !(id == "proportion_ci_jeffreys" && case[0] < 1.0) {
                    found.push((format!("/ci/{at}/0"), around.low));
                }
                found.push((format!("/ci/{at}/1"), around.high));
            }
            found
        }
        _ => return None,
    })
}

fn performance(id: &str, inputs: &Json) -> Option<Answer> {
    Some(match id {
        "auc_delong" => {
            let bins = score_bins(inputs);
            let found = auc(&bins)?;
            answer(&[("auc", found.area), ("variance", found.variance?), ("ks", separation(&bins)?)])
        }
        "auc_from_histogram" => {
            let bins: Vec<ScoreBin> = counts(&inputs["positive_counts"])
                .into_iter()
                .zip(counts(&inputs["negative_counts"]))
                .map(|(positives, negatives)| ScoreBin { negatives, positives })
                .collect();
            let found = auc(&bins)?;
            answer(&[
                ("auc", found.area),
                ("max_abs_error_bound", found.bin_error),
                ("delong_variance", found.variance?),
            ])
        }
        "average_precision" => answer(&[("ap", average_precision(&score_bins(inputs))?.value)]),
        "confusion_binary" => {
            let mut table = Confusion::default();
            for (score, label) in floats(&inputs["s"]).into_iter().zip(counts(&inputs["y"])) {
                match (score >= number(&inputs["threshold"]), label == 1) {
                    (true, true) => table.tp += 1,
                    (true, false) => table.fp += 1,
                    (false, true) => table.fn_ += 1,
                    (false, false) => table.tn += 1,
                }
            }
            answer(&[
                ("tn_fp_fn_tp/0", table.tn as f64),
                ("accuracy", table.accuracy()?),
                ("precision", table.precision()?),
                ("recall", table.recall()?),
                ("f1", table.f1()?),
                ("balanced_accuracy", table.balanced_accuracy()?),
                ("mcc", table.mcc()?),
                ("kappa", table.kappa()?),
                ("cost_fp1_fn5", table.cost(1.0, 5.0)?),
            ])
        }
        "confusion_multiclass" => {
            let table: Vec<Vec<u64>> = inputs["confusion"].as_array()?.iter().map(counts).collect();
            answer(&[("mcc", multiclass_mcc(&table)?), ("macro_f1", macro_f1(&table)?)])
        }
        "log_loss_brier" => {
            let log_loss = loss(inputs, |s, positive| -libm::log(if positive { s } else { 1.0 - s }));
            let brier = loss(inputs, |s, positive| (f64::from(u8::from(positive)) - s).powi(2));
            answer(&[("log_loss", log_loss.mean), ("log_loss_se", log_loss.standard_error()), ("brier", brier.mean)])
        }
        _ => return None,
    })
}

fn calibration(id: &str, inputs: &Json) -> Option<Answer> {
    Some(match id {
        "brier_decomposition_murphy" => {
            let bins: Vec<ForecastBin> = floats(&inputs["distinct_forecasts"])
                .into_iter()
                .zip(counts(&inputs["n"]).into_iter().zip(counts(&inputs["positives"])))
                .map(|(score, (n, positives))| ForecastBin::new(n, positives, score).unwrap())
                .collect();
            let parts = error::brier_parts(&bins)?;
            answer(&[
                ("reliability", parts.reliability),
                ("resolution", parts.resolution),
                ("uncertainty", parts.uncertainty),
                ("brier", parts.brier()),
            ])
        }
        "ece_mce_equal_width" => {
            let width = number(&inputs["bins"]);
            let bins = forecasts(inputs);
            let groups: Vec<ForecastBin> = (0..width as usize)
                .flat_map(|k| {
                    let inside: Vec<ForecastBin> =
                        bins.iter().filter(|bin| (bin.score * width) as usize == k).copied().collect();
                    grouped(&inside, 1)
                })
                .collect();
            answer(&[
                ("ece", error::expected_calibration_error(&groups)?),
                ("mce", error::largest_calibration_error(&groups, 1)?),
            ])
        }
        "ece_equal_mass_debiased" => {
            let groups = grouped(&forecasts(inputs), number(&inputs["bins"]) as usize);
            answer(&[
                ("ece", error::expected_calibration_error(&groups)?),
                ("l2_squared_debiased", error::debiased_squared_error(&groups)?),
            ])
        }
        "ks_calibration_error" => answer(&[("ks_cal", error::cumulated_calibration_error(&forecasts(inputs))?)]),
        "spiegelhalter_z" => {
            let z = error::spiegelhalter_z(&forecasts(inputs))?;
            answer(&[("z", z), ("p_two_sided", error::two_sided_p(z))])
        }
        "hosmer_lemeshow" => {
            let groups: Vec<ForecastBin> = counts(&inputs["n"])
                .into_iter()
                .zip(floats(&inputs["expected"]).into_iter().zip(counts(&inputs["observed"])))
                .map(|(n, (expected, observed))| ForecastBin::new(n, observed, expected / n as f64).unwrap())
                .collect();
            let (statistic, p) = error::hosmer_lemeshow(&groups)?;
            answer(&[("statistic", statistic), ("p_df_g", p)])
        }
        "cox_slope_intercept" => {
            let bins = forecasts(inputs);
            let line = recalibrate(&bins)?;
            answer(&[
                ("intercept", line.intercept),
                ("slope", line.slope),
                ("se/0", line.intercept_variance.sqrt()),
                ("se/1", line.slope_variance.sqrt()),
                ("calibration_in_the_large", recalibrate_offset(&bins)?.offset),
            ])
        }
        _ => return None,
    })
}

#[test]
fn every_published_vector_is_met() {
    let vectors: Vec<Json> = serde_json::from_str(include_str!("data/statistics-vectors.json")).unwrap();
    assert!(vectors.len() >= 35);
    let mut missed = Vec::new();
    for vector in &vectors {
        let (id, inputs) = (vector["id"].as_str().unwrap(), &vector["inputs"]);
        let found = drift(id, inputs)
            .or_else(|| evidence_and_intervals(id, inputs))
            .or_else(|| performance(id, inputs))
            .or_else(|| calibration(id, inputs))
            .unwrap_or_else(|| panic!("{id} is not answered"));
        assert!(!found.is_empty(), "{id}");
        for (place, value) in found {
            let wanted = vector["expected"].pointer(&place).and_then(Json::as_f64);
            let wanted = wanted.unwrap_or_else(|| panic!("{id} holds no {place}"));
            // Where the answer is 0, the tolerance is absolute.
            let allowed = number(&vector["rel_tol"]) * if wanted == 0.0 { 1.0 } else { wanted.abs() };
            if (value - wanted).abs() > allowed {
                missed.push(format!("{id}{place}: {value} is not {wanted}"));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
