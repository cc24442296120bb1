//! One canister: its code and state, its queues and call contexts, and executing one message.

mod call_context;
mod execute;
mod install;
mod queues;
mod sandbox;
mod state;

pub use call_context::{Answer, CallContext, CallContexts, Callback, Failure, Origin, Outcome};
pub use execute::{Execution, RoundContext, Task, execute_next, execute_task, inspect, query};
pub use install::{InstallMode, Installation, install, uninstall};
pub use queues::{Input, Queues, TimedOut};
pub use sandbox::Code;
pub use state::{Canister, Settings, Status, StopRequest};
