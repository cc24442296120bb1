//! Words that programs look for in the texts of errors. They are part of the interface, although no
//! specification lists them; the sentences around them are not. "Texts that clients read" in DESIGN.md says
//! which program looks for which words.

use crate::instance::InstanceError;
use crate::subnet::{BlockMakerError, OutcallError};

/// The first words of the error for a request with an expiry that the network does not accept.
pub(super) const INVALID_REQUEST_EXPIRY: &str =
    "Invalid request expiry: Specified ingress_expiry not within expected range: ";

/// The text of an error for agents, as boundary nodes and gateways report it. `None` for errors that come
/// from the replica.
pub(super) fn gateway_error(error: &InstanceError) -> Option<String> {
    let (name, words) = match error {
        InstanceError::NoSubnetHosts(_)
        | InstanceError::NotOnMainnet(_)
        | InstanceError::SubnetMissing { .. }
        | InstanceError::SubnetsFixed(_) => {
            ("canister_not_found", "The specified canister does not exist.")
        }
        InstanceError::NoSuchSubnet(_) => {
            ("subnet_not_found", "The specified subnet cannot be found.")
        }
        _ => return None,
    };
    Some(gateway_text(name, format_args!("{words} Reason: {error}")))
}

/// The name of the error for a request with a body that is too large.
pub(super) const PAYLOAD_TOO_LARGE: &str = "payload_too_large";

/// An error text for agents in the form of boundary nodes and gateways.
pub(super) fn gateway_text(name: &str, details: impl std::fmt::Display) -> String {
    format!("error: {name}\ndetails: {details}")
}

/// The name that PocketIC's server gives to an error, with its fields (`pocket_ic_server/src/state_api`,
/// `PocketIcError`). `None` for errors that PocketIC's server does not have.
pub(super) fn pocket_ic_name(error: &InstanceError) -> Option<String> {
    Some(match error {
        InstanceError::NoSuchCanister(id) => format!("CanisterNotFound(CanisterId({id}))"),
        InstanceError::NoCode(id) => format!("CanisterIsEmpty(CanisterId({id}))"),
        InstanceError::NoSuchSubnet(id)
        | InstanceError::BlockMakers(BlockMakerError::NoSuchSubnet(id)) => {
            format!("SubnetNotFound({id})")
        }
        InstanceError::BlockMakers(BlockMakerError::NoSuchNode { node, .. }) => {
            format!("BlockmakerNotFound({node})")
        }
        InstanceError::BlockMakers(BlockMakerError::MakesAndFails(node)) => {
            format!("BlockmakerContainedInFailed({node})")
        }
        InstanceError::TimeInPast { now, asked } => {
            format!("SettingTimeIntoPast(({}, {}))", now.as_nanos(), asked.as_nanos())
        }
        InstanceError::Outcall(OutcallError::NoSuchOutcall(number)) => {
            format!("InvalidCanisterHttpRequestId({number})")
        }
        InstanceError::Outcall(OutcallError::WrongNumber { given, nodes }) => {
            format!("InvalidMockCanisterHttpResponses(({given}, {nodes}))")
        }
        InstanceError::NoSubnetHosts(_)
        | InstanceError::NotOnMainnet(_)
        | InstanceError::SubnetMissing { .. }
        | InstanceError::IngressTooLarge(_)
        | InstanceError::NotAnswered => "BadIngressMessage".into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::api::ApiError;
    use crate::topology::canister_id;
    use candid::Principal;

    #[test]
    fn errors_that_pocketics_server_has_begin_with_its_names() {
        let node = Principal::anonymous();
        let subnet = canister_id(0).principal().into();
        for (error, name) in [
            (
                InstanceError::NoCode(canister_id(0)),
                "CanisterIsEmpty(CanisterId(rwlgt-iiaaa-aaaaa-aaaaa-cai)): ",
            ),
            (
                InstanceError::BlockMakers(BlockMakerError::NoSuchNode { subnet, node }),
                "BlockmakerNotFound(2vxsx-fae): ",
            ),
            (
                InstanceError::BlockMakers(BlockMakerError::MakesAndFails(node)),
                "BlockmakerContainedInFailed(2vxsx-fae): ",
            ),
            (
                InstanceError::Outcall(OutcallError::NoSuchOutcall(7)),
                "InvalidCanisterHttpRequestId(7): ",
            ),
            (
                InstanceError::Outcall(OutcallError::WrongNumber { given: 2, nodes: 13 }),
                "InvalidMockCanisterHttpResponses((2, 13)): ",
            ),
        ] {
            let text = ApiError::from(error).message;
            assert!(text.starts_with(name), "{text}");
        }
    }
}
