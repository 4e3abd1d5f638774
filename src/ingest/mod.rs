//! Which record comes next, and where did it stand?
//!
//! The edge to files and standard input: bytes come from here, `decode` says what they mean. A [`Source`] holds one
//! record (or one Avro block) at a time, whatever the size of its file.

mod container;
mod error;
mod input;
mod lines;
mod rows;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::decode::{Cells, Decoder, Encoding, Limits, Mapping, ObjectMapping, Table, Target, too_large};
use crate::event::{BaselineRow, Inference, Label, Position, Reject};
use container::{Container, Next};
pub use error::SourceError;
use input::{Input, Layout};
use lines::{Line, Lines};
use rows::{Row, Rows};

/// What the next record was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A record; the struct holds it.
    Record,
    /// A record that cannot be used; the struct's content is undefined. The source can be read on.
    Rejected(Reject),
    /// There is no more.
    End,
}

/// One file, or standard input, being read.
pub struct Source {
    name: String,
    index: u16,
    format: Format,
    offset: u64,
    read: Arc<AtomicU64>,
    total: Option<u64>,
    /// Whether the table has what the records need; asked once.
    checked: bool,
}

enum Format {
    JsonLines(Lines, Option<ObjectMapping>),
    Csv(Box<(Rows, Table)>),
    /// A CSV file without even a header.
    Empty,
    Avro(Box<Container>, Option<ObjectMapping>),
}

impl Source {
    /// Opens `path`, or standard input (JSON Lines) for `-`. `index` is the source's number in the run.
    ///
    /// The extension says how it is read: `.jsonl`, `.ndjson` and `.json` (one object a line), `.csv`, each also with
    /// `.gz` or `.zst`, and `.avro`. `mapping` says what the columns (or top-level fields) are. Without one, JSON and
    /// Avro are records of the contract, and in CSV the columns named like its fields are those fields and all others
    /// are features.
    pub fn open(path: &str, index: u16, mapping: Option<&Mapping>) -> Result<Self, SourceError> {
        let Input { layout, bytes, read, total } = Input::open(path)?;
        let format = match layout {
            Layout::JsonLines => Format::JsonLines(Lines::new(bytes), objects(mapping, path)?),
            Layout::Avro => Format::Avro(Box::new(Container::open(bytes, path)?), objects(mapping, path)?),
            Layout::Csv => {
                let mut rows = Rows::new(bytes);
                let header = rows.next(Limits::default().record_bytes);
                match header.map_err(|source| failed(path, &read, source))? {
                    Row::Whole(cells) => {
                        let table = fit(mapping, cells, path)?;
                        Format::Csv(Box::new((rows, table)))
                    }
                    Row::TooLong => {
                        let what = "the header is longer than a record may be".to_owned();
                        return Err(SourceError::Corrupt { path: path.to_owned(), byte: 0, what });
                    }
                    Row::End => Format::Empty,
                }
            }
        };
        Ok(Self { name: path.to_owned(), index, format, offset: 0, read, total, checked: false })
    }

    /// Reads the next prediction.
    pub fn next_inference(&mut self, decoder: &mut Decoder, into: &mut Inference) -> Result<Step, SourceError> {
        self.next(decoder, into)
    }

    /// Reads the next truth.
    pub fn next_label(&mut self, decoder: &mut Decoder, into: &mut Label) -> Result<Step, SourceError> {
        self.next(decoder, into)
    }

    /// Reads the next row of a baseline.
    pub fn next_baseline(&mut self, decoder: &mut Decoder, into: &mut BaselineRow) -> Result<Step, SourceError> {
        self.next(decoder, into)
    }

    /// Where the record just returned stands: its line (in CSV its first one), or in Avro its number, from 1.
    pub fn position(&self) -> Position {
        Position { source: self.index, partition: 0, offset: self.offset }
    }

    /// The path as given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes of the file read so far, before decompression.
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes of the file; `None` for standard input and pipes.
    pub fn total_bytes(&self) -> Option<u64> {
        self.total
    }

    fn next<T: Target>(&mut self, decoder: &mut Decoder, into: &mut T) -> Result<Step, SourceError> {
        let limit = decoder.limits().record_bytes;
        let decoded = match &mut self.format {
            Format::Empty => return Ok(Step::End),
            Format::JsonLines(lines, mapping) => {
                check::<T>(&mut self.checked, mapping.as_ref(), &self.name, decoder)?;
                let line = lines.next(limit).map_err(|source| failed(&self.name, &self.read, source))?;
                let decoded = match line {
                    Line::Whole(bytes) => decoder.read(&Encoding::Json, mapping.as_ref(), bytes, into),
                    Line::TooLong => Err(too_large(limit)),
                    Line::End => return Ok(Step::End),
                };
                self.offset = lines.number;
                decoded
            }
            Format::Csv(open) => {
                let (rows, table) = &mut **open;
                if !self.checked {
                    table
                        .check::<T>(decoder.filled_in())
                        .map_err(|source| SourceError::Mapping { path: self.name.clone(), source })?;
                    self.checked = true;
                }
                let row = rows.next(limit).map_err(|source| failed(&self.name, &self.read, source))?;
                let decoded = match row {
                    Row::Whole(cells) => decoder.row(table, cells, into),
                    Row::TooLong => Err(too_large(limit)),
                    Row::End => return Ok(Step::End),
                };
                self.offset = rows.line;
                decoded
            }
            Format::Avro(container, mapping) => {
                check::<T>(&mut self.checked, mapping.as_ref(), &self.name, decoder)?;
                let next = container.next(decoder, mapping.as_ref(), into)?;
                let decoded = match next {
                    Next::Record => Ok(()),
                    Next::Rejected(reject) => Err(reject),
                    Next::End => return Ok(Step::End),
                };
                self.offset = container.number;
                decoded
            }
        };
        Ok(decoded.map_or_else(Step::Rejected, |()| Step::Record))
    }
}

fn failed(path: &str, read: &AtomicU64, source: io::Error) -> SourceError {
    SourceError::Read { path: path.to_owned(), byte: read.load(Ordering::Relaxed), source }
}

fn objects(mapping: Option<&Mapping>, path: &str) -> Result<Option<ObjectMapping>, SourceError> {
    let mapping = mapping.map(ObjectMapping::new).transpose();
    mapping.map_err(|source| SourceError::Mapping { path: path.to_owned(), source })
}

/// Asks once whether the mapping gives what the records need.
fn check<T: Target>(
    checked: &mut bool,
    mapping: Option<&ObjectMapping>,
    path: &str,
    decoder: &Decoder,
) -> Result<(), SourceError> {
    if let Some(mapping) = mapping
        && !std::mem::replace(checked, true)
    {
        mapping
            .check::<T>(decoder.filled_in())
            .map_err(|source| SourceError::Mapping { path: path.to_owned(), source })?;
    }
    Ok(())
}

fn fit(mapping: Option<&Mapping>, cells: Cells<'_>, path: &str) -> Result<Table, SourceError> {
    let mut header = Vec::with_capacity(cells.len());
    for number in 0..cells.len() {
        let name = std::str::from_utf8(cells.get(number).unwrap_or_default()).map_err(|_| SourceError::Corrupt {
            path: path.to_owned(),
            byte: 0,
            what: format!("the name of column {} is not UTF-8", number + 1),
        })?;
        header.push(name.trim());
    }
    Table::open(mapping, &header).map_err(|source| SourceError::Mapping { path: path.to_owned(), source })
}
