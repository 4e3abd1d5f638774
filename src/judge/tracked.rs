//! What has changed since it was last written down?
//!
//! A sorted map that remembers which of its entries were handed out for change, and which of those written down have
//! gone since. What was never written down leaves no trace when it goes, so a judge that is never asked for a snapshot
//! keeps nothing for it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeBounds;

/// Where an entry stands towards what was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// Never written down.
    New,
    /// Written down as it is.
    Same,
    /// Written down, and perhaps changed since.
    Changed,
}

/// A sorted map that knows its changes. Bound: beside the entries, the keys that were written down and have gone since
/// the last snapshot.
#[derive(Clone, Debug)]
pub(super) struct Tracked<K, V> {
    entries: BTreeMap<K, (V, Mark)>,
    gone: BTreeSet<K>,
}

impl<K, V> Default for Tracked<K, V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), gone: BTreeSet::new() }
    }
}

impl<K: Ord + Clone, V> Tracked<K, V> {
    /// An entry to look at.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(value, _)| value)
    }

    /// An entry to change.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let (value, mark) = self.entries.get_mut(key)?;
        if *mark == Mark::Same {
            *mark = Mark::Changed;
        }
        Some(value)
    }

    /// An entry to change; it comes to be if it is not there.
    pub(super) fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        // An entry that comes back after it has gone is a change of what was written down.
        let mark = if self.gone.remove(&key) { Mark::Changed } else { Mark::New };
        let (value, mark) = self.entries.entry(key).or_insert_with(|| (make(), mark));
        if *mark == Mark::Same {
            *mark = Mark::Changed;
        }
        value
    }

    /// An entry as it was read from what is written down.
    pub(super) fn restore(&mut self, key: K, value: V) {
        self.entries.insert(key, (value, Mark::Same));
    }

    /// Takes an entry away.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let (value, mark) = self.entries.remove(key)?;
        if mark != Mark::New {
            self.gone.insert(key.clone());
        }
        Some(value)
    }

    /// The first entry.
    pub(super) fn first(&self) -> Option<(&K, &V)> {
        self.entries.first_key_value().map(|(key, (value, _))| (key, value))
    }

    /// Whether there is such an entry.
    pub(super) fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// All entries, sorted.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, (value, _))| (key, value))
    }

    /// The entries of a range of keys, sorted.
    pub(super) fn range(&self, keys: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.entries.range(keys).map(|(key, (value, _))| (key, value))
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Tells every entry that came, changed or went since the last time, which then counts as written down.
    pub(super) fn changes(&mut self, mut tell: impl FnMut(&K, Option<&V>)) {
        for key in std::mem::take(&mut self.gone) {
            tell(&key, None);
        }
        for (key, (value, mark)) in &mut self.entries {
            if *mark != Mark::Same {
                *mark = Mark::Same;
                tell(key, Some(value));
            }
        }
    }

    /// Counts everything as never written down.
    #[cfg(test)]
    pub(super) fn forget_written(&mut self) {
        self.gone.clear();
        self.entries.values_mut().for_each(|(_, mark)| *mark = Mark::New);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_changes_applied_one_after_the_other_are_the_map(
            steps in proptest::collection::vec((0..5_u8, 0..6_u8, any::<u8>()), 0..120)
        ) {
            let mut tracked: Tracked<u8, u8> = Tracked::default();
            let mut model: BTreeMap<u8, u8> = BTreeMap::new();
            let mut written: BTreeMap<u8, u8> = BTreeMap::new();
            for (what, key, value) in steps {
                match what {
                    0 => {
                        *tracked.get_or_insert_with(key, || value) = value;
                        model.insert(key, value);
                    }
                    1 => {
                        let found = tracked.get_mut(&key).map(|kept| *kept = value).is_some();
                        prop_assert_eq!(found, model.get_mut(&key).map(|kept| *kept = value).is_some());
                    }
                    2 => prop_assert_eq!(tracked.remove(&key), model.remove(&key)),
                    3 => prop_assert_eq!(tracked.get(&key), model.get(&key)),
                    _ => {
                        let mut wrong = Vec::new();
                        tracked.changes(|&key, value| {
                            let before = match value {
                                Some(&value) => written.insert(key, value),
                                None => written.remove(&key),
                            };
                            // What is the same, or was never written, is not told.
                            if before == value.copied() {
                                wrong.push(key);
                            }
                        });
                        prop_assert_eq!(&written, &model);
                        let touched_in_vain = wrong.iter().all(|key| model.contains_key(key));
                        prop_assert!(touched_in_vain, "told to remove what was never written: {:?}", wrong);
                        tracked.changes(|key, _| panic!("{key} was told twice"));
                    }
                }
                prop_assert_eq!(tracked.len(), model.len());
                prop_assert!(tracked.iter().map(|(&key, &value)| (key, value)).eq(model.clone()));
            }
        }
    }
}
