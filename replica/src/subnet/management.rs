//! The management canister: which methods there are, who may call them, and calling them.
//!
//! Methods: interface specification, "The IC management canister".

use crate::canister::{Answer, Canister, Failure, Origin};
use crate::error::{ErrorCode, UserError};
use crate::limits::{MANAGEMENT_DECODING_QUOTA, MANAGEMENT_SKIPPING_QUOTA};
use crate::message::{Ingress, Request};
use crate::subnet::Subnet;
use crate::types::{CanisterId, Cycles, Payload};
use candid::utils::ArgumentEncoder;
use candid::{CandidType, DecoderConfig, Principal};
use ic_management_canister_types::CanisterIdRecord;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A call to the management canister, waiting to be executed.
#[derive(Debug)]
pub(super) struct ManagementCall {
    pub(super) origin: Origin,
    method: String,
    argument: Payload,
    pub(super) cycles: Cycles,
}

/// The methods there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    CreateCanister,
    ProvisionalCreateCanister,
    ProvisionalTopUp,
    DepositCycles,
    InstallCode,
    UninstallCode,
    UpdateSettings,
    CanisterStatus,
    StartCanister,
    StopCanister,
    DeleteCanister,
}

impl Method {
    fn named(name: &str) -> Result<Self, UserError> {
        Ok(match name {
            "create_canister" => Self::CreateCanister,
            "provisional_create_canister_with_cycles" => Self::ProvisionalCreateCanister,
            "provisional_top_up_canister" => Self::ProvisionalTopUp,
            "deposit_cycles" => Self::DepositCycles,
            "install_code" => Self::InstallCode,
            "uninstall_code" => Self::UninstallCode,
            "update_settings" => Self::UpdateSettings,
            "canister_status" => Self::CanisterStatus,
            "start_canister" => Self::StartCanister,
            "stop_canister" => Self::StopCanister,
            "delete_canister" => Self::DeleteCanister,
            _ => {
                return Err(UserError::new(
                    ErrorCode::UnknownManagementMessage,
                    format!("The management canister has no method '{name}' in this replica"),
                ));
            }
        })
    }

    /// Whether only the controllers of the canister it is about may call it.
    fn is_for_controllers(self) -> bool {
        !matches!(
            self,
            Self::CreateCanister
                | Self::ProvisionalCreateCanister
                | Self::ProvisionalTopUp
                | Self::DepositCycles
        )
    }

    /// Whether users may call it, rather than canisters only.
    fn is_for_users(self) -> bool {
        !matches!(self, Self::CreateCanister | Self::DepositCycles)
    }
}

/// Whether a management method makes a canister, so that none can be named by its argument.
pub fn is_creation(method: &str) -> bool {
    matches!(Method::named(method), Ok(Method::CreateCanister | Method::ProvisionalCreateCanister))
}

/// The canister a management call is about, as its argument says.
pub fn effective_canister(method: &str, argument: &[u8]) -> Option<CanisterId> {
    #[derive(CandidType, Deserialize)]
    struct Specified {
        specified_id: Option<Principal>,
    }
    if is_creation(method) {
        return decode::<Specified>(argument).ok()?.specified_id;
    }
    decode::<CanisterIdRecord>(argument).ok().map(|record| record.canister_id)
}

/// The reply of a method that returns nothing.
pub(super) fn empty_reply() -> Payload {
    encode(())
}

pub(super) fn encode(values: impl ArgumentEncoder) -> Payload {
    candid::encode_args(values).expect("the management canister's types are valid Candid")
}

pub(super) fn decode<T: CandidType + DeserializeOwned>(argument: &[u8]) -> Result<T, UserError> {
    // Candid can say in a few bytes that a value is endless; real arguments need far less than this.
    let mut config = DecoderConfig::new();
    config.set_decoding_quota(MANAGEMENT_DECODING_QUOTA);
    config.set_skipping_quota(MANAGEMENT_SKIPPING_QUOTA);
    candid::utils::decode_one_with_config(argument, &config).map_err(|error| {
        UserError::new(
            ErrorCode::InvalidManagementPayload,
            format!("The argument of the management call cannot be decoded: {error}"),
        )
    })
}

/// Whether a management call is let in from outside.
pub(super) fn check_ingress(subnet: &Subnet, ingress: &Ingress) -> Result<(), UserError> {
    let method = Method::named(&ingress.method)?;
    if !method.is_for_users() {
        return Err(UserError::new(
            ErrorCode::CanisterRejectedMessage,
            format!("Only canisters can call '{}' of the management canister", ingress.method),
        ));
    }
    if method.is_for_controllers() {
        let canister = decode::<CanisterIdRecord>(&ingress.argument)?.canister_id;
        let canister =
            subnet.canister(canister).ok_or_else(|| UserError::canister_not_found(canister))?;
        check_controller(canister, ingress.sender)?;
    }
    Ok(())
}

fn check_controller(canister: &Canister, sender: Principal) -> Result<(), UserError> {
    if canister.settings.controllers.contains(&sender) {
        return Ok(());
    }
    let controllers: Vec<String> =
        canister.settings.controllers.iter().map(Principal::to_text).collect();
    Err(UserError::new(
        ErrorCode::CanisterInvalidController,
        format!(
            "Only controllers of canister {} can do this; its controllers: {}; caller: {sender}",
            canister.id,
            controllers.join(" ")
        ),
    ))
}

/// What a method comes to: a reply now, or none yet.
pub(super) enum Reply {
    Now(Payload),
    Later,
}

impl Subnet {
    /// Takes in a management call from a user, for which the canister it is about pays.
    pub(super) fn induct_management_ingress(
        &mut self,
        ingress: Ingress,
        fee: Cycles,
    ) -> Result<(), UserError> {
        if let Some(id) = ingress.effective_canister
            && let Some(canister) = self.canisters.get_mut(&id)
        {
            canister.check_can_pay(fee, self.prices)?;
            canister.balance -= fee;
        }
        self.management_calls.push_back(ManagementCall {
            origin: Origin::Ingress { message: ingress.id, sender: ingress.sender },
            method: ingress.method,
            argument: ingress.argument,
            cycles: 0,
        });
        Ok(())
    }

    /// Takes in a management call from a canister.
    pub(super) fn induct_management_request(&mut self, request: Request) {
        self.management_calls.push_back(ManagementCall {
            origin: Origin::Canister {
                sender: request.sender,
                receiver: request.receiver,
                callback: request.callback,
                deadline: request.deadline,
            },
            method: request.method,
            argument: request.argument,
            cycles: request.cycles,
        });
    }

    /// Executes all management calls that wait.
    pub(super) fn execute_management_calls(&mut self) {
        while let Some(mut call) = self.management_calls.pop_front() {
            let result = match self.execute_management_call(&mut call) {
                Ok(Reply::Now(reply)) => Ok(reply),
                Ok(Reply::Later) => continue,
                Err(error) => Err(Failure::Error(error)),
            };
            self.answer(Answer { origin: call.origin, result, refund: call.cycles });
        }
    }

    fn execute_management_call(&mut self, call: &mut ManagementCall) -> Result<Reply, UserError> {
        let method = Method::named(&call.method)?;
        let argument = std::mem::take(&mut call.argument);
        let done = |()| Reply::Now(empty_reply());
        match method {
            Method::CreateCanister => self.create_canister(call, &argument),
            Method::ProvisionalCreateCanister => self.provisional_create(call, &argument),
            Method::ProvisionalTopUp => self.provisional_top_up(&argument).map(done),
            Method::DepositCycles => self.deposit_cycles(call, &argument).map(done),
            Method::InstallCode => self.install_code(call, &argument).map(done),
            Method::UninstallCode => self.uninstall_code(call, &argument).map(done),
            Method::UpdateSettings => self.update_settings(call, &argument).map(done),
            Method::CanisterStatus => self.canister_status(call, &argument).map(Reply::Now),
            Method::StartCanister => self.start_canister(call, &argument).map(done),
            Method::StopCanister => self.stop_canister(call, &argument).map(|()| Reply::Later),
            Method::DeleteCanister => self.delete_canister(call, &argument).map(done),
        }
    }

    /// The canister an argument names, if the caller controls it.
    pub(super) fn named(
        &mut self,
        call: &ManagementCall,
        argument: &[u8],
    ) -> Result<&mut Canister, UserError> {
        let id = decode::<CanisterIdRecord>(argument)?.canister_id;
        self.controlled(call, id)
    }

    /// The canister of this id, if the caller controls it.
    pub(super) fn controlled(
        &mut self,
        call: &ManagementCall,
        id: CanisterId,
    ) -> Result<&mut Canister, UserError> {
        let canister =
            self.canisters.get_mut(&id).ok_or_else(|| UserError::canister_not_found(id))?;
        check_controller(canister, call.origin.caller())?;
        Ok(canister)
    }
}
