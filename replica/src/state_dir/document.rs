//! Documents: files with one encoded value each. A document begins with a line of text, which states the
//! format, and with a hash of the rest. The rest is CBOR.

use super::{StateDirError, folder};
use crate::limits::STATE_DOCUMENT_BYTES_MAX;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The first line of a document. The number must change if an earlier version would misread an encoded
/// value: if a field is added, removed, or gets another meaning. A value without a field that is not
/// optional cannot be decoded in any case.
const FORMAT: &str = "embedded-replica state, format 2";

/// The first line of all formats, without the number.
const ANY_FORMAT: &str = "embedded-replica state, format ";

/// The longest first line of any format, in bytes.
const FORMAT_BYTES_MAX: usize = 80;

const HASH_BYTES: usize = 32;

/// The SHA-256 hash of the content of a document.
pub(super) type Hash = [u8; HASH_BYTES];

/// The end of the name of a file that is being written.
pub(super) const UNFINISHED: &str = ".unfinished";

/// A document that was read.
#[derive(Debug)]
pub(super) struct Document {
    path: PathBuf,
    hash: Hash,
    content: Vec<u8>,
}

/// The encoded value of a document.
#[derive(Debug)]
pub(super) struct Content {
    pub hash: Hash,
    pub bytes: Vec<u8>,
}

impl Document {
    /// Reads a document and checks its format and its hash.
    pub fn read(path: &Path) -> Result<Self, StateDirError> {
        let file = File::open(path).map_err(StateDirError::io(path))?;
        let metadata = file.metadata().map_err(StateDirError::io(path))?;
        let damaged = |reason: &str| StateDirError::Damaged {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        if !metadata.is_file() || metadata.len() > STATE_DOCUMENT_BYTES_MAX {
            return Err(damaged("it is too large, or not a file"));
        }
        let mut bytes = Vec::new();
        (&file)
            .take(STATE_DOCUMENT_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(StateDirError::io(path))?;
        let line = check_format(path, &bytes)?;
        let (hash, content) = bytes[line + 1..]
            .split_first_chunk::<HASH_BYTES>()
            .ok_or_else(|| damaged("it is too short"))?;
        let hash = *hash;
        if hash != *Sha256::digest(content) {
            return Err(damaged("its hash does not match its content"));
        }
        bytes.drain(..line + 1 + HASH_BYTES);
        Ok(Self { path: path.to_owned(), hash, content: bytes })
    }

    /// The hash of the content.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Decodes the value.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, StateDirError> {
        self.decode_part(&self.content)
    }

    /// Decodes a value that the document contains as bytes.
    pub fn decode_part<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, StateDirError> {
        ciborium::from_reader(bytes).map_err(|error| self.damaged(error.to_string()))
    }

    /// The error if the content of the document contradicts itself.
    pub fn damaged(&self, reason: String) -> StateDirError {
        StateDirError::Damaged { path: self.path.clone(), reason }
    }
}

/// Checks that a file begins with the format of a document, without reading more of the file.
pub(super) fn check_format_of(path: &Path) -> Result<(), StateDirError> {
    let file = File::open(path).map_err(StateDirError::io(path))?;
    let mut bytes = Vec::new();
    let read = file.take(FORMAT_BYTES_MAX as u64).read_to_end(&mut bytes);
    read.map_err(StateDirError::io(path))?;
    check_format(path, &bytes).map(drop)
}

/// Checks that the content of a file begins with the format of a document. Returns the length of the first line,
/// in bytes.
fn check_format(path: &Path, bytes: &[u8]) -> Result<usize, StateDirError> {
    let line = bytes.iter().take(FORMAT_BYTES_MAX).position(|byte| *byte == b'\n');
    let format = String::from_utf8_lossy(&bytes[..line.unwrap_or_default()]).into_owned();
    if let Some(line) = line.filter(|_| format == FORMAT) {
        return Ok(line);
    }
    let number = format.strip_prefix(ANY_FORMAT).and_then(|number| number.parse().ok());
    let path = path.to_owned();
    Err(match number {
        Some(0u32..) => StateDirError::OtherVersion { path, format },
        None => {
            let reason = "it does not begin with its format".to_owned();
            StateDirError::Damaged { path, reason }
        }
    })
}

/// Encodes a value as the content of a document.
pub(super) fn encode(value: &impl Serialize) -> Result<Content, StateDirError> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes)
        .map_err(|error| StateDirError::Encoding(error.to_string()))?;
    Ok(Content { hash: Sha256::digest(&bytes).into(), bytes })
}

/// Writes a document. The file has its name only once it is complete.
pub(super) fn write(folder: &Path, name: &str, content: &Content) -> Result<(), StateDirError> {
    let parts = [FORMAT.as_bytes(), b"\n", &content.hash, &content.bytes];
    write_file(folder, name, parts)
}

/// Writes a file that consists of `parts`. The file has its name only once it is complete.
pub(super) fn write_file<'a>(
    folder: &Path,
    name: &str,
    parts: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(), StateDirError> {
    let unfinished = folder.join(format!("{name}{UNFINISHED}"));
    let write = || {
        let mut file = std::io::BufWriter::with_capacity(1 << 20, File::create(&unfinished)?);
        parts.into_iter().try_for_each(|part| file.write_all(part))?;
        file.into_inner()?.sync_all()?;
        fs::rename(&unfinished, folder.join(name))?;
        folder::sync(folder)
    };
    write().map_err(StateDirError::io(folder.join(name))).inspect_err(|_| {
        let _ = fs::remove_file(&unfinished);
    })
}
