//! Executes every function in every entry point. It must succeed where the specification allows it,
//! and be a contract violation everywhere else.

use super::entry_points::{LETTERS, specified};
use super::every_entry_point::{EntryPointResult, Modules, NEW, TestBody, execute};
use super::{OLDER_FUNCTIONS, declared};
use crate::cycles::http::Outcall;
use crate::error::ErrorCode;

/// A function with operands with which it succeeds wherever it is allowed.
struct Call {
    name: String,
    /// Its type, with `ptr` for pointers.
    of: String,
    /// Code that must run before, for functions that need a call under construction.
    before: &'static str,
    operands: String,
}

/// All functions. The operands are zeros, except where a function does not accept zeros.
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
    let others = OLDER_FUNCTIONS.iter().chain([&("mint_cycles128", "(param i64 i64 ptr)")]);
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

impl Call {
    /// The modules that call the function, for each pointer width that has it.
    fn modules(&self) -> Vec<Modules> {
        let Self { name, of, before, operands } = self;
        let drop = if of.contains("(result )") || !of.contains("result") { "" } else { "drop" };
        let outcall: String = outcall().iter().map(|byte| format!("\\{byte:02x}")).collect();
        let fields = format!(
            r#"(import "ic0" "{name}" (func $called {of}))
              (data (ptr.const 0) "v")
              (data (ptr.const 100) "{outcall}")"#
        );
        let without_calls = format!("(call $called {operands}) {drop}");
        let with_calls = format!("{before} {without_calls}");
        let widths = if OLDER_FUNCTIONS.iter().any(|(old, _)| old == name) { 1 } else { 2 };
        TestBody { fields: &fields, with_calls: &with_calls, without_calls: &without_calls }
            .modules(widths)
    }
}

/// Asserts the result of an execution.
fn judge(call: &Call, mode: &str, allowed: bool, result: &EntryPointResult) {
    let name = &*call.name;
    let forbidden = format!("\"ic0_{name}\" cannot be executed in {mode} mode");
    match result {
        _ if allowed && result.succeeded(mode) => assert_ne!(name, "trap", "{mode}"),
        EntryPointResult::Reported(Err((code, text))) if !allowed && text.contains(&forbidden) => {
            let trapped = if mode.ends_with("cleanup") {
                ErrorCode::CanisterTrapped
            } else {
                ErrorCode::CanisterContractViolation
            };
            assert_eq!(*code, trapped, "{name} in {mode}");
        }
        EntryPointResult::CodeOnly(Err(ErrorCode::CanisterContractViolation)) if !allowed => {}
        EntryPointResult::CodeOnly(Err(ErrorCode::CanisterCalledTrap))
            if allowed && name == "trap" => {}
        EntryPointResult::Reported(Err((_, text)))
            if allowed && name == "trap" && !text.contains("cannot be executed") => {}
        // Queries of this test have no data certificate.
        EntryPointResult::Reported(Err((ErrorCode::CanisterContractViolation, text)))
            if allowed
                && name.starts_with("data_certificate_")
                && text.contains("no data certificate") => {}
        _ => panic!("{name} in {mode}, allowed: {allowed}, has the result {result:?}"),
    }
}

#[test]
fn every_function_succeeds_where_it_is_allowed_and_violates_the_contract_elsewhere() {
    let specified = specified();
    let calls = calls();
    assert_eq!(calls.len(), specified.len());
    for call in &calls {
        let letters = &specified[&*call.name];
        for modules in call.modules() {
            for (letter, _) in LETTERS {
                for (mode, result) in execute(letter, &mut modules.canister(), &modules) {
                    judge(call, mode, letters.contains(letter), &result);
                }
            }
        }
    }
}
