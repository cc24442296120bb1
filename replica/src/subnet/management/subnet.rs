//! Management calls that report about the subnet itself.

use super::{Call, access};
use crate::error::{ErrorCode, UserError};
use crate::ic00::{check_no_argument, encode};
use crate::limits::{LIST_INSTRUCTIONS, LIST_INSTRUCTIONS_PER_CANISTER};
use crate::subnet::{Metrics, Subnet};
use crate::topology::canister_number;
use crate::types::{CanisterId, Instructions, Payload, SubnetId, Time};
use candid::Principal;
use ic_management_canister_types::*;

/// The network has no registry, so its version never changes.
const REGISTRY_VERSION: u64 = 1;

impl Subnet {
    pub(super) fn node_metrics_history(&self, call: &Call) -> Result<Payload, UserError> {
        let NodeMetricsHistoryArgs { subnet_id, start_at_timestamp_nanos } = call.decode()?;
        self.check_is_own(subnet_id.into())?;
        let start = Time::from_nanos(start_at_timestamp_nanos);
        Ok(encode((self.block_makers.history(start, &self.config.key),)))
    }

    pub(super) fn subnet_info(&self, call: &Call) -> Result<Payload, UserError> {
        let SubnetInfoArgs { subnet_id } = call.decode()?;
        self.check_is_own(subnet_id.into())?;
        let replica_version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(encode((SubnetInfoResult { replica_version, registry_version: REGISTRY_VERSION },)))
    }

    /// The metrics of the subnet as of the previous round, and the current block height.
    pub(super) fn subnet_metrics(&self, call: &Call) -> Result<Payload, UserError> {
        let SubnetMetricsArgs { subnet_id } = call.decode()?;
        self.check_is_own(subnet_id.into())?;
        let Metrics { canisters, state_bytes, consumed, transactions, instructions } =
            self.metrics();
        Ok(encode((SubnetMetricsResult {
            block_height: self.rounds().into(),
            num_canisters: canisters.into(),
            canister_state_bytes: state_bytes.into(),
            consumed_cycles_total: consumed.into(),
            update_transactions_total: transactions.into(),
            million_round_instructions_total: instructions.div_ceil(1_000_000).into(),
        },)))
    }

    /// The ids of all canisters, for the subnet's admins.
    pub(super) fn list_canisters(&mut self, call: &Call) -> Result<Payload, UserError> {
        check_no_argument(&call.argument)?;
        access::check_admin(&self.config.admins, call.caller, || {
            UserError::new(
                ErrorCode::CanisterRejectedMessage,
                "list_canisters can be called only on a subnet with admins",
            )
        })?;
        let count = self.canisters.len() as Instructions;
        self.spend(LIST_INSTRUCTIONS + count * LIST_INSTRUCTIONS_PER_CANISTER);
        let canisters = ranges(self.canisters.keys().copied());
        Ok(encode((ListCanistersResult { canisters },)))
    }

    fn check_is_own(&self, named: SubnetId) -> Result<(), UserError> {
        if named == self.config.id {
            return Ok(());
        }
        Err(UserError::new(
            ErrorCode::CanisterRejectedMessage,
            format!("The call about subnet {named} was sent to subnet {}.", self.config.id),
        ))
    }
}

/// Sorted ids as ranges of consecutive ids.
fn ranges(ids: impl Iterator<Item = CanisterId>) -> Vec<CanisterIdRange> {
    let mut ranges: Vec<CanisterIdRange> = Vec::new();
    for id in ids {
        let follows = |end: Principal| canister_number(end.into())?.checked_add(1);
        match ranges.last_mut() {
            Some(last)
                if follows(last.end).is_some_and(|next| canister_number(id) == Some(next)) =>
            {
                last.end = id.into();
            }
            _ => ranges.push(CanisterIdRange { start: id.into(), end: id.into() }),
        }
    }
    ranges
}
