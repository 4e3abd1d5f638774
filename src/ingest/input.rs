//! Where do the bytes come from, and how many were read?

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::SourceError;

/// Bytes a buffer holds; a file has one, a compressed file two.
const BUFFER_BYTES: usize = 256 << 10;

/// How the records of a file are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    JsonLines,
    Csv,
    Avro,
}

/// An open file or standard input, decompressed.
pub(super) struct Input {
    pub(super) layout: Layout,
    pub(super) bytes: Box<dyn BufRead + Send>,
    /// Bytes of the file read so far, before decompression.
    pub(super) read: Arc<AtomicU64>,
    /// Bytes of the file, where it has a size.
    pub(super) total: Option<u64>,
}

#[derive(Clone, Copy)]
enum Packing {
    None,
    Gzip,
    Zstd,
}

const ACCEPTED: &str =
    ".jsonl, .ndjson, .json or .csv (each also with .gz or .zst), .avro, or - for JSON Lines on standard input";

impl Input {
    /// Opens `path`; `-` is standard input. The extension says how it is read.
    pub(super) fn open(path: &str) -> Result<Self, SourceError> {
        let failed = |source| SourceError::Open { path: path.to_owned(), source };
        if path == "-" {
            let read = Arc::new(AtomicU64::new(0));
            let counted = Counted { inner: io::stdin(), read: Arc::clone(&read) };
            let bytes = Box::new(BufReader::with_capacity(BUFFER_BYTES, counted));
            return Ok(Self { layout: Layout::JsonLines, bytes, read, total: None });
        }
        let (layout, packing) = kind(path)?;
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if about.is_dir() {
            return Err(failed(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let read = Arc::new(AtomicU64::new(0));
        let counted = Counted { inner: file, read: Arc::clone(&read) };
        let plain = BufReader::with_capacity(BUFFER_BYTES, counted);
        let bytes: Box<dyn BufRead + Send> = match packing {
            Packing::None => Box::new(plain),
            Packing::Gzip => {
                Box::new(BufReader::with_capacity(BUFFER_BYTES, flate2::bufread::MultiGzDecoder::new(plain)))
            }
            Packing::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(plain).map_err(failed)?;
                Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
            }
        };
        // A pipe or a device says zero.
        let total = about.is_file().then_some(about.len());
        Ok(Self { layout, bytes, read, total })
    }
}

fn kind(path: &str) -> Result<(Layout, Packing), SourceError> {
    let unsupported =
        |what: &str| SourceError::Unsupported { path: path.to_owned(), what: what.to_owned(), accepted: ACCEPTED };
    let name = path.to_ascii_lowercase();
    let (stem, packing) = if let Some(stem) = name.strip_suffix(".gz") {
        (stem, Packing::Gzip)
    } else if let Some(stem) = name.strip_suffix(".zst") {
        (stem, Packing::Zstd)
    } else {
        (name.as_str(), Packing::None)
    };
    let extension = stem.rsplit(['/', '\\']).next().and_then(|file| file.rsplit_once('.')).map(|(_, last)| last);
    let layout = match extension {
        Some("jsonl" | "ndjson" | "json") => Layout::JsonLines,
        Some("csv") => Layout::Csv,
        Some("avro") if matches!(packing, Packing::None) => Layout::Avro,
        Some("avro") => return Err(unsupported("an Avro file that is compressed as a whole")),
        Some("parquet") => return Err(unsupported("Parquet (this build has no reader for it)")),
        Some(other) => return Err(unsupported(&format!("the extension '.{other}'"))),
        None => return Err(unsupported("a file without an extension")),
    };
    Ok((layout, packing))
}

/// Counts what passes through.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.inner.read(into) {
                Ok(length) => {
                    self.read.fetch_add(length as u64, Ordering::Relaxed);
                    return Ok(length);
                }
                // A signal came; nothing is lost.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
