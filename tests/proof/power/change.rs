//! What happens to a row once the world has changed?
//!
//! All sizes of all effects work on the same rows: a change takes a row of the unchanged world and makes it what it would
//! have been. Labels are coupled: a row whose chance of being positive rises by little is mostly the row it was.

use std::sync::LazyLock;

use truthline::event::{Features, Value};
use truthline::stats::forecast::{logit, sigmoid};
use truthline::story::Chance;

use super::seen::{NUMBERS, POOL_OF_ROWS};
use crate::proof::worlds::{PLAIN, Row, SPREAD};

/// Places of the features.
const AMOUNT: usize = 0;
const REGION: usize = 1;
const Z: usize = 2;
const KIND: usize = 3;
const GAPS: usize = 4;

/// What changes, by its strength.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Change {
    Nothing,
    /// Further rows without `gaps`.
    Missing(f64),
    /// Regions that are misspelt, each in its way.
    Typos(f64),
    /// Rows of one new region.
    Newcomer(f64),
    /// Amounts with the sign turned.
    Negative(f64),
    /// The mean of `z`, in standard deviations; at once, or so much every day.
    Elsewhere(f64),
    ElsewhereDaily(f64),
    /// By so much grows the share of the first region.
    Mix(f64),
    Late(f64),
    Conflict(f64),
    Orphans(f64),
    /// Logits of all scores, with the decisions that follow; the truth stays.
    Scores(f64),
    /// Positive decisions, times: by a lower threshold.
    Decisions(f64),
    /// Odds of positive cases, times; cases of a class look as ever.
    Prior(f64),
    /// Share of rows with a label.
    Coverage(f64),
    /// Log odds of the truth of all rows; at once, or so much every day.
    Odds(f64),
    OddsDaily(f64),
    /// Slope of the truth on the score, at the same rate of positives.
    Flatter(f64),
    /// Share of rows whose truth does not depend on the score.
    Random(f64),
    /// Odds of the truth in one region, times.
    Slice(f64),
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Counted,
    /// It is not there.
    Left,
    /// It came too late; so its label is an orphan.
    Late,
    /// It is counted, and contradicted by a second record.
    Conflict,
    /// It is counted, and beside its label stands one of nothing.
    Orphan,
}

/// What the pool of the plain world tells of thresholds and rates.
struct Fit {
    scores: Vec<f64>,
    decided: f64,
    positive: f64,
}

static FIT: LazyLock<Fit> = LazyLock::new(|| {
    let rows = &POOL_OF_ROWS.rows;
    let mut scores: Vec<f64> = rows.iter().map(|row| f64::from(row.numbers[NUMBERS - 1])).collect();
    scores.sort_unstable_by(f64::total_cmp);
    let decided = rows.iter().filter(|row| row.decision).count() as f64 / rows.len() as f64;
    let positive = scores.iter().sum::<f64>() / scores.len() as f64;
    Fit { scores, decided, positive }
});

/// A change whose numbers are worked out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    change: Change,
    /// The threshold of decisions, or the intercept of a flatter truth.
    number: f64,
}

impl Change {
    /// Works out what depends on the world.
    pub(crate) fn ready(self) -> Ready {
        let number = match self {
            Self::Decisions(factor) => {
                let rank = (1.0 - factor * FIT.decided) * FIT.scores.len() as f64;
                FIT.scores[(rank.max(0.0) as usize).min(FIT.scores.len() - 1)]
            }
            Self::Flatter(slope) => intercept(slope),
            _ => (4.0 * PLAIN.prevalence).min(0.5),
        };
        Ready { change: self, number }
    }

    /// How many rows of the unchanged world are needed for one of the changed.
    pub(crate) const fn thins(self) -> Option<f64> {
        if let Self::Prior(odds) = self { Some(odds) } else { None }
    }
}

/// The intercept with which truth of that slope is as often positive as ever.
fn intercept(slope: f64) -> f64 {
    let some: Vec<f64> = FIT.scores.iter().step_by(50).map(|&score| logit(score)).collect();
    let rate = |a: f64| some.iter().map(|x| sigmoid(a + slope * x)).sum::<f64>() / some.len() as f64;
    let (mut low, mut high) = (-10.0, 10.0);
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if rate(middle) < FIT.positive { low = middle } else { high = middle }
    }
    low
}

fn text_of(features: &Features, place: usize) -> &str {
    match features.pairs[place].1 {
        Value::Text { start, length } => features.text_of(start, length),
        _ => "",
    }
}

fn set_text(features: &mut Features, place: usize, text: &str) {
    let start = features.text.len() as u32;
    features.text.push_str(text);
    features.pairs[place].1 = Value::Text { start, length: text.len() as u32 };
}

fn number_of(features: &mut Features, place: usize) -> Option<&mut f64> {
    if let Value::Float(number) = &mut features.pairs[place].1 { Some(number) } else { None }
}

/// The chance that a row is positive, by the law of the worlds.
fn chance_of(row: &Row) -> f64 {
    (row.score * if text_of(&row.features, KIND) == "rare" { 1.7 } else { 1.0 }).min(1.0)
}

/// A label that was drawn with one chance, as if drawn with another.
fn redrawn(label: bool, before: f64, after: f64, dice: &mut Chance) -> bool {
    if label {
        after >= before || dice.happens(after / before)
    } else {
        dice.happens((after - before) / (1.0 - before))
    }
}

impl Ready {
    /// Makes the row what it is in the changed world, on a day after the change (0 is the first).
    pub(crate) fn apply(&self, row: &mut Row, day: i64, dice: &mut Chance) -> Fate {
        let deviation = (SPREAD * SPREAD + 1.0).sqrt();
        let days = (day + 1) as f64;
        match self.change {
            Change::Missing(share) if dice.happens(share) => row.features.pairs[GAPS].1 = Value::Null,
            Change::Typos(share) if dice.happens(share) => {
                let typo = format!("north{}", (dice.uniform() * 500.0) as u32);
                set_text(&mut row.features, REGION, &typo);
            }
            Change::Newcomer(share) if dice.happens(share) => set_text(&mut row.features, REGION, "centre"),
            Change::Mix(share) if text_of(&row.features, REGION) != "north" && dice.happens(share / 0.75) => {
                set_text(&mut row.features, REGION, "north");
            }
            Change::Negative(share) if dice.happens(share) => {
                number_of(&mut row.features, AMOUNT).into_iter().for_each(|number| *number = -*number);
            }
            Change::Elsewhere(by) => *number_of(&mut row.features, Z).expect("z is a number") += by * deviation,
            Change::ElsewhereDaily(by) => {
                *number_of(&mut row.features, Z).expect("z is a number") += by * days * deviation;
            }
            Change::Scores(by) => {
                row.score = sigmoid(logit(row.score) + by);
                row.decision = row.score >= self.number;
            }
            Change::Decisions(_) => row.decision = row.score >= self.number,
            Change::Late(share) if dice.happens(share) => return Fate::Late,
            Change::Conflict(share) if dice.happens(share / (1.0 - share)) => return Fate::Conflict,
            Change::Orphans(share) if row.label.is_some() && dice.happens(share / (1.0 - share)) => {
                return Fate::Orphan;
            }
            Change::Prior(odds) => {
                let kept = match row.label {
                    Some(true) => 1.0,
                    Some(false) => 1.0 / odds,
                    None => chance_of(row) + (1.0 - chance_of(row)) / odds,
                };
                return if dice.happens(kept) { Fate::Counted } else { Fate::Left };
            }
            Change::Coverage(share) if dice.happens(1.0 - share / 0.95) => row.label = None,
            _ => self.relabel(row, days, dice),
        }
        Fate::Counted
    }

    /// Changes of what is true.
    fn relabel(&self, row: &mut Row, days: f64, dice: &mut Chance) {
        let Some(label) = row.label else { return };
        let before = chance_of(row);
        let moved = |by: f64| sigmoid(logit(before) + by);
        let after = match self.change {
            Change::Odds(by) => moved(by),
            Change::OddsDaily(by) => moved(by * days),
            Change::Flatter(slope) => sigmoid(self.number + slope * logit(before)),
            Change::Random(share) if dice.happens(share) => {
                row.label = Some(dice.happens(PLAIN.prevalence));
                return;
            }
            Change::Slice(odds) if text_of(&row.features, REGION) == "south" => moved(libm::log(odds)),
            _ => return,
        };
        row.label = Some(redrawn(label, before, after, dice));
    }
}
