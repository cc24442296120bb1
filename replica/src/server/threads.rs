//! Connections that have a thread of their own.
//!
//! A thread of the server's runtime that executes canisters first gives its other work to another thread. To wake that
//! thread takes about as long as a short request. A thread that serves one connection, and has no other work, executes
//! canisters without waking anybody.

use crate::limits::CONNECTION_THREADS_MAX;
use parking_lot::Mutex;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::{block_in_place, spawn_blocking};

thread_local! {
    /// Whether this thread serves one connection and has no other work.
    static HAS_NO_OTHER_WORK: Cell<bool> = const { Cell::new(false) };
}

/// Runs an operation that may take long: it executes canisters, computes, or uses files. If the thread has other work,
/// other threads do it meanwhile.
pub(super) fn run_long<T>(operation: impl FnOnce() -> T) -> T {
    match HAS_NO_OTHER_WORK.get() {
        true => operation(),
        false => block_in_place(operation),
    }
}

/// The threads that serve one connection each. There are at most [`CONNECTION_THREADS_MAX`].
#[derive(Clone, Debug)]
pub(super) struct ConnectionThreads {
    free: Arc<Semaphore>,
    /// Runtimes of threads that have ended, for other threads.
    runtimes: Arc<Runtimes>,
}

#[derive(Debug, Default)]
struct Runtimes(Mutex<Vec<Runtime>>);

impl Drop for Runtimes {
    fn drop(&mut self) {
        // A runtime that is dropped in asynchronous code panics, unless it does not wait for its tasks. It has none.
        self.0.get_mut().drain(..).for_each(Runtime::shutdown_background);
    }
}

impl Default for ConnectionThreads {
    fn default() -> Self {
        Self { free: Arc::new(Semaphore::new(CONNECTION_THREADS_MAX)), runtimes: Arc::default() }
    }
}

impl ConnectionThreads {
    /// A free thread. `None` if there is none, or if the operating system has no more files for its runtime.
    pub(super) fn free(&self) -> Option<ConnectionThread> {
        let permit = self.free.clone().try_acquire_owned().ok()?;
        let used = self.runtimes.0.lock().pop();
        let new = || Builder::new_current_thread().enable_all().build();
        let runtime = used.map_or_else(new, Ok).inspect_err(|error| {
            tracing::debug!("there is no runtime for a connection: {error}");
        });
        Some(ConnectionThread { runtime: runtime.ok()?, runtimes: self.runtimes.clone(), permit })
    }
}

/// A thread for one connection.
pub(super) struct ConnectionThread {
    runtime: Runtime,
    runtimes: Arc<Runtimes>,
    permit: OwnedSemaphorePermit,
}

impl ConnectionThread {
    /// Serves a connection on this thread. If the returned future is dropped, the connection is closed. `serve` is
    /// called on the thread.
    pub(super) async fn serve<F: Future<Output = ()>>(
        self,
        stream: TcpStream,
        serve: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) {
        // Dropped together with this future.
        let (_open, closed) = oneshot::channel::<()>();
        let served = spawn_blocking(move || {
            let _alone = Alone::begin();
            let served = self.runtime.block_on(async {
                let stream = TcpStream::from_std(stream.into_std()?)?;
                tokio::select! {
                    biased;
                    _ = closed => {}
                    () = serve(stream) => {}
                }
                Ok::<_, io::Error>(())
            });
            self.runtimes.0.lock().push(self.runtime);
            drop(self.permit);
            served
        });
        match served.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("a connection cannot be served: {error}"),
            Err(error) => tracing::debug!("the thread of a connection has ended: {error}"),
        }
    }
}

/// While this value exists, its thread has no other work.
struct Alone;

impl Alone {
    fn begin() -> Self {
        HAS_NO_OTHER_WORK.set(true);
        Self
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        HAS_NO_OTHER_WORK.set(false);
    }
}

/// Awaits a future so that the tasks that it starts belong to this runtime. The thread of a connection has a runtime of
/// its own, with which they would end.
pub(super) async fn within<T>(runtime: &Handle, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(move |context| {
        let _entered = runtime.enter();
        future.as_mut().poll(context)
    })
    .await
}
