//! Limits of execution that depend on the kind of the subnet.
//!
//! Rules: `config/src/subnet_config.rs` in the replica's repository; for benchmarking subnets
//! `pocket_ic_server/src/pocket_ic.rs`.

use crate::canister::RoundInput;
use crate::limits::*;
use crate::subnet::{Subnet, SubnetConfig};
use crate::system_api::MemoryShare;
use crate::types::Instructions;
use serde::{Deserialize, Serialize};

/// Limits of the mainnet that a network can lift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelaxedLimits {
    /// Lifts the rate limits: on instructions of installations and on heap delta, per canister.
    pub execution_rates: bool,
    /// Lifts the limits on the number and the length of exported method names.
    pub method_names: bool,
}

impl SubnetConfig {
    /// Chooses between the limit of application subnets and the limit of system subnets.
    fn limit<T>(&self, application: T, on_system: T) -> T {
        if self.system { on_system } else { application }
    }

    /// The limit, or a much higher one on benchmarking subnets.
    fn lifted(&self, limit: Instructions) -> Instructions {
        if self.benchmarking { BENCHMARKING_INSTRUCTIONS_MAX } else { limit }
    }

    /// The instruction budget of a round. A message can start while the budget is positive.
    pub(super) fn round_budget(&self) -> i64 {
        // The budget is the maximum of a round minus one slice, plus one. On a benchmarking subnet a
        // slice is as large as the maximum, so 1 remains.
        if self.benchmarking { 1 } else { ROUND_BUDGET }
    }

    /// The instructions that the management calls of a round may use.
    pub(super) fn management_budget(&self) -> i64 {
        let round = self.limit(ROUND_INSTRUCTIONS_MAX, SYSTEM_ROUND_INSTRUCTIONS_MAX);
        (self.lifted(round) / MANAGEMENT_BUDGET_FRACTION) as i64
    }

    /// The heap delta that a round may produce, in bytes.
    pub(super) fn heap_delta_bytes_max(&self) -> i64 {
        self.limit(ROUND_HEAP_DELTA_BYTES_MAX, SYSTEM_ROUND_HEAP_DELTA_BYTES_MAX)
    }

    /// The rounds from one checkpoint to the next.
    pub(super) fn checkpoint_interval(&self) -> u64 {
        self.limit(CHECKPOINT_INTERVAL_ROUNDS, SYSTEM_CHECKPOINT_INTERVAL_ROUNDS)
    }

    /// The bytes that unbounded-wait calls may still reserve for their responses, if they take these bytes already.
    /// On system subnets, `call_perform` does not limit the memory of messages.
    pub(super) fn guaranteed_memory(&self, taken: u64) -> u64 {
        self.limit(GUARANTEED_MESSAGE_MEMORY_MAX.saturating_sub(taken), u64::MAX)
    }

    /// Whether rate limits apply to installations and to heap delta.
    pub(super) fn limits_rates(&self) -> bool {
        !self.system && !self.relaxed.execution_rates
    }

    /// The fixed instructions that a management call counts as. They are zero on system subnets.
    pub(super) fn baseline(&self, instructions: Instructions) -> Instructions {
        self.limit(instructions, 0)
    }
}

impl Subnet {
    /// The properties of the current round that executions need.
    pub(super) fn round_input(&self) -> RoundInput {
        let config = &self.config;
        RoundInput {
            subnet: config.id,
            root_key: config.root_key.clone(),
            routes: self.routes.clone(),
            prices: self.prices,
            time: self.time,
            message_instructions_max: config
                .lifted(config.limit(MESSAGE_INSTRUCTIONS_MAX, SYSTEM_MESSAGE_INSTRUCTIONS_MAX)),
            query_instructions_max: config
                .lifted(config.limit(QUERY_INSTRUCTIONS_MAX, SYSTEM_QUERY_INSTRUCTIONS_MAX)),
            slice_instructions_max: config.lifted(SLICE_INSTRUCTIONS_MAX),
            install_instructions_max: config
                .limit(INSTALL_INSTRUCTIONS_MAX, SYSTEM_INSTALL_INSTRUCTIONS_MAX),
            install_slice_instructions_max: config
                .limit(SLICE_INSTRUCTIONS_MAX, SYSTEM_INSTALL_SLICE_INSTRUCTIONS_MAX),
            allows_any_methods: config.relaxed.method_names,
            defers_slices: self.defers_slices,
            subnet_callbacks: self.open_callbacks(),
            guaranteed_memory: config.guaranteed_memory(self.guaranteed_bytes()),
            subnet_memory: MemoryShare::default(),
        }
    }
}
