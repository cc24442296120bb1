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
    thread: Option<JoinHandle<()>>,
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
            runtime.block_on(async {
                tokio::select! {
                    result = serve => {
                        if let Err(error) = result {
                            tracing::error!("the server ended: {error}");
                        }
                    }
                    _ = stopped => {}
                }
            });
            runtime.shutdown_timeout(STOP_PATIENCE);
        };
        let thread = std::thread::Builder::new().name("embedded-replica".into()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The receiver is gone if the server has ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the server's thread panicked");
        }
    }
}
