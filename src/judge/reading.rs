//! What does one look at one window say?
//!
//! A reading is a pure function of a window, a reference and the level at stake. It knows nothing of earlier windows:
//! whether it becomes an alert is decided in `lives`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::beside::Beside;
use super::bounds::UpperBounds;
use super::budget::{Budget, Family};
use super::wagers::{Bet, On};
use crate::baseline::{Judged, Learnt, Profile, Restless, Size, design_effect, judged};
use crate::config::ModelConfig;
use crate::event::{RequestKey, Span, Window};
use crate::finding::Subject;
use crate::indicator::Indicator;
pub(super) use crate::observe::count;
use crate::observe::{Event, Sums, flow};
use crate::stats::distribution::Shift;
use crate::stats::rate::{Floor, RateTest, Side, Tally, Terms, rate_test};

/// What an interval of 95 % misses on each side.
pub(super) const MISSED: f64 = 0.025;

/// The outcome of one look.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// Which question.
    pub indicator: Indicator,
    /// About what.
    pub subject: Subject,
    /// The figure.
    pub value: f64,
    /// What it is compared with.
    pub reference: f64,
    /// Figure less reference.
    pub effect: f64,
    /// The smallest effect worth an alert, in the unit of the effect.
    pub floor: f64,
    /// How large the effect is in floors; 1 is just worth an alert. Decides severity, rank and when an alert ends.
    pub strength: f64,
    /// 95 % interval of the figure; see [`Reading::interval`].
    pub interval: Option<[f64; 2]>,
    /// Whether the figure is a share of its events: its interval costs as much as a test, and is worked out for alerts only.
    pub is_share: bool,
    /// Events behind it.
    pub n: u64,
    /// By how much the figures of windows like this one scatter more than those of independent events; the interval
    /// allows for it. At least 1.
    pub phi: f64,
    /// Chance of this when nothing changed beyond the floor.
    pub p_value: f64,
    /// The level at which it fires.
    pub level: f64,
    /// The smallest effect that would have fired.
    pub smallest_detectable: Option<f64>,
    /// What supports it.
    pub evidence: BTreeMap<String, Json>,
    /// One sentence.
    pub text: String,
    /// A few of the predictions that it is about, where their truth is worth asking for.
    pub examples: Vec<(RequestKey, Event)>,
    /// What this window stakes on there being no change, for evidence that adds up over windows.
    pub bet: Option<Bet>,
    /// Whether the window has enough events to speak alone; it bets in any case.
    pub speaks: bool,
}

/// What a look may use.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// The window.
    pub window: Window,
    /// How many base windows it spans.
    pub multiple: u32,
    /// Its sums.
    pub sums: &'a Sums,
    /// The reference, if there is one with the same coding.
    pub profile: Option<&'a Arc<Profile>>,
    /// The model's settings.
    pub config: &'a ModelConfig,
    /// The model's allowance.
    pub budget: Budget,
    /// Single values that have an alert: they are looked at even where they have gone.
    pub alive: &'a [Subject],
    /// What has an alert on labels, at any level; `None` where every reading is wanted.
    pub living: Option<&'a [Subject]>,
    /// Bounds of the baseline's shares.
    pub bounds: &'a UpperBounds,
    /// How restless production has been so far, by the reference.
    pub learnt: Lessons<'a>,
    /// What the sums of `profile` are, where they are not the baseline's.
    pub beside: Option<&'a Beside>,
}

/// What of production a look may know. Looks at inputs and looks at labels each come in the order of their windows, but
/// how they lie between each other depends on how far the two topics were read. So each knows what its own kind taught.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lessons<'a> {
    /// Nothing.
    None,
    /// What predictions of earlier windows taught.
    Predictions(&'a Learnt),
    /// What their labels taught.
    Labels(&'a Learnt),
}

impl<'a> Lessons<'a> {
    fn of(self, labelled: bool) -> Option<&'a Learnt> {
        match self {
            Self::Predictions(learnt) if !labelled => Some(learnt),
            Self::Labels(learnt) if labelled => Some(learnt),
            _ => None,
        }
    }
}

impl Context<'_> {
    /// Whether a reading of this strength changes nothing: it is under the floor and there is no alert that it could end.
    /// Most subgroups of most windows are so, and an exact test costs a hundred times as much as this question.
    pub(super) fn is_idle(&self, strength: f64, subject: impl FnOnce() -> Subject) -> bool {
        strength < 1.0 && self.living.is_some_and(|living| living.is_empty() || !living.contains(&subject()))
    }

    /// The length of a base window.
    pub(super) fn base_length(&self) -> Span {
        Span::from_micros(self.window.length().micros() / i64::from(self.multiple.max(1)))
    }

    /// The terms of one of `keys` tests of a family.
    pub(super) fn terms(&self, family: Family, keys: usize) -> Terms {
        Terms::at(self.budget.level(family, keys, self.multiple))
    }

    /// Whether the baseline tells how much windows like this one differ from each other.
    pub(super) fn knows_scatter(&self) -> bool {
        self.profile.is_some_and(|profile| judged(&profile.dispersion, None, self.size(0.0, false)).is_some())
    }

    /// By what the scatter of windows like this one is judged, for tests at these terms; `labelled` says whether they
    /// stand on labels.
    pub(super) fn scatter(&self, terms: Terms, labelled: bool) -> Scatter<'_> {
        self.scatter_at(terms.level, labelled, self.learnt.of(labelled))
    }

    fn scatter_at<'b>(&'b self, level: f64, labelled: bool, learnt: Option<&'b Learnt>) -> Scatter<'b> {
        let own = self.profile.and_then(|profile| {
            let rows = if labelled { self.sums.effective_labels()[0] } else { self.sums.flow(flow::N) as f64 };
            Some((&**profile, judged(&profile.dispersion, learnt, self.size(rows, labelled))?))
        });
        let beside = self
            .beside
            .and_then(|beside| judged(&beside.profile.dispersion, learnt, self.size(beside.rows(labelled), labelled)));
        let sums = labelled.then_some((self.sums, self.profile.map(|profile| &**profile)));
        Scatter { judged: own, beside, weighted: sums, bounds: self.bounds, level }
    }

    /// By how much the figures of windows like this one, and of the baseline, scatter more than those of independent
    /// events: the factors for intervals. `labelled` says by which rows a window's size goes. What was learnt from production
    /// has no say: a figure that is told anew of one window must not depend on which others were seen before.
    pub(super) fn spread(&self, labelled: bool) -> Scatter<'_> {
        self.scatter_at(MISSED, labelled, None)
    }

    /// The factor of the window for the interval of a figure; at least 1.
    pub(super) fn phi(&self, figure: Restless) -> f64 {
        self.spread(figure.is_labelled()).of(figure).0
    }

    /// What its scatter goes by. Against windows of the same phase of a cycle, the cycle is no part of it.
    fn size(&self, rows: f64, labelled: bool) -> Size {
        let in_phase = self.beside.is_some_and(Beside::is_in_phase);
        Size { length: self.window.length(), rows, labelled, in_phase }
    }

    /// Where the reference is, as said in a sentence: "on the baseline".
    pub(super) fn place(&self) -> &str {
        self.beside.map_or("on the baseline", Beside::place)
    }

    /// Whether windows of this level bet together: one level alone, so that no record is counted twice, and only against
    /// the baseline, because bets need a limit that stays where it is.
    const fn bets(&self) -> bool {
        self.multiple == self.budget.betting() && self.beside.is_none()
    }

    /// The bet of a share against the baseline's.
    pub(super) fn bet(
        &self,
        (family, keys): (Family, usize),
        now: Tally,
        then: Tally,
        side: Side,
        floor: Floor,
        terms: Terms,
    ) -> Option<Bet> {
        let (level, month) = self.budget.lasting(family, keys);
        if !self.bets() || now.trials == 0 || then.trials == 0 {
            return None;
        }
        // The bound of the baseline's share holds for all windows that are compared with it, or for none: it has a tenth
        // of a month's allowance.
        let lasting = Terms { gamma: 0.1 * month, ..terms };
        let most = self.bounds.of(then.hits, then.trials, lasting)?;
        let least = 1.0 - self.bounds.of(then.trials - then.hits, then.trials, lasting)?;
        let above = (side != Side::Lower).then(|| floor.above(most));
        let below = (side != Side::Higher).then(|| floor.below(least));
        let (hits, trials) = (now.hits as f64 / terms.phi, now.trials as f64 / terms.phi);
        Some(Bet { on: On::Share { hits, trials, above, below }, level })
    }

    /// The bet of a share against a limit.
    pub(super) fn bet_above(
        &self,
        (family, keys): (Family, usize),
        now: Tally,
        limit: f64,
        terms: Terms,
    ) -> Option<Bet> {
        let (level, _) = self.budget.lasting(family, keys);
        let (hits, trials) = (now.hits as f64 / terms.phi, now.trials as f64 / terms.phi);
        let on = On::Share { hits, trials, above: Some(limit), below: None };
        (self.bets() && now.trials > 0).then_some(Bet { on, level })
    }

    /// The bet of a p-value. `lasting` computes the one that holds together with those of other windows; it is asked only
    /// where the window's own is below 1.
    pub(super) fn bet_on(
        &self,
        (family, keys): (Family, usize),
        p_value: f64,
        lasting: impl FnOnce() -> Option<f64>,
    ) -> Option<Bet> {
        if !self.bets() {
            return None;
        }
        let (level, _) = self.budget.lasting(family, keys);
        let p_value = if p_value < 1.0 { lasting()? } else { 1.0 };
        Some(Bet { on: On::Chance(p_value), level })
    }

    /// The terms of a test of a figure, with what its scatter and the weights of its rows ask for.
    pub(super) fn allowing(&self, terms: Terms, figure: Restless) -> Terms {
        let (window, reference) = self.scatter(terms, figure.is_labelled()).of(figure);
        terms.with_phis(window, reference)
    }

    /// The design effect of a figure of the window.
    pub(super) fn effect(&self, figure: Restless) -> f64 {
        design_effect(self.sums, self.profile.map(|profile| &profile.map), figure)
    }

    /// An interval that takes rows to be of weight 1, as wide as their weights ask for.
    pub(super) fn widened(&self, interval: Option<[f64; 2]>, value: f64, figure: Restless) -> Option<[f64; 2]> {
        let by = self.effect(figure).sqrt();
        let limits = if figure.is_share() { [0.0, 1.0] } else { [f64::NEG_INFINITY, f64::INFINITY] };
        let moved =
            |bound: f64| if by > 1.0 { (value + by * (bound - value)).clamp(limits[0], limits[1]) } else { bound };
        interval.map(|interval| interval.map(moved))
    }

    /// The same where rows are counted and not their weights.
    pub(super) fn allowing_rows(&self, terms: Terms, figure: Restless) -> Terms {
        let (window, reference) = self.scatter(terms, figure.is_labelled()).of_rows(figure);
        terms.with_phis(window, reference)
    }
}

/// By how much windows like the one that is judged differ from each other more than by chance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scatter<'a> {
    judged: Option<(&'a Profile, Judged<'a>)>,
    /// The window and its reference, for figures that stand on labels: their rows may have weights.
    weighted: Option<(&'a Sums, Option<&'a Profile>)>,
    /// The same of the windows of another reference than the baseline.
    beside: Option<Judged<'a>>,
    bounds: &'a UpperBounds,
    level: f64,
}

impl Scatter<'_> {
    /// The factors of the window and of the reference: how much more they vary than as many independent rows of weight 1.
    pub(super) fn of(&self, figure: Restless) -> (f64, f64) {
        let (window, reference) = self.of_rows(figure);
        let (here, there) = self.of_weights(figure);
        (window * here, reference * there)
    }

    /// What weights have to do with it: the design effects of both; 1 where no row has a weight.
    pub(super) fn of_weights(&self, figure: Restless) -> (f64, f64) {
        let Some((sums, profile)) = self.weighted else { return (1.0, 1.0) };
        let effect = |sums: &Sums| design_effect(sums, profile.map(|profile| &profile.map), figure);
        (effect(sums), profile.map_or(1.0, |profile| effect(&profile.sums)))
    }

    /// What windows have to do with it; 1 where the baseline does not tell.
    pub(super) fn of_rows(&self, figure: Restless) -> (f64, f64) {
        self.judged.map_or((1.0, 1.0), |(profile, judged)| {
            let raise = |shown| self.bounds.scatter(shown, self.level);
            let of = |judged: &Judged<'_>| judged.factors(&profile.figures, &profile.layout, figure, raise);
            let (window, reference) = of(&judged);
            // A reference of windows scatters as windows do.
            (window, self.beside.map_or(reference, |beside| of(&beside).0))
        })
    }
}

impl Reading {
    /// A reading of a test of shares. `floor` is in the unit of the test's effect; `phi` is that of the interval.
    pub(super) fn of_rate(
        indicator: Indicator,
        subject: Subject,
        test: &RateTest,
        floor: f64,
        (n, phi): (u64, f64),
        terms: Terms,
    ) -> Self {
        Self {
            indicator,
            subject,
            value: test.value,
            reference: test.reference,
            effect: test.value - test.reference,
            floor,
            strength: if floor > 0.0 { (test.value - test.reference).abs() / floor } else { 0.0 },
            interval: None,
            is_share: true,
            n,
            phi,
            p_value: test.p_value,
            level: terms.level,
            smallest_detectable: test.smallest_detectable,
            evidence: BTreeMap::new(),
            text: String::new(),
            examples: Vec::new(),
            bet: None,
            speaks: true,
        }
    }

    /// A reading of a test of a distribution: its figure is the share that moved most.
    pub(super) fn of_shift(
        indicator: Indicator,
        subject: Subject,
        shift: &Shift,
        floor: f64,
        (n, phi): (u64, f64),
        terms: Terms,
    ) -> Self {
        let test = RateTest {
            p_value: shift.p_value,
            value: shift.value,
            reference: shift.reference,
            effect: shift.effect,
            smallest_detectable: shift.smallest_detectable,
        };
        Self::of_rate(indicator, subject, &test, floor, (n, phi), terms)
    }

    /// The same with a bet, and with whether there are enough events to speak of one window alone.
    #[must_use]
    pub(super) fn betting(self, bet: Option<Bet>, speaks: bool) -> Self {
        Self { bet, speaks, ..self }
    }

    /// The 95 % interval of the figure.
    pub(super) fn interval(&self) -> Option<[f64; 2]> {
        let of_share = || crate::stats::interval::share(self.value * self.n as f64, self.n as f64, self.phi, 0.05);
        let worked_out = || of_share().map(|interval| [interval.low, interval.high]);
        self.interval.or_else(|| if self.is_share { worked_out() } else { None })
    }

    /// The same told of rows, where the events that were counted have weights: as sure as before.
    #[must_use]
    pub(super) fn of_rows(self, rows: u64) -> Self {
        let phi = self.phi * rows as f64 / self.n.max(1) as f64;
        if rows == self.n { self } else { Self { n: rows, phi, ..self } }
    }

    /// The same with its sentence.
    #[must_use]
    pub(super) fn saying(mut self, text: String) -> Self {
        self.text = text;
        self
    }

    /// The same with one more piece of evidence.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.evidence.insert(name.to_owned(), value.into());
        self
    }
}

impl Reading {
    /// Whether it is past its level and worth an alert.
    pub(super) fn fires(&self) -> bool {
        self.speaks && self.p_value <= self.level && self.strength >= 1.0
    }

    /// Whether it calms an alert: its effect is under half the floor. A window that could not have found an effect of
    /// twice the floor cannot tell half a floor from none; it calms under the floor itself.
    pub(super) fn is_quiet(&self) -> bool {
        let is_sharp = self.smallest_detectable.is_some_and(|least| libm::fabs(least) < 2.0 * libm::fabs(self.floor));
        self.strength < if is_sharp { 0.5 } else { 1.0 }
    }
}

/// [`rate_test`], or where there are too few events for it the two shares alone, which say nothing by themselves.
pub(super) fn tested(
    now: Tally,
    then: Tally,
    side: Side,
    floor: Floor,
    terms: Terms,
    speaks: bool,
) -> Option<RateTest> {
    if speaks {
        return rate_test(now, then, side, floor, terms);
    }
    let (value, reference) = (now.share()?, then.share()?);
    let smoothed = (then.hits as f64 + 0.5) / (then.trials as f64 + 1.0);
    let effect = if matches!(floor, Floor::Ratio(_)) { value / smoothed } else { value - reference };
    Some(RateTest { p_value: 1.0, value, reference, effect, smallest_detectable: None })
}
