//! Tests of prices: well-known amounts, and random ones against a second calculation.

use super::*;
use proptest::prelude::*;

const APPLICATION: Prices = Prices::new(13, false);

#[test]
fn an_open_call_withholds_about_42_billion_cycles() {
    assert_eq!(APPLICATION.call(0, false).total(), 42_102_412_000);
    assert_eq!(APPLICATION.call(10, false).total(), 42_102_412_000 + 10_000);
    assert_eq!(APPLICATION.call(0, true).response_execution, 80_005_000_000);
}

#[test]
fn prices_are_proportional_to_the_nodes_and_0_on_free_subnets() {
    assert_eq!(Prices::new(34, false).canister_creation(), 1_307_692_307_692);
    assert_eq!(Prices::new(34, true).canister_creation(), 0);
    assert_eq!(Prices::new(34, true).call(1_000, false).total(), 0);
    assert_eq!(Prices::new(34, false).reference().call(0, false), APPLICATION.call(0, false));
}

/// A canister of this size, with this compute allocation and freezing threshold.
fn idle(memory_bytes: u64, compute_allocation: u64, seconds: u64) -> IdleCanister {
    let freezing_threshold_seconds = seconds;
    IdleCanister {
        memory_bytes,
        compute_allocation,
        freezing_threshold_seconds,
        ..Default::default()
    }
}

#[test]
fn what_is_reserved_lowers_the_freezing_threshold_and_allocations_and_calls_raise_it() {
    let canister = idle(1 << 20, 0, 1_000_000);
    let threshold = |canister| APPLICATION.freezing_threshold(&canister);
    let alone = threshold(canister);
    assert_eq!(threshold(IdleCanister { memory_allocation: 1 << 20, ..canister }), alone);
    let allocated = threshold(IdleCanister { memory_allocation: 2 << 20, ..canister });
    assert_eq!(allocated, threshold(idle(2 << 20, 0, 1_000_000)));
    assert_eq!(threshold(IdleCanister { message_bytes: 1 << 20, ..canister }), allocated);
    assert_eq!(threshold(IdleCanister { reserved: 7, ..canister }), alone - 7);
    assert_eq!(threshold(IdleCanister { reserved: alone + 1, ..canister }), 0);
}

#[test]
fn the_freezing_threshold_of_a_gib_is_its_idle_burn_in_thirty_days() {
    let threshold = APPLICATION.freezing_threshold(&idle(GIB, 0, 30 * 24 * 60 * 60));
    assert_eq!(threshold, 127_000 * 30 * 24 * 60 * 60);
}

/// `fee * nodes / 13`, rounded down. Finds the bits of the quotient by search instead of division.
fn scaled(fee: u128, nodes: u128) -> u128 {
    let product = fee * nodes;
    let mut quotient = 0u128;
    for bit in (0..124).rev() {
        let larger = quotient | 1 << bit;
        if larger.checked_mul(13).is_some_and(|back| back <= product) {
            quotient = larger;
        }
    }
    quotient
}

proptest! {
    #[test]
    fn prices_are_the_13_node_prices_in_proportion_rounded_down(
        nodes in 1u64..60,
        bytes in 0u64..3_000_000,
        instructions in 0u64..300_000_000_000,
        wasm64: bool,
    ) {
        let prices = Prices::new(nodes, false);
        let n = u128::from(nodes);
        let width = if wasm64 { 2 } else { 1 };

        let call = prices.call(bytes, wasm64);
        prop_assert_eq!(call.request, scaled(260_000 + 1_000 * u128::from(bytes), n));
        prop_assert_eq!(call.response_transmission, scaled(2_097_152_000, n));
        let callback = scaled(5_000_000 + 40_000_000_000 * width, n);
        prop_assert_eq!(call.response_execution, callback);
        prop_assert_eq!(
            call.total(),
            call.request + call.response_transmission + call.response_execution
        );

        let execution = scaled(5_000_000 + u128::from(instructions) * width, n);
        prop_assert_eq!(prices.execution(instructions, wasm64), execution);
        let bytes = bytes as usize;
        prop_assert_eq!(prices.response_transmission(bytes), scaled(1_000 * bytes as u128, n));
        prop_assert_eq!(prices.ingress(bytes), scaled(1_200_000 + 2_000 * bytes as u128, n));
        prop_assert_eq!(prices.canister_creation(), scaled(500_000_000_000, n));
    }

    #[test]
    fn every_price_is_0_on_a_free_subnet(nodes in 1u64..60, amount in 0u64..1 << 40) {
        let prices = Prices::new(nodes, true);
        let bytes = (amount >> 20) as usize;
        prop_assert_eq!(prices.call(amount, true).total(), 0);
        prop_assert_eq!(prices.execution(amount, true), 0);
        prop_assert_eq!(prices.ingress(bytes), 0);
        prop_assert_eq!(prices.http_request(amount, amount), 0);
        prop_assert_eq!(prices.memory(amount, 1_000), 0);
        prop_assert_eq!(prices.compute(100, 1_000), 0);
        prop_assert_eq!(prices.freezing_threshold(&idle(amount, 100, 1_000)), 0);
    }

    #[test]
    fn the_price_of_a_response_never_exceeds_the_withheld_cycles(
        nodes in 1u64..60,
        bytes in 0usize..=2 << 20,
        instructions in 0u64..=40_000_000_000,
        wasm64: bool,
    ) {
        let prices = Prices::new(nodes, false);
        let withheld = prices.call(0, wasm64);
        prop_assert!(prices.response_transmission(bytes) <= withheld.response_transmission);
        prop_assert!(prices.execution(instructions, wasm64) <= withheld.response_execution);
    }

    #[test]
    fn of_prepaid_cycles_the_price_of_unused_instructions_comes_back_rounded_down(
        nodes in 1u64..60,
        used in 0u64..=40_000_000_000,
        wasm64: bool,
    ) {
        let prices = Prices::new(nodes, false);
        let (n, width) = (u128::from(nodes), if wasm64 { 2 } else { 1 });
        let limit = 40_000_000_000;
        let prepaid = prices.execution(limit, wasm64);
        let spent = prices.spent(prepaid, limit - used, wasm64);
        prop_assert_eq!(prepaid - spent, scaled(u128::from(limit - used) * width, n));
        let price = prices.execution(used, wasm64);
        prop_assert!(spent == price || spent == price + 1, "{} {}", spent, price);
    }

    #[test]
    fn the_price_of_memory_is_proportional_to_size_and_time(
        nodes in 1u64..60,
        mib in 0u64..100_000,
        percent in 0u64..=100,
        seconds in 0u64..10_000_000,
    ) {
        let prices = Prices::new(nodes, false);
        let n = u128::from(nodes);
        // 1024 MiB are one GiB.
        let memory = u128::from(mib) * 127_000 * u128::from(seconds) / 1_024;
        let compute = u128::from(percent) * 10_000_000 * u128::from(seconds);
        prop_assert_eq!(prices.memory(mib << 20, seconds), scaled(memory, n));
        prop_assert_eq!(prices.compute(percent, seconds), scaled(compute, n));
        let messages = mib / 2;
        let canister = IdleCanister { message_bytes: messages << 20, ..idle(mib << 20, percent, seconds) };
        let day = prices.idle_burn_per_day(&canister);
        // The cycles of a day are rounded for each resource.
        let per_day = |mib: u64| scaled(u128::from(mib) * 127_000 * 86_400 / 1_024, n);
        let compute_per_day = scaled(u128::from(percent) * 10_000_000 * 86_400, n);
        let all = IdleBurn {
            memory: per_day(mib),
            messages: per_day(messages),
            compute: compute_per_day,
        };
        prop_assert_eq!(day, all);
        let seconds = u128::from(seconds);
        let threshold = prices.freezing_threshold(&canister);
        prop_assert_eq!(threshold, day.total() * seconds / 86_400);
        let burned = day.of_seconds(seconds as u64);
        prop_assert_eq!(burned.memory, day.memory * seconds / 86_400);
        prop_assert_eq!(burned.messages, day.messages * seconds / 86_400);
        prop_assert_eq!(burned.compute, day.compute * seconds / 86_400);
    }
}

#[test]
fn growing_reserves_no_cycles_below_the_threshold_of_a_share() {
    let threshold = SUBNET_MEMORY_SHARE_THRESHOLD;
    assert_eq!(APPLICATION.storage_reservation(0, threshold), 0);
    let first = APPLICATION.storage_reservation(threshold, 10 * GIB);
    let second = APPLICATION.storage_reservation(threshold + 10 * GIB, 10 * GIB);
    // The second ten GiB cost more, because the price increases with the memory in use.
    assert!(first > 0 && second > 2 * first, "{first} {second}");
    // The whole share: on average, a byte costs half the price of the last byte.
    let rest = SUBNET_MEMORY_SHARE - threshold;
    let all = APPLICATION.storage_reservation(threshold, rest);
    let last_price = APPLICATION.memory(rest, STORAGE_RESERVATION_SECONDS_MAX);
    assert_eq!(all, last_price / 2);
}

#[test]
fn amounts_of_more_than_64_bits_are_divided_like_smaller_ones() {
    let largest = Cycles::from(u64::MAX);
    for by in [13, SECONDS_PER_DAY] {
        for cycles in [0, 12, 13, 86_399, 86_400, largest, largest + 1, Cycles::MAX] {
            assert_eq!(divided(cycles, by), cycles / Cycles::from(by), "{cycles} / {by}");
        }
    }
}
