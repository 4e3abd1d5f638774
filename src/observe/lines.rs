//! How do cells of eight integers each lie in one cache line?
//!
//! A label touches one cell of each feature, in a window that was not touched for a while. A cell that lies across two
//! lines costs two misses. Vectors start anywhere, so a few integers are left out in front.

use std::ops::{Deref, DerefMut};

/// Integers of a cache line.
pub(super) const LINE: usize = 8;

/// Integers of which the first starts a cache line.
#[derive(Debug)]
pub(super) struct Lines {
    data: Vec<i64>,
    skip: usize,
    length: usize,
}

impl Lines {
    /// So many zeros.
    pub(super) fn zeros(length: usize) -> Self {
        let data = vec![0; length + LINE - 1];
        let skip = (data.as_ptr().addr() / size_of::<i64>()).wrapping_neg() % LINE;
        Self { data, skip, length }
    }
}

impl Deref for Lines {
    type Target = [i64];

    #[inline]
    fn deref(&self) -> &[i64] {
        &self.data[self.skip..self.skip + self.length]
    }
}

impl DerefMut for Lines {
    #[inline]
    fn deref_mut(&mut self) -> &mut [i64] {
        &mut self.data[self.skip..self.skip + self.length]
    }
}

impl Clone for Lines {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.length);
        copy.copy_from_slice(self);
        copy
    }
}

impl PartialEq for Lines {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_integer_starts_a_line_and_a_copy_is_equal() {
        for length in [0, 1, 7, 8, 9, 10_000] {
            let mut lines = Lines::zeros(length);
            for (place, sum) in lines.iter_mut().enumerate() {
                *sum = place as i64;
            }
            let copy = lines.clone();
            assert_eq!(copy, lines);
            for some in [&lines, &copy] {
                assert_eq!(some.len(), length);
                assert_eq!(some.as_ptr().addr() % (LINE * size_of::<i64>()), 0);
                assert!(some.iter().copied().eq(0..length as i64));
            }
        }
    }
}
