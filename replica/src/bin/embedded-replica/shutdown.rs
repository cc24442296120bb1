//! Signals that ask the process to shut down.

use crate::memory::MemoryReturn;
use embedded_replica::limits::SERVER_FAILURE_CHECK_INTERVAL_MILLIS;
use std::io;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How often to check whether the server has failed.
const FAILURE_CHECK_INTERVAL: Duration =
    Duration::from_millis(SERVER_FAILURE_CHECK_INTERVAL_MILLIS);

#[cfg(unix)]
type Signal = tokio::signal::unix::Signal;
#[cfg(windows)]
type Signal = tokio::signal::windows::CtrlC;

/// Listens for Ctrl-C and, on Unix, for SIGTERM, SIGQUIT and SIGHUP. A signal that arrives after
/// [`Self::listen`] is not lost, so call it before another process can know that this one runs.
pub struct ShutdownSignals {
    runtime: Runtime,
    signals: Vec<Signal>,
    memory: MemoryReturn,
}

impl ShutdownSignals {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// Fails if the operating system does not allow that.
    pub fn listen() -> Result<Self, String> {
        let listen = || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let signals = runtime.block_on(async { signals() })?;
            Ok(Self { runtime, signals, memory: MemoryReturn::new() })
        };
        listen().map_err(|error: io::Error| format!("cannot wait for signals: {error}"))
    }

    /// Waits for a signal. Calls `failure` at short intervals meanwhile.
    ///
    /// # Errors
    ///
    /// Fails with the message that `failure` returns, as soon as it returns one.
    pub fn wait_unless(
        mut self,
        mut failure: impl FnMut() -> Option<String>,
    ) -> Result<(), String> {
        while !self.arrive_within(FAILURE_CHECK_INTERVAL) {
            if let Some(failure) = failure() {
                return Err(failure);
            }
        }
        self.end_at_the_next();
        Ok(())
    }

    /// Waits for a signal, but not longer than `timeout`. Returns whether one has arrived. Calls at short
    /// intervals return memory to the operating system.
    pub fn arrive_within(&mut self, timeout: Duration) -> bool {
        self.memory.try_now();
        let signals = &mut self.signals;
        self.runtime.block_on(async { tokio::time::timeout(timeout, any(signals)).await.is_ok() })
    }

    /// From now on, a further signal ends the process at once. Without it, the process completes open
    /// requests first.
    pub fn end_at_the_next(self) {
        std::thread::spawn(move || {
            let Self { runtime, mut signals, .. } = self;
            runtime.block_on(any(&mut signals));
            std::process::exit(1);
        });
    }
}

#[cfg(unix)]
fn signals() -> io::Result<Vec<Signal>> {
    use tokio::signal::unix::{SignalKind, signal};
    let always = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::quit()];
    let hangup = (!ignores_hangup()).then_some(SignalKind::hangup());
    always.into_iter().chain(hangup).map(signal).collect()
}

/// Whether SIGHUP is ignored, as `nohup` arranges it, or whether this cannot be found out. To listen for the
/// signal would undo that.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit n - 1 of the mask is for signal n, and SIGHUP is signal 1.
    mask.is_none_or(|mask| mask & 1 != 0)
}

#[cfg(windows)]
fn signals() -> io::Result<Vec<Signal>> {
    Ok(vec![tokio::signal::windows::ctrl_c()?])
}

/// Waits for the first of these signals.
async fn any(signals: &mut [Signal]) {
    std::future::poll_fn(|cx| {
        let arrived = signals.iter_mut().any(|signal| signal.poll_recv(cx).is_ready());
        if arrived { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
