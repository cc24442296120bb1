//! The interface of the management canister (`ic00`): its methods, the subnet that a call goes to, and
//! who may call each method. The module [`subnet`](crate::subnet) executes the methods.
//!
//! Rules: interface specification, "The IC management canister"; `ic00_permissions.rs`,
//! `execution/common.rs` (`validate_sender`) and `system_api/routing.rs` in the replica's repository.

use crate::error::{ErrorCode, UserError};
use crate::types::{CanisterId, Payload, SubnetId};
use candid::utils::ArgumentEncoder;
use candid::{CandidType, Principal};
use ic_management_canister_types::CanisterIdRecord;
use serde::{Deserialize, Serialize};

mod arguments;
mod bitcoin;
mod methods;

pub use arguments::{
    InstallCodeArgs, check_count, check_no_argument, check_settings, decode, decode_creation,
};
pub use bitcoin::{BitcoinNetwork, network as bitcoin_network};
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
    /// A bitcoin network. The system forwards the call to the bitcoin canister of that network.
    Bitcoin,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    /// Checks that the whole argument can be decoded.
    ///
    /// # Errors
    ///
    /// `InvalidManagementPayload`, if it cannot be decoded, or exceeds a bound that is checked while it is
    /// decoded, such as the number of controllers.
    pub fn check_argument(&self, argument: &[u8]) -> Result<(), UserError> {
        arguments::check(self.method, argument)
    }

    /// The canister or subnet that a call with this argument is about. Of the argument, only the part with
    /// the id is decoded.
    ///
    /// # Errors
    ///
    /// `InvalidManagementPayload`, if the id cannot be decoded.
    pub fn subject(&self, argument: &[u8]) -> Result<Subject, UserError> {
        Ok(match self.about {
            About::Canister => {
                Subject::Canister(decode::<CanisterIdRecord>(argument)?.canister_id.into())
            }
            About::TargetCanister => {
                Subject::Canister(decode::<Target>(argument)?.target_canister.into())
            }
            About::NewCanister => {
                // If the argument cannot be decoded, the execution of the call fails.
                let specified = decode::<Specified>(argument).ok().and_then(|new| new.specified_id);
                Subject::NewCanister(specified.map(CanisterId::from))
            }
            About::Subnet => Subject::Subnet(decode::<SubnetIdRecord>(argument)?.subnet_id.into()),
            About::Key | About::Bitcoin | About::Nothing => Subject::Nothing,
        })
    }

    /// Checks the canister version of the caller, if the argument contains one.
    ///
    /// # Errors
    ///
    /// `CanisterContractViolation`, if the version is not `version`; `InvalidManagementPayload`, if the
    /// method has a version in its argument, and the argument cannot be decoded.
    pub fn check_sender_version(&self, argument: &[u8], version: u64) -> Result<(), UserError> {
        if !self.has_sender_version {
            return Ok(());
        }
        self.check_argument(argument)?;
        let claimed = decode::<SenderVersion>(argument).ok();
        match claimed.and_then(|claimed| claimed.sender_canister_version) {
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagementCall {
    /// The rules of the method.
    #[serde(with = "by_name")]
    pub rules: &'static Rules,
    /// The subject of the call, or the error if the argument cannot be decoded. The arguments of calls that
    /// are about no existing canister or subnet are decoded when the calls are executed.
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
        let subject = rules.subject(argument).and_then(|subject| match subject {
            Subject::Canister(_) | Subject::Subnet(_) => {
                rules.check_argument(argument).map(|()| subject)
            }
            Subject::NewCanister(_) | Subject::Nothing => Ok(subject),
        });
        Ok(Self { rules, subject })
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

/// Encodes the rules of a method in a saved state: by the method's name.
mod by_name {
    use crate::ic00::Rules;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(rules: &&'static Rules, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(rules.name)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<&'static Rules, D::Error> {
        Rules::named(&String::deserialize(from)?).map_err(D::Error::custom)
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
