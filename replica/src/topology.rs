//! Which subnets there are, what distinguishes their kinds, and which canister ids they host.

use crate::keys::{Seed, SubnetKey};
use crate::limits::MAINNET_SUBNETS_MAX;
use crate::types::{CanisterId, SubnetId};
use candid::Principal;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The kinds of subnets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubnetKind {
    /// Anybody's canisters.
    Application,
    /// The bitcoin canisters.
    Bitcoin,
    /// Canisters of one operator.
    CloudEngine,
    /// Canisters with more at stake, on more nodes.
    Fiduciary,
    /// Internet Identity.
    InternetIdentity,
    /// The network's own governance.
    NetworkNervousSystem,
    /// Governance of applications.
    ServiceNervousSystem,
    /// A system subnet.
    System,
    /// Threshold keys for tests.
    TestThresholdKeys,
    /// Anybody's canisters, under the oldest rules.
    VerifiedApplication,
}

/// The kinds by the names that command line tools give them.
const KINDS: [(&str, SubnetKind); 10] = [
    ("application", SubnetKind::Application),
    ("bitcoin", SubnetKind::Bitcoin),
    ("cloud-engine", SubnetKind::CloudEngine),
    ("fiduciary", SubnetKind::Fiduciary),
    ("ii", SubnetKind::InternetIdentity),
    ("nns", SubnetKind::NetworkNervousSystem),
    ("sns", SubnetKind::ServiceNervousSystem),
    ("system", SubnetKind::System),
    ("test-threshold-keys", SubnetKind::TestThresholdKeys),
    ("verified-application", SubnetKind::VerifiedApplication),
];

impl std::fmt::Display for SubnetKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = KINDS.iter().find(|(_, kind)| kind == self).map(|(name, _)| name);
        f.write_str(name.expect("each kind has a name"))
    }
}

impl std::str::FromStr for SubnetKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let kind = KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        kind.ok_or_else(|| {
            let names: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
            format!("'{name}' is no kind of subnet; there are {}", names.join(", "))
        })
    }
}

impl SubnetKind {
    /// Nodes of such a subnet, which decide its prices
    /// (`pocket_ic_server/src/pocket_ic.rs` in the replica's repository).
    pub const fn nodes(self) -> u64 {
        match self {
            Self::Fiduciary | Self::ServiceNervousSystem | Self::InternetIdentity => 34,
            Self::NetworkNervousSystem => 40,
            _ => 13,
        }
    }

    /// Whether it is of the type "system", where canisters pay nothing and may do more
    /// (`pocket_ic_server/src/pocket_ic.rs`, `conv_type`).
    pub const fn is_system(self) -> bool {
        matches!(
            self,
            Self::Bitcoin | Self::InternetIdentity | Self::NetworkNervousSystem | Self::System
        )
    }

    /// Whether such a subnet can have admins, if it charges nothing
    /// (`replicated_state/src/metadata_state.rs`, `can_have_subnet_admins`).
    pub const fn can_have_admins(self) -> bool {
        matches!(self, Self::Application | Self::CloudEngine)
    }

    /// Whether a network has one such subnet at most.
    pub const fn is_named(self) -> bool {
        !matches!(
            self,
            Self::Application | Self::CloudEngine | Self::System | Self::VerifiedApplication
        )
    }

    /// The kind of the mainnet's subnet that hosts the canister with this number.
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

    /// The ids the mainnet's subnet of this kind hosts; none for kinds without a place of their own
    /// (public registry of the mainnet).
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

/// Canister ids one subnet gets where the mainnet has no place for it.
const CANISTERS_PER_SUBNET: u64 = 1 << 20;

/// A subnet to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetRequest {
    /// Its kind.
    pub kind: SubnetKind,
    /// Whether it charges nothing.
    pub free: bool,
    /// Whether instruction limits are lifted.
    pub benchmarking: bool,
    /// Who may manage all canisters on it, where anybody is named.
    pub admins: Option<BTreeSet<Principal>>,
}

impl SubnetRequest {
    /// An ordinary subnet of this kind.
    pub const fn of(kind: SubnetKind) -> Self {
        Self { kind, free: false, benchmarking: false, admins: None }
    }

    /// Its admins, where it can have some: nobody, if none are named.
    pub fn subnet_admins(&self) -> Option<BTreeSet<Principal>> {
        (self.free && self.kind.can_have_admins()).then(|| self.admins.clone().unwrap_or_default())
    }
}

/// A subnet as the topology shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetInfo {
    /// What was asked for.
    pub request: SubnetRequest,
    /// Where it is.
    pub place: Place,
}

/// A subnet's place in the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its id.
    pub id: SubnetId,
    /// What its key is derived from, and from that its id.
    pub seed: Seed,
    /// The first and last id of each range of canisters it hosts. Those it makes without being told
    /// their ids are in the last.
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

    /// Its key.
    pub fn key(&self) -> Arc<SubnetKey> {
        SubnetKey::of(self.seed)
    }
}

/// Places for subnets of these kinds, in the same order. Each has a range of its own for new
/// canisters, counted down from the highest ids but one, after those it has on the mainnet; as
/// PocketIC does it (`pocket_ic_server/src/pocket_ic.rs`, `get_range_config`).
pub fn places(kinds: &[SubnetKind]) -> Vec<Place> {
    (0..).zip(kinds).map(|(number, kind)| place(kind.mainnet_ranges(), number)).collect()
}

/// The subnet that hosts a canister on the mainnet, where it is to be the one after `made` others:
/// its kind and its place. None for ids the mainnet has not
/// (`pocket_ic_server/src/pocket_ic.rs`, `route`).
pub fn mainnet_subnet(canister: CanisterId, made: u64) -> Option<(SubnetKind, Place)> {
    let number = canister_number(canister)?;
    let block = number / CANISTERS_PER_SUBNET;
    let ids = block_of_ids(block);
    (block < MAINNET_SUBNETS_MAX)
        .then(|| (SubnetKind::hosting_on_mainnet(number), place(&[ids], made)))
}

/// The place of the subnet made after `made` others, with these ids beside those of its own.
fn place(mainnet: &[RangeInclusive<u64>], made: u64) -> Place {
    let own = block_of_ids(u64::MAX / CANISTERS_PER_SUBNET - 1 - made);
    let ranges = mainnet.iter().chain([&own]);
    let ids = ranges.map(|range| (canister_id(*range.start()), canister_id(*range.end())));
    Place::new(ids.collect())
}

/// The n-th block of as many canister ids as one subnet gets.
fn block_of_ids(n: u64) -> RangeInclusive<u64> {
    let first = n * CANISTERS_PER_SUBNET;
    first..=first + (CANISTERS_PER_SUBNET - 1)
}

/// The key all others are certified with: that of the subnet made first, which is the NNS subnet
/// where there is one.
pub fn root_key(places: &[Place], kinds: &[SubnetKind]) -> Option<Arc<SubnetKey>> {
    let nns = kinds.iter().position(|kind| *kind == SubnetKind::NetworkNervousSystem);
    places.get(nns.unwrap_or(0)).map(Place::key)
}

/// The canister id with this number: big-endian, then two bytes that mark it as a canister's.
pub fn canister_id(number: u64) -> CanisterId {
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[8..].copy_from_slice(&[1, 1]);
    CanisterId::new(Principal::from_slice(&bytes))
}

/// The canister of the mainnet that turns ICP into cycles, which it makes out of nothing
/// (`nns/constants/src/lib.rs`, `CYCLES_MINTING_CANISTER_INDEX_IN_NNS_SUBNET`).
pub fn cycles_minting_canister() -> CanisterId {
    canister_id(4)
}

/// The number of a canister id, for ids of that form.
pub(crate) fn canister_number(id: CanisterId) -> Option<u64> {
    let (number, mark) = id.as_slice().split_first_chunk::<8>()?;
    (mark == [1, 1]).then(|| u64::from_be_bytes(*number))
}

/// Of a subnet's ranges the one from which it gives ids by itself.
pub(crate) fn own_range(ranges: &[(CanisterId, CanisterId)]) -> Option<(CanisterId, CanisterId)> {
    ranges.last().copied()
}

/// The n-th of the ids a subnet with these ranges gives to new canisters, counted from 0.
pub fn nth_canister(ranges: &[(CanisterId, CanisterId)], n: u64) -> Option<CanisterId> {
    let (first, last) = own_range(ranges)?;
    let id = canister_id(canister_number(first)?.checked_add(n)?);
    (id <= last).then_some(id)
}

/// Which subnet hosts which canister ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoutingTable {
    /// First and last id of each range and the subnet that hosts it, in order.
    ranges: Vec<(CanisterId, CanisterId, SubnetId)>,
    /// Subnets with the free cost schedule.
    free: BTreeSet<SubnetId>,
}

impl RoutingTable {
    /// Puts ranges in, in any order.
    pub fn add(&mut self, ranges: impl IntoIterator<Item = (CanisterId, CanisterId, SubnetId)>) {
        self.ranges.extend(ranges);
        self.ranges.sort();
    }

    /// Notes that a subnet has the free cost schedule.
    pub fn set_free(&mut self, id: SubnetId) {
        self.free.insert(id);
    }

    /// Takes a subnet out.
    pub fn remove_subnet(&mut self, id: SubnetId) {
        self.ranges.retain(|(_, _, subnet)| *subnet != id);
        self.free.remove(&id);
    }

    /// The subnet whose ranges hold a canister id, whether or not there is such a canister.
    pub fn subnet_of(&self, canister: CanisterId) -> Option<SubnetId> {
        let after = self.ranges.partition_point(|(first, _, _)| *first <= canister);
        let (_, last, subnet) = self.ranges.get(after.checked_sub(1)?)?;
        (canister <= *last).then_some(*subnet)
    }

    /// Whether a canister is on the subnet of the network nervous system, which hosts the first
    /// canister there is.
    pub fn is_on_nns(&self, canister: CanisterId) -> bool {
        let subnet = self.subnet_of(canister);
        subnet.is_some() && subnet == self.subnet_of(canister_id(0))
    }

    /// Whether a canister is on a subnet with the free cost schedule.
    pub fn is_on_free(&self, canister: CanisterId) -> bool {
        self.subnet_of(canister).is_some_and(|subnet| self.free.contains(&subnet))
    }

    /// Whether there is a subnet of this id.
    pub fn has_subnet(&self, id: SubnetId) -> bool {
        self.ranges.iter().any(|(_, _, subnet)| *subnet == id)
    }
}

#[cfg(test)]
mod tests;
