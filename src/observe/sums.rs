//! What do the rows of one model, version and window add up to?
//!
//! One vector of integers; see `layout` for the places. A prediction adds when it arrives, a label adds when it is
//! joined and is subtracted again, to the last bit, when it is corrected. Sums of two parts of a stream add to the sums
//! of the whole, whatever the cut and the order. Scores are kept in units of 2^-30 and losses in 2^-28, each rounded
//! once an event: 2^31 rows fit. Labels count with their row's weight, a whole number. Memory at 20 features: about 110 kB.

use std::sync::Arc;

use super::coding::CodedRow;
use super::layout::{
    CELL_WIDTH, Cell, Layout, LayoutError, SLICE_WIDTH, Statistic, UNSEEN_COLUMNS, UNSEEN_ROWS, flow, truth,
};
use super::lines::Lines;
use super::recalibration::Recalibration;
use super::sample::{BottomK, Event};
use super::scores::{bin_of, clip};
use super::weight::Weight;
use crate::event::{Arm, EventTime, RequestKey};

/// Units of a sum of scores: 1.0 is this many.
pub const SCORE_SCALE: f64 = (1_u64 << 30) as f64;
/// Units of a sum of losses.
pub const LOSS_SCALE: f64 = (1_u64 << 28) as f64;

/// Units of a sum of squared log losses: they reach 191.
const SQUARE_SCALE: f64 = (1_u64 << 20) as f64;

/// A prediction is sure when it gives the other class less than this.
const SURE: f64 = 0.05;

/// Unseen values named per feature, and predictions kept per window.
const NAMED: usize = 48;
const KEPT: usize = 64;

/// Texts in samples are cut here.
const TEXT_MAX: usize = 256;

/// A count that cannot be negative here: what is taken back was added before.
pub fn count(sum: i64) -> u64 {
    u64::try_from(sum).unwrap_or(0)
}

/// What a row is, apart from its features.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    /// Probability of the positive class.
    pub score: f64,
    /// The decision, where there is one.
    pub decision: Option<bool>,
    /// Which traffic.
    pub arm: Arm,
    /// The action, by its hash modulo 16; `None` without one.
    pub action: Option<u8>,
    /// How many rows it counts as once it has a label.
    pub weight: Weight,
}

/// The sums of one model, version and window.
#[derive(Clone, Debug, PartialEq)]
pub struct Sums {
    layout: Arc<Layout>,
    data: Lines,
    named: Vec<Option<Box<BottomK>>>,
    kept: BottomK,
}

impl Sums {
    /// Nothing seen yet.
    pub fn new(layout: Arc<Layout>) -> Self {
        let data = Lines::zeros(layout.length());
        let named = vec![None; layout.features()];
        Self { layout, data, named, kept: BottomK::new(KEPT) }
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.data.fill(0);
        self.named.fill(None);
        self.kept = BottomK::new(KEPT);
    }

    /// The places.
    pub const fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The integers of a statistic.
    pub fn get(&self, statistic: Statistic) -> &[i64] {
        &self.data[self.layout.block(statistic).range()]
    }

    /// One integer of [`Statistic::Flow`].
    pub fn flow(&self, place: usize) -> i64 {
        self.data[self.layout.block(Statistic::Flow).start + place]
    }

    /// One integer of [`Statistic::Truth`].
    pub fn truth(&self, place: usize) -> i64 {
        self.data[self.layout.block(Statistic::Truth).start + place]
    }

    /// The counts of a feature's codes.
    pub fn codes(&self, feature: usize) -> &[i64] {
        &self.get(Statistic::Codes)[self.layout.cells_of(feature)]
    }

    /// Sum of scores (2^-30), positive decisions and sure predictions of a code.
    pub fn slice(&self, feature: usize, code: usize) -> [i64; SLICE_WIDTH] {
        let at = (self.layout.cells_of(feature).start + code) * SLICE_WIDTH;
        let block = self.get(Statistic::Slices);
        [block[at], block[at + 1], block[at + 2]]
    }

    /// The labelled rows of a code.
    pub fn cell(&self, feature: usize, code: usize) -> Cell {
        let at = (self.layout.cells_of(feature).start + code) * CELL_WIDTH;
        let c = &self.get(Statistic::Cells)[at..at + CELL_WIDTH];
        Cell { n: c[0], positive: c[1], tp: c[2], fp: c[3], decided: c[4], e: c[5], v: c[6], vl: c[7] }
    }

    /// Upper bound of the count of an unseen value, by its hash.
    pub fn unseen_count(&self, feature: usize, hash: u64) -> i64 {
        let block = self.get(Statistic::Unseen);
        (0..UNSEEN_ROWS).map(|row| block[unseen_place(feature, row, hash)]).min().unwrap_or(0)
    }

    /// The sample that names a feature's unseen values.
    pub fn named(&self, feature: usize) -> Option<&BottomK> {
        self.named[feature].as_deref()
    }

    /// The sample of all predictions.
    pub const fn kept(&self) -> &BottomK {
        &self.kept
    }

    /// Adds `count` to a place of [`Statistic::Flow`].
    #[inline]
    pub fn add_flow(&mut self, place: usize, count: i64) {
        self.data[self.layout.block(Statistic::Flow).start + place] += count;
    }

    /// Adds `count` to a place of [`Statistic::Truth`].
    #[inline]
    pub fn add_truth(&mut self, place: usize, count: i64) {
        self.data[self.layout.block(Statistic::Truth).start + place] += count;
    }

    /// Adds a prediction. `coded` is empty while there is no baseline.
    #[inline]
    pub fn predicted(&mut self, facts: &Facts, coded: &CodedRow) {
        let score = libm::rint(facts.score * SCORE_SCALE) as i64;
        let sure = i64::from(facts.score <= SURE || facts.score >= 1.0 - SURE);
        let positive = i64::from(facts.decision == Some(true));
        let data = &mut self.data[..];
        let start = self.layout.block(Statistic::Flow).start;
        data[start + flow::N] += 1;
        data[start + flow::DECIDED] += i64::from(facts.decision.is_some());
        data[start + flow::POSITIVE] += positive;
        data[start + flow::SCORE] += score;
        data[self.layout.block(Statistic::Scores).start + bin_of(facts.score)] += 1;
        data[self.layout.block(Statistic::Arms).start + facts.arm as usize] += 1;
        if let Some(action) = facts.action {
            data[self.layout.block(Statistic::Actions).start + usize::from(action & 15)] += 1;
        }
        if coded.codes.len() != self.layout.features() || coded.codes.is_empty() {
            return;
        }
        data[start + flow::CODED] += 1;
        let first = self.layout.first_cells();
        let codes = self.layout.block(Statistic::Codes).range();
        let slices = self.layout.block(Statistic::Slices).range();
        let numbers = self.layout.block(Statistic::Numbers).range();
        let (head, tail) = data.split_at_mut(slices.start);
        let slice_data = &mut tail[..slices.len()];
        let (code_data, number_data) = head[codes.start..].split_at_mut(codes.len());
        debug_assert_eq!(numbers.start, codes.end, "numbers lie behind codes");
        for (feature, &code) in coded.codes.iter().enumerate() {
            let cell = first[feature] + usize::from(code);
            code_data[cell] += 1;
            let slice = &mut slice_data[cell * SLICE_WIDTH..cell * SLICE_WIDTH + SLICE_WIDTH];
            slice[0] += score;
            slice[1] += positive;
            slice[2] += sure;
            number_data[feature] += coded.numbers[feature];
        }
        for unknown in &coded.unknown {
            let block = self.layout.block(Statistic::Unseen).start;
            for row in 0..UNSEEN_ROWS {
                self.data[block + unseen_place(usize::from(unknown.feature), row, unknown.hash)] += 1;
            }
        }
    }

    /// Keeps the prediction by name where the samples want it: always for unseen values, else by hash.
    #[inline]
    pub fn sampled(
        &mut self,
        key: RequestKey,
        request_id: &str,
        row: u32,
        time: EventTime,
        score: f64,
        coded: &CodedRow,
    ) {
        let event = |value: &str| Event {
            request_id: cut(request_id),
            row,
            time,
            score,
            value: cut(value),
            codes: coded.codes.clone(),
        };
        if self.kept.wants(key) {
            self.kept.insert(key, event(""));
        }
        for unknown in &coded.unknown {
            let named = self.named[usize::from(unknown.feature)].get_or_insert_with(|| Box::new(BottomK::new(NAMED)));
            if named.wants(key) {
                named.insert(key, event(coded.text(*unknown)));
            }
        }
    }

    /// Adds (`sign` = 1) or takes back (`sign` = -1) a label, with the weight of its row.
    #[inline]
    pub fn labelled(&mut self, facts: &Facts, codes: &[u8], map: &Recalibration, positive: bool, sign: i64) {
        if facts.weight != Weight::ONE {
            self.weighed(facts, codes, map, positive, sign);
        }
        let sign = sign * facts.weight.whole();
        let bin = bin_of(facts.score);
        let known = map.facts(bin);
        let y = i64::from(positive);
        let decided = i64::from(facts.decision.is_some());
        let flagged = i64::from(facts.decision == Some(true));
        let (tp, fp) = (y * flagged, (1 - y) * flagged);
        let clipped = clip(facts.score);
        let log_loss = -if positive { libm::log(clipped) } else { libm::log1p(-clipped) };
        let brier = if positive { (1.0 - facts.score) * (1.0 - facts.score) } else { facts.score * facts.score };
        let data = &mut self.data[..];
        let at = self.layout.block(Statistic::Truth).start;
        data[at + truth::N] += sign;
        data[at + truth::POSITIVE] += sign * y;
        data[at + truth::DECIDED] += sign * decided;
        data[at + truth::TP] += sign * tp;
        data[at + truth::FP] += sign * fp;
        data[at + truth::FN] += sign * y * decided * (1 - flagged);
        data[at + truth::LOG_LOSS] += sign * libm::rint(log_loss * LOSS_SCALE) as i64;
        data[at + truth::LOG_LOSS_SQUARED] += sign * libm::rint(log_loss * log_loss * SQUARE_SCALE) as i64;
        data[at + truth::BRIER] += sign * libm::rint(brier * LOSS_SCALE) as i64;
        data[at + truth::BRIER_SQUARED] += sign * libm::rint(brier * brier * LOSS_SCALE) as i64;
        let class = if positive { Statistic::Positives } else { Statistic::Negatives };
        data[self.layout.block(class).start + bin] += sign;
        if codes.len() != self.layout.features() {
            return;
        }
        let add =
            [sign, sign * y, sign * tp, sign * fp, sign * decided, sign * known.e, sign * known.v, sign * known.vl];
        let cells = &mut data[self.layout.block(Statistic::Cells).range()];
        let first = self.layout.first_cells();
        for (feature, &code) in codes.iter().enumerate() {
            let cell = (first[feature] + usize::from(code)) * CELL_WIDTH;
            for (sum, term) in cells[cell..cell + CELL_WIDTH].iter_mut().zip(add) {
                *sum += term;
            }
        }
    }

    /// Mean log loss and its mean square, in natural units; `None` without labels.
    pub fn log_loss(&self) -> Option<(f64, f64)> {
        self.mean_loss(truth::LOG_LOSS, truth::LOG_LOSS_SQUARED, SQUARE_SCALE)
    }

    /// Brier score and the mean square of its terms; `None` without labels.
    pub fn brier(&self) -> Option<(f64, f64)> {
        self.mean_loss(truth::BRIER, truth::BRIER_SQUARED, LOSS_SCALE)
    }

    fn mean_loss(&self, sum: usize, square: usize, square_scale: f64) -> Option<(f64, f64)> {
        let n = self.truth(truth::N);
        (n > 0).then(|| {
            let mean = self.truth(sum) as f64 / LOSS_SCALE / n as f64;
            (mean, self.truth(square) as f64 / square_scale / n as f64)
        })
    }

    /// Adds another part of the same stream. Only the statistics for which `which` says yes, and those of features
    /// only when both parts use the same places.
    pub fn merge_if(&mut self, other: &Self, which: impl Fn(Statistic) -> bool) {
        let same = Arc::ptr_eq(&self.layout, &other.layout) || self.layout == other.layout;
        for block in self.layout.blocks().to_vec() {
            let theirs = other.layout.block(block.statistic);
            if which(block.statistic) && (same || (theirs.length == block.length && !of_features(block.statistic))) {
                for (sum, term) in self.data[block.range()].iter_mut().zip(&other.data[theirs.range()]) {
                    *sum += term;
                }
            }
        }
        if same && which(Statistic::Unseen) {
            for (mine, theirs) in self.named.iter_mut().zip(&other.named) {
                if let Some(theirs) = theirs {
                    mine.get_or_insert_with(|| Box::new(BottomK::new(theirs.limit()))).merge(theirs);
                }
            }
            self.kept.merge(&other.kept);
        }
    }

    /// The same shares with another number of rows: each integer times a factor, rounded. For "what if": samples are left
    /// empty, and what added up exactly does so but for rounding.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let mut scaled = Self::new(self.layout.clone());
        for (new, old) in scaled.data.iter_mut().zip(self.data.iter()) {
            *new = libm::rint(*old as f64 * factor) as i64;
        }
        scaled
    }

    /// Adds another part of the same stream.
    pub fn merge(&mut self, other: &Self) {
        self.merge_if(other, |_| true);
    }

    /// Takes a part away again. Samples stay: what is taken back are labels, and samples are of predictions.
    ///
    /// # Panics
    /// If the places differ.
    pub fn subtract(&mut self, other: &Self) {
        assert!(self.layout == other.layout, "sums of one layout subtract");
        for (sum, term) in self.data.iter_mut().zip(other.data.iter()) {
            *sum -= term;
        }
    }

    /// Replaces the integers of a statistic, as read from a file.
    ///
    /// # Errors
    /// When their number is not the layout's.
    pub fn set(&mut self, statistic: Statistic, values: &[i64]) -> Result<(), LayoutError> {
        let block = self.layout.block(statistic);
        if values.len() != block.length {
            let (found, accepted) = (values.len(), block.length);
            return Err(LayoutError { statistic: statistic.name(), found, accepted });
        }
        self.data[block.range()].copy_from_slice(values);
        Ok(())
    }

    pub(super) fn parts(&self) -> (&[i64], &[Option<Box<BottomK>>], &BottomK) {
        (&self.data, &self.named, &self.kept)
    }

    pub(super) fn parts_mut(&mut self) -> (&mut [i64], &mut [Option<Box<BottomK>>], &mut BottomK) {
        (&mut self.data, &mut self.named, &mut self.kept)
    }

    pub(super) const fn named_limit() -> usize {
        NAMED
    }
}

const fn of_features(statistic: Statistic) -> bool {
    use Statistic::{CellSquares, Cells, Codes, Numbers, Slices, Unseen};
    matches!(statistic, Codes | Numbers | Slices | Cells | Unseen | CellSquares)
}

fn unseen_place(feature: usize, row: usize, hash: u64) -> usize {
    // Rows use different bits of one good hash.
    let column = (hash >> (16 * row)) as usize % UNSEEN_COLUMNS;
    (feature * UNSEEN_ROWS + row) * UNSEEN_COLUMNS + column
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{FeatureNames, Features, Value, value_hash};
    use crate::observe::{Coding, FeatureCoding, Kind, Mapping};

    #[derive(Clone, Debug)]
    struct Row {
        id: u16,
        score: f64,
        decision: Option<bool>,
        amount: Option<f64>,
        method: u8,
        label: Option<bool>,
        weight: f64,
    }

    impl Row {
        fn weight(&self) -> Weight {
            Weight::of(RequestKey::new(&self.id.to_string(), 0), self.weight, 1.0, 50.0)
        }
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let row = (
            0..500_u16,
            0.0..=1.0,
            any::<Option<bool>>(),
            proptest::option::of(-2.0..12.0),
            0..12_u8,
            any::<Option<bool>>(),
            prop_oneof![Just(1.0), 0.0..60.0_f64],
        )
            .prop_map(|(id, score, decision, amount, method, label, weight)| Row {
                id,
                score,
                decision,
                amount,
                method,
                label,
                weight,
            });
        proptest::collection::vec(row, 0..60)
    }

    fn coding() -> Coding {
        let amount = Kind::Numeric { edges: vec![0.0, 5.0, 10.0], scale: 1024.0, clamp: [-10.0, 20.0] };
        let method = Kind::Categorical { values: vec!["m0".into(), "m1".into()], tail: vec![value_hash("m2")] };
        Coding::new(vec![FeatureCoding::new("amount".into(), amount), FeatureCoding::new("method".into(), method)])
    }

    struct Counter {
        coding: Coding,
        layout: Arc<Layout>,
        map: Recalibration,
        names: FeatureNames,
        mapping: Mapping,
        coded: CodedRow,
    }

    impl Counter {
        fn new() -> Self {
            let coding = coding();
            let layout = Arc::new(Layout::new(&coding));
            Self {
                coding,
                layout,
                map: Recalibration::identity(),
                names: FeatureNames::default(),
                mapping: Mapping::default(),
                coded: CodedRow::default(),
            }
        }

        fn add(&mut self, sums: &mut Sums, row: &Row) {
            let facts = Facts {
                score: row.score,
                decision: row.decision,
                arm: Arm::Policy,
                action: Some(row.method),
                weight: row.weight(),
            };
            let mut features = Features::default();
            if let Some(amount) = row.amount {
                features.pairs.push((self.names.slot("amount", 0).unwrap(), Value::Float(amount)));
            }
            features.push_text(self.names.slot("method", 1).unwrap(), &format!("m{}", row.method));
            self.coding.code(&features, &self.names, &mut self.mapping, &mut self.coded);
            sums.predicted(&facts, &self.coded);
            let id = row.id.to_string();
            sums.sampled(RequestKey::new(&id, 0), &id, 0, EventTime::default(), row.score, &self.coded);
            if let Some(label) = row.label {
                sums.labelled(&facts, &self.coded.codes, &self.map, label, 1);
            }
        }

        fn all(&mut self, rows: &[Row]) -> Sums {
            let mut sums = Sums::new(self.layout.clone());
            for row in rows {
                self.add(&mut sums, row);
            }
            sums
        }
    }

    fn bytes(sums: &Sums) -> Vec<u8> {
        let mut bytes = Vec::new();
        sums.encode(&mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn a_stream_cut_anywhere_and_merged_equals_the_whole_to_the_byte(rows in rows(), cut in 0..60_usize) {
            // One id, one content: the sample keeps one event an id.
            let rows: Vec<Row> = rows.into_iter().enumerate().map(|(place, row)| Row { id: place as u16, ..row }).collect();
            let mut counter = Counter::new();
            let whole = counter.all(&rows);
            let (left, right) = rows.split_at(cut.min(rows.len()));
            let mut merged = counter.all(right);
            merged.merge(&counter.all(left));
            prop_assert_eq!(bytes(&merged), bytes(&whole));
        }

        #[test]
        fn a_label_taken_back_leaves_no_trace(rows in rows(), label: bool, score in 0.0..=1.0, weight in 0..70_u32) {
            let mut counter = Counter::new();
            let mut sums = counter.all(&rows);
            let before = bytes(&sums);
            let facts = Facts { score, decision: Some(label), arm: Arm::Policy, action: None, weight: Weight::from_bits(weight) };
            sums.labelled(&facts, &[3, 4], &counter.map, label, 1);
            prop_assert_ne!(&bytes(&sums), &before);
            sums.labelled(&facts, &[3, 4], &counter.map, label, -1);
            prop_assert_eq!(bytes(&sums), before);
        }

        #[test]
        fn bytes_read_back_and_damaged_bytes_are_refused_without_a_panic(rows in rows(), cut in 0..4_000_usize, flip in 0..4_000_usize) {
            let mut counter = Counter::new();
            let sums = counter.all(&rows);
            let whole = bytes(&sums);
            let mut rest = whole.as_slice();
            let back = Sums::decode(&mut rest, &counter.layout).unwrap();
            prop_assert!(rest.is_empty());
            prop_assert_eq!(&back, &sums);
            let cut = cut % whole.len();
            prop_assert!(Sums::decode(&mut &whole[..cut], &counter.layout).is_err());
            let mut damaged = whole.clone();
            let place = flip % damaged.len();
            damaged[place] ^= 0x55;
            let _ = Sums::decode(&mut damaged.as_slice(), &counter.layout);
        }

        #[test]
        fn every_count_equals_a_naive_one(rows in rows()) {
            let mut counter = Counter::new();
            let sums = counter.all(&rows);
            let count = |f: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| f(row)).count() as i64;
            prop_assert_eq!(sums.flow(flow::N), rows.len() as i64);
            prop_assert_eq!(sums.flow(flow::POSITIVE), count(&|r| r.decision == Some(true)));
            // Labels count with their weights; the rows behind them, and the squares of the weights, are known as well.
            let weighed = |power: u32, f: &dyn Fn(&Row) -> bool| {
                rows.iter().filter(|row| f(row)).map(|row| row.weight().whole().pow(power)).sum::<i64>()
            };
            let kinds: [&dyn Fn(&Row) -> bool; 6] = [
                &|r| r.label.is_some(),
                &|r| r.label == Some(true),
                &|r| r.label.is_some() && r.decision.is_some(),
                &|r| r.decision == Some(true) && r.label == Some(true),
                &|r| r.decision == Some(true) && r.label == Some(false),
                &|r| r.decision == Some(false) && r.label == Some(true),
            ];
            for (place, kind) in kinds.into_iter().enumerate() {
                prop_assert_eq!(sums.truth(place), weighed(1, kind));
                prop_assert_eq!(sums.rows(place), count(kind));
            }
            for (kind, (sum, squares)) in sums.weights().into_iter().enumerate() {
                let of = |r: &Row| r.label == Some(kind > 1) && (r.decision == Some(true)) == (kind % 2 == 1);
                prop_assert_eq!([sum as i64, squares as i64], [weighed(1, &of), weighed(2, &of)]);
            }
            let per_bin = (0..crate::observe::BINS).map(|bin| sums.bin_weights(true, bin).1 as i64).sum::<i64>();
            prop_assert_eq!(per_bin, weighed(2, kinds[1]));
            prop_assert_eq!(sums.truth(truth::CLIPPED), count(&|r| r.label.is_some() && r.weight > 50.0));
            prop_assert_eq!(sums.codes(0)[0], count(&|r| r.amount.is_none()));
            prop_assert_eq!(sums.codes(0)[3], count(&|r| r.amount.is_some_and(|a| (0.0..5.0).contains(&a))));
            prop_assert_eq!(sums.codes(1)[19], count(&|r| r.method == 0));
            prop_assert_eq!(sums.cell(1, 19).positive, weighed(1, &|r| r.method == 0 && r.label == Some(true)));
            let unseen = count(&|r| r.method == 7);
            prop_assert!(sums.unseen_count(1, value_hash("m7")) >= unseen);
            let all_unseen = count(&|r| r.method > 2);
            prop_assert_eq!(sums.codes(1)[2..18].iter().sum::<i64>(), all_unseen);
            let losses: f64 = rows.iter().filter_map(|r| r.label.map(|y| {
                let s = r.score.clamp(1e-6, 1.0 - 1e-6);
                -libm::log(if y { s } else { 1.0 - s }) * r.weight().whole() as f64
            })).sum();
            let labelled = sums.truth(truth::N);
            let mean = sums.log_loss().map_or(0.0, |(mean, _)| mean);
            prop_assert!((mean * labelled as f64 - losses).abs() < 1e-8 * (labelled + 1) as f64);
            prop_assert_eq!(sums.log_loss().is_none(), labelled == 0);
        }
    }
}
