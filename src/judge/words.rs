//! How are numbers said to a person on call?

use crate::event::EventTime;

/// A share as a percentage with two or three figures.
pub fn percent(share: f64) -> String {
    let x = share * 100.0;
    if (99.95..100.0).contains(&x) {
        return "over 99.9 %".to_owned();
    }
    let digits = match x.abs() {
        y if y >= 10.0 => 1,
        y if y >= 1.0 => 2,
        y if y >= 0.001 => 3,
        y if y > 0.0 => return "under 0.001 %".to_owned(),
        _ => 0,
    };
    format!("{} %", trim(&format!("{x:.digits$}")))
}

/// A number with about three figures.
pub fn amount(x: f64) -> String {
    let digits = match x.abs() {
        y if y >= 100.0 => 0,
        y if y >= 10.0 => 1,
        y if y >= 1.0 => 2,
        y if y >= 0.1 => 3,
        y if y >= 0.001 => 4,
        y if y > 0.0 => return format!("{x:.1e}"),
        _ => 0,
    };
    trim(&format!("{x:.digits$}")).to_owned()
}

/// A count with its thousands apart.
pub(super) fn many(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A bound of a range with four figures; whole numbers as they are.
pub(super) fn bound(x: f64) -> String {
    let size = x.abs();
    if size.total_cmp(&libm::floor(size)).is_eq() && size < 1e15 {
        return format!("{x}");
    }
    if !(1e-4..1e15).contains(&size) {
        return format!("{x:.3e}");
    }
    // Four figures: the leading one stands at the power of ten of the number.
    let digits = (3 - libm::floor(libm::log10(size)) as i32).max(0) as usize;
    trim(&format!("{x:.digits$}")).to_owned()
}

/// A share of so many: "2.5 % of 4,000", or "none of 4,000".
pub(super) fn out_of(share: f64, n: u64) -> String {
    if share > 0.0 { format!("{} of {}", percent(share), many(n)) } else { format!("none of {}", many(n)) }
}

/// A share, or "none".
pub(super) fn none_or(share: f64) -> String {
    if share > 0.0 { percent(share) } else { "none".to_owned() }
}

/// What a reference had of something: "on the baseline 5 % were", or "none was". `place` is where.
pub(super) fn before(place: &str, share: f64, verb: &str) -> String {
    if share > 0.0 { format!("{place} {} {verb}", percent(share)) } else { format!("{place} none was") }
}

/// The day of a moment in UTC: `17 Jan 2026`.
pub(super) fn day(time: EventTime) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = time.rfc3339();
    let date = text.split('T').next().unwrap_or_default();
    let mut parts = date.rsplitn(3, '-');
    let (day, month, year) = (parts.next(), parts.next(), parts.next());
    let month = month.and_then(|month| month.parse::<usize>().ok()).and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    match (day, month, year) {
        (Some(day), Some(month), Some(year)) => format!("{} {month} {year}", day.trim_start_matches('0')),
        _ => date.to_owned(),
    }
}

/// A sentence without its full stop, to be continued.
pub(super) fn open(sentence: &str) -> &str {
    sentence.trim_end().trim_end_matches('.')
}

/// A text with a capital first letter.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A text with a small first letter.
pub(super) fn small(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn trim(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_figures_as_a_person_reads() {
        let said: Vec<String> = [0.0, 0.000_001, 0.012_345, 0.5, 0.123_4, 1.0].into_iter().map(percent).collect();
        assert_eq!(said, ["0 %", "under 0.001 %", "1.23 %", "50 %", "12.3 %", "100 %"]);
        let said: Vec<String> = [0.0, 0.12, 12.34, 1234.0, 1e-9].into_iter().map(amount).collect();
        assert_eq!(said, ["0", "0.12", "12.3", "1234", "1.0e-9"]);
        assert_eq!([percent(0.999_7), percent(0.999)], ["over 99.9 %", "99.9 %"]);
        assert_eq!([many(7), many(1_234), many(1_000_000)], ["7", "1,234", "1,000,000"]);
        let said: Vec<String> =
            [12.0, 1_234_567.891, 0.123_456_789, -45.678_901, 1e300, 1e-9].into_iter().map(bound).collect();
        assert_eq!(said, ["12", "1234568", "0.1235", "-45.68", "1.000e300", "1.000e-9"]);
        assert_eq!(before("on the baseline", 0.0, "were"), "on the baseline none was");
    }

    #[test]
    fn a_day_is_said_in_utc() {
        let at = |text: &str| day(EventTime::from_rfc3339(text).unwrap());
        assert_eq!(at("2026-01-17T00:00:00Z"), "17 Jan 2026");
        assert_eq!(at("2026-03-01T00:30:00+01:00"), "28 Feb 2026");
    }
}
