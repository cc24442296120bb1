//! One canister: its code and state, its queues and call contexts, and executing one message.

mod call_context;
mod chunks;
mod consumption;
mod debits;
mod execute;
#[cfg(test)]
pub(crate) mod harness;
mod history;
mod inspect;
mod install;
mod long;
mod memory;
mod query;
mod queues;
mod response;
mod room;
mod sandbox;
mod snapshot;
mod state;
mod steps;
mod tasks;

pub use call_context::{Answer, CallContext, CallContexts, Callback, Failure, Origin, Outcome};
pub use chunks::{ChunkHash, ChunkStore};
pub use debits::Debits;
pub use execute::execute_next;
pub use history::History;
pub use inspect::inspect;
pub use install::{Attempt, InstallMode, Installation, Source, install, run_out, uninstall};
pub use long::{Long, Slices, pause, resume};
pub use memory::MemoryUsage;
pub use query::{OpenQuery, Progress, Query, begin_query, no_answer, resume_query, transform};
pub use queues::{Input, Queues, TimedOut};
pub use room::{Demand, Room};
pub use sandbox::{Code, Memories, Val};
pub use snapshot::{Snapshot, SnapshotId, Snapshots};
pub use state::{Canister, Settings, Status, StopRequest};
pub use steps::{Execution, RoundContext};
pub use tasks::{LowWasmMemoryHook, Task, execute_task};
