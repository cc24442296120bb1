//! The folder of one subnet.

use super::document::{self, Content, Document, Hash};
use super::{NETWORK, NetworkDocument, StateDirError, contains_state, folder};
use crate::instance::SavedSubnet;
use crate::pieces::{FileSum, FreshFile, Loader, Piece, Pieces, UnusableFile, file_name, loading};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind::{InvalidData, NotFound};
use std::path::Path;

/// The files in the folder of a subnet that belong to one save.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SubnetFiles {
    /// The hash of the document.
    pub document: Hash,
    /// The files of pieces, by their numbers.
    pub pieces: BTreeMap<u64, FileSum>,
}

/// The name of the document of a subnet as of a save.
fn document_name(save: u64) -> String {
    format!("subnet-{save}.state")
}

/// The number of the save that a document belongs to. `None` if the name is not one of such a document.
pub(super) fn save_number(name: &str) -> Option<u64> {
    let number = name.strip_prefix("subnet-")?.strip_suffix(".state")?.parse().ok()?;
    (document_name(number) == name).then_some(number)
}

/// Whether the document of a subnet as of a save is there.
pub(super) fn has_document(folder: &Path, save: u64) -> bool {
    folder.join(document_name(save)).exists()
}

/// Writes the files of a subnet for one save.
pub(super) fn write(
    folder: &Path,
    save: u64,
    document: &Content,
    fresh: Option<&FreshFile>,
) -> Result<(), StateDirError> {
    fs::create_dir_all(folder).map_err(StateDirError::io(folder))?;
    if let Some(FreshFile { number, pieces, .. }) = fresh {
        document::write_file(folder, &file_name(*number), pieces.iter().map(Piece::bytes))?;
    }
    document::write(folder, &document_name(save), document)
}

/// Deletes the files of a subnet that [`write`] wrote for a save that failed.
pub(super) fn remove(folder: &Path, save: u64, fresh: Option<&FreshFile>) {
    let pieces = fresh.map(|fresh| file_name(fresh.number));
    folder::delete(folder, |name| {
        pieces.as_ref().is_some_and(|file| file == name) || save_number(name) == Some(save)
    });
}

/// Reads a subnet as of a save, from these files.
pub(super) fn read(
    folder: &Path,
    save: u64,
    files: SubnetFiles,
) -> Result<(SavedSubnet, Pieces), StateDirError> {
    let document = Document::read(&folder.join(document_name(save)))?;
    if document.hash() != files.document {
        return Err(document.damaged("it belongs to another save".into()));
    }
    let unusable = |UnusableFile { path, error }| match error.kind() {
        InvalidData | NotFound => StateDirError::Damaged { path, reason: error.to_string() },
        _ => StateDirError::Io { path, error },
    };
    let mut loader = Loader::open(folder, files.pieces).map_err(unusable)?;
    let saved = loading(&mut loader, || document.decode())?;
    Ok((saved, loader.into_pieces()))
}

/// Reads a subnet from its folder in a state directory, as of the latest complete save. If the state is
/// incomplete ([`StateDirError::Incomplete`]), it is read only if `incomplete` is set.
///
/// # Errors
///
/// - [`StateDirError::NotASubnetDirectory`] if the path is not the directory of a subnet in a state
///   directory.
/// - [`StateDirError::EmptySubnetDirectory`] if the directory is empty.
/// - [`StateDirError::InUse`] if an instance uses the state directory: end that instance.
/// - [`StateDirError::Incomplete`] if the instance that used the state directory did not save its end, and
///   `incomplete` is false.
/// - [`StateDirError::OtherVersion`], [`StateDirError::Damaged`] or [`StateDirError::Io`] if the state
///   cannot be read.
pub fn load_subnet(folder: &Path, incomplete: bool) -> Result<SavedSubnet, StateDirError> {
    let other = || StateDirError::NotASubnetDirectory(folder.to_owned());
    let names = folder::names(folder).map_err(|_| other())?;
    if names.is_empty() {
        return Err(StateDirError::EmptySubnetDirectory(folder.to_owned()));
    }
    if names.iter().any(|name| name == "states_metadata.pbuf" || name == "checkpoints") {
        return Err(StateDirError::OfOtherServer(folder.to_owned()));
    }
    // The path may be relative to the state directory, and without its name.
    let path = folder.canonicalize().map_err(StateDirError::io(folder))?;
    let state = path.parent().filter(|state| contains_state(state)).ok_or_else(other)?;
    let _lock = folder::open_to_read(state)?;
    let network = Document::read(&state.join(NETWORK))?;
    let NetworkDocument { save, in_use, mut subnets, .. } = network.decode()?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let files = subnets.remove(name).ok_or_else(other)?;
    if in_use && !incomplete {
        return Err(StateDirError::Incomplete(state.to_owned()));
    }
    read(folder, save, files).map(|(saved, _)| saved)
}
