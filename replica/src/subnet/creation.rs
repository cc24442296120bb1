//! Management calls that make canisters and give them cycles.

use crate::canister::{Canister, Settings};
use crate::error::{ErrorCode, UserError};
use crate::limits::PROVISIONAL_CYCLES_DEFAULT;
use crate::subnet::management::{ManagementCall, Reply, decode, encode};
use crate::subnet::{Subnet, settings};
use crate::types::{CanisterId, Cycles};
use ic_management_canister_types::*;

impl Subnet {
    pub(super) fn create_canister(
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

    pub(super) fn provisional_create(
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

    pub(super) fn provisional_top_up(&mut self, argument: &[u8]) -> Result<(), UserError> {
        let arguments: ProvisionalTopUpCanisterArgs = decode(argument)?;
        let id = arguments.canister_id;
        let canister =
            self.canisters.get_mut(&id).ok_or_else(|| UserError::canister_not_found(id))?;
        canister.balance = canister.balance.saturating_add(cycles(arguments.amount)?);
        Ok(())
    }

    pub(super) fn deposit_cycles(
        &mut self,
        call: &mut ManagementCall,
        argument: &[u8],
    ) -> Result<(), UserError> {
        let id = decode::<CanisterIdRecord>(argument)?.canister_id;
        let canister =
            self.canisters.get_mut(&id).ok_or_else(|| UserError::canister_not_found(id))?;
        canister.credit(std::mem::take(&mut call.cycles));
        Ok(())
    }
}

fn cycles(amount: candid::Nat) -> Result<Cycles, UserError> {
    Cycles::try_from(amount.0).map_err(|_| {
        UserError::new(ErrorCode::InvalidManagementPayload, "An amount of cycles is below 2^128")
    })
}
