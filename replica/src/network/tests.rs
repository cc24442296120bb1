//! Rounds, time and routing between subnets.

use super::*;
use crate::limits::QUEUE_CAPACITY;
use crate::subnet::{RelaxedLimits, SubnetConfig};
use crate::topology::{SubnetKind, canister_id, places};
use proptest::prelude::*;

fn network(profile: NetworkProfile, subnets: usize) -> Network {
    let places = places(&vec![SubnetKind::Application; subnets]);
    let root_key = places[0].key();
    let subnets = places.into_iter().map(|place| {
        let config = SubnetConfig {
            id: place.id,
            key: place.key(),
            nodes: 13,
            free: false,
            system: false,
            benchmarking: false,
            admins: None,
            relaxed: RelaxedLimits::default(),
            canister_ranges: place.canister_ranges,
            root_key: root_key.clone(),
        };
        Subnet::new(config, Time::GENESIS)
    });
    Network::new(profile, subnets.collect(), Time::GENESIS)
}

#[test]
fn subnets_take_turns_in_the_order_of_their_ids() {
    let network = network(NetworkProfile::POCKET_IC, 5);
    let ids: Vec<SubnetId> = network.subnets().map(|subnet| subnet.config().id).collect();
    assert!(ids.is_sorted());
    assert_eq!(ids.len(), 5);
}

#[test]
fn an_id_belongs_to_the_subnet_whose_range_contains_it_or_to_none() {
    let network = network(NetworkProfile::POCKET_IC, 3);
    for subnet in network.subnets() {
        let (first, last) = subnet.config().canister_ranges[0];
        assert_eq!(network.subnet_of(first), Some(subnet.config().id));
        assert_eq!(network.subnet_of(last), Some(subnet.config().id));
    }
    assert_eq!(network.subnet_of(canister_id(0)), None);
    assert_eq!(network.subnet_of(canister_id(u64::MAX)), None);
    assert_eq!(network.subnet_of(CanisterId::MANAGEMENT), None);
    assert_eq!(network.subnet_of(candid::Principal::anonymous().into()), None);
}

#[test]
fn a_round_of_pocket_ic_takes_a_nanosecond_unless_the_time_was_set() {
    let mut network = network(NetworkProfile::POCKET_IC, 2);
    network.tick();
    network.tick();
    assert_eq!(network.time(), Time::GENESIS.plus_nanos(2));
    let later = Time::GENESIS.plus_secs(5);
    network.set_time(later);
    network.tick();
    assert_eq!((network.time(), network.round_time()), (later, later));
    network.tick();
    assert_eq!(network.time(), later.plus_nanos(1));
    assert_eq!(network.rounds(), 4);
}

#[test]
fn a_round_of_the_mainnet_takes_half_a_second() {
    let mut network = network(NetworkProfile::MAINNET, 1);
    (0..4).for_each(|_| network.tick());
    assert_eq!(network.time(), Time::GENESIS.plus_secs(2));
}

#[test]
fn profiles_are_parsed_by_name() {
    for profile in [NetworkProfile::POCKET_IC, NetworkProfile::MAINNET] {
        assert_eq!(profile.name.parse(), Ok(profile));
    }
    let refusal = "localnet".parse::<NetworkProfile>().expect_err("there is none");
    for word in ["'localnet'", "pocket-ic", "mainnet"] {
        assert!(refusal.contains(word), "{refusal}");
    }
}

#[test]
fn a_stream_takes_a_full_queue_of_small_messages() {
    // Calls between one pair of canisters never wait because a stream is full.
    const { assert!(QUEUE_CAPACITY < crate::limits::STREAM_MESSAGES_MAX) };
}

proptest! {
    #[test]
    fn a_round_is_later_than_the_previous_one_whatever_the_network_time_is(
        now in 0..u64::MAX / 2,
        last in 0..u64::MAX / 2,
        length in 0..100_000u64,
    ) {
        let profile = NetworkProfile::custom(length, 0);
        let (now, last) = (Time::from_nanos(now), Time::from_nanos(last));
        let round = profile.round_time(now, last);
        prop_assert!(round > last);
        prop_assert!(round >= now.plus_nanos(length * 1_000_000));
    }
}

/// The network's time and the time that queries see, in milliseconds since genesis.
fn times(network: &Network) -> (u64, u64) {
    let millis = |time: Time| time.nanos_since(Time::GENESIS) / 1_000_000;
    let subnet = network.subnets().next().expect("there is one");
    (millis(network.time()), millis(subnet.time()))
}

#[test]
fn queries_see_time_that_passes_without_rounds_one_round_length_later() {
    let mut network = network(NetworkProfile::POCKET_IC, 2);
    network.pass(5_000_000_000);
    assert_eq!((times(&network), network.rounds()), ((5_000, 5_000), 0));
    let mut network = self::network(NetworkProfile::MAINNET, 2);
    network.pass(5_000_000_000);
    assert_eq!((times(&network), network.rounds()), ((5_000, 4_500), 0));
    // A round that ends now has the current time, however often the time was read before.
    network.pass(300_000_000);
    network.advance(200_000_000);
    assert_eq!((times(&network), network.rounds()), ((5_500, 5_500), 1));
    // Queries never see a time before the latest round.
    network.pass(100_000_000);
    assert_eq!(times(&network), (5_600, 5_500));
    network.advance(400_000_000);
    assert_eq!((times(&network), network.rounds()), ((6_000, 6_000), 2));
}

#[test]
fn a_network_without_canisters_never_has_anything_to_do() {
    let network = network(NetworkProfile::MAINNET, 3);
    assert_eq!(network.next_work(), NextWork::Never);
}
