//! Connections that have a thread of their own.
//!
//! A thread of the server's runtime that executes canisters first gives its other work to another thread. To wake that
//! thread takes about as long as a short request. A thread that serves one connection, and has no other work, executes
//! canisters without waking anybody. Connections for which there is no such thread share the threads of the server's
//! runtime.
//!
//! An allocator keeps freed memory for the thread that used it: megabytes for a thread that had large requests. When
//! nothing has moved on a connection for a while, a new thread takes the place of its thread, which ends.

use crate::limits::{
    CONNECTION_THREAD_REST_TIME, CONNECTION_THREADS_MAX, SERVER_THREAD_STACK_BYTES,
};
use parking_lot::Mutex;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::block_in_place;
use tokio::time::{Instant, Sleep, sleep, timeout};

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
    /// Time without any movement on a connection, after which it gets a new thread.
    rest: Duration,
    /// One permit for each connection that may still get a thread.
    free: Arc<Semaphore>,
    /// Runtimes of connections that have ended, for other connections.
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
        Self { max, stack_bytes, rest: CONNECTION_THREAD_REST_TIME, free, unused: Arc::default() }
    }

    /// The same threads with another time of rest.
    #[cfg(test)]
    pub(super) fn with_rest(self, rest: Duration) -> Self {
        Self { rest, ..self }
    }

    /// Starts a thread for a connection. `None` if all threads serve connections, or if the operating system has no more
    /// threads, or no more files for a runtime: then the connection shares the threads of the server's runtime.
    pub(super) fn take_free(&self) -> Option<ConnectionThread> {
        let permit = self.free.clone().try_acquire_owned().ok()?;
        let started = self.runtime().and_then(|runtime| {
            let thread = self.start_thread()?;
            Ok(ConnectionThread { thread, threads: self.clone(), runtime, permit })
        });
        let started = started.inspect_err(|error| {
            tracing::debug!("there is no thread for a connection: {error}");
        });
        started.ok()
    }

    /// Waits until no connection has a thread any more, but not longer than `patience`. Returns whether that is so.
    /// Nobody may start a thread meanwhile.
    pub(super) async fn ended(&self, patience: Duration) -> bool {
        timeout(patience, self.free.acquire_many(self.max)).await.is_ok()
    }

    fn runtime(&self) -> io::Result<ConnectionRuntime> {
        let unused = self.unused.lock().pop();
        unused.map_or_else(ConnectionRuntime::new, Ok)
    }

    /// Starts a thread that serves the connection that is sent to it. If the sender is dropped, the thread ends.
    fn start_thread(&self) -> io::Result<oneshot::Sender<ServedConnection>> {
        let (sender, connection) = oneshot::channel::<ServedConnection>();
        // Not a blocking thread of tokio: if the operating system has no more threads, tokio lets the work wait for the
        // end of another connection.
        thread::Builder::new().name("connection".into()).stack_size(self.stack_bytes).spawn(
            move || {
                HAS_NO_OTHER_WORK.set(true);
                if let Ok(connection) = connection.blocking_recv() {
                    connection.serve();
                }
            },
        )?;
        Ok(sender)
    }
}

/// A thread for one connection. If this value is dropped, the thread ends.
pub(super) struct ConnectionThread {
    thread: oneshot::Sender<ServedConnection>,
    threads: ConnectionThreads,
    runtime: ConnectionRuntime,
    permit: OwnedSemaphorePermit,
}

impl ConnectionThread {
    /// Serves a connection on this thread. If the returned future is dropped, the connection is closed. `serve` is
    /// called on the thread.
    pub(super) async fn serve<F: Future<Output = ()> + Send + 'static>(
        self,
        stream: TcpStream,
        serve: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) {
        // Dropped together with this future.
        let (_open, closed) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel();
        let served = Box::pin(async move {
            let served = async {
                let stream = TcpStream::from_std(stream.into_std()?)?;
                tokio::select! {
                    biased;
                    _ = closed => {}
                    () = serve(stream) => {}
                }
                Ok::<_, io::Error>(())
            };
            // Nobody waits if the future was dropped.
            let _ = end.send(served.await);
        });
        let Self { thread, threads, runtime, permit } = self;
        // If the thread has ended, so has `ended`.
        let _ = thread.send(ServedConnection {
            served,
            rested: false,
            runtime,
            threads,
            _permit: permit,
        });
        match ended.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("a connection cannot be served: {error}"),
            Err(_) => tracing::debug!("the thread of a connection has panicked"),
        }
    }
}

/// A connection that a thread of its own serves.
struct ServedConnection {
    /// Ends with the connection.
    served: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Whether nothing has moved since the connection got another thread.
    rested: bool,
    runtime: ConnectionRuntime,
    threads: ConnectionThreads,
    _permit: OwnedSemaphorePermit,
}

impl ServedConnection {
    /// Serves the connection on this thread until its end, or until it rests and has another thread.
    fn serve(mut self) {
        loop {
            let served = self.served.as_mut();
            let next =
                self.runtime.block_on(ended_or_at_rest(served, self.threads.rest, self.rested));
            if let Next::Ended = next {
                self.threads.unused.lock().push(self.runtime);
                return;
            }
            self.rested = true;
            // Without another thread, this one goes on.
            if let Ok(thread) = self.threads.start_thread() {
                let _ = thread.send(self);
                return;
            }
        }
    }
}

/// What becomes of a thread.
enum Next {
    /// The connection has ended.
    Ended,
    /// Nothing has moved on the connection for a while.
    Rest,
}

/// Polls a connection until its end, or until nothing has moved for the time `rest`, or for at most twice as long. If
/// the connection has `rested` already, time counts only after something has moved.
async fn ended_or_at_rest(
    mut served: Pin<&mut (dyn Future<Output = ()> + Send)>,
    rest: Duration,
    rested: bool,
) -> Next {
    // Absent while a connection rests, so that nothing wakes the thread.
    let mut timer: Option<Pin<Box<Sleep>>> = None;
    let (mut resting, mut moved) = (rested, false);
    poll_fn(move |context| {
        let elapsed = timer.as_mut().is_some_and(|timer| timer.as_mut().poll(context).is_ready());
        if elapsed && !moved {
            return Poll::Ready(Next::Rest);
        }
        moved = !elapsed;
        if elapsed || (timer.is_none() && !resting) {
            let timer = timer.get_or_insert_with(|| Box::pin(sleep(rest)));
            timer.as_mut().reset(Instant::now() + rest);
            // It is polled so that it wakes the thread.
            let _ = timer.as_mut().poll(context);
        }
        // A later poll means that something moves. What arrived before the first poll does not count.
        resting = false;
        served.as_mut().poll(context).map(|()| Next::Ended)
    })
    .await
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

    const SHORT: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn a_connection_on_which_nothing_moves_is_at_rest_once() {
        let mut connection = Box::pin(std::future::pending());
        let next = ended_or_at_rest(connection.as_mut(), SHORT, false).await;
        assert!(matches!(next, Next::Rest));
        // Nothing has moved since. No time is enough for a second rest.
        let again = ended_or_at_rest(connection.as_mut(), SHORT, true);
        assert!(timeout(100 * SHORT, again).await.is_err());
    }

    #[tokio::test]
    async fn a_connection_that_moves_after_a_rest_is_at_rest_again() {
        let (move_it, mut moves) = tokio::sync::mpsc::unbounded_channel::<()>();
        let mut connection = Box::pin(async move { while moves.recv().await.is_some() {} });
        let mut again = pin!(ended_or_at_rest(connection.as_mut(), SHORT, true));
        assert!(timeout(20 * SHORT, again.as_mut()).await.is_err());
        move_it.send(()).expect("it is open");
        assert!(matches!(again.await, Next::Rest));
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
