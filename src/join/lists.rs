//! Where are the labels of the rows that have several?
//!
//! Most rows have one label, and it lies in the row. The others have a list here, at most [`MAX_LABELS_PER_ROW`] long.

use rustc_hash::FxHashMap;

use super::row::Row;
use super::settle::{MAX_LABELS_PER_ROW, Told};
use super::store::Number;

/// Emptied lists that are kept for the next row with several labels.
const SPARE: usize = 1_024;

/// See the file's head.
#[derive(Default)]
pub(super) struct Lists {
    several: FxHashMap<Number, Vec<Told>>,
    spare: Vec<Vec<Told>>,
}

impl Lists {
    /// The labels of a row with several.
    pub(super) fn of(&self, number: Number) -> &[Told] {
        self.several.get(&number).expect("a row with several labels has their list")
    }

    /// Adds a label to a row's list, which begins with `first` if there was none.
    pub(super) fn add(&mut self, number: Number, first: Option<Told>, told: Told) -> &[Told] {
        let list = self.several.entry(number).or_insert_with(|| self.spare.pop().unwrap_or_default());
        debug_assert!(list.len() < MAX_LABELS_PER_ROW);
        list.extend(first);
        list.push(told);
        list
    }

    /// The row goes.
    #[inline]
    pub(super) fn give_back(&mut self, number: Number, row: &Row) {
        if row.has_many_labels() {
            self.give_back_list(number);
        }
    }

    #[cold]
    fn give_back_list(&mut self, number: Number) {
        let mut list = self.several.remove(&number).expect("a row with several labels has their list");
        list.clear();
        if self.spare.len() < SPARE {
            self.spare.push(list);
        }
    }

    /// Bytes that are allocated, estimated from above.
    pub(super) fn bytes(&self) -> usize {
        let list = size_of::<Vec<Told>>();
        let lists: usize = self.several.values().chain(&self.spare).map(|l| l.capacity() * size_of::<Told>()).sum();
        // A place of the map: number, list, one control byte, rounded up.
        self.several.capacity() * (list + 16) * 8 / 7 + self.spare.capacity() * list + lists
    }
}
