//! The file in which PocketIC's clients look for the port.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The file in which clients look for the port. It is this process's alone while it exists.
pub struct PortFile {
    /// Where it is.
    pub path: PathBuf,
}

impl PortFile {
    /// Creates the file, empty; nothing, if somebody else has.
    pub fn claim(path: &Path) -> io::Result<Option<Self>> {
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(_) => Ok(Some(Self { path: path.to_owned() })),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the port at once, with the line end by which clients know that it is complete.
    pub fn announce(&self, port: u16) -> io::Result<()> {
        OpenOptions::new().write(true).open(&self.path)?.write_all(format!("{port}\n").as_bytes())
    }
}

impl Drop for PortFile {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = fs::remove_file(&self.path);
    }
}
