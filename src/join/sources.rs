//! How far has one side of the join come, when several sources write into its partition?
//!
//! A partition may mix records of several sources: the topics of one side, or the partitions that a repartitioning
//! stage read. Each source has an order of its own, so each has a watermark of its own, and a record is late by the
//! watermark of its source alone. The side has come as far as the last of its sources; a source without a record
//! holds it back for good, so the sources are declared.

use crate::event::EventTime;

/// Which of the two inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The inferences.
    Inferences,
    /// The labels.
    Labels,
}

/// The watermarks of the sources of one side; never one before the side's own.
#[derive(Clone, Debug)]
pub(super) struct Sources {
    /// At most 65,536.
    marks: Vec<Option<EventTime>>,
    /// The smallest of them.
    side: Option<EventTime>,
}

impl Sources {
    /// One source without a record.
    pub(super) fn one() -> Self {
        Self::restored(vec![None])
    }

    /// The sources with these watermarks.
    pub(super) fn restored(marks: Vec<Option<EventTime>>) -> Self {
        let side = smallest(&marks);
        Self { marks, side }
    }

    /// There are at least so many. What a new one writes before the side's watermark is late: it was given up.
    pub(super) fn declare(&mut self, count: u16) {
        if usize::from(count) > self.marks.len() {
            self.marks.resize(usize::from(count), self.side);
        }
    }

    pub(super) fn marks(&self) -> &[Option<EventTime>] {
        &self.marks
    }

    pub(super) const fn side(&self) -> Option<EventTime> {
        self.side
    }

    #[inline]
    pub(super) fn of(&self, source: u16) -> Option<EventTime> {
        *self.marks.get(usize::from(source)).expect("a source is declared before its first record")
    }

    /// Raises a source to `at`, if it is lower. Returns whether the side rose.
    #[inline]
    pub(super) fn raise(&mut self, source: u16, at: EventTime) -> bool {
        let mark = self.marks.get_mut(usize::from(source)).expect("a source is declared before its first record");
        let before = *mark;
        if Some(at) <= before {
            return false;
        }
        *mark = Some(at);
        // Unless it was the last one, another source holds the side where it is.
        if before > self.side {
            return false;
        }
        let side = smallest(&self.marks);
        let rose = side > self.side;
        self.side = side;
        rose
    }

    /// Raises every source to `at`, if it is lower. Returns whether the side rose.
    pub(super) fn raise_all(&mut self, at: EventTime) -> bool {
        for mark in &mut self.marks {
            *mark = (*mark).max(Some(at));
        }
        let rose = Some(at) > self.side;
        self.side = self.side.max(Some(at));
        rose
    }
}

/// `None`, which is before every time, as long as one source has none.
fn smallest(marks: &[Option<EventTime>]) -> Option<EventTime> {
    marks.iter().copied().min().flatten()
}
