//! Files, which are never half-written: a file is written under another name first, and then renamed.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::args::folder_of;
use crate::error::Error;
use crate::pictures::Picture;

/// How many symbolic links lead to a file at most, as on Linux (`man 7 path_resolution`).
const MAX_LINKS: usize = 40;

/// Checks that a file can be written, without a trace if it cannot be or does not exist yet.
///
/// # Errors
///
/// - [`Error::NoFolder`] if the file has no folder, or is a folder itself.
/// - [`Error::NotWritable`] if it is something other than a file, if it is read-only, or if its folder cannot be
///   written to.
pub fn check_file(path: &Path) -> Result<(), Error> {
    let target = target_of(path);
    let folder = folder_of(&target);
    if !folder.is_dir() || target.is_dir() {
        return Err(Error::NoFolder { path: path.into() });
    }
    let refuse = |reason: String| Error::NotWritable { path: path.into(), reason };
    match target.metadata() {
        Ok(metadata) if !metadata.is_file() => {
            return Err(refuse("it is neither a file nor a new name".into()));
        }
        Ok(_) => {
            let opened = fs::OpenOptions::new().append(true).open(&target);
            opened.map_err(|error| refuse(error.to_string()))?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => (),
        Err(error) => return Err(refuse(error.to_string())),
    }
    check_new_file_in(folder).map_err(|error| refuse(error.to_string()))
}

/// Checks that files can be written into a folder, which may not exist yet, without a trace.
///
/// # Errors
///
/// - [`Error::NotAFolder`] if the folder is a file, or would be in a file.
/// - [`Error::NotWritable`] if the folder, or the nearest one above it that exists, cannot be written to.
pub fn check_folder(path: &Path) -> Result<(), Error> {
    let existing = path.ancestors().find(|ancestor| ancestor.symlink_metadata().is_ok());
    let existing = existing.unwrap_or(Path::new("."));
    if !existing.is_dir() {
        return Err(Error::NotAFolder { path: path.into() });
    }
    check_new_file_in(existing)
        .map_err(|error| Error::NotWritable { path: path.into(), reason: error.to_string() })
}

fn check_new_file_in(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder).map(drop)
}

/// Writes a file. If `write` fails, or if the program ends before, an earlier file with this name stays as it is.
///
/// If the name is that of a symbolic link, the file that the link names is written. An earlier file keeps its
/// permissions.
///
/// # Errors
///
/// [`Error::File`] if the file cannot be written.
pub fn write_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    let written = || {
        let target = target_of(path);
        let earlier = target.metadata().ok().map(|metadata| metadata.permissions());
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // The operating system takes away what the user's mask forbids. What only the owner may read is never
            // readable for others, not even before it has its name.
            let mode = if earlier.is_some() { 0o600 } else { 0o666 };
            builder.permissions(fs::Permissions::from_mode(mode));
        }
        let mut file = builder.prefix(".unfinished-").tempfile_in(folder_of(&target))?;
        let mut buffered = BufWriter::new(file.as_file_mut());
        write(&mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        if let Some(permissions) = earlier {
            file.as_file().set_permissions(permissions)?;
        }
        file.persist(&target)?;
        Ok(())
    };
    written().map_err(Error::file("write", path))
}

/// The file that a name stands for: if it is a symbolic link, the file that the link names, which may not exist yet.
fn target_of(path: &Path) -> PathBuf {
    let mut target = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&target) {
            Ok(named) => target = folder_of(&target).join(named),
            Err(_) => return target,
        }
    }
    path.to_owned()
}

/// One path for each file, whatever its name: without symbolic links, from the root on. The file may not exist yet.
pub fn identity(path: &Path) -> PathBuf {
    let target = target_of(path);
    for ancestor in target.ancestors() {
        let existing = if ancestor == Path::new("") { Path::new(".") } else { ancestor };
        if let (Ok(real), Ok(rest)) = (existing.canonicalize(), target.strip_prefix(ancestor)) {
            // Joining an empty path would add a slash.
            return if rest == Path::new("") { real } else { real.join(rest) };
        }
    }
    target
}

/// Writes pictures into a folder, which is created if it does not exist.
///
/// # Errors
///
/// [`Error::File`] if a file or the folder cannot be written.
pub fn write_pictures(folder: &Path, pictures: &[Picture]) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    for picture in pictures {
        let path = folder.join(format!("{}.svg", picture.name));
        write_file(&path, |out| out.write_all(picture.svg.to_file().as_bytes()))?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
