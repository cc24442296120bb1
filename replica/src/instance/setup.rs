//! Functions that set up the subnets of an instance.

use crate::keys::SubnetKey;
use crate::subnet::{RelaxedLimits, SubnetConfig};
use crate::topology::{SubnetInfo, SubnetKind, SubnetRequest, nth_canister};
use crate::types::CanisterId;
use std::sync::Arc;

/// The first canister id of the default subnet: the first application subnet, or else the first verified
/// application subnet, or else the first system subnet, or else the first subnet
/// (`pocket_ic_server/src/pocket_ic.rs`, `try_new`).
pub(super) fn default_canister(subnets: &[SubnetInfo]) -> CanisterId {
    use SubnetKind::{Application, System, VerifiedApplication};
    let first = |kind| subnets.iter().find(|info| info.request.kind == kind);
    let preferred = [Application, VerifiedApplication, System].into_iter().find_map(first);
    let ranges = &preferred.unwrap_or(&subnets[0]).place.canister_ranges;
    nth_canister(ranges, 0).expect("subnets host canisters")
}

/// The configuration of a subnet.
pub(super) fn subnet_config(
    info: &SubnetInfo,
    root_key: Arc<SubnetKey>,
    relaxed: RelaxedLimits,
) -> SubnetConfig {
    let SubnetRequest { kind, free, benchmarking, .. } = info.request;
    SubnetConfig {
        id: info.place.id,
        key: info.place.key(),
        nodes: kind.nodes(),
        free: free || kind.is_system(),
        system: kind.is_system(),
        benchmarking,
        admins: info.request.subnet_admins(),
        relaxed,
        canister_ranges: info.place.canister_ranges.clone(),
        root_key,
    }
}
