//! How are numbers, texts and times written as bytes, for topics that only truthline reads?
//!
//! Variable-length integers (seven bits a byte, lowest first), signed ones in zigzag, texts with their length before
//! them. Equal values give equal bytes. Damaged bytes are an error, never a panic and never a large allocation.

use super::EventTime;

/// Bytes that are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
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
    /// An integer does not fit.
    #[error("an integer is too large for its field")]
    Large,
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    Text,
}

/// Appends an unsigned integer.
#[inline]
pub fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Appends a signed integer.
#[inline]
pub fn put_signed(bytes: &mut Vec<u8>, value: i64) {
    put(bytes, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends bytes with their length.
pub fn put_bytes(bytes: &mut Vec<u8>, part: &[u8]) {
    put(bytes, part.len() as u64);
    bytes.extend_from_slice(part);
}

/// Appends a time that may be missing.
pub fn put_time(bytes: &mut Vec<u8>, time: Option<EventTime>) {
    bytes.push(u8::from(time.is_some()));
    if let Some(time) = time {
        put_signed(bytes, time.micros());
    }
}

/// Takes an unsigned integer from the front.
///
/// # Errors
/// When the bytes end, or hold no integer of 64 bits.
#[inline]
pub fn take(bytes: &mut &[u8]) -> Result<u64, WireError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(bytes)?;
        let part = u64::from(byte & 0x7f);
        if part << shift >> shift != part {
            break;
        }
        value |= part << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(WireError::Large)
}

/// Takes an unsigned integer that fits a smaller type.
///
/// # Errors
/// As [`take`], and when it does not fit.
pub fn take_number<T: TryFrom<u64>>(bytes: &mut &[u8]) -> Result<T, WireError> {
    T::try_from(take(bytes)?).map_err(|_| WireError::Large)
}

/// Takes a signed integer from the front.
///
/// # Errors
/// As [`take`].
#[inline]
pub fn take_signed(bytes: &mut &[u8]) -> Result<i64, WireError> {
    let value = take(bytes)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

/// Takes one byte from the front.
///
/// # Errors
/// When there is none.
#[inline]
pub fn take_byte(bytes: &mut &[u8]) -> Result<u8, WireError> {
    let (&first, rest) = bytes.split_first().ok_or(WireError::Truncated("an integer"))?;
    *bytes = rest;
    Ok(first)
}

/// Takes `N` bytes from the front.
///
/// # Errors
/// When there are fewer.
pub fn take_array<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], WireError> {
    let (array, rest) = bytes.split_first_chunk().ok_or(WireError::Truncated("a field of fixed size"))?;
    *bytes = rest;
    Ok(*array)
}

/// Takes bytes that have their length before them.
///
/// # Errors
/// When there are fewer.
pub fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], WireError> {
    let length = take(bytes)? as usize;
    let (part, rest) = bytes.split_at_checked(length).ok_or(WireError::Truncated("a text"))?;
    *bytes = rest;
    Ok(part)
}

/// Takes a text.
///
/// # Errors
/// As [`take_bytes`], and when it is not UTF-8.
pub fn take_text<'a>(bytes: &mut &'a [u8]) -> Result<&'a str, WireError> {
    std::str::from_utf8(take_bytes(bytes)?).map_err(|_| WireError::Text)
}

/// Takes a time that may be missing.
///
/// # Errors
/// As [`take`].
pub fn take_time(bytes: &mut &[u8]) -> Result<Option<EventTime>, WireError> {
    match take_byte(bytes)? {
        0 => Ok(None),
        1 => Ok(Some(EventTime::from_micros_unchecked(take_signed(bytes)?))),
        found => Err(WireError::Unexpected { what: "whether a time follows", found: found.into(), accepted: 1 }),
    }
}

/// Refuses a value that is not the accepted one.
///
/// # Errors
/// When the two differ.
pub const fn expect(what: &'static str, found: u64, accepted: u64) -> Result<(), WireError> {
    if found == accepted { Ok(()) } else { Err(WireError::Unexpected { what, found, accepted }) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_put_is_taken(value: u64, signed: i64, text: String, time: Option<i32>) {
            let time = time.map(|time| EventTime::from_micros_unchecked(time.into()));
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            put_signed(&mut bytes, signed);
            put_bytes(&mut bytes, text.as_bytes());
            put_time(&mut bytes, time);
            let rest = &mut &bytes[..];
            prop_assert_eq!(take(rest), Ok(value));
            prop_assert_eq!(take_signed(rest), Ok(signed));
            prop_assert_eq!(take_text(rest), Ok(&*text));
            prop_assert_eq!(take_time(rest), Ok(time));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn a_number_fits_its_type_or_is_refused(value: u64) {
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            let small: Result<u16, _> = take_number(&mut &bytes[..]);
            prop_assert_eq!(small, u16::try_from(value).map_err(|_| WireError::Large));
            // Two bits more than there is room for.
            bytes = vec![0xff; 9];
            bytes.push(0x02 | value as u8 & 0x7c);
            prop_assert_eq!(take(&mut &bytes[..]), Err(WireError::Large));
        }

        #[test]
        fn damaged_bytes_never_panic(bytes: Vec<u8>) {
            let mut rest = &bytes[..];
            while !rest.is_empty() && take(&mut rest).is_ok() && take_text(&mut rest).is_ok() && take_time(&mut rest).is_ok() {}
        }
    }
}
