//! How does a record that was written anew say where it came from, and how far its source had come?
//!
//! Each partition of an input is a source with an order of its own, by which its records are late or not. Written anew,
//! its records lie on many partitions. So each of them says where it stood and the largest event time of its source
//! before it, and beside them go watermark records, which tell every partition how far each source has come. With both,
//! a partition that has seen a part of a source's records judges them as if it had seen all.

use std::fmt::Write as _;

use crate::event::EventTime;
use crate::event::wire::{WireError, expect, put, put_time, take, take_byte, take_time};

/// The header of a record that was written anew: topic, partition, offset, and the largest event time before it.
pub(super) const ORIGIN: &str = "truthline-source";
/// The header of a watermark record. Headers of the user are not written anew, so no record of the user has it.
pub(super) const WATERMARK: &str = "truthline-watermark";

/// The format of a watermark record.
pub(super) const FORMAT: u8 = 1;
/// The most sources that one can tell of.
const MOST: u64 = 65_536;

/// Where a record stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The partition of the input: the number of the source.
    pub(super) partition: u16,
    /// The offset there.
    pub(super) offset: i64,
    /// The largest event time of the source before it, as far as its writer knows: since it began.
    pub(super) before: Option<EventTime>,
}

impl Origin {
    /// Writes the header's text.
    pub(super) fn write(&self, topic: &str, into: &mut String) {
        into.clear();
        // Writing to a text cannot fail.
        let _ = write!(into, "{topic} {} {}", self.partition, self.offset);
        if let Some(before) = self.before {
            let _ = write!(into, " {}", before.micros());
        }
    }

    /// Reads it; `None` if it is none.
    pub(super) fn parse(header: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(header).ok()?.split(' ');
        let _topic = words.next()?;
        let partition = words.next()?.parse().ok()?;
        let offset = words.next()?.parse().ok()?;
        let before = words.next().map(str::parse).transpose().ok()?;
        if words.next().is_some() {
            return None;
        }
        Some(Self { partition, offset, before: before.map(EventTime::from_micros_unchecked) })
    }
}

/// How far a source has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// Its number.
    pub(super) source: u16,
    /// Its largest event time, as far as is known.
    pub(super) furthest: Option<EventTime>,
    /// The time on the clock, less the out-of-orderness, if it is caught up and has been silent for long.
    pub(super) idle: Option<EventTime>,
}

/// Writes the value of a watermark record.
pub(super) fn put_standings(bytes: &mut Vec<u8>, standings: &[Standing]) {
    bytes.clear();
    bytes.push(FORMAT);
    put(bytes, standings.len() as u64);
    for standing in standings {
        put(bytes, standing.source.into());
        put_time(bytes, standing.furthest);
        put_time(bytes, standing.idle);
    }
}

/// Reads it.
///
/// # Errors
/// When it is damaged or of another release.
pub(super) fn take_standings(mut bytes: &[u8], mut hear: impl FnMut(Standing)) -> Result<(), WireError> {
    let bytes = &mut bytes;
    expect("the format of a watermark record", take_byte(bytes)?.into(), FORMAT.into())?;
    let count = take(bytes)?;
    if count > MOST {
        return Err(WireError::Unexpected { what: "the number of sources", found: count, accepted: MOST });
    }
    for _ in 0..count {
        let source = take(bytes)?;
        let source = u16::try_from(source).map_err(|_| WireError::Unexpected {
            what: "the number of a source",
            found: source,
            accepted: MOST - 1,
        })?;
        hear(Standing { source, furthest: take_time(bytes)?, idle: take_time(bytes)? });
    }
    expect("what follows a watermark record", bytes.len() as u64, 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_origin_is_read_as_it_was_written(partition: u16, offset in 0_i64.., before: Option<i32>) {
            let before = before.map(|micros| EventTime::from_micros_unchecked(i64::from(micros) * 1_000_003));
            let origin = Origin { partition, offset, before };
            let mut text = String::from("what was there before");
            origin.write("some.topic-1_x", &mut text);
            prop_assert_eq!(Origin::parse(text.as_bytes()), Some(origin));
        }

        #[test]
        fn standings_are_read_as_they_were_written(raw: Vec<(u16, Option<i32>, Option<i32>)>) {
            let time = |micros: Option<i32>| micros.map(|micros| EventTime::from_micros_unchecked(micros.into()));
            let standings: Vec<Standing> = raw.into_iter()
                .map(|(source, furthest, idle)| Standing { source, furthest: time(furthest), idle: time(idle) }).collect();
            let mut bytes = vec![7, 7];
            put_standings(&mut bytes, &standings);
            let mut heard = Vec::new();
            prop_assert_eq!(take_standings(&bytes, |standing| heard.push(standing)), Ok(()));
            prop_assert_eq!(heard, standings);
        }

        #[test]
        fn damaged_bytes_are_no_panic(mut bytes: Vec<u8>) {
            let _ = Origin::parse(&bytes);
            let _ = take_standings(&bytes, drop);
            bytes.insert(0, FORMAT);
            let _ = take_standings(&bytes, drop);
        }
    }

    #[test]
    fn what_is_no_origin_is_none() {
        for text in ["", "t", "t 1", "t 1 2 3 4", "t x 2", "t 1 2 x", "t 70000 2", "t  1 2"] {
            assert_eq!(Origin::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
