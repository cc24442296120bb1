//! Which subnets there are, what distinguishes their kinds, and which canister ids they host.

use crate::types::{CanisterId, SubnetId};
use candid::Principal;
use sha2::{Digest, Sha224};
use std::ops::RangeInclusive;

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

    /// Whether canisters pay nothing there, as on all subnets of the type "system"
    /// (`pocket_ic_server/src/pocket_ic.rs`, `conv_type`).
    pub const fn is_free(self) -> bool {
        matches!(
            self,
            Self::Bitcoin | Self::InternetIdentity | Self::NetworkNervousSystem | Self::System
        )
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
}

/// A subnet's place in the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its id.
    pub id: SubnetId,
    /// What its id is derived from.
    pub seed: [u8; 32],
    /// The first and last id of each range of canisters it hosts.
    pub canister_ranges: Vec<(CanisterId, CanisterId)>,
}

/// Places for subnets of these kinds, in the same order. Without a place on the mainnet a subnet
/// gets one counted down from the highest ids but one, as PocketIC does it.
pub fn places(kinds: &[SubnetKind]) -> Vec<Place> {
    let mut unplaced = 0;
    let mut place = |(number, kind): (usize, &SubnetKind)| {
        let mut ranges = kind.mainnet_ranges().to_vec();
        if ranges.is_empty() {
            unplaced += 1;
            let first = (u64::MAX / CANISTERS_PER_SUBNET - unplaced) * CANISTERS_PER_SUBNET;
            ranges.push(first..=first + (CANISTERS_PER_SUBNET - 1));
        }
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
        Place {
            id: subnet_id(number),
            seed,
            canister_ranges: ranges
                .iter()
                .map(|range| (canister_id(*range.start()), canister_id(*range.end())))
                .collect(),
        }
    };
    kinds.iter().enumerate().map(&mut place).collect()
}

/// The canister id with this number: big-endian, then two bytes that mark it as a canister's.
pub fn canister_id(number: u64) -> CanisterId {
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[8..].copy_from_slice(&[1, 1]);
    Principal::from_slice(&bytes)
}

/// The number of a canister id, for ids of that form.
fn canister_number(id: CanisterId) -> Option<u64> {
    let (number, mark) = id.as_slice().split_first_chunk::<8>()?;
    (mark == [1, 1]).then(|| u64::from_be_bytes(*number))
}

/// The n-th id of the ranges, counted from 0.
pub fn nth_canister(ranges: &[(CanisterId, CanisterId)], mut n: u64) -> Option<CanisterId> {
    for (first, last) in ranges {
        let (first, last) = (canister_number(*first)?, canister_number(*last)?);
        let count = last - first + 1;
        if n < count {
            return Some(canister_id(first + n));
        }
        n -= count;
    }
    None
}

/// The id of the subnet made as the n-th: self-authenticating in form, of no key.
fn subnet_id(n: usize) -> SubnetId {
    let mut hash = Sha224::new();
    hash.update(b"embedded-replica subnet");
    hash.update((n as u64).to_be_bytes());
    let mut bytes = hash.finalize().to_vec();
    const SELF_AUTHENTICATING: u8 = 2;
    bytes.push(SELF_AUTHENTICATING);
    Principal::from_slice(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_application_canister_has_pocket_ics_id() {
        let places = places(&[SubnetKind::Application, SubnetKind::Application]);
        let first = nth_canister(&places[0].canister_ranges, 0).expect("there are ids");
        assert_eq!(first.to_text(), "lxzze-o7777-77777-aaaaa-cai");
        assert!(places[1].canister_ranges[0].1 < places[0].canister_ranges[0].0);
    }

    #[test]
    fn ids_go_on_in_the_next_range_and_end_with_the_last() {
        let ranges = &places(&[SubnetKind::NetworkNervousSystem])[0].canister_ranges;
        assert_eq!(nth_canister(ranges, 6), Some(canister_id(6)));
        assert_eq!(nth_canister(ranges, 7), Some(canister_id(8)));
        assert_eq!(nth_canister(ranges, 0xF_FFFF), None);
    }

    #[test]
    fn no_two_subnets_share_an_id_or_a_canister() {
        use SubnetKind::*;
        let kinds = [
            Application,
            Application,
            System,
            NetworkNervousSystem,
            InternetIdentity,
            Bitcoin,
            ServiceNervousSystem,
            Fiduciary,
            VerifiedApplication,
            CloudEngine,
        ];
        let places = places(&kinds);
        let mut ranges: Vec<_> = places.iter().flat_map(|place| &place.canister_ranges).collect();
        ranges.sort();
        // The NNS and II ranges interleave at 7, so compare neighbours.
        assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
        let ids: std::collections::BTreeSet<_> = places.iter().map(|place| place.id).collect();
        assert_eq!(ids.len(), kinds.len());
    }
}
