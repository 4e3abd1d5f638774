//! Between which edges does a number lie, without asking most of them?
//!
//! The span of the edges is cut into 64 equal steps, and each step knows which edges lie in it; a number is compared with
//! those of its own step only. That is exact: the step is a monotone function, rounding included, so an edge in an
//! earlier step is smaller than the number and one in a later step is larger. Skewed features crowd their edges into few
//! steps and are searched there by halving, as all of them would be without a guide.

const STEPS: usize = 64;

/// The steps of one list of edges. 81 bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Guide {
    low: f64,
    factor: f64,
    /// `starts[step]` edges lie in earlier steps.
    starts: [u8; STEPS + 1],
}

impl Guide {
    /// The guide for rising edges, at most 255 of them.
    pub(super) fn new(edges: &[f64]) -> Self {
        let (low, high) = (edges.first().copied().unwrap_or(0.0), edges.last().copied().unwrap_or(0.0));
        let factor = STEPS as f64 / (high - low);
        // A span that a double cannot hold, or none: everything lies in the first step.
        let factor = if factor.is_finite() && (high - low).is_finite() { factor } else { 0.0 };
        let mut guide = Self { low, factor, starts: [0; STEPS + 1] };
        for step in 0..=STEPS {
            let earlier = edges.iter().filter(|&&edge| guide.step(edge) < step).count();
            guide.starts[step] = earlier as u8;
        }
        guide
    }

    #[inline]
    fn step(&self, x: f64) -> usize {
        // A cast saturates: numbers below the first edge lie in the first step.
        (((x - self.low) * self.factor) as usize).min(STEPS - 1)
    }

    /// How many of `edges` are at or below `x`.
    #[inline]
    pub(super) fn edges_up_to(&self, x: f64, edges: &[f64]) -> usize {
        let step = self.step(x);
        let (start, end) = (usize::from(self.starts[step]), usize::from(self.starts[step + 1]));
        start + edges[start..end].partition_point(|&edge| edge <= x)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_guided_search_finds_what_a_search_of_all_edges_finds(
            mut edges in proptest::collection::vec(prop_oneof![
                any::<f64>().prop_filter("finite", |x| x.is_finite()),
                -10.0..10.0_f64,
                (0..50_i32).prop_map(f64::from),
            ], 1..200),
            numbers in proptest::collection::vec(prop_oneof![any::<f64>().prop_filter("finite", |x| x.is_finite()), -12.0..60.0_f64], 0..50),
        ) {
            edges.sort_by(f64::total_cmp);
            edges.dedup();
            let guide = Guide::new(&edges);
            let near = edges.iter().flat_map(|edge| [*edge, edge.next_up(), edge.next_down()]);
            for x in numbers.into_iter().chain(near).filter(|x| x.is_finite()) {
                prop_assert_eq!(guide.edges_up_to(x, &edges), edges.partition_point(|&edge| edge <= x), "{}", x);
            }
        }
    }
}
