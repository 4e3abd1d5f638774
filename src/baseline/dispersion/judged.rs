//! By what is the scatter of a figure in one window judged?
//!
//! By the entry of the baseline that speaks for windows of its size, and by what production has shown so far. Both are
//! what windows have shown of one and the same factor; the posterior of `stats::dispersion` weighs them together.

use super::figures::FeaturePlaces;
use super::learnt::{Again, Learnt};
use super::{Dispersion, ENOUGH, Figures, LENGTHS, Restless, UNIT, UNKNOWN, told};
use crate::event::Span;
use crate::observe::Layout;
use crate::stats::dispersion::{Shown, Windows};
use crate::stats::distribution::Part;

/// The chance of no scatter where nothing else tells.
const UNDECIDED: f64 = 0.5;

/// What a test must know of a window to allow for scatter.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Its length.
    pub length: Span,
    /// Its rows: predictions, or labelled ones for figures that stand on labels.
    pub rows: f64,
    /// Whether they are labelled ones.
    pub labelled: bool,
    /// Whether it is compared with windows of its own phase of a cycle: what differs from phase to phase is no scatter then.
    pub in_phase: bool,
}

/// By what the scatter of a kind of window is judged.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// Of the baseline; empty where it does not tell.
    factors: &'a [u32],
    /// Degrees of freedom of these factors.
    degrees: u32,
    /// The share of figures without scatter.
    calm: f64,
    /// By how much the excess of the baseline's windows grows with the rows of this one.
    scale: f64,
    /// The few windows of its own length.
    own: Option<&'a [u32]>,
    /// The windows of production, and by how much their excess is larger than that of the baseline's.
    again: Option<(Again<'a>, f64)>,
}

/// What speaks for windows of a size; `None` where nothing is known.
pub fn judged<'a>(known: &'a [Dispersion], learnt: Option<&'a Learnt>, size: Size) -> Option<Judged<'a>> {
    let length = size.length.micros();
    // What production has shown includes its cycles.
    let again = learnt.filter(|_| !size.in_phase).and_then(|learnt| learnt.of(size.length, size.labelled));
    let share = |by: i64| (by as f64 / length as f64).min(1.0);
    let times = |rows: f64, usual: f64| if usual > 0.0 { (rows / usual).max(1.0) } else { 1.0 };
    let enough = |one: &&Dispersion| one.windows >= ENOUGH;
    let own = known.iter().find(|one| one.length == length);
    let shorter = known.iter().filter(|one| one.length < length).filter(enough).max_by_key(|one| one.length);
    let longer = || known.iter().filter(enough).min_by_key(|one| one.length);
    let Some(by) = own.filter(enough).or(shorter).or_else(longer) else {
        // Until production has shown its scatter anything is possible: only what no bunch could explain is told.
        learnt?;
        let (calm, scale) =
            again.map_or((UNDECIDED, 1.0), |one| (one.calm, times(size.rows * share(one.length), one.rows)));
        return Some(Judged {
            factors: &[],
            degrees: 0,
            calm,
            scale,
            own: None,
            again: again.map(|again| (again, 1.0)),
        });
    };
    // A day holds every hour, a week every day.
    let cycle =
        LENGTHS.iter().find(|(span, _)| span.micros() == by.length).map_or(1, |(span, phases)| span.micros() * phases);
    let whole = (size.in_phase || (length > by.length && length % cycle == 0)) && by.degrees >= ENOUGH;
    let (factors, degrees) = if whole { (&by.phased, by.degrees) } else { (&by.plain, by.windows - 1) };
    let calm = f64::from(by.calm[usize::from(whole)][usize::from(size.labelled)]) / UNIT;
    let usual = if size.labelled { by.labelled } else { by.rows };
    let scale = times(size.rows * share(by.length), usual);
    let own = own.filter(|one| one.length != by.length);
    let in_phase = |one: &Dispersion| size.in_phase && !one.phased.is_empty();
    let own = own.map(|one| if in_phase(one) { one.phased.as_slice() } else { one.plain.as_slice() });
    let again = again.map(|again| (again, times(again.rows * share(by.length) / share(again.length), usual)));
    // Once production has shown some windows of its own, its figures are the better witnesses of each other.
    let calm = again.filter(|(again, _)| again.degrees >= Again::SPEAKS).map_or(calm, |(again, _)| again.calm);
    Some(Judged { factors, degrees, calm, scale, own, again })
}

impl Judged<'_> {
    /// The factors by which a test of a figure divides the counts of the window and of the baseline; at least 1. `raise`
    /// makes one out of what was shown.
    ///
    /// A bunch can be of any value, also of one that had none on the baseline: a part of a feature scatters at least as all
    /// its cells do, a slice at least as the labels of all its codes do. All of them together are known far better.
    pub fn factors(
        &self,
        figures: &Figures,
        layout: &Layout,
        figure: Restless,
        raise: impl Fn(Shown) -> f64,
    ) -> (f64, f64) {
        let (places, largest) = figures.of(figure, layout);
        let many = places.len().max(1) as f64;
        let all = match figure {
            Restless::Feature(feature, Part::Cell(_)) | Restless::Odd(feature) => {
                let FeaturePlaces { first, used, .. } = figures.features[feature];
                Some((first + FeaturePlaces::ALL_CELLS, used))
            }
            Restless::Slice(feature, ..) => {
                let FeaturePlaces { first, labelled, .. } = figures.features[feature];
                Some((first + FeaturePlaces::ALL_LABELS, labelled))
            }
            _ => None,
        };
        let read = |factors: &[u32]| {
            let values = factors.get(places.clone()).unwrap_or_default().iter().map(|&one| told(one));
            if largest { values.fold(0.0, f64::max) } else { values.sum::<f64>() / many }
        };
        // The codes of a slice are about independent of each other.
        let times = if matches!(figure, Restless::Slice(..)) { many as u32 } else { 1 };
        // What never was, or always, has told nothing. But bunches scatter whatever they touch: it is taken to scatter as
        // the most restless feature does.
        let tells = |factors: &[u32]| factors.get(places.clone()).unwrap_or_default().iter().any(|&one| one != UNKNOWN);
        let most = |factors: &[u32]| {
            let whole = if figure.is_labelled() { FeaturePlaces::ALL_LABELS } else { FeaturePlaces::ALL_CELLS };
            let of = |feature: &FeaturePlaces| factors.get(feature.first + whole).map_or(1.0, |&one| told(one));
            figures.features.iter().map(of).fold(1.0, f64::max)
        };
        let alone = |factors: &[u32], degrees: u32| match factors {
            [] => Windows::NONE,
            factors => {
                let factor = if tells(factors) { read(factors) } else { most(factors) };
                Windows { factor, degrees: degrees.saturating_mul(times) }
            }
        };
        let together = |factors: &[u32], degrees: u32| {
            let (place, used) = all?;
            let factor = factors.get(place).map(|&one| told(one))?;
            (used > 0).then(|| Windows { factor, degrees: degrees.saturating_mul(used) })
        };
        let again = |of: &dyn Fn(&[u32], u32) -> Option<Windows>| {
            self.again.and_then(|(again, scale)| Some((of(again.factors, again.degrees)?, scale)))
        };
        // Values of a feature and subgroups are witnesses of their like. Scores, decisions and metrics hang together: if one
        // of them wanders all do, however calm the features are.
        let calm = match figure {
            Restless::Missing(_) | Restless::Odd(_) | Restless::Feature(..) | Restless::Slice(..) => self.calm,
            _ => UNDECIDED,
        };
        let raised = |scale: f64| {
            let shown = |windows, again| raise(Shown { windows, again, calm, scale });
            let own = alone(self.factors, self.degrees);
            let of_all = together(self.factors, self.degrees);
            // A part that has told nothing is judged by all of them, where there are such.
            let single = (tells(self.factors) || of_all.is_none())
                .then(|| shown(own, again(&|factors, degrees| Some(alone(factors, degrees)))));
            let all = of_all.map(|windows| shown(windows, again(&together)));
            [single, all].into_iter().flatten().fold(1.0, f64::max)
        };
        (raised(self.scale).max(self.own.map_or(1.0, read)), raised(1.0))
    }
}
