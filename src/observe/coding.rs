//! How does a row of features become a row of bytes?
//!
//! One byte a feature, by bins and values that the baseline fixed. Equal codes mean "the same" to every statistic, so
//! a pending row needs no more than its codes.
//!
//! | code | numeric feature | categorical feature |
//! |---|---|---|
//! | 0 | missing or null | missing or null |
//! | 1 | a value of the wrong type | (not used) |
//! | 2 | below the smallest edge | 2 to 17: unknown value, by hash |
//! | 3 … | bins between edges | 18: a known value outside the vocabulary |
//! | last | at or above the largest edge | 19 …: the vocabulary |
//!
//! A value that alone holds more than a bin's share is a bin of its own: two edges, the value and the next number.

use std::fmt::Write as _;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::guide::Guide;
use crate::event::{FeatureNames, Features, Slot, Value, value_hash};

/// The code of an absent or null value.
pub const CODE_MISSING: u8 = 0;
/// The code of a value that is no number where numbers are expected.
pub const CODE_INVALID: u8 = 1;
/// The code of a number below all that the baseline saw.
pub const CODE_UNDER: u8 = 2;
/// The first of the codes of values that the baseline never saw.
pub const CODE_UNKNOWN: u8 = 2;
/// How many cells unknown values share, by hash.
pub const UNKNOWN_CELLS: u8 = 16;
/// The code of values that the baseline saw too seldom for a code of their own.
pub const CODE_TAIL: u8 = CODE_UNKNOWN + UNKNOWN_CELLS;
/// The code of the first value of the vocabulary.
pub const CODE_VOCABULARY: u8 = CODE_TAIL + 1;
/// The most codes a feature can have.
pub const MAX_CODES: usize = 256;
/// The most features that are watched for one model.
pub const MAX_FEATURES: usize = 1_000;

const NOT_WATCHED: u16 = u16::MAX;

/// What kind of values a feature has, and how they are told apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// Numbers.
    Numeric {
        /// Bins lie between neighbouring edges; the first edge is the smallest value, the last the next number after
        /// the largest. At most 200.
        edges: Vec<f64>,
        /// A power of two: sums hold `round(clamp(x) * scale)`.
        scale: f64,
        /// Smallest and largest value that a sum takes as it is.
        clamp: [f64; 2],
    },
    /// Anything else, by its text.
    Categorical {
        /// Values with a code of their own, at most 200.
        values: Vec<String>,
        /// Hashes of further values that the baseline saw, sorted.
        tail: Vec<u64>,
    },
}

/// One watched feature.
#[derive(Clone, Debug)]
pub struct FeatureCoding {
    name: String,
    kind: Kind,
    vocabulary: FxHashMap<Box<str>, u8>,
    guide: Guide,
}

impl PartialEq for FeatureCoding {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.kind == other.kind
    }
}

impl FeatureCoding {
    /// A feature with its kind.
    ///
    /// # Panics
    /// If the kind has more edges or values than there are codes.
    pub fn new(name: String, kind: Kind) -> Self {
        let mut vocabulary = FxHashMap::default();
        let mut guide = Guide::new(&[]);
        match &kind {
            Kind::Numeric { edges, .. } => {
                assert!(edges.len() <= 200, "at most 200 edges a feature");
                guide = Guide::new(edges);
            }
            Kind::Categorical { values, .. } => {
                assert!(values.len() <= 200, "at most 200 values a feature");
                for (place, value) in values.iter().enumerate() {
                    vocabulary.insert(value.as_str().into(), CODE_VOCABULARY + place as u8);
                }
            }
        }
        Self { name, kind, vocabulary, guide }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its kind.
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Whether its values are numbers.
    pub const fn is_numeric(&self) -> bool {
        matches!(self.kind, Kind::Numeric { .. })
    }

    /// How many codes it has.
    pub fn codes(&self) -> usize {
        match &self.kind {
            Kind::Numeric { edges, .. } => usize::from(CODE_UNDER) + 1 + edges.len(),
            Kind::Categorical { values, .. } => usize::from(CODE_VOCABULARY) + values.len(),
        }
    }

    /// The code of a number at or above all that the baseline saw.
    pub fn code_over(&self) -> usize {
        self.codes() - 1
    }

    /// Whether a code stands for values that the baseline never saw.
    pub const fn is_unknown(&self, code: usize) -> bool {
        !self.is_numeric() && code >= CODE_UNKNOWN as usize && code < CODE_TAIL as usize
    }

    /// The text of a code, for people.
    pub fn describe(&self, code: usize) -> String {
        match &self.kind {
            _ if code == usize::from(CODE_MISSING) => "(missing)".into(),
            Kind::Numeric { edges, .. } => {
                let last = self.code_over();
                match code {
                    1 => "(not a number)".into(),
                    2 => format!("< {}", edges.first().copied().unwrap_or(0.0)),
                    _ if code >= last => format!("> {}", edges.last().copied().unwrap_or(0.0).next_down()),
                    _ => range_text(edges[code - 3], edges[code - 2], code + 1 == last),
                }
            }
            Kind::Categorical { values, .. } => {
                const TAIL: usize = CODE_TAIL as usize;
                match code {
                    0..TAIL => "(new values)".into(),
                    TAIL => "(other known values)".into(),
                    _ => values.get(code - usize::from(CODE_VOCABULARY)).cloned().unwrap_or_default(),
                }
            }
        }
    }
}

/// A range of numbers. `closed` when the upper edge is the number after the largest value; an edge that is the number
/// after a value which stands alone is told by that value.
pub fn range_text(low: f64, high: f64, closed: bool) -> String {
    let alone = high.total_cmp(&low.next_up()).is_eq();
    if alone {
        return format!("{low}");
    }
    let [after, last] = [high, high.next_down()].map(|edge| format!("{edge}"));
    let end = if closed || last.len() < after.len() { format!("{last}]") } else { format!("{after})") };
    let (inside, before) = (format!("{low}"), format!("{}", low.next_down()));
    if before.len() < inside.len() { format!("({before}, {end}") } else { format!("[{inside}, {end}") }
}

/// The watched features of one model, sorted by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coding {
    features: Vec<FeatureCoding>,
}

/// Which slot of the stream's feature names is which watched feature. Grows with the names.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    features: Vec<u16>,
}

/// A value that the baseline never saw, in the row just coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Which watched feature.
    pub feature: u16,
    /// Hash of the value's text.
    pub hash: u64,
    start: u32,
    end: u32,
}

/// Scratch space for one coded row.
#[derive(Clone, Debug, Default)]
pub struct CodedRow {
    /// One code a watched feature.
    pub codes: Vec<u8>,
    /// One fixed-point number a watched feature; 0 for missing ones and categories.
    pub numbers: Vec<i64>,
    /// The unseen values.
    pub unknown: Vec<Unknown>,
    text: String,
}

impl CodedRow {
    /// The text of an unseen value.
    pub fn text(&self, unknown: Unknown) -> &str {
        &self.text[unknown.start as usize..unknown.end as usize]
    }

    /// A row of no features.
    pub fn clear(&mut self) {
        self.codes.clear();
        self.numbers.clear();
        self.unknown.clear();
        self.text.clear();
    }
}

impl Coding {
    /// A coding of these features.
    ///
    /// # Panics
    /// If there are more than [`MAX_FEATURES`].
    pub fn new(mut features: Vec<FeatureCoding>) -> Self {
        assert!(features.len() <= MAX_FEATURES, "at most {MAX_FEATURES} watched features");
        features.sort_by(|a, b| a.name.cmp(&b.name));
        Self { features }
    }

    /// The features, sorted by name.
    pub fn features(&self) -> &[FeatureCoding] {
        &self.features
    }

    /// Codes one row. No allocation once `row` is warm and `mapping` knows the names.
    pub fn code(&self, features: &Features, names: &FeatureNames, mapping: &mut Mapping, row: &mut CodedRow) {
        row.clear();
        row.codes.resize(self.features.len(), CODE_MISSING);
        row.numbers.resize(self.features.len(), 0);
        if mapping.features.len() < names.len() {
            self.extend(names, mapping);
        }
        for &(slot, value) in &features.pairs {
            let place = mapping.features[usize::from(slot.0)];
            if place == NOT_WATCHED {
                continue;
            }
            let place = usize::from(place);
            match &self.features[place].kind {
                Kind::Numeric { edges, scale, clamp } => {
                    let (code, number) = numeric_code(value, &self.features[place].guide, edges, *scale, *clamp);
                    row.codes[place] = code;
                    row.numbers[place] = number;
                }
                Kind::Categorical { tail, .. } => {
                    let start = row.text.len();
                    let text = match value {
                        Value::Null => continue,
                        Value::Text { start, length } => features.text_of(start, length),
                        other => {
                            write_scalar(other, &mut row.text);
                            &row.text[start..]
                        }
                    };
                    let known = self.features[place].vocabulary.get(text).copied();
                    let (code, hash) = known.map_or_else(|| unlisted_code(text, tail), |code| (code, 0));
                    row.codes[place] = code;
                    if code < CODE_TAIL {
                        if let Value::Text { start, length } = value {
                            row.text.push_str(features.text_of(start, length));
                        }
                        let unknown =
                            Unknown { feature: place as u16, hash, start: start as u32, end: row.text.len() as u32 };
                        row.unknown.push(unknown);
                    } else {
                        row.text.truncate(start);
                    }
                }
            }
        }
    }

    fn extend(&self, names: &FeatureNames, mapping: &mut Mapping) {
        for slot in mapping.features.len()..names.len() {
            let name = names.name(Slot(slot as u16));
            let place = self.features.binary_search_by(|feature| feature.name.as_str().cmp(name));
            mapping.features.push(place.map_or(NOT_WATCHED, |place| place as u16));
        }
    }
}

#[inline]
fn numeric_code(value: Value, guide: &Guide, edges: &[f64], scale: f64, clamp: [f64; 2]) -> (u8, i64) {
    let x = match value {
        Value::Null => return (CODE_MISSING, 0),
        Value::Int(x) => x as f64,
        Value::Float(x) => x,
        Value::Bool(_) | Value::Text { .. } => return (CODE_INVALID, 0),
    };
    let code = CODE_UNDER + guide.edges_up_to(x, edges) as u8;
    (code, whole(x.clamp(clamp[0], clamp[1]) * scale))
}

/// The nearest whole number, ties to even, of a number below 2^51: the sum has no room for a fraction.
#[inline]
fn whole(x: f64) -> i64 {
    const ROOM: f64 = 6_755_399_441_055_744.0;
    ((x + ROOM) - ROOM) as i64
}

fn unlisted_code(text: &str, tail: &[u64]) -> (u8, u64) {
    let hash = value_hash(text);
    if tail.binary_search(&hash).is_ok() {
        (CODE_TAIL, hash)
    } else {
        (CODE_UNKNOWN + (hash % u64::from(UNKNOWN_CELLS)) as u8, hash)
    }
}

fn write_scalar(value: Value, text: &mut String) {
    let written = match value {
        Value::Bool(x) => write!(text, "{x}"),
        Value::Int(x) => write!(text, "{x}"),
        // Whole floats print as whole numbers, so 3 and 3.0 are one value.
        Value::Float(x) => write!(text, "{x}"),
        Value::Null | Value::Text { .. } => Ok(()),
    };
    written.expect("writing to a string does not fail");
}

/// The text under which a value of a categorical feature is known; `None` for null.
pub fn canonical_text(value: Value, features: &Features) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Text { start, length } => Some(features.text_of(start, length).to_owned()),
        other => {
            let mut text = String::new();
            write_scalar(other, &mut text);
            Some(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coding() -> Coding {
        let amount = Kind::Numeric {
            edges: vec![0.0, 1.0, 1.0_f64.next_up(), 10.0_f64.next_up()],
            scale: 1024.0,
            clamp: [-10.0, 20.0],
        };
        let method = Kind::Categorical {
            values: vec!["card".into(), "true".into(), "3".into()],
            tail: vec![value_hash("rare")],
        };
        Coding::new(vec![FeatureCoding::new("method".into(), method), FeatureCoding::new("amount".into(), amount)])
    }

    fn code(pairs: &[(&str, Value)], text: &str) -> CodedRow {
        let coding = coding();
        let mut names = FeatureNames::default();
        let mut features = Features { text: text.into(), ..Features::default() };
        for (name, value) in pairs {
            features.pairs.push((names.slot(name, 0).unwrap(), *value));
        }
        let mut row = CodedRow::default();
        coding.code(&features, &names, &mut Mapping::default(), &mut row);
        row
    }

    #[test]
    fn numbers_fall_between_the_edges_of_the_baseline() {
        let over = 2 + 4;
        let cases = [(-0.5, 2), (0.0, 3), (0.5, 3), (1.0, 4), (1.5, 5), (10.0, 5), (10.5, over)];
        for (x, expected) in cases {
            assert_eq!(code(&[("amount", Value::Float(x))], "").codes, [expected, 0], "{x}");
        }
        assert_eq!(code(&[("amount", Value::Int(1))], "").codes, [4, 0]);
        assert_eq!(code(&[("amount", Value::Null)], "").codes, [0, 0]);
        assert_eq!(code(&[("amount", Value::Text { start: 0, length: 1 })], "7").codes, [1, 0]);
    }

    #[test]
    fn sums_take_numbers_at_the_scale_of_the_baseline_and_clamp_the_rest() {
        assert_eq!(code(&[("amount", Value::Float(0.5))], "").numbers, [512, 0]);
        assert_eq!(code(&[("amount", Value::Float(1e300))], "").numbers, [20 * 1024, 0]);
    }

    #[test]
    fn sums_round_as_the_mathematical_library_does() {
        for x in [0.0, 0.5, 1.5, -0.5, -2.5, 1e9 + 0.5, -1_073_741_824.0, 0.499_999_999_999_999_94, 123.456] {
            assert_eq!(whole(x), libm::rint(x) as i64, "{x}");
        }
    }

    #[test]
    fn known_values_have_codes_unknown_ones_have_cells_and_names() {
        let text = |length| Value::Text { start: 0, length };
        assert_eq!(code(&[("method", text(4))], "card").codes, [0, CODE_VOCABULARY]);
        assert_eq!(code(&[("method", Value::Bool(true))], "").codes, [0, CODE_VOCABULARY + 1]);
        assert_eq!(code(&[("method", Value::Float(3.0))], "").codes, [0, CODE_VOCABULARY + 2]);
        assert_eq!(code(&[("method", Value::Int(3))], "").codes, [0, CODE_VOCABULARY + 2]);
        assert_eq!(code(&[("method", text(4))], "rare").codes, [0, CODE_TAIL]);
        let row = code(&[("method", text(7)), ("other", text(7))], "instant");
        assert_eq!(row.codes, [0, CODE_UNKNOWN + (value_hash("instant") % 16) as u8]);
        assert_eq!(row.unknown.len(), 1);
        assert_eq!(row.text(row.unknown[0]), "instant");
        let number = code(&[("method", Value::Int(77))], "");
        assert_eq!(number.text(number.unknown[0]), "77");
    }

    #[test]
    fn a_code_reads_as_its_range_or_value() {
        let coding = coding();
        let [amount, method] = coding.features() else { panic!("two features") };
        assert_eq!(amount.describe(3), "[0, 1)");
        assert_eq!(amount.describe(4), "1");
        assert_eq!(amount.describe(5), "(1, 10]");
        assert_eq!(amount.describe(6), "> 10");
        assert_eq!(method.describe(usize::from(CODE_VOCABULARY)), "card");
        assert_eq!(method.describe(0), "(missing)");
    }
}
