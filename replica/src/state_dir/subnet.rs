//! The folder of one subnet.

use super::StateDirError;
use super::document::{self, Document};
use crate::instance::SavedSubnet;
use crate::pieces::{FreshFile, Loader, Piece, Pieces, file_name, loading};
use std::fs;
use std::path::Path;

/// The name of the document of a subnet as of a save.
fn document_name(save: u64) -> String {
    format!("subnet-{save}.state")
}

/// The number of the save that a document belongs to. `None` if the name is not one of such a document.
pub(super) fn save_number(name: &str) -> Option<u64> {
    let number = name.strip_prefix("subnet-")?.strip_suffix(".state")?.parse().ok()?;
    (document_name(number) == name).then_some(number)
}

/// Writes the files of a subnet for one save.
pub(super) fn write(
    folder: &Path,
    save: u64,
    document: &[u8],
    fresh: Option<&FreshFile>,
) -> Result<(), StateDirError> {
    fs::create_dir_all(folder).map_err(StateDirError::io(folder))?;
    if let Some(FreshFile { number, pieces, .. }) = fresh {
        document::write_file(folder, &file_name(*number), pieces.iter().map(Piece::bytes))?;
    }
    document::write(folder, &document_name(save), document)
}

/// Reads a subnet as of a save.
pub(super) fn read(folder: &Path, save: u64) -> Result<(SavedSubnet, Pieces), StateDirError> {
    let document = Document::read(&folder.join(document_name(save)))?;
    let mut loader = Loader::new(folder);
    let saved = loading(&mut loader, || document.decode())?;
    Ok((saved, loader.into_pieces()))
}

/// Reads a subnet from its folder in a state directory, as of the latest save.
///
/// # Errors
///
/// - [`StateDirError::NotASubnetDirectory`] if the path is not a directory, or one without the state of
///   a subnet.
/// - [`StateDirError::EmptySubnetDirectory`] if the directory is empty.
/// - [`StateDirError::OtherVersion`], [`StateDirError::Damaged`] or [`StateDirError::Io`] if the state
///   cannot be read.
pub fn load_subnet(folder: &Path) -> Result<SavedSubnet, StateDirError> {
    let other = || StateDirError::NotASubnetDirectory(folder.to_owned());
    let entries = fs::read_dir(folder).map_err(|_| other())?;
    let names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    if names.is_empty() {
        return Err(StateDirError::EmptySubnetDirectory(folder.to_owned()));
    }
    if names.iter().any(|name| name == "states_metadata.pbuf" || name == "checkpoints") {
        return Err(StateDirError::OfOtherServer(folder.to_owned()));
    }
    let latest = names.iter().filter_map(|name| save_number(name)).max().ok_or_else(other)?;
    read(folder, latest).map(|(saved, _)| saved)
}
