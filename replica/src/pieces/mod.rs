//! Pieces: the large parts of a saved state, which are pages of memories, modules and chunks of modules.
//!
//! The rest of a state is one document. The document contains the position of each piece, and the pieces
//! are in files of their own. A piece that is already in a file is not written again, so saving a state
//! often costs little. Values that share a piece in memory share it in the files, too, and share it again
//! when they are loaded. Pages of zeros are in no file. A file of pieces never changes; its size and its
//! checksum are kept elsewhere ([`FileSum`]), and compared when it is opened.
//!
//! The types of a state implement `serde`'s traits, which know nothing of pieces. [`saving`] and
//! [`loading`] therefore provide the pieces to the implementations that this module has for
//! `#[serde(with = "...")]`. Outside of these functions, the implementations fail.

mod load;
mod save;

pub use load::{Loader, UnusableFile, loading};
pub use save::{FreshFile, Pieces, saving};

use crate::limits::OS_PAGE_BYTES;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A page of 4 KiB.
pub type Page = [u8; OS_PAGE_BYTES];

/// The content of a page of zeros.
const ZERO: Page = [0; OS_PAGE_BYTES];

/// A piece of a state. Its content never changes while somebody shares it.
#[derive(Clone, Debug)]
pub enum Piece {
    /// A page of a memory.
    Page(Arc<Page>),
    /// A module, or a chunk of a module.
    Bytes(Arc<[u8]>),
}

impl Piece {
    /// The content.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Page(page) => &**page,
            Self::Bytes(bytes) => bytes,
        }
    }

    /// The address of the content. Two pieces with the same address are the same piece.
    fn address(&self) -> usize {
        self.bytes().as_ptr() as usize
    }
}

/// The position of a piece in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The number of the file.
    file: u64,
    /// The number of bytes before the piece.
    offset: u64,
}

impl Position {
    /// The position of no bytes, which are in no file.
    const NONE: Self = Self { file: 0, offset: 0 };
}

/// The size and the checksum of a file of pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSum {
    bytes: u64,
    /// The CRC-32 of the file. It finds each change of up to 32 bits in a row.
    checksum: u32,
}

/// Bytes that are a piece.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct SavedBytes {
    at: Position,
    length: u64,
}

/// Pages with consecutive numbers and consecutive positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    /// The number of the first page.
    first: u64,
    count: u64,
    /// The position of the first page. `None` for pages of zeros.
    at: Option<Position>,
}

impl Run {
    /// Whether a page with this number and this position continues the run.
    fn is_continued_by(&self, number: u64, at: Option<Position>) -> bool {
        let next = self
            .at
            .map(|at| Position { offset: at.offset + self.count * OS_PAGE_BYTES as u64, ..at });
        number == self.first + self.count && at == next
    }
}

/// The name of the file of pieces with this number.
pub fn file_name(number: u64) -> String {
    format!("pieces-{number}")
}

/// The number of the file of pieces with this name. `None` if the name is not one of such a file.
pub fn file_number(name: &str) -> Option<u64> {
    let number = name.strip_prefix("pieces-")?.parse().ok()?;
    (file_name(number) == name).then_some(number)
}

/// Encodes bytes as a piece.
pub mod bytes {
    use crate::pieces::{Piece, SavedBytes, load, save};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    /// Encodes the position of the bytes.
    ///
    /// # Errors
    ///
    /// If no state is being saved, or if the serializer fails.
    pub fn serialize<S: Serializer>(bytes: &Arc<[u8]>, to: S) -> Result<S::Ok, S::Error> {
        save::bytes(&Piece::Bytes(bytes.clone()))?.serialize(to)
    }

    /// Decodes the position of the bytes and reads them.
    ///
    /// # Errors
    ///
    /// If no state is being loaded, or if the bytes cannot be read.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<[u8]>, D::Error> {
        load::bytes(SavedBytes::deserialize(from)?)
    }
}

/// Encodes a map whose values are pieces.
pub mod bytes_by_key {
    use crate::pieces::{Piece, SavedBytes, load, save};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    /// Encodes the keys and the positions of the values.
    ///
    /// # Errors
    ///
    /// If no state is being saved, or if the serializer fails.
    pub fn serialize<K, S>(map: &BTreeMap<K, Arc<[u8]>>, to: S) -> Result<S::Ok, S::Error>
    where
        K: Ord + Serialize,
        S: Serializer,
    {
        let saved = |(key, value): (_, &Arc<[u8]>)| {
            Ok((key, save::bytes::<S::Error>(&Piece::Bytes(value.clone()))?))
        };
        map.iter().map(saved).collect::<Result<BTreeMap<&K, SavedBytes>, _>>()?.serialize(to)
    }

    /// Decodes the keys and reads the values.
    ///
    /// # Errors
    ///
    /// If no state is being loaded, or if a value cannot be read.
    pub fn deserialize<'de, K, D>(from: D) -> Result<BTreeMap<K, Arc<[u8]>>, D::Error>
    where
        K: Ord + Deserialize<'de>,
        D: Deserializer<'de>,
    {
        let saved: BTreeMap<K, SavedBytes> = BTreeMap::deserialize(from)?;
        saved.into_iter().map(|(key, saved)| Ok((key, load::bytes(saved)?))).collect()
    }
}

/// Encodes the pages of a memory.
pub mod pages {
    use crate::pieces::{Page, Run, load, save};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    /// Encodes the numbers and positions of pages, which are in the order of their numbers.
    ///
    /// # Errors
    ///
    /// If no state is being saved, or if the serializer fails.
    pub fn serialize<'a, S: Serializer>(
        pages: impl IntoIterator<Item = (u64, &'a Arc<Page>)>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        save::runs(pages)?.serialize(to)
    }

    /// Decodes the numbers and positions of pages below the number `end`, and reads the pages.
    ///
    /// # Errors
    ///
    /// If no state is being loaded, if a page cannot be read, or if numbers are too large.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
        end: u64,
    ) -> Result<Vec<(u64, Arc<Page>)>, D::Error> {
        load::pages(Vec::<Run>::deserialize(from)?, end)
    }
}

#[cfg(test)]
mod tests;
