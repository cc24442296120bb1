//! Why a state cannot be saved or restored.

use std::io;
use std::path::PathBuf;

/// Why a state cannot be saved or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateDirError {
    /// A file or directory cannot be read or written.
    #[error("cannot read or write {}: {error}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// The path is that of a file.
    #[error("{} is not a directory: give a directory for the state", .0.display())]
    NotADirectory(PathBuf),
    /// The path for the state of one subnet is not that of a directory.
    #[error(
        "the path {} is not a (subnet state) directory: give the folder of one subnet, which is in a \
         state directory and has the subnet's seed as its name", .0.display()
    )]
    NotASubnetDirectory(PathBuf),
    /// The directory for the state of one subnet is empty.
    #[error(
        "Provided an empty state directory at path {}: give the folder of one subnet, which is in a \
         state directory and has the subnet's seed as its name", .0.display()
    )]
    EmptySubnetDirectory(PathBuf),
    /// The directory contains the state of DFINITY's PocketIC server.
    #[error(
        "{} contains a state of DFINITY's PocketIC server, whose format is different: use that server, \
         or choose an empty directory", .0.display()
    )]
    OfOtherServer(PathBuf),
    /// The directory contains files that are not a state.
    #[error(
        "{} contains files that are not a state of the embedded replica: choose an empty directory",
        .0.display()
    )]
    Foreign(PathBuf),
    /// Another instance uses the directory.
    #[error(
        "another instance uses the state directory {}: delete that instance or end its server first",
        .0.display()
    )]
    InUse(PathBuf),
    /// Somebody has put another state in the place of the directory, while an instance used the directory.
    #[error(
        "another state was put in the place of {} while an instance used the directory: move the other \
         state away, then the instance is saved there again", .0.display()
    )]
    Replaced(PathBuf),
    /// The instance that used the directory did not save its end.
    #[error(
        "the state in {} is incomplete: the instance that used it was not deleted before its server \
         ended, so its latest rounds are lost. Set `incomplete_state` to continue without them",
        .0.display()
    )]
    Incomplete(PathBuf),
    /// The state was saved in another format.
    #[error(
        "{} has the format '{format}', which this version of the embedded replica cannot read: use the \
         version that saved it, or choose an empty directory", path.display()
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// The format that the file states.
        format: String,
    },
    /// A file is not as it was written, or not from a version that writes the same format.
    #[error(
        "{} cannot be read, because it is damaged or from another version of the embedded replica: \
         {reason}. Restore a copy of the directory, or choose an empty one", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The state cannot be encoded.
    #[error("the state of the network cannot be encoded: {0}")]
    Encoding(String),
}

impl StateDirError {
    /// The error of the operating system for an operation on `path`.
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |error| Self::Io { path, error }
    }
}
