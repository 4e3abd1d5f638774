//! What does a month say when its records go the whole way: repeated, in disorder, labels after predictions?

use truthline::baseline::{Profile, References};
use truthline::engine::{Engine, Range};
use truthline::event::{EventTime, Inference, Label, Probability, Truth, fnv1a_64, murmur2_partition};
use truthline::story::Chance;

use super::cells::{Cell, Way};
use super::month::{Bench, DAYS, FIRST_DAY, MODEL, Month, Traffic, id_of};
use super::worlds::{DAY, HOUR, Row, SECOND};

const PARTITIONS: u32 = 2;
/// Within the ten minutes that the settings allow.
const DISORDER: i64 = 540 * SECOND;
/// The days after the month, in which its last labels mature.
const AFTER: i64 = 5;
const COMMIT: usize = 2_000;

/// A prediction, with when it arrives and when its truth does.
struct Sent {
    row: Row,
    arrives: Vec<i64>,
    known: i64,
    told: Vec<i64>,
}

pub(crate) fn by_engine(cell: &Cell, traffic: &mut Traffic, profile: &Profile, seed: u64, budgets: &[f64]) -> Month {
    let Way::Engine { repeats, disorder, late_truth } = cell.way else { return Month::default() };
    let mut chance = Chance::new(seed ^ 0x5eed);
    let mut sent = Vec::new();
    let arrival = |time: i64, chance: &mut Chance| {
        let shift = |chance: &mut Chance| if disorder { (chance.uniform() * DISORDER as f64) as i64 } else { 0 };
        let first = time + shift(chance);
        if chance.happens(repeats) { vec![first, time + shift(chance)] } else { vec![first] }
    };
    for day in FIRST_DAY..FIRST_DAY + DAYS + AFTER {
        traffic.day(day, cell.rows_a_day(), false, |row| {
            let arrives = arrival(row.time, &mut chance);
            let delay = match (late_truth, row.label) {
                (true, Some(true)) => chance.exponential().min(2.5) * DAY as f64,
                (true, _) => DAY as f64 * (1.0 + chance.exponential().min(1.9)),
                (false, _) => (6.0 * chance.uniform() + 1.0) * HOUR as f64,
            };
            let known = row.time + delay as i64;
            let told = arrival(known, &mut chance);
            sent.push(Sent { row: row.clone(), arrives, known, told });
        });
    }
    // By moment: predictions before labels, and each topic in the order of arrival.
    let mut order: Vec<(i64, bool, usize)> = Vec::new();
    for (place, one) in sent.iter().enumerate() {
        order.extend(one.arrives.iter().map(|&at| (at, false, place)));
        order.extend(one.told.iter().filter(|_| one.row.label.is_some()).map(|&at| (at, true, place)));
    }
    order.sort_unstable();
    let mut bench = Bench::empty(cell, budgets);
    for budget in budgets {
        let references = References::new([profile.clone()]);
        let mut engine = Engine::new(cell.config(*budget), references, PARTITIONS as usize, true, Range::default());
        let (mut inference, mut label, mut found) = (Inference::default(), Label::default(), Vec::new());
        for (number, &(_, is_label, place)) in order.iter().enumerate() {
            let Sent { row, known, .. } = &sent[place];
            let id = id_of(row);
            let partition = murmur2_partition(id.as_bytes(), PARTITIONS) as usize;
            if is_label {
                label.event_time = EventTime::from_micros_unchecked(*known);
                label.row = Some(0);
                label.truth = row.label.map(|positive| Truth::Number(f64::from(u8::from(positive))));
                label.content = fnv1a_64(id.as_bytes());
                label.request_id = id;
                engine.label(partition, &label).expect("the label is sound");
            } else {
                inference.event_time = EventTime::from_micros_unchecked(row.time);
                MODEL.clone_into(&mut inference.model);
                cell.version(row.time.div_euclid(DAY), row.serial).clone_into(&mut inference.version);
                inference.score = Probability::new(row.score);
                inference.decision = Some(row.decision);
                inference.features = row.features.clone();
                inference.content = fnv1a_64(id.as_bytes());
                inference.request_id = id;
                engine.inference(partition, &inference, traffic.names()).expect("the prediction is sound");
            }
            if number % COMMIT == 0 {
                engine.commit(&mut found);
            }
        }
        engine.commit(&mut found);
        engine.end(&mut found);
        let counts = engine.counts();
        for balance in counts.invariants() {
            assert!(balance.holds(), "{balance}");
        }
        assert_eq!(counts.inferences.late + counts.labels.late, 0, "the disorder is within what is allowed");
        bench.take(&budget.to_string(), found.into_iter());
    }
    bench.done()
}
