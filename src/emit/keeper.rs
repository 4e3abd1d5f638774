//! How does an interrupted replay find again what it had?
//!
//! Beside the `.part` files a folder holds a checkpoint, and the rows that wait for their labels in numbered files, one
//! for the time between two checkpoints; those that are outlived are removed. A checkpoint is written beside the one
//! before and takes its name when it is whole, after everything that it speaks of is on the disk. So at any moment the
//! folder holds one that can be gone on from, or none.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::EmitError;

const CHECKPOINT: &str = "checkpoint.part";
const NEXT: &str = "checkpoint-next.part";
const MAGIC: &[u8; 8] = b"tlcheck1";

/// A checkpoint as it was found: what its owner says of it, and the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// As JSON.
    pub head: String,
    /// The state, as its owner wrote it.
    pub body: Vec<u8>,
}

/// What a replay writes down to go on from.
pub struct Keeper {
    folder: PathBuf,
    /// The number of the file of rows that grows, and the file, once something is in it.
    number: u64,
    rows: Option<BufWriter<File>>,
}

fn rows_name(number: u64) -> String {
    format!("rows-{number:06}.part")
}

impl Keeper {
    /// A keeper whose next file of rows has this number. Files of rows with this number or a higher one go: no checkpoint
    /// speaks of them.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn open(folder: &Path, number: u64) -> Result<Self, EmitError> {
        let keeper = Self { folder: folder.to_owned(), number, rows: None };
        for found in keeper.numbers()? {
            if found >= number {
                keeper.forget_rows(found)?;
            }
        }
        Ok(keeper)
    }

    /// The checkpoints of a folder: the last whole one, and the one after it that was written and not named yet.
    ///
    /// # Errors
    /// When they are there and cannot be read.
    pub fn find(folder: &Path) -> Result<(Option<Kept>, Option<Kept>), EmitError> {
        let last = read(&folder.join(CHECKPOINT))?;
        Ok((last, read(&folder.join(NEXT)).unwrap_or(None)))
    }

    /// Removes every checkpoint and all rows.
    ///
    /// # Errors
    /// When a file is there and cannot be removed.
    pub fn clear(folder: &Path) -> Result<(), EmitError> {
        let keeper = Self { folder: folder.to_owned(), number: 0, rows: None };
        keeper.forget(CHECKPOINT)?;
        keeper.forget(NEXT)?;
        if folder.exists() {
            keeper.numbers()?.into_iter().try_for_each(|number| keeper.forget_rows(number))?;
        }
        Ok(())
    }

    /// Appends one record of the changelog of a task.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn row(&mut self, task: u32, record: &[u8]) -> Result<(), EmitError> {
        let path = self.folder.join(rows_name(self.number));
        let failed = |source| EmitError::Io { path: path.clone(), source };
        if self.rows.is_none() {
            self.rows = Some(BufWriter::with_capacity(1 << 18, File::create(&path).map_err(failed)?));
        }
        let Some(rows) = &mut self.rows else { return Ok(()) };
        let written = rows
            .write_all(&task.to_le_bytes())
            .and_then(|()| rows.write_all(&(record.len() as u32).to_le_bytes()))
            .and_then(|()| rows.write_all(record));
        written.map_err(failed)
    }

    /// Ends the file of rows that grows and gives its number; the next row begins another one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end_rows(&mut self) -> Result<Option<u64>, EmitError> {
        let Some(rows) = self.rows.take() else { return Ok(None) };
        let path = self.folder.join(rows_name(self.number));
        let ended = rows.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_data());
        ended.map_err(|source| EmitError::Io { path, source })?;
        self.number += 1;
        Ok(Some(self.number - 1))
    }

    /// Removes an outlived file of rows.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub fn forget_rows(&self, number: u64) -> Result<(), EmitError> {
        self.forget(&rows_name(number))
    }

    /// Reads a file of rows.
    ///
    /// # Errors
    /// When it cannot be read, or `hear` fails.
    pub fn read_rows<E: From<EmitError>>(
        &self,
        number: u64,
        mut hear: impl FnMut(u32, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let path = self.folder.join(rows_name(number));
        let failed = |source| EmitError::Unreadable { path: path.clone(), source };
        let mut file = BufReader::with_capacity(1 << 18, File::open(&path).map_err(failed)?);
        let mut record = Vec::new();
        loop {
            let mut head = [0; 8];
            match file.read_exact(&mut head) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(failed(error).into()),
            }
            let [task, length] =
                [0, 4].map(|at| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
            record.clear();
            // The length bounds what is read; a damaged one meets the end of the file.
            let read = file.by_ref().take(length.into()).read_to_end(&mut record).map_err(failed)?;
            if read < length as usize {
                return Err(failed(io::ErrorKind::UnexpectedEof.into()).into());
            }
            hear(task, &record)?;
        }
    }

    /// Writes a checkpoint to the disk, beside the one before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn prepare(&self, head: &str, body: &[u8]) -> Result<(), EmitError> {
        let path = self.folder.join(NEXT);
        let write = || -> io::Result<()> {
            let mut file = BufWriter::new(File::create(&path)?);
            file.write_all(MAGIC)?;
            for part in [head.as_bytes(), body] {
                file.write_all(&(part.len() as u64).to_le_bytes())?;
                file.write_all(part)?;
            }
            file.write_all(MAGIC)?;
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()
        };
        write().map_err(|source| EmitError::Io { path: path.clone(), source })
    }

    /// Lets the prepared checkpoint take the place of the one before.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub fn adopt(&self) -> Result<(), EmitError> {
        let path = self.folder.join(CHECKPOINT);
        std::fs::rename(self.folder.join(NEXT), &path).map_err(|source| EmitError::Io { path, source })
    }

    fn forget(&self, name: &str) -> Result<(), EmitError> {
        let path = self.folder.join(name);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(EmitError::Io { path, source }),
            _ => Ok(()),
        }
    }

    /// The numbers of the files of rows that are there.
    fn numbers(&self) -> Result<Vec<u64>, EmitError> {
        let failed = |source| EmitError::Io { path: self.folder.clone(), source };
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let number: Option<u64> =
                name.to_str().and_then(|name| name.strip_prefix("rows-")?.strip_suffix(".part")?.parse().ok());
            numbers.extend(number);
        }
        Ok(numbers)
    }
}

/// A checkpoint file; `None` if there is none.
fn read(path: &Path) -> Result<Option<Kept>, EmitError> {
    let failed = |source| EmitError::Unreadable { path: path.to_owned(), source };
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let parse = || -> Option<Kept> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let mut part = || -> Option<Vec<u8>> {
            let (length, after) = rest.split_first_chunk::<8>()?;
            let (part, after) = after.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
            rest = after;
            Some(part.to_vec())
        };
        let (head, body) = (String::from_utf8(part()?).ok()?, part()?);
        (rest == MAGIC).then_some(Kept { head, body })
    };
    parse().map(Some).ok_or_else(|| failed(io::Error::new(io::ErrorKind::InvalidData, "not a whole checkpoint")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let mut keeper = Keeper::open(path, 0).unwrap();
        assert_eq!(Keeper::find(path).unwrap(), (None, None));
        keeper.row(3, b"abc").unwrap();
        keeper.row(0, b"").unwrap();
        assert_eq!(keeper.end_rows().unwrap(), Some(0));
        assert_eq!(keeper.end_rows().unwrap(), None);
        keeper.prepare("{}", b"body").unwrap();
        let kept = Kept { head: "{}".into(), body: b"body".to_vec() };
        assert_eq!(Keeper::find(path).unwrap(), (None, Some(kept.clone())));
        keeper.adopt().unwrap();
        assert_eq!(Keeper::find(path).unwrap(), (Some(kept.clone()), None));
        // The next one was cut off while it was written.
        std::fs::write(path.join(NEXT), &MAGIC[..5]).unwrap();
        assert_eq!(Keeper::find(path).unwrap(), (Some(kept), None));
        let mut rows = Vec::new();
        let hear = |task, record: &[u8]| -> Result<(), EmitError> {
            rows.push((task, record.to_vec()));
            Ok(())
        };
        keeper.read_rows(0, hear).unwrap();
        assert_eq!(rows, [(3, b"abc".to_vec()), (0, Vec::new())]);
        // Rows that no checkpoint speaks of go; so does everything in the end.
        keeper.row(1, b"x").unwrap();
        drop(keeper);
        let keeper = Keeper::open(path, 1).unwrap();
        assert_eq!(keeper.numbers().unwrap(), [0]);
        Keeper::clear(path).unwrap();
        assert_eq!(std::fs::read_dir(path).unwrap().count(), 0);
    }
}
