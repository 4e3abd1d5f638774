//! What was counted since the last commit, and in which windows?
//!
//! A task counts by cohort and base window. Each window has the places of the reference that its start chooses. A commit
//! takes the counts away and leaves the emptied vectors for the next interval.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::shared::Shared;
use crate::baseline::Profile;
use crate::event::{EventTime, Span, Window};
use crate::observe::{Coding, Layout, Recalibration, Sums};

/// A base window of a cohort since the last commit.
#[derive(Debug)]
pub(super) struct Open {
    cohort: u16,
    start: EventTime,
    /// Whether anything was counted. A record that is dropped may look up a window that was closed long ago.
    counted: bool,
    end: EventTime,
    pub(super) sums: Sums,
    pub(super) profile: Option<Arc<Profile>>,
}

/// The counts of a task since the last commit. Bound: the base windows of a label window, for each cohort.
#[derive(Debug)]
pub(super) struct Windows {
    open: Vec<Open>,
    /// Emptied sums of the last commit by the address of their layout, so that the next one costs no fresh memory.
    spare: FxHashMap<usize, Vec<Sums>>,
    /// Length of the base window, by cohort.
    lengths: Vec<Option<Span>>,
    places: FxHashMap<(u16, EventTime), usize>,
    last: usize,
    bare: Arc<Layout>,
    pub(super) identity: Recalibration,
}

impl Windows {
    pub(super) fn new() -> Self {
        Self {
            open: Vec::new(),
            spare: FxHashMap::default(),
            lengths: Vec::new(),
            places: FxHashMap::default(),
            last: 0,
            bare: Arc::new(Layout::new(&Coding::default())),
            identity: Recalibration::identity(),
        }
    }

    /// The place of the base window of a cohort that holds `time`.
    #[inline]
    pub(super) fn place(&mut self, cohort: u16, time: EventTime, shared: &Shared) -> usize {
        if let Some(open) = self.open.get(self.last)
            && open.cohort == cohort
            && time >= open.start
            && time < open.end
        {
            return self.last;
        }
        let window = Window::holding(time, self.length(cohort, shared));
        let place = match self.places.get(&(cohort, window.start)) {
            Some(&place) => place,
            None => self.open(cohort, window, shared),
        };
        self.last = place;
        place
    }

    fn length(&mut self, cohort: u16, shared: &Shared) -> Span {
        let place = usize::from(cohort);
        if let Some(&Some(length)) = self.lengths.get(place) {
            return length;
        }
        let length = shared.config.model(shared.cohorts.name(cohort).0).window;
        self.lengths.resize(self.lengths.len().max(place + 1), None);
        self.lengths[place] = Some(length);
        length
    }

    fn open(&mut self, cohort: u16, window: Window, shared: &Shared) -> usize {
        let (model, version) = shared.cohorts.name(cohort);
        let profile = shared.references.of(model, version, window.start);
        let layout = crate::judge::layout_of(profile.as_ref(), &self.bare);
        let spare = self.spare.get_mut(&Arc::as_ptr(&layout).addr()).and_then(Vec::pop);
        let sums = spare.unwrap_or_else(|| Sums::new(layout));
        self.open.push(Open { cohort, start: window.start, end: window.end, counted: false, sums, profile });
        self.places.insert((cohort, window.start), self.open.len() - 1);
        self.open.len() - 1
    }

    /// Tells what was counted since the last time, and begins anew.
    pub(super) fn take(&mut self, mut tell: impl FnMut(u16, EventTime, &Sums)) {
        // What this interval did not need again is of a layout, or a crowd of windows, that has passed.
        self.spare.clear();
        for Open { cohort, start, counted, mut sums, .. } in self.open.drain(..) {
            if counted {
                tell(cohort, start, &sums);
                sums.clear();
            }
            self.spare.entry(Arc::as_ptr(sums.layout()).addr()).or_default().push(sums);
        }
        self.places.clear();
        self.last = 0;
    }

    /// The start of the earliest window that anything was counted in since the last time.
    pub(super) fn first(&self) -> Option<EventTime> {
        self.open.iter().filter(|open| open.counted).map(|open| open.start).min()
    }

    /// The reference of a window.
    pub(super) fn profile(&self, place: usize) -> Option<&Arc<Profile>> {
        self.open[place].profile.as_ref()
    }

    /// A window to count in.
    #[inline]
    pub(super) fn at(&mut self, place: usize) -> (&mut Open, &Recalibration) {
        let open = &mut self.open[place];
        open.counted = true;
        (open, &self.identity)
    }
}
