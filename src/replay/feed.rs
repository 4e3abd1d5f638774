//! What can be replayed? Anything that gives one record after the other.

use crate::decode::Decoder;
use crate::event::{Inference, Label, Position};
use crate::ingest::{Source, SourceError, Step};

/// A source of predictions or labels: a file, standard input, or a story.
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
