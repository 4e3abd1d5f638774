//! How is a story read? As a feed of records already written.

use crate::decode::{Decoder, Encoding};
use crate::event::{Inference, Label, Position};
use crate::ingest::{SourceError, Step};
use crate::replay::Feed;

/// Records in the order in which they were published: one buffer, cut by line ends.
#[derive(Clone, Debug, Default)]
pub struct Written {
    bytes: Vec<u8>,
}

impl Written {
    /// Appends one record.
    pub fn push(&mut self, record: &str) {
        self.bytes.extend_from_slice(record.as_bytes());
        self.bytes.push(b'\n');
    }

    /// The records as JSON Lines.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
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
