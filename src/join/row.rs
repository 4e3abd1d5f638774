//! What is kept of a prediction until its truth is known?
//!
//! 68 bytes, packed without padding: every 64-bit field is stored as two 32-bit halves, so that the row aligns to
//! 4 bytes. Feature codes lie beside the rows, one byte each.

use super::settle::Told;
use super::store::Entry;
use crate::event::{EventTime, RequestKey, Truth};

/// A prediction on its way into the join. Everything here is kept and comes back in a [`RowView`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewRow<'a> {
    /// The request's key.
    pub key: RequestKey,
    /// Which row of the request `key` is of; at most [`crate::event::LAST_ROW`].
    pub row: u32,
    /// When it was predicted.
    pub time: EventTime,
    /// Whose rules hold: the number given to [`super::Join::set_rules`].
    pub model: u16,
    /// The caller's number of the model and version.
    pub cohort: u16,
    /// The score.
    pub score: f64,
    /// The caller's flags.
    pub bits: u8,
    /// The caller's code of the arm.
    pub arm: u8,
    /// The caller's code of the action.
    pub action: u8,
    /// With what probability the action was taken.
    pub action_prob: f32,
    /// The caller's weight of the row.
    pub weight: u32,
    /// A hash of the whole record: equal for equal content.
    pub content: u32,
    /// One byte for each feature of the layout; may be empty.
    pub codes: &'a [u8],
    /// The caller's number of the list of features. All rows of a layout have equally many codes.
    pub layout: u16,
}

/// A label on its way into the join.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewLabel {
    /// The request's key.
    pub key: RequestKey,
    /// When it became known.
    pub time: EventTime,
    /// Higher ones stand before lower ones.
    pub revision: u32,
    /// A hash of the whole record.
    pub content: u32,
    /// The value; `None` takes back what was said before.
    pub truth: Option<Truth>,
    /// A tombstone: it takes back the labels of all rows of the request. `key` is then that of the first row, and the
    /// value is as good as `None`.
    pub all_rows: bool,
}

/// A row as the observer sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowView<'a> {
    /// The request's key.
    pub key: RequestKey,
    /// When it was predicted.
    pub time: EventTime,
    /// Whose rules hold.
    pub model: u16,
    /// The caller's number of the model and version.
    pub cohort: u16,
    /// The score.
    pub score: f64,
    /// The caller's flags.
    pub bits: u8,
    /// The caller's code of the arm.
    pub arm: u8,
    /// The caller's code of the action.
    pub action: u8,
    /// With what probability the action was taken.
    pub action_prob: f32,
    /// The caller's weight of the row.
    pub weight: u32,
    /// A hash of the whole record.
    pub content: u32,
    /// One byte for each feature; empty where there is no label stream.
    pub codes: &'a [u8],
    /// The caller's number of the list of features.
    pub layout: u16,
    /// Event time of the label that stands, if one does.
    pub label_time: Option<EventTime>,
}

/// 64 bits that align to 4 bytes.
#[derive(Clone, Copy, Debug)]
struct Wide([u32; 2]);

impl Wide {
    const fn new(bits: u64) -> Self {
        Self([bits as u32, (bits >> 32) as u32])
    }

    const fn bits(self) -> u64 {
        self.0[0] as u64 | (self.0[1] as u64) << 32
    }

    const fn time(time: EventTime) -> Self {
        Self::new(time.micros() as u64)
    }

    const fn as_time(self) -> EventTime {
        EventTime::from_micros_unchecked(self.bits() as i64)
    }
}

const fn pack_key(key: RequestKey) -> [Wide; 2] {
    [Wide::new(key.bits() as u64), Wide::new((key.bits() >> 64) as u64)]
}

const fn unpack_key(key: [Wide; 2]) -> RequestKey {
    RequestKey::from_bits(key[0].bits() as u128 | (key[1].bits() as u128) << 64)
}

/// The packed row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    key: [Wide; 2],
    time: Wide,
    score: Wide,
    /// Time of the only label; with several, of the one that stands.
    label_time: Wide,
    content: u32,
    label_revision: u32,
    label_content: u32,
    action_prob: f32,
    weight: u32,
    model: u16,
    cohort: u16,
    bits: u8,
    arm: u8,
    action: u8,
    flags: u8,
}

const _: () = assert!(size_of::<Row>() == 68, "a row is 68 bytes");

/// The row is closed.
const GONE: u8 = 1;
/// The row has exactly one label, kept in the row itself.
const ONE: u8 = 1 << 1;
/// That label has a value.
const VALUE: u8 = 1 << 2;
/// That value is yes.
const YES: u8 = 1 << 3;
/// The row has several labels, kept aside.
const MANY: u8 = 1 << 4;
/// The truth is known.
const KNOWN: u8 = 1 << 5;
/// The truth is yes.
const TRUE: u8 = 1 << 6;
/// The only label is a tombstone.
const ALL: u8 = 1 << 7;

/// Where the labels of a row are.
pub(super) enum Labels {
    None,
    One(Told),
    Many,
}

impl Row {
    pub(super) fn new(new: &NewRow<'_>) -> Self {
        Self {
            key: pack_key(new.key),
            time: Wide::time(new.time),
            score: Wide::new(new.score.to_bits()),
            label_time: Wide::new(0),
            content: new.content,
            label_revision: 0,
            label_content: 0,
            action_prob: new.action_prob,
            weight: new.weight,
            model: new.model,
            cohort: new.cohort,
            bits: new.bits,
            arm: new.arm,
            action: new.action,
            flags: 0,
        }
    }

    pub(super) const fn time(&self) -> EventTime {
        self.time.as_time()
    }

    pub(super) const fn model(&self) -> u16 {
        self.model
    }

    pub(super) const fn content(&self) -> u32 {
        self.content
    }

    const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    const fn set(&mut self, flag: u8, on: bool) {
        if on {
            self.flags |= flag;
        } else {
            self.flags &= !flag;
        }
    }

    pub(super) const fn labels(&self) -> Labels {
        if self.has(MANY) {
            Labels::Many
        } else if self.has(ONE) {
            Labels::One(Told {
                time: self.label_time.as_time(),
                revision: self.label_revision,
                content: self.label_content,
                truth: if self.has(VALUE) { Some(self.has(YES)) } else { None },
                all_rows: self.has(ALL),
            })
        } else {
            Labels::None
        }
    }

    pub(super) fn set_only_label(&mut self, told: &Told) {
        self.label_time = Wide::time(told.time);
        self.label_revision = told.revision;
        self.label_content = told.content;
        self.set(ONE, true);
        self.set(VALUE, told.truth.is_some());
        self.set(YES, told.truth == Some(true));
        self.set(ALL, told.all_rows);
    }

    pub(super) const fn has_many_labels(&self) -> bool {
        self.has(MANY)
    }

    pub(super) const fn set_many_labels(&mut self) {
        self.set(ONE, false);
        self.set(MANY, true);
    }

    /// Sets what the labels amount to. Comes after the labels themselves: the time of the only label is kept.
    pub(super) fn set_standing(&mut self, standing: Option<(bool, EventTime)>) {
        self.set(KNOWN, standing.is_some());
        if let Some((truth, time)) = standing {
            self.set(TRUE, truth);
            self.label_time = Wide::time(time);
        }
    }

    /// What the labels amount to: the truth and the time of the label that says so.
    pub(super) const fn standing(&self) -> Option<(bool, EventTime)> {
        if self.has(KNOWN) { Some((self.has(TRUE), self.label_time.as_time())) } else { None }
    }

    pub(super) fn view<'a>(&self, codes: &'a [u8], layout: u16) -> RowView<'a> {
        RowView {
            key: self.key(),
            time: self.time(),
            model: self.model,
            cohort: self.cohort,
            score: f64::from_bits(self.score.bits()),
            bits: self.bits,
            arm: self.arm,
            action: self.action,
            action_prob: self.action_prob,
            weight: self.weight,
            content: self.content,
            codes,
            layout,
            label_time: self.standing().map(|(_, time)| time),
        }
    }
}

impl Entry for Row {
    fn key(&self) -> RequestKey {
        unpack_key(self.key)
    }

    fn is_gone(&self) -> bool {
        self.has(GONE)
    }

    fn set_gone(&mut self) {
        self.set(GONE, true);
    }
}

/// A label that waits for its inference: 44 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    key: [Wide; 2],
    time: Wide,
    value: Wide,
    revision: u32,
    content: u32,
    kind: Kind,
    gone: bool,
    /// A tombstone has met a row.
    met: bool,
}

const _: () = assert!(size_of::<Waiting>() == 44, "a waiting label is 44 bytes");

#[derive(Clone, Copy, Debug)]
enum Kind {
    Withdrawn,
    Number,
    Text,
    Tombstone,
}

impl Waiting {
    pub(super) fn new(label: &NewLabel) -> Self {
        let (kind, value) = match label.truth {
            None => (Kind::Withdrawn, 0),
            Some(Truth::Number(number)) => (Kind::Number, number.to_bits()),
            Some(Truth::Text(hash)) => (Kind::Text, hash),
        };
        Self {
            key: pack_key(label.key),
            time: Wide::time(label.time),
            value: Wide::new(value),
            revision: label.revision,
            content: label.content,
            kind,
            gone: false,
            met: false,
        }
    }

    pub(super) fn tombstone(label: &NewLabel, met: bool) -> Self {
        Self { kind: Kind::Tombstone, met, ..Self::new(&NewLabel { truth: None, ..*label }) }
    }

    pub(super) const fn has_met(&self) -> bool {
        self.met
    }

    pub(super) const fn set_met(&mut self) {
        self.met = true;
    }

    pub(super) const fn time(&self) -> EventTime {
        self.time.as_time()
    }

    pub(super) fn label(&self) -> NewLabel {
        NewLabel {
            key: self.key(),
            time: self.time(),
            revision: self.revision,
            content: self.content,
            truth: match self.kind {
                Kind::Withdrawn | Kind::Tombstone => None,
                Kind::Number => Some(Truth::Number(f64::from_bits(self.value.bits()))),
                Kind::Text => Some(Truth::Text(self.value.bits())),
            },
            all_rows: matches!(self.kind, Kind::Tombstone),
        }
    }
}

impl Entry for Waiting {
    fn key(&self) -> RequestKey {
        unpack_key(self.key)
    }

    fn is_gone(&self) -> bool {
        self.gone
    }

    fn set_gone(&mut self) {
        self.gone = true;
    }
}
