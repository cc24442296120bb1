use super::*;

#[test]
fn the_first_application_canister_has_pocket_ics_id() {
    let places = places(&[SubnetKind::Application, SubnetKind::Application]);
    let first = nth_canister(&places[0].canister_ranges, 0).expect("there are ids");
    assert_eq!(first.to_string(), "lxzze-o7777-77777-aaaaa-cai");
    assert!(places[1].canister_ranges[0].1 < places[0].canister_ranges[0].0);
}

#[test]
fn new_canisters_get_no_ids_of_the_mainnet_and_no_more_than_the_subnet_has() {
    let ranges = &places(&[SubnetKind::NetworkNervousSystem])[0].canister_ranges;
    assert_eq!(nth_canister(ranges, 0), Some(ranges[2].0));
    assert_eq!(nth_canister(ranges, CANISTERS_PER_SUBNET - 1), Some(ranges[2].1));
    assert_eq!(nth_canister(ranges, CANISTERS_PER_SUBNET), None);
    assert_eq!(nth_canister(ranges, u64::MAX), None);
}

#[test]
fn a_subnet_has_the_same_id_and_key_in_every_network_of_the_same_shape() {
    let kinds = [SubnetKind::NetworkNervousSystem, SubnetKind::Application];
    let [one, other] = [places(&kinds), places(&kinds)];
    assert_eq!(one, other);
    assert_eq!(one[0].key().public_key_der(), other[0].key().public_key_der());
    assert_ne!(one[0].key().public_key_der(), one[1].key().public_key_der());
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
