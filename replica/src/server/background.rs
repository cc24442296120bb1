//! A future that serves, run in the background: on a runtime and a thread of its own.

use crate::limits::{SERVER_DRAIN_TIMEOUT, SERVER_STOP_TIMEOUT, SERVER_THREAD_STACK_BYTES};
use std::future::Future;
use std::io;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// Asks everything that serves to complete open requests and to end. Clones are the same signal.
#[derive(Clone, Debug, Default)]
pub(super) struct StopSignal(Arc<watch::Sender<bool>>);

impl StopSignal {
    /// Gives the signal.
    pub(super) fn give(&self) {
        self.0.send_replace(true);
    }

    /// Waits until the signal is given.
    pub(super) async fn given(&self) {
        // The only possible error is that there is no sender, and `self` has one.
        let _ = self.0.subscribe().wait_for(|given| *given).await;
    }
}

/// A future that runs in the background until this value is dropped. It gets the signal to stop then, and
/// [`SERVER_DRAIN_TIMEOUT`] to end.
///
/// The value may be created and dropped anywhere, in asynchronous code, too.
#[derive(Debug)]
pub(super) struct Background {
    stop: StopSignal,
    runtime: Handle,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Background {
    /// Starts to run `serve`, which ends if it fails, or soon after the signal `stop`. Runs `finish` at the end.
    ///
    /// # Errors
    ///
    /// Fails if the operating system does not start a thread.
    pub(super) fn start(
        stop: StopSignal,
        serve: impl Future<Output = io::Result<()>> + Send + 'static,
        finish: impl Future<Output = io::Result<()>> + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("embedded-replica")
            .thread_stack_size(SERVER_THREAD_STACK_BYTES)
            .build()?;
        let handle = runtime.handle().clone();
        let stopped = stop.clone();
        let run = move || {
            let too_late = async {
                stopped.given().await;
                tokio::time::sleep(SERVER_DRAIN_TIMEOUT).await;
            };
            let result = runtime.block_on(async {
                let result = tokio::select! {
                    result = serve => result,
                    () = too_late => Ok(()),
                };
                result.and(finish.await)
            });
            runtime.shutdown_timeout(SERVER_STOP_TIMEOUT);
            result
        };
        let thread = std::thread::Builder::new().name("embedded-replica".into()).spawn(run)?;
        Ok(Self { stop, runtime: handle, thread: Some(thread) })
    }

    /// Runs another future beside the first one, and waits for its result. May be called anywhere, in asynchronous
    /// code, too. `None` if the future panics or the runtime ends.
    pub(super) fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (sender, result) = mpsc::channel();
        self.runtime.spawn(async move {
            // The receiver waits for this value.
            let _ = sender.send(future.await);
        });
        result.recv().ok()
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
        self.stop.give();
        self.thread.take().map_or(Ok(()), join)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.give();
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
        let fails = Background::start(StopSignal::default(), fails, nothing()).expect("it starts");
        assert_eq!(failure(fails), "the server ended: the moon is down");
        let panics = async { panic!("for a test") };
        let panics =
            Background::start(StopSignal::default(), panics, nothing()).expect("it starts");
        assert!(failure(panics).contains("the server panicked"));
        let serves = Background::start(StopSignal::default(), std::future::pending(), nothing());
        let mut serves = serves.expect("it starts");
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(serves.failure(), None);
    }
    #[test]
    fn a_server_that_is_dropped_completes_what_it_does() {
        let (stop, (done, completed)) = (StopSignal::default(), std::sync::mpsc::channel());
        let stopped = stop.clone();
        let serves = Background::start(
            stop,
            async move {
                stopped.given().await;
                tokio::time::sleep(Duration::from_millis(20)).await;
                done.send(()).map_err(io::Error::other)
            },
            nothing(),
        );
        drop(serves.expect("it starts"));
        assert_eq!(completed.try_recv(), Ok(()));
    }
}
