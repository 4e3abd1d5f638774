//! How restless are the windows of production?
//!
//! A baseline of a few thousand rows does not show what scatters only where there are many, and one without times shows
//! nothing. The first windows of production do, at their own size: [`LEAST`] windows of each length, or a week of them if
//! that is more, and none after, so that what changes later is not taken for scatter. A window that raised an alarm is
//! not learnt from. Two parts, because labels come later: predictions, and labels.

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
    predictions: Part,
    labels: Part,
}

/// One part of the figures. The factors are read from the spreads, and again after a restore.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Part {
    windows: u32,
    rows: f64,
    spreads: Vec<Spread>,
    factors: Vec<u32>,
    calm: [u32; 2],
}

/// What the windows of one length have shown of one part.
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
        let place = self.entries.iter().position(|one| one.length == length.micros());
        let place = place.unwrap_or_else(|| {
            let empty = Entry { length: length.micros(), predictions: Part::default(), labels: Part::default() };
            self.entries.push(empty);
            self.entries.len() - 1
        });
        let part = if labels { &mut self.entries[place].labels } else { &mut self.entries[place].predictions };
        let rows = if labels { window.effective_labels()[0] } else { window.flow(flow::N) as f64 };
        let learns = part.windows < most && rows > 0.0 && length <= Span::DAY.times(7);
        if learns {
            // A restored one may be of another baseline with as many rows; its places would be others.
            if part.spreads.len() != profile.figures.length {
                *part = Part::default();
            }
            part.add(profile, window, rows, labels);
        }
        learns
    }

    /// What speaks for windows of a length: those of the same length, else of the longest shorter one.
    pub(super) fn of(&self, length: Span, labels: bool) -> Option<Again<'_>> {
        let fit = self.entries.iter().filter(|one| one.length <= length.micros());
        let parts = fit.map(|one| (one.length, if labels { &one.labels } else { &one.predictions }));
        let (length, part) = parts.filter(|(_, part)| part.windows > 1).max_by_key(|(length, _)| *length)?;
        Some(Again {
            length,
            factors: &part.factors,
            degrees: part.windows - 1,
            rows: part.rows / f64::from(part.windows),
            calm: f64::from(part.calm[usize::from(labels)].max(1)) / UNIT,
        })
    }

    /// Whether its parts agree with each other, as those that were read back must.
    pub fn is_sound(&self) -> bool {
        let parts = self.entries.iter().flat_map(|one| [&one.predictions, &one.labels]);
        let agrees =
            |part: &Part| part.factors.len() == part.spreads.len() && (part.windows == 0) == part.factors.is_empty();
        self.entries.iter().all(|one| one.length > 0) && parts.into_iter().all(agrees)
    }
}

impl Part {
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
        self.factors = factors_of(figures, sums, self.spreads.chunks_exact(1));
        self.calm = calm_of(figures, sums, &self.spreads, &self.factors, self.windows - 1);
    }
}
