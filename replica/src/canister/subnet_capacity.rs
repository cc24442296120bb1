//! The capacity of a subnet: whether a canister may take more memory or compute allocation, and what
//! that costs.
//!
//! Rules: `canister_manager.rs`, `validate_canister_settings` and `cycles_and_memory_usage_checks`, in
//! the replica's repository.

use crate::canister::memory_usage::log_store_bytes;
use crate::canister::settings::Settings;
use crate::canister::state::Canister;
use crate::cycles::{Prices, reservation_excess};
use crate::error::{ErrorCode, Trap, UserError};
use crate::limits::*;
use crate::system_api::MemoryShare;
use crate::trace::Fee;
use crate::types::Cycles;

/// The memory of a subnet and its prices.
#[derive(Clone, Copy, Debug)]
pub struct SubnetCapacity {
    /// The memory that is free.
    pub memory: MemoryShare,
    /// The prices of the subnet.
    pub prices: Prices,
}

/// The resources that new settings of a canister demand.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// The compute allocation of all canisters together, in percent.
    compute_taken: u64,
    compute_before: u64,
    memory_before: u64,
    after: &'a Settings,
    /// The memory of the canister before and after the change, in bytes.
    usage: (u64, u64),
    /// Bytes that the open calls of the canister reserve for guaranteed responses.
    messages: u64,
    balance: Cycles,
    reserved: Cycles,
}

impl<'a> Demand<'a> {
    /// The demand of a canister whose settings change to `after`.
    pub fn of(canister: &Canister, after: &'a Settings, compute_taken: u64) -> Self {
        let before = canister.memory_usage();
        let log = log_store_bytes(after.log_bytes());
        Self {
            compute_taken,
            compute_before: canister.settings.compute_allocation,
            memory_before: canister.settings.memory_allocation,
            after,
            usage: (before.total(), before.total() - before.log + log),
            messages: canister.queues.bytes(),
            balance: canister.balance,
            reserved: canister.reserved,
        }
    }

    /// The demand of a new canister with these settings.
    pub fn of_new(settings: &'a Settings, balance: Cycles, compute_taken: u64) -> Self {
        Self {
            compute_taken,
            compute_before: 0,
            memory_before: 0,
            after: settings,
            usage: (0, 0),
            messages: 0,
            balance,
            reserved: 0,
        }
    }
}

impl SubnetCapacity {
    /// Checks that the subnet has the resources and the canister has the cycles for new settings. Returns
    /// the cycles that the canister must reserve.
    ///
    /// # Errors
    /// The resource or the cycles that are missing.
    pub fn check_settings(&self, demand: &Demand<'_>) -> Result<Cycles, UserError> {
        let after = demand.after;
        let (compute, memory) = (after.compute_allocation, after.memory_allocation);
        let before = demand.usage.0.max(demand.memory_before);
        let bytes = demand.usage.1.max(memory);
        let available = self.memory.available().saturating_add(before);
        if bytes > available {
            return Err(no_memory(bytes, available));
        }
        let compute_available = (SUBNET_COMPUTE_ALLOCATION_MAX_PERCENT - 1)
            .saturating_sub(demand.compute_taken)
            .saturating_add(demand.compute_before);
        if compute > compute_available {
            return Err(UserError::new(
                ErrorCode::SubnetOversubscribed,
                format!(
                    "Canister requested a compute allocation of {compute}% which cannot be satisfied \
                     because the Subnet's remaining compute capacity is {compute_available}%."
                ),
            ));
        }
        // A canister may freeze itself by its settings.
        let idle = after.idle_canister(demand.usage.1, demand.messages, demand.reserved);
        let threshold = self.prices.freezing_threshold(&idle);
        if let Some(missing) = threshold.checked_sub(demand.balance).filter(|missing| *missing > 0)
        {
            if compute > demand.compute_before {
                let what = format!("Cannot increase compute allocation to {compute}%");
                let code = ErrorCode::InsufficientCyclesInComputeAllocation;
                return Err(insufficient(code, &what, missing));
            }
            if memory > demand.memory_before {
                return Err(too_poor_to_allocate(memory, missing));
            }
        }
        let reservation =
            self.prices.storage_reservation(self.memory.used(), bytes.saturating_sub(before));
        let limit = after.reserved_cycles_limit;
        if demand.reserved > limit {
            return Err(UserError::new(
                ErrorCode::ReservedCyclesLimitIsTooLow,
                format!(
                    "Cannot set the reserved cycles limit {limit} below the reserved cycles balance \
                     of the canister {}.",
                    demand.reserved
                ),
            ));
        }
        if let Some(excess) = reservation_excess(demand.reserved, reservation, limit) {
            let what = format!("Cannot increase memory allocation to {memory}");
            let code = ErrorCode::ReservedCyclesLimitExceededInMemoryAllocation;
            return Err(over_limit(code, &what, limit, excess));
        }
        if demand.balance < reservation {
            return Err(too_poor_to_allocate(memory, reservation - demand.balance));
        }
        Ok(reservation)
    }

    /// Makes a canister pay `cost` cycles and changes its memory from `before` to `after` bytes.
    ///
    /// # Errors
    /// The memory or the cycles that are missing. Nothing is changed then.
    pub fn resize(
        &self,
        canister: &mut Canister,
        before: u64,
        after: u64,
        cost: Cycles,
    ) -> Result<(), UserError> {
        let settings = &canister.settings;
        let allocation = settings.memory_allocation;
        let growth = after.max(allocation).saturating_sub(before.max(allocation));
        if !self.memory.has(growth, 0) {
            return Err(no_memory(growth, self.memory.available()));
        }
        let messages = canister.queues.bytes();
        let idle = settings.idle_canister(after, messages, canister.reserved);
        let threshold = self.prices.freezing_threshold(&idle);
        if canister.balance < threshold {
            return Err(too_poor_to_grow(growth, threshold - canister.balance));
        }
        let left = canister.balance.checked_sub(cost).filter(|left| *left >= threshold);
        let left = left.ok_or_else(|| {
            let missing = threshold.saturating_add(cost).saturating_sub(canister.balance);
            Trap::OutOfCycles { missing: Some(missing) }.into_user_error(canister.id)
        })?;
        let reservation = self.prices.storage_reservation(self.memory.used(), growth);
        let limit = settings.reserved_cycles_limit;
        if let Some(excess) = reservation_excess(canister.reserved, reservation, limit) {
            let what = format!("Canister cannot grow memory by {growth} bytes");
            let code = ErrorCode::ReservedCyclesLimitExceededInMemoryGrow;
            return Err(over_limit(code, &what, limit, excess));
        }
        if left < reservation {
            return Err(too_poor_to_grow(growth, reservation - left));
        }
        if cost > 0 {
            canister.pay(Fee::Management, cost);
        }
        canister.reserve(reservation);
        Ok(())
    }
}

fn no_memory(requested: u64, available: u64) -> UserError {
    UserError::new(
        ErrorCode::SubnetOversubscribed,
        format!(
            "Canister requested {requested} bytes of memory but only {available} bytes are available \
             in the subnet."
        ),
    )
}

fn insufficient(code: ErrorCode, what: &str, missing: Cycles) -> UserError {
    let text = format!(
        "{what} due to insufficient cycles. At least {missing} additional cycles are required."
    );
    UserError::new(code, text)
}

fn over_limit(code: ErrorCode, what: &str, limit: Cycles, excess: Cycles) -> UserError {
    let text = format!(
        "{what} due to its reserved cycles limit. The current limit ({limit}) would be exceeded by \
         {excess}."
    );
    UserError::new(code, text)
}

fn too_poor_to_allocate(memory: u64, missing: Cycles) -> UserError {
    let what = format!("Cannot increase memory allocation to {memory}");
    insufficient(ErrorCode::InsufficientCyclesInMemoryAllocation, &what, missing)
}

fn too_poor_to_grow(growth: u64, missing: Cycles) -> UserError {
    let what = format!("Canister cannot grow memory by {growth} bytes");
    insufficient(ErrorCode::InsufficientCyclesInMemoryGrow, &what, missing)
}
