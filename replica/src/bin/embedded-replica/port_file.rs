//! The port file: PocketIC's clients read the server's port from it.
//!
//! A server locks its port file as long as it runs. So a server can tell the file of a running server from a
//! file that a killed server has left.

use std::fs::{self, File, OpenOptions};
#[cfg(not(unix))]
use std::io::ErrorKind;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Most bytes in a port file: a port and a line end.
const CONTENT_BYTES_MAX: u64 = 7;

/// How long a server that runs elsewhere has to respond.
const STATUS_TIMEOUT: Duration = Duration::from_secs(1);

/// The port file of this process. The file is deleted when this value is dropped, unless it is the file of
/// another process by then.
pub struct PortFile {
    path: PathBuf,
    file: File,
}

impl PortFile {
    /// Creates an empty file, or takes over the file of a server that no longer runs. Returns `None` if
    /// another server uses the file.
    ///
    /// # Errors
    ///
    /// Fails if the path is not that of a regular file, or if the file cannot be created. The message says
    /// what to change.
    pub fn claim(path: &Path) -> Result<Option<Self>, String> {
        let failed = |error: io::Error| format!("cannot create {}: {error}", path.display());
        loop {
            // A link is refused even if it leads to a file: at the end, the link would be deleted.
            if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
                return Err(format!(
                    "{} is not a regular file: choose another --port-file",
                    path.display()
                ));
            }
            let Some(mut file) = open(path).map_err(failed)? else { return Ok(None) };
            // The server that held the lock may have deleted the file before this process got the lock.
            if !is_at(&file, path) {
                continue;
            }
            let Some(port) = port_in(&file).map_err(failed)? else {
                return Err(format!(
                    "{} is a file with other content than a port: choose another --port-file",
                    path.display()
                ));
            };
            // PocketIC's own server locks nothing.
            if port.is_some_and(responds) {
                return Ok(None);
            }
            file.set_len(0).map_err(failed)?;
            io::Seek::rewind(&mut file).map_err(failed)?;
            return Ok(Some(Self { path: path.to_owned(), file }));
        }
    }

    /// Writes the port and a line end, by which clients know that the file is complete.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn announce(&mut self, port: u16) -> Result<(), String> {
        let written = self.file.write_all(format!("{port}\n").as_bytes());
        written.map_err(|error| format!("cannot write {}: {error}", self.path.display()))
    }
}

impl Drop for PortFile {
    fn drop(&mut self) {
        if is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The port in a port file. `Some(None)` if the file is empty; `None` if it has other content.
fn port_in(file: &File) -> io::Result<Option<Option<u16>>> {
    let mut content = Vec::new();
    file.take(CONTENT_BYTES_MAX + 1).read_to_end(&mut content)?;
    let text = str::from_utf8(&content).map(str::trim);
    Ok(match text {
        Ok("") => Some(None),
        Ok(text) => text.parse().ok().map(Some),
        Err(_) => None,
    })
}

/// Opens and locks a file. `None` if another process has locked it.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<Option<File>> {
    use std::fs::TryLockError;
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Opens a file. `None` if it exists: elsewhere than on Unix, clients could not read a locked file.
#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<Option<File>> {
    match OpenOptions::new().read(true).write(true).create_new(true).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether an open file is the one at this path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let at_path = fs::symlink_metadata(path).map(identity);
    file.metadata().map(identity).is_ok_and(|open| at_path.is_ok_and(|found| found == open))
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

/// Whether a PocketIC server listens on a port of this machine.
fn responds(port: u16) -> bool {
    let ask = || -> io::Result<bool> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut connection = TcpStream::connect_timeout(&address, STATUS_TIMEOUT)?;
        connection.set_read_timeout(Some(STATUS_TIMEOUT))?;
        connection
            .write_all(b"GET /status HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut start = [0; 12];
        connection.read_exact(&mut start)?;
        Ok(&start == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}
