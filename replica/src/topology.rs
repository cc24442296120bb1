//! The topology: kinds of subnets, their properties, and the canister ids they host.

use crate::keys::{Seed, SubnetKey};
use crate::limits::MAINNET_SUBNETS_MAX;
use crate::types::{CanisterId, SubnetId};
use candid::Principal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use strum::{Display, EnumIter, EnumString, VariantNames};

/// The kinds of subnets.
///
/// As text, a kind has the name that command line tools give it, such as `verified-application`.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumIter,
    EnumString,
    VariantNames,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "kebab-case", parse_err_ty = String, parse_err_fn = unknown_kind)]
pub enum SubnetKind {
    /// An application subnet: canisters of any developer.
    Application,
    /// A subnet for the bitcoin canisters.
    Bitcoin,
    /// A cloud engine: canisters of one operator.
    CloudEngine,
    /// A fiduciary subnet: more nodes, for canisters that need more security.
    Fiduciary,
    /// The subnet of Internet Identity (II).
    #[strum(serialize = "ii")]
    InternetIdentity,
    /// The subnet of the network nervous system (NNS), which governs the network.
    #[strum(serialize = "nns")]
    NetworkNervousSystem,
    /// The subnet of service nervous systems (SNS), which govern applications.
    #[strum(serialize = "sns")]
    ServiceNervousSystem,
    /// A system subnet.
    System,
    /// A subnet with threshold keys for tests.
    TestThresholdKeys,
    /// A verified application subnet: the oldest kind of application subnet.
    VerifiedApplication,
}

fn unknown_kind(name: &str) -> String {
    let kinds = SubnetKind::VARIANTS.join(", ");
    format!("'{name}' is not a kind of subnet: use one of {kinds}")
}

impl SubnetKind {
    /// The number of nodes of a subnet of this kind. Prices depend on it
    /// (`pocket_ic_server/src/pocket_ic.rs` in the replica's repository).
    pub const fn nodes(self) -> u64 {
        match self {
            Self::Fiduciary | Self::ServiceNervousSystem | Self::InternetIdentity => 34,
            Self::NetworkNervousSystem => 40,
            _ => 13,
        }
    }

    /// Whether a subnet of this kind is a system subnet. Canisters on system subnets pay nothing and
    /// have higher limits (`pocket_ic_server/src/pocket_ic.rs`, `conv_type`).
    pub const fn is_system(self) -> bool {
        matches!(
            self,
            Self::Bitcoin | Self::InternetIdentity | Self::NetworkNervousSystem | Self::System
        )
    }

    /// Whether a subnet of this kind can have admins, if it also has the free cost schedule
    /// (`replicated_state/src/metadata_state.rs`, `can_have_subnet_admins`).
    pub const fn can_have_admins(self) -> bool {
        matches!(self, Self::Application | Self::CloudEngine)
    }

    /// Whether a network has at most one subnet of this kind.
    pub const fn is_named(self) -> bool {
        !matches!(
            self,
            Self::Application | Self::CloudEngine | Self::System | Self::VerifiedApplication
        )
    }

    /// The first and the last id of each canister range that the mainnet's subnet of this kind hosts. Empty
    /// for kinds that have no fixed canister ranges on the mainnet.
    pub fn fixed_ranges(self) -> Vec<(CanisterId, CanisterId)> {
        self.mainnet_ranges().iter().map(ids_of).collect()
    }

    /// The kind of the mainnet subnet that hosts the canister with this number.
    fn hosting_on_mainnet(number: u64) -> Self {
        let named = [
            Self::NetworkNervousSystem,
            Self::InternetIdentity,
            Self::Bitcoin,
            Self::Fiduciary,
            Self::ServiceNervousSystem,
        ];
        let hosts = |kind: &Self| kind.mainnet_ranges().iter().any(|ids| ids.contains(&number));
        named.into_iter().find(hosts).unwrap_or(Self::Application)
    }

    /// The numbers of the canisters that the mainnet's subnet of this kind hosts (public registry of the
    /// mainnet). Empty for kinds that have no fixed canister ranges on the mainnet.
    const fn mainnet_ranges(self) -> &'static [RangeInclusive<u64>] {
        match self {
            Self::NetworkNervousSystem => &[0..=6, 8..=0xF_FFFF],
            Self::InternetIdentity => &[7..=7, 0x210_0000..=0x21F_FFFF],
            Self::Bitcoin => &[0x1A0_0000..=0x1AF_FFFF],
            Self::ServiceNervousSystem => &[0x200_0000..=0x20F_FFFF],
            Self::Fiduciary => &[0x230_0000..=0x23F_FFFF],
            _ => &[],
        }
    }
}

/// The number of canister ids in one range.
const CANISTERS_PER_SUBNET: u64 = 1 << 20;

/// A subnet to be created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetRequest {
    /// The kind.
    pub kind: SubnetKind,
    /// Whether the subnet has the free cost schedule: it charges nothing.
    pub free: bool,
    /// Whether instruction limits are lifted, for benchmarks.
    pub benchmarking: bool,
    /// The principals that may manage all canisters on the subnet, if any were given.
    pub admins: Option<BTreeSet<Principal>>,
}

impl SubnetRequest {
    /// A subnet of this kind with the default properties.
    pub const fn of(kind: SubnetKind) -> Self {
        Self { kind, free: false, benchmarking: false, admins: None }
    }

    /// The subnet's admins. `None` if the subnet cannot have admins; empty if none were given.
    pub fn subnet_admins(&self) -> Option<BTreeSet<Principal>> {
        (self.free && self.kind.can_have_admins()).then(|| self.admins.clone().unwrap_or_default())
    }
}

/// A subnet of the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetInfo {
    /// The request that created the subnet.
    pub request: SubnetRequest,
    /// The id, key and canister ranges of the subnet.
    pub place: Place,
}

/// The id, key and canister ranges of a subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The subnet's id, which is derived from its key.
    pub id: SubnetId,
    /// The seed that the subnet's key is derived from.
    pub seed: Seed,
    /// The first and last id of each range of canisters that the subnet hosts. New canisters get ids of
    /// the last range, unless their creation specifies an id.
    pub canister_ranges: Vec<(CanisterId, CanisterId)>,
}

impl Place {
    fn new(canister_ranges: Vec<(CanisterId, CanisterId)>) -> Self {
        let mut hash = Sha256::new();
        for id in canister_ranges.iter().flat_map(|(first, last)| [first, last]) {
            hash.update(id.as_slice());
        }
        let seed = hash.finalize().into();
        Self { id: SubnetKey::of(seed).subnet_id(), seed, canister_ranges }
    }

    /// The subnet's key.
    pub fn key(&self) -> Arc<SubnetKey> {
        SubnetKey::of(self.seed)
    }
}

/// Places for subnets of these kinds, in the same order. A place has the ranges of the mainnet's subnet of
/// this kind, if there is one, and then one range for new canisters. Ranges for new canisters are counted
/// down from the second-highest range, as in PocketIC (`pocket_ic_server/src/pocket_ic.rs`,
/// `get_range_config`).
pub fn places(kinds: &[SubnetKind]) -> Vec<Place> {
    places_beside(kinds, &[]).0
}

/// Places for subnets of these kinds in a network in which other subnets host the canisters `taken`. The
/// ranges for new canisters are the first free ones. Also returns the number of the range after them.
pub fn places_beside(
    kinds: &[SubnetKind],
    taken: &[(CanisterId, CanisterId)],
) -> (Vec<Place>, u64) {
    let mut next = 0;
    let place = |kind: &SubnetKind| {
        let number = first_free(next, taken);
        next = number + 1;
        place(kind.mainnet_ranges(), number)
    };
    let places = kinds.iter().map(place).collect();
    (places, next)
}

/// The number of the first range for new canisters, from the number `from` on, that contains none of the
/// canisters `taken`.
pub fn first_free(from: u64, taken: &[(CanisterId, CanisterId)]) -> u64 {
    let is_free = |number: &u64| {
        let (own_first, own_last) = ids_of(&own_block(*number));
        taken.iter().all(|(first, last)| *last < own_first || own_last < *first)
    };
    (from..).find(is_free).expect("no network hosts all canister ids")
}

/// The first and the last canister id of a range of canister numbers.
fn ids_of(numbers: &RangeInclusive<u64>) -> (CanisterId, CanisterId) {
    (canister_id(*numbers.start()), canister_id(*numbers.end()))
}

/// The range for new canisters with this number.
fn own_block(number: u64) -> RangeInclusive<u64> {
    block_of_ids(u64::MAX / CANISTERS_PER_SUBNET - 1 - number)
}

/// The kind and the place of the mainnet subnet that hosts a canister, to be created after `made` other
/// subnets. `None` for ids that the mainnet does not have (`pocket_ic_server/src/pocket_ic.rs`,
/// `route`).
pub fn mainnet_subnet(canister: CanisterId, made: u64) -> Option<(SubnetKind, Place)> {
    let number = canister_number(canister)?;
    let block = number / CANISTERS_PER_SUBNET;
    let ids = block_of_ids(block);
    (block < MAINNET_SUBNETS_MAX)
        .then(|| (SubnetKind::hosting_on_mainnet(number), place(&[ids], made)))
}

/// The place of a subnet created after `made` others: with the ranges `mainnet`, and a range for new
/// canisters.
fn place(mainnet: &[RangeInclusive<u64>], made: u64) -> Place {
    Place::new(mainnet.iter().chain([&own_block(made)]).map(ids_of).collect())
}

/// The canister numbers of the n-th range.
fn block_of_ids(n: u64) -> RangeInclusive<u64> {
    let first = n * CANISTERS_PER_SUBNET;
    first..=first + (CANISTERS_PER_SUBNET - 1)
}

/// The root key, which certifies all other keys: the key of the NNS subnet, or else of the first subnet.
/// `None` if there are no subnets.
pub fn root_key(places: &[Place], kinds: &[SubnetKind]) -> Option<Arc<SubnetKey>> {
    let nns = kinds.iter().position(|kind| *kind == SubnetKind::NetworkNervousSystem);
    places.get(nns.unwrap_or(0)).map(Place::key)
}

/// The canister id with this number: the number in 8 bytes, big-endian, then two bytes that mark canister
/// ids.
pub const fn canister_id(number: u64) -> CanisterId {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    CanisterId::new(Principal::from_slice(&[a, b, c, d, e, f, g, h, 1, 1]))
}

/// The cycles minting canister, which converts ICP to cycles (`nns/constants/src/lib.rs`,
/// `CYCLES_MINTING_CANISTER_INDEX_IN_NNS_SUBNET`).
pub fn cycles_minting_canister() -> CanisterId {
    canister_id(4)
}

/// The bitcoin canister of the main network, or else of the test network, to which the system forwards
/// calls of the bitcoin methods (`config/src/execution_environment.rs`, `BITCOIN_MAINNET_CANISTER_ID` and
/// `BITCOIN_TESTNET_CANISTER_ID`).
pub const fn bitcoin_canister(main: bool) -> CanisterId {
    canister_id(if main { 0x1A0_0004 } else { 0x1A0_0001 })
}

/// The number of a canister id. `None` if the id does not have the form of [`canister_id`].
pub(crate) fn canister_number(id: CanisterId) -> Option<u64> {
    let (number, mark) = id.as_slice().split_first_chunk::<8>()?;
    (mark == [1, 1]).then(|| u64::from_be_bytes(*number))
}

/// The range of a subnet from which new canisters get their ids.
pub(crate) fn own_range(ranges: &[(CanisterId, CanisterId)]) -> Option<(CanisterId, CanisterId)> {
    ranges.last().copied()
}

/// The n-th id, counted from 0, that a subnet with these ranges gives to new canisters.
pub fn nth_canister(ranges: &[(CanisterId, CanisterId)], n: u64) -> Option<CanisterId> {
    let (first, last) = own_range(ranges)?;
    let id = canister_id(canister_number(first)?.checked_add(n)?);
    (id <= last).then_some(id)
}

/// The routing table: which subnet hosts which canister ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingTable {
    /// The first and last id of each range and the subnet that hosts it, in order.
    ranges: Vec<(CanisterId, CanisterId, SubnetId)>,
    /// Subnets with the free cost schedule.
    free: BTreeSet<SubnetId>,
    /// The root subnet: the NNS subnet, or else the first subnet.
    root: Option<SubnetId>,
}

impl RoutingTable {
    /// Adds ranges, in any order.
    pub fn add(&mut self, ranges: impl IntoIterator<Item = (CanisterId, CanisterId, SubnetId)>) {
        self.ranges.extend(ranges);
        self.ranges.sort();
    }

    /// Marks a subnet as having the free cost schedule.
    pub fn set_free(&mut self, id: SubnetId) {
        self.free.insert(id);
    }

    /// Sets the root subnet. Its canisters may address subnets by their ids.
    pub fn set_root(&mut self, id: SubnetId) {
        self.root = Some(id);
    }

    /// Removes a subnet.
    pub fn remove_subnet(&mut self, id: SubnetId) {
        self.ranges.retain(|(_, _, subnet)| *subnet != id);
        self.free.remove(&id);
    }

    /// The subnet whose ranges contain a canister id, whether or not the canister exists.
    pub fn subnet_of(&self, canister: CanisterId) -> Option<SubnetId> {
        let after = self.ranges.partition_point(|(first, _, _)| *first <= canister);
        let (_, last, subnet) = self.ranges.get(after.checked_sub(1)?)?;
        (canister <= *last).then_some(*subnet)
    }

    /// Whether a canister is on the root subnet: the NNS subnet or, in a network without one, the first
    /// subnet (`pocket_ic_server/src/pocket_ic.rs`, `add_global_registry_records`).
    pub fn is_on_root(&self, canister: CanisterId) -> bool {
        self.root.is_some() && self.root == self.subnet_of(canister)
    }

    /// Whether a canister is on a subnet with the free cost schedule.
    pub fn is_on_free(&self, canister: CanisterId) -> bool {
        self.subnet_of(canister).is_some_and(|subnet| self.free.contains(&subnet))
    }

    /// Whether a subnet has this id.
    pub fn has_subnet(&self, id: SubnetId) -> bool {
        self.ranges.iter().any(|(_, _, subnet)| *subnet == id)
    }
}

#[cfg(test)]
mod tests;
