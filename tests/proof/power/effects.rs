//! Which changes are tried, how large, and who should notice?
//!
//! A ladder for each indicator that is judged by the budget, from below its floor to plain.

use truthline::finding::Subject;

use super::change::Change;
use super::rules::Rule;
use crate::proof::worlds::{Law, PLAIN};

/// What an alarm must be about to count as found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Anything,
    Feature(&'static str),
    Slice(&'static str, &'static str),
}

impl About {
    /// Whether an alarm is about it.
    pub(crate) fn is(self, subject: &Subject) -> bool {
        match self {
            Self::Anything => true,
            Self::Feature(name) => subject.feature.as_deref() == Some(name),
            Self::Slice(feature, value) => {
                subject.slice.as_ref().is_some_and(|slice| slice.get(feature).is_some_and(|text| text == value))
            }
        }
    }
}

/// One rung of a ladder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub text: &'static str,
    pub change: Change,
    /// In floors of the indicator; `None` where it grows.
    pub floors: Option<f64>,
}

/// A change with its ladder.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    /// Of its own; the indicator's, with what sets it apart.
    pub name: &'static str,
    pub indicator: &'static str,
    pub about: About,
    pub what: &'static str,
    pub law: Law,
    /// What the rules chart of it: PSI and KS columns by `name`, figures by name.
    pub charted: &'static [(Rule, &'static str)],
    pub sizes: Vec<Size>,
}

impl Effect {
    /// The name of one trial in the file of lines.
    pub(crate) fn key(&self, size: &Size) -> String {
        format!("{}: {}", self.name, size.text)
    }

    fn under(self, name: &'static str, law: Law) -> Self {
        Self { name, law, ..self }
    }
}

/// 50 rows a day.
pub(crate) const SMALL: Law = Law { rows_a_day: 50, ..PLAIN };
/// A baseline with as many rows a day as production.
pub(crate) const FULL: Law = Law { baseline_rows: 28_000, ..PLAIN };

type Rung = (&'static str, Change, f64);

fn effect(
    indicator: &'static str,
    about: About,
    what: &'static str,
    charted: &'static [(Rule, &'static str)],
    rungs: &[Rung],
) -> Effect {
    let size = |&(text, change, floors): &Rung| Size { text, change, floors: (floors > 0.0).then_some(floors) };
    let sizes = rungs.iter().map(size).collect();
    Effect { name: indicator, indicator, about, what, law: PLAIN, charted, sizes }
}

/// All effects.
pub(crate) fn all() -> Vec<Effect> {
    [inputs(), predictions(), truth(), plumbing(), slow_and_small(), full()].concat()
}

const GAPS: &[(Rule, &str)] = &[(Rule::Deviations, "missing gaps")];
const Z: &[(Rule, &str)] = &[(Rule::Psi, "z"), (Rule::Ks, "z"), (Rule::Deviations, "mean z")];
const OFFSET: &[(Rule, &str)] = &[(Rule::Deviations, "labels less scores"), (Rule::Deviations, "label rate")];

fn inputs() -> Vec<Effect> {
    use Change::{Elsewhere, Missing, Mix, Negative, Newcomer, Typos};
    vec![
        effect(
            "input.missing_rate",
            About::Feature("gaps"),
            "missing beside the usual 1 %",
            GAPS,
            &[
                ("+0.3 points", Missing(0.003), 0.6),
                ("+1 point", Missing(0.01), 2.0),
                ("+2 points", Missing(0.02), 4.0),
                ("+4 points", Missing(0.04), 8.0),
            ],
        ),
        effect(
            "input.unseen_value",
            About::Feature("region"),
            "typos in a category of four values",
            &[(Rule::Psi, "region"), (Rule::Deviations, "unseen region")],
            &[("0.05 %", Typos(0.000_5), 0.5), ("0.5 %", Typos(0.005), 5.0), ("2 %", Typos(0.02), 20.0)],
        ),
        effect(
            "input.emerging_value",
            About::Feature("region"),
            "one new value in a category of four",
            &[(Rule::Psi, "region"), (Rule::Deviations, "unseen region")],
            &[
                ("0.3 %", Newcomer(0.003), 0.6),
                ("2 %", Newcomer(0.02), 4.0),
                ("3 %", Newcomer(0.03), 6.0),
                ("5 %", Newcomer(0.05), 10.0),
            ],
        ),
        effect(
            "input.out_of_range",
            About::Feature("amount"),
            "amounts with a wrong sign",
            &[(Rule::Psi, "amount"), (Rule::Ks, "amount"), (Rule::Deviations, "outside amount")],
            &[("0.3 %", Negative(0.003), 0.6), ("1 %", Negative(0.01), 2.0), ("3 %", Negative(0.03), 6.0)],
        ),
        effect(
            "input.drift",
            About::Feature("z"),
            "a mean moves, in standard deviations",
            Z,
            &[
                ("0.1 sd", Elsewhere(0.1), 0.8),
                ("0.2 sd", Elsewhere(0.2), 1.6),
                ("0.35 sd", Elsewhere(0.35), 2.8),
                ("0.7 sd", Elsewhere(0.7), 5.5),
            ],
        ),
        Effect {
            name: "input.drift, mix",
            ..effect(
                "input.drift",
                About::Feature("region"),
                "one of four values takes from the others",
                &[(Rule::Psi, "region")],
                &[
                    ("+3 points", Mix(0.03), 0.6),
                    ("+8 points", Mix(0.08), 1.6),
                    ("+12 points", Mix(0.12), 2.4),
                    ("+20 points", Mix(0.20), 4.0),
                ],
            )
        },
    ]
}

fn predictions() -> Vec<Effect> {
    use Change::{Decisions, Scores};
    vec![
        effect(
            "prediction.drift",
            About::Anything,
            "all scores move, in logits",
            &[(Rule::Psi, "score"), (Rule::Ks, "score"), (Rule::Deviations, "mean score")],
            &[
                ("+0.1", Scores(0.1), 0.7),
                ("+0.3", Scores(0.3), 2.0),
                ("+0.5", Scores(0.5), 3.3),
                ("+1", Scores(1.0), 6.5),
            ],
        ),
        effect(
            "decision.rate",
            About::Anything,
            "the threshold is lowered; positive decisions times",
            &[(Rule::Deviations, "decisions")],
            &[
                ("1.15", Decisions(1.15), 0.6),
                ("1.5", Decisions(1.5), 1.8),
                ("2", Decisions(2.0), 3.1),
                ("3", Decisions(3.0), 4.9),
            ],
        ),
    ]
}

fn truth() -> Vec<Effect> {
    use Change::{Coverage, Flatter, Odds, Prior, Random, Slice};
    vec![
        effect(
            "label.rate",
            About::Anything,
            "more positive cases come, each as ever; odds times",
            &[(Rule::Deviations, "label rate")],
            &[("1.1", Prior(1.1), 0.5), ("1.5", Prior(1.5), 2.1), ("2", Prior(2.0), 3.5), ("3", Prior(3.0), 5.5)],
        ),
        effect(
            "label.coverage",
            About::Anything,
            "labelled instead of 95 %",
            &[(Rule::Deviations, "coverage")],
            &[("88 %", Coverage(0.88), 0.7), ("80 %", Coverage(0.8), 1.5), ("60 %", Coverage(0.6), 3.5)],
        ),
        effect(
            "calibration.intercept",
            About::Anything,
            "positives are more probable, in logits",
            OFFSET,
            &[
                ("+0.15", Odds(0.15), 0.75),
                ("+0.5", Odds(0.5), 2.5),
                ("+0.8", Odds(0.8), 4.0),
                ("+1.2", Odds(1.2), 6.0),
            ],
        ),
        effect(
            "calibration.slope",
            About::Anything,
            "truth follows the scores less, at the same rate; slope",
            &[(Rule::Deviations, "slope")],
            &[
                ("0.93", Flatter(0.93), 0.6),
                ("0.7", Flatter(0.7), 2.5),
                ("0.5", Flatter(0.5), 4.2),
                ("0.2", Flatter(0.2), 6.7),
            ],
        ),
        effect(
            "performance.degradation",
            About::Anything,
            "truth is drawn without regard to the score, for",
            &[
                (Rule::Deviations, "auc"),
                (Rule::Deviations, "log loss"),
                (Rule::Deviations, "brier"),
                (Rule::Deviations, "accuracy"),
                (Rule::Deviations, "precision"),
                (Rule::Deviations, "recall"),
                (Rule::Deviations, "f1"),
            ],
            &[
                ("5 % of rows", Random(0.05), 0.7),
                ("30 % of rows", Random(0.3), 4.0),
                ("60 % of rows", Random(0.6), 8.0),
                ("90 % of rows", Random(0.9), 12.0),
            ],
        ),
        effect(
            "slice.error_rate",
            About::Slice("region", "south"),
            "in one of four regions odds of positives times",
            &[(Rule::Deviations, "labels of region south"), (Rule::Deviations, "errors of region south")],
            &[("1.15", Slice(1.15), 0.6), ("2", Slice(2.0), 3.0), ("3", Slice(3.0), 4.7), ("5", Slice(5.0), 6.7)],
        ),
    ]
}

fn plumbing() -> Vec<Effect> {
    use Change::{Conflict, Late, Orphans};
    let any = About::Anything;
    vec![
        effect(
            "input.late",
            any,
            "predictions too late to be counted",
            &[(Rule::Deviations, "late")],
            &[("0.5 %", Late(0.005), 0.5), ("2 %", Late(0.02), 2.0), ("4 %", Late(0.04), 4.0)],
        ),
        effect(
            "join.conflict",
            any,
            "ids taken by another content",
            &[(Rule::Deviations, "conflict")],
            &[("0.05 %", Conflict(0.000_5), 0.5), ("0.4 %", Conflict(0.004), 4.0), ("1 %", Conflict(0.01), 10.0)],
        ),
        effect(
            "join.orphans",
            any,
            "labels of nothing that was predicted",
            &[(Rule::Deviations, "orphans")],
            &[("0.5 %", Orphans(0.005), 0.5), ("2 %", Orphans(0.02), 2.0), ("4 %", Orphans(0.04), 4.0)],
        ),
    ]
}

fn slow_and_small() -> Vec<Effect> {
    use Change::{Elsewhere, ElsewhereDaily, Missing, Odds, OddsDaily};
    vec![
        Effect {
            name: "input.drift, slow",
            ..effect(
                "input.drift",
                About::Feature("z"),
                "a mean moves day by day, in standard deviations a day",
                Z,
                &[("0.01 sd a day", ElsewhereDaily(0.01), 0.0), ("0.03 sd a day", ElsewhereDaily(0.03), 0.0)],
            )
        },
        Effect {
            name: "calibration.intercept, slow",
            ..effect(
                "calibration.intercept",
                About::Anything,
                "positives become more probable, in logits a day",
                OFFSET,
                &[("+0.03 a day", OddsDaily(0.03), 0.0), ("+0.1 a day", OddsDaily(0.1), 0.0)],
            )
        },
        effect(
            "input.missing_rate",
            About::Feature("gaps"),
            "missing beside the usual 1 %",
            GAPS,
            &[("+2 points", Missing(0.02), 4.0), ("+10 points", Missing(0.1), 20.0)],
        )
        .under("input.missing_rate, 50 rows a day", SMALL),
        effect(
            "input.drift",
            About::Feature("z"),
            "a mean moves, in standard deviations",
            Z,
            &[("0.35 sd", Elsewhere(0.35), 2.8), ("0.7 sd", Elsewhere(0.7), 5.5), ("1.5 sd", Elsewhere(1.5), 10.0)],
        )
        .under("input.drift, 50 rows a day", SMALL),
        effect(
            "calibration.intercept",
            About::Anything,
            "positives are more probable, in logits",
            OFFSET,
            &[("+0.8", Odds(0.8), 4.0), ("+1.5", Odds(1.5), 7.5)],
        )
        .under("calibration.intercept, 50 rows a day", SMALL),
    ]
}

/// Some of them again, where the baseline has 1,000 rows a day instead of 179.
fn full() -> Vec<Effect> {
    let again = |name: &'static str, of: &str, sizes: &[&str]| {
        let known = [inputs(), predictions(), truth()].concat();
        let mut effect = known.into_iter().find(|effect| effect.name == of).expect("it is one of them");
        effect.sizes.retain(|size| sizes.contains(&size.text));
        assert_eq!(effect.sizes.len(), sizes.len(), "{of} has these sizes");
        effect.under(name, FULL)
    };
    vec![
        again("input.drift, full baseline", "input.drift", &["0.1 sd", "0.2 sd", "0.35 sd"]),
        again("decision.rate, full baseline", "decision.rate", &["1.5", "2"]),
        again("calibration.intercept, full baseline", "calibration.intercept", &["+0.5", "+0.8"]),
        again("performance.degradation, full baseline", "performance.degradation", &["30 % of rows", "60 % of rows"]),
        again("slice.error_rate, full baseline", "slice.error_rate", &["3", "5"]),
    ]
}
