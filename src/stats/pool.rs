//! Which neighbouring bins stand together? Groups of about equal mass.
//!
//! Used where every group must hold enough to be averaged: calibration error over groups, displays. A group is closed
//! as soon as the mass up to its end reaches its share of the whole, so that a bin heavier than a share fills a group
//! alone and there may be fewer groups than asked for. No group is empty of mass, the groups are contiguous and cover
//! every bin, and the cut depends on the counts alone.

use std::ops::Range;

/// At most `groups` ranges of bins with about equal counts; none if nothing was counted.
pub fn equal_mass(counts: &[u64], groups: usize) -> Vec<Range<usize>> {
    let total: u128 = counts.iter().map(|&count| u128::from(count)).sum();
    let mut ranges = Vec::new();
    if total == 0 || groups == 0 {
        return ranges;
    }
    let (mut start, mut below, mut closed) = (0, 0_u128, 0_u128);
    for (bin, &count) in counts.iter().enumerate() {
        below += u128::from(count);
        // Where the next group ends: the share of the whole that the groups so far should hold.
        if below > closed && below * groups as u128 >= total * (reached(closed, total, groups) + 1) {
            ranges.push(start..bin + 1);
            start = bin + 1;
            closed = below;
        }
    }
    // Empty bins after the last mass belong to the last group.
    if let Some(last) = ranges.last_mut() {
        last.end = counts.len();
    }
    ranges
}

/// How many whole shares are closed already.
fn reached(closed: u128, total: u128, groups: usize) -> u128 {
    closed * groups as u128 / total
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_bins_fall_into_equal_groups() {
        assert_eq!(equal_mass(&[5; 20], 4), vec![0..5, 5..10, 10..15, 15..20]);
        assert_eq!(equal_mass(&[0, 0, 9, 0], 3), vec![0..4]);
        assert!(equal_mass(&[0, 0], 3).is_empty());
    }

    proptest! {
        #[test]
        fn groups_cover_everything_once_and_none_is_empty(
            counts in prop::collection::vec(0_u64..50, 1..80), groups in 1_usize..20,
        ) {
            let ranges = equal_mass(&counts, groups);
            prop_assert!(ranges.len() <= groups);
            prop_assert_eq!(ranges.is_empty(), counts.iter().sum::<u64>() == 0);
            let mut next = 0;
            for range in &ranges {
                prop_assert_eq!(range.start, next);
                prop_assert!(counts[range.clone()].iter().sum::<u64>() > 0);
                next = range.end;
            }
            prop_assert!(ranges.is_empty() || next == counts.len());
        }
    }
}
