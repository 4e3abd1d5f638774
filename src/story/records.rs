//! How is a story read? As a feed of records already written.

use crate::decode::{Decoder, Encoding};
use crate::event::{Inference, Label, Position};
use crate::ingest::{SourceError, Step};
use crate::replay::Feed;

/// Records in the order in which they were published: one buffer, cut by line ends.
#[derive(Clone, Debug, Default)]
pub struct Written {
    bytes: Vec<u8>,
    /// When each record was published, in microseconds since 1970.
    times: Vec<i64>,
}

impl Written {
    /// Appends one record that was published together with the one before.
    pub fn push(&mut self, record: &str) {
        self.push_at(self.times.last().copied().unwrap_or(0), record);
    }

    /// Appends one record, published at a moment in microseconds since 1970.
    pub fn push_at(&mut self, time: i64, record: &str) {
        self.times.push(time);
        self.bytes.extend_from_slice(record.as_bytes());
        self.bytes.push(b'\n');
    }

    /// The records as JSON Lines.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Each record with the moment at which it was published, in order.
    pub fn records(&self) -> impl Iterator<Item = (i64, &[u8])> {
        let lines = self.bytes.split(|&byte| byte == b'\n');
        self.times.iter().copied().zip(lines)
    }

    /// How many records there are.
    pub const fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.times.is_empty()
    }
}

/// A feed over written records.
#[derive(Clone, Debug)]
pub struct StoryFeed {
    name: &'static str,
    written: Written,
    read: usize,
    line: u64,
}

impl StoryFeed {
    /// A feed with a name.
    pub const fn new(name: &'static str, written: Written) -> Self {
        Self { name, written, read: 0, line: 0 }
    }

    fn next<'a>(written: &'a Written, read: &mut usize, line: &mut u64) -> Option<&'a [u8]> {
        let rest = &written.bytes[*read..];
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        *read += end + 1;
        *line += 1;
        Some(&rest[..end])
    }
}

impl Feed for StoryFeed {
    fn next_inference(&mut self, decoder: &mut Decoder, into: &mut Inference) -> Result<Step, SourceError> {
        let Some(record) = Self::next(&self.written, &mut self.read, &mut self.line) else { return Ok(Step::End) };
        Ok(decoder.inference(&Encoding::Json, record, into).map_or_else(Step::Rejected, |()| Step::Record))
    }

    fn next_label(&mut self, decoder: &mut Decoder, into: &mut Label) -> Result<Step, SourceError> {
        let Some(record) = Self::next(&self.written, &mut self.read, &mut self.line) else { return Ok(Step::End) };
        Ok(decoder.label(&Encoding::Json, record, into).map_or_else(Step::Rejected, |()| Step::Record))
    }

    fn position(&self) -> Position {
        Position { source: 0, partition: 0, offset: self.line }
    }

    fn name(&self) -> &str {
        self.name
    }

    fn bytes_read(&self) -> u64 {
        self.read as u64
    }
}
