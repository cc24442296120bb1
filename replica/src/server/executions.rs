//! Long executions of an instance. A round executes their first slices only. The other slices are executed on
//! threads of their own, while requests use the instance in the state after that round. The next round, and
//! everything else that needs the results, waits for the end of these threads.

use crate::canister::DeferredExecution;
use crate::instance::Instance;
use crate::limits::SERVER_THREAD_STACK_BYTES;
use crate::server::api::ApiError;
use crate::server::hosted::HostedInstance;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use tokio::sync::futures::Notified;

impl HostedInstance {
    /// Executes deferred slices on a thread of their own, unless that is done already. The thread does not keep
    /// the instance: if the instance is deleted, nobody waits for the thread.
    pub(super) fn start(&self, execution: DeferredExecution) {
        if !execution.claim() {
            return;
        }
        let (claimed, executions) = (execution.clone(), self.executions.clone());
        let execute = move || {
            // A panic is reported by the round that needs the result.
            let _ = catch_unwind(AssertUnwindSafe(|| execution.execute()));
            executions.notify_waiters();
        };
        let thread = thread::Builder::new().stack_size(SERVER_THREAD_STACK_BYTES);
        if let Err(error) = thread.name("execution".into()).spawn(execute) {
            tracing::warn!("there is no thread for a long execution, so requests wait: {error}");
            // The next round executes the slices.
            claimed.release();
            self.executions.notify_waiters();
        }
    }

    /// A future that waits for the end of the next thread that executes deferred slices. It counts threads from
    /// this call on, not from when the future is first polled: so a caller that looks at the instance in between
    /// misses no end.
    pub(super) fn next_execution_end(&self) -> Notified<'_> {
        self.executions.notified()
    }

    /// Runs an operation that executes a round. Before, the modules that wait for the round are compiled. If
    /// the operation returns `None`, because the instance [is executing](Instance::is_executing) deferred
    /// slices, it is tried again when a thread has ended. Other requests can use the instance meanwhile.
    ///
    /// # Errors
    ///
    /// Fails if the instance has panicked, or panics in this operation.
    pub(super) async fn execute_round<T>(
        &self,
        mut operation: impl FnMut(&mut Instance) -> Option<T>,
    ) -> Result<T, ApiError> {
        loop {
            self.compile_waiting_modules().await?;
            let ended = self.next_execution_end();
            if let Some(result) = self.execute(&mut operation).await? {
                return Ok(result);
            }
            ended.await;
        }
    }
}

#[cfg(test)]
mod tests;
