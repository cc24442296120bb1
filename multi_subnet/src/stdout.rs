//! Standard output, which gets the result and nothing else.

use std::io::{self, Write};

/// Returns standard output for the result, and redirects everything else that is printed from now on to
/// standard error.
///
/// Otherwise two kinds of lines would be mixed with the result: the `pocket-ic` crate prints lines when it
/// downloads a server, and a server that it starts inherits standard output and logs there.
///
/// # Errors
///
/// Fails if the operating system cannot duplicate a file descriptor.
#[cfg(unix)]
pub fn take() -> io::Result<impl Write> {
    use std::{fs::File, os::fd::AsFd};

    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(File::from(stdout))
}

/// Returns standard output. It cannot be redirected on this platform.
///
/// # Errors
///
/// Never fails.
#[cfg(not(unix))]
pub fn take() -> io::Result<impl Write> {
    Ok(io::stdout())
}
