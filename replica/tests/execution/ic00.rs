//! Calls of the management canister, from users and from canisters, with the newest types.

use candid::utils::ArgumentDecoder;
use candid::{CandidType, Principal};
use ic_management_canister_types::{CanisterIdRecord, CanisterSettings, UpdateSettingsArgs};
use pocket_ic::common::rest::{RawEffectivePrincipal, RawMessageId};
use pocket_ic::{PocketIc, RejectResponse};
use test_support::script::{Call, call, rejected, script};
use test_support::{CallResult, ScriptedNetwork, encode};

/// What names a canister and nothing else.
pub fn about(canister_id: Principal) -> CanisterIdRecord {
    CanisterIdRecord { canister_id }
}

/// A user who controls nothing.
pub fn somebody() -> Principal {
    Principal::self_authenticating([7; 32])
}

/// A user's call that is sent to the subnet of a canister.
pub fn ask(
    pic: &PocketIc,
    sender: Principal,
    canister: Principal,
    method: &str,
    argument: impl CandidType,
) -> CallResult {
    let effective = RawEffectivePrincipal::CanisterId(canister.as_slice().to_vec());
    let (management, argument) = (Principal::management_canister(), encode(argument));
    pic.update_call_with_effective_principal(management, effective, sender, method, argument)
}

/// The same without a tick, from the anonymous controller.
pub fn submit(
    pic: &PocketIc,
    canister: Principal,
    method: &str,
    argument: impl CandidType,
) -> RawMessageId {
    let effective = RawEffectivePrincipal::CanisterId(canister.as_slice().to_vec());
    let (management, anonymous) = (Principal::management_canister(), Principal::anonymous());
    let argument = encode(argument);
    pic.submit_call_with_effective_principal(management, effective, anonymous, method, argument)
        .expect("the message is let in")
}

/// Sends a management call about a canister as its controller, without a tick.
pub fn submit_management(
    network: &ScriptedNetwork,
    method: &str,
    canister: Principal,
) -> RawMessageId {
    submit(&network.pic, canister, method, about(canister))
}

/// The same as a query.
pub fn query(
    pic: &PocketIc,
    sender: Principal,
    canister: Principal,
    method: &str,
    argument: impl CandidType,
) -> CallResult {
    let effective = RawEffectivePrincipal::CanisterId(canister.as_slice().to_vec());
    let (management, argument) = (Principal::management_canister(), encode(argument));
    pic.query_call_with_effective_principal(management, effective, sender, method, argument)
}

/// A canister's call.
pub fn management(method: &str, argument: impl CandidType) -> Call {
    call(Principal::management_canister()).method(method).argument(encode(argument))
}

/// What a canister gets that calls: reject code and message.
pub fn reject(network: &ScriptedNetwork, one: Call) -> (u64, String) {
    rejected(
        &network.run(network.a, script().call(one)).expect("the canister replies with the reject"),
    )
}

/// Changes settings as the anonymous controller.
pub fn set(
    pic: &PocketIc,
    canister_id: Principal,
    settings: CanisterSettings,
) -> Result<(), RejectResponse> {
    let arguments = UpdateSettingsArgs { canister_id, settings, sender_canister_version: None };
    ask(pic, Principal::anonymous(), canister_id, "update_settings", arguments).map(drop)
}

/// The values of a reply.
pub fn decode<'a, T: ArgumentDecoder<'a>>(reply: &'a [u8]) -> T {
    candid::decode_args(reply).expect("the reply is of this type")
}
