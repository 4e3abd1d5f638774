//! How are sums written as bytes?
//!
//! Format 2, the number of blocks, then each block as number, version and sparse pairs (gap, value) in variable-length
//! integers, ended by a zero gap; then the samples. Equal sums give equal bytes. Blocks stand in the order of their
//! numbers; those that an older writer did not know are nothing, as are the integers that an older version of a block
//! did not have. Format 1 had no number of blocks: twelve. A block of an unknown number or version is an error, not a
//! guess. Damaged bytes are an error, never a panic.

use std::sync::Arc;

use super::layout::{Block, Layout};
use super::sample::{BottomK, Event};
use super::sums::Sums;
use crate::event::wire::{
    expect, put, put_bytes, put_signed, take, take_array, take_byte, take_bytes, take_signed, take_text,
};
use crate::event::{EventTime, RequestKey};

const FORMAT: u8 = 2;
/// What a writer wrote that knew twelve statistics.
const FIRST_FORMAT: u8 = 1;
const FIRST_BLOCKS: u64 = 12;

/// Bytes that are no sums.
pub use crate::event::wire::WireError as CodecError;

impl Sums {
    /// Appends the bytes of these sums.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.push(FORMAT);
        let blocks = self.layout().blocks();
        put(bytes, blocks.len() as u64);
        self.put_parts(bytes, blocks);
    }

    fn put_parts(&self, bytes: &mut Vec<u8>, blocks: &[Block]) {
        let (data, named, kept) = self.parts();
        for block in blocks {
            bytes.push(block.statistic as u8);
            bytes.push(block.statistic.version());
            put(bytes, block.length as u64);
            let mut gap = 0_u64;
            for &value in &data[block.range()] {
                gap += 1;
                if value != 0 {
                    put(bytes, gap);
                    put_signed(bytes, value);
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
        let blocks = match take_byte(bytes)? {
            FIRST_FORMAT => FIRST_BLOCKS,
            format => {
                expect("the format", u64::from(format), u64::from(FORMAT))?;
                take(bytes)?
            }
        };
        let (found, accepted) = (blocks, layout.blocks().len() as u64);
        if found > accepted {
            return Err(CodecError::Unexpected { what: "the number of statistics", found, accepted });
        }
        let mut sums = Self::new(layout.clone());
        let features = layout.features();
        let (data, named, kept) = sums.parts_mut();
        for block in layout.blocks().iter().take(blocks as usize) {
            expect("a statistic", u64::from(take_byte(bytes)?), block.statistic as u64)?;
            let version = take_byte(bytes)?;
            let length = block.statistic.older(version).unwrap_or(block.length);
            if length == block.length {
                expect("a version", u64::from(version), u64::from(block.statistic.version()))?;
            }
            expect("a block's length", take(bytes)?, length as u64)?;
            let mut place = 0_u64;
            loop {
                let gap = take(bytes)?;
                if gap == 0 {
                    break;
                }
                place = place.saturating_add(gap);
                if place > length as u64 {
                    return Err(CodecError::Unexpected { what: "a place", found: place, accepted: length as u64 });
                }
                data[block.start + place as usize - 1] = take_signed(bytes)?;
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
        put_signed(bytes, event.time.micros());
        bytes.extend_from_slice(&event.score.to_bits().to_le_bytes());
        for part in [event.request_id.as_bytes(), event.value.as_bytes(), &event.codes] {
            put_bytes(bytes, part);
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
        let time = EventTime::from_micros_unchecked(take_signed(bytes)?);
        let score = f64::from_bits(u64::from_le_bytes(take_array(bytes)?));
        let request_id = take_text(bytes)?.to_owned();
        let value = take_text(bytes)?.to_owned();
        let codes = take_bytes(bytes)?.to_vec();
        sample.insert(key, Event { request_id, row, time, score, value, codes });
    }
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Coding, Statistic, truth};

    #[test]
    fn what_an_older_release_wrote_reads_as_it_was() {
        let layout = Arc::new(Layout::new(&Coding::default()));
        let mut sums = Sums::new(layout.clone());
        sums.add_truth(truth::N, 300);
        let mut old = vec![FIRST_FORMAT];
        sums.put_parts(&mut old, &layout.blocks()[..FIRST_BLOCKS as usize]);
        // Labels had another version then, and fewer integers.
        let head = [Statistic::Truth as u8, Statistic::Truth.version(), truth::WIDTH as u8];
        let at = old.windows(3).position(|three| three == head).unwrap();
        old[at + 1..at + 3].copy_from_slice(&[1, 13]);
        let mut rest = old.as_slice();
        assert_eq!(Sums::decode(&mut rest, &layout), Ok(sums.clone()));
        assert!(rest.is_empty());
        // A statistic that only a later release knows is no guess.
        let mut new = Vec::new();
        sums.encode(&mut new);
        new[1] += 1;
        assert!(Sums::decode(&mut new.as_slice(), &layout).is_err());
        // Nor is a version: neither a later one, nor an older one with today's integers.
        for version in [0, 1, 3] {
            let mut bytes = Vec::new();
            sums.encode(&mut bytes);
            let at = bytes.windows(3).position(|three| three == head).unwrap();
            bytes[at + 1] = version;
            assert!(Sums::decode(&mut bytes.as_slice(), &layout).is_err(), "{version}");
        }
    }
}
