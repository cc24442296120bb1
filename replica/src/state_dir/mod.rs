//! State directories: a network is saved in a directory, and restored from it.
//!
//! A restored network continues exactly where it was saved: the same rounds, cycles, replies and times
//! follow as if it had never stopped. Connections, gateways and automatic progress are not part of it.
//!
//! The format is this project's own. A directory contains:
//!
//! | file | content |
//! |---|---|
//! | `network.state` | what all subnets share: topology, streams, time; the number of the save; and the checksums of the other files |
//! | `SEED/subnet-N.state` | a subnet, as of the save with the number N; SEED is the subnet's seed in hexadecimal |
//! | `SEED/pieces-N` | memories and modules of the subnet (see [`pieces`](crate::pieces)) |
//! | `lock` | the id of the network; the file is locked while a server uses the directory |
//! | `running` | nothing; it is there while a network runs that is saved again and again, and after a crash of such a network |
//!
//! Replacing `network.state` completes a save: it names the save whose files count. All other files of a
//! save are new ones, with numbers that no file in the directory has. So a crash at any time leaves the
//! state of a save. Each file is compared with its checksum when a state is restored.
//!
//! Nothing in the state depends on `running`, or on what `lock` contains. So versions that do not know them can use the
//! directory.

mod document;
mod error;
mod folder;
mod subnet;

pub use error::StateDirError;
pub use folder::new_network_id;
pub use subnet::load_subnet;

use crate::instance::{Instance, SubnetInfo};
use crate::pieces::{FileSum, FreshFile, Pieces, file_name, file_number, saving};
use document::{Content, Document, Hash};
use folder::LockedFile;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use subnet::SubnetFiles;

/// The name of the document of the network.
const NETWORK: &str = "network.state";

/// A directory with the state of one network. No other process can use it meanwhile.
#[derive(Debug)]
pub struct StateDir {
    folder: PathBuf,
    /// Locked as long as this value exists.
    lock: LockedFile,
    /// The id of the network.
    network_id: String,
    /// The number of the latest complete save. 0 if there is none.
    save: u64,
    /// The largest number of a save of which there may be files.
    last_number: u64,
    /// The pieces of each subnet, by the name of the subnet's folder.
    subnets: BTreeMap<String, Pieces>,
    /// The hash of the latest saved state.
    saved: Option<Hash>,
    /// The hash of the document of the network, as it was read or written last. `None` if there is none.
    network: Option<Hash>,
    /// Whether a run has begun and not ended.
    is_running: bool,
}

/// The document of the network.
#[derive(Serialize, Deserialize)]
struct NetworkDocument {
    /// The number of the save.
    save: u64,
    /// Whether an instance uses the directory and has not saved its latest rounds yet.
    in_use: bool,
    /// The files of each subnet, by the name of the subnet's folder.
    subnets: BTreeMap<String, SubnetFiles>,
    /// The encoded instance, without its subnets.
    instance: ByteBuf,
}

/// A state that is encoded and not written yet.
#[derive(Debug)]
pub struct Save {
    number: u64,
    in_use: bool,
    hash: Hash,
    instance: Vec<u8>,
    subnets: Vec<SubnetSave>,
}

#[derive(Debug)]
struct SubnetSave {
    folder: String,
    document: Content,
    fresh: Option<FreshFile>,
    pieces: BTreeMap<u64, FileSum>,
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
        let (lock, network_id) = folder::open(folder)?;
        let last_number = last_save(folder);
        let folder = folder.to_owned();
        Ok(Self {
            folder,
            lock,
            network_id,
            save: 0,
            last_number,
            subnets: BTreeMap::new(),
            saved: None,
            network: None,
            is_running: false,
        })
    }

    /// The id of the network in the directory: 16 hexadecimal digits. It stays the same when the network ends and
    /// continues. It is a new one for a network that begins, and after a crash, when something may be lost.
    pub fn network_id(&self) -> &str {
        &self.network_id
    }

    /// Whether the directory contains a state.
    pub fn has_state(&self) -> bool {
        contains_state(&self.folder)
    }

    /// The time of the latest save, if the last run did not end: the program crashed or was killed between
    /// [`begin_run`](Self::begin_run) and [`end_run`](Self::end_run), so what happened after that save is
    /// lost. `None` if the last run ended, or if there was none. Ask before the next save.
    pub fn crashed_run(&self) -> Option<SystemTime> {
        let crashed = !self.is_running && folder::has_running(&self.folder);
        let saved = || self.folder.join(NETWORK).metadata().ok()?.modified().ok();
        crashed.then(saved).flatten()
    }

    /// Records in the directory that a network runs from now on, and is saved again and again.
    ///
    /// # Errors
    ///
    /// [`StateDirError::Io`] if the directory cannot be written.
    pub fn begin_run(&mut self) -> Result<(), StateDirError> {
        folder::add_running(&self.folder)?;
        self.is_running = true;
        Ok(())
    }

    /// Records in the directory that the network has ended and was saved after that.
    ///
    /// # Errors
    ///
    /// [`StateDirError::Io`] if the directory cannot be written. The next run then takes this one for
    /// crashed.
    pub fn end_run(&mut self) -> Result<(), StateDirError> {
        folder::remove_running(&self.folder)?;
        self.is_running = false;
        Ok(())
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
        let NetworkDocument { save, in_use, mut subnets, instance } = network.decode()?;
        if in_use && !incomplete {
            return Err(StateDirError::Incomplete(self.folder.clone()));
        }
        let instance: Instance = network.decode_part(&instance)?;
        let mut restored = Vec::new();
        for info in instance.subnets() {
            let name = folder_of(info);
            let files = subnets.remove(&name);
            let files = files.ok_or_else(|| network.damaged(format!("it has no {name}")))?;
            let folder = self.folder.join(&name);
            let (saved, mut pieces) = subnet::read(&folder, save, files)?;
            pieces.number_files_above(folder::last_number(&folder, file_number));
            self.subnets.insert(name, pieces);
            restored.push(saved);
        }
        self.save = save;
        self.network = Some(network.hash());
        self.last_number = self.last_number.max(save);
        instance.with_restored_subnets(restored).map_err(|reason| network.damaged(reason))
    }

    /// Encodes the state of a network, so that [`write`](Self::write) can write it later, while the
    /// network continues. `None` if the state is the one of the latest save. Set `in_use` if the network
    /// will continue without being saved again at its end.
    ///
    /// # Errors
    ///
    /// - [`StateDirError::Encoding`] if the state cannot be encoded.
    /// - The errors of [`open`](Self::open) if the directory was deleted meanwhile, and cannot be created
    ///   again.
    pub fn encode(
        &mut self,
        instance: &Instance,
        in_use: bool,
    ) -> Result<Option<Save>, StateDirError> {
        self.look_for_files()?;
        let encoded = document::encode(instance)?;
        let mut hash = Sha256::new_with_prefix([u8::from(in_use)]);
        hash.update(encoded.hash);
        let mut subnets = Vec::new();
        for saved in instance.members() {
            let name = folder_of(saved.info);
            let pieces = self.subnets.entry(name.clone()).or_insert_with(|| {
                let mut pieces = Pieces::default();
                let last = folder::last_number(&self.folder.join(&name), file_number);
                pieces.number_files_above(last);
                pieces
            });
            let (document, fresh) = saving(pieces, || document::encode(&saved));
            let document = document?;
            hash.update(document.hash);
            subnets.push(SubnetSave { folder: name, document, fresh, pieces: pieces.files() });
        }
        let hash = hash.finalize().into();
        if self.saved == Some(hash) {
            self.subnets.values_mut().for_each(Pieces::written);
            return Ok(None);
        }
        let number = self.last_number.saturating_add(1);
        Ok(Some(Save { number, in_use, hash, instance: encoded.bytes, subnets }))
    }

    /// Looks whether the files of the latest save are still there. The next save writes the missing ones again.
    fn look_for_files(&mut self) -> Result<(), StateDirError> {
        if !folder::has_lock(&self.folder, self.lock.file()) {
            // The directory was deleted, or another one is in its place.
            let mut opened = Self::open(&self.folder)?;
            if opened.has_state() {
                let found = Document::read(&self.folder.join(NETWORK))?.hash();
                opened.network = self.network.filter(|own| *own == found);
                if opened.network.is_none() {
                    return Err(StateDirError::Replaced(self.folder.clone()));
                }
            }
            if self.is_running {
                opened.begin_run()?;
            }
            *self = opened;
        }
        for (name, pieces) in &mut self.subnets {
            let folder = self.folder.join(name);
            pieces.forget_missing(|number, bytes| {
                let file = std::fs::metadata(folder.join(file_name(number)));
                file.is_ok_and(|file| file.len() == bytes)
            });
        }
        let has_document = |name| subnet::has_document(&self.folder.join(name), self.save);
        if !self.has_state() || !self.subnets.keys().all(has_document) {
            self.saved = None;
        }
        Ok(())
    }

    /// Writes an encoded state. If that fails, the directory keeps the state of the save before.
    ///
    /// # Errors
    ///
    /// [`StateDirError::Io`] if a file cannot be written: make room, or allow this program to write.
    pub fn write(&mut self, save: Save) -> Result<(), StateDirError> {
        let Save { number, in_use, hash, instance, subnets } = save;
        // The number of a failed save is not used again.
        self.last_number = number;
        self.saved = None;
        let written = subnets.iter().try_for_each(|subnet| {
            let folder = self.folder.join(&subnet.folder);
            subnet::write(&folder, number, &subnet.document, subnet.fresh.as_ref())
        });
        let files = |subnet: &SubnetSave| {
            let files =
                SubnetFiles { document: subnet.document.hash, pieces: subnet.pieces.clone() };
            (subnet.folder.clone(), files)
        };
        let network = NetworkDocument {
            save: number,
            in_use,
            subnets: subnets.iter().map(files).collect(),
            instance: ByteBuf::from(instance),
        };
        let write_network = |network: Content| {
            document::write(&self.folder, NETWORK, &network).map(|()| network.hash)
        };
        let written = written.and_then(|()| document::encode(&network)).and_then(write_network);
        match written {
            Ok(hash) => self.network = Some(hash),
            Err(error) => {
                self.delete_failed(number, &subnets);
                return Err(error);
            }
        }
        self.save = number;
        self.saved = Some(hash);
        self.subnets.retain(|name, _| network.subnets.contains_key(name));
        self.subnets.values_mut().for_each(Pieces::written);
        self.delete_unused();
        Ok(())
    }

    /// Deletes the files of a save that failed. A full disk would otherwise get fuller with each attempt.
    fn delete_failed(&self, number: u64, subnets: &[SubnetSave]) {
        let network = Document::read(&self.folder.join(NETWORK));
        let network = network.and_then(|network| network.decode::<NetworkDocument>());
        // If the last step failed, the save may count all the same.
        let is_other = match network {
            Ok(network) => network.save != number,
            Err(StateDirError::Io { error, .. }) => error.kind() == ErrorKind::NotFound,
            Err(_) => false,
        };
        if is_other {
            for SubnetSave { folder, fresh, .. } in subnets {
                subnet::remove(&self.folder.join(folder), number, fresh.as_ref());
            }
        }
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

/// The largest number of a save of which there are files in a directory. 0 if there are none.
fn last_save(folder: &Path) -> u64 {
    let last = |folder: PathBuf| folder::last_number(&folder, subnet::save_number);
    folder::subnets(folder).into_iter().filter_map(last).max().unwrap_or_default()
}

/// The name of a subnet's folder.
fn folder_of(info: &SubnetInfo) -> String {
    hex::encode(info.place.seed)
}

#[cfg(test)]
mod tests;
