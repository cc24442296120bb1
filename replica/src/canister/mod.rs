//! One canister: its code and state, its queues and call contexts, and executing one message.
//!
//! Files form layers. A file uses only files of layers above its own, and files of its own layer
//! without cycles:
//!
//! | files | content |
//! |---|---|
//! | `call_context`, `chunks`, `consumption`, `debits`, `deferred`, `history`, `memory_usage`, `query_stats`, `received_call`, `round`, `sandbox`, `settings`, `slices`, `snapshot`, `task` | data that does not depend on the canister |
//! | `installation`, `management_call`, `paused` | executed installations, calls and callbacks whose effects are not applied yet |
//! | `state` | the canister, which consists of all of these |
//! | `balance`, `memory`, `pause`, `snapshots`, `subnet_capacity` | changes of a canister that execute none of its code |
//! | `steps` | the steps of every execution |
//! | `execute`, `inspect`, `install`, `query`, `response`, `tasks` | one kind of execution each |
//! | `resume` | finishing paused executions |

mod balance;
mod call_context;
mod chunks;
mod consumption;
mod debits;
mod deferred;
mod execute;
#[cfg(test)]
pub(crate) mod harness;
mod history;
mod inspect;
mod install;
mod installation;
mod management_call;
mod memory;
mod memory_usage;
mod pause;
mod paused;
mod query;
mod query_stats;
mod received_call;
mod response;
mod resume;
mod round;
mod sandbox;
mod settings;
mod slices;
mod snapshot;
mod snapshots;
mod state;
mod steps;
mod subnet_capacity;
mod task;
mod tasks;

pub use crate::queues::{Input, Queues, TimedOut};
pub use call_context::{CallContext, CallContexts, Callback};
pub use chunks::{ChunkHash, ChunkStore};
pub use debits::Debits;
pub use execute::execute_next;
pub use history::History;
pub use inspect::inspect;
pub use install::{
    BegunInstallation, Installation, KnownModules, Source, begin_installation, install, run_out,
    uninstall,
};
pub use installation::{Attempt, InstallExecution, InstallMode, InstallRecord};
pub use management_call::ExecutedManagementCall;
pub use memory_usage::MemoryUsage;
pub use pause::pause_installation;
pub use paused::DeferredExecution;
pub use query::{
    OpenQuery, Query, QueryProgress, begin_query, is_queryable, no_response, resume_query,
    transform,
};
pub use received_call::{CallResponse, Failure, Origin, Outcome, ReceivedCall};
pub use resume::resume;
pub use round::{Execution, RoundInput};
pub use sandbox::{Code, Memories, Val};
pub use settings::{Settings, Status, StopRequest};
pub use slices::Slices;
pub use snapshot::{Snapshot, SnapshotId, Snapshots};
pub use state::Canister;
pub use subnet_capacity::{Demand, SubnetCapacity};
pub use task::{LowWasmMemoryHook, Task};
pub use tasks::execute_task;
