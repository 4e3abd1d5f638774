//! Which datum of an Avro object container file comes next?
//!
//! Avro 1.12, "Object Container Files": a header with the schema, then blocks of data between sync markers. Every
//! length is bounded before memory is taken. A broken header, length or marker ends the file, because nothing after
//! it can be trusted; a broken datum ends its block, because only reading a datum says where the next one starts.

use std::fmt::Write as _;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

use super::error::SourceError;
use crate::decode::{Broken, Decoder, ObjectMapping, Target, WriterSchema};
use crate::event::{Reject, RejectReason};

/// The most bytes of a block, packed or not.
const MAX_BLOCK_BYTES: usize = 64 << 20;
/// The most bytes of one entry of the header; the schema is one.
const MAX_HEADER_BYTES: usize = 16 << 20;
/// The most entries of the header.
const MAX_HEADER_ENTRIES: u64 = 1_024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    Null,
    Deflate,
    Zstandard,
}

/// An open container. Memory: one block, packed and unpacked.
pub(super) struct Container {
    input: Box<dyn BufRead + Send>,
    path: String,
    /// Bytes read so far.
    at: u64,
    schema: Arc<WriterSchema>,
    codec: Codec,
    sync: [u8; 16],
    packed: Vec<u8>,
    block: Vec<u8>,
    /// The next datum of the block.
    next: usize,
    /// Data of the block not yet read.
    left: u64,
    /// The datum that broke the block, if one did.
    broken: Option<u64>,
    /// The number of the datum last read, from 1.
    pub(super) number: u64,
}

/// What came next.
pub(super) enum Next {
    Record,
    Rejected(Reject),
    End,
}

impl Container {
    /// Reads the header.
    pub(super) fn open(input: Box<dyn BufRead + Send>, path: &str) -> Result<Self, SourceError> {
        let mut header = Header { input, path, at: 0 };
        if header.bytes(4, "the magic number")? != *b"Obj\x01" {
            return Err(header.corrupt("the file does not start with the magic number of an Avro container (Obj 1)"));
        }
        let (mut schema, mut codec) = (None, Codec::Null);
        let mut entries = 0;
        loop {
            let count = header.long("the header")?;
            if count == 0 {
                break;
            }
            if count < 0 {
                header.long("the header")?;
            }
            entries += count.unsigned_abs();
            if entries > MAX_HEADER_ENTRIES {
                return Err(header.corrupt(&format!("{entries} header entries; at most {MAX_HEADER_ENTRIES}")));
            }
            for _ in 0..count.unsigned_abs() {
                let key = header.prefixed()?;
                let value = header.prefixed()?;
                match key.as_slice() {
                    b"avro.schema" => schema = Some(value),
                    b"avro.codec" => codec = codec_named(&value, path)?,
                    _ => {}
                }
            }
        }
        let sync = header.bytes(16, "the sync marker")?;
        let schema = schema.ok_or_else(|| header.corrupt("the header has no avro.schema"))?;
        let text = String::from_utf8(schema).map_err(|_| header.corrupt("the schema is not UTF-8"))?;
        let schema =
            WriterSchema::parse(&text).map_err(|source| SourceError::Schema { path: path.to_owned(), source })?;
        Ok(Self {
            at: header.at,
            input: header.input,
            path: path.to_owned(),
            schema: Arc::new(schema),
            codec,
            sync: sync.try_into().expect("sixteen bytes were read"),
            packed: Vec::new(),
            block: Vec::new(),
            next: 0,
            left: 0,
            broken: None,
            number: 0,
        })
    }

    /// Reads the next datum into `into`.
    pub(super) fn next<T: Target>(
        &mut self,
        decoder: &mut Decoder,
        mapping: Option<&ObjectMapping>,
        into: &mut T,
    ) -> Result<Next, SourceError> {
        while self.left == 0 {
            if !self.next_block()? {
                return Ok(Next::End);
            }
        }
        self.left -= 1;
        self.number += 1;
        if let Some(first) = self.broken {
            let detail = format!("the record stands behind record {first} of its block, whose end cannot be found");
            return Ok(Next::Rejected(Reject::new(RejectReason::Malformed, detail)));
        }
        match decoder.first_datum(&self.schema, mapping, &self.block[self.next..], into) {
            Ok(length) => {
                self.next += length;
                Ok(Next::Record)
            }
            Err(Broken { reject, length: Some(length) }) => {
                self.next += length;
                Ok(Next::Rejected(reject))
            }
            Err(Broken { mut reject, length: None }) => {
                self.broken = Some(self.number);
                if self.left > 0 {
                    let behind = self.left;
                    let _ = write!(reject.detail, "; {behind} records of its block stand behind it");
                }
                Ok(Next::Rejected(reject))
            }
        }
    }

    /// Reads a block; `false` at the end of the file.
    fn next_block(&mut self) -> Result<bool, SourceError> {
        if self.broken.is_none() && self.next < self.block.len() {
            let rest = self.block.len() - self.next;
            return Err(self.corrupt(self.at, &format!("{rest} bytes follow the last record of the block")));
        }
        self.broken = None;
        self.next = 0;
        self.block.clear();
        let start = self.at;
        let at_end = self.input.fill_buf().map(<[u8]>::is_empty);
        if at_end.map_err(|source| self.failed(source))? {
            return Ok(false);
        }
        let count = self.block_long(start)?;
        let size = self.block_long(start)?;
        let size = usize::try_from(size).ok().filter(|&size| size <= MAX_BLOCK_BYTES).ok_or_else(|| {
            self.corrupt(start, &format!("a block of {size} bytes; accepted: 0 to {MAX_BLOCK_BYTES}"))
        })?;
        self.packed.clear();
        let read = (&mut self.input).take(size as u64).read_to_end(&mut self.packed);
        let read = read.map_err(|source| self.failed(source))?;
        self.at += read as u64;
        let mut sync = [0; 16];
        if read < size || self.input.read_exact(&mut sync).is_err() {
            return Err(self.corrupt(start, "the file ends inside a block; it was cut, or is still being written"));
        }
        self.at += 16;
        if sync != self.sync {
            return Err(self.corrupt(self.at - 16, "the sync marker after the block is not the header's"));
        }
        self.unpack().map_err(|error| self.corrupt(start, &format!("the block cannot be unpacked: {error}")))?;
        // A record takes at least one byte, so a larger count is a lie that could keep the reader busy for ever.
        self.left = u64::try_from(count)
            .ok()
            .filter(|&count| count <= self.block.len() as u64)
            .ok_or_else(|| self.corrupt(start, &format!("{count} records in a block of {} bytes", self.block.len())))?;
        Ok(true)
    }

    fn unpack(&mut self) -> io::Result<()> {
        let limit = MAX_BLOCK_BYTES as u64 + 1;
        match self.codec {
            Codec::Null => std::mem::swap(&mut self.block, &mut self.packed),
            Codec::Deflate => {
                flate2::read::DeflateDecoder::new(self.packed.as_slice()).take(limit).read_to_end(&mut self.block)?;
            }
            Codec::Zstandard => {
                zstd::stream::read::Decoder::with_buffer(self.packed.as_slice())?
                    .take(limit)
                    .read_to_end(&mut self.block)?;
            }
        }
        if self.block.len() > MAX_BLOCK_BYTES {
            return Err(io::Error::other(format!("more than {MAX_BLOCK_BYTES} bytes")));
        }
        Ok(())
    }

    fn block_long(&mut self, start: u64) -> Result<i64, SourceError> {
        match read_long(&mut self.input, &mut self.at) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(self.corrupt(start, "a number of more than 64 bits")),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.corrupt(start, "the file ends inside a block; it was cut, or is still being written"))
            }
            Err(source) => Err(self.failed(source)),
        }
    }

    fn failed(&self, source: io::Error) -> SourceError {
        SourceError::Read { path: self.path.clone(), byte: self.at, source }
    }

    fn corrupt(&self, byte: u64, what: &str) -> SourceError {
        SourceError::Corrupt { path: self.path.clone(), byte, what: what.to_owned() }
    }
}

fn codec_named(name: &[u8], path: &str) -> Result<Codec, SourceError> {
    match name {
        b"null" => Ok(Codec::Null),
        b"deflate" => Ok(Codec::Deflate),
        b"zstandard" => Ok(Codec::Zstandard),
        other => Err(SourceError::Unsupported {
            path: path.to_owned(),
            what: format!("the codec '{}'", String::from_utf8_lossy(other).chars().take(40).collect::<String>()),
            accepted: "the codecs null, deflate and zstandard",
        }),
    }
}

/// The header while it is read.
struct Header<'p> {
    input: Box<dyn BufRead + Send>,
    path: &'p str,
    at: u64,
}

impl Header<'_> {
    fn bytes(&mut self, length: usize, what: &str) -> Result<Vec<u8>, SourceError> {
        let mut bytes = Vec::new();
        let read =
            (&mut self.input).take(length as u64).read_to_end(&mut bytes).map_err(|source| self.failed(source))?;
        if read < length {
            return Err(self.corrupt(&format!("the file ends inside {what}")));
        }
        self.at += read as u64;
        Ok(bytes)
    }

    fn long(&mut self, what: &str) -> Result<i64, SourceError> {
        match read_long(&mut self.input, &mut self.at) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(self.corrupt("a number of more than 64 bits")),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.corrupt(&format!("the file ends inside {what}")))
            }
            Err(source) => Err(self.failed(source)),
        }
    }

    fn prefixed(&mut self) -> Result<Vec<u8>, SourceError> {
        let length = self.long("the header")?;
        match usize::try_from(length) {
            Ok(length) if length <= MAX_HEADER_BYTES => self.bytes(length, "the header"),
            _ => Err(self.corrupt(&format!("a header entry of {length} bytes; accepted: 0 to {MAX_HEADER_BYTES}"))),
        }
    }

    fn failed(&self, source: io::Error) -> SourceError {
        SourceError::Read { path: self.path.to_owned(), byte: self.at, source }
    }

    fn corrupt(&self, what: &str) -> SourceError {
        SourceError::Corrupt { path: self.path.to_owned(), byte: self.at, what: what.to_owned() }
    }
}

/// A zigzag integer; `None` if it has more than 64 bits.
fn read_long(input: &mut dyn BufRead, at: &mut u64) -> io::Result<Option<i64>> {
    let mut raw = 0_u64;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        input.read_exact(&mut byte)?;
        *at += 1;
        let part = u64::from(byte[0] & 0x7f);
        if shift == 63 && part > 1 {
            return Ok(None);
        }
        raw |= part << shift;
        if byte[0] & 0x80 == 0 {
            return Ok(Some((raw >> 1) as i64 ^ -((raw & 1) as i64)));
        }
    }
    Ok(None)
}
