//! Has a figure moved little by little, with its windows as witnesses, and is that more than one step?
//!
//! A weighted straight line through the figures of windows. How much windows differ is taken from what the line leaves,
//! so nothing need be known of it beforehand: the slope over its error follows Student's law. Windows that remember each
//! other count for fewer: with a correlation r between neighbours n windows are worth n (1 - r) / (1 + r) (Bartlett 1935),
//! and the correlation found in what a line leaves is too small by about (2 + 4 r) / n (Kendall 1954). A step is no trend: the line
//! must leave less than the best two levels do, which have one more number to choose.

use super::tails::beta_lower;

/// Fewer windows say nothing.
pub const LEAST_WINDOWS: usize = 20;
/// Windows on each side of a step.
const SIDE: usize = 3;
/// No more memory than this is believed.
const MOST_MEMORY: f64 = 0.95;

/// The figure of one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When, in windows.
    pub at: f64,
    /// The figure.
    pub value: f64,
    /// The inverse of its variance, up to a factor: most often the number of events.
    pub weight: f64,
}

/// A line through windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Change of the line from the first window to the last.
    pub change: f64,
    /// Standard error of the change.
    pub error: f64,
    /// Degrees of freedom, at least 1.
    pub degrees: f64,
    /// Whether the line says more than the best single step.
    pub is_gradual: bool,
}

impl Trend {
    /// The line through these windows, in the order of time; `None` with fewer than [`LEAST_WINDOWS`], or all at one time.
    pub fn of(points: &[Point]) -> Option<Self> {
        let windows = points.len();
        let total: f64 = points.iter().map(|point| point.weight).sum();
        if windows < LEAST_WINDOWS || !points.iter().all(|point| point.weight > 0.0 && point.value.is_finite()) {
            return None;
        }
        let mean = |of: &dyn Fn(&Point) -> f64| points.iter().map(|p| p.weight * of(p)).sum::<f64>() / total;
        let (at, value) = (mean(&|p| p.at), mean(&|p| p.value));
        let spread = points.iter().map(|p| p.weight * (p.at - at) * (p.at - at)).sum::<f64>();
        let span = points.last()?.at - points.first()?.at;
        if spread <= 0.0 || span <= 0.0 {
            return None;
        }
        let slope = points.iter().map(|p| p.weight * (p.at - at) * (p.value - value)).sum::<f64>() / spread;
        let left: Vec<f64> = points.iter().map(|p| p.weight.sqrt() * (p.value - value - slope * (p.at - at))).collect();
        let squares: f64 = left.iter().map(|x| x * x).sum();
        let memory = memory(&left, squares);
        let worth = (1.0 - memory) / (1.0 + memory);
        let degrees = ((windows - 2) as f64 * worth).max(1.0);
        let error = span * (squares / (windows - 2) as f64 / worth / spread).sqrt();
        Some(Self { change: slope * span, error, degrees, is_gradual: squares <= steps(points) })
    }

    /// The chance of a change of at least this size, in its own direction, where the truth is a change of `floor` that way.
    pub fn beyond(&self, floor: f64) -> f64 {
        let excess = libm::fabs(self.change) - floor;
        if self.error > 0.0 { student_sf(excess / self.error, self.degrees) } else { f64::from(excess <= 0.0) }
    }

    /// The smallest change that [`Trend::beyond`] would find at a level.
    pub fn smallest(&self, floor: f64, level: f64) -> f64 {
        let (mut low, mut high) = (0.0, 1e6);
        for _ in 0..80 {
            let middle = f64::midpoint(low, high);
            if student_sf(middle, self.degrees) > level { low = middle } else { high = middle }
        }
        floor + high * self.error
    }
}

/// The correlation of neighbours in what the line leaves, corrected for the line, and never below none.
fn memory(left: &[f64], squares: f64) -> f64 {
    if squares <= 0.0 {
        return 0.0;
    }
    let found = left.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / squares;
    (found + (2.0 + 4.0 * found) / left.len() as f64).clamp(0.0, MOST_MEMORY)
}

/// The least weighted sum of squares that two levels leave.
fn steps(points: &[Point]) -> f64 {
    let sums = |points: &[Point]| {
        let weight: f64 = points.iter().map(|p| p.weight).sum();
        let mean = points.iter().map(|p| p.weight * p.value).sum::<f64>() / weight;
        points.iter().map(|p| p.weight * (p.value - mean) * (p.value - mean)).sum::<f64>()
    };
    let left = |at: usize| sums(&points[..at]) + sums(&points[at..]);
    (SIDE..=points.len() - SIDE).map(left).fold(f64::INFINITY, f64::min)
}

/// P(T > t) of Student's law.
pub fn student_sf(t: f64, degrees: f64) -> f64 {
    let square = t * t;
    let half = 0.5 * beta_lower(0.5 * degrees, 0.5, degrees / (degrees + square), square / (degrees + square));
    if t >= 0.0 { half } else { 1.0 - half }
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{ContinuousCDF as _, StudentsT};

    use super::*;
    use crate::story::Chance;

    fn normal(chance: &mut Chance) -> f64 {
        (0..12).map(|_| chance.uniform()).sum::<f64>() - 6.0
    }

    /// Windows with a memory around a course.
    fn windows(chance: &mut Chance, count: usize, memory: f64, course: impl Fn(f64) -> f64) -> Vec<Point> {
        let mut state = normal(chance);
        let windows = (0..count).map(|n| {
            state = memory * state + (1.0 - memory * memory).sqrt() * normal(chance);
            let at = n as f64;
            Point { at, value: course(at) + state, weight: 1.0 }
        });
        windows.collect()
    }

    #[test]
    fn students_tail_is_that_of_another_library() {
        for degrees in [1.0, 2.5, 18.0, 88.0] {
            let law = StudentsT::new(0.0, 1.0, degrees).unwrap();
            for t in [-3.0, -0.5, 0.0, 0.7, 4.0, 12.0] {
                let (found, wanted) = (student_sf(t, degrees), law.sf(t));
                assert!((found - wanted).abs() <= 1e-9 * wanted.max(1e-12), "{degrees} {t}: {found} {wanted}");
            }
        }
    }

    #[test]
    fn a_line_without_noise_is_found_exactly() {
        let points: Vec<Point> =
            (0..20).map(|n| Point { at: f64::from(n), value: 3.0 - 0.5 * f64::from(n), weight: 2.0 }).collect();
        let trend = Trend::of(&points).unwrap();
        assert!((trend.change + 9.5).abs() < 1e-12 && trend.error < 1e-6 && trend.is_gradual, "{trend:?}");
        assert!(trend.beyond(1.0) < 1e-12 && trend.beyond(10.0) > 0.99);
        assert!(Trend::of(&points[..19]).is_none());
    }

    #[test]
    fn where_nothing_moves_alarms_keep_to_the_level_also_with_memory() {
        const RUNS: usize = 20_000;
        const LEVEL: f64 = 0.001;
        for (memory, most) in [(0.0, 1.0), (0.3, 1.5), (0.6, 3.0)] {
            let mut chance = Chance::new(7);
            let beyond = (0..RUNS).filter(|_| {
                let trend = Trend::of(&windows(&mut chance, 40, memory, |_| 0.0)).unwrap();
                trend.is_gradual && trend.beyond(0.0) <= 0.5 * LEVEL
            });
            // Two-sided, so half the level on each side. A memory that has to be estimated costs a stated factor.
            let expected = RUNS as f64 * LEVEL * most;
            let found = beyond.count() as f64;
            assert!(found <= expected + 4.0 * expected.sqrt(), "{memory}: {found} of {expected}");
        }
    }

    #[test]
    fn slow_changes_are_gradual_and_steps_are_not() {
        let mut chance = Chance::new(3);
        let (mut slow, mut sudden) = (0, 0);
        for _ in 0..200 {
            let line = Trend::of(&windows(&mut chance, 60, 0.0, |at| 0.1 * at)).unwrap();
            slow += usize::from(line.is_gradual && line.beyond(1.0) < 1e-4);
            let step = Trend::of(&windows(&mut chance, 60, 0.0, |at| if at < 35.0 { 0.0 } else { 4.0 })).unwrap();
            sudden += usize::from(step.is_gradual);
        }
        assert!(slow > 190 && sudden == 0, "{slow} {sudden}");
    }
}
