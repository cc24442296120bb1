//! The port file: PocketIC's clients read the server's port from it.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The port file of this process. The file is deleted when this value is dropped.
pub struct PortFile {
    /// The path of the file.
    pub path: PathBuf,
}

impl PortFile {
    /// Creates an empty file. Returns `None` if the file exists already: another server owns it then.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be created for another reason.
    pub fn claim(path: &Path) -> io::Result<Option<Self>> {
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(_) => Ok(Some(Self { path: path.to_owned() })),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the port and a line end, by which clients know that the file is complete.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn announce(&self, port: u16) -> io::Result<()> {
        OpenOptions::new().write(true).open(&self.path)?.write_all(format!("{port}\n").as_bytes())
    }
}

impl Drop for PortFile {
    fn drop(&mut self) {
        // The file may have been deleted by somebody else.
        let _ = fs::remove_file(&self.path);
    }
}
