//! The folders of a state: whose they are, and deleting files in them.

use super::document::{self, UNFINISHED};
use super::{NETWORK, StateDirError};
use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The name of the file that is locked while the directory is in use. It contains the id of the network.
const LOCK: &str = "lock";

/// The name of the file that is there while a network runs.
const RUNNING: &str = "running";

/// Files that DFINITY's PocketIC server writes into a state directory
/// (`pocket_ic_server/src/pocket_ic.rs`).
const OF_OTHER_SERVER: [&str; 2] = ["topology.json", "registry.proto"];

/// The names in a folder.
pub(super) fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
    };
    fs::read_dir(folder)?.map(name).collect()
}

/// The file of a directory that is locked as long as this value exists.
///
/// The lock belongs to the open file, which a process that is being started shares until it executes its program. So to
/// close the file is not enough.
#[derive(Debug)]
pub(super) struct LockedFile(File);

impl LockedFile {
    /// The file.
    pub(super) fn file(&self) -> &File {
        &self.0
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        // If this fails, closing the file unlocks it.
        let _ = self.0.unlock();
    }
}

/// Checks that a directory contains a state or nothing, and locks it. Creates it if it does not exist. Returns the
/// locked file, and the id of the network.
pub(super) fn open(folder: &Path) -> Result<(LockedFile, String), StateDirError> {
    if folder.exists() && !folder.is_dir() {
        return Err(StateDirError::NotADirectory(folder.to_owned()));
    }
    fs::create_dir_all(folder).map_err(StateDirError::io(folder))?;
    let names = names(folder).map_err(StateDirError::io(folder))?;
    if names.iter().any(|name| OF_OTHER_SERVER.contains(&name.as_str())) {
        return Err(StateDirError::OfOtherServer(folder.to_owned()));
    }
    // A crash in the first save leaves the folders of subnets, and perhaps a part of the last file.
    let unfinished = format!("{NETWORK}{UNFINISHED}");
    let own = [NETWORK, &unfinished, LOCK, RUNNING];
    let is_own = |name: &String| own.contains(&name.as_str()) || is_seed(name);
    if !names.iter().any(|name| name == NETWORK) && !names.iter().all(is_own) {
        return Err(StateDirError::Foreign(folder.to_owned()));
    }
    // Nothing is created in a directory that another version of this program has saved.
    let has_state = names.iter().any(|name| name == NETWORK);
    if has_state {
        document::check_format_of(&folder.join(NETWORK))?;
    }
    let path = folder.join(LOCK);
    let lock = File::options().create(true).truncate(false).read(true).write(true).open(&path);
    let lock = lock.map_err(StateDirError::io(&path))?;
    locked(lock.try_lock(), folder)?;
    let lock = LockedFile(lock);
    // After a crash, the network is not the one that clients have seen: its latest moment is lost.
    let is_continued = has_state && !names.iter().any(|name| name == RUNNING);
    let id = network_id(lock.file(), is_continued).map_err(StateDirError::io(&path))?;
    Ok((lock, id))
}

/// The id of the network of a locked directory: the one in the file, or a new one, which is written there.
fn network_id(lock: &File, is_continued: bool) -> std::io::Result<String> {
    let mut lock = lock;
    let mut known = Vec::new();
    lock.take(NETWORK_ID_BYTES as u64 + 1).read_to_end(&mut known)?;
    if is_continued && known.len() == NETWORK_ID_BYTES && known.iter().all(u8::is_ascii_hexdigit) {
        return Ok(String::from_utf8_lossy(&known).into_owned());
    }
    let id = new_network_id();
    lock.set_len(0)?;
    lock.rewind()?;
    lock.write_all(id.as_bytes())?;
    Ok(id)
}

/// The length of an id of a network, in bytes. Each is a hexadecimal digit.
const NETWORK_ID_BYTES: usize = 16;

/// An id for a network that begins. The id distinguishes networks, and is no secret.
pub fn new_network_id() -> String {
    // The standard library chooses the keys of such a hash at random.
    format!("{:016x}", RandomState::new().hash_one(SystemTime::now()))
}

/// Locks a directory for reading: others may read it meanwhile, and nobody can save a state there. `None`
/// if the directory has no file to lock, so that it was never used where it is.
pub(super) fn open_to_read(folder: &Path) -> Result<Option<LockedFile>, StateDirError> {
    let path = folder.join(LOCK);
    let lock = match File::open(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StateDirError::io(&path)(error)),
    };
    locked(lock.try_lock_shared(), folder)?;
    Ok(Some(LockedFile(lock)))
}

/// The error if a directory could not be locked.
fn locked(result: Result<(), TryLockError>, folder: &Path) -> Result<(), StateDirError> {
    result.map_err(|error| match error {
        TryLockError::WouldBlock => StateDirError::InUse(folder.to_owned()),
        TryLockError::Error(error) => StateDirError::io(folder.join(LOCK))(error),
    })
}

/// Whether a directory still has the locked file, rather than none, or one of another directory that took
/// its place.
pub(super) fn has_lock(folder: &Path, lock: &File) -> bool {
    match (fs::metadata(folder.join(LOCK)), lock.metadata()) {
        (Ok(there), Ok(locked)) => is_same_file(&there, &locked),
        _ => false,
    }
}

#[cfg(unix)]
fn is_same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Elsewhere, a locked file cannot be replaced.
#[cfg(not(unix))]
fn is_same_file(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

/// Whether a network runs, or did not end.
pub(super) fn has_running(folder: &Path) -> bool {
    folder.join(RUNNING).exists()
}

/// Records that a network runs.
pub(super) fn add_running(folder: &Path) -> Result<(), StateDirError> {
    let path = folder.join(RUNNING);
    let file = File::options().create(true).truncate(true).write(true).open(&path);
    file.and_then(|_| sync(folder)).map_err(StateDirError::io(path))
}

/// Records that no network runs.
pub(super) fn remove_running(folder: &Path) -> Result<(), StateDirError> {
    let path = folder.join(RUNNING);
    let removed = match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => sync(folder),
    };
    removed.map_err(StateDirError::io(path))
}

/// Makes the names of the files in a folder permanent. On Windows this is not possible, and not necessary.
pub(super) fn sync(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Whether this is the name of a subnet's folder.
fn is_seed(name: &str) -> bool {
    hex::decode(name).is_ok_and(|seed| seed.len() == size_of::<crate::keys::Seed>())
}

/// The folders of subnets.
pub(super) fn subnets(folder: &Path) -> Vec<PathBuf> {
    let names = names(folder).unwrap_or_default();
    names.iter().filter(|name| is_seed(name)).map(|name| folder.join(name)).collect()
}

/// The largest number for which `number` finds a file in a folder.
pub(super) fn last_number(folder: &Path, number: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    names(folder).unwrap_or_default().iter().filter_map(|name| number(name)).max()
}

/// Deletes the files in a folder for whose names `is_unused` holds, and the folder if it is then empty.
pub(super) fn delete(folder: &Path, is_unused: impl Fn(&str) -> bool) {
    for name in names(folder).unwrap_or_default().iter().filter(|name| is_unused(name)) {
        let _ = fs::remove_file(folder.join(name));
    }
    // Fails if the folder is not empty.
    let _ = fs::remove_dir(folder);
}
