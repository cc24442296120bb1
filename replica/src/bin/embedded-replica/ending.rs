//! When to end: because somebody asks for it.

use std::io;

/// Waits for SIGINT or, where there is such a thing, SIGTERM.
pub async fn asked_to_end() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// Waits until somebody asks this process to end.
pub fn wait() -> Result<(), String> {
    runtime()?.block_on(asked_to_end()).map_err(|error| format!("cannot wait for signals: {error}"))
}

/// What waits.
pub fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot wait for signals: {error}"))
}
