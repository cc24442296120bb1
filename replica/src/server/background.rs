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
    /// Starts to run `serve`, which ends only if it fails. Runs `finish` at the end.
    ///
    /// # Errors
    ///
    /// Fails if the operating system does not start a thread.
    pub(super) fn start(
        serve: impl Future<Output = io::Result<()>> + Send + 'static,
        finish: impl Future<Output = io::Result<()>> + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("embedded-replica")
            .thread_stack_size(SERVER_THREAD_STACK_BYTES)
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            let result = runtime.block_on(async {
                let result = tokio::select! {
                    result = serve => result,
                    _ = stopped => Ok(()),
                };
                result.and(finish.await)
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
        Some(join(thread).err().unwrap_or_else(|| "the server ended".into()))
    }

    /// Stops the future, and waits for the end.
    ///
    /// # Errors
    ///
    /// Fails if the future has failed before, or if it could not finish its work.
    pub(super) fn stop(mut self) -> Result<(), String> {
        self.ask_to_stop();
        self.thread.take().map_or(Ok(()), join)
    }

    fn ask_to_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The receiver is gone if the server has ended by itself.
            let _ = stop.send(());
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.ask_to_stop();
        if let Some(Err(error)) = self.thread.take().map(join) {
            tracing::error!("{error}");
        }
    }
}

/// Waits for the end of the thread.
fn join(thread: JoinHandle<io::Result<()>>) -> Result<(), String> {
    match thread.join() {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("the server ended: {error}")),
        Err(_) => Err("the server panicked: the panic message above says why".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn nothing() -> io::Result<()> {
        Ok(())
    }

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
        let fails = Background::start(fails, nothing()).expect("it starts");
        assert_eq!(failure(fails), "the server ended: the moon is down");
        let panics = async { panic!("for a test") };
        let panics = Background::start(panics, nothing()).expect("it starts");
        assert!(failure(panics).contains("the server panicked"));
        let mut serves = Background::start(std::future::pending(), nothing()).expect("it starts");
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(serves.failure(), None);
    }
}
