//! Which figures of a day do people put on a chart with three standard deviations around the mean?
//!
//! Means of numbers, shares of missing and strange values, rates, metrics, and rates by group. A figure that has no value
//! on a day (a metric without a positive) is NaN.

use truthline::stats::forecast::ForecastBin;
use truthline::stats::recalibration::recalibrate;

use super::reference::Placed;
use super::seen::{CELLS, GROUPS, NUMBERS, Seen, TEXTS, number_name, text_name};

/// Groups of score cells for the fit of the slope.
const LINE: usize = 64;
/// A group with fewer labels has no rate.
const FEWEST: u32 = 20;

const MEAN: usize = 0;
const MISSING: usize = MEAN + NUMBERS;
const STRANGE: usize = MISSING + NUMBERS - 1 + TEXTS;
const OUTSIDE: usize = STRANGE + TEXTS;
const DECISIONS: usize = OUTSIDE + NUMBERS - 1;
const FLOW: usize = DECISIONS + 1;
const LABELS: usize = FLOW + 3;
const SLICES: usize = LABELS + LABEL_NAMES.len();
/// How many figures there are.
pub(crate) const FIGURES: usize = SLICES + 2 * GROUPS.len();

const LABEL_NAMES: [&str; 11] = [
    "label rate",
    "coverage",
    "auc",
    "log loss",
    "brier",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "labels less scores",
    "slope",
];

/// The names of all figures, in their order.
pub(crate) fn names() -> Vec<String> {
    let mut names: Vec<String> = (0..NUMBERS).map(|place| format!("mean {}", number_name(place))).collect();
    names.extend((0..NUMBERS - 1).map(|place| format!("missing {}", number_name(place))));
    names.extend((0..TEXTS).map(|place| format!("missing {}", text_name(place))));
    names.extend((0..TEXTS).map(|place| format!("unseen {}", text_name(place))));
    names.extend((0..NUMBERS - 1).map(|place| format!("outside {}", number_name(place))));
    names.extend(["decisions", "late", "conflict", "orphans"].map(str::to_owned));
    names.extend(LABEL_NAMES.map(str::to_owned));
    for (place, value) in GROUPS {
        let group = format!("{} {value}", text_name(place));
        names.extend([format!("labels of {group}"), format!("errors of {group}")]);
    }
    names
}

/// Whether a figure waits for labels.
pub(crate) const fn is_labelled(figure: usize) -> bool {
    figure >= LABELS
}

/// What a day counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub n: u32,
    numbers: [(u32, f64); NUMBERS],
    filled: [u32; TEXTS],
    strange: [u32; TEXTS],
    outside: [u32; NUMBERS],
    decisions: u32,
    /// Records that came late, that contradict another one, labels that met no prediction.
    pub flow: [u32; 3],
    labelled: u32,
    positive: u32,
    hits: u32,
    flagged: u32,
    log_loss: f64,
    brier: f64,
    gap: f64,
    groups: [[u32; 3]; GROUPS.len()],
}

/// What a day adds up to.
#[derive(Clone, Debug)]
pub(crate) struct Day {
    pub counts: Counts,
    /// Labels by cell of the score: negative, positive.
    classes: [Vec<u32>; 2],
    /// Sums of scores by group of such cells.
    scores: Vec<f64>,
}

impl Default for Day {
    fn default() -> Self {
        Self { counts: Counts::default(), classes: [vec![0; CELLS], vec![0; CELLS]], scores: vec![0.0; LINE] }
    }
}

impl Day {
    /// Forgets all, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.counts = Counts::default();
        self.classes.iter_mut().for_each(|class| class.fill(0));
        self.scores.fill(0.0);
    }

    pub(crate) fn add(&mut self, row: &Seen, placed: &Placed) {
        let counts = &mut self.counts;
        counts.n += 1;
        for (place, &x) in row.numbers.iter().enumerate().filter(|(_, x)| !x.is_nan()) {
            counts.numbers[place].0 += 1;
            counts.numbers[place].1 += f64::from(x);
            counts.outside[place] += u32::from(placed.outside >> place & 1);
        }
        for (place, _) in row.texts.iter().enumerate().filter(|(_, text)| **text != 0) {
            counts.filled[place] += 1;
            counts.strange[place] += u32::from(placed.strange >> place & 1);
        }
        counts.decisions += u32::from(row.decision);
        let Some(positive) = row.label else { return };
        let score = f64::from(row.numbers[NUMBERS - 1]);
        let clipped = score.clamp(1e-6, 1.0 - 1e-6);
        let y = f64::from(u8::from(positive));
        counts.labelled += 1;
        counts.positive += u32::from(positive);
        counts.flagged += u32::from(row.decision);
        counts.hits += u32::from(row.decision && positive);
        counts.log_loss -= libm::log(if positive { clipped } else { 1.0 - clipped });
        counts.brier += (score - y) * (score - y);
        counts.gap += y - score;
        let cell = usize::from(row.cells[NUMBERS - 1]);
        self.classes[usize::from(positive)][cell] += 1;
        self.scores[cell * LINE / CELLS] += score;
        for (bit, [n, positives, errors]) in counts.groups.iter_mut().enumerate() {
            if row.groups >> bit & 1 == 1 {
                *n += 1;
                *positives += u32::from(positive);
                *errors += u32::from(positive != row.decision);
            }
        }
    }
}

fn share(hits: u32, trials: u32) -> f64 {
    if trials == 0 { f64::NAN } else { f64::from(hits) / f64::from(trials) }
}

/// The area under the ROC curve, ties half.
pub(crate) fn auc([negatives, positives]: &[Vec<u32>; 2]) -> f64 {
    let (mut below, mut pairs) = (0.0, 0.0);
    for (&negative, &positive) in negatives.iter().zip(positives) {
        pairs += f64::from(positive) * (below + 0.5 * f64::from(negative));
        below += f64::from(negative);
    }
    pairs / (below * positives.iter().map(|&n| f64::from(n)).sum::<f64>())
}

/// All figures of a day.
pub(crate) fn figures(day: &Day) -> Vec<f64> {
    let c = &day.counts;
    let mut all = Vec::with_capacity(FIGURES);
    all.extend(c.numbers.iter().map(|&(n, sum)| if n == 0 { f64::NAN } else { sum / f64::from(n) }));
    all.extend(c.numbers[..NUMBERS - 1].iter().map(|&(n, _)| share(c.n - n, c.n)));
    all.extend(c.filled.iter().map(|&n| share(c.n - n, c.n)));
    all.extend(c.strange.iter().zip(&c.filled).map(|(&hits, &n)| share(hits, n)));
    all.extend(c.outside[..NUMBERS - 1].iter().zip(&c.numbers).map(|(&hits, &(n, _))| share(hits, n)));
    all.push(share(c.decisions, c.n));
    let [late, conflict, orphans] = c.flow;
    all.extend([share(late, c.n + late), share(conflict, c.n + conflict), share(orphans, c.labelled + orphans)]);
    let n = f64::from(c.labelled);
    let (missed, wrong) = (c.positive - c.hits, c.flagged - c.hits);
    all.extend([share(c.positive, c.labelled), share(c.labelled, c.n), auc(&day.classes)]);
    all.extend([c.log_loss / n, c.brier / n, share(c.labelled - missed - wrong, c.labelled)]);
    all.extend([share(c.hits, c.flagged), share(c.hits, c.positive)]);
    all.push(share(2 * c.hits, c.flagged + c.positive));
    all.extend([c.gap / n, slope(day)]);
    for &[n, positives, errors] in &c.groups {
        let enough = if n < FEWEST { 0 } else { n };
        all.extend([share(positives, enough), share(errors, enough)]);
    }
    all
}

/// The slope of a logistic regression of the label on the logit of the score.
fn slope(day: &Day) -> f64 {
    let sum = |class: usize, group: usize| -> u32 {
        day.classes[class][group * CELLS / LINE..(group + 1) * CELLS / LINE].iter().sum()
    };
    let bins = (0..LINE).filter_map(|group| {
        let (negatives, positives) = (sum(0, group), sum(1, group));
        let cases = negatives + positives;
        (cases > 0).then(|| ForecastBin::new(cases.into(), positives.into(), day.scores[group] / f64::from(cases)))?
    });
    recalibrate(&bins.collect::<Vec<_>>()).map_or(f64::NAN, |line| line.slope)
}
