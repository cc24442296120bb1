//! State directories: a network is saved in a directory, and restored from it.
//!
//! A restored network continues exactly where it was saved: the same rounds, cycles, replies and times
//! follow as if it had never stopped. Connections, gateways and automatic progress are not part of it.
//!
//! The format is this project's own. A directory contains:
//!
//! | file | content |
//! |---|---|
//! | `network.state` | what all subnets share: topology, streams, time; and the number of the save |
//! | `SEED/subnet-N.state` | a subnet, as of the save with the number N; SEED is the subnet's seed in hexadecimal |
//! | `SEED/pieces-N` | memories and modules of the subnet (see [`pieces`](crate::pieces)) |
//! | `lock` | nothing; it is locked while a server uses the directory |
//!
//! Replacing `network.state` completes a save: it names the save whose files count. All other files of a
//! save are new ones. So a crash at any time leaves the state of a save.

mod document;
mod error;
mod folder;
mod subnet;

pub use error::StateDirError;
pub use subnet::load_subnet;

use crate::instance::{Instance, SubnetInfo};
use crate::pieces::{FreshFile, Pieces, file_number, saving};
use document::Document;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The name of the document of the network.
const NETWORK: &str = "network.state";

/// A directory with the state of one network. No other process can use it meanwhile.
#[derive(Debug)]
pub struct StateDir {
    folder: PathBuf,
    /// Locked as long as this value exists.
    _lock: File,
    /// The number of the latest save. 0 if there is none.
    save: u64,
    /// The pieces of each subnet, by the name of the subnet's folder.
    subnets: BTreeMap<String, Pieces>,
    /// The hash of the latest saved state.
    saved: Option<[u8; 32]>,
}

/// The document of the network.
#[derive(Serialize, Deserialize)]
struct NetworkDocument {
    /// The number of the save.
    save: u64,
    /// Whether an instance uses the directory and has not saved its latest rounds yet.
    in_use: bool,
    /// The encoded instance, without its subnets.
    instance: ByteBuf,
}

/// A state that is encoded and not written yet.
#[derive(Debug)]
pub struct Save {
    number: u64,
    in_use: bool,
    hash: [u8; 32],
    instance: Vec<u8>,
    subnets: Vec<SubnetSave>,
}

#[derive(Debug)]
struct SubnetSave {
    folder: String,
    document: Vec<u8>,
    fresh: Option<FreshFile>,
}

impl StateDir {
    /// Opens a directory, which is created if it does not exist.
    ///
    /// # Errors
    ///
    /// - [`StateDirError::OfOtherServer`] or [`StateDirError::Foreign`] if the directory has other files:
    ///   choose an empty directory.
    /// - [`StateDirError::InUse`] if another instance uses the directory: end that instance.
    /// - [`StateDirError::Io`] if the directory cannot be read or written.
    pub fn open(folder: &Path) -> Result<Self, StateDirError> {
        let lock = folder::open(folder)?;
        let folder = folder.to_owned();
        Ok(Self { folder, _lock: lock, save: 0, subnets: BTreeMap::new(), saved: None })
    }

    /// Whether the directory contains a state.
    pub fn has_state(&self) -> bool {
        contains_state(&self.folder)
    }

    /// Restores the network.
    ///
    /// # Errors
    ///
    /// - [`StateDirError::OtherVersion`] if another version of this program has saved the state in
    ///   another format.
    /// - [`StateDirError::Damaged`] if a file is not as it was written.
    /// - [`StateDirError::Incomplete`] if the instance that used the directory did not save its end, and
    ///   `incomplete` is false. If it is true, the instance is restored as of its beginning.
    /// - [`StateDirError::Io`] if a file cannot be read.
    pub fn restore(&mut self, incomplete: bool) -> Result<Instance, StateDirError> {
        let network = Document::read(&self.folder.join(NETWORK))?;
        let NetworkDocument { save, in_use, instance } = network.decode()?;
        if in_use && !incomplete {
            return Err(StateDirError::Incomplete(self.folder.clone()));
        }
        let instance: Instance = network.decode_part(&instance)?;
        let mut restored = Vec::new();
        for info in instance.subnets() {
            let folder = folder_of(info);
            let (saved, pieces) = subnet::read(&self.folder.join(&folder), save)?;
            self.subnets.insert(folder, pieces);
            restored.push(saved);
        }
        self.save = save;
        instance.with_restored_subnets(restored).map_err(|reason| network.damaged(reason))
    }

    /// Encodes the state of a network, so that [`write`](Self::write) can write it later, while the
    /// network continues. `None` if the state is the one of the latest save. Set `in_use` if the network
    /// will continue without being saved again at its end.
    ///
    /// # Errors
    ///
    /// [`StateDirError::Encoding`] if the state cannot be encoded.
    pub fn encode(
        &mut self,
        instance: &Instance,
        in_use: bool,
    ) -> Result<Option<Save>, StateDirError> {
        let encoded = document::encode(instance)?;
        let mut hash = Sha256::new_with_prefix([u8::from(in_use)]);
        hash.update(&encoded);
        let mut subnets = Vec::new();
        for saved in instance.members() {
            let folder = folder_of(saved.info);
            let pieces = self.subnets.entry(folder.clone()).or_default();
            let (document, fresh) = saving(pieces, || document::encode(&saved));
            let document = document.inspect_err(|_| {
                fresh.iter().for_each(|fresh| pieces.forget(fresh.number));
            })?;
            hash.update(&document);
            subnets.push(SubnetSave { folder, document, fresh });
        }
        let hash = hash.finalize().into();
        let is_new = self.saved != Some(hash);
        let number = self.save + 1;
        Ok(is_new.then_some(Save { number, in_use, hash, instance: encoded, subnets }))
    }

    /// Writes an encoded state. If that fails, the directory keeps the state of the save before.
    ///
    /// # Errors
    ///
    /// [`StateDirError::Io`] if a file cannot be written: make room, or allow this program to write.
    pub fn write(&mut self, save: Save) -> Result<(), StateDirError> {
        let Save { number, in_use, hash, instance, subnets } = save;
        // The number of a failed save is not used again.
        self.save = number;
        let written = subnets.iter().try_for_each(|subnet| {
            let folder = self.folder.join(&subnet.folder);
            subnet::write(&folder, number, &subnet.document, subnet.fresh.as_ref())
        });
        let instance = ByteBuf::from(instance);
        let network = NetworkDocument { save: number, in_use, instance };
        let written = written
            .and_then(|()| document::encode(&network))
            .and_then(|network| document::write(&self.folder, NETWORK, &network));
        if let Err(error) = written {
            self.saved = None;
            for subnet in &subnets {
                if let (Some(pieces), Some(fresh)) =
                    (self.subnets.get_mut(&subnet.folder), &subnet.fresh)
                {
                    pieces.forget(fresh.number);
                }
            }
            return Err(error);
        }
        self.saved = Some(hash);
        self.subnets.retain(|name, _| subnets.iter().any(|subnet| subnet.folder == *name));
        self.delete_unused();
        Ok(())
    }

    /// Saves the state of a network: see [`encode`](Self::encode) and [`write`](Self::write).
    ///
    /// # Errors
    ///
    /// See [`encode`](Self::encode) and [`write`](Self::write).
    pub fn save(&mut self, instance: &Instance, in_use: bool) -> Result<(), StateDirError> {
        match self.encode(instance, in_use)? {
            Some(save) => self.write(save),
            None => Ok(()),
        }
    }

    /// Deletes the files of earlier saves. A file that cannot be deleted does no harm, and the next save
    /// tries again.
    fn delete_unused(&self) {
        for folder in folder::subnets(&self.folder) {
            let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let pieces = self.subnets.get(name);
            folder::delete(&folder, |name| match (pieces, file_number(name)) {
                (Some(pieces), Some(number)) => !pieces.use_file(number),
                _ if name.ends_with(document::UNFINISHED) => true,
                (Some(_), None) => subnet::save_number(name).is_some_and(|save| save != self.save),
                (None, file) => file.is_some() || subnet::save_number(name).is_some(),
            });
        }
    }
}

/// Whether a directory contains a state.
pub fn contains_state(folder: &Path) -> bool {
    folder.join(NETWORK).exists()
}

/// The name of a subnet's folder.
fn folder_of(info: &SubnetInfo) -> String {
    hex::encode(info.place.seed)
}

#[cfg(test)]
mod tests;
