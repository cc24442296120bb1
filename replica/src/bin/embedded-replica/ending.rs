//! When to end: because somebody asks for it.

use std::io;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How often to look whether something has failed.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

#[cfg(unix)]
type Signal = tokio::signal::unix::Signal;
#[cfg(windows)]
type Signal = tokio::signal::windows::CtrlC;

/// Listens for Ctrl-C and, where there is such a thing, SIGTERM, from the moment it is made: so make
/// it before anybody can know that the process runs.
pub struct Ending {
    runtime: Runtime,
    signals: Vec<Signal>,
}

impl Ending {
    /// Begins to listen.
    pub fn listen() -> Result<Self, String> {
        let listen = || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let signals = runtime.block_on(async { signals() })?;
            Ok(Self { runtime, signals })
        };
        listen().map_err(|error: io::Error| format!("cannot wait for signals: {error}"))
    }

    /// Waits until somebody asks this process to end, or what it is for has failed.
    pub fn wait_unless(
        &mut self,
        mut failure: impl FnMut() -> Option<String>,
    ) -> Result<(), String> {
        while !self.is_asked_within(LOOK_INTERVAL) {
            if let Some(failure) = failure() {
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Waits for so long at most, and returns whether somebody asks this process to end.
    pub fn is_asked_within(&mut self, patience: Duration) -> bool {
        let signals = &mut self.signals;
        self.runtime.block_on(async { tokio::time::timeout(patience, any(signals)).await.is_ok() })
    }
}

#[cfg(unix)]
fn signals() -> io::Result<Vec<Signal>> {
    use tokio::signal::unix::{SignalKind, signal};
    [SignalKind::interrupt(), SignalKind::terminate()].into_iter().map(signal).collect()
}

#[cfg(windows)]
fn signals() -> io::Result<Vec<Signal>> {
    Ok(vec![tokio::signal::windows::ctrl_c()?])
}

/// Waits for the first of these signals.
async fn any(signals: &mut [Signal]) {
    std::future::poll_fn(|context| {
        let arrived = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if arrived { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
