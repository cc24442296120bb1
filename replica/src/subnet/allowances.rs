//! What a subnet lets executions use, which depends on its kind.
//!
//! Rules: `config/src/subnet_config.rs` in the replica's repository; for benchmarking
//! `pocket_ic_server/src/pocket_ic.rs`.

use crate::canister::RoundContext;
use crate::limits::*;
use crate::subnet::{Subnet, SubnetConfig};
use crate::system_api::MemoryShare;
use crate::types::Instructions;

/// Limits of the mainnet that a network goes without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelaxedLimits {
    /// How much installing code in a canister may execute in the long run, and how much the canister
    /// may write.
    pub execution_rates: bool,
    /// How many methods a module may export, and how long their names may be.
    pub method_names: bool,
}

impl SubnetConfig {
    /// A limit that is different on system subnets.
    fn limit<T>(&self, application: T, on_system: T) -> T {
        if self.system { on_system } else { application }
    }

    /// A limit that is lifted on subnets for benchmarking.
    fn lifted(&self, limit: Instructions) -> Instructions {
        if self.benchmarking { BENCHMARKING_INSTRUCTIONS_MAX } else { limit }
    }

    /// Instructions with which a round starts.
    pub(super) fn round_budget(&self) -> i64 {
        // Where a slice is as long as a round's maximum, there is no more than the one left.
        if self.benchmarking { 1 } else { ROUND_BUDGET }
    }

    /// Instructions with which the management calls of a round start.
    pub(super) fn management_budget(&self) -> i64 {
        let round = self.limit(ROUND_INSTRUCTIONS_MAX, SYSTEM_ROUND_INSTRUCTIONS_MAX);
        (self.lifted(round) / MANAGEMENT_BUDGET_FRACTION) as i64
    }

    /// Bytes of pages that may be written to before a round ends.
    pub(super) fn written_bytes_max(&self) -> i64 {
        self.limit(ROUND_HEAP_DELTA_BYTES_MAX, SYSTEM_ROUND_HEAP_DELTA_BYTES_MAX)
    }

    /// Whether a canister waits after it had much installed or wrote much.
    pub(super) fn limits_rates(&self) -> bool {
        !self.system && !self.relaxed.execution_rates
    }

    /// What a management call counts for, however little it does. On system subnets that is nothing.
    pub(super) fn baseline(&self, instructions: Instructions) -> Instructions {
        self.limit(instructions, 0)
    }
}

impl Subnet {
    pub(super) fn round_context(&self) -> RoundContext {
        let config = &self.config;
        RoundContext {
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
            subnet_callbacks: self.open_callbacks(),
            guaranteed_memory: GUARANTEED_MESSAGE_MEMORY_MAX
                .saturating_sub(self.guaranteed_bytes()),
            subnet_memory: MemoryShare::default(),
        }
    }
}
