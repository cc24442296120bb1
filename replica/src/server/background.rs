//! A server in the background: a runtime on a thread of its own.

use std::future::Future;
use std::io;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Native stack of the threads that execute canisters: what Wasm may use, and as much again.
const THREAD_STACK_BYTES: usize = 2 * crate::limits::WASM_STACK_BYTES;

/// How long a server that is stopped waits for what it is just doing.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// What serves in the background, until this value is dropped.
///
/// It may be started and dropped anywhere, in asynchronous code, too.
#[derive(Debug)]
pub(super) struct Background {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Background {
    /// Has `serve` run, which ends only if it fails.
    pub(super) fn start(
        serve: impl Future<Output = io::Result<()>> + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("embedded-replica")
            .thread_stack_size(THREAD_STACK_BYTES)
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            let result = runtime.block_on(async {
                tokio::select! {
                    result = serve => result,
                    _ = stopped => Ok(()),
                }
            });
            runtime.shutdown_timeout(STOP_PATIENCE);
            result
        };
        let thread = std::thread::Builder::new().name("embedded-replica".into()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Why nothing is served any more; nothing, as long as it is.
    pub(super) fn failure(&mut self) -> Option<String> {
        let thread = self.thread.take_if(|thread| thread.is_finished())?;
        Some(match thread.join() {
            Ok(Ok(())) => "the server ended".into(),
            Ok(Err(error)) => format!("the server ended: {error}"),
            Err(_) => "the server ended with an error of its own, which is described above".into(),
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

    /// Waits until it is known why a server ended.
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
        assert!(failure(panics).contains("an error of its own"));
        let mut serves = Background::start(std::future::pending()).expect("it starts");
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(serves.failure(), None);
    }
}
