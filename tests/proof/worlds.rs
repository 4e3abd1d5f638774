//! What is a world in which nothing is wrong? A law that traffic keeps to, on the baseline and after it.
//!
//! A world may be restless: it may follow the hours of the day, wander, or live off customers who ask many times. All of
//! that it did on the baseline as well, so none of it is a change.

use std::sync::LazyLock;

use truthline::event::{FeatureNames, Features, Slot, Value};
use truthline::story::Chance;

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const HOUR: i64 = 3_600 * SECOND;
pub(crate) const DAY: i64 = 24 * HOUR;
/// The first moment of a window of 28 days, in January 2026.
pub(crate) const START: i64 = 20_468 * DAY;

/// How a world wanders: a state that remembers, and moves the mix of cases and the truth behind them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Restless {
    /// Hours a step.
    pub hours: i64,
    /// What is left of a state one step later.
    pub memory: f64,
    /// Standard deviation of the mean case, in logits.
    pub mix: f64,
    /// Standard deviation of the log odds of the truth that the model knows nothing of.
    pub odds: f64,
}

/// Customers ask again: how often is a power of a uniform number, each has its own features and its own luck.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Customers {
    /// The index of the tail of requests a day.
    pub tail: f64,
    /// Nobody asks more often a day.
    pub most: u64,
    /// Standard deviation of the log odds of a customer.
    pub luck: f64,
}

/// Which labels come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Labelled {
    /// This share of rows, whatever they are.
    Share(f64),
    /// After the baseline only those of negative decisions.
    WhereNegative,
}

/// What traffic keeps to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Law {
    pub rows_a_day: u64,
    pub baseline_rows: usize,
    /// Features of ten kinds, in turn.
    pub features: usize,
    /// Further categories that are sliced: how many, and values of each.
    pub sliced: Option<(usize, u64)>,
    pub prevalence: f64,
    /// Logits by which the mean case follows the hours of a day, and the days of a week.
    pub daily: f64,
    pub weekly: f64,
    pub restless: Option<Restless>,
    pub customers: Option<Customers>,
    pub labelled: Labelled,
}

pub(crate) const PLAIN: Law = Law {
    rows_a_day: 1_000,
    baseline_rows: 5_000,
    features: 10,
    sliced: None,
    prevalence: 0.05,
    daily: 0.0,
    weekly: 0.0,
    restless: None,
    customers: None,
    labelled: Labelled::Share(0.95),
};

/// One prediction with its truth.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    /// No other row of the world has it.
    pub serial: u64,
    pub time: i64,
    pub score: f64,
    pub decision: bool,
    pub label: Option<bool>,
    pub features: Features,
}

/// Spread of the cases, in logits.
pub(crate) const SPREAD: f64 = 1.2;
/// Even ones are numbers, odd ones categories.
pub(crate) const KINDS: [&str; 10] = ["amount", "region", "z", "kind", "gaps", "flat", "sparse", "steep", "few", "two"];
static FLAT: LazyLock<Vec<String>> = LazyLock::new(|| (0..1_000).map(|value| format!("f{value}")).collect());
static STEEP: LazyLock<Vec<String>> = LazyLock::new(|| (0..=20_000).map(|value| format!("s{value}")).collect());

/// A law with its dice.
pub(crate) struct World {
    law: Law,
    chance: Chance,
    names: FeatureNames,
    slots: Vec<Slot>,
    centre: f64,
    threshold: f64,
    mood: [f64; 2],
    serial: u64,
    spare: Option<f64>,
    customer: Vec<f64>,
    shift: f64,
    row: Row,
}

pub(crate) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// The mean logit with which a share of cases is positive.
fn centre_of(prevalence: f64) -> f64 {
    let share = |centre: f64| {
        let points = (-40..=40).map(|step| f64::from(step) / 10.0);
        let weigh = |x: f64| libm::exp(-x * x / 2.0);
        let sum: f64 = points.clone().map(|x| weigh(x) * logistic(centre + SPREAD * x)).sum();
        sum / points.map(weigh).sum::<f64>()
    };
    let (mut low, mut high) = (-20.0, 20.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if share(middle) < prevalence { low = middle } else { high = middle }
    }
    low
}

impl World {
    /// A world by its law and a seed.
    pub(crate) fn new(law: Law, seed: u64) -> Self {
        let mut names = FeatureNames::default();
        let mut add = |name: String| {
            let place = names.len();
            names.slot(&name, place).expect("few names")
        };
        let mut slots: Vec<Slot> = (0..law.features)
            .map(|place| {
                add(format!(
                    "{}{}",
                    KINDS[place % 10],
                    if place < 10 { String::new() } else { format!("_{}", place / 10) }
                ))
            })
            .collect();
        slots.extend((0..law.sliced.map_or(0, |(columns, _)| columns)).map(|column| add(format!("group_{column}"))));
        let mut world = Self {
            law,
            chance: Chance::new(seed),
            names,
            slots,
            centre: centre_of(law.prevalence),
            threshold: (4.0 * law.prevalence).min(0.5),
            mood: [0.0; 2],
            serial: 0,
            spare: None,
            customer: Vec::new(),
            shift: 0.0,
            row: Row::default(),
        };
        if let Some(Restless { mix, odds, .. }) = law.restless {
            // It has wandered for long already.
            world.mood = [mix * world.normal(), odds * world.normal()];
        }
        world
    }

    pub(crate) const fn names(&self) -> &FeatureNames {
        &self.names
    }

    /// Begins anew with other dice; the next row has this number.
    pub(crate) fn begin(&mut self, seed: u64, serial: u64) {
        (self.chance, self.mood, self.serial, self.spare) = (Chance::new(seed), [0.0; 2], serial, None);
    }

    /// From here on the mean case is another one.
    pub(crate) const fn move_by(&mut self, shift: f64) {
        self.shift += shift;
    }

    fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * libm::log(1.0 - self.chance.uniform())).sqrt();
        let (sin, cos) = libm::sincos(std::f64::consts::TAU * self.chance.uniform());
        self.spare = Some(radius * sin);
        radius * cos
    }

    /// By how much the mean case and the odds are moved, hour by hour.
    fn hours_of(&mut self, day: i64) -> [[f64; 2]; 24] {
        let weekend = if day.rem_euclid(7) < 2 { 1.0 } else { -0.4 };
        std::array::from_fn(|hour| {
            if let Some(Restless { hours, memory, mix, odds }) = self.law.restless
                && (day * 24 + hour as i64).rem_euclid(hours) == 0
            {
                let fresh = (1.0 - memory * memory).sqrt();
                self.mood = self.mood.map(|mood| memory * mood);
                let news = [self.normal(), self.normal()];
                self.mood = [self.mood[0] + fresh * mix * news[0], self.mood[1] + fresh * odds * news[1]];
            }
            let cycle = self.law.daily * libm::sin(std::f64::consts::TAU * hour as f64 / 24.0);
            [self.mood[0] + cycle + self.law.weekly * weekend + self.shift, self.mood[1]]
        })
    }

    /// Runs through the predictions of a day since 1970, in no order. `on_baseline` says whether it is before the baseline ends.
    pub(crate) fn day(&mut self, day: i64, rows: u64, on_baseline: bool, mut each: impl FnMut(&Row)) {
        let hours = self.hours_of(day);
        let rhythm = self.law.daily != 0.0;
        let mut row = std::mem::take(&mut self.row);
        let mut left = rows;
        while left > 0 {
            // Where the mix follows the hours, so does the traffic.
            let mut moment = self.chance.uniform();
            while rhythm && !self.chance.happens(0.6 + 0.4 * libm::sin(std::f64::consts::TAU * moment)) {
                moment = self.chance.uniform();
            }
            let (asks, luck) = self.next_customer(left);
            left -= asks;
            for _ in 0..asks {
                row.time = day * DAY + (moment * DAY as f64) as i64;
                let [mix, odds] = hours[(moment * 24.0) as usize];
                self.draw(mix, odds + luck, on_baseline, &mut row);
                each(&row);
                moment = self.chance.uniform();
            }
        }
        self.row = row;
    }

    /// How often the next customer asks, and the customer's luck.
    fn next_customer(&mut self, left: u64) -> (u64, f64) {
        let Some(Customers { tail, most, luck }) = self.law.customers else { return (1, 0.0) };
        let asks = libm::pow(1.0 - self.chance.uniform(), -1.0 / tail) as u64;
        self.customer.clear();
        for place in 0..=self.slots.len() {
            let own = if self.is_number(place) { self.normal() } else { self.chance.uniform() };
            self.customer.push(own);
        }
        (asks.clamp(1, most).min(left), luck * self.normal())
    }

    /// Whether the chance of a feature is a normal number, as that of the case itself is; else it is uniform.
    const fn is_number(&self, place: usize) -> bool {
        (place < self.law.features && place.is_multiple_of(2)) || place == self.slots.len()
    }

    /// Chance of a feature: customers keep their categories, and half of what their numbers vary.
    fn own(&mut self, place: usize) -> f64 {
        let customer = self.customer.get(place).copied();
        match (self.is_number(place), customer) {
            (true, None) => self.normal(),
            (true, Some(customer)) => std::f64::consts::FRAC_1_SQRT_2 * (customer + self.normal()),
            (false, None) => self.chance.uniform(),
            (false, Some(customer)) => customer,
        }
    }

    fn draw(&mut self, mix: f64, odds: f64, on_baseline: bool, row: &mut Row) {
        let spread = if self.customer.is_empty() {
            self.normal()
        } else {
            let customer = self.customer[self.slots.len()];
            std::f64::consts::FRAC_1_SQRT_2 * (customer + self.normal())
        };
        let z = SPREAD * spread + mix;
        row.features.clear();
        let mut rare = false;
        for place in 0..self.slots.len() {
            let slot = self.slots[place];
            let own = self.own(place);
            if place >= self.law.features {
                let values = self.law.sliced.map_or(1, |(_, values)| values);
                row.features.push_text(slot, &FLAT[(own * values as f64) as usize]);
                continue;
            }
            let number = match place % 10 {
                0 => libm::exp(2.0 * own),
                2 => z + own,
                4 if self.chance.happens(0.01) => f64::NAN,
                4 => logistic(own),
                6 if self.chance.happens(0.7) => 0.0,
                6 => self.chance.uniform(),
                8 => libm::floor(5.0 * logistic(1.7 * own)),
                _ => {
                    let text = match place % 10 {
                        // The mix of regions follows the mix of cases.
                        1 => ["north", "south", "east", "west"][(4.0 * libm::pow(own, libm::exp(-0.5 * mix))) as usize],
                        3 => {
                            rare |= place == 3 && own < 0.02;
                            if own < 0.02 { "rare" } else { "usual" }
                        }
                        5 => &FLAT[(own * 1_000.0) as usize],
                        7 => &STEEP[libm::exp(own * libm::log(20_000.0)) as usize],
                        _ if own < 0.003 => "yes",
                        _ => "no",
                    };
                    row.features.push_text(slot, text);
                    continue;
                }
            };
            row.features.pairs.push((slot, if number.is_nan() { Value::Null } else { Value::Float(number) }));
        }
        row.serial = self.serial;
        self.serial += 1;
        row.score = logistic(self.centre + z);
        row.decision = row.score >= self.threshold;
        // The model knows nothing of what makes the rare kind worse, neither now nor on the baseline.
        let truth = logistic(self.centre + z + odds) * if rare { 1.7 } else { 1.0 };
        let positive = self.chance.happens(truth.min(1.0));
        let told = match self.law.labelled {
            Labelled::Share(share) => self.chance.happens(share),
            Labelled::WhereNegative => on_baseline || !row.decision,
        };
        row.label = told.then_some(positive);
    }
}
