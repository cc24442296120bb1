//! Connections that have a thread of their own.
//!
//! A thread of the server's runtime that executes canisters first gives its other work to another thread. To wake that
//! thread takes about as long as a short request. A thread that serves one connection, and has no other work, executes
//! canisters without waking anybody. Connections for which there is no such thread share the threads of the server's
//! runtime.

use crate::limits::{CONNECTION_THREADS_MAX, SERVER_THREAD_STACK_BYTES};
use parking_lot::Mutex;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::block_in_place;
use tokio::time::timeout;

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

/// The threads that serve one connection each. Clones are the same threads.
#[derive(Clone, Debug)]
pub(super) struct ConnectionThreads {
    max: u32,
    stack_bytes: usize,
    /// One permit for each thread that may still be started.
    free: Arc<Semaphore>,
    /// Runtimes of threads that have ended, for other threads.
    unused: Arc<Mutex<Vec<ConnectionRuntime>>>,
}

impl Default for ConnectionThreads {
    /// At most [`CONNECTION_THREADS_MAX`] threads, on which canisters can be executed.
    fn default() -> Self {
        Self::new(CONNECTION_THREADS_MAX, SERVER_THREAD_STACK_BYTES)
    }
}

impl ConnectionThreads {
    /// At most this number of threads at the same time, with stacks of this size.
    pub(super) fn new(max: u32, stack_bytes: usize) -> Self {
        let free = Arc::new(Semaphore::new(max as usize));
        Self { max, stack_bytes, free, unused: Arc::default() }
    }

    /// Starts a thread for a connection. `None` if all threads serve connections, or if the operating system has no more
    /// threads, or no more files for a runtime: then the connection shares the threads of the server's runtime.
    pub(super) fn take_free(&self) -> Option<ConnectionThread> {
        let permit = self.free.clone().try_acquire_owned().ok()?;
        let started = self.start(permit);
        let started = started.inspect_err(|error| {
            tracing::debug!("there is no thread for a connection: {error}");
        });
        started.ok()
    }

    /// Waits until all threads have ended, but not longer than `patience`. Returns whether they have. Nobody may start a
    /// thread meanwhile.
    pub(super) async fn ended(&self, patience: Duration) -> bool {
        timeout(patience, self.free.acquire_many(self.max)).await.is_ok()
    }

    fn start(&self, permit: OwnedSemaphorePermit) -> io::Result<ConnectionThread> {
        let unused = self.unused.lock().pop();
        let runtime = unused.map_or_else(ConnectionRuntime::new, Ok)?;
        let unused = self.unused.clone();
        let (work, works) = oneshot::channel::<Work>();
        // Not a blocking thread of tokio: if the operating system has no more threads, tokio lets the work wait for the
        // end of another connection.
        thread::Builder::new().name("connection".into()).stack_size(self.stack_bytes).spawn(
            move || {
                HAS_NO_OTHER_WORK.set(true);
                if let Ok(work) = works.blocking_recv() {
                    work(&runtime);
                }
                unused.lock().push(runtime);
                drop(permit);
            },
        )?;
        Ok(ConnectionThread { work })
    }
}

/// What a thread does for its connection.
type Work = Box<dyn FnOnce(&ConnectionRuntime) + Send>;

/// A thread for one connection. If this value is dropped, the thread ends.
pub(super) struct ConnectionThread {
    work: oneshot::Sender<Work>,
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
        let (end, ended) = oneshot::channel();
        let work = Box::new(move |runtime: &ConnectionRuntime| {
            let served = runtime.block_on(async {
                let stream = TcpStream::from_std(stream.into_std()?)?;
                tokio::select! {
                    biased;
                    _ = closed => {}
                    () = serve(stream) => {}
                }
                Ok::<_, io::Error>(())
            });
            // Nobody waits if the future was dropped.
            let _ = end.send(served);
        });
        // If the thread has ended, so has `ended`.
        let _ = self.work.send(work);
        match ended.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("a connection cannot be served: {error}"),
            Err(_) => tracing::debug!("the thread of a connection has panicked"),
        }
    }
}

/// The runtime of a thread for a connection. Nothing but the connection runs on this runtime.
#[derive(Debug)]
struct ConnectionRuntime(Option<Runtime>);

impl ConnectionRuntime {
    fn new() -> io::Result<Self> {
        Ok(Self(Some(Builder::new_current_thread().enable_all().build()?)))
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.as_ref().expect("only drop takes the runtime").block_on(future)
    }
}

impl Drop for ConnectionRuntime {
    fn drop(&mut self) {
        // A runtime that is dropped in asynchronous code panics, unless it does not wait for its tasks. This one has none.
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

/// Polls a future in the runtime of the server, so that the tasks that the future starts belong to that runtime. The
/// thread of a connection has a runtime of its own, which does not execute tasks after the end of the connection.
pub(super) async fn poll_in<T>(server_runtime: &Handle, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(move |context| {
        let _entered = server_runtime.enter();
        future.as_mut().poll(context)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than anything takes that happens at all.
    const LONG: Duration = Duration::from_secs(120);

    fn one_thread() -> ConnectionThreads {
        ConnectionThreads::new(1, SERVER_THREAD_STACK_BYTES)
    }

    #[tokio::test]
    async fn a_thread_that_is_not_used_can_be_dropped_in_asynchronous_code_and_is_free_again() {
        let threads = one_thread();
        let thread = threads.take_free().expect("one is free");
        assert!(threads.take_free().is_none(), "there is one thread only");
        drop(thread);
        assert!(threads.ended(LONG).await);
        let thread = threads.take_free();
        assert!(thread.is_some());
        drop((threads, thread));
    }

    #[tokio::test]
    async fn a_runtime_can_be_dropped_in_asynchronous_code() {
        drop(ConnectionRuntime::new().expect("there are files for it"));
    }

    #[tokio::test]
    async fn the_end_of_all_threads_can_be_awaited() {
        let threads = one_thread();
        let thread = threads.take_free().expect("one is free");
        assert!(!threads.ended(Duration::from_millis(50)).await, "it waits for its connection");
        drop(thread);
        assert!(threads.ended(LONG).await);
    }

    #[test]
    fn without_a_thread_of_the_operating_system_there_is_none_for_a_connection() {
        // More memory than any machine has.
        let threads = ConnectionThreads::new(1, 1 << 60);
        for _ in 0..2 {
            assert!(threads.take_free().is_none());
        }
    }
}
