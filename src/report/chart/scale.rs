//! Where on a chart does a value or a moment stand?
//!
//! Positions are fractions of the width or height, in [0, 1]; charts turn them into per cent, so that a chart fits any
//! screen without being drawn again. Whatever goes in, NaN and infinities too, a finite fraction comes out.

use crate::report::number;

/// A scale from values to [0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Linear {
    low: f64,
    high: f64,
}

impl Linear {
    /// The scale that holds all finite `values`, with a little air; [0, 1] when there are none.
    pub(crate) fn holding(values: impl IntoIterator<Item = f64>) -> Self {
        let mut low = f64::INFINITY;
        let mut high = f64::NEG_INFINITY;
        for value in values.into_iter().filter(|value| value.is_finite()) {
            // Beyond this a difference of two could overflow; no figure of use lies there.
            let value = value.clamp(-1e300, 1e300);
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            return Self { low: 0.0, high: 1.0 };
        }
        let air = ((high - low) * 0.08).max(low.abs().max(high.abs()) * 0.01).max(1e-9);
        // Shares and counts start at nought; air below it would be a place where nothing can be.
        let floor = if low >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
        Self { low: (low - air).max(floor), high: high + air }
    }

    /// The scale from `low` to `high`.
    pub(crate) fn between(low: f64, high: f64) -> Self {
        if low.is_finite() && high.is_finite() && low < high && (high - low).is_finite() {
            Self { low, high }
        } else {
            Self { low: 0.0, high: 1.0 }
        }
    }

    /// Where `value` stands; outside values stand at the edge.
    pub(crate) fn fraction(&self, value: f64) -> f64 {
        let fraction = (value - self.low) / (self.high - self.low);
        if fraction.is_finite() { fraction.clamp(0.0, 1.0) } else { f64::from(u8::from(value > self.low)) }
    }

    /// At most `most` round values inside the scale, lowest first.
    pub(crate) fn ticks(&self, most: usize) -> Vec<f64> {
        let span = self.high - self.low;
        let mut power = 1e-12;
        while power < span / 100.0 {
            power *= 10.0;
            if power > 1e290 {
                return vec![self.low, self.high];
            }
        }
        for factor in [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0] {
            let step = power * factor;
            let first = (self.low / step).ceil();
            let last = (self.high / step).floor();
            let number = last - first + 1.0;
            if number >= 1.0 && number <= most as f64 {
                return (0..number as u32).map(|k| (first + f64::from(k)) * step).collect();
            }
        }
        vec![self.low, self.high]
    }
}

/// A scale from event time to [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeAxis {
    start: i64,
    end: i64,
}

/// One mark of a time axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    /// Where.
    pub(crate) fraction: f64,
    /// What stands there.
    pub(crate) text: String,
}

impl TimeAxis {
    /// The axis from `start` to `end`; one hour long at least.
    pub(crate) fn new(start: i64, end: i64) -> Self {
        Self { start, end: end.max(start.saturating_add(3_600_000_000)) }
    }

    /// Where `time` stands; outside times stand at the edge.
    pub(crate) fn fraction(&self, time: i64) -> f64 {
        let length = (i128::from(self.end) - i128::from(self.start)).max(1);
        ((i128::from(time) - i128::from(self.start)) as f64 / length as f64).clamp(0.0, 1.0)
    }

    /// At most six round moments, with the hour where that is finer than days.
    pub(crate) fn ticks(&self) -> Vec<Tick> {
        const HOUR: i64 = 3_600_000_000;
        const DAY: i64 = 24 * HOUR;
        // 1970 began on a Thursday; weeks are marked on Mondays.
        const MONDAY: i64 = 4 * DAY;
        let steps = [HOUR / 4, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY];
        let longer = [28 * DAY, 84 * DAY, 364 * DAY, 3_640 * DAY, 36_400 * DAY];
        for step in steps.into_iter().chain(longer) {
            let origin = if step >= 7 * DAY { MONDAY } else { 0 };
            let length = i128::from(self.end) - i128::from(self.start);
            if length / i128::from(step) >= 6 {
                continue;
            }
            let first = i128::from(self.start.saturating_sub(origin)).div_euclid(i128::from(step));
            return (0..8)
                .map(|k| (first + k) * i128::from(step) + i128::from(origin))
                .filter_map(|time| i64::try_from(time).ok())
                .filter(|time| (self.start..=self.end).contains(time))
                .take(6)
                .map(|time| Tick { fraction: self.fraction(time), text: tick_text(time, step < DAY, length) })
                .collect();
        }
        Vec::new()
    }
}

fn tick_text(time: i64, by_hours: bool, length: i128) -> String {
    const DAY: i64 = 86_400_000_000;
    if by_hours && time.rem_euclid(DAY) != 0 {
        number::clock(time)
    } else if length > 400 * i128::from(DAY) {
        number::day(time)
    } else {
        number::short_day(time)
    }
}

/// A fraction as an attribute: `12.34%`.
pub(crate) fn percent(fraction: f64) -> String {
    let text = format!("{:.2}", fraction.clamp(0.0, 1.0) * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_value_has_a_place(values in prop::collection::vec(any::<f64>(), 0..6), other in any::<f64>()) {
            let scale = Linear::holding(values.iter().copied());
            for value in values.iter().copied().chain([other]) {
                prop_assert!((0.0..=1.0).contains(&scale.fraction(value)));
            }
            let ticks = scale.ticks(5);
            prop_assert!(ticks.len() <= 5 && ticks.iter().all(|tick| tick.is_finite()));
        }

        #[test]
        fn every_moment_has_a_place(a in any::<i64>(), b in any::<i64>(), c in any::<i64>()) {
            let axis = TimeAxis::new(a, b);
            prop_assert!((0.0..=1.0).contains(&axis.fraction(c)));
            prop_assert!(axis.ticks().len() <= 6);
        }
    }

    #[test]
    fn a_scale_keeps_the_order_and_marks_round_values() {
        let scale = Linear::holding([0.90, 0.93]);
        assert!(scale.fraction(0.91) < scale.fraction(0.92));
        let texts: Vec<String> = scale.ticks(4).into_iter().map(number::metric).collect();
        assert_eq!(texts, ["0.890", "0.900", "0.910", "0.920", "0.930"].map(String::from)[1..].to_vec());
    }
}
