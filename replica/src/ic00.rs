//! The interface of the management canister (`ic00`): its methods, the subnet that a call goes to, and
//! who may call each method. The module [`subnet`](crate::subnet) executes the methods.
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

pub use methods::Method;

/// The method that creates a canister with new cycles. Only development networks have it.
pub const PROVISIONAL_CREATION: &str = "provisional_create_canister_with_cycles";

/// Whether a call of this method of `callee` creates a canister with new cycles.
pub fn is_provisional_creation(callee: CanisterId, method: &str) -> bool {
    callee.is_management() && method == PROVISIONAL_CREATION
}

/// The error for a user who calls a method that the management canister does not have. Canisters get
/// another text, from [`Rules::named`].
pub fn unknown_to_users(method: &str) -> UserError {
    let text = format!("ic00 interface does not expose method {method}");
    UserError::new(ErrorCode::CanisterMethodNotFound, text)
}

/// The rules for calls of one method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The method.
    pub method: Method,
    /// The method's name.
    pub name: &'static str,
    /// What the argument identifies.
    pub about: About,
    /// Who may call the method about a canister.
    pub permitted: Permitted,
    /// Whether users may call the method.
    pub by_users: bool,
    /// Whether the subnet's admins may call the method, although other users may not.
    pub by_admins: bool,
    /// Whether the method can be called as a query, too.
    pub by_query: bool,
    /// Whether canisters of other subnets may call the method.
    pub from_other_subnets: bool,
    /// Whether canisters on subnets with the free cost schedule may call the method.
    pub from_free_subnets: bool,
    /// Whether a call waits for the next round once the round's budget for management calls is spent.
    pub is_heavy: bool,
    /// Whether a call waits while the canister has an aborted execution, which will begin again. All
    /// calls wait while the canister has an execution that has executed some slices.
    pub waits_for_aborted: bool,
    /// Whether the argument can contain the canister version of the caller.
    pub has_sender_version: bool,
}

/// What the argument of a call identifies. It determines the subnet that the call goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// An existing canister, in the field `canister_id`.
    Canister,
    /// An existing canister, in the field `target_canister`.
    TargetCanister,
    /// A canister to be created. The field `specified_id` may contain its id.
    NewCanister,
    /// A subnet, in the field `subnet_id`.
    Subnet,
    /// A threshold key. The network has none.
    Key,
    /// Nothing: the caller's own subnet executes the call.
    Nothing,
}

/// Who may call a method about a canister.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permitted {
    /// Anybody.
    Anybody,
    /// The canister's controllers.
    Controllers,
    /// The canister's controllers and the subnet's admins.
    ControllersAndAdmins,
    /// The canister's controllers and the canister itself.
    ControllersAndItself,
    /// The principals of the setting `status_visibility`, the canister itself, and the subnet's admins.
    StatusViewers,
    /// The principals of the setting `snapshot_visibility`.
    SnapshotViewers,
    /// The principals of the setting `log_visibility`.
    LogViewers,
}

/// The canister or subnet that a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An existing canister.
    Canister(CanisterId),
    /// A canister to be created, with its id if the call specifies one.
    NewCanister(Option<CanisterId>),
    /// A subnet.
    Subnet(SubnetId),
    /// Neither a canister nor a subnet.
    Nothing,
}

impl Rules {
    /// The rules of the method with this name.
    ///
    /// # Errors
    ///
    /// `CanisterMethodNotFound`, if the management canister has no such method.
    pub fn named(name: &str) -> Result<&'static Self, UserError> {
        methods::METHODS.iter().find(|rules| rules.name == name).ok_or_else(|| {
            UserError::new(
                ErrorCode::CanisterMethodNotFound,
                format!("Management canister has no method '{name}'"),
            )
        })
    }

    /// The canister or subnet that a call with this argument is about.
    ///
    /// # Errors
    ///
    /// `InvalidManagementPayload`, if the argument cannot be decoded.
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

    /// Checks the canister version of the caller, if the argument contains one.
    ///
    /// # Errors
    ///
    /// `CanisterContractViolation`, if the version is not `version`; `InvalidManagementPayload`, if the
    /// argument cannot be decoded.
    pub fn check_sender_version(&self, argument: &[u8], version: u64) -> Result<(), UserError> {
        if !self.has_sender_version {
            return Ok(());
        }
        match decode::<SenderVersion>(argument)?.sender_canister_version {
            Some(claimed) if claimed != version => Err(UserError::new(
                ErrorCode::CanisterContractViolation,
                format!(
                    "The sender canister version {claimed} in the argument does not match the actual \
                     sender canister version {version}"
                ),
            )),
            Some(_) | None => Ok(()),
        }
    }
}

/// A call of the management canister: its method is looked up and its subject is decoded, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagementCall {
    /// The rules of the method.
    pub rules: &'static Rules,
    /// The subject of the call, or the error if the argument cannot be decoded.
    pub subject: Result<Subject, UserError>,
}

impl ManagementCall {
    /// Resolves a call of the method `name`.
    ///
    /// # Errors
    ///
    /// `CanisterMethodNotFound`, if the management canister has no such method.
    pub fn resolve(name: &str, argument: &[u8]) -> Result<Self, UserError> {
        let rules = Rules::named(name)?;
        Ok(Self { rules, subject: rules.subject(argument) })
    }

    /// The existing canister that the call is about.
    pub fn canister(&self) -> Option<CanisterId> {
        match self.subject {
            Ok(Subject::Canister(canister)) => Some(canister),
            Ok(Subject::NewCanister(_) | Subject::Subnet(_) | Subject::Nothing) | Err(_) => None,
        }
    }

    /// The canister that determines the subnet of the call: an existing canister, or the specified id of
    /// a canister to be created.
    pub fn effective_canister(&self) -> Option<CanisterId> {
        match self.subject {
            Ok(Subject::NewCanister(specified)) => specified,
            _ => self.canister(),
        }
    }

    /// Whether the call creates a canister.
    pub fn creates_canister(&self) -> bool {
        self.rules.about == About::NewCanister
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

/// The reply of a method that returns nothing.
pub fn empty_reply() -> Payload {
    encode(())
}

/// Encodes values as a Candid reply.
pub fn encode(values: impl ArgumentEncoder) -> Payload {
    candid::encode_args(values).expect("the management canister's types are valid Candid")
}

/// Checks the argument of a method that takes no argument.
///
/// # Errors
///
/// `InvalidManagementPayload`, if the argument cannot be decoded as an empty argument list.
pub fn check_no_argument(argument: &[u8]) -> Result<(), UserError> {
    candid::decode_args::<()>(argument).map_err(undecodable)
}

fn undecodable(error: candid::Error) -> UserError {
    UserError::new(ErrorCode::InvalidManagementPayload, format!("Error decoding candid: {error}"))
}

/// Decodes a Candid argument. Fields that the type does not have are ignored.
///
/// # Errors
///
/// `InvalidManagementPayload`, if the argument cannot be decoded.
pub fn decode<T: CandidType + DeserializeOwned>(argument: &[u8]) -> Result<T, UserError> {
    // A few bytes of Candid can describe a huge value. Real arguments need far less than these quotas.
    let mut config = DecoderConfig::new();
    config.set_decoding_quota(MANAGEMENT_DECODING_QUOTA);
    config.set_skipping_quota(MANAGEMENT_SKIPPING_QUOTA);
    candid::utils::decode_one_with_config(argument, &config).map_err(undecodable)
}
