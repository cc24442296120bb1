//! Routing: which subnet a request of a canister goes to.
//!
//! Rules: `system_api/src/routing.rs` in the replica's repository.

use crate::error::{ErrorCode, Reject, UserError};
use crate::ic00::{About, Method, Rules, Subject, bitcoin_network, decode};
use crate::message::{CallContent, Request};
use crate::topology::{RoutingTable, bitcoin_canister};
use crate::types::{Callee, SubnetId};
use ic_management_canister_types::{
    EcdsaKeyId, EcdsaPublicKeyArgs, SchnorrAlgorithm, SchnorrKeyId, SchnorrPublicKeyArgs,
    SignWithEcdsaArgs, SignWithSchnorrArgs, VetKDDeriveKeyArgs, VetKDKeyId, VetKDPublicKeyArgs,
};

/// Whether calls to this receiver are calls of the management canister: by its own id or a subnet's.
pub fn is_ic00(receiver: Callee, routes: &RoutingTable) -> bool {
    receiver.is_management() || routes.has_subnet(receiver.as_subnet())
}

/// The receiver of a call that a canister makes. The system forwards calls of the bitcoin methods to the
/// bitcoin canister of the network that the argument names. The receiver of all other calls is the callee.
pub fn receiver(callee: Callee, content: &CallContent) -> Callee {
    let network = || {
        let method = Rules::named(&content.method).ok()?.method;
        bitcoin_network(method, &content.argument).ok()?
    };
    match callee.is_management().then(network).flatten() {
        Some(network) => bitcoin_canister(network.is_main()).into(),
        None => callee,
    }
}

/// Checks a request when a canister makes it. The canister has the canister version `version` and is on
/// the subnet `own`. Only management calls can fail.
///
/// # Errors
///
/// The reject that the caller gets at once: for an unknown method, for an argument that cannot be decoded,
/// for a wrong sender canister version, and for a call that no subnet executes.
pub fn check_request(
    request: &Request,
    version: u64,
    own: SubnetId,
    routes: &RoutingTable,
) -> Result<(), Reject> {
    let Request { header, content } = request;
    if !is_ic00(header.callee, routes) {
        return Ok(());
    }
    let rules = Rules::named(&content.method).map_err(UserError::into_reject_with_code)?;
    rules
        .check_sender_version(&content.argument, version)
        .map_err(UserError::into_reject_with_code)?;
    check_routed_argument(rules, request)
        .and_then(|()| management_destination(request, own, routes).map(drop))
        .map_err(|why| {
            let text =
                format!("Unable to route management canister request {}: {why}", content.method);
            Reject::from_code(ErrorCode::CanisterNotFound, text)
        })
}

/// Checks the whole argument of a call whose argument decides where the call goes. The arguments of other
/// calls are decoded when the calls are executed.
fn check_routed_argument(rules: &Rules, request: &Request) -> Result<(), String> {
    let is_routed = match rules.about {
        About::Canister | About::TargetCanister | About::Subnet | About::Bitcoin => true,
        About::NewCanister | About::Key | About::Nothing => false,
    };
    if !is_routed || !request.header.callee.is_management() {
        return Ok(());
    }
    rules.check_argument(&request.content.argument).map_err(undecodable)
}

fn undecodable(error: UserError) -> String {
    format!("UserError({error})")
}

/// The receiver to which the system addresses a request of a canister on the subnet `own`: for a management
/// call, the subnet that executes the call or, if the argument names a subnet that does not exist, that
/// subnet; for other calls, the callee.
pub fn addressee(request: &Request, own: SubnetId, routes: &RoutingTable) -> Callee {
    let callee = request.header.callee;
    match is_ic00(callee, routes) {
        true => management_destination(request, own, routes).map_or(callee, Callee::from),
        false => callee,
    }
}

/// The subnet that a request of a canister on the subnet `own` goes to. `None` if there is no such
/// subnet.
pub fn destination(request: &Request, own: SubnetId, routes: &RoutingTable) -> Option<SubnetId> {
    if is_ic00(request.header.callee, routes) {
        let subnet = management_destination(request, own, routes).ok()?;
        routes.has_subnet(subnet).then_some(subnet)
    } else {
        routes.subnet_of(request.header.callee.as_canister())
    }
}

/// The subnet that executes a management call, or the reason why no subnet does. A subnet that the argument
/// names need not exist.
fn management_destination(
    request: &Request,
    own: SubnetId,
    routes: &RoutingTable,
) -> Result<SubnetId, String> {
    let rules = Rules::named(&request.content.method).map_err(|error| error.to_string())?;
    if !request.header.callee.is_management() {
        // Only canisters of the root subnet may address a subnet directly.
        return match routes.is_on_root(request.header.caller) {
            true => Ok(request.header.callee.as_subnet()),
            false => Err(format!("AlreadyResolved({})", request.header.callee)),
        };
    }
    if rules.about == About::Key {
        return Err(no_such_key(rules.method, &request.content.argument));
    }
    match rules.subject(&request.content.argument).map_err(undecodable)? {
        Subject::Canister(canister) => routes
            .subnet_of(canister)
            .ok_or_else(|| format!("SubnetNotFound({canister}, {})", rules.name)),
        Subject::Subnet(subnet) => Ok(subnet),
        Subject::NewCanister(_) | Subject::Nothing => Ok(own),
    }
}

/// The reason for the failure of a call that needs a threshold key, which no subnet has
/// (`system_api/routing.rs`, `route_chain_key_message`). Clients look for its words, and callers pay for its
/// length.
fn no_such_key(method: Method, argument: &[u8]) -> String {
    let text = match (key(method, argument), method) {
        (Err(error), _) => return undecodable(error),
        (Ok(key), Method::EcdsaPublicKey | Method::SchnorrPublicKey | Method::VetkdPublicKey) => {
            format!("Requested unknown threshold key: {key}, existing keys: []")
        }
        (Ok(key), _) => {
            format!("Requested unknown or disabled threshold key: {key}, existing enabled keys: []")
        }
    };
    format!("ChainKeyError(\"{text}\")")
}

/// The threshold key that a call names: its scheme, its curve or algorithm, and its name.
fn key(method: Method, argument: &[u8]) -> Result<String, UserError> {
    let ecdsa = |key: EcdsaKeyId| format!("ecdsa:{:?}:{}", key.curve, key.name);
    let schnorr = |key: SchnorrKeyId| {
        let algorithm = match key.algorithm {
            SchnorrAlgorithm::Bip340secp256k1 => "Bip340Secp256k1",
            SchnorrAlgorithm::Ed25519 => "Ed25519",
        };
        format!("schnorr:{algorithm}:{}", key.name)
    };
    let vetkd = |key: VetKDKeyId| format!("vetkd:{:?}:{}", key.curve, key.name);
    Ok(match method {
        Method::EcdsaPublicKey => ecdsa(decode::<EcdsaPublicKeyArgs>(argument)?.key_id),
        Method::SignWithEcdsa => ecdsa(decode::<SignWithEcdsaArgs>(argument)?.key_id),
        Method::SchnorrPublicKey => schnorr(decode::<SchnorrPublicKeyArgs>(argument)?.key_id),
        Method::SignWithSchnorr => schnorr(decode::<SignWithSchnorrArgs>(argument)?.key_id),
        Method::VetkdPublicKey => vetkd(decode::<VetKDPublicKeyArgs>(argument)?.key_id),
        _ => vetkd(decode::<VetKDDeriveKeyArgs>(argument)?.key_id),
    })
}
