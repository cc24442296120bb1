//! Management calls that report the status and the metrics of a canister.

use super::{Call, settings};
use crate::canister::{Canister, Status};
use crate::cycles::Prices;
use crate::error::UserError;
use crate::ic00::encode;
use crate::subnet::Subnet;
use crate::types::Payload;
use ic_management_canister_types::*;

impl Subnet {
    pub(super) fn canister_status(&mut self, call: &Call) -> Result<Payload, UserError> {
        let prices = self.prices;
        let CanisterIdRecord { canister_id } = call.decode()?;
        Ok(encode((status(self.authorized_canister(call, canister_id.into())?, prices),)))
    }

    pub(super) fn canister_metrics(&mut self, call: &Call) -> Result<Payload, UserError> {
        let CanisterIdRecord { canister_id } = call.decode()?;
        let cycles_consumed =
            self.authorized_canister(call, canister_id.into())?.consumption.into();
        Ok(encode((CanisterMetricsResult { cycles_consumed },)))
    }
}

/// The result of `canister_status`.
fn status(canister: &Canister, prices: Prices) -> CanisterStatusResult {
    let memory = canister.memory_usage();
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
        memory_size: memory.total().into(),
        memory_metrics: MemoryMetrics {
            wasm_memory_size: memory.heap.into(),
            stable_memory_size: memory.stable.into(),
            global_memory_size: memory.globals.into(),
            wasm_binary_size: memory.module.into(),
            custom_sections_size: memory.custom_sections.into(),
            canister_history_size: memory.history.into(),
            wasm_chunk_store_size: memory.chunks.into(),
            snapshots_size: memory.snapshots.into(),
            log_memory_store_size: memory.log.into(),
        },
        cycles: canister.balance.into(),
        reserved_cycles: canister.reserved.into(),
        idle_cycles_burned_per_day: canister.idle_burn_per_day(prices).total().into(),
        query_stats: QueryStats {
            num_calls_total: canister.query_stats.calls.into(),
            num_instructions_total: canister.query_stats.instructions.into(),
            request_payload_bytes_total: canister.query_stats.request_bytes.into(),
            response_payload_bytes_total: canister.query_stats.response_bytes.into(),
        },
    }
}
