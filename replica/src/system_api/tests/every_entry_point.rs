//! Executes the same body in every kind of entry point.

use super::widths::both_widths;
use crate::canister::harness::*;
use crate::canister::*;
use crate::error::{ErrorCode, Reject};
use crate::limits::QUERY_INSTRUCTIONS_MAX;
use crate::topology::cycles_minting_canister;
use crate::trace::{Event, Trace};
use candid::Principal;
use ic_management_canister_types::UpgradeFlags;
use std::sync::Arc;

/// Code that begins a call to a principal of one byte. The callbacks are the functions 0 and 1 of the
/// table.
pub(super) const NEW: &str = "(call $new
  (ptr.const 0) (ptr.const 1) (ptr.const 0) (ptr.const 0)
  (ptr.const 0) (ptr.const 0) (ptr.const 1) (ptr.const 0))";

/// Exports for messages, tasks and upgrades.
const EXPORTS: &str = r#"
  (export "canister_update update" (func $calling))
  (export "canister_query query" (func $alone))
  (export "canister_inspect_message" (func $alone))
  (export "canister_pre_upgrade" (func $alone))
  (export "canister_post_upgrade" (func $alone))
  (export "canister_heartbeat" (func $calling))
  (export "canister_global_timer" (func $calling))
  (export "canister_on_low_wasm_memory" (func $calling))
  (func (export "canister_update call") NEW (drop (call $perform)))
  (export "canister_composite_query composite" (func $calling))
  (func (export "canister_composite_query compose") NEW (drop (call $perform)))
  (func (export "canister_update trap_in_callback") (call $call_to_trap))
  (func (export "canister_composite_query trap_in_callback_of_query") (call $call_to_trap))
  (func $call_to_trap
    (call $new (ptr.const 0) (ptr.const 1) (ptr.const 0) (ptr.const 0)
      (ptr.const 2) (ptr.const 0) (ptr.const 2) (ptr.const 0))
    (call $on_cleanup (ptr.const 3) (ptr.const 0))
    (drop (call $perform)))"#;

/// The code that each entry point executes, as Wasm text.
pub(super) struct TestBody<'a> {
    /// Imports and other fields of the module that the code needs.
    pub fields: &'a str,
    /// The code for entry points that can make calls.
    pub with_calls: &'a str,
    /// The code for the other entry points.
    pub without_calls: &'a str,
}

impl TestBody<'_> {
    /// A module that executes the code in the given exports.
    fn module(&self, exports: &str) -> String {
        let Self { fields, with_calls, without_calls } = self;
        format!(
            r#"(module
              {fields}
              (import "ic0" "call_new" (func $new (param ptr ptr ptr ptr ptr ptr ptr ptr)))
              (import "ic0" "call_on_cleanup" (func $on_cleanup (param ptr ptr)))
              (import "ic0" "call_perform" (func $perform (result i32)))
              (memory ptrs 1)
              (table 4 funcref)
              (elem (i32.const 0) func $calling_with $calling_with $trap $alone_with)
              (func $calling {with_calls})
              (func $alone {without_calls})
              (func $calling_with (param ptr) (call $calling))
              (func $alone_with (param ptr) (call $alone))
              (func $trap (param ptr) unreachable)
              {exports})"#
        )
    }

    /// The modules for one pointer width, 32 bits, or for two.
    pub fn modules(&self, widths: usize) -> Vec<Modules> {
        let reachable = both_widths(&self.module(&EXPORTS.replace("NEW", NEW)));
        let starting = both_widths(&self.module("(start $alone)"));
        let modules = reachable.iter().zip(&starting).map(|(reachable, starting)| Modules {
            reachable: code(reachable),
            starting: code(starting),
            nothing: code("(module)"),
        });
        modules.take(widths).collect()
    }
}

/// The modules of one pointer width.
pub(super) struct Modules {
    /// Executes the code in all entry points except the start function.
    reachable: Arc<Code>,
    /// Executes the code in the start function.
    starting: Arc<Code>,
    /// Executes nothing.
    nothing: Arc<Code>,
}

impl Modules {
    /// A canister that executes the code in all entry points except the start function. It has one
    /// environment variable.
    pub fn canister(&self) -> Canister {
        let canister = install_code_as(cycles_minting_canister(), self.reachable.clone());
        let mut canister = canister.expect("installing the module executes nothing");
        canister.settings.environment_variables = [("v".into(), "value".into())].into();
        canister.settings_changed();
        canister
    }
}

/// The result of one execution, as far as it can be observed.
#[derive(Debug)]
pub(super) enum EntryPointResult {
    Reported(Result<(), (ErrorCode, String)>),
    /// The result of a task. Only the trace reports it, without a text.
    CodeOnly(Result<(), ErrorCode>),
}

impl EntryPointResult {
    /// Whether an execution in this mode executed all of its code without a trap.
    pub fn succeeded(&self, mode: &str) -> bool {
        match self {
            Self::CodeOnly(result) => result.is_ok(),
            Self::Reported(Ok(())) => true,
            // A cleanup callback that succeeds leaves the error of the callback that trapped.
            Self::Reported(Err((ErrorCode::CanisterTrapped, text))) => {
                mode.ends_with("cleanup") && !text.contains("call_on_cleanup")
            }
            Self::Reported(Err((ErrorCode::CanisterRejectedMessage, _))) => {
                mode == "inspect message"
            }
            Self::Reported(Err((code, _))) => *code == ErrorCode::CanisterDidNotReply,
        }
    }
}

impl<T> From<Result<T, Failure>> for EntryPointResult {
    fn from(result: Result<T, Failure>) -> Self {
        Self::Reported(match result {
            Ok(_) | Err(Failure::Rejected(_)) => Ok(()),
            Err(Failure::Error(error)) => Err((error.code, error.description)),
        })
    }
}

impl From<Execution> for EntryPointResult {
    fn from(execution: Execution) -> Self {
        match execution.response {
            Some(answer) => answer.result.into(),
            None => Self::Reported(Ok(())),
        }
    }
}

impl From<QueryProgress> for EntryPointResult {
    fn from(progress: QueryProgress) -> Self {
        match progress {
            QueryProgress::Finished(answer) => answer.into(),
            QueryProgress::Waiting(_) => Self::Reported(Ok(())),
        }
    }
}

fn composite(canister: &mut Canister, method: &str) -> QueryProgress {
    let (caller, argument) = (Principal::anonymous(), vec![]);
    let query = Query {
        caller,
        caller_info: None,
        method: method.into(),
        argument,
        data_certificate: None,
    };
    begin_query(canister, query, QUERY_INSTRUCTIONS_MAX, &round()).0
}

/// Starts a composite query that makes a call, and executes its callback.
fn resumed(
    canister: &mut Canister,
    method: &str,
    answer: Result<Vec<u8>, Reject>,
) -> EntryPointResult {
    let QueryProgress::Waiting(mut query) = composite(canister, method) else {
        panic!("{method} makes a call")
    };
    let call = query.next_call().expect("there is a call");
    resume_query(canister, query, call.callbacks, answer, QUERY_INSTRUCTIONS_MAX, &round()).0.into()
}

fn task(canister: &mut Canister, task: Task) -> EntryPointResult {
    let (trace, events) = Trace::with_listener();
    canister.trace = trace;
    execute_task(canister, task, &round());
    let result = events.try_iter().find_map(|event| match event {
        Event::Executed { result, .. } => Some(result),
        _ => None,
    });
    EntryPointResult::CodeOnly(result.expect("a task was executed"))
}

fn upgrade(canister: &mut Canister, code: &Arc<Code>, skip_pre_upgrade: bool) -> EntryPointResult {
    let skip_pre_upgrade = Some(skip_pre_upgrade);
    let flags = UpgradeFlags { skip_pre_upgrade, wasm_memory_persistence: None };
    let installation = Installation {
        mode: InstallMode::Upgrade(flags),
        source: code.clone().into(),
        argument: vec![],
        caller: Principal::anonymous(),
    };
    let attempt = install(canister, installation, &round());
    attempt.and_then(|attempt| attempt.finish(canister, &round())).map_err(Failure::Error).into()
}

/// Executes the code in all entry points of a letter. Returns the mode and the result of each.
pub(super) fn execute(
    letter: &str,
    canister: &mut Canister,
    code: &Modules,
) -> Vec<(&'static str, EntryPointResult)> {
    let rejected = || Reject::by_canister("no".into());
    let answered = |canister: &mut Canister, method, result| {
        begin(canister, method, &[]);
        respond(canister, result).into()
    };
    let result = match letter {
        "I" => ("init", upgrade(canister, &code.reachable, true)),
        "G" => ("pre upgrade", upgrade(canister, &code.nothing, false)),
        "U" => ("update", begin(canister, "update", &[]).into()),
        "RQ" => ("replicated query", update(canister, "query", &[]).0.into()),
        "NRQ" => ("non replicated query", ask(canister, "query", &[]).into()),
        "TQ" => {
            let max = QUERY_INSTRUCTIONS_MAX;
            let answer = transform(canister, "query".into(), vec![], max, &round()).0;
            ("non replicated query", answer.into())
        }
        "CQ" => ("composite query", composite(canister, "composite").into()),
        "CRy" => ("composite reply callback", resumed(canister, "compose", Ok(vec![]))),
        "CRt" => ("composite reject callback", resumed(canister, "compose", Err(rejected()))),
        "CC" => ("composite cleanup", resumed(canister, "trap_in_callback_of_query", Ok(vec![]))),
        "Ry" => ("reply callback", answered(canister, "call", Ok(vec![]))),
        "Rt" => ("reject callback", answered(canister, "call", Err(rejected()))),
        "C" => ("cleanup", answered(canister, "trap_in_callback", Ok(vec![]))),
        "F" => {
            let message = ingress(canister, "update", &[]);
            (
                "inspect message",
                inspect(canister, &message, &round()).map_err(Failure::Error).into(),
            )
        }
        "T" => {
            let tasks = [Task::Heartbeat, Task::GlobalTimer, Task::LowWasmMemory];
            return tasks.map(|kind| (kind.export(), task(canister, kind))).into();
        }
        "s" => {
            let started = install_code_as(cycles_minting_canister(), code.starting.clone());
            ("start", started.map_err(Failure::Error).into())
        }
        other => panic!("{other} is not a letter of the specification"),
    };
    vec![result]
}
