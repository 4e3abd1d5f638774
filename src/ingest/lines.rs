//! Which line comes next?
//!
//! Lines end with `\n`, `\r\n` or the file. Blank lines are passed over; a byte order mark at the start of the file
//! is too. A line above the limit is passed over without being held.

use std::io::{self, BufRead, Read};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of one input. Memory: one line, at most the limit.
pub(super) struct Lines {
    input: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    /// The number of the line last read, from 1.
    pub(super) number: u64,
}

/// What came next.
pub(super) enum Line<'a> {
    /// A line, without its end.
    Whole(&'a [u8]),
    /// A line of more bytes than the limit.
    TooLong,
    /// The end of the input.
    End,
}

impl Lines {
    pub(super) fn new(input: Box<dyn BufRead + Send>) -> Self {
        Self { input, line: Vec::new(), number: 0 }
    }

    /// The next line that is not blank.
    pub(super) fn next(&mut self, limit: usize) -> io::Result<Line<'_>> {
        // Two more for the line's end, three for a byte order mark.
        let room = limit.saturating_add(5) as u64;
        loop {
            self.line.clear();
            let length = (&mut self.input).take(room).read_until(b'\n', &mut self.line)?;
            if length == 0 {
                return Ok(Line::End);
            }
            self.number += 1;
            if self.line.last() != Some(&b'\n') && length as u64 == room {
                self.input.skip_until(b'\n')?;
                return Ok(Line::TooLong);
            }
            if self.number == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
                self.line.drain(..BYTE_ORDER_MARK.len());
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        Ok(Line::Whole(line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_are_those_of_a_plain_split(bytes in "[ab \r\n]{0,60}", buffer in 1_usize..20) {
            let mut expected = Vec::new();
            for (number, line) in bytes.split('\n').enumerate() {
                let line = line.strip_suffix('\r').unwrap_or(line);
                if !line.trim_ascii().is_empty() {
                    expected.push((number as u64 + 1, line.to_owned()));
                }
            }
            let mut lines = Lines::new(Box::new(BufReader::with_capacity(buffer, Cursor::new(bytes.clone()))));
            let mut found = Vec::new();
            loop {
                let line = match lines.next(100).unwrap() {
                    Line::Whole(line) => String::from_utf8(line.to_vec()).unwrap(),
                    Line::TooLong => panic!("no line has a hundred bytes"),
                    Line::End => break,
                };
                found.push((lines.number, line));
            }
            prop_assert_eq!(found, expected);
        }
    }
}
