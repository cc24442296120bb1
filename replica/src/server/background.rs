//! A future that serves, run in the background: on a runtime and a thread of its own.

use crate::limits::{SERVER_STOP_TIMEOUT, SERVER_THREAD_STACK_BYTES};
use std::future::Future;
use std::io;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A future that runs in the background until this value is dropped.
///
/// The value may be created and dropped anywhere, in asynchronous code, too.
#[derive(Debug)]
pub(super) struct Background {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Background {
    /// Starts to run `serve`, which ends only if it fails.
    ///
    /// # Errors
    ///
    /// Fails if the operating system does not start a thread.
    pub(super) fn start(
        serve: impl Future<Output = io::Result<()>> + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("embedded-replica")
            .thread_stack_size(SERVER_THREAD_STACK_BYTES)
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            let result = runtime.block_on(async {
                tokio::select! {
                    result = serve => result,
                    _ = stopped => Ok(()),
                }
            });
            runtime.shutdown_timeout(SERVER_STOP_TIMEOUT);
            result
        };
        let thread = std::thread::Builder::new().name("embedded-replica".into()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Why the future has ended; `None` while it runs.
    pub(super) fn failure(&mut self) -> Option<String> {
        let thread = self.thread.take_if(|thread| thread.is_finished())?;
        Some(match thread.join() {
            Ok(Ok(())) => "the server ended".into(),
            Ok(Err(error)) => format!("the server ended: {error}"),
            Err(_) => "the server panicked: the panic message above says why".into(),
        })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The receiver is gone if the server has ended by itself.
            let _ = stop.send(());
        }
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(_)) => tracing::error!("the server's thread panicked"),
            Some(Ok(Err(error))) => tracing::error!("the server ended: {error}"),
            Some(Ok(Ok(()))) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Waits until the server has ended, and returns why.
    fn failure(mut background: Background) -> String {
        loop {
            if let Some(failure) = background.failure() {
                return failure;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_server_that_fails_or_panics_says_so_and_one_that_serves_does_not() {
        let fails = async { Err(io::Error::other("the moon is down")) };
        let fails = Background::start(fails).expect("it starts");
        assert_eq!(failure(fails), "the server ended: the moon is down");
        let panics = async { panic!("for a test") };
        let panics = Background::start(panics).expect("it starts");
        assert!(failure(panics).contains("the server panicked"));
        let mut serves = Background::start(std::future::pending()).expect("it starts");
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(serves.failure(), None);
    }
}
