//! Fake canisters: built-in replacements, without Wasm, for the mainnet canisters that command line
//! tools need.
//!
//! There are four: the cycles ledger, the ICP ledger, the cycles minting canister and the registry. Each
//! has the id of the original and is on the subnet that hosts the original. It responds to the
//! methods that `icp` and `dfx` call, and rejects all others. A user gets a large
//! balance with the first call to a ledger, unless the user's account had tokens before. All other accounts
//! start empty. Transfers and fees are booked as on a real ledger. The ledgers have no blocks and no archives.
//!
//! Interfaces: `cycles-ledger.did` of the cycles ledger, `ledger.did` of the ICP ledger, `cmc.did` of
//! the cycles minting canister, `registry.did`.

mod accounts;
mod creation;
mod cycles_ledger;
mod directory;
mod icp_ledger;
mod icrc1;
mod icrc2;
mod minting;

use crate::error::{ErrorCode, UserError};
use crate::ic00::{self, PROVISIONAL_CREATION};
use crate::message::{CallContent, Ingress, Request};
use crate::network::Network;
use crate::topology::{canister_id, cycles_minting_canister};
use crate::types::*;
use candid::{CandidType, Principal};
use ic_management_canister_types::UpdateSettingsArgs;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

use cycles_ledger::CyclesLedger;
use icp_ledger::IcpLedger;
use minting::{CyclesMinting, Ledgers};

/// The network around a fake canister, which the fake canister uses to execute calls.
pub struct Surroundings<'a> {
    /// The network.
    pub network: &'a mut Network,
    /// The subnets on which canisters are created unless the caller selects one; at least one subnet.
    pub default_subnets: &'a [SubnetId],
}

/// A user's message to a fake canister.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FakeCanisterCall {
    /// The subnet that records the response.
    pub host: SubnetId,
    /// The message. Its receiver is a fake canister, or the management canister if
    /// [`FakeCanisters::serve_creation`] holds.
    pub ingress: Ingress,
}

/// All fake canisters of a network, and the messages that wait for them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct FakeCanisters {
    cycles: CyclesLedger,
    icp: IcpLedger,
    minting: CyclesMinting,
    waiting: VecDeque<FakeCanisterCall>,
}

/// The id of the registry.
fn registry() -> CanisterId {
    canister_id(0)
}

/// The id of the ICP ledger.
fn icp_ledger() -> CanisterId {
    canister_id(2)
}

/// The id of the cycles ledger.
fn cycles_ledger() -> CanisterId {
    canister_id(0x210_0002)
}

/// The id of the migration canister, which has no fake canister.
fn migration_canister() -> CanisterId {
    canister_id(17)
}

impl FakeCanisters {
    /// The ids of all fake canisters.
    pub fn ids() -> [CanisterId; 4] {
        [registry(), icp_ledger(), cycles_ledger(), cycles_minting_canister()]
    }

    /// The name of the fake canister with this id, for people. `None` if there is none.
    pub fn name(canister: CanisterId) -> Option<&'static str> {
        let names = ["registry", "ICP ledger", "cycles ledger", "cycles minting canister"];
        Self::ids().into_iter().zip(names).find(|(id, _)| *id == canister).map(|(_, name)| name)
    }

    /// Whether a fake canister has this id.
    pub fn serve(canister: CanisterId) -> bool {
        Self::ids().contains(&canister)
    }

    /// Whether the fake canisters execute a call of the management canister with the effective canister
    /// id `effective`. They execute creations that are sent to the registry: `dfx` sends a creation
    /// there if it knows no other canister.
    pub fn serve_creation(effective: CanisterId, method: &str) -> bool {
        effective == registry() && method == PROVISIONAL_CREATION
    }

    /// Checks that a message does not begin a migration of a canister id, for which there is no fake
    /// canister. A tool first makes the migration canister a controller of both canisters, and then calls the
    /// migration canister. Without this check, the call would fail with the controllers already changed.
    ///
    /// # Errors
    ///
    /// Fails if the message makes the migration canister a controller.
    pub fn check_no_migration(message: &Ingress) -> Result<(), UserError> {
        if !message.receiver.is_management() || message.method != "update_settings" {
            return Ok(());
        }
        // The management canister refuses an invalid argument.
        let Ok(args) = ic00::decode::<UpdateSettingsArgs>(&message.argument) else { return Ok(()) };
        let migration = migration_canister();
        match args.settings.controllers.iter().flatten().any(|id| *id == migration.principal()) {
            true => Err(UserError::new(
                ErrorCode::CanisterNotFound,
                format!(
                    "Canister {migration} not found: this development network has no migration canister, \
                     so canister ids cannot be migrated"
                ),
            )),
            false => Ok(()),
        }
    }

    /// Adds a message, which the next round executes.
    pub fn submit(&mut self, call: FakeCanisterCall) {
        self.waiting.push_back(call);
    }

    /// Removes and returns all waiting messages.
    pub fn take_waiting(&mut self) -> VecDeque<FakeCanisterCall> {
        std::mem::take(&mut self.waiting)
    }

    /// Whether a message waits for the next round.
    pub fn has_waiting(&self, message: MessageId) -> bool {
        self.waiting.iter().any(|call| call.ingress.id == message)
    }

    /// The number of messages that wait for the next round.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether any message waits for the next round.
    pub fn have_work(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Executes a user's call.
    ///
    /// # Errors
    ///
    /// Fails if the fake canister has no such method, or cannot decode the argument.
    pub fn update(
        &mut self,
        call: &Ingress,
        surroundings: &mut Surroundings,
    ) -> Result<Payload, UserError> {
        let Ingress { sender, receiver, method, argument, .. } = call;
        self.carry_out(*sender, *receiver, method, argument, surroundings)
    }

    /// Executes a canister's call. Returns the result and the cycles to refund.
    pub fn respond(
        &mut self,
        call: &Request,
        surroundings: &mut Surroundings,
    ) -> (Result<Payload, UserError>, Cycles) {
        let Request { header, content: CallContent { method, argument, cycles } } = call;
        let receiver = header.callee.as_canister();
        if receiver == cycles_ledger() && method == "deposit" {
            let done = self.cycles.deposit(argument, *cycles);
            let refund = if done.is_ok() { 0 } else { *cycles };
            return (done, refund);
        }
        let sender = header.caller.principal();
        if receiver == cycles_minting_canister() && method == "create_canister" {
            return minting::create_with_cycles(sender, argument, *cycles, surroundings);
        }
        (self.carry_out(sender, receiver, method, argument, surroundings), *cycles)
    }

    fn carry_out(
        &mut self,
        sender: Principal,
        receiver: CanisterId,
        method: &str,
        argument: &[u8],
        surroundings: &mut Surroundings,
    ) -> Result<Payload, UserError> {
        let done = match receiver {
            id if id.is_management() => {
                return surroundings.provisional_create(sender, argument);
            }
            id if id == cycles_ledger() => {
                self.cycles.update(sender, method, argument, surroundings)
            }
            id if id == icp_ledger() => {
                self.icp.update(sender, method, argument, surroundings.network.time())
            }
            id if id == cycles_minting_canister() => {
                let mut ledgers = Ledgers { icp: &mut self.icp, cycles: &mut self.cycles };
                self.minting.update(sender, method, argument, &mut ledgers, surroundings)
            }
            _ => None,
        };
        // Every query method can be called as an update method, too.
        done.unwrap_or_else(|| self.query(sender, receiver, method, argument, surroundings))
    }

    /// Executes a query.
    ///
    /// # Errors
    ///
    /// Fails if the fake canister has no such method, or cannot decode the argument.
    pub fn query(
        &self,
        sender: Principal,
        canister: CanisterId,
        method: &str,
        argument: &[u8],
        surroundings: &Surroundings,
    ) -> Result<Payload, UserError> {
        let now = surroundings.network.time();
        let answer = match canister {
            id if id == cycles_ledger() => self.cycles.query(sender, method, argument, now),
            id if id == icp_ledger() => self.icp.query(sender, method, argument, now),
            id if id == registry() => directory::of_registry(method, argument, surroundings),
            _ => CyclesMinting::query(method, surroundings),
        };
        answer.unwrap_or_else(|| {
            Err(UserError::new(
                ErrorCode::CanisterMethodNotFound,
                format!(
                    "The fake canister {canister} of this development network has no method \
                     '{method}'"
                ),
            ))
        })
    }
}

/// Decodes an argument. The error is the trap of a canister that cannot decode it.
fn decode<T: CandidType + DeserializeOwned>(argument: &[u8]) -> Result<T, UserError> {
    ic00::decode(argument)
        .map_err(|error| UserError::new(ErrorCode::CanisterCalledTrap, error.description))
}

/// Decodes an argument, computes the result with `answer`, and encodes the result.
fn respond<A: CandidType + DeserializeOwned, R: CandidType>(
    argument: &[u8],
    answer: impl FnOnce(A) -> R,
) -> Result<Payload, UserError> {
    Ok(ic00::encode((answer(decode(argument)?),)))
}

#[cfg(test)]
mod tests;
