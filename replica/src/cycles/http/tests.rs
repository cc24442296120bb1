use super::*;
use proptest::prelude::*;

fn outcall(outcall_type: Option<OutcallType>) -> Outcall {
    Outcall {
        request_bytes: 100,
        http_roundtrip_time_ms: 2_000,
        raw_response_bytes: 1_000,
        transformed_response_bytes: 500,
        transform_instructions: 26,
        outcall_type,
    }
}

#[test]
fn the_quote_of_a_fully_replicated_outcall_lets_a_quorum_pay_the_consensus_fee() {
    // Delivering 2,000 bytes costs more than the largest reject. Nine of 13 nodes are a quorum.
    for (n, quorum) in [(1u128, 1), (13, 9), (34, 23)] {
        let node = 1_000_000 + 50 * 100 + 140_000 * n + 800 * n * n;
        let used = 50 * 1_000 + 300 * 2_000 + 26 / 13;
        let agreed = (n * (10 * n + 600) * 2_000u128).div_ceil(quorum) * n;
        let expected = n * (node + used + agreed.div_ceil(n));
        let prices = Prices::new(n as u64, false);
        let long =
            |outcall_type| Outcall { transformed_response_bytes: 2_000, ..outcall(outcall_type) };
        assert_eq!(prices.outcall(&long(None)), expected);
        let said = OutcallType::FullyReplicated(Reserved);
        assert_eq!(prices.outcall(&long(Some(said))), expected);
    }
}

#[test]
fn the_quote_of_a_non_replicated_outcall_pays_for_gossip_of_at_least_the_largest_reject() {
    let base = 13 * (1_000_000 + 50 * 100 + 90_000 * 13 + 2_000 * 13 + 100_000);
    let used = 50 * 1_000 + 300 * 2_000 + 26 / 13 + 50 * 1_025 * 13;
    let agreed = 13 * (10 * 13 + 600) * 1_025;
    let one = outcall(Some(OutcallType::NonReplicated(Reserved)));
    assert_eq!(Prices::new(13, false).outcall(&one), base + used + agreed);
}

#[test]
fn the_quote_of_a_flexible_outcall_pays_for_every_possible_response() {
    let counts = ReplicationCounts { min_responses: 2, max_responses: 3, total_requests: 4 };
    let base = 13 * (1_000_000 + 50 * 100 + 90_000 * 13 + (2_000 * 13 + 100_000) * 2);
    let used = 4 * (50 * 1_000 + 300 * 2_000 + 26 / 13 + 50 * 1_025 * 13);
    let extra = 2 * 13 * (2_000 * 13 + 100_000);
    let agreed: u128 = 13 * (10 * 13 + 600) * 4 * (181 + 1_025) + extra;
    let some = outcall(Some(OutcallType::Flexible(Some(counts))));
    let expected = base + used + agreed.div_ceil(4) * 4;
    assert_eq!(Prices::new(13, false).outcall(&some), expected);
}

#[test]
fn flexible_consensus_has_the_price_of_the_example_in_the_replica() {
    // Three responses where one is required (`fees.rs`, the replica's own example).
    let prices = Prices::new(13, false);
    let fee = prices.flexible_consensus([10, 20, 30].into_iter(), 1);
    assert_eq!(fee, 9_490 * (3 * 181 + 60) + 2 * 13 * (2_000 * 13 + 100_000));
    assert_eq!(prices.flexible_consensus([10].into_iter(), 3), 9_490 * 191);
    assert_eq!(prices.consensus(100), 949_000);
}

#[test]
fn more_than_two_thirds_of_the_nodes_must_respond_by_default() {
    let least = |nodes| Prices::new(nodes, false).all_nodes().min_responses;
    assert_eq!([1, 3, 4, 13, 34, 40].map(least), [1, 3, 3, 9, 23, 27]);
}

proptest! {
    #[test]
    fn quotes_do_not_overflow_and_are_0_on_free_subnets(
        numbers: [u64; 5],
        counts: [u32; 3],
        nodes in 1u64..60,
    ) {
        let [min_responses, max_responses, total_requests] = counts;
        let counts = ReplicationCounts { min_responses, max_responses, total_requests };
        for outcall_type in [
            None,
            Some(OutcallType::NonReplicated(Reserved)),
            Some(OutcallType::Flexible(None)),
            Some(OutcallType::Flexible(Some(counts))),
        ] {
            let outcall = Outcall {
                request_bytes: numbers[0],
                http_roundtrip_time_ms: numbers[1],
                raw_response_bytes: numbers[2],
                transformed_response_bytes: numbers[3],
                transform_instructions: numbers[4],
                outcall_type,
            };
            prop_assert!(Prices::new(nodes, false).outcall(&outcall) > 0);
            prop_assert_eq!(Prices::new(nodes, true).outcall(&outcall), 0);
        }
    }
}
