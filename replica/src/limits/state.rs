//! Limits of saved states. All of them are bounds of this project.

use std::time::Duration;

/// The largest number of files with the pieces of a subnet. If there are more, the smallest ones are
/// merged.
pub const PIECE_FILES_MAX: usize = 64;

/// The part of a file with pieces that the state must still use, in percent. Otherwise the used pieces
/// are written to a new file.
pub const PIECE_FILE_USE_MIN_PERCENT: u64 = 50;

/// The largest document of a saved subnet or network, in bytes.
pub const STATE_DOCUMENT_BYTES_MAX: u64 = 16 << 30;

/// The shortest time between two saves of a network that changes.
pub const SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// How many times as long as a save takes there is no further save.
pub const SAVE_PAUSE_FACTOR: u32 = 10;
