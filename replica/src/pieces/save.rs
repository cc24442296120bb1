//! Saving: assigns a position to each piece of a state, and collects the pieces that are in no file yet.

use super::{FileSum, Page, Piece, Position, Run, SavedBytes, ZERO};
use crate::limits::{PIECE_FILE_USE_MIN_PERCENT, PIECE_FILES_MAX};
use serde::ser::Error;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The pieces of one state that are in files.
#[derive(Debug, Default)]
pub struct Pieces {
    /// The pieces by their addresses.
    known: BTreeMap<usize, Known>,
    files: BTreeMap<u64, FileUse>,
    /// The file that the current save writes.
    fresh: FreshFile,
    /// The number of the next file. A number is never used twice, so that no save changes a file of the
    /// state before.
    next_file: u64,
    /// The number of saves so far.
    saves: u64,
    /// The number of the fresh file of the latest save, until that save is known to be in the files.
    unwritten: Option<u64>,
}

#[derive(Debug)]
struct Known {
    /// Held so that no other piece gets its address, and that its content does not change.
    _held: Piece,
    at: Position,
    /// The latest save whose state has the piece.
    save: u64,
}

/// A file, and how many of its bytes the state still uses.
#[derive(Clone, Copy, Debug, Default)]
struct FileUse {
    sum: FileSum,
    used: u64,
}

/// A file of pieces that is to be written.
#[derive(Debug, Default)]
pub struct FreshFile {
    /// The number of the file.
    pub number: u64,
    /// The pieces, in the order of their positions.
    pub pieces: Vec<Piece>,
    checksum: crc32fast::Hasher,
}

impl Pieces {
    /// The pieces of a state that was loaded, by their positions, and the files that they are in.
    pub(super) fn loaded(
        pieces: BTreeMap<Position, Piece>,
        files: impl Iterator<Item = (u64, FileSum)>,
    ) -> Self {
        let known =
            |(at, piece): (Position, Piece)| (piece.address(), Known { _held: piece, at, save: 0 });
        let files: BTreeMap<u64, FileUse> =
            files.map(|(number, sum)| (number, FileUse { sum, used: 0 })).collect();
        Self {
            known: pieces.into_iter().map(known).collect(),
            next_file: files.keys().next_back().map_or(0, |last| last + 1),
            files,
            ..Self::default()
        }
    }

    /// Gives the files of later saves numbers above `used`, because there may be files with the numbers up
    /// to it.
    pub fn number_files_above(&mut self, used: Option<u64>) {
        let free = used.map_or(0, |used| used.saturating_add(1));
        self.next_file = self.next_file.max(free);
    }

    /// The position of a piece. A piece without a position gets one in the fresh file.
    fn position(&mut self, piece: &Piece) -> Position {
        let bytes = piece.bytes().len() as u64;
        let at = match self.known.get_mut(&piece.address()) {
            Some(known) if known.save == self.saves => return known.at,
            Some(known) => {
                known.save = self.saves;
                known.at
            }
            None => self.add(piece.clone(), bytes),
        };
        self.files.entry(at.file).or_default().used += bytes;
        at
    }

    fn add(&mut self, piece: Piece, bytes: u64) -> Position {
        let sum = &mut self.files.entry(self.fresh.number).or_default().sum;
        let at = Position { file: self.fresh.number, offset: sum.bytes };
        sum.bytes += bytes;
        self.fresh.checksum.update(piece.bytes());
        self.fresh.pieces.push(piece.clone());
        self.known.insert(piece.address(), Known { _held: piece, at, save: self.saves });
        at
    }

    /// Begins a save. If the save before is not known to be in the files, its fresh file does not count.
    fn begin(&mut self) {
        match self.unwritten {
            Some(file) => self.forget(file),
            None => self.give_up_wasteful_files(),
        }
        self.saves += 1;
        self.files.values_mut().for_each(|file| file.used = 0);
        self.fresh = FreshFile { number: self.next_file, ..FreshFile::default() };
        self.unwritten = Some(self.next_file);
    }

    /// Pieces in files that are hardly used, or in small files if there are many, will be written again, so
    /// that these files can be deleted.
    fn give_up_wasteful_files(&mut self) {
        let wasteful =
            |file: &FileUse| file.used * 100 < file.sum.bytes * PIECE_FILE_USE_MIN_PERCENT;
        let mut given_up: Vec<u64> = self
            .files
            .iter()
            .filter(|(_, file)| wasteful(file))
            .map(|(number, _)| *number)
            .collect();
        if self.files.len() > PIECE_FILES_MAX {
            let mut by_size: Vec<(u64, u64)> =
                self.files.iter().map(|(number, file)| (file.used, *number)).collect();
            by_size.sort_unstable();
            given_up.extend(by_size[..PIECE_FILES_MAX / 2].iter().map(|(_, number)| number));
        }
        // Nothing is known of the use of files before the first save.
        if self.saves > 0 && !given_up.is_empty() {
            self.known.retain(|_, known| !given_up.contains(&known.at.file));
        }
    }

    /// Ends the encoding of a save: returns the file that is to be written, if there is one.
    fn end(&mut self) -> Option<FreshFile> {
        let fresh = std::mem::take(&mut self.fresh);
        let file = self.files.get_mut(&fresh.number).filter(|_| !fresh.pieces.is_empty())?;
        file.sum.checksum = fresh.checksum.clone().finalize();
        self.next_file = fresh.number.saturating_add(1);
        Some(fresh)
    }

    /// Records that all files of the latest save are written. Until then, the next save takes no piece of the
    /// latest one for written.
    pub fn written(&mut self) {
        let saves = self.saves;
        self.unwritten = None;
        self.known.retain(|_, known| known.save == saves);
        self.files.retain(|_, file| file.used > 0);
    }

    /// Whether the latest saved state uses the file with this number.
    pub fn use_file(&self, file: u64) -> bool {
        self.files.contains_key(&file)
    }

    /// The files that the latest saved state uses.
    pub fn files(&self) -> BTreeMap<u64, FileSum> {
        let used = self.files.iter().filter(|(_, file)| file.used > 0);
        used.map(|(number, file)| (*number, file.sum)).collect()
    }

    /// Forgets the pieces in files that no longer exist with the same size, so that the next save writes
    /// them again. `exists` looks for a file with a number and a size in bytes.
    pub fn forget_missing(&mut self, exists: impl Fn(u64, u64) -> bool) {
        let is_missing = |(number, file): (&u64, &FileUse)| {
            (self.unwritten != Some(*number) && !exists(*number, file.sum.bytes)).then_some(*number)
        };
        let missing: Vec<u64> = self.files.iter().filter_map(is_missing).collect();
        missing.into_iter().for_each(|file| self.forget(file));
    }

    /// Forgets a file, and the pieces in it.
    fn forget(&mut self, file: u64) {
        self.files.remove(&file);
        self.known.retain(|_, known| known.at.file != file);
    }
}

thread_local! {
    /// The pieces of the state that this thread saves.
    static SAVED: RefCell<Option<Pieces>> = const { RefCell::new(None) };
}

/// Encodes a state with `encode`, and provides its pieces meanwhile. Also returns the file of pieces that
/// is to be written, if there is one. Once all files are written, [`Pieces::written`] must be called:
/// otherwise the next save writes the same pieces again.
pub fn saving<T>(pieces: &mut Pieces, encode: impl FnOnce() -> T) -> (T, Option<FreshFile>) {
    /// Gives the pieces back, also when `encode` panics.
    struct Lent<'a>(&'a mut Pieces);
    impl Drop for Lent<'_> {
        fn drop(&mut self) {
            *self.0 = SAVED.take().unwrap_or_default();
        }
    }
    pieces.begin();
    SAVED.set(Some(std::mem::take(pieces)));
    let lent = Lent(pieces);
    let encoded = encode();
    drop(lent);
    (encoded, pieces.end())
}

/// Runs `run` with the pieces of the state that is being saved.
fn with_pieces<T, E: Error>(run: impl FnOnce(&mut Pieces) -> T) -> Result<T, E> {
    SAVED.with_borrow_mut(|pieces| match pieces {
        Some(pieces) => Ok(run(pieces)),
        None => Err(E::custom("memories and modules can be encoded only while a state is saved")),
    })
}

/// The position of a piece of any length.
pub(super) fn bytes<E: Error>(piece: &Piece) -> Result<SavedBytes, E> {
    let length = piece.bytes().len() as u64;
    with_pieces(|pieces| match length {
        0 => SavedBytes { at: Position::NONE, length },
        _ => SavedBytes { at: pieces.position(piece), length },
    })
}

/// The positions of pages.
pub(super) fn runs<'a, E: Error>(
    pages: impl IntoIterator<Item = (u64, &'a Arc<Page>)>,
) -> Result<Vec<Run>, E> {
    with_pieces(|pieces| {
        let mut runs: Vec<Run> = Vec::new();
        for (number, page) in pages {
            let piece = Piece::Page(page.clone());
            let is_known = pieces.known.contains_key(&piece.address());
            let at = match !is_known && **page == ZERO {
                true => None,
                false => Some(pieces.position(&piece)),
            };
            match runs.last_mut().filter(|run| run.is_continued_by(number, at)) {
                Some(run) => run.count += 1,
                None => runs.push(Run { first: number, count: 1, at }),
            }
        }
        runs
    })
}
