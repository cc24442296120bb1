//! Loading: reads the pieces of a state from their files.

use super::{FileSum, Page, Piece, Pieces, Position, Run, SavedBytes, ZERO, file_name};
use crate::limits::OS_PAGE_BYTES;
use serde::de::Error;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a file that are read at once for its checksum.
const CHECKED_BYTES: usize = 1 << 20;

/// Reads the pieces of one state from the files in one folder. Each piece is read once.
#[derive(Debug, Default)]
pub struct Loader {
    files: BTreeMap<u64, OpenFile>,
    loaded: BTreeMap<Position, Piece>,
    /// The page for all pages of zeros.
    zeros: Option<Arc<Page>>,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    sum: FileSum,
    /// The position at which the next read begins.
    at: u64,
}

/// A file of pieces that cannot be read, or is not as it was written.
#[derive(Debug)]
pub struct UnusableFile {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it. The kind is [`io::ErrorKind::InvalidData`] if it is not as it was written, and
    /// [`io::ErrorKind::NotFound`] if it is missing.
    pub error: io::Error,
}

impl Loader {
    /// A loader for these files in `folder`. All of them are read once, to compare their checksums.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read, or is not as it was written.
    pub fn open(folder: &Path, files: BTreeMap<u64, FileSum>) -> Result<Self, UnusableFile> {
        let open = |(number, sum)| {
            let path = folder.join(file_name(number));
            match open_file(&path, sum) {
                Ok(file) => Ok((number, file)),
                Err(error) => Err(UnusableFile { path, error }),
            }
        };
        let files = files.into_iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self { files, ..Self::default() })
    }

    /// The loaded pieces, so that the next save does not write them again.
    pub fn into_pieces(self) -> Pieces {
        let files = self.files.into_iter().map(|(number, file)| (number, file.sum));
        Pieces::loaded(self.loaded, files)
    }

    /// Reads bytes from a file. `make` allocates the destination once the range is known to be in the file.
    fn read<T: AsMut<[u8]>>(
        &mut self,
        at: Position,
        length: u64,
        make: impl FnOnce() -> T,
    ) -> io::Result<T> {
        let name = || file_name(at.file);
        let open = self.files.get_mut(&at.file).ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("the file {} is not listed", name()))
        })?;
        let end = at.offset.checked_add(length).filter(|end| *end <= open.sum.bytes);
        let end = end.ok_or_else(|| {
            let reason = format!("the file {} is too short", name());
            io::Error::new(io::ErrorKind::UnexpectedEof, reason)
        })?;
        let mut destination = make();
        if open.at != at.offset {
            open.file.seek(SeekFrom::Start(at.offset))?;
        }
        open.file.read_exact(destination.as_mut())?;
        open.at = end;
        Ok(destination)
    }

    fn bytes(&mut self, SavedBytes { at, length }: SavedBytes) -> io::Result<Arc<[u8]>> {
        if length == 0 {
            return Ok(Arc::default());
        }
        if let Some(Piece::Bytes(bytes)) = self.loaded.get(&at)
            && bytes.len() as u64 == length
        {
            return Ok(bytes.clone());
        }
        let bytes: Arc<[u8]> = self.read(at, length, || vec![0; length as usize])?.into();
        self.loaded.insert(at, Piece::Bytes(bytes.clone()));
        Ok(bytes)
    }

    fn page(&mut self, at: Option<Position>) -> io::Result<Arc<Page>> {
        let Some(at) = at else {
            return Ok(self.zeros.get_or_insert_with(|| Arc::new(ZERO)).clone());
        };
        if let Some(Piece::Page(page)) = self.loaded.get(&at) {
            return Ok(page.clone());
        }
        let page = Arc::new(self.read(at, OS_PAGE_BYTES as u64, || ZERO)?);
        self.loaded.insert(at, Piece::Page(page.clone()));
        Ok(page)
    }
}

/// Opens a file of pieces, and compares its size and its checksum.
fn open_file(path: &Path, sum: FileSum) -> io::Result<OpenFile> {
    let damaged = |reason: String| io::Error::new(io::ErrorKind::InvalidData, reason);
    // Opening something else than a file may take for ever.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(damaged("it is not a file".into()));
    }
    if metadata.len() != sum.bytes {
        return Err(damaged(format!("it has {} bytes instead of {}", metadata.len(), sum.bytes)));
    }
    let mut file = File::open(path)?;
    let mut checksum = crc32fast::Hasher::new();
    let mut buffer = vec![0; CHECKED_BYTES];
    let mut at = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => {
                checksum.update(&buffer[..read]);
                at += read as u64;
            }
        }
    }
    if checksum.finalize() != sum.checksum {
        return Err(damaged("its checksum does not match its content".into()));
    }
    Ok(OpenFile { file, sum, at })
}

thread_local! {
    /// The loader of the state that this thread loads.
    static LOADER: RefCell<Option<Loader>> = const { RefCell::new(None) };
}

/// Decodes a state with `decode`, and provides its pieces meanwhile.
pub fn loading<T>(loader: &mut Loader, decode: impl FnOnce() -> T) -> T {
    LOADER.set(Some(std::mem::take(loader)));
    let decoded = decode();
    *loader = LOADER.take().unwrap_or_default();
    decoded
}

/// Runs `read` with the loader of the state that is being loaded.
fn with_loader<T, E: Error>(read: impl FnOnce(&mut Loader) -> io::Result<T>) -> Result<T, E> {
    LOADER.with_borrow_mut(|loader| match loader {
        Some(loader) => read(loader).map_err(E::custom),
        None => Err(E::custom("memories and modules can be decoded only while a state is loaded")),
    })
}

/// Reads bytes.
pub(super) fn bytes<E: Error>(saved: SavedBytes) -> Result<Arc<[u8]>, E> {
    with_loader(|loader| loader.bytes(saved))
}

/// Reads pages with numbers below `end`.
pub(super) fn pages<E: Error>(runs: Vec<Run>, end: u64) -> Result<Vec<(u64, Arc<Page>)>, E> {
    with_loader(|loader| {
        let mut pages = Vec::new();
        for Run { first, count, at } in runs {
            if first.checked_add(count).is_none_or(|after| after > end) {
                return Err(io::Error::other(format!("a page has a number above {end}")));
            }
            for n in 0..count {
                let at = at.map(|at| Position {
                    offset: at.offset.saturating_add(n * OS_PAGE_BYTES as u64),
                    ..at
                });
                pages.push((first + n, loader.page(at)?));
            }
        }
        Ok(pages)
    })
}
