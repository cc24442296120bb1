//! The creation of canisters on the network, for the cycles ledger and for `dfx`.

use super::Surroundings;
use crate::error::UserError;
use crate::types::*;
use candid::{CandidType, Principal};
use ic_management_canister_types::CanisterSettings;
use serde::Deserialize;

/// The arguments of a creation (`cmc.did`).
#[derive(Debug, Default, CandidType, Deserialize)]
pub(super) struct CreationArgs {
    pub(super) settings: Option<CanisterSettings>,
    pub(super) subnet_selection: Option<SubnetSelection>,
}

#[derive(Debug, CandidType, Deserialize)]
pub(super) enum SubnetSelection {
    Filter { subnet_type: Option<String> },
    Subnet { subnet: Principal },
}

impl CreationArgs {
    /// These settings on this subnet. A subnet type, the older way to select a subnet, is a filter.
    pub(super) fn new(
        settings: Option<CanisterSettings>,
        subnet_type: Option<String>,
        subnet_selection: Option<SubnetSelection>,
    ) -> Self {
        let filter = || Some(SubnetSelection::Filter { subnet_type: Some(subnet_type?) });
        let subnet_selection = subnet_selection.or_else(filter);
        Self { settings, subnet_selection }
    }
}

impl Surroundings<'_> {
    /// Creates a canister with these cycles, which also pay for the creation.
    ///
    /// # Errors
    ///
    /// A text for the user, if the subnet does not exist or refuses the creation.
    pub(super) fn create(
        &mut self,
        controller: Principal,
        arguments: CreationArgs,
        cycles: Cycles,
    ) -> Result<CanisterId, String> {
        let subnet = match arguments.subnet_selection {
            None | Some(SubnetSelection::Filter { subnet_type: None }) => self.default_subnets[0],
            Some(SubnetSelection::Filter { subnet_type: Some(name) }) => {
                return Err(format!("this development network has no subnets of type '{name}'"));
            }
            Some(SubnetSelection::Subnet { subnet }) => subnet.into(),
        };
        let subnet = self
            .network
            .subnet_mut(subnet)
            .ok_or_else(|| format!("there is no subnet {subnet} on this development network"))?;
        subnet
            .create_canister_for(controller, arguments.settings, cycles)
            .map_err(|error| error.to_string())
    }

    /// Creates a canister with newly minted cycles on the first default subnet.
    pub(super) fn provisional_create(
        &mut self,
        sender: Principal,
        argument: &[u8],
    ) -> Result<Payload, UserError> {
        let subnet = self.default_subnets[0];
        let subnet = self.network.subnet_mut(subnet).expect("default subnets exist");
        subnet.provisional_create_for(sender, argument.to_vec())
    }

    /// Deposits cycles into a canister. Returns `None` if the canister does not exist.
    pub(super) fn deposit(&mut self, canister: CanisterId, cycles: Cycles) -> Option<()> {
        let subnet = self.network.subnet_of(canister)?;
        self.network.subnet_mut(subnet)?.canister_mut(canister)?.deposit(cycles);
        Some(())
    }
}
