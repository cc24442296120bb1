//! Loading: reads the pieces of a state from their files.

use super::{Page, Piece, Pieces, Position, Run, SavedBytes, ZERO, file_name};
use crate::limits::OS_PAGE_BYTES;
use serde::de::Error;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads the pieces of one state from the files in one folder. Each piece is read once.
#[derive(Debug, Default)]
pub struct Loader {
    folder: PathBuf,
    files: BTreeMap<u64, OpenFile>,
    loaded: BTreeMap<Position, Piece>,
    /// The page for all pages of zeros.
    zeros: Option<Arc<Page>>,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    bytes: u64,
    /// The position at which the next read begins.
    at: u64,
}

impl Loader {
    /// A loader for the files in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), ..Self::default() }
    }

    /// The loaded pieces, so that the next save does not write them again.
    pub fn into_pieces(self) -> Pieces {
        let sizes = self.files.into_iter().map(|(number, file)| (number, file.bytes));
        Pieces::loaded(self.loaded, sizes)
    }

    fn open(&mut self, number: u64) -> io::Result<&mut OpenFile> {
        let file = match self.files.remove(&number) {
            Some(file) => file,
            None => {
                let file = File::open(self.folder.join(file_name(number)))?;
                let bytes = file.metadata()?.len();
                OpenFile { file, bytes, at: 0 }
            }
        };
        Ok(self.files.entry(number).or_insert(file))
    }

    /// Reads bytes from a file. `make` allocates the destination once the range is known to be in the file.
    fn read<T: AsMut<[u8]>>(
        &mut self,
        at: Position,
        length: u64,
        make: impl FnOnce() -> T,
    ) -> io::Result<T> {
        let open = self.open(at.file)?;
        let end = at.offset.checked_add(length).filter(|end| *end <= open.bytes);
        let end = end.ok_or_else(|| {
            let name = file_name(at.file);
            io::Error::new(io::ErrorKind::UnexpectedEof, format!("the file {name} is too short"))
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
