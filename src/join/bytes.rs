//! How do numbers lie in the bytes of a journal and of a mark?
//!
//! Fixed widths little endian; whole numbers that are mostly small as base-128 varints, signed ones folded to unsigned
//! before. Reading never panics and never allocates more than the bytes could hold.

use crate::event::{EventTime, LAST_ROW};

/// Bytes that are no journal and no mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {what}")]
pub struct Damaged {
    /// Where, counted from the start of the bytes given.
    pub at: usize,
    /// What is wrong there, and what would be accepted.
    pub what: &'static str,
}

pub(super) fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

pub(super) fn put_signed(bytes: &mut Vec<u8>, value: i64) {
    put_varint(bytes, ((value << 1) ^ (value >> 63)) as u64);
}

/// 0, or 1 and the time.
pub(super) fn put_time(bytes: &mut Vec<u8>, time: Option<EventTime>) {
    bytes.push(u8::from(time.is_some()));
    if let Some(time) = time {
        bytes.extend_from_slice(&time.micros().to_le_bytes());
    }
}

/// Reads from the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(super) const fn damaged(&self, what: &'static str) -> Damaged {
        Damaged { at: self.at, what }
    }

    pub(super) fn slice(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let rest = &self.bytes[self.at..];
        let slice = rest.get(..length).ok_or(self.damaged("the bytes end inside an entry"))?;
        self.at += length;
        Ok(slice)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let mut array = [0; N];
        array.copy_from_slice(self.slice(N)?);
        Ok(array)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Damaged> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn varint(&mut self) -> Result<u64, Damaged> {
        let start = *self;
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part {
                break;
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(start.damaged("a whole number of more than 64 bits"))
    }

    /// A varint that fits a smaller number.
    pub(super) fn number<T: TryFrom<u64>>(&mut self) -> Result<T, Damaged> {
        let start = *self;
        T::try_from(self.varint()?).map_err(|_| start.damaged("a whole number that is too large for its field"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, Damaged> {
        let folded = self.varint()?;
        Ok((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }

    /// An event time; adding any span to it cannot overflow.
    pub(super) fn moment(&mut self) -> Result<EventTime, Damaged> {
        let start = *self;
        let micros = i64::from_le_bytes(self.array()?);
        if micros.unsigned_abs() > FARTHEST {
            return Err(start.damaged("a time more than 100,000 years away"));
        }
        Ok(EventTime::from_micros_unchecked(micros))
    }

    pub(super) fn time(&mut self) -> Result<Option<EventTime>, Damaged> {
        let start = *self;
        match self.byte()? {
            0 => Ok(None),
            1 => self.moment().map(Some),
            _ => Err(start.damaged("neither 0 nor 1 before a time")),
        }
    }
}

/// The number of a row of a request.
pub(super) fn row_number(reader: &mut Reader<'_>) -> Result<u32, Damaged> {
    let start = *reader;
    let row = reader.number()?;
    if row > LAST_ROW { Err(start.damaged("a row of a request beyond 4,095")) } else { Ok(row) }
}

/// In microseconds. Records lie within 220 years; watermarks and floors differ from them by spans of a century.
const FARTHEST: u64 = 100_000 * 366 * 86_400 * 1_000_000;
