//! Routing: which subnet a request of a canister goes to.
//!
//! Rules: `system_api/src/routing.rs` in the replica's repository.

use crate::error::{ErrorCode, Reject, RejectCode, UserError};
use crate::ic00::{About, Rules, Subject, decode};
use crate::message::Request;
use crate::topology::RoutingTable;
use crate::types::{Callee, SubnetId};
use candid::CandidType;
use serde::Deserialize;

/// Whether calls to this receiver are calls of the management canister: by its own id or a subnet's.
pub fn is_ic00(receiver: Callee, routes: &RoutingTable) -> bool {
    receiver.is_management() || routes.has_subnet(receiver.as_subnet())
}

/// Checks a request when a canister makes it. The canister has the canister version `version` and is on
/// the subnet `own`. Only management calls can fail.
///
/// # Errors
///
/// The reject that the caller gets at once: for an unknown method, for a wrong sender canister version,
/// and for a call that no subnet executes.
pub fn check_request(
    request: &Request,
    version: u64,
    own: SubnetId,
    routes: &RoutingTable,
) -> Result<(), Reject> {
    if !is_ic00(request.header.callee, routes) {
        return Ok(());
    }
    let check = |rules: &Rules| rules.check_sender_version(&request.content.argument, version);
    if let Err(error) = Rules::named(&request.content.method).and_then(check) {
        return Err(Reject { code: RejectCode::CanisterError, ..Reject::from(error) });
    }
    management_destination(request, own, routes).map(drop).map_err(|why| {
        let text = format!(
            "Unable to route management canister request {}: {why}",
            request.content.method
        );
        Reject::from_code(ErrorCode::CanisterNotFound, text)
    })
}

/// The subnet that a request of a canister on the subnet `own` goes to. `None` if there is no such
/// subnet.
pub fn destination(request: &Request, own: SubnetId, routes: &RoutingTable) -> Option<SubnetId> {
    if is_ic00(request.header.callee, routes) {
        management_destination(request, own, routes).ok()
    } else {
        routes.subnet_of(request.header.callee.as_canister())
    }
}

/// The subnet that executes a management call, or the reason why no subnet does.
fn management_destination(
    request: &Request,
    own: SubnetId,
    routes: &RoutingTable,
) -> Result<SubnetId, String> {
    let rules = Rules::named(&request.content.method).map_err(|error| error.to_string())?;
    if !request.header.callee.is_management() {
        // Only canisters of the NNS subnet may address a subnet directly.
        return match routes.is_on_nns(request.header.caller) {
            true => Ok(request.header.callee.as_subnet()),
            false => Err(format!("AlreadyResolved({})", request.header.callee)),
        };
    }
    if rules.about == About::Key {
        return Err(no_such_key(&request.content.argument));
    }
    let undecodable = |error: UserError| format!("UserError({error})");
    match rules.subject(&request.content.argument).map_err(undecodable)? {
        Subject::Canister(canister) => routes
            .subnet_of(canister)
            .ok_or_else(|| format!("SubnetNotFound({canister}, {})", rules.name)),
        Subject::Subnet(subnet) if routes.has_subnet(subnet) => Ok(subnet),
        Subject::Subnet(subnet) => Err(format!("there is no subnet {subnet}")),
        Subject::NewCanister(_) | Subject::Nothing => Ok(own),
    }
}

/// The reason for the failure of a call that needs a threshold key.
fn no_such_key(argument: &[u8]) -> String {
    #[derive(CandidType, Deserialize)]
    struct Keyed {
        key_id: KeyId,
    }
    #[derive(CandidType, Deserialize)]
    struct KeyId {
        name: String,
    }
    match decode::<Keyed>(argument) {
        Ok(Keyed { key_id }) => format!(
            "ChainKeyError(\"Requested unknown or disabled threshold key: {}, existing enabled keys: []\")",
            key_id.name
        ),
        Err(error) => format!("UserError({error})"),
    }
}
