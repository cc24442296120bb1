//! The management canister as the network knows it: which methods there are, whom a call is about,
//! and who may call. What the methods do is the subnet's matter.
//!
//! Rules: interface specification, "The IC management canister"; `ic00_permissions.rs`,
//! `execution/common.rs` (`validate_sender`) and `system_api/routing.rs` in the replica's repository.

use crate::error::{ErrorCode, UserError};
use crate::limits::{MANAGEMENT_DECODING_QUOTA, MANAGEMENT_SKIPPING_QUOTA};
use crate::types::{CanisterId, Payload, SubnetId};
use candid::utils::ArgumentEncoder;
use candid::{CandidType, DecoderConfig, Principal};
use ic_management_canister_types::CanisterIdRecord;
use serde::Deserialize;
use serde::de::DeserializeOwned;

mod methods;
mod routing;

pub use methods::Method;
pub use routing::{check_call, destination, is_ic00};

/// What applies to calls of one method.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The method.
    pub method: Method,
    /// Its name.
    pub name: &'static str,
    /// What its argument names.
    pub about: About,
    /// Who may call it about a canister.
    pub permitted: Permitted,
    /// Whether users may call it, rather than canisters only.
    pub by_users: bool,
    /// Whether the subnet's admins may, although other users may not.
    pub by_admins: bool,
    /// Whether it is a query, too.
    pub by_query: bool,
    /// Whether canisters of other subnets may call it.
    pub from_other_subnets: bool,
    /// Whether canisters on subnets with the free cost schedule may call it.
    pub from_free_subnets: bool,
    /// Whether it waits for the next round once the round's budget for management calls is spent.
    pub is_heavy: bool,
    /// Whether it waits even while the canister is to begin a long message anew, when other calls
    /// do not.
    pub needs_rest: bool,
    /// Whether the argument can say which version the calling canister has.
    pub names_version: bool,
}

/// What an argument names, and so which subnet the call goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// An existing canister, in the field `canister_id`.
    Canister,
    /// An existing canister, in the field `target_canister`.
    TargetCanister,
    /// A canister to be made, perhaps in the field `specified_id`.
    NewCanister,
    /// A subnet, in the field `subnet_id`.
    Subnet,
    /// A threshold key, of which there are none.
    Key,
    /// Nothing: the caller's own subnet carries it out.
    Nothing,
}

/// Who may call a method about a canister.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permitted {
    /// Anybody.
    Anybody,
    /// Its controllers.
    Controllers,
    /// Its controllers and the subnet's admins.
    ControllersAndAdmins,
    /// Its controllers and the canister itself.
    ControllersAndItself,
    /// Whom the setting `status_visibility` names, the canister itself, and the subnet's admins.
    StatusViewers,
    /// Whom the setting `snapshot_visibility` names.
    SnapshotViewers,
    /// Whom the setting `log_visibility` names.
    LogViewers,
}

/// Whom a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// This canister.
    Canister(CanisterId),
    /// A canister to be made, perhaps with this id.
    NewCanister(Option<CanisterId>),
    /// This subnet.
    Subnet(SubnetId),
    /// Nobody.
    Nothing,
}

impl Rules {
    /// The rules of the method of this name.
    pub fn named(name: &str) -> Result<&'static Self, UserError> {
        methods::METHODS.iter().find(|rules| rules.name == name).ok_or_else(|| {
            UserError::new(
                ErrorCode::CanisterMethodNotFound,
                format!("Management canister has no method '{name}'"),
            )
        })
    }

    /// Whom a call with this argument is about.
    pub fn subject(&self, argument: &[u8]) -> Result<Subject, UserError> {
        Ok(match self.about {
            About::Canister => {
                Subject::Canister(decode::<CanisterIdRecord>(argument)?.canister_id.into())
            }
            About::TargetCanister => {
                Subject::Canister(decode::<Target>(argument)?.target_canister.into())
            }
            About::NewCanister => {
                let specified = decode::<Specified>(argument)?.specified_id;
                Subject::NewCanister(specified.map(CanisterId::from))
            }
            About::Subnet => Subject::Subnet(decode::<SubnetIdRecord>(argument)?.subnet_id.into()),
            About::Key | About::Nothing => Subject::Nothing,
        })
    }

    /// Fails when the argument says that the calling canister has another version than it has.
    pub fn check_sender_version(&self, argument: &[u8], version: u64) -> Result<(), UserError> {
        if !self.names_version {
            return Ok(());
        }
        match decode::<SenderVersion>(argument)?.sender_canister_version {
            Some(named) if named != version => Err(UserError::new(
                ErrorCode::CanisterContractViolation,
                format!(
                    "The call says that its sender canister version is {named}, which does not match \
                     the actual sender canister version {version}"
                ),
            )),
            Some(_) | None => Ok(()),
        }
    }
}

#[derive(CandidType, Deserialize)]
struct Target {
    target_canister: Principal,
}

#[derive(CandidType, Deserialize)]
struct Specified {
    specified_id: Option<Principal>,
}

#[derive(CandidType, Deserialize)]
struct SubnetIdRecord {
    subnet_id: Principal,
}

#[derive(CandidType, Deserialize)]
struct SenderVersion {
    sender_canister_version: Option<u64>,
}

/// Whether a call of this method makes a canister, so that none can be named by its argument.
pub fn is_creation(method: &str) -> bool {
    Rules::named(method).is_ok_and(|rules| rules.about == About::NewCanister)
}

/// The canister a call is about: an existing one, or the id of one to be made.
pub fn effective_canister(method: &str, argument: &[u8]) -> Option<CanisterId> {
    match Rules::named(method).ok()?.subject(argument).ok()? {
        Subject::Canister(canister) => Some(canister),
        Subject::NewCanister(specified) => specified,
        Subject::Subnet(_) | Subject::Nothing => None,
    }
}

/// The reply of a method that returns nothing.
pub fn empty_reply() -> Payload {
    encode(())
}

/// Values as a reply.
pub fn encode(values: impl ArgumentEncoder) -> Payload {
    candid::encode_args(values).expect("the management canister's types are valid Candid")
}

/// Fails unless the argument is that of a method that takes none.
pub fn check_no_argument(argument: &[u8]) -> Result<(), UserError> {
    candid::decode_args::<()>(argument).map_err(undecodable)
}

fn undecodable(error: candid::Error) -> UserError {
    UserError::new(ErrorCode::InvalidManagementPayload, format!("Error decoding candid: {error}"))
}

/// An argument's value. Fields that the type does not have are passed over.
pub fn decode<T: CandidType + DeserializeOwned>(argument: &[u8]) -> Result<T, UserError> {
    // Candid can say in a few bytes that a value is endless; real arguments need far less than this.
    let mut config = DecoderConfig::new();
    config.set_decoding_quota(MANAGEMENT_DECODING_QUOTA);
    config.set_skipping_quota(MANAGEMENT_SKIPPING_QUOTA);
    candid::utils::decode_one_with_config(argument, &config).map_err(undecodable)
}
