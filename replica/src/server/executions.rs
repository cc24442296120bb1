//! Long executions of an instance. A round executes their first slices only. The other slices are executed on
//! threads of their own, while requests use the instance in the state after that round. The next round, and
//! everything else that needs the results, waits for the end of these threads.

use crate::canister::{DeferredExecution, Failure};
use crate::instance::{Instance, InstanceError};
use crate::limits::{AWAIT_INGRESS_BATCH, SERVER_THREAD_STACK_BYTES};
use crate::server::api::ApiError;
use crate::server::hosted::HostedInstance;
use crate::types::{MessageId, Payload};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Instant;
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

    /// Executes rounds until a message has a response, at most `rounds` rounds. Returns `None`, and the number of
    /// rounds that it executed, once [`AWAIT_INGRESS_BATCH`] has passed, or something has to be done before the next
    /// round.
    ///
    /// # Errors
    ///
    /// Fails if the instance is gone, or panics in a round. The inner errors are those of [`Instance::await_round`].
    pub(super) async fn await_rounds(
        &self,
        message: MessageId,
        rounds: usize,
    ) -> Result<Awaited, ApiError> {
        // While auto-progress is on, real time passes before each round.
        let most = if self.auto_progress.lock().is_some() { 1 } else { rounds };
        let batch = |instance: &mut Instance| match instance.ingress_status(message, None) {
            Ok(None) if instance.is_executing() => None,
            _ => Some(await_batch(instance, message, most)),
        };
        Ok(self.execute_round(batch).await??)
    }
}

/// A response, or how many rounds were executed in vain.
#[derive(Debug)]
pub(super) enum Awaited {
    Response(Result<Payload, Failure>),
    Rounds(usize),
}

/// Executes up to `most` rounds one after the other: to give the instance to another request between two rounds takes
/// as long as a short round. The batch ends early if the batch has taken [`AWAIT_INGRESS_BATCH`], if deferred slices
/// need a thread, or if a module has to be compiled.
fn await_batch(
    instance: &mut Instance,
    message: MessageId,
    most: usize,
) -> Result<Awaited, InstanceError> {
    let begin = Instant::now();
    for executed in 0..most {
        if executed > 0 {
            let has_to_wait = begin.elapsed() >= AWAIT_INGRESS_BATCH
                || instance.deferred_executions().next().is_some()
                || !instance.waiting_modules().is_empty();
            if has_to_wait {
                return Ok(Awaited::Rounds(executed));
            }
        }
        if let Some(response) = instance.await_round(message)? {
            return Ok(Awaited::Response(response));
        }
    }
    Ok(Awaited::Rounds(most))
}

#[cfg(test)]
mod tests;
