//! Standard output is for the result alone.

use std::io::{self, Write};

/// Takes standard output for the result; from now on, whatever else is printed goes to standard error.
///
/// The `pocket-ic` crate prints when it downloads a server, and hands our standard output on to the server,
/// which logs there. Both would end up in the middle of the result.
#[cfg(unix)]
pub fn take() -> io::Result<impl Write> {
    use std::{fs::File, os::fd::AsFd};

    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(File::from(stdout))
}

/// Hands out standard output; it cannot be kept from others here.
#[cfg(not(unix))]
pub fn take() -> io::Result<impl Write> {
    Ok(io::stdout())
}
