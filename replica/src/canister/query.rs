//! Executions that leave no trace: queries, and whether a message is let in.

use crate::canister::call_context::Failure;
use crate::canister::sandbox::Entry;
use crate::canister::state::Canister;
use crate::canister::steps::*;
use crate::error::{ErrorCode, Trap, UserError};
use crate::limits::{INSPECT_INSTRUCTIONS_MAX, QUERY_INSTRUCTIONS_MAX};
use crate::message::Ingress;
use crate::system_api::{Context, ExecutionInput};
use crate::types::Payload;
use crate::wasm::{Method, MethodKind};
use candid::Principal;

/// Answers a query from outside. Nothing it does lasts.
pub fn query(
    canister: &mut Canister,
    sender: Principal,
    method: &str,
    argument: Payload,
    round: &RoundContext,
) -> Result<Payload, Failure> {
    let id = canister.id;
    let entry = queryable(canister, method).map_err(Failure::Error)?;
    let input = ExecutionInput {
        caller: sender,
        argument,
        instructions_max: QUERY_INSTRUCTIONS_MAX.min(round.message_instructions_max),
        answerable: true,
        ..input(canister, Context::Query, round)
    };
    let executed = run(canister, entry, input, round);
    undo(canister);
    match executed.result.map(|effects| effects.answer) {
        Ok(Some(Ok(reply))) => Ok(reply),
        Ok(Some(Err(reject))) => Err(Failure::Rejected(reject)),
        Ok(None) => Err(Failure::Error(Trap::DidNotReply.into_user_error(id))),
        Err(trap) => Err(Failure::Error(trap.into_user_error(id))),
    }
}

/// Where a query of `method` begins, if there is such a query.
fn queryable(canister: &Canister, method: &str) -> Result<Entry, UserError> {
    match runnable_module(canister)?.methods.get(method) {
        Some(Method { kind: MethodKind::Query, export }) => Ok(Entry::Export(export.clone())),
        Some(Method { kind: MethodKind::CompositeQuery, .. }) => Err(UserError::new(
            ErrorCode::CanisterMethodNotFound,
            format!("Composite queries such as '{method}' are not supported by this replica yet"),
        )),
        Some(Method { kind: MethodKind::Update, .. }) | None => {
            let kind = MethodKind::Query.name();
            Err(Trap::MethodNotFound { kind, method: method.into() }.into_user_error(canister.id))
        }
    }
}

/// Whether the canister takes a message from outside, as its `canister_inspect_message` says.
pub fn inspect(
    canister: &mut Canister,
    ingress: &Ingress,
    round: &RoundContext,
) -> Result<(), UserError> {
    const INSPECT: &str = "canister_inspect_message";
    if !canister.exports(INSPECT) {
        return Ok(());
    }
    let id = canister.id;
    let input = ExecutionInput {
        caller: ingress.sender,
        argument: ingress.argument.clone(),
        method: ingress.method.clone(),
        instructions_max: INSPECT_INSTRUCTIONS_MAX,
        ..input(canister, Context::InspectMessage, round)
    };
    let executed = run(canister, Entry::Export(INSPECT.into()), input, round);
    undo(canister);
    match executed.result {
        Ok(effects) if effects.message_accepted => Ok(()),
        Ok(_) => Err(UserError::new(
            ErrorCode::CanisterRejectedMessage,
            format!("Canister {id} rejected the message in canister_inspect_message"),
        )),
        Err(trap) => Err(trap.into_user_error(id)),
    }
}
