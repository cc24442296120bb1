//! Something done in every entry point there is.

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

/// Begins a call to a principal of one byte whose callbacks are the functions 0 and 1 of the table.
pub(super) const NEW: &str = "(call $new
  (ptr.const 0) (ptr.const 1) (ptr.const 0) (ptr.const 0)
  (ptr.const 0) (ptr.const 0) (ptr.const 1) (ptr.const 0))";

/// Where messages, tasks and upgrades can reach.
const PLACES: &str = r#"
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

/// What is done: instructions, and what they need.
pub(super) struct Work<'a> {
    /// Imports and fields of the module.
    pub fields: &'a str,
    /// What is done where calls can be made.
    pub calling: &'a str,
    /// What is done elsewhere.
    pub alone: &'a str,
}

impl Work<'_> {
    /// A module that does it in some places.
    fn module(&self, places: &str) -> String {
        let Self { fields, calling, alone } = self;
        format!(
            r#"(module
              {fields}
              (import "ic0" "call_new" (func $new (param ptr ptr ptr ptr ptr ptr ptr ptr)))
              (import "ic0" "call_on_cleanup" (func $on_cleanup (param ptr ptr)))
              (import "ic0" "call_perform" (func $perform (result i32)))
              (memory ptrs 1)
              (table 4 funcref)
              (elem (i32.const 0) func $calling_with $calling_with $trap $alone_with)
              (func $calling {calling})
              (func $alone {alone})
              (func $calling_with (param ptr) (call $calling))
              (func $alone_with (param ptr) (call $alone))
              (func $trap (param ptr) unreachable)
              {places})"#
        )
    }

    /// The modules for the first of the pointer widths, 32 bits, or for both.
    pub fn modules(&self, widths: usize) -> Vec<Modules> {
        let reachable = both_widths(&self.module(&PLACES.replace("NEW", NEW)));
        let starting = both_widths(&self.module("(start $alone)"));
        let modules = reachable.iter().zip(&starting).map(|(reachable, starting)| Modules {
            reachable: code(reachable),
            starting: code(starting),
            nothing: code("(module)"),
        });
        modules.take(widths).collect()
    }
}

/// Modules of one pointer width.
pub(super) struct Modules {
    /// Does it in all places but one.
    reachable: Arc<Code>,
    /// Does it in the start function.
    starting: Arc<Code>,
    /// Does nothing.
    nothing: Arc<Code>,
}

impl Modules {
    /// A canister that does it in all places but one, and has a variable.
    pub fn canister(&self) -> Canister {
        let canister = install_code_as(cycles_minting_canister(), self.reachable.clone());
        let mut canister = canister.expect("nothing is done yet");
        canister.settings.environment_variables = [("v".into(), "value".into())].into();
        canister.settings_changed();
        canister
    }
}

/// What an execution came to.
#[derive(Debug)]
pub(super) enum Came {
    To(Result<(), (ErrorCode, String)>),
    /// To something of which nobody is told more than the code.
    Silently(Result<(), ErrorCode>),
}

impl Came {
    /// Whether an execution in this mode did all it should, and did not trap.
    pub fn succeeded(&self, mode: &str) -> bool {
        match self {
            Self::Silently(result) => result.is_ok(),
            Self::To(Ok(())) => true,
            // A cleanup that succeeded is silent about it: the callback's trap remains.
            Self::To(Err((ErrorCode::CanisterTrapped, text))) => {
                mode.ends_with("cleanup") && !text.contains("call_on_cleanup")
            }
            Self::To(Err((ErrorCode::CanisterRejectedMessage, _))) => mode == "inspect message",
            Self::To(Err((code, _))) => *code == ErrorCode::CanisterDidNotReply,
        }
    }
}

impl<T> From<Result<T, Failure>> for Came {
    fn from(result: Result<T, Failure>) -> Self {
        Self::To(match result {
            Ok(_) | Err(Failure::Rejected(_)) => Ok(()),
            Err(Failure::Error(error)) => Err((error.code, error.description)),
        })
    }
}

impl From<Execution> for Came {
    fn from(execution: Execution) -> Self {
        match execution.answer {
            Some(answer) => answer.result.into(),
            None => Self::To(Ok(())),
        }
    }
}

impl From<Progress> for Came {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Answered(answer) => answer.into(),
            Progress::Waiting(_) => Self::To(Ok(())),
        }
    }
}

fn composite(canister: &mut Canister, method: &str) -> Progress {
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

/// Executes the callback of a call that a composite query makes.
fn resumed(canister: &mut Canister, method: &str, answer: Result<Vec<u8>, Reject>) -> Came {
    let Progress::Waiting(mut query) = composite(canister, method) else {
        panic!("{method} makes a call")
    };
    let call = query.next_call().expect("there is a call");
    resume_query(canister, query, &call, answer, QUERY_INSTRUCTIONS_MAX, &round()).0.into()
}

fn task(canister: &mut Canister, task: Task) -> Came {
    let (trace, events) = Trace::with_listener();
    canister.trace = trace;
    execute_task(canister, task, &round());
    let result = events.try_iter().find_map(|event| match event {
        Event::Executed { result, .. } => Some(result),
        _ => None,
    });
    Came::Silently(result.expect("a task was executed"))
}

fn upgrade(canister: &mut Canister, code: &Arc<Code>, skip_pre_upgrade: bool) -> Came {
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

/// Does it in the entry points of a letter; where there are several, in one after the other.
pub(super) fn execute(
    letter: &str,
    canister: &mut Canister,
    code: &Modules,
) -> Vec<(&'static str, Came)> {
    let rejected = || Reject::by_canister("no".into());
    let answered = |canister: &mut Canister, method, result| {
        begin(canister, method, &[]);
        respond(canister, result).into()
    };
    let came = match letter {
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
        other => panic!("{other} is nowhere"),
    };
    vec![came]
}
