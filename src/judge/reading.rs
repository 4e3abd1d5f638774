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
use crate::baseline::{Judged, Profile, Restless, Size, judged, judged_in_phase};
use crate::config::ModelConfig;
use crate::event::{RequestKey, Span, Window};
use crate::finding::Subject;
use crate::indicator::Indicator;
pub(super) use crate::observe::count;
use crate::observe::{Event, Sums, flow, truth};
use crate::stats::distribution::Shift;
use crate::stats::rate::{Floor, RateTest, Side, Tally, Terms, rate_test};

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
    /// 95 % interval of the figure.
    pub interval: Option<[f64; 2]>,
    /// Events behind it.
    pub n: u64,
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
    /// What the sums of `profile` are, where they are not the baseline's.
    pub beside: Option<&'a Beside>,
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
        let size = Size { length: self.window.length(), rows: 0.0, labelled: false };
        self.profile.is_some_and(|profile| judged(&profile.dispersion, size).is_some())
    }

    /// By what the scatter of windows like this one is judged, for tests at these terms; `labelled` says whether they
    /// stand on labels.
    pub(super) fn scatter(&self, terms: Terms, labelled: bool) -> Scatter<'_> {
        let rows = if labelled { self.sums.truth(truth::N) } else { self.sums.flow(flow::N) };
        let judged = self.profile.and_then(|profile| {
            let size = Size { length: self.window.length(), rows: rows as f64, labelled };
            Some((&**profile, self.judged(profile, size)?))
        });
        let beside = self.beside.and_then(|beside| {
            let size = Size { length: self.window.length(), rows: beside.rows(labelled), labelled };
            self.judged(&beside.profile, size)
        });
        Scatter { judged, beside, bounds: self.bounds, level: terms.level }
    }

    /// By what windows of a size scatter. Against windows of the same phase, the cycle is no part of it.
    fn judged<'b>(&self, profile: &'b Profile, size: Size) -> Option<Judged<'b>> {
        let in_phase = self.beside.is_some_and(Beside::is_in_phase);
        if in_phase { judged_in_phase(&profile.dispersion, size) } else { judged(&profile.dispersion, size) }
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

    /// The terms of a test of a figure, with what its scatter asks for.
    pub(super) fn allowing(&self, terms: Terms, figure: Restless) -> Terms {
        let (window, reference) = self.scatter(terms, figure.is_labelled()).of(figure);
        terms.with_phis(window, reference)
    }
}

/// By how much windows like the one that is judged differ from each other more than by chance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scatter<'a> {
    judged: Option<(&'a Profile, Judged<'a>)>,
    /// The same of the windows of another reference than the baseline.
    beside: Option<Judged<'a>>,
    bounds: &'a UpperBounds,
    level: f64,
}

impl Scatter<'_> {
    /// The factors of the window and of the reference; 1 where the baseline does not tell.
    pub(super) fn of(&self, figure: Restless) -> (f64, f64) {
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
    /// A reading of a test of shares. `floor` is in the unit of the test's effect.
    pub(super) fn of_rate(
        indicator: Indicator,
        subject: Subject,
        test: &RateTest,
        floor: f64,
        n: u64,
        terms: Terms,
    ) -> Self {
        let interval = crate::stats::interval::wilson(test.value * n as f64, n as f64, 0.05);
        Self {
            indicator,
            subject,
            value: test.value,
            reference: test.reference,
            effect: test.value - test.reference,
            floor,
            strength: if floor > 0.0 { (test.value - test.reference).abs() / floor } else { 0.0 },
            interval: interval.map(|interval| [interval.low, interval.high]),
            n,
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
        n: u64,
        terms: Terms,
    ) -> Self {
        let test = RateTest {
            p_value: shift.p_value,
            value: shift.value,
            reference: shift.reference,
            effect: shift.effect,
            smallest_detectable: shift.smallest_detectable,
        };
        Self::of_rate(indicator, subject, &test, floor, n, terms)
    }

    /// The same with a bet, and with whether there are enough events to speak of one window alone.
    #[must_use]
    pub(super) fn betting(self, bet: Option<Bet>, speaks: bool) -> Self {
        Self { bet, speaks, ..self }
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
