//! Files, which are never half-written: a file is written under another name first, and then renamed.

use std::io::{BufWriter, Write};
use std::path::Path;

use crate::args::folder_of;
use crate::error::Error;
use crate::pictures::Picture;

/// Checks that a file can be written, without a trace if it cannot be or does not exist yet.
///
/// # Errors
///
/// - [`Error::NoFolder`] if the file has no folder, or is a folder itself.
/// - [`Error::NotWritable`] if it is something other than a file, or if its folder cannot be written to.
pub fn check_file(path: &Path) -> Result<(), Error> {
    let folder = folder_of(path);
    if !folder.is_dir() || path.is_dir() {
        return Err(Error::NoFolder { path: path.into() });
    }
    let refuse = |reason: String| Error::NotWritable { path: path.into(), reason };
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Err(refuse("it is neither a file nor a new name".into()));
    }
    tempfile::tempfile_in(folder).map(drop).map_err(|error| refuse(error.to_string()))
}

/// Writes a file. If `write` fails, or if the program ends before, an earlier file with this name stays as it is.
///
/// # Errors
///
/// [`Error::File`] if the file cannot be written.
pub fn write_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), Error> {
    let written = || {
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // The operating system takes away what the user's mask forbids.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let mut file = builder.prefix(".unfinished-").tempfile_in(folder_of(path))?;
        let mut buffered = BufWriter::new(file.as_file_mut());
        write(&mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        file.persist(path)?;
        Ok(())
    };
    written().map_err(Error::file("write", path))
}

/// Writes pictures into a folder, which is created if it does not exist.
///
/// # Errors
///
/// [`Error::File`] if a file or the folder cannot be written.
pub fn write_pictures(folder: &Path, pictures: &[Picture]) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    for picture in pictures {
        let path = folder.join(format!("{}.svg", picture.name));
        write_file(&path, |out| out.write_all(picture.svg.to_file().as_bytes()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, io};

    use super::*;

    #[test]
    fn a_file_can_be_written_if_its_folder_exists_and_it_is_a_file_or_new() {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        let path = folder.path().join("a.txt");
        for _ in 0..2 {
            assert!(check_file(&path).is_ok());
            fs::write(&path, "one").expect("it can be written");
        }
        assert!(matches!(check_file(folder.path()), Err(Error::NoFolder { .. })));
        let nowhere = folder.path().join("no/a.txt");
        assert!(matches!(check_file(&nowhere), Err(Error::NoFolder { .. })));
        #[cfg(unix)]
        assert!(matches!(check_file(Path::new("/dev/null")), Err(Error::NotWritable { .. })));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_finished_leaves_the_earlier_one_as_it_was() {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        let path = folder.path().join("a.txt");
        write_file(&path, |out| out.write_all(b"one")).expect("it can be written");
        let failed = write_file(&path, |out| {
            out.write_all(b"two")?;
            Err(io::Error::other("the disk is full"))
        });
        assert!(failed.expect_err("it fails").to_string().contains("the disk is full"));
        assert_eq!(fs::read(&path).expect("it is there"), b"one");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}
