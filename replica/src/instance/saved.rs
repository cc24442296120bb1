//! Networks and subnets from saved states.

use super::setup::{default_canister, subnet_config};
use super::{Instance, InstanceConfig, InstanceError, SubnetInfo, add_subnet, check_count};
use crate::certification::Certification;
use crate::fake_canisters::FakeCanisters;
use crate::network::Network;
use crate::subnet::Subnet;
use crate::topology::{SubnetKind, SubnetRequest, places_beside, root_key};
use crate::types::{CanisterId, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use strum::IntoEnumIterator;

/// A subnet as it is saved: its description and its state.
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedSubnet<I = SubnetInfo, S = Subnet> {
    /// The description.
    pub info: I,
    /// The state.
    pub subnet: S,
}

type Ranges = [(CanisterId, CanisterId)];

impl Instance {
    /// The subnets as they are saved.
    pub(crate) fn members(&self) -> impl Iterator<Item = SavedSubnet<&SubnetInfo, &Subnet>> {
        self.subnets.iter().filter_map(move |info| {
            let subnet = self.network.subnet(info.place.id)?;
            Some(SavedSubnet { info, subnet })
        })
    }

    /// Completes an instance that was decoded, with its subnets, in the order of
    /// [`subnets`](Self::subnets).
    ///
    /// # Errors
    ///
    /// Fails if these are other subnets.
    pub(crate) fn with_restored_subnets(
        mut self,
        restored: Vec<SavedSubnet>,
    ) -> Result<Self, String> {
        if !restored.iter().map(|saved| &saved.info).eq(&self.subnets) {
            return Err("the subnets are not those of the network".into());
        }
        self.network.restore_subnets(restored.into_iter().map(|saved| saved.subnet));
        if self.has_fake_canisters() {
            intercept_fake_canisters(&mut self.network);
        }
        Ok(self)
    }

    /// Executes the rounds with which PocketIC's server begins a restored network: the server adds one
    /// subnet after the other, and each time all subnets that have been added execute a round
    /// (`pocket_ic_server/src/pocket_ic.rs`, `create_subnet`).
    pub fn resume(&mut self) {
        let mut waiting = self.network.take_subnets();
        for (_, info) in in_order_of_creation(&self.subnets) {
            self.network.restore_subnets(waiting.remove(&info.place.id));
            self.network.tick();
        }
    }

    /// Creates a network, some of whose subnets have a saved state. `saved` contains them by their index
    /// in the configuration. Each keeps its id, its canisters and their messages. Messages on the way
    /// from or to other subnets are lost. The network's time is not before that of any saved subnet.
    ///
    /// # Errors
    ///
    /// - The errors of [`Instance::new`].
    /// - [`InstanceError::OverlappingRanges`] if two subnets would host the same canisters.
    /// - [`InstanceError::UnsuitableState`] if a subnet of the requested kind cannot host the canisters of
    ///   the saved state.
    pub fn with_saved_subnets(
        config: InstanceConfig,
        saved: BTreeMap<usize, SavedSubnet>,
    ) -> Result<Self, InstanceError> {
        if config.initial_time < Time::GENESIS {
            return Err(InstanceError::InitialTimeTooEarly(config.initial_time));
        }
        check_count(config.subnets.len())?;
        let InstanceConfig { subnets: requests, profile, initial_time, fake_canisters, relaxed } =
            config;
        let (infos, next_range) = described(requests, &saved)?;
        let kinds: Vec<SubnetKind> = infos.iter().map(|info| info.request.kind).collect();
        let all: Vec<_> = infos.iter().map(|info| info.place.clone()).collect();
        let root_key = root_key(&all, &kinds).ok_or(InstanceError::NoSubnets)?;
        let times = saved.values().map(|saved| saved.subnet.time());
        let time = times.fold(initial_time, Time::max);
        let mut saved = saved;
        let mut network = Network::new(profile, Vec::new(), time);
        for (index, info) in in_order_of_creation(&infos) {
            let config = subnet_config(info, root_key.clone(), relaxed);
            let subnet = match saved.remove(&index) {
                Some(SavedSubnet { mut subnet, .. }) => {
                    subnet.reconfigure(config);
                    subnet
                }
                None => Subnet::new(config, network.time()),
            };
            add_subnet(&mut network, subnet);
        }
        let fake_canisters = fake_canisters.then(FakeCanisters::default);
        if fake_canisters.is_some() {
            intercept_fake_canisters(&mut network);
        }
        Ok(Self {
            network,
            default_canister: default_canister(&infos),
            subnets: infos,
            subnets_created: next_range,
            root_key,
            fake_canisters,
            relaxed,
            certification: Certification::default(),
        })
    }
}

/// The subnets with their indices. The NNS subnet is created first (`pocket_ic_server/src/pocket_ic.rs`,
/// `try_new`).
fn in_order_of_creation(infos: &[SubnetInfo]) -> Vec<(usize, &SubnetInfo)> {
    let mut in_order: Vec<(usize, &SubnetInfo)> = infos.iter().enumerate().collect();
    in_order.sort_by_key(|(_, info)| info.request.kind != SubnetKind::NetworkNervousSystem);
    in_order
}

/// Has the subnets that would host the originals of fake canisters intercept the calls to them.
fn intercept_fake_canisters(network: &mut Network) {
    for canister in FakeCanisters::ids() {
        let host = network.subnet_of(canister).and_then(|id| network.subnet_mut(id));
        host.into_iter().for_each(|host| host.intercept([canister]));
    }
}

/// The descriptions of the requested subnets. New subnets host other canisters than saved ones.
fn described(
    requests: Vec<SubnetRequest>,
    saved: &BTreeMap<usize, SavedSubnet>,
) -> Result<(Vec<SubnetInfo>, u64), InstanceError> {
    let taken: Vec<_> =
        saved.values().flat_map(|saved| saved.info.place.canister_ranges.clone()).collect();
    let is_new = |(index, _): &(usize, &SubnetRequest)| !saved.contains_key(index);
    let new = requests.iter().enumerate().filter(is_new);
    let new: Vec<SubnetKind> = new.map(|(_, request)| request.kind).collect();
    let (new, next_range) = places_beside(&new, &taken);
    let mut new = new.into_iter();
    let mut infos: Vec<SubnetInfo> = Vec::new();
    for (index, request) in requests.into_iter().enumerate() {
        let place = match saved.get(&index) {
            Some(saved) => {
                check_kind(request.kind, &saved.info.place.canister_ranges)?;
                saved.info.place.clone()
            }
            None => new.next().expect("there is a place for each new subnet"),
        };
        let ranges = &place.canister_ranges;
        if let Some(other) = infos.iter().find(|info| overlap(&info.place.canister_ranges, ranges))
        {
            return Err(match saved.is_empty() {
                true => InstanceError::SubnetTwice(request.kind),
                false => InstanceError::OverlappingRanges(other.place.id),
            });
        }
        infos.push(SubnetInfo { request, place });
    }
    Ok((infos, next_range))
}

fn overlap(some: &Ranges, others: &Ranges) -> bool {
    some.iter()
        .any(|(first, last)| others.iter().any(|other| *first <= other.1 && other.0 <= *last))
}

/// Checks that a subnet of this kind can host canisters of these ranges (`pocket_ic_server/src/pocket_ic.rs`,
/// `try_new`): it hosts the ranges that its kind has on the mainnet, and none that other kinds have.
fn check_kind(kind: SubnetKind, ranges: &Ranges) -> Result<(), InstanceError> {
    let fixed = kind.fixed_ranges();
    if !fixed.iter().all(|range| ranges.contains(range)) {
        return Err(InstanceError::UnsuitableState {
            kind,
            problem: "do not contain",
            of: "that kind",
        });
    }
    let other = SubnetKind::iter().filter(|other| *other != kind);
    if other.into_iter().any(|other| overlap(&other.fixed_ranges(), ranges)) {
        return Err(InstanceError::UnsuitableState {
            kind,
            problem: "are not disjoint from",
            of: "other kinds",
        });
    }
    Ok(())
}
