//! How is what changes while one looks written for a person: moments, lengths of time, sizes?

use crate::event::EventTime;
use crate::report::number;

/// A moment to the second: what changes while one looks.
pub(super) fn second(micros: i64) -> String {
    EventTime::from_micros_unchecked(micros - micros.rem_euclid(1_000_000)).rfc3339()
}

/// A length of time in the one or two largest units that say something.
pub(super) fn rough(micros: i64) -> String {
    if micros < 0 {
        return format!("−{}", rough(-micros));
    }
    if micros < 1_000_000 {
        return if micros >= 1_000 { format!("{} ms", micros / 1_000) } else { format!("{micros} µs") };
    }
    let seconds = micros / 1_000_000;
    if seconds < 10 && micros % 1_000_000 >= 100_000 {
        return format!("{seconds}.{} s", micros % 1_000_000 / 100_000);
    }
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let place = units.iter().position(|(size, _)| seconds >= *size).unwrap_or(3);
    let (size, name) = units[place];
    let first = format!("{} {name}", seconds / size);
    match units.get(place + 1).map(|(smaller, name)| (seconds % size / smaller, name)) {
        Some((rest, name)) if rest > 0 => format!("{first} {rest} {name}"),
        _ => first,
    }
}

/// Bytes in the largest unit that keeps a whole number.
pub(super) fn size(bytes: f64) -> String {
    let units = [(f64::from(1 << 30), "GiB"), (f64::from(1 << 20), "MiB"), (1024.0, "KiB")];
    let found = units.into_iter().find(|(size, _)| bytes >= *size);
    found.map_or_else(|| format!("{bytes} B"), |(size, name)| format!("{} {name}", number::plain(bytes / size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_sizes_are_written_in_units_that_say_something() {
        for (micros, text) in [
            (5, "5 µs"),
            (5_000, "5 ms"),
            (1_250_000, "1.2 s"),
            (9_000_000, "9 s"),
            (61_000_000, "1 min 1 s"),
            (60_000_000, "1 min"),
            (90_000_000_000, "1 d 1 h"),
            (-61_000_000, "−1 min 1 s"),
        ] {
            assert_eq!(rough(micros), text);
        }
        assert_eq!(size(512.0), "512 B");
        assert_eq!(size(1_572_864.0), "1.5 MiB");
    }
}
