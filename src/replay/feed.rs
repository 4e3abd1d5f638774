//! What can be replayed? Anything that gives one record after the other.

use crate::decode::Decoder;
use crate::event::{Inference, Label, Position};
use crate::ingest::{Source, SourceError, Step};

/// A source of predictions or labels: a file, standard input, a partition of a topic, or a story.
pub trait Feed {
    /// Reads the next prediction.
    ///
    /// # Errors
    /// When the source itself cannot be read; a bad record is a step.
    fn next_inference(&mut self, decoder: &mut Decoder, into: &mut Inference) -> Result<Step, SourceError>;

    /// Reads the next label.
    ///
    /// # Errors
    /// As [`Feed::next_inference`].
    fn next_label(&mut self, decoder: &mut Decoder, into: &mut Label) -> Result<Step, SourceError>;

    /// Where the record just returned stands.
    fn position(&self) -> Position;

    /// The name of the source.
    fn name(&self) -> &str;

    /// Bytes read so far.
    fn bytes_read(&self) -> u64;

    /// How far it has come, in the unit in which the whole replay measures its way: bytes, or offsets of topics.
    fn progress(&self) -> u64 {
        self.bytes_read()
    }

    /// The key of the record just returned, where records have keys of their own.
    fn key(&self) -> Option<&[u8]> {
        None
    }

    /// For a source that can be opened at any place: the place of the record just returned, and the place after it.
    /// `None` for one that is read from its beginning.
    fn offsets(&self) -> Option<(i64, i64)> {
        None
    }
}

impl Feed for Source {
    fn next_inference(&mut self, decoder: &mut Decoder, into: &mut Inference) -> Result<Step, SourceError> {
        Self::next_inference(self, decoder, into)
    }

    fn next_label(&mut self, decoder: &mut Decoder, into: &mut Label) -> Result<Step, SourceError> {
        Self::next_label(self, decoder, into)
    }

    fn position(&self) -> Position {
        Self::position(self)
    }

    fn name(&self) -> &str {
        Self::name(self)
    }

    fn bytes_read(&self) -> u64 {
        Self::bytes_read(self)
    }
}
