//! Inspection of ingress messages before a subnet accepts them. An inspection does not change the
//! canister.

use crate::canister::round::RoundInput;
use crate::canister::sandbox::Entry;
use crate::canister::state::Canister;
use crate::canister::steps::*;
use crate::error::{ErrorCode, UserError};
use crate::limits::INSPECT_INSTRUCTIONS_MAX;
use crate::message::Ingress;
use crate::system_api::{EntryPoint, ExecutionInput};

/// Checks that the canister accepts an ingress message. Executes `canister_inspect_message`, if the
/// module exports it.
///
/// # Errors
///
/// Fails if `canister_inspect_message` does not accept the message, or if it traps.
pub fn inspect(
    canister: &mut Canister,
    ingress: &Ingress,
    round: &RoundInput,
) -> Result<(), UserError> {
    const INSPECT: &str = "canister_inspect_message";
    if !canister.exports(INSPECT) {
        return Ok(());
    }
    let id = canister.id;
    let input = ExecutionInput {
        caller: ingress.sender,
        caller_info: ingress.caller_info.clone(),
        argument: ingress.argument.clone(),
        method: ingress.method.clone(),
        instructions_max: INSPECT_INSTRUCTIONS_MAX,
        ..input(canister, EntryPoint::InspectMessage, round)
    };
    let executed = run(canister, Entry::Export(INSPECT.into()), input);
    undo(canister, None);
    match executed.result {
        Ok(effects) if effects.message_accepted => Ok(()),
        Ok(_) => Err(UserError::new(
            ErrorCode::CanisterRejectedMessage,
            format!("Error from Canister {id}: Canister rejected the message, in {INSPECT}"),
        )),
        Err(trap) => Err(trap.into_user_error(id)),
    }
}
