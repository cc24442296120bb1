//! The status of canisters, also on PocketIC servers that are older than the client.

use crate::encoding::{decode, encode};
use candid::{CandidType, Nat, Principal};
use ic_management_canister_types::{
    CanisterIdRecord, CanisterStatusType, EnvironmentVariable, LogVisibility, QueryStats,
    SnapshotVisibility, StatusVisibility,
};
use pocket_ic::common::rest::RawEffectivePrincipal;
use pocket_ic::{PocketIc, RejectResponse};
use serde::Deserialize;

/// The status of a canister. Older servers leave out the optional parts.
#[derive(Clone, Debug, PartialEq, Eq, CandidType, Deserialize)]
#[allow(missing_docs, reason = "as in the interface specification")]
pub struct CanisterStatus {
    pub status: CanisterStatusType,
    pub version: u64,
    pub settings: Settings,
    pub module_hash: Option<Vec<u8>>,
    pub memory_size: Nat,
    pub memory_metrics: MemoryMetrics,
    pub cycles: Nat,
    pub reserved_cycles: Nat,
    pub idle_cycles_burned_per_day: Nat,
    pub query_stats: QueryStats,
}

/// The settings of a canister. Older servers leave out the optional parts.
#[derive(Clone, Debug, PartialEq, Eq, CandidType, Deserialize)]
#[allow(missing_docs, reason = "as in the interface specification")]
pub struct Settings {
    pub controllers: Vec<Principal>,
    pub compute_allocation: Nat,
    pub memory_allocation: Nat,
    pub freezing_threshold: Nat,
    pub reserved_cycles_limit: Nat,
    pub minimum_incoming_canister_call_cycles: Option<Nat>,
    pub log_visibility: LogVisibility,
    pub log_memory_limit: Nat,
    pub snapshot_visibility: Option<SnapshotVisibility>,
    pub status_visibility: Option<StatusVisibility>,
    pub wasm_memory_limit: Nat,
    pub wasm_memory_threshold: Nat,
    pub environment_variables: Vec<EnvironmentVariable>,
}

/// The memory that a canister uses, in bytes. Older servers leave out the optional part.
#[derive(Clone, Debug, PartialEq, Eq, CandidType, Deserialize)]
#[allow(missing_docs, reason = "as in the interface specification")]
pub struct MemoryMetrics {
    pub wasm_memory_size: Nat,
    pub stable_memory_size: Nat,
    pub global_memory_size: Nat,
    pub wasm_binary_size: Nat,
    pub custom_sections_size: Nat,
    pub canister_history_size: Nat,
    pub wasm_chunk_store_size: Nat,
    pub snapshots_size: Nat,
    pub log_memory_store_size: Option<Nat>,
}

/// Asks for the status of canisters. Unlike [`PocketIc::canister_status`], it also works with older servers, which
/// leave out parts that the client's type requires.
pub trait StatusOf {
    /// The status of a canister.
    ///
    /// # Errors
    ///
    /// The reject, if `sender` may not see the status. The default sender is the anonymous user.
    fn status_of(
        &self,
        canister_id: Principal,
        sender: Option<Principal>,
    ) -> Result<CanisterStatus, RejectResponse>;
}

impl StatusOf for PocketIc {
    fn status_of(
        &self,
        canister_id: Principal,
        sender: Option<Principal>,
    ) -> Result<CanisterStatus, RejectResponse> {
        let reply = self.update_call_with_effective_principal(
            Principal::management_canister(),
            RawEffectivePrincipal::CanisterId(canister_id.as_slice().to_vec()),
            sender.unwrap_or(Principal::anonymous()),
            "canister_status",
            encode(CanisterIdRecord { canister_id }),
        );
        reply.map(|reply| decode(&reply))
    }
}
