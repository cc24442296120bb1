//! Every function in every context, executed: where the specification allows it, it does its work;
//! everywhere else it breaks the contract.

use super::contexts::{LETTERS, specified};
use super::widths::both_widths;
use super::{OLD, declared};
use crate::canister::harness::*;
use crate::canister::*;
use crate::cycles::http::Outcall;
use crate::error::{ErrorCode, Reject};
use crate::limits::QUERY_INSTRUCTIONS_MAX;
use crate::topology::cycles_minting_canister;
use candid::Principal;
use ic_management_canister_types::UpgradeFlags;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A function with operands with which it works wherever it is allowed.
struct Call {
    name: String,
    /// Its type, for modules of both widths.
    of: String,
    /// What has to be called before.
    before: &'static str,
    operands: String,
}

/// All functions, with zeros for operands except where these mean nothing.
fn calls() -> Vec<Call> {
    let declared = declared().into_iter().map(|(name, (parameters, result))| {
        let pointer = |of: &String| of.replace("usize", "ptr").replace('u', "i");
        let parameters: Vec<String> = parameters.iter().map(pointer).collect();
        let of = format!(
            "(param {}) (result {})",
            parameters.join(" "),
            result.as_ref().map(pointer).unwrap_or_default()
        );
        (name, of)
    });
    let others = OLD.iter().chain([&("mint_cycles128", "(param i64 i64 ptr)")]);
    let others = others.map(|(name, of)| ((*name).to_owned(), (*of).to_owned()));
    let call = |(name, of): (String, String)| {
        let before = match &*name {
            "call_on_cleanup"
            | "call_data_append"
            | "call_cycles_add"
            | "call_cycles_add128"
            | "call_with_best_effort_response"
            | "call_perform" => NEW,
            _ => "",
        };
        let operands = match &*name {
            "env_var_value_size" => "(ptr.const 0) (ptr.const 1)".into(),
            "env_var_value_copy" => {
                "(ptr.const 0) (ptr.const 1) (ptr.const 0) (ptr.const 0) (ptr.const 0)".into()
            }
            "cost_http_request_v2" => {
                format!("(ptr.const 100) (ptr.const {}) (ptr.const 0)", outcall().len())
            }
            _ => zeros(&of),
        };
        Call { name, of, before, operands }
    };
    declared.chain(others).map(call).collect()
}

fn zeros(of: &str) -> String {
    let parameters = of.split_once("(param ").map_or("", |(_, rest)| rest);
    let parameters = parameters.split_once(')').map_or("", |(parameters, _)| parameters);
    parameters.split_whitespace().map(|of| format!("({of}.const 0)")).collect()
}

fn outcall() -> Vec<u8> {
    candid::encode_one(Outcall {
        request_bytes: 0,
        http_roundtrip_time_ms: 0,
        raw_response_bytes: 0,
        transformed_response_bytes: 0,
        transform_instructions: 0,
        outcall_type: None,
    })
    .expect("it is Candid")
}

/// Begins a call to a principal of one byte whose callbacks are the functions 0 and 1 of the table.
const NEW: &str = "(call $new
  (ptr.const 0) (ptr.const 1) (ptr.const 0) (ptr.const 0)
  (ptr.const 0) (ptr.const 0) (ptr.const 1) (ptr.const 0))";

impl Call {
    /// A module that calls the function in one place, or in all that messages can reach.
    fn module(&self, places: &str) -> String {
        let Self { name, of, before, operands } = self;
        let drop = if of.contains("(result )") || !of.contains("result") { "" } else { "drop" };
        let outcall: String = outcall().iter().map(|byte| format!("\\{byte:02x}")).collect();
        let work = format!("{before} (call $called {operands}) {drop}");
        let alone = format!("(call $called {operands}) {drop}");
        format!(
            r#"(module
              (import "ic0" "{name}" (func $called {of}))
              (import "ic0" "call_new" (func $new (param ptr ptr ptr ptr ptr ptr ptr ptr)))
              (import "ic0" "call_on_cleanup" (func $on_cleanup (param ptr ptr)))
              (import "ic0" "call_perform" (func $perform (result i32)))
              (memory ptrs 1)
              (table 4 funcref)
              (elem (i32.const 0) func $work_with $work_with $trap $alone_with)
              (data (ptr.const 0) "v")
              (data (ptr.const 100) "{outcall}")
              (func $work {work})
              (func $alone {alone})
              (func $work_with (param ptr) (call $work))
              (func $alone_with (param ptr) (call $alone))
              (func $trap (param ptr) unreachable)
              {places})"#
        )
    }
}

/// Where messages, tasks and upgrades can reach.
const PLACES: &str = r#"
  (export "canister_update update" (func $work))
  (export "canister_query query" (func $alone))
  (export "canister_inspect_message" (func $alone))
  (export "canister_pre_upgrade" (func $alone))
  (export "canister_post_upgrade" (func $alone))
  (export "canister_heartbeat" (func $work))
  (export "canister_global_timer" (func $work))
  (export "canister_on_low_wasm_memory" (func $work))
  (func (export "canister_update call") NEW (drop (call $perform)))
  (export "canister_composite_query composite" (func $work))
  (func (export "canister_composite_query compose") NEW (drop (call $perform)))
  (func (export "canister_update trap_in_callback") (call $call_to_trap))
  (func (export "canister_composite_query trap_in_callback_of_query") (call $call_to_trap))
  (func $call_to_trap
    (call $new (ptr.const 0) (ptr.const 1) (ptr.const 0) (ptr.const 0)
      (ptr.const 2) (ptr.const 0) (ptr.const 2) (ptr.const 0))
    (call $on_cleanup (ptr.const 3) (ptr.const 0))
    (drop (call $perform)))"#;

/// The modules that call a function of one pointer width.
struct Modules {
    /// In all places but one.
    reachable: Arc<Code>,
    /// In the start function.
    starting: Arc<Code>,
    /// Nowhere.
    nothing: Arc<Code>,
}

/// What an execution came to.
enum Came {
    To(Result<(), (ErrorCode, String)>),
    /// To something that nobody is told; but whether it succeeded is known.
    Success(bool),
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
    let query = Query { caller, method: method.into(), argument };
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
    let version = canister.version;
    execute_task(canister, task, &round());
    Came::Success(canister.version > version)
}

fn upgrade(canister: &mut Canister, code: &Arc<Code>, skip_pre_upgrade: bool) -> Came {
    let skip_pre_upgrade = Some(skip_pre_upgrade);
    let flags = UpgradeFlags { skip_pre_upgrade, wasm_memory_persistence: None };
    let installation = Installation {
        mode: InstallMode::Upgrade(flags),
        code: code.clone(),
        argument: vec![],
        caller: Principal::anonymous(),
    };
    install(canister, installation, &round()).0.map_err(Failure::Error).into()
}

/// Executes the function in the context of a letter.
fn execute(letter: &str, canister: &mut Canister, code: &Modules) -> Vec<(&'static str, Came)> {
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
            let answer = transform(canister, "query".into(), vec![], max, &round());
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

/// Fails unless an execution came to what it must come to.
fn judge(call: &Call, mode: &str, allowed: bool, came: Came) {
    let name = &call.name;
    let forbidden = format!("\"ic0_{name}\" cannot be executed in {mode} mode");
    let result = match came {
        Came::Success(success) => {
            return assert_eq!(success, allowed && name != "trap", "{name} in {mode}");
        }
        Came::To(result) => result,
    };
    match (allowed, result) {
        (true, Ok(())) => {}
        (true, Err((ErrorCode::CanisterCalledTrap, _))) if name == "trap" => {}
        // A cleanup that succeeded is silent about it: the callback's trap remains.
        (true, Err((ErrorCode::CanisterTrapped, text))) if mode.ends_with("cleanup") => {
            let failed_too = text.contains("call_on_cleanup");
            assert_eq!(failed_too, name == "trap", "{name} in {mode}: {text}");
        }
        (true, Err((ErrorCode::CanisterDidNotReply, _))) => {}
        (true, Err((ErrorCode::CanisterRejectedMessage, _))) if mode == "inspect message" => {}
        // No query has a certificate.
        (true, Err((ErrorCode::CanisterContractViolation, text)))
            if name.starts_with("data_certificate_") && text.contains("no data certificate") => {}
        (false, Err((code, text))) if text.contains(&forbidden) => {
            let trapped = if mode.ends_with("cleanup") {
                ErrorCode::CanisterTrapped
            } else {
                ErrorCode::CanisterContractViolation
            };
            assert_eq!(code, trapped, "{name} in {mode}");
        }
        (_, other) => panic!("{name} in {mode}, allowed: {allowed}, came to {other:?}"),
    }
}

fn check(call: &Call, letters: &BTreeSet<&str>, code: &Modules) {
    for (letter, _) in LETTERS {
        let canister = install_code_as(cycles_minting_canister(), code.reachable.clone());
        let mut canister = canister.expect("nothing is called yet");
        canister.settings.environment_variables = [("v".into(), "value".into())].into();
        canister.settings_changed();
        for (mode, came) in execute(letter, &mut canister, code) {
            judge(call, mode, letters.contains(letter), came);
        }
    }
}

#[test]
fn every_function_works_where_it_is_allowed_and_breaks_the_contract_everywhere_else() {
    let specified = specified();
    let calls = calls();
    assert_eq!(calls.len(), specified.len());
    let nothing = code("(module)");
    for call in &calls {
        let reachable = both_widths(&call.module(&PLACES.replace("NEW", NEW)));
        let starting = both_widths(&call.module("(start $alone)"));
        let widths = if OLD.iter().any(|(name, _)| *name == call.name) { 1 } else { 2 };
        for (reachable, starting) in reachable.iter().zip(&starting).take(widths) {
            let (reachable, starting) = (code(reachable), code(starting));
            let code = Modules { reachable, starting, nothing: nothing.clone() };
            check(call, &specified[&*call.name], &code);
        }
    }
}
