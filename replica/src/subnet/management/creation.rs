//! Management calls that create canisters and give them cycles.

use super::info::variables_hash;
use super::{Call, PendingCall, settings};
use crate::canister::{Canister, Debits, Demand, Origin, ReceivedCall, Settings};
use crate::error::{ErrorCode, UserError};
use crate::ic00::{ManagementCall, PROVISIONAL_CREATION, decode, decode_creation, encode};
use crate::limits::PROVISIONAL_CYCLES_DEFAULT;
use crate::subnet::Subnet;
use crate::topology::{cycles_minting_canister, nth_canister, own_range};
use crate::trace::{Event, Fee};
use crate::types::{CanisterId, Cycles, Payload};
use candid::Principal;
use ic_management_canister_types::*;

impl Subnet {
    pub(super) fn create_canister(
        &mut self,
        pending: &mut PendingCall,
    ) -> Result<Payload, UserError> {
        let CreateCanisterArgs { settings, sender_canister_version } =
            decode_creation(&pending.call.argument)?;
        let fee = self.prices.canister_creation();
        let Some(balance) = pending.received.cycles.checked_sub(fee) else {
            return Err(UserError::new(
                ErrorCode::InsufficientCyclesForCreateCanister,
                format!(
                    "Creating a canister requires a fee of {fee} that is deducted from the \
                     canister's initial balance but only {} cycles were received with the \
                     create_canister request.",
                    pending.received.cycles
                ),
            ));
        };
        let id =
            self.add_canister(&pending.call, settings, sender_canister_version, None, balance)?;
        if let Some(canister) = self.canisters.get_mut(&id) {
            canister.consumption.pay(Fee::Creation, fee);
        }
        pending.received.cycles = 0;
        let canister = pending.call.caller.into();
        self.trace.record(|| Event::Charged { canister, fee: Fee::Creation, cycles: fee });
        Ok(encode((CanisterIdRecord { canister_id: id.into() },)))
    }

    pub(super) fn provisional_create(&mut self, call: &Call) -> Result<Payload, UserError> {
        let arguments: ProvisionalCreateCanisterWithCyclesArgs = call.decode()?;
        let cycles = match arguments.amount {
            Some(amount) => cycles(amount)?,
            None => PROVISIONAL_CYCLES_DEFAULT,
        };
        let ProvisionalCreateCanisterWithCyclesArgs {
            settings,
            specified_id,
            sender_canister_version,
            ..
        } = arguments;
        let specified = specified_id.map(CanisterId::from);
        let id = self.add_canister(call, settings, sender_canister_version, specified, cycles)?;
        Ok(encode((CanisterIdRecord { canister_id: id.into() },)))
    }

    /// Creates a canister for a user, as the cycles minting canister does. The user controls the canister,
    /// unless the settings have other controllers. The canister gets `cycles` minus the creation fee.
    ///
    /// # Errors
    ///
    /// If the settings are invalid, the cycles do not cover the fee, or the subnet has no capacity.
    pub fn create_canister_for(
        &mut self,
        user: Principal,
        settings: Option<CanisterSettings>,
        cycles: Cycles,
    ) -> Result<CanisterId, UserError> {
        let mut settings = settings.unwrap_or_default();
        settings.controllers.get_or_insert_with(|| vec![user]);
        let arguments =
            CreateCanisterArgs { settings: Some(settings), sender_canister_version: None };
        let argument = encode((arguments,));
        let method = ManagementCall::resolve("create_canister", &argument)?;
        let caller = cycles_minting_canister().into();
        let call = Call { caller, by_canister: true, method, argument };
        let received = ReceivedCall { origin: Origin::Task, cycles };
        let reply = self.create_canister(&mut PendingCall { call, received })?;
        Ok(decode::<CanisterIdRecord>(&reply)?.canister_id.into())
    }

    /// Creates a canister with new cycles for a user. The argument and the reply are those of
    /// `provisional_create_canister_with_cycles`.
    ///
    /// # Errors
    ///
    /// As for that method.
    pub fn provisional_create_for(
        &mut self,
        user: Principal,
        argument: Payload,
    ) -> Result<Payload, UserError> {
        let method = ManagementCall::resolve(PROVISIONAL_CREATION, &argument)?;
        self.provisional_create(&Call { caller: user, by_canister: false, method, argument })
    }

    /// Creates a canister with a balance, and an id if one is specified.
    fn add_canister(
        &mut self,
        call: &Call,
        changes: Option<CanisterSettings>,
        sender_version: Option<u64>,
        specified: Option<CanisterId>,
        balance: Cycles,
    ) -> Result<CanisterId, UserError> {
        let controllers = [call.caller].into();
        let changes = changes.unwrap_or_default();
        let names_variables = changes.environment_variables.is_some();
        let settings = settings::changed(&Settings::new(controllers), changes)?;
        let demand = Demand::of_new(&settings, balance, self.compute_taken());
        let reservation = self.capacity().check_settings(&demand)?;
        let id = match specified {
            Some(id) => self.check_specified(id)?,
            None => self.next_canister_id()?,
        };
        let mut canister = Canister::new(id, settings, balance, self.time);
        canister.debits = Debits::new(self.config.limits_rates());
        canister.reserve(reservation);
        let details = ChangeDetails::Creation(CreationRecord {
            controllers: canister.settings.controllers.iter().copied().collect(),
            environment_variables_hash: names_variables
                .then(|| variables_hash(&canister.settings.environment_variables)),
        });
        call.record(&mut canister, self.time, sender_version, details);
        canister.trace = self.trace.clone();
        self.canisters.insert(id, canister.into());
        self.trace.record(|| Event::Credited { canister: id, cycles: balance });
        Ok(id)
    }

    /// Checks that a canister can be created with this id (`canister_manager.rs`,
    /// `validate_specified_id`).
    fn check_specified(&self, id: CanisterId) -> Result<CanisterId, UserError> {
        let own = own_range(&self.config.canister_ranges);
        if own.is_some_and(|(first, last)| (first..=last).contains(&id)) {
            return Err(UserError::new(
                ErrorCode::InvalidManagementPayload,
                format!(
                    "The `specified_id` {id} is invalid because it belongs to the canister allocation \
                     ranges of the test environment.\nSpecify the id of a mainnet canister, or no id."
                ),
            ));
        }
        if self.canisters.contains_key(&id) {
            return Err(UserError::new(
                ErrorCode::CanisterAlreadyInstalled,
                format!("Canister {id} is already installed."),
            ));
        }
        if !self.hosts(id) {
            return Err(UserError::new(
                ErrorCode::CanisterNotHostedBySubnet,
                format!("Canister {id} does not belong to subnet {}", self.config.id),
            ));
        }
        Ok(id)
    }

    /// The next id of the range for new canisters.
    fn next_canister_id(&mut self) -> Result<CanisterId, UserError> {
        let next = nth_canister(&self.config.canister_ranges, self.next_canister);
        self.next_canister += 1;
        next.ok_or_else(|| {
            UserError::new(
                ErrorCode::SubnetOversubscribed,
                format!("Subnet {} has no canister ids left", self.config.id),
            )
        })
    }

    pub(super) fn provisional_top_up(&mut self, call: &Call) -> Result<(), UserError> {
        let ProvisionalTopUpCanisterArgs { canister_id, amount } = call.decode()?;
        self.authorized_canister(call, canister_id.into())?.deposit(cycles(amount)?);
        Ok(())
    }

    pub(super) fn deposit_cycles(&mut self, pending: &mut PendingCall) -> Result<(), UserError> {
        let CanisterIdRecord { canister_id } = pending.call.decode()?;
        self.authorized_canister(&pending.call, canister_id.into())?
            .deposit(pending.received.cycles);
        pending.received.cycles = 0;
        Ok(())
    }
}

fn cycles(amount: candid::Nat) -> Result<Cycles, UserError> {
    Cycles::try_from(amount.0).map_err(|_| {
        UserError::new(
            ErrorCode::InvalidManagementPayload,
            "An amount of cycles must be less than 2^128",
        )
    })
}
