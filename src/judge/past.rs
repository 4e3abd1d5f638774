//! What is kept of windows that are gone, so that later ones can be compared with them?
//!
//! Nothing, unless `compare_with` asks. Then each window leaves two parts behind: what its inputs were when they were
//! complete, and what its labels were when those were. Both are written sparsely and hold only what such comparisons
//! read: no samples and no subgroups. A part is added when its look is taken, so a look that is due at a moment can use
//! nothing that was due later; what comes after a look, over an idle partition, is added as it comes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::store::{Occasion, Store};
use super::tracked::Tracked;
use crate::config::Reference;
use crate::event::{EventTime, Span};
use crate::observe::{CodecError, Layout, Statistic, Sums};

/// The windows of how many weeks before are summed.
pub(super) const WEEKS: i64 = 4;
pub(super) const WEEK: Span = Span::DAY.times(7);

/// Which part of a window is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    /// Features, scores and decisions.
    Inputs,
    /// Labels, with the decisions that they are laid against.
    Truth,
}

impl Part {
    /// The part that a look reads; `None` for one that is compared with the baseline alone.
    pub(super) const fn of(occasion: Occasion) -> Option<Self> {
        match occasion {
            Occasion::Inputs => Some(Self::Inputs),
            Occasion::Final => Some(Self::Truth),
            Occasion::Age(_) => None,
        }
    }

    /// Whether a statistic belongs to it.
    pub(super) const fn has(self, statistic: Statistic) -> bool {
        match self {
            Self::Inputs => matches!(statistic, Statistic::Flow | Statistic::Scores | Statistic::Codes),
            Self::Truth => {
                let of_labels = !statistic.of_inputs() && !matches!(statistic, Statistic::Cells | Statistic::Delays);
                of_labels || matches!(statistic, Statistic::Flow)
            }
        }
    }
}

/// For how long a version's windows are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Keep {
    weeks: bool,
    previous: bool,
    last: bool,
}

impl Keep {
    /// What the references of a model ask of a version.
    pub(super) fn new(references: &[Reference], version: &str) -> Self {
        let named = |reference: &Reference| matches!(reference, Reference::Version(name) if name == version);
        Self {
            weeks: references.contains(&Reference::SameHourOfWeek),
            previous: references.contains(&Reference::Previous),
            last: references.iter().any(named),
        }
    }

    /// How much older than the newest window of its length a kept one may be; `None` where none is kept.
    fn horizon(self, length: Span) -> Option<Span> {
        if self.weeks && Reference::SameHourOfWeek.fits(length) {
            Some(WEEK.times(WEEKS).max(length))
        } else if self.previous {
            Some(length)
        } else {
            // Another version may have its turn at the same window after it has gone.
            self.last.then_some(Span::ZERO)
        }
    }
}

/// One part of a window, as bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kept {
    layout: Arc<Layout>,
    bytes: Vec<u8>,
}

impl Kept {
    fn new(sums: &Sums) -> Self {
        let mut bytes = Vec::new();
        sums.encode(&mut bytes);
        Self { layout: sums.layout().clone(), bytes }
    }

    /// A part from the bytes of a snapshot; they must be sums of this layout, and nothing else.
    ///
    /// # Errors
    /// What is wrong with the bytes; `None` where there are too many of them.
    pub(super) fn read(bytes: &[u8], layout: &Arc<Layout>) -> Result<Self, Option<CodecError>> {
        let mut rest = bytes;
        Sums::decode(&mut rest, layout)?;
        if rest.is_empty() { Ok(Self { layout: layout.clone(), bytes: bytes.to_vec() }) } else { Err(None) }
    }

    /// Its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its places.
    pub(super) const fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    fn sums(&self) -> Option<Sums> {
        Sums::decode(&mut self.bytes.as_slice(), &self.layout).ok()
    }
}

/// Windows of one version that are gone. Bound: of each part and level the windows of four weeks and one more, or two, or
/// one, as [`Keep`] says.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    pub(super) kept: Tracked<(Part, u32, EventTime), Kept>,
}

impl Past {
    /// A part of a window.
    fn get(&self, part: Part, multiple: u32, start: EventTime) -> Option<Sums> {
        self.kept.get(&(part, multiple, start))?.sums()
    }

    /// Keeps a part of a window, in place of what was kept of it or `added` to it, and lets go of those past the horizon.
    fn keep(&mut self, part: Part, (multiple, start): (u32, EventTime), sums: &Sums, horizon: Span, added: bool) {
        let all = (part, multiple, EventTime::EARLIEST)..=(part, multiple, EventTime::LATEST);
        let newest = self.kept.range(all).next_back().map_or(start, |(&(_, _, newest), _)| newest.max(start));
        if start + horizon < newest {
            return;
        }
        let mut own = Sums::new(sums.layout().clone());
        own.merge_if(sums, |statistic| part.has(statistic));
        if added && let Some(before) = self.get(part, multiple, start) {
            own.merge(&before);
        }
        let kept = Kept::new(&own);
        match self.kept.get_mut(&(part, multiple, start)) {
            Some(before) => *before = kept,
            None => _ = self.kept.get_or_insert_with((part, multiple, start), || kept),
        }
        let old = (part, multiple, EventTime::EARLIEST)..(part, multiple, newest - horizon);
        let old: Vec<_> = self.kept.range(old).map(|(&key, _)| key).collect();
        old.iter().for_each(|key| drop(self.kept.remove(key)));
    }
}

impl Store {
    /// Keeps what later windows are compared with, when a look has been taken.
    pub(super) fn remember(&mut self, part: Part, multiple: u32, start: EventTime) {
        let length = self.window(multiple, start).length();
        let Some(horizon) = self.schedule.keep.horizon(length) else { return };
        if let Some(open) = self.windows.get(&(multiple, start)) {
            self.past.keep(part, (multiple, start), &open.sums, horizon, false);
        }
    }

    /// Adds what came to a window after its look.
    pub(super) fn remember_more(&mut self, part: Part, multiple: u32, start: EventTime, delta: &Sums) {
        let length = self.window(multiple, start).length();
        if let Some(horizon) = self.schedule.keep.horizon(length) {
            self.past.keep(part, (multiple, start), delta, horizon, true);
        }
    }

    /// Whether such a part could be kept, as read from a snapshot.
    pub(super) fn keeps(&self, multiple: u32) -> bool {
        self.schedule.keep.horizon(self.schedule.window.times(i64::from(multiple))).is_some()
    }

    /// A part of a window that is kept, or that is due and not gone yet.
    pub(super) fn part(&self, part: Part, multiple: u32, start: EventTime) -> Option<Sums> {
        let open = || self.windows.get(&(multiple, start)).map(|open| open.sums.clone());
        self.past.get(part, multiple, start).or_else(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Coding, flow, truth};

    fn time(hour: i64) -> EventTime {
        EventTime::from_micros_unchecked(1_767_225_600_000_000 + hour * Span::HOUR.micros())
    }

    fn sums(rows: i64) -> Sums {
        let mut sums = Sums::new(Arc::new(Layout::new(&Coding::default())));
        sums.add_flow(flow::N, rows);
        sums.add_truth(truth::N, rows);
        sums
    }

    #[test]
    fn no_more_is_kept_than_the_references_need() {
        let weeks = Keep::new(&[Reference::SameHourOfWeek, Reference::Previous], "v1");
        let previous = Keep::new(&[Reference::Previous], "v1");
        let named = Keep::new(&[Reference::Version("v1".into())], "v1");
        assert_eq!(Keep::new(&[Reference::Version("v1".into())], "v2"), Keep::default());
        assert_eq!(Keep::default().horizon(Span::HOUR), None);
        // A window of four weeks does not divide a week: only the one before is of use.
        assert_eq!(weeks.horizon(Span::DAY.times(28)), Some(Span::DAY.times(28)));
        for (keep, most) in [(weeks, 4 * 168 + 1), (previous, 2), (named, 1)] {
            let mut past = Past::default();
            for hour in 0..1_500 {
                for part in [Part::Inputs, Part::Truth] {
                    let horizon = keep.horizon(Span::HOUR).unwrap();
                    past.keep(part, (1, time(hour)), &sums(hour), horizon, false);
                }
                assert!(past.kept.len() <= 2 * most);
            }
            assert_eq!(past.kept.len(), 2 * most);
            // What is too old does not come back.
            past.keep(Part::Inputs, (1, time(1)), &sums(1), keep.horizon(Span::HOUR).unwrap(), true);
            assert_eq!(past.kept.len(), 2 * most);
        }
    }

    #[test]
    fn a_part_holds_its_own_figures_and_what_came_later() {
        let mut past = Past::default();
        past.keep(Part::Inputs, (1, time(0)), &sums(5), Span::HOUR, false);
        past.keep(Part::Inputs, (1, time(0)), &sums(2), Span::HOUR, true);
        let kept = past.get(Part::Inputs, 1, time(0)).unwrap();
        assert_eq!((kept.flow(flow::N), kept.truth(truth::N)), (7, 0));
        past.keep(Part::Inputs, (1, time(0)), &sums(3), Span::HOUR, false);
        assert_eq!(past.get(Part::Inputs, 1, time(0)).unwrap().flow(flow::N), 3);
        assert_eq!(past.get(Part::Truth, 1, time(0)), None);
    }
}
