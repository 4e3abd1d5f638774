//! How restless are the windows of production?
//!
//! A baseline of a few thousand rows does not show what scatters only where there are many, and one without times shows
//! nothing. The first windows of production do, at their own size: [`LEAST`] windows of each length, or a week of them if
//! that is more, and none after, so that what changes later is not taken for scatter. A window that raised an alarm is
//! not learnt from. What predictions teach and what labels teach is kept apart: labels come later, and how much later
//! must not matter.

use serde::{Deserialize, Serialize};

use super::UNIT;
use super::measure::{calm_of, factors_of};
use crate::baseline::Profile;
use crate::event::Span;
use crate::observe::{Sums, flow};
use crate::stats::dispersion::Spread;

/// Windows of each length that are learnt from.
const LEAST: i64 = 28;

/// What production has shown, by length of window. Bound: one entry a level.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Learnt {
    /// The baseline whose figures they are: its rows, its labelled rows, and its span.
    against: Option<[i64; 4]>,
    entries: Vec<Entry>,
}

/// Windows of one length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    length: i64,
    windows: u32,
    /// Windows behind the factors, which are read anew with each quarter more of them.
    told: u32,
    rows: f64,
    spreads: Vec<Spread>,
    factors: Vec<u32>,
    calm: [u32; 2],
}

/// What the windows of one length have shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Again<'a> {
    /// Length, in microseconds.
    pub length: i64,
    /// By figure, in thousandths.
    pub factors: &'a [u32],
    /// Degrees of freedom of each.
    pub degrees: u32,
    /// Rows a window.
    pub rows: f64,
    /// The share of figures without scatter.
    pub calm: f64,
}

impl Again<'_> {
    /// From so many degrees of freedom on the figures of production say how many of them are calm.
    pub(super) const SPEAKS: u32 = 6;
}

impl Learnt {
    /// Notes by which baseline the next windows are told of; what was learnt by another is forgotten. Whether it was.
    pub fn compare_with(&mut self, profile: &Profile) -> bool {
        let (from, to) = profile.span.unwrap_or_default();
        let now = Some([profile.rows as i64, profile.labelled(), from.micros(), to.micros()]);
        let is_new = self.against != now;
        if is_new {
            *self = Self { against: now, entries: Vec::new() };
        }
        is_new
    }

    /// Whether nothing was noted yet.
    pub const fn is_empty(&self) -> bool {
        self.against.is_none()
    }

    /// Learns from a quiet window of this length: from its predictions, or from its labels. Whether it did; not once
    /// enough has been learnt.
    pub fn note(&mut self, profile: &Profile, length: Span, window: &Sums, labels: bool) -> bool {
        let most = LEAST.max(Span::DAY.times(7).micros() / length.micros().max(1)) as u32;
        let rows = if labels { window.effective_labels()[0] } else { window.flow(flow::N) as f64 };
        if rows <= 0.0 || length > Span::DAY.times(7) {
            return false;
        }
        let length = length.micros();
        let known = self.entries.iter().position(|one| one.length == length);
        let place = known.unwrap_or_else(|| {
            self.entries.push(Entry::new(length));
            self.entries.len() - 1
        });
        let entry = &mut self.entries[place];
        // A restored one may be of another baseline with as many rows; its places would be others.
        if !entry.spreads.is_empty() && entry.spreads.len() != profile.figures.length {
            *entry = Entry::new(length);
        }
        let learns = entry.windows < most;
        if learns {
            entry.add(profile, window, rows, labels);
            if entry.windows == most || entry.windows >= entry.told + (entry.told / 4).max(1) {
                entry.read(profile);
            }
        }
        learns
    }

    /// What speaks for windows of a length: those of the same length, else of the longest shorter one.
    pub(super) fn of(&self, length: Span, labels: bool) -> Option<Again<'_>> {
        let fit = self.entries.iter().filter(|one| one.length <= length.micros() && one.told > 1);
        let entry = fit.max_by_key(|one| one.length)?;
        Some(Again {
            length: entry.length,
            factors: &entry.factors,
            degrees: entry.told - 1,
            rows: entry.rows / f64::from(entry.windows),
            calm: f64::from(entry.calm[usize::from(labels)].max(1)) / UNIT,
        })
    }

    /// Whether its parts agree with each other, as those that were read back must.
    pub fn is_sound(&self) -> bool {
        let agrees = |one: &Entry| {
            one.length > 0
                && one.factors.len() == one.spreads.len()
                && one.told <= one.windows
                && (one.told == 0) == one.factors.is_empty()
        };
        self.entries.iter().all(agrees)
    }
}

impl Entry {
    const fn new(length: i64) -> Self {
        Self { length, windows: 0, told: 0, rows: 0.0, spreads: Vec::new(), factors: Vec::new(), calm: [500; 2] }
    }

    fn add(&mut self, profile: &Profile, window: &Sums, rows: f64, labels: bool) {
        let Profile { figures, coding, map, sums, .. } = profile;
        self.windows += 1;
        self.rows += rows;
        self.spreads.resize(figures.length, Spread::default());
        figures.tell(coding, map, sums, window, |place, value, weight| {
            if figures.is_labelled(place) == labels {
                self.spreads[place].add(value, weight);
            }
        });
    }

    fn read(&mut self, profile: &Profile) {
        let Profile { figures, sums, .. } = profile;
        self.told = self.windows;
        self.factors = factors_of(figures, sums, self.spreads.chunks_exact(1));
        self.calm = calm_of(figures, sums, &self.spreads, &self.factors, self.windows - 1);
    }
}
