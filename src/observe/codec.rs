//! How are sums written as bytes?
//!
//! Format 1, then each block as number, version and sparse pairs (gap, value) in variable-length integers, ended by a
//! zero gap; then the samples. Equal sums give equal bytes. A block of an unknown number or version is an error, not
//! a guess. Damaged bytes are an error, never a panic.

use std::sync::Arc;

use super::layout::Layout;
use super::sample::{BottomK, Event};
use super::sums::Sums;
use crate::event::{EventTime, RequestKey};

const FORMAT: u8 = 1;

/// Bytes that are no sums.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// They end too early.
    #[error("the bytes end in the middle of {0}")]
    Truncated(&'static str),
    /// They hold something else.
    #[error("{what} is {found}; accepted: {accepted}")]
    Unexpected {
        /// What was read.
        what: &'static str,
        /// What it was.
        found: u64,
        /// What would do.
        accepted: u64,
    },
    /// A text is not UTF-8.
    #[error("a text of a sample is not UTF-8")]
    Text,
}

impl Sums {
    /// Appends the bytes of these sums.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        let (data, named, kept) = self.parts();
        bytes.push(FORMAT);
        for block in self.layout().blocks() {
            bytes.push(block.statistic as u8);
            bytes.push(block.statistic.version());
            put(bytes, block.length as u64);
            let mut gap = 0_u64;
            for &value in &data[block.range()] {
                gap += 1;
                if value != 0 {
                    put(bytes, gap);
                    put(bytes, zigzag(value));
                    gap = 0;
                }
            }
            put(bytes, 0);
        }
        for sample in named {
            put_sample(bytes, sample.as_deref());
        }
        put_sample(bytes, Some(kept));
    }

    /// Reads sums of `layout`; the rest of the bytes stays in `bytes`.
    pub fn decode(bytes: &mut &[u8], layout: &Arc<Layout>) -> Result<Self, CodecError> {
        expect("the format", u64::from(take_byte(bytes)?), u64::from(FORMAT))?;
        let mut sums = Self::new(layout.clone());
        let features = layout.features();
        let (data, named, kept) = sums.parts_mut();
        for block in layout.blocks() {
            expect("a statistic", u64::from(take_byte(bytes)?), block.statistic as u64)?;
            expect("a version", u64::from(take_byte(bytes)?), u64::from(block.statistic.version()))?;
            expect("a block's length", take(bytes)?, block.length as u64)?;
            let mut place = 0_u64;
            loop {
                let gap = take(bytes)?;
                if gap == 0 {
                    break;
                }
                place = place.saturating_add(gap);
                if place > block.length as u64 {
                    return Err(CodecError::Unexpected {
                        what: "a place",
                        found: place,
                        accepted: block.length as u64,
                    });
                }
                data[block.start + place as usize - 1] = unzigzag(take(bytes)?);
            }
        }
        for sample in named.iter_mut().take(features) {
            let events = take_sample(bytes, Self::named_limit())?;
            *sample = (!events.is_empty()).then(|| Box::new(events));
        }
        *kept = take_sample(bytes, kept.limit())?;
        Ok(sums)
    }
}

fn put_sample(bytes: &mut Vec<u8>, sample: Option<&BottomK>) {
    put(bytes, sample.map_or(0, BottomK::len) as u64);
    for (key, event) in sample.into_iter().flat_map(BottomK::iter) {
        bytes.extend_from_slice(&key.bits().to_le_bytes());
        put(bytes, u64::from(event.row));
        put(bytes, zigzag(event.time.micros()));
        bytes.extend_from_slice(&event.score.to_bits().to_le_bytes());
        for part in [event.request_id.as_bytes(), event.value.as_bytes(), &event.codes] {
            put(bytes, part.len() as u64);
            bytes.extend_from_slice(part);
        }
    }
}

fn take_sample(bytes: &mut &[u8], limit: usize) -> Result<BottomK, CodecError> {
    let count = take(bytes)?;
    if count > limit as u64 {
        return Err(CodecError::Unexpected { what: "the size of a sample", found: count, accepted: limit as u64 });
    }
    let mut sample = BottomK::new(limit);
    for _ in 0..count {
        let key = RequestKey::from_bits(u128::from_le_bytes(take_array(bytes)?));
        let row = take(bytes)? as u32;
        let time = EventTime::from_micros_unchecked(unzigzag(take(bytes)?));
        let score = f64::from_bits(u64::from_le_bytes(take_array(bytes)?));
        let request_id = String::from_utf8(take_bytes(bytes)?.to_vec()).map_err(|_| CodecError::Text)?;
        let value = String::from_utf8(take_bytes(bytes)?.to_vec()).map_err(|_| CodecError::Text)?;
        let codes = take_bytes(bytes)?.to_vec();
        sample.insert(key, Event { request_id, row, time, score, value, codes });
    }
    Ok(sample)
}

fn expect(what: &'static str, found: u64, accepted: u64) -> Result<(), CodecError> {
    if found == accepted { Ok(()) } else { Err(CodecError::Unexpected { what, found, accepted }) }
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Result<u64, CodecError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(bytes)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(CodecError::Unexpected { what: "the length of an integer", found: 11, accepted: 10 })
}

fn take_byte(bytes: &mut &[u8]) -> Result<u8, CodecError> {
    let (&first, rest) = bytes.split_first().ok_or(CodecError::Truncated("an integer"))?;
    *bytes = rest;
    Ok(first)
}

fn take_array<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], CodecError> {
    let (array, rest) = bytes.split_first_chunk().ok_or(CodecError::Truncated("a sample"))?;
    *bytes = rest;
    Ok(*array)
}

fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], CodecError> {
    let length = take(bytes)? as usize;
    let (part, rest) = bytes.split_at_checked(length).ok_or(CodecError::Truncated("a text"))?;
    *bytes = rest;
    Ok(part)
}
