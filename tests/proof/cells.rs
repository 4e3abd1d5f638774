//! In which worlds is the promise of few false alarms tested? Each has a name, and a month of it a number.

use super::loans::Draw;
use super::worlds::{Customers, Labelled, Law, PLAIN, Restless};

/// Raised when a month comes out otherwise for the same code of the program: a law, a cell or the counting changed.
pub(crate) const FORMAT: u32 = 1;

/// Where rows come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    Made(Law),
    /// The car loan data, so many rows a day and on the baseline.
    Loans(Draw, u64, usize),
}

/// How windows are counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    /// Row by row, by the code that counts production.
    Rows,
    /// As sums of blocks of 250 rows, drawn with replacement from a pool of so many that were counted before.
    Blocks(u64),
    /// The same, but each block is counted anew, row by row, whenever it is drawn.
    Redrawn(u64),
    /// By the whole engine: repeated, late and disordered records of two partitions, joined with their labels.
    Engine { repeats: f64, disorder: bool, late_truth: bool },
}

/// What happens in the month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Story {
    Nothing,
    /// The model meets other cases from its launch on; after 14 days a baseline of these days is accepted, and the month
    /// begins.
    Accepted,
    /// From the tenth day on a second version, equal to the first, takes half of the traffic.
    EqualVersion,
    /// From the tenth day on it takes all of it.
    Replaced,
}

/// One world with the way in which it is watched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub name: &'static str,
    pub what: &'static str,
    pub source: Source,
    pub way: Way,
    pub hourly: bool,
    pub story: Story,
}

impl Cell {
    const fn new(name: &'static str, what: &'static str, law: Law) -> Self {
        Self { name, what, source: Source::Made(law), way: Way::Rows, hourly: false, story: Story::Nothing }
    }

    const fn hourly(self) -> Self {
        Self { hourly: true, ..self }
    }

    const fn telling(self, story: Story) -> Self {
        Self { story, ..self }
    }

    const fn by(self, way: Way) -> Self {
        Self { way, ..self }
    }

    const fn loans(name: &'static str, what: &'static str, draw: Draw, rows: u64, baseline: usize) -> Self {
        Self { source: Source::Loans(draw, rows, baseline), ..Self::new(name, what, PLAIN) }
    }
}

const WANDERING_HOURS: Restless = Restless { hours: 1, memory: 0.9, mix: 0.3, odds: 0.1 };
const WANDERING_DAYS: Restless = Restless { hours: 24, memory: 0.7, mix: 0.15, odds: 0.1 };
/// A request of a thousand comes with some four more of the same customer, and at times with fifty.
const CUSTOMERS: Customers = Customers { tail: 1.5, most: 50, luck: 0.5 };
/// One customer may be a quarter of a day.
const GIANTS: Customers = Customers { tail: 1.1, most: 250, luck: 0.5 };

const POOL: Way = Way::Blocks(2_000);
const HOURLY: Law = Law { rows_a_day: 4_800, baseline_rows: 20_000, ..PLAIN };

fn plain(rows_a_day: u64) -> Law {
    Law { rows_a_day, ..PLAIN }
}

fn standing_on(baseline_rows: usize) -> Law {
    Law { baseline_rows, ..PLAIN }
}

fn daily(law: Law) -> Law {
    Law { daily: 0.5, ..law }
}

fn weekly(law: Law) -> Law {
    Law { weekly: 0.3, ..law }
}

/// All cells.
pub(crate) fn all() -> Vec<Cell> {
    [still(), restless(), truth_and_versions(), sizes()].concat()
}

/// Independent rows, counted in several ways.
fn still() -> Vec<Cell> {
    let engine = Way::Engine { repeats: 0.0, disorder: false, late_truth: false };
    vec![
        Cell::new(
            "plain",
            "independent rows: 1,000 a day, 10 features, a baseline of 5,000 rows over 28 days, 5 % positives, 95 % of \
             them labelled; all others are this but for what they say",
            PLAIN,
        ),
        Cell::new(
            "plain-blocks",
            "windows as sums of blocks of 250 rows drawn from a pool; a baseline of 28 blocks",
            PLAIN,
        )
        .by(POOL),
        Cell::new("plain-engine", "through join and engine", PLAIN).by(engine),
        Cell::new("hours", "200 rows an hour, hourly windows, a baseline of 20,000", HOURLY).hourly(),
        Cell::new("hours-50", "50 rows an hour, hourly windows", Law { rows_a_day: 1_200, ..HOURLY }).hourly(),
        Cell::loans(
            "loans-halves",
            "car loan data: a random half as baseline, the other half over the month",
            Draw::Halves,
            830,
            25_000,
        ),
        Cell::loans(
            "loans-blocks",
            "car loan data: runs of 50 consecutive rows drawn with replacement",
            Draw::Blocks,
            1_000,
            14_000,
        ),
    ]
}

/// Worlds that move, as they did on the baseline.
fn restless() -> Vec<Cell> {
    let new = Cell::new;
    let wandering = |restless: Restless, law: Law| Law { restless: Some(restless), ..law };
    let by_hour = |law: Law| wandering(WANDERING_HOURS, law);
    let by_day = |law: Law| wandering(WANDERING_DAYS, law);
    let asking = |customers: Customers, law: Law| Law { customers: Some(customers), ..law };
    vec![
        new("day-cycle", "mix and volume follow the hours; daily windows", daily(PLAIN)),
        new("day-cycle-hours", "mix and volume follow the hours; hourly windows", daily(HOURLY)).hourly(),
        new("week-cycle", "other cases at weekends; daily windows", weekly(PLAIN)),
        new("week-cycle-hours", "other cases at weekends; hourly windows", weekly(HOURLY)).hourly(),
        new("wandering-hours", "mix and odds wander from hour to hour; daily windows", by_hour(PLAIN)),
        new("wandering-hours-hourly", "the same, hourly windows", by_hour(HOURLY)).hourly(),
        new("wandering-days", "mix and odds wander from day to day", by_day(PLAIN)),
        new("wandering-days-10k", "the same, 10,000 rows a day", by_day(plain(10_000))),
        new("wandering-days-50k-baseline", "the same, a baseline of 50,000 rows", by_day(standing_on(50_000))),
        new("wandering-week-cycle", "the same, and other cases at weekends", by_day(weekly(PLAIN))),
        new(
            "customers",
            "customers ask up to 50 times a day, each with own features and luck",
            asking(CUSTOMERS, PLAIN),
        ),
        new("customers-10k", "the same, 10,000 rows a day", asking(CUSTOMERS, plain(10_000))),
        new("customers-hourly", "the same, hourly windows", asking(CUSTOMERS, HOURLY)).hourly(),
        new("customers-day-cycle", "the same, and mix and volume follow the hours", asking(CUSTOMERS, daily(PLAIN))),
        new("customers-giants", "one customer may make up a quarter of a day", asking(GIANTS, PLAIN)),
    ]
}

/// What may happen to labels, records, baselines and versions.
fn truth_and_versions() -> Vec<Cell> {
    let new = Cell::new;
    let law = |labelled: Labelled| Law { labelled, ..PLAIN };
    let engine = |repeats, late_truth| Way::Engine { repeats, disorder: true, late_truth };
    vec![
        new("truth-apart", "positives are known within days, negatives a day later, within three", PLAIN)
            .by(engine(0.0, true)),
        new("labels-half", "half of the labels come, whatever they say", law(Labelled::Share(0.5))),
        new(
            "labels-selective",
            "labels come only for negative decisions; the baseline has all",
            law(Labelled::WhereNegative),
        ),
        new("disorder", "3 % of all records repeated, all in disorder within what is allowed", PLAIN)
            .by(engine(0.03, false)),
        new("accepted", "other cases from the launch on, then a baseline of its first 14 days accepted", PLAIN)
            .telling(Story::Accepted),
        new("equal-version", "a second, equal version takes half of the traffic", PLAIN).telling(Story::EqualVersion),
        new("replaced", "a second, equal version takes all of the traffic", PLAIN).telling(Story::Replaced),
    ]
}

/// Few and many rows, features, slices, baseline rows, positives.
fn sizes() -> Vec<Cell> {
    let new = Cell::new;
    let wide = |features: usize| Law { features, ..PLAIN };
    let sliced = |columns: usize, values: u64| Law { sliced: Some((columns, values)), ..PLAIN };
    let share = |prevalence: f64| Law { prevalence, ..PLAIN };
    vec![
        new("events-50", "50 rows a day", plain(50)),
        new("events-200", "200 rows a day", plain(200)),
        new("events-10k", "10,000 rows a day", plain(10_000)),
        new(
            "events-1m",
            "1,000,000 rows a day, as sums of blocks; a baseline of 50,000 rows",
            Law { rows_a_day: 1_000_000, ..standing_on(50_000) },
        )
        .by(POOL),
        new("features-5", "5 features", wide(5)),
        new("features-50", "50 features", wide(50)),
        new("features-500", "500 features", wide(500)),
        new("slices-1", "one slice that is the whole", sliced(1, 1)),
        new("slices-50", "a sliced category of 50 values", sliced(1, 50)),
        new("slices-1000", "five sliced categories of 200 values", sliced(5, 200)),
        new("baseline-500", "a baseline of 500 rows", standing_on(500)),
        new(
            "baseline-500-events-10k",
            "a baseline of 500 rows, 10,000 a day",
            Law { rows_a_day: 10_000, ..standing_on(500) },
        ),
        new("baseline-50k", "a baseline of 50,000 rows", standing_on(50_000)),
        new("positives-half-percent", "0.5 % positives, 10,000 rows a day", Law { rows_a_day: 10_000, ..share(0.005) }),
        new("positives-20-percent", "20 % positives", share(0.2)),
        new("positives-half", "50 % positives", share(0.5)),
    ]
}

#[test]
fn every_cell_has_a_name_of_its_own() {
    let mut names: Vec<&str> = all().iter().map(|cell| cell.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), all().len()), (45, 45));
}
