//! Which row of a CSV file comes next?
//!
//! RFC 4180 as `csv-core` reads it: quotes, doubled quotes, `\n` or `\r\n`. `csv-core` rather than `csv`, because a
//! row's memory must be bounded: an unclosed quote makes one row of the rest of the file.

use std::io::{self, BufRead};

use csv_core::ReadRecordResult;

use crate::decode::Cells;

/// The most cells a row may have.
const MAX_CELLS: usize = 1 << 16;

/// The rows of one input. Memory: one row, at most the limit and 65,536 cells.
pub(super) struct Rows {
    input: Box<dyn BufRead + Send>,
    core: csv_core::Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Line ends passed so far.
    passed: u64,
    /// The line on which the last row starts, from 1.
    pub(super) line: u64,
}

/// What came next.
pub(super) enum Row<'a> {
    /// A row.
    Whole(Cells<'a>),
    /// A row of more bytes than the limit, or more cells than anyone means.
    TooLong,
    /// The end of the input.
    End,
}

impl Rows {
    pub(super) fn new(input: Box<dyn BufRead + Send>) -> Self {
        let core = csv_core::Reader::new();
        Self { input, core, bytes: vec![0; 4 << 10], ends: vec![0; 128], passed: 0, line: 0 }
    }

    /// The next row that is not blank.
    pub(super) fn next(&mut self, limit: usize) -> io::Result<Row<'_>> {
        self.skip_line_ends()?;
        self.line = self.passed + 1;
        let (mut length, mut cells, mut too_long) = (0, 0, false);
        loop {
            let input = self.input.fill_buf()?;
            let (result, read, written, ended) =
                self.core.read_record(input, &mut self.bytes[length..], &mut self.ends[cells..]);
            self.passed += line_ends(&input[..read]);
            self.input.consume(read);
            length += written;
            cells += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.bytes.len() > limit => {
                    too_long = true;
                    length = 0;
                }
                ReadRecordResult::OutputFull => {
                    let larger = (self.bytes.len() * 2).min(limit.saturating_add(1));
                    self.bytes.resize(larger, 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() >= MAX_CELLS => {
                    too_long = true;
                    cells = 0;
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record if too_long => return Ok(Row::TooLong),
                ReadRecordResult::Record => {
                    return Ok(Row::Whole(Cells::new(&self.bytes[..length], &self.ends[..cells])));
                }
                ReadRecordResult::End => return Ok(Row::End),
            }
        }
    }

    /// Passes over blank lines and the second half of `\r\n`, so that the row's first line is known.
    fn skip_line_ends(&mut self) -> io::Result<()> {
        loop {
            let input = self.input.fill_buf()?;
            let blank = input.iter().take_while(|&&byte| matches!(byte, b'\r' | b'\n')).count();
            self.passed += line_ends(&input[..blank]);
            let more = blank > 0 && blank == input.len();
            self.input.consume(blank);
            if !more {
                return Ok(());
            }
        }
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    bytes.iter().map(|&byte| u64::from(byte == b'\n')).sum()
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor};

    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, buffer: usize) -> Vec<(u64, Vec<String>)> {
        let mut rows = Rows::new(Box::new(BufReader::with_capacity(buffer, Cursor::new(text.to_owned()))));
        let mut list = Vec::new();
        loop {
            let cells = match rows.next(1 << 20).unwrap() {
                Row::Whole(cells) => {
                    let cell = |number| String::from_utf8(cells.get(number).unwrap().to_vec()).unwrap();
                    (0..cells.len()).map(cell).collect()
                }
                Row::TooLong => panic!("short texts"),
                Row::End => return list,
            };
            list.push((rows.line, cells));
        }
    }

    proptest! {
        #[test]
        fn rows_are_those_of_the_csv_crate(text in "[ab,\"\n\r é]{0,40}", buffer in 1_usize..50) {
            let mut oracle = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let expected: Vec<Vec<String>> =
                oracle.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
            let found = read(&text, buffer);
            prop_assert_eq!(found.iter().map(|(_, cells)| cells.clone()).collect::<Vec<_>>(), expected);
            prop_assert!(found.iter().map(|(line, _)| *line).is_sorted());
        }

        #[test]
        fn a_row_stands_on_the_line_it_starts_on(parts in prop::collection::vec(0_usize..4, 1..12), buffer in 1_usize..50) {
            // Each part starts with its own line's number: one line, two lines in quotes, a blank one before it.
            let (mut text, mut line, mut expected) = (String::new(), 1_u64, Vec::new());
            for part in parts {
                if part == 2 {
                    text.push_str("\r\n");
                    line += 1;
                }
                expected.push((line, line.to_string()));
                text.push_str(&line.to_string());
                text.push_str([",x\n", ",\"x\ny\"\r\n", ",x\r\n", "\n"][part]);
                line += 1 + u64::from(part == 1);
            }
            let found: Vec<(u64, String)> = read(&text, buffer).into_iter().map(|(at, row)| (at, row[0].clone())).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
