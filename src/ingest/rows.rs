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
