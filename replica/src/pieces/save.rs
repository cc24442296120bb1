//! Saving: assigns a position to each piece of a state, and collects the pieces that are in no file yet.

use super::{Page, Piece, Position, Run, SavedBytes, ZERO};
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
}

#[derive(Debug)]
struct Known {
    /// Held so that no other piece gets its address, and that its content does not change.
    _held: Piece,
    at: Position,
    /// The latest save whose state has the piece.
    save: u64,
}

/// The size of a file, and how much of it the state still uses, in bytes.
#[derive(Clone, Copy, Debug, Default)]
struct FileUse {
    bytes: u64,
    used: u64,
}

/// A file of pieces that is to be written.
#[derive(Debug, Default)]
pub struct FreshFile {
    /// The number of the file.
    pub number: u64,
    /// The pieces, in the order of their positions.
    pub pieces: Vec<Piece>,
    bytes: u64,
}

impl Pieces {
    /// The pieces of a state that was loaded: their positions, and the sizes of the files in bytes.
    pub(super) fn loaded(
        pieces: BTreeMap<Position, Piece>,
        files: impl Iterator<Item = (u64, u64)>,
    ) -> Self {
        let known =
            |(at, piece): (Position, Piece)| (piece.address(), Known { _held: piece, at, save: 0 });
        let files: BTreeMap<u64, FileUse> =
            files.map(|(number, bytes)| (number, FileUse { bytes, used: 0 })).collect();
        Self {
            known: pieces.into_iter().map(known).collect(),
            next_file: files.keys().next_back().map_or(0, |last| last + 1),
            files,
            ..Self::default()
        }
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
        let at = Position { file: self.fresh.number, offset: self.fresh.bytes };
        self.fresh.bytes += bytes;
        self.fresh.pieces.push(piece.clone());
        self.files.entry(at.file).or_default().bytes += bytes;
        self.known.insert(piece.address(), Known { _held: piece, at, save: self.saves });
        at
    }

    /// Begins a save. Pieces in files that are hardly used, or in small files if there are many, are
    /// written again, so that these files can be deleted.
    fn begin(&mut self) {
        let wasteful = |file: &FileUse| file.used * 100 < file.bytes * PIECE_FILE_USE_MIN_PERCENT;
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
        self.saves += 1;
        self.files.values_mut().for_each(|file| file.used = 0);
        self.fresh = FreshFile { number: self.next_file, ..FreshFile::default() };
    }

    /// Ends a save: returns the file that is to be written, if there is one.
    fn end(&mut self) -> Option<FreshFile> {
        let saves = self.saves;
        self.known.retain(|_, known| known.save == saves);
        self.files.retain(|_, file| file.used > 0);
        let fresh = std::mem::take(&mut self.fresh);
        self.next_file += u64::from(!fresh.pieces.is_empty());
        (!fresh.pieces.is_empty()).then_some(fresh)
    }

    /// Whether the latest saved state uses the file with this number.
    pub fn use_file(&self, file: u64) -> bool {
        self.files.contains_key(&file)
    }

    /// Forgets the pieces of a file that could not be written.
    pub fn forget(&mut self, file: u64) {
        self.files.remove(&file);
        self.known.retain(|_, known| known.at.file != file);
    }
}

thread_local! {
    /// The pieces of the state that this thread saves.
    static SAVED: RefCell<Option<Pieces>> = const { RefCell::new(None) };
}

/// Encodes a state with `encode`, and provides its pieces meanwhile. Also returns the file of pieces that
/// is to be written, if there is one.
pub fn saving<T>(pieces: &mut Pieces, encode: impl FnOnce() -> T) -> (T, Option<FreshFile>) {
    pieces.begin();
    SAVED.set(Some(std::mem::take(pieces)));
    let encoded = encode();
    *pieces = SAVED.take().unwrap_or_default();
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
