//! Stand-ins for canisters of the mainnet that command line tools need: built in, without Wasm.
//!
//! They are no ledgers anybody could rely on. They answer the methods that `icp` and `dfx` call, on
//! the subnets and under the ids that the originals have. Every account starts with plenty, and from then on everything is accounted for.
//! There are no blocks to look at, no approvals and no archives.
//!
//! Interfaces: `cycles-ledger.did` of the cycles ledger, `ledger.did` of the ICP ledger, `cmc.did` of
//! the cycles minting canister, `registry.did`.

mod accounts;
mod creation;
mod cycles_ledger;
mod directory;
mod icp_ledger;
mod icrc1;

use crate::error::{ErrorCode, UserError};
use crate::ic00;
use crate::message::{Ingress, Request};
use crate::network::Network;
use crate::topology::{canister_id, cycles_minting_canister};
use crate::types::*;
use candid::{CandidType, Principal};
use serde::de::DeserializeOwned;
use std::collections::VecDeque;

use cycles_ledger::CyclesLedger;
use icp_ledger::IcpLedger;

/// Where a stand-in's call finds the network.
pub struct Surroundings<'a> {
    /// The network.
    pub network: &'a mut Network,
    /// Where canisters are created unless somebody chooses; at least one.
    pub default_subnets: &'a [SubnetId],
}

/// A user's message to a stand-in.
#[derive(Clone, Debug)]
pub struct StandinCall {
    /// The subnet that has the answer.
    pub host: SubnetId,
    /// The message. It is for the management canister, where [`Standins::serve_creation`] holds.
    pub ingress: Ingress,
}

/// All stand-ins of a network, and the messages that wait for them.
#[derive(Debug, Default)]
pub struct Standins {
    cycles: CyclesLedger,
    icp: IcpLedger,
    waiting: VecDeque<StandinCall>,
}

/// The registry of the mainnet.
fn registry() -> CanisterId {
    canister_id(0)
}

/// The ledger of ICP.
fn icp_ledger() -> CanisterId {
    canister_id(2)
}

/// The ledger of cycles.
fn cycles_ledger() -> CanisterId {
    canister_id(0x210_0002)
}

impl Standins {
    /// The canisters for which there are stand-ins.
    pub fn ids() -> [CanisterId; 4] {
        [registry(), icp_ledger(), cycles_ledger(), cycles_minting_canister()]
    }

    /// Whether there is a stand-in of this id.
    pub fn serve(canister: CanisterId) -> bool {
        Self::ids().contains(&canister)
    }

    /// Whether they make the canister that a management call sent to `effective` asks for: `dfx`
    /// sends such calls to the registry where it knows no better.
    pub fn serve_creation(effective: CanisterId, method: &str) -> bool {
        effective == registry() && method == creation::METHOD
    }

    /// Takes a message in, for the next round.
    pub fn submit(&mut self, call: StandinCall) {
        self.waiting.push_back(call);
    }

    /// Takes the messages out that wait.
    pub fn take_waiting(&mut self) -> VecDeque<StandinCall> {
        std::mem::take(&mut self.waiting)
    }

    /// Whether a message waits for the next round.
    pub fn has_waiting(&self, message: MessageId) -> bool {
        self.waiting.iter().any(|call| call.ingress.id == message)
    }

    /// How many messages wait for the next round.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether any message waits for the next round.
    pub fn have_work(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Carries a user's call out.
    pub fn update(
        &mut self,
        call: &Ingress,
        surroundings: &mut Surroundings,
    ) -> Result<Payload, UserError> {
        let Ingress { sender, receiver, method, argument, .. } = call;
        self.carry_out(*sender, *receiver, method, argument, surroundings)
    }

    /// Carries a canister's call out, and returns how many of its cycles go back.
    pub fn respond(
        &mut self,
        call: &Request,
        surroundings: &mut Surroundings,
    ) -> (Result<Payload, UserError>, Cycles) {
        let Request { sender, receiver, method, argument, cycles, .. } = call;
        let receiver = receiver.as_canister();
        if receiver == cycles_ledger() && method == "deposit" {
            let done = self.cycles.deposit(argument, *cycles);
            let refund = if done.is_ok() { 0 } else { *cycles };
            return (done, refund);
        }
        let sender = sender.principal();
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
            _ => None,
        };
        // What can be queried can be called as well.
        done.unwrap_or_else(|| self.query(receiver, method, argument, surroundings))
    }

    /// Answers a query.
    pub fn query(
        &self,
        canister: CanisterId,
        method: &str,
        argument: &[u8],
        surroundings: &Surroundings,
    ) -> Result<Payload, UserError> {
        let answer = match canister {
            id if id == cycles_ledger() => self.cycles.query(method, argument),
            id if id == icp_ledger() => self.icp.query(method, argument),
            id if id == registry() => directory::of_registry(method, argument, surroundings),
            _ => directory::of_minting(method, surroundings),
        };
        answer.unwrap_or_else(|| {
            Err(UserError::new(
                ErrorCode::CanisterMethodNotFound,
                format!(
                    "The stand-in for canister {canister} on this development network has no \
                     method '{method}'"
                ),
            ))
        })
    }
}

/// An argument's value, or the trap of a canister that cannot read it.
fn decode<T: CandidType + DeserializeOwned>(argument: &[u8]) -> Result<T, UserError> {
    ic00::decode(argument)
        .map_err(|error| UserError::new(ErrorCode::CanisterCalledTrap, error.description))
}

/// The answer to a call whose argument is read first.
fn respond<A: CandidType + DeserializeOwned, R: CandidType>(
    argument: &[u8],
    answer: impl FnOnce(A) -> R,
) -> Result<Payload, UserError> {
    Ok(ic00::encode((answer(decode(argument)?),)))
}

#[cfg(test)]
mod tests;
