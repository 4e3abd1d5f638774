//! How is a number, a share or a time written for a person?
//!
//! Shares as per cent with as many digits as tell it from 0 and from 1, other figures with three or four digits that
//! count, times in UTC without seconds where seconds say nothing. What is not a finite number is written as a dash:
//! emptiness is never 0. Nothing here depends on the platform: the same number is the same text everywhere.

use crate::event::Span;

/// What stands where a figure abstains.
pub(crate) const NONE: &str = "–";

/// A thin space that does not break: between a number and its unit.
const THIN: char = '\u{202f}';

const DAY: i64 = 86_400_000_000;

/// How a figure is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Per cent.
    Share,
    /// A metric of about one: three decimals.
    Metric,
    /// Any number.
    Plain,
}

impl Unit {
    /// The text of a figure; a dash where there is none.
    pub(super) fn text(self, value: Option<f64>) -> String {
        match (value.filter(|v| v.is_finite()), self) {
            (None, _) => NONE.into(),
            (Some(value), Self::Share) => share(value),
            (Some(value), Self::Metric) => metric(value),
            (Some(value), Self::Plain) => plain(value),
        }
    }

    /// `low to high`, or nothing.
    pub(super) fn interval(self, interval: Option<[f64; 2]>) -> Option<String> {
        let [low, high] = interval.filter(|ends| ends.iter().all(|end| end.is_finite()))?;
        Some(format!("{} to {}", self.text(Some(low)), self.text(Some(high))))
    }
}

/// A whole number with its thousands set apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 alert`, `2 alerts`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number))
}

/// A share as per cent.
pub(super) fn share(value: f64) -> String {
    if !value.is_finite() {
        return NONE.into();
    }
    let exact = value * 100.0;
    if !exact.is_finite() {
        return NONE.into();
    }
    // A tick of an axis is a sum of steps and may miss its number by the last bits.
    let percent = if (exact - exact.round()).abs() < 1e-9 { exact.round() } else { exact };
    let inside = 0.0 < percent && percent < 100.0;
    let distance = if inside { percent.min(100.0 - percent) } else { percent.abs() };
    let text = if percent == 0.0 {
        "0".into()
    } else if inside && distance < 0.001 {
        (if percent < 50.0 { "< 0.001" } else { "> 99.999" }).into()
    } else if !(0.001..1e6).contains(&distance) {
        scientific(percent)
    } else {
        let digits = if distance >= 1.0 {
            1
        } else if distance >= 0.1 {
            2
        } else {
            3
        };
        trim_zeros(format!("{percent:.digits$}"))
    };
    format!("{text}{THIN}%")
}

/// A metric of about one.
pub(super) fn metric(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(0.001..1e4).contains(&size) { plain(value) } else { minus(format!("{value:.3}")) }
}

/// Any number, with about four digits that count.
pub(crate) fn plain(value: f64) -> String {
    if !value.is_finite() {
        return NONE.into();
    }
    let size = value.abs();
    if size == 0.0 {
        return "0".into();
    }
    if !(1e-4..1e9).contains(&size) {
        return scientific(value);
    }
    if size >= 1_000.0 {
        let sign = if value < 0.0 { "−" } else { "" };
        return format!("{sign}{}", count(size.round() as u64));
    }
    let digits = match size {
        s if s >= 100.0 => 1,
        s if s >= 10.0 => 2,
        s if s >= 0.1 => 3,
        s if s >= 0.01 => 4,
        _ => 5,
    };
    minus(trim_zeros(format!("{value:.digits$}")))
}

/// A factor: `1.26`, `11.9`.
pub(super) fn ratio(value: f64) -> String {
    if (0.01..10.0).contains(&value) { format!("{value:.2}") } else { plain((value * 10.0).round() / 10.0) }
}

/// `3 × 10⁻⁹`.
fn scientific(value: f64) -> String {
    let text = format!("{value:.1e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let raised: String = power
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            other => other.to_digit(10).and_then(|d| char::from_u32(0x2070 + d)).unwrap_or(other),
        })
        .collect();
    format!("{} × 10{raised}", minus(trim_zeros(digits.into())))
}

/// `p = 3 × 10⁻⁹`, in words where it is plainly large.
pub(super) fn p_value(value: f64) -> String {
    if !value.is_finite() {
        NONE.into()
    } else if value <= 0.0 {
        "below any number that can be written".into()
    } else {
        plain(value)
    }
}

fn trim_zeros(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

/// A true minus sign in place of the hyphen.
fn minus(mut text: String) -> String {
    if text.starts_with('-') {
        text.replace_range(..1, "−");
    }
    text
}

fn stamp(micros: i64, format: &str) -> String {
    jiff::Timestamp::from_microsecond(micros)
        .map_or_else(|_| format!("{micros} µs"), |stamp| stamp.strftime(format).to_string())
}

/// `19 Jan 2026`.
pub(super) fn day(micros: i64) -> String {
    stamp(micros, "%-d %b %Y")
}

/// `19 Jan`.
pub(super) fn short_day(micros: i64) -> String {
    stamp(micros, "%-d %b")
}

/// `14:30`.
pub(super) fn clock(micros: i64) -> String {
    stamp(micros, "%H:%M")
}

/// `19 Jan 2026` at midnight, else `19 Jan 2026, 14:30 UTC`.
pub(crate) fn moment(micros: i64) -> String {
    if micros.rem_euclid(DAY) == 0 { day(micros) } else { stamp(micros, "%-d %b %Y, %H:%M UTC") }
}

/// A window, by days where it is made of days.
pub(super) fn window(start: i64, end: i64) -> String {
    if start.rem_euclid(DAY) == 0 && end.rem_euclid(DAY) == 0 && end > start {
        let last = end - 1;
        return if end.saturating_sub(start) == DAY {
            day(start)
        } else {
            let year = |micros| stamp(micros, "%Y");
            let first = if year(start) == year(last) { short_day(start) } else { day(start) };
            format!("{first} to {}", day(last))
        };
    }
    if start.div_euclid(DAY) == end.saturating_sub(1).div_euclid(DAY) {
        return format!("{}, {} to {} UTC", day(start), clock(start), clock(end));
    }
    format!("{} to {}", moment(start), moment(end))
}

/// `1 hour`, `10 days`, `90 minutes`.
pub(crate) fn length(micros: i64) -> String {
    for (size, noun) in
        [(DAY, "day"), (Span::HOUR.micros(), "hour"), (60_000_000, "minute"), (1_000_000, "second"), (1, "microsecond")]
    {
        if micros >= size && micros % size == 0 {
            return counted((micros / size) as u64, noun);
        }
    }
    NONE.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_a_person_would_write_them() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(count(number), text);
        }
        for (value, text) in [
            (0.0, "0\u{202f}%"),
            (1.0, "100\u{202f}%"),
            (0.0642, "6.4\u{202f}%"),
            (0.0004, "0.04\u{202f}%"),
            (0.9996, "99.96\u{202f}%"),
            (1e-9, "< 0.001\u{202f}%"),
            (f64::NAN, NONE),
            (f64::INFINITY, NONE),
        ] {
            assert_eq!(share(value), text);
        }
        for (value, text) in
            [(0.5, "0.5"), (-0.25, "−0.25"), (1_234.4, "1,234"), (3e-9, "3 × 10⁻⁹"), (2.5e12, "2.5 × 10¹²")]
        {
            assert_eq!(plain(value), text);
        }
        assert_eq!(metric(0.9), "0.900");
    }

    #[test]
    fn times_are_utc_and_say_no_more_than_they_know() {
        let midnight = 1_768_780_800_000_000;
        assert_eq!(moment(midnight), "19 Jan 2026");
        assert_eq!(moment(midnight + 52_200_000_000), "19 Jan 2026, 14:30 UTC");
        assert_eq!(window(midnight, midnight + DAY), "19 Jan 2026");
        assert_eq!(window(midnight, midnight + 7 * DAY), "19 Jan to 25 Jan 2026");
        assert_eq!(window(midnight - 30 * DAY, midnight), "20 Dec 2025 to 18 Jan 2026");
        assert_eq!(window(midnight, midnight + 3_600_000_000), "19 Jan 2026, 00:00 to 01:00 UTC");
        assert_eq!(length(10 * DAY), "10 days");
        assert_eq!(length(3_600_000_000), "1 hour");
        assert_eq!(moment(i64::MAX), format!("{} µs", i64::MAX));
    }
}
