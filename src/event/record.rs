//! What does a decoded record hold?
//!
//! These structs are scratch space: a decoder clears and fills the same one for each record, so that a warm
//! decoder allocates nothing. Whoever keeps something copies it out.

use rustc_hash::FxHashMap;

use super::EventTime;

/// The largest weight that a row can be kept with: the squares of larger ones would fill the sums.
pub const LARGEST_WEIGHT: f64 = 100.0;

/// How many different feature names one process keeps. Further ones are counted as unknown fields.
pub const MAX_FEATURE_NAMES: usize = 4_096;

/// A number in [0, 1]; never NaN.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Probability(f64);

impl Probability {
    /// `None` unless `value` lies in [0, 1].
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// The number of a feature name in [`FeatureNames`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u16);

/// The feature names seen so far; each name has one [`Slot`] for the life of the process.
///
/// Bound: [`MAX_FEATURE_NAMES`] names. Slots depend on the order of arrival, so nothing published may.
#[derive(Clone, Debug, Default)]
pub struct FeatureNames {
    names: Vec<Box<str>>,
    slots: FxHashMap<Box<str>, Slot>,
}

impl FeatureNames {
    /// The slot of `name`; `hint` is tried first (records repeat their order). `None` when the list is full.
    pub fn slot(&mut self, name: &str, hint: usize) -> Option<Slot> {
        if self.is(hint, name.as_bytes()) {
            return Some(Slot(hint as u16));
        }
        if let Some(&slot) = self.slots.get(name) {
            return Some(slot);
        }
        if self.names.len() >= MAX_FEATURE_NAMES {
            return None;
        }
        let slot = Slot(self.names.len() as u16);
        self.names.push(name.into());
        self.slots.insert(name.into(), slot);
        Some(slot)
    }

    /// Whether the name at a place has these bytes.
    #[inline]
    pub fn is(&self, place: usize, name: &[u8]) -> bool {
        self.names.get(place).is_some_and(|known| is_same(known.as_bytes(), name))
    }

    /// The name behind a slot.
    ///
    /// # Panics
    /// If the slot is of another list.
    pub fn name(&self, slot: Slot) -> &str {
        &self.names[usize::from(slot.0)]
    }

    /// All names, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether no name was seen yet.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// Whether two names are one. Most have 8 to 16 bytes: two comparisons of words, without a call.
#[inline]
fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    match one.len() {
        8..=16 => {
            one.first_chunk::<8>() == other.first_chunk::<8>() && one.last_chunk::<8>() == other.last_chunk::<8>()
        }
        _ => one == other,
    }
}

/// One feature's value. Texts stand in the arena of their [`Features`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Explicitly null, or a number that is none (NaN, infinity).
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// `[start, start + length)` of the arena.
    Text {
        /// First byte.
        start: u32,
        /// Length in bytes.
        length: u32,
    },
}

/// The features of one record, in the record's order.
#[derive(Clone, Debug, Default)]
pub struct Features {
    /// Name and value; no slot stands twice.
    pub pairs: Vec<(Slot, Value)>,
    /// The arena of the texts.
    pub text: String,
}

impl Features {
    /// Forgets the record, keeps the memory.
    pub fn clear(&mut self) {
        self.pairs.clear();
        self.text.clear();
    }

    /// Adds a text value.
    pub fn push_text(&mut self, slot: Slot, text: &str) {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        self.pairs.push((slot, Value::Text { start, length: text.len() as u32 }));
    }

    /// The text of a [`Value::Text`] of this record.
    pub fn text_of(&self, start: u32, length: u32) -> &str {
        &self.text[start as usize..(start + length) as usize]
    }
}

/// Which traffic a prediction belonged to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arm {
    /// The model's decision was carried out.
    #[default]
    Policy,
    /// Chance decided, to learn.
    Explore,
    /// Deliberately left untreated.
    Holdout,
    /// Scored without being used.
    Shadow,
}

impl Arm {
    /// Every arm, in the order of its code.
    pub const ALL: [Self; 4] = [Self::Policy, Self::Explore, Self::Holdout, Self::Shadow];

    /// The published name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Explore => "explore",
            Self::Holdout => "holdout",
            Self::Shadow => "shadow",
        }
    }

    /// The arm of a published name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arm| arm.name() == name)
    }
}

/// One prediction as it was served.
#[derive(Clone, Debug, Default)]
pub struct Inference {
    /// The request's id, as text.
    pub request_id: String,
    /// Which row of the request.
    pub row: u32,
    /// The model's name.
    pub model: String,
    /// The model's version.
    pub version: String,
    /// When it was predicted.
    pub event_time: EventTime,
    /// Probability of the positive class. Other kinds of prediction are accepted and not yet judged.
    pub score: Option<Probability>,
    /// The threshold that was in force, in score units.
    pub threshold: Option<f64>,
    /// The decision, where the record states one; it stands before `score >= threshold`.
    pub decision: Option<bool>,
    /// What was done, by the hash of its name ([`super::value_hash`]).
    pub action: Option<u64>,
    /// With what probability it was done.
    pub action_prob: Option<f64>,
    /// Which traffic.
    pub arm: Arm,
    /// How many requests this one stands for.
    pub weight: Option<f64>,
    /// The inputs.
    pub features: Features,
    /// A hash of everything above: equal for equal content, whatever the format and the order of its fields.
    pub content: u64,
}

/// A label's value, in a normal form: `1`, `1.0`, `true` and `"1"` are one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Truth {
    /// A number, a truth value (0 or 1), or a text that reads as one of them.
    Number(f64),
    /// The hash ([`super::value_hash`]) of any other text.
    Text(u64),
}

impl Truth {
    /// The normal form of a text.
    pub fn from_text(text: &str) -> Self {
        let trimmed = text.trim();
        if trimmed.eq_ignore_ascii_case("true") {
            return Self::Number(1.0);
        }
        if trimmed.eq_ignore_ascii_case("false") {
            return Self::Number(0.0);
        }
        match trimmed.parse::<f64>() {
            Ok(number) if number.is_finite() => Self::Number(number),
            _ => Self::Text(super::value_hash(trimmed)),
        }
    }

    /// 64 bits that are equal for equal values.
    pub fn bits(self) -> u64 {
        match self {
            // Adding zero turns -0.0 into 0.0.
            Self::Number(number) => (number + 0.0).to_bits(),
            Self::Text(hash) => hash.rotate_left(1) ^ 0x9e37_79b9_7f4a_7c15,
        }
    }
}

/// One message about what turned out to be true.
#[derive(Clone, Debug, Default)]
pub struct Label {
    /// The request's id, as text.
    pub request_id: String,
    /// Which row; `None` means all rows of the request (a tombstone).
    pub row: Option<u32>,
    /// The value; `None` only when withdrawn.
    pub truth: Option<Truth>,
    /// When it became known.
    pub event_time: EventTime,
    /// When the thing itself happened.
    pub outcome_time: Option<EventTime>,
    /// Who says so, by the hash of its name ([`super::value_hash`]).
    pub source: Option<u64>,
    /// Higher ones stand before lower ones.
    pub revision: u32,
    /// The label is taken back.
    pub withdrawn: bool,
    /// Value of the request in money or another unit.
    pub value: Option<f64>,
    /// A hash of everything above, whatever the format and the order of its fields.
    pub content: u64,
}

impl Label {
    /// Makes this the message that takes back everything said of a request, at a time.
    pub fn tombstone(&mut self, request_id: &str, event_time: EventTime) {
        request_id.clone_into(&mut self.request_id);
        let content = super::value_hash(request_id) ^ event_time.micros() as u64;
        *self = Self {
            request_id: std::mem::take(&mut self.request_id),
            event_time,
            withdrawn: true,
            content,
            ..Self::default()
        };
    }
}

/// Which part of the training data a baseline row was in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    /// The model learnt from it.
    Train,
    /// It chose among models.
    Validation,
    /// Nobody looked at it before the end. Rows that say nothing count as this.
    #[default]
    Test,
}

/// One row of a baseline: a prediction together with its truth.
#[derive(Clone, Debug, Default)]
pub struct BaselineRow {
    /// The prediction.
    pub inference: Inference,
    /// The truth, if known.
    pub truth: Option<Truth>,
    /// When the truth became known.
    pub label_time: Option<EventTime>,
    /// Which part of the data.
    pub split: Split,
}
