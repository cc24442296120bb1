//! The management canister: creating canisters, putting code into them, starting and stopping.
//!
//! Methods: interface specification, "The IC management canister".

use crate::canister::{
    self, Answer, Canister, Code, Failure, InstallMode, Installation, Origin, Settings, Status,
    StopRequest,
};
use crate::error::{Trap, UserError};
use crate::limits::{PROVISIONAL_CYCLES_DEFAULT, STOP_TIMEOUT_SECONDS};
use crate::message::{Ingress, Request};
use crate::subnet::ingress::{canister_not_found, check_cycles};
use crate::subnet::{Subnet, settings};
use crate::types::{CanisterId, Cycles, Payload};
use candid::utils::ArgumentEncoder;
use candid::{CandidType, Principal};
use ic_error_types::ErrorCode;
use ic_management_canister_types::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// A call to the management canister, waiting to be executed.
#[derive(Debug)]
pub(super) struct ManagementCall {
    origin: Origin,
    method: String,
    argument: Payload,
    cycles: Cycles,
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

fn encode(values: impl ArgumentEncoder) -> Payload {
    candid::encode_args(values).expect("the management canister's types are valid Candid")
}

fn decode<T: CandidType + DeserializeOwned>(argument: &[u8]) -> Result<T, UserError> {
    candid::decode_one(argument).map_err(|error| {
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
        let canister = subnet.canister(canister).ok_or_else(|| canister_not_found(canister))?;
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
enum Reply {
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
            check_cycles(canister, fee, self.prices)?;
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

    /// The canister of this id, if the caller controls it.
    fn controlled(
        &mut self,
        call: &ManagementCall,
        id: CanisterId,
    ) -> Result<&mut Canister, UserError> {
        let canister = self.canisters.get_mut(&id).ok_or_else(|| canister_not_found(id))?;
        check_controller(canister, call.origin.caller())?;
        Ok(canister)
    }

    fn create_canister(
        &mut self,
        call: &mut ManagementCall,
        argument: &[u8],
    ) -> Result<Reply, UserError> {
        let arguments: CreateCanisterArgs = decode(argument)?;
        let fee = self.prices.canister_creation();
        if call.cycles < fee {
            return Err(UserError::new(
                ErrorCode::InsufficientCyclesForCreateCanister,
                format!("Creating a canister costs {fee} cycles, but {} are attached", call.cycles),
            ));
        }
        let balance = std::mem::take(&mut call.cycles) - fee;
        self.add_canister(call, arguments.settings, None, balance).inspect_err(|_| {
            call.cycles = balance + fee;
        })
    }

    fn provisional_create(
        &mut self,
        call: &ManagementCall,
        argument: &[u8],
    ) -> Result<Reply, UserError> {
        let arguments: ProvisionalCreateCanisterWithCyclesArgs = decode(argument)?;
        let cycles = match arguments.amount {
            Some(amount) => cycles(amount)?,
            None => PROVISIONAL_CYCLES_DEFAULT,
        };
        self.add_canister(call, arguments.settings, arguments.specified_id, cycles)
    }

    fn add_canister(
        &mut self,
        call: &ManagementCall,
        changes: Option<CanisterSettings>,
        specified: Option<CanisterId>,
        balance: Cycles,
    ) -> Result<Reply, UserError> {
        let controllers = [call.origin.caller()].into();
        let settings = settings::changed(&Settings::new(controllers), changes.unwrap_or_default())?;
        let id = match specified {
            Some(id) => self.check_specified(id)?,
            None => self.next_canister_id()?,
        };
        self.canisters.insert(id, Canister::new(id, settings, balance, self.time));
        Ok(Reply::Now(encode((CanisterIdRecord { canister_id: id },))))
    }

    fn check_specified(&self, id: CanisterId) -> Result<CanisterId, UserError> {
        if !self.hosts(id) {
            return Err(UserError::new(
                ErrorCode::CanisterNotHostedBySubnet,
                format!("Canister {id} does not belong to subnet {}", self.config.id),
            ));
        }
        if self.canisters.contains_key(&id) {
            return Err(UserError::new(
                ErrorCode::CanisterIdAlreadyExists,
                format!("Canister {id} exists already; choose another id"),
            ));
        }
        Ok(id)
    }

    /// The next id of the subnet's ranges that is not taken.
    fn next_canister_id(&mut self) -> Result<CanisterId, UserError> {
        loop {
            let id =
                crate::topology::nth_canister(&self.config.canister_ranges, self.next_canister)
                    .ok_or_else(|| {
                        UserError::new(
                            ErrorCode::SubnetOversubscribed,
                            format!("Subnet {} has no canister ids left", self.config.id),
                        )
                    })?;
            self.next_canister += 1;
            if !self.canisters.contains_key(&id) {
                return Ok(id);
            }
        }
    }

    fn provisional_top_up(&mut self, argument: &[u8]) -> Result<(), UserError> {
        let arguments: ProvisionalTopUpCanisterArgs = decode(argument)?;
        let id = arguments.canister_id;
        let canister = self.canisters.get_mut(&id).ok_or_else(|| canister_not_found(id))?;
        canister.balance = canister.balance.saturating_add(cycles(arguments.amount)?);
        Ok(())
    }

    fn deposit_cycles(
        &mut self,
        call: &mut ManagementCall,
        argument: &[u8],
    ) -> Result<(), UserError> {
        let id = decode::<CanisterIdRecord>(argument)?.canister_id;
        let canister = self.canisters.get_mut(&id).ok_or_else(|| canister_not_found(id))?;
        canister.balance += std::mem::take(&mut call.cycles);
        Ok(())
    }

    fn install_code(&mut self, call: &ManagementCall, argument: &[u8]) -> Result<(), UserError> {
        let arguments: InstallCodeArgs = decode(argument)?;
        let round = self.round_context();
        let canister = self.controlled(call, arguments.canister_id)?;
        let mode = match arguments.mode {
            CanisterInstallMode::Install => InstallMode::Install,
            CanisterInstallMode::Reinstall => InstallMode::Reinstall,
            CanisterInstallMode::Upgrade(flags) => {
                let flags = flags.unwrap_or_default();
                if flags.wasm_memory_persistence == Some(WasmMemoryPersistence::Keep) {
                    return Err(UserError::new(
                        ErrorCode::InvalidManagementPayload,
                        "Upgrades that keep the heap are not supported by this replica yet",
                    ));
                }
                InstallMode::Upgrade { skip_pre_upgrade: flags.skip_pre_upgrade == Some(true) }
            }
        };
        let invalid = |error: crate::wasm::InvalidModule| {
            Trap::InvalidModule(error.0).into_user_error(arguments.canister_id)
        };
        let module = crate::wasm::compile(&arguments.wasm_module).map_err(invalid)?;
        let installation = Installation {
            mode,
            code: Arc::new(Code::link(module).map_err(invalid)?),
            argument: arguments.arg,
            caller: call.origin.caller(),
        };
        canister::install(canister, installation, &round).0
    }

    fn uninstall_code(&mut self, call: &ManagementCall, argument: &[u8]) -> Result<(), UserError> {
        let id = decode::<CanisterIdRecord>(argument)?.canister_id;
        let answers = canister::uninstall(self.controlled(call, id)?);
        for answer in answers {
            self.answer(answer);
        }
        Ok(())
    }

    fn update_settings(&mut self, call: &ManagementCall, argument: &[u8]) -> Result<(), UserError> {
        let arguments: UpdateSettingsArgs = decode(argument)?;
        let canister = self.controlled(call, arguments.canister_id)?;
        canister.settings = settings::changed(&canister.settings, arguments.settings)?;
        canister.version += 1;
        canister.settings_changed();
        Ok(())
    }

    fn canister_status(
        &mut self,
        call: &ManagementCall,
        argument: &[u8],
    ) -> Result<Payload, UserError> {
        let prices = self.prices;
        let id = decode::<CanisterIdRecord>(argument)?.canister_id;
        // A canister may ask for its own status.
        let canister = match call.origin.caller() == id {
            true => self.canisters.get_mut(&id).ok_or_else(|| canister_not_found(id))?,
            false => self.controlled(call, id)?,
        };
        Ok(encode((status(canister, prices),)))
    }

    fn start_canister(&mut self, call: &ManagementCall, argument: &[u8]) -> Result<(), UserError> {
        let id = decode::<CanisterIdRecord>(argument)?.canister_id;
        let canister = self.controlled(call, id)?;
        let status = std::mem::replace(&mut canister.status, Status::Running);
        canister.version += 1;
        if let Status::Stopping(requests) = status {
            let error = UserError::new(
                ErrorCode::CanisterStoppingCancelled,
                format!("Canister {id} was started again before it had stopped"),
            );
            for StopRequest { origin, cycles, .. } in requests {
                let result = Err(Failure::Error(error.clone()));
                self.answer(Answer { origin, result, refund: cycles });
            }
        }
        Ok(())
    }

    /// Asks a canister to stop. Who asked is answered once it has, at the end of a round.
    fn stop_canister(
        &mut self,
        call: &mut ManagementCall,
        argument: &[u8],
    ) -> Result<(), UserError> {
        let id = decode::<CanisterIdRecord>(argument)?.canister_id;
        let expiry = self.time.plus_secs(STOP_TIMEOUT_SECONDS);
        let request = StopRequest { origin: call.origin.clone(), cycles: call.cycles, expiry };
        let canister = self.controlled(call, id)?;
        match &mut canister.status {
            Status::Stopping(requests) => requests.push(request),
            status => {
                *status = Status::Stopping(vec![request]);
                canister.version += 1;
            }
        }
        Ok(())
    }

    fn delete_canister(&mut self, call: &ManagementCall, argument: &[u8]) -> Result<(), UserError> {
        let id = decode::<CanisterIdRecord>(argument)?.canister_id;
        let canister = self.controlled(call, id)?;
        if canister.status != Status::Stopped {
            return Err(UserError::new(
                ErrorCode::CanisterNotStopped,
                format!("Canister {id} must be stopped before it is deleted"),
            ));
        }
        if !canister.queues.is_idle() {
            return Err(UserError::new(
                ErrorCode::CanisterQueueNotEmpty,
                format!("Canister {id} still has messages in its queues"),
            ));
        }
        self.canisters.remove(&id);
        Ok(())
    }
}

fn cycles(amount: candid::Nat) -> Result<Cycles, UserError> {
    Cycles::try_from(amount.0).map_err(|_| {
        UserError::new(ErrorCode::InvalidManagementPayload, "An amount of cycles is below 2^128")
    })
}

/// What `canister_status` says. What this replica does not keep is reported as zero.
fn status(canister: &Canister, prices: crate::cycles::Prices) -> CanisterStatusResult {
    let zero = || candid::Nat::from(0u8);
    let compute = canister.settings.compute_allocation;
    CanisterStatusResult {
        status: match canister.status {
            Status::Running => CanisterStatusType::Running,
            Status::Stopping(_) => CanisterStatusType::Stopping,
            Status::Stopped => CanisterStatusType::Stopped,
        },
        ready_for_migration: canister.status == Status::Stopped && canister.queues.is_idle(),
        version: canister.version,
        settings: settings::definite(&canister.settings),
        module_hash: canister.module_hash().map(Vec::from),
        memory_size: canister.memory_bytes().into(),
        memory_metrics: MemoryMetrics {
            wasm_memory_size: canister.heap_bytes().into(),
            stable_memory_size: canister.stable_bytes().into(),
            global_memory_size: zero(),
            wasm_binary_size: canister.module_bytes().into(),
            custom_sections_size: zero(),
            canister_history_size: zero(),
            wasm_chunk_store_size: zero(),
            snapshots_size: zero(),
            log_memory_store_size: zero(),
        },
        cycles: canister.balance.into(),
        reserved_cycles: zero(),
        idle_cycles_burned_per_day: prices
            .idle_burn_per_day(canister.memory_bytes(), compute)
            .into(),
        query_stats: QueryStats {
            num_calls_total: zero(),
            num_instructions_total: zero(),
            request_payload_bytes_total: zero(),
            response_payload_bytes_total: zero(),
        },
    }
}
